/* spawn.c, reap.c and signals.h: what a child gets, errors by name, deaths noticed both ways. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/reap.h"
#include "proc/signals.h"
#include "proc/spawn.h"
#include "run_shell.h"

static void the_child_gets_what_was_asked(void **state)
{
    char out[512];
    const char *env[] = {"A=1", NULL};
    struct spawn s = {.env = env, .dir = "/", .limits = {.open_files = 77, .no_core = true}};
    run_shell(&s, "echo $A; pwd; ulimit -n; ulimit -c", out, sizeof(out));
    assert_string_equal(out, "1\n/\n77\n0\n");
    s = (struct spawn){.in_fd = SPAWN_NULL, .group = SPAWN_NEW_SESSION};
    run_shell(&s, "cat; test $(cut -d' ' -f6 /proc/$$/stat) = $$ && echo leader", out, sizeof(out));
    assert_string_equal(out, "leader\n");
}

static void a_user_without_rights(void **state)
{
    struct spawn_user nobody;
    struct err err;
    char out[512];
    assert_int_equal(spawn_user_find("nosuchuser-x", &nobody, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    if (geteuid() != 0)
        skip();
    assert_int_equal(spawn_user_find("nobody", &nobody, &err), 0);
    struct spawn s = {.user = &nobody};
    run_shell(&s, "id -un; grep -E 'Cap(Prm|Eff|Inh)' /proc/self/status", out, sizeof(out));
    assert_string_equal(out, "nobody\nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\n"
                             "CapEff:\t0000000000000000\n");
    s.caps = SPAWN_CAP_NET_RAW;
    s.death_signal = SIGTERM;
    run_shell(&s, "grep -E 'CapEff' /proc/self/status", out, sizeof(out));
    assert_string_equal(out, "CapEff:\t0000000000002000\n");
}

static void errors_name_the_step(void **state)
{
    const char *argv[] = {"x", NULL};
    struct err err;
    pid_t pid;
    struct spawn s = {.path = "/nonexistent/program", .argv = argv};
    assert_int_equal(spawn_start(&s, &pid, &err), -1);
    assert_string_equal(err.msg,
                        "cannot start /nonexistent/program: cannot execute it: No such file "
                        "or directory");
    s.dir = "/nonexistent";
    assert_int_equal(spawn_start(&s, &pid, &err), -1);
    assert_non_null(strstr(err.msg, "change to its directory"));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left behind */
}

static void the_child_dies_with_its_parent(void **state)
{
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    pid_t parent = fork();
    if (parent == 0) {
        const char *argv[] = {"sleep", "60", NULL};
        struct spawn s = {.path = "/bin/sleep", .argv = argv, .death_signal = SIGTERM};
        pid_t pid = 0;
        spawn_start(&s, &pid, NULL);
        if (write(fds[1], &pid, sizeof(pid)) < 0)
            _exit(1);
        for (;;)
            pause();
    }
    pid_t pid;
    assert_int_equal(read(fds[0], &pid, sizeof(pid)), sizeof(pid));
    kill(parent, SIGKILL);
    waitpid(parent, NULL, 0);
    for (int i = 0; i < 200; i++) { /* gone, or a zombie of someone who does not reap */
        char path[64], text[256] = "";
        snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
        FILE *f = fopen(path, "re");
        if (!f || !fgets(text, sizeof(text), f) || strstr(text, ") Z "))
            i = 1000;
        if (f)
            fclose(f);
        if (i == 199)
            fail_msg("the child outlived its parent");
        usleep(5000);
    }
    close(fds[0]);
    close(fds[1]);
}

static void deaths_are_noticed(bool pidfds)
{
    struct err err;
    int chld = signals_open((const int[]){SIGCHLD}, 1, &err);
    assert_true(chld >= 0);
    struct reaper *r = reaper_new(pidfds ? REAP_ALL : REAP_SIGNALS);
    pid_t pids[10];
    const char *argv[] = {"sleep", "60", NULL};
    struct spawn s = {.path = "/bin/sleep", .argv = argv};
    for (int i = 0; i < 10; i++) {
        assert_int_equal(spawn_start(&s, &pids[i], &err), 0);
        reaper_add(r, pids[i]);
    }
    struct reaped dead;
    assert_false(reaper_next(r, &dead));
    for (int i = 0; i < 10; i++) {
        int64_t before = clock_mono_ns();
        kill(pids[i], i % 2 ? SIGKILL : SIGTERM);
        struct pollfd p = {.fd = pidfds ? reaper_fd(r) : chld, .events = POLLIN};
        assert_int_equal(poll(&p, 1, 5000), 1);
        while (signals_next(chld))
            ;
        assert_true(reaper_next(r, &dead));
        assert_true(clock_mono_ns() - before < 500 * NS_PER_MS);
        assert_int_equal(dead.pid, pids[i]);
        assert_int_equal(WTERMSIG(dead.status), i % 2 ? SIGKILL : SIGTERM);
        assert_false(reaper_next(r, &dead));
    }
    reaper_free(&r);
    close(chld);
}

static void by_signal(void **state)
{
    deaths_are_noticed(false);
}

static void by_pidfd(void **state)
{
    struct reaper *r = reaper_new(REAP_ALL);
    bool have = reaper_fd(r) >= 0;
    reaper_free(&r);
    if (!have)
        skip();
    deaths_are_noticed(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_child_gets_what_was_asked),
        cmocka_unit_test(a_user_without_rights),
        cmocka_unit_test(errors_name_the_step),
        cmocka_unit_test(the_child_dies_with_its_parent),
        cmocka_unit_test(by_signal),
        cmocka_unit_test(by_pidfd),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
