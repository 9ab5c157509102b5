/* Heartbeats: a 4 KiB file mapped by a child (writer) and by warden and core (readers). Written once per loop
 * turn with plain atomic stores; no system call. */
#ifndef IPC_BEAT_H
#define IPC_BEAT_H

#include <stdatomic.h>
#include <stdint.h>

#include "base/err.h"

/* X(field, "metric name", "help"): gauges and counters a child shows. */
#define BEAT_FIELDS(X)                                                                      \
    X(loop_lag_ns, "lateness of the loop's last timer")                                     \
    X(targets, "targets assigned")                                                          \
    X(in_flight, "probes running now")                                                      \
    X(probes, "probes finished since the start")                                            \
    X(missed_rounds, "rounds skipped because the target's last probe or the loop was late") \
    X(late_max_ns, "greatest lateness of a round in the last minute")                       \
    X(late_p99_ns, "99th percentile of the lateness of rounds in the last minute")          \
    X(ring_dropped, "results dropped because the ring was full")                            \
    X(assignment, "generation of the assignment that is loaded")                            \
    X(assignment_errors, "assignments that could not be loaded")

struct beat_page {
    uint32_t magic;
    uint32_t pid;
    _Atomic int64_t turned_ns; /* CLOCK_MONOTONIC of the last loop turn */
#define X(name, help) _Atomic int64_t name;
    BEAT_FIELDS(X)
#undef X
};

/* Maps the file (created 0600 when absent). The writer calls beat_reset once at its start. */
struct beat_page *beat_map(const char *path, struct err *err);
void beat_unmap(struct beat_page **b);
void beat_reset(struct beat_page *b);

#endif
