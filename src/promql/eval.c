/* Evaluation of nodes: what each kind is, what does not depend on the step (@) and is evaluated once, and the small streams that
 * change another one's shape. */
#include "promql/eval_priv.h"

/* --- what does not change from step to step --- */

static bool unsafe_with_at(const struct promql_function *fn)
{
    static const char *const names[] = {
        "days_in_month", "day_of_month", "day_of_week",    "day_of_year", "hour",     "minute",
        "month",         "year",         "predict_linear", "time",        "timestamp"};
    for (size_t i = 0; i < array_len(names); i++) {
        if (strcmp(fn->name, names[i]) == 0)
            return true;
    }
    return false;
}

bool node_invariant(const struct promql_node *n)
{
    switch (n->kind) {
    case NODE_NUMBER:
    case NODE_STRING:
        return true;
    case NODE_SELECTOR:
    case NODE_RANGE:
        return n->selector.when.at != AT_NONE;
    case NODE_SUBQUERY:
        return n->subquery.when.at != AT_NONE;
    case NODE_CALL:
        if (unsafe_with_at(n->call.fn))
            return false;
        for (uint32_t i = 0; i < n->call.n_args; i++) {
            if (!node_invariant(n->call.args[i]))
                return false;
        }
        return true;
    case NODE_AGGREGATE:
        return node_invariant(n->aggregate.expr); /* as Prometheus: not the parameter */
    case NODE_BINARY:
        return node_invariant(n->binary.left) && node_invariant(n->binary.right);
    case NODE_UNARY:
        return node_invariant(n->unary.expr);
    case NODE_PAREN:
        return node_invariant(n->paren);
    case NODE_DURATION:
        break;
    }
    return false;
}

const struct promql_node *node_bare(const struct promql_node *n)
{
    while (n->kind == NODE_PAREN)
        n = n->paren;
    return n;
}

/* --- durations --- */

int eval_duration(struct query *q, const struct promql_duration *d, bool negative_ok, int64_t *ms)
{
    struct err err;
    err_clear(&err);
    int64_t step = q->req->range ? q->req->step_ms : 0;
    if (promql_duration_ms(d, step, q->end_ms - q->span.start_ms, ms, &err) != 0)
        return query_fail_err(q, &err);
    if (*ms <= 0 && !negative_ok)
        return query_fail(q, ERR_INVALID, "duration must be greater than 0");
    return 0;
}

int eval_when(struct query *q, const struct promql_when *w, struct span span, struct span *out)
{
    int64_t offset;
    if (eval_duration(q, &w->offset, true, &offset) != 0)
        return -1;
    *out = span;
    switch (w->at) {
    case AT_NONE:
        break;
    case AT_TIME:
        out->start_ms = w->at_ms;
        break;
    case AT_START:
        out->start_ms = q->span.start_ms;
        break;
    case AT_END:
        out->start_ms = q->end_ms;
        break;
    }
    if (w->at != AT_NONE)
        out->step_ms = 0;
    out->start_ms -= offset;
    return 0;
}

/* --- streams around a stream --- */

struct wrap {
    struct stream s;
    struct stream *in;
    const double *one; /* of stream_of_column */
};

static const double *wrap_column(struct stream *s, struct worker *w, uint32_t i, double *out)
{
    struct stream *in = ((struct wrap *)s)->in;
    return in->ops->column(in, w, i, out);
}

static struct labels wrap_labels(struct stream *s, uint32_t i, struct arena *a)
{
    struct stream *in = ((struct wrap *)s)->in;
    return in->ops->labels(in, i, a);
}

static struct str wrap_label(struct stream *s, uint32_t i, struct str name)
{
    struct stream *in = ((struct wrap *)s)->in;
    return in->ops->label(in, i, name);
}

static void wrap_done(struct stream *s)
{
    stream_done(((struct wrap *)s)->in);
}

static struct wrap *wrap_new(struct query *q, struct stream *in, const struct stream_ops *ops)
{
    struct wrap *w = arena_new_of(q->arena, struct wrap);
    w->s = *in;
    w->s.ops = ops;
    w->in = in;
    return w;
}

static struct labels nameless_labels(struct stream *s, uint32_t i, struct arena *a)
{
    struct labels l = wrap_labels(s, i, a);
    return labels_without_meta(&l, a);
}

static struct str nameless_label(struct stream *s, uint32_t i, struct str name)
{
    return label_is_meta(name) ? (struct str){"", 0} : wrap_label(s, i, name);
}

static const struct stream_ops nameless_ops = {
    .column = wrap_column,
    .labels = nameless_labels,
    .label = nameless_label,
    .done = wrap_done,
};

struct stream *stream_nameless(struct query *q, struct stream *s, bool strict)
{
    if (q->delayed) {
        s->drop = true;
        s->drops = NULL;
        return s;
    }
    if (s->names == NAMES_NONE)
        return s;
    struct wrap *w = wrap_new(q, s, &nameless_ops);
    w->s.names = NAMES_NONE;
    if (s->names == NAMES_ONE)
        return &w->s;
    struct frame *f = frame_of(q, &w->s);
    if (f == NULL || frame_unique(f, strict) != 0)
        return NULL;
    f->s.names = NAMES_NONE;
    return &f->s;
}

static const double *negate_column(struct stream *s, struct worker *w, uint32_t i, double *out)
{
    const double *in = wrap_column(s, w, i, out);
    if (in == NULL)
        return NULL;
    for (uint32_t k = 0; k < s->steps; k++)
        out[k] = is_stale(in[k]) ? in[k] : -in[k];
    return out;
}

static const struct stream_ops negate_ops = {
    .column = negate_column,
    .labels = wrap_labels,
    .label = wrap_label,
    .done = wrap_done,
};

static const double *repeat_column(struct stream *s, struct worker *w, uint32_t i, double *out)
{
    double first;
    const double *in = ((struct wrap *)s)->in->ops->column(((struct wrap *)s)->in, w, i, &first);
    if (in == NULL)
        return NULL;
    column_fill(out, s->steps, in[0]);
    return out;
}

/* One value a series, at every step. */
static const struct stream_ops repeat_ops = {
    .column = repeat_column,
    .labels = wrap_labels,
    .label = wrap_label,
    .done = wrap_done,
};

static const double *one_column(struct stream *s, struct worker *w, uint32_t i, double *out)
{
    return ((struct wrap *)s)->one;
}

static struct labels no_labels(struct stream *s, uint32_t i, struct arena *a)
{
    return (struct labels){0};
}

static struct str no_label(struct stream *s, uint32_t i, struct str name)
{
    return (struct str){"", 0};
}

static const struct stream_ops one_ops = {
    .column = one_column,
    .labels = no_labels,
    .label = no_label,
};

struct stream *stream_of_column(struct query *q, const double *column, uint32_t steps)
{
    struct wrap *w = arena_new_of(q->arena, struct wrap);
    w->s = (struct stream){.ops = &one_ops, .n = 1, .steps = steps};
    w->one = column;
    return &w->s;
}

struct stream *stream_none(struct query *q, uint32_t steps)
{
    struct stream *s = stream_of_column(q, NULL, steps);
    s->n = 0;
    return s;
}

double *query_column(struct query *q, uint32_t steps)
{
    struct block *b = query_block(q, (size_t)steps * sizeof(double));
    return b == NULL ? NULL : (double *)b->data;
}

int value_of_number(struct query *q, double x, struct span span, struct value *out)
{
    double *v = query_column(q, span.steps);
    if (v == NULL)
        return -1;
    column_fill(v, span.steps, x);
    *out = (struct value){.type = PROMQL_SCALAR, .scalar = v};
    return 0;
}

/* --- nodes --- */

static int eval_unary(struct query *q, const struct promql_node *n, struct span span,
                      struct value *out)
{
    struct value v;
    if (eval_node(q, n->unary.expr, span, &v) != 0)
        return -1;
    *out = v;
    if (n->unary.op != OP_SUB)
        return 0;
    if (v.type == PROMQL_SCALAR) {
        double *column = query_column(q, span.steps);
        for (uint32_t i = 0; column != NULL && i < span.steps; i++)
            column[i] = -v.scalar[i];
        out->scalar = column;
        return column == NULL ? -1 : 0;
    }
    out->vector = stream_nameless(q, &wrap_new(q, v.vector, &negate_ops)->s, false);
    return out->vector == NULL ? -1 : 0;
}

static int eval_kind(struct query *q, const struct promql_node *n, struct span span,
                     struct value *out)
{
    switch (n->kind) {
    case NODE_NUMBER:
        return value_of_number(q, n->number, span, out);
    case NODE_STRING:
        *out = (struct value){.type = PROMQL_STRING, .string = n->string};
        return 0;
    case NODE_SELECTOR:
        *out = (struct value){.type = PROMQL_VECTOR, .vector = eval_selector(q, n, span, false)};
        return out->vector == NULL ? -1 : 0;
    case NODE_CALL:
        return eval_call(q, n, span, out);
    case NODE_AGGREGATE:
        return eval_aggregate(q, n, span, out);
    case NODE_BINARY:
        return eval_binary(q, n, span, out);
    case NODE_UNARY:
        return eval_unary(q, n, span, out);
    case NODE_PAREN:
        return eval_node(q, n->paren, span, out);
    case NODE_RANGE:
    case NODE_SUBQUERY:
    case NODE_DURATION:
        break;
    }
    return query_fail(q, ERR_INTERNAL, "cannot evaluate %s here", promql_type_words(n->type));
}

/* The value of one step, at every step of the span. */
static int repeat(struct query *q, struct value *v, uint32_t steps)
{
    if (v->type == PROMQL_SCALAR) {
        double *column = query_column(q, steps);
        if (column == NULL)
            return -1;
        column_fill(column, steps, v->scalar[0]);
        v->scalar = column;
    } else if (v->type == PROMQL_VECTOR) {
        struct frame *f = frame_of(q, v->vector);
        if (f == NULL)
            return -1;
        struct wrap *w = wrap_new(q, &f->s, &repeat_ops);
        w->s.steps = steps;
        v->vector = &w->s;
    }
    return 0;
}

static int eval_once_or_stepwise(struct query *q, const struct promql_node *n, struct span span,
                                 struct value *out)
{
    bool plain = n->kind == NODE_NUMBER || n->kind == NODE_STRING || n->kind == NODE_PAREN;
    if (span.steps <= 1 || plain || !node_invariant(n))
        return eval_kind(q, n, span, out);
    struct span once = {span.start_ms, span.step_ms, 1};
    if (eval_kind(q, n, once, out) != 0)
        return -1;
    return repeat(q, out, span.steps);
}

int eval_node(struct query *q, const struct promql_node *n, struct span span, struct value *out)
{
    check_magic(q, QUERY_MAGIC);
    if (query_stopped(q, true))
        return -1;
    if (q->stats == NULL)
        return eval_once_or_stepwise(q, n, span, out);
    stats_enter(q, n);
    int rc = eval_once_or_stepwise(q, n, span, out);
    stats_leave(q, n, rc == 0 ? out : NULL);
    return rc;
}

struct stream *eval_vector(struct query *q, const struct promql_node *n, struct span span)
{
    struct value v;
    if (eval_node(q, n, span, &v) != 0)
        return NULL;
    must(v.type == PROMQL_VECTOR);
    return v.vector;
}

const double *eval_scalar(struct query *q, const struct promql_node *n, struct span span)
{
    struct value v;
    if (eval_node(q, n, span, &v) != 0)
        return NULL;
    must(v.type == PROMQL_SCALAR);
    return v.scalar;
}

int eval_string(struct query *q, const struct promql_node *n, struct str *out)
{
    n = node_bare(n);
    if (n->kind != NODE_STRING)
        return query_fail(q, ERR_INVALID, "want a string literal");
    *out = n->string;
    return 0;
}
