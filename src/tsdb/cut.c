/* Cutting: the oldest block's span leaves the head and becomes a block. keep_lock is held throughout, every other lock for moments.
 *
 *   freeze   samples of the span become chunks marked HEAD_CUT; what comes late from now on is not marked and waits for the next cut
 *   write    the marked chunks, series by series in the order of labels, into a block (durable before it has its name)
 *   publish  the block joins the open ones: queries that begin now see the samples in both places, once
 *   drop     when the queries from before have ended: the marked chunks go, and series that have nothing left
 *
 * A crash before the block has its name leaves everything as it was. After it: the snapshot that follows leaves the marked chunks out; a
 * start from an older one finds samples in both places, which answers show once, and cuts them again. */
#include <stdlib.h>

#include "tsdb/tsdb_priv.h"

static int64_t floor_to(int64_t t, int64_t step)
{
    int64_t r = t % step;
    return t - (r < 0 ? r + step : r);
}

struct order {
    const struct index *index;
    uint32_t *slots;
    uint32_t n;
};

static int compare_slots(const void *a, const void *b, void *index)
{
    return index_compare(index, *(const uint32_t *)a, *(const uint32_t *)b);
}

/* Every shard's series: calls fn with the shard locked. */
static void each_series(struct tsdb *db, void (*fn)(void *arg, struct series *s, uint32_t slot),
                        void *arg)
{
    uint32_t slots = db->index.slots;
    for (uint32_t first = 0; first < slots; first += 64) {
        pthread_mutex_lock(head_shard(&db->head, first));
        for (uint32_t slot = first; slot < first + 64 && slot < slots; slot++) {
            struct series *s = index_series(&db->index, slot);
            if (s->ref != 0)
                fn(arg, s, slot);
        }
        pthread_mutex_unlock(head_shard(&db->head, first));
    }
}

/* --- writing a block --- */

struct choose {
    struct tsdb *db;
    struct order *order;
    int64_t lo, hi;
    uint8_t flags;
};

static bool has_flags(const struct series *s, uint8_t flags)
{
    for (uint32_t i = 0; s->chunks && i < s->chunks->n; i++) {
        if ((s->chunks->at[i].flags & flags) == flags)
            return true;
    }
    return false;
}

static void choose_series(void *arg, struct series *s, uint32_t slot)
{
    struct choose *c = arg;
    if (c->flags ? has_flags(s, c->flags) : head_overlaps(s, c->lo, c->hi - 1))
        c->order->slots[c->order->n++] = slot;
}

static int write_series(struct tsdb *db, struct block_writer *w, uint32_t slot,
                        const struct choose *c, struct samples *samples, struct arena *a,
                        struct err *err)
{
    samples->n = 0;
    head_read(&db->head, index_series(&db->index, slot), slot, c->lo, c->hi - 1, c->flags, samples,
              NULL); /* a damaged chunk is counted, and lost */
    if (samples->n == 0)
        return 0;
    struct labels l = index_labels(&db->index, slot, a);
    return block_writer_series(w, &l, err) < 0 ||
                   block_writer_samples(w, COLUMN_RAW, samples, err) < 0
               ? -1
               : 0;
}

static int write_all(struct tsdb *db, struct block_writer *w, const struct choose *c,
                     struct err *err)
{
    struct samples samples = {0};
    struct arena *a = arena_new();
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < c->order->n; i++) {
        rc = write_series(db, w, c->order->slots[i], c, &samples, a, err);
        arena_reset(a);
    }
    arena_free(a);
    samples_done(&samples);
    return rc;
}

int tsdb__write_block(struct tsdb *db, const char *dir, int64_t lo, int64_t hi, uint8_t flags,
                      struct block_meta *out, struct err *err)
{
    struct order order = {&db->index, malloc((db->index.slots + 1) * sizeof(uint32_t)), 0};
    must(order.slots != NULL);
    struct choose c = {db, &order, lo, hi, flags};
    struct epoch_reader r;
    epoch_enter(&db->epoch, &r);
    each_series(db, choose_series, &c);
    qsort_r(order.slots, order.n, sizeof(*order.slots), compare_slots, &db->index);
    struct block_meta meta = {.min_ms = lo, .max_ms = hi, .level = 1};
    struct block_writer *w = block_writer_new(dir, &meta, err);
    int rc = w ? write_all(db, w, &c, err) : -1;
    if (rc == 0)
        rc = block_writer_finish(w, out, err);
    else
        block_writer_abort(w);
    epoch_leave(&db->epoch, &r);
    free(order.slots);
    return rc;
}

/* --- the steps --- */

static void freeze_series(void *arg, struct series *s, uint32_t slot)
{
    (void)slot;
    struct tsdb *db = arg;
    head_freeze(&db->packer, s, db->cut.lo_ms, db->cut.hi_ms);
}

static void unmark_series(void *arg, struct series *s, uint32_t slot)
{
    (void)arg;
    (void)slot;
    head_unmark(s);
}

struct drop {
    struct tsdb *db;
    int64_t oldest;
};

static void drop_series(void *arg, struct series *s, uint32_t slot)
{
    (void)slot;
    struct drop *d = arg;
    head_drop(&d->db->head, s, HEAD_CUT);
    int64_t oldest = head_oldest(s);
    if (oldest != NO_TIME && (d->oldest == NO_TIME || oldest < d->oldest))
        d->oldest = oldest;
}

/* Appending may have seen an older sample since the walk passed its series: then min_ms is that, or lower. */
static void drop_cut(struct tsdb *db)
{
    struct drop d = {db, NO_TIME};
    pthread_mutex_lock(&db->append_lock);
    db->min_ms = NO_TIME; /* from here on appending lowers it */
    pthread_mutex_unlock(&db->append_lock);
    each_series(db, drop_series, &d);
    pthread_mutex_lock(&db->append_lock);
    if (d.oldest != NO_TIME && (db->min_ms == NO_TIME || d.oldest < db->min_ms))
        db->min_ms = d.oldest;
    if (db->min_ms == NO_TIME)
        db->max_ms = NO_TIME;
    pthread_mutex_unlock(&db->append_lock);
    db->cut.pending = false;
}

/* The chunks of the last cut go as soon as nobody reads them. */
static bool finish_cut(struct tsdb *db)
{
    if (!db->cut.pending)
        return true;
    if (!epoch_passed(&db->epoch, db->cut.mark))
        return false;
    drop_cut(db);
    tsdb__forget(db);
    return true;
}

static int64_t newest_of(struct tsdb *db)
{
    int64_t now = tsdb__now(db), newest = db->max_ms;
    return newest < now ? newest : now;
}

static int cut_span(struct tsdb *db, int64_t lo, int64_t hi, struct err *err)
{
    struct block_meta meta = {0};
    db->cut.lo_ms = lo; /* what comes now and is older waits for its own cut */
    db->cut.hi_ms = hi;
    each_series(db, freeze_series, db);
    if (tsdb__write_block(db, db->blocks_dir, lo, hi, HEAD_CUT, &meta, err) < 0) {
        each_series(db, unmark_series, NULL);
        return -1;
    }
    const char *name = meta.name;
    if (*name && blocks_replace(db->blocks, &name, 1, NULL, 0, err) < 0) {
        each_series(db, unmark_series, NULL);
        return -1;
    }
    int64_t end = floor_to(newest_of(db), db->opt.block_ms); /* a forced cut may go beyond */
    end = hi < end ? hi : end;
    if (db->cut.end_ms == NO_TIME || end > db->cut.end_ms)
        db->cut.end_ms = end;
    db->cut.mark = epoch_mark(&db->epoch);
    db->cut.pending = true;
    db->cuts++;
    db->count.cuts++;
    finish_cut(db);
    return 1;
}

/* A span is complete half a block after its end. Samples that came too late for their block wait for the next regular cut, or their
 * own would be tiny. Samples of the future do not hurry it. */
static bool is_due(struct tsdb *db, int64_t lo, bool force)
{
    int64_t complete = newest_of(db) - db->opt.block_ms - db->opt.block_ms / 2;
    if (force)
        return true;
    if (lo > complete)
        return false;
    return db->cut.more || db->cut.end_ms == NO_TIME || lo >= db->cut.end_ms ||
           db->cut.end_ms <= complete;
}

#define BACKLOG_MS INT64_C(86400000)

/* A store that begins with samples of long ago has not missed its cuts: they wait for the first of now. */
static void begin_cuts(struct tsdb *db)
{
    int64_t oldest = db->min_ms, newest = newest_of(db);
    if (db->cut.end_ms == NO_TIME && oldest != NO_TIME && newest != NO_TIME &&
        oldest < newest - BACKLOG_MS)
        db->cut.end_ms = floor_to(newest, db->opt.block_ms);
}

int tsdb__cut(struct tsdb *db, bool force, struct err *err)
{
    int did = 0;
    db->cut.more = false;
    begin_cuts(db);
    for (;;) {
        if (!finish_cut(db) || db->min_ms == NO_TIME)
            return did;
        int64_t lo = floor_to(db->min_ms, db->opt.block_ms);
        if (!is_due(db, lo, force))
            return did;
        if (cut_span(db, lo, lo + db->opt.block_ms, err) < 0)
            return -1;
        db->cut.more = true; /* what else is complete goes with it */
        did = 1;
    }
}
