/* The scheduler's properties with virtual time: spread, no drift, late loops, no overlap, kept slots, cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/rng.h"
#include "sched/lateness.h"
#include "sched/sched.h"

#define S NS_PER_S

static void test_slots(void **state)
{
    struct rng rng;
    rng_seed(&rng, 1);
    for (int i = 0; i < 20000; i++) {
        uint64_t id = rng_next(&rng);
        int64_t interval = 1 + (int64_t)rng_below(&rng, 3600 * (uint64_t)S);
        int64_t after = (int64_t)rng_below(&rng, (uint64_t)1 << 60);
        int64_t slot = sched_slot(id, interval, after);
        assert_true(slot > after && slot - after <= interval);
        assert_true(sched_slot(id, interval, slot) == slot + interval);
        assert_true(sched_slot(id, interval, slot - 1) == slot);
        assert_true(sched_slot(id, interval, after + 1) >= slot);
    }
    assert_true(sched_slot(7, S, 0) <= S);
}

/* Targets spread evenly over the interval, ids in a row as the store gives them. */
static void test_spread(void **state)
{
    enum { N = 100000, PARTS = 100 };
    int count[PARTS] = {0};
    for (uint64_t id = 1; id <= N; id++)
        count[sched_slot(id, 30 * S, 30 * S) % (30 * S) / (30 * S / PARTS)]++;
    for (int i = 0; i < PARTS; i++)
        assert_in_range(count[i], N / PARTS * 8 / 10, N / PARTS * 12 / 10);
}

/* A loop that comes a little late each time neither drifts nor loses a round. */
static void test_no_drift(void **state)
{
    struct sched s = {0};
    struct sched_item item = {0};
    struct rng rng;
    int64_t now = 5 * S, late;
    rng_seed(&rng, 2);
    sched_add(&s, &item, 42, S, false, now);
    int64_t first = sched_next_ns(&s);
    for (int i = 0; i < 100000; i++) {
        now = first + i * S + (int64_t)rng_below(&rng, 400 * NS_PER_MS);
        assert_ptr_equal(sched_take(&s, now, &late), &item);
        assert_true(late == now - first - i * S);
        assert_null(sched_take(&s, now, &late));
        assert_true(sched_next_ns(&s) == first + (i + 1) * S);
    }
    assert_int_equal(s.missed_late, 0);
    sched_done(&s);
}

static void test_late_loop(void **state)
{
    static const struct {
        int64_t interval, late; /* of the loop */
        bool runs;
        uint64_t missed;
    } cases[] = {
        {10 * S, 0, true, 0},        {10 * S, S, true, 0}, /* grace: at most a second */
        {10 * S, S + 1, false, 1},   {10 * S, 9 * S, false, 1},
        {10 * S, 10 * S, true, 1}, /* the next round, on time */
        {10 * S, 35 * S, false, 4},  {10 * S, 40 * S + S / 2, true, 4},
        {S, S / 2, true, 0}, /* grace: half the interval */
        {S, S / 2 + 1, false, 1},    {S, 3600 * S, true, 3600},
        {1, 1000000, true, 1000000},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct sched s = {0};
        struct sched_item item = {0};
        int64_t late = -1;
        sched_add(&s, &item, 7, cases[i].interval, false, 100 * S);
        int64_t due = sched_next_ns(&s), now = due + cases[i].late;
        struct sched_item *got = sched_take(&s, now, &late);
        assert_ptr_equal(got, cases[i].runs ? &item : NULL);
        assert_int_equal(s.missed_late, cases[i].missed);
        assert_true(sched_next_ns(&s) > now && sched_next_ns(&s) <= now + cases[i].interval);
        assert_int_equal((sched_next_ns(&s) - due) % cases[i].interval, 0);
        assert_null(sched_take(&s, now, &late)); /* never bunched */
        sched_done(&s);
    }
}

static void test_never_overlaps(void **state)
{
    struct sched s = {0};
    struct sched_item item = {0};
    int64_t late;
    sched_add(&s, &item, 9, S, false, 0);
    int64_t due = sched_next_ns(&s);
    assert_ptr_equal(sched_take(&s, due, &late), &item);
    item.running = true;
    assert_null(sched_take(&s, due + S, &late));
    assert_null(sched_take(&s, due + 2 * S, &late));
    assert_int_equal(s.missed_running, 2);
    item.running = false;
    assert_ptr_equal(sched_take(&s, due + 3 * S, &late), &item);
    sched_done(&s);
}

/* A successor of the watcher gives every target the slots it had. */
static void test_restart(void **state)
{
    enum { N = 1000 };
    struct sched a = {0}, b = {0};
    struct sched_item x[N] = {0}, y[N] = {0};
    for (uint64_t i = 0; i < N; i++)
        sched_add(&a, &x[i], i, 10 * S + (int64_t)i, false, 100 * S);
    for (uint64_t i = N; i-- > 0;)
        sched_add(&b, &y[i], i, 10 * S + (int64_t)i, false, 123 * S + 456789);
    for (int i = 0; i < N; i++) {
        int64_t apart = y[i].node.key - x[i].node.key;
        assert_true(apart >= 0 && apart % x[i].interval_ns == 0);
    }
    sched_done(&a);
    sched_done(&b);
}

/* A first round taken a moment before the target's slot is that slot's: not probed twice at once. */
static void test_fresh_beside_its_slot(void **state)
{
    int seen = 0;
    for (uint64_t id = 1; id <= 200; id++) {
        struct sched s = {0};
        struct sched_item item = {0};
        int64_t now = 100 * S, late = 0, slot = sched_slot(id, S / 5, now);
        sched_add(&s, &item, id, S / 5, true, now);
        int64_t first = sched_next_ns(&s), taken = slot - 1 > first ? slot - 1 : first;
        if (taken - first <= S / 10) { /* in time: half an interval */
            assert_ptr_equal(sched_take(&s, taken, &late), &item);
            assert_in_range(sched_next_ns(&s) - taken, S / 50, S / 5 + S / 50);
            seen++;
        }
        sched_done(&s);
    }
    assert_true(seen > 50);
}

/* Whoever adds a target sees it soon; a thousand at once keep to their slots. */
static void test_fresh(void **state)
{
    enum { N = 5000 };
    struct sched s = {0};
    struct sched_item *x = calloc(N, sizeof(*x));
    int soon = 0;
    int64_t now = 1000 * S;
    for (uint64_t i = 0; i < N; i++) {
        sched_add(&s, &x[i], i, 3600 * S, true, now);
        soon += x[i].node.key <= now + S;
    }
    assert_true(x[0].node.key <= now + NS_PER_MS);
    assert_in_range(soon, 1000, 1010);
    struct sched_item later = {0};
    sched_add(&s, &later, N + 1, 3600 * S, true, now + 2 * S);
    assert_true(later.node.key <= now + 2 * S + NS_PER_MS);
    sched_done(&s);
    free(x);
}

static void test_change(void **state)
{
    struct sched s = {0};
    struct sched_item item = {0};
    int64_t late;
    sched_add(&s, &item, 5, 60 * S, false, 0);
    sched_change(&s, &item, S, 10 * S);
    assert_true(item.node.key == sched_slot(5, S, 10 * S));
    int64_t key = item.node.key;
    sched_change(&s, &item, S, 10 * S + S / 2); /* the same: nothing moves */
    assert_true(item.node.key == key);
    sched_del(&s, &item);
    sched_del(&s, &item);
    assert_true(sched_next_ns(&s) == INT64_MAX);
    assert_null(sched_take(&s, INT64_MAX / 2, &late));
    sched_done(&s);
}

/* Many targets of many intervals over virtual hours: each runs exactly its rounds, in order of time. */
static void test_simulation(void **state)
{
    enum { N = 500 };
    static const int64_t intervals[] = {S, 5 * S, 10 * S, 30 * S, 60 * S, 7 * S + 3};
    struct sched s = {0};
    struct sched_item x[N] = {0};
    int64_t first[N], runs[N] = {0}, now = 0, late, end = 3600 * S;
    for (int i = 0; i < N; i++) {
        sched_add(&s, &x[i], (uint64_t)i * 77, intervals[i % 6], false, 0);
        first[i] = x[i].node.key;
    }
    while ((now = sched_next_ns(&s)) < end)
        for (struct sched_item *t; (t = sched_take(&s, now, &late)) != NULL;) {
            assert_true(late == 0);
            runs[t - x]++;
        }
    for (int i = 0; i < N; i++)
        assert_int_equal(runs[i], (end - 1 - first[i]) / x[i].interval_ns + 1);
    assert_int_equal(s.missed_late + s.missed_running, 0);
    sched_done(&s);
}

/* Slots of a grid: on its lines, never before the target's own slot, the same ones after a restart. The fewer rounds, the
 * further apart its lines: about four start together. */
static void test_grid(void **state)
{
    enum { N = 10000 };
    static const struct {
        int n, grid_ms, wakes_min, wakes_max; /* in 50 s */
    } cases[] = {{10, 80, 45, 50},       {100, 80, 250, 350},    {500, 80, 580, 630},
                 {1000, 40, 1180, 1250}, {1300, 20, 1960, 2400}, {4000, 10, 4700, 5000},
                 {N, 10, 4900, 5000}};
    static struct sched_item x[N];
    for (size_t k = 0; k < sizeof(cases) / sizeof(*cases); k++) {
        struct sched s = {.grid_ns = 10 * NS_PER_MS, .grid_phase_ns = 3 * NS_PER_MS};
        int n = cases[k].n, wakes = 0, runs = 0;
        int64_t grid = cases[k].grid_ms * NS_PER_MS, late, now = 100 * S,
                begin = now + 10 * S + 2 * grid;
        for (int i = 0; i < n; i++) {
            x[i] = (struct sched_item){0};
            sched_add(&s, &x[i], (uint64_t)i, 10 * S, false, now);
        }
        assert_int_equal(sched_grid_ns(&s), grid);
        while ((now = sched_next_ns(&s)) < begin) /* each was added to the lines of that moment */
            sched_take(&s, now, &late);
        for (; (now = sched_next_ns(&s)) < begin + 50 * S; wakes++)
            for (struct sched_item *t; (t = sched_take(&s, now, &late)) != NULL; runs++) {
                assert_int_equal(now % grid, s.grid_phase_ns);
                int64_t own = sched_slot(t->id, t->interval_ns, now - t->interval_ns);
                assert_true(late == 0 && now - own >= 0 && now - own < grid);
            }
        assert_in_range(runs, 5 * n - n / 20, 5 * n + n / 20); /* but those rounded over an end */
        assert_in_range(wakes, cases[k].wakes_min, cases[k].wakes_max);
        struct sched_item quick = {0};
        sched_add(&s, &quick, 5, S / 2, false, now); /* below a second there is no grid */
        assert_true(quick.node.key == sched_slot(5, S / 2, now));
        assert_int_equal(sched_grid_ns(&s), grid);
        sched_done(&s);
    }
}

/* What leaves the grid or changes its pace counts no more. */
static void test_grid_follows(void **state)
{
    struct sched s = {.grid_ns = 5 * NS_PER_MS};
    struct sched_item x[1000] = {0};
    for (uint64_t i = 0; i < 1000; i++)
        sched_add(&s, &x[i], i, S, false, 0);
    assert_int_equal(sched_grid_ns(&s), 5 * NS_PER_MS);
    for (int i = 0; i < 500; i++)
        sched_change(&s, &x[i], 3600 * S, 0);
    for (int i = 500; i < 900; i++)
        sched_del(&s, &x[i]);
    assert_int_equal(sched_grid_ns(&s), 40 * NS_PER_MS);
    for (int i = 0; i < 500; i++)
        sched_change(&s, &x[i], S / 2, 0); /* on no grid */
    assert_int_equal(sched_grid_ns(&s), 40 * NS_PER_MS);
    for (int i = 0; i < 500; i++)
        sched_change(&s, &x[i], S, 0);
    assert_int_equal(sched_grid_ns(&s), 5 * NS_PER_MS);
    for (int i = 0; i < 1000; i++)
        sched_del(&s, &x[i]); /* those that are out already, too */
    assert_int_equal(s.rounds_per_gs, 0);
    sched_done(&s);
}

static void test_cost(void **state)
{
    enum { N = 100000 };
    struct sched s = {0};
    struct sched_item *x = calloc(N, sizeof(*x));
    int64_t start = clock_mono_ns(), late;
    for (uint64_t i = 0; i < N; i++)
        sched_add(&s, &x[i], i, 30 * S, false, 0);
    int64_t added = clock_mono_ns();
    long taken = 0;
    for (int64_t now = 0; now <= 30 * S; now += 10 * NS_PER_MS)
        while (sched_take(&s, now, &late))
            taken++;
    int64_t took = clock_mono_ns();
    for (int i = 0; i < N; i++)
        sched_del(&s, &x[(i * 7919L) % N]);
    int64_t end = clock_mono_ns();
    assert_true(sched_next_ns(&s) == INT64_MAX);
    assert_int_equal(taken, N);
    print_message(
        "100,000 targets: add %.0f ns, take %.0f ns, remove %.0f ns each; %zu bytes each\n",
        (double)(added - start) / N, (double)(took - added) / N, (double)(end - took) / N,
        sizeof(struct sched_item) + sizeof(void *));
    assert_true(end - start < 2 * S);
    sched_done(&s);
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_slots),
        cmocka_unit_test(test_spread),
        cmocka_unit_test(test_no_drift),
        cmocka_unit_test(test_late_loop),
        cmocka_unit_test(test_never_overlaps),
        cmocka_unit_test(test_restart),
        cmocka_unit_test(test_fresh),
        cmocka_unit_test(test_change),
        cmocka_unit_test(test_simulation),
        cmocka_unit_test(test_cost),
        cmocka_unit_test(test_grid),
        cmocka_unit_test(test_grid_follows),
        cmocka_unit_test(test_fresh_beside_its_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
