/* Every sample as it is stored, as text or lines of JSON: /api/v1/metrics/export. Nothing of it is ever in memory as a whole: each series
 * is read in slices of time, and written while the answer is sent.
 *
 * Series go family by family, within one in the order of their labels' hash, which is the same whenever it is asked for. So the
 * selection, which holds back what the store would free, is given back now and then (SELECTION_NS), and a new one goes on behind
 * the series that was the last. */
#include "api/prom_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "wire/exposition_write.h"
#include "wire/jsonlines.h"

#define SELECTION_NS (10 * NS_PER_S)
#define SERIES_MAX   4000000u
#define SLICE_MS     (INT64_C(2) * 24 * 3600 * 1000) /* at first */
#define SLICE_MIN_MS INT64_C(1000)
#define SLICE_MAX_MS (16 * SLICE_MS / 2)
#define FEW_SAMPLES  16384u /* of a slice: the next one is to be longer */
#define MANY_SAMPLES 65536u /* shorter */

/* A series' place in the answer. */
struct key {
    struct str metric; /* borrowed of the selection */
    uint64_t hash;
    uint32_t index; /* in the selection */
};

struct dump {
    struct arena *arena; /* this lies in it, and what it was asked */
    struct series_source source;
    struct series_select select;
    enum ingest_format format;

    struct series_set *set; /* NULL: to be made anew */
    struct key *keys;
    uint32_t n, at; /* the series at hand */
    int64_t set_ns;
    struct str last_metric; /* malloc'ed: of the series that was written last */
    uint64_t last_hash;
    bool any; /* there is a last one */

    struct arena *scratch; /* labels of the series at hand */
    struct labels labels;
    struct samples samples; /* of the slice at hand */
    uint32_t sample;        /* the next one to be written */
    int64_t next_ms;        /* where the next slice begins */
    int64_t slice_ms;
    bool inside; /* a series: its labels are there */
};

/* --- the selection, and where in it --- */

static int compare_place(struct str metric, uint64_t hash, const struct key *k)
{
    size_t n = metric.n < k->metric.n ? metric.n : k->metric.n;
    int c = n ? memcmp(metric.p, k->metric.p, n) : 0;
    if (c == 0)
        c = (metric.n > k->metric.n) - (metric.n < k->metric.n);
    return c ? c : (hash > k->hash) - (hash < k->hash);
}

static int compare_keys(const void *a, const void *b)
{
    const struct key *x = a;
    return compare_place(x->metric, x->hash, b);
}

static void drop_selection(struct dump *x)
{
    if (x->set)
        x->set->ops->free(x->set);
    x->set = NULL;
    free(x->keys);
    x->keys = NULL;
    x->n = x->at = 0;
}

static int select_series(struct dump *x, struct err *err)
{
    x->set = x->source.ops->select(x->source.self, &x->select, err);
    if (!x->set)
        return -1;
    x->set_ns = clock_mono_ns();
    x->keys = calloc((size_t)x->set->n + 1, sizeof(*x->keys));
    must(x->keys);
    for (uint32_t i = 0; i < x->set->n; i++) {
        arena_reset(x->scratch);
        struct labels l = x->set->ops->labels(x->set, i, x->scratch);
        struct str metric = x->set->ops->label(x->set, i, STR(LABEL_METRIC_NAME));
        x->keys[i] = (struct key){metric, labels_hash(&l), i};
    }
    x->n = x->set->n;
    if (x->n > 1)
        qsort(x->keys, x->n, sizeof(*x->keys), compare_keys);
    while (x->any && x->at < x->n &&
           compare_place(x->last_metric, x->last_hash, &x->keys[x->at]) >= 0)
        x->at++;
    return 0;
}

/* Between two series. */
static int renew_selection(struct dump *x, struct err *err)
{
    must(!x->inside);
    if (x->set && clock_mono_ns() - x->set_ns < SELECTION_NS)
        return 0;
    drop_selection(x);
    return select_series(x, err);
}

/* --- a series --- */

static void open_series(struct dump *x)
{
    struct key *k = &x->keys[x->at];
    arena_reset(x->scratch);
    x->labels = x->set->ops->labels(x->set, k->index, x->scratch);
    x->inside = true;
    x->next_ms = x->select.min_ms;
    x->samples.n = x->sample = 0;
}

static void close_series(struct dump *x)
{
    struct key *k = &x->keys[x->at++];
    if (!x->any || !str_eq(x->last_metric, k->metric)) {
        free((char *)x->last_metric.p);
        char *copy = calloc(1, k->metric.n + 1);
        must(copy);
        memcpy(copy, k->metric.p, k->metric.n);
        x->last_metric = (struct str){copy, k->metric.n};
    }
    x->last_hash = k->hash;
    x->any = true;
    x->inside = false;
}

/* Reads the next slice: 1 there was one, 0 the series is over, -1. A slice that holds much or little makes the next one shorter or
 * longer. */
static int read_slice(struct dump *x, struct err *err)
{
    int64_t from = x->next_ms, max = x->select.max_ms;
    if (from > max)
        return 0;
    int64_t to = max - from < x->slice_ms ? max : from + x->slice_ms - 1;
    x->samples.n = x->sample = 0;
    if (x->set->ops->read(x->set, x->keys[x->at].index, from, to, COLUMN_RAW, &x->samples, err) < 0)
        return -1;
    x->next_ms = to + 1;
    if (x->samples.n > MANY_SAMPLES && x->slice_ms > SLICE_MIN_MS)
        x->slice_ms /= 2;
    else if (x->samples.n < FEW_SAMPLES && x->slice_ms < SLICE_MAX_MS)
        x->slice_ms *= 2;
    return 1;
}

/* Samples of the slice, as far as the piece goes. A line of JSON is written as a whole. */
static void put_slice(struct dump *x, struct buf *out)
{
    bool om = x->format == INGEST_OPENMETRICS;
    struct exposition_writer w = {out, om ? EXPOSITION_OPENMETRICS : EXPOSITION_TEXT};
    if (x->format == INGEST_JSON_LINES) {
        json_line_write(out, &x->labels, &x->samples);
        x->sample = x->samples.n;
        return;
    }
    for (; x->sample < x->samples.n && out->len < HTTP_PIECE; x->sample++) {
        uint32_t i = x->sample;
        if (!is_stale(x->samples.v[i]))
            exposition_write_sample(&w, &x->labels, x->samples.v[i], &x->samples.t[i]);
    }
}

/* --- the answer --- */

static enum http_more next_piece(void *ctx, struct buf *out, struct err *err)
{
    struct dump *x = ctx;
    while (out->len < HTTP_PIECE) {
        if (!x->inside) {
            if (renew_selection(x, err) < 0)
                return HTTP_BROKEN;
            if (x->at == x->n)
                break;
            open_series(x);
        }
        put_slice(x, out);
        if (x->sample < x->samples.n)
            continue;
        int rc = read_slice(x, err);
        if (rc < 0)
            return HTTP_BROKEN;
        if (rc == 0)
            close_series(x);
    }
    if (x->inside || x->at < x->n)
        return HTTP_MORE;
    if (x->format == INGEST_OPENMETRICS)
        buf_puts(out, "# EOF\n");
    return HTTP_LAST;
}

static void dump_free(void *ctx)
{
    struct dump *x = ctx;
    drop_selection(x);
    samples_done(&x->samples);
    free((char *)x->last_metric.p);
    arena_free(x->scratch);
    arena_free(x->arena);
}

static const char *export_type(enum ingest_format f)
{
    if (f == INGEST_JSON_LINES)
        return "application/x-ndjson";
    return exposition_content_type(f == INGEST_OPENMETRICS ? EXPOSITION_OPENMETRICS
                                                           : EXPOSITION_TEXT);
}

static struct dump *dump_new(void)
{
    struct arena *a = arena_new();
    struct dump *x = arena_new_of(a, struct dump);
    x->arena = a;
    x->scratch = arena_new();
    x->slice_ms = SLICE_MS;
    return x;
}

/* What was asked, in the dump's arena: the call ends before the answer does. */
static int read_request(struct call *k, struct dump *x)
{
    struct prom_params p;
    struct prom_selectors s = {0};
    struct call own = *k;
    own.arena = x->arena;
    prom_params(&own, &p);
    for (size_t i = 0; i < p.n; i++)
        p.at[i].value = arena_strdup(x->arena, p.at[i].value);
    int rc = prom_period(&p, &x->select.min_ms, &x->select.max_ms);
    if (rc == 0)
        rc = prom_selectors(&p, "match[]", &s);
    if (rc == 0)
        rc = prom_format(&p, "application/json", &x->format);
    if (rc == 0 && s.n != 1)
        rc = prom_bad_param(&own, "match[]", "got %zu selectors; want one", s.n);
    if (rc < 0)
        return -1;
    must(s.at != NULL);
    x->select.matchers = s.at[0].matchers;
    x->select.n_matchers = s.at[0].n;
    x->select.limit = SERIES_MAX;
    return 0;
}

/* "Always" is as long as there are samples. */
static void bound_period(struct dump *x, struct tsdb *db)
{
    struct tsdb_stats st = {0};
    tsdb_get_stats(db, &st);
    if (x->select.min_ms < st.min_ms)
        x->select.min_ms = st.min_ms;
    if (x->select.max_ms > st.max_ms)
        x->select.max_ms = st.max_ms;
}

/* match[], start, end, format */
void prom_export(struct call *k)
{
    struct dump *x = dump_new();
    struct api_metrics m;
    struct err err = {0};
    if (read_request(k, x) < 0 || !prom_store(k, &m)) {
        dump_free(x);
        return;
    }
    x->source = tsdb_source(m.db);
    bound_period(x, m.db);
    if (select_series(x, &err) < 0) {
        prom_fail_err(k, &err);
        dump_free(x);
        return;
    }
    k->resp->content_type = export_type(x->format);
    prom_answer_pieces(k, &(struct prom_pieces){next_piece, dump_free, x});
}
