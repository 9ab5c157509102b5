/* belfry process: its words, and the command against a server that plays programs: each look at one brings it a step
 * further in its script. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/must.h"
#include "cli/cli.h"
#include "cli/process_priv.h"
#include "io/http_server.h"

/* --- words --- */

static void seconds_and_bytes(void **state)
{
    static const struct {
        double value;
        const char *text;
    } seconds[] = {{0, "-"},        {-1, "-"},         {0.4, "400ms"}, {59, "59s"},
                   {60, "1m0s"},    {3599, "59m59s"},  {3600, "1h0m"}, {86399, "23h59m"},
                   {90000, "1d1h"}, {1e9, "11574d1h"}, {1e13, "-"}},
      bytes[] = {
          {0, "-"},         {-5, "-"},       {1, "1B"},     {999, "999B"},        {1024, "1.0K"},
          {102400, "100K"}, {1.5e6, "1.4M"}, {1e9, "954M"}, {5368709120, "5.0G"}, {1e15, "909T"}};
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(seconds); i++)
        assert_string_equal(human_seconds(seconds[i].value, a), seconds[i].text);
    for (size_t i = 0; i < array_len(bytes); i++)
        assert_string_equal(human_bytes(bytes[i].value, a), bytes[i].text);
    arena_free(a);
}

static void when_it_is_at_rest(void **state)
{
    static const struct {
        const char *item, *wanted;
        enum process_rest rest;
    } cases[] = {
        {"{\"status\":\"starting\"}", "start", REST_NOT_YET},
        {"{\"status\":\"running\"}", "start", REST_GOOD},
        {"{\"status\":\"ready\"}", "restart", REST_GOOD},
        {"{\"status\":\"stopping\"}", "restart", REST_NOT_YET},
        {"{\"status\":\"fatal\"}", "start", REST_BAD},
        {"{\"status\":\"crashed\"}", "restart", REST_BAD},
        {"{\"status\":\"backoff\"}", "start", REST_BAD},
        {"{\"status\":\"restarting\"}", "start", REST_NOT_YET},
        {"{\"status\":\"restarting\",\"next_start_at\":\"2020-01-01T00:00:00Z\"}", "start",
         REST_NOT_YET},
        {"{\"status\":\"restarting\",\"next_start_at\":\"2120-01-01T00:00:00Z\"}", "start",
         REST_BAD},
        {"{\"status\":\"stopped\",\"exit\":null}", "start", REST_GOOD}, /* a job */
        {"{\"status\":\"stopped\",\"exit\":{\"failure\":true}}", "start", REST_BAD},
        {"{\"status\":\"running\"}", "stop", REST_NOT_YET},
        {"{\"status\":\"stopping\"}", "stop", REST_NOT_YET},
        {"{\"status\":\"stopped\"}", "stop", REST_GOOD},
        {"{\"status\":\"fatal\"}", "stop", REST_GOOD},
        {"{}", "stop", REST_NOT_YET},
        {"{}", "start", REST_NOT_YET},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        const struct node *n = node_from_json(a, cases[i].item, strlen(cases[i].item), NULL);
        if (process_rest(n, cases[i].wanted) != cases[i].rest)
            fail_msg("%s of %s", cases[i].wanted, cases[i].item);
    }
    arena_free(a);
}

static void one_line(void **state)
{
    static const char *const cases[][2] = {
        {"{\"id\":\"ss-001\",\"status\":\"running\",\"pid\":123,\"message\":\"代理\"}",
         "ss-001: running (pid 123)"},
        {"{\"id\":\"a\",\"status\":\"fatal\",\"pid\":null,\"message\":\"exit status 1\"}",
         "a: fatal: exit status 1"},
        {"{\"id\":\"a\",\"status\":\"stopped\",\"message\":\"\"}", "a: stopped"},
        {"{\"id\":\"a\",\"status\":\"running\",\"pid\":null}", "a: running"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        const struct node *n = node_from_json(a, cases[i][0], strlen(cases[i][0]), NULL);
        assert_string_equal(process_line(n, a), cases[i][1]);
    }
    arena_free(a);
}

static void a_note(void **state)
{
    static const struct {
        const char *item, *text;
    } cases[] = {
        {"{\"enabled\":true,\"message\":\"\"}", ""},
        {"{\"enabled\":true,\"message\":\"waits for db\"}", "waits for db"},
        {"{\"enabled\":false,\"message\":\"\"}", "[monitor off] "},
        {"{\"enabled\":true,\"message\":\"x\",\"next_start_at\":\"2000-01-01T00:00:00Z\"}", "x"},
        {"{\"enabled\":true,\"message\":\"x\",\"next_start_at\":\"9000-01-01T00:00:00Z\"}",
         "x; starts in "},
        {"{\"enabled\":true,\"message\":\"\",\"next_run_at\":\"9000-01-01T00:00:00Z\"}",
         "runs in "},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        const struct node *n = node_from_json(a, cases[i].item, strlen(cases[i].item), NULL);
        const char *note = process_note(n, a);
        if (strncmp(note, cases[i].text, strlen(cases[i].text)) != 0 ||
            (!strstr(cases[i].text, "in ") && strcmp(note, cases[i].text) != 0))
            fail_msg("%s: %s", cases[i].item, note);
    }
    arena_free(a);
}

/* --- the server that plays --- */

#define UNITS 5

struct play {
    struct http_server *server;
    char url[64];
    pthread_mutex_t lock; /* guards what follows */
    struct unit {
        const char *id;
        const char *script[6]; /* states, one a look; the last one stays */
        int step;
        bool commanded;
    } units[UNITS];
    char posted[4000]; /* "METHOD PATH BODY\n" of all that was no GET */
};

static void put_unit(struct json *j, const struct unit *u)
{
    const char *status = u->script[u->step];
    bool runs = strcmp(status, "running") == 0;
    json_obj(j);
    json_kstr(j, "id", u->id);
    json_kstr(j, "status", status);
    json_kbool(j, "enabled", true);
    json_key(j, "pid");
    if (runs)
        json_int(j, 4711);
    else
        json_nil(j);
    json_kf64(j, "uptime_seconds", runs ? 90 : 0);
    json_kint(j, "restarts", 2);
    json_kf64(j, "cpu_percent", runs ? 1.25 : 0);
    json_kint(j, "rss_bytes", runs ? 3 << 20 : 0);
    json_kstr(j, "type", "proxy");
    json_kstr(j, "message", strcmp(status, "fatal") == 0 ? "exit status 3" : "");
    json_end(j);
}

static void put_units(struct play *p, struct json *j, const char *only)
{
    json_obj(j);
    json_karr(j, "items");
    for (int i = 0; i < UNITS; i++)
        if (!only || strstr(only, p->units[i].id))
            put_unit(j, &p->units[i]);
    json_end(j);
    json_karr(j, "failed");
    json_end(j);
    json_kint(j, "total", UNITS);
    json_key(j, "next");
    json_nil(j);
    json_end(j);
}

static void put_log(struct json *j)
{
    json_obj(j);
    json_karr(j, "items");
    json_obj(j);
    json_kstr(j, "at", "2026-11-21T12:00:00.000Z");
    json_kstr(j, "stream", "stderr");
    json_kstr(j, "text", "cannot bind: address in use");
    json_end(j);
    json_end(j);
    json_kstr(j, "next", "c1");
    json_end(j);
}

static void put_status(struct json *j)
{
    json_obj(j);
    json_kint(j, "total_checks", 1440);
    json_kint(j, "total_restarts", 5);
    json_kint(j, "success_restarts", 4);
    json_kint(j, "failed_restarts", 1);
    json_kstr(j, "last_check_time", "2026-11-21T10:35:30.000Z");
    json_kobj(j, "status_count");
    json_kint(j, "running", 2);
    json_kint(j, "fatal", 1);
    json_kint(j, "stopped", 0);
    json_end(j);
    json_kint(j, "enabled_processes", 3);
    json_kint(j, "total_processes", 3);
    json_end(j);
}

static struct unit *unit_of(struct play *p, const char *path)
{
    for (int i = 0; i < UNITS; i++) {
        size_t n = strlen(p->units[i].id);
        const char *id = path + strlen(PROCESS_PATH "/");
        if (strncmp(id, p->units[i].id, n) == 0 && (id[n] == '\0' || id[n] == '/'))
            return &p->units[i];
    }
    return NULL;
}

static void advance(struct unit *u)
{
    if (u->commanded && u->step + 1 < (int)array_len(u->script) && u->script[u->step + 1])
        u->step++;
}

static void answer_get(struct play *p, const struct http_req *req, struct json *j)
{
    struct unit *u = strlen(req->path) > strlen(PROCESS_PATH) ? unit_of(p, req->path) : NULL;
    if (strcmp(req->path, PROCESS_PATH "/status") == 0) {
        put_status(j);
    } else if (!u) {
        put_units(p, j, NULL);
    } else if (strstr(req->path, "/log")) {
        put_log(j);
    } else {
        advance(u);
        put_unit(j, u);
    }
}

static void answer_post(struct play *p, const struct http_req *req, struct json *j)
{
    char *body = strndup(req->body.p, req->body.n);
    size_t n = strlen(p->posted);
    snprintf(p->posted + n, sizeof(p->posted) - n, "%s %s %s\n", req->method, req->path, body);
    for (int i = 0; i < UNITS; i++)
        if (strstr(body, p->units[i].id)) {
            p->units[i].commanded = true;
            advance(&p->units[i]);
        }
    put_units(p, j, body);
    free(body);
}

static void on_request(void *ctx, const struct http_req *req, struct http_resp *resp)
{
    struct play *p = ctx;
    struct json j = json_start(&resp->body);
    pthread_mutex_lock(&p->lock);
    if (strcmp(req->method, "GET") == 0)
        answer_get(p, req, &j);
    else
        answer_post(p, req, &j);
    pthread_mutex_unlock(&p->lock);
}

static void play_open(struct play *p)
{
    static const struct unit units[UNITS] = {
        {.id = "web-1", .script = {"stopped", "starting", "starting", "running"}},
        {.id = "web-2", .script = {"stopped", "starting", "running"}},
        {.id = "web-3", .script = {"stopped", "starting", "starting", "fatal"}},
        {.id = "db", .script = {"running", "stopping", "stopped"}},
        {.id = "never", .script = {"stopped", "starting"}},
    };
    struct err err = {0};
    memset(p, 0, sizeof(*p));
    memcpy(p->units, units, sizeof(units));
    pthread_mutex_init(&p->lock, NULL);
    struct http_server_config cfg = {.address = "127.0.0.1", .handle = on_request, .ctx = p};
    p->server = http_server_start(&cfg, &err);
    if (!p->server)
        fail_msg("%s", err.msg);
    snprintf(p->url, sizeof(p->url), "http://127.0.0.1:%d", http_server_port(p->server));
}

static void play_close(struct play *p)
{
    http_server_stop(p->server);
    pthread_mutex_destroy(&p->lock);
}

/* Runs the command with its stdout in *out (in a); returns its exit status. */
static int run(struct play *p, struct arena *a, const char *words, const char **out)
{
    char path[] = "/tmp/belfry-process-XXXXXX", *argv[20], *word;
    char *rest = arena_printf(a, "process %s --server %s", words, p->url);
    struct buf text = BUF_INIT(1 << 20);
    int argc = 0, fd = mkstemp(path), saved = dup(STDOUT_FILENO);
    while ((word = strsep(&rest, " ")) != NULL)
        argv[argc++] = word;
    argv[argc] = NULL;
    fflush(stdout);
    dup2(fd, STDOUT_FILENO);
    int status = cmd_process(argc, argv);
    fflush(stdout);
    dup2(saved, STDOUT_FILENO);
    close(saved);
    close(fd);
    assert_int_equal(fs_read(path, &text, NULL), 0);
    unlink(path);
    *out = arena_strndup(a, text.data ? text.data : "", text.len);
    buf_done(&text);
    return status;
}

static void lists(void **state)
{
    struct arena *a = arena_new();
    struct play p;
    const char *out;
    play_open(&p);
    assert_int_equal(run(&p, a, "ls d*", &out), EXIT_GOOD);
    assert_string_equal(out, "ID  STATUS   PID   UPTIME  RESTARTS  CPU   MEMORY  TYPE   MESSAGE\n"
                             "db  running  4711  1m30s   2         1.2%  3.0M    proxy  \n");
    assert_int_equal(run(&p, a, "ls web-* --json", &out), EXIT_GOOD);
    assert_non_null(strstr(out, "{\"id\":\"web-1\""));
    assert_null(strstr(out, "\"db\""));
    assert_int_equal(run(&p, a, "ls wep-1", &out), EXIT_BAD);
    assert_int_equal(run(&p, a, "status", &out), EXIT_GOOD);
    assert_non_null(strstr(out, "3 programs, 2 running, 1 fatal; monitor on for 3\n"));
    assert_non_null(strstr(out, "1440 checks, the last at 2026-11-21T10:35:30.000Z; 5 restarts, 4 "
                                "succeeded, 1 failed\n"));
    play_close(&p);
    arena_free(a);
}

static void start_waits(void **state)
{
    struct arena *a = arena_new();
    struct play p;
    const char *out;
    play_open(&p);
    assert_int_equal(run(&p, a, "start web-1 web-2", &out), EXIT_GOOD);
    assert_non_null(strstr(out, "web-1: running (pid 4711)\n"));
    assert_non_null(strstr(out, "web-2: running (pid 4711)\n"));
    assert_string_equal(p.posted, "POST /api/v1/processes/start {\"ids\":[\"web-1\",\"web-2\"]}\n");
    assert_int_equal(run(&p, a, "stop db", &out), EXIT_GOOD);
    assert_string_equal(out, "db: stopped\n");
    play_close(&p);
    arena_free(a);
}

static void a_failed_start_says_why(void **state)
{
    struct arena *a = arena_new();
    struct play p;
    const char *out;
    play_open(&p);
    assert_int_equal(run(&p, a, "start web-3", &out), EXIT_BAD);
    assert_string_equal(out, "web-3: fatal: exit status 3\n    cannot bind: address in use\n");
    assert_int_equal(run(&p, a, "start never --timeout 300ms", &out), EXIT_BAD);
    assert_string_equal(out, "never: starting\n");
    play_close(&p);
    arena_free(a);
}

static void patterns_and_no_waiting(void **state)
{
    struct arena *a = arena_new();
    struct play p;
    const char *out;
    play_open(&p);
    assert_int_equal(run(&p, a, "restart all --no-wait", &out), EXIT_GOOD);
    assert_non_null(strstr(out, "web-1: starting\n"));
    assert_non_null(strstr(p.posted, "restart {\"ids\":[\"web-1\",\"web-2\",\"web-3\",\"db\","
                                     "\"never\"]}"));
    *p.posted = '\0';
    assert_int_equal(run(&p, a, "start web-1 nothing", &out), EXIT_BAD);
    assert_string_equal(p.posted, ""); /* all or none */
    play_close(&p);
    arena_free(a);
}

static void rolling_stops_at_the_first_failure(void **state)
{
    struct arena *a = arena_new();
    struct play p;
    const char *out;
    play_open(&p);
    assert_int_equal(run(&p, a, "restart --rolling web-1 web-3 db", &out), EXIT_BAD);
    assert_string_equal(p.posted, "POST /api/v1/processes/restart {\"ids\":[\"web-1\"]}\n"
                                  "POST /api/v1/processes/restart {\"ids\":[\"web-3\"]}\n");
    play_close(&p);
    arena_free(a);
}

static void the_rest_of_the_verbs(void **state)
{
    static const struct {
        const char *words, *posted, *out;
    } cases[] = {
        {"signal HUP web-1", "POST /api/v1/processes/web-1/signal \n", "web-1: sent HUP\n"},
        {"disable web-1 web-2",
         "POST /api/v1/processes/web-1/disable \nPOST /api/v1/processes/web-2/disable \n",
         "web-1: monitor off\nweb-2: monitor off\n"},
        {"enable db", "POST /api/v1/processes/db/enable \n", "db: monitor on\n"},
        {"reset db", "POST /api/v1/processes/db/reset \n", "db: reset\n"},
        {"rm db", "DELETE /api/v1/processes/db \n", "db: removed\n"},
        {"add id=x user=nobody -- /usr/bin/x -c --json",
         "POST /api/v1/processes {\"id\":\"x\",\"user\":\"nobody\",\"command\":[\"/usr/bin/x\","
         "\"-c\",\"--json\",\"--server\",\"URL\"]}\n",
         NULL},
        {"set a%b nice=1", "PATCH /api/v1/processes/a%b {\"nice\":1}\n", "changed\n"},
        {"log web-1 -t", "", "2026-11-21T12:00:00.000Z cannot bind: address in use\n"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct play p;
        const char *out;
        play_open(&p);
        bool adds = strncmp(cases[i].words, "add", 3) == 0;
        if (adds)
            setenv("BELFRY_SERVER", p.url, 1); /* what stands behind "--" is the program's */
        assert_int_equal(run(&p, a, cases[i].words, &out), EXIT_GOOD);
        unsetenv("BELFRY_SERVER");
        char *url = strstr(p.posted, p.url);
        if (adds && url)
            snprintf(url, sizeof(p.posted) - (size_t)(url - p.posted), "URL\"]}\n");
        assert_string_equal(p.posted, cases[i].posted);
        if (cases[i].out)
            assert_string_equal(out, cases[i].out);
        play_close(&p);
    }
    arena_free(a);
}

static void wrong_usage(void **state)
{
    static const struct {
        const char *words;
        int status;
    } cases[] = {
        {"fly", EXIT_USAGE},
        {"start", EXIT_USAGE},
        {"signal HUP", EXIT_USAGE},
        {"ls --colour", EXIT_USAGE},
        {"log web-1 -n many", EXIT_USAGE},
        {"start web-1 --timeout long", EXIT_USAGE},
        {"add web", EXIT_USAGE},
        {"--help", EXIT_GOOD},
    };
    struct arena *a = arena_new();
    struct play p;
    const char *out;
    play_open(&p);
    for (size_t i = 0; i < array_len(cases); i++)
        if (run(&p, a, cases[i].words, &out) != cases[i].status)
            fail_msg("belfry process %s", cases[i].words);
    play_close(&p);
    assert_int_equal(run(&p, a, "start web-1", &out), EXIT_UNREACHED);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(seconds_and_bytes),
        cmocka_unit_test(when_it_is_at_rest),
        cmocka_unit_test(one_line),
        cmocka_unit_test(a_note),
        cmocka_unit_test(lists),
        cmocka_unit_test(start_waits),
        cmocka_unit_test(a_failed_start_says_why),
        cmocka_unit_test(patterns_and_no_waiting),
        cmocka_unit_test(rolling_stops_at_the_first_failure),
        cmocka_unit_test(the_rest_of_the_verbs),
        cmocka_unit_test(wrong_usage),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
