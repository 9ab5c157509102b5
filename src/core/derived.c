/* Results that the core makes itself (inner.h, located.h) on their way to the series. They come out of no watcher's ring, so that a core which
 * died between their batch and the writing of their series would leave a gap. Each therefore stands in a ring of the core's own
 * (data/run/derived) until the series have it, and its number is in its batch:
 *
 *   result ──▶ ring ──▶ row, state, alert and the ring's cursor: one batch ──▶ series ──▶ freed
 *
 * What a core finds there at its start was stored when it is not above the cursor: the series get it again, where a sample of one moment
 * counts once. What is above it never was, and is dropped as its batch was. The ring is made with the first such result; without one
 * (no room on the disk) all else is as ever. Main loop. */
#include "core/derived.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"

#define RING_SIZE ((size_t)4 << 20)

_Static_assert(RING_SIZE / 4 >= RESULT_ENCODED_MAX + 1000, "each result fits");

static void open_ring(struct ring_tap *t)
{
    struct err err = {0};
    must(!t->ring && t->path);
    t->ring = ring_open(t->path, RING_SIZE, &err);
    if (!t->ring && err.code == ERR_DAMAGED) {
        core__ring_set_aside(t->path);
        t->ring = ring_open(t->path, RING_SIZE, &err);
    }
    if (t->ring && ring_claim(t->ring, &err) != 0)
        ring_close(&t->ring);
    t->trouble = !t->ring;
    if (t->trouble)
        log_warn("what the core itself judges may be missing in the series after a crash",
                 F_STR("file", t->path), F_ERR(&err));
}

/* --- a new core --- */

static void feed(struct core *c, const void *record, size_t n, struct arena *a)
{
    struct result *r = arena_new_of(a, struct result);
    if (result_decode(record, n, a, r, NULL) != 0)
        return;
    struct entry *e = core__entry(c, r->target_id);
    if (e && e->target->enabled && (e->inner || e->located))
        core__metrics_result(c, e, record, n);
}

static void give_again(struct core *c, struct ring_tap *t)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct err err = {0};
    const void *p;
    size_t n;
    uint64_t seq;
    int rc;
    while ((rc = ring_next(t->ring, &p, &n, &seq, &err)) > 0) {
        t->read_seq = seq;
        if (seq <= t->cursor)
            feed(c, p, n, a);
        arena_reset(a);
    }
    if (rc < 0) {
        ring_close(&t->ring);
        core__ring_set_aside(t->path); /* begun anew with the next result */
    } else if (t->read_seq > 0) {
        core__commit_free_ring(c, t, t->read_seq);
        core__commit_soon(c);
    }
}

void core__derived_open(struct core *c)
{
    struct ring_tap *t = &c->derived;
    struct err err = {0};
    t->core = c;
    t->path = path_join(c->run_dir, "derived");
    if (!c->metrics || access(t->path, F_OK) != 0)
        return;
    open_ring(t);
    if (!t->ring)
        return;
    if (store_load_cursor(c->store, ring_id(t->ring), &t->cursor, &err) != 0)
        log_error("cannot read a ring's cursor", F_ERR(&err));
    give_again(c, t);
}

void core__derived_close(struct core *c)
{
    ring_close(&c->derived.ring);
    free(c->derived.path);
    c->derived.path = NULL;
}

/* --- its results --- */

static void keep(struct core *c, struct ring_tap *t, const void *record, size_t n)
{
    const void *p;
    bool wake;
    uint64_t seq, at;
    if (!t->ring && !t->trouble)
        open_ring(t);
    if (!t->ring || !ring_publish(t->ring, record, n, &seq, &wake))
        return; /* full: as it would be without */
    while (ring_next(t->ring, &p, &n, &at, NULL) > 0)
        must(at <= seq);
    t->read_seq = seq;
    batch_cursor(core__batch(c), ring_id(t->ring), seq);
    core__commit_free_ring(c, t, seq);
}

void core__derived_result(struct core *c, struct entry *e, const struct result *r,
                          const void *record, size_t n)
{
    must(e->inner || e->located);
    if (c->metrics)
        keep(c, &c->derived, record, n);
    core__take_result(c, e, r, record, n);
    core__commit_soon(c);
}
