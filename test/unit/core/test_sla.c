/* The arithmetic of uptime: spans, outages cut to them, budgets, quantiles, months over changes of the clock; and what a
 * target's series add up to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/clock.h"
#include "base/must.h"
#include "core/tally.h"
#include "model/series_memory.h"

static void near(double got, double want, double within)
{
    if (!(fabs(got - want) <= within))
        fail_msg("got %g; want %g", got, want);
}

static void spans(void **state)
{
    struct sla_spans s = {0};
    sla_spans_add(&s, 50, 60);
    sla_spans_add(&s, 0, 20);
    sla_spans_add(&s, 15, 30);
    sla_spans_add(&s, 30, 35); /* touches */
    sla_spans_add(&s, 70, 70); /* nothing */
    sla_spans_add(&s, 90, INT64_MAX);
    sla_spans_settle(&s, 10, 100);
    assert_int_equal(s.n, 3);
    assert_int_equal(s.at[0].from_ms, 10);
    assert_int_equal(s.at[0].to_ms, 35);
    assert_int_equal(s.at[2].to_ms, 100);
    static const struct {
        int64_t at;
        bool want;
    } holds[] = {{9, false}, {10, true}, {34, true},  {35, false},
                 {50, true}, {59, true}, {60, false}, {99, true}};
    for (size_t i = 0; i < array_len(holds); i++)
        assert_int_equal(sla_spans_hold(&s, holds[i].at), holds[i].want);
    assert_int_equal(sla_spans_within(&s, 0, 200), 25 + 10 + 10);
    assert_int_equal(sla_spans_within(&s, 30, 55), 5 + 5);
    sla_spans_done(&s);
}

static void outages(void **state)
{
    struct sla_spans out = {0};
    sla_spans_add(&out, 400, 500);
    sla_spans_settle(&out, 0, 1000);
    static const struct {
        int64_t fired, resolved;
        bool excluding;
        uint32_t incidents;
        int64_t down;
    } cases[] = {
        {200, 300, false, 1, 100}, {50, 150, false, 1, 50}, /* began before */
        {950, 2000, false, 1, 50}, {900, 0, false, 1, 100}, /* still lasts */
        {0, 90, false, 0, 0},      {0, 100, false, 0, 0},   /* over before */
        {1000, 1100, false, 0, 0}, {300, 300, false, 1, 0}, /* of no length, but it rang */
        {390, 510, true, 1, 20},   {420, 480, true, 0, 0},  /* wholly in a maintenance */
        {420, 480, false, 1, 60},  {450, 550, true, 1, 50},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct sla_outages o = {0};
        sla_outage_add(&o, cases[i].fired, cases[i].resolved, 100, 1000,
                       cases[i].excluding ? &out : NULL);
        if (o.incidents != cases[i].incidents || o.down_ms != cases[i].down)
            fail_msg("case %zu: got %u, %lld", i, o.incidents, (long long)o.down_ms);
    }
    sla_spans_done(&out);
}

static void budgets(void **state)
{
    struct sla_budget b = sla_budget(99.9, 30 * 86400, 0.9995);
    near(b.total_s, 2592, 0.01);
    near(b.used_s, 1296, 0.01);
    near(b.left, 0.5, 1e-6);
    assert_true(b.met);
    b = sla_budget(99.9, 1000, 0.99);
    assert_false(b.met);
    near(b.left, -9, 1e-6);
    b = sla_budget(99.9, 1000, NAN); /* nothing is known */
    assert_true(b.met && b.used_s == 0);
    b = sla_budget(100, 1000, 0.5);
    assert_true(isnan(b.left) && !b.met);
    assert_true(sla_budget(100, 1000, 1).met);
}

static void quantiles(void **state)
{
    static struct sla_sketch a, b;
    assert_true(isnan(sla_sketch_quantile(&a, 0.95)));
    for (int i = 1; i <= 1000; i++)
        sla_sketch_add(i % 2 ? &a : &b, i / 1000.0, 1);
    sla_sketch_merge(&a, &b);
    near(sla_sketch_quantile(&a, 0.95), 0.95, 0.0096);
    near(sla_sketch_quantile(&a, 0.5), 0.5, 0.006);
    sla_sketch_add(&a, 1e12, 1); /* beyond all buckets */
    sla_sketch_add(&a, -1, 1);
    assert_true(sla_sketch_quantile(&a, 1) > 1);
}

static int64_t at(const char *text)
{
    int64_t ms = 0;
    assert_int_equal(time_parse(str_of(text), &ms, NULL), 0);
    return ms;
}

static void months(void **state)
{
    static const struct {
        const char *month, *zone, *since, *until;
    } cases[] = {
        {"2026-10", "UTC", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"},
        {"2026-10", "Europe/Berlin", "2026-09-30T22:00:00Z", "2026-10-31T23:00:00Z"},
        {"2026-03", "Europe/Berlin", "2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z"},
        {"2026-12", "Asia/Shanghai", "2026-11-30T16:00:00Z", "2026-12-31T16:00:00Z"},
    };
    int64_t since, until;
    for (size_t i = 0; i < array_len(cases); i++) {
        assert_int_equal(sla_month(cases[i].month, cases[i].zone, &since, &until, NULL), 0);
        assert_int_equal(since, at(cases[i].since));
        assert_int_equal(until, at(cases[i].until));
    }
    static const char *const wrong[] = {"2026-13", "2026-00", "2026", "202610", "26-10-1", ""};
    for (size_t i = 0; i < array_len(wrong); i++)
        assert_int_equal(sla_month(wrong[i], "UTC", &since, &until, NULL), -1);
    assert_int_equal(sla_month("2026-10", "Mars/Base", &since, &until, NULL), -1);
}

static void reasons(void **state)
{
    static const char *const cases[][2] = {
        {"connect to 10.0.0.5:5432: refused", "connect to #.#.#.#:#: refused"},
        {"got status 503; want 200-299", "got status 503; want #-#"},
        {"no answer within 3000 ms", "no answer within # ms"},
        {"超时 12 秒", "超时 # 秒"},
        {"", ""},
    };
    char out[60];
    for (size_t i = 0; i < array_len(cases); i++) {
        sla_reason(cases[i][0], out, sizeof(out));
        assert_string_equal(out, cases[i][1]);
    }
    sla_reason("超时超时超时超时", out, 8); /* cut between characters */
    assert_string_equal(out, "超时");
}

#define MINUTE INT64_C(60000)
#define NOW    (INT64_C(1795000000000) / 3600000 * 3600000)

static void put(struct series_memory *m, const char *metric, int64_t t_ms, double v)
{
    struct labels_builder b = {0};
    struct labels l;
    labels_builder_add(&b, STR(LABEL_METRIC_NAME), str_of(metric));
    labels_builder_add(&b, STR("target"), STR("shop"));
    labels_builder_add(&b, STR("group"), STR("g"));
    assert_int_equal(labels_builder_finish(&b, &l, NULL), 0);
    series_memory_append(m, &l, t_ms, v);
    labels_builder_done(&b);
}

/* A result a minute; each tenth fails after 9 s, the others take 0.1 s. */
static void tallies(void **state)
{
    struct series_memory *m = series_memory_new();
    static struct sla_sketch sketch;
    struct history_target shop = {"g", "shop"}, other = {"g", "other"};
    struct tally t = {0}, none = {0}, rest = {0};
    for (int i = 0; i < 600; i++) {
        put(m, "probe_success", NOW - (600 - i) * MINUTE, i % 10 != 0);
        put(m, "probe_duration_seconds", NOW - (600 - i) * MINUTE, i % 10 ? 0.1 : 9);
    }
    struct series_source source = series_memory_source(m);
    assert_int_equal(tally_read(source, &shop, NOW - 600 * MINUTE, NOW, NULL, &t, &sketch, NULL),
                     0);
    near(t.all, 600, 0);
    assert_int_equal(t.watched_ms, 600 * MINUTE);
    near(tally_uptime(&t), 0.9, 1e-9);
    near(t.latency_sum / t.latency_n, 0.1, 1e-9);
    near(sla_sketch_quantile(&sketch, 0.95), 0.1, 0.002);
    assert_int_equal(tally_read(source, &other, NOW - 600 * MINUTE, NOW, NULL, &none, NULL, NULL),
                     0);
    assert_true(isnan(tally_uptime(&none)));

    /* all but the last hour is left out, and of that each failure */
    struct sla_spans out = {0};
    sla_spans_add(&out, 0, NOW - 60 * MINUTE);
    for (int i = 540; i < 600; i += 10)
        sla_spans_add(&out, NOW - (600 - i) * MINUTE, NOW - (600 - i) * MINUTE + 1);
    sla_spans_settle(&out, NOW - 600 * MINUTE, NOW);
    assert_int_equal(tally_read(source, &shop, NOW - 600 * MINUTE, NOW, &out, &rest, NULL, NULL),
                     0);
    near(rest.all, 54, 0);
    assert_int_equal(rest.watched_ms, 60 * MINUTE - 6);
    near(tally_uptime(&rest), 1, 0);
    sla_spans_done(&out);
    series_memory_free(m);
}

/* Results `every` from `from` to `to`. */
static void watch(struct series_memory *m, int64_t from, int64_t to, int64_t every)
{
    for (int64_t t = from; t <= to; t += every)
        put(m, "probe_success", t, 1);
}

static int64_t watched(struct series_memory *m, int64_t since, int64_t until)
{
    struct history_target shop = {"g", "shop"};
    struct tally t = {0};
    assert_int_equal(tally_read(series_memory_source(m), &shop, since, until, NULL, &t, NULL, NULL),
                     0);
    return t.watched_ms;
}

static void watched_time(void **state)
{
    static const struct {
        int64_t from, to, every, then_from, then_to; /* in seconds before NOW; then: 0 none */
        int64_t span, want;                          /* seconds */
    } cases[] = {
        {60, 0, 30, 0, 0, 86400, 60},           /* a minute of a day */
        {86400, 0, 3600, 0, 0, 86400, 86400},   /* once an hour is all of it */
        {3600, 1800, 30, 0, 0, 3600, 1800},     /* removed after half of it */
        {7200, 5400, 30, 1800, 0, 7200, 3600},  /* off for an hour in between */
        {3600, 2000, 100, 1860, 0, 3600, 3600}, /* a gap of 140 s is none */
        {90000, 86500, 100, 0, 0, 86400, 0},    /* before the span */
        {10, 10, 30, 0, 0, 3600, 0},            /* once is no time at all */
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct series_memory *m = series_memory_new();
        watch(m, NOW - cases[i].from * 1000, NOW - cases[i].to * 1000, cases[i].every * 1000);
        if (cases[i].then_from)
            watch(m, NOW - cases[i].then_from * 1000, NOW - cases[i].then_to * 1000,
                  cases[i].every * 1000);
        assert_int_equal(watched(m, NOW - cases[i].span * 1000, NOW), cases[i].want * 1000);
        series_memory_free(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spans),     cmocka_unit_test(outages),      cmocka_unit_test(budgets),
        cmocka_unit_test(quantiles), cmocka_unit_test(months),       cmocka_unit_test(reasons),
        cmocka_unit_test(tallies),   cmocka_unit_test(watched_time),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
