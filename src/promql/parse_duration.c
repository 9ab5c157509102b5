/* Spans of time in brackets and behind offset: a literal, or (experimental) an expression over literals, step(), range(),
 * min_of() and max_of(). */
#include "promql/parse_priv.h"

#include <math.h>

#define SECONDS_MAX ((double)(INT64_MAX / 1000000000))

/* What an unexpected token is told with while one span is read. */
struct span {
    struct parser *p;
    const char *context, *expected;
};

static struct promql_node *span_binary(const struct span *s, int lowest);

static struct promql_node *span_nested(const struct span *s)
{
    if (!parse_nest(s->p))
        return NULL;
    struct promql_node *n = span_binary(s, promql_op_precedence(OP_ADD));
    parse_unnest(s->p);
    return n;
}

static bool span_expect(const struct span *s, enum token_kind kind)
{
    if (s->p->token.kind != kind)
        return parse_unexpected(s->p, s->context, s->expected);
    parse_advance(s->p);
    return true;
}

/* step(), range(), min_of(a, b), max_of(a, b) */
static struct promql_node *span_call(const struct span *s, enum promql_duration_fn fn)
{
    uint32_t start = s->p->token.start;
    const struct promql_node *args[2] = {NULL, NULL};
    parse_advance(s->p);
    if (!span_expect(s, TOKEN_LEFT_PAREN))
        return NULL;
    if (fn == DURATION_MIN || fn == DURATION_MAX) {
        args[0] = span_nested(s);
        if (!args[0] || !span_expect(s, TOKEN_COMMA))
            return NULL;
        args[1] = span_nested(s);
        if (!args[1])
            return NULL;
    }
    if (!span_expect(s, TOKEN_RIGHT_PAREN))
        return NULL;
    struct promql_node *n = parse_node(s->p, NODE_DURATION, start, args[0], args[1]);
    if (n) {
        n->type = PROMQL_SCALAR;
        n->duration.fn = fn;
        memcpy(n->duration.args, args, sizeof(args));
    }
    return n;
}

static struct promql_node *span_paren(const struct span *s)
{
    uint32_t start = s->p->token.start;
    parse_advance(s->p);
    struct promql_node *inner = span_nested(s);
    if (!inner || !span_expect(s, TOKEN_RIGHT_PAREN))
        return NULL;
    struct promql_node *n = parse_node(s->p, NODE_PAREN, start, inner, NULL);
    if (n) {
        n->type = PROMQL_SCALAR;
        n->paren = inner;
    }
    return n;
}

static struct promql_node *span_atom(const struct span *s)
{
    static const char *const names[] = {
        [DURATION_STEP] = "step",
        [DURATION_RANGE] = "range",
        [DURATION_MIN] = "min_of",
        [DURATION_MAX] = "max_of",
    };
    struct parser *p = s->p;
    if (p->token.kind == TOKEN_LEFT_PAREN)
        return span_paren(s);
    for (size_t i = 0; i < array_len(names); i++) {
        if (parse_is_word(p, names[i]))
            return span_call(s, (enum promql_duration_fn)i);
    }
    if (p->token.kind != TOKEN_NUMBER && p->token.kind != TOKEN_DURATION)
        return parse_unexpected(p, s->context, s->expected);
    uint32_t at = p->token.start;
    struct promql_node *n = parse_number(p);
    if (n && !(fabs(n->number) < SECONDS_MAX))
        return parse_fail(p, at, "duration out of range");
    return n;
}

static bool is_sign(const struct parser *p)
{
    return p->token.kind == TOKEN_OPERATOR && (p->token.op == OP_ADD || p->token.op == OP_SUB);
}

static struct promql_node *span_unary(const struct span *s)
{
    struct parser *p = s->p;
    if (!is_sign(p))
        return span_atom(s);
    uint32_t start = p->token.start;
    enum promql_op op = p->token.op;
    parse_advance(p);
    if (!parse_nest(p))
        return NULL;
    struct promql_node *expr = span_binary(s, promql_op_precedence(OP_POW));
    parse_unnest(p);
    return parse_signed(p, start, op, expr);
}

static bool span_operator(const struct parser *p, int lowest)
{
    return p->token.kind == TOKEN_OPERATOR && p->token.op <= OP_POW &&
           promql_op_precedence(p->token.op) >= lowest;
}

static struct promql_node *span_right(const struct span *s, struct promql_node *left)
{
    struct parser *p = s->p;
    enum promql_op op = p->token.op;
    uint32_t at = p->token.start;
    int precedence = promql_op_precedence(op);
    parse_advance(p);
    if (!parse_nest(p))
        return NULL;
    struct promql_node *right = span_binary(s, op == OP_POW ? precedence : precedence + 1);
    parse_unnest(p);
    if (!right)
        return NULL;
    bool zero = right->kind == NODE_NUMBER && right->number == 0;
    if (zero && (op == OP_DIV || op == OP_MOD))
        return parse_fail(p, at, op == OP_DIV ? "division by zero" : "modulo by zero");
    struct promql_node *n = parse_node(p, NODE_BINARY, left->start, left, right);
    if (n) {
        n->type = PROMQL_SCALAR;
        n->binary.op = op;
        n->binary.left = left;
        n->binary.right = right;
    }
    return n;
}

static struct promql_node *span_binary(const struct span *s, int lowest)
{
    struct promql_node *left = span_unary(s);
    while (left && span_operator(s->p, lowest))
        left = span_right(s, left);
    return left;
}

/* The tree as a duration: a literal's milliseconds, or the tree itself. */
static bool take_span(struct parser *p, const struct promql_node *n, struct promql_duration *out)
{
    if (n->kind == NODE_NUMBER) {
        out->ms = llround(n->number * 1000);
        return true;
    }
    if (!p->experimental)
        return parse_fail(p, n->start, "experimental duration expression is not enabled");
    out->expr = n;
    return true;
}

bool parse_span(struct parser *p, const char *context, const char *expected,
                struct promql_duration *out)
{
    struct span s = {p, context, expected};
    struct promql_node *n = span_nested(&s);
    if (!n)
        return false;
    if (n->kind == NODE_NUMBER && llround(n->number * 1000) <= 0)
        return parse_fail(p, n->start, "duration must be greater than 0");
    return take_span(p, n, out);
}

/* offset takes one part with signs only, so that `a offset 1 + 2` adds to what `a offset 1` is. */
bool parse_offset(struct parser *p, struct promql_duration *out)
{
    struct span s = {p, "offset", "number, duration, step(), or range()"};
    bool sign = is_sign(p);
    uint32_t start = p->token.start;
    enum promql_op op = p->token.op;
    if (sign)
        parse_advance(p);
    struct promql_node *n = span_atom(&s);
    if (sign)
        n = parse_signed(p, start, op, n);
    return n && take_span(p, n, out);
}

/* --- what it is worth --- */

struct query_times {
    double step, range; /* seconds */
};

static int value_of(const struct promql_node *n, const struct query_times *q, double *out,
                    struct err *err);

static int call_value(const struct promql_node *n, const struct query_times *q, double *out,
                      struct err *err)
{
    double a, b;
    if (n->duration.fn == DURATION_STEP || n->duration.fn == DURATION_RANGE) {
        *out = n->duration.fn == DURATION_STEP ? q->step : q->range;
        return 0;
    }
    if (value_of(n->duration.args[0], q, &a, err) < 0 ||
        value_of(n->duration.args[1], q, &b, err) < 0)
        return -1;
    *out = n->duration.fn == DURATION_MIN ? fmin(a, b) : fmax(a, b);
    return 0;
}

static int binary_value(const struct promql_node *n, const struct query_times *q, double *out,
                        struct err *err)
{
    double a, b;
    if (value_of(n->binary.left, q, &a, err) < 0 || value_of(n->binary.right, q, &b, err) < 0)
        return -1;
    switch (n->binary.op) {
    case OP_ADD:
        *out = a + b;
        return 0;
    case OP_SUB:
        *out = a - b;
        return 0;
    case OP_MUL:
        *out = a * b;
        return 0;
    case OP_POW:
        *out = pow(a, b);
        return 0;
    case OP_DIV:
        *out = a / b;
        return b == 0 ? err_set(err, ERR_INVALID, "division by zero") : 0;
    default:
        must(n->binary.op == OP_MOD);
        *out = fmod(a, b);
        return b == 0 ? err_set(err, ERR_INVALID, "modulo by zero") : 0;
    }
}

static int value_of(const struct promql_node *n, const struct query_times *q, double *out,
                    struct err *err)
{
    switch (n->kind) {
    case NODE_NUMBER:
        *out = n->number;
        return 0;
    case NODE_PAREN:
        return value_of(n->paren, q, out, err);
    case NODE_UNARY:
        if (value_of(n->unary.expr, q, out, err) < 0)
            return -1;
        *out = n->unary.op == OP_SUB ? -*out : *out;
        return 0;
    case NODE_BINARY:
        return binary_value(n, q, out, err);
    default:
        must(n->kind == NODE_DURATION);
        return call_value(n, q, out, err);
    }
}

int promql_duration_ms(const struct promql_duration *d, int64_t step_ms, int64_t range_ms,
                       int64_t *ms, struct err *err)
{
    struct query_times q = {(double)step_ms / 1000, (double)range_ms / 1000};
    double seconds;
    if (!d->expr) {
        *ms = d->ms;
        return 0;
    }
    if (value_of(d->expr, &q, &seconds, err) < 0)
        return -1;
    if (!(fabs(seconds) < SECONDS_MAX))
        return err_set(err, ERR_INVALID, "duration out of range");
    *ms = llround(seconds * 1000);
    return 0;
}
