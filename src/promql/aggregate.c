/* Aggregations: which group each series belongs to, by a few label look-ups instead of whole label sets, and the way to what the
 * operator does. */
#include "promql/eval_priv.h"

#include <math.h>

/* --- groups --- */

static struct label_choice choice_of(const struct promql_node *n)
{
    return (struct label_choice){n->aggregate.labels, n->aggregate.n_labels, n->aggregate.without};
}

struct labels group_labels(const struct promql_node *n, const struct labels *l, struct arena *a)
{
    struct label_choice c = choice_of(n);
    return labels_choose(&c, l, a);
}

int groups_make(struct query *q, const struct promql_node *n, struct stream *s, struct groups *g)
{
    must(n->kind == NODE_AGGREGATE);
    *g = (struct groups){0};
    if (s->n == 0)
        return 0;
    struct block *of = query_block(q, s->n * sizeof(uint32_t));
    if (of == NULL)
        return -1;
    g->of = (uint32_t *)of->data;
    if (n->aggregate.n_labels == 0 && !n->aggregate.without) {
        g->n = 1;
        g->labels = arena_array_of(q->arena, struct labels, 1);
        return 0;
    }
    struct label_choice choice = choice_of(n);
    struct label_keys keys;
    if (label_keys_open(q, &keys) != 0 || label_keys_number(q, &keys, &choice, s, g->of) != 0) {
        label_keys_close(&keys);
        return -1;
    }
    g->n = (uint32_t)keys.firsts.n;
    g->labels = arena_array_of(q->arena, struct labels, g->n + 1);
    for (uint32_t i = 0; i < g->n; i++) {
        struct labels l = s->ops->labels(s, keys.firsts.at[i], q->arena);
        g->labels[i] = labels_choose(&choice, &l, q->arena);
    }
    label_keys_close(&keys);
    return 0;
}

struct frame *group_frame(struct query *q, const struct groups *g, uint32_t steps)
{
    struct frame *f = frame_new(q, g->n, steps);
    for (uint32_t i = 0; f != NULL && i < g->n; i++)
        f->labels[i] = g->labels[i];
    return f;
}

/* --- parameters --- */

static void format_f64(struct buf *b, double v)
{
    buf_clear(b);
    promql_format_value(b, v);
}

/* Checks as Prometheus does, over all steps, whatever the input. */
static int check_k(struct query *q, const double *k, uint32_t steps)
{
    double max = -INFINITY, min = INFINITY;
    for (uint32_t i = 0; i < steps; i++) {
        if (isnan(k[i]))
            return query_fail(q, ERR_INVALID, "Parameter value is NaN");
        max = k[i] > max ? k[i] : max;
        min = k[i] < min ? k[i] : min;
    }
    if (steps > 0 && (max >= 0x1p63 || min <= -0x1p63)) {
        struct buf b = BUF_INIT(400);
        format_f64(&b, max >= 0x1p63 ? max : min);
        query_fail(q, ERR_INVALID, "Scalar value %s %s int64", b.data,
                   max >= 0x1p63 ? "overflows" : "underflows");
        buf_done(&b);
        return -1;
    }
    return 0;
}

static int check_ratio(struct query *q, const struct promql_node *n, const double *r,
                       uint32_t steps)
{
    double max = -INFINITY, min = INFINITY;
    for (uint32_t i = 0; i < steps; i++) {
        if (isnan(r[i]))
            return query_fail(q, ERR_INVALID, "Ratio value is NaN");
        max = r[i] > max ? r[i] : max;
        min = r[i] < min ? r[i] : min;
    }
    struct buf b = BUF_INIT(400);
    if (max > 1) {
        format_f64(&b, max);
        note_warning(q, n->aggregate.param,
                     "ratio value should be between -1 and 1, got %s, capping to 1", b.data);
    }
    if (min < -1) {
        format_f64(&b, min);
        note_warning(q, n->aggregate.param,
                     "ratio value should be between -1 and 1, got %s, capping to -1", b.data);
    }
    buf_done(&b);
    return 0;
}

static void check_quantile(struct query *q, const struct promql_node *n, const double *v,
                           uint32_t steps)
{
    for (uint32_t i = 0; i < steps; i++) {
        if (v[i] >= 0 && v[i] <= 1)
            continue;
        struct buf b = BUF_INIT(400);
        promql_format_value(&b, v[i]);
        note_warning(q, n->aggregate.param, "quantile value should be between 0 and 1, got %s",
                     b.data);
        buf_done(&b);
    }
}

/* --- operators --- */

static struct stream *aggregate(struct query *q, const struct promql_node *n, struct stream *s,
                                const struct groups *g, const double *param)
{
    switch (n->aggregate.op) {
    case AGG_SUM:
    case AGG_AVG:
    case AGG_COUNT:
    case AGG_MIN:
    case AGG_MAX:
    case AGG_GROUP:
        return aggregate_fold(q, n, s, g);
    case AGG_STDDEV:
    case AGG_STDVAR:
        return aggregate_moments(q, n, s, g);
    case AGG_TOPK:
    case AGG_BOTTOMK:
        return aggregate_top(q, n, s, g, param);
    case AGG_QUANTILE:
        return aggregate_quantile(q, n, s, g, param);
    case AGG_LIMITK:
    case AGG_LIMIT_RATIO:
        return aggregate_limit(q, n, s, g, param);
    case AGG_COUNT_VALUES:
        break;
    }
    must(n->aggregate.op != AGG_COUNT_VALUES);
    return NULL;
}

static const double *eval_param(struct query *q, const struct promql_node *n, struct span span)
{
    const double *v = eval_scalar(q, n->aggregate.param, span);
    if (v == NULL)
        return NULL;
    int rc = 0;
    if (n->aggregate.op == AGG_QUANTILE)
        check_quantile(q, n, v, span.steps);
    else if (n->aggregate.op == AGG_LIMIT_RATIO)
        rc = check_ratio(q, n, v, span.steps);
    else
        rc = check_k(q, v, span.steps);
    return rc == 0 ? v : NULL;
}

static struct stream *count_values(struct query *q, const struct promql_node *n, struct span span)
{
    struct str label;
    if (eval_string(q, n->aggregate.param, &label) != 0)
        return NULL;
    if (label.n == 0 || !utf8_valid(label.p, label.n)) {
        query_fail(q, ERR_INVALID, "invalid label name \"%.*s\"", (int)label.n, label.p);
        return NULL;
    }
    struct stream *s = eval_vector(q, n->aggregate.expr, span);
    return s == NULL ? NULL : aggregate_values(q, n, s, label);
}

int eval_aggregate(struct query *q, const struct promql_node *n, struct span span,
                   struct value *out)
{
    *out = (struct value){.type = PROMQL_VECTOR};
    if (n->aggregate.op == AGG_COUNT_VALUES) {
        out->vector = count_values(q, n, span);
        return out->vector == NULL ? -1 : 0;
    }
    const double *param = NULL;
    if (n->aggregate.param != NULL) {
        param = eval_param(q, n, span);
        if (param == NULL)
            return -1;
    }
    struct stream *s = eval_vector(q, n->aggregate.expr, span);
    struct groups g;
    if (s == NULL || groups_make(q, n, s, &g) != 0)
        return -1;
    out->vector = aggregate(q, n, s, &g, param);
    return out->vector == NULL ? -1 : 0;
}
