/* Binary operators: of numbers, of a vector and a scalar; between two vectors see binary_match.c and binary_set.c. */
#include "promql/eval_priv.h"

#include <math.h>

#include "promql/func_math.h"

#include "promql/func_math.h"

bool op_compares(enum promql_op op)
{
    return op >= OP_EQ && op <= OP_GE;
}

bool op_is_set(enum promql_op op)
{
    return op == OP_AND || op == OP_OR || op == OP_UNLESS;
}

bool op_holds(enum promql_op op, double a, double b)
{
    switch (op) {
    case OP_EQ:
        return a == b;
    case OP_NE:
        return a != b;
    case OP_LT:
        return a < b;
    case OP_GT:
        return a > b;
    case OP_LE:
        return a <= b;
    case OP_GE:
        return a >= b;
    default:
        break;
    }
    must(op_compares(op));
    return false;
}

double op_apply(enum promql_op op, double a, double b)
{
    switch (op) {
    case OP_ADD:
        return a + b;
    case OP_SUB:
        return a - b;
    case OP_MUL:
        return a * b;
    case OP_DIV:
        return a / b;
    case OP_MOD:
        return fmod(a, b);
    case OP_POW:
        return math_pow(a, b);
    case OP_ATAN2:
        return math_atan2(a, b);
    default:
        return op_holds(op, a, b) ? 1 : 0;
    }
}

/* --- a vector and a scalar --- */

struct scalar_stream {
    struct stream s;
    struct stream *in;
    enum promql_op op;
    bool swapped; /* the scalar stands on the left */
    bool as_bool;
    const double *scalar;
};

#define EACH_VALUE(expr)                             \
    for (uint32_t k = 0; k < n; k++) {               \
        double x = in[k], a = s->swapped ? y[k] : x; \
        double b = s->swapped ? x : y[k];            \
        out[k] = is_stale(x) ? absent : (expr);      \
    }

static void arithmetic(const struct scalar_stream *s, const double *in, double *out, uint32_t n)
{
    const double *y = s->scalar, absent = ABSENT;
    switch (s->op) {
    case OP_ADD:
        EACH_VALUE(a + b) break;
    case OP_SUB:
        EACH_VALUE(a - b) break;
    case OP_MUL:
        EACH_VALUE(a * b) break;
    case OP_DIV:
        EACH_VALUE(a / b) break;
    default:
        EACH_VALUE(op_apply(s->op, a, b)) break;
    }
}

static void comparison(const struct scalar_stream *s, const double *in, double *out, uint32_t n)
{
    const double *y = s->scalar, absent = ABSENT;
    for (uint32_t k = 0; k < n; k++) {
        double x = in[k];
        bool holds = s->swapped ? op_holds(s->op, y[k], x) : op_holds(s->op, x, y[k]);
        if (is_stale(x) || (!holds && !s->as_bool))
            out[k] = absent;
        else
            out[k] = s->as_bool ? (double)holds : x;
    }
}

static const double *scalar_column(struct stream *stream, struct worker *w, uint32_t i, double *out)
{
    struct scalar_stream *s = (struct scalar_stream *)stream;
    const double *in = s->in->ops->column(s->in, w, i, out);
    if (in == NULL)
        return NULL;
    if (op_compares(s->op))
        comparison(s, in, out, stream->steps);
    else
        arithmetic(s, in, out, stream->steps);
    return out;
}

static struct labels scalar_labels(struct stream *s, uint32_t i, struct arena *a)
{
    struct stream *in = ((struct scalar_stream *)s)->in;
    return in->ops->labels(in, i, a);
}

static struct str scalar_label(struct stream *s, uint32_t i, struct str name)
{
    struct stream *in = ((struct scalar_stream *)s)->in;
    return in->ops->label(in, i, name);
}

static void scalar_done(struct stream *s)
{
    stream_done(((struct scalar_stream *)s)->in);
}

static const struct stream_ops scalar_ops = {
    .column = scalar_column,
    .labels = scalar_labels,
    .label = scalar_label,
    .done = scalar_done,
};

static struct stream *with_scalar(struct query *q, const struct promql_node *n, struct stream *in,
                                  const double *scalar, bool swapped)
{
    must(in != NULL && scalar != NULL && !op_is_set(n->binary.op));
    struct scalar_stream *s = arena_new_of(q->arena, struct scalar_stream);
    s->s = *in;
    s->s.ops = &scalar_ops;
    s->in = in;
    s->op = n->binary.op;
    s->swapped = swapped;
    s->as_bool = n->binary.return_bool;
    s->scalar = scalar;
    bool keeps = op_compares(s->op) && !s->as_bool;
    return keeps ? &s->s : stream_nameless(q, &s->s, false);
}

/* --- by types --- */

static int scalars(struct query *q, const struct promql_node *n, const double *a, const double *b,
                   uint32_t steps, struct value *out)
{
    double *column = query_column(q, steps);
    if (column == NULL)
        return -1;
    for (uint32_t k = 0; k < steps; k++)
        column[k] = op_apply(n->binary.op, a[k], b[k]);
    *out = (struct value){.type = PROMQL_SCALAR, .scalar = column};
    return 0;
}

static struct stream *vectors(struct query *q, const struct promql_node *n, struct stream *left,
                              struct stream *right)
{
    struct frame *l = frame_of(q, left);
    struct frame *r = l == NULL ? NULL : frame_of(q, right);
    if (r == NULL)
        return NULL;
    return op_is_set(n->binary.op) ? binary_set(q, n, l, r) : binary_match(q, n, l, r);
}

int eval_binary(struct query *q, const struct promql_node *n, struct span span, struct value *out)
{
    must(n->kind == NODE_BINARY);
    struct value l, r;
    if (eval_node(q, n->binary.left, span, &l) != 0 || eval_node(q, n->binary.right, span, &r) != 0)
        return -1;
    enum promql_op op = n->binary.op;
    *out = (struct value){.type = PROMQL_VECTOR};
    if (op == OP_TRIM_UPPER || op == OP_TRIM_LOWER) {
        const char *text = promql_op_text(op);
        note_info(q, n,
                  "incompatible sample types encountered for binary operator \"%s\": float %s "
                  "float",
                  text, text);
        out->vector = stream_none(q, span.steps);
        return 0;
    }
    if (l.type == PROMQL_SCALAR && r.type == PROMQL_SCALAR)
        return scalars(q, n, l.scalar, r.scalar, span.steps, out);
    if (r.type == PROMQL_SCALAR)
        out->vector = with_scalar(q, n, l.vector, r.scalar, false);
    else if (l.type == PROMQL_SCALAR)
        out->vector = with_scalar(q, n, r.vector, l.scalar, true);
    else
        out->vector = vectors(q, n, l.vector, r.vector);
    return out->vector == NULL ? -1 : 0;
}
