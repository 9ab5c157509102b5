/* Housekeeping of the head: what the keeper does when it is due, and tests with tsdb_tick. */
#include "base/clock.h"
#include "tsdb/tsdb_priv.h"

/* More than half of what is written of labels is of series that are gone. */
static bool is_log_stale(struct tsdb *db)
{
    pthread_mutex_lock(&db->index.lock);
    uint64_t live = db->index.live, written = series_log_written(db->log);
    pthread_mutex_unlock(&db->index.lock);
    return written > 10000 && written > 2 * live;
}

static int compact_log(struct tsdb *db, struct err *err)
{
    struct epoch_reader r;
    epoch_enter(&db->epoch, &r);
    int rc = series_log_compact(db->log, &db->index, err);
    epoch_leave(&db->epoch, &r);
    return rc;
}

static bool is_snapshot_due(struct tsdb *db)
{
    return db->snapshot_wanted ||
           clock_mono_ns() / NS_PER_MS - db->snapshot_at >= db->opt.snapshot_ms;
}

static int keep_locked(struct tsdb *db, bool force, struct err *err)
{
    epoch_run(&db->epoch);
    int cut = tsdb__cut(db, force, err);
    if (cut < 0)
        return -1;
    if ((cut > 0 || is_snapshot_due(db)) && tsdb__snapshot_head(db, err) < 0)
        return -1;
    return is_log_stale(db) ? compact_log(db, err) : 0;
}

int tsdb__keep(struct tsdb *db, bool force, struct err *err)
{
    pthread_mutex_lock(&db->keep_lock);
    int rc = keep_locked(db, force, err);
    pthread_mutex_unlock(&db->keep_lock);
    return rc;
}

struct merge_policy tsdb__merge_policy(struct tsdb *db)
{
    struct merge_policy p = {.block_ms = db->opt.block_ms, .keep = {.now_ms = tsdb__now(db)}};
    p.keep.keep_ms = db->keep_ms;
    p.keep.keep_bytes = db->opt.keep_bytes;
    p.keep.rules = db->opt.rules;
    p.keep.n_rules = db->opt.n_rules;
    for (size_t i = 0; i < array_len(db->opt.tiers); i++) {
        p.keep.tiers[i].step_ms = db->opt.tiers[i].step_ms;
        p.keep.tiers[i].keep_ms = db->opt.tiers[i].keep_ms;
    }
    return p;
}

void tsdb__stop_merges(struct tsdb *db)
{
    db->merge_stop = true;
    pthread_mutex_lock(&db->merge_lock);
    db->merge_stop = false;
}

int tsdb__merge(struct tsdb *db, bool force, struct err *err)
{
    struct merge_stats st = {0};
    pthread_mutex_lock(&db->merge_lock);
    struct merge_policy p = tsdb__merge_policy(db);
    int rc = merge_step(db->blocks, db->blocks_dir, &p, &db->merge_stop, force, &st, err);
    pthread_mutex_unlock(&db->merge_lock);
    db->count.merges += st.merges + st.tiers + st.rewrites + st.drops;
    if (rc < 0 && err->code == ERR_CANCELLED)
        return 0;
    db->count.merge_failures += rc < 0;
    return rc;
}

int tsdb_tick(struct tsdb *db, bool force, struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    int did;
    if (tsdb_sync(db, err) < 0 || tsdb__keep(db, force, err) < 0)
        return -1;
    do
        did = tsdb__merge(db, force, err);
    while (did > 0);
    return did;
}
