/* Walking the series of several blocks at once, in the order of labels: what merging and tiers have in common. */
#ifndef TSDB_MERGE_PRIV_H
#define TSDB_MERGE_PRIV_H

#include "tsdb/merge.h"

struct join_source {
    struct block *block;
    uint32_t id, n;
    struct labels labels; /* of series id, in arena */
    struct arena *arena;
    bool here; /* it has the series that join_next came to */
};
struct join {
    struct join_source *at; /* by preference: of equal times the first wins */
    uint32_t n;
    struct labels labels; /* of the series that it stands at */
    struct samples one;   /* scratch */
};
void join_init(struct join *j, struct block *const *blocks, uint32_t n);
void join_done(struct join *j);
/* Moves to the next series; false at the end. */
bool join_next(struct join *j);
/* Its samples within [min_ms, max_ms] into out, in order of time, none twice. What is damaged is missing. */
void join_read(struct join *j, int64_t min_ms, int64_t max_ms, enum series_column c,
               struct samples *out);

#endif
