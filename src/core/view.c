/* Views of the core for those who ask: the API, /metrics, /health. On the main loop. */
#include "base/clock.h"
#include "core/core_priv.h"
#include "core/notify.h"

struct loop *core_loop(struct core *c)
{
    return c->loop;
}

struct store *core_store(struct core *c)
{
    return c->store;
}

const struct config *core_config(struct core *c)
{
    return c->config;
}

bool core_ready(const struct core *c)
{
    return c->ready && !c->stopping;
}

const char *core_store_trouble(const struct core *c)
{
    return c->store_err.code == ERR_OK ? NULL : c->store_err.msg;
}

static void view_of(struct core *c, const struct entry *e, struct core_target *out)
{
    *out = (struct core_target){
        .target = e->target,
        .state = e->state,
        .last_message = e->last_message ? e->last_message : "",
        .instance = e->instance,
        .last_result = e->last_result,
        .last_result_n = e->last_result_n,
        .open = core__alert(c, e->state.open_alert_id),
        .watcher = e->inner     ? "core"
                   : e->watcher ? e->watcher->name
                                : "",
    };
}

bool core_target_get(struct core *c, uint64_t id, struct core_target *out)
{
    check_magic(c, CORE_MAGIC);
    struct entry *e = core__entry(c, id);
    if (e)
        view_of(c, e, out);
    return e != NULL;
}

void core_targets_each(struct core *c, uint64_t after,
                       bool (*fn)(void *arg, const struct core_target *t), void *arg)
{
    check_magic(c, CORE_MAGIC);
    size_t lo = 0, hi = c->order.n;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (c->order.at[mid]->target->id <= after)
            lo = mid + 1;
        else
            hi = mid;
    }
    struct core_target view;
    for (; lo < c->order.n; lo++) {
        view_of(c, c->order.at[lo], &view);
        if (!fn(arg, &view))
            return;
    }
}

struct target_index *core_index(struct core *c)
{
    return c->index;
}

enum target_status core_target_status(const struct core_target *t)
{
    bool maintained = t->open && t->open->suppressed == SUPPRESSED_MAINTENANCE;
    return maintained ? TARGET_MAINTENANCE : t->state.status;
}

void core__index_live(struct core *c, const struct entry *e)
{
    struct core_target v;
    view_of(c, e, &v);
    struct index_live live = {.status = core_target_status(&v),
                              .degraded = e->state.degraded,
                              .fail_count = e->state.fail_count,
                              .latency_us = e->state.last_latency_us,
                              .since_ms = e->state.since_ms};
    target_index_live(c->index, e->target->id, &live, e->last_message);
}

size_t core_target_count(struct core *c)
{
    return c->order.n;
}

const struct channel *core_channel_get(struct core *c, uint64_t id)
{
    struct chan *ch = core__chan(c, id);
    return ch ? ch->channel : NULL;
}

void core_channels_each(struct core *c,
                        bool (*fn)(void *arg, const struct channel *ch, size_t waiting), void *arg)
{
    vec_each (&c->channel_order, it)
        if (!fn(arg, (*it)->channel, dispatch_waiting(c->dispatch, (*it)->channel->id)))
            return;
}

void core_watchers_each(struct core *c, bool (*fn)(void *arg, const struct core_watcher_info *w),
                        void *arg)
{
    vec_each (&c->watchers, it) {
        struct watcher_slot *s = *it;
        struct core_watcher_info info = {
            .name = s->name,
            .group = s->group,
            .connected = link_connected(c->link, s->key),
            .targets = s->targets,
            .beat = s->beat,
        };
        if (s->tap.ring)
            info.ring = ring_stats(s->tap.ring);
        if (s->wanted && !fn(arg, &info))
            return;
    }
}

void core_get_stats(struct core *c, struct core_stats *out)
{
    check_magic(c, CORE_MAGIC);
    *out = c->stats;
    out->pending_ops = batch_ops(core__batch(c));
    out->pending_bytes = batch_bytes(core__batch(c));
    out->deliveries_waiting = map_u64_count(c->deliveries);
}

const struct notify_env *core_notify(struct core *c)
{
    check_magic(c, CORE_MAGIC);
    return &c->notify;
}
