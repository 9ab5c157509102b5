/* Rotation of log files (log_priv.h). Called by log.c only, under its lock.
 *
 * FILE is always the current day's. After local midnight the first line written moves it to
 * FILE.YYYY-MM-DD (the day its lines belong to; FILE.YYYY-MM-DD.2 … if that exists), and removes
 * those older than keep_days. Several processes may share one file: whoever comes first rotates,
 * under flock on the old file; the others see that FILE is another file now and reopen it.
 * When rotation fails, writing goes on in the old file and is tried again a minute later. */
#include "base/log_priv.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

#define LOG_FILE_MAGIC 0x4c4f4746u /* "LOGF" */
#define RETRY_S        60
#define DAY_S          86400

struct log_file {
    uint32_t magic;
    int fd;
    int keep_days;
    time_t day;  /* any second of the local day that the lines in the file belong to */
    time_t next; /* when to rotate: its following midnight, or a retry */
    char path[PATH_MAX];
};

/* The local midnight that ends the day of t. */
static time_t midnight_after(time_t t)
{
    struct tm tm;
    localtime_r(&t, &tm);
    tm.tm_mday++;
    tm.tm_hour = tm.tm_min = tm.tm_sec = 0;
    tm.tm_isdst = -1;
    time_t next = mktime(&tm);
    return next > t ? next : t + DAY_S; /* a clock that jumps at midnight must not loop us */
}

static int open_file(const char *path)
{
    return open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0640);
}

/* Whether path still names the file behind fd. */
static bool is_current(const char *path, int fd)
{
    struct stat by_path, by_fd;
    return stat(path, &by_path) == 0 && fstat(fd, &by_fd) == 0 && by_path.st_dev == by_fd.st_dev &&
           by_path.st_ino == by_fd.st_ino;
}

/* The name for the lines of `day` that does not exist yet, into name (PATH_MAX). */
static int archive_name(const char *path, time_t day, char *name)
{
    struct tm tm;
    char date[16];
    localtime_r(&day, &tm);
    strftime(date, sizeof(date), "%Y-%m-%d", &tm);
    for (int i = 1; i < 1000; i++) {
        char more[16] = "";
        if (i > 1)
            snprintf(more, sizeof(more), ".%d", i);
        int n = snprintf(name, PATH_MAX, "%s.%s%s", path, date, more);
        if (n < 0 || n >= PATH_MAX)
            return -1;
        if (access(name, F_OK) < 0)
            return 0;
    }
    return -1;
}

/* "BASE.YYYY-MM-DD" or "BASE.YYYY-MM-DD.N": the noon of that day, or -1 for another name. */
static time_t day_of_archive(const char *name, const char *base)
{
    size_t n = strlen(base);
    if (strncmp(name, base, n) != 0 || name[n] != '.')
        return -1;
    struct tm tm = {.tm_hour = 12, .tm_isdst = -1};
    const char *end = strptime(name + n + 1, "%Y-%m-%d", &tm);
    if (!end || end - (name + n + 1) != 10 || (*end != '\0' && *end != '.'))
        return -1;
    return mktime(&tm);
}

static void prune(const struct log_file *f, time_t now)
{
    if (f->keep_days <= 0)
        return;
    const char *slash = strrchr(f->path, '/');
    const char *base = slash ? slash + 1 : f->path;
    char dir[PATH_MAX] = ".";
    if (slash)
        snprintf(dir, sizeof(dir), "%.*s", (int)(slash - f->path + 1), f->path);
    DIR *d = opendir(dir);
    if (!d)
        return;
    time_t oldest = now - ((time_t)f->keep_days + 1) * DAY_S;
    for (struct dirent *e; (e = readdir(d)) != NULL;) {
        time_t day = day_of_archive(e->d_name, base);
        if (day != -1 && day < oldest)
            unlinkat(dirfd(d), e->d_name, 0);
    }
    closedir(d);
}

/* Moves the file away unless another process has done so. */
static int move_away(struct log_file *f)
{
    char archive[PATH_MAX];
    if (flock(f->fd, LOCK_EX) < 0)
        return -1;
    int rc = 0;
    if (is_current(f->path, f->fd))
        rc = archive_name(f->path, f->day, archive) < 0 ? -1 : rename(f->path, archive);
    flock(f->fd, LOCK_UN);
    return rc;
}

static void rotate(struct log_file *f, time_t now)
{
    must(f->fd >= 0 && now >= f->next);
    int fd = move_away(f) < 0 ? -1 : open_file(f->path);
    if (fd < 0) {
        f->next = now + RETRY_S;
        return;
    }
    close(f->fd);
    f->fd = fd;
    f->day = now;
    f->next = midnight_after(now);
    prune(f, now);
}

/* Copies path and makes its directories. */
static int set_path(struct log_file *f, const char *path, struct err *err)
{
    int n = snprintf(f->path, sizeof(f->path), "%s", path);
    if (n < 0 || (size_t)n >= sizeof(f->path))
        return err_set(err, ERR_INVALID, "cannot open the log: the path is too long");
    char *slash = strrchr(f->path, '/');
    if (!slash || slash == f->path)
        return 0;
    *slash = '\0';
    int rc = fs_mkdirs(f->path, 0750, err);
    *slash = '/';
    return rc;
}

/* When the lines that are in the file already were written. */
static time_t day_of_content(int fd, time_t now)
{
    struct stat st;
    return fstat(fd, &st) == 0 && st.st_size > 0 && st.st_mtime < now ? st.st_mtime : now;
}

struct log_file *log_file_open(const char *path, int keep_days, struct err *err)
{
    must(keep_days >= 0);
    struct log_file *f = calloc(1, sizeof(*f));
    must(f != NULL);
    f->magic = LOG_FILE_MAGIC;
    f->keep_days = keep_days;
    f->fd = -1;
    if (set_path(f, path, err) < 0)
        goto fail;
    f->fd = open_file(f->path);
    if (f->fd < 0) {
        err_sys(err, ERR_IO, "cannot open the log %s", path);
        goto fail;
    }
    time_t now = time(NULL);
    f->day = day_of_content(f->fd, now);
    f->next = midnight_after(f->day);
    if (now >= f->next)
        rotate(f, now);
    return f;
fail:
    log_file_close(f);
    return NULL;
}

void log_file_close(struct log_file *f)
{
    if (!f)
        return;
    check_magic(f, LOG_FILE_MAGIC);
    f->magic = 0;
    fd_closep(&f->fd);
    free(f);
}

int log_file_write(struct log_file *f, const char *line, size_t n, int64_t now_ms)
{
    check_magic(f, LOG_FILE_MAGIC);
    time_t now = (time_t)(now_ms / 1000);
    if (now >= f->next)
        rotate(f, now);
    ssize_t done;
    do
        done = write(f->fd, line, n);
    while (done < 0 && errno == EINTR);
    return done == (ssize_t)n ? 0 : -1;
}
