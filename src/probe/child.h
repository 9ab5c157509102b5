/* A program that a probe runs: its output bounded, its time too. On a fiber of a watcher or of `belfry check`; the loop never
 * waits for it. It leads a process group of its own, which is killed as a whole at the deadline, and dies with its watcher. */
#ifndef PROBE_CHILD_H
#define PROBE_CHILD_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "config/option.h"

struct child_run {
    const char *const *argv; /* NULL-terminated; argv[0] without a slash is looked up in PATH */
    const struct pair_list *environment; /* beside PATH, HOME, LANG and TZ of ours; may be NULL */
    const char *dir;                     /* NULL: / */
    const char *user;                    /* NULL: the caller's */
    size_t max_output;                   /* of each stream; what is more is read and dropped */
    int64_t deadline_ns;
};

struct child_end {
    int status;          /* as from waitpid */
    struct buf out, err; /* what it said; child_done frees */
    bool out_cut;
};

/* -1: it could not be started (INVALID, NOT_FOUND, DENIED …), or did not end in time (TIMEOUT, and it was killed). *end holds what it said. */
int child_run(const struct child_run *run, struct arena *a, struct child_end *end, struct err *err);
void child_done(struct child_end *end);

#endif
