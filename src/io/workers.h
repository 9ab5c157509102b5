/* Worker threads for work that may wait: started on demand up to a limit, with small stacks; what finds all of them
 * busy queues, bounded. Those that idle end after a while, but for a few.
 *
 * Owned by the HTTP server (http_server.c), whose own threads hand calls over. Any thread may submit. */
#ifndef IO_WORKERS_H
#define IO_WORKERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Called in each thread at its start and at its end; either may be NULL. io/ does not know what a thread of this
 * program needs (a stack for the crash handlers, proc/crash.h): whoever wires the parts does. */
struct thread_hooks {
    void (*begin)(void);
    void (*end)(void);
};

/* Lies in what the caller hands over; valid until run() is called, which may free it. */
struct worker_job {
    struct worker_job *next;
    void (*run)(struct worker_job *job); /* on a worker */
    bool continues;                      /* the pool's: came by workers_continue */
};

struct workers_config {
    size_t limit;    /* threads at most */
    size_t kept;     /* so many idle ones stay */
    size_t queue;    /* jobs that wait at most, not counting those of workers_continue */
    int64_t idle_ms; /* a further one that idles so long ends */
    struct thread_hooks hooks;
};

struct workers;
struct workers *workers_new(const struct workers_config *cfg);
/* False: the queue is full, workers_stop was called, or there is no thread and none could be started. */
bool workers_submit(struct workers *w, struct worker_job *job);
/* For the next step of something that has begun: it neither needs nor takes room in the queue, as there is no more than one for
 * each thing under way. False after workers_stop, or when there is no thread. */
bool workers_continue(struct workers *w, struct worker_job *job);
/* Further jobs are refused. Returns when all that were taken have run and every thread has ended. */
void workers_stop(struct workers *w);
void workers_free(struct workers *w); /* after workers_stop; NULL is fine */

struct workers_stats {
    uint64_t busy, limit, queued, threads;
    uint64_t refused; /* since the start */
} workers_stats(struct workers *w);

#endif
