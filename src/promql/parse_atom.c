/* The parts of an expression that stand for themselves: literals, parentheses, selectors, calls, aggregations. */
#include "promql/parse_priv.h"

#include "promql/functions.h"

/* Growing list in the arena. */
struct nodes {
    const struct promql_node **at;
    uint32_t n, cap;
    const struct promql_node *highest;
};

static void add_node(struct parser *p, struct nodes *list, const struct promql_node *n)
{
    if (list->n == list->cap) {
        list->cap = list->cap ? list->cap * 2 : 4;
        const struct promql_node **more =
            arena_array_of(p->arena, const struct promql_node *, list->cap);
        if (list->n)
            memcpy(more, list->at, list->n * sizeof(*more));
        list->at = more;
    }
    list->at[list->n++] = n;
    if (!list->highest || n->height > list->highest->height)
        list->highest = n;
}

/* ( expr, expr ): the token is the left parenthesis. */
static bool parse_arguments(struct parser *p, struct nodes *out)
{
    must(p->token.kind == TOKEN_LEFT_PAREN);
    parse_advance(p);
    while (p->token.kind != TOKEN_RIGHT_PAREN) {
        struct promql_node *n = parse_expr(p);
        if (!n)
            return false;
        add_node(p, out, n);
        if (p->token.kind == TOKEN_RIGHT_PAREN)
            break;
        uint32_t comma = p->token.start;
        if (p->token.kind != TOKEN_COMMA)
            return parse_unexpected(p, p->context, NULL);
        parse_advance(p);
        if (p->token.kind == TOKEN_RIGHT_PAREN)
            return parse_fail(p, comma, "trailing commas not allowed in function call args");
    }
    parse_advance(p);
    return true;
}

/* --- labels in parentheses --- */

static bool grouping_label(struct parser *p, struct str *out)
{
    enum token_kind kind = p->token.kind;
    *out = parse_text(p, p->token);
    bool word = kind == TOKEN_IDENTIFIER || kind == TOKEN_AGGREGATE || kind >= TOKEN_BOOL ||
                (kind == TOKEN_OPERATOR && label_name_classic(*out));
    if (kind == TOKEN_STRING) {
        *out = lex_unquote(p->arena, *out);
        word = out->n > 0 && utf8_valid(out->p, out->n);
    }
    if (!word)
        return parse_unexpected(p, "grouping opts", "label");
    parse_advance(p);
    return true;
}

static void add_label(struct parser *p, struct str **list, uint32_t *n, uint32_t *cap, struct str s)
{
    if (*n == *cap) {
        *cap = *cap ? *cap * 2 : 4;
        struct str *more = arena_array_of(p->arena, struct str, *cap);
        if (*n)
            memcpy(more, *list, *n * sizeof(*more));
        *list = more;
    }
    (*list)[(*n)++] = s;
}

bool parse_grouping(struct parser *p, const struct str **labels, uint32_t *n)
{
    struct str *list = NULL, label;
    uint32_t count = 0, cap = 0;
    if (p->token.kind != TOKEN_LEFT_PAREN)
        return parse_unexpected(p, "grouping opts", "\"(\"");
    parse_advance(p);
    while (p->token.kind != TOKEN_RIGHT_PAREN) {
        if (!grouping_label(p, &label))
            return false;
        add_label(p, &list, &count, &cap, label);
        if (p->token.kind == TOKEN_COMMA)
            parse_advance(p);
        else if (p->token.kind != TOKEN_RIGHT_PAREN)
            return parse_unexpected(p, "grouping opts", "\",\" or \")\"");
    }
    parse_advance(p);
    *labels = list;
    *n = count;
    return true;
}

/* --- aggregations --- */

static bool takes_param(enum promql_aggregate a)
{
    return a >= AGG_TOPK;
}

static bool parse_by(struct parser *p, struct promql_node *n)
{
    n->aggregate.without = p->token.kind == TOKEN_WITHOUT;
    parse_advance(p);
    return parse_grouping(p, &n->aggregate.labels, &n->aggregate.n_labels);
}

static bool at_by(const struct parser *p)
{
    return p->token.kind == TOKEN_BY || p->token.kind == TOKEN_WITHOUT;
}

/* (expr) or (param, expr) with by or without on either side, behind the word. */
static bool parse_aggregate_body(struct parser *p, struct promql_node *n, struct nodes *args)
{
    bool before = at_by(p);
    if (before && !parse_by(p, n))
        return false;
    if (p->token.kind != TOKEN_LEFT_PAREN)
        return parse_unexpected(p, "aggregation", NULL);
    const char *outside = p->context;
    p->context = "aggregation";
    bool good = parse_arguments(p, args);
    p->context = outside;
    return good && (before || !at_by(p) || parse_by(p, n));
}

static struct promql_node *parse_aggregate(struct parser *p, struct token word)
{
    must(word.kind == TOKEN_AGGREGATE);
    struct promql_node n = {0};
    struct nodes args = {0};
    if (!parse_aggregate_body(p, &n, &args))
        return NULL;
    uint32_t want = takes_param(word.aggregate) ? 2 : 1;
    if (args.n == 0)
        return parse_fail(p, word.start, "no arguments for aggregate expression provided");
    if (word.aggregate >= AGG_LIMITK && !p->experimental)
        return parse_fail(p, word.start,
                          "%s() is experimental and must be enabled with "
                          "--enable-feature=promql-experimental-functions",
                          promql_aggregate_name(word.aggregate));
    if (args.n != want)
        return parse_fail(p, word.start,
                          "wrong number of arguments for aggregate expression provided, "
                          "expected %u, got %u",
                          want, args.n);
    must(args.highest && args.n == want);
    struct promql_node *out = parse_node(p, NODE_AGGREGATE, word.start, args.highest, NULL);
    if (out) {
        out->type = PROMQL_VECTOR;
        out->aggregate = n.aggregate;
        out->aggregate.op = word.aggregate;
        out->aggregate.param = want == 2 ? args.at[0] : NULL;
        out->aggregate.expr = args.at[want - 1];
    }
    return out;
}

/* --- names: a call, an aggregation or a metric --- */

static struct promql_node *parse_call(struct parser *p, struct token name)
{
    struct nodes args = {0};
    struct str text = parse_text(p, name);
    if (!parse_arguments(p, &args))
        return NULL;
    const struct promql_function *fn = promql_function_get(text);
    if (!fn)
        return parse_fail(p, name.start, "unknown function with name %s", parse_quoted(p, text));
    must((fn->kind == EVAL_RANGE) == (fn->range != NULL) &&
         (fn->kind == EVAL_VALUES) == (fn->value != NULL));
    if (fn->experimental && !p->experimental)
        return parse_fail(p, name.start, "function %s is not enabled", parse_quoted(p, text));
    struct promql_node *n = parse_node(p, NODE_CALL, name.start, args.highest, NULL);
    if (n) {
        n->type = fn->result;
        n->call.fn = fn;
        n->call.args = args.at;
        n->call.n_args = args.n;
    }
    return n;
}

static struct promql_node *parse_metric(struct parser *p, struct token name)
{
    return parse_selector_braces(p, parse_text(p, name), name.start);
}

static bool is_metric_word(enum token_kind kind)
{
    return kind == TOKEN_BY || kind == TOKEN_OFFSET || kind == TOKEN_WITHOUT ||
           (kind >= TOKEN_FILL && kind <= TOKEN_FILL_RIGHT) || kind == TOKEN_ANCHORED ||
           kind == TOKEN_SMOOTHED;
}

static struct promql_node *parse_name(struct parser *p)
{
    struct token name = p->token;
    parse_advance(p);
    if (name.kind == TOKEN_AGGREGATE && (at_by(p) || p->token.kind == TOKEN_LEFT_PAREN))
        return parse_aggregate(p, name);
    if (name.kind == TOKEN_IDENTIFIER && p->token.kind == TOKEN_LEFT_PAREN)
        return parse_call(p, name);
    return parse_metric(p, name);
}

struct promql_node *parse_selector_braces(struct parser *p, struct str metric, uint32_t start)
{
    must(metric.n > 0 || p->token.kind == TOKEN_LEFT_BRACE);
    struct promql_node parts = {0};
    parts.selector.metric = metric;
    if (p->token.kind == TOKEN_LEFT_BRACE || metric.n > 0) {
        if (!parse_matchers(p, metric, &parts))
            return NULL;
    }
    struct promql_node *n = parse_node(p, NODE_SELECTOR, start, NULL, NULL);
    if (n) {
        n->type = PROMQL_VECTOR;
        n->selector = parts.selector;
    }
    return n;
}

/* --- the rest --- */

static struct promql_node *parse_paren(struct parser *p)
{
    uint32_t start = p->token.start;
    parse_advance(p);
    struct promql_node *expr = parse_expr(p);
    if (!expr)
        return NULL;
    if (p->token.kind != TOKEN_RIGHT_PAREN)
        return parse_unexpected(p, p->context, NULL);
    parse_advance(p);
    struct promql_node *n = parse_node(p, NODE_PAREN, start, expr, NULL);
    if (n) {
        n->type = expr->type;
        n->paren = expr;
    }
    return n;
}

static struct promql_node *parse_text_literal(struct parser *p)
{
    struct token t = p->token;
    must(t.kind == TOKEN_STRING);
    parse_advance(p);
    struct promql_node *n = parse_node(p, NODE_STRING, t.start, NULL, NULL);
    if (n) {
        n->type = PROMQL_STRING;
        n->string = lex_unquote(p->arena, parse_text(p, t));
    }
    return n;
}

struct promql_node *parse_atom(struct parser *p)
{
    struct token t = p->token;
    switch (t.kind) {
    case TOKEN_NUMBER:
    case TOKEN_DURATION:
        return parse_number(p);
    case TOKEN_STRING:
        return parse_text_literal(p);
    case TOKEN_LEFT_PAREN:
        return parse_paren(p);
    case TOKEN_LEFT_BRACE:
        return parse_selector_braces(p, STR(""), t.start);
    case TOKEN_IDENTIFIER:
    case TOKEN_METRIC:
    case TOKEN_AGGREGATE:
        return parse_name(p);
    default:
        if (is_metric_word(t.kind) || (t.kind == TOKEN_OPERATOR && promql_op_is_set(t.op)))
            return parse_name(p);
        return parse_unexpected(p, p->context, NULL);
    }
}
