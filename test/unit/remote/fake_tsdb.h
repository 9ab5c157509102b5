/* A store in memory with the functions of tsdb/tsdb.h that remote/ calls: for its tests, which make it fail at will. */
#ifndef TEST_FAKE_TSDB_H
#define TEST_FAKE_TSDB_H

#include <pthread.h>

#include "base/map.h"
#include "tsdb/tsdb.h"

struct fake_series {
    struct labels labels;
    struct buf text; /* labels_format */
    struct samples samples;
};
struct tsdb {
    pthread_mutex_t lock; /* tail against append */
    struct arena *arena;
    vec_of(struct fake_series *) series; /* ref - 1 */
    struct map_str *by_labels, *aliases;
    vec_of(struct tsdb_row) log; /* what was appended, in order: the tail's */
    vec_of(struct metric_metadata) metadata;
    size_t max_series; /* 0: no limit */
    bool full;         /* appends fail */
    size_t gone_once;  /* the next so many rows are TSDB_GONE */
    uint64_t by_alias_hits, parsed;
    struct tsdb_place done; /* of the last tsdb_tail_done */
};
struct tsdb *fake_tsdb_new(void);
void fake_tsdb_free(struct tsdb *db);
/* "name{…} t:v t:v\n" of all series, in the order they came. */
void fake_tsdb_dump(struct tsdb *db, struct buf *out);

#endif
