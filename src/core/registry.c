/* The core's tables of targets and channels. On the main loop. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/core_priv.h"
#include "core/inner.h"
#include "core/located.h"

static size_t name_key(const char *group, const char *name, char *buf, size_t size)
{
    int n = snprintf(buf, size, "%s%c%s", group, '\n', name);
    return (size_t)n < size ? (size_t)n : size - 1;
}

struct entry *core__entry(struct core *c, uint64_t id)
{
    check_magic(c, CORE_MAGIC);
    return map_u64_get(c->targets, id);
}

struct entry *core__entry_by_name(struct core *c, const char *group, const char *name)
{
    char key[1024];
    size_t n = name_key(group, name, key, sizeof(key));
    return map_str_get(c->target_names, key, n);
}

/* Place of id in the order by id: of the first entry whose id is not smaller. */
static size_t order_of(const struct core *c, uint64_t id)
{
    size_t lo = 0, hi = c->order.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->order.at[mid]->target->id < id)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void order_insert(struct core *c, struct entry *e)
{
    size_t at = order_of(c, e->target->id);
    vec_push(&c->order, e);
    memmove(&c->order.at[at + 1], &c->order.at[at], (c->order.n - 1 - at) * sizeof(e));
    c->order.at[at] = e;
}

static void order_remove(struct core *c, struct entry *e)
{
    size_t at = order_of(c, e->target->id);
    must(at < c->order.n && c->order.at[at] == e);
    memmove(&c->order.at[at], &c->order.at[at + 1], (c->order.n - 1 - at) * sizeof(e));
    c->order.n--;
}

static void entry_set(struct entry *e, const struct target *t, const struct node *config,
                      const char *instance)
{
    struct buf bytes = BUF_INIT(512u << 20); /* a whole configuration file is smaller */
    size_t n = 0;
    node_encode(config, &bytes);
    must(!bytes.failed);
    free(e->config);
    e->config = buf_take(&bytes, &n);
    e->config_n = (uint32_t)n;
    target_free((struct target *)e->target);
    e->target = target_clone(t);
    e->spec_hash = target_spec_hash(t);
    free(e->instance);
    e->instance = strdup(instance ? instance : "");
    must(e->instance);
}

struct entry *core__entry_put(struct core *c, const struct target *t, const struct node *config,
                              const char *instance)
{
    must(t->id != 0);
    char key[1024];
    struct entry *e = core__entry(c, t->id);
    bool is_new = e == NULL;
    if (is_new) {
        e = calloc(1, sizeof(*e));
        must(e);
        e->state.status = t->enabled ? TARGET_UNKNOWN : TARGET_DISABLED;
        e->state.since_ms = clock_wall_ms();
    } else {
        map_str_del(c->target_names, key,
                    name_key(e->target->group, e->target->name, key, sizeof(key)));
    }
    entry_set(e, t, config, instance);
    core__metrics_target_changed(c, e);
    map_str_put(c->target_names, key, name_key(t->group, t->name, key, sizeof(key)), e);
    if (is_new) {
        map_u64_put(c->targets, t->id, e);
        order_insert(c, e);
    }
    target_index_put(c->index, t, e->instance);
    core__index_live(c, e);
    core__inner_put(c, e);
    core__located_put(c, e);
    return e;
}

static void entry_free(struct entry *e)
{
    target_free((struct target *)e->target);
    free(e->told.at);
    free(e->last_message);
    free(e->instance);
    free(e->last_result);
    free(e->config);
    free(e);
}

void core__entry_del(struct core *c, struct entry *e)
{
    char key[1024];
    core__metrics_target_gone(c, e);
    core__located_del(c, e);
    core__inner_del(c, e);
    target_index_del(c->index, e->target->id);
    map_u64_del(c->targets, e->target->id);
    map_str_del(c->target_names, key,
                name_key(e->target->group, e->target->name, key, sizeof(key)));
    order_remove(c, e);
    entry_free(e);
}

bool core__check_config(const char *type, const struct node *config, struct arena *a,
                        struct problems *p, const char *path, const char **instance)
{
    struct err err = {0};
    const struct prober_ops *ops = prober_by_type(type, &err);
    if (!ops) {
        problem_add(p, NULL, "type", "%s", err.msg);
        return false;
    }
    struct compiled *compiled = probe_compile(ops, config, p, path);
    if (!compiled)
        return false;
    struct buf text = BUF_INIT(2048);
    compiled_describe(compiled, &text);
    *instance = arena_strndup(a, text.data ? text.data : "", text.len);
    buf_done(&text);
    compiled_free(compiled);
    return true;
}

struct chan *core__chan(struct core *c, uint64_t id)
{
    return map_u64_get(c->channels, id);
}

struct chan *core__chan_by_name(struct core *c, const char *name)
{
    vec_each (&c->channel_order, it)
        if (strcmp((*it)->channel->name, name) == 0)
            return *it;
    return NULL;
}

/* Takes the arena over. */
static struct chan *chan_set(struct core *c, const struct channel *ch,
                             const struct channel_ops *ops, struct arena *a, void *config)
{
    struct chan *have = core__chan(c, ch->id);
    if (!have) {
        have = calloc(1, sizeof(*have));
        must(have);
        map_u64_put(c->channels, ch->id, have);
        vec_push(&c->channel_order, have);
    }
    struct channel *copy = channel_clone(ch); /* its strings may be those of the one replaced */
    arena_free(have->arena);
    channel_free(have->channel);
    have->channel = copy;
    have->ops = ops;
    have->arena = a;
    have->config = config;
    return have;
}

struct chan *core__chan_put(struct core *c, const struct channel *ch, struct problems *p)
{
    must(ch->id != 0);
    const struct channel_ops *ops = channel_by_type(ch->type);
    if (!ops) {
        problem_add(p, NULL, "type", "unknown channel type \"%.40s\"", ch->type);
        return NULL;
    }
    struct arena *a = arena_new_sized(512);
    void *config = channel_bind(ops, ch, a, p);
    if (!config) {
        arena_free(a);
        return NULL;
    }
    return chan_set(c, ch, ops, a, config);
}

void core__chan_keep(struct core *c, const struct channel *ch)
{
    const struct channel_ops *ops = channel_by_type(ch->type);
    if (ops) /* a delivery binds again, and then tells what is wrong */
        chan_set(c, ch, ops, arena_new_sized(64), NULL);
}

void core__chan_del(struct core *c, struct chan *ch)
{
    map_u64_del(c->channels, ch->channel->id);
    for (size_t i = 0; i < c->channel_order.n; i++)
        if (c->channel_order.at[i] == ch) {
            memmove(&c->channel_order.at[i], &c->channel_order.at[i + 1],
                    (--c->channel_order.n - i) * sizeof(ch));
            break;
        }
    channel_free(ch->channel);
    arena_free(ch->arena);
    free(ch);
}

void core__registry_free(struct core *c)
{
    while (c->order.n)
        core__entry_del(c, c->order.at[c->order.n - 1]);
    while (c->channel_order.n)
        core__chan_del(c, c->channel_order.at[c->channel_order.n - 1]);
    core__windows_free(c);
    core__silences_free(c);
    vec_done(&c->order);
    vec_done(&c->channel_order);
    map_u64_free(c->targets);
    target_index_free(&c->index);
    map_str_free(c->target_names);
    map_u64_free(c->channels);
}
