/* The file of one unit: opened at its first byte, appended to in large pieces, rotated between lines. A disk that is full,
 * or fails, never stops the process: what comes is dropped and counted, or waits while the pipe fills up, as configured.
 * Output process, main thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "output/output_priv.h"

#define FILE_MODE   0640
#define DIR_MODE    0750
#define RETRY_MS    1000
#define WAITING_MAX ((size_t)64 << 20) /* one read is far less, even of empty lines */

/* --- life --- */

void output__writer_init(struct writer *w, const char *log_dir, const char *unit)
{
    *w = (struct writer){.unit = unit, .fd = -1, .waiting = BUF_INIT(WAITING_MAX)};
    w->dir = output_dir(log_dir, unit);
    w->path = path_join(w->dir, FILE_NAME);
}

/* What a predecessor left behind: its last rotation's name, files not compressed yet. */
static void look_around(struct desk *d, struct writer *w)
{
    rotated_list l = {0};
    size_t plain = 0;
    output__rotated_list(w->dir, &l, &plain);
    for (size_t i = 0; i < l.n; i++)
        plain += l.at[i].plain;
    if (l.n > 0)
        w->last = l.at[l.n - 1];
    if (plain > 0 && w->compress)
        output__compressor_add(d->compressor, w->dir, plain);
    vec_done(&l);
}

void output__writer_set(struct desk *d, struct writer *w, const struct output_spec *spec)
{
    bool first = w->last.stamp == 0;
    must(spec->max_size >= 0 && spec->keep >= 0 && spec->keep_days >= 0);
    w->raw = spec->raw;
    w->compress = spec->compress;
    w->block = spec->block_when_full;
    w->max_size = spec->max_size;
    w->keep = spec->keep;
    w->keep_days = spec->keep_days;
    if (first)
        look_around(d, w);
    output__prune(d, w, d->os.wall_ns(d->os.arg));
}

void output__writer_close(struct writer *w)
{
    if (w->fd >= 0)
        close(w->fd);
    w->fd = -1;
    w->size = 0;
}

void output__writer_done(struct writer *w)
{
    if (w->retry_ms != 0)
        LIST_REMOVE(w, full);
    output__writer_close(w);
    buf_done(&w->waiting);
    free(w->dir);
    free(w->path);
    w->dir = w->path = NULL;
}

/* --- the file --- */

/* Of the file as it is found: how long it is, whether its last line was torn, whether it is yesterday's. */
static int take_up(struct desk *d, struct writer *w)
{
    struct stat st;
    char last;
    if (fstat(w->fd, &st) < 0)
        return -1;
    w->size = st.st_size;
    if (st.st_size == 0)
        return fchmod(w->fd, FILE_MODE); /* whatever the umask is */
    if (pread(w->fd, &last, 1, st.st_size - 1) == 1 && last != '\n') {
        if (d->os.write(d->os.arg, w->fd, "\n", 1) != 1)
            return -1;
        w->size++;
    }
    if (st.st_mtim.tv_sec < d->day.begin_ns / NS_PER_S)
        output__rotate(d, w, d->os.wall_ns(d->os.arg));
    return 0;
}

static int open_file(struct writer *w)
{
    w->fd = open(w->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    if (w->fd >= 0 || errno != ENOENT)
        return w->fd < 0 ? -1 : 0;
    struct err err = {0};
    if (fs_mkdirs(w->dir, DIR_MODE, &err) < 0) {
        errno = err.sys_errno ? err.sys_errno : EIO;
        return -1;
    }
    w->fd = open(w->path, O_RDWR | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
    return w->fd < 0 ? -1 : 0;
}

/* Somebody removed or cut the file: noticed once a second, when there is something to write. */
static void look_at_file(struct desk *d, struct writer *w)
{
    struct stat st;
    int64_t s = d->os.mono_ms(d->os.arg) / 1000;
    if (w->fd < 0 || s == w->looked_s)
        return;
    w->looked_s = s;
    if (fstat(w->fd, &st) < 0 || st.st_nlink == 0)
        output__writer_close(w);
    else
        w->size = st.st_size;
}

static int ready_file(struct desk *d, struct writer *w)
{
    look_at_file(d, w);
    for (int tries = 0; w->fd < 0 && tries < 2; tries++) /* taking it up may rotate it */
        if (open_file(w) < 0 || take_up(d, w) < 0) {
            int why = errno;
            output__writer_close(w);
            errno = why;
            return -1;
        }
    if (w->fd < 0)
        errno = EIO;
    return w->fd < 0 ? -1 : 0;
}

/* --- the full disk --- */

bool output__writer_blocked(const struct writer *w)
{
    return w->block && w->waiting.len > 0;
}

static void become_full(struct desk *d, struct writer *w, int why)
{
    int64_t now = d->os.mono_ms(d->os.arg);
    w->stats.write_errors++;
    if (w->retry_ms == 0) {
        LIST_INSERT_HEAD(&d->full, w, full);
        log_warn(w->block ? "cannot write a unit's output; the unit waits until that works"
                          : "cannot write a unit's output; it is dropped until that works",
                 F_STR("unit", w->unit), F_STR("error", strerror(why)));
    }
    w->full_errno = why;
    w->retry_ms = now + RETRY_MS;
    must(w->retry_ms != 0);
}

static void become_free(struct writer *w, uint64_t lost)
{
    must(w->retry_ms != 0);
    LIST_REMOVE(w, full);
    w->retry_ms = 0;
    log_info("a unit's output can be written again", F_STR("unit", w->unit),
             F_INT("lost_bytes", lost));
}

static void drop(struct writer *w, const char *p, size_t n)
{
    uint64_t bytes = output__lines_payload(w->raw, p, n);
    w->lost += bytes;
    w->stats.dropped_bytes += bytes;
}

/* Bytes of p…done that are whole lines: what is behind them is taken out of the file again. */
static size_t cut_torn(struct writer *w, const char *p, size_t done)
{
    const char *end = done > 0 ? memrchr(p, '\n', done) : NULL;
    size_t whole = end ? (size_t)(end - p) + 1 : 0;
    if (whole < done && ftruncate(w->fd, w->size - (off_t)(done - whole)) == 0)
        w->size -= (off_t)(done - whole);
    else if (whole < done)
        output__writer_close(w); /* opened again, the torn line is ended */
    return whole;
}

/* --- writing --- */

/* Bytes written; fewer than n: errno says why. */
static size_t write_some(struct desk *d, struct writer *w, const char *p, size_t n)
{
    size_t done = 0;
    while (done < n) {
        ssize_t rc = d->os.write(d->os.arg, w->fd, p + done, n - done);
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc <= 0) {
            errno = rc == 0 ? ENOSPC : errno;
            break;
        }
        done += (size_t)rc;
    }
    w->size += (off_t)done;
    return done;
}

/* How much of p…n goes into the present file: whole lines; 0: it is to be rotated first. */
static size_t fitting(const struct writer *w, const char *p, size_t n)
{
    if (w->max_size == 0 || w->size + (int64_t)n <= w->max_size)
        return n;
    size_t room = w->size < w->max_size ? (size_t)(w->max_size - w->size) : 0;
    const char *end = room > 0 ? memrchr(p, '\n', room) : NULL;
    if (end)
        return (size_t)(end - p) + 1;
    if (w->size > 0)
        return 0;
    end = memchr(p, '\n', n); /* a line larger than a file */
    return end ? (size_t)(end - p) + 1 : n;
}

static bool may_rotate(struct desk *d, const struct writer *w)
{
    return w->no_rotate_ms == 0 || d->os.mono_ms(d->os.arg) >= w->no_rotate_ms;
}

/* Bytes taken; fewer than n: errno. */
static size_t put_lines(struct desk *d, struct writer *w, const char *p, size_t n)
{
    size_t at = 0;
    while (at < n) {
        if (ready_file(d, w) < 0)
            return at;
        size_t part = fitting(w, p + at, n - at);
        if (part == 0 && may_rotate(d, w)) {
            output__rotate(d, w, d->os.wall_ns(d->os.arg));
            continue;
        }
        if (part == 0)
            part = n - at;
        size_t done = write_some(d, w, p + at, part);
        at += done;
        if (done < part)
            return at;
    }
    return at;
}

static void keep_waiting(struct writer *w, const char *p, size_t n)
{
    buf_add(&w->waiting, p, n);
    must(!w->waiting.failed); /* its pipes are not read meanwhile */
}

static void put_or_fail(struct desk *d, struct writer *w, const char *p, size_t n)
{
    size_t done = put_lines(d, w, p, n);
    if (done == n)
        return;
    int why = errno;
    become_full(d, w, why);
    if (w->block) {
        keep_waiting(w, p + done, n - done);
        return;
    }
    size_t whole = w->fd >= 0 ? cut_torn(w, p, done) : done;
    drop(w, p + whole, n - whole);
}

/* One line that says what is missing here. */
static bool tell_lost(struct desk *d, struct writer *w)
{
    char prefix[PREFIX_SIZE + 1], line[400];
    if (w->lost == 0)
        return true;
    output__prefix(prefix, d->os.wall_ns(d->os.arg), 2);
    int n = snprintf(line, sizeof(line),
                     "%sbelfry: %llu bytes of this program's output were lost here: %s\n",
                     w->raw ? "" : prefix, (unsigned long long)w->lost, strerror(w->full_errno));
    must(n > 0 && (size_t)n < sizeof(line));
    size_t done = put_lines(d, w, line, (size_t)n);
    if (done < (size_t)n) {
        int why = errno;
        if (w->fd >= 0)
            cut_torn(w, line, done);
        become_full(d, w, why);
        return false;
    }
    w->lost = 0;
    return true;
}

static void retry_waiting(struct desk *d, struct writer *w)
{
    size_t done = put_lines(d, w, w->waiting.data, w->waiting.len);
    if (done < w->waiting.len) {
        int why = errno;
        buf_drop_front(&w->waiting, done);
        become_full(d, w, why);
        return;
    }
    buf_done(&w->waiting);
    buf_init(&w->waiting, WAITING_MAX);
}

void output__writer_retry(struct desk *d, struct writer *w)
{
    uint64_t lost = w->lost;
    must(w->retry_ms != 0);
    if (w->waiting.len > 0)
        retry_waiting(d, w);
    if (w->waiting.len > 0 || !tell_lost(d, w))
        return;
    become_free(w, lost);
}

void output__writer_put(struct desk *d, struct writer *w, const char *p, size_t n)
{
    if (n == 0)
        return;
    if (w->retry_ms != 0 && d->os.mono_ms(d->os.arg) >= w->retry_ms)
        output__writer_retry(d, w);
    if (w->retry_ms == 0)
        put_or_fail(d, w, p, n);
    else if (w->block)
        keep_waiting(w, p, n);
    else
        drop(w, p, n);
}

void output__writer_midnight(struct desk *d, struct writer *w)
{
    int64_t now = d->os.wall_ns(d->os.arg);
    struct stat st;
    if (stat(w->path, &st) == 0 && st.st_size > 0 && w->retry_ms == 0)
        output__rotate(d, w, now);
    output__prune(d, w, now);
}
