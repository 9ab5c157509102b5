/* tree_linux.c and tree_usage_linux.c with real processes: ones that daemonise, ignore SIGTERM,
 * are stopped, fork without end under a limit; figures. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "proc/environ.h"
#include "proc/procfs.h"
#include "proc/spawn.h"
#include "proc/tree.h"

struct unit {
    struct tree tree;
    char name[64];
    char **env;
};

/* A program as a unit; it is one when it printed a letter on its standard output. */
static void start_program(struct unit *u, const char *path, const char *const *argv,
                          const struct spawn *with)
{
    int fds[2];
    char c;
    pid_t pid = 0;
    struct err err;
    snprintf(u->name, sizeof(u->name), "test-%ld", (long)getpid());
    u->env = environ_build(&(struct environ_spec){.unit = u->name, .instance = "/test"}, &err);
    assert_non_null(u->env);
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    struct spawn s = with ? *with : (struct spawn){0};
    s.path = path;
    s.argv = argv;
    s.env = (const char *const *)u->env;
    s.group = SPAWN_NEW_SESSION;
    s.out_fd = fds[1];
    s.err_fd = SPAWN_NULL;
    if (spawn_start(&s, &pid, &err) < 0)
        fail_msg("%s", err.msg);
    close(fds[1]);
    assert_int_equal(read(fds[0], &c, 1), 1);
    close(fds[0]);
    u->tree = (struct tree){
        .cookie = u->name, .instance = "/test", .main = {(int32_t)pid, process_start_time(pid)}};
}

static void start(struct unit *u, const char *line)
{
    const char *argv[] = {"sh", "-c", line, NULL};
    start_program(u, "/bin/sh", argv, NULL);
}

/* Until no child of ours is left, orphans included (we are their reaper). */
static void end(struct unit *u)
{
    while (waitpid(-1, NULL, WNOHANG) >= 0 || tree_count(&u->tree) > 0)
        usleep(1000);
    free(u->env);
}

static void await_count(const struct unit *u, size_t n)
{
    while (tree_count(&u->tree) != n)
        usleep(1000);
}

/* Double fork into a session of its own: found by the cookie, also when main is dead. */
static void what_daemonises_is_found(void **state)
{
    struct unit u;
    start(&u, "(setsid sh -c 'sleep 60 & exec sleep 61' &) ; echo x; exec sleep 62");
    await_count(&u, 3);
    kill(u.tree.main.pid, SIGKILL);
    waitpid(u.tree.main.pid, NULL, 0);
    assert_int_equal(tree_count(&u.tree), 2);
    struct tree other = u.tree;
    other.instance = "/elsewhere"; /* another Belfry's unit of that name has none of it */
    other.main = (struct spawn_id){0};
    assert_int_equal(tree_count(&other), 0);
    assert_int_equal(tree_signal(&u.tree, SIGTERM), 2);
    end(&u);
}

static void what_ignores_sigterm_is_killed(void **state)
{
    struct unit u;
    start(&u, "trap '' TERM; sleep 60 & echo x; while :; do sleep 61; done");
    await_count(&u, 3);
    assert_int_equal(tree_signal(&u.tree, SIGTERM), 3);
    assert_int_equal(tree_count(&u.tree), 3);
    assert_int_equal(tree_signal(&u.tree, SIGKILL), 3);
    end(&u);
    assert_int_equal(tree_signal(&u.tree, SIGKILL), 0);
}

static void what_is_stopped_obeys(void **state)
{
    struct unit u;
    struct proc_stat s;
    start(&u, "echo x; exec sleep 60");
    kill(u.tree.main.pid, SIGSTOP);
    while (!proc__stat(u.tree.main.pid, &s) || s.state != 'T')
        usleep(1000);
    assert_int_equal(tree_signal(&u.tree, SIGTERM), 1);
    end(&u);
}

/* The main process is a zombie, its child goes on. */
static void a_zombie_is_no_member(void **state)
{
    struct unit u;
    siginfo_t info;
    start(&u, "sleep 60 & echo x");
    assert_int_equal(waitid(P_PID, (id_t)u.tree.main.pid, &info, WEXITED | WNOWAIT), 0);
    assert_int_equal(tree_count(&u.tree), 1);
    assert_int_equal(tree_signal(&u.tree, SIGKILL), 1);
    end(&u);
}

/* Number and start time: another process with our number is left alone. */
static void a_number_used_again(void **state)
{
    struct unit u;
    start(&u, "echo x; exec sleep 60");
    struct tree wrong = {.main = {u.tree.main.pid, u.tree.main.start_time - 1}};
    assert_int_equal(tree_count(&wrong), 0);
    assert_int_equal(tree_signal(&wrong, SIGKILL), 0);
    assert_false(proc__signal_exact(wrong.main.pid, wrong.main.start_time, SIGKILL));
    assert_true(process_is(u.tree.main.pid, u.tree.main.start_time));
    tree_signal(&u.tree, SIGKILL);
    end(&u);
}

/* The test's own program with the word "bomb": every process forks for ever, in a session of its
 * own. Or nearly: a test that was killed must leave none behind. */
static _Noreturn void bomb(void)
{
    int64_t end = clock_mono_ns() + 120 * NS_PER_S;
    if (write(1, "x", 1) != 1)
        _exit(1);
    while (clock_mono_ns() < end)
        if (fork() == 0)
            setsid();
    _exit(0);
}

/* The dying only become fewer: one that escaped would fill the limit again. */
static void end_of_bomb(struct unit *u)
{
    size_t left = SIZE_MAX;
    for (size_t now; (now = tree_count(&u->tree)) > 0; left = now) {
        assert_true(now <= left);
        while (waitpid(-1, NULL, WNOHANG) > 0)
            continue;
    }
    end(u);
}

static void a_fork_bomb_ends(void **state)
{
    enum { TIMES = 30 }; /* what escapes does so when the processors are taken from it in time */
    /* Nobody else's, not even a second run's of this test: the limit is the user's. */
    uid_t own = 20000 + (uid_t)getpid() % 40000; /* mapped in a container, too */
    const struct spawn_user user = {.uid = own, .gid = own, .n_groups = 1, .groups = {own}};
    if (geteuid() != 0)
        skip(); /* our own user's limit would hit this test, too */
    const char *argv[] = {"test_tree", "bomb", NULL};
    struct spawn s = {.user = &user, .limits = {.processes = 50}};
    for (int i = 0; i < TIMES; i++) {
        struct unit u;
        start_program(&u, "/proc/self/exe", argv, &s);
        while (tree_count(&u.tree) < 40)
            usleep(1000);
        assert_true(tree_signal(&u.tree, SIGKILL) >= 40);
        end_of_bomb(&u);
    }
}

static void one_look_for_many(void **state)
{
    struct unit u;
    start(&u, "echo x; exec sleep 60");
    struct tree_scan *scan = tree_scan_new();
    struct tree none = {.cookie = "no-such-unit", .instance = "/test"};
    assert_int_equal(tree_scan_count(scan, &u.tree), 1);
    assert_int_equal(tree_scan_count(scan, &none), 0);
    assert_int_equal(tree_scan_signal(scan, &none, SIGTERM), 0);
    assert_int_equal(tree_scan_signal(scan, &u.tree, SIGTERM), 1);
    tree_scan_free(&scan);
    end(&u);
}

static void figures(void **state)
{
    struct unit u;
    struct tree_usage got[2];
    start(&u,
          "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 60 3>/dev/null 4>&3 & echo x; "
          "exec sleep 61");
    await_count(&u, 2);
    struct tree trees[2] = {u.tree, {.cookie = "no-such-unit"}};
    tree_usage(trees, 2, got);
    for (int i = 0; i < 500 && got[0].files < 7;
         i++) { /* the shell's child opens them after its birth */
        usleep(10000);
        tree_usage(trees, 2, got);
    }
    assert_int_equal(got[0].processes, 2);
    assert_int_equal(got[0].threads, 2);
    assert_true(got[0].files >= 7); /* 0, 1, 2 twice, and 3, 4 of one */
    assert_true(got[0].rss_bytes > 0 && got[0].pss_bytes > 0 && got[0].private_bytes > 0);
    assert_true(got[0].pss_bytes <= got[0].rss_bytes);
    assert_true(got[0].cpu_seconds >= 0 && got[0].cpu_seconds < 60);
    assert_int_equal(got[1].processes + got[1].threads + got[1].files, 0);
    assert_true(got[1].rss_bytes == 0 && got[1].cpu_seconds == 0);
    tree_usage(NULL, 0, NULL);
    tree_signal(&u.tree, SIGKILL);
    end(&u);
}

/* /proc/PID/stat: a name with anything in it, and lines that are none. */
static void stat_lines(void **state)
{
    struct proc_stat s;
    static const char good[] =
        "42 (a) b) R 3) S 7 42 9 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 5 0 12345 999 77 1 2 3\n";
    assert_true(proc__stat_parse(good, sizeof(good) - 1, &s));
    assert_true(s.pid == 42 && s.ppid == 7 && s.session == 9 && s.state == 'S');
    assert_true(s.own_ticks == 30 && s.cpu_ticks == 100 && s.threads == 5 && s.start_time == 12345);
    static const char *const bad[] = {
        "",
        "42",
        "42 (a",
        "42 (a)",
        "42 (a) S",
        "42 (a) S 7 8 9",
        ") S 1 2 3",
        "x (a) S 1 1 1",
        "99999999999 (a) S 7 42 9 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 5 0 12345 999 77 1",
    };
    for (size_t i = 0; i < array_len(bad); i++)
        assert_false(proc__stat_parse(bad[i], strlen(bad[i]), &s));
    assert_true(proc__stat(getpid(), &s) && s.pid == getpid() && s.ppid == getppid());
}

static int adopt_orphans(void **state)
{
    return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "bomb") == 0)
        bomb();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_daemonises_is_found),
        cmocka_unit_test(what_ignores_sigterm_is_killed),
        cmocka_unit_test(what_is_stopped_obeys),
        cmocka_unit_test(a_zombie_is_no_member),
        cmocka_unit_test(a_number_used_again),
        cmocka_unit_test(a_fork_bomb_ends),
        cmocka_unit_test(one_look_for_many),
        cmocka_unit_test(figures),
        cmocka_unit_test(stat_lines),
    };
    return cmocka_run_group_tests(tests, adopt_orphans, NULL);
}
