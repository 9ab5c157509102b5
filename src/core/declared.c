/* See declared.h. */
#include "core/declared.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/option.h"
#include "notify/channel.h"
#include "probe/prober.h"

static void put_text(struct node *map, const char *key, const char *text, struct arena *a)
{
    node_put(map, a, key, node_text(a, arena_strdup(a, text)));
}

static void put_duration(struct node *map, const char *key, int64_t ms, int64_t usual,
                         struct arena *a)
{
    char text[64];
    if (ms != usual)
        put_text(map, key, duration_format(ms, text), a);
}

static void put_number(struct node *map, const char *key, int64_t v, int64_t usual, struct arena *a)
{
    if (v != usual)
        node_put(map, a, key, node_int(a, v));
}

static void put_names(struct node *map, const char *key, const struct declared_names *names,
                      struct arena *a)
{
    if (names->n == 0)
        return;
    struct node *list = node_list(a);
    for (size_t i = 0; i < names->n; i++)
        node_append(list, node_text(a, arena_strdup(a, names->at[i])));
    node_put(map, a, key, list);
}

static struct node *config_of(const char *json, struct arena *a)
{
    struct node *n = node_from_json(a, json, strlen(json), NULL);
    return n && n->kind == NODE_MAP ? n : node_map(a);
}

static void put_burst(struct node *map, const struct burst *b, struct arena *a)
{
    if (b->times <= 1)
        return;
    struct node *burst = node_map(a), *share = node_text(a, "");
    put_number(burst, "times", b->times, 0, a);
    put_duration(burst, "delta", b->delta_ms, 1000, a);
    share->kind = NODE_F64;
    share->f64 = b->min_success;
    node_put(burst, a, "min_success", share);
    put_duration(burst, "max_mean", b->max_mean_ms, 5000, a);
    node_put(map, a, "burst", burst);
}

static void put_labels(struct node *map, const struct target *t, struct arena *a)
{
    if (t->n_labels == 0)
        return;
    struct node *labels = node_map(a);
    for (uint32_t i = 0; i < t->n_labels; i++)
        put_text(labels, arena_strdup(a, t->labels[i].name), t->labels[i].value, a);
    node_put(map, a, "labels", labels);
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

struct node *declared_target(const struct target *t, const struct declared_names *channels,
                             const struct declared_names *parents, struct arena *a)
{
    struct node *n = node_map(a);
    put_text(n, "name", t->name, a);
    put_text(n, "type", t->type, a);
    node_put(n, a, "config", config_of(t->config_json, a));
    put_duration(n, "interval", t->interval_ms, 30000, a);
    put_duration(n, "timeout", t->timeout_ms, 5000, a);
    put_duration(n, "connect_timeout", least(t->connect_timeout_ms, t->timeout_ms), 3000, a);
    put_number(n, "attempts", t->attempts, 1, a);
    put_number(n, "threshold", t->threshold, 3, a);
    put_number(n, "success_threshold", t->success_threshold, 1, a);
    if (t->invert)
        node_put(n, a, "invert", node_bool(a, true));
    put_duration(n, "resend_interval", t->resend_interval_ms, 0, a);
    put_burst(n, &t->burst, a);
    if (!t->enabled)
        node_put(n, a, "enabled", node_bool(a, false));
    put_labels(n, t, a);
    put_names(n, "channels", channels, a);
    put_names(n, "depends_on", parents, a);
    put_names(n, "locations", &(struct declared_names){t->locations.at, t->locations.n}, a);
    put_number(n, "location_quorum", t->location_quorum, 0, a);
    return n;
}

struct node *declared_channel(const struct channel *ch, struct arena *a)
{
    struct node *n = node_map(a), *config = config_of(ch->config_json, a);
    put_text(n, "name", ch->name, a);
    put_text(n, "type", ch->type, a);
    if (*ch->webhook_url)
        put_text(n, "webhook_url", ch->webhook_url, a);
    if (ch->mention_all)
        node_put(n, a, "mention_all", node_bool(a, true));
    if (!ch->enabled)
        node_put(n, a, "enabled", node_bool(a, false));
    if (config->count > 0)
        node_put(n, a, "config", config);
    return n;
}

static void mask_config(struct node *n, const struct option *options, struct arena *a)
{
    struct node *config = node_get(n, "config");
    if (config && options)
        node_put(n, a, "config", options_mask(options, config, a));
}

struct node *declared_target_masked(const struct target *t, const struct node *declared,
                                    struct arena *a)
{
    const struct prober_ops *ops = prober_by_type(t->type, NULL);
    struct node *n = node_copy(a, declared);
    mask_config(n, ops ? ops->options : NULL, a);
    return n;
}

bool channel_url_is_secret(const char *type)
{
    const struct channel_ops *ops = channel_by_type(type);
    for (const struct option *o = ops ? ops->options : NULL; o && o->name; o++)
        if (streq(o->name, "webhook_url"))
            return o->secret;
    return true;
}

struct node *declared_channel_masked(const struct channel *ch, const struct node *declared,
                                     struct arena *a)
{
    const struct channel_ops *ops = channel_by_type(ch->type);
    struct node *n = node_copy(a, declared);
    mask_config(n, ops ? ops->options : NULL, a);
    if (node_get(n, "webhook_url") && channel_url_is_secret(ch->type))
        put_text(n, "webhook_url", DECLARED_URL_MASK, a);
    return n;
}
