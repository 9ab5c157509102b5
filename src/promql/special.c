/* Functions that the engine does itself: of time, of presence, and the way to the larger ones (special_*.c). */
#include "promql/eval_priv.h"

#include <math.h>

static int special_time(struct query *q, struct span span, struct value *out)
{
    double *v = query_column(q, span.steps);
    if (v == NULL)
        return -1;
    for (uint32_t i = 0; i < span.steps; i++)
        v[i] = (double)(span.start_ms + (int64_t)i * span.step_ms) / 1000;
    *out = (struct value){.type = PROMQL_SCALAR, .scalar = v};
    return 0;
}

/* scalar(): the value of the only series, NaN where there are none or several. */
static int special_scalar(struct query *q, const struct promql_node *n, struct span span,
                          struct value *out)
{
    struct stream *s = eval_vector(q, n->call.args[0], span);
    struct frame *f = s == NULL ? NULL : frame_of(q, s);
    double *v = f == NULL ? NULL : query_column(q, span.steps);
    if (v == NULL)
        return -1;
    for (uint32_t k = 0; k < span.steps; k++) {
        uint32_t present = 0;
        v[k] = f64_from_bits(NORMAL_NAN_BITS);
        for (uint32_t i = 0; i < f->s.n && present < 2; i++) {
            if (is_stale(f->columns[i][k]))
                continue;
            v[k] = present++ == 0 ? f->columns[i][k] : f64_from_bits(NORMAL_NAN_BITS);
        }
    }
    stream_done(&f->s);
    *out = (struct value){.type = PROMQL_SCALAR, .scalar = v};
    return 0;
}

static int special_vector(struct query *q, const struct promql_node *n, struct span span,
                          struct value *out)
{
    const double *v = eval_scalar(q, n->call.args[0], span);
    if (v == NULL)
        return -1;
    *out = (struct value){.type = PROMQL_VECTOR, .vector = stream_of_column(q, v, span.steps)};
    return 0;
}

/* timestamp(): of a selector the samples' own times, of anything else the times of evaluation. */
static int special_timestamp(struct query *q, const struct promql_node *n, struct span span,
                             struct value *out)
{
    const struct promql_node *arg = node_bare(n->call.args[0]);
    *out = (struct value){.type = PROMQL_VECTOR};
    if (arg->kind == NODE_SELECTOR) {
        struct stream *s = eval_selector(q, arg, span, true);
        out->vector = s == NULL ? NULL : stream_nameless(q, s, false);
        return out->vector == NULL ? -1 : 0;
    }
    struct stream *s = eval_vector(q, arg, span);
    struct frame *f = s == NULL ? NULL : frame_of(q, s);
    if (f == NULL)
        return -1;
    for (uint32_t i = 0; i < f->s.n; i++) {
        for (uint32_t k = 0; k < span.steps; k++) {
            if (!is_stale(f->columns[i][k]))
                f->columns[i][k] = (double)(span.start_ms + (int64_t)k * span.step_ms) / 1000;
        }
    }
    out->vector = stream_nameless(q, &f->s, false);
    return out->vector == NULL ? -1 : 0;
}

/* --- absence --- */

/* The labels that an absent series would have: those that = matchers name, once each. */
static struct labels absent_labels(struct query *q, const struct promql_node *arg)
{
    struct labels_builder b = {0};
    struct labels out = {0};
    arg = node_bare(arg);
    bool selector = arg->kind == NODE_SELECTOR || arg->kind == NODE_RANGE;
    for (size_t i = 0; selector && i < arg->selector.n_matchers; i++) {
        const struct matcher *m = arg->selector.matchers[i];
        bool again = false;
        for (size_t j = 0; j < arg->selector.n_matchers && !again; j++)
            again = j != i && str_eq(matcher_name(arg->selector.matchers[j]), matcher_name(m));
        if (!again && matcher_op(m) == MATCH_EQ && !str_eqz(matcher_name(m), LABEL_METRIC_NAME))
            labels_builder_add(&b, matcher_name(m), matcher_value(m));
    }
    must(labels_builder_finish(&b, &out, NULL) == 0);
    out = labels_dup(q->arena, &out);
    labels_builder_done(&b);
    return out;
}

struct presence {
    struct stream *s;
    atomic_bool *any; /* by step */
    uint32_t slot;
};

static void presence_tile(void *arg, struct worker *w, uint32_t from, uint32_t to)
{
    struct presence *p = arg;
    uint32_t steps = p->s->steps;
    double *out = worker_column(w, p->slot, steps);
    for (uint32_t i = from; i < to; i++) {
        const double *v = p->s->ops->column(p->s, w, i, out);
        for (uint32_t k = 0; v != NULL && k < steps; k++) {
            if (!is_stale(v[k]))
                atomic_store_explicit(&p->any[k], true, memory_order_relaxed);
        }
    }
}

static int absence(struct query *q, struct stream *s, const struct promql_node *arg,
                   struct value *out)
{
    struct block *b = query_block(q, s->steps * sizeof(atomic_bool) + 1);
    if (b == NULL)
        return -1;
    struct presence p = {s, (atomic_bool *)b->data, query_slot(q)};
    query_tiles(q, s->n, tile_of(s->steps), presence_tile, &p);
    stream_done(s);
    struct frame *f = query_failed(q) ? NULL : frame_new(q, 1, s->steps);
    if (f == NULL)
        return -1;
    f->labels[0] = absent_labels(q, arg);
    for (uint32_t k = 0; k < s->steps; k++)
        f->columns[0][k] = atomic_load(&p.any[k]) ? ABSENT : 1;
    frame_compact(f);
    *out = (struct value){.type = PROMQL_VECTOR, .vector = &f->s};
    return 0;
}

int special_absent(struct query *q, const struct promql_node *n, struct span span,
                   struct value *out)
{
    const struct promql_node *arg = n->call.args[0];
    struct stream *s =
        n->call.fn->special == SPECIAL_ABSENT
            ? eval_vector(q, arg, span)
            : range_stream_new(q, n, promql_function_get(STR("present_over_time")), span);
    return s == NULL ? -1 : absence(q, s, arg, out);
}

/* Functions of native histograms: of floats there is nothing. */
static int special_nothing(struct query *q, const struct promql_node *n, struct span span,
                           struct value *out)
{
    struct stream *s = eval_vector(q, n->call.args[0], span);
    if (s == NULL)
        return -1;
    stream_done(s);
    *out = (struct value){.type = PROMQL_VECTOR, .vector = stream_none(q, span.steps)};
    return 0;
}

int eval_special(struct query *q, const struct promql_node *n, struct span span, struct value *out)
{
    switch (n->call.fn->special) {
    case SPECIAL_ABSENT:
    case SPECIAL_ABSENT_OVER_TIME:
        return special_absent(q, n, span, out);
    case SPECIAL_HISTOGRAM_QUANTILE:
    case SPECIAL_HISTOGRAM_QUANTILES:
    case SPECIAL_HISTOGRAM_FRACTION:
        return special_histogram(q, n, span, out);
    case SPECIAL_HISTOGRAM_NATIVE:
    case SPECIAL_START_TIMESTAMP:
        return special_nothing(q, n, span, out);
    case SPECIAL_INFO:
        return special_info(q, n, span, out);
    case SPECIAL_LABEL_JOIN:
    case SPECIAL_LABEL_REPLACE:
        return special_label(q, n, span, out);
    case SPECIAL_PI:
        return value_of_number(q, M_PI, span, out);
    case SPECIAL_SCALAR:
        return special_scalar(q, n, span, out);
    case SPECIAL_SORT:
    case SPECIAL_SORT_DESC:
    case SPECIAL_SORT_BY_LABEL:
    case SPECIAL_SORT_BY_LABEL_DESC:
        return special_sort(q, n, span, out);
    case SPECIAL_TIME:
        return special_time(q, span, out);
    case SPECIAL_TIMESTAMP:
        return special_timestamp(q, n, span, out);
    case SPECIAL_VECTOR:
        return special_vector(q, n, span, out);
    case SPECIAL_START:
        return value_of_number(q, (double)q->span.start_ms / 1000, span, out);
    case SPECIAL_END:
        return value_of_number(q, (double)q->end_ms / 1000, span, out);
    case SPECIAL_RANGE:
        return value_of_number(q, (double)(q->end_ms - q->span.start_ms) / 1000, span, out);
    case SPECIAL_STEP:
        return value_of_number(q, q->req->range ? (double)q->req->step_ms / 1000 : 0, span, out);
    case SPECIAL_NONE:
        break;
    }
    return query_fail(q, ERR_INTERNAL, "function %s is not built in", n->call.fn->name);
}
