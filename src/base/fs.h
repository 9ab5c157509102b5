/* Files: whole-file reads with a limit, atomic replacement, directories. Blocking: not for fibers on
 * slow disks beyond small files. */
#ifndef BASE_FS_H
#define BASE_FS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Appends the file's bytes to out; TOO_LARGE past out->max. */
int fs_read(const char *path, struct buf *out, struct err *err);
/* The same of a regular file only, for paths that others name: a FIFO or a device there does not keep the caller waiting;
 * INVALID. */
int fs_read_regular(const char *path, struct buf *out, struct err *err);
/* Writes to PATH.tmp.PID, optionally fsyncs, renames over path. Readers see old or new, never half. */
int fs_write_atomic(const char *path, const void *data, size_t n, mode_t mode, bool sync,
                    struct err *err);
int fs_mkdirs(const char *path, mode_t mode, struct err *err); /* like mkdir -p */
bool fs_exists(const char *path);
int fs_remove_tree(const char *path, struct err *err); /* like rm -r; absent is fine */
int fs_unlink(const char *path, struct err *err);      /* absent is fine */
/* Bytes free for us on the file system of path. */
int fs_free_bytes(const char *path, uint64_t *bytes, struct err *err);

/* Takes an exclusive lock on path (created 0600), writes our pid into it, returns the descriptor
 * (keep it open). CONFLICT, with the holder's pid in the message and *holder, when it is taken. */
int fs_lock_pidfile(const char *path, pid_t *holder, struct err *err);

/* "dir/name" into a malloc'ed string. */
char *path_join(const char *dir, const char *name);

void fd_closep(int *fd); /* for cleanup(fd_closep): closes unless -1 */

#endif
