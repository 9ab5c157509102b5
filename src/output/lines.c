/* Bytes of a pipe to bytes of a file: finds the lines, puts the CRI prefix before each (or none: raw), holds a line's
 * beginning until its end comes. Pure: no clock, no descriptor. Called by pipes.c for each read, at hundreds of megabytes
 * a second, so a line costs one memchr and two copies. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "output/output_priv.h"

#define HELD_MIN ((size_t)256)

void output__prefix(char prefix[PREFIX_SIZE + 1], int64_t wall_ns, int stream)
{
    char text[64];
    time_t s = (time_t)(wall_ns / NS_PER_S);
    struct tm tm;
    must(gmtime_r(&s, &tm) && tm.tm_year > -1900 && tm.tm_year < 8100);
    size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    must(n == 19 && wall_ns >= 0);
    int done = snprintf(prefix, PREFIX_SIZE + 1, "%s.%09uZ %s F ", text,
                        (unsigned)(wall_ns % NS_PER_S), stream == 1 ? "stdout" : "stderr");
    must(done == (int)PREFIX_SIZE);
}

static size_t room(const struct chunk *c)
{
    return CHUNK_SIZE - c->n;
}

/* One line of the file from two pieces; out has room. */
static inline void put_line(struct lines *l, const char *prefix, struct str a, struct str b,
                            bool whole, struct chunk *out)
{
    char *to = out->data + out->n;
    memcpy(to, prefix, PREFIX_SIZE);
    if (!whole)
        to[PREFIX_FLAG] = 'P';
    to += PREFIX_SIZE;
    if (a.n > 0)
        memcpy(to, a.p, a.n);
    memcpy(to + a.n, b.p, b.n);
    to[a.n + b.n] = '\n';
    out->n += PREFIX_SIZE + a.n + b.n + 1;
    out->lines++;
    l->continued = !whole;
}

static void hold(struct lines *l, const char *p, size_t n)
{
    size_t want = l->n_held + n;
    if (n == 0)
        return;
    if (want > l->held_cap) {
        size_t cap = l->held_cap ? l->held_cap : HELD_MIN;
        while (cap < want)
            cap *= 2;
        l->held = realloc(l->held, cap);
        must(l->held);
        l->held_cap = cap;
    }
    memcpy(l->held + l->n_held, p, n);
    l->n_held = want;
}

/* A unit that is silent costs no buffer. */
static void let_go(struct lines *l)
{
    free(l->held);
    l->held = NULL;
    l->n_held = l->held_cap = 0;
}

static struct str held(const struct lines *l)
{
    return (struct str){l->held, l->n_held};
}

/* The line that an earlier read began. Returns how much of `in` belongs to it. */
static size_t finish_held(struct lines *l, const char *prefix, const char *in, size_t n,
                          struct chunk *out)
{
    size_t more = OUTPUT_LINE_MAX - l->n_held; /* that the line may still have */
    const char *end = memchr(in, '\n', n < more + 1 ? n : more + 1);
    if (end) {
        put_line(l, prefix, held(l), (struct str){in, (size_t)(end - in)}, true, out);
        let_go(l);
        return (size_t)(end - in) + 1;
    }
    if (n > more) {
        put_line(l, prefix, held(l), (struct str){in, more}, false, out);
        let_go(l);
        return more;
    }
    hold(l, in, n);
    return n;
}

static size_t take_cri(struct lines *l, const char *prefix, const char *in, size_t n,
                       struct chunk *out)
{
    size_t at = 0;
    if (l->n_held > 0 && n > 0 && room(out) >= LINE_ROOM)
        at = finish_held(l, prefix, in, n, out);
    while (at < n && room(out) >= LINE_ROOM) {
        const char *p = in + at;
        size_t left = n - at;
        const char *end = memchr(p, '\n', left > OUTPUT_LINE_MAX ? OUTPUT_LINE_MAX + 1 : left);
        if (end) {
            put_line(l, prefix, (struct str){0}, (struct str){p, (size_t)(end - p)}, true, out);
            at += (size_t)(end - p) + 1;
        } else if (left > OUTPUT_LINE_MAX) {
            put_line(l, prefix, (struct str){0}, (struct str){p, OUTPUT_LINE_MAX}, false, out);
            at += OUTPUT_LINE_MAX;
        } else {
            hold(l, p, left);
            at = n;
        }
    }
    return at;
}

static uint64_t count_newlines(const char *p, size_t n)
{
    uint64_t count = 0;
    for (const char *end = p + n; (p = memchr(p, '\n', (size_t)(end - p))) != NULL; p++)
        count++;
    return count;
}

static void put_raw(struct lines *l, const char *in, size_t n, struct chunk *out)
{
    char *to = out->data + out->n;
    if (l->n_held > 0)
        memcpy(to, l->held, l->n_held);
    memcpy(to + l->n_held, in, n);
    out->n += l->n_held + n;
    out->lines += count_newlines(in, n); /* what is held has none */
    l->continued = in[n - 1] != '\n';
    let_go(l);
}

/* Up to the last newline that fits; lines of stdout and stderr are never mixed, unless they are very long. */
static size_t take_raw(struct lines *l, const char *in, size_t n, struct chunk *out)
{
    if (n == 0 || room(out) < LINE_ROOM)
        return 0;
    size_t fits = room(out) - l->n_held;
    if (fits > n)
        fits = n;
    const char *end = memrchr(in, '\n', fits);
    if (!end && l->n_held + fits <= OUTPUT_LINE_MAX) {
        hold(l, in, fits);
        return fits;
    }
    size_t whole = end ? (size_t)(end - in) + 1 : fits;
    put_raw(l, in, whole, out);
    return whole;
}

size_t output__lines_take(struct lines *l, const char *prefix, const char *in, size_t n,
                          struct chunk *out)
{
    must(l->n_held <= OUTPUT_LINE_MAX && out->n <= CHUNK_SIZE);
    if (!l->raw)
        return take_cri(l, prefix, in, n, out);
    size_t at = 0;
    for (size_t took; at < n && (took = take_raw(l, in + at, n - at, out)) > 0;)
        at += took;
    return at;
}

void output__lines_flush(struct lines *l, const char *prefix, bool whole, struct chunk *out)
{
    must(room(out) >= LINE_ROOM);
    bool open = l->n_held > 0 || (whole && l->continued);
    if (!open)
        return;
    if (!l->raw) {
        put_line(l, prefix, held(l), (struct str){"", 0}, whole, out);
    } else {
        if (l->n_held > 0)
            memcpy(out->data + out->n, l->held, l->n_held);
        out->n += l->n_held;
        if (whole)
            out->data[out->n++] = '\n';
        out->lines += whole;
        l->continued = !whole;
    }
    let_go(l);
}

void output__lines_done(struct lines *l)
{
    let_go(l);
}

uint64_t output__lines_payload(bool raw, const char *p, size_t n)
{
    uint64_t bytes = n;
    if (raw)
        return n;
    for (const char *line = p, *end; line < p + n; line = end + 1) {
        size_t left = (size_t)(p + n - line);
        end = memchr(line, '\n', left);
        must(end && (size_t)(end - line) >= PREFIX_SIZE);
        bytes -= PREFIX_SIZE + (line[PREFIX_FLAG] == 'P');
    }
    return bytes;
}
