/* Random series and random queries over them, the same for the same seed. */
#ifndef RANDOM_PROMQL_H
#define RANDOM_PROMQL_H

#include "base/rng.h"
#include "model/series_memory.h"

/* Series a_total, b and c with labels x, y; gaps, resets, stale markers and NaN among them; 0 … 1 h. */
void random_series(struct series_memory *m, uint64_t seed);
/* A query of the stable language whose tree is about so deep. */
void random_query(struct buf *out, struct rng *r, int depth);

#endif
