/* Changes that people make through the API: checked first, then applied in memory and to the batch in one go, and
 * acknowledged after the commit. A change that is refused changes nothing. */
#include <stdlib.h>

#include "base/clock.h"
#include "core/inner.h"
#include "core/location_priv.h"
#include "core/seal.h"

const char *core__config_json(const struct option *options, const struct node *config,
                              struct arena *a)
{
    struct buf out = BUF_INIT(LINK_MAX);
    struct json j = json_start(&out);
    node_to_json(options_normalize(options, config, a), &j);
    const char *text = out.failed ? NULL : arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

static size_t encoded_size(const struct node *config)
{
    struct buf out = BUF_INIT(512u << 20);
    node_encode(config, &out);
    size_t n = out.failed ? SIZE_MAX : out.len;
    buf_done(&out);
    return n;
}

static void check_ids(struct core *c, const struct target *t, struct problems *p)
{
    for (uint32_t i = 0; i < t->channels.n; i++)
        if (!core__chan(c, t->channels.at[i]))
            problem_add(p, NULL, "notify_channel_ids", "no channel has the id %llu",
                        (unsigned long long)t->channels.at[i]);
    for (uint32_t i = 0; i < t->depends_on.n; i++)
        if (!core__entry(c, t->depends_on.at[i]))
            problem_add(p, NULL, "depends_on", "no target has the id %llu",
                        (unsigned long long)t->depends_on.at[i]);
        else if (t->id != 0 && t->depends_on.at[i] == t->id)
            problem_add(p, NULL, "depends_on", "a target cannot depend on itself");
}

static void check_times(const struct target *t, struct problems *p)
{
    int64_t burst_ms = t->burst.times > 1 ? (t->burst.times - 1) * t->burst.delta_ms : 0;
    if (t->interval_ms < 100)
        problem_add(p, NULL, "interval_seconds", "got %.3f s; want at least 0.1 s",
                    (double)t->interval_ms / 1000);
    if (t->timeout_ms > t->interval_ms)
        problem_add(p, NULL, "timeout_seconds",
                    "got timeout %.3f s; want at most the interval %.3f s",
                    (double)t->timeout_ms / 1000, (double)t->interval_ms / 1000);
    if (burst_ms >= t->interval_ms)
        problem_add(p, NULL, "burst.times",
                    "the burst takes %.3f s; want less than the interval %.3f s",
                    (double)burst_ms / 1000, (double)t->interval_ms / 1000);
}

/* A change that could not be made durable is not made at all. */
int core__store_refuses(const struct core *c, struct err *err)
{
    if (c->store_err.code == ERR_OK)
        return 0;
    return err_set(err, ERR_BUSY, "the store does not accept changes now: %s", c->store_err.msg);
}

int core__refuse(const struct problems *p, struct err *err)
{
    size_t n = p->list.n + p->dropped;
    return err_set(err, ERR_INVALID, "%zu field%s invalid", n, n == 1 ? " is" : "s are");
}

/* What the core must know of other targets. */
static void check_inner(struct core *c, const struct target *t, const struct prober_ops *ops,
                        const struct node **config, struct arena *a, struct problems *p)
{
    must(ops->in_core);
    if (streq(ops->type, "group")) {
        core__group_check(c, t, *config, p);
        return;
    }
    *config = core__push_complete(core__entry(c, t->id), *config, a);
    core__push_check(c, t->id, *config, p);
}

/* The whole target as it will be stored, or -1. */
static int prepare(struct core *c, const struct target *t, const struct node **config,
                   struct arena *a, struct problems *p, struct target *out, const char **instance,
                   struct err *err)
{
    *out = *t;
    const struct prober_ops *ops = prober_by_type(t->type, NULL);
    size_t before = p->list.n + p->dropped;
    check_times(t, p);
    check_ids(c, t, p);
    core__barred_check(c, t->type, p);
    bool good = core__check_config(t->type, *config, a, p, "config", instance);
    if (!good || p->list.n + p->dropped != before)
        return core__refuse(p, err);
    *config = probe_expand(ops, *config, a, p, "config");
    must(*config); /* it was checked a moment ago */
    if (ops->in_core && target_is_located(t))
        problem_add(p, NULL, "locations", "Belfry itself judges targets of type %s; want none",
                    ops->type);
    if (ops->in_core)
        check_inner(c, t, ops, config, a, p);
    if (p->list.n + p->dropped != before)
        return core__refuse(p, err);
    out->config_json = core__config_json(ops->options, *config, a);
    if (!out->config_json || encoded_size(*config) > LINK_MAX)
        return err_set(err, ERR_TOO_LARGE, "config is larger than %d bytes", LINK_MAX);
    out->updated_ms = clock_wall_ms();
    out->source = SOURCE_API;
    return 0;
}

static void apply_target(struct core *c, const struct target *t, const struct node *config,
                         const char *instance)
{
    struct entry *old = core__entry(c, t->id);
    bool was_enabled = old && old->target->enabled;
    struct entry *e = core__entry_put(c, t, config, instance);
    core__store_target(c, e->target);
    if (was_enabled && !t->enabled)
        core__close_alert(c, e, TARGET_DISABLED, "monitoring was paused");
    else if (!was_enabled && t->enabled && e->state.status == TARGET_DISABLED)
        core__close_alert(c, e, TARGET_UNKNOWN, "monitoring was resumed");
    if (e->watcher)
        e->watcher->dirty = true;
    core__plan_watchers(c);
    core__event_target(c, e);
}

int core_target_put(struct core *c, const struct target *t, const struct node *config,
                    struct problems *p, struct waiter *w, uint64_t *id, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0)
        return -1;
    struct entry *old = t->id ? core__entry(c, t->id) : NULL;
    if (t->id && !old)
        return err_set(err, ERR_NOT_FOUND, "no target has the id %llu", (unsigned long long)t->id);
    if (old && old->target->source == SOURCE_FILE)
        return err_set(err, ERR_CONFLICT,
                       "the target \"%s\" belongs to the configuration file; change it there",
                       old->target->name);
    struct entry *same = core__entry_by_name(c, t->group, t->name);
    if (same && same != old)
        return err_set(err, ERR_CONFLICT, "the group \"%s\" already has a target named \"%s\"",
                       t->group, t->name);
    struct arena *a cleanup(arena_freep) = arena_new();
    struct target whole;
    const char *instance = "";
    if (prepare(c, t, &config, a, p, &whole, &instance, err) != 0)
        return -1;
    if (!old) {
        whole.id = ++c->ids.target;
        whole.created_ms = whole.updated_ms;
    } else {
        whole.created_ms = old->target->created_ms;
    }
    apply_target(c, &whole, config, instance);
    *id = whole.id;
    core__commit_wait(c, w);
    return 0;
}

int core_target_enable(struct core *c, uint64_t id, bool enabled, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0)
        return -1;
    struct entry *e = core__entry(c, id);
    if (!e)
        return err_set(err, ERR_NOT_FOUND, "no target has the id %llu", (unsigned long long)id);
    struct arena *a cleanup(arena_freep) = arena_new();
    struct target t = *e->target;
    t.enabled = enabled;
    t.updated_ms = clock_wall_ms();
    if (t.source == SOURCE_FILE)
        core__switch(c, 't', id, enabled);
    struct cur in = CUR_INIT(arena_memdup(a, e->config, e->config_n), e->config_n);
    struct node *config = node_decode(a, &in, err);
    must(config);
    struct target *copy = target_clone(&t); /* t borrows from the entry that is replaced */
    apply_target(c, copy, config, arena_strdup(a, e->instance));
    target_free(copy);
    core__commit_wait(c, w);
    return 0;
}

static bool id_is(struct core *c, uint64_t id, const void *arg)
{
    (void)c;
    return id == *(const uint64_t *)arg;
}

static bool target_is_gone(struct core *c, uint64_t id, const void *arg)
{
    (void)arg;
    return !core__entry(c, id);
}

/* Takes the ids out for which gone() is true. */
static bool drop_ids(struct core *c, struct id_list *ids,
                     bool (*gone)(struct core *c, uint64_t id, const void *arg), const void *arg)
{
    uint32_t kept = 0, n = ids->n;
    for (uint32_t i = 0; i < n; i++)
        if (!gone(c, ids->at[i], arg))
            ids->at[kept++] = ids->at[i];
    ids->n = kept;
    return kept != n;
}

static void spec_changed(struct core *c, struct entry *e)
{
    e->spec_hash = target_spec_hash(e->target);
    core__store_target(c, e->target);
}

void core__forget_channel(struct core *c, uint64_t id)
{
    must(!core__chan(c, id));
    for (size_t i = 0; i < c->order.n; i++) {
        struct entry *e = c->order.at[i];
        if (drop_ids(c, &((struct target *)e->target)->channels, id_is, &id))
            spec_changed(c, e);
    }
}

void core__forget_parents(struct core *c)
{
    for (size_t i = 0; i < c->order.n; i++) {
        struct entry *e = c->order.at[i];
        if (drop_ids(c, &((struct target *)e->target)->depends_on, target_is_gone, NULL))
            spec_changed(c, e);
    }
}

void core__target_remove(struct core *c, struct entry *e)
{
    uint64_t id = e->target->id;
    core__close_alert(c, e, TARGET_DISABLED, "the target was removed");
    batch_target_del(core__batch(c), id);
    core__inner_forget(e);
    core__unswitch(c, 't', id);
    if (e->watcher)
        e->watcher->dirty = true;
    core__entry_del(c, e);
    core__event_target_gone(c, id);
}

int core_target_del(struct core *c, uint64_t id, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0)
        return -1;
    struct entry *e = core__entry(c, id);
    if (!e)
        return err_set(err, ERR_NOT_FOUND, "no target has the id %llu", (unsigned long long)id);
    if (e->target->source == SOURCE_FILE)
        return err_set(err, ERR_CONFLICT,
                       "the target \"%s\" belongs to the configuration file; remove it there",
                       e->target->name);
    core__target_remove(c, e);
    core__forget_parents(c);
    core__plan_watchers(c);
    core__commit_wait(c, w);
    return 0;
}

int core_channel_put(struct core *c, const struct channel *ch, struct problems *p, struct waiter *w,
                     uint64_t *id, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0)
        return -1;
    struct chan *old = ch->id ? core__chan(c, ch->id) : NULL;
    if (ch->id && !old)
        return err_set(err, ERR_NOT_FOUND, "no channel has the id %llu",
                       (unsigned long long)ch->id);
    if (old && old->channel->source == SOURCE_FILE)
        return err_set(err, ERR_CONFLICT,
                       "the channel \"%s\" belongs to the configuration file; change it there",
                       old->channel->name);
    struct chan *same = core__chan_by_name(c, ch->name);
    if (same && same != old)
        return err_set(err, ERR_CONFLICT, "there is already a channel named \"%s\"", ch->name);
    struct channel whole = *ch;
    whole.source = SOURCE_API;
    whole.updated_ms = clock_wall_ms();
    whole.created_ms = old ? old->channel->created_ms : whole.updated_ms;
    if (!old)
        whole.id = c->ids.channel + 1;
    struct chan *made = core__chan_put(c, &whole, p);
    if (!made)
        return core__refuse(p, err);
    if (!old)
        c->ids.channel++;
    core__store_channel(c, made->channel);
    core__channel_changed(c, made);
    core__event_simple(c, "channel", whole.id);
    *id = whole.id;
    core__commit_wait(c, w);
    return 0;
}

int core_channel_enable(struct core *c, uint64_t id, bool enabled, struct waiter *w,
                        struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0)
        return -1;
    struct chan *ch = core__chan(c, id);
    if (!ch)
        return err_set(err, ERR_NOT_FOUND, "no channel has the id %llu", (unsigned long long)id);
    ch->channel->enabled = enabled;
    if (ch->channel->source == SOURCE_FILE)
        core__switch(c, 'c', id, enabled);
    ch->channel->updated_ms = clock_wall_ms();
    core__store_channel(c, ch->channel);
    core__channel_changed(c, ch);
    core__event_simple(c, "channel", id);
    core__commit_wait(c, w);
    return 0;
}

void core__channel_remove(struct core *c, struct chan *ch)
{
    uint64_t id = ch->channel->id;
    core__channel_gone(c, id);
    batch_channel_del(core__batch(c), id);
    core__unswitch(c, 'c', id);
    core__chan_del(c, ch);
    core__forget_channel(c, id);
    core__event_simple(c, "channel", id);
}

int core_channel_del(struct core *c, uint64_t id, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0)
        return -1;
    struct chan *ch = core__chan(c, id);
    if (!ch)
        return err_set(err, ERR_NOT_FOUND, "no channel has the id %llu", (unsigned long long)id);
    if (ch->channel->source == SOURCE_FILE)
        return err_set(err, ERR_CONFLICT,
                       "the channel \"%s\" belongs to the configuration file; remove it there",
                       ch->channel->name);
    core__channel_remove(c, ch);
    core__commit_wait(c, w);
    return 0;
}

static struct watcher_slot *any_watcher(struct core *c)
{
    vec_each (&c->watchers, it)
        if ((*it)->wanted && link_connected(c->link, (*it)->key))
            return *it;
    return NULL;
}

static uint64_t expect_answer(struct core *c, const struct pending_check *who, int64_t within_ms)
{
    struct pending_check *p = calloc(1, sizeof(*p));
    must(p && (!who->waiter || !who->fn));
    *p = *who;
    waiter_ref(p->waiter);
    p->deadline_ns = clock_mono_ns() + within_ms * NS_PER_MS;
    map_u64_put(c->checks, ++c->next_request, p);
    return c->next_request;
}

/* Nothing was asked after all. */
static void forget_answer(struct core *c, uint64_t request)
{
    struct pending_check *p = map_u64_del(c->checks, request);
    must(p);
    waiter_unref(p->waiter);
    free(p);
}

void core__check_done(struct pending_check *p, const struct err *err, const void *record, size_t n)
{
    if (p->waiter)
        waiter_finish(p->waiter, err, record, n);
    if (p->fn)
        p->fn(p->arg, err, record, n);
    waiter_unref(p->waiter);
    free(p);
}

static int64_t patience_ms(const struct target *t)
{
    int64_t burst = t->burst.times > 1 ? (t->burst.times - 1) * t->burst.delta_ms : 0;
    return t->timeout_ms * (t->attempts > 0 ? t->attempts : 1) + burst + 2000;
}

static int check_elsewhere(struct core *c, const struct entry *e, const char *location,
                           struct waiter *w, struct err *err)
{
    struct location *l = core__location_known(c, location);
    if (!l || !core__location_connected(l))
        return err_set(err, ERR_BUSY, "no agent of the location \"%s\" is connected", location);
    uint64_t request = expect_answer(c, &(struct pending_check){.waiter = w, .location = l},
                                     patience_ms(e->target) + LOCATION_ASK_MS);
    if (core__location_ask(l, request, e->target->id))
        return 0;
    forget_answer(c, request);
    return err_set(err, ERR_BUSY, "too much is asked of the location \"%s\" already", location);
}

static int check_here(struct core *c, const struct entry *e, struct waiter *w, struct err *err)
{
    if (!e->watcher)
        return err_set(err, ERR_BUSY, "no watcher has the target \"%s\" yet", e->target->name);
    uint64_t request = expect_answer(c, &(struct pending_check){.waiter = w, .slot = e->watcher},
                                     patience_ms(e->target));
    struct buf id = BUF_INIT(8);
    buf_put_u64(&id, e->target->id);
    int rc = link_send(c->link, e->watcher->key, LINK_CHECK, request, id.data, id.len, err);
    buf_done(&id);
    if (rc != 0)
        forget_answer(c, request);
    return rc;
}

int core_check(struct core *c, uint64_t target_id, const char *location, struct waiter *w,
               struct err *err)
{
    check_magic(c, CORE_MAGIC);
    struct entry *e = core__entry(c, target_id);
    if (!e)
        return err_set(err, ERR_NOT_FOUND, "no target has the id %llu",
                       (unsigned long long)target_id);
    if (!e->target->enabled)
        return err_set(err, ERR_CONFLICT, "the target \"%s\" is paused; resume it first",
                       e->target->name);
    if (e->inner)
        return core__inner_check(e->inner, w, err);
    if (!target_is_at(e->target, location))
        return err_set(err, ERR_NOT_FOUND, "the target \"%s\" is not probed from \"%s\"",
                       e->target->name, location);
    return streq(location, LOCATION_LOCAL) ? check_here(c, e, w, err)
                                           : check_elsewhere(c, e, location, w, err);
}

int core__ask_watcher(struct core *c, const struct target *t, const struct node *config,
                      const struct pending_check *who, struct err *err)
{
    struct watcher_slot *s = any_watcher(c);
    if (!s)
        return err_set(err, ERR_BUSY, "no watcher is connected yet; try again in a moment");
    struct buf bytes = BUF_INIT(LINK_MAX), entry = BUF_INIT(LINK_MAX);
    node_encode(config, &bytes);
    assign_encode(t, (struct str){bytes.data, bytes.len}, 0, false, &entry);
    int rc = -1;
    if (bytes.failed || entry.failed) {
        err_set(err, ERR_TOO_LARGE, "config is larger than %d bytes", LINK_MAX);
    } else {
        struct pending_check p = *who;
        p.slot = s;
        uint64_t request = expect_answer(c, &p, patience_ms(t));
        rc = link_send(c->link, s->key, LINK_TRY, request, entry.data, entry.len, err);
        if (rc != 0)
            forget_answer(c, request);
    }
    buf_done(&bytes);
    buf_done(&entry);
    return rc;
}

int core_try(struct core *c, const struct target *t, const struct node *config, struct problems *p,
             struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    struct arena *a cleanup(arena_freep) = arena_new();
    const char *instance;
    core__barred_check(c, t->type, p);
    if (!core__check_config(t->type, config, a, p, "config", &instance) || p->list.n)
        return core__refuse(p, err);
    if (prober_by_type(t->type, NULL)->in_core)
        return core__inner_try(c, t, config, w, err);
    return core__ask_watcher(c, t, config, &(struct pending_check){.waiter = w}, err);
}

/* Answers that did not come: the watcher died, or was replaced. */
void core__expire_checks(struct core *c)
{
    uint64_t id;
    void *value;
    int64_t now = clock_mono_ns();
    for (size_t it = 0; map_u64_next(c->checks, &it, &id, &value);) {
        struct pending_check *p = value;
        if (p->deadline_ns > now)
            continue;
        struct err err = {0};
        err_set(&err, ERR_TIMEOUT, "the %s did not answer in time",
                p->location ? "location's agent" : "watcher");
        map_u64_del(c->checks, id);
        core__check_done(p, &err, NULL, 0);
    }
}

void core__checks_free(struct core *c)
{
    uint64_t id;
    void *value;
    struct err err = {0};
    err_set(&err, ERR_CANCELLED, "Belfry is stopping");
    for (size_t it = 0; map_u64_next(c->checks, &it, &id, &value);) {
        map_u64_del(c->checks, id);
        core__check_done(value, &err, NULL, 0);
    }
    map_u64_free(c->checks);
}
