/* The supervisor with real processes: this program is its own unit, `test_supervisor --unit HOW FILE`, where FILE
 * holds the ms of its last turn (a heartbeat) when mapped. */
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
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "proc/signals.h"
#include "proc/supervisor.h"

static int64_t now_ms(void)
{
    return clock_mono_ns() / NS_PER_MS;
}

/* --- the unit ------------------------------------------------------------------------------- */

static int unit_main(const char *how, const char *file)
{
    int fd = open(file, O_RDWR);
    _Atomic int64_t *turned = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (turned == MAP_FAILED)
        return 9;
    if (strcmp(how, "deaf") == 0)
        signal(SIGTERM, SIG_IGN);
    for (int i = 0;; i++) {
        if (strcmp(how, "hang") != 0 || i < 20)
            *turned = now_ms();
        if (strcmp(how, "crash") == 0)
            return 3;
        if (strcmp(how, "grow") == 0) {
            char *p = malloc(4 << 20);
            memset(p, 1, 4 << 20);
            __asm__ volatile("" ::"r"(p) : "memory"); /* or clang leaves both out */
        }
        usleep(5000);
    }
}

/* --- the harness ---------------------------------------------------------------------------- */

struct fixture {
    char file[32];
    _Atomic int64_t *turned;
    int chld;
    struct reaper *reaper;
    struct supervisor *s;
    struct unit_record *record;
    int deaths, changes, errors;
    struct unit_death last;
    int64_t death_noticed_ns, restarted_ns;
};

static void on_change(void *arg, const struct unit_view *u, enum unit_state from)
{
    struct fixture *f = arg;
    f->changes++;
    if (u->state == UNIT_STARTING || u->state == UNIT_RUNNING)
        f->restarted_ns = clock_mono_ns();
    assert_string_equal(u->name, "unit");
}

static void on_death(void *arg, const struct unit_view *u, const struct unit_death *d)
{
    struct fixture *f = arg;
    if (d->cause == CAUSE_SPAWN) {
        f->errors++;
        assert_int_equal(d->pid, 0);
        assert_non_null(strstr(d->reason, "cannot start"));
        return;
    }
    f->deaths++;
    f->last = *d;
    f->death_noticed_ns = clock_mono_ns();
}

static int64_t turned_ms(void *arg, const struct unit_view *u)
{
    struct fixture *f = arg;
    return *f->turned;
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->file, sizeof(f->file), "%s", "/tmp/belfry-unit-XXXXXX");
    int fd = mkstemp(f->file);
    if (fd < 0 || ftruncate(fd, 4096) < 0)
        return -1;
    f->turned = mmap(NULL, 8, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    f->chld = signals_open((const int[]){SIGCHLD}, 1, NULL);
    f->reaper = reaper_new(REAP_ALL);
    struct supervisor_config c = {.reaper = f->reaper,
                                  .arg = f,
                                  .on_change = on_change,
                                  .on_death = on_death,
                                  .turned_ms = turned_ms};
    f->s = supervisor_new(&c);
    *state = f;
    return 0;
}

/* Runs the supervisor for at most `ms`, or until *what reaches n. */
static void run(struct fixture *f, int ms, const int *what, int n)
{
    for (int64_t end = now_ms() + ms; now_ms() < end && (!what || *what < n);) {
        int timeout = supervisor_timeout(f->s, now_ms());
        int left = (int)(end - now_ms());
        if (timeout < 0 || timeout > left)
            timeout = left > 0 ? left : 0;
        struct pollfd p[2] = {{.fd = f->chld, .events = POLLIN},
                              {.fd = reaper_fd(f->reaper), .events = POLLIN}};
        poll(p, 2, timeout);
        while (signals_next(f->chld))
            ;
        supervisor_turn(f->s, now_ms());
    }
    if (what)
        assert_true(*what >= n);
}

static struct unit_view view(struct fixture *f)
{
    struct unit_view v;
    assert_true(supervisor_find(f->s, "unit", &v));
    return v;
}

static void wait_state(struct fixture *f, enum unit_state state, int ms)
{
    for (int64_t end = now_ms() + ms; now_ms() < end && view(f).state != state;)
        run(f, 5, NULL, 0);
    assert_string_equal(unit_state_name(view(f).state), unit_state_name(state));
}

static void add(struct fixture *f, const char *how, struct restart_policy policy)
{
    const char *argv[] = {"unit", "--unit", how, f->file, NULL};
    struct unit_spec spec = {
        .name = "unit",
        .spawn = {.path = "/proc/self/exe", .argv = argv, .err_fd = SPAWN_NULL},
        .policy = policy,
        .ready = READY_TURN,
        .autostart = true,
        .hang_timeout_ms = 300,
        .start_timeout_ms = 5000,
        .stop_timeout_ms = 300,
        .memory_limit = 64 << 20};
    if (strcmp(how, "missing") == 0)
        spec.spawn.path = "/nonexistent/unit";
    supervisor_add(f->s, &spec, now_ms());
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    supervisor_remove(f->s, "unit", now_ms());
    for (int i = 0; i < 500 && supervisor_alive(f->s) > 0; i++)
        run(f, 10, NULL, 0);
    bool left = supervisor_alive(f->s) > 0 || waitpid(-1, NULL, WNOHANG) != -1;
    supervisor_free(&f->s);
    reaper_free(&f->reaper);
    close(f->chld);
    munmap((void *)(uintptr_t)f->turned, 8);
    unlink(f->file);
    free(f);
    return left ? -1 : 0;
}

/* --- tests ---------------------------------------------------------------------------------- */

static void a_killed_unit_is_replaced_at_once(void **state)
{
    struct fixture *f = *state;
    struct restart_policy p = {.factor = 1}; /* never wait */
    add(f, "good", p);
    wait_state(f, UNIT_RUNNING, 5000);
    int64_t worst = 0;
    for (int i = 1; i <= 50; i++) {
        pid_t old = view(f).pid;
        int64_t before = clock_mono_ns();
        kill(old, SIGKILL);
        run(f, 5000, &f->deaths, i);
        assert_int_equal(f->last.pid, old);
        assert_int_equal(WTERMSIG(f->last.status), SIGKILL);
        assert_true(view(f).pid > 0 && view(f).pid != old);
        assert_int_equal(view(f).record->restarts, i);
        int64_t took = f->restarted_ns - before;
        worst = took > worst ? took : worst;
    }
    print_message("kill -9 to executed successor: at most %.2f ms of 50\n", (double)worst / 1e6);
    assert_true(worst < 500 * NS_PER_MS);
}

static void a_crashing_unit_waits_longer_and_is_given_up(void **state)
{
    struct fixture *f = *state;
    struct restart_policy p = {.delay_ms = 30,
                               .factor = 2,
                               .cap_ms = 1000,
                               .stable_ms = 60000,
                               .max_restarts = 4,
                               .give_up = true};
    int64_t from = now_ms();
    add(f, "crash", p);
    wait_state(f, UNIT_FATAL, 10000);
    assert_int_equal(f->deaths, 5);
    assert_int_equal(view(f).record->restarts, 4);
    assert_int_equal(WEXITSTATUS(f->last.status), 3);
    assert_true(now_ms() - from >= 30 + 60 + 120);
    run(f, 100, NULL, 0);
    assert_int_equal(f->deaths, 5);
    supervisor_start(f->s, "unit", now_ms()); /* an operator insists */
    assert_true(view(f).pid > 0);
}

static void a_hung_unit_gets_abort_and_a_successor(void **state)
{
    struct fixture *f = *state;
    add(f, "hang", RESTART_POLICY_OWN);
    run(f, 8000, &f->deaths, 1);
    assert_int_equal(f->last.cause, CAUSE_HUNG);
    assert_int_equal(WTERMSIG(f->last.status), SIGABRT);
    assert_non_null(strstr(f->last.reason, "hung"));
    assert_true(view(f).pid > 0);
}

static void a_stopped_process_is_killed(void **state)
{
    struct fixture *f = *state;
    add(f, "good", RESTART_POLICY_OWN);
    wait_state(f, UNIT_RUNNING, 5000);
    kill(view(f).pid, SIGSTOP);
    run(f, 8000, &f->deaths, 1);
    assert_int_equal(f->last.cause, CAUSE_HUNG);
    assert_int_equal(WTERMSIG(f->last.status), SIGKILL);
}

static void a_growing_unit_is_replaced(void **state)
{
    struct fixture *f = *state;
    add(f, "grow", RESTART_POLICY_OWN);
    run(f, 8000, &f->deaths, 1);
    assert_int_equal(f->last.cause, CAUSE_MEMORY);
    assert_non_null(strstr(f->last.reason, "memory limit"));
}

static void stopping(void **state)
{
    struct fixture *f = *state;
    add(f, "good", RESTART_POLICY_OWN);
    wait_state(f, UNIT_RUNNING, 5000);
    supervisor_stop(f->s, "unit", now_ms());
    wait_state(f, UNIT_STOPPED, 2000);
    assert_int_equal(f->last.cause, CAUSE_ASKED);
    assert_int_equal(WTERMSIG(f->last.status), SIGTERM);
    run(f, 50, NULL, 0);
    assert_int_equal(view(f).pid, 0);
    supervisor_start(f->s, "unit", now_ms());
    wait_state(f, UNIT_RUNNING, 5000);
    assert_int_equal(view(f).record->restarts, 0);
    supervisor_stop(f->s, "unit", now_ms());
    supervisor_start(f->s, "unit", now_ms()); /* while it ends */
    wait_state(f, UNIT_RUNNING, 5000);
    assert_int_equal(f->deaths, 2);
}

static void a_deaf_unit_is_killed_in_the_end(void **state)
{
    struct fixture *f = *state;
    add(f, "deaf", RESTART_POLICY_OWN);
    wait_state(f, UNIT_RUNNING, 5000);
    supervisor_stop(f->s, "unit", now_ms());
    run(f, 5000, &f->deaths, 1);
    assert_int_equal(WTERMSIG(f->last.status), SIGKILL);
    assert_string_equal(unit_state_name(view(f).state), "stopped");
}

static void a_missing_program_is_tried_again(void **state)
{
    struct fixture *f = *state;
    struct restart_policy p = {.delay_ms = 10, .factor = 1, .cap_ms = 10};
    add(f, "missing", p);
    run(f, 5000, &f->errors, 5);
    assert_int_equal(f->deaths, 0);
}

/* A grandchild that its parent left is no child of ours, unless we take orphans. */
static pid_t start_stranger(void)
{
    int pipefd[2];
    pid_t stranger = 0;
    assert_int_equal(pipe(pipefd), 0);
    pid_t parent = fork();
    if (parent == 0) {
        pid_t pid = fork();
        if (pid == 0)
            for (;;)
                pause();
        _exit(write(pipefd[1], &pid, sizeof(pid)) != sizeof(pid));
    }
    assert_int_equal(waitpid(parent, NULL, 0), parent);
    assert_int_equal(read(pipefd[0], &stranger, sizeof(stranger)), sizeof(stranger));
    close(pipefd[0]);
    close(pipefd[1]);
    return stranger;
}

static void a_stranger_is_watched(void **state)
{
    struct fixture *f = *state;
    struct reaped dead;
    pid_t pid = start_stranger();
    enum reap_watch watch = reaper_add(f->reaper, pid);
    kill(pid, SIGKILL);
    if (watch != REAP_FOREIGN)
        skip(); /* no pidfds here; or the test's own parent is a subreaper: then none of ours either */
    struct pollfd p = {.fd = reaper_fd(f->reaper), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 5000), 1);
    assert_true(reaper_next(f->reaper, &dead));
    assert_int_equal(dead.pid, pid);
    assert_int_equal(dead.status, REAP_STATUS_UNKNOWN);
    assert_false(reaper_next(f->reaper, &dead));
}

static struct unit_record *kept_record(void *arg, const char *name)
{
    return ((struct fixture *)arg)->record;
}

/* As after an upgrade: another supervisor, the same record. */
static void a_successor_takes_over(void **state)
{
    struct fixture *f = *state;
    struct unit_record record = {0};
    f->record = &record;
    struct supervisor_config c = {.reaper = f->reaper,
                                  .arg = f,
                                  .on_death = on_death,
                                  .record = kept_record,
                                  .turned_ms = turned_ms};
    supervisor_free(&f->s);
    f->s = supervisor_new(&c);
    add(f, "good", RESTART_POLICY_OWN);
    wait_state(f, UNIT_RUNNING, 5000);
    pid_t pid = view(f).pid;
    supervisor_free(&f->s);
    f->s = supervisor_new(&c);
    add(f, "good", RESTART_POLICY_OWN);
    wait_state(f, UNIT_RUNNING, 5000);
    assert_int_equal(view(f).pid, pid);
    kill(pid, SIGKILL);
    run(f, 5000, &f->deaths, 1);
    assert_int_equal(f->last.pid, pid);
    assert_int_equal(f->last.status, SIGKILL); /* still our child */
    wait_state(f, UNIT_RUNNING, 5000);
    assert_int_equal(view(f).record->restarts, 1);
    supervisor_remove(f->s, "unit", now_ms());
    for (int i = 0; i < 500 && supervisor_alive(f->s) > 0; i++)
        run(f, 10, NULL, 0);
    f->record = NULL;
}

static void what_a_shell_left_ends_with_it(void **state)
{
    struct fixture *f = *state;
    const char *argv[] = {"sh", "-c", "sleep 1000 & echo $! >$0; wait", f->file, NULL};
    const char *env[] = {"BELFRY_UNIT=unit", "PATH=/usr/bin:/bin", NULL};
    struct unit_spec spec = {
        .name = "unit",
        .spawn = {.path = "/bin/sh", .argv = argv, .env = env, .group = SPAWN_NEW_SESSION},
        .autostart = true,
        .policy = {.factor = 1},
        .tree = true,
        .stop_timeout_ms = 2000};
    reaper_take_orphans(f->reaper);
    supervisor_add(f->s, &spec, now_ms());
    wait_state(f, UNIT_RUNNING, 5000);
    long sleeper = 0;
    for (int i = 0; i < 500 && sleeper == 0; i++) {
        run(f, 10, NULL, 0);
        FILE *file = fopen(f->file, "r");
        if (file && fscanf(file, "%ld", &sleeper) != 1)
            sleeper = 0;
        if (file)
            fclose(file);
    }
    assert_true(sleeper > 0);
    kill(view(f).pid, SIGKILL);
    run(f, 5000, &f->deaths, 1);
    wait_state(f, UNIT_RUNNING, 5000);
    assert_int_equal(kill((pid_t)sleeper, 0), -1); /* ended and reaped */
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--unit") == 0)
        return unit_main(argv[2], argv[3]);
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_killed_unit_is_replaced_at_once),
        T(a_crashing_unit_waits_longer_and_is_given_up),
        T(a_hung_unit_gets_abort_and_a_successor),
        T(a_stopped_process_is_killed),
        T(a_growing_unit_is_replaced),
        T(stopping),
        T(a_deaf_unit_is_killed_in_the_end),
        T(a_missing_program_is_tried_again),
        T(a_stranger_is_watched),
        T(a_successor_takes_over),
        T(what_a_shell_left_ends_with_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
