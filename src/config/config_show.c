/* What is in force, as the file would say it with all defaults filled in and secrets masked:
 * `belfry config show` (config/config.h). Runs in the command, on a snapshot of its own. */
#include <string.h>

#include "config/config_priv.h"

/* scheme://user:PASSWORD@host */
static const char *mask_url(const char *url, struct arena *a)
{
    const char *start = strstr(url, "://");
    if (start == NULL)
        return url;
    start += 3;
    size_t authority = strcspn(start, "/?#");
    const char *at = memrchr(start, '@', authority);
    const char *colon = at != NULL ? memchr(start, ':', (size_t)(at - start)) : NULL;
    if (colon == NULL)
        return url;
    return arena_printf(a, "%.*s:" SECRET_MASK "%s", (int)(colon - url), url, at);
}

static struct str_list channel_list(const struct config *c, const uint32_t *indices, uint32_t n,
                                    struct arena *a)
{
    struct str_list list = {arena_array_of(a, const char *, n + 1), n};
    must(n <= c->n_channels);
    for (uint32_t i = 0; i < n; i++)
        list.at[i] = c->channels[indices[i]].name;
    return list;
}

static struct pair_list label_pairs(const struct label *labels, uint32_t n, struct arena *a)
{
    struct pair_list list = {arena_array_of(a, struct pair, n + 1), n};
    for (uint32_t i = 0; i < n; i++)
        list.at[i] = (struct pair){labels[i].name, labels[i].value};
    return list;
}

static struct str_list parent_list(const struct config *c, const struct config_target *t,
                                   struct arena *a)
{
    struct str_list list = {arena_array_of(a, const char *, t->n_parents + 1), t->n_parents};
    for (uint32_t i = 0; i < t->n_parents; i++) {
        const struct target *p = &c->targets[t->parents[i]].spec;
        list.at[i] =
            streq(p->group, t->spec.group) ? p->name : arena_printf(a, "%s/%s", p->group, p->name);
    }
    if (list.n == 0)
        list.at = NULL;
    return list;
}

static const struct node *masked_config(const struct config_hooks *hooks,
                                        const struct config_target *t, struct arena *a)
{
    const struct option *table =
        hooks->prober_options != NULL ? hooks->prober_options(t->spec.type) : NULL;
    struct node *doc = table != NULL
                           ? options_mask(table, options_normalize(table, t->config, a), a)
                           : node_copy(a, t->config);
    struct node *rest = node_map(a);
    for (const struct node *c = doc->first; c != NULL; c = c->next)
        if (!str_eqz(c->key, "url"))
            node_put(rest, a, c->key.p, node_copy(a, c));
    return rest->count > 0 ? rest : NULL;
}

static struct node *show_target(const struct config *c, const struct config_hooks *hooks,
                                const struct config_target *t, struct arena *a)
{
    const struct target *s = &t->spec;
    struct raw_target raw = {
        .name = s->name,
        .type = s->type,
        .url = t->url != NULL ? mask_url(t->url, a) : NULL,
        .config = masked_config(hooks, t, a),
        .timing = {.interval_ms = s->interval_ms,
                   .timeout_ms = s->timeout_ms,
                   .connect_timeout_ms = s->connect_timeout_ms,
                   .attempts = s->attempts,
                   .threshold = s->threshold,
                   .success_threshold = s->success_threshold,
                   .resend_ms = s->resend_interval_ms,
                   .location_quorum = s->location_quorum,
                   .channels = channel_list(c, t->channels, t->n_channels, a),
                   .labels = label_pairs(s->labels, s->n_labels, a)},
        .burst = {.times = s->burst.times,
                  .delta_ms = s->burst.delta_ms,
                  .max_mean_ms = s->burst.max_mean_ms,
                  .min_success = s->burst.min_success},
        .enabled = s->enabled,
        .invert = s->invert,
        .depends_on = parent_list(c, t, a),
    };
    if (t->url != NULL && streq(s->name, t->url))
        raw.name = raw.url;
    if (s->locations.n > 0)
        raw.timing.locations = (struct str_list){s->locations.at, s->locations.n};
    struct node *n = options_show(config_target_options(), &raw, a);
    if (s->burst.times == 0)
        node_put(n, a, "burst", node_int(a, 0));
    struct node *shown = node_map(a);
    for (const struct node *k = n->first; k != NULL; k = k->next)
        if ((!str_eqz(k->key, "burst") || k->kind == NODE_MAP) &&
            (!str_eqz(k->key, "location_quorum") || s->location_quorum > 0) &&
            (!str_eqz(k->key, "success_threshold") || s->success_threshold > 1) &&
            (!str_eqz(k->key, "invert") || s->invert))
            node_put(shown, a, k->key.p, node_copy(a, k));
    return shown;
}

static struct node *show_groups(const struct config *c, const struct config_hooks *hooks,
                                struct arena *a)
{
    struct node *list = node_list(a);
    for (uint32_t i = 0; i < c->n_groups; i++) {
        const struct config_group *g = &c->groups[i];
        struct node *group = node_map(a), *targets = node_list(a);
        node_put(group, a, "name", node_text(a, g->name));
        for (uint32_t k = g->first_target; k < g->first_target + g->n_targets; k++)
            node_append(targets, show_target(c, hooks, &c->targets[k], a));
        node_put(group, a, "targets", targets);
        node_append(list, group);
    }
    return list;
}

static struct node *show_channels(const struct config *c, const struct config_hooks *hooks,
                                  struct arena *a)
{
    struct node *list = node_list(a);
    for (uint32_t i = 0; i < c->n_channels; i++) {
        const struct config_channel *ch = &c->channels[i];
        const struct option *table =
            hooks->channel_options != NULL ? hooks->channel_options(ch->type) : NULL;
        struct node *doc = table != NULL
                               ? options_mask(table, options_normalize(table, ch->options, a), a)
                               : node_map(a);
        struct node *n = node_map(a);
        node_put(n, a, "name", node_text(a, ch->name));
        node_put(n, a, "type", node_text(a, ch->type));
        node_put(n, a, "enabled", node_bool(a, ch->enabled));
        for (const struct node *k = doc->first; k != NULL; k = k->next)
            node_put(n, a, k->key.p, node_copy(a, k));
        node_append(list, n);
    }
    return list;
}

/* {url, type, config, expect} with what its prober calls secret masked. */
static struct node *show_health(const struct config_hooks *hooks, const struct node *health,
                                struct arena *a)
{
    struct node *shown = node_copy(a, health);
    const struct node *type = node_get(health, "type"), *url = node_get(health, "url"),
                      *config = node_get(health, "config");
    struct str name = {0}, rest;
    if (type != NULL && type->kind == NODE_TEXT)
        name = type->text;
    else if (url != NULL && url->kind == NODE_TEXT)
        str_cut(url->text, ':', &name, &rest);
    if (url != NULL && url->kind == NODE_TEXT)
        node_put(shown, a, "url", node_text(a, mask_url(url->text.p, a)));
    const struct option *table = hooks->prober_options != NULL && name.n > 0
                                     ? hooks->prober_options(arena_strndup(a, name.p, name.n))
                                     : NULL;
    if (config != NULL && table != NULL)
        node_put(shown, a, "config", options_mask(table, options_normalize(table, config, a), a));
    return shown;
}

static struct node *show_unit(const struct process_config *c, const struct config_hooks *hooks,
                              struct arena *a)
{
    struct node *n = options_show(process_unit_options, c, a), *shown = node_map(a);
    struct node *priority = node_map(a);
    for (const struct node *k = node_get(n, "priority")->first; k != NULL; k = k->next)
        if (k->kind != NODE_INT || k->num != PROCESS_AS_BELFRY)
            node_put(priority, a, k->key.p, node_copy(a, k));
    node_put(n, a, "priority", priority);
    if (c->health != NULL)
        node_put(n, a, "health", show_health(hooks, c->health, a));
    for (const struct node *k = n->first; k != NULL; k = k->next) {
        bool job = str_eqz(k->key, "timezone") || str_eqz(k->key, "overlap") ||
                   str_eqz(k->key, "catch_up");
        bool adopt = str_eqz(k->key, "adopt") && c->adopt.pid_file[0] == '\0' &&
                     c->adopt.name[0] == '\0' && c->adopt.systemd[0] == '\0';
        if (!adopt && (!job || c->schedule[0] != '\0')) /* what would be refused here */
            node_put(shown, a, k->key.p, node_copy(a, k));
    }
    return shown;
}

static struct node *show_processes(const struct config *c, const struct config_hooks *hooks,
                                   struct arena *a)
{
    struct node *n = options_show(process_section_options, &c->processes, a);
    struct node *units = node_list(a);
    for (uint32_t i = 0; i < c->n_units; i++)
        node_append(units, show_unit(c->units[i].config, hooks, a));
    node_put(n, a, "units", units);
    return n;
}

static struct str_list reference_list(const struct config *c, struct arena *a)
{
    struct str_list list = {arena_array_of(a, const char *, c->n_reference_targets + 1),
                            c->n_reference_targets};
    for (uint32_t i = 0; i < c->n_reference_targets; i++) {
        const struct target *t = &c->targets[c->reference_targets[i]].spec;
        list.at[i] = arena_printf(a, "%s/%s", t->group, t->name);
    }
    return list;
}

/* What prometheus.yml calls a secret, by its key; the tables of remote_write lie on a higher floor. */
static void mask_remote(struct node *n, struct arena *a)
{
    static const char *const secrets[] = {"password",      "credentials",   "bearer_token",
                                          "client_secret", "Authorization", "secret_key"};
    for (struct node *c = n->first; c != NULL; c = c->next) {
        if (c->kind == NODE_MAP || c->kind == NODE_LIST)
            mask_remote(c, a);
        if (c->kind == NODE_TEXT && c->key.p != NULL && str_eqz(c->key, "url"))
            c->text = str_of(mask_url(c->text.p, a));
        for (size_t i = 0; i < array_len(secrets) && c->kind == NODE_TEXT && c->key.p; i++)
            if (str_eqz(c->key, secrets[i]))
                c->text = STR(SECRET_MASK);
    }
}

static const struct node *show_remote_write(const struct config *c, struct arena *a)
{
    if (c->remote_write == NULL)
        return NULL;
    struct node *list = node_copy(a, c->remote_write);
    mask_remote(list, a);
    return list;
}

static struct node *sections_of(const struct config *c, const struct raw_file *own, struct arena *a)
{
    struct raw_file raw = *own;
    raw.server = c->server;
    raw.data_dir = c->data_dir;
    raw.log = c->log;
    raw.results = c->results;
    raw.limits = c->limits;
    raw.restart = c->restart;
    raw.access = c->access;
    raw.metrics = c->metrics;
    raw.rule_files = c->rule_files;
    raw.locations = c->locations;
    raw.remote_write = show_remote_write(c, a);
    struct node *n = options_show(config_file_options(), &raw, a), *out = node_map(a);
    for (const struct node *k = n->first; k != NULL;
         k = k->next) /* every target shows what it inherited */
        if (!str_eqz(k->key, "defaults") && !str_eqz(k->key, "groups") && !str_eqz(k->key, "proxy"))
            node_put(out, a, k->key.p, node_copy(a, k));
    return out;
}

struct node *config_settings(const struct config *c, const struct config_hooks *hooks,
                             struct arena *a)
{
    const struct raw_file none = {0};
    struct node *all = sections_of(c, &none, a), *out = node_map(a), *units = node_map(a);
    for (const struct node *k = all->first; k != NULL; k = k->next)
        if (!str_eqz(k->key, "channels") && !str_eqz(k->key, "own_network") &&
            !str_eqz(k->key, "processes"))
            node_put(out, a, k->key.p, node_copy(a, k));
    for (uint32_t i = 0; i < c->n_units; i++)
        node_put(units, a, c->units[i].config->id, show_unit(c->units[i].config, hooks, a));
    node_put(out, a, "processes", units);
    return out;
}

struct node *config__shown(const struct config *c, const struct config_hooks *hooks,
                           struct arena *a)
{
    const struct raw_file own = {.own_network.reference_targets = reference_list(c, a)};
    struct node *out = sections_of(c, &own, a);
    node_put(out, a, "store", node_text(a, "sqlite"));
    node_put(out, a, "channels", show_channels(c, hooks, a));
    node_put(out, a, "groups", show_groups(c, hooks, a));
    node_put(out, a, "processes", show_processes(c, hooks, a));
    return out;
}

int config_show(const struct config_input *in, const struct config_hooks *hooks, struct problems *p,
                struct buf *out)
{
    static const struct config_hooks no_hooks = {0};
    struct config *c = config_load(in, hooks, p);
    if (c == NULL)
        return -1;
    struct arena *a = arena_new();
    node_to_yaml(config__shown(c, hooks != NULL ? hooks : &no_hooks, a), out);
    arena_free(a);
    config_unref(&c);
    return out->failed ? -1 : 0;
}
