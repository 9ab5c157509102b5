/* What metrics are: type, help and unit by metric name. Small; in memory, in the WAL, and in DIR/head/metadata with each snapshot:
 * records of the WAL (wal.h). Any thread. */
#ifndef TSDB_METADATA_H
#define TSDB_METADATA_H

#include <pthread.h>

#include "base/map.h"
#include "model/series.h"

#define METADATA_MAX 200000u /* metrics; further ones are not taken */

struct metadata {
    pthread_mutex_t lock;
    struct map_str *by_metric; /* struct metric_metadata, with its texts behind it */
    bool changed;              /* since the file was written */
};

void metadata_init(struct metadata *m);
void metadata_done(struct metadata *m);
/* True: it is new or other than before. */
bool metadata_set(struct metadata *m, const struct metric_metadata *to);
void metadata_each(struct metadata *m, struct str metric,
                   bool (*fn)(void *arg, const struct metric_metadata *m), void *arg);
int metadata_save(struct metadata *m, const char *path, struct err *err);
int metadata_load(struct metadata *m, const char *path, uint64_t *damaged, struct err *err);

#endif
