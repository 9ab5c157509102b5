/* Looking after the store by hand (tsdb.h): deletion, rewriting what was deleted from, snapshots for backup. */
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/rng.h"
#include "tsdb/merge.h"
#include "tsdb/source.h"

/* --- deletion --- */

static void on_slot(void *arg, uint32_t slot)
{
    struct wal_refs *refs = arg;
    vec_push(refs, slot); /* turned into a reference when no shard is locked */
}

#define DELETE_AT_ONCE 1024u

/* Some series, as one record of the WAL. */
static int delete_some(struct tsdb *db, tsdb_ref *refs, size_t n, int64_t min_ms, int64_t max_ms,
                       struct err *err)
{
    struct buf record = BUF_INIT(WAL_RECORD_MAX);
    pthread_mutex_lock(&db->append_lock);
    for (size_t i = 0; i < n; i++)
        refs[i] = index_series(&db->index, (uint32_t)refs[i])->ref;
    wal_put_delete(&record, refs, n, min_ms, max_ms);
    int rc = wal_write(db->wal, record.data, record.len, err);
    if (rc == 0)
        tsdb__delete_rows(db, refs, n, min_ms, max_ms);
    pthread_mutex_unlock(&db->append_lock);
    buf_done(&record);
    return rc;
}

static int delete_head(struct tsdb *db, const struct series_select *q, struct err *err)
{
    struct wal_refs refs = {0};
    struct epoch_reader r;
    epoch_enter(&db->epoch, &r);
    int rc = tsdb__head_select(db, q, on_slot, &refs, err);
    for (size_t from = 0; rc == 0 && from < refs.n; from += DELETE_AT_ONCE) {
        size_t n = refs.n - from < DELETE_AT_ONCE ? refs.n - from : DELETE_AT_ONCE;
        rc = delete_some(db, refs.at + from, n, q->min_ms, q->max_ms, err);
    }
    epoch_leave(&db->epoch, &r);
    vec_done(&refs);
    return rc;
}

static int delete_blocks(struct tsdb *db, const struct series_select *q, struct err *err)
{
    uint32_t n_blocks;
    struct block **blocks = blocks_take(db->blocks, q->min_ms, q->max_ms, &n_blocks);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n_blocks; i++) {
        uint32_t *ids = NULL, n = 0;
        rc = block_select(blocks[i], q->matchers, q->n_matchers, &ids, &n, err);
        if (rc == 0 && n > 0)
            rc = block_delete(blocks[i], ids, n, q->min_ms, q->max_ms, err);
        free(ids);
    }
    blocks_give(blocks, n_blocks);
    return rc;
}

/* No merge reads a block before and replaces it after the deletion; no cut takes samples out of the head into a block that the
 * deletion has passed already. */
int tsdb_delete(struct tsdb *db, const struct matcher *const *matchers, size_t n, int64_t min_ms,
                int64_t max_ms, struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    struct series_select q = {
        .matchers = matchers, .n_matchers = n, .min_ms = min_ms, .max_ms = max_ms};
    tsdb__stop_merges(db);
    pthread_mutex_lock(&db->keep_lock);
    int rc = delete_head(db, &q, err) < 0 || delete_blocks(db, &q, err) < 0 ? -1 : 0;
    pthread_mutex_unlock(&db->keep_lock);
    pthread_mutex_unlock(&db->merge_lock);
    db->generation++;
    return rc;
}

int tsdb_clean_tombstones(struct tsdb *db, struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    struct merge_stats st = {0};
    int did;
    tsdb__stop_merges(db);
    pthread_mutex_unlock(&db->merge_lock);
    do {
        pthread_mutex_lock(&db->merge_lock);
        struct merge_policy p = tsdb__merge_policy(db);
        did = merge_clean(db->blocks, db->blocks_dir, &p, &db->merge_stop, &st, err);
        pthread_mutex_unlock(&db->merge_lock);
    } while (did > 0);
    db->count.merges += st.rewrites;
    return did;
}

/* --- backfill --- */

struct tsdb_backfill {
    struct tsdb *db;
    struct block_writer *writer;
};

struct tsdb_backfill *tsdb_backfill_begin(struct tsdb *db, int64_t min_ms, int64_t max_ms,
                                          struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    struct block_meta meta = {.min_ms = min_ms, .max_ms = max_ms, .level = 1};
    struct block_writer *w = block_writer_new(db->blocks_dir, &meta, err);
    if (!w)
        return NULL;
    struct tsdb_backfill *b = calloc(1, sizeof(*b));
    must(b != NULL);
    *b = (struct tsdb_backfill){db, w};
    return b;
}

int tsdb_backfill_series(struct tsdb_backfill *b, const struct labels *l, const struct samples *s,
                         struct err *err)
{
    return block_writer_series(b->writer, l, err) < 0 ||
                   block_writer_samples(b->writer, COLUMN_RAW, s, err) < 0
               ? -1
               : 0;
}

int tsdb_backfill_finish(struct tsdb_backfill *b, struct err *err)
{
    struct tsdb *db = b->db;
    struct block_meta meta = {0};
    int rc = block_writer_finish(b->writer, &meta, err);
    const char *name = meta.name;
    if (rc == 0 && *name)
        rc = blocks_replace(db->blocks, &name, 1, NULL, 0, err);
    db->generation++;
    free(b);
    return rc;
}

void tsdb_backfill_abort(struct tsdb_backfill *b)
{
    if (!b)
        return;
    block_writer_abort(b->writer);
    free(b);
}

/* --- backup --- */

static int link_blocks(struct tsdb *db, const char *dir, struct err *err)
{
    uint32_t n;
    struct block **blocks = blocks_take(db->blocks, INT64_MIN, INT64_MAX, &n);
    int rc = 0;
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = block_link(blocks[i], dir, err);
    blocks_give(blocks, n);
    return rc;
}

/* The head's samples, a block a span. */
static int copy_head(struct tsdb *db, const char *dir, struct err *err)
{
    int64_t span = db->opt.block_ms, max = db->max_ms;
    if (db->min_ms == NO_TIME)
        return 0;
    int64_t lo = db->min_ms - ((db->min_ms % span) + span) % span;
    int rc = 0;
    for (; rc == 0 && lo <= max; lo += span) {
        struct block_meta meta = {0};
        rc = tsdb__write_block(db, dir, lo, lo + span, 0, &meta, err);
    }
    return rc;
}

static int make_snapshot(struct tsdb *db, bool with_head, const char *dir, struct err *err)
{
    if (fs_mkdirs(dir, 0750, err) < 0)
        return -1;
    pthread_mutex_lock(&db->keep_lock); /* no cut between blocks and head */
    int rc = link_blocks(db, dir, err);
    if (rc == 0 && with_head)
        rc = copy_head(db, dir, err);
    pthread_mutex_unlock(&db->keep_lock);
    return rc;
}

int tsdb_snapshot(struct tsdb *db, bool with_head, struct arena *a, const char **name,
                  struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    char stamp[RFC3339_SIZE];
    time_format(tsdb__now(db), stamp);
    const char *given = arena_printf(a, "%.10sT%.2s%.2s%.2s-%08x", stamp, stamp + 11, stamp + 14,
                                     stamp + 17, (unsigned)rng_secure_u64());
    const char *dir = arena_printf(a, "%s/snapshots/%s/blocks", db->dir, given);
    if (make_snapshot(db, with_head, dir, err) < 0)
        return -1;
    *name = given;
    return 0;
}
