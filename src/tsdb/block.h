/* Blocks: immutable directories that hold the series of a span of time, DIR/blocks/NAME. A block is complete when its
 * directory has its final name: it is written as NAME.tmp, synced and renamed.
 *
 *   meta.json   for people and for retention: span, tier, level, counts, sources it was merged from
 *   index       symbols, label sets (front-coded, sorted as labels_compare), posting lists, where chunks are
 *   chunks      pages of chunks, each page with its CRC-32C; neighbours share times and a dictionary
 *   deleted     what was deleted since (written beside it, atomically); absent when nothing was
 *
 * Raw blocks hold samples; a tier's block holds for each step and series the columns of enum series_column. Reading maps
 * the files; any thread may read. block.c documents the formats byte by byte. */
#ifndef TSDB_BLOCK_H
#define TSDB_BLOCK_H

#include "model/series.h"

struct block_meta {
    char name
        [64]; /* "1732190400000-18a9…-1732197600000-0-2": first, stamp, end, tier, level. "": the writer makes it */
    int64_t min_ms, max_ms; /* samples lie in [min_ms, max_ms) */
    int64_t tier_ms;        /* 0: raw */
    uint32_t level;         /* 1: cut from the head; merging adds one */
    /* When its samples were first written, ns; 0: now. Of equal times of raw blocks the block with the older stamp wins, of
     * tiers the newer. A merged block has its oldest's. */
    uint64_t stamp;
    uint64_t
        late; /* stamp of the newest samples that came after others of their time; tiers: of those that were known; 0 */
    uint64_t series, samples, chunks, bytes;
    bool has_deletions; /* when it was opened; now: block_has_deletions */
};

/* --- writing: series in the order of labels_compare, one at a time --- */
struct block_writer;
struct block_writer *block_writer_new(const char *blocks_dir, const struct block_meta *meta,
                                      struct err *err);
/* Begins the next series; CONFLICT when it is not after the last one. */
int block_writer_series(struct block_writer *w, const struct labels *l, struct err *err);
/* Samples of the series begun, in order of time; may be called several times. Raw blocks: column COLUMN_RAW. Tiers: each
 * column once, all with the same times (the end of each step). */
int block_writer_samples(struct block_writer *w, enum series_column column, const struct samples *s,
                         struct err *err);
/* Completes the block and makes it durable; a block without series vanishes and *out_name is "". On failure everything is removed.
 * Frees w in every case. */
int block_writer_finish(struct block_writer *w, struct block_meta *out, struct err *err);
void block_writer_abort(struct block_writer *w); /* NULL is fine */

/* --- reading --- */
struct block;
struct block *block_open(const char *blocks_dir, const char *name,
                         struct err *err); /* one reference */
struct block *block_ref(struct block *b);
/* NULL is fine. The last one unmaps, and removes the directory if block_doom was called. When one is left, what reading
 * kept at hand is freed: whoever reads holds a reference of his own as long as he does. */
void block_unref(struct block *b);
void block_doom(struct block *b);
const struct block_meta *block_meta(const struct block *b);
const char *block_path(const struct block *b);
uint64_t
block_damaged(const struct block *b); /* pages that were found damaged; each is logged once */
/* Looks at every checksum, also of what was found sound before: DAMAGED when one is wrong, *bad the number of bad pages. */
int block_verify(struct block *b, uint64_t *bad, struct err *err);

/* The numbers of the matching series, ascending, which is the order of labels. vec-like, malloc'ed: free(*ids). */
int block_select(struct block *b, const struct matcher *const *m, size_t n, uint32_t **ids,
                 uint32_t *count, struct err *err);
uint32_t block_series_count(const struct block *b);
/* Label set of a series, borrowed from the mapping or in a. */
struct labels block_labels(struct block *b, uint32_t id, struct arena *a);
struct str block_label(struct block *b, uint32_t id, struct str name);
/* What says whether a series here and one elsewhere are the same: labels_hash, and labels_check.h under this secret, which must be
 * the same always. Of a series whose labels are lost: what no other has. Computed once and remembered. */
struct block_identity {
    uint64_t hash;
    uint32_t check;
};
struct block_identity block_identity(struct block *b, uint32_t id, uint64_t secret);
/* Is there a sample of this series within the span? By what the index knows: may be true of none. Cheap for ids that
 * rise, as everything here that names a series is: a thread goes on where it was. */
bool block_has(struct block *b, uint32_t id, int64_t min_ms, int64_t max_ms);
/* Appends. DAMAGED when a page was lost; what could be read was appended. A page is opened once for all its series when ids
 * rise. */
int block_read(struct block *b, uint32_t id, int64_t min_ms, int64_t max_ms,
               enum series_column column, struct samples *out, struct err *err);
/* Names, or values of a name, in sorted order. */
int block_label_names(struct block *b, bool (*fn)(void *arg, struct str s), void *arg);
int block_label_values(struct block *b, struct str name, bool (*fn)(void *arg, struct str s),
                       void *arg);

/* --- deletions --- */
/* Marks [min_ms, max_ms] of these series deleted, durably; readers that begin afterwards do not see them. */
int block_delete(struct block *b, const uint32_t *ids, uint32_t n, int64_t min_ms, int64_t max_ms,
                 struct err *err);

bool block_has_deletions(const struct block *b);
uint32_t block_deletions(const struct block *b); /* entries of series and spans */

/* Removes what writers, removals and deletions left behind when they were cut short: NAME.tmp. For the start, before blocks
 * are opened. */
int block_sweep(const char *blocks_dir, struct err *err);
/* Makes DIR/NAME a copy of the block by hard links, durable. IO when the file systems differ. */
int block_link(struct block *b, const char *dir, struct err *err);

#endif
