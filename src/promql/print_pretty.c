/* A tree as text over several lines, as Prometheus' format_query: what fits on a line of 100 stands on one, what does not
 * is opened, its parts two blanks further in. Any thread. */
#include "promql/functions.h"
#include "promql/print_priv.h"

#define LINE_MAX_BYTES 100

/* Blanks before what begins a line; depth 0 goes on where the line is. */
static void indent(struct buf *out, int depth)
{
    for (int i = 0; i < depth; i++)
        buf_puts(out, "  ");
}

static bool is_long(const struct promql_node *n)
{
    char line[LINE_MAX_BYTES + 1];
    struct buf b = BUF_FIXED(line);
    promql_print(&b, n);
    return b.failed;
}

static void pretty(struct buf *out, const struct promql_node *n, int depth);

static void pretty_aggregate(struct buf *out, const struct promql_node *n, int depth)
{
    indent(out, depth);
    promql__aggregate_head(out, n);
    buf_puts(out, "(\n");
    if (n->aggregate.param) {
        pretty(out, n->aggregate.param, depth + 1);
        buf_puts(out, ",\n");
    }
    pretty(out, n->aggregate.expr, depth + 1);
    buf_putc(out, '\n');
    indent(out, depth);
    buf_putc(out, ')');
}

static void pretty_binary(struct buf *out, const struct promql_node *n, int depth)
{
    pretty(out, n->binary.left, depth + 1);
    buf_putc(out, '\n');
    indent(out, depth);
    promql__operator(out, n);
    buf_putc(out, '\n');
    pretty(out, n->binary.right, depth + 1);
}

static void pretty_call(struct buf *out, const struct promql_node *n, int depth)
{
    indent(out, depth);
    buf_puts(out, n->call.fn->name);
    buf_puts(out, "(\n");
    for (uint32_t i = 0; i < n->call.n_args; i++) {
        if (i > 0)
            buf_puts(out, ",\n");
        pretty(out, n->call.args[i], depth + 1);
    }
    buf_putc(out, '\n');
    indent(out, depth);
    buf_putc(out, ')');
}

/* The sign stands before what its operand begins with. */
static void pretty_unary(struct buf *out, const struct promql_node *n, int depth)
{
    struct buf child = BUF_INIT(out->max);
    indent(out, depth);
    buf_puts(out, promql_op_text(n->unary.op));
    pretty(&child, n->unary.expr, depth);
    struct str text = str_trim((struct str){child.data, child.len});
    if (child.failed)
        out->failed = true;
    else
        buf_add(out, text.p, text.n);
    buf_done(&child);
}

static void pretty(struct buf *out, const struct promql_node *n, int depth)
{
    if (out->failed)
        return;
    bool plain = n->kind != NODE_UNARY && !is_long(n);
    if (plain && n->kind == NODE_SUBQUERY) { /* without indent, as there */
        promql_print(out, n);
        return;
    }
    if (plain || n->kind <= NODE_RANGE || n->kind == NODE_DURATION) {
        indent(out, depth);
        promql_print(out, n);
        return;
    }
    switch (n->kind) {
    case NODE_SUBQUERY:
        pretty(out, n->subquery.expr, depth);
        promql__subquery_suffix(out, n);
        return;
    case NODE_CALL:
        pretty_call(out, n, depth);
        return;
    case NODE_AGGREGATE:
        pretty_aggregate(out, n, depth);
        return;
    case NODE_BINARY:
        pretty_binary(out, n, depth);
        return;
    case NODE_UNARY:
        pretty_unary(out, n, depth);
        return;
    default:
        must(n->kind == NODE_PAREN);
        indent(out, depth);
        buf_puts(out, "(\n");
        pretty(out, n->paren, depth + 1);
        buf_putc(out, '\n');
        indent(out, depth);
        buf_putc(out, ')');
    }
}

void promql_pretty(struct buf *out, const struct promql_node *n)
{
    pretty(out, n, 0);
}
