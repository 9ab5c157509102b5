/* Programs that others started, and units that a killed supervisor left, on the pretended machine (sim.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "sim.h"

/* --- adoption ------------------------------------------------------------------------------- */

static struct unit_spec adopted(const char *name)
{
    struct unit_spec spec = sim_spec(name);
    spec.spawn.path = "command";
    spec.adopt = (struct unit_adopt){ADOPT_PID_FILE, name};
    spec.check_ms = 5000;
    return spec;
}

static void adopting(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = adopted("a");
    spec.autostart = false;
    sim_add(sim, &spec);
    sim_expect(sim, "a", UNIT_UNKNOWN);
    sim_run(sim, 1);
    sim_expect_log(sim, "a", "stopped");
    pid_t pid = sim_start_extern(sim, "a")->pid;
    sim_run(sim, 5000);
    sim_expect_log(sim, "a", "starting running");
    assert_int_equal(sim_view(sim, "a").pid, pid);
    assert_int_equal(supervisor_timeout(sim->s, sim->now), -1); /* its pidfd tells */
    sim_behaviour(sim, "a")->command_ms = 100;
    sim_kill_process(sim, "a", 'x', SIGKILL);
    sim_run(sim, 200);
    sim_expect_log(sim, "a", "crashed restarting starting running");
    assert_int_equal(sim->last.status, UNIT_STATUS_UNKNOWN);
    assert_int_equal(sim->spawns, 1);
    supervisor_restart(sim->s, "a", sim->now);
    sim_run(sim, 200);
    sim_expect_log(sim, "a", "stopping stopped starting running");
    supervisor_stop(sim->s, "a", sim->now);
    sim_run(sim, 20000);
    sim_expect(sim, "a", UNIT_STOPPED);
    assert_int_equal(sim_count(sim, "a", 0), 0);
}

static void adopting_without_pidfds(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = adopted("a");
    sim->no_watch = true;
    sim_start_extern(sim, "a");
    sim_add(sim, &spec);
    sim_run(sim, 0);
    sim_expect(sim, "a", UNIT_RUNNING);
    sim_kill_process(sim, "a", 'x', SIGKILL);
    sim_run(sim, 5100);
    assert_int_equal(sim->deaths, 1);
    sim_expect(sim, "a", UNIT_RUNNING);
}

static void a_start_command_that_starts_nothing(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = adopted("a");
    spec.start_timeout_ms = 2000;
    spec.policy = (struct restart_policy){.factor = 1, .max_restarts = 1, .give_up = true};
    sim_behaviour(sim, "a")->command_useless = true;
    sim_add(sim, &spec);
    sim_run(sim, 1900);
    sim_expect(sim, "a", UNIT_STARTING);
    sim_run(sim, 10000);
    sim_expect(sim, "a", UNIT_FATAL);
    assert_int_equal(sim->last.cause, CAUSE_START);
    sim_start_extern(sim, "a"); /* a person did it by hand */
    sim_run(sim, 5000);
    sim_expect(sim, "a", UNIT_RUNNING);
}

/* --- takeover ------------------------------------------------------------------------------- */

static void running_ones_are_taken_over(void **state)
{
    struct sim *sim = *state;
    struct unit_spec a = sim_spec("a"), b = sim_spec("b"), c = sim_spec("c");
    sim_behaviour(sim, "c")->deaf = true;
    sim_add(sim, &a);
    sim_add(sim, &b);
    sim_add(sim, &c);
    sim_run(sim, 1000);
    supervisor_stop(sim->s, "c", sim->now);
    pid_t pid = sim_view(sim, "a").pid;
    sim_kill(sim);
    sim_kill_process(sim, "b", 'm', SIGKILL); /* while nobody watches */
    sim_add(sim, &a);
    sim_add(sim, &b);
    sim_add(sim, &c);
    sim->n_log = 0;
    sim_run(sim, 100);
    assert_int_equal(sim_view(sim, "a").pid, pid);
    sim_expect_log(sim, "a", "");
    assert_int_equal(sim_view(sim, "b").record->restarts, 1);
    sim_expect(sim, "b", UNIT_RUNNING);
    assert_int_equal(sim->last.status, UNIT_STATUS_UNKNOWN);
    sim_run(sim, 10000);
    sim_expect(sim, "c", UNIT_STOPPED);
    sim_kill_process(sim, "a", 'm', SIGKILL); /* no child of the new one */
    sim_run(sim, 0);
    sim_expect(sim, "a", UNIT_RUNNING);
    assert_int_not_equal(sim_view(sim, "a").pid, pid);
}

static void a_reused_pid_is_not_taken_over(void **state)
{
    struct sim *sim = *state;
    struct unit_spec a = sim_spec("a");
    sim_add(sim, &a);
    sim_run(sim, 1000);
    pid_t pid = sim_view(sim, "a").pid;
    sim_kill(sim);
    sim_kill_process(sim, "a", 'm', SIGKILL);
    sim->next_pid = pid - 1;
    assert_int_equal(sim_start_extern(sim, "stranger")->pid, pid);
    sim_add(sim, &a);
    sim_run(sim, 100);
    sim_expect(sim, "a", UNIT_RUNNING);
    assert_int_not_equal(sim_view(sim, "a").pid, pid);
    supervisor_stop(sim->s, "a", sim->now);
    sim_run(sim, 100);
    assert_int_equal(sim_count(sim, "stranger", 'x'), 1);
}

static void the_budget_outlives_the_supervisor(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    spec.policy = (struct restart_policy){.factor = 1, .max_restarts = 5, .give_up = true};
    sim_add(sim, &spec);
    for (int i = 0; i < 5; i++) {
        sim_run(sim, 1000);
        sim_kill_process(sim, "a", 'm', SIGKILL);
        sim_run(sim, 0);
        sim_expect(sim, "a", UNIT_RUNNING);
        sim_kill(sim);
        sim_add(sim, &spec);
    }
    sim_run(sim, 1000);
    sim_kill_process(sim, "a", 'm', SIGKILL);
    sim_run(sim, 0);
    sim_expect(sim, "a", UNIT_FATAL);
    sim_kill(sim);
    sim_add(sim, &spec);
    sim_run(sim, 1000);
    sim_expect(sim, "a", UNIT_FATAL);
}

static void a_damaged_record(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    sim_add(sim, &spec);
    sim_run(sim, 1000);
    for (int i = 0; i < 200; i++) {
        struct unit_record *r = &sim->records[0].r;
        struct spawn_id id = r->spawned;
        sim_kill(sim);
        for (size_t k = sizeof(id); k < sizeof(*r); k++)
            if (rng_below(&sim->rng, 4) == 0)
                ((unsigned char *)r)[k] = (unsigned char)rng_next(&sim->rng);
        r->spawned = id;
        sim_add(sim, &spec);
        sim_run(sim, 60000);
        assert_in_range(sim_count(sim, "a", 'm'), 0, 1);
        supervisor_start(sim->s, "a", sim->now);
        supervisor_reset(sim->s, "a", sim->now);
        sim_run(sim, 60000);
        assert_int_equal(sim_count(sim, "a", 'm'), 1);
    }
}

/* Others may write where the record lies. */
static void a_record_that_names_a_stranger(void **state)
{
    struct sim *sim = *state;
    struct unit_spec a = sim_spec("a"), b = sim_spec("b");
    sim_add(sim, &a);
    sim_add(sim, &b);
    sim_run(sim, 1000);
    struct unit_record *r = (struct unit_record *)sim_view(sim, "a").record;
    struct spawn_id its = r->spawned, strangers = sim_view(sim, "b").record->spawned;
    r->spawned = strangers;
    assert_true(supervisor_signal(sim->s, "a", SIGKILL));
    sim_run(sim, 10);
    assert_int_not_equal(sim_view(sim, "a").pid, its.pid); /* its own was hit, and replaced */
    assert_int_equal(sim_view(sim, "b").pid, strangers.pid);
    sim_kill(sim);
    sim_kill_process(sim, "a", 'm', SIGKILL);
    r->spawned = strangers;
    sim_add(sim, &a);
    sim_run(sim, 100);
    assert_int_not_equal(sim_view(sim, "a").pid, strangers.pid);
    supervisor_stop(sim->s, "a", sim->now);
    sim_run(sim, 20000);
    sim_expect(sim, "a", UNIT_STOPPED);
    assert_int_equal(sim_count(sim, "b", 'm'), 1);
}

/* Between two looks at it: what the record knows of its life stays, and its death is one. */
static void a_process_that_dies_while_it_is_taken_over(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    sim_add(sim, &spec);
    sim_run(sim, 1000);
    sim_kill_process(sim, "a", 'm', SIGKILL);
    sim_run(sim, 1000);
    assert_int_equal(sim_view(sim, "a").record->restarts, 1);
    assert_int_equal(sim->deaths, 1);
    sim_kill(sim);
    sim->dies_when_asked = true;
    sim_add(sim, &spec);
    sim->dies_when_asked = false;
    sim_run(sim, 1000);
    sim_expect(sim, "a", UNIT_RUNNING);
    assert_int_equal(sim_view(sim, "a").record->restarts, 2);
    assert_int_equal(sim->deaths, 2);
}

/* One death, and the supervisor killed at any store of what follows from it: the death is told and counted once. */
static void killed_after_a_death(int64_t start_ms)
{
    static struct sim sim;
    volatile bool whole = false;
    volatile int twice = 0;
    for (volatile long n = 1; !whole; n++) {
        struct unit_spec spec = sim_spec("a");
        sim_init(&sim, 1);
        spec.start_ms = start_ms;
        sim_add(&sim, &spec);
        sim_run(&sim, 1000);
        sim_kill_process(&sim, "a", 'm', SIGKILL);
        if (setjmp(sim.at_kill) == 0) {
            sim.kill_in = n;
            sim_run(&sim, 1000);
            whole = sim.kill_in > 0;
        } else {
            sim_kill(&sim);
            sim_add(&sim, &spec);
        }
        sim.kill_in = 0;
        sim_run(&sim, 1000);
        if (sim_view(&sim, "a").record->restarts != 1 || sim.deaths < 1)
            fail_msg("killed at store %ld: %u restarts, told of %d deaths", n,
                     sim_view(&sim, "a").record->restarts, sim.deaths);
        twice += sim.deaths - 1;
        sim_done(&sim);
    }
    assert_true(twice <= 1); /* killed before it could note that it had told */
}

static void a_death_is_one(void **state)
{
    (void)state;
    killed_after_a_death(0);
    killed_after_a_death(5000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sim_set_up, sim_tear_down)
    const struct CMUnitTest tests[] = {
        T(adopting),
        T(adopting_without_pidfds),
        T(a_start_command_that_starts_nothing),
        T(running_ones_are_taken_over),
        T(a_reused_pid_is_not_taken_over),
        T(the_budget_outlives_the_supervisor),
        T(a_damaged_record),
        T(a_record_that_names_a_stranger),
        T(a_process_that_dies_while_it_is_taken_over),
        cmocka_unit_test(a_death_is_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
