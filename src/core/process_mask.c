/* What is secret in a unit's document: its environment, and what its health probe's prober calls secret. Masked for
 * answers, and put back when a form sends the masks again. Pure. */
#include <string.h>

#include "base/str.h"
#include "core/process.h"
#include "probe/prober.h"

/* "redis://user:secret@host" → "redis://user:********@host". */
static const char *masked_url(const char *url, struct arena *a)
{
    const char *host = strstr(url, "://");
    if (!host)
        return url;
    host += strlen("://");
    size_t authority = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', authority);
    const char *colon = at ? memchr(host, ':', (size_t)(at - host)) : NULL;
    if (!colon || colon + 1 == at)
        return url;
    return arena_printf(a, "%.*s%s%s", (int)(colon + 1 - url), url, SECRET_MASK, at);
}

static const char *text_of(const struct node *map, const char *key)
{
    const struct node *n = map ? node_get(map, key) : NULL;
    return n && n->kind == NODE_TEXT ? n->text.p : NULL;
}

static const struct option *prober_options(const struct node *health)
{
    const char *type = text_of(health, "type"), *url = text_of(health, "url");
    const struct prober_ops *ops = type  ? prober_by_type(type, NULL)
                                   : url ? prober_by_url(url, NULL)
                                         : NULL;
    return ops ? ops->options : NULL;
}

static struct node *health_of(const struct node *doc)
{
    struct node *n = doc ? node_get(doc, "health") : NULL;
    return n && n->kind == NODE_MAP ? n : NULL;
}

static struct node *config_of(const struct node *health)
{
    struct node *n = health ? node_get(health, "config") : NULL;
    return n && n->kind == NODE_MAP ? n : NULL;
}

/* The url stands in the probe's map or in its config. */
static void mask_url(struct node *map, struct arena *a)
{
    const char *url = text_of(map, "url");
    if (url)
        node_put(map, a, "url", node_text(a, masked_url(url, a)));
}

static void mask_health(struct node *health, struct arena *a)
{
    const struct option *options = prober_options(health);
    struct node *config = config_of(health);
    if (config && options) {
        node_put(health, a, "config", options_mask(options, config, a));
        mask_url(config_of(health), a);
    }
    mask_url(health, a);
}

/* As a whole, when there is a password in it. */
static void url_secret(struct node *map, secret_fn *fn, void *arg, struct arena *a)
{
    const char *url = text_of(map, "url");
    if (url && !streq(url, masked_url(url, a)))
        node_put(map, a, "url", fn(arg, node_get(map, "url"), a));
}

struct node *process_secrets(const struct node *doc, secret_fn *fn, void *arg, struct arena *a)
{
    struct node *copy = options_secrets(process_unit_options, doc, fn, arg, a);
    struct node *health = health_of(copy);
    const struct option *options = health ? prober_options(health) : NULL;
    struct node *config = config_of(health);
    if (config && options) {
        node_put(health, a, "config", options_secrets(options, config, fn, arg, a));
        url_secret(config_of(health), fn, arg, a);
    }
    if (health)
        url_secret(health, fn, arg, a);
    return copy;
}

struct node *process_mask(const struct node *doc, struct arena *a)
{
    struct node *copy = options_mask(process_unit_options, doc, a);
    struct node *health = health_of(copy);
    if (health)
        mask_health(health, a);
    return copy;
}

/* A masked password is put back into the very same URL only: a mask before another host must not send it there. */
static void unmask_url(struct node *fresh, const struct node *old, struct arena *a)
{
    const char *url = text_of(fresh, "url"), *was = text_of(old, "url");
    if (url && was && streq(url, masked_url(was, a)))
        node_put(fresh, a, "url", node_text(a, was));
}

static void unmask_health(struct node *fresh, const struct node *old, struct arena *a)
{
    const struct option *options = prober_options(fresh);
    struct node *config = config_of(fresh);
    unmask_url(fresh, old, a);
    if (!config || !options || options != prober_options(old) || !config_of(old))
        return;
    unmask_url(config, config_of(old), a);
    node_put(fresh, a, "config", options_unmask(options, config, config_of(old), a));
}

struct node *process_unmask(const struct node *fresh, const struct node *old, struct arena *a)
{
    struct node *copy = options_unmask(process_unit_options, fresh, old, a);
    struct node *health = health_of(copy);
    if (health && health_of(old))
        unmask_health(health, health_of(old), a);
    return copy;
}
