/* libbelfry-proc as a program uses it: its own header alone, real children. */
#include "embed/belfry_proc.h"

#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#define TURNS 2000

struct seen {
    char states[512]; /* "running crashed …" */
};

static void on_change(void *arg, const struct belfry_proc_info *u, enum belfry_proc_state from)
{
    struct seen *s = arg;
    assert_int_not_equal(u->state, from);
    size_t n = strlen(s->states);
    const char *name = belfry_proc_state_name(u->state);
    if (n + strlen(name) + 2 < sizeof(s->states)) {
        memcpy(s->states + n, name, strlen(name) + 1);
        memcpy(s->states + n + strlen(name), " ", 2);
    }
}

static void turn(struct belfry_proc *b)
{
    int timeout = belfry_proc_timeout(b);
    struct pollfd fd = {belfry_proc_fd(b), POLLIN, 0};
    poll(&fd, 1, timeout < 0 || timeout > 50 ? 50 : timeout);
    belfry_proc_turn(b);
}

static struct belfry_proc_info until(struct belfry_proc *b, const char *id,
                                     enum belfry_proc_state state, pid_t but)
{
    struct belfry_proc_info u = {0};
    for (int i = 0; i < TURNS; i++) {
        assert_true(belfry_proc_info(b, id, &u));
        if (u.state == state && (but == 0 || u.pid != but))
            return u;
        turn(b);
    }
    fail_msg("%s is %s; want %s", id, belfry_proc_state_name(u.state),
             belfry_proc_state_name(state));
    return u;
}

static struct belfry_proc_unit unit_of(const char *id, const char *const *argv)
{
    struct belfry_proc_unit u = {.id = id, .type = "test", .argv = argv};
    belfry_proc_monitor_defaults(&u.monitor);
    u.monitor.restart_cooldown_ms = 0;
    return u;
}

static const char *const sleeper[] = {"/bin/sleep", "1000", NULL};
static const char *const failing[] = {"/bin/false", NULL};

static void test_killed_and_replaced(void **state)
{
    (void)state;
    struct seen seen = {0};
    struct belfry_proc_status st;
    struct belfry_proc *b =
        belfry_proc_new(&(struct belfry_proc_options){.arg = &seen, .on_change = on_change});
    struct belfry_proc_unit u = unit_of("a", sleeper);
    assert_int_equal(belfry_proc_add(b, &u, NULL, 0), 0);
    struct belfry_proc_info i = until(b, "a", BELFRY_PROC_RUNNING, 0);
    assert_string_equal(i.type, "test");
    assert_false(i.ever_died);
    pid_t old = i.pid;
    kill(old, SIGKILL);
    i = until(b, "a", BELFRY_PROC_RUNNING, old);
    assert_int_equal(i.restarts, 1);
    assert_true(i.ever_died && WIFSIGNALED(i.last_status));
    assert_non_null(strstr(seen.states, "running crashed restarting"));
    belfry_proc_status(b, &st);
    assert_int_equal(st.total_restarts, 1);
    assert_int_equal(st.success_restarts, 1);
    assert_int_equal(st.failed_restarts, 0);
    assert_int_equal(st.total_units, 1);
    assert_int_equal(st.status_count[BELFRY_PROC_RUNNING], 1);
    assert_true(st.total_checks > 0 && st.last_check_ms > 0 && st.enabled);
    belfry_proc_stop(b, false);
    assert_int_equal(kill(i.pid, 0), -1);
    belfry_proc_status(b, &st);
    assert_false(st.enabled);
    assert_int_equal(st.status_count[BELFRY_PROC_STOPPED], 1);
    belfry_proc_free(b);
}

static void test_budget(void **state)
{
    (void)state;
    struct belfry_proc_status st;
    struct belfry_proc *b = belfry_proc_new(NULL);
    struct belfry_proc_unit u = unit_of("f", failing);
    u.start_ms = 1000; /* so that it never counts as running */
    u.monitor.max_restarts = 3;
    assert_int_equal(belfry_proc_add(b, &u, NULL, 0), 0);
    until(b, "f", BELFRY_PROC_FATAL, 0);
    belfry_proc_status(b, &st);
    assert_int_equal(st.total_restarts, 3);
    assert_int_equal(st.failed_restarts, 3);
    assert_int_equal(belfry_proc_reset(b, "f"), 0);
    until(b, "f", BELFRY_PROC_FATAL, 0);
    belfry_proc_stop(b, false);
    belfry_proc_free(b);
}

static void test_monitor_off(void **state)
{
    (void)state;
    struct belfry_proc *b = belfry_proc_new(NULL);
    struct belfry_proc_unit u = unit_of("a", sleeper);
    assert_int_equal(belfry_proc_add(b, &u, NULL, 0), 0);
    struct belfry_proc_info i = until(b, "a", BELFRY_PROC_RUNNING, 0);
    assert_int_equal(belfry_proc_disable(b, "a"), 0);
    kill(i.pid, SIGKILL);
    i = until(b, "a", BELFRY_PROC_CRASHED, 0);
    assert_false(i.enabled);
    assert_int_equal(belfry_proc_enable(b, "a"), 0);
    until(b, "a", BELFRY_PROC_RUNNING, 0);
    assert_int_equal(belfry_proc_halt(b, "a"), 0);
    until(b, "a", BELFRY_PROC_STOPPED, 0);
    assert_int_equal(belfry_proc_disable(b, "nobody"), -1);
    belfry_proc_stop(b, false);
    belfry_proc_free(b);
}

static void test_refusals(void **state)
{
    (void)state;
    static const char *const relative[] = {"sleep", "1", NULL};
    char error[100];
    struct belfry_proc *b = belfry_proc_new(NULL);
    struct belfry_proc_unit u = unit_of("a", sleeper);
    assert_int_equal(belfry_proc_add(b, &u, error, sizeof(error)), 0);
    assert_int_equal(belfry_proc_add(b, &u, error, sizeof(error)), -1);
    assert_string_equal(error, "the id is taken");
    u = unit_of("b", relative);
    assert_int_equal(belfry_proc_add(b, &u, error, sizeof(error)), -1);
    u = unit_of("", sleeper);
    assert_int_equal(belfry_proc_add(b, &u, error, sizeof(error)), -1);
    u = unit_of("c", sleeper);
    u.monitor.jitter = 2;
    assert_int_equal(belfry_proc_add(b, &u, error, sizeof(error)), -1);
    belfry_proc_stop(b, false);
    assert_int_equal(belfry_proc_start(b, "a"), -1);
    belfry_proc_free(b);
}

/* The host program's other children are its own. */
static void test_foreign_children_are_left(void **state)
{
    (void)state;
    struct belfry_proc *b = belfry_proc_new(NULL);
    struct belfry_proc_unit u = unit_of("a", sleeper);
    assert_int_equal(belfry_proc_add(b, &u, NULL, 0), 0);
    pid_t mine = fork();
    if (mine == 0)
        _exit(42);
    for (int i = 0; i < 20; i++)
        turn(b);
    int status;
    assert_int_equal(waitpid(mine, &status, 0), mine);
    assert_int_equal(WEXITSTATUS(status), 42);
    belfry_proc_stop(b, false);
    belfry_proc_free(b);
}

static void test_two_of_them(void **state)
{
    (void)state;
    struct belfry_proc *a = belfry_proc_new(NULL), *b = belfry_proc_new(NULL);
    struct belfry_proc_unit u = unit_of("same", sleeper);
    assert_int_equal(belfry_proc_add(a, &u, NULL, 0), 0);
    assert_int_equal(belfry_proc_add(b, &u, NULL, 0), 0);
    pid_t pa = until(a, "same", BELFRY_PROC_RUNNING, 0).pid;
    pid_t pb = until(b, "same", BELFRY_PROC_RUNNING, 0).pid;
    belfry_proc_stop(a, false);
    assert_int_equal(kill(pa, 0), -1);
    assert_int_equal(kill(pb, 0), 0);
    assert_int_equal(until(b, "same", BELFRY_PROC_RUNNING, 0).pid, pb);
    belfry_proc_stop(b, true);
    assert_int_equal(kill(pb, 0), 0);
    belfry_proc_free(a);
    belfry_proc_free(b);
    kill(pb, SIGKILL);
    waitpid(pb, NULL, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_killed_and_replaced),
        cmocka_unit_test(test_budget),
        cmocka_unit_test(test_monitor_off),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_foreign_children_are_left),
        cmocka_unit_test(test_two_of_them),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
