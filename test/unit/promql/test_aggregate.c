/* Aggregations: grouping, sums that lose nothing, means that would overflow, order and ties of topk; and that tiles and threads do
 * not show. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "engine_case.h"

#include "base/rng.h"
#include "promql/eval_priv.h"

static void operators(void **state)
{
    struct promql_options o = PROMQL_OPTIONS;
    o.experimental = true;
    struct promql_engine *e = promql_engine_new(&o);
    struct series_memory *m = series_memory_new();
    case_load(
        m, 60,
        "v{g=\"1\",i=\"a\"} 1\nv{g=\"1\",i=\"b\"} 1e100\nv{g=\"1\",i=\"c\"} 1\nv{g=\"1\",i=\"d\"} -1e100\n"
        "big{i=\"a\"} 1e308\nbig{i=\"b\"} 1e308\nbig{i=\"c\"} 1e308\n"
        "n{g=\"1\",i=\"a\"} NaN\nn{g=\"1\",i=\"b\"} 2\nn{g=\"2\",i=\"a\"} 5\nn{g=\"2\",i=\"b\"} 2\nn{i=\"b\"} 3\n");
    static const struct case_row rows[] = {
        {"sum(v)", "{} 2\n"},
        {"avg(v)", "{} 0.5\n"},
        {"avg(big)", "{} 1e+308\n"},
        {"sum(big)", "{} +Inf\n"},
        {"sum by (g) (n{g=\"2\"})", "{g=\"2\"} 7\n"},
        {"count by (g) (n)", "{g=\"1\"} 2\n{g=\"2\"} 2\n{} 1\n"},
        {"min by (g) (n)", "{g=\"1\"} 2\n{g=\"2\"} 2\n{} 3\n"},
        {"max by (nix) (n)", "{} 5\n"},
        {"max without (i) (n)", "{g=\"1\"} 2\n{g=\"2\"} 5\n{} 3\n"},
        {"group(n)", "{} 1\n"},
        {"topk(2, n)", "n{g=\"2\", i=\"a\"} 5\nn{i=\"b\"} 3\n"},
        {"topk(9, n{g=\"1\"})", "n{g=\"1\", i=\"b\"} 2\nn{g=\"1\", i=\"a\"} NaN\n"},
        {"bottomk(2, n)", "n{g=\"1\", i=\"b\"} 2\nn{g=\"2\", i=\"b\"} 2\n"},
        {"topk by (g) (1, n)", "n{g=\"1\", i=\"b\"} 2\nn{g=\"2\", i=\"a\"} 5\nn{i=\"b\"} 3\n"},
        {"topk(0, n)", ""},
        {"topk(-1, n)", ""},
        {"quantile(0.5, n{g=\"2\"})", "{} 3.5\n"},
        {"stdvar(n{g=\"2\"})", "{} 2.25\n"},
        {"stddev(n{g=\"2\"})", "{} 1.5\n"},
        {"stddev(n)", "{} NaN\n"},
        {"count_values(\"x\", n)", "{x=\"NaN\"} 1\n{x=\"2\"} 2\n{x=\"5\"} 1\n{x=\"3\"} 1\n"},
        {"count_values by (g) (\"g\", n{g=\"2\"})", "{g=\"5\"} 1\n{g=\"2\"} 1\n"},
        {"count_values(\"x\", big)", "{x=\"1"},
        {"count(limitk(2, n))", "{} 2\n"},
        {"count(limit_ratio(0.4, n) or limit_ratio(-0.6, n))", "{} 5\n"},
        {"sum(nix)", ""},
    };
    struct buf out = BUF_INIT(1 << 20);
    for (size_t i = 0; i < array_len(rows); i++) {
        struct case_query q = {.query = rows[i].query};
        const char *got = case_run(e, m, &q, &out);
        if (strcmp(rows[i].query, "count_values(\"x\", big)") == 0) { /* 309 digits, no exponent */
            assert_true(str_starts(str_of(got), str_of(rows[i].want)));
            assert_null(strchr(got, '+'));
            continue;
        }
        if (strcmp(got, rows[i].want) != 0)
            print_error("%s\n", rows[i].query);
        assert_string_equal(got, rows[i].want);
    }
    buf_done(&out);
    series_memory_free(m);
    promql_engine_free(e);
}

static void many_series(struct series_memory *m)
{
    struct rng r;
    rng_seed(&r, 5);
    for (int i = 0; i < 6000; i++) {
        char a[16], b[16];
        snprintf(a, sizeof(a), "%d", i % 7);
        snprintf(b, sizeof(b), "%d", i);
        struct label_pair at[] = {
            {STR("__name__"), STR("m")}, {STR("a"), str_of(a)}, {STR("b"), str_of(b)}};
        struct labels l = {at, 3};
        for (int t = 0; t < 40; t++) {
            if (rng_below(&r, 10) != 0)
                series_memory_append(m, &l, t * 60000, (double)rng_below(&r, 1000000) / 7);
        }
    }
}

/* The same bits whatever the number of threads. */
static void threads_do_not_show(void **state)
{
    static const char *const queries[] = {
        "sum by(a)(m)",        "avg(rate(m[5m]))",       "sum by(b)(m)", "topk(3, m)",
        "bottomk by(a)(2, m)", "quantile by(a)(0.3, m)", "stddev(m)",    "count by(a)(m > 1000)",
        "max(m) - min(m)",     "sum(m * on(a,b) m)",
    };
    struct series_memory *m = series_memory_new();
    many_series(m);
    struct promql_options o = PROMQL_OPTIONS;
    o.limits.threads = 1;
    struct promql_engine *one = promql_engine_new(&o);
    o.limits.threads = 4;
    struct promql_engine *four = promql_engine_new(&o);
    struct buf x = BUF_INIT(1 << 24), y = BUF_INIT(1 << 24);
    for (size_t i = 0; i < array_len(queries); i++) {
        for (int64_t step = 0; step <= 60; step += 60) {
            struct case_query q = {
                .query = queries[i], .start_s = 600, .end_s = 2400, .step_s = step};
            assert_string_equal(case_run(one, m, &q, &x), case_run(four, m, &q, &y));
            assert_true(x.len > 5);
        }
    }
    buf_done(&x);
    buf_done(&y);
    promql_engine_free(one);
    promql_engine_free(four);
    series_memory_free(m);
}

/* Known values of XXH64: limit_ratio picks the series that Prometheus picks. */
static void ratio_hash(void **state)
{
    assert_true(promql_xxh64("", 0) == UINT64_C(0xef46db3751d8e999));
    assert_true(promql_xxh64("a", 1) == UINT64_C(0xd24ec4f1a98c6e5b));
    assert_true(promql_xxh64("Nobody inspects the spammish repetition", 39) ==
                UINT64_C(0xfbcea83c8a378bf1));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(operators),
                                       cmocka_unit_test(threads_do_not_show),
                                       cmocka_unit_test(ratio_hash)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
