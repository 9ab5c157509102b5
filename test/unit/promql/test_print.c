/* Queries and how they are written back: what is printed is parsed as the same tree. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "config/node.h"
#include "promql/ast.h"

struct pair {
    const char *query, *want;
};

static const struct pair valid[] = {
    {"1", "1"},
    {"+1", "1"},
    {"-1", "-1"},
    {"1_000_000", "1000000"},
    {"0x1F", "31"},
    {"0XAB_CD", "43981"},
    {"010", "8"},
    {"08", "8"},
    {".5", "0.5"},
    {"5.", "5"},
    {"1e3", "1000"},
    {"1.5E-3", "0.0015"},
    {"1e-7", "0.0000001"},
    {"1e300",
     "1000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"},
    {"Inf", "+Inf"},
    {"-inF", "-Inf"},
    {"NaN", "NaN"},
    {"5m", "5m"},
    {"-1h30m", "-1h30m"},
    {"1d12h5m10s5ms", "1d12h5m10s5ms"},
    {"365d", "1y"},
    {"90d", "90d"},
    {"8d", "8d"},
    {"\"a\"", "\"a\""},
    {"'it\\'s'", "\"it's\""},
    {"`raw\\n`", "\"raw\\\\n\""},
    {"\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"\\x41\\101\\u00e9\\U0001F600\"",
     "\"\\a\\b\\f\\n\\r\\t\\v\\\\\\\"AAé😀\""},
    {"\"été\"", "\"été\""},
    {"\"\\x00\\xff\"", "\"\\x00\\xff\""},
    {"foo", "foo"},
    {"foo:bar", "foo:bar"},
    {":foo", ":foo"},
    {"foo{}", "foo"},
    {"{foo=\"bar\"}", "{foo=\"bar\"}"},
    {"foo{b=\"1\",a!=\"2\",c=~\"x.*\",d!~\"y|z\"}", "foo{a!=\"2\",b=\"1\",c=~\"x.*\",d!~\"y|z\"}"},
    {"foo{a=\"x\",a!=\"y\"}", "foo{a!=\"y\",a=\"x\"}"},
    {"foo{a=\"b\",}", "foo{a=\"b\"}"},
    {"{\"my.metric\"}", "{__name__=\"my.metric\"}"},
    {"{\"my.metric\", \"label.x\"=\"y\", z!=\"1\"}",
     "{\"label.x\"=\"y\",__name__=\"my.metric\",z!=\"1\"}"},
    {"{'foo'}", "{__name__=\"foo\"}"},
    {"{__name__=\"foo\"}", "{__name__=\"foo\"}"},
    {"{__name__=~\"foo.*\"}", "{__name__=~\"foo.*\"}"},
    {"foo{on=\"1\",by=\"2\",bool=\"3\",and=\"4\",sum=\"5\",offset=\"6\"}",
     "foo{and=\"4\",bool=\"3\",by=\"2\",offset=\"6\",on=\"1\",sum=\"5\"}"},
    {"foo[5m]", "foo[5m]"},
    {"foo[300]", "foo[5m]"},
    {"foo[1.5]", "foo[1s500ms]"},
    {"foo[0x10]", "foo[16s]"},
    {"foo[1h30m]", "foo[1h30m]"},
    {"foo{a=\"b\"}[1y]", "foo{a=\"b\"}[1y]"},
    {"foo offset 5m", "foo offset 5m"},
    {"foo OFFSET -5m", "foo offset -5m"},
    {"foo offset 90", "foo offset 1m30s"},
    {"foo offset 0s", "foo"},
    {"foo @ 1", "foo @ 1.000"},
    {"foo @ 1.2345", "foo @ 1.235"},
    {"foo @ -1.5", "foo @ -1.500"},
    {"foo @ start()", "foo @ start()"},
    {"foo @ END()", "foo @ end()"},
    {"foo offset 5m @ 10", "foo @ 10.000 offset 5m"},
    {"foo @ 10 offset -5m", "foo @ 10.000 offset -5m"},
    {"foo[5m] @ end() offset 1w", "foo[5m] @ end() offset 1w"},
    {"rate(foo[5m])[1h:]", "rate(foo[5m])[1h:]"},
    {"rate(foo[5m])[1h:5m]", "rate(foo[5m])[1h:5m]"},
    {"rate(foo[5m])[1h:5m] offset 1d @ 100", "rate(foo[5m])[1h:5m] @ 100.000 offset 1d"},
    {"(a+b)[5m:1m]", "(a + b)[5m:1m]"},
    {"sum", "sum"},
    {"sum + min", "sum + min"},
    {"by", "by"},
    {"without", "without"},
    {"offset offset 5m", "offset offset 5m"},
    {"and and or", "and and or"},
    {"inf_total", "inf_total"},
    {"sum(foo)", "sum(foo)"},
    {"sum (foo) by (a)", "sum by (a) (foo)"},
    {"sum by (a, b) (foo)", "sum by (a, b) (foo)"},
    {"sum without () (foo)", "sum without () (foo)"},
    {"sum by () (foo)", "sum(foo)"},
    {"sum by (a,) (foo)", "sum by (a) (foo)"},
    {"SUM BY(a)(foo)", "sum by (a) (foo)"},
    {"sum by (sum, by, on, bool, group_left, offset, atan2, start) (foo)",
     "sum by (sum, by, on, bool, group_left, offset, atan2, start) (foo)"},
    {"sum by (\"a.b\", 'c') (foo)", "sum by (\"a.b\", c) (foo)"},
    {"topk(5, foo)", "topk(5, foo)"},
    {"topk by (a) (scalar(b), foo)", "topk by (a) (scalar(b), foo)"},
    {"bottomk(1, foo) without (x)", "bottomk without (x) (1, foo)"},
    {"quantile(0.9, foo)", "quantile(0.9, foo)"},
    {"count_values(\"v\", foo)", "count_values(\"v\", foo)"},
    {"group(foo)", "group(foo)"},
    {"stddev(foo) + stdvar(foo)", "stddev(foo) + stdvar(foo)"},
    {"a + b", "a + b"},
    {"a+b*c", "a + b * c"},
    {"(a+b)*c", "(a + b) * c"},
    {"a*b+c", "a * b + c"},
    {"a^b^c", "a ^ b ^ c"},
    {"2 ^ 3 ^ 2", "2 ^ 3 ^ 2"},
    {"-a^b", "-a ^ b"},
    {"-1^2", "-1 ^ 2"},
    {"-a*b", "-a * b"},
    {"- - a", "--a"},
    {"--1", "1"},
    {"1 - -1", "1 - -1"},
    {"2^-1", "2 ^ -1"},
    {"-1^-2", "-1 ^ -2"},
    {"+a", "+a"},
    {"a % b / c atan2 d", "a % b / c atan2 d"},
    {"a == bool 1", "a == bool 1"},
    {"1 > bool 2", "1 > bool 2"},
    {"a >= b", "a >= b"},
    {"a != b", "a != b"},
    {"a < 1 > 2", "a < 1 > 2"},
    {"a and b or c unless d", "a and b or c unless d"},
    {"a or b and c", "a or b and c"},
    {"a + on(x) b", "a + on (x) b"},
    {"a + on() b", "a + on () b"},
    {"a + ignoring(x) b", "a + ignoring (x) b"},
    {"a + ignoring() b", "a + b"},
    {"a * on(x, y) group_left(z) b", "a * on (x, y) group_left (z) b"},
    {"a * on(x) group_left b", "a * on (x) group_left () b"},
    {"a * ignoring(x) group_right(z, \"w.w\") b", "a * ignoring (x) group_right (z, \"w.w\") b"},
    {"a == bool on(x) b", "a == bool on (x) b"},
    {"a and on(x) b", "a and on (x) b"},
    {"a unless ignoring(x) b", "a unless ignoring (x) b"},
    {"abs(a)", "abs(a)"},
    {"time()", "time()"},
    {"round(a, 5)", "round(a, 5)"},
    {"label_replace(a, \"dst\", \"$1\", \"src\", \"(.*)\")",
     "label_replace(a, \"dst\", \"$1\", \"src\", \"(.*)\")"},
    {"label_join(a, \"dst\", \"-\", \"x\", \"y\", \"z\")",
     "label_join(a, \"dst\", \"-\", \"x\", \"y\", \"z\")"},
    {"histogram_quantile(0.9, sum by (le) (rate(foo_bucket[5m])))",
     "histogram_quantile(0.9, sum by (le) (rate(foo_bucket[5m])))"},
    {"hour()", "hour()"},
    {"vector(1)", "vector(1)"},
    {"scalar(a)", "scalar(a)"},
    {"clamp(a, -Inf, Inf)", "clamp(a, -Inf, +Inf)"},
    {"Inf ^ 2", "Inf ^ 2"},
    {"a # comment", "a"},
    {"(((a)))", "(((a)))"},
    {"-(a)", "-(a)"},
    {"- sum(a)", "-sum(a)"},
    {"-foo offset 5m", "-foo offset 5m"},
    {"avg_over_time(rate(foo{job=\"x\"}[1m])[30m:1m] offset 5m)",
     "avg_over_time(rate(foo{job=\"x\"}[1m])[30m:1m] offset 5m)"},
    {"foo[5m:1m] @ start() offset 2h", "foo[5m:1m] @ start() offset 2h"},
    {"min_over_time(sum by (a) (rate(x[5m]))[1h:])",
     "min_over_time(sum by (a) (rate(x[5m]))[1h:])"},
};

static const struct pair behind_flags[] = {
    {"foo[5m * 2]", "foo[5m * 2]"},
    {"foo[(5m + 1h) / 2 - 1 % 2 ^ 2]", "foo[(5m + 1h) / 2 - 1 % 2 ^ 2]"},
    {"foo[step()]", "foo[step()]"},
    {"foo[STEP() + 1]", "foo[step() + 1]"},
    {"foo[min_of(step(), 1h):max_of(range(), 5m)]", "foo[min_of(step(), 1h):max_of(range(), 5m)]"},
    {"foo offset -step()", "foo offset -step()"},
    {"foo offset (1h - 5m)", "foo offset (1h - 5m)"},
    {"foo offset 100 + 2", "foo offset 1m40s + 2"},
    {"foo offset -(2*3)", "foo offset -(2 * 3)"},
    {"foo offset min_of(step(), 1s)", "foo offset min_of(step(), 1s)"},
    {"rate(foo[5m] anchored)", "rate(foo[5m] anchored)"},
    {"increase(foo[5m] smoothed offset 5m)", "increase(foo[5m] smoothed offset 5m)"},
    {"foo smoothed", "foo smoothed"},
    {"a + fill(0) b", "a + fill (0) b"},
    {"a + fill_left(1) b", "a + fill_left (1) b"},
    {"a + fill_right(-1) b", "a + fill_right (-1) b"},
    {"a + fill_left(1) fill_right(2) b", "a + fill_left (1) fill_right (2) b"},
    {"a == bool on(x) group_left(y) fill(NaN) b", "a == bool on (x) group_left (y) fill (NaN) b"},
    {"a + fill", "a + fill"},
    {"a + fill{x=\"y\"}", "a + fill{x=\"y\"}"},
    {"limitk(2, foo)", "limitk(2, foo)"},
    {"limit_ratio(-0.5, foo)", "limit_ratio(-0.5, foo)"},
    {"info(foo, {x=\"y\"})", "info(foo, {x=\"y\"})"},
    {"info(foo, {})", "info(foo, {})"},
    {"anchored + smoothed", "anchored + smoothed"},
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

static struct buf printed(const struct promql_node *n)
{
    struct buf b = BUF_INIT(1 << 20);
    promql_print(&b, n);
    assert_false(b.failed);
    return b;
}

static void check_pairs(const struct pair *pairs, size_t n, bool experimental)
{
    for (size_t i = 0; i < n; i++) {
        cleanup(arena_freep) struct arena *a = arena_new();
        struct buf first = printed(parse(a, pairs[i].query, experimental));
        assert_string_equal(first.data, pairs[i].want);
        struct buf second = printed(parse(a, first.data, experimental));
        assert_string_equal(second.data, first.data);
        buf_done(&first);
        buf_done(&second);
    }
}

static void test_line(void **state)
{
    check_pairs(valid, array_len(valid), false);
    check_pairs(valid, array_len(valid), true); /* the same language and more */
}

static void test_experimental(void **state)
{
    check_pairs(behind_flags, array_len(behind_flags), true);
}

static void test_raw_bytes(void **state)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    const struct promql_node *n = parse(a, "\"\\x00\\xff\\u200b\"", false);
    assert_int_equal(n->string.n, 5);
    assert_memory_equal(n->string.p, "\0\xff\xe2\x80\x8b", 5);
    struct buf b = printed(n);
    assert_string_equal(b.data, "\"\\x00\\xff\\u200b\"");
    buf_done(&b);
}

/* --- format_query --- */

static const struct pair pretty[] = {
    {"sum by(a)(foo)", "sum by (a) (foo)"},
    {"sum by (job, instance, mode, environment) (rate(node_cpu_seconds_total{job=\"node\", mode!=\"idle\"}[5m]))",
     "sum by (job, instance, mode, environment) (\n"
     "  rate(node_cpu_seconds_total{job=\"node\",mode!=\"idle\"}[5m])\n"
     ")"},
    {"histogram_quantile(0.99, sum by (le, route) (rate(http_request_duration_seconds_bucket{job=\"api\"}[5m])))",
     "histogram_quantile(\n"
     "  0.99,\n"
     "  sum by (le, route) (rate(http_request_duration_seconds_bucket{job=\"api\"}[5m]))\n"
     ")"},
    {"-(a_very_long_metric_name_of_many_words_that_fill_the_line + on(instance) another_metric_name_that_is_as_long)",
     "-(\n"
     "    a_very_long_metric_name_of_many_words_that_fill_the_line\n"
     "  + on (instance)\n"
     "    another_metric_name_that_is_as_long\n"
     ")"},
    {"topk(5, sum(a_very_long_metric_name_of_many_words_that_fill_the_line{with=\"many\",labels=\"of\",many=\"words\"}))",
     "topk(\n"
     "  5,\n"
     "  sum(a_very_long_metric_name_of_many_words_that_fill_the_line{labels=\"of\",many=\"words\",with=\"many\"})\n"
     ")"},
    {"max_over_time(sum by (a) (a_very_long_metric_name_of_many_words_that_fill_the_line{labels=\"of\"})[1h:5m])",
     "max_over_time(\n"
     "sum by (a) (a_very_long_metric_name_of_many_words_that_fill_the_line{labels=\"of\"})[1h:5m]\n"
     ")"},
};

static void test_pretty(void **state)
{
    for (size_t i = 0; i < array_len(pretty); i++) {
        cleanup(arena_freep) struct arena *a = arena_new();
        struct buf b = BUF_INIT(1 << 20);
        promql_pretty(&b, parse(a, pretty[i].query, false));
        assert_string_equal(b.data, pretty[i].want);
        struct buf first = printed(parse(a, pretty[i].query, false));
        struct buf again = printed(parse(a, b.data, false));
        assert_string_equal(again.data, first.data);
        buf_done(&b);
        buf_done(&first);
        buf_done(&again);
    }
}

/* --- parse_query --- */

static const struct pair json[] = {
    {"-1.5e-7", "{\"type\":\"numberLiteral\",\"val\":\"-0.00000015\"}"},
    {"\"a\\\"b\"", "{\"type\":\"stringLiteral\",\"val\":\"a\\\"b\"}"},
    {"-foo",
     "{\"expr\":{\"anchored\":false,\"matchers\":[{\"name\":\"__name__\",\"type\":\"=\",\"value\":\"foo\"}],"
     "\"name\":\"foo\",\"offset\":0,\"smoothed\":false,\"startOrEnd\":null,\"timestamp\":null,"
     "\"type\":\"vectorSelector\"},\"op\":\"-\",\"type\":\"unaryExpr\"}"},
    {"rate({a!~\"b\",c=\"d\"}[5m] @ 1.5 offset -1s)",
     "{\"args\":[{\"anchored\":false,\"matchers\":[{\"name\":\"a\",\"type\":\"!~\",\"value\":\"b\"},{\"name\":\"c\","
     "\"type\":\"=\",\"value\":\"d\"}],\"name\":\"\",\"offset\":-1000,\"range\":300000,\"smoothed\":false,"
     "\"startOrEnd\":null,\"timestamp\":1500,\"type\":\"matrixSelector\"}],\"func\":{\"argTypes\":[\"matrix\"],"
     "\"name\":\"rate\",\"returnType\":\"vector\",\"variadic\":0},\"type\":\"call\"}"},
    {"sum without(x)(a)",
     "{\"expr\":{\"anchored\":false,\"matchers\":[{\"name\":\"__name__\",\"type\":\"=\",\"value\":\"a\"}],"
     "\"name\":\"a\",\"offset\":0,\"smoothed\":false,\"startOrEnd\":null,\"timestamp\":null,"
     "\"type\":\"vectorSelector\"},\"grouping\":[\"x\"],\"op\":\"sum\",\"param\":null,"
     "\"type\":\"aggregation\",\"without\":true}"},
    {"1 <= bool 2",
     "{\"bool\":true,\"lhs\":{\"type\":\"numberLiteral\",\"val\":\"1\"},\"matching\":null,\"op\":\"<=\","
     "\"rhs\":{\"type\":\"numberLiteral\",\"val\":\"2\"},\"type\":\"binaryExpr\"}"},
};

static struct buf as_json(const struct promql_node *n)
{
    struct buf b = BUF_INIT(16 << 20);
    struct json j = json_start(&b);
    promql_json(&j, n);
    assert_false(b.failed);
    return b;
}

static void test_json(void **state)
{
    for (size_t i = 0; i < array_len(json); i++) {
        cleanup(arena_freep) struct arena *a = arena_new();
        struct buf b = as_json(parse(a, json[i].query, false));
        assert_string_equal(b.data, json[i].want);
        buf_done(&b);
    }
}

static void test_json_is_json(void **state)
{
    for (size_t i = 0; i < array_len(valid) + array_len(behind_flags); i++) {
        cleanup(arena_freep) struct arena *a = arena_new();
        const char *query =
            i < array_len(valid) ? valid[i].query : behind_flags[i - array_len(valid)].query;
        struct buf b = as_json(parse(a, query, true));
        struct err err = {0};
        if (!node_from_json(a, b.data, b.len, &err))
            fail_msg("%s: %s", query, err.msg);
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_line),      cmocka_unit_test(test_experimental),
        cmocka_unit_test(test_raw_bytes), cmocka_unit_test(test_pretty),
        cmocka_unit_test(test_json),      cmocka_unit_test(test_json_is_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
