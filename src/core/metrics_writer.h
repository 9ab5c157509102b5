/* The one thread that writes into the time-series store for the core: results of probes and Belfry's own figures become
 * series there. It opens the store, too, for a start may have to replay gigabytes and a disk may hang; the main loop, which
 * rings the bell, only copies into a queue.
 *
 *   main loop ── messages ──► chunk ──seal──► queue (bounded) ──► thread: decode, refs of series, tsdb_append
 *                                                                   └── done (a number that only grows) ──► main loop
 *
 * A ring's records are freed when both the database and this thread are done with them (metrics.c), so a crash at any moment
 * replays into the series what they miss, and what is there already is the same sample twice: TSDB_SAME.
 *
 * While appending fails (disk full) it is tried again each second; what comes meanwhile waits up to QUEUE_MAX bytes, further
 * results are dropped and counted. Of a series' samples the thread knows the newest result only. */
#ifndef CORE_METRICS_WRITER_H
#define CORE_METRICS_WRITER_H

#include "core/figures.h"
#include "io/workers.h"
#include "tsdb/tsdb.h"

struct metrics_writer;

struct metrics_writer_options {
    struct tsdb_options tsdb; /* dir and what it points to live as long as the writer */
    const char *instance;     /* label of Belfry's own figures; copied */
    struct loop *loop;
    void (*news)(void *arg); /* on the loop: it was opened, a chunk is done, trouble came or went */
    void *arg;
    struct thread_hooks hooks;
};
struct metrics_writer *metrics_writer_new(const struct metrics_writer_options *o);
/* Ends the thread after the append that runs, closes the store. What still waits is dropped: see metrics_writer_done.
 * NULL is fine. */
void metrics_writer_free(struct metrics_writer *w);

/* --- on the loop --- */

/* What Belfry itself says of a target, beside the result. */
struct metrics_state {
    bool up, degraded;
    uint32_t fail_count;
};
/* The target's labels (figures.h, core_target_labels); before its first result, and when they changed: then the old series end. */
void metrics_writer_target(struct metrics_writer *w, uint64_t id, const struct label *labels,
                           uint32_t n, int64_t now_ms);
/* record: result_encode's form. */
void metrics_writer_result(struct metrics_writer *w, uint64_t id, const struct metrics_state *st,
                           const void *record, size_t n);
/* Its series end: it was removed or is paused. */
void metrics_writer_forget(struct metrics_writer *w, uint64_t id, int64_t now_ms);
/* Takes f over, with its arena. */
void metrics_writer_figures(struct metrics_writer *w, struct figures *f, int64_t now_ms);
/* Hands over what was gathered; the number under which it will be done. */
uint64_t metrics_writer_seal(struct metrics_writer *w);

/* --- any thread (the statistics: the loop) --- */

uint64_t metrics_writer_done(const struct metrics_writer *w);
struct tsdb *metrics_writer_tsdb(const struct metrics_writer *w); /* NULL until it is open */
/* What is wrong with the store now; false: nothing. */
bool metrics_writer_trouble(struct metrics_writer *w, struct err *out);

struct metrics_writer_stats {
    uint64_t samples,
        dropped;      /* appended; results that found no room, samples that could not be written */
    uint64_t refused; /* by the store: limits, order */
    uint64_t queued_bytes, queue_max;
};
void metrics_writer_get_stats(const struct metrics_writer *w, struct metrics_writer_stats *out);

#endif
