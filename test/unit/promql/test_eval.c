/* Evaluation: selectors, ranges, subqueries, functions, errors and annotations as Prometheus words them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "engine_case.h"

static struct promql_engine *engine;
static struct series_memory *series;

static int setup(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    o.experimental = true;
    o.limits.threads = 2;
    engine = promql_engine_new(&o);
    series = series_memory_new();
    case_load(series, 60,
              "up{job=\"a\",i=\"1\"} 1 1 0 1 1 1\n"
              "up{job=\"a\",i=\"2\"} 1 1 1 stale\n"
              "req_total{job=\"a\"} 0 60 120 180 240 300\n"
              "load{job=\"a\"} 1 2 3 4 5 6\n"
              "{\"a metric\",\"a label\"=\"x\"} 7 7 7 7 7 7\n"
              "bkt{le=\"1\"} 1 1 1 1 1 1\n"
              "bkt{le=\"2\"} 3 3 3 3 3 3\n"
              "bkt{le=\"+Inf\"} 4 4 4 4 4 4\n"
              "bkt{le=\"x\"} 4 4 4 4 4 4\n");
    return 0;
}

static int teardown(void **state)
{
    series_memory_free(series);
    promql_engine_free(engine);
    return 0;
}

#define AT(at, ...)                                             \
    do {                                                        \
        static const struct case_row rows[] = {__VA_ARGS__};    \
        case_rows(engine, series, (at), rows, array_len(rows)); \
    } while (0)

static void selectors(void **state)
{
    AT(300, {"up", "up{i=\"1\", job=\"a\"} 1\n"},
       {"up offset 4m", "up{i=\"1\", job=\"a\"} 1\nup{i=\"2\", job=\"a\"} 1\n"},
       {"up @ 120", "up{i=\"1\", job=\"a\"} 0\nup{i=\"2\", job=\"a\"} 1\n"},
       {"up @ start() offset -1m", "up{i=\"1\", job=\"a\"} 1\n"},
       {"{\"a metric\"}", "{\"a metric\", \"a label\"=\"x\"} 7\n"}, {"nix", ""},
       {"load[2m]", "load{job=\"a\"} 5@240 6@300\n"},
       {"load[2m:30s]", "load{job=\"a\"} 4@210 5@240 5@270 6@300\n"},
       {"(load)", "load{job=\"a\"} 6\n"}, {"-load", "{job=\"a\"} -6\n"}, {"\"text\"", "\"text\"\n"},
       {"1 + 2 * 3", "7\n"});
    AT(599, {"load", "load{job=\"a\"} 6\n"});
    AT(600, {"load", ""}); /* left-open: five minutes later it is gone */
    AT(60, {"count_over_time(load[1m])", "{job=\"a\"} 1\n"});
}

static void functions(void **state)
{
    AT(300, {"rate(req_total[2m])", "{job=\"a\"} 1\n"},
       {"last_over_time(load[2m])", "load{job=\"a\"} 6\n"},
       {"absent(nix{a=\"b\",c!=\"d\"})", "{a=\"b\"} 1\n"}, {"absent(up)", ""},
       {"absent_over_time(nix{a=\"b\"}[5m])", "{a=\"b\"} 1\n"}, {"scalar(load)", "6\n"},
       {"scalar(up offset 4m)", "NaN\n"}, {"vector(3)", "{} 3\n"}, {"time()", "300\n"},
       {"timestamp(load offset 1m)", "{job=\"a\"} 240\n"},
       {"timestamp(abs(load offset 1m))", "{job=\"a\"} 300\n"}, {"minute()", "{} 5\n"},
       {"start() + end() + range() + step()", "600\n"},
       {"sum_over_time(load[2m:1m])", "{job=\"a\"} 11\n"},
       {"label_replace(load, \"x\", \"${1}y\", \"job\", \"(.*)\")",
        "load{job=\"a\", x=\"ay\"} 6\n"},
       {"label_join(load, \"x\", \"-\", \"job\", \"job\")", "load{job=\"a\", x=\"a-a\"} 6\n"});
}

static void annotations(void **state)
{
    AT(300,
       {"rate(load[2m])",
        "{job=\"a\"} 0.016666666666666666\n"
        "I PromQL info: metric might not be a counter, name does not end in _total/_sum/_count/_bucket: \"load\" (1:6)\n"},
       {"quantile(1.5, load)",
        "{} +Inf\nW PromQL warning: quantile value should be between 0 and 1, got 1.5 (1:10)\n"},
       {"histogram_quantile(0.5, bkt)",
        "{} 1.5\nW PromQL warning: bucket label \"le\" is missing or has a malformed value of \"x\" (1:25)\n"},
       {"load </ 3",
        "I PromQL info: incompatible sample types encountered for binary operator \"</\": float </ float (1:1)\n"});
    struct buf out = BUF_INIT(1 << 20);
    struct case_query q = {.query = "sort(load)", .start_s = 60, .end_s = 120, .step_s = 60};
    assert_string_equal(
        case_run(engine, series, &q, &out),
        "load{job=\"a\"} 2 3\nW PromQL warning: sort is ineffective for range queries since results are always ordered by labels (1:1)\n");
    buf_done(&out);
}

static void errors(void **state)
{
    AT(300,
       {"rate({job=\"a\"}[5m])",
        "ERROR INVALID: vector cannot contain metrics with the same labelset\n"},
       {"topk(NaN, up)", "ERROR INVALID: Parameter value is NaN\n"},
       {"topk(1e300, up)", "ERROR INVALID: Scalar value 1e+300 overflows int64\n"},
       {"limit_ratio(NaN, up)", "ERROR INVALID: Ratio value is NaN\n"},
       {"label_replace(up, \"x\", \"\", \"job\", \"(\")",
        "ERROR INVALID: invalid regular expression in label_replace(): (\n"},
       {"deriv(up[1m] anchored)",
        "ERROR INVALID: anchored modifier can only be used with: changes, delta, increase, rate, resets - not with deriv\n"});
    struct buf out = BUF_INIT(1 << 20);
    struct case_query q = {.query = "up[5m]", .start_s = 60, .end_s = 120, .step_s = 60};
    assert_string_equal(
        case_run(engine, series, &q, &out),
        "ERROR MALFORMED: invalid expression type \"range vector\" for range query, must be Scalar or instant Vector\n");
    q.query = "up +";
    case_run(engine, series, &q, &out);
    assert_true(str_starts((struct str){out.data, out.len}, STR("ERROR MALFORMED: ")));
    buf_done(&out);
}

static void ranges(void **state)
{
    struct buf out = BUF_INIT(1 << 20);
    struct case_query q = {.start_s = 0, .end_s = 300, .step_s = 60};
    q.query = "up";
    assert_string_equal(case_run(engine, series, &q, &out),
                        "up{i=\"1\", job=\"a\"} 1 1 0 1 1 1\nup{i=\"2\", job=\"a\"} 1 1 1 _ _ _\n");
    q.query = "sum(up)";
    assert_string_equal(case_run(engine, series, &q, &out), "{} 2 2 1 1 1 1\n");
    q.query = "sum(up @ 60)"; /* evaluated once, the same at every step */
    assert_string_equal(case_run(engine, series, &q, &out), "{} 2 2 2 2 2 2\n");
    q.query = "time()";
    assert_string_equal(case_run(engine, series, &q, &out), "{} 0 60 120 180 240 300\n");
    q.query = "{job=\"a\",i=~\"1|\"} * 0 == 0 unless load";
    case_run(engine, series, &q, &out);
    assert_true(
        str_starts((struct str){out.data, out.len}, STR("ERROR INVALID: vector cannot contain")));
    q.query = "max_over_time(up[2m] offset -1m)";
    assert_string_equal(case_run(engine, series, &q, &out),
                        "{i=\"1\", job=\"a\"} 1 1 1 1 1 1\n{i=\"2\", job=\"a\"} 1 1 1 _ _ _\n");
    buf_done(&out);
}

/* Answered from steps of a minute: said so, and what counts is the steps that end within the window. */
static void tiers(void **state)
{
    struct series_memory *m = series_memory_new();
    case_load(m, 15, "g 1 2 3 4 5 6 7 8 9 10 11 12\nc_total 0 1 2 3 4 5 6 7 8 0 1 2\n");
    series_memory_set_tier(m, 60000);
    struct buf out = BUF_INIT(1 << 20);
    static const struct case_row rows[] = {
        {"sum_over_time(g[2m])", "{} 44\n"},  {"count_over_time(g[2m])", "{} 8\n"},
        {"avg_over_time(g[2m])", "{} 5.5\n"}, {"min_over_time(g[2m])", "{} 2\n"},
        {"max_over_time(g[1m])", "{} 9\n"},   {"g", "g 9\n"},
        {"increase(c_total[2m])", "{} 8\n"},  {"rate(c_total[1m])", "{} 0.06666666666666667\n"},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        struct case_query q = {.query = rows[i].query, .start_s = 120, .tier_ms = 300000};
        const char *got = case_run(engine, m, &q, &out);
        assert_true(str_starts(str_of(got), str_of(rows[i].want)));
        assert_non_null(strstr(got, "I PromQL info: answered from downsampled steps of 60s"));
    }
    struct case_query plain = {.query = "deriv(g[1m])", .start_s = 120, .tier_ms = 300000};
    assert_null(strstr(case_run(engine, m, &plain, &out), "downsampled"));
    buf_done(&out);
    series_memory_free(m);
}

/* A source whose single samples begin at 60 s: steps stand for what was before. */
static struct series_set *select_partly(void *self, const struct series_select *q, struct err *err)
{
    struct series_source all = series_memory_source(self);
    struct series_set *set = all.ops->select(all.self, q, err);
    if (set != NULL && q->min_ms < 60000) {
        set->older_tier_ms = 300000;
        set->older_before_ms = 60000;
    }
    return set;
}

static void older_steps(void **state)
{
    static const struct series_source_ops partly = {.select = select_partly};
    static const struct {
        const char *query;
        uint32_t infos;
    } rows[] = {{"sum(up)", 0}, {"sum(up offset 4m)", 1}, {"count_over_time(up[10m])", 1}};
    for (size_t i = 0; i < array_len(rows); i++) {
        struct promql_request r = {.source = {&partly, series},
                                   .query = str_of(rows[i].query),
                                   .start_ms = 420000,
                                   .no_cache = true};
        struct promql_result *res;
        assert_int_equal(promql_run(engine, &r, &res, NULL), 0);
        assert_int_equal(res->n_infos, rows[i].infos);
        if (res->n_infos > 0)
            assert_non_null(
                strstr(res->infos[0], "answered before 60 from downsampled steps of 300s"));
        promql_result_free(res);
    }
}

static void figures(void **state)
{
    struct promql_request r = {.source = series_memory_source(series),
                               .query = STR("sum(rate(req_total[5m]))"),
                               .start_ms = 300000,
                               .stats = true};
    struct promql_result *res;
    assert_int_equal(promql_run(engine, &r, &res, NULL), 0);
    assert_int_equal(res->n_nodes, 3);
    assert_int_equal(res->nodes[0].node->kind, NODE_AGGREGATE);
    assert_int_equal(res->nodes[1].series, 1);
    assert_int_equal(res->nodes[2].samples, 5);
    assert_int_equal(res->samples_read > 0, 1);
    assert_int_equal(res->series_selected, 1);
    promql_result_free(res);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(selectors), cmocka_unit_test(functions),   cmocka_unit_test(annotations),
        cmocka_unit_test(errors),    cmocka_unit_test(ranges),      cmocka_unit_test(tiers),
        cmocka_unit_test(figures),   cmocka_unit_test(older_steps),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
