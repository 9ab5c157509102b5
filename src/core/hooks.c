/* See hooks.h. Pure. */
#include "core/hooks.h"

#include "notify/channel.h"
#include "probe/blackbox.h"
#include "probe/prober.h"
#include "promql/ast.h"
#include "remote/sender.h"
#include "rule/rule.h"

static const struct option *prober_options(const char *type)
{
    const struct prober_ops *ops = prober_by_type(type, NULL);
    return ops ? ops->options : NULL;
}

static const struct option *channel_options(const char *type)
{
    const struct channel_ops *ops = channel_by_type(type);
    return ops ? ops->options : NULL;
}

static const char *json_of(const struct node *n, struct arena *a)
{
    struct buf out = BUF_INIT(1 << 20);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    const char *text = arena_strndup(a, out.data ? out.data : "{}", out.data ? out.len : 2);
    buf_done(&out);
    return text;
}

/* "…; did you mean \"http\"?" or nothing. */
static const char *hint(const char *nearest, struct arena *a)
{
    return nearest ? arena_printf(a, "; did you mean \"%s\"?", nearest) : "";
}

static const char *nearest_channel(const char *type)
{
    const char *names[128];
    size_t n = 0;
    for (; channel_table()[n] && n < array_len(names); n++)
        names[n] = channel_table()[n]->type;
    return str_nearest(type, names, n);
}

/* path is the configuration's, "groups[0].targets[3].config"; type and url stand beside that. */
static const struct prober_ops *prober_of(const struct config_target *t, struct arena *a,
                                          struct problems *p, const char *path)
{
    struct err err = {0};
    bool typed = t->spec.type && *t->spec.type;
    const char *key = typed ? "type" : "url";
    const struct prober_ops *ops = typed ? prober_by_type(t->spec.type, &err) : NULL;
    if (!typed && t->url)
        ops = prober_by_url(t->url, &err);
    else if (!typed)
        err_set(&err, ERR_INVALID, "neither url nor type given; want one of them");
    if (ops)
        return ops;
    const struct node *at = node_get(t->at, key);
    struct str base = str_of(path);
    base.n -= str_ends(base, STR("config")) ? strlen("config") : 0;
    problem_add(p, at ? at : t->at, arena_printf(a, "%.*s%s", (int)base.n, base.p, key), "%s",
                err.msg);
    return NULL;
}

/* What the core judges itself is probed nowhere: what its group gives is not for it. */
static bool check_locations(const struct prober_ops *ops, struct config_target *t,
                            struct problems *p, const char *path)
{
    const struct node *own = ops->in_core ? node_get(t->at, "locations") : NULL;
    if (ops->in_core) {
        t->spec.locations = (struct name_list){0};
        t->spec.location_quorum = 0;
    }
    if (own)
        problem_add(p, own, path, "locations: Belfry itself judges targets of type %s; want none",
                    ops->type);
    return own == NULL;
}

static bool check_target(void *ctx, struct config_target *t, struct arena *a, struct problems *p,
                         const char *path)
{
    (void)ctx;
    const struct prober_ops *ops = prober_of(t, a, p, path);
    if (!ops)
        return false;
    struct compiled *c = probe_compile(ops, t->config, p, path);
    if (!c)
        return false;
    compiled_free(c);
    t->config = probe_expand(ops, t->config, a, p, path);
    t->spec.type = ops->type;
    if (!check_locations(ops, t, p, path))
        return false;
    t->spec.config_json = json_of(options_normalize(ops->options, t->config, a), a);
    return true;
}

/* What the core judges itself by other targets names them so. */
static const struct node *members(void *ctx, const struct config_target *t)
{
    const struct prober_ops *ops = t->spec.type ? prober_by_type(t->spec.type, NULL) : NULL;
    (void)ctx;
    return ops && ops->in_core ? node_get(t->config, "members") : NULL;
}

static bool check_channel(void *ctx, const struct config_channel *c, struct arena *a,
                          struct problems *p, const char *path)
{
    (void)ctx;
    const struct channel_ops *ops = channel_by_type(c->type);
    if (!ops) {
        const struct node *at = node_get(c->at, "type");
        problem_add(p, at ? at : c->at, path, "no channel of type \"%.40s\"%s", c->type,
                    hint(nearest_channel(c->type), a));
        return false;
    }
    void *out = arena_alloc(a, ops->config_size);
    size_t before = p->list.n + p->dropped;
    if (!options_bind(ops->options, c->options, out, a, p, path))
        return false;
    if (ops->validate)
        ops->validate(out, a, p, path);
    return p->list.n + p->dropped == before;
}

static bool check_selector(void *ctx, const char *text, struct err *err)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    const struct matcher *const *matchers;
    size_t n;
    (void)ctx;
    return promql_parse_selector(a, str_of(text), false, &matchers, &n, err) == 0;
}

static bool check_rule_file(void *ctx, const struct config_metrics *m, const char *path,
                            struct problems *p)
{
    (void)ctx;
    struct rule_defaults d = {.interval_ms = m->evaluation_interval_ms,
                              .experimental = m->query.experimental};
    struct rule_set *set = rule_set_load(&path, 1, &d, p);
    bool good = set != NULL;
    rule_set_unref(&set);
    return good;
}

static bool check_blackbox(void *ctx, struct str text, const char *path, struct problems *p)
{
    (void)ctx;
    struct bb_modules *m = bb_read(text, path, p);
    bool good = m != NULL;
    bb_unref(&m);
    return good;
}

static bool check_remote_write(void *ctx, const struct node *list, struct problems *p,
                               const char *path)
{
    (void)ctx;
    return remote_write_check(list, p, path);
}

const struct config_hooks *core_config_hooks(void)
{
    static const struct config_hooks hooks = {
        .prober_options = prober_options,
        .channel_options = channel_options,
        .check_target = check_target,
        .members = members,
        .check_channel = check_channel,
        .check_selector = check_selector,
        .check_rule_file = check_rule_file,
        .check_blackbox = check_blackbox,
        .check_remote_write = check_remote_write,
    };
    return &hooks;
}

const struct config_doc_part *core_prober_doc(struct arena *a)
{
    size_t n = 0;
    while (prober_table()[n])
        n++;
    struct config_doc_part *parts = arena_array_of(a, struct config_doc_part, n + 1);
    for (size_t i = 0; i < n; i++)
        parts[i] = (struct config_doc_part){prober_table()[i]->type, prober_table()[i]->help,
                                            prober_table()[i]->options};
    return parts;
}

const struct config_doc_part *core_channel_doc(struct arena *a)
{
    size_t n = 0;
    while (channel_table()[n])
        n++;
    struct config_doc_part *parts = arena_array_of(a, struct config_doc_part, n + 1);
    for (size_t i = 0; i < n; i++)
        parts[i] = (struct config_doc_part){channel_table()[i]->type, channel_table()[i]->help,
                                            channel_table()[i]->options};
    return parts;
}
