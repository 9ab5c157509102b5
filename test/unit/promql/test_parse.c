/* What cannot be parsed, with the words and the place that users are told; and what the tree holds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "promql/ast.h"
#include "promql/functions.h"

struct pair {
    const char *query, *want;
};

static const struct pair invalid[] = {
    {"foo)", "1:5: parse error: unexpected right parenthesis ')'"},
    {"(foo", "1:5: parse error: unclosed left parenthesis"},
    {"foo[5m", "1:7: parse error: unexpected end of input in duration expression"},
    {"foo{", "1:5: parse error: unexpected end of input inside braces"},
    {"foo{a", "1:6: parse error: unexpected end of input inside braces"},
    {"foo{a=", "1:7: parse error: unexpected end of input inside braces"},
    {"foo{a=\"b\"", "1:10: parse error: unexpected end of input inside braces"},
    {"foo{a=\"b\",", "1:11: parse error: unexpected end of input inside braces"},
    {"foo{a=\"b\" c=\"d\"}",
     "1:11: parse error: unexpected identifier \"c\" in label matching, expected \",\" or \"}\""},
    {"foo{a=\"b\"}}", "1:11: parse error: unexpected character: '}'"},
    {"foo{a=b}",
     "1:7: parse error: unexpected identifier \"b\" in label matching, expected string"},
    {"foo{a=\"b\",,}",
     "1:11: parse error: unexpected \",\" in label matching, expected identifier or \"}\""},
    {"foo{,}",
     "1:5: parse error: unexpected \",\" in label matching, expected identifier or \"}\""},
    {"foo{a:\"b\"}", "1:6: parse error: unexpected character inside braces: ':'"},
    {"foo{a!b}", "1:6: parse error: unexpected character after '!' inside braces: 'b'"},
    {"foo{1=\"b\"}", "1:5: parse error: unexpected character inside braces: '1'"},
    {"foo{{a=\"b\"}}", "1:5: parse error: unexpected left brace '{'"},
    {"foo{a=~\"[\"}", "1:5: parse error: cannot parse the regular expression: missing ]: ["},
    {"{}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
    {"{a=\"\"}", "1:1: parse error: vector selector must contain at least one non-empty matcher"},
    {"{a=~\".*\"}",
     "1:1: parse error: vector selector must contain at least one non-empty matcher"},
    {"foo{__name__=\"bar\"}",
     "1:1: parse error: metric name must not be set twice: \"foo\" or \"bar\""},
    {"sum foo", "1:5: parse error: unexpected identifier \"foo\""},
    {"sum(foo bar)", "1:9: parse error: unexpected identifier \"bar\" in aggregation"},
    {"sum()", "1:1: parse error: no arguments for aggregate expression provided"},
    {"sum(foo, bar)",
     "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 1, got 2"},
    {"topk(foo)",
     "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 1"},
    {"topk(1, foo, bar)",
     "1:1: parse error: wrong number of arguments for aggregate expression provided, expected 2, got 3"},
    {"topk(\"a\", foo)",
     "1:6: parse error: expected type scalar in aggregation parameter, got string"},
    {"count_values(1, foo)",
     "1:14: parse error: expected type string in aggregation parameter, got scalar"},
    {"sum by foo",
     "1:8: parse error: unexpected identifier \"foo\" in grouping opts, expected \"(\""},
    {"sum by (foo", "1:12: parse error: unclosed left parenthesis"},
    {"sum by (foo) bar", "1:14: parse error: unexpected identifier \"bar\" in aggregation"},
    {"sum by (1) (foo)",
     "1:9: parse error: unexpected number \"1\" in grouping opts, expected label"},
    {"sum by (a b) (foo)",
     "1:11: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""},
    {"sum by (a,,b) (foo)", "1:11: parse error: unexpected \",\" in grouping opts, expected label"},
    {"sum(foo) by (a) without (b)", "1:17: parse error: unexpected <without>"},
    {"sum(foo[5m])",
     "1:5: parse error: expected type instant vector in aggregation expression, got range vector"},
    {"sum(\"a\")",
     "1:5: parse error: expected type instant vector in aggregation expression, got string"},
    {"rate(foo)",
     "1:6: parse error: expected type range vector in call to function \"rate\", got instant vector"},
    {"rate(foo[5m], 1)", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 2"},
    {"rate()", "1:1: parse error: expected 1 argument(s) in call to \"rate\", got 0"},
    {"rate(foo[5m],)", "1:13: parse error: trailing commas not allowed in function call args"},
    {"rate(,foo[5m])", "1:6: parse error: unexpected \",\""},
    {"nosuch(foo)", "1:1: parse error: unknown function with name \"nosuch\""},
    {"abs(foo[5m])",
     "1:5: parse error: expected type instant vector in call to function \"abs\", got range vector"},
    {"abs(\"x\")",
     "1:5: parse error: expected type instant vector in call to function \"abs\", got string"},
    {"abs(1)",
     "1:5: parse error: expected type instant vector in call to function \"abs\", got scalar"},
    {"round(foo, 1, 2)",
     "1:1: parse error: expected at most 2 argument(s) in call to \"round\", got 3"},
    {"round()", "1:1: parse error: expected at least 1 argument(s) in call to \"round\", got 0"},
    {"time(1)", "1:1: parse error: expected 0 argument(s) in call to \"time\", got 1"},
    {"label_replace(foo, \"a\", \"b\", \"c\")",
     "1:1: parse error: expected 5 argument(s) in call to \"label_replace\", got 4"},
    {"label_join(foo, \"a\")",
     "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 2"},
    {"label_join(foo)",
     "1:1: parse error: expected at least 3 argument(s) in call to \"label_join\", got 1"},
    {"foo[5m] offset",
     "1:15: parse error: unexpected end of input in offset, expected number, duration, step(), or range()"},
    {"foo offset bar",
     "1:12: parse error: unexpected identifier \"bar\" in offset, expected number, duration, step(), or range()"},
    {"foo offset -",
     "1:13: parse error: unexpected end of input in offset, expected number, duration, step(), or range()"},
    {"foo offset 5m offset 5m", "1:1: parse error: offset may not be set multiple times"},
    {"foo offset 5m[5m]", "1:14: parse error: no offset modifiers allowed before range"},
    {"foo @", "1:6: parse error: unexpected end of input in @, expected timestamp"},
    {"foo @ bar", "1:7: parse error: unexpected identifier \"bar\" in @, expected timestamp"},
    {"foo @ start", "1:12: parse error: unexpected end of input in @, expected timestamp"},
    {"foo @ start(", "1:13: parse error: unclosed left parenthesis"},
    {"foo @ 1 @ 2", "1:1: parse error: @ <timestamp> may not be set multiple times"},
    {"foo @ Inf", "1:1: parse error: timestamp out of bounds for @ modifier: +Inf"},
    {"foo @ NaN", "1:1: parse error: timestamp out of bounds for @ modifier: NaN"},
    {"foo @ 1e30",
     "1:1: parse error: timestamp out of bounds for @ modifier: 1000000000000000019884624838656.000000"},
    {"sum(foo) offset 5m",
     "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"},
    {"sum(foo) @ 5",
     "1:1: parse error: @ modifier must be preceded by an instant vector selector or range vector selector or a subquery"},
    {"1 offset 5m",
     "1:1: parse error: offset modifier must be preceded by an instant vector selector or range vector selector or a subquery"},
    {"foo[5m][5m]", "1:8: parse error: ranges only allowed for vector selectors"},
    {"foo[5m:1m][5m]", "1:11: parse error: ranges only allowed for vector selectors"},
    {"sum(foo)[5m]", "1:9: parse error: ranges only allowed for vector selectors"},
    {"foo[]",
     "1:5: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"},
    {"foo[:]", "1:6: parse error: unexpected colon before duration in duration expression"},
    {"foo[5m:", "1:8: parse error: unexpected end of input in duration expression"},
    {"foo[5m:1m", "1:10: parse error: unexpected end of input in duration expression"},
    {"foo[5m::]", "1:9: parse error: unexpected repeated colon in duration expression"},
    {"foo[5m 1m]",
     "1:8: parse error: unexpected duration \"1m\" in subquery or range, expected \":\" or \"]\""},
    {"foo[x]", "1:5: parse error: unexpected character in duration expression: 'x'"},
    {"foo[0m]", "1:5: parse error: duration must be greater than 0"},
    {"foo[5x]", "1:5: parse error: bad number or duration syntax: \"5\""},
    {"foo[5mm]", "1:5: parse error: bad number or duration syntax: \"5mm\""},
    {"foo[\"5m\"]", "1:5: parse error: unexpected character in duration expression: '\"'"},
    {"foo[5m:0s]", "1:8: parse error: duration must be greater than 0"},
    {"foo[5m] + 1",
     "1:1: parse error: binary expression must contain only scalar and instant vector types"},
    {"1 + foo[5m]",
     "1:5: parse error: binary expression must contain only scalar and instant vector types"},
    {"\"a\" + 1",
     "1:1: parse error: binary expression must contain only scalar and instant vector types"},
    {"1 + \"a\"",
     "1:5: parse error: binary expression must contain only scalar and instant vector types"},
    {"-\"a\"",
     "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"string\""},
    {"-foo[5m]",
     "1:1: parse error: unary expression only allowed on expressions of type scalar or instant vector, got \"range vector\""},
    {"1 == 1", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
    {"foo + bool bar", "1:5: parse error: bool modifier can only be used on comparison operators"},
    {"foo and 1", "1:1: parse error: set operator \"and\" not allowed in binary scalar expression"},
    {"1 or 2", "1:1: parse error: set operator \"or\" not allowed in binary scalar expression"},
    {"foo and bool bar",
     "1:5: parse error: bool modifier can only be used on comparison operators"},
    {"foo + on(a) 1", "1:1: parse error: vector matching only allowed between instant vectors"},
    {"1 + on(a) 2", "1:1: parse error: vector matching only allowed between instant vectors"},
    {"foo and on(a) group_left bar", "1:1: parse error: no grouping allowed for \"and\" operation"},
    {"foo + on(a) group_left(a) bar",
     "1:5: parse error: label \"a\" must not occur in ON and GROUP clause at once"},
    {"foo + group_left bar", "1:7: parse error: unexpected <group_left>"},
    {"foo + on bar",
     "1:10: parse error: unexpected identifier \"bar\" in grouping opts, expected \"(\""},
    {"foo + on(a", "1:11: parse error: unclosed left parenthesis"},
    {"foo + on(a b) bar",
     "1:12: parse error: unexpected identifier \"b\" in grouping opts, expected \",\" or \")\""},
    {"foo +", "1:6: parse error: unexpected end of input"},
    {"+", "1:2: parse error: unexpected end of input"},
    {"* foo", "1:1: parse error: unexpected <op:*>"},
    {"foo bar", "1:5: parse error: unexpected identifier \"bar\""},
    {"foo 5", "1:5: parse error: unexpected number \"5\""},
    {"foo \"x\"", "1:5: parse error: unexpected string \"\\\"x\\\"\""},
    {"5 foo", "1:3: parse error: unexpected identifier \"foo\""},
    {"5m5", "1:1: parse error: bad number or duration syntax: \"5m5\""},
    {"0x", "1:1: parse error: bad number or duration syntax: \"0x\""},
    {"0xg", "1:1: parse error: bad number or duration syntax: \"0x\""},
    {"1__0", "1:1: parse error: bad number or duration syntax: \"1__\""},
    {"1_", "1:1: parse error: bad number or duration syntax: \"1_\""},
    {"1e", "1:1: parse error: bad number or duration syntax: \"1e\""},
    {"1e+", "1:1: parse error: bad number or duration syntax: \"1e+\""},
    {"1.2.3", "1:1: parse error: bad number or duration syntax: \"1.2.\""},
    {"1..2", "1:1: parse error: bad number or duration syntax: \"1..\""},
    {".", "1:1: parse error: unexpected character: '.'"},
    {"5x", "1:1: parse error: bad number or duration syntax: \"5\""},
    {"1d1h1d", "1:1: parse error: not a valid duration string: \"1d1h1d\""},
    {"1h1d", "1:1: parse error: not a valid duration string: \"1h1d\""},
    {"0b1", "1:1: parse error: bad number or duration syntax: \"0\""},
    {"foo$", "1:4: parse error: unexpected character: '$'"},
    {"foo & bar", "1:5: parse error: unexpected character: '&'"},
    {"foo | bar", "1:5: parse error: unexpected character: '|'"},
    {"foo ! bar", "1:5: parse error: unexpected character after '!': ' '"},
    {"foo !~ bar", "1:5: parse error: unexpected character after '!': '~'"},
    {"foo =~ bar", "1:5: parse error: unexpected character after '=': '~'"},
    {"foo = bar", "1:5: parse error: unexpected \"=\""},
    {"foo == == bar", "1:8: parse error: unexpected <op:==>"},
    {"\"abc", "1:1: parse error: unterminated quoted string"},
    {"'abc", "1:1: parse error: unterminated quoted string"},
    {"`abc", "1:1: parse error: unterminated raw string"},
    {"\"a\\qb\"", "1:1: parse error: unknown escape sequence U+0071 'q'"},
    {"\"a\\x\"", "1:1: parse error: illegal character U+0022 '\"' in escape sequence"},
    {"\"a\\xzz\"", "1:1: parse error: illegal character U+007A 'z' in escape sequence"},
    {"\"a\\u12\"", "1:1: parse error: illegal character U+0022 '\"' in escape sequence"},
    {"\"a\\ud800b\"", "1:1: parse error: escape sequence is an invalid Unicode code point"},
    {"\"a\\400\"", "1:1: parse error: escape sequence is an invalid Unicode code point"},
    {"\"abc\\", "1:1: parse error: escape sequence not terminated"},
    {"# comment", "1:1: parse error: no expression found in input"},
    {"foo]", "1:4: parse error: unexpected right bracket ']'"},
    {"foo:bar(1)", "1:8: parse error: unexpected \"(\""},
    {"sum by (a:b) (foo)",
     "1:9: parse error: unexpected metric identifier \"a:b\" in grouping opts, expected label"},
    {"bool", "1:1: parse error: unexpected <bool>"},
    {"on", "1:1: parse error: unexpected <on>"},
    {"group_left", "1:1: parse error: unexpected <group_left>"},
    {"ignoring", "1:1: parse error: unexpected <ignoring>"},
    {"atan2", "1:1: parse error: unexpected <op:atan2>"},
    {"foo and", "1:8: parse error: unexpected end of input"},
    {"without(foo)", "1:8: parse error: unexpected \"(\""},
    {"start()", "1:1: parse error: function \"start\" is not enabled"},
    {"atan2(foo)", "1:1: parse error: unexpected <op:atan2>"},
    {"((foo)", "1:7: parse error: unclosed left parenthesis"},
    {"foo()", "1:1: parse error: unknown function with name \"foo\""},
    {"5()", "1:2: parse error: unexpected \"(\""},
    {"(1)(2)", "1:4: parse error: unexpected \"(\""},
    {"foo{a=\"b\"}[5m](1)", "1:15: parse error: unexpected \"(\""},
    {"foo,bar", "1:4: parse error: unexpected \",\""},
    {",", "1:1: parse error: unexpected \",\""},
    {"sum(foo,)", "1:8: parse error: trailing commas not allowed in function call args"},
    {"abs(foo, )", "1:8: parse error: trailing commas not allowed in function call args"},
    {"é", "1:1: parse error: unexpected character: 'é'"},
    {"foo{é=\"a\"}", "1:5: parse error: unexpected character inside braces: 'é'"},
    {"foo{a=\"é\"} é", "1:12: parse error: unexpected character: 'é'"},
    {"foo offset 1.5s", "1:12: parse error: bad number or duration syntax: \"1.5\""},
    {"sum(rate(foo[5m] bar))", "1:18: parse error: unexpected identifier \"bar\" in aggregation"},
    {"histogram_quantile(0.9 foo)", "1:24: parse error: unexpected identifier \"foo\""},
    {"histogram_quantile(0.9, sum by (le) rate(foo[5m]))",
     "1:37: parse error: unexpected identifier \"rate\" in aggregation"},
    {"sum(foo) by (a, b", "1:18: parse error: unclosed left parenthesis"},
    {"sum without (foo", "1:17: parse error: unclosed left parenthesis"},
    {"sum (foo) by a",
     "1:14: parse error: unexpected identifier \"a\" in grouping opts, expected \"(\""},
    {"vector(foo)",
     "1:8: parse error: expected type scalar in call to function \"vector\", got instant vector"},
    {"scalar(1)",
     "1:8: parse error: expected type instant vector in call to function \"scalar\", got scalar"},
    {"scalar(foo[5m])",
     "1:8: parse error: expected type instant vector in call to function \"scalar\", got range vector"},
    {"absent(1)",
     "1:8: parse error: expected type instant vector in call to function \"absent\", got scalar"},
    {"time() + foo[5m]",
     "1:10: parse error: binary expression must contain only scalar and instant vector types"},
    {"label_replace(foo, 1, \"b\", \"c\", \"d\")",
     "1:20: parse error: expected type string in call to function \"label_replace\", got scalar"},
    {"topk by (a) (1, foo) by (b)", "1:22: parse error: unexpected <by>"},
    {"quantile(foo, bar)",
     "1:10: parse error: expected type scalar in aggregation parameter, got instant vector"},
    {"sort(foo, bar)", "1:1: parse error: expected 1 argument(s) in call to \"sort\", got 2"},
    {"hour(foo, bar)",
     "1:1: parse error: expected at most 1 argument(s) in call to \"hour\", got 2"},
    {"hour(1)",
     "1:6: parse error: expected type instant vector in call to function \"hour\", got scalar"},
    {"foo unless on(a) group_right bar",
     "1:1: parse error: no grouping allowed for \"unless\" operation"},
    {"1 > 2", "1:3: parse error: comparisons between scalars must use BOOL modifier"},
    {"-1 > 2", "1:4: parse error: comparisons between scalars must use BOOL modifier"},
    {"(1) == (2)", "1:5: parse error: comparisons between scalars must use BOOL modifier"},
    {"foo[5m] == 1",
     "1:1: parse error: binary expression must contain only scalar and instant vector types"},
    {"foo offset 5m 5m", "1:15: parse error: unexpected duration \"5m\""},
    {"(foo + bar)[5m]", "1:12: parse error: ranges only allowed for vector selectors"},
    {"1[5m:]", "1:1: parse error: subquery is only allowed on instant vector, got scalar instead"},
    {"\"a\"[5m:]",
     "1:1: parse error: subquery is only allowed on instant vector, got string instead"},
    {"foo[5m*2]", "1:5: parse error: experimental duration expression is not enabled"},
    {"foo[step()]", "1:5: parse error: experimental duration expression is not enabled"},
    {"foo offset step()", "1:12: parse error: experimental duration expression is not enabled"},
    {"foo smoothed", "1:5: parse error: smoothed modifier is experimental and not enabled"},
    {"rate(foo[5m] anchored)",
     "1:14: parse error: anchored modifier is experimental and not enabled"},
    {"a + fill(1) b", "1:5: parse error: binop fill modifiers are experimental and not enabled"},
    {"limitk(1, a)",
     "1:1: parse error: limitk() is experimental and must be enabled with --enable-feature=promql-experimental-functions"},
    {"limit_ratio(1, a)",
     "1:1: parse error: limit_ratio() is experimental and must be enabled with --enable-feature=promql-experimental-functions"},
    {"info(a)", "1:1: parse error: function \"info\" is not enabled"},
    {"foo[5y1hs]", "1:5: parse error: unknown unit \"hs\" in duration \"5y1hs\""},
    {"foo[5m1m]", "1:5: parse error: not a valid duration string: \"5m1m\""},
    {"foo[-1]", "1:5: parse error: duration must be greater than 0"},
    {"\"a\n+ \"b\"", "1:1: parse error: unterminated quoted string"},
    {"foo +\n  bar)", "2:7: parse error: unexpected right parenthesis ')'"},
    {"a\n# x\n{b=c}",
     "3:4: parse error: unexpected identifier \"c\" in label matching, expected string"},
    {"é + $", "1:1: parse error: unexpected character: 'é'"},
};

static const struct pair invalid_experimental[] = {
    {"foo[5m * foo]", "1:10: parse error: unexpected character in duration expression: 'f'"},
    {"foo[5m / 0]", "1:8: parse error: division by zero"},
    {"foo[5m % 0]", "1:8: parse error: modulo by zero"},
    {"foo[step(]",
     "1:10: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"},
    {"foo[min_of(1)]",
     "1:13: parse error: unexpected \")\" in subquery or range selector, expected number, duration, step(), or range()"},
    {"foo[-5m]", "1:5: parse error: duration must be greater than 0"},
    {"foo[1e30]", "1:5: parse error: duration out of range"},
    {"foo[0.0001]", "1:5: parse error: duration must be greater than 0"},
    {"foo offset (5m", "1:15: parse error: unclosed left parenthesis"},
    {"foo offset (bar)",
     "1:13: parse error: unexpected identifier \"bar\" in offset, expected number, duration, step(), or range()"},
    {"foo[5m] anchored smoothed",
     "1:1: parse error: anchored and smoothed modifiers cannot be used together"},
    {"sum(foo) smoothed", "1:1: parse error: smoothed modifier not implemented"},
    {"foo anchored", "1:1: parse error: anchored modifier not implemented"},
    {"a and fill(0) b",
     "1:1: parse error: filling in missing series not allowed for set operators"},
    {"1 + fill(0) 2",
     "1:1: parse error: filling in missing series only allowed between instant vectors"},
    {"a + fill(x) b", "1:10: parse error: unexpected identifier \"x\" in fill, expected number"},
    {"a + fill(1 b", "1:12: parse error: unexpected identifier \"b\" in fill, expected \")\""},
    {"info(foo, bar)",
     "1:11: parse error: expected label selectors only, got vector selector instead"},
    {"info(foo, 1)",
     "1:1: parse error: expected type instant vector in call to function \"info\", got scalar"},
    {"info(foo, {}, 1)",
     "1:1: parse error: expected at most 2 argument(s) in call to \"info\", got 3"},
    {"foo[5m*]",
     "1:8: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"},
    {"foo[(5m]",
     "1:8: parse error: unexpected \"]\" in subquery or range selector, expected number, duration, step(), or range()"},
    {"foo[5m)]", "1:8: parse error: unexpected right parenthesis ')'"},
};

static const struct promql_node *parse(struct arena *a, const char *query, bool experimental)
{
    struct promql_parse_options opt = {.experimental = experimental};
    struct err err = {0};
    const struct promql_node *n = promql_parse(a, str_of(query), &opt, &err);
    if (!n)
        fail_msg("%s: %s", query, err.msg);
    return n;
}

static void check_error(const struct pair *p, bool experimental)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    struct promql_parse_options opt = {.experimental = experimental};
    struct err err = {0};
    char text[700];
    if (promql_parse(a, str_of(p->query), &opt, &err))
        fail_msg("%s: is parsed; want %s", p->query, p->want);
    assert_int_equal(err.code, ERR_MALFORMED);
    if (strcmp(err_text(&err, text, sizeof(text)), p->want) != 0)
        fail_msg("%s: %s; want %s", p->query, text, p->want);
    assert_true(err.at_offset <= strlen(p->query));
    assert_null(promql_parse(a, str_of(p->query), &opt, NULL));
}

static void test_errors(void **state)
{
    for (size_t i = 0; i < array_len(invalid); i++)
        check_error(&invalid[i], false);
}

static void test_experimental_errors(void **state)
{
    for (size_t i = 0; i < array_len(invalid_experimental); i++)
        check_error(&invalid_experimental[i], true);
}

/* --- the tree --- */

static void test_selector(void **state)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    const struct promql_node *n =
        parse(a, "up{job=~\"a|b\",x!=\"y\"}[90s] offset -5m @ start()", false);
    assert_int_equal(n->kind, NODE_RANGE);
    assert_int_equal(n->type, PROMQL_MATRIX);
    assert_true(str_eqz(n->selector.metric, "up"));
    assert_int_equal(n->selector.n_matchers, 3);
    assert_int_equal(matcher_op(n->selector.matchers[0]), MATCH_RE);
    assert_true(str_eqz(matcher_name(n->selector.matchers[2]), "__name__"));
    assert_int_equal(n->selector.range.ms, 90000);
    assert_int_equal(n->selector.when.offset.ms, -300000);
    assert_int_equal(n->selector.when.at, AT_START);
    assert_int_equal(n->start, 0);
    assert_int_equal(n->end, 47);
}

static void test_binary(void **state)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    const struct promql_node *n = parse(a, "a + on(x) group_right(y) b * c ^ 2 ^ 3 or d", false);
    assert_int_equal(n->binary.op, OP_OR);
    assert_int_equal(n->binary.card, CARD_MANY_TO_MANY);
    const struct promql_node *sum = n->binary.left;
    assert_int_equal(sum->binary.op, OP_ADD);
    assert_int_equal(sum->binary.card, CARD_ONE_TO_MANY);
    assert_true(sum->binary.on && sum->binary.matching_given);
    assert_int_equal(sum->binary.n_labels, 1);
    assert_true(str_eqz(sum->binary.include[0], "y"));
    const struct promql_node *product = sum->binary.right;
    assert_int_equal(product->binary.op, OP_MUL);
    assert_int_equal(product->binary.right->binary.op, OP_POW);
    assert_int_equal(product->binary.right->binary.right->type, PROMQL_SCALAR);
    assert_int_equal(n->height, 6);
}

static void test_call(void **state)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    const struct promql_node *n = parse(a, "topk(3, rate(a[5m])) by (x)", false);
    assert_int_equal(n->aggregate.op, AGG_TOPK);
    assert_true(n->aggregate.param->number == 3);
    assert_int_equal(n->aggregate.n_labels, 1);
    assert_false(n->aggregate.without);
    const struct promql_node *call = n->aggregate.expr;
    assert_string_equal(call->call.fn->name, "rate");
    assert_int_equal(call->start, 8);
    assert_int_equal(call->end, 19);
    assert_int_equal(call->call.args[0]->kind, NODE_RANGE);
}

static bool count_node(void *arg, const struct promql_node *n)
{
    int *count = arg;
    ++*count;
    return n->kind != NODE_PAREN;
}

static void test_walk(void **state)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    int count = 0;
    promql_walk(parse(a, "-a + sum(rate(b[5m])) * topk(1, max_over_time(c[5m:])) ^ (d + e)", false),
                count_node, &count);
    assert_int_equal(count, 14);
}

static int64_t worth(const char *query, int64_t step, int64_t range)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    int64_t ms = -1;
    struct err err = {0};
    if (promql_duration_ms(&parse(a, query, true)->selector.range, step, range, &ms, &err) < 0)
        return err.code == ERR_INVALID ? -2 : -3;
    return ms;
}

static void test_durations(void **state)
{
    assert_int_equal(worth("a[1h30m]", 0, 0), 5400000);
    assert_int_equal(worth("a[1.001]", 0, 0), 1001);
    assert_int_equal(worth("a[2m*(10+5)]", 0, 0), 1800000);
    assert_int_equal(worth("a[1h30m % 1h]", 0, 0), 1800000);
    assert_int_equal(worth("a[-5m+35m]", 0, 0), 1800000);
    assert_int_equal(worth("a[2^3^2]", 0, 0), 512000);
    assert_int_equal(worth("a[step()+1]", 15000, 0), 16000);
    assert_int_equal(worth("a[max_of(min_of(step(), 1m), range()/2)]", 15000, 60000), 30000);
    assert_int_equal(worth("a[1m/(step()-step())]", 15000, 0), -2);
    assert_int_equal(worth("a[1m%(step()-step())]", 15000, 0), -2);
    assert_int_equal(worth("a[10^40]", 0, 0), -2);
}

/* --- bounds --- */

static void repeat(struct buf *b, const char *text, int n)
{
    while (n-- > 0)
        buf_puts(b, text);
}

static void check_deep(const char *before, const char *middle, const char *after, int n, bool good)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    struct buf b = BUF_INIT(1 << 20);
    struct err err = {0};
    repeat(&b, before, n);
    buf_puts(&b, middle);
    repeat(&b, after, n);
    const struct promql_node *node =
        promql_parse(a, (struct str){b.data, b.len}, &(struct promql_parse_options){true}, &err);
    assert_int_equal(node != NULL, good);
    if (!good)
        assert_non_null(strstr(err.msg, "nested too deeply"));
    buf_done(&b);
}

static void test_depth(void **state)
{
    check_deep("(", "a", ")", 400, true);
    check_deep("(", "a", ")", 600, false);
    check_deep("", "a", " + a", 400, true);
    check_deep("", "a", " + a", 100000, false);
    check_deep("a ^ ", "a", "", 100000, false);
    check_deep("-", "a", "", 100000, false);
    check_deep("abs(", "a", ")", 100000, false);
    check_deep("sum(", "a", ")", 400, true);
    check_deep("", "a", "[5m:]", 600, false);
    check_deep("a[", "(1", ")]", 1, true);
    cleanup(arena_freep) struct arena *a = arena_new();
    struct err err = {0};
    struct buf b = BUF_INIT(4 << 20);
    repeat(&b, " ", PROMQL_QUERY_MAX + 1);
    assert_null(promql_parse(a, (struct str){b.data, b.len}, NULL, &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
    buf_done(&b);
}

/* --- parts of the language --- */

static void test_selector_alone(void **state)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    const struct matcher *const *m;
    size_t n;
    struct err err = {0};
    assert_int_equal(promql_parse_selector(a, STR("up{a=\"b\"}"), false, &m, &n, &err), 0);
    assert_int_equal(n, 2);
    assert_int_equal(promql_parse_selector(a, STR("{a=\"\"}"), true, &m, &n, &err), 0);
    assert_int_equal(n, 1);
    assert_int_equal(promql_parse_selector(a, STR("{}"), true, &m, &n, &err), 0);
    assert_int_equal(n, 0);
    assert_int_equal(promql_parse_selector(a, STR("{a=~\".*\"}"), false, &m, &n, &err), -1);
    assert_non_null(strstr(err.msg, "match[] must contain at least one non-empty matcher"));
    static const char *const wrong[] = {"",      "up[5m]", "up offset 5m", "sum(up)", "1",
                                        "up up", "up{",    "\"a\"",        "up + up"};
    for (size_t i = 0; i < array_len(wrong); i++)
        assert_int_equal(promql_parse_selector(a, str_of(wrong[i]), true, &m, &n, &err), -1);
}

static void test_labels(void **state)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    struct labels l;
    struct err err = {0};
    assert_int_equal(promql_parse_labels(a, STR("x{b=\"2\", a=\"1\", c=\"\"}"), &l, &err), 0);
    struct buf b = BUF_INIT(1000);
    labels_format(&b, &l);
    assert_string_equal(b.data, "x{a=\"1\", b=\"2\"}");
    buf_done(&b);
    assert_int_equal(promql_parse_labels(a, STR("{}"), &l, &err), 0);
    assert_int_equal(l.n, 0);
    assert_int_equal(promql_parse_labels(a, STR("{a=~\"b\"}"), &l, &err), -1);
    assert_int_equal(promql_parse_labels(a, STR("{a=\"b\",a=\"c\"}"), &l, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
}

static void test_position(void **state)
{
    int line, column;
    promql_position(STR("ab\n\xc3\xa9x"), 5, &line, &column);
    assert_int_equal(line, 2);
    assert_int_equal(column, 2);
    promql_position(STR(""), 0, &line, &column);
    assert_int_equal(line, 1);
    assert_int_equal(column, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_errors),         cmocka_unit_test(test_experimental_errors),
        cmocka_unit_test(test_selector),       cmocka_unit_test(test_binary),
        cmocka_unit_test(test_call),           cmocka_unit_test(test_walk),
        cmocka_unit_test(test_durations),      cmocka_unit_test(test_depth),
        cmocka_unit_test(test_selector_alone), cmocka_unit_test(test_labels),
        cmocka_unit_test(test_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
