/* The functions of PromQL as one table: name, types, and how each is evaluated. The parser checks calls against it, the engine
 * calls through it, completion and the linter list it. One file a family: func_*.c. */
#ifndef PROMQL_FUNCTIONS_H
#define PROMQL_FUNCTIONS_H

#include "model/series.h"
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
    int64_t eval_ms,
        eval_step_ms; /* time of evaluation of step i, without offset and @: predict_linear counts from it */
    /* anchored: the samples begin lookback_ms before the first window; smoothed: they also end lookback_ms after the last. */
    bool anchored, smoothed;
    int64_t lookback_ms;
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

/* --- functions of values: abs, clamp, hour … elementwise over the steps of one series; ABSENT stays ABSENT ---
 * Called with fewer arguments than it has types, round lacks arg[1] (NULL means 1). hour() and its kind without any are given
 * the times of evaluation in seconds as arg[0], and make one series without labels. min_of and max_of take and give scalars. */
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
                      SPECIAL_START_TIMESTAMP, /* when a counter began: of samples without one, nothing */
};

struct promql_function {
    const char *name;
    enum promql_type result;
    enum promql_type args[FUNCTION_ARGS_MAX]; /* ended by PROMQL_NONE */
    /* As Prometheus' Variadic, for a args: 0, exactly a; n > 0, from a - 1 to a - 1 + n; -1, at least a - 1. Arguments past the
     * last type have that type. */
    int variadic;
    bool experimental;
    enum promql_eval_kind kind;
    range_fn *range;
    uint8_t range_arg; /* which argument is the range vector */
    value_fn *value;
    enum promql_special special;
    bool keeps_name;               /* last_over_time, first_over_time, sort … */
    bool wants_counter;            /* rate, increase: infos about names */
    bool anchored_ok, smoothed_ok; /* the modifiers that its range may have */
    const char *help_en, *help_zh; /* one line, for completion */
};
extern const struct promql_function promql_functions[]; /* sorted by name, ended by name NULL */
const struct promql_function *promql_function_get(struct str name); /* NULL: unknown */

/* A point's absence within columns; samples with this value are never values. Being a signaling NaN it survives copies but no
 * arithmetic, and compilers take `absent ? x : x * y` for x * (absent ? 1 : y): write `absent ? ABSENT : x * y`. */
#define ABSENT (f64_from_bits(STALE_NAN_BITS))

/* --- what the engine's special functions are made of: pure, any thread (func_bucket.c, func_label.c) --- */

/* A classic histogram: cumulative counts. n ≥ 1, in any order; they are sorted, merged and repaired in place. */
struct bucket {
    double le, count;
};
struct bucket_notes {      /* of the repair; untouched where none was needed */
    bool forced_monotonic; /* info: counts that fell with le were raised; which and how much: */
    double min_le, max_le, max_diff;
};
/* NaN: q is NaN, no observations, or no bucket +Inf; ±Inf: q is out of [0, 1]. notes may be NULL. */
double histogram_quantile_buckets(double q, struct bucket *b, uint32_t n,
                                  struct bucket_notes *notes);
/* Many quantiles of one histogram: prepare once. Gives the number of buckets left. */
uint32_t histogram_buckets_prepare(struct bucket *b, uint32_t n, struct bucket_notes *notes);
double histogram_quantile_prepared(double q, const struct bucket *b, uint32_t n);
double histogram_fraction_buckets(double lower, double upper, struct bucket *b, uint32_t n);

/* INVALID in Prometheus' words. Copies what it needs. */
struct label_replace;
struct label_replace *label_replace_new(struct str dst, struct str replacement, struct str src,
                                        struct str regex, struct err *err);
void label_replace_free(struct label_replace *r); /* NULL is fine */
/* Does it change the set? *out lies in a, strings of `in` are borrowed. */
bool label_replace_apply(const struct label_replace *r, const struct labels *in, struct arena *a,
                         struct labels *out);
int label_join_check(struct str dst, const struct str *src, uint32_t n, struct err *err);
void label_join_apply(struct str dst, struct str separator, const struct str *src, uint32_t n,
                      const struct labels *in, struct arena *a, struct labels *out);

/* sort_by_label's natural order of two values: < 0, 0, > 0. Runs of digits compare as numbers. */
int natural_compare(struct str a, struct str b);
/* The quantile of n values, which are sorted in place: aggregations and quantile_over_time. NaN for none. */
double quantile_of(double q, double *v, uint32_t n);
/* `x smoothed` at t between two samples; counter: after a reset it began at 0. */
double interpolate_at(int64_t t0, double v0, int64_t t1, double v1, int64_t t, bool counter);

/* Neumaier's sum, as everything that Prometheus adds up: sum + *c is the total. */
static inline double kahan_add(double x, double sum, double *c)
{
    double t = sum + x;
    if (__builtin_isinf(t))
        *c = 0;
    else if (__builtin_fabs(sum) >= __builtin_fabs(x))
        *c += (sum - t) + x;
    else
        *c += (x - t) + sum;
    return t;
}

/* The mean of n ≥ 1 values; once their sum would overflow it is the mean that is carried on. */
double kahan_mean(const double *v, uint32_t n);

#endif
