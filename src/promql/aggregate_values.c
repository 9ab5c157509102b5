/* Aggregations that need a group's values as they are: quantile, stddev and stdvar, the careful avg, count_values, limitk and
 * limit_ratio. They gather their input first. */
#include "promql/eval_priv.h"

#include <math.h>
#include <stdlib.h>

#include "base/map.h"

/* Gathers s and finds the groups of what is left. */
static struct frame *gather(struct query *q, const struct promql_node *n, struct stream *s,
                            struct groups *g)
{
    struct frame *f = frame_of(q, s);
    return f == NULL || groups_make(q, n, &f->s, g) != 0 ? NULL : f;
}

/* Calls fn with the values of a group at a step, in order of series, and puts its result there. */
struct reduce {
    struct frame *in, *out;
    const struct groups *g;
    uint32_t *members, *first; /* series by group: members[first[g]] … members[first[g + 1]] */
    double (*fn)(const struct reduce *r, double *v, uint32_t n, uint32_t step);
    const double *param;
    enum promql_aggregate op;
    uint32_t slot;
};

static void reduce_tile(void *arg, struct worker *w, uint32_t from, uint32_t to)
{
    struct reduce *r = arg;
    for (uint32_t g = from; g < to; g++) {
        uint32_t first = r->first[g], n = r->first[g + 1] - first;
        double *v = worker_column(w, r->slot, n);
        for (uint32_t step = 0; step < r->in->s.steps; step++) {
            uint32_t present = 0;
            for (uint32_t i = 0; i < n; i++) {
                double x = r->in->columns[r->members[first + i]][step];
                if (!is_stale(x))
                    v[present++] = x;
            }
            if (present > 0)
                r->out->columns[g][step] = r->fn(r, v, present, step);
        }
        for (uint32_t i = 0; i < n; i++)
            r->out->drops[g] |= r->in->drops[r->members[first + i]];
    }
}

/* Lists the series of each group. */
static bool list_members(struct query *q, struct reduce *r)
{
    uint32_t n = r->in->s.n;
    struct block *b = query_block(q, ((size_t)n + r->g->n + 2) * sizeof(uint32_t));
    if (b == NULL)
        return false;
    r->members = (uint32_t *)b->data;
    r->first = r->members + n;
    for (uint32_t i = 0; i < n; i++)
        r->first[r->g->of[i] + 1]++;
    for (uint32_t g = 0; g < r->g->n; g++)
        r->first[g + 1] += r->first[g];
    for (uint32_t i = 0; i < n; i++)
        r->members[r->first[r->g->of[i]]++] = i;
    for (uint32_t g = r->g->n; g > 0; g--)
        r->first[g] = r->first[g - 1];
    r->first[0] = 0;
    return true;
}

static struct stream *reduce(struct query *q, struct reduce *r)
{
    r->out = group_frame(q, r->g, r->in->s.steps);
    if (r->out == NULL || !list_members(q, r))
        return NULL;
    r->slot = query_slot(q);
    query_tiles(q, r->g->n, 8, reduce_tile, r);
    stream_done(&r->in->s);
    frame_compact(r->out);
    return query_failed(q) ? NULL : &r->out->s;
}

/* --- what is done with the values --- */

static double reduce_quantile(const struct reduce *r, double *v, uint32_t n, uint32_t step)
{
    return quantile_of(r->param[step], v, n);
}

struct stream *aggregate_quantile(struct query *q, const struct promql_node *n, struct stream *s,
                                  const struct groups *unused, const double *param)
{
    struct groups g;
    struct reduce r = {.g = &g, .fn = reduce_quantile, .param = param};
    r.in = gather(q, n, s, &g);
    return r.in == NULL ? NULL : reduce(q, &r);
}

/* Welford's recurrence, as Prometheus runs it. */
static double reduce_moments(const struct reduce *r, double *v, uint32_t n, uint32_t step)
{
    double mean = v[0], squares = isfinite(v[0]) ? 0 : NAN, count = 1;
    for (uint32_t i = 1; i < n; i++) {
        count++;
        double delta = v[i] - mean;
        mean += delta / count;
        squares += delta * (v[i] - mean);
    }
    double variance = squares / count;
    return r->op == AGG_STDDEV ? sqrt(variance) : variance;
}

struct stream *aggregate_moments(struct query *q, const struct promql_node *n, struct stream *s,
                                 const struct groups *unused)
{
    struct groups g;
    struct reduce r = {.g = &g, .fn = reduce_moments, .op = n->aggregate.op};
    r.in = gather(q, n, s, &g);
    return r.in == NULL ? NULL : reduce(q, &r);
}

static double reduce_mean(const struct reduce *r, double *v, uint32_t n, uint32_t step)
{
    return kahan_mean(v, n);
}

struct stream *aggregate_mean(struct query *q, struct frame *f, const struct groups *g)
{
    struct reduce r = {.in = f, .g = g, .fn = reduce_mean};
    return reduce(q, &r);
}

/* --- limitk, limit_ratio --- */

static void limit_k(struct frame *f, const struct groups *g, const double *k)
{
    uint32_t *taken = malloc((g->n + 1) * sizeof(*taken));
    must(taken != NULL);
    for (uint32_t step = 0; step < f->s.steps; step++) {
        memset(taken, 0, g->n * sizeof(*taken));
        for (uint32_t i = 0; i < f->s.n; i++) {
            double *v = &f->columns[i][step];
            if (!is_stale(*v) && (k[step] < 1 || taken[g->of[i]]++ >= floor(k[step])))
                *v = ABSENT;
        }
    }
    free(taken);
}

static void put_counted(struct buf *b, struct str s)
{
    if (s.n < 255) {
        buf_put_u8(b, (uint8_t)s.n);
    } else {
        buf_put_u8(b, 255);
        buf_put_u8(b, (uint8_t)s.n);
        buf_put_u16(b, (uint16_t)(s.n >> 8));
    }
    buf_add(b, s.p, s.n);
}

/* Each series has a place in [0, 1] by its labels: the same as in Prometheus, which hashes them as it holds them in memory. */
static double ratio_place(const struct labels *l)
{
    struct buf b = BUF_INIT(1 << 24);
    for (uint32_t i = 0; i < l->n; i++) {
        put_counted(&b, l->at[i].name);
        put_counted(&b, l->at[i].value);
    }
    double place = (double)promql_xxh64(b.len > 0 ? b.data : "", b.len) / (double)UINT64_MAX;
    buf_done(&b);
    return place;
}

static void limit_ratio(struct frame *f, const double *ratio)
{
    for (uint32_t i = 0; i < f->s.n; i++) {
        double place = ratio_place(&f->labels[i]);
        for (uint32_t step = 0; step < f->s.steps; step++) {
            double r = fmax(-1, fmin(1, ratio[step]));
            bool taken = r >= 0 ? place < r : place >= 1 + r;
            if (!taken)
                f->columns[i][step] = ABSENT;
        }
    }
}

struct stream *aggregate_limit(struct query *q, const struct promql_node *n, struct stream *s,
                               const struct groups *unused, const double *param)
{
    struct groups g;
    struct frame *f = gather(q, n, s, &g);
    if (f == NULL)
        return NULL;
    if (n->aggregate.op == AGG_LIMITK)
        limit_k(f, &g, param);
    else
        limit_ratio(f, param);
    frame_compact(f);
    return &f->s;
}

/* --- count_values --- */

struct counting {
    struct query *q;
    const struct promql_node *node;
    struct str label;
    struct label_map *rows;
    vec_of(struct labels) labels;
    vec_of(double *) columns;
    uint32_t steps;
    struct labels_builder builder;
};

static struct labels value_labels(struct counting *c, const struct labels *l, double v)
{
    struct buf b = BUF_INIT(4096);
    value_format_plain(&b, v);
    struct str text = {arena_strndup(c->q->arena, b.data, b.len), b.len};
    buf_done(&b);
    const struct promql_node *n = c->node;
    struct labels with, out;
    labels_builder_from(&c->builder, l);
    labels_builder_set(&c->builder, c->label, text);
    must(labels_builder_finish(&c->builder, &with, NULL) == 0);
    struct labels kept = group_labels(n, &with, c->q->arena);
    if (n->aggregate.without || labels_get(&kept, c->label).n > 0)
        return kept;
    labels_builder_from(&c->builder, &kept);
    labels_builder_set(&c->builder, c->label, text);
    must(labels_builder_finish(&c->builder, &out, NULL) == 0);
    struct label_pair *at = arena_memdup(c->q->arena, out.at, out.n * sizeof(*out.at));
    return (struct labels){at, out.n};
}

/* The row of a value of a series; NULL: failed. */
static double *value_row(struct counting *c, const struct labels *l, double v)
{
    struct labels labels = value_labels(c, l, v);
    bool added;
    uint32_t row = label_map_number(c->rows, &labels, &added);
    if (added) {
        double *column = query_column(c->q, c->steps);
        if (column == NULL)
            return NULL;
        column_fill(column, c->steps, ABSENT);
        vec_push(&c->labels, labels);
        vec_push(&c->columns, column);
    }
    return c->columns.at[row];
}

static int count_series(struct counting *c, const struct labels *l, const double *v)
{
    uint64_t last = 0;
    double *row = NULL;
    for (uint32_t i = 0; i < c->steps; i++) {
        if (is_stale(v[i]))
            continue;
        if (row == NULL || f64_bits(v[i]) != last)
            row = value_row(c, l, v[i]);
        if (row == NULL)
            return -1;
        last = f64_bits(v[i]);
        row[i] = is_stale(row[i]) ? 1 : row[i] + 1;
    }
    return 0;
}

struct stream *aggregate_values(struct query *q, const struct promql_node *n, struct stream *s,
                                struct str label)
{
    struct frame *f = frame_of(q, s);
    if (f == NULL)
        return NULL;
    struct counting c = {.q = q, .node = n, .label = label, .steps = f->s.steps};
    c.rows = label_map_new();
    int rc = 0;
    for (uint32_t i = 0; i < f->s.n && rc == 0; i++)
        rc = query_stopped(q, true) ? -1 : count_series(&c, &f->labels[i], f->columns[i]);
    stream_done(&f->s);
    struct frame *out = rc == 0 ? frame_new(q, (uint32_t)c.columns.n, c.steps) : NULL;
    for (uint32_t i = 0; out != NULL && i < c.columns.n; i++) {
        out->labels[i] = c.labels.at[i];
        memcpy(out->columns[i], c.columns.at[i], c.steps * sizeof(double));
    }
    label_map_free(c.rows);
    labels_builder_done(&c.builder);
    vec_done(&c.labels);
    vec_done(&c.columns);
    return out == NULL ? NULL : &out->s;
}
