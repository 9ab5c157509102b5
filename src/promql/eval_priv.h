/* What the files of the engine share. Internal to promql/.
 *
 * A query is a tree of values. A vector is a stream: n series, and for each of them on demand a column of one value a step,
 * ABSENT where there is none. Streams wrap one another (rate over a selector, * 2 over that), so that whoever wants the columns (an
 * aggregation, the result) computes each in one go, in parallel over tiles of series, and needs memory for the one it works on.
 * What needs all series at once (matching, sorting) gathers a stream into a frame first, which is a stream itself.
 *
 *   promql.c   the engine, requests, results     pool.c     threads, tiles          limits.c   gate, deadline, memory
 *   eval.c     nodes, subqueries, durations      select.c   selectors               frame.c    streams that lie in memory
 *   eval_call.c functions                        aggregate*.c, binary*.c, special*.c
 *   notes.c    warnings and infos                stats.c    figures a node          cache.c    results of range queries
 *
 * Trees are evaluated by the thread of the query; only column() and label(), label sets and tile functions run on several. */
#ifndef PROMQL_EVAL_PRIV_H
#define PROMQL_EVAL_PRIV_H

#include <pthread.h>

#include "base/vec.h"
#include "promql/functions.h"
#include "promql/promql.h"

/* Times of evaluation: start_ms + i * step_ms. */
struct span {
    int64_t start_ms, step_ms;
    uint32_t steps;
};

/* --- memory of all queries (limits.c): a quarter of the whole is the small ones' --- */

struct memory_total {
    atomic_ullong held, refused;
};
static inline bool memory_is_short(const struct memory_total *t, uint64_t most)
{
    return most > 0 && atomic_load(&t->held) > most - most / 4;
}
bool memory_take(struct memory_total *t, uint64_t most, uint64_t bytes); /* most 0: no bound */

/* --- memory of a query (limits.c) --- */

struct block { /* counted against the query's memory; freed at its end at the latest */
    struct block *next, *prev;
    struct block *mate; /* of the same frame */
    size_t bytes;
    _Alignas(16) unsigned char data[];
};

/* --- threads (pool.c) --- */

/* What one thread of a query works with. */
struct worker {
    struct query *q;
    struct arena *arena;              /* label sets; lives as long as the query */
    vec_of(struct samples *) samples; /* by slot */
    struct column_buffer {
        double *at;
        size_t cap;
    } * columns; /* by slot */
    size_t n_columns;
    uint64_t samples_read;
    size_t arena_counted; /* of the arena's bytes, against the query's memory */
};
/* Buffers of a worker that a stream may use within column(), by a slot that it got from query_slot. */
double *worker_column(struct worker *w, uint32_t slot, size_t n);
struct samples *worker_samples(struct worker *w, uint32_t slot); /* emptied */

struct pool;
typedef void tile_fn(void *arg, struct worker *w, uint32_t from, uint32_t to);
/* Calls fn for [0, n) in tiles, on the caller's and on further threads; returns when all is done, or the query failed. Tiles do not
 * depend on how many threads there are. */
void pool_run(struct pool *p, struct query *q, uint32_t n, uint32_t tile, tile_fn *fn, void *arg);
/* The same on the engine's pool. */
void query_tiles(struct query *q, uint32_t n, uint32_t tile, tile_fn *fn, void *arg);
uint32_t tile_of(uint32_t steps); /* series of so many steps that make a tile */

struct pool *pool_new(const struct promql_hooks *hooks);
void pool_free(struct pool *p);
void pool_set_threads(struct pool *p, uint32_t threads); /* beside the callers; may grow only */

/* --- streams --- */

/* Can two series become equal when names are dropped? */
enum names {
    NAMES_NONE, /* no series has a name */
    NAMES_ONE,  /* all have the same */
    NAMES_MANY,
};

struct stream;
struct stream_ops {
    /* The column of series i, in out (room for `steps`) or in the stream's memory. NULL: there are no values, or the query failed. Any
     * thread; of one series one at a time. */
    const double *(*column)(struct stream *s, struct worker *w, uint32_t i, double *out);
    /* Strings are borrowed and live as long as the query. Any thread with an arena of its own. */
    struct labels (*labels)(struct stream *s, uint32_t i, struct arena *a);
    struct str (*label)(struct stream *s, uint32_t i, struct str name);
    void (*done)(struct stream *s); /* gives back memory early; may be NULL */
};
struct stream {
    const struct stream_ops *ops;
    uint32_t n, steps;
    enum names names;
    bool drop;         /* delayed removal: all of them lose their names in the end */
    const bool *drops; /* or those; NULL */
};
static inline bool stream_drops(const struct stream *s, uint32_t i)
{
    return s->drops != NULL ? s->drops[i] : s->drop;
}
static inline void stream_done(struct stream *s)
{
    if (s->ops->done != NULL)
        s->ops->done(s);
}

/* A vector in memory: every series has a value somewhere. */
struct frame {
    struct stream s;
    struct query *q;
    struct labels *labels;
    double **columns; /* writable */
    bool *drops;
    struct block *blocks; /* by mate */
};
struct frame *frame_new(struct query *q, uint32_t n,
                        uint32_t steps);                   /* columns all ABSENT; NULL: failed */
struct frame *frame_of(struct query *q, struct stream *s); /* gathers; NULL: failed */
/* Series without a value leave. */
void frame_compact(struct frame *f);
/* Makes label sets unique again after names went: columns of equal sets are laid over each other. INVALID where two have a value at
 * one step, or, strict, at all. */
int frame_unique(struct frame *f, bool strict);
bool column_empty(const double *v, uint32_t n);
bool column_plain(const double *v, uint32_t n); /* no NaN, and so nothing absent */
void column_fill(double *v, uint32_t n, double x);

/* __name__, __type__, __unit__: what operations that change a metric's meaning take away */
bool label_is_meta(struct str name);
struct labels labels_without_meta(const struct labels *l, struct arena *a);

/* --- values --- */

struct value {
    enum promql_type type; /* VECTOR, SCALAR, STRING */
    struct stream *vector;
    const double *scalar; /* a column */
    struct str string;
};

/* --- queries --- */

struct selection { /* of a selector: shared by equal ones */
    struct selection *next;
    const struct promql_node *node;
    int64_t min_ms, max_ms, tier_ms;
    struct series_set *set;
};
struct note {
    bool warning;
    char *text;
};

#define QUERY_MAGIC 0x70716c71 /* "pqlq" */
struct query {
    uint32_t magic;
    struct promql_engine *engine;
    const struct promql_request *req;
    struct promql_limits limits;
    bool delayed; /* removal of names */
    int64_t lookback_ms, default_interval_ms;
    struct span span; /* of the query */
    int64_t end_ms;
    struct str text;
    const struct promql_node *ast;

    struct arena *arena; /* of the thread of the query */
    struct selection *selections;
    uint32_t n_slots;
    struct worker *workers; /* one a thread; [0] is the query's own */
    uint32_t n_workers;
    struct query_stats *stats; /* NULL: not asked for */
    struct query *next;        /* of those that run */
    struct pool *pool;
    struct promql_cache *cache;
    bool use_cache;
    int64_t recent_ms;
    int64_t started_ms, started_ns, deadline_ns;

    atomic_bool failed;
    atomic_ullong samples, memory, memory_peak;
    struct memory_total *total;
    size_t result_counted; /* of the result's arena */
    uint64_t series;
    pthread_mutex_t lock; /* guards err, notes, blocks */
    struct err err;
    vec_of(struct note) notes;
    struct block *blocks;
};

/* Sets the query's error, the first one wins. Returns -1. Any thread. */
#define query_fail(q, code, ...) \
    err_failed(query_fail_at((q), (code), __FILE__, __LINE__, __VA_ARGS__))
int query_fail_at(struct query *q, enum err_code code, const char *file, int line, const char *fmt,
                  ...) printf_like(5, 6);
int query_fail_err(struct query *q, const struct err *err);
static inline bool query_failed(struct query *q)
{
    return atomic_load_explicit(&q->failed, memory_order_relaxed);
}
/* Cancelled, past its time? Then it fails. own: by the query's thread, which may ask whether the client has gone. */
bool query_stopped(struct query *q, bool own);
/* Zeroed. NULL: past the memory limit, the query failed. Any thread. */
struct block *query_block(struct query *q, size_t bytes);
void query_unblock(struct query *q, struct block *b); /* NULL is fine */
int query_count_memory(struct query *q,
                       size_t bytes); /* until query_uncount, or the end: of arenas */
void query_uncount(struct query *q, size_t bytes);
int query_count_samples(struct query *q, uint64_t n);
static inline uint32_t query_slot(struct query *q)
{
    return q->n_slots++;
}

/* --- notes.c --- */
/* Once a text. The position is the node's. Any thread. */
void note_warning(struct query *q, const struct promql_node *at, const char *fmt, ...)
    printf_like(3, 4);
void note_info(struct query *q, const struct promql_node *at, const char *fmt, ...)
    printf_like(3, 4);
void note_warning_plain(struct query *q, const char *fmt, ...) printf_like(2, 3);
void notes_add(struct query *q, bool warning, const char *text);
void notes_result(struct query *q, struct promql_result *r);

/* --- eval.c --- */
int eval_node(struct query *q, const struct promql_node *n, struct span span, struct value *out);
struct stream *eval_vector(struct query *q, const struct promql_node *n,
                           struct span span); /* NULL: failed */
const double *eval_scalar(struct query *q, const struct promql_node *n,
                          struct span span); /* NULL: failed */
int eval_string(struct query *q, const struct promql_node *n, struct str *out);
const struct promql_node *node_bare(const struct promql_node *n); /* without parentheses */
bool node_invariant(const struct promql_node *n);                 /* by @: the same at each step */
int eval_duration(struct query *q, const struct promql_duration *d, bool negative_ok, int64_t *ms);
/* Where a selector or subquery looks at each step: first_ms + i * step_ms. */
int eval_when(struct query *q, const struct promql_when *w, struct span span, struct span *out);
/* Drops the names of s: wraps or gathers. */
struct stream *stream_nameless(struct query *q, struct stream *s, bool strict);
struct stream *stream_of_column(struct query *q, const double *column,
                                uint32_t steps);             /* no labels */
struct stream *stream_none(struct query *q, uint32_t steps); /* no series */
double *query_column(struct query *q, uint32_t steps);       /* NULL: failed */
int value_of_number(struct query *q, double x, struct span span,
                    struct value *out); /* a scalar, the same at each step */

/* --- select.c --- */
struct selection *select_series(struct query *q, const struct promql_node *n, int64_t min_ms,
                                int64_t max_ms, int64_t tier_ms);
struct stream *eval_selector(struct query *q, const struct promql_node *n, struct span span,
                             bool times);
/* Column of samples: reads series i of a selection. Stale markers are left in. -1: the query failed. */
int selection_read(struct query *q, struct worker *w, struct selection *s, uint32_t i,
                   enum series_column c, struct samples *out);
void samples_drop_stale(struct samples *s);
enum names selection_names(const struct promql_node *n);
struct labels selection_labels(struct selection *s, uint32_t i, struct arena *a);

/* --- eval_call.c, eval_range.c --- */
int eval_call(struct query *q, const struct promql_node *n, struct span span, struct value *out);
int eval_range_call(struct query *q, const struct promql_node *n, struct span span,
                    struct value *out);
/* fn over the range that n, a call, has; names are kept. NULL: failed. */
struct stream *range_stream_new(struct query *q, const struct promql_node *n,
                                const struct promql_function *fn, struct span span);
/* The samples of a range or subquery, series by series: what functions of ranges slide over. */
struct range_source {
    const struct promql_node *node; /* NODE_RANGE or NODE_SUBQUERY */
    uint32_t n;
    struct span windows; /* their ends */
    int64_t range_ms, lookback_ms;
    bool anchored, smoothed;
    struct selection *selection; /* of a range */
    struct stream *inner;        /* of a subquery, over inner_span */
    struct span inner_span;
    uint32_t samples_slot, column_slot;
    enum names names;
};
int range_source_open(struct query *q, const struct promql_node *n, struct span span, bool tiers,
                      struct range_source *out);
/* NULL: failed. Without stale markers. */
struct samples *range_source_read(struct query *q, struct worker *w, const struct range_source *r,
                                  uint32_t i, enum series_column c);
struct labels range_source_labels(const struct range_source *r, uint32_t i, struct arena *a);

/* --- special*.c --- */
int eval_special(struct query *q, const struct promql_node *n, struct span span, struct value *out);
int special_sort(struct query *q, const struct promql_node *n, struct span span, struct value *out);
int special_info(struct query *q, const struct promql_node *n, struct span span, struct value *out);
int special_histogram(struct query *q, const struct promql_node *n, struct span span,
                      struct value *out);
int special_label(struct query *q, const struct promql_node *n, struct span span,
                  struct value *out);
int special_absent(struct query *q, const struct promql_node *n, struct span span,
                   struct value *out);

/* --- aggregate*.c --- */
struct groups {
    uint32_t n;
    uint32_t *of;          /* group of each series */
    struct labels *labels; /* of each group */
};
int eval_aggregate(struct query *q, const struct promql_node *n, struct span span,
                   struct value *out);
int groups_make(struct query *q, const struct promql_node *n, struct stream *s, struct groups *g);
struct labels group_labels(const struct promql_node *n, const struct labels *l, struct arena *a);
struct stream *aggregate_fold(struct query *q, const struct promql_node *n, struct stream *s,
                              const struct groups *g);
struct stream *aggregate_top(struct query *q, const struct promql_node *n, struct stream *s,
                             const struct groups *g, const double *k);
struct stream *aggregate_quantile(struct query *q, const struct promql_node *n, struct stream *s,
                                  const struct groups *g, const double *param);
struct stream *aggregate_moments(struct query *q, const struct promql_node *n, struct stream *s,
                                 const struct groups *g);
struct stream *aggregate_mean(struct query *q, struct frame *f, const struct groups *g);
struct stream *aggregate_limit(struct query *q, const struct promql_node *n, struct stream *s,
                               const struct groups *g, const double *param);
struct stream *aggregate_values(struct query *q, const struct promql_node *n, struct stream *s,
                                struct str label);
/* A frame of one series a group: labels and flags are the group's, columns are filled by the caller. */
struct frame *group_frame(struct query *q, const struct groups *g, uint32_t steps);

/* --- binary*.c --- */
int eval_binary(struct query *q, const struct promql_node *n, struct span span, struct value *out);
struct stream *binary_match(struct query *q, const struct promql_node *n, struct frame *l,
                            struct frame *r);
struct stream *binary_set(struct query *q, const struct promql_node *n, struct frame *l,
                          struct frame *r);
bool op_compares(enum promql_op op);
bool op_is_set(enum promql_op op);
double op_apply(enum promql_op op, double a, double b); /* comparisons: 0 or 1 */
bool op_holds(enum promql_op op, double a, double b);   /* comparisons */

/* --- label_keys.c: series that agree in some labels --- */
struct label_choice { /* by/on these, or without/ignoring these and the name */
    const struct str *names;
    uint32_t n;
    bool without;
};
struct labels labels_choose(const struct label_choice *c, const struct labels *l, struct arena *a);
/* Numbers what differs in the chosen labels, in order of appearance; several streams may be numbered by one after another. */
struct label_key {
    uint64_t a, b; /* two hashes of different seeds stand for the labels */
};
struct label_keys {
    vec_of(struct label_key) keys; /* by number */
    vec_of(uint32_t) firsts; /* the series that began it, in the stream that was numbered then */
    uint32_t *table, mask;
};
int label_keys_open(struct query *q, struct label_keys *k);
void label_keys_close(struct label_keys *k);
int label_keys_number(struct query *q, struct label_keys *k, const struct label_choice *c,
                      struct stream *s, uint32_t *of);
/* Series by label set. */
struct label_map;
struct label_map *label_map_new(void);
void label_map_free(struct label_map *m); /* NULL is fine */
/* The number of this label set and flag, in order of first call. */
uint32_t label_map_number(struct label_map *m, const struct labels *l, bool *added);

uint64_t promql_xxh64(const void *p, size_t n); /* xxh64.c */

/* --- format.c --- */
void labels_format_inside(struct buf *out,
                          const struct labels *l);  /* the name among the braces too */
void value_format_plain(struct buf *out, double v); /* digits without an exponent */

/* --- stats.c --- */
struct query_stats;
void stats_open(struct query *q);
void stats_free(struct query *q);
void stats_enter(struct query *q, const struct promql_node *n);
/* v NULL: it failed. Its vector is wrapped, so that columns count. */
void stats_leave(struct query *q, const struct promql_node *n, struct value *v);
void stats_samples(struct query *q, const struct promql_node *n, uint64_t samples); /* any thread */
void stats_result(struct query *q, struct promql_result *r);

/* --- result.c --- */
int result_make(struct query *q, struct promql_result *r);
/* The answer of a range query over some of its steps, names gone that were to go. NULL: failed. */
struct frame *result_frame(struct query *q, struct span span);
int result_copy(struct query *q, struct frame *f, struct promql_result *r);
/* The result's memory outlives the query: counts it as the result's own. */
int result_keep(struct query *q, struct promql_result *r);

#endif
