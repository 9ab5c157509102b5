/* Maintenance windows of the running core: kept ready to be asked (alert/window.h), changed, listed as occurrences. Main loop. */
#include <stdlib.h>

#include "base/clock.h"
#include "core/core_priv.h"

static size_t place_of(const struct core *c, uint64_t id)
{
    for (size_t i = 0; i < c->windows.n; i++)
        if (window_maintenance(c->windows.at[i])->id == id)
            return i;
    return c->windows.n;
}

static int unknown(uint64_t id, struct err *err)
{
    return err_set(err, ERR_NOT_FOUND, "no maintenance has the id %llu", (unsigned long long)id);
}

void core__window_load(struct core *c, const struct maintenance *m)
{
    struct err err = {0};
    struct window *w = window_new(m, &err);
    if (!w) {
        log_error("a maintenance cannot be followed; it holds nothing back until it is saved again",
                  F_STR("maintenance", m->title), F_INT("id", m->id), F_ERR(&err));
        w = window_idle(m);
    }
    vec_push(&c->windows, w);
}

void core__windows_free(struct core *c)
{
    vec_each (&c->windows, it)
        window_free(*it);
    vec_done(&c->windows);
}

static void changed(struct core *c, uint64_t id, struct waiter *w)
{
    core__recheck_waiting(c);
    core__event_simple(c, "maintenance", id);
    core__commit_wait(c, w);
}

int core_maintenance_put(struct core *c, const struct maintenance *m, struct waiter *w,
                         uint64_t *id, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0)
        return -1;
    size_t at = m->id ? place_of(c, m->id) : c->windows.n;
    if (m->id && at == c->windows.n)
        return unknown(m->id, err);
    if (m->ends_ms && m->ends_ms <= m->starts_ms)
        return err_set(err, ERR_INVALID, "ends_at is not after starts_at");
    struct maintenance stamped = *m;
    if (!m->id) {
        stamped.id = c->ids.maintenance + 1;
        stamped.created_ms = clock_wall_ms();
    }
    struct window *fresh = window_new(&stamped, err);
    if (!fresh)
        return -1;
    if (!m->id) {
        c->ids.maintenance++;
        vec_push(&c->windows, fresh);
    } else {
        window_free(c->windows.at[at]);
        c->windows.at[at] = fresh;
    }
    batch_maintenance_put(core__batch(c), window_maintenance(fresh));
    *id = stamped.id;
    changed(c, *id, w);
    return 0;
}

int core_maintenance_del(struct core *c, uint64_t id, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    if (core__store_refuses(c, err) != 0)
        return -1;
    size_t at = place_of(c, id);
    if (at == c->windows.n)
        return unknown(id, err);
    window_free(c->windows.at[at]);
    memmove(&c->windows.at[at], &c->windows.at[at + 1],
            (--c->windows.n - at) * sizeof(c->windows.at[0]));
    batch_maintenance_del(core__batch(c), id);
    changed(c, id, w);
    return 0;
}

void core_maintenances_each(struct core *c, bool (*fn)(void *arg, const struct window *w),
                            void *arg)
{
    check_magic(c, CORE_MAGIC);
    vec_each (&c->windows, it)
        if (!fn(arg, *it))
            return;
}

/* One window's within the span; false: fn wants no more. */
static bool each_of(const struct window *w, int64_t since_ms, int64_t until_ms,
                    bool (*fn)(void *arg, const struct core_occurrence *o), void *arg)
{
    struct window_span span;
    int64_t at = since_ms;
    while (window_next(w, at, &span) && span.starts_ms < until_ms) {
        struct core_occurrence o = {w, span.starts_ms,
                                    span.ends_ms == WINDOW_OPEN ? 0 : span.ends_ms};
        if (!fn(arg, &o))
            return false;
        if (o.ends_ms == 0)
            break;
        at = span.ends_ms;
    }
    return true;
}

void core_occurrences_each(struct core *c, int64_t since_ms, int64_t until_ms,
                           bool (*fn)(void *arg, const struct core_occurrence *o), void *arg)
{
    check_magic(c, CORE_MAGIC);
    vec_each (&c->windows, it)
        if (!each_of(*it, since_ms, until_ms, fn, arg))
            return;
}

bool core_window_holds(struct core *c, const struct window *w, uint64_t target_id)
{
    const struct entry *e = core__entry(c, target_id);
    return e && window_holds(w, &(struct subject){e->target, e->instance});
}
