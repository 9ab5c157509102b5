/* Statistics of a sliding window: deviation and variance, quantiles, linear regression, double exponential smoothing. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "promql/func.h"

/* --- deviation and variance: Welford's method with compensated sums --- */

static double variance_of(const double *v, uint32_t n)
{
    double count = 0, mean = 0, mean_c = 0, sum = 0, sum_c = 0;
    for (uint32_t k = 0; k < n; k++) {
        count++;
        double delta = v[k] - (mean + mean_c);
        mean = kahan_add(delta / count, mean, &mean_c);
        sum = kahan_add(delta * (v[k] - (mean + mean_c)), sum, &sum_c);
    }
    return (sum + sum_c) / count;
}

int func_stdvar_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++)
        c->out[i] = window_step(&w, c, i) ? variance_of(c->v + w.lo, w.hi - w.lo) : ABSENT;
    return 0;
}

int func_stddev_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++)
        c->out[i] = window_step(&w, c, i) ? sqrt(variance_of(c->v + w.lo, w.hi - w.lo)) : ABSENT;
    return 0;
}

/* --- linear regression --- */

struct line {
    double slope, intercept;
};

static struct line regress(const int64_t *t, const double *v, uint32_t n, int64_t at)
{
    double x_sum = 0, x_c = 0, y_sum = 0, y_c = 0, xy_sum = 0, xy_c = 0, xx_sum = 0, xx_c = 0;
    bool flat = true;
    for (uint32_t k = 0; k < n; k++) {
        flat = flat && (k == 0 || v[k] == v[0]);
        double x = (double)(t[k] - at) / 1e3;
        x_sum = kahan_add(x, x_sum, &x_c);
        y_sum = kahan_add(v[k], y_sum, &y_c);
        xy_sum = kahan_add(x * v[k], xy_sum, &xy_c);
        xx_sum = kahan_add(x * x, xx_sum, &xx_c);
    }
    if (flat)
        return isinf(v[0]) ? (struct line){NAN, NAN} : (struct line){0, v[0]};
    x_sum += x_c;
    y_sum += y_c;
    double covariance = (xy_sum + xy_c) - x_sum * y_sum / n;
    double variance = (xx_sum + xx_c) - x_sum * x_sum / n;
    double slope = covariance / variance;
    return (struct line){slope, y_sum / n - slope * x_sum / n};
}

int func_deriv(struct range_call *c, struct err *err)
{
    (void)err;
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        window_step(&w, c, i);
        uint32_t n = w.hi - w.lo;
        c->out[i] = n < 2 ? ABSENT : regress(c->t + w.lo, c->v + w.lo, n, c->t[w.lo]).slope;
    }
    return 0;
}

int func_predict_linear(struct range_call *c, struct err *err)
{
    (void)err;
    must(c->param[0] != NULL);
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        c->out[i] = ABSENT;
        window_step(&w, c, i);
        if (w.hi - w.lo < 2)
            continue;
        int64_t at = c->eval_ms + (int64_t)i * c->eval_step_ms;
        struct line l = regress(c->t + w.lo, c->v + w.lo, w.hi - w.lo, at);
        c->out[i] = l.slope * c->param[0][i] + l.intercept;
    }
    return 0;
}

/* --- double exponential smoothing --- */

static double smooth(const double *v, uint32_t n, double factor, double trend_factor)
{
    double before = 0, now = v[0], trend = v[1] - v[0];
    for (uint32_t k = 1; k < n; k++) {
        if (k > 1)
            trend = trend_factor * (now - before) + (1 - trend_factor) * trend;
        double next = factor * v[k] + (1 - factor) * (now + trend);
        before = now;
        now = next;
    }
    return now;
}

int func_double_exponential_smoothing(struct range_call *c, struct err *err)
{
    must(c->param[0] != NULL && c->param[1] != NULL);
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        c->out[i] = ABSENT;
        if (!window_step(&w, c, i))
            continue;
        double factor = c->param[0][i], trend = c->param[1][i];
        if (factor <= 0 || factor >= 1)
            return err_set(err, ERR_INVALID,
                           "invalid smoothing factor. Expected: 0 < sf < 1, got: %f", factor);
        if (trend <= 0 || trend >= 1)
            return err_set(err, ERR_INVALID, "invalid trend factor. Expected: 0 < tf < 1, got: %f",
                           trend);
        if (w.hi - w.lo >= 2)
            c->out[i] = smooth(c->v + w.lo, w.hi - w.lo, factor, trend);
    }
    return 0;
}

/* --- quantiles --- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y)) /* NaN first */
        return isnan(y) - isnan(x);
    return (x > y) - (x < y);
}

static void sort_values(double *v, uint32_t n)
{
    if (n > 32) {
        qsort(v, n, sizeof(*v), by_value);
        return;
    }
    for (uint32_t i = 1; i < n; i++) {
        double x = v[i];
        uint32_t k = i;
        for (; k > 0 && by_value(&x, &v[k - 1]) < 0; k--)
            v[k] = v[k - 1];
        v[k] = x;
    }
}

static double quantile_sorted(double q, const double *v, uint32_t n)
{
    if (n == 0 || isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    double rank = q * ((double)n - 1), lower = floor(rank), weight = rank - lower;
    must(lower < n);
    uint32_t at = (uint32_t)lower, above = at + 1 < n ? at + 1 : n - 1;
    return v[at] * (1 - weight) + v[above] * weight;
}

double quantile_of(double q, double *v, uint32_t n)
{
    if (n > 1 && q >= 0 && q <= 1)
        sort_values(v, n);
    return quantile_sorted(q, v, n);
}

/* The values of a window in order, kept so from step to step. */
struct sorted {
    double *v;
    uint32_t n, lo, hi; /* the samples that are in there */
};

/* Where v stands, or would. */
static uint32_t place(const struct sorted *s, double v)
{
    uint32_t low = 0, high = s->n;
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (by_value(&s->v[mid], &v) < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static void sorted_move(struct sorted *s, const struct range_call *c, const struct window *w)
{
    uint32_t gone = w->lo - s->lo, come = w->hi - s->hi;
    if (gone >= s->n || (gone + come) * 2 > s->n) { /* little stays: sort anew */
        s->n = w->hi - w->lo;
        memcpy(s->v, c->v + w->lo, s->n * sizeof(*s->v));
        sort_values(s->v, s->n);
    } else {
        for (uint32_t k = s->lo; k < w->lo; k++) {
            uint32_t at = place(s, c->v[k]);
            memmove(s->v + at, s->v + at + 1, (s->n - at - 1) * sizeof(*s->v));
            s->n--;
        }
        for (uint32_t k = s->hi; k < w->hi; k++) {
            uint32_t at = place(s, c->v[k]);
            memmove(s->v + at + 1, s->v + at, (s->n - at) * sizeof(*s->v));
            s->v[at] = c->v[k];
            s->n++;
        }
    }
    s->lo = w->lo;
    s->hi = w->hi;
    must(s->n == w->hi - w->lo);
}

int func_quantile_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    must(c->param[0] != NULL);
    struct sorted s = {.v = func__scratch(c->n, sizeof(double))};
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        c->out[i] = ABSENT;
        if (!window_step(&w, c, i))
            continue;
        double q = c->param[0][i];
        if (!(q >= 0 && q <= 1) && c->notes != NULL && (c->notes->bits & NOTE_BAD_QUANTILE) == 0) {
            c->notes->bits |= NOTE_BAD_QUANTILE;
            c->notes->value = q;
        }
        sorted_move(&s, c, &w);
        c->out[i] = quantile_sorted(q, s.v, s.n);
    }
    free(s.v);
    return 0;
}

/* The distances of values in order from their median, in order, too: they grow to both sides of it. */
static void distances(const struct sorted *s, double median, double *out)
{
    must(s->n > 0 && isfinite(median));
    uint32_t right = place(s, median);
    int64_t left = (int64_t)right - 1;
    for (uint32_t n = 0; n < s->n; n++) {
        double below = left >= 0 ? median - s->v[left] : INFINITY;
        double above = right < s->n ? s->v[right] - median : INFINITY;
        bool take_left = right == s->n || (left >= 0 && below <= above);
        out[n] = take_left ? below : above;
        left -= take_left;
        right += !take_left;
    }
}

static double mad(const struct sorted *s, double *scratch)
{
    if (isnan(s->v[0])) /* NaN first: one makes the median undefined */
        return NAN;
    double median = quantile_sorted(0.5, s->v, s->n);
    if (!isfinite(median)) {
        for (uint32_t k = 0; k < s->n; k++)
            scratch[k] = fabs(s->v[k] - median);
        return quantile_of(0.5, scratch, s->n);
    }
    distances(s, median, scratch);
    return quantile_sorted(0.5, scratch, s->n);
}

/* The median of the distances from the median. */
int func_mad_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    struct sorted s = {.v = func__scratch(c->n, sizeof(double))};
    double *scratch = func__scratch(c->n, sizeof(double));
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        c->out[i] = ABSENT;
        if (!window_step(&w, c, i))
            continue;
        sorted_move(&s, c, &w);
        c->out[i] = mad(&s, scratch);
    }
    free(scratch);
    free(s.v);
    return 0;
}
