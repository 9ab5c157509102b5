/* Thresholds: tables of results and the actions they must give. */
#include "alert/threshold.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/must.h"

struct step {
    char result; /* 'f'ail, 's'uccess, 'd'egraded */
    int64_t at_ms;
    unsigned acts;
    enum target_status status;
    int32_t fails;
};

/* Runs the steps; acts like the core on FIRE, REMIND and RESOLVE. */
static void run(const struct threshold_rule *rule, struct target_state *st,
                const struct step *steps, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct step *s = &steps[i];
        unsigned acts = threshold_step(rule, st, s->result != 'f', s->result == 'd', s->at_ms, 5);
        assert_int_equal(acts, s->acts);
        assert_int_equal(st->status, s->status);
        assert_int_equal(st->fail_count, s->fails);
        if (acts & ACT_FIRE)
            st->open_alert_id = 7;
        if (acts & (ACT_FIRE | ACT_REMIND))
            st->last_rung_ms = s->at_ms;
        if (acts & ACT_RESOLVE)
            st->open_alert_id = 0, st->last_rung_ms = 0;
    }
}

static void test_three_failures_fire_once(void **state)
{
    struct threshold_rule rule = {.threshold = 3};
    struct target_state st = {0};
    static const struct step steps[] = {
        {'s', 1000, ACT_CHANGED, TARGET_HEALTHY, 0},
        {'f', 2000, 0, TARGET_HEALTHY, 1},
        {'f', 3000, 0, TARGET_HEALTHY, 2},
        {'f', 4000, ACT_FIRE | ACT_CHANGED, TARGET_UNHEALTHY, 3},
        {'f', 5000, 0, TARGET_UNHEALTHY, 4},
        {'s', 6000, ACT_RESOLVE | ACT_CHANGED, TARGET_HEALTHY, 0},
        {'f', 7000, 0, TARGET_HEALTHY, 1},
        {'s', 8000, 0, TARGET_HEALTHY, 0},
    };
    run(&rule, &st, steps, array_len(steps));
    assert_int_equal(st.since_ms, 6000);
    assert_int_equal(st.last_latency_us, 5);
}

static void test_unknown_target_fires(void **state)
{
    struct threshold_rule rule = {.threshold = 2};
    struct target_state st = {0};
    static const struct step steps[] = {
        {'f', 1000, 0, TARGET_UNKNOWN, 1},
        {'f', 2000, ACT_FIRE | ACT_CHANGED, TARGET_UNHEALTHY, 2},
    };
    run(&rule, &st, steps, array_len(steps));
}

static void test_degraded(void **state)
{
    struct threshold_rule rule = {.threshold = 1};
    struct target_state st = {0};
    static const struct step steps[] = {
        {'s', 1000, ACT_CHANGED, TARGET_HEALTHY, 0},
        {'d', 2000, ACT_CHANGED, TARGET_HEALTHY, 0},
        {'d', 3000, 0, TARGET_HEALTHY, 0},
        {'f', 4000, ACT_FIRE | ACT_CHANGED, TARGET_UNHEALTHY, 1},
        {'d', 5000, ACT_RESOLVE | ACT_CHANGED, TARGET_HEALTHY, 0},
        {'s', 6000, ACT_CHANGED, TARGET_HEALTHY, 0},
    };
    run(&rule, &st, steps, array_len(steps));
    assert_int_equal(st.since_ms, 5000);
}

static void test_recovery_takes_some_in_a_row(void **state)
{
    struct threshold_rule rule = {
        .threshold = 2, .success_threshold = 3, .resend_interval_ms = 1000};
    struct target_state st = {0};
    static const struct step steps[] = {
        {'s', 1000, ACT_CHANGED, TARGET_HEALTHY, 0}, /* it was never down: one is enough */
        {'f', 2000, 0, TARGET_HEALTHY, 1},
        {'s', 3000, 0, TARGET_HEALTHY, 0},
        {'f', 4000, 0, TARGET_HEALTHY, 1},
        {'f', 5000, ACT_FIRE | ACT_CHANGED, TARGET_UNHEALTHY, 2},
        {'s', 7000, 0, TARGET_UNHEALTHY, 2}, /* no reminder of what is good again */
        {'s', 8000, 0, TARGET_UNHEALTHY, 2},
        {'f', 9000, ACT_REMIND, TARGET_UNHEALTHY, 3}, /* from the beginning */
        {'s', 9100, 0, TARGET_UNHEALTHY, 3},
        {'d', 9200, 0, TARGET_UNHEALTHY, 3},
        {'s', 9300, ACT_RESOLVE | ACT_CHANGED, TARGET_HEALTHY, 0},
        {'f', 9400, 0, TARGET_HEALTHY, 1},
    };
    run(&rule, &st, steps, array_len(steps));
    assert_int_equal(st.since_ms, 9300);
    assert_int_equal(st.good_count, 0);
}

static void test_reminders(void **state)
{
    struct threshold_rule rule = {.threshold = 1, .resend_interval_ms = 2000};
    struct target_state st = {0};
    static const struct step steps[] = {
        {'f', 1000, ACT_FIRE | ACT_CHANGED, TARGET_UNHEALTHY, 1},
        {'f', 2000, 0, TARGET_UNHEALTHY, 2},
        {'f', 3000, ACT_REMIND, TARGET_UNHEALTHY, 3},
        {'f', 4999, 0, TARGET_UNHEALTHY, 4},
        {'f', 5000, ACT_REMIND, TARGET_UNHEALTHY, 5},
    };
    run(&rule, &st, steps, array_len(steps));
    st.last_rung_ms = 0; /* never rang: no reminder either */
    assert_int_equal(threshold_step(&rule, &st, false, false, 99000, 1), 0);
}

static void test_restart_in_the_middle(void **state)
{
    /* seed 001: what was firing before a restart neither fires again nor loses its recovery */
    struct threshold_rule rule = {.threshold = 3};
    struct target_state st = {.status = TARGET_UNHEALTHY,
                              .fail_count = 3,
                              .open_alert_id = 9,
                              .last_rung_ms = 500,
                              .last_checked_ms = 1000};
    static const struct step steps[] = {
        {'f', 2000, 0, TARGET_UNHEALTHY, 4},
        {'s', 3000, ACT_RESOLVE | ACT_CHANGED, TARGET_HEALTHY, 0},
    };
    run(&rule, &st, steps, array_len(steps));
}

static void test_late_results_and_clock_steps(void **state)
{
    struct threshold_rule rule = {.threshold = 1, .late_ms = 5000};
    struct target_state st = {.status = TARGET_HEALTHY, .last_checked_ms = 10000000};
    assert_int_equal(threshold_step(&rule, &st, false, false, 9996000, 1), 0); /* late */
    assert_int_equal(st.fail_count, 0);
    /* an hour back: the clock was set, the result counts */
    assert_int_equal(threshold_step(&rule, &st, false, false, 6400000, 1), ACT_FIRE | ACT_CHANGED);
    assert_int_equal(st.last_checked_ms, 6400000);
}

static void test_reminder_survives_clock_set_back(void **state)
{
    struct threshold_rule rule = {.threshold = 1, .resend_interval_ms = 2000};
    struct target_state st = {.status = TARGET_UNHEALTHY,
                              .fail_count = 1,
                              .open_alert_id = 1,
                              .last_rung_ms = 9000000,
                              .last_checked_ms = 9000000};
    assert_int_equal(threshold_step(&rule, &st, false, false, 5000000, 1), 0);
    assert_int_equal(threshold_step(&rule, &st, false, false, 5002000, 1), ACT_REMIND);
}

static void test_disabled_is_ignored(void **state)
{
    struct threshold_rule rule = {.threshold = 1};
    struct target_state st = {.status = TARGET_DISABLED};
    assert_int_equal(threshold_step(&rule, &st, false, false, 1000, 1), 0);
    assert_int_equal(st.status, TARGET_DISABLED);
    assert_int_equal(st.last_checked_ms, 0);
}

static void test_lowered_threshold(void **state)
{
    struct threshold_rule rule = {.threshold = 5};
    struct target_state st = {.status = TARGET_HEALTHY, .fail_count = 3};
    rule.threshold = 2;
    assert_int_equal(threshold_step(&rule, &st, false, false, 1000, 1), ACT_FIRE | ACT_CHANGED);
    rule.threshold = 50; /* raised while down: it stays down */
    st.open_alert_id = 1;
    assert_int_equal(threshold_step(&rule, &st, false, false, 2000, 1), 0);
    assert_int_equal(st.status, TARGET_UNHEALTHY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_three_failures_fire_once),
        cmocka_unit_test(test_unknown_target_fires),
        cmocka_unit_test(test_degraded),
        cmocka_unit_test(test_recovery_takes_some_in_a_row),
        cmocka_unit_test(test_reminders),
        cmocka_unit_test(test_restart_in_the_middle),
        cmocka_unit_test(test_late_results_and_clock_steps),
        cmocka_unit_test(test_reminder_survives_clock_set_back),
        cmocka_unit_test(test_disabled_is_ignored),
        cmocka_unit_test(test_lowered_threshold),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
