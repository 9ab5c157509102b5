/* rate, increase, delta, irate, idelta: differences over a sliding window.
 *
 * The difference of the window's ends, plus what a counter had reached at each reset, is extended to the window's edges where the
 * next sample is near enough, but never below the counter's zero. All in the order of operations that Prometheus uses, so that
 * results agree in the last bit. A step costs O(1) plus the resets within its window. */
#include <stdlib.h>
#include <string.h>

#include "promql/func.h"

void *func__scratch(uint32_t n, size_t size)
{
    void *p = malloc(((size_t)n + 1) * size);
    must(p != NULL);
    return p;
}

double func__seconds(int64_t ms)
{
    return (double)(ms / 1000) + (double)(ms % 1000 * 1000000) / 1e9;
}

/* The samples that are lower than the one before, as indexes; a NaN is neither lower nor higher. */
struct resets {
    uint32_t *at;
    uint32_t n;
    uint32_t lo; /* the first that is past the window's first sample */
};

/* Two at a time and in two sums: pairs are what every processor of ours compares at once. */
static uint32_t count_resets(const double *v, uint32_t n)
{
    typedef double pair __attribute__((vector_size(16)));
    typedef int64_t mask __attribute__((vector_size(16)));
    mask found[2] = {{0}};
    uint32_t k = 1, sum = 0;
    for (; k + 4 <= n; k += 4) {
        pair before[2], now[2];
        memcpy(before, v + k - 1, sizeof(before));
        memcpy(now, v + k, sizeof(now));
        found[0] -= now[0] < before[0]; /* true is -1 */
        found[1] -= now[1] < before[1];
    }
    for (; k < n; k++)
        sum += v[k] < v[k - 1];
    mask all = found[0] + found[1];
    return sum + (uint32_t)(all[0] + all[1]);
}

static void find_resets(const struct range_call *c, struct resets *r)
{
    uint32_t n = count_resets(c->v, c->n);
    *r = (struct resets){0};
    if (n == 0)
        return;
    r->at = func__scratch(n, sizeof(*r->at));
    for (uint32_t k = 1; k < c->n; k++) {
        if (c->v[k] < c->v[k - 1])
            r->at[r->n++] = k;
    }
    must(r->n == n);
}

static double correct(struct resets *r, const struct range_call *c, const struct window *w,
                      double sum)
{
    while (r->lo < r->n && r->at[r->lo] <= w->lo)
        r->lo++;
    for (uint32_t i = r->lo; i < r->n && r->at[i] < w->hi; i++)
        sum += c->v[r->at[i] - 1];
    return sum;
}

/* How far a window's samples are from its edges, and the factor of extrapolation that follows. Steps that are a multiple of the
 * samples' spacing all have the same, so it is kept from step to step. */
struct reach {
    int64_t from_start_ms, to_end_ms;
    uint32_t n;
    double sampled, to_start, to_end, factor; /* seconds */
};

static double factor_of(const struct reach *r, double to_start, double seconds)
{
    double factor = (r->sampled + to_start + r->to_end) / r->sampled;
    return seconds > 0 ? factor / seconds : factor;
}

static void measure(struct reach *r, int64_t sampled_ms, double seconds)
{
    r->sampled = (double)sampled_ms / 1000;
    double spacing = r->sampled / (double)(r->n - 1), near = spacing * 1.1;
    r->to_start = (double)r->from_start_ms / 1000;
    r->to_end = (double)r->to_end_ms / 1000;
    if (r->to_start >= near)
        r->to_start = spacing / 2;
    if (r->to_end >= near)
        r->to_end = spacing / 2;
    r->factor = factor_of(r, r->to_start, seconds);
}

/* seconds: of the range, for a rate; 0 for the whole difference */
static void extrapolate(struct range_call *c, bool counter, double seconds)
{
    struct resets resets = {0};
    if (counter)
        find_resets(c, &resets);
    struct reach reach = {.n = 0};
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        window_step(&w, c, i);
        if (w.hi - w.lo < 2) {
            c->out[i] = ABSENT;
            continue;
        }
        int64_t first = c->t[w.lo], last = c->t[w.hi - 1];
        if (first - w.start != reach.from_start_ms || w.end - last != reach.to_end_ms ||
            w.hi - w.lo != reach.n) {
            reach.from_start_ms = first - w.start;
            reach.to_end_ms = w.end - last;
            reach.n = w.hi - w.lo;
            measure(&reach, last - first, seconds);
        }
        double v = c->v[w.hi - 1] - c->v[w.lo], factor = reach.factor;
        if (resets.n > 0)
            v = correct(&resets, c, &w, v);
        /* most counters are far from zero: a product tells, without a quotient */
        if (counter && v > 0 && c->v[w.lo] >= 0 &&
            !(c->v[w.lo] * reach.sampled > v * reach.to_start * 1.000001)) {
            double to_zero = reach.sampled * (c->v[w.lo] / v);
            if (to_zero < reach.to_start)
                factor = factor_of(&reach, to_zero, seconds);
        }
        c->out[i] = v * factor;
    }
    free(resets.at);
}

static void rate_of(struct range_call *c, bool counter, bool per_second)
{
    if (c->anchored || c->smoothed)
        func__extended_rate(c, counter, per_second);
    else
        extrapolate(c, counter, per_second ? func__seconds(c->range_ms) : 0);
}

int func_rate(struct range_call *c, struct err *err)
{
    (void)err;
    rate_of(c, true, true);
    return 0;
}

int func_increase(struct range_call *c, struct err *err)
{
    (void)err;
    rate_of(c, true, false);
    return 0;
}

int func_delta(struct range_call *c, struct err *err)
{
    (void)err;
    rate_of(c, false, false);
    return 0;
}

int func_irate(struct range_call *c, struct err *err)
{
    (void)err;
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        c->out[i] = ABSENT;
        window_step(&w, c, i);
        if (w.hi - w.lo < 2)
            continue;
        double v = c->v[w.hi - 1], before = c->v[w.hi - 2];
        if (!(v < before)) /* else it began again at zero */
            v -= before;
        c->out[i] = v / ((double)(c->t[w.hi - 1] - c->t[w.hi - 2]) / 1000);
    }
    return 0;
}

int func_idelta(struct range_call *c, struct err *err)
{
    (void)err;
    struct window w = window_first(c);
    for (uint32_t i = 0; i < c->steps; i++) {
        window_step(&w, c, i);
        c->out[i] = w.hi - w.lo < 2 ? ABSENT : c->v[w.hi - 1] - c->v[w.hi - 2];
    }
    return 0;
}
