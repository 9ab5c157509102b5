/* What a child does to itself on Linux between fork and exec: capabilities kept across the change of user
 * and the exec (ambient, Linux 4.3; older kernels go on without them), and the tie to its parent.
 * Raw system calls: libcap allocates, which is not allowed here. */
#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "proc/proc_priv.h"
#include "proc/spawn.h"

#ifndef PR_CAP_AMBIENT
#define PR_CAP_AMBIENT           47
#define PR_CAP_AMBIENT_RAISE     2
#define PR_CAP_AMBIENT_CLEAR_ALL 4
#endif

int proc__death_signal(int signo, pid_t parent)
{
    if (prctl(PR_SET_PDEATHSIG, signo, 0, 0, 0) < 0)
        return -1;
    if (getppid() != parent) /* it died before the prctl */
        _exit(127);
    return 0;
}

int proc__lower(uid_t uid, gid_t gid)
{
    return setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, 0) < 0 ? -1 : 0;
}

int proc__caps_before_user(unsigned caps)
{
    return caps ? prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) : 0;
}

static unsigned wanted_bits(unsigned caps)
{
    return caps & SPAWN_CAP_NET_RAW ? 1u << CAP_NET_RAW : 0;
}

/* Permitted, inheritable and ambient become exactly what is wanted and there. Root keeps everything:
 * taking capabilities from root is a matter of its user. */
int proc__caps_after_user(unsigned caps)
{
    if (geteuid() == 0)
        return 0;
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    if (syscall(SYS_capget, &head, data) < 0)
        return -1;
    unsigned bits = wanted_bits(caps) & data[0].permitted;
    data[0] = (struct __user_cap_data_struct){bits, bits, bits};
    data[1] = (struct __user_cap_data_struct){0, 0, 0};
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capset, &head, data) < 0)
        return -1;
    if (bits & (1u << CAP_NET_RAW))
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_NET_RAW, 0, 0); /* old kernel: without */
    return 0;
}
