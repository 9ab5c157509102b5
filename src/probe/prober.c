/* The list of probers, and a target's configuration made ready to run. Used by watchers, by
 * `belfry check` and, for validation only, by the core. */
#include "probe/prober.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "probe/probers.h"

/* One line a prober; order is the order of the page's list. */
static const struct prober_ops *const table[] = {
    &http_prober, &tcp_prober, &icmp_prober, &dns_prober, NULL,
};

const struct prober_ops *const *prober_table(void)
{
    return table;
}

const struct prober_ops *prober_by_type(const char *type)
{
    for (const struct prober_ops *const *p = table; *p; p++)
        if (streq((*p)->type, type))
            return *p;
    return NULL;
}

static bool has_scheme(const struct prober_ops *ops, struct str scheme)
{
    for (const char *const *s = ops->schemes; *s; s++)
        if (strlen(*s) == scheme.n && strncasecmp(*s, scheme.p, scheme.n) == 0)
            return true;
    return false;
}

const struct prober_ops *prober_by_url(const char *url, struct err *err)
{
    struct str scheme, rest;
    if (!str_cut(str_of(url), ':', &scheme, &rest)) {
        err_set(err, ERR_MALFORMED, "not a URL: got \"%.100s\"; want scheme://host", url);
        return NULL;
    }
    const char *known[64];
    size_t n = 0;
    for (const struct prober_ops *const *p = table; *p; p++) {
        if (has_scheme(*p, scheme))
            return *p;
        for (const char *const *s = (*p)->schemes; *s && n < array_len(known); s++)
            known[n++] = *s;
    }
    char got[32];
    snprintf(got, sizeof(got), "%.*s", (int)(scheme.n < 31 ? scheme.n : 31), scheme.p);
    const char *near = str_nearest(got, known, n);
    err_set(err, ERR_INVALID, "no prober for URL scheme \"%s\"%s%s%s", got,
            near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    return NULL;
}

struct compiled {
    uint32_t magic;
    const struct prober_ops *ops;
    struct arena *arena; /* holds this struct and the bound configuration */
    void *config;
};
#define COMPILED_MAGIC 0xc0de0001u
#define COMPILED_TEXTS 384 /* room for what a usual target says; more takes a second block */

struct node *probe_expand(const struct prober_ops *ops, const struct node *config, struct arena *a,
                          struct problems *p, const char *path)
{
    const struct node *url = node_get(config, "url");
    if (!url || !ops->from_url)
        return node_copy(a, config);
    struct err err = {0};
    char field[200];
    snprintf(field, sizeof(field), "%s%surl", path, *path ? "." : "");
    const char *text = url->kind == NODE_TEXT ? arena_strndup(a, url->text.p, url->text.n) : "";
    struct node *base = ops->from_url(text, a, &err);
    if (!base) {
        problem_add(p, url, field, "%s", err.msg);
        return NULL;
    }
    for (const struct node *n = config->first; n; n = n->next)
        if (!str_eqz(n->key, "url") || node_get(base, "url"))
            node_put(base, a, arena_strndup(a, n->key.p, n->key.n), node_copy(a, n));
    return base;
}

struct compiled *probe_compile(const struct prober_ops *ops, const struct node *config,
                               struct problems *p, const char *path)
{
    must(ops != NULL && config != NULL && p != NULL && path != NULL);
    struct arena *scratch cleanup(arena_freep) = arena_new();
    struct node *full = probe_expand(ops, config, scratch, p, path);
    if (!full)
        return NULL;
    struct arena *a = arena_new_sized(sizeof(struct compiled) + ops->config_size + COMPILED_TEXTS);
    struct compiled *c = arena_new_of(a, struct compiled);
    *c = (struct compiled){.magic = COMPILED_MAGIC, .ops = ops, .arena = a};
    c->config = arena_alloc(a, ops->config_size);
    size_t before = p->list.n + p->dropped;
    bool good = options_bind(ops->options, full, c->config, a, p, path);
    if (good && ops->validate)
        ops->validate(c->config, a, p, path);
    if (good && p->list.n + p->dropped == before)
        return c;
    compiled_free(c);
    return NULL;
}

void compiled_free(struct compiled *c)
{
    if (!c)
        return;
    check_magic(c, COMPILED_MAGIC);
    if (c->ops->done)
        c->ops->done(c->config);
    c->magic = 0;
    arena_free(c->arena);
}

void compiled_describe(const struct compiled *c, struct buf *out)
{
    check_magic(c, COMPILED_MAGIC);
    c->ops->describe(c->config, out);
}

const struct prober_ops *compiled_ops(const struct compiled *c)
{
    check_magic(c, COMPILED_MAGIC);
    return c->ops;
}

const void *compiled_config(const struct compiled *c)
{
    check_magic(c, COMPILED_MAGIC);
    return c->config;
}
