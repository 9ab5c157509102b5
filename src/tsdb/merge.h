/* What becomes of blocks: merged into larger ones, reduced to tiers, dropped when they are past their time. Deciding is pure
 * (merge_plan, keep_cutoff); doing works in bounded memory, one series at a time, and rests between.
 *
 * Raw blocks grow from block_ms by threes (2 h, 6 h, 18 h …) up to a tenth of the retention or 31 days, each window when its time
 * is over. Blocks that overlap are merged first. A tier is built from raw blocks that are large enough to stay; it is built
 * again when samples came late. Deletions and retention by matcher take effect in whatever is written. */
#ifndef TSDB_MERGE_H
#define TSDB_MERGE_H

#include "tsdb/block.h"
#include "tsdb/blocks.h"
#include "tsdb/tsdb.h"

/* --- retention (keep.c) --- */

struct keep_policy {
    int64_t now_ms;
    int64_t keep_ms; /* raw; 0: for ever */
    uint64_t keep_bytes;
    struct {
        int64_t step_ms, keep_ms;
    } tiers[2];
    const struct tsdb_keep_rule *rules;
    size_t n_rules;
};
/* Samples of this label set before the time that is answered have expired: hide them. tier_ms 0: raw. A rule that matches holds for
 * the tiers, too; the last that matches wins. INT64_MIN: none has. */
int64_t keep_cutoff(const struct keep_policy *k, const struct labels *l, int64_t tier_ms);
/* Everything in a block up to here has expired, whatever the labels. INT64_MIN: never. */
int64_t keep_cutoff_all(const struct keep_policy *k, int64_t tier_ms);

/* --- deciding (merge_plan.c) --- */

struct merge_policy {
    struct keep_policy keep;
    int64_t block_ms; /* of blocks cut from the head */
    double
        deleted_share; /* rewrite when of more than this share of its series something was deleted; 0: 0.05 */
};
struct merge_input {
    const struct block_meta *meta;
    uint32_t deleted; /* entries in its list of deletions */
    bool no_tier;     /* a tier of it would be empty */
};
enum merge_what { MERGE_NOTHING, MERGE_DROP, MERGE_JOIN, MERGE_REWRITE, MERGE_TIER };
#define MERGE_MOST 64
struct merge_job {
    enum merge_what what;
    uint32_t n,
        which
            [MERGE_MOST]; /* indices of the input: DROP, REWRITE: one; JOIN: all; TIER: read these */
    int64_t min_ms, max_ms; /* of the block to be written; TIER: steps end within [min, max) */
    int64_t tier_ms;
    uint32_t of;   /* TIER: of which block */
    uint64_t late; /* for the meta */
};
/* What is to be done next with these blocks. force: also windows whose time is not over, and any deletion. */
struct merge_job merge_plan(const struct merge_input *in, uint32_t n, const struct merge_policy *p,
                            bool force);
int64_t merge_largest(const struct merge_policy *p); /* span of the largest block */

/* --- doing --- */

/* Called between series, with the samples handled since: false stops with CANCELLED. May sleep. */
struct merge_pace {
    bool (*fn)(void *arg, uint64_t samples);
    void *arg;
};
/* Joins blocks of one tier into one: series by series, of samples of the same time that of the older stamp (tiers: the newer). What
 * was deleted or has expired by a rule of keep (NULL: nothing) is left out; samples outside of [min_ms, max_ms) of the meta, too. What
 * cannot be read is lost, logged and counted by its block. out->name is "" when nothing was left. */
int block_merge(struct block *const *blocks, uint32_t n, const char *blocks_dir,
                const struct block_meta *meta, const struct keep_policy *keep,
                const struct merge_pace *pace, struct block_meta *out, struct err *err);

/* One column of what a tier would hold of raw samples, appended: for each step (k*step, (k+1)*step] that has samples one, at the end
 * of the step. Stale markers are no samples. before: the last value before the first sample, from which it rises; NULL.
 * COLUMN_RAW is COLUMN_LAST. */
void tier_reduce(const struct samples *raw, int64_t step_ms, enum series_column c,
                 const double *before, struct samples *out);
/* Builds the block of a tier from raw blocks: steps that end within [min_ms, max_ms) of the meta. */
int tier_build(struct block *const *raw, uint32_t n, const char *blocks_dir,
               const struct block_meta *meta, const struct keep_policy *keep,
               const struct merge_pace *pace, struct block_meta *out, struct err *err);

/* --- the shell (merge_step.c) --- */

struct merge_stats {
    uint64_t merges, tiers, drops, rewrites, samples;
};
/* Does the next thing that is due: 1, or 0 when nothing is. -1: the blocks are as they were; CANCELLED when *stop. Uses half a core
 * at most unless force. */
int merge_step(struct blocks *bs, const char *blocks_dir, const struct merge_policy *p,
               atomic_bool *stop, bool force, struct merge_stats *st, struct err *err);
/* Rewrites one block that has deletions: 1, or 0 when there is none. */
int merge_clean(struct blocks *bs, const char *blocks_dir, const struct merge_policy *p,
                atomic_bool *stop, struct merge_stats *st, struct err *err);

#endif
