/* Taking records from a ring exactly once. A producer wakes us when its ring was empty, and for what is urgent; while
 * records keep coming we look every few milliseconds instead of being woken for each. Records that an earlier life of the core
 * already stored (the ring's cursor) are skipped, so a crash replays nothing twice. Main loop. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "core/core_priv.h"

#define RECORDS_A_TURN 2000
#define BUSY_NS        (20 * NS_PER_MS)
#define QUIET_NS       (100 * NS_PER_MS)
#define QUIET_RECORDS  50 /* no more than so many in a look: the next may take longer */
#define CROWDED_NS     (50 * NS_PER_MS)

void core__ring_set_aside(const char *path)
{
    char *aside;
    must(asprintf(&aside, "%s.damaged", path) > 0);
    rename(path, aside);
    free(aside);
}

static void on_drain(struct timer *t);

/* The producer sees that its file was replaced, and goes over to the new one. */
static void damaged(struct ring_tap *t, const struct err *err)
{
    log_error("a ring is damaged; it is set aside, what it held unread is lost",
              F_STR("file", t->path), F_ERR(err));
    core__ring_set_aside(t->path);
    core__tap_open(t);
    if (t->replaced)
        t->replaced(t);
    timer_start(t->core->loop, &t->drain, clock_mono_ns() + NS_PER_S, on_drain);
}

/* Takes up to RECORDS_A_TURN records; returns how many, or -1 when the ring is damaged. */
static int take_some(struct ring_tap *t)
{
    struct core *c = t->core;
    struct err err = {0};
    struct arena *a = arena_new();
    const void *p;
    size_t n;
    uint64_t seq;
    int taken = 0, rc = 0;
    while (taken < RECORDS_A_TURN && !core__commits_crowded(c) &&
           (rc = ring_next(t->ring, &p, &n, &seq, &err)) > 0) {
        taken++;
        t->read_seq = seq;
        if (seq <= t->cursor) {
            c->stats.results_replayed++;
            if (t->again)
                t->again(t, p, n, a);
        } else {
            t->take(t, p, n, a);
        }
        arena_reset(a);
    }
    arena_free(a);
    if (taken) {
        if (t->read_seq > t->cursor) { /* never back: what is stored already stays so */
            batch_cursor(core__batch(c), ring_id(t->ring), t->read_seq);
            t->cursor = t->read_seq;
        }
        core__commit_free_ring(c, t, t->read_seq);
        core__commit_soon(c);
    }
    if (rc >= 0)
        return taken;
    damaged(t, &err);
    return -1;
}

void core__tap_drain(struct ring_tap *t)
{
    struct core *c = t->core;
    check_magic(c, CORE_MAGIC);
    if (!t->ring)
        return;
    int taken = take_some(t);
    int64_t again = core__commits_crowded(c) ? CROWDED_NS
                    : taken > QUIET_RECORDS  ? BUSY_NS
                    : taken > 0              ? QUIET_NS
                                             : 0;
    if (taken < 0)
        return;
    if (again == 0 && ring_sleep(t->ring))
        again = 1;
    if (again)
        timer_start(c->loop, &t->drain, clock_mono_ns() + again, on_drain);
}

static void on_drain(struct timer *t)
{
    core__tap_drain(container_of(t, struct ring_tap, drain));
}

void core__tap_open(struct ring_tap *t)
{
    struct err err = {0};
    must(t->core && t->path && t->size > 0 && t->take);
    core__tap_close(t);
    t->ring = ring_open(t->path, t->size, &err);
    if (!t->ring && err.code == ERR_DAMAGED) {
        log_error("a ring is damaged; it is set aside", F_STR("file", t->path), F_ERR(&err));
        core__ring_set_aside(t->path);
        t->ring = ring_open(t->path, t->size, &err);
        if (t->ring && t->replaced)
            t->replaced(t);
    }
    if (!t->ring && !t->trouble)
        log_error("cannot open a ring; what it holds is not seen until that works",
                  F_STR("file", t->path), F_ERR(&err));
    t->trouble = !t->ring;
    t->cursor = t->read_seq = 0;
    if (!t->ring)
        return;
    ring_rewind(t->ring);
    if (store_load_cursor(t->core->store, ring_id(t->ring), &t->cursor, &err) != 0)
        log_error("cannot read a ring's cursor", F_ERR(&err));
    t->read_seq = t->cursor;
}

void core__tap_close(struct ring_tap *t)
{
    timer_stop(&t->drain);
    ring_close(&t->ring);
}
