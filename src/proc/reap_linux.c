/* What reap.c and the supervisor ask of Linux: pidfds (5.3; older: -1), epoll over them,
 * orphans. */
#include <errno.h>
#include <stdio.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/must.h"
#include "proc/proc_priv.h"

#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif

int proc__pidfd(pid_t pid)
{
    must(pid > 0);
    return (int)syscall(SYS_pidfd_open, pid, 0); /* close-on-exec by nature */
}

int proc__gather(void)
{
    return epoll_create1(EPOLL_CLOEXEC);
}

int proc__gather_add(int gather, int fd, pid_t pid)
{
    struct epoll_event e = {.events = EPOLLIN, .data.u64 = (uint64_t)pid};
    return epoll_ctl(gather, EPOLL_CTL_ADD, fd, &e);
}

bool proc__gather_next(int gather, pid_t *pid)
{
    struct epoll_event e;
    int n;
    do
        n = epoll_wait(gather, &e, 1, 0);
    while (n < 0 && errno == EINTR);
    if (n != 1)
        return false;
    *pid = (pid_t)e.data.u64;
    return true;
}

bool proc__take_orphans(void)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) ==
           0; /* before Linux 3.4: process 1 has them */
}

/* The kernel lists the children of each thread; orphans come to the first one. */
bool proc__children_are(bool (*known)(void *arg, pid_t pid), void *arg)
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/self/task/%ld/children", (long)getpid());
    FILE *f = fopen(path, "re");
    if (!f)
        return false; /* CONFIG_PROC_CHILDREN is not set */
    bool all = true;
    for (long pid; all && fscanf(f, "%ld", &pid) == 1;)
        all = known(arg, (pid_t)pid);
    fclose(f);
    return all;
}
