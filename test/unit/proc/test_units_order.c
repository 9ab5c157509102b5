/* Units that depend on each other, and changes of what is there, on the pretended machine (sim.h). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <string.h>

#include "sim.h"

/* --- order ---------------------------------------------------------------------------------- */

/* a ◀─ b, c ◀─ d */
static void add_diamond(struct sim *sim, bool autostart)
{
    struct unit_spec a = sim_spec("a"), b = sim_spec("b"), c = sim_spec("c"), d = sim_spec("d");
    a.autostart = b.autostart = c.autostart = d.autostart = autostart;
    a.ready = READY_HEALTH;
    b.start_ms = 1000;
    b.requires = sim_list("a", NULL);
    c.requires = sim_list("a", NULL);
    d.requires = sim_list("b", "c");
    sim_add(sim, &d); /* the last first: a name may come later */
    sim_add(sim, &b);
    sim_add(sim, &c);
    sim_add(sim, &a);
    sim_run(sim, 0);
}

static void a_diamond_starts_in_order(void **state)
{
    struct sim *sim = *state;
    add_diamond(sim, false);
    sim_expect(sim, "d", UNIT_STOPPED);
    assert_true(supervisor_start(sim->s, "d", sim->now));
    sim_expect(sim, "a", UNIT_STARTING);
    sim_expect(sim, "b", UNIT_WAITING);
    sim_expect(sim, "d", UNIT_WAITING);
    assert_string_equal(sim_view(sim, "b").record->status_text, "waits for a");
    sim_run(sim, 5000);
    sim_expect(sim, "b", UNIT_WAITING);
    assert_true(supervisor_ready(sim->s, "a", sim->now));
    sim_expect(sim, "b", UNIT_STARTING);
    sim_expect(sim, "c", UNIT_RUNNING);
    sim_expect(sim, "d", UNIT_WAITING);
    sim_run(sim, 1000);
    sim_expect(sim, "d", UNIT_RUNNING);
}

static void a_diamond_stops_in_reverse(void **state)
{
    struct sim *sim = *state;
    add_diamond(sim, true);
    supervisor_ready(sim->s, "a", sim->now);
    sim_run(sim, 2000);
    for (const char *name = "abcd"; *name; name++)
        sim_behaviour(sim, (char[2]){*name, '\0'})->ends_in_ms = 100;
    supervisor_stop(sim->s, "a", sim->now);
    sim_run(sim, 100);
    sim_expect(sim, "d", UNIT_STOPPED);
    assert_int_equal(sim_count(sim, "b", 'm') + sim_count(sim, "c", 'm'), 2);
    sim_run(sim, 100);
    sim_expect(sim, "b", UNIT_STOPPED);
    sim_expect(sim, "c", UNIT_STOPPED);
    assert_int_equal(sim_count(sim, "a", 'm'), 1);
    sim_run(sim, 100);
    sim_expect(sim, "a", UNIT_STOPPED);
    sim_run(sim, 10000);
    sim_expect(sim, "d", UNIT_STOPPED);
}

static void a_restart_takes_along_what_requires_it(void **state)
{
    struct sim *sim = *state;
    add_diamond(sim, true);
    supervisor_ready(sim->s, "a", sim->now);
    sim_run(sim, 2000);
    sim->n_log = 0;
    supervisor_restart(sim->s, "a", sim->now);
    sim_run(sim, 10);
    sim_expect(sim, "d", UNIT_WAITING);
    supervisor_ready(sim->s, "a", sim->now);
    sim_run(sim, 2000);
    sim_expect_log(sim, "d",
                   "stopping stopped starting starting running"); /* WAITING is "starting" */
}

static void after_waits_for_what_is_wanted_only(void **state)
{
    struct sim *sim = *state;
    struct unit_spec a = sim_spec("a"), b = sim_spec("b");
    b.after = sim_list("a", "nobody");
    a.autostart = false;
    sim_add(sim, &b);
    sim_add(sim, &a);
    sim_run(sim, 0);
    sim_expect(sim, "b", UNIT_RUNNING);
    sim_expect(sim, "a", UNIT_STOPPED);
    supervisor_stop(sim->s, "b", sim->now);
    sim_run(sim, 0);
    a.ready = READY_HEALTH;
    supervisor_change(sim->s, &a, true, sim->now);
    supervisor_start(sim->s, "a", sim->now);
    supervisor_start(sim->s, "b", sim->now);
    sim_run(sim, 0);
    sim_expect(sim, "b", UNIT_WAITING);
    sim_behaviour(sim, "a")->no_exec = true;
    a.policy = (struct restart_policy){.factor = 1, .max_restarts = 1, .give_up = true};
    supervisor_change(sim->s, &a, true, sim->now);
    sim_kill_process(sim, "a", 'm', SIGKILL);
    sim_run(sim, 1000);
    sim_expect(sim, "a", UNIT_FATAL);
    sim_expect(sim, "b", UNIT_RUNNING); /* given up: no use in waiting */
}

static void a_circle_waits_and_can_be_stopped(void **state)
{
    struct sim *sim = *state;
    struct unit_spec a = sim_spec("a"), b = sim_spec("b");
    a.requires = sim_list("b", NULL);
    b.requires = sim_list("a", NULL);
    sim_add(sim, &a);
    sim_add(sim, &b);
    sim_run(sim, 1000);
    sim_expect(sim, "a", UNIT_WAITING);
    supervisor_start(sim->s, "b", sim->now);
    supervisor_stop(sim->s, "a", sim->now);
    sim_expect(sim, "b", UNIT_STOPPED);
}

static void all_stop_in_order(void **state)
{
    struct sim *sim = *state;
    struct unit_spec a = sim_spec("a"), b = sim_spec("b"), c = sim_spec("c"), d = sim_spec("d");
    a.start_order = 1;
    b.start_order = 2;
    c.start_order = 2;
    d.start_order = 1;
    d.after = sim_list("c", NULL); /* against the order: it goes before c */
    const struct unit_spec *all[] = {&a, &b, &c, &d};
    for (size_t i = 0; i < 4; i++) {
        sim_behaviour(sim, all[i]->name)->ends_in_ms = 100;
        sim_add(sim, all[i]);
    }
    sim_run(sim, 0);
    assert_int_equal(supervisor_alive(sim->s), 4);
    supervisor_stop_all(sim->s, NULL, NULL, sim->now);
    sim_run(sim, 100);
    sim_expect(sim, "b", UNIT_STOPPED);
    sim_expect(sim, "d", UNIT_STOPPED);
    assert_int_equal(sim_count(sim, "c", 'm'), 1);
    assert_false(supervisor_start(sim->s, "b", sim->now));
    sim_run(sim, 100);
    sim_expect(sim, "c", UNIT_STOPPED);
    assert_int_equal(sim_count(sim, "a", 'm'), 1);
    sim_run(sim, 100);
    assert_int_equal(supervisor_alive(sim->s), 0);
    assert_true(sim_view(sim, "a").record->wanted); /* the next one starts it again */
}

/* --- changes -------------------------------------------------------------------------------- */

static void another_specification(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    sim_add(sim, &spec);
    sim_run(sim, 0);
    pid_t pid = sim_view(sim, "a").pid;
    spec.memory_limit = 1000;
    spec.check_ms = 1000;
    assert_true(supervisor_change(sim->s, &spec, true, sim->now));
    sim_run(sim, 100);
    assert_int_equal(sim_view(sim, "a").pid, pid); /* nothing that runs */
    spec.spawn.dir = "/elsewhere";
    assert_true(supervisor_change(sim->s, &spec, false, sim->now));
    sim_run(sim, 100);
    assert_int_equal(sim_view(sim, "a").pid, pid);
    spec.spawn.dir = "/other";
    assert_true(supervisor_change(sim->s, &spec, true, sim->now));
    sim_run(sim, 100);
    assert_int_not_equal(sim_view(sim, "a").pid, pid);
    assert_string_equal(sim_view(sim, "a").spec->spawn.dir, "/other");
    spec.name = "b";
    assert_false(supervisor_change(sim->s, &spec, true, sim->now));
}

static void removed_and_back(void **state)
{
    struct sim *sim = *state;
    struct unit_spec spec = sim_spec("a");
    struct unit_view v;
    sim_behaviour(sim, "a")->ends_in_ms = 100;
    sim_add(sim, &spec);
    sim_run(sim, 0);
    assert_true(supervisor_remove(sim->s, "a", sim->now));
    sim_expect(sim, "a", UNIT_STOPPING);
    sim_add(sim, &spec); /* before it has ended */
    sim_run(sim, 200);
    sim_expect(sim, "a", UNIT_RUNNING);
    assert_true(supervisor_remove(sim->s, "a", sim->now));
    sim_run(sim, 200);
    assert_false(supervisor_find(sim->s, "a", &v));
    assert_false(supervisor_view(sim->s, 0, &v));
    assert_int_equal(sim->records[0].r.starts, 0); /* forgotten */
    assert_int_equal(sim_count(sim, "a", 0), 0);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, sim_set_up, sim_tear_down)
    const struct CMUnitTest tests[] = {
        T(a_diamond_starts_in_order),
        T(a_diamond_stops_in_reverse),
        T(a_restart_takes_along_what_requires_it),
        T(after_waits_for_what_is_wanted_only),
        T(a_circle_waits_and_can_be_stopped),
        T(all_stop_in_order),
        T(another_specification),
        T(removed_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
