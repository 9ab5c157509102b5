/* The functions of PromQL as one table: name, types, and how each is evaluated. The parser checks calls against it, the engine
 * calls through it, completion and the linter list it. One file a family: func_*.c. */
#ifndef PROMQL_FUNCTIONS_H
#define PROMQL_FUNCTIONS_H

#include "promql/ast.h"

#define FUNCTION_ARGS_MAX 8

/* --- functions of a range of one series: rate, sum_over_time … ---
 * The engine decodes the series once and hands over everything the query needs; the function slides its window over it and
 * fills one value a step. ABSENT (the stale marker) where it gives none. Pure, any thread. */
struct range_call {
    const int64_t *t; /* samples without stale markers, in order of time */
    const double *v;
    uint32_t n;
    /* Window of step i: (first_ms + i * step_ms - range_ms, first_ms + i * step_ms], offset and @ applied already. With @
     * step_ms is 0: all windows are the same. anchored and smoothed look outside (experimental). */
    int64_t first_ms, step_ms, range_ms;
    uint32_t steps;
    int64_t offset_ms; /* of the selector: what timestamp-like results must be independent of */
    bool anchored, smoothed;
    const double
        *param[2]; /* scalar arguments beside the range, one value a step; NULL when absent */
    struct range_notes *notes; /* what to tell the user, by bits */
    double *out;
};
/* Annotations that a range function may raise; the engine adds the position and the metric's name. */
enum range_note {
    NOTE_NOT_COUNTER =
        1, /* info: metric might not be a counter (name without _total/_sum/_count/_bucket) – by the engine */
    NOTE_BAD_QUANTILE = 2, /* warning: quantile value should be between 0 and 1, got … */
    NOTE_BAD_SMOOTHING = 4,
};
struct range_notes {
    unsigned bits;
    double value; /* the bad quantile */
};
typedef int range_fn(struct range_call *c, struct err *err);

/* --- functions of values: abs, clamp, hour … elementwise over the steps of one series; ABSENT stays ABSENT --- */
struct value_call {
    uint32_t n; /* values */
    const double *arg
        [FUNCTION_ARGS_MAX]; /* the vector's column (or a scalar's), and further scalar arguments */
    double *out;             /* may be arg[0] */
};
typedef void value_fn(struct value_call *c);

enum promql_eval_kind {
    EVAL_RANGE,  /* range_fn: one range-vector argument, the rest scalars */
    EVAL_VALUES, /* value_fn: a vector (or scalar) and scalars; drops the metric's name */
    EVAL_SPECIAL, /* the engine knows it by its id: label_replace, absent, histogram_quantile, sort, time … */
};
enum promql_special { /* functions that see whole vectors or the evaluation itself */
                      SPECIAL_NONE,
                      SPECIAL_ABSENT,
                      SPECIAL_ABSENT_OVER_TIME,
                      SPECIAL_HISTOGRAM_QUANTILE,
                      SPECIAL_HISTOGRAM_FRACTION,
                      SPECIAL_HISTOGRAM_NATIVE, /* histogram_count, _sum, _avg, _stddev, _stdvar: of floats, nothing */
                      SPECIAL_INFO,
                      SPECIAL_LABEL_JOIN,
                      SPECIAL_LABEL_REPLACE,
                      SPECIAL_PI,
                      SPECIAL_SCALAR,
                      SPECIAL_SORT,
                      SPECIAL_SORT_DESC,
                      SPECIAL_SORT_BY_LABEL,
                      SPECIAL_SORT_BY_LABEL_DESC,
                      SPECIAL_TIME,
                      SPECIAL_TIMESTAMP,
                      SPECIAL_VECTOR,
                      SPECIAL_START,
                      SPECIAL_END,
                      SPECIAL_RANGE,
                      SPECIAL_STEP,
                      SPECIAL_HISTOGRAM_QUANTILES,
};

struct promql_function {
    const char *name;
    enum promql_type result;
    enum promql_type args[FUNCTION_ARGS_MAX]; /* ended by PROMQL_NONE */
    int variadic; /* 0: exactly args; n: the last arg may be left out or repeated up to n times in all beyond the others; -1: any
                     number, as Prometheus' Variadic */
    bool experimental;
    enum promql_eval_kind kind;
    range_fn *range;
    uint8_t range_arg; /* which argument is the range vector */
    value_fn *value;
    enum promql_special special;
    bool keeps_name;               /* last_over_time, first_over_time, sort … */
    bool wants_counter;            /* rate, increase, irate: infos about names */
    const char *help_en, *help_zh; /* one line, for completion */
};
extern const struct promql_function promql_functions[]; /* sorted by name, ended by name NULL */
const struct promql_function *promql_function_get(struct str name); /* NULL: unknown */

/* A point's absence within columns; samples with this value are never values. */
#define ABSENT (f64_from_bits(STALE_NAN_BITS))

#endif
