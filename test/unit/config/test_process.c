/* Units: bound, inherited, checked, made for each replica; among each other; to data/run/programs and back. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/process_priv.h"

struct fixture {
    struct arena *arena;
    struct problems problems;
    struct process_section section;
    struct process_unit units[1200];
    uint32_t n;
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->arena = arena_new();
    problems_init(&f->problems, f->arena);
    assert_true(options_bind(process_section_options, NULL, &f->section, f->arena, &f->problems,
                             "processes"));
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    problems_done(&f->problems);
    arena_free(f->arena);
    free(f);
    return 0;
}

static const struct node *yaml(struct fixture *f, const char *text)
{
    struct err err = {0};
    const struct node *n = node_from_yaml(f->arena, text, strlen(text), "t.yaml", &err);
    if (n == NULL)
        fail_msg("%s: %s", text, err.msg);
    return n;
}

/* Adds its units to f->units; returns how many. */
static uint32_t add(struct fixture *f, const char *text)
{
    uint32_t n = 0;
    const struct process_unit *u =
        process_resolve(&f->section, yaml(f, text), f->arena, &f->problems, "", &n);
    if (u == NULL)
        return 0;
    assert_true(f->n + n <= array_len(f->units));
    memcpy(f->units + f->n, u, n * sizeof(*u));
    f->n += n;
    return n;
}

static const struct process_config *one(struct fixture *f, const char *text)
{
    uint32_t n = add(f, text);
    if (n != 1)
        fail_msg("%s: %s", text, f->problems.list.n > 0 ? f->problems.list.at[0].message : "?");
    return f->units[f->n - 1].config;
}

static const char *told(struct fixture *f)
{
    struct buf out = BUF_INIT(1 << 20);
    problems_text(&f->problems, &out);
    const char *text = arena_strdup(f->arena, out.data != NULL ? out.data : "");
    buf_done(&out);
    f->problems.list.n = 0;
    return text;
}

static void check_list(const struct str_list *list, const char *want)
{
    struct buf got = BUF_INIT(1 << 16);
    for (size_t i = 0; i < list->n; i++)
        buf_printf(&got, "%s%s", i > 0 ? "|" : "", list->at[i]);
    assert_string_equal(got.data != NULL ? got.data : "", want);
    buf_done(&got);
}

/* --- one unit ------------------------------------------------------------------------------------
 */

/* The unit of CONTRACT.md, and the defaults that the seed and docs/processes.md promise. */
static void test_contract(void **state)
{
    struct fixture *f = *state;
    const struct process_config *c = one(
        f,
        "{id: ss-001, type: shadowsocks, command: [/usr/bin/ss-server, -c, /etc/ss.json], user: nobody,"
        " environment: {}, autostart: true, stop_signal: TERM, stop_timeout: 10s,"
        " health: {url: \"tcp://127.0.0.1:8388\"}}");
    assert_string_equal(c->id, "ss-001");
    assert_string_equal(c->type, "shadowsocks");
    check_list(&c->command, "/usr/bin/ss-server|-c|/etc/ss.json");
    assert_string_equal(c->user, "nobody");
    assert_true(c->autostart && c->enabled && !c->shell && !c->allow_setuid);
    assert_int_equal(c->stop_timeout_ms, 10000);
    assert_int_equal(c->kind, PROCESS_DAEMON);
    assert_int_equal(c->restart, PROCESS_RESTART_ALWAYS);
    assert_int_equal(c->ready, PROCESS_READY_TIME);
    assert_int_equal(c->start_ms, 1000);
    assert_true(range_has(&c->success_statuses, 0) && !range_has(&c->success_statuses, 1));
    assert_false(c->monitor.enable);
    assert_int_equal(c->monitor.check_interval_ms, 30000);
    assert_int_equal(c->monitor.restart_cooldown_ms, 60000);
    assert_int_equal(c->monitor.max_restarts, 10);
    assert_int_equal(c->monitor.health_timeout_ms, 5000);
    assert_int_equal(c->monitor.health_failures, 3);
    assert_true(c->priority.nice == PROCESS_AS_BELFRY &&
                c->priority.oom_score == PROCESS_AS_BELFRY);
    assert_string_equal(f->units[0].template_id, "ss-001");
    assert_int_equal(f->units[0].replica, 0);
}

static void test_inherits(void **state)
{
    struct fixture *f = *state;
    const struct node *s = yaml(f, "{channels: [ops], monitor: {enable: true, check_interval: 15, "
                                   "max_restarts: 4, health_timeout: 2}}");
    assert_true(options_bind(process_section_options, s, &f->section, f->arena, &f->problems, ""));
    const struct process_config *c = one(f, "{id: a, command: x}");
    assert_true(c->monitor.enable);
    assert_int_equal(c->monitor.check_interval_ms, 15000);
    assert_int_equal(c->monitor.max_restarts, 4);
    check_list(&c->channels, "ops");
    c = one(f, "{id: b, command: x, channels: [], monitor: {enable: false, max_restarts: 0, "
               "check_interval: 1s}}");
    assert_false(c->monitor.enable);
    assert_int_equal(c->monitor.max_restarts, 0);
    assert_int_equal(c->monitor.restart_cooldown_ms, 60000);
    assert_int_equal(c->monitor.health_timeout_ms, 1000); /* shrinks to the interval */
    assert_int_equal(c->channels.n, 0);
    assert_int_equal(add(f, "{id: c, command: x, monitor: {check_interval: 1, health_timeout: 2}}"),
                     0);
    assert_non_null(strstr(told(f), "health_timeout: got 2s; want at most check_interval, 1s"));
}

static void test_implied(void **state)
{
    struct fixture *f = *state;
    const struct process_config *c =
        one(f, "{id: nightly, command: backup, schedule: \"30 2 * * *\"}");
    assert_int_equal(c->kind, PROCESS_ONESHOT);
    assert_int_equal(c->restart, PROCESS_RESTART_NEVER);
    assert_false(c->autostart);
    c = one(f, "{id: once, command: x, kind: oneshot, restart: on-failure}");
    assert_int_equal(c->restart, PROCESS_RESTART_ON_FAILURE);
    assert_true(c->autostart);
    c = one(f, "{id: web, adopt: {systemd: nginx.service}}");
    check_list(&c->command, "systemctl|restart|nginx.service");
}

static void test_words(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *words;
    } cases[] = {
        {"", ""},
        {"  \t\n", ""},
        {"a", "a"},
        {" a  b\tc ", "a|b|c"},
        {"a 'b c' d", "a|b c|d"},
        {"a'b'\"c\"d", "abcd"},
        {"'' \"\"", "|"},
        {"a\\ b \\'", "a b|'"},
        {"\"a\\\"b\\\\c\\d\"", "a\"b\\c\\d"},
        {"'a\\'", "a\\"},
        {"echo $HOME *", "echo|$HOME|*"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        const struct str_list *list = process_words(cases[i].text, f->arena, NULL);
        assert_non_null(list);
        check_list(list, cases[i].words);
    }
    struct err err = {0};
    assert_null(process_words("ab 'c d", f->arena, &err));
    assert_int_equal(err.at_offset, 3);
    assert_null(process_words("a \"b\\", f->arena, &err));
    assert_null(process_words("a \\", f->arena, &err));
    const struct process_config *c = one(f, "{id: a, command: \"run 'a b'\"}");
    check_list(&c->command, "run|a b");
    c = one(f, "{id: b, command: \"run 'a b' | tee x\", shell: true}");
    check_list(&c->command, "run 'a b' | tee x");
}

static void test_replicas(void **state)
{
    struct fixture *f = *state;
    assert_int_equal(add(f, "{id: worker-%i, replicas: 3, command: [run, \"--n=%i\"], directory: "
                            "/srv/%i, environment: {N: \"%i%i\"}, requires: [db-%i],"
                            " health: {url: \"http://127.0.0.1:808%i/\"}}"),
                     3);
    for (uint32_t i = 0; i < 3; i++) {
        const struct process_unit *u = &f->units[i];
        char id[20];
        snprintf(id, sizeof(id), "worker-%u", i + 1);
        assert_string_equal(u->config->id, id);
        assert_string_equal(u->template_id, "worker-%i");
        assert_int_equal(u->replica, i + 1);
        assert_int_equal(u->config->replicas, 1);
    }
    const struct process_config *c = f->units[1].config;
    check_list(&c->command, "run|--n=2");
    check_list(&c->requires, "db-2");
    assert_string_equal(c->directory, "/srv/2");
    assert_string_equal(c->environment.at[0].value, "22");
    assert_string_equal(node_get(c->health, "url")->text.p, "http://127.0.0.1:8082/");
    assert_int_equal(add(f, "{id: w%i, replicas: 1, command: x}"), 1);
    assert_string_equal(f->units[3].config->id, "w1");
    c = one(f, "{id: date, command: [date, +%i]}"); /* not one of several: nothing is replaced */
    check_list(&c->command, "date|+%i");
    assert_int_equal(add(f, "{id: z%i, replicas: 1000, command: x}"), 1000);
}

static void test_wrong(void **state)
{
    struct fixture *f = *state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"{command: x}", "id: required, but missing"},
        {"{id: a}", "command: required, but missing"},
        {"{id: a, command: []}", "command: required, but missing"},
        {"{id: a, command: [\"\"]}", "command: got an empty name of the program"},
        {"{id: a b, command: x}", "id: got \"a b\"; want letters, digits"},
        {"{id: ../x, command: x}", "id: got \"../x\"; want letters"},
        {"{id: .x, command: x}", "want no dot"},
        {"{id: status, command: x}", "id: got \"status\"; want another one"},
        {"{id: a, comand: x}", "comand: unknown key \"comand\"; did you mean \"command\"?"},
        {"{id: a, command: \"x 'y\"}", "command: the quote at character 3 is not closed"},
        {"{id: a, command: [x, y], shell: true}", "command: got a list of 2 with shell: true"},
        {"{id: a%i, command: x}", "id: got \"a%i\" with %i, but no replicas"},
        {"{id: a, command: x, replicas: 2}", "id: got \"a\" for 2 replicas; want a name with %i"},
        {"{id: a, command: x, replicas: 1001}", "replicas: got 1001; want at most 1000"},
        {"{id: a%i, command: x, replicas: 2, schedule: \"@daily\"}",
         "a job (schedule) has no repl"},
        {"{id: a, command: x, stop_signal: TRAM}", "did you mean \"TERM\"?"},
        {"{id: a, command: x, stop_signal: 99}", "stop_signal: got \"99\"; want a signal"},
        {"{id: a, command: x, umask: \"0888\"}", "umask: got \"0888\"; want octal digits"},
        {"{id: a, command: x, directory: srv}", "directory: got \"srv\"; want an absolute path"},
        {"{id: a, command: x, environment: {A=B: c}}", "environment: got the name \"A=B\""},
        {"{id: a, command: x, labels: {a-b: c}}", "labels: got the name \"a-b\""},
        {"{id: a, command: x, labels: {unit: c}}", "the name \"unit\" is Belfry's own"},
        {"{id: a, command: x, adopt: {}}", "adopt: got none; want one of"},
        {"{id: a, command: x, adopt: {name: x, systemd: y}}", "adopt: got more than one"},
        {"{id: a, adopt: {pid_file: /run/x}}", "command: required, but missing: what starts it"},
        {"{id: a, command: x, adopt: {pid_file: x}}", "adopt: got \"x\"; want an absolute path"},
        {"{id: a, command: x, adopt: {name: x}, watchdog: 5s}", "an adopted program is not told"},
        {"{id: a, command: x, kind: oneshot, adopt: {name: x}}", "a oneshot is not adopted"},
        {"{id: a, command: x, overlap: skip}", "overlap: has no meaning without schedule"},
        {"{id: a, command: x, schedule: \"@daily\", kind: daemon}",
         "kind: got daemon with a sched"},
        {"{id: a, command: x, schedule: \"@daily\", autostart: true}",
         "autostart: got true with a"},
        {"{id: a, command: x, schedule: \"60 * * * *\"}", "schedule: cron: minute: got \"60\""},
        {"{id: a, command: x, schedule: \"0 0 30 2 *\"}", "which is never due"},
        {"{id: a, command: x, schedule: \"@daily\", timezone: A/B}",
         "timezone: there is no time z"},
        {"{id: a, command: x, run_timeout: 5}", "run_timeout: has no meaning for a daemon"},
        {"{id: a, command: x, kind: oneshot, restart: always}",
         "restart: got always for a oneshot"},
        {"{id: a, command: x, kind: oneshot, ready: notify}",
         "ready: has no meaning for a oneshot"},
        {"{id: a, command: x, ready: health}", "ready: got health without a health probe"},
        {"{id: a, command: x, health: {}}", "health: got neither url nor type"},
        {"{id: a, command: x, health: {urls: x}}", "unknown key \"urls\"; did you mean \"url\"?"},
        {"{id: a, command: x, health: tcp}", "health: got text; want a map"},
        {"{id: a, command: x, start_seconds: 5m}", "start_seconds: got 5m; want at most start_tim"},
        {"{id: a, command: x, restart_delay: {delay: 2m}}", "delay_max: got 1m; want at least"},
        {"{id: a, command: x, priority: {nice: 20}}", "priority.nice: got 20; want at most 19"},
        {"{id: a, command: x, limits: {memory: 1G, memory_high: 2G}}", "memory_high: got 2GiB"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        assert_int_equal(add(f, cases[i].text), 0);
        const char *got = told(f);
        if (strstr(got, cases[i].want) == NULL)
            fail_msg("%s: got %s; want %s", cases[i].text, got, cases[i].want);
        assert_int_equal(strncmp(got, "t.yaml:1:", 9), 0);
    }
}

static void test_secret(void **state)
{
    struct fixture *f = *state;
    one(f, "{id: a, command: x, environment: {PASSWORD: hunter2, PORT: 80}}");
    struct buf out = BUF_INIT(1 << 16);
    struct json j = json_start(&out);
    node_to_json(options_mask(process_unit_options, f->units[0].doc, f->arena), &j);
    assert_null(strstr(out.data, "hunter2"));
    assert_non_null(strstr(out.data, "\"PASSWORD\":\"********\""));
    buf_done(&out);
    assert_int_equal(add(f, "{id: a, command: x, environment: {P: [hunter2]}}"), 0);
    assert_null(strstr(told(f), "hunter2"));
}

static void test_signals(void **state)
{
    (void)state;
    int n = 0;
    assert_true(process_stop_signal("TERM", &n) && n == SIGTERM);
    assert_true(process_stop_signal("SIGHUP", &n) && n == SIGHUP);
    assert_true(process_stop_signal("15", &n) && n == 15);
    assert_true(process_stop_signal("RTMIN+3", &n) && n == SIGRTMIN + 3);
    assert_false(process_stop_signal("0", &n));
    assert_false(process_stop_signal("RTMIN+99", &n));
    assert_false(process_stop_signal("term", &n));
}

/* --- all of them ---------------------------------------------------------------------------------
 */

static bool check_all(struct fixture *f)
{
    return process_check_all(f->units, f->n, f->arena, &f->problems);
}

static void test_names(void **state)
{
    struct fixture *f = *state;
    add(f, "{id: db, command: x}");
    add(f, "{id: worker-%i, replicas: 2, command: x, requires: [db]}");
    add(f, "{id: web, command: x, after: [worker-%i, db]}");
    for (int twice = 0; twice < 2; twice++) {
        assert_true(check_all(f));
        check_list(&f->units[3].config->after, "worker-1|worker-2|db");
        check_list(&f->units[1].config->requires, "db");
    }
    assert_int_equal(node_get(f->units[3].doc, "after")->count, 3);
    add(f, "{id: x, command: x, after: [wroker-1]}");
    assert_false(check_all(f));
    assert_non_null(strstr(told(f), "after: there is no unit \"wroker-1\"; did you mean "
                                    "\"worker-1\"?"));
}

static void test_twice(void **state)
{
    struct fixture *f = *state;
    add(f, "{id: w-%i, replicas: 2, command: x}");
    add(f, "{id: w-2, command: x}");
    assert_false(check_all(f));
    assert_non_null(strstr(told(f), "id: the id \"w-2\" is taken by the unit in t.yaml:1"));
}

static void test_circle(void **state)
{
    struct fixture *f = *state;
    add(f, "{id: a, command: x, after: [b]}");
    add(f, "{id: b, command: x, requires: [c]}");
    add(f, "{id: c, command: x, requires: [d, b]}");
    add(f, "{id: d, command: x}");
    assert_false(check_all(f));
    assert_non_null(strstr(told(f), "the unit waits for itself in a circle: b → c → b"));
    f->n = 0;
    add(f, "{id: self, command: x, after: [self]}");
    assert_false(check_all(f));
    assert_non_null(strstr(told(f), "circle: self → self"));
}

/* Each of 600 waits for all of 600: no exponential walk, no deep stack. */
static void test_crowd(void **state)
{
    struct fixture *f = *state;
    add(f, "{id: a-%i, replicas: 500, command: x}");
    add(f, "{id: b-%i, replicas: 500, command: x, requires: [c]}");
    add(f, "{id: c, command: x, after: [a-%i]}");
    assert_true(check_all(f));
    assert_int_equal(f->units[1000].config->after.n, 500);
}

/* --- data/run/programs ---------------------------------------------------------------------------
 */

static void check_same(const struct process_unit *x, const struct process_unit *y, struct arena *a)
{
    struct buf one = BUF_INIT(1 << 20), two = BUF_INIT(1 << 20);
    struct json j = json_start(&one), k = json_start(&two);
    node_to_json(options_document(process_unit_options, x->config, a), &j);
    node_to_json(options_document(process_unit_options, y->config, a), &k);
    assert_string_equal(one.data, two.data);
    assert_string_equal(x->template_id, y->template_id);
    assert_int_equal(x->replica, y->replica);
    buf_done(&one);
    buf_done(&two);
}

static void check_round(struct fixture *f)
{
    struct buf text = BUF_INIT(64 << 20);
    process_write(f->units, f->n, 7, &text);
    uint32_t n = 0;
    uint64_t generation = 0;
    struct err err = {0};
    const struct process_unit *back =
        process_read(text.data, text.len, f->arena, &n, &generation, &err);
    if (back == NULL)
        fail_msg("%s", err.msg);
    assert_int_equal(n, f->n);
    assert_int_equal(generation, 7);
    for (uint32_t i = 0; i < n; i++)
        check_same(&f->units[i], &back[i], f->arena);
    buf_done(&text);
}

static void test_round(void **state)
{
    struct fixture *f = *state;
    f->section.monitor.enable = true;
    add(f, "{id: plain, command: x}");
    add(f, "{id: worker-%i, replicas: 3, command: [a, \"b c\", \"\"], requires: [plain]}");
    add(f, "{id: nightly, command: backup, schedule: \"0 2 * * *\", timezone: Asia/Shanghai, "
           "overlap: queue, catch_up: true, run_timeout: 1h30m}");
    add(f,
        "{id: full, type: 代理, name: \"a \\\"b\\\" | 'c'\", command: \"a $X | b\", shell: true, "
        "directory: /tmp, user: nobody, group: nogroup, groups: [adm, tty], umask: \"027\", "
        "environment: {A: \"1\", B: \"x\\ny\"}, environment_file: /etc/x.env, "
        "clean_environment: true, priority: {nice: -5, io_class: idle, io_level: 7, oom_score: "
        "-1000}, limits: {open_files: 65536, memory: 1500MB, cpu: 0.3, watch_memory: 1KiB}, "
        "allow_setuid: true, autostart: false, start_order: -3, after: [plain], ready: notify, "
        "start_timeout: 0, watchdog: 1.5, stop_signal: SIGQUIT, stop_timeout: 100ms, restart: "
        "on-failure, success_statuses: [0, 3-5], restart_delay: {delay: 0, growth: 1.7, jitter: "
        "0.333}, monitor: {enable: false, max_restarts: 0}, health: {type: tcp, config: {host: "
        "localhost, port: 80}}, output: {format: raw, max_size: 0, on_full: block}, channels: "
        "[], labels: {a: b}, enabled: false}");
    add(f, "{id: kept, adopt: {name: \"nginx: *\"}, command: x}");
    assert_string_equal(told(f), "");
    assert_int_equal(f->n, 7);
    assert_true(check_all(f));
    check_round(f);
    assert_null(node_get(f->units[0].doc, "stop_timeout")); /* as by default */
    assert_non_null(node_get(f->units[0].doc, "monitor"));
    f->n = 0;
    check_round(f); /* none at all */
}

static void test_damaged(void **state)
{
    struct fixture *f = *state;
    static const char *const texts[] = {
        "",
        "{",
        "[]",
        "{\"generation\":1}",
        "{\"generation\":-1,\"units\":[]}",
        "{\"generation\":1,\"units\":[{}]}",
        "{\"generation\":1,\"units\":[{\"unit\":{\"id\":\"a\",\"command\":[\"x\"]}}]}",
        "{\"generation\":1,\"units\":[{\"unit\":{\"id\":\"../a\",\"command\":[\"x\"],\"monitor\":{"
        "\"check_interval\":\"5s\"}}}]}",
        "{\"generation\":1,\"units\":[{\"replica\":1,\"unit\":{\"id\":\"a\",\"command\":[\"x\"],"
        "\"monitor\":{\"check_interval\":\"5s\"}}}]}",
    };
    for (size_t i = 0; i < array_len(texts); i++) {
        uint32_t n = 0;
        uint64_t generation = 0;
        struct err err = {0};
        assert_null(process_read(texts[i], strlen(texts[i]), f->arena, &n, &generation, &err));
        assert_true(err.code != ERR_OK && err.msg[0] != '\0');
    }
}

static void count_warning(void *arg, const struct node *at, const char *field, const char *text)
{
    assert_non_null(at);
    assert_true(field[0] != '\0' && text[0] != '\0');
    ++*(int *)arg;
}

static void test_machine(void **state)
{
    struct fixture *f = *state;
    int n = 0;
    add(f, "{id: good, command: sh, user: root, group: \"0\", directory: /}");
    add(f, "{id: by-shell, command: no-such-program-x | y, shell: true}");
    add(f, "{id: own-path, command: no-such-program-x, environment: {PATH: /opt}}");
    process_warn_machine(f->units, f->n, f->arena, count_warning, &n);
    assert_int_equal(n, 0);
    add(f, "{id: bad-%i, replicas: 5, command: no-such-program-x, user: no-such-user-x, groups: "
           "[no-such-group-x], directory: /no/such/folder, post_stop: [./x]}");
    process_warn_machine(f->units, f->n, f->arena, count_warning, &n);
    assert_int_equal(n, 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(test_contract), T(test_inherits), T(test_implied), T(test_words),   T(test_replicas),
        T(test_wrong),    T(test_secret),   T(test_signals), T(test_names),   T(test_twice),
        T(test_circle),   T(test_crowd),    T(test_round),   T(test_damaged), T(test_machine),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
