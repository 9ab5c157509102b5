/* The types of a parsed query, and what else must hold between the parts of a tree: children first, then the node, with
 * the words that users of Prometheus know. */
#include "promql/parse_priv.h"

#include "promql/functions.h"

static bool check(struct parser *p, struct promql_node *n);

/* Trees are const for readers; here the parser still owns them. */
static struct promql_node *own(const struct promql_node *n)
{
    return (struct promql_node *)(uintptr_t)n;
}

static bool expect_type(struct parser *p, const struct promql_node *n, enum promql_type want,
                        const char *context)
{
    if (!check(p, own(n)))
        return false;
    if (n->type == want)
        return true;
    return parse_fail(p, n->start, "expected type %s in %s, got %s", promql_type_words(want),
                      context, promql_type_words(n->type));
}

static bool check_aggregate(struct parser *p, const struct promql_node *n)
{
    if (!expect_type(p, n->aggregate.expr, PROMQL_VECTOR, "aggregation expression"))
        return false;
    enum promql_type want = n->aggregate.op == AGG_COUNT_VALUES ? PROMQL_STRING : PROMQL_SCALAR;
    return !n->aggregate.param || expect_type(p, n->aggregate.param, want, "aggregation parameter");
}

/* --- binary --- */

static uint32_t operator_place(struct parser *p, const struct promql_node *n)
{
    must(n->kind == NODE_BINARY);
    struct str text = p->lexer.text;
    uint32_t at = n->binary.left->end;
    while (at < text.n && char_in(text.p[at], " \t\r\n"))
        at++;
    return at;
}

static bool check_operator(struct parser *p, const struct promql_node *n)
{
    bool comparison = promql_op_is_comparison(n->binary.op);
    bool scalars = n->binary.left->type == PROMQL_SCALAR && n->binary.right->type == PROMQL_SCALAR;
    if (n->binary.return_bool && !comparison)
        return parse_fail(p, operator_place(p, n),
                          "bool modifier can only be used on comparison operators");
    if (comparison && !n->binary.return_bool && scalars)
        return parse_fail(p, operator_place(p, n),
                          "comparisons between scalars must use BOOL modifier");
    for (uint32_t i = 0; n->binary.on && i < n->binary.n_labels; i++) {
        for (uint32_t j = 0; j < n->binary.n_include; j++) {
            if (str_eq(n->binary.labels[i], n->binary.include[j]))
                return parse_fail(p, operator_place(p, n),
                                  "label %s must not occur in ON and GROUP clause at once",
                                  parse_quoted(p, n->binary.labels[i]));
        }
    }
    return true;
}

static bool is_operand(const struct promql_node *n)
{
    return n->type == PROMQL_SCALAR || n->type == PROMQL_VECTOR;
}

static bool check_sides(struct parser *p, const struct promql_node *n)
{
    const struct promql_node *sides[] = {n->binary.left, n->binary.right};
    for (int i = 0; i < 2; i++) {
        if (!is_operand(sides[i]))
            return parse_fail(
                p, sides[i]->start,
                "binary expression must contain only scalar and instant vector types");
    }
    return true;
}

static bool check_set(struct parser *p, const struct promql_node *n)
{
    const char *op = promql_op_text(n->binary.op);
    if (n->binary.card == CARD_MANY_TO_ONE || n->binary.card == CARD_ONE_TO_MANY)
        return parse_fail(p, n->start, "no grouping allowed for \"%s\" operation", op);
    if (n->binary.fill_left || n->binary.fill_right)
        return parse_fail(p, n->start, "filling in missing series not allowed for set operators");
    return true;
}

static bool check_binary(struct parser *p, struct promql_node *n)
{
    bool set = promql_op_is_set(n->binary.op);
    if (!check(p, own(n->binary.left)) || !check(p, own(n->binary.right)) ||
        !check_operator(p, n) || !check_sides(p, n))
        return false;
    if (set && n->binary.card == CARD_ONE_TO_ONE)
        n->binary.card = CARD_MANY_TO_MANY;
    bool vectors = n->binary.left->type == PROMQL_VECTOR && n->binary.right->type == PROMQL_VECTOR;
    if (vectors)
        return !set || check_set(p, n);
    if (n->binary.n_labels > 0)
        return parse_fail(p, n->start, "vector matching only allowed between instant vectors");
    if (n->binary.fill_left || n->binary.fill_right)
        return parse_fail(p, n->start,
                          "filling in missing series only allowed between instant vectors");
    if (set)
        return parse_fail(p, n->start,
                          "set operator \"%s\" not allowed in binary scalar expression",
                          promql_op_text(n->binary.op));
    return true;
}

/* --- calls --- */

static int argument_types(const struct promql_function *fn)
{
    int n = 0;
    while (n < FUNCTION_ARGS_MAX && fn->args[n] != PROMQL_NONE)
        n++;
    return n;
}

static bool check_count(struct parser *p, const struct promql_node *n)
{
    const struct promql_function *fn = n->call.fn;
    int types = argument_types(fn), got = (int)n->call.n_args;
    if (fn->variadic == 0 && got != types)
        return parse_fail(p, n->start, "expected %d argument(s) in call to \"%s\", got %d", types,
                          fn->name, got);
    int most = types - 1 + fn->variadic;
    if (fn->variadic != 0 && got < types - 1)
        return parse_fail(p, n->start, "expected at least %d argument(s) in call to \"%s\", got %d",
                          types - 1, fn->name, got);
    if (fn->variadic > 0 && got > most)
        return parse_fail(p, n->start, "expected at most %d argument(s) in call to \"%s\", got %d",
                          most, fn->name, got);
    return true;
}

/* info(v, {…}): the second names labels, not a metric, and may match everything. */
static bool check_info(struct parser *p, const struct promql_node *n)
{
    const struct promql_node *arg = n->call.args[1];
    if (arg->type != PROMQL_VECTOR)
        return parse_fail(p, n->start, "expected type %s in call to function \"info\", got %s",
                          promql_type_words(PROMQL_VECTOR), promql_type_words(arg->type));
    if (arg->kind != NODE_SELECTOR || arg->selector.metric.n > 0)
        return parse_fail(p, arg->start,
                          "expected label selectors only, got vector selector instead");
    return true;
}

static bool check_call(struct parser *p, const struct promql_node *n)
{
    const struct promql_function *fn = n->call.fn;
    bool info = fn->special == SPECIAL_INFO && n->call.n_args > 1;
    if (!check_count(p, n) || (info && !check_info(p, n)))
        return false;
    char context[80];
    struct buf b = BUF_FIXED(context);
    buf_printf(&b, "call to function \"%s\"", fn->name);
    int types = argument_types(fn);
    must(types > 0 || n->call.n_args == 0); /* check_count() */
    for (int i = 0; i < (int)n->call.n_args - info; i++) {
        if (!expect_type(p, n->call.args[i], fn->args[i < types ? i : types - 1], context))
            return false;
    }
    return true;
}

/* --- selectors and the rest --- */

static bool check_selector(struct parser *p, const struct promql_node *n)
{
    bool named = n->selector.metric.n > 0, some = named;
    for (size_t i = 0; i < n->selector.n_matchers; i++) {
        const struct matcher *m = n->selector.matchers[i];
        bool last = i + 1 == n->selector.n_matchers;
        if (named && !last && str_eqz(matcher_name(m), LABEL_METRIC_NAME))
            return parse_fail(p, n->start, "metric name must not be set twice: %s or %s",
                              parse_quoted(p, n->selector.metric),
                              parse_quoted(p, matcher_value(m)));
        some = some || !matcher_empty(m);
    }
    return some ||
           parse_fail(p, n->start, "vector selector must contain at least one non-empty matcher");
}

static bool check_unary(struct parser *p, const struct promql_node *n)
{
    const struct promql_node *expr = n->unary.expr;
    if (!check(p, own(expr)))
        return false;
    return is_operand(expr) ||
           parse_fail(p, n->start,
                      "unary expression only allowed on expressions of type scalar or instant "
                      "vector, got \"%s\"",
                      promql_type_words(expr->type));
}

static bool check(struct parser *p, struct promql_node *n)
{
    switch (n->kind) {
    case NODE_AGGREGATE:
        return check_aggregate(p, n);
    case NODE_BINARY:
        return check_binary(p, n);
    case NODE_CALL:
        return check_call(p, n);
    case NODE_PAREN:
        return check(p, own(n->paren));
    case NODE_UNARY:
        return check_unary(p, n);
    case NODE_SELECTOR:
    case NODE_RANGE:
        return check_selector(p, n);
    case NODE_SUBQUERY:
        if (!check(p, own(n->subquery.expr)))
            return false;
        return n->subquery.expr->type == PROMQL_VECTOR ||
               parse_fail(p, n->start, "subquery is only allowed on instant vector, got %s instead",
                          promql_type_name(n->subquery.expr->type));
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_DURATION:
        return true;
    }
    must(false);
    return false;
}

bool parse_check(struct parser *p, struct promql_node *root)
{
    return check(p, root);
}
