/* Lateness of rounds over the last minute: a logarithmic histogram in six slices of ten seconds. Pure. */
#ifndef SCHED_LATENESS_H
#define SCHED_LATENESS_H

#include <stdint.h>

#define LATENESS_BUCKETS 160 /* four a doubling from 1 µs */
#define LATENESS_SLICES  6

struct lateness {
    int64_t slice_start_ns;
    int slice;
    uint32_t count[LATENESS_SLICES][LATENESS_BUCKETS];
    int64_t max_ns[LATENESS_SLICES];
};

void lateness_add(struct lateness *l, int64_t late_ns, int64_t now_ns);
/* Upper bound of the bucket that holds quantile q (0…1); 0 when nothing was added in the last minute. */
int64_t lateness_quantile(const struct lateness *l, double q);
int64_t lateness_max(const struct lateness *l);

#endif
