/* One file of a unit, read forwards line by line, plain or compressed. Only whole lines are seen: the writer may be in the
 * middle of one. Core process, any thread; belongs to one call of output_read. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/fs.h"
#include "base/must.h"
#include "output/read_priv.h"

#define STEP     ((size_t)64 << 10)
#define TEXT_MAX ((size_t)1 << 20) /* a raw line may be long; longer ones come in pieces */
#define ID_SIZE  256

/* --- the file --- */

static int open_name(const char *dir, const char *name)
{
    char *path = path_join(dir, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    free(path);
    return fd;
}

bool output__part_open(const char *dir, struct part *part)
{
    char name[ROTATED_NAME_SIZE];
    if (part->fd >= 0)
        return true;
    must(!part->current);
    output__rotated_name(name, &part->name, false);
    part->packed = false;
    part->fd = open_name(dir, name);
    if (part->fd >= 0)
        return true;
    output__rotated_name(name, &part->name, true); /* perhaps since the folder was read */
    part->packed = true;
    part->fd = open_name(dir, name);
    return part->fd >= 0;
}

uint64_t output__part_end(const struct part *part)
{
    char bytes[4096];
    struct stat st;
    must(!part->packed);
    if (fstat(part->fd, &st) < 0)
        return 0;
    uint64_t end = (uint64_t)st.st_size;
    if (!part->current)
        return end; /* nobody writes to it any more */
    while (end > 0) {
        size_t n = end < sizeof(bytes) ? (size_t)end : sizeof(bytes);
        if (pread(part->fd, bytes, n, (off_t)(end - n)) != (ssize_t)n)
            return 0;
        const char *last = memrchr(bytes, '\n', n);
        if (last)
            return end - n + (size_t)(last - bytes) + 1;
        end -= n;
    }
    return 0;
}

uint64_t output__part_id(const struct part *part)
{
    struct source s;
    const char *p;
    size_t n;
    uint64_t id = 0;
    if (output__source_open(&s, part, 0) && output__source_line(&s, &p, &n)) {
        id = hash_bytes(p, n < ID_SIZE ? n : ID_SIZE, 0);
        id += id == 0;
    }
    output__source_close(&s);
    return id;
}

/* --- its bytes --- */

static ssize_t read_at(struct source *s, char *to, size_t n)
{
    ssize_t got;
    do
        got = pread(s->part->fd, to, n, (off_t)s->file_at);
    while (got < 0 && errno == EINTR);
    if (got > 0)
        s->file_at += (uint64_t)got;
    s->failed |= got < 0;
    return got;
}

/* Up to STEP further bytes of text; false: there are no more. */
static bool more_plain(struct source *s)
{
    if (!buf_reserve(&s->text, STEP))
        return false;
    ssize_t n = read_at(s, s->text.data + s->text.len, STEP);
    if (n <= 0)
        return false;
    s->text.len += (size_t)n;
    return true;
}

static bool refill_raw(struct source *s)
{
    if (s->raw_at < s->raw_n)
        return true;
    ssize_t n = read_at(s, s->raw, s->raw_size);
    s->raw_at = 0;
    s->raw_n = n > 0 ? (size_t)n : 0;
    return n > 0;
}

static bool more_packed(struct source *s)
{
    size_t before = s->text.len;
    if (!buf_reserve(&s->text, STEP))
        return false;
    while (s->text.len == before && refill_raw(s)) {
        ZSTD_inBuffer in = {s->raw, s->raw_n, s->raw_at};
        ZSTD_outBuffer out = {s->text.data + s->text.len, STEP, 0};
        size_t rc = ZSTD_decompressStream(s->zstd, &out, &in);
        s->raw_at = in.pos;
        s->text.len += out.pos;
        if (ZSTD_isError(rc)) {
            s->failed = true; /* damaged: what was readable is shown */
            return false;
        }
    }
    return s->text.len > before;
}

static bool more(struct source *s)
{
    if (s->ended)
        return false;
    if (s->text_at > 0) {
        buf_drop_front(&s->text, s->text_at);
        s->text_at = 0;
    }
    s->ended = !(s->part->packed ? more_packed(s) : more_plain(s));
    return !s->ended;
}

/* --- its lines --- */

static bool skip_to(struct source *s, uint64_t offset)
{
    if (!s->part->packed) {
        s->at = s->file_at = offset;
        return true;
    }
    while (s->at < offset) {
        size_t have = s->text.len - s->text_at;
        must(s->text.data || have == 0);
        size_t step = offset - s->at < have ? (size_t)(offset - s->at) : have;
        s->text_at += step;
        s->at += step;
        if (s->at < offset && !more(s))
            return false;
    }
    return true;
}

bool output__source_open(struct source *s, const struct part *part, uint64_t offset)
{
    *s = (struct source){.part = part, .text = BUF_INIT(TEXT_MAX + STEP + 1)};
    must(part->fd >= 0);
    if (part->packed) {
        s->zstd = ZSTD_createDCtx();
        s->raw_size = ZSTD_DStreamInSize();
        s->raw = malloc(s->raw_size);
        must(s->zstd && s->raw);
    }
    return skip_to(s, offset);
}

void output__source_close(struct source *s)
{
    ZSTD_freeDCtx(s->zstd);
    free(s->raw);
    buf_done(&s->text);
}

static bool give(struct source *s, size_t n, size_t newline, const char **p, size_t *out_n)
{
    *p = s->text.data + s->text_at;
    *out_n = n;
    s->text_at += n + newline;
    s->at += n + newline;
    return true;
}

bool output__source_line(struct source *s, const char **p, size_t *n)
{
    size_t seen = 0; /* bytes in which there is no newline */
    for (;;) {
        size_t have = s->text.len - s->text_at;
        const char *from = s->text.data ? s->text.data + s->text_at : NULL;
        const char *end = from && have > seen ? memchr(from + seen, '\n', have - seen) : NULL;
        if (end)
            return give(s, (size_t)(end - from), 1, p, n);
        if (have >= TEXT_MAX)
            return give(s, have, 0, p, n);
        seen = have;
        if (more(s))
            continue;
        /* A rotated file's last line has ended, with or without a newline. */
        return have > 0 && !s->part->current && give(s, have, 0, p, n);
    }
}
