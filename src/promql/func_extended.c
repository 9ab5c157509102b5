/* The modifiers anchored and smoothed: differences that look at the samples around the window instead of guessing at its edges.
 *
 * anchored takes the last sample at or before the window's start as its first. smoothed also knows the first sample at or after
 * its end, and interpolates both edges; over a reset a counter is taken to have begun at zero. Either looks no further than the
 * lookback. */
#include "promql/func.h"

double interpolate_at(int64_t t0, double v0, int64_t t1, double v1, int64_t t, bool counter)
{
    if (counter && v1 < v0)
        v0 = 0;
    return v0 + (v1 - v0) * (double)(t - t0) / (double)(t1 - t0);
}

/* What a step may see, lo ≤ k < hi, and of that: the first sample past the start, the first at or past the end. */
struct view {
    uint32_t lo, hi, past_start, at_end;
    int64_t start, end;
};

static bool view_step(struct view *w, const struct range_call *c, uint32_t step)
{
    w->end = c->first_ms + (int64_t)step * c->step_ms;
    w->start = w->end - c->range_ms;
    int64_t last = w->end + (c->smoothed ? c->lookback_ms : 0);
    while (w->hi < c->n && c->t[w->hi] <= last)
        w->hi++;
    while (w->lo < w->hi && c->t[w->lo] <= w->start - c->lookback_ms)
        w->lo++;
    while (w->past_start < c->n && c->t[w->past_start] <= w->start)
        w->past_start++;
    while (w->at_end < c->n && c->t[w->at_end] < w->end)
        w->at_end++;
    return w->lo < w->hi;
}

static uint32_t within(uint32_t k, const struct view *w)
{
    if (k < w->lo)
        return w->lo;
    return k < w->hi ? k : w->hi - 1;
}

/* Picks the samples that the edges are taken from; false where the window has nothing. */
static bool pick(const struct range_call *c, const struct view *w, uint32_t *first, uint32_t *last)
{
    uint32_t past = within(w->past_start, w);
    *first = past > w->lo ? past - 1 : w->lo;
    *last = c->smoothed ? within(w->at_end, w) : w->hi - 1;
    return c->t[*last] > w->start && c->t[*first] <= w->end;
}

static double corrections(const struct range_call *c, const struct view *w, uint32_t first,
                          uint32_t last, double left, double right)
{
    uint32_t from = c->t[first] <= w->start ? first + 1 : first;
    uint32_t to = c->t[last] >= w->end ? last : last + 1; /* from ≤ k < to: strictly inside */
    double sum = 0, prev = left;
    for (uint32_t k = from; k < to; k++) {
        if (c->v[k] < prev)
            sum += prev;
        prev = c->v[k];
    }
    return right < prev ? sum + prev : sum;
}

static double difference(const struct range_call *c, const struct view *w, bool counter,
                         double seconds)
{
    uint32_t first, last;
    if (!pick(c, w, &first, &last))
        return ABSENT;
    const int64_t *t = c->t;
    const double *v = c->v;
    double left = v[first], right = v[last];
    if (c->smoothed && t[first] < w->start)
        left = interpolate_at(t[first], v[first], t[first + 1], v[first + 1], w->start, counter);
    if (c->smoothed && last > w->lo && t[last] > w->end)
        right = interpolate_at(t[last - 1], v[last - 1], t[last], v[last], w->end, counter);
    double sum = right - left;
    if (counter)
        sum += corrections(c, w, first, last, left, right);
    return sum / seconds;
}

void func__extended_rate(struct range_call *c, bool counter, bool per_second)
{
    double seconds = per_second ? func__seconds(c->range_ms) : 1;
    must(c->lookback_ms >= 0);
    struct view w = {0};
    for (uint32_t i = 0; i < c->steps; i++) {
        c->out[i] = view_step(&w, c, i) ? difference(c, &w, counter, seconds) : ABSENT;
    }
}

/* changes and resets, anchored: upto[k] is how many there are up to sample k. */
void func__extended_count(struct range_call *c, const uint32_t *upto)
{
    must(c->lookback_ms >= 0);
    struct view w = {0};
    for (uint32_t i = 0; i < c->steps; i++) {
        uint32_t first, last;
        if (view_step(&w, c, i) && pick(c, &w, &first, &last))
            c->out[i] = upto[last] - upto[first];
        else
            c->out[i] = ABSENT;
    }
}
