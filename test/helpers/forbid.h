/* Makes this process and all it starts live on an old kernel: system calls that Linux 3.10 (CentOS 7) lacks answer
 * ENOSYS, by a seccomp filter. */
#ifndef HELPERS_FORBID_H
#define HELPERS_FORBID_H

/* 0, or -1 with errno. */
int forbid_syscalls(void);

#endif
