/* Files (fs.h): whole reads, atomic replacement, directories, the pid file. Blocking. Any thread; no
 * state. */
#include "base/fs.h"

#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/str.h"

#define READ_STEP ((size_t)64 * 1024)

void fd_closep(int *fd)
{
    if (*fd >= 0) {
        int saved = errno;
        close(*fd);
        errno = saved;
    }
    *fd = -1;
}

static enum err_code code_of_errno(void)
{
    switch (errno) {
    case ENOENT:
    case ENOTDIR:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_DENIED;
    case ENOSPC:
    case EDQUOT:
        return ERR_FULL;
    default:
        return ERR_IO;
    }
}

static int too_large(const char *path, const struct buf *out, struct err *err)
{
    return err_set(err, ERR_TOO_LARGE, "cannot read %s: it is larger than %zu bytes", path,
                   out->max);
}

/* The size that stat tells is a hint only: files in /proc say 0. */
static size_t size_hint(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0 ? (size_t)st.st_size : 0;
}

static int read_all(int fd, const char *path, struct buf *out, struct err *err)
{
    size_t hint = size_hint(fd);
    if (hint > out->max - out->len)
        return too_large(path, out, err);
    if (!buf_reserve(out, hint))
        return too_large(path, out, err);
    for (;;) {
        size_t room = out->cap - out->len - 1;
        char spill; /* a full buffer may still be the whole file: look for one byte more */
        ssize_t n = room > 0 ? read(fd, out->data + out->len, room) : read(fd, &spill, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, code_of_errno(), "cannot read %s", path);
        if (n == 0)
            return 0;
        if (room > 0)
            out->len += (size_t)n;
        else
            buf_putc(out, spill);
        if (out->len < out->max && out->cap - out->len == 1)
            buf_reserve(out, out->max - out->len < READ_STEP ? out->max - out->len : READ_STEP);
        if (out->failed)
            return too_large(path, out, err);
    }
}

static int read_whole(int fd, const char *path, struct buf *out, struct err *err)
{
    size_t before = out->len;
    int rc = out->failed ? too_large(path, out, err) : read_all(fd, path, out, err);
    if (rc < 0)
        out->len = before;
    if (out->data)
        out->data[out->len] = '\0';
    return rc;
}

int fs_read(const char *path, struct buf *out, struct err *err)
{
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return err_sys(err, code_of_errno(), "cannot open %s", path);
    return read_whole(fd, path, out, err);
}

int fs_read_regular(const char *path, struct buf *out, struct err *err)
{
    struct stat st;
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(err, code_of_errno(), "cannot open %s", path);
    if (!S_ISREG(st.st_mode))
        return err_set(err, ERR_INVALID, "cannot read %s: it is not a regular file", path);
    return read_whole(fd, path, out, err);
}

static int write_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t done = write(fd, p, n);
        if (done < 0 && errno == EINTR)
            continue;
        if (done < 0)
            return -1;
        p += done;
        n -= (size_t)done;
    }
    return 0;
}

/* A rename is durable only once the directory is. */
static int sync_parent(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof(dir)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    memcpy(dir, path, n);
    dir[n] = '\0';
    cleanup(fd_closep) int fd = open(n > 0   ? dir
                                     : slash ? "/"
                                             : ".",
                                     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return fd < 0 ? -1 : fsync(fd);
}

static int write_new(const char *tmp, const void *data, size_t n, mode_t mode, bool sync)
{
    cleanup(fd_closep) int fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0 || fchmod(fd, mode) < 0 || write_all(fd, data, n) < 0)
        return -1;
    return sync ? fsync(fd) : 0;
}

int fs_write_atomic(const char *path, const void *data, size_t n, mode_t mode, bool sync,
                    struct err *err)
{
    must(data != NULL || n == 0);
    char tmp[PATH_MAX];
    int len = snprintf(tmp, sizeof(tmp), "%s.tmp.%d", path, (int)getpid());
    if (len < 0 || (size_t)len >= sizeof(tmp))
        return err_set(err, ERR_INVALID, "cannot write %s: the path is too long", path);
    if (write_new(tmp, data, n, mode, sync) < 0 || rename(tmp, path) < 0) {
        err_sys(err, code_of_errno(), "cannot write %s", path);
        unlink(tmp);
        return -1;
    }
    if (sync && sync_parent(path) < 0)
        return err_sys(err, code_of_errno(), "cannot make %s durable", path);
    return 0;
}

static bool is_directory(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

int fs_mkdirs(const char *path, mode_t mode, struct err *err)
{
    char part[PATH_MAX];
    size_t n = strlen(path);
    if (n == 0 || n >= sizeof(part))
        return err_set(err, ERR_INVALID, "cannot make directory \"%s\": the path is %s", path,
                       n == 0 ? "empty" : "too long");
    for (size_t i = 1; i <= n; i++) {
        if (path[i] != '/' && path[i] != '\0')
            continue;
        memcpy(part, path, i);
        part[i] = '\0';
        if (mkdir(part, mode) < 0 && !is_directory(part))
            return err_sys(err, code_of_errno(), "cannot make directory %s", part);
    }
    return 0;
}

bool fs_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

int fs_unlink(const char *path, struct err *err)
{
    if (unlink(path) < 0 && errno != ENOENT)
        return err_sys(err, code_of_errno(), "cannot remove %s", path);
    return 0;
}

int fs_free_bytes(const char *path, uint64_t *bytes, struct err *err)
{
    struct statvfs st;
    if (statvfs(path, &st) < 0)
        return err_sys(err, code_of_errno(), "cannot ask for the free space of %s", path);
    *bytes = (uint64_t)st.f_bavail * st.f_frsize;
    return 0;
}

/* The pid that the holder wrote, 0 when it has not yet. */
static pid_t read_pid(int fd)
{
    char text[32];
    ssize_t n = pread(fd, text, sizeof(text), 0);
    int64_t pid;
    if (n <= 0 || str_to_i64(str_trim((struct str){text, (size_t)n}), &pid, NULL) < 0)
        return 0;
    return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

/* Whether path still names the file that fd is: the holder before us may have removed it. */
static bool is_still(const char *path, int fd)
{
    struct stat by_path, by_fd;
    return stat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 && by_path.st_dev == by_fd.st_dev &&
           by_path.st_ino == by_fd.st_ino;
}

/* Root asks for the lock in a folder that is another user's: what that one put there must not be written to. */
static bool is_plain(int fd)
{
    struct stat st;
    return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_nlink <= 1;
}

static int write_pid(int fd)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%d\n", (int)getpid());
    must(n > 0 && (size_t)n < sizeof(text));
    return ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) != n ? -1 : 0;
}

/* flock belongs to the open file and ends with its last descriptor: a stale file does not matter. */
int fs_lock_pidfile(const char *path, pid_t *holder, struct err *err)
{
    for (;;) {
        cleanup(fd_closep) int fd =
            open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY, 0600);
        if (fd < 0)
            return err_sys(err, code_of_errno(), "cannot open %s", path);
        if (!is_plain(fd))
            return err_set(err, ERR_DENIED, "cannot lock %s: it is not a plain file of its own",
                           path);
        if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
            if (errno == EINTR)
                continue;
            if (errno != EWOULDBLOCK)
                return err_sys(err, code_of_errno(), "cannot lock %s", path);
            pid_t pid = read_pid(fd);
            if (holder)
                *holder = pid;
            return err_set(err, ERR_CONFLICT, "%s is locked by process %d, which is running", path,
                           (int)pid);
        }
        if (!is_still(path, fd))
            continue;
        if (write_pid(fd) < 0)
            return err_sys(err, code_of_errno(), "cannot write %s", path);
        int locked = fd;
        fd = -1; /* handed over */
        return locked;
    }
}

char *path_join(const char *dir, const char *name)
{
    size_t n = strlen(dir);
    bool slash = n > 0 && dir[n - 1] != '/';
    size_t size = n + slash + strlen(name) + 1;
    char *path = malloc(size);
    must(path != NULL);
    int len = snprintf(path, size, "%s%s%s", dir, slash ? "/" : "", name);
    must(len >= 0 && (size_t)len < size);
    return path;
}
