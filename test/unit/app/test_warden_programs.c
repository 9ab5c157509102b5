/* The warden and users' programs. This program is also the core and the output process, which only beat; the test itself
 * is what the core would be: it writes data/run/programs and talks to data/run/warden.sock. */
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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/roles.h"
#include "app/warden.h"
#include "app/warden_programs.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "ipc/command.h"
#include "ipc/ring.h"
#include "ipc/table.h"
#include "model/process.h"
#include "proc/procid.h"

/* --- the pretended children ----------------------------------------------------------------- */

static volatile sig_atomic_t told_stop;

static void on_signal(int signo)
{
    (void)signo;
    told_stop = 1;
}

static int child_main(const char *key, const char *beat_path)
{
    (void)key;
    struct sigaction sa = {.sa_handler = on_signal};
    sigaction(SIGTERM, &sa, NULL);
    signal(SIGUSR1, SIG_IGN);
    struct beat_page *b = beat_map(beat_path, NULL);
    beat_reset(b);
    while (!told_stop) {
        b->turned_ns = clock_mono_ns();
        usleep(10000);
    }
    return 0;
}

/* --- the harness ---------------------------------------------------------------------------- */

struct fixture {
    char dir[48], config[80], data[80], run[96], log[80], program[96];
    const char *users[4];
    const char *user;
    pid_t warden;
    int core; /* connection to the warden */
    uint64_t id;
    struct table *table;
    struct ring *events;
};

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    char self[400];
    snprintf(f->dir, sizeof(f->dir), "%s", "/tmp/belfry-programs-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    chmod(f->dir, 0777);
    snprintf(f->config, sizeof(f->config), "%s/belfry.yaml", f->dir);
    snprintf(f->data, sizeof(f->data), "%s/data", f->dir);
    snprintf(f->run, sizeof(f->run), "%s/run", f->data);
    snprintf(f->log, sizeof(f->log), "%s/logs", f->dir);
    snprintf(f->program, sizeof(f->program), "%s/belfry", f->dir);
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);
    self[n] = '\0';
    if (symlink(self, f->program) < 0)
        return -1;
    fs_write_atomic(f->config, "good", 4, 0644, false, NULL);
    f->core = -1;
    prctl(PR_SET_CHILD_SUBREAPER, 1); /* what a killed warden leaves is ours to end */
    *state = f;
    return 0;
}

static struct warden_config config_of(const struct fixture *f)
{
    return (struct warden_config){.version = "0.1.0",
                                  .data_dir = f->data,
                                  .log_dir = f->log,
                                  .config_path = f->config,
                                  .exe = "/proc/self/exe",
                                  .program_path = f->program,
                                  .user = f->user,
                                  .policy = RESTART_POLICY_OWN,
                                  .core = {.hang_ms = 5000},
                                  .watcher = {.hang_ms = 5000},
                                  .stop_timeout_ms = 3000,
                                  .log_level = LOG_DEBUG,
                                  .program_users = f->users};
}

static void connect_core(struct fixture *f)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/warden.sock", f->run);
    for (int i = 0; i < 1000 && (f->core = command_connect(path, NULL)) < 0; i++)
        usleep(10000);
    assert_true(f->core >= 0);
}

static void disconnect_core(struct fixture *f)
{
    fd_closep(&f->core);
    f->core = -1;
}

static void start_warden(struct fixture *f)
{
    f->warden = fork();
    if (f->warden != 0) {
        connect_core(f);
        return;
    }
    struct warden_config c = config_of(f);
    int rc = role_warden(&c);
    if (f->user)
        _exit(rc);
    exit(rc);
}

static int end_warden(struct fixture *f, int signo)
{
    int status = -1;
    disconnect_core(f);
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
    table_close(&f->table);
    ring_close(&f->events);
    snprintf(line, sizeof(line), "rm -rf %s", f->dir);
    int rc = system(line);
    free(f);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return rc;
}

/* --- what the core does --------------------------------------------------------------------- */

static struct command ask(struct fixture *f, enum command_type type, const char *unit, int number)
{
    struct command c = {.version = COMMAND_VERSION, .type = type, .id = ++f->id, .number = number},
                   got;
    snprintf(c.unit, sizeof(c.unit), "%s", unit);
    assert_true(command_send(f->core, &c));
    for (;;) {
        struct pollfd p = {.fd = f->core, .events = POLLIN};
        if (poll(&p, 1, 20000) != 1)
            fail_msg("no answer to command %d", type);
        int rc = command_receive(f->core, &got);
        assert_true(rc >= 0);
        if (rc == 1 && got.type == COMMAND_ANSWER && got.id == c.id)
            return got;
    }
}

static void add_units(struct buf *out, const char *docs, uint64_t generation)
{
    static const struct process_section section = {.monitor = {.enable = true,
                                                               .check_interval_ms = 1000,
                                                               .max_restarts = 1000,
                                                               .health_timeout_ms = 1000,
                                                               .health_failures = 3}};
    cleanup(arena_freep) struct arena *a = arena_new();
    vec_of(struct process_unit) units = {0};
    struct problems p;
    problems_init(&p, a);
    char *text = arena_printf(a, "[%s]", docs);
    const struct node *list = node_from_json(a, text, strlen(text), NULL);
    assert_non_null(list);
    for (const struct node *doc = list->first; doc; doc = doc->next) {
        uint32_t n = 0;
        const struct process_unit *u = process_resolve(&section, doc, a, &p, "", &n);
        if (!u)
            problems_print(&p);
        assert_non_null(u);
        for (uint32_t i = 0; i < n; i++)
            vec_push(&units, u[i]);
    }
    process_write(units.at, (uint32_t)units.n, generation, out);
    vec_done(&units);
    problems_done(&p);
}

/* Units in JSON, without the brackets. */
static struct command load(struct fixture *f, const char *docs)
{
    cleanup(buf_done) struct buf text = BUF_INIT(16 << 20);
    char path[128];
    snprintf(path, sizeof(path), "%s/programs", f->run);
    add_units(&text, docs, ++f->id);
    fs_write_atomic(path, text.data, text.len, 0644, false, NULL);
    return ask(f, COMMAND_LOAD, "", 0);
}

#define UNIT(id, more) "{\"id\":\"" id "\"," more "}"
#define SLEEP(id)      UNIT(id, "\"command\":[\"sleep\",\"1000\"],\"start_seconds\":0")

static void loaded(struct fixture *f, const char *units)
{
    struct command answer = load(f, units);
    if (answer.code != 0)
        fail_msg("%s", answer.text);
    assert_string_equal(answer.text, "");
}

static bool record_of(struct fixture *f, const char *id, struct unit_record *r)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/table", f->run);
    if (!f->table)
        f->table = table_open(path, PROCESS_TABLE_VERSION, sizeof(*r), NULL);
    return f->table && table_read(f->table, id, r);
}

/* Waits until the unit is in the state, in a process other than `not` when it has one. */
static struct unit_record in_state(struct fixture *f, const char *id, enum unit_state state,
                                   int not )
{
    struct unit_record r = {0};
    for (int i = 0; i < 2000; i++) {
        if (record_of(f, id, &r) && r.state == state &&
            (r.spawned.pid == 0 || r.spawned.pid != not ))
            return r;
        usleep(10000);
    }
    fail_msg("%s is %s", id, unit_state_name((enum unit_state)r.state));
    return r;
}

static void gone(struct fixture *f, const char *id)
{
    struct unit_record r;
    for (int i = 0; i < 2000 && record_of(f, id, &r); i++)
        usleep(10000);
    assert_false(record_of(f, id, &r));
}

static void open_events(struct fixture *f)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/events", f->run);
    f->events = ring_open(path, 4 << 20, NULL);
    assert_non_null(f->events);
}

static bool next_event(struct fixture *f, struct process_event *e)
{
    const void *p;
    size_t n;
    uint64_t seq;
    struct err err = {0};
    int rc = ring_next(f->events, &p, &n, &seq, &err);
    assert_true(rc >= 0);
    if (rc == 0)
        return false;
    if (process_event_decode(p, n, e, &err) < 0)
        fail_msg("%s", err.msg);
    return true;
}

/* --- the tests ------------------------------------------------------------------------------ */

static void programs_run_die_and_are_replaced(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    loaded(f, SLEEP("a") "," SLEEP("b"));
    struct unit_record a = in_state(f, "a", UNIT_RUNNING, 0);
    in_state(f, "b", UNIT_RUNNING, 0);
    kill(a.spawned.pid, SIGKILL);
    struct unit_record next = in_state(f, "a", UNIT_RUNNING, a.spawned.pid);
    assert_int_equal(next.restarts, 1);
    assert_int_equal(next.last.pid, a.spawned.pid);
    assert_true(WIFSIGNALED(next.last.status));
    kill(next.spawned.pid, 0);
}

static void the_list_is_made_so(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    loaded(f, SLEEP("a") "," SLEEP("b"));
    int a = in_state(f, "a", UNIT_RUNNING, 0).spawned.pid;
    in_state(f, "b", UNIT_RUNNING, 0);
    loaded(f, SLEEP("a") "," SLEEP("c"));
    gone(f, "b");
    in_state(f, "c", UNIT_RUNNING, 0);
    assert_int_equal(in_state(f, "a", UNIT_RUNNING, 0).spawned.pid, a);
    /* What a running program need not know does not restart it; what it must know does. */
    loaded(f, UNIT("a",
                   "\"command\":[\"sleep\",\"1000\"],\"start_seconds\":0,\"stop_timeout\":\"3s\""));
    ask(f, COMMAND_SIGNAL, "a", SIGCONT);
    assert_int_equal(in_state(f, "a", UNIT_RUNNING, 0).spawned.pid, a);
    loaded(f, UNIT("a", "\"command\":[\"sleep\",\"1001\"],\"start_seconds\":0"));
    assert_int_not_equal(in_state(f, "a", UNIT_RUNNING, a).spawned.pid, a);
    loaded(f, "");
    gone(f, "a");
}

static void commands_do_what_they_say(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    loaded(f, SLEEP("a"));
    int pid = in_state(f, "a", UNIT_RUNNING, 0).spawned.pid;
    assert_int_equal(ask(f, COMMAND_STOP, "nobody", 0).code, ERR_NOT_FOUND);
    assert_int_equal(ask(f, COMMAND_SIGNAL, "a", 99).code, ERR_INVALID);
    assert_int_equal(ask(f, COMMAND_RESTART, "a", 0).code, 0);
    pid = in_state(f, "a", UNIT_RUNNING, pid).spawned.pid;
    assert_int_equal(ask(f, COMMAND_STOP, "a", 0).code, 0);
    in_state(f, "a", UNIT_STOPPED, 0);
    assert_false(process_is(pid, process_start_time(pid)) && kill(pid, 0) == 0);
    assert_int_equal(ask(f, COMMAND_START, "a", 0).code, 0);
    pid = in_state(f, "a", UNIT_RUNNING, 0).spawned.pid;
    assert_int_equal(ask(f, COMMAND_MONITOR_OFF, "a", 0).code, 0);
    kill(pid, SIGKILL);
    in_state(f, "a", UNIT_CRASHED, 0);
    assert_int_equal(ask(f, COMMAND_MONITOR_ON, "a", 0).code, 0);
    pid = in_state(f, "a", UNIT_RUNNING, pid).spawned.pid;
    assert_int_equal(ask(f, COMMAND_SIGNAL, "a", SIGKILL).code, 0);
    pid = in_state(f, "a", UNIT_RUNNING, pid).spawned.pid;
    assert_int_equal(ask(f, COMMAND_FAIL, "a", CAUSE_HEALTH).code, 0);
    in_state(f, "a", UNIT_RUNNING, pid);
}

static void events_tell_all(void **state)
{
    struct fixture *f = *state;
    struct process_event e;
    bool seen_death = false, seen_start = false;
    start_warden(f);
    open_events(f);
    loaded(f, SLEEP("a"));
    int pid = in_state(f, "a", UNIT_RUNNING, 0).spawned.pid;
    kill(pid, SIGKILL);
    in_state(f, "a", UNIT_RUNNING, pid);
    while (next_event(f, &e)) {
        assert_string_equal(e.unit, "a");
        seen_start |= e.kind == PROCESS_STATE && e.to == UNIT_STARTING && e.pid == pid;
        if (e.kind != PROCESS_DEATH)
            continue;
        seen_death = true;
        assert_int_equal(e.pid, pid);
        assert_true(WIFSIGNALED(e.status) && e.failure);
        assert_int_equal(e.cause, CAUSE_ITSELF);
    }
    assert_true(seen_death && seen_start);
    assert_false(ring_sleep(f->events));
    struct command got = {0};
    kill(in_state(f, "a", UNIT_RUNNING, 0).spawned.pid, SIGKILL);
    for (int i = 0; i < 1000 && got.type != COMMAND_WAKE; i++) {
        command_receive(f->core, &got);
        usleep(10000);
    }
    assert_int_equal(got.type, COMMAND_WAKE);
}

static void what_is_not_allowed_is_refused(void **state)
{
    struct fixture *f = *state;
    struct process_event e = {0};
    struct unit_record r;
    f->users[0] = "nobody";
    start_warden(f);
    open_events(f);
    struct command answer =
        load(f, SLEEP("a") "," UNIT("b", "\"command\":[\"sleep\",\"9\"],\"user\":\"daemon\""));
    assert_int_equal(answer.code, 0);
    assert_non_null(strstr(answer.text, "b: "));
    in_state(f, "a", UNIT_RUNNING, 0);
    assert_false(record_of(f, "b", &r));
    while (e.kind != PROCESS_REFUSED && next_event(f, &e))
        ;
    assert_int_equal(e.kind, PROCESS_REFUSED);
    assert_string_equal(e.unit, "b");
    assert_true(e.reason[0] != '\0');
    assert_int_equal(ask(f, COMMAND_START, "b", 0).code, ERR_DENIED);
    loaded(f, SLEEP("a"));
    assert_int_equal(ask(f, COMMAND_START, "b", 0).code, ERR_NOT_FOUND);
}

static uid_t uid_of(pid_t pid)
{
    char path[64];
    struct stat st;
    snprintf(path, sizeof(path), "/proc/%d", (int)pid);
    assert_int_equal(stat(path, &st), 0);
    return st.st_uid;
}

static void programs_run_as_their_users(void **state)
{
    struct fixture *f = *state;
    if (geteuid() != 0)
        skip();
    f->user = "daemon";
    f->users[0] = "nobody";
    start_warden(f);
    loaded(f,
           SLEEP("own") "," UNIT(
               "other", "\"command\":[\"sleep\",\"9\"],\"user\":\"nobody\",\"start_seconds\":0"));
    struct spawn_user own, other;
    spawn_user_find("daemon", &own, NULL);
    spawn_user_find("nobody", &other, NULL);
    assert_int_equal(uid_of(in_state(f, "own", UNIT_RUNNING, 0).spawned.pid), own.uid);
    assert_int_equal(uid_of(in_state(f, "other", UNIT_RUNNING, 0).spawned.pid), other.uid);
    /* Root is nobody whom the file named, and a user's group is not to be had either. */
    struct command answer =
        load(f, UNIT("root", "\"command\":[\"sleep\",\"9\"],\"user\":\"root\"") "," UNIT(
                    "group", "\"command\":[\"sleep\",\"9\"],\"group\":\"root\""));
    assert_non_null(strstr(answer.text, "root: "));
    assert_non_null(strstr(answer.text, "group: "));
}

static void a_killed_warden_leaves_programs_running(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    loaded(f, SLEEP("a") "," SLEEP("b"));
    struct unit_record a = in_state(f, "a", UNIT_RUNNING, 0), b = in_state(f, "b", UNIT_RUNNING, 0);
    end_warden(f, SIGKILL);
    kill(b.spawned.pid, SIGKILL); /* nobody is there to see it */
    assert_true(process_is(a.spawned.pid, a.spawned.start_time));
    start_warden(f); /* and no core says anything */
    in_state(f, "b", UNIT_RUNNING, b.spawned.pid);
    assert_int_equal(in_state(f, "a", UNIT_RUNNING, 0).spawned.pid, a.spawned.pid);
    kill(a.spawned.pid, SIGKILL);
    in_state(f, "a", UNIT_RUNNING, a.spawned.pid);
}

static void an_orderly_stop_leaves_nothing(void **state)
{
    struct fixture *f = *state;
    char path[128];
    start_warden(f);
    loaded(f, SLEEP("a"));
    struct unit_record a = in_state(f, "a", UNIT_RUNNING, 0);
    assert_int_equal(end_warden(f, SIGTERM), 0);
    assert_false(process_is(a.spawned.pid, a.spawned.start_time));
    snprintf(path, sizeof(path), "%s/programs", f->run);
    assert_false(fs_exists(path));
    snprintf(path, sizeof(path), "%s/table", f->run);
    assert_false(fs_exists(path));
}

/* --- upgrade -------------------------------------------------------------------------------- */

static void wait_upgraded(struct fixture *f)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/warden.json", f->run);
    for (int i = 0; i < 2000; i++) {
        cleanup(buf_done) struct buf text = BUF_INIT(1 << 20);
        if (fs_read(path, &text, NULL) == 0 && !strstr(text.data, "\"upgraded_at\":null") &&
            strstr(text.data, "\"version\":\"0.2.0\""))
            return;
        usleep(10000);
    }
    fail_msg("it was not upgraded");
}

static void an_upgrade_keeps_programs(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    loaded(f, SLEEP("a"));
    struct unit_record a = in_state(f, "a", UNIT_RUNNING, 0);
    assert_int_equal(ask(f, COMMAND_UPGRADE, "", 0).code, 0);
    wait_upgraded(f);
    disconnect_core(f);
    connect_core(f);
    loaded(f, SLEEP("a"));
    assert_int_equal(in_state(f, "a", UNIT_RUNNING, 0).spawned.pid, a.spawned.pid);
    kill(a.spawned.pid, SIGKILL);
    struct unit_record next = in_state(f, "a", UNIT_RUNNING, a.spawned.pid);
    assert_true(WIFSIGNALED(next.last.status)); /* still its parent: waitpid told */
    assert_int_equal(end_warden(f, SIGTERM), 0);
}

static void a_bad_upgrade_is_refused(void **state)
{
    struct fixture *f = *state;
    start_warden(f);
    loaded(f, SLEEP("a"));
    int pid = in_state(f, "a", UNIT_RUNNING, 0).spawned.pid;
    fs_write_atomic(f->config, "bad", 3, 0644, false, NULL);
    struct command answer = ask(f, COMMAND_UPGRADE, "", 0);
    assert_int_equal(answer.code, ERR_INVALID);
    assert_non_null(strstr(answer.text, "configuration"));
    unlink(f->program);
    assert_int_equal(ask(f, COMMAND_UPGRADE, "", 0).code, ERR_INVALID);
    assert_int_equal(in_state(f, "a", UNIT_RUNNING, 0).spawned.pid, pid);
}

/* --- as the other programs ------------------------------------------------------------------ */

static const char *after(int argc, char **argv, const char *name)
{
    for (int i = 1; i + 1 < argc; i++)
        if (strcmp(argv[i], name) == 0)
            return argv[i + 1];
    return NULL;
}

/* The configuration lies beside the data. */
static int as_child(const char *role, int argc, char **argv)
{
    char beat[512];
    const char *config = after(argc, argv, "-c"), *run = after(argc, argv, "--run-dir");
    if (run)
        snprintf(beat, sizeof(beat), "%s/beat/%s", run, role);
    else
        snprintf(beat, sizeof(beat), "%.*s/data/run/beat/%s", (int)(strrchr(config, '/') - config),
                 config, role);
    return child_main(role, beat);
}

static int as_upgraded(const char *config)
{
    struct fixture f = {0};
    int n = (int)(strrchr(config, '/') - config);
    snprintf(f.config, sizeof(f.config), "%s", config);
    snprintf(f.data, sizeof(f.data), "%.*s/data", n, config);
    snprintf(f.log, sizeof(f.log), "%.*s/logs", n, config);
    snprintf(f.program, sizeof(f.program), "%.*s/belfry", n, config);
    struct warden_config c = config_of(&f);
    c.version = "0.2.0";
    return role_warden(&c);
}

static int as_check(const char *config)
{
    cleanup(buf_done) struct buf text = BUF_INIT(4096);
    return fs_read(config, &text, NULL) == 0 && strcmp(text.data, "good") == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
    if (argc > 1 && strcmp(argv[1], "--role=warden") == 0)
        return as_upgraded(after(argc, argv, "-c"));
    if (argc > 1 && strncmp(argv[1], "--role=", 7) == 0)
        return as_child(argv[1] + 7, argc, argv);
    if (argc > 1 && strcmp(argv[1], "config") == 0)
        return as_check(after(argc, argv, "-c"));
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(programs_run_die_and_are_replaced),
        CASE(the_list_is_made_so),
        CASE(commands_do_what_they_say),
        CASE(events_tell_all),
        CASE(what_is_not_allowed_is_refused),
        CASE(programs_run_as_their_users),
        CASE(a_killed_warden_leaves_programs_running),
        CASE(an_orderly_stop_leaves_nothing),
        CASE(an_upgrade_keeps_programs),
        CASE(a_bad_upgrade_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
