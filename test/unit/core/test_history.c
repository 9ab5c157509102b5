/* Graphs and uptime out of series: single samples and steps agree, targets are told apart, changed labels make no hole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/must.h"
#include "core/history.h"
#include "model/series_memory.h"

#define MINUTE INT64_C(60000)
#define HOUR   (60 * MINUTE)
#define DAY    (24 * HOUR)
#define NOW    (INT64_C(1795000000000) / DAY * DAY)

static void put(struct series_memory *m, const char *metric, const char *target, const char *env,
                int64_t t_ms, double v)
{
    struct labels_builder b = {0};
    struct labels l;
    labels_builder_add(&b, STR(LABEL_METRIC_NAME), str_of(metric));
    labels_builder_add(&b, STR("target"), str_of(target));
    labels_builder_add(&b, STR("group"), STR("g"));
    labels_builder_add(&b, STR("env"), str_of(env));
    assert_int_equal(labels_builder_finish(&b, &l, NULL), 0);
    series_memory_append(m, &l, t_ms, v);
    labels_builder_done(&b);
}

static void put_result(struct series_memory *m, const char *target, const char *env, int64_t t_ms,
                       bool success, double seconds)
{
    put(m, "probe_success", target, env, t_ms, success);
    put(m, "probe_duration_seconds", target, env, t_ms, seconds);
}

/* A result a minute for `days` until NOW; each tenth fails and takes 9 s, the others 0.1 s. */
static struct series_memory *filled(int64_t days)
{
    struct series_memory *m = series_memory_new();
    int64_t i = 0;
    for (int64_t t = NOW - days * DAY; t < NOW; t += MINUTE, i++)
        put_result(m, "shop", "prod", t + 1, i % 10 != 0, i % 10 ? 0.1 : 9);
    put_result(m, "other", "prod", NOW - 5 * MINUTE, false, 1);
    return m;
}

static const struct history_target shop = {"g", "shop"};

static void cells_are_filled(void **state)
{
    struct series_memory *m = filled(1);
    double latency[12], success[12];
    struct err err = {0};
    assert_int_equal(history_graph(series_memory_source(m), &shop, NOW - 2 * HOUR, NOW, 12, latency,
                                   success, &err),
                     0);
    for (int i = 0; i < 12; i++) {
        assert_float_equal(success[i], 0.9, 1e-9);
        assert_float_equal(latency[i], 100, 1e-6); /* the failure's 9 s do not count */
    }
    static const struct history_target nobody = {"h", "shop"};
    assert_int_equal(history_graph(series_memory_source(m), &nobody, NOW - HOUR, NOW, 12, latency,
                                   success, &err),
                     0);
    assert_true(isnan(latency[3]) && isnan(success[3]));
    assert_int_equal(
        history_graph(series_memory_source(m), &shop, NOW, NOW, 12, latency, success, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    series_memory_free(m);
}

static void steps_say_the_same(void **state)
{
    struct series_memory *m = filled(10);
    double latency[10], success[10];
    series_memory_set_tier(m, HOUR);
    assert_int_equal(history_graph(series_memory_source(m), &shop, NOW - 10 * DAY, NOW, 10, latency,
                                   success, NULL),
                     0);
    for (int i = 0; i < 10; i++) {
        assert_float_equal(success[i], 0.9, 1e-3);
        assert_float_equal(latency[i], 990,
                           1); /* of all results: a step does not tell them apart */
    }
    series_memory_free(m);
}

static void changed_labels_make_no_hole(void **state)
{
    struct series_memory *m = series_memory_new();
    double latency[4], success[4];
    for (int i = 0; i < 40; i++)
        put_result(m, "shop", i < 20 ? "test" : "prod", NOW - (40 - i) * MINUTE, i % 10 != 3, 0.2);
    assert_int_equal(history_graph(series_memory_source(m), &shop, NOW - 40 * MINUTE, NOW, 4,
                                   latency, success, NULL),
                     0);
    for (int i = 0; i < 4; i++) {
        assert_float_equal(success[i], 0.9, 1e-9);
        assert_float_equal(latency[i], 200, 1e-6);
    }
    series_memory_free(m);
}

static void uptime_of_all_spans(void **state)
{
    struct series_memory *m = series_memory_new();
    struct history_uptime u;
    for (int64_t t = NOW - 60 * DAY; t < NOW; t += 10 * MINUTE)
        put_result(m, "shop", "prod", t, t < NOW - 30 * DAY || t >= NOW - 3 * DAY, 0.1);
    for (int tier = 0; tier < 2; tier++) {
        series_memory_set_tier(m, tier ? HOUR : 0);
        assert_int_equal(history_uptime(series_memory_source(m), &shop, NOW, &u, NULL), 0);
        assert_float_equal(u.day, 1, 1e-9);
        assert_float_equal(u.week, 3. / 7, 0.002);
        assert_float_equal(u.month, 0.1, 0.002);
        assert_float_equal(u.year, 33. / 60, 0.002);
    }
    static const struct history_target nobody = {"g", "nobody"};
    assert_int_equal(history_uptime(series_memory_source(m), &nobody, NOW, &u, NULL), 0);
    assert_true(isnan(u.day) && isnan(u.year));
    series_memory_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cells_are_filled),
        cmocka_unit_test(steps_say_the_same),
        cmocka_unit_test(changed_labels_make_no_hole),
        cmocka_unit_test(uptime_of_all_spans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
