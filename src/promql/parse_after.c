/* What follows an expression: [range], [range:step], offset, @, anchored, smoothed. They may come in any order and
 * belong to the selector or subquery before them. */
#include "promql/parse_priv.h"

#include <math.h>

#define NUMBER_WORDS "number, duration, step(), or range()"

/* --- brackets --- */

static bool is_zero(const struct promql_duration *d)
{
    return !d->expr && d->ms == 0;
}

static struct promql_node *make_range(struct parser *p, struct promql_node *expr, uint32_t bracket,
                                      struct promql_duration range)
{
    if (expr->kind != NODE_SELECTOR)
        return parse_fail(p, bracket, "ranges only allowed for vector selectors");
    if (!is_zero(&expr->selector.when.offset))
        return parse_fail(p, bracket, "no offset modifiers allowed before range");
    if (expr->selector.when.at != AT_NONE)
        return parse_fail(p, bracket, "no @ modifiers allowed before range");
    expr->kind = NODE_RANGE;
    expr->type = PROMQL_MATRIX;
    expr->selector.range = range;
    expr->end = p->last_end;
    return expr;
}

static struct promql_node *make_subquery(struct parser *p, struct promql_node *expr,
                                         struct promql_duration range, struct promql_duration step)
{
    struct promql_node *n = parse_node(p, NODE_SUBQUERY, expr->start, expr, NULL);
    if (n) {
        n->type = PROMQL_MATRIX;
        n->subquery.expr = expr;
        n->subquery.range = range;
        n->subquery.step = step;
    }
    return n;
}

static struct promql_node *parse_brackets(struct parser *p, struct promql_node *expr)
{
    must(p->token.kind == TOKEN_LEFT_BRACKET);
    uint32_t bracket = p->token.start;
    struct promql_duration range = {0}, step = {0};
    parse_advance(p);
    if (!parse_span(p, "subquery or range selector", NUMBER_WORDS, &range))
        return NULL;
    if (p->token.kind == TOKEN_RIGHT_BRACKET) {
        parse_advance(p);
        return make_range(p, expr, bracket, range);
    }
    if (p->token.kind != TOKEN_COLON)
        return parse_unexpected(p, "subquery or range", "\":\" or \"]\"");
    parse_advance(p);
    if (p->token.kind != TOKEN_RIGHT_BRACKET &&
        !parse_span(p, "subquery selector", "number, duration, step(), range(), or \"]\"", &step))
        return NULL;
    if (p->token.kind != TOKEN_RIGHT_BRACKET)
        return parse_unexpected(p, "subquery selector", "\"]\"");
    parse_advance(p);
    return make_subquery(p, expr, range, step);
}

/* --- offset and @ --- */

static struct promql_when *when_of(struct promql_node *n)
{
    if (n->kind == NODE_SELECTOR || n->kind == NODE_RANGE)
        return &n->selector.when;
    return n->kind == NODE_SUBQUERY ? &n->subquery.when : NULL;
}

static struct promql_node *parse_offset_after(struct parser *p, struct promql_node *expr)
{
    struct promql_duration offset = {0};
    parse_advance(p);
    if (!parse_offset(p, &offset))
        return NULL;
    struct promql_when *when = when_of(expr);
    if (!when)
        return parse_fail(p, expr->start,
                          "offset modifier must be preceded by an instant vector selector or "
                          "range vector selector or a subquery");
    if (!is_zero(&when->offset))
        return parse_fail(p, expr->start, "offset may not be set multiple times");
    when->offset = offset;
    expr->end = p->last_end;
    return expr;
}

/* start() or end(), the token is the word */
static bool parse_at_edge(struct parser *p, struct promql_when *out)
{
    must(out->at == AT_NONE);
    out->at = parse_is_word(p, "start") ? AT_START : AT_END;
    parse_advance(p);
    if (p->token.kind != TOKEN_LEFT_PAREN)
        return parse_unexpected(p, "@", "timestamp");
    parse_advance(p);
    if (p->token.kind != TOKEN_RIGHT_PAREN)
        return parse_unexpected(p, "@", "timestamp");
    parse_advance(p);
    return true;
}

static void *fail_bounds(struct parser *p, const struct promql_node *expr, double s)
{
    const char *words = isnan(s) ? "NaN" : s > 0 ? "+Inf" : "-Inf";
    if (isfinite(s))
        words = arena_printf(p->arena, "%f", s);
    return parse_fail(p, expr->start, "timestamp out of bounds for @ modifier: %s", words);
}

static bool parse_at_time(struct parser *p, const struct promql_node *expr, struct promql_when *out)
{
    bool minus = p->token.kind == TOKEN_OPERATOR && p->token.op == OP_SUB;
    if (minus || (p->token.kind == TOKEN_OPERATOR && p->token.op == OP_ADD))
        parse_advance(p);
    if (p->token.kind != TOKEN_NUMBER && p->token.kind != TOKEN_DURATION)
        return parse_unexpected(p, "@", "timestamp");
    struct promql_node *n = parse_number(p);
    if (!n)
        return false;
    double s = minus ? -n->number : n->number;
    if (!isfinite(s) || s >= (double)INT64_MAX / 1000 || s <= (double)INT64_MIN / 1000)
        return fail_bounds(p, expr, s);
    out->at = AT_TIME;
    out->at_ms = (int64_t)round(s * 1000);
    return true;
}

static struct promql_node *parse_at_after(struct parser *p, struct promql_node *expr)
{
    struct promql_when at = {0};
    parse_advance(p);
    bool edge = parse_is_word(p, "start") || parse_is_word(p, "end");
    if (!(edge ? parse_at_edge(p, &at) : parse_at_time(p, expr, &at)))
        return NULL;
    struct promql_when *when = when_of(expr);
    if (!when)
        return parse_fail(p, expr->start,
                          "@ modifier must be preceded by an instant vector selector or range "
                          "vector selector or a subquery");
    if (when->at != AT_NONE)
        return parse_fail(p, expr->start, "@ <timestamp> may not be set multiple times");
    must(at.at != AT_NONE);
    when->at = at.at;
    when->at_ms = at.at_ms;
    expr->end = p->last_end;
    return expr;
}

/* --- anchored and smoothed --- */

static struct promql_node *parse_extended(struct parser *p, struct promql_node *expr)
{
    bool anchored = p->token.kind == TOKEN_ANCHORED;
    const char *word = anchored ? "anchored" : "smoothed";
    uint32_t at = p->token.start;
    if (!p->experimental)
        return parse_fail(p, at, "%s modifier is experimental and not enabled", word);
    parse_advance(p);
    if (expr->kind != NODE_RANGE && !(expr->kind == NODE_SELECTOR && !anchored))
        return parse_fail(p, expr->start, "%s modifier not implemented", word);
    if (expr->selector.anchored || expr->selector.smoothed)
        return parse_fail(p, expr->start,
                          "anchored and smoothed modifiers cannot be used together");
    expr->selector.anchored = anchored;
    expr->selector.smoothed = !anchored;
    expr->end = p->last_end;
    return expr;
}

struct promql_node *parse_after(struct parser *p, struct promql_node *expr)
{
    while (expr) {
        switch (p->token.kind) {
        case TOKEN_LEFT_BRACKET:
            expr = parse_brackets(p, expr);
            break;
        case TOKEN_OFFSET:
            expr = parse_offset_after(p, expr);
            break;
        case TOKEN_AT:
            expr = parse_at_after(p, expr);
            break;
        case TOKEN_ANCHORED:
        case TOKEN_SMOOTHED:
            expr = parse_extended(p, expr);
            break;
        default:
            return expr;
        }
    }
    return NULL;
}
