/* Heartbeats: what was heard and when, and what follows from it. */
#include "alert/heartbeat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <cmocka.h>

#include "base/must.h"

#define T0 INT64_C(1763700000000) /* 2025-11-21 04:40:00 UTC */
#define S  INT64_C(1000)

static const struct heartbeat_rule hourly = {.period_ms = 3600 * S, .grace_ms = 60 * S};

struct heard {
    int64_t started_ms, duration_ms;
};

static struct heard hear(const struct heartbeat_rule *rule, struct heartbeat *st,
                         enum heartbeat_kind kind, const char *id, const char *said, int64_t at_ms)
{
    struct heard h;
    struct heartbeat_event ev = {kind, id, said, -1, -1};
    heartbeat_hear(rule, st, &ev, at_ms, &h.started_ms, &h.duration_ms);
    return h;
}

static void stands(const struct heartbeat_rule *rule, const struct heartbeat *st, int64_t at_ms,
                   enum heartbeat_verdict verdict, const char *message)
{
    struct buf text = BUF_INIT(1000);
    assert_int_equal(heartbeat_judge(rule, st, at_ms, &text), verdict);
    assert_string_equal(text.data, message);
    buf_done(&text);
}

static void test_good_late_and_good_again(void **state)
{
    struct heartbeat st = {0};
    heartbeat_wait(&hourly, &st, T0);
    stands(&hourly, &st, T0 + 5 * S, HEARTBEAT_UNKNOWN, "nothing heard yet; expected by 05:41:00");
    hear(&hourly, &st, HEARTBEAT_GOOD, "", "", T0 + 600 * S);
    stands(&hourly, &st, T0 + 601 * S, HEARTBEAT_WELL, "last heard at 04:50:00");
    assert_int_equal(heartbeat_late_ms(&hourly, &st), T0 + (600 + 3660) * S);
    assert_int_equal(heartbeat_next(&hourly, &st, T0 + 601 * S), T0 + (600 + 3660) * S + 1);
    stands(&hourly, &st, T0 + (600 + 3660) * S, HEARTBEAT_WELL, "last heard at 04:50:00");
    stands(&hourly, &st, T0 + (600 + 3660) * S + 1, HEARTBEAT_DOWN,
           "nothing heard since 04:50:00, expected by 05:51:00");
    assert_true(heartbeat_next(&hourly, &st, T0 + (600 + 3660) * S + 1) == INT64_MAX);
    stands(&hourly, &st, T0 + 86400 * S, HEARTBEAT_DOWN,
           "nothing heard since 2025-11-21 04:50:00, expected by 2025-11-21 05:51:00");
    hear(&hourly, &st, HEARTBEAT_GOOD, "", "copied 3 files", T0 + 5000 * S);
    stands(&hourly, &st, T0 + 5001 * S, HEARTBEAT_WELL, "copied 3 files; last heard at 06:03:20");
}

static void test_never_heard(void **state)
{
    struct heartbeat st = {0};
    heartbeat_wait(&hourly, &st, T0);
    stands(&hourly, &st, T0 + 3661 * S, HEARTBEAT_DOWN, "nothing heard yet, expected by 05:41:00");
}

static void test_a_failure_stays_until_a_success(void **state)
{
    struct heartbeat st = {0};
    struct heartbeat_event ev = {HEARTBEAT_BAD, "", "disk full", 3, -1};
    int64_t started, took;
    heartbeat_wait(&hourly, &st, T0);
    heartbeat_hear(&hourly, &st, &ev, T0 + S, &started, &took);
    stands(&hourly, &st, T0 + 1000 * S, HEARTBEAT_DOWN,
           "ended with exit code 3 at 04:40:01: disk full");
    hear(&hourly, &st, HEARTBEAT_NOTE, "", "ignored", T0 + 2 * S);
    hear(&hourly, &st, HEARTBEAT_START, "", "", T0 + 3 * S);
    stands(&hourly, &st, T0 + 1000 * S, HEARTBEAT_DOWN,
           "ended with exit code 3 at 04:40:01: disk full");
    hear(&hourly, &st, HEARTBEAT_GOOD, "", "", T0 + 4 * S);
    stands(&hourly, &st, T0 + 5 * S, HEARTBEAT_WELL, "last heard at 04:40:04, took 1.0 s");
    assert_int_equal(st.ends, 3);
}

static void test_runs_are_told_apart(void **state)
{
    struct heartbeat st = {0};
    heartbeat_wait(&hourly, &st, T0);
    hear(&hourly, &st, HEARTBEAT_START, "a", "", T0 + S);
    hear(&hourly, &st, HEARTBEAT_START, "b", "", T0 + 5 * S);
    struct heard b = hear(&hourly, &st, HEARTBEAT_GOOD, "b", "", T0 + 6 * S);
    assert_int_equal(b.started_ms, T0 + 5 * S);
    assert_int_equal(b.duration_ms, S);
    struct heard none = hear(&hourly, &st, HEARTBEAT_GOOD, "c", "", T0 + 7 * S);
    assert_int_equal(none.started_ms, 0);
    assert_int_equal(none.duration_ms, -1);
    struct heard a = hear(&hourly, &st, HEARTBEAT_GOOD, "a", "", T0 + 11 * S);
    assert_int_equal(a.duration_ms, 10 * S);
    assert_int_equal(st.n_runs, 0);
    for (int i = 0; i < 3 * HEARTBEAT_RUNS; i++) {
        char id[20];
        snprintf(id, sizeof(id), "run%d", i);
        hear(&hourly, &st, HEARTBEAT_START, id, "", T0 + (20 + i) * S);
    }
    assert_int_equal(st.n_runs, HEARTBEAT_RUNS);
    assert_string_equal(st.runs[0].id, "run32"); /* the oldest were forgotten */
}

static void test_a_run_that_does_not_end(void **state)
{
    struct heartbeat_rule rule = hourly;
    struct heartbeat st = {0};
    rule.max_duration_ms = 300 * S;
    heartbeat_wait(&rule, &st, T0);
    hear(&rule, &st, HEARTBEAT_GOOD, "", "", T0);
    hear(&rule, &st, HEARTBEAT_START, "x", "", T0 + S);
    assert_int_equal(heartbeat_next(&rule, &st, T0 + S), T0 + 301 * S + 1);
    stands(&rule, &st, T0 + 301 * S, HEARTBEAT_WELL, "last heard at 04:40:00, 1 under way");
    stands(&rule, &st, T0 + 302 * S, HEARTBEAT_DOWN,
           "the run x that began at 04:40:01 has not ended and may take 5 min");
    hear(&rule, &st, HEARTBEAT_GOOD, "x", "", T0 + 400 * S);
    stands(&rule, &st, T0 + 401 * S, HEARTBEAT_WELL, "last heard at 04:46:40, took 6 min");
}

static void test_late_names_the_run_that_hangs(void **state)
{
    struct heartbeat st = {0};
    heartbeat_wait(&hourly, &st, T0);
    hear(&hourly, &st, HEARTBEAT_START, "", "", T0 + S);
    stands(&hourly, &st, T0 + 3661 * S, HEARTBEAT_DOWN,
           "nothing heard yet, expected by 05:41:00; the run that began at 04:40:01 has not ended");
}

static void test_who_could_not_reach_us_gets_grace(void **state)
{
    struct heartbeat st = {0};
    heartbeat_wait(&hourly, &st, T0);
    hear(&hourly, &st, HEARTBEAT_GOOD, "", "", T0);
    heartbeat_resume(&hourly, &st, T0 + 7200 * S);
    assert_int_equal(heartbeat_late_ms(&hourly, &st), T0 + 7260 * S);
    stands(&hourly, &st, T0 + 7260 * S, HEARTBEAT_WELL, "last heard at 04:40:00");
    stands(&hourly, &st, T0 + 7260 * S + 1, HEARTBEAT_DOWN,
           "nothing heard since 04:40:00, expected by 05:41:00");
}

static void test_a_pause_forgets_what_ran(void **state)
{
    struct heartbeat st = {0};
    heartbeat_wait(&hourly, &st, T0);
    hear(&hourly, &st, HEARTBEAT_BAD, "", "", T0 + S);
    hear(&hourly, &st, HEARTBEAT_START, "", "", T0 + 2 * S);
    heartbeat_wait(&hourly, &st, T0 + 90000 * S);
    assert_int_equal(st.n_runs, 0);
    stands(&hourly, &st, T0 + 90001 * S, HEARTBEAT_UNKNOWN,
           "nothing heard yet; expected by 06:41:00");
}

static void test_by_the_clock(void **state)
{
    struct err err = {0};
    struct cron *cron = cron_parse("0 3 * * *", "Asia/Shanghai", &err);
    struct zone *zone = zone_open("Asia/Shanghai", &err);
    assert_non_null(cron);
    assert_non_null(zone);
    struct heartbeat_rule rule = {.cron = cron, .zone = zone, .grace_ms = 600 * S};
    struct heartbeat st = {0};
    heartbeat_wait(&rule, &st, T0); /* 12:40 there */
    int64_t three = T0 + (14 * 60 + 20) * 60 * S;
    assert_int_equal(st.due_ms, three);
    hear(&rule, &st, HEARTBEAT_GOOD, "", "", three + 5 * S);
    assert_int_equal(st.due_ms, three + 86400 * S);
    stands(&rule, &st, three + 6 * S, HEARTBEAT_WELL, "last heard at 03:00:05");
    cron_free(&cron);
    zone_free(&zone);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good_late_and_good_again),
        cmocka_unit_test(test_never_heard),
        cmocka_unit_test(test_a_failure_stays_until_a_success),
        cmocka_unit_test(test_runs_are_told_apart),
        cmocka_unit_test(test_a_run_that_does_not_end),
        cmocka_unit_test(test_late_names_the_run_that_hangs),
        cmocka_unit_test(test_who_could_not_reach_us_gets_grace),
        cmocka_unit_test(test_a_pause_forgets_what_ran),
        cmocka_unit_test(test_by_the_clock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
