/* PromQL: evaluates the language of Prometheus 3 over any series_source, to the last digit as Prometheus does.
 *
 * Range queries are evaluated series by series in columns of one value a step, in parallel over series; windows slide.
 * An engine may be used from any number of threads; limits are shared by what runs at once. */
#ifndef PROMQL_PROMQL_H
#define PROMQL_PROMQL_H

#include "model/series.h"
#include "promql/ast.h"

struct promql_limits {
    uint64_t max_samples; /* 50,000,000: decoded, and held as results, by one query */
    uint32_t max_series;  /* 1,000,000: selected by one query */
    uint64_t max_memory;  /* 1 GiB: of one query */
    int64_t timeout_ms;   /* 120,000 */
    uint32_t max_points;  /* 11,000 steps of a range query */
    uint32_t concurrency; /* 20 queries at once; more wait until their timeout */
    uint32_t threads;     /* that one query may use; 0: as many as processors */
    /* 2 GiB: of all queries and of their results until these are freed; 0: no bound. A quarter of it is kept in equal parts for each
     * query, so that a large one cannot take a small one's. While more than the rest is held, further queries wait at the gate;
     * one that asks for more meanwhile fails: BUSY. */
    uint64_t total_memory;
};
struct promql_options {
    struct promql_limits limits;
    int64_t lookback_ms;         /* 300,000 */
    int64_t default_interval_ms; /* of subqueries without step: 60,000 */
    bool experimental;
    bool delayed_name_removal; /* Prometheus' feature flag of that name */
    uint64_t cache_bytes;      /* of results of range queries; 0: none */
    int64_t
        recent_ms;   /* what is younger may still change: samples may come in so late. Not cached */
    int64_t slow_ms; /* queries that take longer are logged; 0: none */
    int64_t (*now_ms)(void); /* NULL: clock_wall_ms */
    struct
        promql_hooks { /* called in each thread of the engine's at its start and its end; NULL is fine */
        void (*begin)(void);
        void (*end)(void);
    } hooks;
};
#define PROMQL_OPTIONS                                                                             \
    ((struct promql_options){                                                                      \
        .limits = {50000000, 1000000, UINT64_C(1) << 30, 120000, 11000, 20, 0, UINT64_C(2) << 30}, \
        .lookback_ms = 300000,                                                                     \
        .default_interval_ms = 60000,                                                              \
        .cache_bytes = UINT64_C(64) << 20,                                                         \
        .recent_ms = 600000,                                                                       \
        .slow_ms = 10000})

struct promql_engine;
struct promql_engine *promql_engine_new(const struct promql_options *opt);
void promql_engine_free(struct promql_engine *e); /* no query may run */
void promql_engine_set_limits(struct promql_engine *e, const struct promql_limits *l);

struct promql_request {
    struct series_source source;
    struct str query;
    bool range; /* else instant: start_ms is the time */
    int64_t start_ms, end_ms, step_ms;
    int64_t lookback_ms; /* 0: the engine's */
    int64_t timeout_ms;  /* 0, or less than the limit */
    uint32_t limit;      /* most series in the result; 0: none. More are cut off with a warning */
    bool stats;          /* count and time each node */
    bool no_cache;
    int64_t
        tier_ms; /* > 0: may be answered from downsampled steps not longer than this; what was so is told as an info */
    const atomic_bool *cancelled; /* or NULL */
    bool (*gone)(void *arg);      /* has whoever asked left? Asked now and then; NULL */
    void *gone_arg;
};

struct promql_series {
    struct labels labels;
    double *v; /* one a step; ABSENT (functions.h) where there is none */
    int64_t
        *t; /* of a matrix selector's answer: its own times, n of them; NULL: start + i * step */
    uint32_t n;
};
struct promql_node_stats { /* of one node, in the order of promql_walk */
    const struct promql_node *node;
    uint64_t series, samples, bytes;
    int64_t wall_ns, cpu_ns;
};
struct promql_result {
    struct arena *arena;
    enum promql_type type; /* of a range query: MATRIX */
    const struct promql_node *ast;
    struct promql_series *series; /* vector (order kept by sort), matrix (sorted by labels) */
    size_t n_series;
    int64_t start_ms, step_ms;
    uint32_t steps;
    double scalar;
    struct str string;
    const char **warnings,
        **infos; /* as Prometheus words them, with (line:column); at most 10 each, sorted */
    size_t n_warnings, n_infos;
    uint64_t samples_read, samples_peak, series_selected;
    int64_t parse_ns, wait_ns, eval_ns;
    bool from_cache;                 /* a part of it was */
    struct promql_node_stats *nodes; /* when asked for */
    size_t n_nodes;
    uint64_t
        held; /* bytes that count against total_memory until it is freed, before the engine is */
    struct promql_engine *engine;
};
/* 0 and *out, to be freed. Errors: MALFORMED (parse, place in err), INVALID (execution error, Prometheus' 422), TOO_LARGE (a limit: its
 * name and value), BUSY (total_memory), TIMEOUT, CANCELLED, DAMAGED. */
int promql_run(struct promql_engine *e, const struct promql_request *r, struct promql_result **out,
               struct err *err);
/* The same of a query that was parsed before, in an arena that outlives the call: rules. r->query is its text, for places in
 * annotations; without it they have none. No cache. */
int promql_run_parsed(struct promql_engine *e, const struct promql_request *r,
                      const struct promql_node *ast, struct promql_result **out, struct err *err);
void promql_result_free(struct promql_result *r); /* NULL is fine */

struct promql_stats {
    uint64_t queries, failed, cancelled, timed_out, limited, slow, samples, cache_hits,
        cache_misses, cache_bytes;
    uint32_t running, waiting;
    uint64_t memory, memory_refused; /* held now; requests that would have passed total_memory */
};
/* For what others make of samples and keep for a while, such as a federation's answer: counts against total_memory. BUSY. */
int promql_hold(struct promql_engine *e, uint64_t bytes, struct err *err);
void promql_release(struct promql_engine *e, uint64_t bytes);
void promql_get_stats(struct promql_engine *e, struct promql_stats *out);
/* Queries that run now: for a page, and tests of limits. */
void promql_each_running(struct promql_engine *e,
                         void (*fn)(void *arg, struct str query, int64_t started_ms), void *arg);

/* --- values as Prometheus' API writes them --- */
void promql_format_value(struct buf *out, double v);  /* 1.5, +Inf, NaN, 1e+21 */
void promql_format_time(struct buf *out, int64_t ms); /* 1732190400.123, 1732190400 */

#endif
