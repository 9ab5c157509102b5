/* What the source's files share: finding series of the head, names and values of labels. Any thread. */
#ifndef TSDB_SOURCE_H
#define TSDB_SOURCE_H

#include "base/vec.h"
#include "tsdb/tsdb_priv.h"

struct tsdb__head_walk {
    struct tsdb *db;
    const struct series_select *q;
    pthread_mutex_t *held;
    void (*fn)(void *arg, uint32_t slot);
    void *arg;
};
/* Calls fn for each series of the head that matches and may have samples in the span, with its shard locked. The caller is in
 * an epoch. */
int tsdb__head_select(struct tsdb *db, const struct series_select *q,
                      void (*fn)(void *arg, uint32_t slot), void *arg, struct err *err);

int tsdb__label_names(void *self, const struct series_select *q,
                      bool (*fn)(void *arg, struct str name), void *arg, struct err *err);
int tsdb__label_values(void *self, struct str name, const struct series_select *q,
                       bool (*fn)(void *arg, struct str value), void *arg, struct err *err);

/* --- what a selection found --- */

#define NONE UINT32_MAX

/* A series of a block; `next` is that of a later one, or NONE. */
struct part {
    uint32_t block, id, next;
};
struct member {
    uint32_t slot; /* in the head; NONE: not there */
    uint32_t raw;  /* part, of raw blocks; NONE */
    uint32_t tier; /* part, of tiers' blocks; NONE */
};

/* A stretch of time, both ends included. */
struct stretch {
    int64_t min_ms, max_ms;
    int64_t tier_ms; /* whose steps end there */
};
typedef vec_of(struct stretch) stretches;

#define FOUND_MAGIC 0x464f554eu /* "FOUN" */

struct found {
    struct series_set set;
    uint32_t magic;
    struct tsdb *db;
    struct epoch_reader reader;
    struct block **blocks; /* n_raw raw ones, then those of tiers, each in the order of reading */
    uint32_t n_blocks, n_raw;
    vec_of(struct member) members;
    vec_of(struct part) parts;
    stretches steps;  /* that come from tiers' blocks */
    stretches gaps;   /* of samples that no block of the chosen tier knows: reduced when read */
    int64_t *cutoffs; /* of each member: what is older has expired by a rule; NULL: none has */
};

/* source_tier.c: takes the blocks that the selection reads, and decides which stretches come from where. */
void tsdb__found_plan(struct found *f, const struct series_select *q);
/* Appends steps of tiers' blocks. */
int tsdb__read_blocks_steps(struct found *f, const struct member *m, int64_t min_ms, int64_t max_ms,
                            enum series_column column, struct samples *out, struct err *err);
/* One column of the chosen tier, from its blocks and where they end from single samples. */
int tsdb__read_steps(struct found *f, const struct member *m, int64_t min_ms, int64_t max_ms,
                     enum series_column column, struct samples *out, struct err *err);
/* source.c: appends single samples. */
int tsdb__read_raw(struct found *f, const struct member *m, int64_t min_ms, int64_t max_ms,
                   struct samples *out, struct err *err);

#endif
