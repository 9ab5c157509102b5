/* histogram_quantile, histogram_quantiles and histogram_fraction of classic buckets: series that agree in all labels but le are one
 * histogram. */
#include "promql/eval_priv.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/clock.h"

#define NO_HISTOGRAM UINT32_MAX

struct repair { /* of a metric whose counts fell */
    struct str metric;
    struct bucket_notes notes;
    uint64_t samples;
    int64_t first_ms, last_ms;
};

struct histograms {
    struct query *q;
    const struct promql_node *call, *at; /* at: its vector argument */
    struct frame *in, *out;
    struct span span;
    uint32_t n;                /* histograms */
    uint32_t *of;              /* which one each series belongs to */
    double *le;                /* of each series */
    uint32_t *members, *first; /* series by histogram: members[first[h]] … members[first[h + 1]] */
    vec_of(struct labels) labels;
    struct str label; /* of histogram_quantiles; else empty */
    uint32_t n_params;
    const double *param[FUNCTION_ARGS_MAX]; /* the quantiles, or lower and upper */
    bool fraction;
    uint32_t slot;
    pthread_mutex_t lock; /* guards repairs */
    vec_of(struct repair) repairs;
};

/* --- which series make a histogram --- */

static bool le_parse(struct str s, double *out)
{
    char text[64];
    if (s.n == 0 || s.n >= sizeof(text) || s.p[0] == ' ')
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    char *end;
    *out = strtod(text, &end);
    return end == text + s.n;
}

static void note_bad_le(struct histograms *h, const struct labels *l)
{
    struct str le = labels_get(l, STR("le")), metric = labels_metric(l);
    struct buf b = BUF_INIT(4096);
    if (metric.n > 0 && h->q->delayed) /* as Prometheus, where the name is gone by now else */
        buf_printf(&b, " for metric name \"%.*s\"", (int)metric.n, metric.p);
    note_warning(h->q, h->at,
                 "bucket label \"le\" is missing or has a malformed value of \"%.*s\"%s", (int)le.n,
                 le.p, b.len > 0 ? b.data : "");
    buf_done(&b);
}

static struct labels without_le(struct arena *a, const struct labels *l)
{
    struct label_pair *at = arena_array_of(a, struct label_pair, l->n);
    uint32_t n = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        if (!str_eqz(l->at[i].name, "le"))
            at[n++] = l->at[i];
    }
    return (struct labels){at, n};
}

static void assign(struct histograms *h)
{
    struct label_map *map = label_map_new();
    for (uint32_t i = 0; i < h->in->s.n; i++) {
        const struct labels *l = &h->in->labels[i];
        h->of[i] = NO_HISTOGRAM;
        if (!le_parse(labels_get(l, STR("le")), &h->le[i])) {
            note_bad_le(h, l);
            continue;
        }
        struct labels rest = without_le(h->q->arena, l);
        bool added;
        h->of[i] = label_map_number(map, &rest, &added);
        if (added)
            vec_push(&h->labels, rest);
    }
    h->n = (uint32_t)h->labels.n;
    label_map_free(map);
}

static int compare_le(const void *a, const void *b, void *arg)
{
    const double *le = arg;
    double x = le[*(const uint32_t *)a], y = le[*(const uint32_t *)b];
    return (x > y) - (x < y);
}

static int list_members(struct histograms *h)
{
    struct block *b = query_block(h->q, ((size_t)h->n * 2 + 2) * sizeof(uint32_t));
    if (b == NULL)
        return -1;
    h->first = (uint32_t *)b->data;
    uint32_t *next = h->first + h->n + 1;
    for (uint32_t i = 0; i < h->in->s.n; i++) {
        if (h->of[i] != NO_HISTOGRAM)
            h->first[h->of[i] + 1]++;
    }
    for (uint32_t i = 0; i < h->n; i++) {
        next[i] = h->first[i];
        h->first[i + 1] += h->first[i];
    }
    for (uint32_t i = 0; i < h->in->s.n; i++) {
        if (h->of[i] != NO_HISTOGRAM)
            h->members[next[h->of[i]]++] = i;
    }
    for (uint32_t i = 0; i < h->n; i++)
        qsort_r(h->members + h->first[i], h->first[i + 1] - h->first[i], sizeof(*h->members),
                compare_le, h->le);
    must(h->first[0] == 0 && h->first[h->n] <= h->in->s.n);
    return 0;
}

static int find_histograms(struct histograms *h)
{
    uint32_t n = h->in->s.n;
    struct block *b = query_block(h->q, (size_t)n * (sizeof(double) + 2 * sizeof(uint32_t)) + 16);
    if (b == NULL)
        return -1;
    h->le = (double *)b->data;
    h->of = (uint32_t *)(h->le + n);
    h->members = h->of + n;
    assign(h);
    return list_members(h);
}

/* --- values --- */

static void add_repair(struct histograms *h, uint32_t histogram, const struct bucket_notes *notes,
                       int64_t t)
{
    struct str metric = labels_metric(&h->labels.at[histogram]);
    pthread_mutex_lock(&h->lock);
    struct repair *r = NULL;
    for (size_t i = 0; i < h->repairs.n && r == NULL; i++) {
        if (str_eq(h->repairs.at[i].metric, metric))
            r = &h->repairs.at[i];
    }
    if (r == NULL) {
        r = vec_add(&h->repairs);
        *r = (struct repair){metric, *notes, 0, t, t};
    }
    r->samples++;
    r->first_ms = t < r->first_ms ? t : r->first_ms;
    r->last_ms = t > r->last_ms ? t : r->last_ms;
    r->notes.min_le = fmin(r->notes.min_le, notes->min_le);
    r->notes.max_le = fmax(r->notes.max_le, notes->max_le);
    r->notes.max_diff = fmax(r->notes.max_diff, notes->max_diff);
    pthread_mutex_unlock(&h->lock);
}

static void histogram_step(struct histograms *h, uint32_t histogram, uint32_t step,
                           struct bucket *b, uint32_t n)
{
    double **out = h->out->columns + (size_t)histogram * (h->fraction ? 1 : h->n_params);
    if (h->fraction) {
        out[0][step] = histogram_fraction_buckets(h->param[0][step], h->param[1][step], b, n);
        return;
    }
    struct bucket_notes notes = {0};
    n = histogram_buckets_prepare(b, n, &notes);
    if (notes.forced_monotonic)
        add_repair(h, histogram, &notes, h->span.start_ms + (int64_t)step * h->span.step_ms);
    for (uint32_t i = 0; i < h->n_params; i++)
        out[i][step] = histogram_quantile_prepared(h->param[i][step], b, n);
}

static void histogram_tile(void *arg, struct worker *w, uint32_t from, uint32_t to)
{
    struct histograms *h = arg;
    for (uint32_t i = from; i < to; i++) {
        uint32_t n = h->first[i + 1] - h->first[i];
        const uint32_t *members = h->members + h->first[i];
        struct bucket *b = (struct bucket *)worker_column(w, h->slot, (size_t)n * 2);
        for (uint32_t step = 0; step < h->span.steps; step++) {
            uint32_t present = 0;
            for (uint32_t j = 0; j < n; j++) {
                double count = h->in->columns[members[j]][step];
                if (!is_stale(count))
                    b[present++] = (struct bucket){h->le[members[j]], count};
            }
            if (present > 0)
                histogram_step(h, i, step, b, present);
        }
    }
}

/* --- results --- */

/* As OpenMetrics writes numbers: 0.0, 0.25, 1.0 */
static struct str quantile_text(struct arena *a, double q)
{
    struct buf b = BUF_INIT(400);
    promql_format_value(&b, q);
    must(b.len > 0);
    bool plain =
        isfinite(q) && memchr(b.data, '.', b.len) == NULL && memchr(b.data, 'e', b.len) == NULL;
    if (plain)
        buf_puts(&b, ".0");
    struct str s = {arena_strndup(a, b.data, b.len), b.len};
    buf_done(&b);
    return s;
}

static int label_quantile(struct histograms *h, const struct labels *in, double quantile,
                          struct labels *out)
{
    struct labels_builder b = {0};
    struct labels l;
    labels_builder_from(&b, in);
    labels_builder_add(&b, h->label, quantile_text(h->q->arena, quantile));
    int rc = labels_builder_finish(&b, &l, NULL);
    if (rc == 0)
        *out = (struct labels){arena_memdup(h->q->arena, l.at, l.n * sizeof(*l.at)), l.n};
    else
        query_fail(h->q, ERR_INVALID, "label \"%.*s\" is there already", (int)h->label.n,
                   h->label.p);
    labels_builder_done(&b);
    return rc;
}

static int make_output(struct histograms *h)
{
    uint32_t each = h->fraction ? 1 : h->n_params;
    h->out = frame_new(h->q, h->n * each, h->span.steps);
    if (h->out == NULL)
        return -1;
    for (uint32_t i = 0; i < h->n; i++) {
        for (uint32_t j = 0; j < each; j++) {
            struct labels *l = &h->out->labels[i * each + j];
            if (h->label.n == 0)
                *l = h->labels.at[i];
            else if (label_quantile(h, &h->labels.at[i], h->param[j][0], l) != 0)
                return -1;
        }
    }
    return 0;
}

static void note_repairs(struct histograms *h)
{
    vec_each (&h->repairs, r) {
        struct buf b = BUF_INIT(8192);
        char time[RFC3339_SIZE];
        if (r->metric.n > 0 && h->q->delayed)
            buf_printf(&b, " for metric name \"%.*s\"", (int)r->metric.n, r->metric.p);
        buf_puts(&b, ", from buckets ");
        promql_format_value(&b, r->notes.min_le);
        buf_puts(&b, " to ");
        promql_format_value(&b, r->notes.max_le);
        buf_puts(&b, ", with a max diff of ");
        promql_format_value(&b, r->notes.max_diff);
        buf_printf(&b, ", over %" PRIu64 " samples from %s", r->samples,
                   time_format(r->first_ms, time));
        buf_printf(&b, " to %s", time_format(r->last_ms, time));
        note_info(h->q, h->at,
                  "input to histogram_quantile needed to be fixed for monotonicity (see "
                  "https://prometheus.io/docs/prometheus/latest/querying/functions/"
                  "#histogram_quantile)%s",
                  b.data);
        buf_done(&b);
    }
}

static void check_quantiles(struct histograms *h, uint32_t first_arg)
{
    for (uint32_t i = 0; i < h->n_params; i++) {
        for (uint32_t step = 0; step < h->span.steps; step++) {
            double v = h->param[i][step];
            if (v >= 0 && v <= 1)
                continue;
            struct buf b = BUF_INIT(400);
            promql_format_value(&b, v);
            note_warning(h->q, h->call->call.args[first_arg + i],
                         "quantile value should be between 0 and 1, got %s", b.data);
            buf_done(&b);
        }
    }
}

/* Scalars of the call, from argument `from` on. */
static int eval_params(struct histograms *h, uint32_t from, uint32_t to)
{
    for (uint32_t i = from; i < to; i++) {
        must(h->n_params < array_len(h->param));
        h->param[h->n_params] = eval_scalar(h->q, h->call->call.args[i], h->span);
        if (h->param[h->n_params++] == NULL)
            return -1;
    }
    return 0;
}

static int eval_args(struct histograms *h)
{
    const struct promql_node *n = h->call;
    must(n->call.n_args >= 2);
    if (n->call.fn->special == SPECIAL_HISTOGRAM_QUANTILES) {
        h->at = n->call.args[0];
        if (n->call.n_args - 2 > FUNCTION_ARGS_MAX)
            return query_fail(h->q, ERR_INVALID, "too many quantiles: got %u; want at most %d",
                              n->call.n_args - 2, FUNCTION_ARGS_MAX);
        if (eval_string(h->q, n->call.args[1], &h->label) != 0 ||
            eval_params(h, 2, n->call.n_args) != 0)
            return -1;
        check_quantiles(h, 2);
        return 0;
    }
    h->fraction = n->call.fn->special == SPECIAL_HISTOGRAM_FRACTION;
    uint32_t vector = h->fraction ? 2 : 1;
    h->at = n->call.args[vector];
    if (eval_params(h, 0, vector) != 0)
        return -1;
    if (!h->fraction)
        check_quantiles(h, 0);
    return 0;
}

static struct stream *evaluate(struct histograms *h)
{
    struct stream *s = eval_vector(h->q, h->at, h->span);
    h->in = s == NULL ? NULL : frame_of(h->q, s);
    if (h->in == NULL || find_histograms(h) != 0 || make_output(h) != 0)
        return NULL;
    query_tiles(h->q, h->n, 16, histogram_tile, h);
    if (query_failed(h->q))
        return NULL;
    note_repairs(h);
    h->out->s.names = h->in->s.names;
    stream_done(&h->in->s);
    frame_compact(h->out);
    return stream_nameless(h->q, &h->out->s, false);
}

int special_histogram(struct query *q, const struct promql_node *n, struct span span,
                      struct value *out)
{
    struct histograms h = {.q = q, .call = n, .span = span, .slot = query_slot(q)};
    pthread_mutex_init(&h.lock, NULL);
    *out = (struct value){.type = PROMQL_VECTOR};
    if (eval_args(&h) == 0)
        out->vector = evaluate(&h);
    vec_done(&h.labels);
    vec_done(&h.repairs);
    pthread_mutex_destroy(&h.lock);
    return out->vector == NULL ? -1 : 0;
}
