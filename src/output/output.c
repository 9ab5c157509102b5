/* The output process's units and its turns. Everything here runs in that process's one thread. A turn serves each pipe that
 * has bytes once, then what is due by the clock: lines that paused, the full disk, midnight. */
#include "output/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "output/output_priv.h"

#define OUTPUT_MAGIC 0x4f555450u
#define RUSH_NS      (200 * INT64_C(1000)) /* turns that follow so closely … */
#define NAP_NS       (500 * INT64_C(1000)) /* … are made fewer by waiting so long */
#define LITTLE       ((size_t)32 << 10)    /* a read of less */
#define NO_NAP_TURNS 64
#define DAY_NS       (INT64_C(86400) * NS_PER_S)

/* --- the real clock and disk --- */

static int64_t wall_ns(void *arg)
{
    struct timespec t;
    (void)arg;
    clock_gettime(CLOCK_REALTIME, &t);
    return (int64_t)t.tv_sec * NS_PER_S + t.tv_nsec;
}

static int64_t mono_ms(void *arg)
{
    (void)arg;
    return clock_mono_ns() / NS_PER_MS;
}

static ssize_t real_write(void *arg, int fd, const void *p, size_t n)
{
    (void)arg;
    return write(fd, p, n);
}

static const struct output_os real_os = {wall_ns, mono_ms, real_write, NULL};

static int64_t now_wall(const struct output *o)
{
    return o->desk.os.wall_ns(o->desk.os.arg);
}

static int64_t now_ms(const struct output *o)
{
    return o->desk.os.mono_ms(o->desk.os.arg);
}

/* --- life --- */

static int make_pipe_dir(const struct output *o, struct err *err)
{
    char *dir = path_join(o->run_dir, "out");
    int rc = fs_mkdirs(dir, 0750, err);
    free(dir);
    return rc;
}

struct output *output_new(const struct output_config *c, struct err *err)
{
    struct output *o = calloc(1, sizeof(*o));
    must(o && c->run_dir && c->log_dir);
    o->magic = OUTPUT_MAGIC;
    o->run_dir = strdup(c->run_dir);
    o->log_dir = strdup(c->log_dir);
    o->desk.os = c->os ? *c->os : real_os;
    o->desk.day = output__day(now_wall(o));
    LIST_INIT(&o->desk.full);
    TAILQ_INIT(&o->holding);
    o->units = map_str_new();
    o->in = malloc(READ_SIZE);
    o->chunk.data = malloc(CHUNK_SIZE);
    must(o->run_dir && o->log_dir && o->in && o->chunk.data);
    if (make_pipe_dir(o, err) < 0 || !(o->watch = output__watch_new(err)) ||
        !(o->desk.compressor = output__compressor_new(c->compress_after_ms, err)))
        output_free(&o);
    return o;
}

static void add_stats(struct output_stats *sum, const struct output_stats *s)
{
    sum->bytes += s->bytes;
    sum->lines += s->lines;
    sum->dropped_bytes += s->dropped_bytes;
    sum->rotations += s->rotations;
    sum->write_errors += s->write_errors;
}

static void unit_free(struct output *o, struct unit *u)
{
    for (size_t i = 0; i < array_len(u->pipes); i++) {
        output__pipe_close(o, &u->pipes[i]);
        u->pipes[i].magic = 0;
    }
    if (u->writer.retry_ms != 0) /* a last try; what is still waiting is lost with the process */
        output__writer_retry(&o->desk, &u->writer);
    add_stats(&o->gone, &u->writer.stats);
    output__writer_done(&u->writer);
    free(u->id);
    free(u);
}

static struct unit *next_unit(const struct output *o, size_t *it)
{
    const char *key;
    size_t n;
    void *value;
    return map_str_next(o->units, it, &key, &n, &value) ? value : NULL;
}

static void drain_unit(struct output *o, struct unit *u)
{
    for (size_t i = 0; i < array_len(u->pipes); i++) {
        output__pipe_drain(o, &u->pipes[i]);
        output__pipe_flush(o, &u->pipes[i], false); /* its program may live on */
        u->pipes[i].lines.continued = false;
    }
}

void output_free(struct output **op)
{
    struct output *o = *op;
    if (!o)
        return;
    check_magic(o, OUTPUT_MAGIC);
    size_t it = 0;
    for (struct unit *u; (u = next_unit(o, &it)) != NULL;) {
        drain_unit(o, u);
        map_str_del(o->units, u->id, strlen(u->id));
        unit_free(o, u);
    }
    must(TAILQ_EMPTY(&o->holding) && LIST_EMPTY(&o->desk.full));
    output__compressor_free(&o->desk.compressor);
    output__watch_free(&o->watch);
    map_str_free(o->units);
    free(o->in);
    free(o->chunk.data);
    free(o->run_dir);
    free(o->log_dir);
    o->magic = 0;
    free(o);
    *op = NULL;
}

/* --- units --- */

static void open_pipes(struct output *o, struct unit *u)
{
    struct err err = {0};
    for (size_t i = 0; i < array_len(u->pipes); i++)
        if (u->pipes[i].fd < 0 && output__pipe_open(o, &u->pipes[i], &err) < 0)
            log_error("cannot open a unit's pipe; what it prints is not read", F_ERR(&err));
    output__pipes_pause(o, u);
}

static struct unit *unit_new(struct output *o, const char *id)
{
    struct unit *u = calloc(1, sizeof(*u));
    must(u && (u->id = strdup(id)) != NULL);
    output__writer_init(&u->writer, o->log_dir, u->id);
    for (size_t i = 0; i < array_len(u->pipes); i++)
        u->pipes[i] = (struct pipe){.magic = PIPE_MAGIC, .unit = u, .stream = (int)i + 1, .fd = -1};
    map_str_put(o->units, id, strlen(id), u);
    return u;
}

static void set_unit(struct output *o, const struct output_spec *spec)
{
    must(output_unit_valid(spec->unit));
    struct unit *u = map_str_get(o->units, spec->unit, strlen(spec->unit));
    if (!u)
        u = unit_new(o, spec->unit);
    u->leaving = false;
    output__writer_set(&o->desk, &u->writer, spec);
    for (size_t i = 0; i < array_len(u->pipes); i++)
        u->pipes[i].lines.raw = spec->raw;
    open_pipes(o, u);
}

/* Units that left and whose pipes have ended. Not within a batch of ready pipes, which names them. */
static void sweep(struct output *o)
{
    size_t it = 0;
    for (struct unit *u; o->leaving > 0 && (u = next_unit(o, &it)) != NULL;) {
        if (!u->leaving || u->pipes[0].fd >= 0 || u->pipes[1].fd >= 0)
            continue;
        o->leaving--;
        map_str_del(o->units, u->id, strlen(u->id));
        unit_free(o, u);
    }
}

/* A pipe that has no writer is at its end now; one that has ends later. */
static void leave(struct output *o, struct unit *u)
{
    for (size_t i = 0; i < array_len(u->pipes); i++)
        output__pipe_drain(o, &u->pipes[i]);
}

void output_set(struct output *o, const struct output_spec *specs, size_t n)
{
    size_t it = 0;
    check_magic(o, OUTPUT_MAGIC);
    for (struct unit *u; (u = next_unit(o, &it)) != NULL;)
        u->leaving = true;
    for (size_t i = 0; i < n; i++)
        set_unit(o, &specs[i]);
    o->leaving = 0;
    it = 0;
    for (struct unit *u; (u = next_unit(o, &it)) != NULL;)
        if (u->leaving) {
            o->leaving++;
            leave(o, u);
        }
    sweep(o);
}

/* --- turns --- */

int output_fd(const struct output *o)
{
    return output__watch_fd(o->watch);
}

static int64_t sooner(int64_t a, int64_t b)
{
    return a < 0 || b < a ? b : a;
}

int output_timeout(const struct output *o)
{
    int64_t now = now_ms(o), left = output__watch_timeout(o->watch);
    const struct pipe *held = TAILQ_FIRST(&o->holding);
    const struct writer *w;
    check_magic(o, OUTPUT_MAGIC);
    if (map_str_count(o->units) > 0)
        left = sooner(left, (o->desk.day.end_ns - now_wall(o)) / NS_PER_MS + 1);
    if (held)
        left = sooner(left, held->part_ms - now);
    LIST_FOREACH(w, &o->desk.full, full)
    left = sooner(left, w->retry_ms - now);
    if (left < -1)
        left = 0;
    return left > INT32_MAX ? INT32_MAX : (int)left;
}

/* Turned again at once, for a few bytes: a program that writes in small pieces costs a wake-up for each. Waiting a moment
 * lets them gather in the pipe; unless pipes run full meanwhile. */
static void gather(struct output *o)
{
    int64_t now = clock_mono_ns();
    if (o->no_nap > 0)
        o->no_nap--;
    else if (o->little && now - o->last_turn_ns < RUSH_NS)
        nanosleep(&(struct timespec){.tv_nsec = NAP_NS}, NULL);
}

static void serve(struct output *o)
{
    void *ready[BATCH];
    size_t n = output__watch_ready(o->watch, ready, BATCH);
    o->little = n > 0;
    for (size_t i = 0; i < n; i++) {
        struct pipe *p = ready[i];
        ssize_t took = output__pipe_take(o, p);
        o->little &= took < (ssize_t)LITTLE;
        if (p->tight && took >= (ssize_t)LITTLE)
            o->no_nap = NO_NAP_TURNS;
    }
}

/* A last look first: perhaps the line has just ended, or nobody is there any more who could end it. (A pipe that had no
 * writer when it was opened does not stir at its end.) */
static void flush_paused(struct output *o)
{
    int64_t now = now_ms(o);
    for (struct pipe *p; (p = TAILQ_FIRST(&o->holding)) != NULL && p->part_ms <= now;) {
        output__pipe_take(o, p);
        if (p->part_ms != 0 && p->part_ms <= now)
            output__pipe_flush(o, p, false);
    }
}

static void retry_full(struct output *o)
{
    int64_t now = now_ms(o);
    struct writer *w = LIST_FIRST(&o->desk.full);
    for (struct writer *next; w; w = next) {
        next = LIST_NEXT(w, full);
        if (w->retry_ms > now)
            continue;
        output__writer_retry(&o->desk, w);
        output__pipes_pause(o, container_of(w, struct unit, writer));
    }
}

static void look_at_day(struct output *o)
{
    int64_t now = now_wall(o);
    bool over = now >= o->desk.day.end_ns;
    size_t it = 0;
    if (!over && now > o->desk.day.begin_ns - DAY_NS)
        return;
    o->desk.day = output__day(now); /* or the clock was set far back */
    for (struct unit *u; over && (u = next_unit(o, &it)) != NULL;)
        output__writer_midnight(&o->desk, &u->writer);
}

void output_turn(struct output *o)
{
    check_magic(o, OUTPUT_MAGIC);
    gather(o);
    look_at_day(o); /* before the new day's first lines */
    serve(o);
    flush_paused(o);
    retry_full(o);
    sweep(o);
    o->last_turn_ns = clock_mono_ns();
}

/* --- statistics --- */

static void add_unit(struct output_stats *sum, const struct unit *u)
{
    add_stats(sum, &u->writer.stats);
    sum->open_files +=
        (size_t)((u->pipes[0].fd >= 0) + (u->pipes[1].fd >= 0) + (u->writer.fd >= 0));
}

void output_stats(const struct output *o, const char *unit, struct output_stats *out)
{
    size_t it = 0;
    check_magic(o, OUTPUT_MAGIC);
    *out = unit ? (struct output_stats){0} : o->gone;
    const struct unit *u = unit ? map_str_get(o->units, unit, strlen(unit)) : NULL;
    if (u)
        add_unit(out, u);
    if (unit)
        return;
    while ((u = next_unit(o, &it)) != NULL)
        add_unit(out, u);
    out->waiting_to_compress = output__compressor_waiting(o->desk.compressor);
}
