/* sum_over_time and avg_over_time: Neumaier's sums of a sliding window.
 *
 * Prometheus adds up every window anew, with compensation. Long windows are answered here from running sums instead, where that
 * gives the same bits: when all sums are exact (whole numbers, or binary fractions, that stay within 53 bits), and for sums of
 * values of one sign from running sums in twice the precision. Everything else is added up as Prometheus does. */
#include <math.h>
#include <stdlib.h>

#include "promql/func.h"

#define WINDOW_SHORT 16 /* samples: adding up is as quick as two differences */

static double sum_of(const double *v, uint32_t n)
{
    double sum = 0, c = 0;
    for (uint32_t k = 0; k < n; k++)
        sum = kahan_add(v[k], sum, &c);
    return isinf(sum) ? sum : sum + c;
}

double kahan_mean(const double *v, uint32_t n)
{
    must(n > 0);
    double sum = v[0], c = 0, mean = 0, count = 1;
    bool incremental = false;
    for (uint32_t k = 1; k < n; k++) {
        count = k + 1;
        if (!incremental) {
            double more = c, next = kahan_add(v[k], sum, &more);
            if (!isinf(next)) {
                sum = next;
                c = more;
                continue;
            }
            incremental = true;
            mean = sum / (count - 1);
            c /= count - 1;
        }
        double q = (count - 1) / count;
        c *= q;
        mean = kahan_add(v[k] / count, q * mean, &c);
    }
    return incremental ? mean + c : sum / count + c / count;
}

/* Are all values multiples of 1/scale whose absolute sum needs no more than 53 bits? Then every sum of some of them is exact. */
static bool sums_exact(const struct range_call *c, double scale)
{
    double total = 0;
    for (uint32_t k = 0; k < c->n; k++) {
        double v = c->v[k] * scale;
        if (v != rint(v)) /* NaN too */
            return false;
        total += fabs(v);
    }
    return total < 0x1p52;
}

static bool one_sign(const struct range_call *c)
{
    bool negative = false, positive = false, finite = true;
    for (uint32_t k = 0; k < c->n; k++) {
        negative |= c->v[k] < 0;
        positive |= c->v[k] > 0;
        finite &= fabs(c->v[k]) < 0x1p900;
    }
    return finite && !(negative && positive);
}

/* Samples that a window has on average, at most. */
static bool windows_long(const struct range_call *c)
{
    if (c->n < WINDOW_SHORT || c->steps < 2)
        return false;
    double span = (double)(c->t[c->n - 1] - c->t[0]) + 1;
    return (double)c->range_ms / span * c->n > WINDOW_SHORT;
}

struct sums {
    double *high, *low; /* up to and without sample k; low NULL when high is exact */
};

static void sums_done(struct sums *s)
{
    free(s->high);
    free(s->low);
}

static void add_up(struct sums *s, const struct range_call *c)
{
    double sum = 0;
    for (uint32_t k = 0; k < c->n; k++) {
        s->high[k] = sum;
        sum += c->v[k];
    }
    s->high[c->n] = sum;
}

static void add_up_wide(struct sums *s, const struct range_call *c)
{
    double high = 0, low = 0;
    s->low = func__scratch(c->n, sizeof(double));
    for (uint32_t k = 0; k < c->n; k++) {
        s->high[k] = high;
        s->low[k] = low;
        double sum = high + c->v[k], part = sum - high;
        low += (high - (sum - part)) + (c->v[k] - part);
        high = sum + low;
        low = low - (high - sum);
    }
    s->high[c->n] = high;
    s->low[c->n] = low;
}

/* In what precision running sums would do: false, none. */
static bool sums_plan(struct sums *s, const struct range_call *c, bool exact_only)
{
    *s = (struct sums){0};
    if (!windows_long(c))
        return false;
    bool exact = sums_exact(c, 1) || sums_exact(c, 0x1p20);
    if (!exact && (exact_only || !one_sign(c)))
        return false;
    s->high = func__scratch(c->n, sizeof(double));
    if (exact)
        add_up(s, c);
    else
        add_up_wide(s, c);
    return true;
}

static double sums_between(const struct sums *s, uint32_t lo, uint32_t hi)
{
    must(s->high != NULL && lo < hi);
    double a = s->high[hi], b = -s->high[lo], sum = a + b;
    if (s->low == NULL)
        return sum;
    double part = sum - a;
    return sum + (((a - (sum - part)) + (b - part)) + (s->low[hi] - s->low[lo]));
}

int func_sum_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    struct sums sums;
    bool running = sums_plan(&sums, c, false);
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        if (!window_step(&w, c, i))
            c->out[i] = ABSENT;
        else if (running)
            c->out[i] = sums_between(&sums, w.lo, w.hi);
        else
            c->out[i] = sum_of(c->v + w.lo, w.hi - w.lo);
    }
    sums_done(&sums);
    return 0;
}

int func_avg_over_time(struct range_call *c, struct err *err)
{
    (void)err;
    struct sums sums;
    bool running = sums_plan(&sums, c, true);
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        if (!window_step(&w, c, i))
            c->out[i] = ABSENT;
        else if (running)
            c->out[i] = sums_between(&sums, w.lo, w.hi) / (w.hi - w.lo);
        else
            c->out[i] = kahan_mean(c->v + w.lo, w.hi - w.lo);
    }
    sums_done(&sums);
    return 0;
}
