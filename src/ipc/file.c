/* Small helpers for the mapped files of ipc/ (ipc_priv.h). No state. */
#include "ipc/ipc_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/map.h"
#include "base/must.h"

/* For file systems that cannot allocate (and C libraries that do not imitate it). */
static int write_zeros(int fd, off_t from, off_t to)
{
    static const char zeros[16384];
    for (off_t at = from; at < to;) {
        size_t n = to - at < (off_t)sizeof(zeros) ? (size_t)(to - at) : sizeof(zeros);
        ssize_t wrote = pwrite(fd, zeros, n, at);
        if (wrote < 0 && errno == EINTR)
            continue;
        if (wrote <= 0)
            return -1;
        at += wrote;
    }
    return 0;
}

int ipc__allocate(int fd, off_t from, off_t to)
{
    must(fd >= 0 && from >= 0 && to > from);
    int rc;
    do
        rc = posix_fallocate(fd, from, to - from);
    while (rc == EINTR);
    if (rc == EOPNOTSUPP || rc == EINVAL || rc == ENOSYS)
        return write_zeros(fd, from, to);
    errno = rc;
    return rc == 0 ? 0 : -1;
}

uint64_t ipc__boot_hash(void)
{
    char id[64];
    cleanup(fd_closep) int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return 0;
    ssize_t n = read(fd, id, sizeof(id));
    return n > 0 ? hash_bytes(id, (size_t)n, 0) : 0;
}
