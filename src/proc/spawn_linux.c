/* What a child does to itself on Linux before exec: ids, capabilities kept across the change of
 * user and the exec (ambient, Linux 4.3; older kernels go on without them), priorities, the tie
 * to its parent. Raw system calls: libcap allocates and libc's setuid speaks to all threads,
 * neither of which is allowed here. Birth itself is in birth_linux.c. */
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
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

#ifdef SYS_setresuid32 /* 32-bit systems: the plain calls take 16 bits */
#define CALL_SETGROUPS SYS_setgroups32
#define CALL_SETRESGID SYS_setresgid32
#define CALL_SETRESUID SYS_setresuid32
#else
#define CALL_SETGROUPS SYS_setgroups
#define CALL_SETRESGID SYS_setresgid
#define CALL_SETRESUID SYS_setresuid
#endif

int proc__become_root(void)
{
    return (int)syscall(CALL_SETRESUID, (uid_t)-1, (uid_t)0, (uid_t)-1);
}

int proc__become(uid_t uid, gid_t gid, const gid_t *groups, int n)
{
    if (groups && syscall(CALL_SETGROUPS, n, groups) < 0)
        return -1;
    return syscall(CALL_SETRESGID, gid, gid, gid) < 0 || syscall(CALL_SETRESUID, uid, uid, uid) < 0
               ? -1
               : 0;
}

int proc__no_new_privs(void)
{
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* ioprio_set(2): class in the upper bits, level in the lower 13. */
int proc__io_priority(int io_class, int level)
{
    enum { WHO_PROCESS = 1, CLASS_SHIFT = 13 };
    return (int)syscall(SYS_ioprio_set, WHO_PROCESS, 0, io_class << CLASS_SHIFT | level);
}

int proc__oom_score(int score)
{
    char text[16], *at = text + sizeof(text);
    unsigned left = (unsigned)(score < 0 ? -score : score);
    do
        *--at = (char)('0' + left % 10);
    while ((left /= 10) > 0);
    if (score < 0)
        *--at = '-';
    size_t n = (size_t)(text + sizeof(text) - at);
    int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
    return fd < 0 || write(fd, at, n) != (ssize_t)n ? -1 : close(fd);
}

#ifndef CLOSE_RANGE_CLOEXEC
#define CLOSE_RANGE_CLOEXEC 4
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif

/* Before Linux 5.11: ours are close-on-exec anyway; this is for what our own parent left open. */
void proc__close_rest(void)
{
    enum { USUAL = 256 };
    if (syscall(SYS_close_range, 3u, ~0u, CLOSE_RANGE_CLOEXEC) == 0)
        return;
    for (int fd = 3; fd < USUAL; fd++)
        fcntl(fd, F_SETFD, FD_CLOEXEC);
}

int proc__lower(uid_t uid, gid_t gid)
{
    return setresgid(gid, gid, gid) < 0 || setresuid(uid, uid, 0) < 0 ? -1 : 0;
}

/* Whoever started us may have them ignored, which exec hands on. Zeroed, the kernel's struct says SIG_DFL. */
void proc__plain_hidden_signals(void)
{
    static const unsigned long plain[8];
    for (int signo = 32; signo <= 33; signo++)
        syscall(SYS_rt_sigaction, signo, plain, NULL, sizeof(uint64_t));
}

int proc__caps_before_user(unsigned caps)
{
    return caps ? prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) : 0;
}

static unsigned wanted_bits(unsigned caps)
{
    return caps & SPAWN_CAP_NET_RAW ? 1u << CAP_NET_RAW : 0;
}

/* Permitted, inheritable and ambient become exactly what is wanted and there. Root keeps
 * everything: taking capabilities from root is a matter of its user. */
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
