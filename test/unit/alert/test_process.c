/* When a supervised program rings: stories of events, and what each of them says. Each event of a story is written
 * as the warden tells it; the verdicts are compared as "F message", "A message" (told again), "R message". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "alert/process.h"
#include "base/must.h"
#include "proc/supervisor.h"

#define MINUTE 60000

enum what { STATE, DEATH, GOOD_END, REFUSED, ILL, WELL, TICK_UP, TICK_DOWN };
struct step {
    enum what what;
    int64_t at_ms;
    enum unit_state from, to;
    enum unit_cause cause;
    const char *reason;
    const char *want; /* verdicts, joined by "; " */
};

static struct process_event event_of(const struct step *s)
{
    struct process_event e = {.version = PROCESS_EVENT_VERSION,
                              .size = sizeof(e),
                              .kind = s->what == STATE     ? PROCESS_STATE
                                      : s->what == REFUSED ? PROCESS_REFUSED
                                                           : PROCESS_DEATH,
                              .from = s->from,
                              .to = s->to,
                              .at_ms = s->at_ms,
                              .cause = s->cause,
                              .failure = s->what == DEATH,
                              .unit = "ss-001"};
    snprintf(e.reason, sizeof(e.reason), "%s", s->reason ? s->reason : "");
    return e;
}

static void take(struct process_alarm *a, const struct process_alarm_rule *rule,
                 const struct step *s, struct process_verdicts *out)
{
    struct process_event e = event_of(s);
    switch (s->what) {
    case ILL:
    case WELL:
        process_alarm_health(a, s->what == ILL, s->reason, s->at_ms, out);
        break;
    case TICK_UP:
    case TICK_DOWN:
        process_alarm_tick(a, rule, s->what == TICK_UP, s->at_ms, out);
        break;
    default:
        process_alarm_event(a, rule, &e, "killed by SIGKILL", out);
    }
}

static void run(const struct step *steps, size_t n, bool oneshot)
{
    static const char letters[] = {'F', 'A', 'R'};
    struct process_alarm a = {0};
    struct process_alarm_rule rule = PROCESS_ALARM_RULE;
    rule.oneshot = oneshot;
    bool firing = false;
    for (size_t i = 0; i < n; i++) {
        char got[600] = "";
        struct process_verdicts v;
        take(&a, &rule, &steps[i], &v);
        for (uint32_t k = 0; k < v.n; k++) {
            size_t len = strlen(got);
            snprintf(got + len, sizeof(got) - len, "%s%c %s", k ? "; " : "", letters[v.at[k].act],
                     v.at[k].message);
            assert_int_equal(firing,
                             v.at[k].act != ALARM_FIRE); /* never twice, never from nothing */
            firing = v.at[k].act != ALARM_RESOLVE;
        }
        assert_int_equal(firing, a.trouble != TROUBLE_NONE);
        if (strcmp(got, steps[i].want ? steps[i].want : "") != 0)
            fail_msg("step %zu: got \"%s\"; want \"%s\"", i, got,
                     steps[i].want ? steps[i].want : "");
    }
}
#define RUN(...)                                   \
    do {                                           \
        const struct step steps[] = {__VA_ARGS__}; \
        run(steps, array_len(steps), false);       \
    } while (0)

/* --- */

static void a_crash_rings_until_it_runs(void **state)
{
    RUN({STATE, 0, UNIT_STOPPED, UNIT_STARTING}, {STATE, 1000, UNIT_STARTING, UNIT_RUNNING},
        {STATE, 9000, UNIT_RUNNING, UNIT_CRASHED}, {STATE, 9000, UNIT_CRASHED, UNIT_RESTARTING},
        {DEATH, 9000, UNIT_RESTARTING, UNIT_RESTARTING, .want = "F crashed: killed by SIGKILL"},
        {STATE, 13000, UNIT_RESTARTING, UNIT_STARTING},
        {STATE, 14230, UNIT_STARTING, UNIT_RUNNING, .want = "R restarted after 5230 ms"});
}

static void a_death_told_late_is_fired_and_resolved(void **state)
{
    RUN({STATE, 1000, UNIT_STARTING, UNIT_RUNNING}, {STATE, 9001, UNIT_CRASHED, UNIT_RESTARTING},
        {STATE, 9002, UNIT_RESTARTING, UNIT_STARTING}, {STATE, 9003, UNIT_STARTING, UNIT_RUNNING},
        {DEATH, 9000, UNIT_RUNNING, UNIT_RUNNING,
         .want = "F crashed: killed by SIGKILL; R restarted after 3 ms"});
}

static void what_starts_and_dies_again_has_failed(void **state)
{
    RUN({STATE, 1000, UNIT_STARTING, UNIT_RUNNING},
        {DEATH, 2000, UNIT_RESTARTING, UNIT_RESTARTING, .want = "F crashed: killed by SIGKILL"},
        {STATE, 2001, UNIT_RESTARTING, UNIT_STARTING},
        {DEATH, 2100, UNIT_BACKOFF, UNIT_BACKOFF, .want = "A restart failed: killed by SIGKILL"},
        {STATE, 3000, UNIT_BACKOFF, UNIT_STARTING},
        {DEATH, 3100, UNIT_BACKOFF, UNIT_BACKOFF}, /* is no news */
        {STATE, 9000, UNIT_STARTING, UNIT_READY, .want = "R restarted after 7000 ms"});
}

static void what_cannot_be_executed_says_why(void **state)
{
    RUN({STATE, 0, UNIT_STOPPED, UNIT_STARTING},
        {DEATH, 5, UNIT_BACKOFF, UNIT_BACKOFF, CAUSE_SPAWN, "cannot execute /usr/bin/nope",
         "F restart failed: cannot execute /usr/bin/nope"});
}

static void given_up_stays_until_it_is_started(void **state)
{
    RUN({DEATH, 1000, UNIT_BACKOFF, UNIT_BACKOFF, .want = "F crashed: killed by SIGKILL"},
        {STATE, 2000, UNIT_CRASHED, UNIT_FATAL},
        {DEATH, 2000, UNIT_FATAL, UNIT_FATAL,
         .want = "A given up: restarted 0 times; last: killed by SIGKILL"},
        {TICK_DOWN, 3000000, .want = ""}, {STATE, 3000001, UNIT_FATAL, UNIT_STARTING},
        {STATE, 3001000, UNIT_STARTING, UNIT_RUNNING, .want = "R restarted after 3000000 ms"});
}

static void given_up_without_a_death_is_told_a_moment_later(void **state)
{
    RUN({STATE, 1000, UNIT_CRASHED, UNIT_FATAL}, {TICK_DOWN, 2000, .want = "F given up"},
        {TICK_DOWN, 3000});
}

static void stopped_by_a_person_is_over(void **state)
{
    RUN({DEATH, 1000, UNIT_BACKOFF, UNIT_BACKOFF, .want = "F crashed: killed by SIGKILL"},
        {STATE, 2000, UNIT_BACKOFF, UNIT_STOPPED, .want = "R it was stopped"},
        {GOOD_END, 2000, UNIT_STOPPED, UNIT_STOPPED});
}

static void flapping_rings_once(void **state)
{
    struct step steps[40] = {0};
    size_t n = 0;
    for (int i = 0; i < 12; i++) {
        int64_t at = (i + 1) * MINUTE;
        steps[n++] = (struct step){
            DEATH, at, UNIT_RESTARTING, UNIT_RESTARTING,
            .want = i < 4    ? "F crashed: killed by SIGKILL"
                    : i == 4 ? "F flapping: 5 crashes in 10 min; last: killed by SIGKILL"
                             : ""};
        steps[n++] = (struct step){STATE, at + 1000, UNIT_STARTING, UNIT_RUNNING,
                                   .want = i < 4 ? "R restarted after 1000 ms" : ""};
    }
    steps[n++] = (struct step){TICK_UP, 21 * MINUTE};
    steps[n++] = (struct step){TICK_DOWN, 22 * MINUTE + 1};
    steps[n++] = (struct step){TICK_UP, 22 * MINUTE + 1,
                               .want = "R no crash for as long as it was watched for flapping"};
    run(steps, n, false);
}

static void slow_crashes_do_not_flap(void **state)
{
    struct step steps[40] = {0};
    size_t n = 0;
    for (int i = 0; i < 12; i++) {
        int64_t at = (i + 1) * 3 * MINUTE;
        steps[n++] = (struct step){DEATH, at, UNIT_RESTARTING, UNIT_RESTARTING,
                                   .want = "F crashed: killed by SIGKILL"};
        steps[n++] = (struct step){STATE, at + 7, UNIT_STARTING, UNIT_READY,
                                   .want = "R restarted after 7 ms"};
    }
    run(steps, n, false);
}

static void illness_rings_and_is_one_story_with_its_replacement(void **state)
{
    RUN({STATE, 0, UNIT_STARTING, UNIT_RUNNING},
        {ILL, 1000, .reason = "connection refused",
         .want = "F health check fails: connection refused"},
        {STATE, 1001, UNIT_RUNNING, UNIT_KILLING},
        {DEATH, 1200, UNIT_STARTING, UNIT_STARTING, CAUSE_HEALTH, "health: connection refused"},
        {STATE, 2000, UNIT_STARTING, UNIT_READY, .want = "R restarted after 1000 ms"},
        {WELL, 3000, .reason = "ok"},
        {ILL, 4000, .reason = "timeout", .want = "F health check fails: timeout"},
        {WELL, 5000, .reason = "ok", .want = "R the health check succeeds again"});
}

static void over_its_bound_says_so(void **state)
{
    RUN({STATE, 0, UNIT_STARTING, UNIT_RUNNING}, {STATE, 9, UNIT_RUNNING, UNIT_KILLING},
        {DEATH, 10, UNIT_RESTARTING, UNIT_RESTARTING, CAUSE_MEMORY, "memory: 2 GiB",
         "F over its bound: memory: 2 GiB"},
        {STATE, 20, UNIT_STARTING, UNIT_RUNNING, .want = "R restarted after 10 ms"});
}

static void refused_is_told_until_it_runs(void **state)
{
    RUN({REFUSED, 10, .reason = "user \"root\"", .want = "F not run: user \"root\""},
        {REFUSED, 11, .reason = "user \"root\""},
        {STATE, 20, UNIT_UNKNOWN, UNIT_STARTING, .want = "R it is run now"});
}

static void a_job_must_end_well(void **state)
{
    static const struct step steps[] = {
        {STATE, 0, UNIT_STOPPED, UNIT_STARTING},
        {STATE, 5, UNIT_STARTING, UNIT_CRASHED},
        {DEATH, 5, UNIT_CRASHED, UNIT_CRASHED, .want = "F crashed: killed by SIGKILL"},
        {STATE, 60000, UNIT_CRASHED, UNIT_STARTING},
        {STATE, 60001, UNIT_STARTING, UNIT_RUNNING},
        {STATE, 60009, UNIT_RUNNING, UNIT_STOPPED, .want = "R it ended well"},
        {GOOD_END, 60009, UNIT_STOPPED, UNIT_STOPPED},
    };
    run(steps, array_len(steps), true);
}

static void an_open_alert_is_found_again(void **state)
{
    static const struct {
        const char *message;
        enum process_trouble trouble;
    } cases[] = {
        {"crashed: killed by SIGKILL", TROUBLE_CRASHED},
        {"given up: x", TROUBLE_FATAL},
        {"flapping: 5 crashes", TROUBLE_FLAPPING},
        {"health check fails: x", TROUBLE_HEALTH},
        {"not run: x", TROUBLE_REFUSED},
        {"", TROUBLE_CRASHED},
    };
    struct process_alarm_rule rule = PROCESS_ALARM_RULE;
    for (size_t i = 0; i < array_len(cases); i++) {
        struct process_alarm a = {0};
        struct process_verdicts v;
        process_alarm_found(&a, cases[i].message, 1000, 5000);
        assert_int_equal(a.trouble, cases[i].trouble);
        process_alarm_tick(&a, &rule, true, 5000 + 9 * MINUTE, &v);
        assert_int_equal(v.n, 0);
        process_alarm_tick(&a, &rule, true, 5000 + 11 * MINUTE, &v);
        assert_int_equal(v.n, cases[i].trouble == TROUBLE_FLAPPING);
    }
}

/* Every story of six events: an alert is open or not, and says so; it never fires twice. */
static void no_story_contradicts_itself(void **state)
{
    static const struct step all[] = {
        {STATE, 0, UNIT_RESTARTING, UNIT_STARTING},
        {STATE, 0, UNIT_STARTING, UNIT_RUNNING},
        {STATE, 0, UNIT_RUNNING, UNIT_CRASHED},
        {STATE, 0, UNIT_CRASHED, UNIT_FATAL},
        {STATE, 0, UNIT_RUNNING, UNIT_STOPPED},
        {DEATH, 0, UNIT_RUNNING, UNIT_RUNNING},
        {DEATH, 0, UNIT_BACKOFF, UNIT_BACKOFF},
        {ILL, 0, .reason = "x"},
        {WELL, 0, .reason = "x"},
        {TICK_UP, 0},
    };
    struct process_alarm_rule rule = {3, 5, false};
    for (uint32_t story = 0; story < 1000000; story++) {
        struct process_alarm a = {0};
        bool firing = false;
        uint32_t rest = story;
        for (int i = 0; i < 6; i++, rest /= 10) {
            struct step s = all[rest % 10];
            struct process_verdicts v;
            s.at_ms = i + 1;
            take(&a, &rule, &s, &v);
            for (uint32_t k = 0; k < v.n; k++) {
                must(firing == (v.at[k].act != ALARM_FIRE));
                firing = v.at[k].act != ALARM_RESOLVE;
            }
            must(firing == (a.trouble != TROUBLE_NONE));
            must(!(s.what == STATE && s.to == UNIT_STOPPED && firing));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_crash_rings_until_it_runs),
        cmocka_unit_test(a_death_told_late_is_fired_and_resolved),
        cmocka_unit_test(what_starts_and_dies_again_has_failed),
        cmocka_unit_test(what_cannot_be_executed_says_why),
        cmocka_unit_test(given_up_stays_until_it_is_started),
        cmocka_unit_test(given_up_without_a_death_is_told_a_moment_later),
        cmocka_unit_test(stopped_by_a_person_is_over),
        cmocka_unit_test(flapping_rings_once),
        cmocka_unit_test(slow_crashes_do_not_flap),
        cmocka_unit_test(illness_rings_and_is_one_story_with_its_replacement),
        cmocka_unit_test(over_its_bound_says_so),
        cmocka_unit_test(refused_is_told_until_it_runs),
        cmocka_unit_test(a_job_must_end_well),
        cmocka_unit_test(an_open_alert_is_found_again),
        cmocka_unit_test(no_story_contradicts_itself),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
