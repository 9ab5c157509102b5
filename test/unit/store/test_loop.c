/* The store on a real loop: completions come on its thread and in order; after a failure nothing overtakes what is
 * handed back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "store_helper.h"

#define BATCHES 60

struct world;

struct ticket {
    struct world *w;
    int number;
};

struct world {
    struct fixture f;
    struct arena *arena;
    struct loop *loop;
    pthread_t thread;
    struct timer timer;
    int answered, committed;
    struct batch *back[BATCHES];
    void *back_arg[BATCHES];
    int n_back, last_back, last_committed;
    int sick, well;
    struct ticket tickets[BATCHES];
};

static void on_done(void *arg, struct batch *b, const struct err *err)
{
    struct ticket *t = arg;
    struct world *w = t->w;
    must(pthread_equal(pthread_self(), w->thread));
    w->answered++;
    if (b) {
        assert_non_null(err);
        assert_true(t->number > w->last_back);
        w->last_back = t->number;
        w->back[w->n_back] = b;
        w->back_arg[w->n_back++] = t;
        return;
    }
    assert_null(err);
    assert_true(t->number > w->last_committed); /* order is kept over failure and retry */
    w->last_committed = t->number;
    w->committed++;
}

static void on_health(void *arg, const struct err *err)
{
    struct world *w = arg;
    must(pthread_equal(pthread_self(), w->thread));
    err ? w->sick++ : w->well++;
}

static void on_timer(struct timer *t)
{
    timer_start(container_of(t, struct world, timer)->loop, t, clock_mono_ns() + 5 * NS_PER_MS,
                on_timer);
}

static void turn_until(struct world *w, int answered)
{
    int64_t end = clock_mono_ns() + 20 * NS_PER_S;
    while (w->answered < answered && clock_mono_ns() < end)
        loop_turn(w->loop);
    assert_int_equal(w->answered, answered);
}

static void world_open(struct world *w)
{
    memset(w, 0, sizeof(*w));
    w->arena = arena_new();
    w->thread = pthread_self();
    w->last_back = w->last_committed = -1;
    w->loop = loop_new(NULL);
    on_timer(&w->timer);
    fixture_init(&w->f);
    w->f.opt.loop = w->loop;
    w->f.opt.on_health = on_health;
    w->f.opt.arg = w;
    fixture_open(&w->f);
}

static void world_close(struct world *w)
{
    fixture_close(&w->f);
    timer_stop(&w->timer);
    loop_free(w->loop);
    arena_free(w->arena);
    fixture_done(&w->f);
}

static void submit(struct world *w, int number)
{
    struct batch *b = batch_new();
    struct result r = plain_result(w->arena, 1, clock_wall_ms(), true);
    batch_result(b, (uint64_t)number + 1, &r, false);
    batch_cursor(b, 1, (uint64_t)number + 1);
    w->tickets[number] = (struct ticket){w, number};
    store_submit(w->f.store, b, on_done, &w->tickets[number]);
}

static void nothing_overtakes(void **state)
{
    static struct world w;
    world_open(&w);
    usleep(100000); /* the first look at old results is over */

    sqlite3 *other;
    assert_int_equal(sqlite3_open(w.f.path, &other), SQLITE_OK);
    sqlite3_busy_timeout(other, 5000);
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    for (int i = 0; i < BATCHES; i++) {
        submit(&w, i);
        if (i % 20 == 19)
            usleep(
                400000); /* the loop sleeps while the store fails: later ones must be refused too */
        if (i == 39)
            sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    }
    sqlite3_close(other);
    turn_until(&w, BATCHES);
    assert_int_equal(w.committed, 0);
    assert_int_equal(w.n_back, BATCHES);
    assert_int_equal(w.sick, 1);
    for (int i = 0; i < BATCHES; i++)
        store_submit(w.f.store, w.back[i], on_done, w.back_arg[i]);
    w.n_back = 0;
    turn_until(&w, 2 * BATCHES);
    assert_int_equal(w.committed, BATCHES);
    assert_int_equal(w.well, 1);
    assert_int_equal(sql_int(w.f.path, "SELECT seq FROM ring_cursors"), BATCHES);
    world_close(&w);
}

/* What was submitted is executed before the close returns, and its answers come. */
static void close_finishes_the_work(void **state)
{
    static struct world w;
    world_open(&w);
    for (int i = 0; i < BATCHES; i++)
        submit(&w, i);
    fixture_close(&w.f);
    assert_int_equal(w.committed, BATCHES);
    for (int i = 0; i < 20; i++) {
        usleep(1000);
        loop_turn(w.loop); /* a post that was on its way finds nobody, and that is fine */
    }
    assert_int_equal(sql_int(w.f.path, "SELECT count(*) FROM probe_results"), BATCHES);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_overtakes),
        cmocka_unit_test(close_finishes_the_work),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
