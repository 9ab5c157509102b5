/* The parser of PromQL: by precedence, from the lexer's tokens, everything in the caller's arena. The first error ends it.
 *
 *   expr    = unary { operator modifiers unary }          parse.c
 *   unary   = {"+" | "-"} atom { brackets | offset | @ }  parse.c, parse_after.c
 *   atom    = number | text | selector | call | aggregation | "(" expr ")"   parse_atom.c
 *
 * Recursion is bounded: by PROMQL_DEPTH_MAX on the way down, and by the height of what is built, on which everything
 * that walks the tree relies. Any thread. */
#include "promql/parse_priv.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <strings.h>

/* --- errors --- */

static void *set_error(struct parser *p, uint32_t at, const char *text)
{
    int line, column;
    if (p->failed)
        return NULL;
    p->failed = true;
    err_set(p->err, ERR_MALFORMED, "parse error: %s", text);
    promql_position(p->lexer.text, at, &line, &column);
    err_where(p->err, "", line, column);
    if (p->err)
        p->err->at_offset = at;
    return NULL;
}

void *parse_fail(struct parser *p, uint32_t at, const char *fmt, ...)
{
    char text[400];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    return set_error(p, at, text);
}

const char *parse_quoted(struct parser *p, struct str text)
{
    struct buf b = BUF_INIT(1024);
    text.n = utf8_cut(text.p, text.n, 200);
    lex_quote(&b, text);
    const char *out = arena_strndup(p->arena, b.data, b.len);
    buf_done(&b);
    return out;
}

/* The token as messages name it: identifier "x", <op:+>, "(" */
static const char *describe(struct parser *p)
{
    static const char *const kinds[] = {
        [TOKEN_NUMBER] = "number",
        [TOKEN_DURATION] = "duration",
        [TOKEN_STRING] = "string",
        [TOKEN_IDENTIFIER] = "identifier",
        [TOKEN_METRIC] = "metric identifier",
    };
    struct token t = p->token;
    struct str text = parse_text(p, t);
    int n = (int)text.n;
    if (t.kind == TOKEN_END)
        return "end of input";
    if (t.kind >= TOKEN_BOOL)
        return arena_printf(p->arena, "<%.*s>", n, text.p);
    if (t.kind == TOKEN_AGGREGATE)
        return arena_printf(p->arena, "<aggr:%.*s>", n, text.p);
    if (t.kind >= TOKEN_AT)
        return arena_printf(p->arena, "<op:%.*s>", n, text.p);
    const char *shown = parse_quoted(p, text);
    if (t.kind < TOKEN_IDENTIFIER && utf8_count(text.p, text.n) > 10) {
        size_t cut = 0;
        for (int i = 0; i < 10; i++)
            cut += utf8_char(text.p + cut, text.n - cut);
        shown = arena_printf(p->arena, "%s...", parse_quoted(p, (struct str){text.p, cut}));
    }
    if ((size_t)t.kind < array_len(kinds) && kinds[t.kind])
        return arena_printf(p->arena, "%s %s", kinds[t.kind], shown);
    return shown;
}

void *parse_unexpected(struct parser *p, const char *context, const char *expected)
{
    if (p->token.kind == TOKEN_BAD)
        return set_error(p, p->token.start, p->lexer.bad);
    return parse_fail(p, p->token.start, "unexpected %s%s%s%s%s", describe(p),
                      context ? " in " : "", context ? context : "", expected ? ", expected " : "",
                      expected ? expected : "");
}

/* --- tokens and nodes --- */

void parse_advance(struct parser *p)
{
    p->last_end = p->token.end;
    p->token = lex_next(&p->lexer);
}

struct str parse_text(const struct parser *p, struct token t)
{
    return (struct str){p->lexer.text.p + t.start, t.end - t.start};
}

bool parse_is_word(const struct parser *p, const char *word)
{
    struct str text = parse_text(p, p->token);
    return p->token.kind == TOKEN_IDENTIFIER && text.n == strlen(word) &&
           strncasecmp(text.p, word, text.n) == 0;
}

bool parse_nest(struct parser *p)
{
    if (++p->depth <= PROMQL_DEPTH_MAX)
        return true;
    parse_fail(p, p->token.start, "the query is nested too deeply; at most %d levels",
               PROMQL_DEPTH_MAX);
    return false;
}

void parse_unnest(struct parser *p)
{
    must(p->depth > 0);
    p->depth--;
}

struct promql_node *parse_node(struct parser *p, enum promql_node_kind kind, uint32_t start,
                               const struct promql_node *a, const struct promql_node *b)
{
    unsigned height = a ? a->height : 0;
    if (b && b->height > height)
        height = b->height;
    if (height >= PROMQL_DEPTH_MAX)
        return parse_fail(p, start, "the query is nested too deeply; at most %d levels",
                          PROMQL_DEPTH_MAX);
    struct promql_node *n = arena_new_of(p->arena, struct promql_node);
    n->kind = kind;
    n->start = start;
    n->end = p->last_end;
    n->height = (uint16_t)(height + 1);
    return n;
}

static bool number_value(struct parser *p, struct str text, double *out)
{
    struct str unit;
    const char *problem;
    uint32_t at = p->token.start;
    if (p->token.kind == TOKEN_NUMBER)
        return lex_number_value(text, out) ||
               parse_fail(p, at, "error parsing number: %s", parse_quoted(p, text));
    if (lex_duration_value(text, out, &problem, &unit))
        return true;
    if (unit.n > 0)
        return parse_fail(p, at, "unknown unit %s in duration %s", parse_quoted(p, unit),
                          parse_quoted(p, text));
    return parse_fail(p, at, "%s: %s", problem, parse_quoted(p, text));
}

struct promql_node *parse_number(struct parser *p)
{
    bool is_duration = p->token.kind == TOKEN_DURATION;
    must(is_duration || p->token.kind == TOKEN_NUMBER);
    uint32_t start = p->token.start;
    double v = 0;
    if (!number_value(p, parse_text(p, p->token), &v))
        return NULL;
    parse_advance(p);
    struct promql_node *n = parse_node(p, NODE_NUMBER, start, NULL, NULL);
    if (n) {
        n->type = PROMQL_SCALAR;
        n->number = v;
        n->is_duration = is_duration;
    }
    return n;
}

/* --- operators --- */

static struct promql_node *parse_binary(struct parser *p, int lowest);

struct promql_node *parse_signed(struct parser *p, uint32_t start, enum promql_op op,
                                 struct promql_node *expr)
{
    must(op == OP_ADD || op == OP_SUB);
    if (!expr)
        return NULL;
    if (expr->kind == NODE_NUMBER) {
        expr->number = op == OP_SUB ? -expr->number : expr->number;
        expr->start = start;
        return expr;
    }
    struct promql_node *n = parse_node(p, NODE_UNARY, start, expr, NULL);
    if (n) {
        n->type = expr->type;
        n->unary.op = op;
        n->unary.expr = expr;
    }
    return n;
}

static struct promql_node *parse_unary(struct parser *p)
{
    bool is_sign =
        p->token.kind == TOKEN_OPERATOR && (p->token.op == OP_ADD || p->token.op == OP_SUB);
    if (!is_sign) {
        struct promql_node *atom = parse_atom(p);
        return atom ? parse_after(p, atom) : NULL;
    }
    uint32_t start = p->token.start;
    enum promql_op op = p->token.op;
    parse_advance(p);
    if (!parse_nest(p))
        return NULL;
    struct promql_node *expr = parse_binary(p, promql_op_precedence(OP_POW));
    parse_unnest(p);
    return parse_signed(p, start, op, expr);
}

static bool parse_matching(struct parser *p, struct promql_node *n)
{
    if (p->token.kind != TOKEN_ON && p->token.kind != TOKEN_IGNORING)
        return true;
    n->binary.matching_given = true;
    n->binary.on = p->token.kind == TOKEN_ON;
    parse_advance(p);
    if (!parse_grouping(p, &n->binary.labels, &n->binary.n_labels))
        return false;
    if (p->token.kind != TOKEN_GROUP_LEFT && p->token.kind != TOKEN_GROUP_RIGHT)
        return true;
    n->binary.card = p->token.kind == TOKEN_GROUP_LEFT ? CARD_MANY_TO_ONE : CARD_ONE_TO_MANY;
    parse_advance(p);
    return p->token.kind != TOKEN_LEFT_PAREN ||
           parse_grouping(p, &n->binary.include, &n->binary.n_include);
}

/* (number) behind fill, fill_left or fill_right */
static bool parse_fill_value(struct parser *p, double *value)
{
    parse_advance(p);
    bool minus = p->token.kind == TOKEN_OPERATOR && p->token.op == OP_SUB;
    if (minus || (p->token.kind == TOKEN_OPERATOR && p->token.op == OP_ADD))
        parse_advance(p);
    if (p->token.kind != TOKEN_NUMBER && p->token.kind != TOKEN_DURATION)
        return parse_unexpected(p, "fill", "number");
    struct promql_node *n = parse_number(p);
    if (!n)
        return false;
    *value = minus ? -n->number : n->number;
    if (p->token.kind != TOKEN_RIGHT_PAREN)
        return parse_unexpected(p, "fill", "\")\"");
    parse_advance(p);
    return true;
}

/* fill is a modifier only before a parenthesis; else it is a metric. */
static bool is_fill(const struct parser *p)
{
    if (p->token.kind < TOKEN_FILL || p->token.kind > TOKEN_FILL_RIGHT)
        return false;
    struct lexer ahead = p->lexer;
    return lex_next(&ahead).kind == TOKEN_LEFT_PAREN;
}

static bool parse_fills(struct parser *p, struct promql_node *n)
{
    while (is_fill(p)) {
        enum token_kind side = p->token.kind;
        if (!p->experimental)
            return parse_fail(p, p->token.start,
                              "binop fill modifiers are experimental and not enabled");
        parse_advance(p);
        double value = 0;
        if (!parse_fill_value(p, &value))
            return false;
        if (side != TOKEN_FILL_RIGHT) {
            n->binary.fill_left = true;
            n->binary.fill_left_value = value;
        }
        if (side != TOKEN_FILL_LEFT) {
            n->binary.fill_right = true;
            n->binary.fill_right_value = value;
        }
    }
    return true;
}

/* What may stand between an operator and its right side, into n. */
static bool parse_modifiers(struct parser *p, struct promql_node *n)
{
    n->binary.card = CARD_ONE_TO_ONE;
    if (p->token.kind == TOKEN_BOOL) {
        n->binary.return_bool = true;
        parse_advance(p);
    }
    return parse_matching(p, n) && parse_fills(p, n);
}

static enum promql_type binary_type(const struct promql_node *left, const struct promql_node *right)
{
    bool scalars = left->type == PROMQL_SCALAR && right->type == PROMQL_SCALAR;
    return scalars ? PROMQL_SCALAR : PROMQL_VECTOR;
}

static struct promql_node *parse_right(struct parser *p, struct promql_node *left)
{
    struct promql_node modifiers = {.binary.op = p->token.op};
    int precedence = promql_op_precedence(p->token.op);
    parse_advance(p);
    if (!parse_modifiers(p, &modifiers) || !parse_nest(p))
        return NULL;
    bool from_right = modifiers.binary.op == OP_POW;
    struct promql_node *right = parse_binary(p, from_right ? precedence : precedence + 1);
    parse_unnest(p);
    if (!right)
        return NULL;
    struct promql_node *n = parse_node(p, NODE_BINARY, left->start, left, right);
    if (n) {
        n->binary = modifiers.binary;
        n->binary.left = left;
        n->binary.right = right;
        n->type = binary_type(left, right);
    }
    return n;
}

/* Operators of at least that precedence. */
static struct promql_node *parse_binary(struct parser *p, int lowest)
{
    struct promql_node *left = parse_unary(p);
    while (left && p->token.kind == TOKEN_OPERATOR && promql_op_precedence(p->token.op) >= lowest)
        left = parse_right(p, left);
    return left;
}

struct promql_node *parse_expr(struct parser *p)
{
    if (!parse_nest(p))
        return NULL;
    struct promql_node *n = parse_binary(p, promql_op_precedence(OP_OR));
    parse_unnest(p);
    return n;
}

/* --- what others call --- */

static bool start(struct parser *p, struct arena *a, struct str text, struct err *err)
{
    if (text.n > PROMQL_QUERY_MAX) {
        err_set(err, ERR_TOO_LARGE, "cannot parse the query: got %zu bytes; want at most %d",
                text.n, PROMQL_QUERY_MAX);
        return false;
    }
    *p = (struct parser){.arena = a, .lexer = {.text = text}, .err = err};
    parse_advance(p);
    return true;
}

const struct promql_node *promql_parse(struct arena *a, struct str query,
                                       const struct promql_parse_options *opt, struct err *err)
{
    struct parser p;
    query = (struct str){arena_strndup(a, query.p, query.n), query.n};
    if (!start(&p, a, query, err))
        return NULL;
    p.experimental = opt && opt->experimental;
    if (p.token.kind == TOKEN_END)
        return parse_fail(&p, 0, "no expression found in input");
    struct promql_node *n = parse_expr(&p);
    if (n && p.token.kind != TOKEN_END)
        n = parse_unexpected(&p, NULL, NULL);
    if (!n || !parse_check(&p, n))
        return NULL;
    must(!p.failed && n->type != PROMQL_NONE);
    return n;
}

static bool any_not_empty(const struct promql_node *n)
{
    for (size_t i = 0; i < n->selector.n_matchers; i++) {
        if (!matcher_empty(n->selector.matchers[i]))
            return true;
    }
    return false;
}

int promql_parse_selector(struct arena *a, struct str text, bool empty_ok,
                          const struct matcher *const **matchers, size_t *n, struct err *err)
{
    struct parser p;
    text = (struct str){arena_strndup(a, text.p, text.n), text.n};
    if (!start(&p, a, text, err))
        return -1;
    struct promql_node *node = parse_atom(&p);
    if (node && (p.token.kind != TOKEN_END || node->kind != NODE_SELECTOR))
        node = parse_unexpected(&p, NULL, NULL);
    if (!node)
        return -1;
    if (!empty_ok && !any_not_empty(node))
        return err_set(err, ERR_MALFORMED, "match[] must contain at least one non-empty matcher");
    *matchers = node->selector.matchers;
    *n = node->selector.n_matchers;
    return 0;
}

int promql_parse_labels(struct arena *a, struct str text, struct labels *out, struct err *err)
{
    const struct matcher *const *m;
    size_t n;
    if (promql_parse_selector(a, text, true, &m, &n, err) < 0)
        return -1;
    struct labels_builder b = {0};
    struct labels found;
    int result = 0;
    for (size_t i = 0; i < n && result == 0; i++) {
        if (matcher_op(m[i]) != MATCH_EQ)
            result = err_set(err, ERR_MALFORMED, "cannot read the labels: got %s; want =",
                             matcher_op_text(matcher_op(m[i])));
        labels_builder_add(&b, matcher_name(m[i]), matcher_value(m[i]));
    }
    if (result == 0)
        result = labels_builder_finish(&b, &found, err);
    if (result == 0)
        *out = labels_dup(a, &found);
    labels_builder_done(&b);
    return result;
}
