/* Classic histograms: quantiles and shares of cumulative buckets, with linear interpolation within a bucket. Called by the engine
 * for each histogram of a step; pure. */
#include <math.h>
#include <stdlib.h>

#include "promql/func.h"

#define TOLERANCE 1e-12 /* relative differences between buckets below it are noise of summing */

static int by_le(const void *a, const void *b)
{
    double x = ((const struct bucket *)a)->le, y = ((const struct bucket *)b)->le;
    return (x > y) - (x < y);
}

static void sort_buckets(struct bucket *b, uint32_t n)
{
    uint32_t i = 1;
    while (i < n && b[i - 1].le <= b[i].le)
        i++;
    if (i < n)
        qsort(b, n, sizeof(*b), by_le);
}

static uint32_t merge_equal(struct bucket *b, uint32_t n)
{
    uint32_t last = 0;
    for (uint32_t i = 1; i < n; i++) {
        if (b[i].le == b[last].le)
            b[last].count += b[i].count;
        else
            b[++last] = b[i];
    }
    return last + 1;
}

static bool almost_equal(double a, double b)
{
    if (isnan(a) && isnan(b))
        return true;
    if (a == b)
        return true;
    double sum = fabs(a) + fabs(b), diff = fabs(a - b);
    if (a == 0 || b == 0 || sum < 0x1p-1022)
        return diff < TOLERANCE * 0x1p-1022;
    return diff / fmin(sum, 0x1.fffffffffffffp1023) < TOLERANCE;
}

/* Counts must not fall as le grows: noise is dropped whichever way it goes, other falls are filled up and told. */
static void make_monotonic(struct bucket *b, uint32_t n, struct bucket_notes *notes)
{
    struct bucket_notes found = {.min_le = INFINITY, .max_le = -INFINITY};
    double prev = b[0].count;
    for (uint32_t i = 1; i < n; i++) {
        double count = b[i].count;
        if (count == prev)
            continue;
        if (almost_equal(prev, count)) {
            b[i].count = prev;
        } else if (count < prev) {
            b[i].count = prev;
            found.forced_monotonic = true;
            found.min_le = fmin(found.min_le, b[i].le);
            found.max_le = fmax(found.max_le, b[i].le);
            found.max_diff = fmax(found.max_diff, prev - count);
        } else {
            prev = count;
        }
    }
    if (found.forced_monotonic && notes != NULL)
        *notes = found;
}

uint32_t histogram_buckets_prepare(struct bucket *b, uint32_t n, struct bucket_notes *notes)
{
    must(n > 0);
    sort_buckets(b, n);
    if (!(b[n - 1].le == INFINITY))
        return n; /* no quantile is going to be had */
    n = merge_equal(b, n);
    make_monotonic(b, n, notes);
    return n;
}

double histogram_quantile_prepared(double q, const struct bucket *b, uint32_t n)
{
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    if (n < 2 || !(b[n - 1].le == INFINITY) || b[n - 1].count == 0)
        return NAN;
    double rank = q * b[n - 1].count;
    uint32_t low = 0, high = n - 1; /* the first bucket that reaches the rank */
    while (low < high) {
        uint32_t mid = low + (high - low) / 2;
        if (b[mid].count >= rank)
            high = mid;
        else
            low = mid + 1;
    }
    must(low < n);
    if (low == n - 1)
        return b[n - 2].le;
    if (low == 0 && b[0].le <= 0)
        return b[0].le;
    double start = 0, end = b[low].le, count = b[low].count;
    if (low > 0) {
        start = b[low - 1].le;
        count -= b[low - 1].count;
        rank -= b[low - 1].count;
    }
    return start + (end - start) * (rank / count);
}

double histogram_quantile_buckets(double q, struct bucket *b, uint32_t n,
                                  struct bucket_notes *notes)
{
    if (isnan(q) || q < 0 ||
        q > 1) /* answered without a look at the buckets, and so without notes */
        return histogram_quantile_prepared(q, b, n);
    n = histogram_buckets_prepare(b, n, notes);
    return histogram_quantile_prepared(q, b, n);
}

/* How many observations lie below x: so many as the buckets below it count, and a part of the one that x falls into. */
static double rank_of(double x, const struct bucket *b, uint32_t n)
{
    double below = 0, from = b[0].le > 0 ? 0 : -INFINITY;
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            from = b[i - 1].le;
        if (from >= x)
            return below;
        if (b[i].le > x)
            return from == -INFINITY ? b[i].count
                                     : below + (b[i].count - below) * (x - from) / (b[i].le - from);
        below = b[i].count;
    }
    return INFINITY;
}

double histogram_fraction_buckets(double lower, double upper, struct bucket *b, uint32_t n)
{
    must(n > 0);
    sort_buckets(b, n);
    if (!(b[n - 1].le == INFINITY))
        return NAN;
    n = merge_equal(b, n);
    double all = b[n - 1].count;
    if (all == 0 || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    double from = rank_of(lower, b, n), to = rank_of(upper, b, n);
    return ((to > all ? all : to) - (from > all ? all : from)) / all;
}
