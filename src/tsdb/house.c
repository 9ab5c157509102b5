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

int tsdb__merge(struct tsdb *db, bool force, atomic_bool *stop, struct err *err)
{
    return 0;
}

int tsdb_tick(struct tsdb *db, bool force, struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    atomic_bool stop = false;
    int did;
    if (tsdb_sync(db, err) < 0 || tsdb__keep(db, force, err) < 0)
        return -1;
    do
        did = tsdb__merge(db, force, &stop, err);
    while (did > 0);
    return did;
}
