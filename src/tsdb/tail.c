/* Following the WAL (tsdb.h, tsdb_tail_*): for whoever sends on what comes in. One thread a tail.
 *
 * A tail keeps the segments that it still needs (tsdb__tails_need), up to a bound; what it did not read in time is counted as lost. A
 * place within a record is that of the record: after a restart its rows come once more. */
#include <stdlib.h>
#include <string.h>

#include "tsdb/tsdb_priv.h"

struct tsdb_tail *tsdb_tail_open(struct tsdb *db, struct tsdb_place from, uint64_t keep_bytes)
{
    check_magic(db, TSDB_MAGIC);
    struct tsdb_tail *t = calloc(1, sizeof(*t));
    must(t != NULL);
    t->db = db;
    if (from.offset < WAL_SEGMENT_HEAD)
        from.offset = WAL_SEGMENT_HEAD;
    t->read = t->done = from;
    t->keep_bytes = keep_bytes;
    pthread_mutex_lock(&db->tails_lock);
    t->next = db->tails;
    if (t->next)
        t->next->prev = t;
    db->tails = t;
    db->hold.segment = 0;
    pthread_mutex_unlock(&db->tails_lock);
    return t;
}

/* Whoever goes on later finds what it did not deliver yet. tails_lock */
static void hold(struct tsdb *db, uint64_t segment, uint64_t keep_bytes)
{
    if (segment == 0)
        return;
    if (db->hold.segment == 0 || segment < db->hold.segment)
        db->hold.segment = segment;
    if (keep_bytes > db->hold.keep_bytes)
        db->hold.keep_bytes = keep_bytes;
}

void tsdb_tail_free(struct tsdb_tail *t)
{
    if (!t)
        return;
    pthread_mutex_lock(&t->db->tails_lock);
    if (t->prev)
        t->prev->next = t->next;
    else
        t->db->tails = t->next;
    if (t->next)
        t->next->prev = t->prev;
    hold(t->db, t->done.segment, t->keep_bytes);
    pthread_mutex_unlock(&t->db->tails_lock);
    wal_unmap(&t->map);
    vec_done(&t->rows);
    free(t);
}

/* The first segment from this one on that the bound allows. */
static uint64_t within_bound(struct tsdb *db, uint64_t segment, uint64_t keep_bytes)
{
    uint64_t newest = wal_end(db->wal).segment;
    while (segment < newest && wal_bytes(db->wal, segment) > keep_bytes + WAL_SEGMENT_BYTES)
        segment++;
    return segment;
}

uint64_t tsdb__tails_need(struct tsdb *db, uint64_t *keep_bytes)
{
    uint64_t first = UINT64_MAX;
    pthread_mutex_lock(&db->tails_lock);
    *keep_bytes = 0;
    if (db->hold.segment > 0) {
        *keep_bytes = db->hold.keep_bytes;
        first = within_bound(db, db->hold.segment, db->hold.keep_bytes);
    }
    for (const struct tsdb_tail *t = db->tails; t; t = t->next) {
        uint64_t segment = within_bound(db, t->done.segment, t->keep_bytes);
        first = segment < first ? segment : first;
        *keep_bytes = t->keep_bytes > *keep_bytes ? t->keep_bytes : *keep_bytes;
    }
    pthread_mutex_unlock(&db->tails_lock);
    return first;
}

/* Segments that are gone are passed over. */
static void skip_lost(struct tsdb_tail *t)
{
    uint64_t oldest = wal_oldest(t->db->wal);
    if (t->read.segment >= oldest)
        return;
    if (t->read.segment > 0) /* 0: the oldest that is there was asked for */
        t->db->count.tail_lost += (oldest - t->read.segment) * WAL_SEGMENT_BYTES;
    t->read = (struct tsdb_place){oldest, WAL_SEGMENT_HEAD};
}

/* The bytes from the place on, of a segment that may still grow. */
static int map_rest(struct tsdb_tail *t, struct wal_cursor *c, uint64_t end, struct err *err)
{
    if (t->mapped != t->read.segment || t->map.n + WAL_SEGMENT_HEAD < end) {
        wal_unmap(&t->map);
        t->mapped = 0;
        if (wal_map(t->db->wal_dir, t->read.segment, &t->map, err) < 0)
            return -1;
        t->mapped = t->read.segment;
    }
    size_t n = end - WAL_SEGMENT_HEAD < t->map.n ? end - WAL_SEGMENT_HEAD : t->map.n;
    size_t at = t->read.offset - WAL_SEGMENT_HEAD;
    *c = (struct wal_cursor){t->map.p, t->map.p + (at < n ? at : n), t->map.p + n, 0, 0};
    return 0;
}

/* The next record with rows into t->rows: 1; 0: nothing more in this segment. */
static int next_rows(struct tsdb_tail *t, uint64_t end, struct err *err)
{
    struct wal_cursor c;
    enum wal_type type;
    struct str payload;
    if (map_rest(t, &c, end, err) < 0)
        return -1;
    while (wal_next(&c, &type, &payload)) {
        struct tsdb_place after = {t->read.segment, (uint64_t)(c.at - c.p) + WAL_SEGMENT_HEAD};
        if (type == WAL_ROWS && wal_get_rows(payload, &t->rows, NULL) == 0) {
            t->after = after;
            t->at = 0;
            return 1;
        }
        t->read = after;
    }
    return 0;
}

/* Fills t->rows: 1; 0: nothing now. */
static int need_rows(struct tsdb_tail *t, struct err *err)
{
    struct tsdb_place end = wal_end(t->db->wal);
    skip_lost(t);
    while (t->read.segment <= end.segment) {
        bool newest = t->read.segment == end.segment;
        struct err why;
        int rc = next_rows(t, newest ? end.offset : UINT64_MAX / 2, &why);
        if (rc < 0 && why.code != ERR_NOT_FOUND) {
            if (err)
                *err = why;
            return -1;
        }
        if (rc > 0 || newest)
            return rc > 0;
        t->read = (struct tsdb_place){t->read.segment + 1, WAL_SEGMENT_HEAD};
    }
    return 0;
}

size_t tsdb_tail_next(struct tsdb_tail *t, struct tsdb_row *rows, size_t max,
                      struct tsdb_place *place, struct err *err)
{
    must(max > 0);
    if (t->at == t->rows.n && need_rows(t, err) <= 0) {
        *place = t->read;
        return 0;
    }
    size_t n = t->rows.n - t->at < max ? t->rows.n - t->at : max;
    memcpy(rows, t->rows.at + t->at, n * sizeof(*rows));
    t->at += n;
    if (t->at == t->rows.n)
        t->read = t->after;
    *place = t->read;
    return n;
}

void tsdb_tail_done(struct tsdb_tail *t, struct tsdb_place place)
{
    pthread_mutex_lock(&t->db->tails_lock);
    t->done = place;
    pthread_mutex_unlock(&t->db->tails_lock);
}
