/* See metrics_writer.h. Messages in a chunk: u8 kind, u64 target, then
 *
 *   'R'  u8 up, u8 degraded, u32 fail count, u32 length, the result's wire form
 *   'T'  u64 now (ms), u32 number of labels, each: text name, text value     text: u32 length with the NUL, bytes, NUL
 *   'F'  u64 now (ms)
 *
 * They never leave the process. */
#include "core/metrics_writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/log.h"
#include "core/metrics_series.h"

#define QUEUE_MAX   (32u << 20)
#define CHUNK_BYTES (256u << 10)
#define ROWS_MAX    8192
#define RETRY_NS    NS_PER_S
#define OPEN_NS     (10 * NS_PER_S)
#define MAGIC       0x3e721c50u

struct chunk {
    struct chunk *next;
    uint64_t number;
    struct buf data;
    struct figures *figures; /* instead of data */
    struct arena *arena;
    int64_t now_ms;
};

/* What the loop is told; outlives the writer while a call of it is under way. */
struct news {
    struct metrics_writer *writer; /* NULL: freed. On the loop only */
    atomic_bool posted;
};

struct metrics_writer {
    uint32_t magic;
    struct metrics_writer_options opt;
    pthread_t thread;
    struct news *news;

    struct buf open; /* the loop's: being filled */
    uint64_t next;   /* number of the next chunk */
    uint64_t dropped;

    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct chunk *first, **last;
    struct err trouble; /* code OK: none */
    bool stop;

    _Atomic(struct tsdb *) db;
    atomic_uint_fast64_t done, queued, samples, lost, refused, no_series;
    struct series_book *book; /* the thread's */
    uint8_t *verdicts;
};

/* --- what the loop hears --- */

static void on_news(void *arg)
{
    struct news *n = arg;
    atomic_store(&n->posted, false);
    if (!n->writer) {
        free(n);
        return;
    }
    n->writer->opt.news(n->writer->opt.arg);
}

static void tell(struct metrics_writer *w)
{
    if (!atomic_exchange(&w->news->posted, true))
        loop_post(w->opt.loop, on_news, w->news);
}

static void set_trouble(struct metrics_writer *w, const struct err *err)
{
    pthread_mutex_lock(&w->lock);
    bool was = w->trouble.code != ERR_OK;
    if (err)
        w->trouble = *err;
    else
        err_clear(&w->trouble);
    pthread_mutex_unlock(&w->lock);
    if (was == (err != NULL))
        return;
    if (err)
        log_error("the metrics store does not accept samples; what comes waits in memory",
                  F_ERR(err));
    else
        log_info("the metrics store accepts samples");
    tell(w);
}

/* --- the thread --- */

/* false: the writer ends. */
static bool pause_for(struct metrics_writer *w, int64_t ns)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t at = (int64_t)until.tv_sec * NS_PER_S + until.tv_nsec + ns;
    until = (struct timespec){at / NS_PER_S, at % NS_PER_S};
    pthread_mutex_lock(&w->lock);
    while (!w->stop && pthread_cond_timedwait(&w->wake, &w->lock, &until) != ETIMEDOUT)
        ;
    bool stop = w->stop;
    pthread_mutex_unlock(&w->lock);
    return !stop;
}

static void count_verdicts(struct metrics_writer *w, const struct series_rows *rows)
{
    size_t taken = 0, refused = 0;
    bool gone = false;
    for (size_t i = 0; i < rows->n; i++) {
        uint8_t v = w->verdicts[i];
        taken += v == TSDB_TAKEN;
        refused += v != TSDB_TAKEN && v != TSDB_SAME;
        gone = gone || v == TSDB_GONE;
    }
    atomic_fetch_add(&w->samples, taken);
    atomic_fetch_add(&w->refused, refused);
    if (gone)
        series_book_renew(w->book);
}

/* Until it works, or the writer ends. */
static void append_rows(struct metrics_writer *w)
{
    struct series_rows *rows = series_book_rows(w->book);
    struct err err = {0};
    while (rows->n > 0) {
        size_t n = rows->n;
        w->verdicts = realloc(w->verdicts, n);
        must(w->verdicts);
        err_clear(&err);
        if (tsdb_append(w->db, rows->at, n, w->verdicts, &err) == 0) {
            count_verdicts(w, rows);
            set_trouble(w, NULL);
            break;
        }
        set_trouble(w, &err);
        if (!pause_for(w, RETRY_NS)) {
            atomic_fetch_add(&w->lost, n);
            break;
        }
    }
    rows->n = 0;
}

static const char *get_text(struct cur *c)
{
    size_t n = 0;
    const char *s = cur_str(c, &n);
    must(s && n > 0 && s[n - 1] == '\0'); /* our own bytes */
    return s;
}

static void take_target(struct metrics_writer *w, uint64_t id, struct cur *c)
{
    int64_t now_ms = (int64_t)cur_u64(c);
    uint32_t n = cur_u32(c);
    struct label *labels = calloc(n + 1, sizeof(*labels));
    must(labels);
    for (uint32_t i = 0; i < n; i++) {
        labels[i].name = get_text(c);
        labels[i].value = get_text(c);
    }
    series_book_target(w->book, id, labels, n, now_ms);
    free(labels);
}

static void take_result(struct metrics_writer *w, uint64_t id, struct cur *c)
{
    struct metrics_state st = {.up = cur_u8(c), .degraded = cur_u8(c), .fail_count = cur_u32(c)};
    size_t n = 0;
    const char *record = cur_str(c, &n);
    must(record);
    series_book_result(w->book, id, &st, record, n);
}

static void take_message(struct metrics_writer *w, struct cur *c)
{
    int kind = cur_u8(c);
    uint64_t id = cur_u64(c);
    switch (kind) {
    case 'R':
        take_result(w, id, c);
        break;
    case 'T':
        take_target(w, id, c);
        break;
    case 'F':
        series_book_forget(w->book, id, (int64_t)cur_u64(c));
        break;
    default:
        must(!"a kind of message");
    }
    must(!c->failed);
}

static void take_chunk(struct metrics_writer *w, struct chunk *k)
{
    struct cur c = CUR_INIT(k->data.data, k->data.len);
    while (cur_left(&c) > 0) {
        take_message(w, &c);
        if (series_book_rows(w->book)->n >= ROWS_MAX)
            append_rows(w);
    }
    if (k->figures)
        series_book_figures(w->book, k->figures, k->now_ms);
    append_rows(w);
}

static void chunk_free(struct chunk *k)
{
    if (k->figures) {
        figures_done(k->figures);
        arena_free(k->arena); /* k->figures lies in it */
    }
    buf_done(&k->data);
    free(k);
}

static size_t chunk_size(const struct chunk *k)
{
    return k->data.len + (k->figures ? k->figures->rows.n * sizeof(struct figure) : 0);
}

/* Waits. NULL: the writer ends. */
static struct chunk *next_chunk(struct metrics_writer *w)
{
    pthread_mutex_lock(&w->lock);
    while (!w->first && !w->stop)
        pthread_cond_wait(&w->wake, &w->lock);
    struct chunk *k = w->stop ? NULL : w->first;
    if (k) {
        w->first = k->next;
        if (!w->first)
            w->last = &w->first;
    }
    pthread_mutex_unlock(&w->lock);
    return k;
}

static bool open_store(struct metrics_writer *w)
{
    struct err err = {0};
    struct tsdb *db;
    while (!(db = tsdb_open(&w->opt.tsdb, &err))) {
        set_trouble(w, &err);
        if (!pause_for(w, OPEN_NS))
            return false;
        err_clear(&err);
    }
    set_trouble(w, NULL);
    w->book = series_book_new(db, w->opt.instance);
    atomic_store(&w->db, db);
    tell(w);
    return true;
}

static void *run(void *arg)
{
    struct metrics_writer *w = arg;
    struct chunk *k;
    if (w->opt.hooks.begin)
        w->opt.hooks.begin();
    if (open_store(w)) {
        while ((k = next_chunk(w)) != NULL) {
            take_chunk(w, k);
            atomic_store(&w->no_series, series_book_refused(w->book));
            atomic_fetch_sub(&w->queued, chunk_size(k));
            atomic_store(&w->done, k->number);
            chunk_free(k);
            tell(w);
        }
    }
    if (w->opt.hooks.end)
        w->opt.hooks.end();
    return NULL;
}

/* --- life --- */

struct metrics_writer *metrics_writer_new(const struct metrics_writer_options *o)
{
    struct metrics_writer *w = calloc(1, sizeof(*w));
    pthread_condattr_t attr;
    must(w && o->loop && o->news);
    w->magic = MAGIC;
    w->opt = *o;
    w->opt.instance = strdup(o->instance);
    w->news = calloc(1, sizeof(*w->news));
    must(w->news && w->opt.instance);
    w->news->writer = w;
    w->last = &w->first;
    w->next = 1;
    buf_init(&w->open, QUEUE_MAX);
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&w->wake, &attr);
    pthread_condattr_destroy(&attr);
    must(pthread_create(&w->thread, NULL, run, w) == 0);
    return w;
}

void metrics_writer_free(struct metrics_writer *w)
{
    if (!w)
        return;
    check_magic(w, MAGIC);
    pthread_mutex_lock(&w->lock);
    w->stop = true;
    pthread_cond_broadcast(&w->wake);
    pthread_mutex_unlock(&w->lock);
    pthread_join(w->thread, NULL);
    series_book_free(w->book);
    tsdb_close(w->db);
    for (struct chunk *k = w->first, *next; k; k = next) {
        next = k->next;
        chunk_free(k);
    }
    w->news->writer = NULL;
    if (!atomic_load(&w->news->posted))
        free(w->news);
    buf_done(&w->open);
    pthread_cond_destroy(&w->wake);
    pthread_mutex_destroy(&w->lock);
    free(w->verdicts);
    free((char *)w->opt.instance);
    w->magic = 0;
    free(w);
}

/* --- on the loop --- */

static void put_text(struct buf *b, const char *s)
{
    buf_put_str(b, s, strlen(s) + 1);
}

static void begin(struct metrics_writer *w, char kind, uint64_t id)
{
    check_magic(w, MAGIC);
    if (w->open.len >= CHUNK_BYTES)
        metrics_writer_seal(w);
    buf_putc(&w->open, kind);
    buf_put_u64(&w->open, id);
}

void metrics_writer_target(struct metrics_writer *w, uint64_t id, const struct label *labels,
                           uint32_t n, int64_t now_ms)
{
    begin(w, 'T', id);
    buf_put_u64(&w->open, (uint64_t)now_ms);
    buf_put_u32(&w->open, n);
    for (uint32_t i = 0; i < n; i++) {
        put_text(&w->open, labels[i].name);
        put_text(&w->open, labels[i].value);
    }
    must(!w->open.failed);
}

void metrics_writer_result(struct metrics_writer *w, uint64_t id, const struct metrics_state *st,
                           const void *record, size_t n)
{
    if (atomic_load(&w->queued) > QUEUE_MAX) {
        w->dropped++;
        return;
    }
    begin(w, 'R', id);
    buf_put_u8(&w->open, st->up);
    buf_put_u8(&w->open, st->degraded);
    buf_put_u32(&w->open, st->fail_count);
    buf_put_str(&w->open, record, n);
    must(!w->open.failed);
}

void metrics_writer_forget(struct metrics_writer *w, uint64_t id, int64_t now_ms)
{
    begin(w, 'F', id);
    buf_put_u64(&w->open, (uint64_t)now_ms);
}

static void push(struct metrics_writer *w, struct chunk *k)
{
    k->number = w->next++;
    atomic_fetch_add(&w->queued, chunk_size(k));
    pthread_mutex_lock(&w->lock);
    *w->last = k;
    w->last = &k->next;
    pthread_cond_signal(&w->wake);
    pthread_mutex_unlock(&w->lock);
}

uint64_t metrics_writer_seal(struct metrics_writer *w)
{
    check_magic(w, MAGIC);
    if (w->open.len > 0) {
        struct chunk *k = calloc(1, sizeof(*k));
        must(k);
        k->data = w->open;
        buf_init(&w->open, QUEUE_MAX);
        push(w, k);
    }
    return w->next - 1;
}

void metrics_writer_figures(struct metrics_writer *w, struct figures *f, int64_t now_ms)
{
    metrics_writer_seal(w);
    struct chunk *k = calloc(1, sizeof(*k));
    must(k);
    k->arena = f->arena;
    k->figures = arena_new_of(f->arena, struct figures);
    *k->figures = *f;
    k->now_ms = now_ms;
    if (atomic_load(&w->queued) > QUEUE_MAX) {
        w->dropped++;
        chunk_free(k);
        return;
    }
    push(w, k);
}

/* --- any thread --- */

uint64_t metrics_writer_done(const struct metrics_writer *w)
{
    return atomic_load(&w->done);
}

struct tsdb *metrics_writer_tsdb(const struct metrics_writer *w)
{
    return atomic_load(&w->db);
}

bool metrics_writer_trouble(struct metrics_writer *w, struct err *out)
{
    pthread_mutex_lock(&w->lock);
    bool bad = w->trouble.code != ERR_OK;
    if (bad && out)
        *out = w->trouble;
    pthread_mutex_unlock(&w->lock);
    return bad;
}

void metrics_writer_get_stats(const struct metrics_writer *w, struct metrics_writer_stats *out)
{
    *out = (struct metrics_writer_stats){
        .samples = atomic_load(&w->samples),
        .dropped = w->dropped + atomic_load(&w->lost),
        .refused = atomic_load(&w->refused) + atomic_load(&w->no_series),
        .queued_bytes = atomic_load(&w->queued),
        .queue_max = QUEUE_MAX,
    };
}
