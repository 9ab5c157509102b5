/* A tree as text, on one line, as Prometheus writes it: what it prints is parsed as the same tree. Any thread.
 *
 * A buffer that is full stops the walk, so that asking "is this longer than a line" costs a line. */
#include "promql/print_priv.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "promql/functions.h"
#include "promql/parse_priv.h"

void promql__number(struct buf *out, double v)
{
    char text[40];
    struct buf b = BUF_FIXED(text);
    buf_add_f64(&b, v);
    char *e = strchr(text, 'e');
    if (!e || !isfinite(v)) {
        buf_add(out, text, b.len);
        return;
    }
    /* digits × 10^exponent, without the exponent */
    char digits[40];
    size_t n = 0;
    long point = strtol(e + 1, NULL, 10);
    if (text[0] == '-')
        buf_putc(out, '-');
    for (const char *p = text + (text[0] == '-'), *dot = NULL; p < e; p++) {
        if (*p == '.')
            dot = p;
        else
            digits[n++] = *p;
        point += *p != '.' && !dot;
    }
    must(n > 0 && n <= sizeof(digits));
    if (point <= 0) {
        buf_puts(out, "0.");
        for (; point < 0; point++)
            buf_putc(out, '0');
        buf_add(out, digits, n);
        return;
    }
    for (size_t i = 0; i < n || (long)i < point; i++) {
        if ((long)i == point)
            buf_putc(out, '.');
        buf_putc(out, i < n ? digits[i] : '0');
    }
}

static void print_ms(struct buf *out, int64_t ms)
{
    static const struct unit {
        const char *name;
        uint64_t ms;
        bool exact; /* written only when nothing is left: "90d", not "12w6d" */
    } units[] = {
        {"y", UINT64_C(365) * 86400000, true},
        {"w", UINT64_C(7) * 86400000, true},
        {"d", 86400000, false},
        {"h", 3600000, false},
        {"m", 60000, false},
        {"s", 1000, false},
        {"ms", 1, false},
    };
    uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    if (ms < 0)
        buf_putc(out, '-');
    if (ms == 0)
        buf_puts(out, "0s");
    for (size_t i = 0; i < array_len(units); i++) {
        uint64_t n = left / units[i].ms;
        if (n == 0 || (units[i].exact && left % units[i].ms != 0))
            continue;
        buf_add_u64(out, n);
        buf_puts(out, units[i].name);
        left -= n * units[i].ms;
    }
}

static void print_duration(struct buf *out, const struct promql_duration *d)
{
    if (d->expr)
        promql_print(out, d->expr);
    else
        print_ms(out, d->ms);
}

static void print_number(struct buf *out, const struct promql_node *n)
{
    if (n->is_duration)
        print_ms(out, llround(n->number * 1000));
    else
        promql__number(out, n->number);
}

static void print_label(struct buf *out, struct str name)
{
    if (label_name_classic(name))
        buf_add(out, name.p, name.n);
    else
        lex_quote(out, name);
}

/* inf and nan stand for numbers where labels are listed. */
static bool is_number_word(struct str name)
{
    return name.n == 3 &&
           (strncasecmp(name.p, "inf", 3) == 0 || strncasecmp(name.p, "nan", 3) == 0);
}

static void print_labels(struct buf *out, const struct str *names, uint32_t n)
{
    buf_puts(out, " (");
    for (uint32_t i = 0; i < n; i++) {
        if (i > 0)
            buf_puts(out, ", ");
        if (is_number_word(names[i]))
            lex_quote(out, names[i]);
        else
            print_label(out, names[i]);
    }
    buf_putc(out, ')');
}

/* --- selectors --- */

static int compare_texts(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = memcmp(x->p, y->p, n);
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

/* The matcher that stands before the braces as the metric's name. */
static bool is_metric(const struct promql_node *n, const struct matcher *m)
{
    return n->selector.metric.n > 0 && matcher_op(m) == MATCH_EQ &&
           str_eqz(matcher_name(m), LABEL_METRIC_NAME) &&
           str_eq(matcher_value(m), n->selector.metric);
}

/* Matchers are sorted as texts. */
static void print_matchers(struct buf *out, const struct promql_node *n)
{
    struct arena *a = arena_new_sized(1024);
    struct str *texts = arena_array_of(a, struct str, n->selector.n_matchers);
    size_t count = 0;
    for (size_t i = 0; i < n->selector.n_matchers; i++) {
        const struct matcher *m = n->selector.matchers[i];
        struct buf b = BUF_INIT(64u << 20);
        if (is_metric(n, m))
            continue;
        print_label(&b, matcher_name(m));
        buf_puts(&b, matcher_op_text(matcher_op(m)));
        lex_quote(&b, matcher_value(m));
        texts[count++] = (struct str){arena_strndup(a, b.data, b.len), b.len};
        buf_done(&b);
    }
    must(count <= n->selector.n_matchers);
    qsort(texts, count, sizeof(*texts), compare_texts);
    for (size_t i = 0; i < count; i++) {
        buf_putc(out, i == 0 ? '{' : ',');
        buf_add(out, texts[i].p, texts[i].n);
    }
    if (count > 0 || (n->selector.n_matchers == 0 && n->selector.metric.n == 0))
        buf_puts(out, count > 0 ? "}" : "{}");
    arena_free(a);
}

static void print_when(struct buf *out, const struct promql_when *w)
{
    int64_t ms = w->at_ms;
    if (w->at == AT_TIME)
        buf_printf(out, " @ %.3f", (double)ms / 1000);
    else if (w->at != AT_NONE)
        buf_puts(out, w->at == AT_START ? " @ start()" : " @ end()");
    if (w->offset.expr || w->offset.ms != 0) {
        buf_puts(out, " offset ");
        print_duration(out, &w->offset);
    }
}

static void print_selector(struct buf *out, const struct promql_node *n)
{
    buf_add(out, n->selector.metric.p, n->selector.metric.n);
    print_matchers(out, n);
    if (n->kind == NODE_RANGE) {
        buf_putc(out, '[');
        print_duration(out, &n->selector.range);
        buf_putc(out, ']');
    }
    if (n->selector.anchored || n->selector.smoothed)
        buf_puts(out, n->selector.anchored ? " anchored" : " smoothed");
    print_when(out, &n->selector.when);
}

void promql__subquery_suffix(struct buf *out, const struct promql_node *n)
{
    must(n->kind == NODE_SUBQUERY);
    buf_putc(out, '[');
    print_duration(out, &n->subquery.range);
    buf_putc(out, ':');
    if (n->subquery.step.expr || n->subquery.step.ms != 0)
        print_duration(out, &n->subquery.step);
    buf_putc(out, ']');
    print_when(out, &n->subquery.when);
}

/* --- what has parts --- */

void promql__aggregate_head(struct buf *out, const struct promql_node *n)
{
    must(n->kind == NODE_AGGREGATE);
    buf_puts(out, promql_aggregate_name(n->aggregate.op));
    if (!n->aggregate.without && n->aggregate.n_labels == 0)
        return;
    buf_puts(out, n->aggregate.without ? " without" : " by");
    print_labels(out, n->aggregate.labels, n->aggregate.n_labels);
    buf_putc(out, ' ');
}

static void print_fills(struct buf *out, const struct promql_node *n)
{
    bool left = n->binary.fill_left, right = n->binary.fill_right;
    const char *word = left && right ? "fill" : left ? "fill_left" : "fill_right";
    double l = n->binary.fill_left_value, r = n->binary.fill_right_value;
    if (left && right && l != r && !(isnan(l) && isnan(r))) {
        buf_puts(out, " fill_left (");
        promql__number(out, l);
        buf_putc(out, ')');
        word = "fill_right";
    }
    if (left || right) {
        buf_printf(out, " %s (", word);
        promql__number(out, right ? r : l);
        buf_putc(out, ')');
    }
}

void promql__operator(struct buf *out, const struct promql_node *n)
{
    must(n->kind == NODE_BINARY);
    bool grouped = n->binary.card == CARD_MANY_TO_ONE || n->binary.card == CARD_ONE_TO_MANY;
    buf_puts(out, promql_op_text(n->binary.op));
    if (n->binary.return_bool)
        buf_puts(out, " bool");
    if (n->binary.on || n->binary.n_labels > 0 || grouped) {
        buf_puts(out, n->binary.on ? " on" : " ignoring");
        print_labels(out, n->binary.labels, n->binary.n_labels);
    }
    if (grouped) {
        buf_puts(out, n->binary.card == CARD_MANY_TO_ONE ? " group_left" : " group_right");
        print_labels(out, n->binary.include, n->binary.n_include);
    }
    print_fills(out, n);
}

static void print_binary(struct buf *out, const struct promql_node *n)
{
    const struct promql_node *left = n->binary.left;
    /* "+Inf ^ 2" would be read as +(Inf ^ 2). */
    if (n->binary.op == OP_POW && left->kind == NODE_NUMBER && isinf(left->number))
        buf_puts(out, "Inf");
    else
        promql_print(out, left);
    buf_putc(out, ' ');
    promql__operator(out, n);
    buf_putc(out, ' ');
    promql_print(out, n->binary.right);
}

static void print_call(struct buf *out, const struct promql_node *n)
{
    buf_puts(out, n->call.fn->name);
    buf_putc(out, '(');
    for (uint32_t i = 0; i < n->call.n_args; i++) {
        if (i > 0)
            buf_puts(out, ", ");
        promql_print(out, n->call.args[i]);
    }
    buf_putc(out, ')');
}

static void print_aggregate(struct buf *out, const struct promql_node *n)
{
    promql__aggregate_head(out, n);
    buf_putc(out, '(');
    if (n->aggregate.param) {
        promql_print(out, n->aggregate.param);
        buf_puts(out, ", ");
    }
    promql_print(out, n->aggregate.expr);
    buf_putc(out, ')');
}

static void print_duration_call(struct buf *out, const struct promql_node *n)
{
    static const char *const names[] = {"step", "range", "min_of", "max_of"};
    must((size_t)n->duration.fn < array_len(names));
    buf_puts(out, names[n->duration.fn]);
    buf_putc(out, '(');
    if (n->duration.args[0]) {
        promql_print(out, n->duration.args[0]);
        buf_puts(out, ", ");
        promql_print(out, n->duration.args[1]);
    }
    buf_putc(out, ')');
}

void promql_print(struct buf *out, const struct promql_node *n)
{
    if (out->failed)
        return;
    switch (n->kind) {
    case NODE_NUMBER:
        print_number(out, n);
        return;
    case NODE_STRING:
        lex_quote(out, n->string);
        return;
    case NODE_SELECTOR:
    case NODE_RANGE:
        print_selector(out, n);
        return;
    case NODE_SUBQUERY:
        promql_print(out, n->subquery.expr);
        promql__subquery_suffix(out, n);
        return;
    case NODE_CALL:
        print_call(out, n);
        return;
    case NODE_AGGREGATE:
        print_aggregate(out, n);
        return;
    case NODE_BINARY:
        print_binary(out, n);
        return;
    case NODE_UNARY:
        buf_puts(out, promql_op_text(n->unary.op));
        promql_print(out, n->unary.expr);
        return;
    case NODE_PAREN:
        buf_putc(out, '(');
        promql_print(out, n->paren);
        buf_putc(out, ')');
        return;
    case NODE_DURATION:
        print_duration_call(out, n);
        return;
    }
}
