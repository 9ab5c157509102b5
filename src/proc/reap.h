/* Learning of deaths at once: by pidfds where the kernel has them, by SIGCHLD everywhere.
 *
 * The owner polls reaper_fd() (when ≥ 0) and its SIGCHLD descriptor (signals.h); whichever stirs, it calls
 * reaper_next until that is false. Orphans that were given to us are reaped too. One a process. */
#ifndef PROC_REAP_H
#define PROC_REAP_H

#include <stdbool.h>
#include <sys/resource.h>
#include <sys/types.h>

struct reaper;
struct reaper *reaper_new(bool use_pidfds); /* false: SIGCHLD alone, for tests of that way */
void reaper_free(struct reaper **r);
int reaper_fd(const struct reaper *r); /* -1: there are only signals */
void reaper_add(struct reaper *r, pid_t pid);

struct reaped {
    pid_t pid;
    int status; /* as of waitpid */
    struct rusage usage;
};
/* Takes one dead child off the system; false when there is none. */
bool reaper_next(struct reaper *r, struct reaped *out);

#endif
