/* See lateness.h. Called by watchers at each round. */
#include "sched/lateness.h"

#include <math.h>
#include <string.h>

#include "base/clock.h"

static int bucket_of(int64_t ns)
{
    if (ns < 1000)
        return 0;
    int b = (int)(4 * log2((double)ns / 1000)) + 1;
    return b < LATENESS_BUCKETS ? b : LATENESS_BUCKETS - 1;
}

static void turn_slices(struct lateness *l, int64_t now_ns)
{
    for (int i = 0; i < LATENESS_SLICES && now_ns - l->slice_start_ns >= 10 * NS_PER_S; i++) {
        l->slice = (l->slice + 1) % LATENESS_SLICES;
        memset(l->count[l->slice], 0, sizeof(l->count[l->slice]));
        l->max_ns[l->slice] = 0;
        l->slice_start_ns += 10 * NS_PER_S;
    }
    if (now_ns - l->slice_start_ns >= 10 * NS_PER_S)
        l->slice_start_ns = now_ns; /* more than a minute of silence */
}

void lateness_add(struct lateness *l, int64_t late_ns, int64_t now_ns)
{
    must(late_ns >= 0);
    turn_slices(l, now_ns);
    must(l->slice >= 0 && l->slice < LATENESS_SLICES);
    l->count[l->slice][bucket_of(late_ns)]++;
    if (late_ns > l->max_ns[l->slice])
        l->max_ns[l->slice] = late_ns;
}

int64_t lateness_quantile(const struct lateness *l, double q)
{
    must(q >= 0 && q <= 1);
    uint64_t total = 0, seen = 0, sums[LATENESS_BUCKETS] = {0};
    for (int s = 0; s < LATENESS_SLICES; s++)
        for (int b = 0; b < LATENESS_BUCKETS; b++) {
            sums[b] += l->count[s][b];
            total += l->count[s][b];
        }
    if (total == 0)
        return 0;
    uint64_t want = (uint64_t)ceil(q * (double)total);
    for (int b = 0; b < LATENESS_BUCKETS; b++) {
        seen += sums[b];
        if (seen >= want)
            return (int64_t)(1000 * pow(2, b / 4.0));
    }
    return lateness_max(l);
}

int64_t lateness_max(const struct lateness *l)
{
    int64_t max = 0;
    for (int s = 0; s < LATENESS_SLICES; s++)
        if (l->max_ns[s] > max)
            max = l->max_ns[s];
    return max;
}
