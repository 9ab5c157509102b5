/* Where a unit's pipes and files are, and the making of its FIFOs. Called by the warden (which opens the writing ends for
 * its children) and by the output process. No state. */
#include "output/output.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "output/output_priv.h"

#define UNIT_ID_MAX 64
#define FIFO_MODE   0622

bool output_unit_valid(const char *unit)
{
    size_t n = unit ? strlen(unit) : 0;
    if (n == 0 || n > UNIT_ID_MAX || streq(unit, ".") || streq(unit, ".."))
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = unit[i];
        bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (!letter && !(c >= '0' && c <= '9') && !strchr("._-", c))
            return false;
    }
    return true;
}

char *output_pipe_path(const char *run_dir, const char *unit, int stream)
{
    char *path;
    must(output_unit_valid(unit) && (stream == 1 || stream == 2));
    must(asprintf(&path, "%s/out/%s.%s", run_dir, unit, stream == 1 ? "out" : "err") > 0);
    return path;
}

char *output_dir(const char *log_dir, const char *unit)
{
    char *path;
    must(output_unit_valid(unit));
    must(asprintf(&path, "%s/processes/%s", log_dir, unit) > 0);
    return path;
}

/* Root makes it for the user that reads it: the owner of the folder. */
static int own(int fd, const char *path, struct err *err)
{
    struct stat dir;
    char *folder = strndup(path, (size_t)(strrchr(path, '/') - path));
    must(folder);
    int rc = stat(folder, &dir);
    free(folder);
    if (rc == 0 && geteuid() == 0 && dir.st_uid != 0)
        rc = fchown(fd, dir.st_uid, dir.st_gid);
    if (rc == 0)
        rc = fchmod(fd, FIFO_MODE);
    return rc == 0 ? 0 : err_sys(err, ERR_IO, "cannot give %s to its reader", path);
}

/* Whoever owns the folder could put something else there: only a FIFO is opened. */
static int open_fifo(const char *path, int flags, struct err *err)
{
    bool made = mkfifo(path, 0600) == 0;
    if (!made && errno != EEXIST)
        return err_sys(err, ERR_IO, "cannot make pipe %s", path);
    cleanup(fd_closep) int fd = open(path, flags | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY);
    if (fd < 0)
        return err_sys(err, ERR_IO, "cannot open pipe %s", path);
    struct stat st;
    if (fstat(fd, &st) < 0 || !S_ISFIFO(st.st_mode))
        return err_set(err, ERR_DENIED, "cannot open pipe %s: it is something else", path);
    if ((st.st_mode & 0777) != FIFO_MODE && (made || st.st_uid == geteuid()) &&
        own(fd, path, err) < 0)
        return -1;
    int opened = fd;
    fd = -1;
    return opened;
}

static int open_end(const char *run_dir, const char *unit, int stream, int flags, struct err *err)
{
    char *path = output_pipe_path(run_dir, unit, stream);
    int fd = open_fifo(path, flags, err);
    free(path);
    return fd;
}

int output_pipe_open(const char *run_dir, const char *unit, int stream, struct err *err)
{
    return open_end(run_dir, unit, stream, O_RDWR, err);
}

int output_pipe_hold(const char *run_dir, const char *unit, int stream, struct err *err)
{
    return open_end(run_dir, unit, stream, O_RDONLY | O_NONBLOCK, err);
}

int output__pipe_read_end(const char *run_dir, const char *unit, int stream, struct err *err)
{
    return open_end(run_dir, unit, stream, O_RDONLY | O_NONBLOCK, err);
}
