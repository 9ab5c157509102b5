/* Making a process on Linux. A child that shares our memory and our stack, as after vfork, is
 * made several times faster than a copy and cannot fail for want of memory; what makes it safe:
 * we do not run until it executed or ended, it runs deeper on the stack than the frame below and
 * never returns from it, all signals are blocked, and it writes nothing that we read but its
 * spawn_id. Unlike vfork, clone3 (Linux 5.3, into a cgroup 5.7) can put it into its cgroup.
 * Where that is not to be had: fork. Called by spawn_start. */
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "proc/proc_priv.h"

#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef CLONE_INTO_CGROUP
#define CLONE_INTO_CGROUP 0x200000000ull
#endif

/* linux/sched.h's clone_args, whose older versions end early. */
struct clone3_args {
    uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid,
        set_tid_size, cgroup;
};

/* The sanitizers keep books of stacks, which two processes cannot write to. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define CAN_SHARE 0
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || \
    __has_feature(memory_sanitizer)
#define CAN_SHARE 0
#endif
#endif
#ifndef CAN_SHARE
#if defined(__x86_64__) || defined(__aarch64__)
#define CAN_SHARE 1
#else
#define CAN_SHARE 0
#endif
#endif

/* Inline: when a function made the call, the child's later calls would overwrite the place that
 * it returns to. */
static inline __attribute__((always_inline)) long clone3_here(const struct clone3_args *a)
{
#if CAN_SHARE && defined(__x86_64__)
    long result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "0"((long)SYS_clone3), "D"(a), "S"(sizeof(*a))
                     : "rcx", "r11", "memory");
    return result;
#elif CAN_SHARE && defined(__aarch64__)
    register long x8 __asm__("x8") = SYS_clone3;
    register long x0 __asm__("x0") = (long)a;
    register long x1 __asm__("x1") = sizeof(*a);
    __asm__ volatile("svc #0" : "+r"(x0) : "r"(x1), "r"(x8) : "memory");
    return x0;
#else
    long result = syscall(SYS_clone3, a, sizeof(*a));
    return result < 0 ? -errno : result;
#endif
}

/* Never inlined: its frame is the one that parent and child have in common. */
static __attribute__((noinline)) pid_t make(const struct clone3_args *a, void (*fn)(void *arg),
                                            void *arg)
{
    long pid = clone3_here(a);
    if (pid == 0) {
        fn(arg);
        _exit(127);
    }
    if (pid > 0)
        return (pid_t)pid;
    errno = (int)-pid;
    return -1;
}

static pid_t make_copy(void (*fn)(void *arg), void *arg)
{
    pid_t pid = fork();
    if (pid != 0)
        return pid;
    fn(arg);
    _exit(127);
}

pid_t proc__birth(int cgroup, bool share, void (*fn)(void *arg), void *arg)
{
    struct clone3_args a = {.exit_signal = SIGCHLD};
    if (cgroup >= 0) {
        a.flags |= CLONE_INTO_CGROUP;
        a.cgroup = (uint64_t)cgroup;
    }
    if (!share || !CAN_SHARE)
        return cgroup >= 0 ? make(&a, fn, arg) : make_copy(fn, arg);
    a.flags |= CLONE_VM | CLONE_VFORK;
    int dumpable = prctl(PR_GET_DUMPABLE, 0, 0, 0, 0);
    pid_t pid = make(&a, fn, arg);
    int saved = errno;
    if (dumpable == 1) /* the child's change of user took it from the memory we shared */
        prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
    errno = saved;
    if (pid < 0 && cgroup < 0 && saved != EAGAIN && saved != ENOMEM)
        return make_copy(fn, arg); /* an old kernel, or a filter that does not know the call */
    return pid;
}

/* fs.suid_dumpable = 1 would leave the child open to its new user; 0 and 2 do not. */
bool proc__may_share(bool other_user)
{
    if (!other_user)
        return true;
    cleanup(fd_closep) int fd = open("/proc/sys/fs/suid_dumpable", O_RDONLY | O_CLOEXEC);
    char c = '1';
    return fd >= 0 && read(fd, &c, 1) == 1 && c != '1';
}
