/* Tiers: raw samples reduced to what a step held (merge.h). A step is (k * step, (k + 1) * step] and has its end's time, as PromQL's
 * ranges are open to the left. Sums are compensated (Neumaier), as those over raw samples are. */
#include "tsdb/merge.h"
#include "tsdb/merge_priv.h"

#include <math.h>

struct step {
    double count, sum, rest, min, max, last, increase;
};

static int64_t end_of(int64_t t, int64_t step)
{
    int64_t rest = t % step;
    return rest > 0 ? t + step - rest : t - rest;
}

static void add(struct step *s, double v, double before, bool has_before)
{
    double sum = s->sum + v;
    s->rest += fabs(s->sum) >= fabs(v) ? (s->sum - sum) + v : (v - sum) + s->sum;
    s->sum = sum;
    /* a NaN is the least or the greatest only where there is nothing else */
    s->min = s->count == 0 || v < s->min || isnan(s->min) ? v : s->min;
    s->max = s->count == 0 || v > s->max || isnan(s->max) ? v : s->max;
    s->last = v;
    s->count++;
    if (has_before)
        s->increase += v < before ? v : v - before;
}

static double figure(const struct step *s, enum series_column c)
{
    switch (c) {
    case COLUMN_COUNT:
        return s->count;
    case COLUMN_SUM:
        return isfinite(s->sum) && isfinite(s->rest) ? s->sum + s->rest : s->sum;
    case COLUMN_MIN:
        return s->min;
    case COLUMN_MAX:
        return s->max;
    case COLUMN_INCREASE:
        return s->increase;
    default:
        return s->last;
    }
}

/* Calls fn for each step that has samples. */
static void each_step(const struct samples *raw, int64_t step_ms, const double *before,
                      void (*fn)(void *arg, int64_t end, const struct step *s), void *arg)
{
    struct step s = {0};
    int64_t end = INT64_MIN;
    double last = before ? *before : 0;
    bool has_last = before != NULL;
    for (uint32_t i = 0; i < raw->n; i++) {
        if (is_stale(raw->v[i]))
            continue;
        if (raw->t[i] > end || s.count == 0) {
            if (s.count > 0)
                fn(arg, end, &s);
            s = (struct step){0};
            end = end_of(raw->t[i], step_ms);
        }
        add(&s, raw->v[i], last, has_last);
        last = raw->v[i];
        has_last = true;
    }
    if (s.count > 0)
        fn(arg, end, &s);
}

struct one_column {
    enum series_column c;
    struct samples *out;
};

static void add_figure(void *arg, int64_t end, const struct step *s)
{
    struct one_column *o = arg;
    samples_add(o->out, end, figure(s, o->c));
}

void tier_reduce(const struct samples *raw, int64_t step_ms, enum series_column c,
                 const double *before, struct samples *out)
{
    must(step_ms > 0);
    struct one_column o = {c, out};
    each_step(raw, step_ms, before, add_figure, &o);
}

/* --- building a block --- */

struct build {
    struct join join;
    struct block_writer *writer;
    const struct block_meta *meta;
    const struct keep_policy *keep;
    struct samples raw, column[COLUMN_INCREASE + 1];
};

static void add_step(void *arg, int64_t end, const struct step *s)
{
    struct build *b = arg;
    for (int c = COLUMN_COUNT; c <= COLUMN_INCREASE; c++)
        samples_add(&b->column[c], end, figure(s, (enum series_column)c));
}

/* The first sample of the steps wanted, and the value before it. */
static uint32_t first_wanted(const struct build *b, const double **before)
{
    uint32_t i = 0;
    *before = NULL;
    for (; i < b->raw.n && end_of(b->raw.t[i], b->meta->tier_ms) < b->meta->min_ms; i++) {
        if (!is_stale(b->raw.v[i]))
            *before = &b->raw.v[i];
    }
    return i;
}

static int build_series(struct build *b, struct err *err)
{
    const struct block_meta *m = b->meta;
    int64_t cutoff = b->keep ? keep_cutoff(b->keep, &b->join.labels, m->tier_ms) : INT64_MIN;
    int64_t from = m->min_ms - 1 - m->tier_ms; /* a step before: for the rise into the first */
    const double *before;
    b->raw.n = 0;
    if (cutoff >= m->max_ms)
        return 0;
    join_read(&b->join, from, m->max_ms - 1, COLUMN_RAW, &b->raw);
    uint32_t i = first_wanted(b, &before);
    for (int c = 0; c <= COLUMN_INCREASE; c++)
        b->column[c].n = 0;
    struct samples wanted = {b->raw.t + i, b->raw.v + i, b->raw.n - i, 0};
    if (wanted.n > 0)
        each_step(&wanted, m->tier_ms, before, add_step, b);
    if (b->column[COLUMN_COUNT].n == 0)
        return 0;
    if (block_writer_series(b->writer, &b->join.labels, err) != 0)
        return -1;
    for (int c = COLUMN_COUNT; c <= COLUMN_INCREASE; c++) {
        if (block_writer_samples(b->writer, (enum series_column)c, &b->column[c], err) != 0)
            return -1;
    }
    return 0;
}

static int build_all(struct build *b, const struct merge_pace *pace, struct err *err)
{
    while (join_next(&b->join)) {
        if (build_series(b, err) != 0)
            return -1;
        if (pace && !pace->fn(pace->arg, b->raw.n))
            return err_set(err, ERR_CANCELLED, "cannot build a tier: it was told to stop");
    }
    return 0;
}

int tier_build(struct block *const *raw, uint32_t n, const char *blocks_dir,
               const struct block_meta *meta, const struct keep_policy *keep,
               const struct merge_pace *pace, struct block_meta *out, struct err *err)
{
    must(meta->tier_ms > 0 && (meta->min_ms - 1) % meta->tier_ms == 0);
    struct build b = {
        .meta = meta, .keep = keep, .writer = block_writer_new(blocks_dir, meta, err)};
    if (!b.writer)
        return -1;
    join_init(&b.join, raw, n);
    int rc = build_all(&b, pace, err);
    if (rc == 0)
        rc = block_writer_finish(b.writer, out, err);
    else
        block_writer_abort(b.writer);
    join_done(&b.join);
    samples_done(&b.raw);
    for (int c = 0; c <= COLUMN_INCREASE; c++)
        samples_done(&b.column[c]);
    return rc;
}
