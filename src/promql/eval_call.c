/* Calls: functions of values, elementwise over columns, and the way to the other kinds. */
#include "promql/eval_priv.h"

struct values_stream {
    struct stream s;
    struct stream *in;
    value_fn *fn;
    uint32_t n_args;
    const double *arg[FUNCTION_ARGS_MAX]; /* [0] is the column of the series */
};

static const double *values_column(struct stream *s, struct worker *w, uint32_t i, double *out)
{
    struct values_stream *v = (struct values_stream *)s;
    const double *in = v->in->ops->column(v->in, w, i, out);
    if (in == NULL)
        return NULL;
    struct value_call c = {.n = s->steps, .out = out};
    for (uint32_t k = 1; k < v->n_args; k++)
        c.arg[k] = v->arg[k];
    c.arg[0] = in;
    v->fn(&c);
    return out;
}

static struct labels values_labels(struct stream *s, uint32_t i, struct arena *a)
{
    struct stream *in = ((struct values_stream *)s)->in;
    return in->ops->labels(in, i, a);
}

static struct str values_label(struct stream *s, uint32_t i, struct str name)
{
    struct stream *in = ((struct values_stream *)s)->in;
    return in->ops->label(in, i, name);
}

static void values_done(struct stream *s)
{
    stream_done(((struct values_stream *)s)->in);
}

static const struct stream_ops values_ops = {
    .column = values_column,
    .labels = values_labels,
    .label = values_label,
    .done = values_done,
};

/* Evaluation times in seconds. */
static double *time_column(struct query *q, struct span span)
{
    double *v = query_column(q, span.steps);
    for (uint32_t i = 0; v != NULL && i < span.steps; i++)
        v[i] = (double)(span.start_ms + (int64_t)i * span.step_ms) / 1000;
    return v;
}

/* min_of(2, 3): scalars all through. */
static int eval_scalars(struct query *q, const struct promql_node *n, struct span span,
                        struct value *out)
{
    struct value_call c = {.n = span.steps, .out = query_column(q, span.steps)};
    if (c.out == NULL)
        return -1;
    for (uint32_t i = 0; i < n->call.n_args; i++) {
        c.arg[i] = eval_scalar(q, n->call.args[i], span);
        if (c.arg[i] == NULL)
            return -1;
    }
    n->call.fn->value(&c);
    *out = (struct value){.type = PROMQL_SCALAR, .scalar = c.out};
    return 0;
}

static int eval_values(struct query *q, const struct promql_node *n, struct span span,
                       struct value *out)
{
    const struct promql_function *fn = n->call.fn;
    must(n->call.n_args <= FUNCTION_ARGS_MAX);
    if (fn->result == PROMQL_SCALAR)
        return eval_scalars(q, n, span, out);
    struct values_stream *v = arena_new_of(q->arena, struct values_stream);
    v->fn = fn->value;
    v->n_args = n->call.n_args;
    if (n->call.n_args == 0) {
        const double *times = time_column(q, span);
        v->in = times == NULL ? NULL : stream_of_column(q, times, span.steps);
    } else {
        v->in = eval_vector(q, n->call.args[0], span);
    }
    if (v->in == NULL)
        return -1;
    for (uint32_t i = 1; i < n->call.n_args; i++) {
        v->arg[i] = eval_scalar(q, n->call.args[i], span);
        if (v->arg[i] == NULL)
            return -1;
    }
    v->s = *v->in;
    v->s.ops = &values_ops;
    *out = (struct value){.type = PROMQL_VECTOR, .vector = &v->s};
    if (!fn->keeps_name)
        out->vector = stream_nameless(q, &v->s, false);
    return out->vector == NULL ? -1 : 0;
}

int eval_call(struct query *q, const struct promql_node *n, struct span span, struct value *out)
{
    must(n->kind == NODE_CALL && n->call.fn != NULL);
    switch (n->call.fn->kind) {
    case EVAL_RANGE:
        return eval_range_call(q, n, span, out);
    case EVAL_VALUES:
        return eval_values(q, n, span, out);
    case EVAL_SPECIAL:
        break;
    }
    return eval_special(q, n, span, out);
}
