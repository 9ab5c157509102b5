/* The list of probers, and a target's configuration made ready to run. Used by watchers, by
 * `belfry check` and, for validation only, by the core. */
#include "probe/prober.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "probe/probers.h"

/* What is not built in is declared by probers.h, and not in the table; WITH_NAME is 1 for what is. */
#if !WITH_SSH
#undef PROBER_SSH
#define PROBER_SSH(X)
#endif
#if !WITH_KAFKA
#undef PROBER_KAFKA
#define PROBER_KAFKA(X)
#endif
#if !WITH_POSTGRESQL
#undef PROBER_POSTGRESQL
#define PROBER_POSTGRESQL(X)
#endif
#if !WITH_MYSQL
#undef PROBER_MYSQL
#define PROBER_MYSQL(X)
#endif

static const struct prober_ops *const table[] = {
#define X(name) &name##_prober,
    PROBERS(X)
#undef X
        NULL,
};

/* Known, but their library was not there when this executable was built. */
static const struct left_out {
    const char *type; /* also the Meson option, unless there is another */
    const char *const *schemes;
    const char *option;
} left_out[] = {
#if !WITH_MYSQL
    {"mysql", (const char *const[]){"mysql", "mariadb", NULL}, NULL},
#endif
#if !WITH_POSTGRESQL
    {"postgresql", (const char *const[]){"postgresql", "postgres", NULL}, NULL},
#endif
#if !WITH_SSH
    {"ssh", (const char *const[]){"ssh", NULL}, NULL},
    {"sftp", (const char *const[]){"sftp", NULL}, "ssh"},
#endif
#if !WITH_KAFKA
    {"kafka", (const char *const[]){"kafka", "kafkas", NULL}, NULL},
#endif
    {NULL, NULL, NULL},
};

const char *const prober_kinds[] = {
#define X(name, text, en, zh) text,
    PROBER_KINDS(X)
#undef X
};

const struct text2 prober_kind_titles[] = {
#define X(name, text, en, zh) {en, zh},
    PROBER_KINDS(X)
#undef X
};

const struct prober_ops *const *prober_table(void)
{
    return table;
}

static int not_built_in(const struct left_out *l, struct err *err)
{
    return err_set(err, ERR_INVALID,
                   "the %s prober is not built in; want a build with -D%s=enabled", l->type,
                   l->option ? l->option : l->type);
}

const struct prober_ops *prober_by_type(const char *type, struct err *err)
{
    const char *known[array_len(table)];
    size_t n = 0;
    must(type != NULL);
    for (const struct prober_ops *const *p = table; *p; p++) {
        if (streq((*p)->type, type))
            return *p;
        known[n++] = (*p)->type;
    }
    for (const struct left_out *l = left_out; l->type; l++)
        if (streq(l->type, type)) {
            not_built_in(l, err);
            return NULL;
        }
    const char *near = str_nearest(type, known, n);
    err_set(err, ERR_INVALID, "no prober of type \"%.40s\"%s%s%s", type,
            near ? "; did you mean \"" : "", near ? near : "",
            near ? "\"?" : "; GET /api/v1/probers lists them");
    return NULL;
}

static bool has_scheme(const char *const *schemes, struct str scheme)
{
    for (const char *const *s = schemes; *s; s++)
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
    const char *known[4 * array_len(table)];
    size_t n = 0;
    for (const struct prober_ops *const *p = table; *p; p++) {
        if (has_scheme((*p)->schemes, scheme))
            return *p;
        for (const char *const *s = (*p)->schemes; *s && n < array_len(known); s++)
            known[n++] = *s;
    }
    for (const struct left_out *l = left_out; l->type; l++)
        if (has_scheme(l->schemes, scheme)) {
            not_built_in(l, err);
            return NULL;
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
