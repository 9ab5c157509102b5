/* Series in memory: a sample_sink that keeps what it is given and a series_source over it. For `belfry rule test`, the promqltest
 * runner and the engine's own tests; not for production data: nothing is compressed, nothing is bounded.
 *
 * Any number of threads may read; appending wants that nobody reads. */
#ifndef MODEL_SERIES_MEMORY_H
#define MODEL_SERIES_MEMORY_H

#include "model/series.h"

struct series_memory;
struct series_memory *series_memory_new(void);
void series_memory_free(struct series_memory *m); /* NULL is fine; no set may be open */
void series_memory_clear(struct series_memory *m);

/* Labels are copied. Samples may come in any order of time; of two of one time the later call wins. */
void series_memory_append(struct series_memory *m, const struct labels *l, int64_t t_ms, double v);
size_t series_memory_count(const struct series_memory *m); /* series */
/* The newest time of any sample, INT64_MIN without samples. */
int64_t series_memory_max_ms(const struct series_memory *m);
/* Answer queries that allow it from steps of tier_ms (a step ends at a multiple of it, and holds what is after the step before), as
 * a store with downsampled tiers does. 0: never. */
void series_memory_set_tier(struct series_memory *m, int64_t tier_ms);

struct sample_sink series_memory_sink(struct series_memory *m);
struct series_source series_memory_source(struct series_memory *m);

#endif
