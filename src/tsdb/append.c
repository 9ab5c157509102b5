/* Appending (tsdb.h, tsdb_append): judge, write to the WAL, apply; up to 4096 rows at once. append_lock is held throughout, so that the
 * order of the WAL is that of memory.
 *
 * Judging moves newest_ms and last_bits of each series forward, so that later rows of the same batch are judged rightly; when the WAL
 * cannot be written they are moved back. A row that is not newer than its series' newest takes a slow way: it is looked for among
 * what is stored and among the batch. */
#include <string.h>

#include "base/clock.h"
#include "tsdb/tsdb_priv.h"

static void see_time(struct tsdb *db, int64_t t)
{
    int64_t max = atomic_load_explicit(&db->max_ms, memory_order_relaxed);
    int64_t min = atomic_load_explicit(&db->min_ms, memory_order_relaxed);
    if (max == NO_TIME || t > max)
        atomic_store_explicit(&db->max_ms, t, memory_order_relaxed);
    if (min == NO_TIME || t < min)
        atomic_store_explicit(&db->min_ms, t, memory_order_relaxed);
}

/* --- judging --- */

struct batch {
    struct tsdb *db;
    struct appender *a;
    uint32_t taken;
    int64_t old_ms; /* before it a sample changes what queries have cached */
    bool old;
};

/* A sample at this time that was taken before in this batch. */
static const struct tsdb_row *find_taken(const struct batch *b, tsdb_ref ref, int64_t t)
{
    for (uint32_t i = b->taken; i-- > 0;) {
        const struct tsdb_row *r = &b->a->taken[i];
        if (r->ref == ref && r->t_ms == t)
            return r;
    }
    return NULL;
}

static enum tsdb_verdict judge_known(double had, double v)
{
    return f64_bits(had) == f64_bits(v) ? TSDB_SAME : TSDB_DUPLICATE;
}

/* A row that is not newer than the newest sample of its series. */
static enum tsdb_verdict judge_late(struct batch *b, struct series *s, const struct tsdb_row *row)
{
    const struct tsdb_row *taken = find_taken(b, row->ref, row->t_ms);
    if (taken)
        return judge_known(taken->v, row->v);
    double had;
    pthread_mutex_t *shard = head_shard(&b->db->head, ref_slot(row->ref));
    pthread_mutex_lock(shard);
    bool found = head_find(&b->db->head, s, row->t_ms, &had);
    pthread_mutex_unlock(shard);
    if (found)
        return judge_known(had, row->v);
    /* newest_ms - t_ms may be more than an int64_t holds */
    if ((uint64_t)s->newest_ms - (uint64_t)row->t_ms > (uint64_t)b->db->opt.out_of_order_ms)
        return TSDB_OUT_OF_ORDER;
    return TSDB_TAKEN;
}

static void take(struct batch *b, struct series *s, const struct tsdb_row *row, bool late)
{
    uint32_t i = b->taken++;
    b->a->taken[i] = *row;
    b->a->late[i] = late;
    b->a->before_ms[i] = s->newest_ms;
    b->a->before_bits[i] = s->last_bits;
    b->old |= row->t_ms < b->old_ms;
    if (row->t_ms < s->newest_ms)
        return;
    s->hollow = false;
    series_set_newest(s, row->t_ms, f64_bits(row->v));
}

static enum tsdb_verdict judge(struct batch *b, const struct tsdb_row *row)
{
    struct series *s = index_find(&b->db->index, row->ref);
    if (!s)
        return TSDB_GONE;
    if (row->t_ms > s->newest_ms || s->newest_ms == NO_TIME) {
        take(b, s, row, false);
        return TSDB_TAKEN;
    }
    if (row->t_ms == s->newest_ms && !s->hollow)
        return judge_known(f64_from_bits(s->last_bits), row->v);
    enum tsdb_verdict v = judge_late(b, s, row);
    if (v == TSDB_TAKEN)
        take(b, s, row, true);
    return v;
}

static void take_back(struct batch *b)
{
    while (b->taken > 0) {
        uint32_t i = --b->taken;
        struct series *s = index_series(&b->db->index, ref_slot(b->a->taken[i].ref));
        series_set_newest(s, b->a->before_ms[i], b->a->before_bits[i]);
        s->hollow = true;
    }
}

/* --- applying --- */

static void apply(struct tsdb *db, struct packer *p, const struct tsdb_row *rows,
                  const uint8_t *late, uint32_t n)
{
    pthread_mutex_t *held = NULL;
    for (uint32_t i = 0; i < n; i++) {
        uint32_t slot = ref_slot(rows[i].ref);
        pthread_mutex_t *shard = head_shard(&db->head, slot);
        if (shard != held) {
            if (held)
                pthread_mutex_unlock(held);
            pthread_mutex_lock(shard);
            held = shard;
        }
        must(held != NULL);
        struct series *s = index_series(&db->index, slot);
        if (late[i])
            head_insert(p, s, rows[i].t_ms, rows[i].v);
        else
            head_push(p, s, rows[i].t_ms, rows[i].v);
        see_time(db, rows[i].t_ms);
    }
    if (held)
        pthread_mutex_unlock(held);
}

/* --- the call --- */

/* Labels stand on the disk before the samples that need them. */
static int flush_labels(struct tsdb *db, struct err *err)
{
    pthread_mutex_lock(&db->index.lock);
    int rc = series_log_flush(db->log, err);
    pthread_mutex_unlock(&db->index.lock);
    return rc;
}

static int write_rows(struct tsdb *db, struct appender *a, uint32_t n, struct err *err)
{
    buf_clear(&a->record);
    wal_put_rows(&a->record, a->taken, n);
    if (flush_labels(db, err) < 0)
        return -1;
    return wal_write(db->wal, a->record.data, a->record.len, err);
}

static void count(struct tsdb *db, const uint32_t *seen)
{
    struct tsdb_counters *c = &db->count;
    if (seen[TSDB_TAKEN])
        c->samples += seen[TSDB_TAKEN];
    if (seen[TSDB_SAME])
        c->same += seen[TSDB_SAME];
    if (seen[TSDB_DUPLICATE])
        c->duplicate += seen[TSDB_DUPLICATE];
    if (seen[TSDB_OUT_OF_ORDER])
        c->out_of_order += seen[TSDB_OUT_OF_ORDER];
}

#define AHEAD 12 /* rows whose series is fetched meanwhile */

static int append_some(struct batch *b, const struct tsdb_row *rows, size_t n, uint8_t *verdict,
                       struct err *err)
{
    struct tsdb *db = b->db;
    uint32_t seen[TSDB_GONE + 1] = {0};
    uint8_t own[APPEND_ROWS];
    verdict = verdict ? verdict : own;
    b->taken = 0;
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n && ref_slot(rows[i + AHEAD].ref) < db->index.slots) {
            const struct series *s = index_series(&db->index, ref_slot(rows[i + AHEAD].ref));
            __builtin_prefetch(s, 1);
            __builtin_prefetch(s->v + 4, 1);
        }
        verdict[i] = (uint8_t)judge(b, &rows[i]);
        seen[verdict[i]]++;
    }
    if (b->taken > 0 && write_rows(db, b->a, b->taken, err) < 0) {
        take_back(b);
        return -1;
    }
    apply(db, &b->a->packer, b->a->taken, b->a->late, b->taken);
    b->a->since_snapshot += b->taken;
    count(db, seen);
    return 0;
}

static struct batch begin_batch(struct tsdb *db)
{
    return (struct batch){.db = db, .a = db->appender, .old_ms = tsdb__now(db) - CACHE_HORIZON_MS};
}

#define SNAPSHOT_ROWS 4000000u /* replaying more takes too long: a second for 4 million */

static int after_append(struct tsdb *db, int rc, struct err *err)
{
    bool full = rc < 0 && err->code == ERR_FULL;
    if (rc == 0 || full)
        db->full = full;
    if (db->appender->since_snapshot > SNAPSHOT_ROWS && !db->snapshot_wanted) {
        db->snapshot_wanted = true;
        background_wake(db);
    }
    return rc;
}

int tsdb_append(struct tsdb *db, const struct tsdb_row *rows, size_t n, uint8_t *verdict,
                struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    struct err own;
    err = err ? err : &own;
    int rc = 0;
    struct batch b = begin_batch(db);
    pthread_mutex_lock(&db->append_lock);
    for (size_t from = 0; rc == 0 && from < n; from += APPEND_ROWS) {
        size_t some = n - from < APPEND_ROWS ? n - from : APPEND_ROWS;
        rc = append_some(&b, rows + from, some, verdict ? verdict + from : NULL, err);
    }
    if (b.old)
        db->generation++;
    rc = after_append(db, rc, err);
    pthread_mutex_unlock(&db->append_lock);
    if (rc == 0 && db->opt.wal_sync_ms == 0)
        rc = tsdb_sync(db, err);
    return rc;
}

int tsdb_sync(struct tsdb *db, struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    return series_log_sync(db->log, err) < 0 || wal_sync(db->wal, err) < 0 ? -1 : 0;
}

/* --- at a start --- */

/* The snapshot may know this sample already, or only that it was about to come: newest_ms runs ahead of the samples. */
static void replay_row(struct tsdb *db, struct packer *p, struct series *s,
                       const struct tsdb_row *row)
{
    double had;
    bool newer = s->newest_ms == NO_TIME || row->t_ms > s->newest_ms;
    if (!newer && head_find(&db->head, s, row->t_ms, &had))
        return;
    if (row->t_ms < s->newest_ms && !newer) {
        head_insert(p, s, row->t_ms, row->v);
        return;
    }
    head_push(p, s, row->t_ms, row->v);
    series_set_newest(s, row->t_ms, f64_bits(row->v));
    s->hollow = false;
}

void tsdb__replay_rows(struct tsdb *db, const struct tsdb_row *rows, size_t n)
{
    struct packer *p = &db->appender->packer;
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n && ref_slot(rows[i + AHEAD].ref) < db->index.slots) {
            const struct series *ahead = index_series(&db->index, ref_slot(rows[i + AHEAD].ref));
            __builtin_prefetch(ahead, 1);
            __builtin_prefetch(ahead->v + 4, 1);
        }
        struct series *s = index_find(&db->index, rows[i].ref);
        if (!s)
            continue; /* forgotten since */
        replay_row(db, p, s, &rows[i]);
        see_time(db, rows[i].t_ms);
    }
}

void tsdb__delete_rows(struct tsdb *db, const tsdb_ref *refs, size_t n, int64_t min_ms,
                       int64_t max_ms)
{
    struct samples before = {0}, after = {0};
    struct packer *p = &db->appender->packer;
    for (size_t i = 0; i < n; i++) {
        struct series *s = index_find(&db->index, refs[i]);
        uint32_t slot = ref_slot(refs[i]);
        if (!s)
            continue;
        before.n = after.n = 0;
        head_read(&db->head, s, slot, INT64_MIN, INT64_MAX, 0, &before, NULL);
        for (uint32_t k = 0; k < before.n; k++) {
            if (before.t[k] < min_ms || before.t[k] > max_ms)
                samples_add(&after, before.t[k], before.v[k]);
        }
        if (after.n == before.n)
            continue;
        pthread_mutex_lock(head_shard(&db->head, slot));
        head_replace(p, s, &after);
        s->hollow = true;
        pthread_mutex_unlock(head_shard(&db->head, slot));
    }
    samples_done(&before);
    samples_done(&after);
    db->generation++;
}
