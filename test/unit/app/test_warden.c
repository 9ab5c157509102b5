/* The warden with children that only pretend: this program is also the core and the watchers (`--role=…`). The
 * pretended core wants as many watchers as the first number of its configuration file says; SIGUSR2 makes it hang,
 * and the files crash-NAME, grow-NAME beside the configuration make a child do that at its start (once). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/daemon.h"
#include "app/roles.h"
#include "app/warden.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "config/node.h"
#include "../../helpers/forbid.h"
#include "proc/procid.h"

/* --- the pretended children ----------------------------------------------------------------- */

static volatile sig_atomic_t told_stop, told_hang, told_reload;

static void on_signal(int signo)
{
    if (signo == SIGTERM)
        told_stop = 1;
    else if (signo == SIGUSR2)
        told_hang = 1;
    else
        told_reload = 1;
}

__attribute__((noinline)) static void pretend_to_hang(void)
{
    for (;;)
        usleep(1000);
}

/* Consumes FILE beside the configuration: true once. */
static bool asked(const char *config, const char *what, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s-%s-%s", config, what, name);
    return unlink(path) == 0;
}

static void ask_for_watchers(const char *config, const char *run)
{
    cleanup(buf_done) struct buf text = BUF_INIT(4096), units = BUF_INIT(4096);
    char path[512];
    fs_read(config, &text, NULL);
    for (int i = 0; i < (int)strtol(text.data, NULL, 10); i++)
        buf_printf(&units, "g.%d\tg/%d\n", i, i);
    snprintf(path, sizeof(path), "%s/units", run);
    fs_write_atomic(path, units.data ? units.data : "", units.len, 0600, false, NULL);
    kill(getppid(), SIGUSR1);
}

static void note_end(const char *run, const char *name)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/../ends", run);
    FILE *f = fopen(path, "ae");
    fprintf(f, "%s\n", name);
    fclose(f);
}

static int child_main(const char *key, const char *config)
{
    char run[400], path[512], crash[512];
    snprintf(run, sizeof(run), "%.*s/data/run", (int)(strrchr(config, '/') - config), config);
    snprintf(path, sizeof(path), "%s/beat/%s", run, key);
    snprintf(crash, sizeof(crash), "%s/../crash", run);
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGTERM, &sa, NULL);
    sigaction(SIGUSR2, &sa, NULL);
    sigaction(SIGHUP, &sa, NULL);
    if (asked(config, "refuse", key))
        return EXIT_CONFIG;
    crash_install(crash, NULL);
    struct beat_page *b = beat_map(path, NULL);
    beat_reset(b);
    if (streq(key, "core"))
        ask_for_watchers(config, run);
    must(!asked(config, "crash", key));
    bool grow = asked(config, "grow", key);
    while (!told_stop) {
        b->turned_ns = clock_mono_ns();
        if (told_hang)
            pretend_to_hang();
        if (told_reload)
            ask_for_watchers(config, run);
        told_reload = 0;
        if (grow) {
            char *p = malloc(8 << 20);
            memset(p, 1, 8 << 20);
            __asm__ volatile("" ::"r"(p) : "memory"); /* or clang leaves both out */
        }
        usleep(10000);
    }
    usleep(streq(key, "core") ? 1000
                              : 50000); /* watchers take their time; the core must still be there */
    note_end(run, key);
    /* LeakSanitizer would stop us by ptrace first, and a warden's SIGCONT for leftovers would undo that: it waits for ever. */
    _exit(0);
}

/* --- the harness ---------------------------------------------------------------------------- */

struct fixture {
    char dir[40], config[64], data[64], log[64];
    pid_t warden;
    const char *user;
    bool old_kernel;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "%s", "/tmp/belfry-warden-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    chmod(f->dir, 0777);
    snprintf(f->config, sizeof(f->config), "%s/belfry.yaml", f->dir);
    snprintf(f->data, sizeof(f->data), "%s/data", f->dir);
    snprintf(f->log, sizeof(f->log), "%s/logs", f->dir);
    fs_write_atomic(f->config, "3", 1, 0644, false, NULL);
    *state = f;
    return 0;
}

static void start_warden(struct fixture *f)
{
    f->warden = fork();
    if (f->warden != 0)
        return;
    if (f->old_kernel && forbid_syscalls() < 0)
        exit(77);
    struct warden_config c = {.version = "0.1.0",
                              .data_dir = f->data,
                              .log_dir = f->log,
                              .config_path = f->config,
                              .exe = "/proc/self/exe",
                              .user = f->user,
                              .policy = RESTART_POLICY_OWN,
                              .core = {.hang_ms = 1000},
                              .watcher = {.hang_ms = 1000, .memory = 64 << 20},
                              .stop_timeout_ms = 3000,
                              .log_level = LOG_DEBUG};
    c.policy.delay_ms = 50;
    int rc = role_warden(&c);
    if (f->user)
        _exit(rc); /* LeakSanitizer cannot look into a process that changed its user */
    exit(rc);
}

static int end_warden(struct fixture *f, int signo)
{
    int status = -1;
    kill(f->warden, signo);
    waitpid(f->warden, &status, 0);
    f->warden = 0;
    return status;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    char line[128];
    if (f->warden > 0)
        end_warden(f, SIGTERM);
    snprintf(line, sizeof(line), "rm -rf %s", f->dir);
    int rc = system(line);
    free(f);
    return rc;
}

struct seen {
    char state[16];
    int pid, restarts;
};

static int int_of(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_INT ? (int)n->num : -1;
}

/* What warden.json says of a child; false when it is not in it. */
static bool look(struct fixture *f, const char *key, struct seen *out)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/run/warden.json", f->data);
    cleanup(buf_done) struct buf text = BUF_INIT(1 << 20);
    cleanup(arena_freep) struct arena *a = arena_new();
    if (fs_read(path, &text, NULL) < 0)
        return false;
    const struct node *list = node_get(node_from_json(a, text.data, text.len, NULL), "children");
    for (const struct node *c = list ? list->first : NULL; c; c = c->next) {
        if (!str_eqz(node_get(c, "key")->text, key))
            continue;
        struct str s = node_get(c, "state")->text;
        snprintf(out->state, sizeof(out->state), "%.*s", (int)s.n, s.p);
        out->pid = int_of(c, "pid");
        out->restarts = int_of(c, "restarts");
        return true;
    }
    return false;
}

/* Waits until the child runs in a process other than `not`. */
static struct seen running(struct fixture *f, const char *key, int not )
{
    struct seen s = {0};
    for (int i = 0; i < 1500; i++) {
        if (look(f, key, &s) && strcmp(s.state, "running") == 0 && s.pid != not )
            return s;
        usleep(5000);
    }
    fail_msg("%s does not run: %s", key, s.state);
    return s;
}

static void gone(struct fixture *f, const char *key)
{
    struct seen s;
    for (int i = 0; i < 1000 && look(f, key, &s); i++)
        usleep(5000);
    assert_false(look(f, key, &s));
}

/* The text of the newest crash report whose name contains `part`; NULL after some seconds without. */
static char *report(struct fixture *f, const char *part)
{
    char dir[96], path[400] = "";
    snprintf(dir, sizeof(dir), "%s/crash", f->data);
    for (int i = 0; i < 1000 && !path[0]; i++) {
        DIR *d = opendir(dir);
        for (struct dirent *e; d && (e = readdir(d));)
            if (strstr(e->d_name, part) && strstr(e->d_name, ".json") && !strstr(e->d_name, ".tmp"))
                snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
        if (d)
            closedir(d);
        usleep(5000);
    }
    struct buf text = BUF_INIT(1 << 20);
    return path[0] && fs_read(path, &text, NULL) == 0 ? buf_take(&text, NULL) : NULL;
}

static void touch(struct fixture *f, const char *what, const char *name)
{
    char path[200];
    snprintf(path, sizeof(path), "%s-%s-%s", f->config, what, name);
    assert_int_equal(fs_write_atomic(path, "", 0, 0644, false, NULL), 0);
    chmod(path, 0666);
}

/* --- tests ---------------------------------------------------------------------------------- */

static void killed_children_are_replaced(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    struct seen core = running(f, "core", 0), w = running(f, "g.1", 0),
                other = running(f, "g.2", 0);
    assert_int_equal(daemon_pid(f->data), f->warden);
    kill(w.pid, SIGKILL);
    struct seen again = running(f, "g.1", w.pid);
    assert_int_equal(again.restarts, 1);
    kill(core.pid, SIGKILL);
    assert_int_equal(running(f, "core", core.pid).restarts, 1);
    assert_int_equal(running(f, "g.2", 0).pid, other.pid); /* watchers go on without the core */
    assert_int_equal(running(f, "g.1", 0).pid, again.pid);
    char *text = report(f, "-g-1-");
    assert_non_null(text);
    assert_non_null(strstr(text, "\"process_name\":\"belfry: watcher g/1\""));
    assert_non_null(strstr(text, "SIGKILL"));
    free(text);
    assert_int_equal(end_warden(f, SIGTERM), 0);
    assert_int_equal(daemon_pid(f->data), 0);
}

static void a_broken_invariant_is_reported(void **state)
{
    struct fixture *f = *state;
    touch(f, "crash", "g.0");
    start_warden(f);
    assert_int_equal(running(f, "g.0", 0).restarts, 1);
    char *text = report(f, "-g-0-");
    assert_non_null(text);
    assert_non_null(strstr(text, "must(!asked(config"));
    assert_non_null(strstr(text, "child_main+0x"));
    free(text);
}

static void a_hung_core_is_replaced(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    struct seen core = running(f, "core", 0);
    kill(core.pid, SIGUSR2);
    running(f, "core", core.pid);
    char *text = report(f, "-core-");
    assert_non_null(text);
    assert_non_null(strstr(text, "hung: its loop had not turned"));
    assert_non_null(strstr(text, "pretend_to_hang"));
    free(text);
}

static void a_growing_watcher_is_replaced(void **state)
{
    struct fixture *f = *state;
    touch(f, "grow", "g.2");
    start_warden(f);
    running(f, "g.0", 0);
    char *text = report(f, "-g-2-");
    assert_non_null(text);
    assert_non_null(strstr(text, "over its memory limit"));
    free(text);
    assert_int_equal(running(f, "g.2", 0).restarts, 1);
}

static void the_core_changes_its_wishes(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    running(f, "g.2", 0);
    struct seen first = running(f, "g.0", 0);
    fs_write_atomic(f->config, "1", 1, 0644, false, NULL);
    kill(f->warden, SIGHUP); /* goes on to the core */
    gone(f, "g.2");
    gone(f, "g.1");
    fs_write_atomic(f->config, "4", 1, 0644, false, NULL);
    kill(f->warden, SIGHUP);
    running(f, "g.3", 0);
    assert_int_equal(running(f, "g.0", 0).pid, first.pid);
}

static void a_storm_of_wishes(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    running(f, "g.2", 0);
    for (int i = 0; i < 40; i++) {
        fs_write_atomic(f->config, i % 2 ? "3" : "1", 1, 0644, false, NULL);
        kill(f->warden, SIGHUP);
        usleep(15000);
    }
    fs_write_atomic(f->config, "3", 1, 0644, false, NULL);
    kill(f->warden, SIGHUP);
    usleep(300000);
    for (int i = 0; i < 3; i++)
        running(f, (const char *[]){"g.0", "g.1", "g.2"}[i], 0);
}

static void a_second_one_is_refused(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    running(f, "core", 0);
    pid_t first = f->warden;
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    int saved = dup(2);
    dup2(fds[1], 2);
    start_warden(f);
    dup2(saved, 2);
    close(saved);
    close(fds[1]);
    int status;
    waitpid(f->warden, &status, 0);
    char said[256] = "", pid[32];
    assert_true(read(fds[0], said, sizeof(said) - 1) > 0);
    close(fds[0]);
    f->warden = first;
    snprintf(pid, sizeof(pid), "process %d", (int)first);
    assert_non_null(strstr(said, "already running"));
    assert_non_null(strstr(said, pid));
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void the_core_ends_last(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    running(f, "g.0", 0);
    running(f, "g.1", 0);
    running(f, "g.2", 0);
    assert_int_equal(end_warden(f, SIGINT), 0);
    char path[128];
    snprintf(path, sizeof(path), "%s/ends", f->data);
    cleanup(buf_done) struct buf text = BUF_INIT(4096);
    assert_int_equal(fs_read(path, &text, NULL), 0);
    assert_int_equal(text.len, strlen("g.0\ng.1\ng.2\ncore\n"));
    assert_string_equal(text.data + text.len - 5, "core\n");
}

static void a_killed_warden_takes_all_with_it(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    int pids[] = {running(f, "core", 0).pid, running(f, "g.0", 0).pid, running(f, "g.1", 0).pid};
    kill(pids[2], SIGSTOP); /* one that cannot obey SIGTERM: the successor must kill it */
    end_warden(f, SIGKILL);
    start_warden(f);
    running(f, "core", pids[0]);
    running(f, "g.1", pids[2]);
    for (int i = 0; i < 3; i++)
        assert_int_equal(process_start_time(pids[i]),
                         0); /* or a zombie of someone who does not reap */
}

/* It is stopped, and its warden dead: nobody else would wake it so that it can obey. */
static void a_stopped_leftover_obeys(void **state)
{
    struct fixture *f = *state;
    char path[128], line[64];
    int status;
    pid_t left = fork();
    if (left == 0) {
        for (;;)
            pause();
    }
    kill(left, SIGSTOP);
    assert_int_equal(waitpid(left, &status, WUNTRACED), left);
    assert_true(WIFSTOPPED(status));
    snprintf(path, sizeof(path), "%s/run", f->data);
    assert_int_equal(fs_mkdirs(path, 0700, NULL), 0);
    snprintf(path, sizeof(path), "%s/run/children", f->data);
    int n = snprintf(line, sizeof(line), "%d %llu\n", (int)left,
                     (unsigned long long)process_start_time(left));
    assert_int_equal(fs_write_atomic(path, line, (size_t)n, 0600, false, NULL), 0);
    start_warden(f);
    assert_int_equal(waitpid(left, &status, 0), left);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGTERM);
    running(f, "core", 0);
}

static void a_refused_configuration_ends_it(void **state)
{
    struct fixture *f = *state;
    touch(f, "refuse", "core");
    start_warden(f);
    int status;
    waitpid(f->warden, &status, 0);
    f->warden = 0;
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), EXIT_CONFIG);
}

static void root_becomes_the_user(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    f->user = "nobody";
    start_warden(f);
    struct seen w = running(f, "g.0", 0), core = running(f, "core", 0);
    char line[400];
    snprintf(
        line, sizeof(line),
        "test $(stat -c %%U /proc/%d) = nobody && test $(stat -c %%U %s/run/warden.json) = nobody && "
        "grep -q 'CapEff:.*2000' /proc/%d/status && grep -q 'CapEff:.*0000$' /proc/%d/status && "
        "grep -q 'CapPrm:.*0000$' /proc/%d/status",
        w.pid, f->data, w.pid, core.pid, core.pid);
    assert_int_equal(system(line), 0);
    kill(w.pid, SIGKILL);
    running(f, "g.0", w.pid);
    free(report(f, "-g-0-"));
    assert_int_equal(end_warden(f, SIGTERM), 0);
}

static void on_an_old_kernel(void **state)
{
    struct fixture *f = *state;
    f->old_kernel = true;
    start_warden(f);
    struct seen w = running(f, "g.1", 0);
    kill(w.pid, SIGKILL);
    running(f, "g.1", w.pid);
    free(report(f, "-g-1-"));
    char path[128];
    snprintf(path, sizeof(path), "%s/watchdog/watchdog.log", f->log);
    cleanup(buf_done) struct buf text = BUF_INIT(1 << 20);
    assert_int_equal(fs_read(path, &text, NULL), 0);
    assert_non_null(strstr(text.data, "deaths_by=SIGCHLD"));
    assert_int_equal(end_warden(f, SIGTERM), 0);
}

int main(int argc, char **argv)
{
    if (argc > 3 && strcmp(argv[1], "--role=core") == 0)
        return child_main("core", argv[3]);
    if (argc > 7 && strcmp(argv[1], "--role=watcher") == 0)
        return child_main(argv[3], argv[7]);
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(killed_children_are_replaced),
        T(a_broken_invariant_is_reported),
        T(a_hung_core_is_replaced),
        T(a_growing_watcher_is_replaced),
        T(the_core_changes_its_wishes),
        T(a_storm_of_wishes),
        T(a_second_one_is_refused),
        T(the_core_ends_last),
        T(a_killed_warden_takes_all_with_it),
        T(a_stopped_leftover_obeys),
        T(a_refused_configuration_ends_it),
        T(root_becomes_the_user),
        T(on_an_old_kernel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
