/* The supervisor under everything at once: random wishes, deaths, time and kill -9 of the supervisor itself at any store,
 * on the pretended machine (sim.h), against what must hold always:
 *     never two processes of a unit (sim.c asserts it at each start); the invariants of supervisor__check;
 *     no more starts by itself in an hour than the budget says
 * and, when the world leaves it in peace for a while:
 *     what is wanted, and neither given up nor waiting for what is not there, runs; what is not wanted does not.
 * BELFRY_TEST_SEED gives a seed, BELFRY_TEST_STEPS a length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proc/notify.h"
#include "sim.h"

#define UNITS        8
#define MAX_RESTARTS 6
#define STEPS        200000
#define PEACE_MS     7500000 /* two hours: each budget opens */
#define EXITED(s)    ((s) << 8)

struct world {
    struct sim sim;
    struct unit_spec specs[UNITS];
    bool there[UNITS];
    int64_t restarts[UNITS][MAX_RESTARTS + 1]; /* by itself: when, a ring */
    uint32_t n_restarts[UNITS];
    bool may_kill;
};

static const char *const names[UNITS] = {"a", "b", "c", "d", "e", "f", "g", "h"};
static const char *const needs[UNITS][3] = {{NULL}, {"a"},  {"a"}, {"b", "c"},
                                            {NULL}, {NULL}, {"e"}, {NULL}};

static uint32_t any(struct world *w, uint32_t n)
{
    return (uint32_t)rng_below(&w->sim.rng, n);
}

static void give_spec(struct world *w, int i)
{
    static const char *const pre[UNITS][3] = {{"pre", "a"}, {"pre", "b"}, {"pre", "c"},
                                              {"pre", "d"}, {"pre", "e"}, {"pre", "f"},
                                              {"pre", "g"}, {"pre", "h"}};
    static const char *const post[UNITS][3] = {{"post", "a"}, {"post", "b"}, {"post", "c"},
                                               {"post", "d"}, {"post", "e"}, {"post", "f"},
                                               {"post", "g"}, {"post", "h"}};
    struct unit_spec *spec = &w->specs[i];
    *spec = sim_spec(names[i]);
    spec->autostart = any(w, 3) > 0;
    spec->tree = any(w, 2);
    spec->start_order = (int32_t)any(w, 3);
    spec->ready = any(w, 4) == 0 ? READY_NOTIFY : READY_AFTER;
    spec->start_ms = any(w, 2) * 700;
    spec->start_timeout_ms = any(w, 2) * 3000;
    spec->hang_timeout_ms = any(w, 2) * 5000;
    spec->pre_start = any(w, 4) == 0 ? pre[i] : NULL;
    spec->post_stop = any(w, 4) == 0 ? post[i] : NULL;
    spec->requires = i == 3 || i == 6 ? needs[i] : NULL;
    spec->after = i == 1 || i == 2 ? needs[i] : NULL;
    spec->kind = i == 5 ? UNIT_ONESHOT : UNIT_DAEMON;
    spec->run_timeout_ms = i == 5 ? 20000 : 0;
    spec->restart = (enum unit_restart)any(w, 3);
    spec->unmonitored = any(w, 8) == 0;
    spec->policy = (struct restart_policy){.delay_ms = any(w, 3) * 500,
                                           .factor = 1 + any(w, 2),
                                           .jitter = 0.5,
                                           .cap_ms = 4000,
                                           .cooldown_ms = any(w, 2) * 1000,
                                           .stable_ms = 30000,
                                           .max_restarts = i % 2 ? MAX_RESTARTS : 0,
                                           .give_up = any(w, 2) == 0};
    if (i == 7) {
        spec->spawn.path = "command";
        spec->adopt = (struct unit_adopt){ADOPT_NAME, names[i]};
        spec->check_ms = 3000;
        spec->pre_start = NULL;
    }
}

static void give_behaviour(struct world *w, int i, bool well)
{
    struct sim_behaviour *b = sim_behaviour(&w->sim, names[i]);
    char name[sizeof(b->name)];
    memcpy(name, b->name, sizeof(name));
    *b = (struct sim_behaviour){0};
    memcpy(b->name, name, sizeof(name));
    if (well)
        return;
    b->no_exec = any(w, 12) == 0;
    b->lives_ms = any(w, 3) == 0 ? 1 + any(w, 40000) : 0;
    b->status = any(w, 2) ? EXITED(any(w, 2)) : SIGSEGV;
    b->deaf = any(w, 8) == 0;
    b->ends_in_ms = any(w, 3) * 300;
    b->leaves = any(w, 4) == 0 ? 2 : 0;
    b->pre_status = any(w, 5) == 0 ? EXITED(1) : 0;
    b->pre_ms = any(w, 3) * 400;
    b->post_ms = any(w, 3) * 400;
    b->command_ms = any(w, 2) * 300;
    b->command_useless = any(w, 10) == 0;
}

/* --- the budget ----------------------------------------------------------------------------- */

static void forget_restarts(struct world *w, int i)
{
    for (int k = 0; k <= MAX_RESTARTS; k++)
        w->restarts[i][k] = -INT64_C(3600000);
}

/* A main program is started: by itself, when the policy waits for it. */
static void on_start(struct sim *sim, const char *name)
{
    struct world *w = container_of(sim, struct world, sim);
    int i = name[0] - 'a';
    if (i % 2 == 0 || !sim_view(sim, name).record->restart.pending)
        return;
    w->restarts[i][w->n_restarts[i]++ % (MAX_RESTARTS + 1)] = sim->now;
    int64_t before = w->restarts[i][w->n_restarts[i] % (MAX_RESTARTS + 1)];
    assert_true(sim->now - before >= 3600000);
}

/* --- what the world does -------------------------------------------------------------------- */

/* As the warden: what is not there any more may still have a process, which must be ended. */
static void add_all(struct world *w)
{
    for (int i = 0; i < UNITS; i++) {
        struct unit_spec spec = w->specs[i];
        spec.autostart = spec.autostart && w->there[i];
        sim_add(&w->sim, &spec);
        if (!w->there[i])
            supervisor_remove(w->sim.s, names[i], w->sim.now);
    }
}

static void kill_some(struct world *w, int i)
{
    static const char roles[] = "mmmpscxd";
    sim_kill_process(&w->sim, names[i], roles[any(w, 8)], any(w, 2) ? SIGKILL : EXITED(any(w, 3)));
}

static void wish(struct world *w, int i)
{
    struct supervisor *s = w->sim.s;
    const char *name = names[i];
    int64_t now = w->sim.now;
    struct notify_message m = {.ready = true, .watchdog = true};
    switch (any(w, 12)) {
    case 0:
        supervisor_stop(s, name, now);
        break;
    case 1:
        supervisor_restart(s, name, now);
        break;
    case 2:
        supervisor_monitor(s, name, any(w, 4) > 0, now);
        break;
    case 3:
        supervisor_fail(s, name, CAUSE_HEALTH, "health: model", now);
        break;
    case 4:
        give_spec(w, i);
        w->specs[i].spawn.dir = any(w, 2) ? "/x" : "/y";
        supervisor_change(s, &w->specs[i], any(w, 2), now);
        break;
    case 5:
        w->there[i] = false;
        forget_restarts(w, i);
        supervisor_remove(s, name, now);
        break;
    case 6:
    case 7:
        if (!w->there[i]) {
            w->there[i] = true;
            sim_add(&w->sim, &w->specs[i]);
        }
        break;
    case 8:
        supervisor_notify(s, name, &m, now);
        break;
    case 9:
        forget_restarts(w, i);
        supervisor_reset(s, name, now);
        break;
    default:
        supervisor_start(s, name, now);
        break;
    }
}

static void step(struct world *w)
{
    int i = (int)any(w, UNITS);
    switch (any(w, 8)) {
    case 0:
    case 1:
        kill_some(w, i);
        break;
    case 2:
        give_behaviour(w, i, any(w, 2));
        break;
    case 3:
    case 4:
    case 5:
        wish(w, i);
        break;
    default:
        sim_run(&w->sim, any(w, 20) == 0 ? any(w, 600000) : any(w, 3000));
        break;
    }
    supervisor_turn(w->sim.s, w->sim.now);
    supervisor__check(w->sim.s);
}

/* --- peace ---------------------------------------------------------------------------------- */

static bool rests(struct world *w, int i, const struct unit_view *v)
{
    if (v->state == UNIT_FATAL || v->state == UNIT_CRASHED)
        return true;
    return v->state == UNIT_WAITING &&
           w->specs[i].requires; /* for one that is given up or not there */
}

/* It needs a sign of life more often than peace gives one. */
static bool is_demanding(const struct unit_spec *spec)
{
    return spec->ready == READY_NOTIFY && (spec->hang_timeout_ms > 0 || spec->start_timeout_ms > 0);
}

static void expect_peace(struct world *w)
{
    for (int i = 0; i < UNITS; i++) {
        struct unit_view v;
        give_behaviour(w, i, true);
        if (w->there[i] && supervisor_find(w->sim.s, names[i], &v) && i == 5)
            supervisor_stop(w->sim.s, names[i], w->sim.now); /* a job would end some time */
    }
    for (int k = 0; k < 50; k++) { /* those that say that they are ready, say so */
        sim_run(&w->sim, PEACE_MS / 50 - 2000);
        for (int i = 0; i < UNITS; i++) {
            struct notify_message m = {.ready = true, .watchdog = true};
            supervisor_notify(w->sim.s, names[i], &m, w->sim.now);
        }
        sim_run(&w->sim, 2000);
    }
    for (int i = 0; i < UNITS; i++) {
        struct unit_view v = {0};
        bool known = supervisor_find(w->sim.s, names[i], &v);
        int n = sim_count(&w->sim, names[i], 'm') + sim_count(&w->sim, names[i], 'x');
        assert_true(known == w->there[i]);
        if (getenv("BELFRY_TEST_SEED"))
            print_message("%s: %s, %d processes\n", names[i],
                          known ? unit_state_name(v.state) : "-", n);
        if (!known || !v.record->wanted) {
            assert_true(!known || v.state == UNIT_STOPPED || v.state == UNIT_CRASHED);
            assert_true(n == 0 || i == 7);
        } else if (!rests(w, i, &v) && !is_demanding(&w->specs[i])) {
            assert_true(v.state == UNIT_RUNNING || v.state == UNIT_READY ||
                        v.state == UNIT_STARTING);
            assert_int_equal(n, 1);
        }
    }
}

/* --- the run -------------------------------------------------------------------------------- */

static void run(struct world *w, long steps)
{
    volatile long i = 0;
    if (setjmp(w->sim.at_kill) != 0) {
        sim_kill(&w->sim);
        if (any(w, 2))
            kill_some(w, (int)any(w, UNITS)); /* while nobody watches */
        if (any(w, 4) == 0)
            w->sim.now += any(w, 100000);
        w->sim.kill_in = 0;
        add_all(w);
    }
    for (; i < steps; i++) {
        w->sim.kill_in = w->may_kill && any(w, 8) == 0 ? 1 + any(w, 12) : 0;
        step(w);
        w->sim.kill_in = 0;
        if (i % 2000 == 1999)
            expect_peace(w);
    }
}

static uint64_t number(const char *name, uint64_t def)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : def;
}

static void play(uint64_t seed, bool may_kill)
{
    struct world *w = calloc(1, sizeof(*w));
    assert_non_null(w);
    print_message("BELFRY_TEST_SEED=%llu%s\n", (unsigned long long)seed,
                  may_kill ? ", the supervisor is killed now and then" : "");
    sim_init(&w->sim, seed);
    w->may_kill = may_kill;
    w->sim.on_start = on_start;
    for (int i = 0; i < UNITS; i++) {
        give_spec(w, i);
        forget_restarts(w, i);
        w->there[i] = true;
    }
    add_all(w);
    run(w, (long)number("BELFRY_TEST_STEPS", STEPS));
    print_message("%d processes, %d deaths, %d supervisors killed\n", w->sim.spawns, w->sim.deaths,
                  w->sim.killed);
    sim_done(&w->sim);
    free(w);
}

static void whatever_happens(void **state)
{
    play(number("BELFRY_TEST_SEED", rng_secure_u64() % 1000000), false);
}

static void whatever_happens_and_kill_9(void **state)
{
    play(number("BELFRY_TEST_SEED", rng_secure_u64() % 1000000), true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_happens),
        cmocka_unit_test(whatever_happens_and_kill_9),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
