/* Names of the parts of the language, walking the tree, places in the text. No state, any thread. */
#include "promql/parse_priv.h"

const char *promql_type_name(enum promql_type t)
{
    static const char *const names[] = {"none", "scalar", "vector", "matrix", "string"};
    must((size_t)t < array_len(names));
    return names[t];
}

const char *promql_type_words(enum promql_type t)
{
    static const char *const words[] = {"none", "scalar", "instant vector", "range vector",
                                        "string"};
    must((size_t)t < array_len(words));
    return words[t];
}

static const struct op {
    const char *text;
    int precedence;
} ops[] = {
    [OP_ADD] = {"+", 4},         [OP_SUB] = {"-", 4},         [OP_MUL] = {"*", 5},
    [OP_DIV] = {"/", 5},         [OP_MOD] = {"%", 5},         [OP_POW] = {"^", 6},
    [OP_ATAN2] = {"atan2", 5},   [OP_EQ] = {"==", 3},         [OP_NE] = {"!=", 3},
    [OP_LT] = {"<", 3},          [OP_GT] = {">", 3},          [OP_LE] = {"<=", 3},
    [OP_GE] = {">=", 3},         [OP_AND] = {"and", 2},       [OP_OR] = {"or", 1},
    [OP_UNLESS] = {"unless", 2}, [OP_TRIM_UPPER] = {"</", 3}, [OP_TRIM_LOWER] = {">/", 3},
};

const char *promql_op_text(enum promql_op op)
{
    must((size_t)op < array_len(ops));
    return ops[op].text;
}

int promql_op_precedence(enum promql_op op)
{
    must((size_t)op < array_len(ops));
    return ops[op].precedence;
}

bool promql_op_is_set(enum promql_op op)
{
    return op == OP_AND || op == OP_OR || op == OP_UNLESS;
}

bool promql_op_is_comparison(enum promql_op op)
{
    return op >= OP_EQ && op <= OP_GE;
}

const char *promql_aggregate_name(enum promql_aggregate a)
{
    static const char *const names[] = {
        "sum",    "avg",  "count",   "min",          "max",      "group",  "stddev",
        "stdvar", "topk", "bottomk", "count_values", "quantile", "limitk", "limit_ratio",
    };
    must((size_t)a < array_len(names));
    return names[a];
}

static void walk_duration(const struct promql_duration *d,
                          bool (*fn)(void *arg, const struct promql_node *n), void *arg)
{
    if (d->expr)
        promql_walk(d->expr, fn, arg);
}

static void walk_pair(const struct promql_node *a, const struct promql_node *b,
                      bool (*fn)(void *arg, const struct promql_node *n), void *arg)
{
    if (a)
        promql_walk(a, fn, arg);
    if (b)
        promql_walk(b, fn, arg);
}

void promql_walk(const struct promql_node *n, bool (*fn)(void *arg, const struct promql_node *n),
                 void *arg)
{
    if (!fn(arg, n))
        return;
    switch (n->kind) {
    case NODE_NUMBER:
    case NODE_STRING:
        return;
    case NODE_SELECTOR:
    case NODE_RANGE:
        walk_duration(&n->selector.range, fn, arg);
        walk_duration(&n->selector.when.offset, fn, arg);
        return;
    case NODE_SUBQUERY:
        promql_walk(n->subquery.expr, fn, arg);
        walk_duration(&n->subquery.range, fn, arg);
        walk_duration(&n->subquery.step, fn, arg);
        walk_duration(&n->subquery.when.offset, fn, arg);
        return;
    case NODE_CALL:
        for (uint32_t i = 0; i < n->call.n_args; i++)
            promql_walk(n->call.args[i], fn, arg);
        return;
    case NODE_AGGREGATE:
        walk_pair(n->aggregate.param, n->aggregate.expr, fn, arg);
        return;
    case NODE_BINARY:
        walk_pair(n->binary.left, n->binary.right, fn, arg);
        return;
    case NODE_UNARY:
        promql_walk(n->unary.expr, fn, arg);
        return;
    case NODE_PAREN:
        promql_walk(n->paren, fn, arg);
        return;
    case NODE_DURATION:
        walk_pair(n->duration.args[0], n->duration.args[1], fn, arg);
        return;
    }
}

void promql_position(struct str query, size_t offset, int *line, int *column)
{
    size_t line_start = 0;
    must(offset <= query.n);
    *line = 1;
    for (size_t i = 0; i < offset; i++) {
        if (query.p[i] == '\n') {
            ++*line;
            line_start = i + 1;
        }
    }
    *column = 1 + (int)utf8_count(query.p + line_start, offset - line_start);
}
