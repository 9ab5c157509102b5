/* Reading the pipes of one unit: a bounded piece at a time, formatted into the output process's one chunk and handed to
 * the unit's writer. A pipe that was found full is made larger, so that a busy unit is read in large pieces.
 * Output process, main thread. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "output/output_priv.h"

#define PART_MS     1000 /* a line that pauses for so long is shown as far as it goes */
#define LARGE_PIPE  (1 << 20)
#define FULL_PIPE   ((ssize_t)60 << 10)
#define DRAIN_READS (2 * LARGE_PIPE / READ_SIZE)

/* --- opening --- */

int output__pipe_open(struct output *o, struct pipe *p, struct err *err)
{
    check_magic(p, PIPE_MAGIC);
    must(p->fd < 0 && !p->watched);
    p->fd = output__pipe_read_end(o->run_dir, p->unit->id, p->stream, err);
    p->large = p->tight = false;
    return p->fd < 0 ? -1 : 0;
}

static void unwatch(struct output *o, struct pipe *p)
{
    if (p->watched)
        output__watch_del(o->watch, p->fd);
    p->watched = false;
}

static void watch(struct output *o, struct pipe *p)
{
    if (p->watched || p->fd < 0)
        return;
    p->watched = output__watch_add(o->watch, p->fd, p) == 0;
    if (!p->watched)
        log_error("cannot watch a unit's pipe; the unit will wait when it is full",
                  F_STR("unit", p->unit->id), F_INT("stream", p->stream));
}

static void shut(struct output *o, struct pipe *p)
{
    unwatch(o, p);
    if (p->fd >= 0)
        close(p->fd);
    p->fd = -1;
}

void output__pipe_close(struct output *o, struct pipe *p)
{
    check_magic(p, PIPE_MAGIC);
    output__pipe_flush(o, p, true);
    must(p->part_ms == 0);
    shut(o, p);
    output__lines_done(&p->lines);
}

void output__pipes_pause(struct output *o, struct unit *u)
{
    bool blocked = output__writer_blocked(&u->writer);
    for (size_t i = 0; i < array_len(u->pipes); i++)
        if (blocked)
            unwatch(o, &u->pipes[i]);
        else
            watch(o, &u->pipes[i]);
}

/* --- lines --- */

static void write_chunk(struct output *o, struct pipe *p)
{
    struct writer *w = &p->unit->writer;
    w->stats.lines += o->chunk.lines;
    output__writer_put(&o->desk, w, o->chunk.data, o->chunk.n);
    o->chunk.n = 0;
    o->chunk.lines = 0;
}

/* The list is ordered: all wait equally long, from the first byte of their line on. */
static void note_held(struct output *o, struct pipe *p, bool same_line)
{
    bool holds = p->lines.n_held > 0;
    if (holds && same_line && p->part_ms != 0)
        return;
    if (p->part_ms != 0)
        TAILQ_REMOVE(&o->holding, p, holding);
    p->part_ms = 0;
    if (!holds)
        return;
    p->part_ms = o->desk.os.mono_ms(o->desk.os.arg) + PART_MS;
    TAILQ_INSERT_TAIL(&o->holding, p, holding);
}

void output__pipe_flush(struct output *o, struct pipe *p, bool whole)
{
    char prefix[PREFIX_SIZE + 1];
    check_magic(p, PIPE_MAGIC);
    output__prefix(prefix, o->desk.os.wall_ns(o->desk.os.arg), p->stream);
    output__lines_flush(&p->lines, prefix, whole, &o->chunk);
    write_chunk(o, p);
    note_held(o, p, false);
}

static void pass_on(struct output *o, struct pipe *p, size_t n)
{
    char prefix[PREFIX_SIZE + 1];
    uint64_t lines = p->unit->writer.stats.lines;
    output__prefix(prefix, o->desk.os.wall_ns(o->desk.os.arg), p->stream);
    for (size_t at = 0; at < n;) {
        at += output__lines_take(&p->lines, prefix, o->in + at, n - at, &o->chunk);
        write_chunk(o, p);
    }
    p->unit->writer.stats.bytes += n;
    note_held(o, p, lines == p->unit->writer.stats.lines);
}

/* --- reading --- */

static void enlarge(struct pipe *p)
{
    p->large = true;
    p->tight = true; /* the user may have too many large ones */
#ifdef F_SETPIPE_SZ
    p->tight = fcntl(p->fd, F_SETPIPE_SZ, LARGE_PIPE) < 0;
#endif
}

/* Nobody has it open for writing: what its program did not finish will not be finished. A descriptor that has seen the
 * end would be readable for ever; a new one is quiet until there is a writer again. */
static void at_end(struct output *o, struct pipe *p)
{
    struct err err = {0};
    output__pipe_flush(o, p, true);
    int old = p->fd;
    unwatch(o, p);
    p->fd = -1;
    if (p->unit->leaving) {
        close(old);
        return;
    }
    if (output__pipe_open(o, p, &err) < 0)
        log_error("cannot open a unit's pipe; what it prints is not read", F_ERR(&err));
    close(old); /* after the opening: what a new writer has written already stays */
    output__pipes_pause(o, p->unit);
}

ssize_t output__pipe_take(struct output *o, struct pipe *p)
{
    check_magic(p, PIPE_MAGIC);
    if (p->fd < 0 || output__writer_blocked(&p->unit->writer))
        return 0;
    ssize_t n = read(p->fd, o->in, READ_SIZE);
    if (n == 0)
        at_end(o, p);
    if (n <= 0)
        return n == 0 ? -1 : 0;
    if (n >= FULL_PIPE && !p->large)
        enlarge(p);
    pass_on(o, p, (size_t)n);
    output__pipes_pause(o, p->unit);
    return n;
}

void output__pipe_drain(struct output *o, struct pipe *p)
{
    for (size_t i = 0; i < DRAIN_READS && output__pipe_take(o, p) > 0; i++)
        ;
}
