/* See metrics_import.h. The progress file is one line: "CUTOFF DAY", both in ms: results before CUTOFF are imported, the
 * days from DAY on are done; "done" when all are. */
#include "core/metrics_import.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "base/must.h"
#include "base/str.h"

#define DAY_MS INT64_C(86400000)

struct line { /* one series to be */
    struct labels labels;
    uint64_t target_id;
    bool duration;
};

struct metrics_import {
    struct metrics_import_options opt;
    char *path;
    pthread_t thread;
    atomic_bool stop, ended;
    int64_t cutoff_ms, day_ms; /* begin of the day that was done last */
    struct line *lines;        /* sorted by labels */
    size_t n_lines;
    struct store_reader *reader;
    uint64_t samples;
};

/* --- progress --- */

/* false: all was done. */
static bool load_progress(struct metrics_import *m)
{
    struct buf text = BUF_INIT(200);
    long long cutoff = 0, day = 0;
    bool there = fs_read(m->path, &text, NULL) == 0 && text.len > 0;
    bool done = there && str_starts((struct str){text.data, text.len}, STR("done"));
    bool read = there && !done && sscanf(text.data, "%lld %lld", &cutoff, &day) == 2;
    buf_done(&text);
    m->cutoff_ms = read ? cutoff : clock_wall_ms();
    m->day_ms = read ? day : (m->cutoff_ms / DAY_MS + 1) * DAY_MS;
    return !done;
}

static void save_progress(struct metrics_import *m, bool done)
{
    char text[80];
    struct err err = {0};
    if (done)
        snprintf(text, sizeof(text), "done\n");
    else
        snprintf(text, sizeof(text), "%" PRId64 " %" PRId64 "\n", m->cutoff_ms, m->day_ms);
    if (fs_write_atomic(m->path, text, strlen(text), 0600, true, &err) != 0)
        log_warn("the import of old results cannot note how far it is", F_ERR(&err));
}

/* --- one day --- */

static void make_line(struct metrics_import *m, const struct import_target *t, const char *metric,
                      struct line *out)
{
    struct labels_builder b = {0};
    for (uint32_t i = 0; i < t->n_labels; i++)
        labels_builder_set(&b, str_of(t->labels[i].name), str_of(t->labels[i].value));
    labels_builder_set(&b, STR(LABEL_METRIC_NAME), str_of(metric));
    struct labels l;
    must(labels_builder_finish(&b, &l, NULL) == 0); /* set does not double */
    out->labels = labels_dup(m->opt.arena, &l);
    out->target_id = t->id;
    labels_builder_done(&b);
}

static int by_labels(const void *a, const void *b)
{
    return labels_compare(&((const struct line *)a)->labels, &((const struct line *)b)->labels);
}

static void make_lines(struct metrics_import *m)
{
    m->lines = arena_array_of(m->opt.arena, struct line, 2 * m->opt.n_targets + 1);
    for (size_t i = 0; i < m->opt.n_targets; i++) {
        struct line *two = &m->lines[m->n_lines];
        make_line(m, &m->opt.targets[i], "probe_success", &two[0]);
        make_line(m, &m->opt.targets[i], "probe_duration_seconds", &two[1]);
        two[0].duration = false;
        two[1].duration = true;
        m->n_lines += 2;
    }
    qsort(m->lines, m->n_lines, sizeof(*m->lines), by_labels);
}

struct reading {
    struct metrics_import *import;
    bool duration;
    struct samples samples; /* newest first */
};

static bool take_outcome(void *arg, int64_t checked_ms, bool success, int64_t latency_us)
{
    struct reading *r = arg;
    uint32_t n = r->samples.n;
    if (n > 0 && r->samples.t[n - 1] <= checked_ms)
        return true; /* two in one moment, or a clock that was set back */
    samples_add(&r->samples, checked_ms, r->duration ? (double)latency_us / 1e6 : success);
    return !atomic_load(&r->import->stop);
}

static void turn_round(struct samples *s)
{
    for (uint32_t i = 0, k = s->n; i + 1 < k; i++) {
        k--;
        int64_t t = s->t[i];
        double v = s->v[i];
        s->t[i] = s->t[k];
        s->v[i] = s->v[k];
        s->t[k] = t;
        s->v[k] = v;
    }
}

static int import_line(struct metrics_import *m, struct tsdb_backfill *b, const struct line *l,
                       int64_t from_ms, int64_t to_ms, struct err *err)
{
    struct reading r = {.import = m, .duration = l->duration};
    int rc = store_outcomes(m->reader, l->target_id, from_ms, to_ms, take_outcome, &r, err);
    turn_round(&r.samples);
    if (rc == 0 && r.samples.n > 0)
        rc = tsdb_backfill_series(b, &l->labels, &r.samples, err);
    m->samples += r.samples.n;
    samples_done(&r.samples);
    return rc;
}

/* 1: stopped. */
static int import_day(struct metrics_import *m, int64_t from_ms, struct err *err)
{
    int64_t to_ms = from_ms + DAY_MS < m->cutoff_ms ? from_ms + DAY_MS : m->cutoff_ms;
    struct tsdb_backfill *b = tsdb_backfill_begin(m->opt.db, from_ms, to_ms, err);
    if (!b)
        return -1;
    for (size_t i = 0; i < m->n_lines; i++) {
        bool twice = i > 0 && labels_equal(&m->lines[i].labels, &m->lines[i - 1].labels);
        int rc = twice ? 0 : import_line(m, b, &m->lines[i], from_ms, to_ms, err);
        if (rc == 0 && !atomic_load(&m->stop))
            continue;
        tsdb_backfill_abort(b);
        return rc == 0 ? 1 : -1;
    }
    return tsdb_backfill_finish(b, err);
}

/* The day that is looked at last. Each costs a look for every series, so a store that is new has two of them. */
static int64_t last_day(const struct metrics_import *m)
{
    int64_t kept = (m->cutoff_ms - m->opt.keep_ms) / DAY_MS * DAY_MS;
    int64_t unmerged = (m->cutoff_ms / DAY_MS - 1) * DAY_MS, oldest;
    struct err err = {0};
    if (store_oldest_day(m->reader, &oldest, &err) != 0)
        return kept; /* reading fails then, too, and says so */
    if (oldest == 0 || oldest > unmerged)
        oldest = unmerged;
    return oldest > kept ? oldest : kept;
}

static void import_all(struct metrics_import *m)
{
    struct err err = {0};
    int64_t last = last_day(m), begun = clock_mono_ns();
    int rc = 0;
    while (m->day_ms > last && rc == 0) {
        int64_t day = m->day_ms - DAY_MS;
        rc = day < m->cutoff_ms ? import_day(m, day, &err) : 0;
        if (rc == 0) {
            m->day_ms = day;
            save_progress(m, false);
        }
    }
    if (rc < 0)
        log_warn("the import of old results is interrupted; the next start goes on", F_ERR(&err));
    if (rc != 0)
        return;
    save_progress(m, true);
    if (m->samples > 0)
        log_info("old results are in the metrics store", F_INT("samples", m->samples),
                 F_INT("took_ms", (clock_mono_ns() - begun) / NS_PER_MS));
}

static void *run(void *arg)
{
    struct metrics_import *m = arg;
    struct err err = {0};
    if (m->opt.hooks.begin)
        m->opt.hooks.begin();
    make_lines(m);
    m->reader = store_reader_open(m->opt.store, &err);
    if (m->reader)
        import_all(m);
    else
        log_warn("old results cannot be imported", F_ERR(&err));
    store_reader_close(&m->reader);
    atomic_store(&m->ended, true);
    if (m->opt.hooks.end)
        m->opt.hooks.end();
    return NULL;
}

/* --- life --- */

struct metrics_import *metrics_import_new(const struct metrics_import_options *o)
{
    struct metrics_import *m = calloc(1, sizeof(*m));
    must(m && o->store && o->db);
    m->opt = *o;
    m->path = path_join(o->dir, "import");
    if (!load_progress(m)) {
        arena_free(m->opt.arena);
        free(m->path);
        free(m);
        return NULL;
    }
    save_progress(m, false); /* the cutoff stays, however often it is interrupted */
    must(pthread_create(&m->thread, NULL, run, m) == 0);
    return m;
}

void metrics_import_free(struct metrics_import *m)
{
    if (!m)
        return;
    atomic_store(&m->stop, true);
    pthread_join(m->thread, NULL);
    arena_free(m->opt.arena);
    free(m->path);
    free(m);
}

bool metrics_import_ended(const struct metrics_import *m)
{
    return atomic_load(&m->ended);
}
