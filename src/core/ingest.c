/* From the rings to the judge. A watcher wakes us when its ring was empty, and for failures; while records keep coming
 * we look every few milliseconds instead of being woken for each. Records that an earlier life of the core already stored (the
 * ring's cursor) are skipped, so a crash replays nothing twice. */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "core/core_priv.h"

#define RECORDS_A_TURN 2000
#define BUSY_NS        (20 * NS_PER_MS)
#define CROWDED_NS     (50 * NS_PER_MS)

static void answer_check(struct core *c, const struct result *r, const void *record, size_t n)
{
    struct pending_check *p = map_u64_del(c->checks, r->request_id);
    if (!p)
        return; /* whoever asked has left, or asked an earlier life of the core */
    waiter_finish(p->waiter, NULL, record, n);
    waiter_unref(p->waiter);
    free(p);
}

static void remember_last(struct entry *e, const void *record, size_t n)
{
    if (n != e->last_result_n) {
        void *room = realloc(e->last_result, n);
        must(room || n == 0);
        e->last_result = room;
        e->last_result_n = (uint32_t)n;
    }
    memcpy(e->last_result, record, n);
}

static void take_record(struct core *c, struct watcher_slot *s, const void *record, size_t n,
                        struct arena *a)
{
    struct err err = {0};
    struct result *r = arena_new_of(a, struct result);
    if (result_decode(record, n, a, r, &err) != 0) {
        log_warn("a watcher published a result that cannot be read; it is dropped",
                 F_STR("watcher", s->name), F_ERR(&err));
        return;
    }
    c->stats.results++;
    if (r->request_id)
        answer_check(c, r, record, n);
    struct entry *e = r->target_id ? core__entry(c, r->target_id) : NULL;
    if (!e || !e->target->enabled)
        return; /* removed or paused meanwhile */
    remember_last(e, record, n);
    core__judge(c, e, r);
}

static void on_drain(struct timer *t);
static char *slot_path(struct core *c, const char *kind, const struct watcher_slot *s);
static void set_aside(const char *path);

/* The watcher sees within a second that its file was replaced, and goes over to the new one. */
static void damaged(struct core *c, struct watcher_slot *s, const struct err *err)
{
    log_error("a ring is damaged; it is set aside, what it held unread is lost",
              F_STR("watcher", s->name), F_ERR(err));
    char *path = slot_path(c, "rings", s);
    set_aside(path);
    free(path);
    core__attach_ring(c, s);
    timer_start(c->loop, &s->drain, clock_mono_ns() + NS_PER_S, on_drain);
}

/* Takes up to RECORDS_A_TURN records; returns how many, or -1 when the ring is damaged. */
static int take_some(struct core *c, struct watcher_slot *s)
{
    struct err err = {0};
    struct arena *a = arena_new();
    const void *p;
    size_t n;
    uint64_t seq;
    int taken = 0, rc = 0;
    while (taken < RECORDS_A_TURN && !core__commits_crowded(c) &&
           (rc = ring_next(s->ring, &p, &n, &seq, &err)) > 0) {
        taken++;
        s->read_seq = seq;
        if (seq <= s->cursor)
            c->stats.results_replayed++;
        else
            take_record(c, s, p, n, a);
        arena_reset(a);
    }
    arena_free(a);
    if (taken) {
        if (s->read_seq > s->cursor) { /* never back: what is stored already stays so */
            batch_cursor(core__batch(c), ring_id(s->ring), s->read_seq);
            s->cursor = s->read_seq;
        }
        core__commit_free_ring(c, s, s->read_seq);
        core__commit_soon(c);
    }
    if (rc >= 0)
        return taken;
    damaged(c, s, &err);
    return -1;
}

void core__drain(struct watcher_slot *s)
{
    struct core *c = s->core;
    check_magic(c, CORE_MAGIC);
    if (!s->ring)
        return;
    int taken = take_some(c, s);
    int64_t again = core__commits_crowded(c) ? CROWDED_NS : taken > 0 ? BUSY_NS : 0;
    if (taken < 0)
        return;
    if (again == 0 && ring_sleep(s->ring))
        again = 1;
    if (again)
        timer_start(c->loop, &s->drain, clock_mono_ns() + again, on_drain);
}

static void on_drain(struct timer *t)
{
    core__drain(container_of(t, struct watcher_slot, drain));
}

void core__drain_all(struct core *c)
{
    vec_each (&c->watchers, it)
        core__drain(*it);
}

void core__on_link(void *arg, const char *peer, const struct link_message *m)
{
    struct core *c = arg;
    check_magic(c, CORE_MAGIC);
    struct watcher_slot *s = core__watcher_by_name(c, peer);
    if (!s)
        return;
    if (m->type == LINK_HELLO) { /* its assignment may be of an earlier life of ours */
        link_send(c->link, s->key, LINK_RELOAD, 0, NULL, 0, NULL);
    }
    if (m->type == LINK_HELLO || m->type == LINK_WAKE || m->type == LINK_GONE)
        core__drain(s);
}

static char *slot_path(struct core *c, const char *kind, const struct watcher_slot *s)
{
    char *path;
    must(asprintf(&path, "%s/%s/%s", c->run_dir, kind, s->key) > 0);
    return path;
}

/* A damaged file is moved aside, so that watcher and core both begin a new one. */
static void set_aside(const char *path)
{
    char *aside;
    must(asprintf(&aside, "%s.damaged", path) > 0);
    rename(path, aside);
    free(aside);
}

void core__attach_ring(struct core *c, struct watcher_slot *s)
{
    struct err err = {0};
    char *ring = slot_path(c, "rings", s), *beat = slot_path(c, "beat", s);
    core__detach_ring(s);
    s->ring = ring_open(ring, (size_t)c->config->limits.watcher.ring_size, &err);
    if (!s->ring && err.code == ERR_DAMAGED) {
        log_error("a ring is damaged; it is set aside", F_STR("file", ring), F_ERR(&err));
        set_aside(ring);
        s->ring = ring_open(ring, (size_t)c->config->limits.watcher.ring_size, &err);
    }
    if (!s->ring && !s->ring_trouble)
        log_error("cannot open a watcher's ring; its results are not seen until that works",
                  F_STR("watcher", s->name), F_ERR(&err));
    s->ring_trouble = !s->ring;
    s->cursor = s->read_seq = 0;
    if (s->ring) {
        ring_rewind(s->ring);
        if (store_load_cursor(c->store, ring_id(s->ring), &s->cursor, &err) != 0)
            log_error("cannot read a ring's cursor", F_ERR(&err));
        s->read_seq = s->cursor;
    }
    if (!s->beat)
        s->beat = beat_map(beat, NULL);
    free(ring);
    free(beat);
}

void core__detach_ring(struct watcher_slot *s)
{
    timer_stop(&s->drain);
    ring_close(&s->ring);
}
