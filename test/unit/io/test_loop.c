/* The loop: timers in order, watches, signals, work from other threads. */
#include "io_unit.h"

#include <signal.h>

#include "base/must.h"

struct tick {
    struct timer timer;
    int id;
    int *order, *n;
    struct loop *loop;
};

static void on_tick(struct timer *t)
{
    struct tick *k = container_of(t, struct tick, timer);
    k->order[(*k->n)++] = k->id;
    if (*k->n == 4) {
        loop_stop(k->loop);
    }
}

static void test_timers(void **state)
{
    struct loop *l = loop_new(NULL);
    int order[8], n = 0;
    struct tick t[5];
    int64_t now = clock_mono_ns();
    memset(t, 0, sizeof(t));
    for (int i = 0; i < 5; i++) {
        t[i] = (struct tick){.id = i, .order = order, .n = &n, .loop = l};
        timer_start(l, &t[i].timer, now + MS(5 * (5 - i)), on_tick);
        assert_true(timer_active(&t[i].timer));
    }
    timer_stop(&t[2].timer);
    timer_stop(&t[2].timer);
    assert_false(timer_active(&t[2].timer));
    timer_start(l, &t[0].timer, now + MS(1), on_tick); /* re-keyed: now the first */
    loop_run(l);
    const int want[] = {0, 4, 3, 1};
    assert_int_equal(n, 4);
    assert_memory_equal(order, want, sizeof(want));
    assert_true(clock_mono_ns() >= now + MS(20));
    assert_true(loop_lag_ns(l) >= 0 && loop_lag_ns(l) < MS(500));
    assert_in_range(loop_turns(l), 1, 50); /* it sleeps between them; a late one fires several */
    assert_false(loop_turn(l));
    loop_free(l);
}

struct pipe_watch {
    struct watch *w, *other;
    int fds[2];
    int events;
};

static void on_pipe(void *arg, int events)
{
    struct pipe_watch *p = arg;
    p->events |= events;
    watch_close(&p->w);
    watch_close(&p->other); /* its event is in the same batch: must not be delivered */
}

static void test_watches(void **state)
{
    struct loop *l = loop_new(NULL);
    struct pipe_watch a = {0}, b = {0};
    assert_int_equal(pipe(a.fds), 0);
    assert_int_equal(pipe(b.fds), 0);
    a.w = watch_open(l, a.fds[0], IO_READ, on_pipe, &a, NULL);
    b.w = watch_open(l, b.fds[0], IO_READ, on_pipe, &b, NULL);
    a.other = b.w;
    b.other = a.w;
    assert_true(loop_turn(l));
    assert_int_equal(a.events | b.events, 0);
    assert_int_equal(write(a.fds[1], "x", 1), 1);
    assert_int_equal(write(b.fds[1], "x", 1), 1);
    loop_turn(l);
    assert_int_equal(a.events + b.events, IO_READ); /* one of the two, once */
    if (a.events) {
        b.w = NULL;
    }
    assert_false(loop_turn(l));
    struct err err = {0};
    close(a.fds[0]);
    assert_null(watch_open(l, a.fds[0], IO_READ, on_pipe, &a, &err));
    assert_int_equal(err.code, ERR_IO);
    loop_free(l);
    close(a.fds[1]);
    close(b.fds[0]);
    close(b.fds[1]);
}

static void on_writable(void *arg, int events)
{
    *(int *)arg = events;
}

static void test_watch_set(void **state)
{
    struct loop *l = loop_new(NULL);
    int fds[2], got = 0;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
    struct watch *w = watch_open(l, fds[0], IO_READ, on_writable, &got, NULL);
    loop_turn(l);
    assert_int_equal(got, 0);
    assert_int_equal(watch_set(w, IO_READ | IO_WRITE, NULL), 0);
    loop_turn(l);
    assert_int_equal(got, IO_WRITE);
    close(fds[1]);
    loop_turn(l);
    assert_int_equal(got, IO_READ | IO_WRITE);
    watch_close(&w);
    assert_null(w);
    close(fds[0]);
    loop_free(l);
}

struct sig {
    struct loop *loop;
    int got;
};

static void on_signo(void *arg, int signo)
{
    struct sig *s = arg;
    s->got = signo;
    loop_stop(s->loop);
}

static void test_signals(void **state)
{
    struct sig s = {.loop = loop_new(NULL)};
    struct signal_watch *w = signal_open(s.loop, SIGUSR1, on_signo, &s, NULL);
    assert_non_null(w);
    loop_turn(s.loop);
    raise(SIGUSR1);
    loop_run(s.loop);
    assert_int_equal(s.got, SIGUSR1);
    signal_close(&w);
    loop_free(s.loop);
}

struct posts {
    struct loop *loop;
    int n, sum;
    bool ordered;
    pthread_t loop_thread;
};

static void on_post(void *arg)
{
    struct posts *p = arg;
    assert_true(pthread_equal(p->loop_thread, pthread_self()));
    p->n++;
}

static void on_call(void *arg)
{
    struct posts *p = arg;
    p->ordered = p->n == 1000; /* every earlier post has run */
    p->sum = 42;
}

static void *poster(void *arg)
{
    struct posts *p = arg;
    for (int i = 0; i < 1000; i++) {
        loop_post(p->loop, on_post, p);
    }
    loop_call(p->loop, on_call, p);
    assert_int_equal(p->sum, 42);
    loop_stop_soon(p->loop);
    return NULL;
}

static void test_other_threads(void **state)
{
    struct posts p = {.loop = loop_new(NULL), .loop_thread = pthread_self()};
    pthread_t t;
    pthread_create(&t, NULL, poster, &p);
    loop_run(p.loop);
    pthread_join(t, NULL);
    assert_true(p.ordered);
    loop_call(p.loop, on_call, &p); /* from the own thread: at once */
    loop_free(p.loop);
}

static void on_turn(void *arg)
{
    ++*(int *)arg;
}

static void test_turns(void **state)
{
    struct loop *l = loop_new(NULL);
    int n = 0;
    loop_on_turn(l, on_turn, &n);
    for (int i = 0; i < 3; i++) {
        loop_turn(l);
    }
    assert_int_equal(n, 3);
    assert_true(clock_mono_ns() - loop_now_ns(l) < NS_PER_S);
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_timers),        cmocka_unit_test(test_watches),
        cmocka_unit_test(test_watch_set),     cmocka_unit_test(test_signals),
        cmocka_unit_test(test_other_threads), cmocka_unit_test(test_turns),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
