/* Learning of deaths at once: by pidfds where the kernel has them, by SIGCHLD everywhere.
 *
 * The owner polls reaper_fd() (when ≥ 0) and its SIGCHLD descriptor (signals.h); whichever stirs, it
 * calls reaper_next until that is false. One a process, one thread. */
#ifndef PROC_REAP_H
#define PROC_REAP_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

enum reap_mode {
    REAP_ALL,     /* every child of the process, orphans that were given to us included */
    REAP_SIGNALS, /* the same by SIGCHLD alone: for tests of that way */
    REAP_OWN,     /* only what reaper_add was told, by pidfds: for a guest in a foreign program */
};

struct reaper;
struct reaper *reaper_new(enum reap_mode mode);
void reaper_free(struct reaper **r);
int reaper_fd(const struct reaper *r); /* -1: there are only signals */
/* Orphans among our descendants are given to us instead of to process 1 (Linux 3.4). */
void reaper_take_orphans(struct reaper *r);
/* Whether each child of ours is known: then no orphan is among them, and a child of ours that has ended left nothing
 * behind. False also when that cannot be told. */
bool reaper_knows_all(const struct reaper *r, bool (*known)(void *arg, pid_t pid), void *arg);

enum reap_watch {
    REAP_CHILD,   /* its end and status will be told */
    REAP_FOREIGN, /* not our child: its end will be told, the status is unknown */
    REAP_UNSEEN,  /* its end will not be told: look whether it lives */
};
/* Watches a process, whosever child it is. */
enum reap_watch reaper_add(struct reaper *r, pid_t pid);
/* Its end is no longer of interest. A child is reaped nevertheless, but with REAP_OWN. */
void reaper_forget(struct reaper *r, pid_t pid);

#define REAP_STATUS_UNKNOWN (-1) /* a process that was not our child */
struct reaped {
    pid_t pid;
    int status; /* as of waitpid; REAP_STATUS_UNKNOWN */
    struct rusage usage;
};
/* Takes one dead process off the system; false when there is none. */
bool reaper_next(struct reaper *r, struct reaped *out);

#endif
