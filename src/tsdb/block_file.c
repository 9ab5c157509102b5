/* Files of blocks as they are written: appended through a buffer, synced before the block gets its name. */
#include "tsdb/block_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

#define WRITE_AT ((size_t)256 * 1024)

static enum err_code code_of_errno(void)
{
    return errno == ENOSPC || errno == EDQUOT ? ERR_FULL : ERR_IO;
}

int out_file_open(struct out_file *f, const char *dir, const char *name, struct err *err)
{
    *f = (struct out_file){.fd = -1};
    buf_init(&f->pending, PAGE_BYTES_MAX);
    if ((size_t)snprintf(f->path, sizeof(f->path), "%s/%s", dir, name) >= sizeof(f->path))
        return err_set(err, ERR_INVALID, "cannot write %s/%s: the path is too long", dir, name);
    f->fd = open(f->path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    return f->fd < 0 ? err_sys(err, code_of_errno(), "cannot create %s", f->path) : 0;
}

static void flush(struct out_file *f)
{
    const char *p = f->pending.data;
    for (size_t left = f->pending.len; left > 0 && !f->failed;) {
        ssize_t n = write(f->fd, p, left);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            err_sys(&f->err, code_of_errno(), "cannot write %s", f->path);
            f->failed = true;
            break;
        }
        p += n;
        left -= (size_t)n;
    }
    buf_clear(&f->pending);
}

void out_file_add(struct out_file *f, const void *p, size_t n)
{
    f->size += n;
    if (f->failed)
        return;
    buf_add(&f->pending, p, n);
    must(!f->pending.failed);
    if (f->pending.len >= WRITE_AT)
        flush(f);
}

int out_file_finish(struct out_file *f, struct err *err)
{
    flush(f);
    if (!f->failed && fdatasync(f->fd) != 0) {
        err_sys(&f->err, code_of_errno(), "cannot sync %s", f->path);
        f->failed = true;
    }
    bool failed = f->failed;
    if (failed && err)
        *err = f->err;
    out_file_abort(f);
    return failed ? -1 : 0;
}

void out_file_abort(struct out_file *f)
{
    buf_done(&f->pending);
    fd_closep(&f->fd);
}

int sync_dir(const char *path, struct err *err)
{
    cleanup(fd_closep) int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0 || fsync(fd) != 0)
        return err_sys(err, code_of_errno(), "cannot sync %s", path);
    return 0;
}

void remove_block_dir(const char *path)
{
    DIR *d = opendir(path);
    for (struct dirent *e; d && (e = readdir(d));) {
        if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
            unlinkat(dirfd(d), e->d_name, 0);
    }
    if (d)
        closedir(d);
    rmdir(path);
}
