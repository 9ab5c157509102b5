/* What the table of functions points at, and what func_*.c share. Internal to promql/; everything is pure, any thread. */
#ifndef PROMQL_FUNC_H
#define PROMQL_FUNC_H

#include "promql/functions.h"

/* X(name): functions of values (func_value.c, func_date.c) and of ranges */
#define FUNC_VALUES(X) \
    X(abs)             \
    X(acos)            \
    X(acosh)           \
    X(asin)            \
    X(asinh)           \
    X(atan)            \
    X(atanh)           \
    X(ceil)            \
    X(clamp)           \
    X(clamp_max)       \
    X(clamp_min)       \
    X(cos)             \
    X(cosh)            \
    X(day_of_month)    \
    X(day_of_week)     \
    X(day_of_year)     \
    X(days_in_month)   \
    X(deg)             \
    X(exp)             \
    X(floor)           \
    X(hour)            \
    X(ln)              \
    X(log10)           \
    X(log2)            \
    X(max_of)          \
    X(min_of)          \
    X(minute)          \
    X(month)           \
    X(rad)             \
    X(round)           \
    X(sgn)             \
    X(sin)             \
    X(sinh)            \
    X(sqrt)            \
    X(tan)             \
    X(tanh)            \
    X(year)
#define FUNC_RANGES(X)              \
    X(avg_over_time)                \
    X(changes)                      \
    X(count_over_time)              \
    X(delta)                        \
    X(deriv)                        \
    X(double_exponential_smoothing) \
    X(first_over_time)              \
    X(idelta)                       \
    X(increase)                     \
    X(irate)                        \
    X(last_over_time)               \
    X(mad_over_time)                \
    X(max_over_time)                \
    X(min_over_time)                \
    X(predict_linear)               \
    X(present_over_time)            \
    X(quantile_over_time)           \
    X(rate)                         \
    X(resets)                       \
    X(stddev_over_time)             \
    X(stdvar_over_time)             \
    X(sum_over_time)                \
    X(ts_of_first_over_time)        \
    X(ts_of_last_over_time)         \
    X(ts_of_max_over_time)          \
    X(ts_of_min_over_time)

#define X(name) value_fn func_##name;
FUNC_VALUES(X)
#undef X
#define X(name) range_fn func_##name;
FUNC_RANGES(X)
#undef X

/* The window of a step: samples lo ≤ k < hi, with t in (start, end]. Steps come in order. */
struct window {
    uint32_t lo, hi;
    uint32_t lo_stride,
        hi_stride; /* how far they went last: regular samples let them go as far again */
    int64_t start, end;
};
static inline struct window window_first(const struct range_call *c)
{
    must(c->n == 0 || (c->t != NULL && c->v != NULL));
    must(c->steps == 0 || c->out != NULL);
    must(c->step_ms >= 0 && c->range_ms >= 0);
    return (struct window){0};
}
/* The first sample k or later that is after `time`. */
static inline uint32_t window_seek(const struct range_call *c, uint32_t k, int64_t time,
                                   uint32_t *stride)
{
    uint32_t guess = k + *stride;
    if (guess < c->n && c->t[guess] > time && (*stride == 0 || c->t[guess - 1] <= time))
        return guess;
    uint32_t from = k;
    while (k < c->n && c->t[k] <= time)
        k++;
    *stride = k - from;
    return k;
}
/* Is there a sample? */
static inline bool window_step(struct window *w, const struct range_call *c, uint32_t step)
{
    w->end = c->first_ms + (int64_t)step * c->step_ms;
    w->start = w->end - c->range_ms;
    w->hi = window_seek(c, w->hi, w->end, &w->hi_stride);
    w->lo = window_seek(c, w->lo, w->start, &w->lo_stride);
    return w->lo < w->hi;
}
/* malloc that does not fail: n elements of the call's scratch. */
void *func__scratch(uint32_t n, size_t size);
/* anchored and smoothed (func_extended.c) */
void func__extended_rate(struct range_call *c, bool counter, bool per_second);
void func__extended_count(struct range_call *c, const uint32_t *upto);
/* Seconds as Go's Duration.Seconds() has them, to the last bit. */
double func__seconds(int64_t ms);

/* Go's math.Max and math.Min. */
double func__max(double a, double b);
double func__min(double a, double b);

#endif
