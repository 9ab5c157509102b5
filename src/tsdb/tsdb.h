/* The time-series store: samples of labelled series, lossless, durable, in little memory. It knows nothing of probes or
 * programs.
 *
 *   append ─► WAL ─► head (open chunks) ─► head chunk files ─┐ cut, every 2 h
 *                                                            ▼
 *   series_source ◄──────── blocks of 2 h ─► merged blocks (raw) + tiers of 5 min and 1 h ─► retention
 *
 * Acknowledged (tsdb_append returned 0) means: survives kill -9 of the process at once, and loss of power after wal_sync_ms at
 * most. Disk full: appends fail with FULL, reading goes on, and appends work again by themselves when there is room.
 * Damage costs the record or the chunk that it hit; it is logged and counted.
 *
 * Any thread may call anything here but open and close. An append never waits for a query, a query never for a compaction.
 * Files are described byte by byte in wal.c, head_file.c, chunk.h, block.h. */
#ifndef TSDB_TSDB_H
#define TSDB_TSDB_H

#include "model/series.h"

struct tsdb;

/* Later rules win; a rule is a selector's matchers. */
struct tsdb_keep_rule {
    const struct matcher *const *matchers;
    size_t n_matchers;
    int64_t keep_ms;
};

struct tsdb_options {
    const char *dir;         /* made when absent */
    int64_t wal_sync_ms;     /* 200; 0: each append is synced */
    int64_t out_of_order_ms; /* 600000: how far behind a series' newest sample one may come */
    int64_t block_ms;        /* 7200000 */
    int64_t snapshot_ms;     /* 300000: the head is written, so that a start replays less */
    int64_t keep_ms;         /* raw samples; 0: for ever */
    uint64_t keep_bytes;     /* of all blocks; 0: no bound */
    struct {
        int64_t step_ms, keep_ms; /* keep 0: for ever; step 0: no such tier */
    } tiers[2];                   /* 300000 and 3600000 */
    const struct tsdb_keep_rule
        *rules; /* copied by the caller's side: must live until close or tsdb_set_rules */
    size_t n_rules;
    uint64_t max_series;            /* in the head; 0: no bound */
    uint64_t max_series_per_source; /* a source is a small number that the appender names */
    uint32_t max_labels;            /* of one series: 64 */
    uint32_t max_label_bytes;       /* of one name or value: 4096 */
    int64_t (*now_ms)(void);        /* wall clock; NULL: clock_wall_ms. For tests */
    bool manual;                    /* no background thread: tests call tsdb_tick */
};
#define TSDB_OPTIONS                                             \
    ((struct tsdb_options){.wal_sync_ms = 200,                   \
                           .out_of_order_ms = 600000,            \
                           .block_ms = 7200000,                  \
                           .snapshot_ms = 300000,                \
                           .tiers = {{300000, 0}, {3600000, 0}}, \
                           .max_labels = 64,                     \
                           .max_label_bytes = 4096})

/* Replays what the last life left. INVALID, IO, CONFLICT (another process has it open). */
struct tsdb *tsdb_open(const struct tsdb_options *opt, struct err *err);
/* Syncs, writes a snapshot of the head, ends the background thread. NULL is fine. */
void tsdb_close(struct tsdb *db);

/* --- writing --- */

/* Names a series of the head; valid until the process ends, also when the series was forgotten meanwhile: then appends to it
 * answer TSDB_GONE and the caller asks for it again. */
typedef uint64_t tsdb_ref;

/* The series of this label set, made when it is new. 0 with *err: TOO_LARGE (a limit, named), FULL, INVALID (no labels). source:
 * who is asked to pay for it (tsdb_source_id); 0: nobody. */
tsdb_ref tsdb_series(struct tsdb *db, uint32_t source, const struct labels *l, struct err *err);
/* The ingestion's short cut: a series by the raw bytes that its sender names it with (a line of an exposition up to the value,
 * the label messages of a remote write). 0: not known, or no longer: parse, tsdb_series, tsdb_alias. Forgotten with the
 * series. */
tsdb_ref tsdb_by_alias(struct tsdb *db, uint32_t source, const void *key, size_t n);
/* At most TSDB_ALIASES of them, much faster than one by one. */
#define TSDB_ALIASES 64u
void tsdb_by_aliases(struct tsdb *db, uint32_t source, const struct str *keys, size_t n,
                     tsdb_ref *refs);
void tsdb_alias(struct tsdb *db, uint32_t source, const void *key, size_t n, tsdb_ref ref);
/* A number for a source's name ("probe", "remote_write", "scrape:node"); the same for the same name. */
uint32_t tsdb_source_id(struct tsdb *db, const char *name);

enum tsdb_verdict {
    TSDB_TAKEN,
    TSDB_SAME,         /* time and value are there already: fine */
    TSDB_DUPLICATE,    /* another value at that time: the first stays */
    TSDB_OUT_OF_ORDER, /* further behind than the window */
    TSDB_GONE,         /* the series was forgotten */
};
struct tsdb_row {
    tsdb_ref ref;
    int64_t t_ms;
    double v;
};
/* Appends n rows as one record of the WAL, all or (on error) none: FULL, IO. verdict: n of them, or NULL. Returns 0 when
 * every row was judged, also when some were refused. */
int tsdb_append(struct tsdb *db, const struct tsdb_row *rows, size_t n, uint8_t *verdict,
                struct err *err);
int tsdb_sync(struct tsdb *db, struct err *err); /* what was appended is on the disk */
/* label set by label set, for those who write little: rules, the program's own figures. Flush appends. Free with
 * tsdb_sink_free. One thread. */
struct sample_sink tsdb_sink(struct tsdb *db, uint32_t source);
void tsdb_sink_free(struct sample_sink *sink);

/* Samples of the past, as a block of its own, past the head and its window: an import. Series come in the order of labels_compare, samples
 * within [min_ms, max_ms) (spans of blocks, block_ms, merge best); of times that are there already the older ones stay. */
struct tsdb_backfill;
struct tsdb_backfill *tsdb_backfill_begin(struct tsdb *db, int64_t min_ms, int64_t max_ms,
                                          struct err *err);
int tsdb_backfill_series(struct tsdb_backfill *b, const struct labels *l, const struct samples *s,
                         struct err *err);
/* In answers and on the disk when it returned 0. Frees b in every case. */
int tsdb_backfill_finish(struct tsdb_backfill *b, struct err *err);
void tsdb_backfill_abort(struct tsdb_backfill *b); /* NULL is fine */

void tsdb_set_metadata(struct tsdb *db, const struct metric_metadata *m);
/* In order of the metric's name; one metric only when metric.n > 0. */
void tsdb_each_metadata(struct tsdb *db, struct str metric,
                        bool (*fn)(void *arg, const struct metric_metadata *m), void *arg);

/* --- reading --- */
struct series_source tsdb_source(struct tsdb *db); /* borrowed, as long as db */

/* --- following, for remote write: what is appended, from a place on, in order, also over restarts --- */
struct tsdb_place {
    uint64_t segment, offset; /* 0, 0: the oldest that is there */
};
struct tsdb_tail;
/* The WAL is kept from `from` on, up to keep_bytes behind the newest; what is cut off is counted in lost. */
struct tsdb_tail *tsdb_tail_open(struct tsdb *db, struct tsdb_place from, uint64_t keep_bytes);
void tsdb_tail_free(struct tsdb_tail *t);
/* Fills rows with what follows. 0: nothing now. *place: after it; give it to tsdb_tail_done when it was delivered. */
size_t tsdb_tail_next(struct tsdb_tail *t, struct tsdb_row *rows, size_t max,
                      struct tsdb_place *place, struct err *err);
/* The WAL before this place is not needed by this tail any more. */
void tsdb_tail_done(struct tsdb_tail *t, struct tsdb_place place);
/* Labels of a series that tail_next named, in a. false: not known any more. */
bool tsdb_ref_labels(struct tsdb *db, tsdb_ref ref, struct arena *a, struct labels *out);

/* --- looking after it --- */

/* Samples of matching series within [min_ms, max_ms] vanish from answers at once, from the disk with the next merge. */
int tsdb_delete(struct tsdb *db, const struct matcher *const *matchers, size_t n, int64_t min_ms,
                int64_t max_ms, struct err *err);
int tsdb_clean_tombstones(struct tsdb *db,
                          struct err *err); /* rewrites blocks with deletions now */
/* A copy by hard links under DIR/snapshots; its name into *name (in a). with_head: the head's samples too, as a block. */
int tsdb_snapshot(struct tsdb *db, bool with_head, struct arena *a, const char **name,
                  struct err *err);
/* What the background thread does when due: sync, cut, merge, drop. For tests with .manual; force: due or not. */
int tsdb_tick(struct tsdb *db, bool force, struct err *err);
/* Retention that a reload brings; rules as in tsdb_options. */
void tsdb_set_keep(struct tsdb *db, int64_t keep_ms, uint64_t keep_bytes,
                   const struct tsdb_keep_rule *rules, size_t n_rules);

/* Whether to list the values of this label (or, of an empty one, the names of labels) at most so many texts are looked at.
 * Quick. */
bool tsdb_few_texts(struct tsdb *db, struct str label, size_t most);

struct tsdb_stats {
    uint64_t series, series_created, series_forgotten, series_refused;
    uint64_t samples, samples_same, samples_duplicate, samples_out_of_order;
    uint64_t head_chunks, head_bytes, blocks, block_bytes, tier_bytes, wal_bytes, wal_segments;
    uint64_t wal_syncs, wal_failures, damaged_records, damaged_chunks, snapshots, cuts, merges,
        merge_failures, tail_lost_bytes;
    int64_t min_ms, max_ms, head_min_ms; /* 0 when empty */
    int64_t replay_ms;                   /* what the last open took */
    bool full;                           /* appends fail: the disk is full */
};
void tsdb_get_stats(struct tsdb *db, struct tsdb_stats *out);

/* Which metrics and labels cost the most, in the head: for the page and /status/tsdb. */
enum tsdb_top {
    TSDB_SERIES_BY_METRIC,
    TSDB_VALUES_BY_LABEL, /* distinct values of a label's name */
    TSDB_BYTES_BY_LABEL,
    TSDB_SERIES_BY_PAIR, /* "name=value" */
    TSDB_SERIES_BY_SOURCE,
};
/* The n largest, in falling order; name lives until fn returns. */
void tsdb_each_top(struct tsdb *db, enum tsdb_top what, size_t n,
                   void (*fn)(void *arg, struct str name, uint64_t value), void *arg);

/* Each block, oldest first, for status and tests. */
struct tsdb_block_info {
    const char *name;
    int64_t min_ms, max_ms, tier_ms; /* tier 0: raw */
    uint64_t series, samples, bytes;
    uint32_t level;
};
void tsdb_each_block(struct tsdb *db, void (*fn)(void *arg, const struct tsdb_block_info *b),
                     void *arg);

#endif
