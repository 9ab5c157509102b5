/* The supervisor's units on a pretended machine with virtual time (sim.h): crashes, readiness, pre-start and post-stop,
 * stops. Order is test_units_order.c, adoption and takeover test_units_takeover.c. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "proc/notify.h"
#include "sim.h"

#define EXITED(status) ((status) << 8)

/* --- crashes -------------------------------------------------------------------------------- */

static void no_state_of_a_crash_is_missed(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    sim_add(sim, &spec);
    sim_run(sim, 10);
    sim_expect_log(sim, "a", "starting running");
    sim_kill_process(sim, "a", 'm', SIGKILL);
    sim_run(sim, 0);
    sim_expect_log(sim, "a", "crashed restarting starting running");
    assert_int_equal(sim->deaths, 1);
    assert_true(sim->last.failure);
    assert_int_equal(sim->last.status, SIGKILL);
    assert_int_equal(sim_view(sim, "a").record->restarts, 1);
    assert_int_equal(sim_count(sim, "a", 'm'), 1);
}

static void exiting_at_once_for_ever_follows_the_curve(void **state)
{
    static const int64_t curve[] = {0, 1000, 2000, 4000, 8000, 8000, 8000};
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.policy =
        (struct restart_policy){.delay_ms = 1000, .factor = 2, .cap_ms = 8000, .stable_ms = 60000};
    sim_behaviour(sim, "a")->lives_ms = 1;
    sim_behaviour(sim, "a")->status = EXITED(1);
    sim_add(sim, &spec);
    sim_run(sim, 32000);
    int64_t died = 0;
    size_t k = 0;
    for (int i = 0; i < sim->n_log; i++) {
        const struct sim_event *e = &sim->log[i];
        if (e->to == UNIT_CRASHED)
            died = e->at;
        if (e->to == UNIT_STARTING && died > 0 && k < array_len(curve))
            assert_int_equal(e->at - died, curve[k++]);
        if (e->to == UNIT_BACKOFF || e->to == UNIT_RESTARTING)
            assert_int_equal(e->to, k == 0 ? UNIT_RESTARTING : UNIT_BACKOFF);
    }
    assert_int_equal(k, 7 - 1 + (k == 7));
}

static void jitter_is_drawn(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.policy = (struct restart_policy){
        .delay_ms = 1000, .factor = 1, .cap_ms = 1000, .stable_ms = 60000, .jitter = 0.5};
    sim->chance = 0.5;
    sim_behaviour(sim, "a")->lives_ms = 1;
    sim_add(sim, &spec);
    sim_run(sim, 10);
    assert_int_equal(sim_view(sim, "a").record->next_ms, 1000 + 2 + 1250);
}

static void cooldown_and_budget(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.policy = (struct restart_policy){
        .factor = 1, .cooldown_ms = 60000, .stable_ms = 1000, .max_restarts = 3, .give_up = true};
    sim_add(sim, &spec);
    for (int i = 0; i < 3; i++) { /* each a minute after the one before */
        sim_run(sim, 5000);
        sim_kill_process(sim, "a", 'm', SIGSEGV);
        sim_run(sim, 0);
        sim_expect(sim, "a", i == 0 ? UNIT_RUNNING : UNIT_RESTARTING);
        sim_run(sim, 50000);
        sim_expect(sim, "a", UNIT_RUNNING);
    }
    sim_kill_process(sim, "a", 'm', SIGSEGV);
    sim_run(sim, 0);
    sim_expect(sim, "a", UNIT_FATAL);
    sim_run(sim, 7200000);
    sim_expect(sim, "a", UNIT_FATAL);
    assert_true(supervisor_reset(sim->s, "a", sim->now));
    sim_expect(sim, "a", UNIT_RUNNING);
    sim_kill_process(sim, "a", 'm', SIGSEGV);
    sim_run(sim, 0);
    sim_expect(sim, "a", UNIT_RUNNING); /* all is forgiven */
}

static void what_cannot_be_executed(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    sim_behaviour(sim, "a")->no_exec = true;
    sim_add(sim, &spec);
    sim_run(sim, 1000);
    assert_int_equal(sim->spawns, 11); /* ten times a second, though it never waits */
    assert_int_equal(sim->last.cause, CAUSE_SPAWN);
    assert_int_equal(sim->last.pid, 0);
    sim_behaviour(sim, "a")->no_exec = false;
    sim_run(sim, 100);
    sim_expect(sim, "a", UNIT_RUNNING);
}

static void good_ends(void **state)
{
    struct sim *sim = *state;
    static const int statuses[] = {0, 7};
    struct unit_spec spec = sim_spec("a");
    spec.restart = RESTART_ON_FAILURE;
    spec.ok_statuses = statuses;
    spec.n_ok_statuses = 2;
    sim_behaviour(sim, "a")->lives_ms = 100;
    sim_behaviour(sim, "a")->status = EXITED(7);
    sim_add(sim, &spec);
    sim_run(sim, 1000);
    sim_expect_log(sim, "a", "starting running stopped");
    assert_false(sim->last.failure);
    assert_false(sim_view(sim, "a").record->wanted);
    spec = sim_spec("n");
    spec.restart = RESTART_NEVER;
    sim_behaviour(sim, "n")->lives_ms = 100;
    sim_behaviour(sim, "n")->status = SIGBUS;
    sim_add(sim, &spec);
    sim_run(sim, 1000);
    sim_expect_log(sim, "n", "starting running crashed");
}

static void the_monitor_is_switched(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.unmonitored = true;
    sim_add(sim, &spec);
    sim_run(sim, 10);
    sim_kill_process(sim, "a", 'm', SIGKILL);
    sim_run(sim, 5000);
    sim_expect(sim, "a", UNIT_CRASHED);
    assert_int_equal(sim->deaths, 1);
    assert_true(supervisor_monitor(sim->s, "a", true, sim->now));
    sim_expect(sim, "a", UNIT_RUNNING);
    assert_true(supervisor_monitor(sim->s, "a", false, sim->now));
    assert_true(supervisor_fail(sim->s, "a", CAUSE_HEALTH, "health: x", sim->now));
    sim_expect(sim, "a", UNIT_RUNNING);
}

/* --- readiness and health ------------------------------------------------------------------- */

static void ready_after_a_while(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.start_ms = 3000;
    sim_add(sim, &spec);
    sim_run(sim, 2999);
    sim_expect(sim, "a", UNIT_STARTING);
    sim_run(sim, 1);
    sim_expect(sim, "a", UNIT_RUNNING);
    assert_int_equal(supervisor_timeout(sim->s, sim->now), -1);
}

static void ready_by_notify_and_watchdog(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.ready = READY_NOTIFY;
    spec.start_timeout_ms = 5000;
    spec.hang_timeout_ms = 2000;
    sim_add(sim, &spec);
    sim_run(sim, 4000);
    sim_expect(sim, "a", UNIT_STARTING);
    struct notify_message m = {.ready = true, .has_status = true, .status = "serving"};
    assert_true(supervisor_notify(sim->s, "a", &m, sim->now));
    sim_expect(sim, "a", UNIT_READY);
    assert_string_equal(sim_view(sim, "a").record->status_text, "serving");
    for (int i = 0; i < 10; i++) {
        m = (struct notify_message){.watchdog = true};
        sim_run(sim, 1900);
        supervisor_notify(sim->s, "a", &m, sim->now);
    }
    sim_expect(sim, "a", UNIT_READY);
    sim->n_log = 0;
    sim_run(sim, 2500);
    sim_expect_log(sim, "a", "crashed crashed restarting starting"); /* KILLING is "crashed" too */
    assert_int_equal(sim->last.cause, CAUSE_HUNG);
    assert_int_equal(sim->last.status, SIGABRT);
    sim_run(sim, 4600); /* not ready in time */
    assert_int_equal(sim->last.cause, CAUSE_START);
}

static void the_main_process_is_told(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.ready = READY_NOTIFY;
    sim_add(sim, &spec);
    sim_run(sim, 0);
    struct sim_process *p = sim_start_extern(sim, "a"), *other = sim_start_extern(sim, "other");
    struct notify_message m = {.main_pid = other->pid};
    supervisor_notify(sim->s, "a", &m, sim->now);
    assert_int_not_equal(sim_view(sim, "a").pid, other->pid); /* not its own */
    m.main_pid = p->pid;
    supervisor_notify(sim->s, "a", &m, sim->now);
    assert_int_equal(sim_view(sim, "a").pid, p->pid);
    sim_kill_process(sim, "a", 'm', EXITED(0)); /* the first one goes: daemon(3) */
    sim_run(sim, 10);
    assert_int_equal(sim->deaths, 0);
    sim_kill_process(sim, "a", 'x', SIGSEGV);
    sim_run(sim, 0);
    assert_int_equal(sim->deaths, 1);
    assert_int_equal(sim->last.status, UNIT_STATUS_UNKNOWN);
}

static void too_large(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.memory_limit = 100 << 20;
    spec.files_limit = 50;
    spec.check_ms = 30000;
    sim_add(sim, &spec);
    sim_run(sim, 40000);
    sim_behaviour(sim, "a")->bytes = 101 << 20;
    sim_run(sim, 30000);
    assert_int_equal(sim->last.cause, CAUSE_MEMORY);
    assert_non_null(strstr(sim->last.reason, "101 MiB of 100 MiB"));
    sim_behaviour(sim, "a")->bytes = 0;
    sim_behaviour(sim, "a")->files = 51;
    sim_run(sim, 30000);
    assert_int_equal(sim->last.cause, CAUSE_FILES);
    assert_int_equal(sim->deaths, 2);
}

static void jobs(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("j");
    spec.kind = UNIT_ONESHOT;
    spec.autostart = false;
    spec.run_timeout_ms = 5000;
    sim_add(sim, &spec);
    sim_run(sim, 1000);
    sim_expect_log(sim, "j", "stopped");
    sim_behaviour(sim, "j")->lives_ms = 500;
    assert_true(supervisor_start(sim->s, "j", sim->now));
    sim_run(sim, 1000);
    sim_expect_log(sim, "j", "starting running stopped");
    sim_behaviour(sim, "j")->lives_ms = 0; /* it never ends */
    assert_true(supervisor_start(sim->s, "j", sim->now));
    sim_run(sim, 4999);
    sim_expect(sim, "j", UNIT_RUNNING);
    sim_run(sim, 1);
    assert_int_equal(sim->last.cause, CAUSE_TIMEOUT);
}

/* --- before and after ----------------------------------------------------------------------- */

static void pre_start_and_post_stop(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.pre_start = sim_list("pre", "a");
    spec.post_stop = sim_list("post", "a");
    struct sim_behaviour *b = sim_behaviour(sim, "a");
    b->pre_ms = 100;
    b->post_ms = 50;
    sim_add(sim, &spec);
    sim_run(sim, 99);
    sim_expect(sim, "a", UNIT_STARTING);
    assert_int_equal(sim_view(sim, "a").pid, 0);
    assert_int_equal(sim_count(sim, "a", 'p'), 1);
    sim_run(sim, 1);
    sim_expect(sim, "a", UNIT_RUNNING);
    sim_kill_process(sim, "a", 'm', SIGSEGV);
    sim_run(sim, 49);
    sim_expect(sim, "a", UNIT_KILLING);
    assert_int_equal(sim_count(sim, "a", 's'), 1);
    sim_run(sim, 101);
    sim_expect(sim, "a", UNIT_RUNNING);
    supervisor_stop(sim->s, "a", sim->now);
    sim_run(sim, 49);
    sim_expect(sim, "a", UNIT_STOPPING);
    sim_run(sim, 1);
    sim_expect(sim, "a", UNIT_STOPPED);
    b->pre_status = EXITED(4);
    spec.policy.give_up = true;
    spec.policy.max_restarts = 1;
    supervisor_change(sim->s, &spec, true, sim->now);
    supervisor_start(sim->s, "a", sim->now);
    sim_run(sim, 2000);
    sim_expect(sim, "a", UNIT_FATAL);
    assert_int_equal(sim->last.cause, CAUSE_PRE_START);
    assert_non_null(strstr(sim->last.reason, "exit status 4"));
}

/* --- stopping ------------------------------------------------------------------------------- */

static void a_deaf_one_is_killed(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    sim_behaviour(sim, "a")->deaf = true;
    sim_add(sim, &spec);
    sim_run(sim, 0);
    supervisor_stop(sim->s, "a", sim->now);
    sim_run(sim, 9999);
    sim_expect(sim, "a", UNIT_STOPPING);
    sim_run(sim, 1);
    sim_expect(sim, "a", UNIT_STOPPED);
    assert_int_equal(sim->last.status, SIGKILL);
    assert_int_equal(sim->last.cause, CAUSE_ASKED);
    assert_false(sim->last.failure);
}

static void its_tree_ends_with_it(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.tree = true;
    sim_behaviour(sim, "a")->leaves = 3;
    sim_add(sim, &spec);
    sim_run(sim, 0);
    sim_kill_process(sim, "a", 'm', SIGSEGV); /* the orphans have no head: killed at once */
    sim_run(sim, 0);
    sim_expect(sim, "a", UNIT_RUNNING);
    assert_int_equal(sim_count(sim, "a", 0), 1);
    supervisor_stop(sim->s, "a", sim->now);
    sim_run(sim, 9000);
    sim_expect(sim, "a", UNIT_STOPPING); /* those may take their time */
    assert_int_equal(sim_count(sim, "a", 'd'), 3);
    sim_run(sim, 1000);
    sim_expect(sim, "a", UNIT_STOPPED);
    assert_int_equal(sim_count(sim, "a", 0), 0);
}

static void restarting_is_no_restart_by_itself(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.policy.max_restarts = 1;
    sim_behaviour(sim, "a")->ends_in_ms = 500;
    sim_add(sim, &spec);
    sim_run(sim, 0);
    sim->n_log = 0;
    for (int i = 0; i < 5; i++) {
        assert_true(supervisor_restart(sim->s, "a", sim->now));
        sim_run(sim, 1000);
        sim_expect_log(sim, "a", "stopping stopped starting running");
    }
    assert_int_equal(sim_view(sim, "a").record->restarts, 0);
    supervisor_restart(sim->s, "a", sim->now);
    supervisor_stop(sim->s, "a", sim->now); /* changed our mind */
    sim_run(sim, 1000);
    sim_expect(sim, "a", UNIT_STOPPED);
}

/* --- cost ----------------------------------------------------------------------------------- */

static void nothing_ticks_when_nothing_is_due(void **state)
{
    struct sim *sim = *state;
    static char names[50][8];
    for (int i = 0; i < 50; i++) {
        snprintf(names[i], sizeof(names[i]), "n%d", i);
        struct unit_spec spec = sim_spec(names[i]);
        spec.start_ms = 1000;
        sim_add(sim, &spec);
    }
    sim_run(sim, 1000);
    assert_int_equal(supervisor_alive(sim->s), 50);
    assert_int_equal(supervisor_timeout(sim->s, sim->now), -1);
}

static void ten_thousand_cycles_keep_nothing(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    sim_add(sim, &spec);
    size_t before = 0;
    for (int i = 0; i < 10000; i++) {
        supervisor_stop(sim->s, "a", sim->now);
        sim_run(sim, 1);
        supervisor_start(sim->s, "a", sim->now);
        sim_kill_process(sim, "a", 'm', SIGKILL);
        sim_run(sim, 1);
        if (i % 10 == 0) {
            supervisor_remove(sim->s, "a", sim->now);
            sim_run(sim, 1);
            sim_add(sim, &spec);
        }
#ifdef __GLIBC__
        if (i == 100)
            before = mallinfo2().uordblks;
        if (i > 100)
            assert_true(mallinfo2().uordblks <= before + 4096);
#endif
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sim_set_up, sim_tear_down)
    const struct CMUnitTest tests[] = {
        T(no_state_of_a_crash_is_missed),
        T(exiting_at_once_for_ever_follows_the_curve),
        T(jitter_is_drawn),
        T(cooldown_and_budget),
        T(what_cannot_be_executed),
        T(good_ends),
        T(the_monitor_is_switched),
        T(ready_after_a_while),
        T(ready_by_notify_and_watchdog),
        T(the_main_process_is_told),
        T(too_large),
        T(jobs),
        T(pre_start_and_post_stop),
        T(a_deaf_one_is_killed),
        T(its_tree_ends_with_it),
        T(restarting_is_no_restart_by_itself),
        T(nothing_ticks_when_nothing_is_due),
        T(ten_thousand_cycles_keep_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
