/* The engine against the slow evaluator (test/helpers/slow_promql.h): random queries over random series, at one time and at many. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "../../helpers/slow_promql.h"
#include "random_promql.h"

static void engine_agrees(void **state)
{
    (void)state;
    struct promql_options o = PROMQL_OPTIONS;
    o.experimental = true;
    o.limits.threads = 2;
    struct promql_engine *e = promql_engine_new(&o);
    const char *many = getenv("BELFRY_SLOW_QUERIES"), *from = getenv("BELFRY_SLOW_FROM");
    uint64_t n = many ? strtoull(many, NULL, 10) : 3000, told = 0, wrong = 0;
    struct series_memory *m = series_memory_new();
    for (uint64_t i = from ? strtoull(from, NULL, 10) : 0, end = i + n; i < end; i++) {
        struct rng r;
        rng_seed(&r, i);
        if (i % 50 == 0 || from) {
            series_memory_clear(m);
            random_series(m, i / 50);
        }
        struct buf query = BUF_INIT(65536), why = BUF_INIT(65536);
        random_query(&query, &r, (int)(i % 4));
        struct promql_request q = {.source = series_memory_source(m),
                                   .query = {query.data, query.len},
                                   .range = i % 3 != 0,
                                   .start_ms = (int64_t)rng_below(&r, 3600000),
                                   .step_ms = 1 + (int64_t)rng_below(&r, 120000)};
        q.end_ms = q.start_ms + q.step_ms * (int64_t)rng_below(&r, 12);
        bool compared;
        if (slow_compare(e, &q, 3000000, &why, &compared) != 0) {
            print_error("%llu: %s at %lld…%lld step %lld: %s\n", (unsigned long long)i, query.data,
                        (long long)q.start_ms, (long long)q.end_ms, (long long)q.step_ms, why.data);
            wrong++;
        }
        told += compared;
        buf_done(&query);
        buf_done(&why);
    }
    series_memory_free(m);
    promql_engine_free(e);
    print_message("%llu of %llu queries compared\n", (unsigned long long)told,
                  (unsigned long long)n);
    assert_int_equal(wrong, 0);
    assert_true(told * 10 > n * 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(engine_agrees)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
