/* What the last life left, at a start: series from their log, samples from the head's snapshot and the WAL behind it. Nobody else
 * is there yet. */
#include <pthread.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "tsdb/tsdb_priv.h"

/* The WAL is read by two threads, each of which takes the rows of every second shard: making chunks is most of the work. */
#define PARTS 2

struct replay {
    struct tsdb *db;
    struct replay_part part;
    uint64_t from; /* the first segment */
    const struct numbers *segments;
    struct wal_rows rows;
    struct wal_refs refs;
    size_t sound;              /* bytes of the newest segment; … */
    bool torn;                 /* … what follows them is no record */
    uint64_t damaged, highest; /* the highest serial number in the WAL */
    int rc;
    struct err err;
};

static void replay_rows(struct replay *r)
{
    tsdb__replay_rows(r->db, &r->part, r->rows.at, r->rows.n);
    for (size_t i = 0; i < r->rows.n; i++) {
        if (ref_serial(r->rows.at[i].ref) > r->highest)
            r->highest = ref_serial(r->rows.at[i].ref);
    }
}

static void replay_delete(struct replay *r, int64_t min_ms, int64_t max_ms)
{
    size_t mine = 0;
    for (size_t i = 0; i < r->refs.n; i++) {
        if (replay_is_mine(&r->part, ref_slot(r->refs.at[i])))
            r->refs.at[mine++] = r->refs.at[i];
    }
    tsdb__delete_rows(r->db, &r->part.packer, r->refs.at, mine, min_ms, max_ms);
}

static void replay_record(struct replay *r, enum wal_type type, struct str payload)
{
    int64_t min_ms, max_ms;
    struct metric_metadata m;
    switch (type) {
    case WAL_ROWS:
        if (wal_get_rows(payload, &r->rows, NULL) < 0)
            break;
        replay_rows(r);
        return;
    case WAL_DELETE:
        if (wal_get_delete(payload, &r->refs, &min_ms, &max_ms, NULL) < 0)
            break;
        replay_delete(r, min_ms, max_ms);
        return;
    case WAL_METADATA:
        if (wal_get_metadata(payload, &m, NULL) < 0)
            break;
        if (r->part.part == 0)
            metadata_set(&r->db->metadata, &m);
        return;
    default:
        return; /* of a later version: nothing of ours */
    }
    r->damaged++;
}

static void tell_damage(uint64_t segment, const struct wal_cursor *c)
{
    uint64_t torn = (uint64_t)(c->end - c->at);
    if (c->damaged || torn)
        log_warn("metrics store: damaged records in the WAL were passed over; their samples are "
                 "lost",
                 F_INT("segment", segment), F_INT("places", c->damaged),
                 F_INT("bytes", c->damaged_bytes), F_INT("torn_end_bytes", torn));
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
    r->torn = c.at < c.end;
    r->sound = (size_t)(c.at - c.p);
    r->damaged += c.damaged + (r->torn && !newest);
    if (r->part.part == 0)
        tell_damage(segment, &c);
    wal_unmap(&m);
    return 0;
}

static void *replay_part(void *arg)
{
    struct replay *r = arg;
    const struct numbers *s = r->segments;
    for (size_t i = 0; r->rc == 0 && i < s->n; i++) {
        if (s->at[i] >= r->from)
            r->rc = replay_segment(r, s->at[i], i + 1 == s->n, &r->err);
    }
    return NULL;
}

/* Both parts have counted the same damage and seen the same numbers. */
static void take_part(struct tsdb *db, const struct replay_part *p)
{
    if (p->max_ms == NO_TIME)
        return;
    if (db->max_ms == NO_TIME || p->max_ms > db->max_ms)
        db->max_ms = p->max_ms;
    if (db->min_ms == NO_TIME || p->min_ms < db->min_ms)
        db->min_ms = p->min_ms;
}

static void replay_all(struct replay parts[PARTS])
{
    pthread_t thread[PARTS];
    bool runs[PARTS] = {false};
    for (int k = 1; k < PARTS; k++)
        runs[k] = pthread_create(&thread[k], NULL, replay_part, &parts[k]) == 0;
    for (int k = 0; k < PARTS; k++) {
        if (!runs[k])
            replay_part(&parts[k]);
    }
    for (int k = 0; k < PARTS; k++) {
        if (runs[k])
            must(pthread_join(thread[k], NULL) == 0);
        take_part(parts[k].db, &parts[k].part);
    }
}

static void end_parts(struct replay parts[PARTS])
{
    for (int k = 0; k < PARTS; k++) {
        packer_done(&parts[k].part.packer);
        vec_done(&parts[k].rows);
        vec_done(&parts[k].refs);
    }
}

/* *highest: the highest serial number that rows name. */
static int replay_wal(struct tsdb *db, uint64_t from, uint64_t *highest, struct err *err)
{
    struct numbers s = {0};
    if (fs_mkdirs(db->wal_dir, 0750, err) < 0 || wal_list(db->wal_dir, &s, err) < 0)
        return -1;
    struct replay parts[PARTS];
    for (uint32_t k = 0; k < PARTS; k++) {
        parts[k] = (struct replay){.db = db, .from = from, .segments = &s};
        parts[k].part =
            (struct replay_part){.part = k, .parts = PARTS, .min_ms = NO_TIME, .max_ms = NO_TIME};
        packer_init(&parts[k].part.packer, &db->head);
    }
    replay_all(parts);
    int rc = 0;
    for (int k = 0; k < PARTS && rc == 0; k++) {
        rc = parts[k].rc;
        if (rc < 0 && err)
            *err = parts[k].err;
    }
    if (rc == 0 && s.n > 0 && parts[0].torn)
        rc = wal_cut(db->wal_dir, s.at[s.n - 1], parts[0].sound, err);
    db->count.damaged_records += parts[0].damaged;
    *highest = parts[0].highest;
    end_parts(parts);
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
    uint64_t from = 0, series = 0, highest = 0;
    if (load_labels(db, &series, err) < 0 || load_metadata(db, err) < 0 ||
        tsdb__snapshot_load(db, &from, err) < 0)
        return -1;
    if (replay_wal(db, from, &highest, err) < 0)
        return -1;
    pass_serials(db, highest);
    drop_empty(db);
    db->log = series_log_open(db->series_dir, err);
    db->wal = db->log ? wal_open(db->wal_dir, err) : NULL;
    if (!db->wal)
        return -1;
    series_log_set_written(db->log, series);
    return 0;
}
