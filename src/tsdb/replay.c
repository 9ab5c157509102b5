/* What the last life left, at a start: series from their log, samples from the head's snapshot and the WAL behind it. Nobody else
 * is there yet. */
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "tsdb/tsdb_priv.h"

struct replay {
    struct tsdb *db;
    struct wal_rows rows;
    struct wal_refs refs;
    uint64_t damaged, highest; /* the highest serial number in the WAL */
};

static void replay_record(struct replay *r, enum wal_type type, struct str payload)
{
    int64_t min_ms, max_ms;
    struct metric_metadata m;
    switch (type) {
    case WAL_ROWS:
        if (wal_get_rows(payload, &r->rows, NULL) < 0)
            break;
        tsdb__replay_rows(r->db, r->rows.at, r->rows.n);
        for (size_t i = 0; i < r->rows.n; i++) {
            if (ref_serial(r->rows.at[i].ref) > r->highest)
                r->highest = ref_serial(r->rows.at[i].ref);
        }
        return;
    case WAL_DELETE:
        if (wal_get_delete(payload, &r->refs, &min_ms, &max_ms, NULL) < 0)
            break;
        tsdb__delete_rows(r->db, r->refs.at, r->refs.n, min_ms, max_ms);
        return;
    case WAL_METADATA:
        if (wal_get_metadata(payload, &m, NULL) < 0)
            break;
        metadata_set(&r->db->metadata, &m);
        return;
    default:
        return; /* of a later version: nothing of ours */
    }
    r->damaged++;
}

static int replay_segment(struct replay *r, uint64_t segment, bool newest, struct err *err)
{
    struct wal_map m;
    if (wal_map(r->db->wal_dir, segment, &m, err) < 0)
        return -1;
    struct wal_cursor c = {m.p, m.p, m.p + m.n, 0, 0};
    enum wal_type type;
    struct str payload;
    while (wal_next(&c, &type, &payload))
        replay_record(r, type, payload);
    uint64_t torn = (uint64_t)(c.end - c.at);
    r->damaged += c.damaged + (torn > 0 && !newest);
    if (c.damaged || torn)
        log_warn("metrics store: damaged records in the WAL were passed over; their samples are "
                 "lost",
                 F_INT("segment", segment), F_INT("places", c.damaged),
                 F_INT("bytes", c.damaged_bytes), F_INT("torn_end_bytes", torn));
    size_t sound = (size_t)(c.at - c.p);
    wal_unmap(&m);
    return torn > 0 && newest ? wal_cut(r->db->wal_dir, segment, sound, err) : 0;
}

static int replay_wal(struct replay *r, uint64_t from, struct err *err)
{
    struct numbers s = {0};
    if (fs_mkdirs(r->db->wal_dir, 0750, err) < 0 || wal_list(r->db->wal_dir, &s, err) < 0)
        return -1;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s.n; i++) {
        if (s.at[i] >= from)
            rc = replay_segment(r, s.at[i], i + 1 == s.n, err);
    }
    vec_done(&s);
    return rc;
}

/* Series without samples were forgotten, or their samples never came. */
static void drop_empty(struct tsdb *db)
{
    struct index *x = &db->index;
    for (uint32_t slot = 0; slot < x->slots; slot++) {
        struct series *s = index_series(x, slot);
        if (s->ref != 0 && head_is_empty(s))
            index_remove(x, slot);
        if (s->ref == 0)
            index_recycle(x, slot);
    }
    struct pair_list gone = {0};
    pairs_sweep(x, &gone);
    for (size_t i = 0; i < gone.n; i++)
        pairs_recycle(x, gone.at[i]);
    vec_done(&gone);
}

static int load_labels(struct tsdb *db, uint64_t *series, struct err *err)
{
    uint64_t damaged = 0;
    if (series_log_load(db->series_dir, &db->index, series, &damaged, err) < 0)
        return -1;
    if (damaged)
        log_warn("metrics store: damaged records in the series log were passed over; series in "
                 "them are lost until they are sent again",
                 F_INT("records", damaged));
    db->count.damaged_records += damaged;
    return 0;
}

static int load_metadata(struct tsdb *db, struct err *err)
{
    uint64_t damaged = 0;
    char *path = path_join(db->head_dir, "metadata");
    int rc = metadata_load(&db->metadata, path, &damaged, err);
    free(path);
    db->count.damaged_records += damaged;
    return rc;
}

/* Numbers of series whose entry in the log was lost must not be given out again: the WAL may still name them. */
static void pass_serials(struct tsdb *db, uint64_t highest)
{
    if (highest >= db->index.next_serial)
        db->index.next_serial = highest + 1;
}

int tsdb__load(struct tsdb *db, struct err *err)
{
    uint64_t from = 0, series = 0;
    if (load_labels(db, &series, err) < 0 || load_metadata(db, err) < 0 ||
        tsdb__snapshot_load(db, &from, err) < 0)
        return -1;
    struct replay r = {.db = db};
    int rc = replay_wal(&r, from, err);
    db->count.damaged_records += r.damaged;
    vec_done(&r.rows);
    vec_done(&r.refs);
    if (rc < 0)
        return -1;
    pass_serials(db, r.highest);
    drop_empty(db);
    db->log = series_log_open(db->series_dir, err);
    db->wal = db->log ? wal_open(db->wal_dir, err) : NULL;
    if (!db->wal)
        return -1;
    series_log_set_written(db->log, series);
    return 0;
}
