/* Results of the time before there were series: probe_success and probe_duration_seconds of what the database holds are
 * written once into blocks of the metrics store, day by day from the newest, on a thread of its own, so that nobody loses
 * history. How far it is stands in DATA/tsdb/import; a restart goes on there. */
#ifndef CORE_METRICS_IMPORT_H
#define CORE_METRICS_IMPORT_H

#include "io/workers.h"
#include "model/target.h"
#include "store/store.h"
#include "tsdb/tsdb.h"

struct import_target {
    uint64_t id;
    const struct label *labels; /* as its series have them (figures.h, core_target_labels) */
    uint32_t n_labels;
};
struct metrics_import_options {
    struct store *store;
    struct tsdb *db;
    const char *dir;     /* the store's */
    int64_t keep_ms;     /* how far back results go */
    struct arena *arena; /* taken over; holds targets */
    struct import_target *targets;
    size_t n_targets;
    struct thread_hooks hooks;
};
struct metrics_import;
/* NULL: there is nothing to do (any more). On the loop. */
struct metrics_import *metrics_import_new(const struct metrics_import_options *o);
/* Stops it where it is. Before the stores are closed. NULL is fine. */
void metrics_import_free(struct metrics_import *m);
bool metrics_import_ended(const struct metrics_import *m);

#endif
