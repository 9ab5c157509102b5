/* Functions of ranges against slow versions that look at each window alone: same bits, whatever the data, the step and the range. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "base/rng.h"
#include "promql/functions.h"

#define SAMPLES 400
#define STEPS   120

/* --- the slow versions: samples t[0 … n) of one window --- */

struct naive {
    const int64_t *t;
    const double *v;
    uint32_t n;
    int64_t start, end, at; /* at: time of evaluation */
    double param[2];
};
typedef double naive_fn(const struct naive *w);

static double n_extrapolated(const struct naive *w, bool counter, bool rate)
{
    if (w->n < 2)
        return ABSENT;
    double v = w->v[w->n - 1] - w->v[0];
    for (uint32_t k = 1; counter && k < w->n; k++) {
        if (w->v[k] < w->v[k - 1])
            v += w->v[k - 1];
    }
    double to_start = (double)(w->t[0] - w->start) / 1000;
    double to_end = (double)(w->end - w->t[w->n - 1]) / 1000;
    double sampled = (double)(w->t[w->n - 1] - w->t[0]) / 1000, spacing = sampled / (w->n - 1);
    if (to_start >= spacing * 1.1)
        to_start = spacing / 2;
    if (counter && v > 0 && w->v[0] >= 0 && sampled * (w->v[0] / v) < to_start)
        to_start = sampled * (w->v[0] / v);
    if (to_end >= spacing * 1.1)
        to_end = spacing / 2;
    double factor = (sampled + to_start + to_end) / sampled;
    if (rate)
        factor /= (double)(w->end - w->start) / 1000;
    return v * factor;
}

static double n_rate(const struct naive *w)
{
    return n_extrapolated(w, true, true);
}

static double n_increase(const struct naive *w)
{
    return n_extrapolated(w, true, false);
}

static double n_delta(const struct naive *w)
{
    return n_extrapolated(w, false, false);
}

static double n_sum(const struct naive *w)
{
    double sum = 0, c = 0;
    for (uint32_t k = 0; k < w->n; k++)
        sum = kahan_add(w->v[k], sum, &c);
    return isinf(sum) ? sum : sum + c;
}

static double n_avg(const struct naive *w)
{
    double sum = 0, c = 0;
    for (uint32_t k = 0; k < w->n; k++)
        sum = kahan_add(w->v[k], sum, &c);
    return sum / w->n + c / w->n;
}

static double n_count(const struct naive *w)
{
    return w->n;
}

static double n_last(const struct naive *w)
{
    return w->v[w->n - 1];
}

static double n_first_time(const struct naive *w)
{
    return (double)w->t[0] / 1000;
}

static uint32_t n_extreme(const struct naive *w, bool most)
{
    uint32_t best = 0;
    for (uint32_t k = 0; k < w->n; k++) {
        double v = w->v[k], b = w->v[best];
        if (isnan(b) || (most ? v >= b : v <= b))
            best = k;
    }
    return best;
}

static double n_max(const struct naive *w)
{
    return w->v[n_extreme(w, true)];
}

static double n_min(const struct naive *w)
{
    return w->v[n_extreme(w, false)];
}

static double n_max_time(const struct naive *w)
{
    return (double)w->t[n_extreme(w, true)] / 1000;
}

static double n_min_time(const struct naive *w)
{
    return (double)w->t[n_extreme(w, false)] / 1000;
}

static double n_changes(const struct naive *w)
{
    double n = 0;
    for (uint32_t k = 1; k < w->n; k++)
        n += w->v[k] != w->v[k - 1] && !(isnan(w->v[k]) && isnan(w->v[k - 1]));
    return n;
}

static double n_resets(const struct naive *w)
{
    double n = 0;
    for (uint32_t k = 1; k < w->n; k++)
        n += w->v[k] < w->v[k - 1];
    return n;
}

static double n_quantile(const struct naive *w)
{
    double copy[SAMPLES];
    memcpy(copy, w->v, w->n * sizeof(*copy));
    return quantile_of(w->param[0], copy, w->n);
}

static double n_mad(const struct naive *w)
{
    double copy[SAMPLES];
    memcpy(copy, w->v, w->n * sizeof(*copy));
    for (uint32_t k = 0; k < w->n; k++) {
        if (isnan(copy[k]))
            return NAN;
    }
    double median = quantile_of(0.5, copy, w->n);
    for (uint32_t k = 0; k < w->n; k++)
        copy[k] = fabs(w->v[k] - median);
    return quantile_of(0.5, copy, w->n);
}

static double n_irate(const struct naive *w)
{
    if (w->n < 2)
        return ABSENT;
    double v = w->v[w->n - 1], before = w->v[w->n - 2];
    return (v < before ? v : v - before) / ((double)(w->t[w->n - 1] - w->t[w->n - 2]) / 1000);
}

static double n_stdvar(const struct naive *w)
{
    double count = 0, mean = 0, mc = 0, sum = 0, sc = 0;
    for (uint32_t k = 0; k < w->n; k++) {
        count++;
        double d = w->v[k] - (mean + mc);
        mean = kahan_add(d / count, mean, &mc);
        sum = kahan_add(d * (w->v[k] - (mean + mc)), sum, &sc);
    }
    return (sum + sc) / count;
}

static const struct pair {
    const char *name;
    naive_fn *naive;
} pairs[] = {
    {"rate", n_rate},
    {"increase", n_increase},
    {"delta", n_delta},
    {"irate", n_irate},
    {"sum_over_time", n_sum},
    {"avg_over_time", n_avg},
    {"count_over_time", n_count},
    {"last_over_time", n_last},
    {"ts_of_first_over_time", n_first_time},
    {"max_over_time", n_max},
    {"min_over_time", n_min},
    {"ts_of_max_over_time", n_max_time},
    {"ts_of_min_over_time", n_min_time},
    {"changes", n_changes},
    {"resets", n_resets},
    {"quantile_over_time", n_quantile},
    {"mad_over_time", n_mad},
    {"stdvar_over_time", n_stdvar},
};

/* --- data --- */

struct data {
    int64_t t[SAMPLES];
    double v[SAMPLES];
    uint32_t n;
};

enum shape { COUNTER, INTEGERS, FRACTIONS, POSITIVE, TIED, WITH_NAN, SHAPES };

static double next_value(struct rng *r, enum shape shape, double before)
{
    switch (shape) {
    case COUNTER:
        return rng_below(r, 20) == 0 ? (double)rng_below(r, 5) : before + (double)rng_below(r, 100);
    case INTEGERS:
        return (double)rng_below(r, 2000) - 1000;
    case POSITIVE:
        return (double)rng_below(r, 1000000) / 7;
    case TIED:
        return (double)rng_below(r, 3);
    case WITH_NAN:
        if (rng_below(r, 40) == 0)
            return rng_below(r, 2) == 0 ? INFINITY : -INFINITY;
        return rng_below(r, 4) == 0 ? NAN : (double)rng_below(r, 100) / 3;
    default:
        return ((double)rng_below(r, 1000000) - 500000) / 3;
    }
}

static void make(struct data *d, struct rng *r, enum shape shape)
{
    int64_t t = 1000000 + (int64_t)rng_below(r, 60000);
    bool regular = rng_below(r, 2) == 0;
    double v = 0;
    d->n = (uint32_t)rng_below(r, SAMPLES + 1);
    for (uint32_t k = 0; k < d->n; k++) {
        v = next_value(r, shape, v);
        d->t[k] = t;
        d->v[k] = v;
        t += regular ? 15000 : 1 + (int64_t)rng_below(r, 40000);
        if (rng_below(r, 50) == 0)
            t += 600000;
    }
}

static bool same(double a, double b)
{
    if (is_stale(a) || is_stale(b))
        return is_stale(a) && is_stale(b);
    return (isnan(a) && isnan(b)) || a == b;
}

static double ask_naive(const struct range_call *c, uint32_t step, naive_fn *fn)
{
    int64_t end = c->first_ms + step * c->step_ms, start = end - c->range_ms;
    uint32_t lo = 0, hi = 0;
    while (hi < c->n && c->t[hi] <= end)
        hi++;
    while (lo < hi && c->t[lo] <= start)
        lo++;
    if (lo == hi)
        return ABSENT;
    struct naive w = {.t = c->t + lo, .v = c->v + lo, .n = hi - lo, .start = start, .end = end};
    if (c->param[0] != NULL)
        w.param[0] = c->param[0][step];
    return fn(&w);
}

static void compare(struct range_call *c, const struct pair *p)
{
    const struct promql_function *f = promql_function_get(str_of(p->name));
    assert_non_null(f);
    struct err err;
    assert_int_equal(f->range(c, &err), 0);
    for (uint32_t i = 0; i < c->steps; i++) {
        double want = ask_naive(c, i, p->naive);
        if (!same(want, c->out[i]))
            fail_msg("%s, step %u of %u samples: got %.17g; want %.17g", p->name, i, c->n,
                     c->out[i], want);
    }
}

static void same_bits(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 7);
    struct data *d = malloc(sizeof(*d));
    assert_non_null(d);
    static const double quantiles[] = {0, 0.1, 0.5, 0.99, 1, 1.5, -1};
    for (int round = 0; round < 600; round++) {
        enum shape shape = (enum shape)(round % SHAPES);
        make(d, &r, shape);
        double out[STEPS], q[STEPS];
        for (int i = 0; i < STEPS; i++)
            q[i] = quantiles[(size_t)round % array_len(quantiles)];
        struct range_notes notes = {0};
        struct range_call c = {
            .t = d->t,
            .v = d->v,
            .n = d->n,
            .first_ms = 900000 + (int64_t)rng_below(&r, 300) * 1000,
            .step_ms = rng_below(&r, 3) == 0 ? 15000 : 1 + (int64_t)rng_below(&r, 90000),
            .range_ms = (int64_t)(1 + rng_below(&r, rng_below(&r, 2) == 0 ? 60 : 4000)) * 1000,
            .steps = STEPS,
            .param = {q},
            .notes = &notes,
            .out = out,
        };
        for (size_t i = 0; i < array_len(pairs); i++)
            compare(&c, &pairs[i]);
    }
    free(d);
}

/* --- cases by hand --- */

static double once(const char *name, const double *v, uint32_t n, const double *param)
{
    int64_t t[32];
    double out;
    assert_true(n <= array_len(t));
    for (uint32_t k = 0; k < n; k++)
        t[k] = 10000 * (k + 1);
    struct range_notes notes = {0};
    struct range_call c = {.t = t,
                           .v = v,
                           .n = n,
                           .first_ms = 10000 * n,
                           .range_ms = 10000 * n,
                           .steps = 1,
                           .eval_ms = 10000 * n,
                           .param = {param, param != NULL ? param + 1 : NULL},
                           .notes = &notes,
                           .out = &out};
    struct err err;
    assert_int_equal(promql_function_get(str_of(name))->range(&c, &err), 0);
    return out;
}

static void sums_are_compensated(void **state)
{
    (void)state;
    const double v[] = {1, 1e100, 1, -1e100};
    assert_true(once("sum_over_time", v, 4, NULL) == 2);
    assert_true(once("avg_over_time", v, 4, NULL) == 0.5);
    const double big[] = {1.7e308, 1.7e308, 1.7e308};
    assert_true(once("sum_over_time", big, 3, NULL) == INFINITY);
    assert_true(once("avg_over_time", big, 3, NULL) == 1.7e308);
}

static void lines(void **state)
{
    (void)state;
    const double rising[] = {1, 2, 3, 4}, flat[] = {5, 5, 5}, endless[] = {INFINITY, INFINITY};
    const double ahead[] = {20, 0};
    assert_true(fabs(once("deriv", rising, 4, NULL) - 0.1) < 1e-15);
    assert_true(fabs(once("predict_linear", rising, 4, ahead) - 6) < 1e-12);
    assert_true(once("deriv", flat, 3, NULL) == 0);
    assert_true(once("predict_linear", flat, 3, ahead) == 5);
    assert_true(isnan(once("deriv", endless, 2, NULL)));
    assert_true(is_stale(once("deriv", rising, 1, NULL)));
}

static void smoothing_refuses_bad_factors(void **state)
{
    (void)state;
    int64_t t[] = {1, 2};
    const double v[] = {1, 2}, bad[] = {1}, good[] = {0.5};
    double out;
    struct range_call c = {.t = t,
                           .v = v,
                           .n = 2,
                           .first_ms = 2,
                           .range_ms = 5,
                           .steps = 1,
                           .param = {bad, good},
                           .out = &out};
    struct err err;
    range_fn *fn = promql_function_get(STR("double_exponential_smoothing"))->range;
    assert_int_equal(fn(&c, &err), -1);
    assert_non_null(strstr(err.msg, "invalid smoothing factor. Expected: 0 < sf < 1, got: 1.0"));
    c.param[0] = good;
    assert_int_equal(fn(&c, &err), 0);
    assert_true(out == 2);
}

static void extended(const char *name, bool smoothed, int64_t at, int64_t range, double want)
{
    static const int64_t t[] = {15000, 30000, 45000, 105000, 120000};
    static const double v[] = {1, 2, 3, 9, 4};
    double out;
    struct range_call c = {.t = t,
                           .v = v,
                           .n = 5,
                           .first_ms = at,
                           .range_ms = range,
                           .steps = 1,
                           .anchored = !smoothed,
                           .smoothed = smoothed,
                           .lookback_ms = 300000,
                           .out = &out};
    struct err err;
    assert_int_equal(promql_function_get(str_of(name))->range(&c, &err), 0);
    if (!same(out, want))
        fail_msg("%s at %d: got %g; want %g", name, (int)at, out, want);
}

static void anchored_and_smoothed(void **state)
{
    (void)state;
    extended("increase", false, 50000, 20000, 1); /* 3 - 2: the anchor is at 30 s */
    extended("increase", false, 100000, 10000, ABSENT);
    extended("delta", false, 120000, 30000, 1);     /* 4 - 3 */
    extended("increase", false, 120000, 30000, 10); /* 9 - 3, then 4 from zero */
    extended("resets", false, 120000, 30000, 1);
    extended("changes", false, 120000, 30000, 2);
    extended("increase", true, 75000, 30000, 3); /* 3 at 45 s, 6 half way to 9 */
    extended("rate", true, 75000, 30000, 0.1);
    extended("increase", true, 10000, 5000, ABSENT);
}

static void bad_quantile_is_noted(void **state)
{
    (void)state;
    int64_t t[] = {1};
    const double v[] = {1}, q[] = {1.5};
    double out;
    struct range_notes notes = {0};
    struct range_call c = {.t = t,
                           .v = v,
                           .n = 1,
                           .first_ms = 2,
                           .range_ms = 5,
                           .steps = 1,
                           .param = {q},
                           .notes = &notes,
                           .out = &out};
    struct err err;
    assert_int_equal(promql_function_get(STR("quantile_over_time"))->range(&c, &err), 0);
    assert_true(out == INFINITY);
    assert_int_equal(notes.bits, NOTE_BAD_QUANTILE);
    assert_true(notes.value == 1.5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits),
        cmocka_unit_test(sums_are_compensated),
        cmocka_unit_test(lines),
        cmocka_unit_test(smoothing_refuses_bad_factors),
        cmocka_unit_test(anchored_and_smoothed),
        cmocka_unit_test(bad_quantile_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
