/* Systems other than Linux: what spawn.c, reap.c and supervisor.c do without. Deaths are told by SIGCHLD
 * alone, children notice the warden's death by getppid, memory is bounded by rlimits. */
#include <unistd.h>

#include "proc/proc_priv.h"
#include "proc/procid.h"

int proc__death_signal(int signo, pid_t parent)
{
    return 0;
}

int proc__lower(uid_t uid, gid_t gid)
{
    return setegid(gid) < 0 || setreuid(uid, uid) < 0 ? -1 : 0; /* the saved id stays root's */
}

int proc__caps_before_user(unsigned caps)
{
    return 0;
}

int proc__caps_after_user(unsigned caps)
{
    return 0;
}

int proc__pidfd(pid_t pid)
{
    return -1;
}

int proc__gather(void)
{
    return -1;
}

int proc__gather_add(int gather, int fd)
{
    return -1;
}

uint64_t proc__private_bytes(pid_t pid)
{
    return 0;
}

bool proc__cpu_ticks(uint64_t *busy, uint64_t *all)
{
    return false;
}

double proc__memory_percent(void)
{
    return -1;
}

uint64_t process_start_time(pid_t pid)
{
    return 0;
}

bool process_is(pid_t pid, uint64_t start_time)
{
    return false;
}
