/* The filter of forbid.h, as plain BPF: no library needed. */
#include "forbid.h"

#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

/* Numbers are equal on all architectures from 424 on. */
#ifndef SYS_pidfd_send_signal
#define SYS_pidfd_send_signal 424
#endif
#ifndef SYS_io_uring_setup
#define SYS_io_uring_setup 425
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434
#endif
#ifndef SYS_clone3
#define SYS_clone3 435
#endif
#ifndef SYS_close_range
#define SYS_close_range 436
#endif
#ifndef SYS_openat2
#define SYS_openat2 437
#endif
#ifndef SYS_faccessat2
#define SYS_faccessat2 439
#endif

#define ANSWER(n)                                   \
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (n), 0, 1), \
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (ENOSYS & SECCOMP_RET_DATA))

int forbid_syscalls(void)
{
    static struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        ANSWER(SYS_pidfd_send_signal),
        ANSWER(SYS_pidfd_open),
        ANSWER(SYS_io_uring_setup),
        ANSWER(SYS_clone3),
        ANSWER(SYS_close_range),
        ANSWER(SYS_openat2),
        ANSWER(SYS_faccessat2),
        ANSWER(SYS_memfd_create),
        ANSWER(SYS_getrandom),
        ANSWER(SYS_statx),
        ANSWER(SYS_renameat2),
        ANSWER(SYS_copy_file_range),
        ANSWER(SYS_mlock2),
        ANSWER(SYS_preadv2),
        ANSWER(SYS_pwritev2),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof(filter) / sizeof(filter[0]), filter};
    /* Root needs no NO_NEW_PRIVS, and with it capabilities would not pass through exec. */
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0)
        return 0;
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
        return -1;
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}
