/* Batches on their way to the store.
 *
 *   filling --flush (100 ms, or at once with an alert)--> under way --done--> ring freed, deliveries released, waiters told
 *                                                             \--failed--> held, tried again each second
 *
 * One batch is under way at a time: what is judged meanwhile fills the next, which is group commit by itself. While
 * the store fails (or hangs), judging and ringing go on from memory: the failed batch is held, everything after it
 * stays in the one being filled, so the order is kept; deliveries are released without being durable, waiters are
 * refused, rings that grow full are freed, and memory is bounded by dropping results (never alerts), oldest first,
 * counted. */
#include <stdlib.h>

#include "base/clock.h"
#include "core/core_priv.h"
#include "core/seal.h"

#define FLUSH_NS       (100 * NS_PER_MS)
#define RETRY_NS       NS_PER_S
#define CROWDED_BYTES  (16u << 20)
#define HELD_BYTES_MAX (64u << 20)

struct ring_mark {
    struct ring_tap *tap;
    uint64_t ring_id; /* the tap may have got another ring meanwhile */
    uint64_t seq;
};

struct commit {
    struct core *core;
    struct batch *batch;
    vec_of(struct ring_mark) marks;
    vec_of(uint64_t) deliveries;
    vec_of(struct waiter *) waiters;
    uint64_t series; /* what the writer of series was given until it was submitted */
    bool urgent;
    bool reseal; /* the secrets of all rows are in it, sealed with the present key */
};

static void on_retry(struct timer *t);

static struct commit *commit_new(struct core *c)
{
    struct commit *k = calloc(1, sizeof(*k));
    must(k);
    k->core = c;
    k->batch = batch_new();
    return k;
}

static void commit_free(struct commit *k)
{
    if (!k)
        return;
    batch_free(k->batch);
    vec_done(&k->marks);
    vec_done(&k->deliveries);
    must(k->waiters.n == 0);
    vec_done(&k->waiters);
    free(k);
}

void core__commit_init(struct core *c)
{
    c->commit = commit_new(c);
}

static void refuse_waiters(struct commit *k, const struct err *err)
{
    vec_each (&k->waiters, it) {
        waiter_finish(*it, err, NULL, 0);
        waiter_unref(*it);
    }
    vec_clear(&k->waiters);
}

/* The core ends: whoever still waits is told, what was not submitted is replayed from the rings. */
static void abandon(struct commit *k)
{
    struct err err = {0};
    if (!k)
        return;
    err_set(&err, ERR_CANCELLED, "Belfry is stopping");
    refuse_waiters(k, &err);
    commit_free(k);
}

void core__commit_done(struct core *c)
{
    must(c->closing && !c->store);
    timer_stop(&c->flush_timer);
    timer_stop(&c->retry_timer);
    must(!c->under_way); /* the store answered when it was closed */
    abandon(c->commit);
    abandon(c->held);
}

struct batch *core__batch(struct core *c)
{
    check_magic(c, CORE_MAGIC);
    return c->commit->batch;
}

static bool is_empty(const struct commit *k)
{
    return batch_ops(k->batch) == 0 && k->waiters.n == 0 && k->deliveries.n == 0 && k->marks.n == 0;
}

static size_t waiting_bytes(const struct core *c)
{
    return batch_bytes(c->commit->batch) + (c->held ? batch_bytes(c->held->batch) : 0);
}

bool core__commits_crowded(const struct core *c)
{
    return c->store_err.code == ERR_OK && batch_bytes(c->commit->batch) > CROWDED_BYTES;
}

bool core__commits_idle(const struct core *c)
{
    return !c->under_way && !c->held && is_empty(c->commit);
}

static void release(struct commit *k)
{
    struct core *c = k->core;
    for (size_t i = 0; i < k->deliveries.n; i++) {
        struct delivery *d = map_u64_get(c->deliveries, k->deliveries.at[i]);
        if (d)
            core__delivery_add(c, d);
    }
    vec_clear(&k->deliveries);
}

static void finish(struct commit *k)
{
    vec_each (&k->marks, m)
        if (m->tap->ring && ring_id(m->tap->ring) == m->ring_id)
            core__metrics_free_ring(k->core, m->tap, m->seq, k->series);
    release(k);
    if (k->reseal)
        core__seal_stored(k->core);
    vec_each (&k->waiters, it) {
        waiter_finish(*it, NULL, NULL, 0);
        waiter_unref(*it);
    }
    vec_clear(&k->waiters);
    commit_free(k);
}

/* The change is made in memory and will be stored with the rest; whoever made it must know that it is not yet. */
static void refuse_for_now(struct commit *k, const struct err *why)
{
    struct err err = {0};
    err_set(&err, ERR_BUSY, "in force, but not stored yet: %s", why->msg);
    refuse_waiters(k, &err);
}

/* Results are the bulk; alerts and deliveries are kept whatever happens. */
static void bound_memory(struct core *c)
{
    if (c->held && waiting_bytes(c) > HELD_BYTES_MAX)
        c->stats.results_dropped += batch_drop_results(c->held->batch);
    if (waiting_bytes(c) > HELD_BYTES_MAX)
        c->stats.results_dropped += batch_drop_results(c->commit->batch);
}

/* A full ring would drop what has not been judged yet: then nothing rings any more. Better to lose, if we die now, results
 * that were judged but never stored. */
static void spare_rings(struct commit *k)
{
    vec_each (&k->marks, m) {
        struct ring *r = m->tap->ring;
        if (!r || ring_id(r) != m->ring_id)
            continue;
        struct ring_stats st = ring_stats(r);
        if (st.used > st.size / 2)
            ring_free_upto(r, m->seq);
    }
}

/* The store fails: the bell does not wait for a disk. */
static void live_from_memory(struct core *c, struct commit *k)
{
    must(c->store_err.code != ERR_OK);
    release(k);
    refuse_for_now(k, &c->store_err);
    spare_rings(k);
}

static void flush(struct core *c);

static void hold(struct core *c, struct commit *k)
{
    must(!c->held && !c->under_way);
    c->held = k;
    live_from_memory(c, k);
    flush(c);
    timer_start(c->loop, &c->retry_timer, clock_mono_ns() + RETRY_NS, on_retry);
}

static void on_committed(void *arg, struct batch *b, const struct err *err)
{
    struct core *c = arg;
    check_magic(c, CORE_MAGIC);
    struct commit *k = c->under_way;
    must(k && !k->batch && !c->held);
    c->under_way = NULL;
    k->batch = b;
    if (err) {
        c->store_err = *err;
        if (!b) { /* not worth retrying: it is lost, but never silently */
            log_error("a batch could not be stored and was given up", F_ERR(err));
            k->batch = batch_new();
        }
        hold(c, k);
        return;
    }
    err_clear(&c->store_err);
    timer_stop(&c->retry_timer);
    finish(k);
    if (c->closing)
        return;
    if (c->commit->urgent)
        flush(c);
    else if (!is_empty(c->commit))
        core__commit_soon(c);
}

static void submit(struct core *c, struct commit *k)
{
    must(!c->under_way && !c->closing);
    c->under_way = k;
    k->series = core__metrics_seal(c);
    struct batch *b = k->batch;
    k->batch = NULL;
    timer_start(c->loop, &c->retry_timer, clock_mono_ns() + RETRY_NS, on_retry);
    store_submit(c->store, b, on_committed, c);
}

static void flush(struct core *c)
{
    struct commit *k = c->commit;
    if (is_empty(k))
        return;
    k->urgent = true;
    if (c->store_err.code != ERR_OK && (c->held || c->under_way)) {
        live_from_memory(c, k);
        bound_memory(c);
    } else if (!c->under_way && !c->closing) {
        timer_stop(&c->flush_timer);
        c->commit = commit_new(c);
        submit(c, k);
    }
}

static void on_flush(struct timer *t)
{
    struct core *c = container_of(t, struct core, flush_timer);
    check_magic(c, CORE_MAGIC);
    flush(c);
}

/* A second after it was submitted or failed: it is tried again, or the store hangs (a stalled disk) and the bell goes
 * first. */
static void on_retry(struct timer *t)
{
    struct core *c = container_of(t, struct core, retry_timer);
    check_magic(c, CORE_MAGIC);
    must(!c->held || !c->under_way);
    if (c->closing)
        return;
    if (c->under_way) {
        release(c->under_way);
        release(c->commit);
        timer_start(c->loop, &c->retry_timer, clock_mono_ns() + RETRY_NS, on_retry);
    } else if (c->held) {
        struct commit *k = c->held;
        c->held = NULL;
        submit(c, k);
    }
}

void core__commit_now(struct core *c)
{
    if (is_empty(c->commit))
        return;
    c->commit->urgent = true;
    timer_start(c->loop, &c->flush_timer, clock_mono_ns(), on_flush);
}

void core__commit_soon(struct core *c)
{
    if (!timer_active(&c->flush_timer))
        timer_start(c->loop, &c->flush_timer, clock_mono_ns() + FLUSH_NS, on_flush);
}

void core__commit_wait(struct core *c, struct waiter *w)
{
    if (w)
        vec_push(&c->commit->waiters, waiter_ref(w));
    core__commit_now(c);
}

void core__commit_forget_ring(struct core *c, const struct ring_tap *t)
{
    struct commit *const all[] = {c->commit, c->under_way, c->held};
    core__metrics_forget_ring(c, t);
    for (size_t k = 0; k < array_len(all); k++)
        for (size_t i = 0; all[k] && i < all[k]->marks.n;)
            if (all[k]->marks.at[i].tap == t)
                all[k]->marks.at[i] = vec_pop(&all[k]->marks);
            else
                i++;
}

void core__commit_free_ring(struct core *c, struct ring_tap *t, uint64_t seq)
{
    struct commit *k = c->commit;
    must(t->ring);
    for (size_t i = 0; i < k->marks.n; i++)
        if (k->marks.at[i].tap == t && k->marks.at[i].ring_id == ring_id(t->ring)) {
            must(k->marks.at[i].seq <= seq);
            k->marks.at[i].seq = seq;
            return;
        }
    vec_push(&k->marks, ((struct ring_mark){t, ring_id(t->ring), seq}));
}

void core__commit_reseal(struct core *c)
{
    c->commit->reseal = true;
    core__commit_soon(c);
}

void core__commit_release(struct core *c, uint64_t delivery_id)
{
    vec_push(&c->commit->deliveries, delivery_id);
}
