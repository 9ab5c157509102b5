/* The life of a queue, on a fiber of the sender's thread (remote/sender_priv.h):
 *
 *     gather rows ─► sort by shard and series ─► a fiber a shard sends ─► all decided: the place moves on ─┐
 *          ▲                                                                                               │
 *          └───────────────────────────────────────────────────────────────────────────────────────────────┘
 *
 * A round is a barrier: what is read next is sent when everything before was decided, so a series' samples stay in order
 * whichever shard sends them. */
#include "remote/sender_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/log.h"
#include "base/map.h"
#include "base/must.h"

#define POLL_MS  100 /* how often the WAL is looked at */
#define SAVE_NS  NS_PER_S
#define ROWS_MAX 200000 /* of one round */

void queue_free(struct queue *q)
{
    if (!q)
        return;
    must(q->fiber == NULL && q->children == 0);
    relabel_free(q->relabel);
    free(q->rows);
    free(q->order);
    free(q->active);
    arena_free(q->arena);
}

/* --- the place --- */

static void load_place(struct queue *q)
{
    struct err err = {0};
    if (place_load(q->place_path, &q->place, &q->since_ms, &err) == 0)
        return;
    q->place = (struct tsdb_place){0};
    if (err.code == ERR_NOT_FOUND)
        q->since_ms = clock_wall_ms();
    else
        log_warn("the place of a remote write is lost; what the WAL still has is sent again",
                 F_STR("queue", q->name), F_ERR(&err));
}

static void save_place(struct queue *q, bool now)
{
    struct err err = {0};
    if (!now && clock_mono_ns() - q->saved_ns < SAVE_NS)
        return;
    q->saved_ns = clock_mono_ns();
    if (place_save(q->place_path, q->place, q->since_ms, &err) < 0)
        log_warn("the place of a remote write cannot be kept; samples may be sent twice",
                 F_STR("queue", q->name), F_ERR(&err));
}

/* --- gathering --- */

/* A new queue leaves out what was there before it. */
static size_t without_past(struct queue *q, size_t from, size_t n)
{
    size_t kept = from;
    for (size_t i = from; i < from + n; i++) {
        if (q->since_ms == 0 || q->rows[i].t_ms >= q->since_ms)
            q->rows[kept++] = q->rows[i];
    }
    return kept - from;
}

static void count_read(struct queue *q, size_t from)
{
    pthread_mutex_lock(&q->writers->lock);
    q->stats.pending = q->n_rows;
    for (size_t i = from; i < q->n_rows; i++) {
        if (q->rows[i].t_ms > q->stats.newest_read_ms)
            q->stats.newest_read_ms = q->rows[i].t_ms;
    }
    pthread_mutex_unlock(&q->writers->lock);
}

/* Reads until there is enough for a request and nothing more comes, or some have waited long enough. */
static void gather(struct queue *q, struct tsdb_place *place)
{
    int64_t deadline = IO_FOREVER;
    q->n_rows = 0;
    while (!q->ending && q->n_rows < q->max_rows) {
        struct err err = {0};
        size_t n =
            tsdb_tail_next(q->tail, q->rows + q->n_rows, q->max_rows - q->n_rows, place, &err);
        must(n <= q->max_rows - q->n_rows);
        size_t before = q->n_rows;
        q->n_rows += without_past(q, before, n);
        count_read(q, before);
        int64_t now = clock_mono_ns();
        if (q->n_rows > 0 && deadline == IO_FOREVER)
            deadline = now + q->config.queue.batch_send_deadline_ms * NS_PER_MS;
        if (n > 0 && now < deadline)
            continue;
        q->since_ms = n == 0 && err.code == ERR_OK ? 0 : q->since_ms;
        if (now >= deadline || q->n_rows >= (size_t)q->config.queue.max_samples_per_send)
            return;
        if (err.code != ERR_OK)
            log_warn("remote write cannot read the WAL; it is tried again", F_STR("queue", q->name),
                     F_ERR(&err));
        if (q->n_rows == 0 && q->config.metadata.send && now >= q->metadata_ns)
            return;
        fiber_park(now + (err.code != ERR_OK ? NS_PER_S : POLL_MS * NS_PER_MS), NULL);
    }
}

/* --- a round --- */

struct child {
    struct queue *q;
    size_t slot, from, to;
    bool metadata;
};

static void child_run(void *arg)
{
    struct child c = *(struct child *)arg;
    struct queue *q = c.q;
    check_magic(q, QUEUE_MAGIC);
    q->active[c.slot] = fiber_self();
    q->children++;
    if (c.metadata)
        send_metadata(q);
    else
        send_rows(q, c.from, c.to);
    q->active[c.slot] = NULL;
    if (--q->children == 0)
        fiber_wake(q->fiber);
}

static void start_child(struct child *c)
{
    struct err err = {0};
    if (fiber_start(c->q->writers->loop, child_run, c, &err) < 0) {
        log_error("remote write cannot send", F_STR("queue", c->q->name), F_ERR(&err));
        c->q->unsent = true;
    }
}

static void wait_children(struct queue *q)
{
    while (q->children > 0)
        fiber_park(IO_FOREVER, NULL);
}

static int by_shard(const void *a, const void *b, void *arg)
{
    const struct queue_slot *x = a, *y = b;
    const struct tsdb_row *rows = arg;
    tsdb_ref p = rows[x->row].ref, q = rows[y->row].ref;
    if (x->shard != y->shard)
        return x->shard < y->shard ? -1 : 1;
    if (p != q)
        return p < q ? -1 : 1;
    return x->row < y->row ? -1 : x->row > y->row;
}

static uint32_t sort_rows(struct queue *q)
{
    const int64_t per_send = q->config.queue.max_samples_per_send;
    int64_t shards = ((int64_t)q->n_rows + per_send - 1) / per_send;
    if (shards < q->config.queue.min_shards)
        shards = q->config.queue.min_shards;
    if (shards > q->config.queue.max_shards)
        shards = q->config.queue.max_shards;
    must(shards > 0);
    for (size_t i = 0; i < q->n_rows; i++)
        q->order[i] = (struct queue_slot){(uint32_t)(hash_u64(q->rows[i].ref) % (uint64_t)shards),
                                          (uint32_t)i};
    qsort_r(q->order, q->n_rows, sizeof(*q->order), by_shard, q->rows);
    pthread_mutex_lock(&q->writers->lock);
    q->stats.shards = (uint32_t)shards;
    pthread_mutex_unlock(&q->writers->lock);
    return (uint32_t)shards;
}

/* 0: everything was decided. -1: not so, the queue ends or begins the round again. */
static int send_round(struct queue *q)
{
    sort_rows(q);
    q->unsent = false;
    size_t slot = 0;
    for (size_t from = 0, to; from < q->n_rows; from = to, slot++) {
        for (to = from; to < q->n_rows && q->order[to].shard == q->order[from].shard;)
            to++;
        must(slot < (size_t)q->config.queue.max_shards);
        struct child c = {q, slot, from, to, false};
        start_child(&c);
    }
    wait_children(q);
    return q->unsent ? -1 : 0;
}

static void metadata_round(struct queue *q)
{
    int64_t now = clock_mono_ns();
    if (!q->config.metadata.send || now < q->metadata_ns || q->ending)
        return;
    q->metadata_ns = now + q->config.metadata.send_interval_ms * NS_PER_MS;
    struct child c = {q, 0, 0, 0, true};
    start_child(&c);
    wait_children(q);
}

static void round_done(struct queue *q, struct tsdb_place place)
{
    pthread_mutex_lock(&q->writers->lock);
    q->stats.pending = 0;
    q->stats.newest_sent_ms = q->stats.newest_read_ms;
    pthread_mutex_unlock(&q->writers->lock);
    q->place = place;
    tsdb_tail_done(q->tail, place);
    save_place(q, false);
}

static void allocate(struct queue *q)
{
    int64_t rows = q->config.queue.max_shards * q->config.queue.max_samples_per_send;
    q->max_rows = rows < ROWS_MAX ? (size_t)rows : ROWS_MAX;
    q->rows = malloc(q->max_rows * sizeof(*q->rows));
    q->order = malloc(q->max_rows * sizeof(*q->order));
    q->active = calloc((size_t)q->config.queue.max_shards, sizeof(*q->active));
    must(q->rows != NULL && q->order != NULL && q->active != NULL);
}

void queue_run(void *arg)
{
    struct queue *q = arg;
    check_magic(q, QUEUE_MAGIC);
    struct remote_writers *w = q->writers;
    q->fiber = fiber_self();
    allocate(q);
    load_place(q);
    save_place(q, true); /* a new queue is old from now on, however soon it ends */
    q->tail = tsdb_tail_open(w->opt.db, q->place, w->opt.keep_bytes);
    while (!q->ending) {
        struct tsdb_place place = q->place;
        gather(q, &place);
        if (q->ending)
            break;
        metadata_round(q);
        while (q->n_rows > 0 && send_round(q) < 0 && !q->ending)
            fiber_park(clock_mono_ns() + NS_PER_S, NULL);
        if (q->ending && q->n_rows > 0)
            break;
        round_done(q, place);
    }
    save_place(q, true);
    tsdb_tail_free(q->tail);
    q->tail = NULL;
    q->fiber = NULL;
    fiber_wake(w->manager);
}

void queue_end(struct queue *q)
{
    check_magic(q, QUEUE_MAGIC);
    q->ending = true;
    for (int64_t i = 0; i < q->config.queue.max_shards && q->active; i++) {
        if (q->active[i])
            fiber_cancel(q->active[i]);
    }
    if (q->fiber && q->children == 0)
        fiber_wake(q->fiber);
}
