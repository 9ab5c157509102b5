/* The matchers of a selector: {a="b", c!~"d", "utf-8 name"}. */
#include "promql/parse_priv.h"

#include "base/vec.h"

struct matcher_list {
    const struct matcher **at;
    size_t n, cap;
};

static void free_matcher(void *arg)
{
    matcher_free(arg);
}

static bool add_matcher(struct parser *p, struct matcher_list *list, enum matcher_op op,
                        struct str name, struct str value, uint32_t at)
{
    struct err err = {0};
    struct matcher *m = matcher_new(op, name, value, &err);
    if (!m) {
        parse_fail(p, at, "%s", err.msg);
        return false;
    }
    arena_on_free(p->arena, free_matcher, m);
    vec_push(list, m);
    return true;
}

static bool matching_op(struct token t, enum matcher_op *op)
{
    switch (t.kind) {
    case TOKEN_EQL:
        *op = MATCH_EQ;
        return true;
    case TOKEN_EQL_REGEX:
        *op = MATCH_RE;
        return true;
    case TOKEN_NEQ_REGEX:
        *op = MATCH_NRE;
        return true;
    default:
        *op = MATCH_NE;
        return t.kind == TOKEN_OPERATOR && t.op == OP_NE;
    }
}

static bool parse_matcher(struct parser *p, struct matcher_list *list)
{
    struct token name = p->token;
    struct str text = parse_text(p, name);
    if (name.kind != TOKEN_IDENTIFIER && name.kind != TOKEN_STRING)
        return parse_unexpected(p, "label matching", "identifier or \"}\"");
    if (name.kind == TOKEN_STRING)
        text = lex_unquote(p->arena, text);
    parse_advance(p);
    enum matcher_op op;
    if (!matching_op(p->token, &op)) {
        if (name.kind == TOKEN_STRING) /* a metric's name */
            return add_matcher(p, list, MATCH_EQ, STR(LABEL_METRIC_NAME), text, name.start);
        return parse_unexpected(p, "label matching", "label matching operator");
    }
    parse_advance(p);
    if (p->token.kind != TOKEN_STRING)
        return parse_unexpected(p, "label matching", "string");
    struct str value = lex_unquote(p->arena, parse_text(p, p->token));
    parse_advance(p);
    return add_matcher(p, list, op, text, value, name.start);
}

static bool parse_list(struct parser *p, struct matcher_list *list)
{
    must(p->token.kind == TOKEN_LEFT_BRACE);
    parse_advance(p);
    while (p->token.kind != TOKEN_RIGHT_BRACE) {
        if (!parse_matcher(p, list))
            return false;
        if (p->token.kind == TOKEN_COMMA)
            parse_advance(p);
        else if (p->token.kind != TOKEN_RIGHT_BRACE)
            return parse_unexpected(p, "label matching", "\",\" or \"}\"");
    }
    parse_advance(p);
    return true;
}

bool parse_matchers(struct parser *p, struct str metric, struct promql_node *out)
{
    struct matcher_list list = {0};
    bool good = p->token.kind != TOKEN_LEFT_BRACE || parse_list(p, &list);
    if (good && metric.n > 0)
        good = add_matcher(p, &list, MATCH_EQ, STR(LABEL_METRIC_NAME), metric, 0);
    if (good && list.n > 0) {
        out->selector.matchers = arena_memdup(p->arena, list.at, list.n * sizeof(*list.at));
        out->selector.n_matchers = list.n;
    }
    must(!good || metric.n == 0 || out->selector.n_matchers > 0);
    vec_done(&list);
    return good;
}
