/* The cache of range queries: a sliding dashboard query gives the same answers as without it, whatever comes late or goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <cmocka.h>

#include "engine_case.h"

#include "base/rng.h"

static int64_t now_ms;

static int64_t the_time(void)
{
    return now_ms;
}

struct world {
    struct promql_engine *e;
    struct series_memory *m;
    struct buf got, want;
};

static void open_world(struct world *w, uint64_t bytes)
{
    struct promql_options o = PROMQL_OPTIONS;
    o.cache_bytes = bytes;
    o.recent_ms = 60000;
    o.now_ms = the_time;
    o.experimental = true;
    *w = (struct world){.e = promql_engine_new(&o), .m = series_memory_new()};
    buf_init(&w->got, 1 << 22);
    buf_init(&w->want, 1 << 22);
    now_ms = 0;
}

static void close_world(struct world *w)
{
    buf_done(&w->got);
    buf_done(&w->want);
    series_memory_free(w->m);
    promql_engine_free(w->e);
}

static void add(struct world *w, const char *metric, const char *i, int64_t t_ms, double v)
{
    struct label_pair at[] = {{STR("__name__"), str_of(metric)}, {STR("i"), str_of(i)}};
    struct labels l = {at, 2};
    series_memory_append(w->m, &l, t_ms, v);
}

static void agree(struct world *w, const char *query, int64_t start_s, int64_t end_s,
                  int64_t step_s)
{
    struct case_query q = {.query = query, .start_s = start_s, .end_s = end_s, .step_s = step_s};
    const char *want = case_run(w->e, w->m, &q, &w->want);
    q.cached = true;
    assert_string_equal(case_run(w->e, w->m, &q, &w->got), want);
}

static uint64_t hits(struct world *w)
{
    struct promql_stats s;
    promql_get_stats(w->e, &s);
    return s.cache_hits;
}

static void slides(void **state)
{
    static const char *const queries[] = {
        "a",
        "sum by(i)(rate(a[5m]))",
        "topk(1, a)",
        "a > 50",
        "max_over_time(a[10m:1m]) offset 1m",
        "sum(a) / count(b)",
        "absent(b)",
        "time()",
        "rate(b[2m])",
    };
    struct world w;
    open_world(&w, 1 << 20);
    struct rng r;
    rng_seed(&r, 3);
    for (int64_t t = 0; t < 7200; t += 15) {
        now_ms = t * 1000;
        add(&w, "a", "1", now_ms, (double)rng_below(&r, 100));
        if (t > 3000)
            add(&w, "a", "2", now_ms, (double)rng_below(&r, 100));
        if (t % 1800 < 900)
            add(&w, "b", "1", now_ms, (double)t);
        for (size_t i = 0; t % 60 == 0 && t > 1800 && i < array_len(queries); i++)
            agree(&w, queries[i], t - 1800, t, 60);
    }
    assert_true(hits(&w) > 700);
    close_world(&w);
}

static void old_samples_change(void **state)
{
    struct world w;
    open_world(&w, 1 << 20);
    for (int64_t t = 0; t < 3600; t += 15)
        add(&w, "a", "1", t * 1000, (double)t);
    now_ms = 3600000;
    agree(&w, "sum(a)", 0, 3600, 60);
    agree(&w, "sum(a)", 60, 3660, 60);
    assert_int_equal(hits(&w), 1);
    add(&w, "a", "1", 601000, 1e6); /* late: an entry with the old answer must not be used */
    agree(&w, "sum(a)", 120, 3720, 60);
    assert_int_equal(hits(&w), 1);
    agree(&w, "sum(a)", 120, 3720, 60);
    assert_int_equal(hits(&w), 2);
    series_memory_clear(w.m);
    add(&w, "a", "1", 0, 7);
    agree(&w, "sum(a)", 120, 3720, 60);
    assert_int_equal(hits(&w), 2);
    close_world(&w);
}

/* What is younger than recent_ms, depends on the query's ends or on what comes after is asked anew. */
static void not_kept(void **state)
{
    static const char *const queries[] = {"a @ end()",          "a offset -1m", "a @ 100",
                                          "a[5m:1m] @ start()", "limitk(1, a)", "end() - start()",
                                          "a offset step()"};
    struct world w;
    open_world(&w, 1 << 20);
    add(&w, "a", "1", 0, 1);
    now_ms = 600000;
    for (size_t i = 0; i < array_len(queries); i++) {
        agree(&w, queries[i], 0, 300, 60);
        agree(&w, queries[i], 60, 360, 60);
    }
    assert_int_equal(hits(&w), 0);
    now_ms = 30000;
    agree(&w, "a", 0, 300, 60);
    agree(&w, "a", 60, 360, 60);
    assert_int_equal(hits(&w), 0);
    close_world(&w);
}

static void bounded(void **state)
{
    struct world w;
    open_world(&w, 40000);
    for (int64_t t = 0; t < 3600; t += 60)
        add(&w, "a", "1", t * 1000, (double)t);
    now_ms = 36000000;
    for (int i = 0; i < 100; i++) {
        char query[32];
        snprintf(query, sizeof(query), "a + %d", i);
        agree(&w, query, 0, 3600, 60);
        struct promql_stats s;
        promql_get_stats(w.e, &s);
        assert_true(s.cache_bytes <= 40000);
    }
    uint64_t before = hits(&w);
    agree(&w, "a + 99", 0, 3600, 60);
    assert_int_equal(hits(&w), before + 1);
    agree(&w, "a + 0", 0, 3600, 60); /* long out */
    assert_int_equal(hits(&w), before + 1);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(slides),
        cmocka_unit_test(old_samples_change),
        cmocka_unit_test(not_kept),
        cmocka_unit_test(bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
