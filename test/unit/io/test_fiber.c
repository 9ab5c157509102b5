/* Fibers: starting, parking, waking, deadlines, cancelling, blocking work, the limit, and that the
 * switch keeps registers and stacks apart. */
#include "io_unit.h"

#include "base/must.h"

struct pair {
    struct fiber *f;
    int steps;
    struct err err;
    int rc;
};

static void parker(void *arg)
{
    struct pair *p = arg;
    p->f = fiber_self();
    p->steps = 1;
    p->rc = fiber_park(IO_FOREVER, &p->err);
    p->steps = 2;
}

static void test_park_and_wake(void **state)
{
    struct loop *l = loop_new(NULL);
    struct pair p = {0};
    assert_null(fiber_self());
    assert_int_equal(fiber_start(l, parker, &p, NULL), 0);
    assert_int_equal(p.steps, 1); /* ran at once, until its first wait */
    assert_null(fiber_self());
    assert_int_equal(loop_fibers(l), 1);
    loop_turn(l);
    assert_int_equal(p.steps, 1);
    fiber_wake(p.f);
    fiber_wake(p.f);
    assert_int_equal(p.steps, 1); /* in the next turn, not inside the waker */
    loop_turn(l);
    assert_int_equal(p.steps, 2);
    assert_int_equal(p.rc, 0);
    assert_int_equal(loop_fibers(l), 0);
    loop_free(l);
}

static void test_cancel(void **state)
{
    struct loop *l = loop_new(NULL);
    struct pair p = {0};
    assert_int_equal(fiber_start(l, parker, &p, NULL), 0);
    fiber_cancel(p.f);
    loop_turn(l);
    assert_int_equal(p.rc, -1);
    assert_int_equal(p.err.code, ERR_CANCELLED);
    assert_int_equal(fiber_start(l, parker, &p, NULL), 0);
    loop_free(l); /* cancels those that are left */
    assert_int_equal(p.steps, 2);
}

static void sleeper(void *arg)
{
    int64_t start = clock_mono_ns();
    struct err err = {0};
    assert_int_equal(fiber_sleep(start + MS(20), &err), 0);
    assert_true(clock_mono_ns() - start >= MS(20));
    assert_int_equal(fiber_park(start + MS(25), &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_int_equal(fiber_park(start, &err), -1); /* passed already */
    assert_int_equal(err.code, ERR_TIMEOUT);
    *(bool *)arg = true;
}

static void test_deadlines(void **state)
{
    bool done = false;
    on_fiber(sleeper, &done);
    assert_true(done);
}

static void pipe_reader(void *arg)
{
    int *fds = arg;
    struct err err = {0};
    char c;
    assert_int_equal(io_wait(fds[0], IO_READ, in_ms(10), &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_int_equal(write(fds[1], "ab", 2), 2);
    assert_int_equal(io_wait(fds[0], IO_READ, in_ms(1000), &err), IO_READ);
    assert_int_equal(read(fds[0], &c, 1), 1);
    assert_int_equal(io_wait(fds[0], IO_READ, in_ms(1000), &err), IO_READ); /* level: one is left */
    close(fds[1]);
    assert_int_equal(io_wait(fds[0], IO_READ, in_ms(1000), &err), IO_READ);
}

static void test_io_wait(void **state)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    on_fiber(pipe_reader, fds);
    close(fds[0]);
}

/* The number is closed and opened again behind the loop's back. */
static void reopen(void *arg)
{
    struct err err = {0};
    for (int i = 0; i < 20; i++) {
        int fds[2];
        assert_int_equal(pipe(fds), 0);
        assert_int_equal(io_wait(fds[1], IO_WRITE, in_ms(1000), &err), IO_WRITE);
        assert_int_equal(io_wait(fds[0], IO_READ, in_ms(1), &err), -1);
        close(fds[0]);
        close(fds[1]);
    }
}

static void test_reused_numbers(void **state)
{
    on_fiber(reopen, NULL);
}

static void slow(void *arg)
{
    usleep(20000);
    *(pthread_t *)arg = pthread_self();
}

static void blocker(void *arg)
{
    pthread_t other = pthread_self();
    io_blocking(slow, &other);
    assert_false(pthread_equal(other, pthread_self()));
}

static void test_blocking(void **state)
{
    on_fiber(blocker, NULL);
    struct loop *l = loop_new(NULL); /* a loop that ends meanwhile waits for it */
    assert_int_equal(fiber_start(l, blocker, NULL, NULL), 0);
    loop_free(l);
}

static void test_limit(void **state)
{
    struct loop *l = loop_new(NULL);
    struct pair p[3] = {{0}};
    struct err err = {0};
    loop_set_max_fibers(l, 2);
    assert_int_equal(fiber_start(l, parker, &p[0], &err), 0);
    assert_int_equal(fiber_start(l, parker, &p[1], &err), 0);
    assert_int_equal(fiber_start(l, parker, &p[2], &err), -1);
    assert_int_equal(err.code, ERR_FULL);
    assert_int_equal(p[2].steps, 0);
    loop_free(l);
}

static void inner(void *arg)
{
    ++*(int *)arg;
    assert_int_equal(fiber_sleep(in_ms(2), NULL), 0);
    ++*(int *)arg;
}

static void outer(void *arg)
{
    struct fiber *me = fiber_self();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(fiber_start(fiber_loop(), inner, arg, NULL), 0);
        assert_ptr_equal(fiber_self(), me);
    }
    assert_int_equal(*(int *)arg, 10);
    while (loop_fibers(fiber_loop()) > 1) {
        assert_int_equal(fiber_sleep(in_ms(1), NULL), 0);
    }
}

static void test_nested(void **state)
{
    int n = 0;
    on_fiber(outer, &n);
    assert_int_equal(n, 20);
}

/* Deep frames, doubles and many values across switches: what a broken switch would mix up. */
static double work(int depth, double x)
{
    char pad[512];
    memset(pad, depth, sizeof(pad));
    if (depth == 0) {
        assert_int_equal(fiber_sleep(in_ms(1), NULL), 0);
        return x;
    }
    double got = work(depth - 1, x + depth);
    for (size_t i = 0; i < sizeof(pad); i++) {
        assert_int_equal(pad[i], depth);
    }
    return got - depth;
}

static void worker(void *arg)
{
    double *x = arg;
    double before = *x;
    for (int i = 0; i < 5; i++) {
        *x = work(60, *x * 1.5) / 1.5;
    }
    assert_true(*x > before - 1e-6 && *x < before + 1e-6);
    *x = -1;
}

static void test_many(void **state)
{
    struct loop *l = loop_new(NULL);
    double x[500];
    for (int i = 0; i < 500; i++) {
        x[i] = i + 0.25;
        assert_int_equal(fiber_start(l, worker, &x[i], NULL), 0);
    }
    while (loop_turn(l)) {
    }
    for (int i = 0; i < 500; i++) {
        assert_true(x[i] == -1);
    }
    loop_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_park_and_wake),  cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_deadlines),      cmocka_unit_test(test_io_wait),
        cmocka_unit_test(test_reused_numbers), cmocka_unit_test(test_blocking),
        cmocka_unit_test(test_limit),          cmocka_unit_test(test_nested),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
