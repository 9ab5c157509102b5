/* Batches on their way to the store.
 *
 *   filling --flush (100 ms, or at once with an alert)--> under way --done--> ring freed, deliveries released, waiters told
 *                                                             \--failed--> held, retried each second in order
 *
 * One batch is under way at a time: what is judged meanwhile fills the next, which is group commit by itself. While
 * the store fails, judging and ringing go on from memory: deliveries are released without being durable, waiting
 * batches are bounded by dropping results (never alerts), oldest first, counted. */
#include <stdlib.h>

#include "base/clock.h"
#include "core/core_priv.h"

#define FLUSH_NS       (100 * NS_PER_MS)
#define RETRY_NS       NS_PER_S
#define CROWDED_BYTES  (16u << 20)
#define HELD_BYTES_MAX (64u << 20)

struct ring_mark {
    struct watcher_slot *slot;
    uint64_t ring_id; /* the slot may have got another ring meanwhile */
    uint64_t seq;
};

struct commit {
    struct core *core;
    struct batch *batch;
    vec_of(struct ring_mark) marks;
    vec_of(uint64_t) deliveries;
    vec_of(struct waiter *) waiters;
    bool urgent;
};

static void on_flush(struct timer *t);
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
    vec_done(&k->waiters);
    free(k);
}

void core__commit_init(struct core *c)
{
    c->commit = commit_new(c);
}

void core__commit_done(struct core *c)
{
    timer_stop(&c->flush_timer);
    timer_stop(&c->retry_timer);
    commit_free(c->commit);
    commit_free(c->under_way);
    vec_each (&c->held, it)
        commit_free(*it);
    vec_done(&c->held);
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
    size_t n = batch_bytes(c->commit->batch);
    for (size_t i = 0; i < c->held.n; i++)
        n += batch_bytes(c->held.at[i]->batch);
    return n;
}

bool core__commits_crowded(const struct core *c)
{
    return c->store_err.code == ERR_OK && batch_bytes(c->commit->batch) > CROWDED_BYTES;
}

bool core__commits_idle(const struct core *c)
{
    return !c->under_way && c->held.n == 0 && is_empty(c->commit);
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
        if (m->slot->ring && ring_id(m->slot->ring) == m->ring_id)
            ring_free_upto(m->slot->ring, m->seq);
    release(k);
    vec_each (&k->waiters, it) {
        waiter_finish(*it, NULL, NULL, 0);
        waiter_unref(*it);
    }
    commit_free(k);
}

/* Results are the bulk; alerts and deliveries are kept whatever happens. */
static void bound_held(struct core *c)
{
    for (size_t i = 0; i < c->held.n && waiting_bytes(c) > HELD_BYTES_MAX; i++)
        c->stats.results_dropped += batch_drop_results(c->held.at[i]->batch);
}

static void hold(struct core *c, struct commit *k, bool in_front)
{
    release(k); /* the bell does not wait for a disk */
    vec_push(&c->held, k);
    if (in_front) {
        memmove(&c->held.at[1], &c->held.at[0], (c->held.n - 1) * sizeof(k));
        c->held.at[0] = k;
    }
    bound_held(c);
    if (!timer_active(&c->retry_timer))
        timer_start(c->loop, &c->retry_timer, clock_mono_ns() + RETRY_NS, on_retry);
}

static void submit_next(struct core *c);

static void refuse_waiters(struct commit *k, const struct err *err)
{
    vec_each (&k->waiters, it) {
        waiter_finish(*it, err, NULL, 0);
        waiter_unref(*it);
    }
    vec_clear(&k->waiters);
}

static void on_committed(void *arg, struct batch *b, const struct err *err)
{
    struct core *c = arg;
    check_magic(c, CORE_MAGIC);
    struct commit *k = c->under_way;
    must(k);
    c->under_way = NULL;
    k->batch = b;
    if (err) {
        c->store_err = *err;
        refuse_waiters(k, err);
        if (!b) /* not worth retrying: it is lost, but never silently */
            log_error("a batch could not be stored and was given up", F_ERR(err));
        if (!b)
            k->batch = batch_new();
        hold(c, k, true);
        return;
    }
    err_clear(&c->store_err);
    finish(k);
    submit_next(c);
}

static void submit(struct core *c, struct commit *k)
{
    must(!c->under_way);
    c->under_way = k;
    struct batch *b = k->batch;
    k->batch = NULL;
    store_submit(c->store, b, on_committed, c);
}

static void submit_next(struct core *c)
{
    if (c->under_way)
        return;
    if (c->held.n) {
        struct commit *k = c->held.at[0];
        memmove(&c->held.at[0], &c->held.at[1], --c->held.n * sizeof(k));
        submit(c, k);
        return;
    }
    if (c->commit->urgent)
        core__commit_now(c);
    else if (!is_empty(c->commit))
        core__commit_soon(c);
}

void core__commit_now(struct core *c)
{
    struct commit *k = c->commit;
    if (is_empty(k))
        return;
    k->urgent = true;
    if (c->under_way)
        return;
    timer_stop(&c->flush_timer);
    c->commit = commit_new(c);
    if (c->held.n)
        hold(c, k, false);
    else
        submit(c, k);
}

static void on_flush(struct timer *t)
{
    core__commit_now(container_of(t, struct core, flush_timer));
}

static void on_retry(struct timer *t)
{
    struct core *c = container_of(t, struct core, retry_timer);
    check_magic(c, CORE_MAGIC);
    submit_next(c);
}

void core__commit_soon(struct core *c)
{
    if (!timer_active(&c->flush_timer))
        timer_start(c->loop, &c->flush_timer, clock_mono_ns() + FLUSH_NS, on_flush);
}

/* Not here and now: what is being put together (result, state, alert and the ring's cursor) is one transaction. */
void core__commit_next(struct core *c)
{
    c->commit->urgent = true;
    timer_start(c->loop, &c->flush_timer, clock_mono_ns(), on_flush);
}

void core__commit_wait(struct core *c, struct waiter *w)
{
    if (w)
        vec_push(&c->commit->waiters, waiter_ref(w));
    core__commit_now(c);
}

void core__commit_free_ring(struct core *c, struct watcher_slot *s, uint64_t seq)
{
    struct commit *k = c->commit;
    must(s->ring);
    for (size_t i = 0; i < k->marks.n; i++)
        if (k->marks.at[i].slot == s && k->marks.at[i].ring_id == ring_id(s->ring)) {
            must(k->marks.at[i].seq <= seq);
            k->marks.at[i].seq = seq;
            return;
        }
    vec_push(&k->marks, ((struct ring_mark){s, ring_id(s->ring), seq}));
}

void core__commit_release(struct core *c, uint64_t delivery_id)
{
    vec_push(&c->commit->deliveries, delivery_id);
}
