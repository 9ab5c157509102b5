/* Adoption by what /proc says of all processes (adopt_priv.h). Called by adopt_find. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/must.h"
#include "proc/adopt_priv.h"
#include "proc/proc_priv.h"
#include "proc/procfs.h"

/* Start times count from the boot, as CLOCK_BOOTTIME does. */
int64_t adopt__started_ms(uint64_t start_time)
{
    struct timespec up;
    long ticks = sysconf(_SC_CLK_TCK);
    if (clock_gettime(CLOCK_BOOTTIME, &up) < 0)
        return 0;
    int64_t up_ms = (int64_t)up.tv_sec * 1000 + up.tv_nsec / 1000000;
    return clock_wall_ms() - up_ms + (int64_t)(start_time * 1000 / (uint64_t)ticks);
}

static bool fits(const struct unit_adopt *a, pid_t pid)
{
    char path[PROC_PATH_SIZE], text[4096];
    proc__path(path, pid, a->kind == ADOPT_NAME ? "cmdline" : "cgroup");
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd >= 0 ? read(fd, text, sizeof(text)) : -1;
    if (n <= 0)
        return false;
    return a->kind == ADOPT_NAME ? adopt__name_matches(a->what, text, (size_t)n)
                                 : adopt__in_unit(text, (size_t)n, a->what);
}

static bool older(const struct proc_stat *a, const struct proc_stat *b)
{
    return a->start_time != b->start_time ? a->start_time < b->start_time : a->pid < b->pid;
}

/* Of those that fit the oldest whose parent does not: a server's first process, not its workers. */
bool adopt__search(const struct unit_adopt *a, struct spawn_id *out)
{
    struct proc_list all, fitting = {0};
    const struct proc_stat *best = NULL;
    bool raised = proc__raise();
    proc__list(&all);
    vec_each (&all.all, s)
        if (s->pid > 1 && s->pid != getpid() && !proc__dead(s) && fits(a, s->pid))
            vec_push(&fitting.all, *s);
    proc__unraise(raised);
    vec_each (&fitting.all, s)
        if (!proc__list_find(&fitting, s->ppid) && (!best || older(s, best)))
            best = s;
    if (best)
        *out = (struct spawn_id){.pid = (int32_t)best->pid, .start_time = best->start_time};
    proc__list_done(&all);
    bool found = best != NULL;
    proc__list_done(&fitting);
    return found;
}
