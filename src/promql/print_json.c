/* A tree as JSON, as Prometheus' parse_query answers it: keys sorted. Written straight into a buffer, because trees are
 * deeper than the writer of base/json.h goes. Any thread. */
#include "promql/print_priv.h"

#include <math.h>

#include "promql/functions.h"

static void node(struct buf *out, const struct promql_node *n);

static void text(struct buf *out, const char *key, struct str value)
{
    buf_printf(out, "\"%s\":", key);
    json_escape(out, value.p, value.n);
}

static void flag(struct buf *out, const char *key, bool value)
{
    buf_printf(out, "\"%s\":%s", key, value ? "true" : "false");
}

static void whole(struct buf *out, const char *key, int64_t value)
{
    buf_printf(out, "\"%s\":", key);
    buf_add_i64(out, value);
}

static void child(struct buf *out, const char *key, const struct promql_node *n)
{
    buf_printf(out, "\"%s\":", key);
    if (n)
        node(out, n);
    else
        buf_puts(out, "null");
}

static void names(struct buf *out, const char *key, const struct str *list, uint32_t n)
{
    buf_printf(out, "\"%s\":[", key);
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            buf_putc(out, ',');
        json_escape(out, list[i].p, list[i].n);
    }
    buf_putc(out, ']');
}

static void aggregate(struct buf *out, const struct promql_node *n)
{
    buf_putc(out, '{');
    child(out, "expr", n->aggregate.expr);
    buf_putc(out, ',');
    names(out, "grouping", n->aggregate.labels, n->aggregate.n_labels);
    buf_putc(out, ',');
    text(out, "op", str_of(promql_aggregate_name(n->aggregate.op)));
    buf_putc(out, ',');
    child(out, "param", n->aggregate.param);
    buf_puts(out, ",\"type\":\"aggregation\",");
    flag(out, "without", n->aggregate.without);
    buf_putc(out, '}');
}

/* --- binary --- */

static void fill(struct buf *out, const char *key, bool given, double value)
{
    buf_printf(out, "\"%s\":", key);
    if (given && isfinite(value))
        buf_add_f64(out, value);
    else
        buf_puts(out, "null");
}

static void matching(struct buf *out, const struct promql_node *n)
{
    static const char *const cards[] = {"one-to-one", "many-to-one", "one-to-many", "many-to-many"};
    bool vectors = n->binary.left->type == PROMQL_VECTOR && n->binary.right->type == PROMQL_VECTOR;
    buf_puts(out, "\"matching\":");
    if (!vectors) {
        buf_puts(out, "null");
        return;
    }
    must((size_t)n->binary.card < array_len(cards));
    buf_putc(out, '{');
    text(out, "card", str_of(cards[n->binary.card]));
    buf_puts(out, ",\"fillValues\":{");
    fill(out, "lhs", n->binary.fill_left, n->binary.fill_left_value);
    buf_putc(out, ',');
    fill(out, "rhs", n->binary.fill_right, n->binary.fill_right_value);
    buf_puts(out, "},");
    names(out, "include", n->binary.include, n->binary.n_include);
    buf_putc(out, ',');
    names(out, "labels", n->binary.labels, n->binary.n_labels);
    buf_putc(out, ',');
    flag(out, "on", n->binary.on);
    buf_putc(out, '}');
}

static void binary(struct buf *out, const struct promql_node *n)
{
    buf_putc(out, '{');
    flag(out, "bool", n->binary.return_bool);
    buf_putc(out, ',');
    child(out, "lhs", n->binary.left);
    buf_putc(out, ',');
    matching(out, n);
    buf_putc(out, ',');
    text(out, "op", str_of(promql_op_text(n->binary.op)));
    buf_putc(out, ',');
    child(out, "rhs", n->binary.right);
    buf_puts(out, ",\"type\":\"binaryExpr\"}");
}

/* --- calls --- */

static void call(struct buf *out, const struct promql_node *n)
{
    const struct promql_function *fn = n->call.fn;
    buf_puts(out, "{\"args\":[");
    for (uint32_t i = 0; i < n->call.n_args; i++) {
        if (i > 0)
            buf_putc(out, ',');
        node(out, n->call.args[i]);
    }
    buf_puts(out, "],\"func\":{\"argTypes\":[");
    for (int i = 0; i < FUNCTION_ARGS_MAX && fn->args[i] != PROMQL_NONE; i++)
        buf_printf(out, "%s\"%s\"", i > 0 ? "," : "", promql_type_name(fn->args[i]));
    buf_puts(out, "],");
    text(out, "name", str_of(fn->name));
    buf_putc(out, ',');
    text(out, "returnType", str_of(promql_type_name(fn->result)));
    buf_putc(out, ',');
    whole(out, "variadic", fn->variadic);
    buf_puts(out, "},\"type\":\"call\"}");
}

/* --- selectors --- */

static void matchers(struct buf *out, const struct promql_node *n)
{
    buf_puts(out, "\"matchers\":[");
    for (size_t i = 0; i < n->selector.n_matchers; i++) {
        const struct matcher *m = n->selector.matchers[i];
        buf_puts(out, i > 0 ? ",{" : "{");
        text(out, "name", matcher_name(m));
        buf_putc(out, ',');
        text(out, "type", str_of(matcher_op_text(matcher_op(m))));
        buf_putc(out, ',');
        text(out, "value", matcher_value(m));
        buf_putc(out, '}');
    }
    buf_putc(out, ']');
}

static void edge(struct buf *out, const struct promql_when *w)
{
    const char *value = w->at == AT_START ? "\"start\"" : w->at == AT_END ? "\"end\"" : "null";
    buf_printf(out, "\"startOrEnd\":%s", value);
}

static void timestamp(struct buf *out, const struct promql_when *w)
{
    buf_puts(out, "\"timestamp\":");
    if (w->at == AT_TIME)
        buf_add_i64(out, w->at_ms);
    else
        buf_puts(out, "null");
}

static void selector(struct buf *out, const struct promql_node *n)
{
    bool range = n->kind == NODE_RANGE;
    buf_putc(out, '{');
    flag(out, "anchored", n->selector.anchored);
    buf_putc(out, ',');
    matchers(out, n);
    buf_putc(out, ',');
    text(out, "name", n->selector.metric);
    buf_putc(out, ',');
    whole(out, "offset", n->selector.when.offset.ms);
    buf_putc(out, ',');
    if (range) {
        whole(out, "range", n->selector.range.ms);
        buf_putc(out, ',');
    }
    flag(out, "smoothed", n->selector.smoothed);
    buf_putc(out, ',');
    edge(out, &n->selector.when);
    buf_putc(out, ',');
    timestamp(out, &n->selector.when);
    buf_printf(out, ",\"type\":\"%s\"}", range ? "matrixSelector" : "vectorSelector");
}

static void subquery(struct buf *out, const struct promql_node *n)
{
    buf_putc(out, '{');
    child(out, "expr", n->subquery.expr);
    buf_putc(out, ',');
    whole(out, "offset", n->subquery.when.offset.ms);
    buf_putc(out, ',');
    whole(out, "range", n->subquery.range.ms);
    buf_putc(out, ',');
    edge(out, &n->subquery.when);
    buf_putc(out, ',');
    whole(out, "step", n->subquery.step.ms);
    buf_putc(out, ',');
    timestamp(out, &n->subquery.when);
    buf_puts(out, ",\"type\":\"subquery\"}");
}

static void node(struct buf *out, const struct promql_node *n)
{
    switch (n->kind) {
    case NODE_NUMBER:
        buf_puts(out, "{\"type\":\"numberLiteral\",\"val\":\"");
        promql__number(out, n->number);
        buf_puts(out, "\"}");
        return;
    case NODE_STRING:
        buf_puts(out, "{\"type\":\"stringLiteral\",");
        text(out, "val", n->string);
        buf_putc(out, '}');
        return;
    case NODE_SELECTOR:
    case NODE_RANGE:
        selector(out, n);
        return;
    case NODE_SUBQUERY:
        subquery(out, n);
        return;
    case NODE_CALL:
        call(out, n);
        return;
    case NODE_AGGREGATE:
        aggregate(out, n);
        return;
    case NODE_BINARY:
        binary(out, n);
        return;
    case NODE_PAREN:
        buf_putc(out, '{');
        child(out, "expr", n->paren);
        buf_puts(out, ",\"type\":\"parenExpr\"}");
        return;
    default:
        must(n->kind == NODE_UNARY);
        buf_putc(out, '{');
        child(out, "expr", n->unary.expr);
        buf_printf(out, ",\"op\":\"%s\",\"type\":\"unaryExpr\"}", promql_op_text(n->unary.op));
        return;
    }
}

void promql_json(struct json *j, const struct promql_node *n)
{
    struct buf out = BUF_INIT(j->out->max);
    node(&out, n);
    if (out.failed)
        j->out->failed = true;
    json_raw(j, out.failed ? "null" : out.data, out.failed ? 4 : out.len);
    buf_done(&out);
}
