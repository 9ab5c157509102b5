/* The API of supervised programs over the real server and core, and a warden that pretends (core/fake_warden.h). */
#include "../core/fake_warden.h"
#include "api_unit.h"

#include <arpa/inet.h>
#include <sys/socket.h>

#include "base/fs.h"

#define UNITS                                                                                    \
    "processes:\n"                                                                               \
    "  monitor: {enable: true, max_restarts: 7}\n"                                               \
    "  units:\n"                                                                                 \
    "    - {id: ss-001, type: shadowsocks, name: 代理, command: [/usr/bin/ss, -c, /etc/ss],\n" \
    "       labels: {env: prod}, environment: {KEY: geheim}}\n"                                  \
    "    - {id: 'worker-%i', replicas: 3, type: worker, command: [/usr/bin/worker]}\n"           \
    "    - {id: bad, command: [/bin/false], autostart: false}\n"                                 \
    "    - {id: slow, command: [/bin/sleep, '9'], autostart: false}\n"

struct world {
    struct service s;
    struct fake_warden warden;
};

static const char *status_of(struct world *w, const char *id)
{
    struct reply r = get(&w->s, arena_printf(w->s.arena, "/api/v1/processes/%s", id));
    return r.status == 200 ? text_at(r, "status") : "gone";
}

static void await_status(struct world *w, const char *id, const char *status)
{
    for (int i = 0; i < 5000 && strcmp(status_of(w, id), status) != 0; i++)
        usleep(2000);
    assert_string_equal(status_of(w, id), status);
}

static void start(struct world *w)
{
    memset(w, 0, sizeof(*w));
    bed_init(&w->s.bed);
    bed_config(&w->s.bed, "%s", UNITS);
    fake_warden_open(&w->warden, w->s.bed.dir);
    service_open(&w->s);
    await_status(w, "ss-001", "running");
    await_status(w, "worker-3", "running");
}

static void end(struct world *w)
{
    fake_warden_close(&w->warden); /* while its folder is there: a LOAD may still be under way */
    service_close(&w->s);
}

static struct reply post(struct world *w, const char *path, const char *body)
{
    return ask(&w->s, "POST", path, NULL, body);
}

static void statuses(void **state)
{
    static const struct {
        const char *method, *path, *body;
        int status;
    } cases[] = {
        {"GET", "/api/v1/processes", NULL, 200},
        {"GET", "/api/v1/processes/ss-001", NULL, 200},
        {"GET", "/api/v1/processes/worker-%25i", NULL, 200},
        {"GET", "/api/v1/processes/ss-01", NULL, 404},
        {"GET", "/api/v1/processes/", NULL, 404},
        {"GET", "/api/v1/processes/a/b", NULL, 404},
        {"GET", "/api/v1/processes/status", NULL, 200},
        {"GET", "/api/v1/processes/options", NULL, 200},
        {"GET", "/api/v1/proxy/monitor/status", NULL, 200},
        {"GET", "/api/v1/processes?status=flying", NULL, 400},
        {"GET", "/api/v1/processes?limit=many", NULL, 400},
        {"GET", "/api/v1/processes/ss-001/restarts", NULL, 200},
        {"GET", "/api/v1/processes/ss-001/restarts?kind=x", NULL, 400},
        {"GET", "/api/v1/processes/ss-001/restarts?cursor=x", NULL, 400},
        {"GET", "/api/v1/processes/ss-001/restarts?cursor=5q1", NULL, 400},
        {"GET", "/api/v1/processes/nobody/restarts", NULL, 404},
        {"GET", "/api/v1/processes/ss-001/log", NULL, 200},
        {"GET", "/api/v1/processes/ss-001/log?stream=x", NULL, 400},
        {"GET", "/api/v1/processes/ss-001/log?lines=0", NULL, 400},
        {"GET", "/api/v1/processes/nobody/log", NULL, 404},
        {"GET", "/api/v1/processes/%7Bunit%7D/log", NULL, 404},
        {"GET", "/api/v1/processes/..%2F../log", NULL, 404},
        {"GET", "/api/v1/processes/../log?wait=1s", NULL, 404},
        {"POST", "/api/v1/processes/nobody/start", NULL, 404},
        {"POST", "/api/v1/processes/ss-001/start?wait=long", NULL, 400},
        {"POST", "/api/v1/processes/ss-001/start?wait=1h", NULL, 400},
        {"POST", "/api/v1/processes/ss-001/signal?signal=NOISE", NULL, 422},
        {"POST", "/api/v1/processes/ss-001/signal", NULL, 422},
        {"POST", "/api/v1/processes/ss-001/signal", "{\"signal\":\"HUP\"}", 200},
        {"POST", "/api/v1/processes/stop", NULL, 422},
        {"POST", "/api/v1/processes/stop", "{\"match\":\"nothing-*\"}", 404},
        {"POST", "/api/v1/processes/stop", "{\"all\":true,\"rolling\":true}", 422},
        {"POST", "/api/v1/processes/stop", "{\"matsch\":\"x\"}", 422},
        {"POST", "/api/v1/processes", "{\"command\":[\"/bin/x\"]}", 422},
        {"POST", "/api/v1/processes", "{\"id\":\"x\"}", 422},
        {"POST", "/api/v1/processes", "{\"id\":\"status\",\"command\":[\"/bin/x\"]}", 422},
        {"POST", "/api/v1/processes", "{\"id\":\"ss-001\",\"command\":[\"/bin/x\"]}", 409},
        {"PATCH", "/api/v1/processes/ss-001", "{\"name\":\"x\"}", 409},
        {"PUT", "/api/v1/processes/nobody", "{\"command\":[\"/bin/x\"]}", 404},
        {"DELETE", "/api/v1/processes/ss-001", NULL, 409},
        {"PATCH", "/api/v1/processes/nobody", "{\"enabled\":false}", 404},
        {"GET", "/api/v1/processes/ss-001/start", NULL, 405},
    };
    struct world w;
    start(&w);
    for (size_t i = 0; i < array_len(cases); i++) {
        struct reply r = ask(&w.s, cases[i].method, cases[i].path, NULL, cases[i].body);
        if (r.status != cases[i].status)
            fail_msg("%s %s %s: %d %s", cases[i].method, cases[i].path,
                     cases[i].body ? cases[i].body : "", r.status, r.body);
        assert_non_null(r.json);
    }
    struct reply r = get(&w.s, "/api/v1/processes/ss-01");
    assert_non_null(strstr(text_at(r, "detail"), "did you mean \"ss-001\""));
    end(&w);
}

static void one_process(void **state)
{
    struct world w;
    start(&w);
    struct reply r = get(&w.s, "/api/v1/processes/ss-001");
    assert_string_equal(text_at(r, "id"), "ss-001");
    assert_string_equal(text_at(r, "name"), "代理");
    assert_string_equal(text_at(r, "type"), "shadowsocks");
    assert_string_equal(text_at(r, "kind"), "daemon");
    assert_string_equal(text_at(r, "source"), "file");
    assert_string_equal(text_at(r, "command.2"), "/etc/ss");
    assert_string_equal(text_at(r, "labels.env"), "prod");
    assert_string_equal(text_at(r, "health.status"), "none");
    assert_string_equal(text_at(r, "config.environment.KEY"), "********");
    assert_null(strstr(r.body, "geheim"));
    assert_true(num_at(r, "pid") > 40000);
    assert_int_equal(num_at(r, "restarts"), 0);
    assert_int_equal(num_at(r, "max_restarts"), 7);
    assert_true(at(r.json, "enabled")->flag);
    assert_int_equal(at(r.json, "exit")->kind, NODE_NULL);
    assert_int_equal(at(r.json, "template")->kind, NODE_NULL);
    assert_true(*text_at(r, "started_at"));
    r = get(&w.s, "/api/v1/processes/worker-2");
    assert_string_equal(text_at(r, "template"), "worker-%i");
    assert_string_equal(text_at(r, "config.id"), "worker-%i");
    end(&w);
}

static void lists(void **state)
{
    static const struct {
        const char *query;
        int total, listed;
        const char *first, *next;
    } cases[] = {
        {"", 6, 6, "ss-001", NULL},
        {"?limit=2", 6, 2, "ss-001", "2"},
        {"?limit=2&cursor=4", 6, 2, "bad", NULL},
        {"?limit=2&cursor=6", 6, 0, NULL, NULL},
        {"?type=worker", 3, 3, "worker-1", NULL},
        {"?status=running", 4, 4, "ss-001", NULL},
        {"?status=stopped", 2, 2, "bad", NULL},
        {"?q=worker-2", 1, 1, "worker-2", NULL},
        {"?q=%E4%BB%A3", 1, 1, "ss-001", NULL},
        {"?q=/etc/ss", 1, 1, "ss-001", NULL},
        {"?enabled=false", 0, 0, NULL, NULL},
        {"?source=api", 0, 0, NULL, NULL},
    };
    struct world w;
    start(&w);
    for (size_t i = 0; i < array_len(cases); i++) {
        struct reply r = get(&w.s, arena_printf(w.s.arena, "/api/v1/processes%s", cases[i].query));
        if (num_at(r, "total") != cases[i].total ||
            at(r.json, "items")->count != (uint32_t)cases[i].listed)
            fail_msg("%s: %s", cases[i].query, r.body);
        if (cases[i].first)
            assert_string_equal(text_at(r, "items.0.id"), cases[i].first);
        if (cases[i].next)
            assert_string_equal(text_at(r, "next"), cases[i].next);
        else
            assert_int_equal(at(r.json, "next")->kind, NODE_NULL);
        assert_null(at(r.json, "items.0.config"));
    }
    end(&w);
}

static void acting(void **state)
{
    struct world w;
    start(&w);
    int64_t pid = num_at(get(&w.s, "/api/v1/processes/ss-001"), "pid");
    struct reply r = post(&w, "/api/v1/processes/ss-001/restart?wait=30s", NULL);
    assert_int_equal(r.status, 200);
    assert_string_equal(text_at(r, "status"), "running");
    assert_true(num_at(r, "pid") > pid);
    assert_string_equal(text_at(r, "exit.signal"), "SIGTERM");
    assert_string_equal(text_at(r, "exit.cause"), "asked");
    r = post(&w, "/api/v1/processes/ss-001/stop", NULL);
    assert_string_equal(text_at(r, "status"), "stopped");
    assert_int_equal(at(r.json, "pid")->kind, NODE_NULL);
    r = post(&w, "/api/v1/processes/bad/start", "{\"wait\":\"30s\"}");
    assert_int_equal(r.status, 200); /* it came to rest, badly */
    assert_string_equal(text_at(r, "status"), "fatal");
    assert_string_equal(text_at(r, "message"), "exit status 3");
    assert_int_equal(num_at(r, "exit.status"), 3);
    r = post(&w, "/api/v1/processes/slow/start?wait=50ms", NULL); /* time over is no failure */
    assert_int_equal(r.status, 200);
    assert_string_equal(text_at(r, "status"), "starting");
    r = post(&w, "/api/v1/processes/ss-001/disable", NULL);
    assert_false(at(r.json, "enabled")->flag);
    r = ask(&w.s, "PATCH", "/api/v1/processes/ss-001", NULL, "{\"enabled\":true}");
    assert_int_equal(r.status, 200);
    assert_true(at(r.json, "enabled")->flag);
    assert_int_equal(post(&w, "/api/v1/processes/ss-001/reset", NULL).status, 200);
    end(&w);
}

static void acting_on_many(void **state)
{
    struct world w;
    start(&w);
    struct reply r = post(&w, "/api/v1/processes/stop?wait=30s", "{\"match\":\"worker-*\"}");
    assert_int_equal(r.status, 200);
    assert_int_equal(num_at(r, "total"), 3);
    assert_int_equal(at(r.json, "items")->count, 3);
    assert_string_equal(text_at(r, "items.2.status"), "stopped");
    r = post(&w, "/api/v1/processes/start",
             "{\"ids\":[\"worker-%i\",\"nobody\"],\"wait\":\"30s\"}");
    assert_int_equal(at(r.json, "items")->count, 3);
    assert_string_equal(text_at(r, "items.0.status"), "running");
    assert_string_equal(text_at(r, "failed.0.id"), "nobody");
    assert_int_equal(at(r.json, "failed")->count, 1);
    r = post(&w, "/api/v1/processes/restart?wait=60s", "{\"match\":\"worker-*\",\"rolling\":true}");
    assert_int_equal(r.status, 200);
    assert_int_equal(at(r.json, "failed")->count, 0);
    r = post(&w, "/api/v1/processes/restart", "{\"match\":\"worker-*\",\"rolling\":true}");
    assert_int_equal(r.status, 202);
    r = post(&w, "/api/v1/processes/stop?wait=30s", "{\"all\":true}");
    assert_int_equal(num_at(r, "total"), 6);
    end(&w);
}

static void documents(void **state)
{
    struct world w;
    start(&w);
    struct reply r = post(&w, "/api/v1/processes",
                          "{\"id\":\"web\",\"command\":[\"/usr/bin/web\",\"--port\",\"80\"],"
                          "\"environment\":{\"KEY\":\"geheim\",\"PLAIN\":\"x\"},"
                          "\"health\":{\"url\":\"http://u:geheim@127.0.0.1:1/\"},"
                          "\"labels\":{\"env\":\"test\"}}");
    if (r.status != 201)
        fail_msg("%s", r.body);
    assert_non_null(strstr(r.head, "Location: /api/v1/processes/web"));
    assert_string_equal(text_at(r, "source"), "api");
    assert_null(strstr(r.body, "geheim"));
    await_status(&w, "web", "running");
    /* What was masked comes back and stays; what is not named stays. */
    r = ask(
        &w.s, "PATCH", "/api/v1/processes/web", NULL,
        "{\"environment\":{\"KEY\":\"********\",\"PLAIN\":null},\"monitor\":{\"max_restarts\":3}}");
    if (r.status != 200)
        fail_msg("%s", r.body);
    assert_string_equal(text_at(r, "config.environment.KEY"), "********");
    assert_null(at(r.json, "config.environment.PLAIN"));
    assert_string_equal(text_at(r, "labels.env"), "test");
    assert_int_equal(num_at(r, "max_restarts"), 3);
    struct buf list = BUF_INIT(1 << 20);
    char path[300];
    snprintf(path, sizeof(path), "%s/data/run/programs", w.s.bed.dir);
    assert_int_equal(fs_read(path, &list, NULL), 0);
    assert_non_null(memmem(list.data, list.len, "geheim", 6)); /* the warden has it */
    assert_null(memmem(list.data, list.len, "********", 8));
    buf_done(&list);
    r = ask(&w.s, "PUT", "/api/v1/processes/web", NULL, "{\"id\":\"other\",\"command\":[\"/x\"]}");
    assert_int_equal(r.status, 422);
    assert_string_equal(text_at(r, "errors.0.field"), "id");
    r = ask(&w.s, "PUT", "/api/v1/processes/web", NULL, "{\"command\":[\"/usr/bin/web2\"]}");
    assert_int_equal(r.status, 200);
    assert_string_equal(text_at(r, "command.0"), "/usr/bin/web2");
    assert_null(at(r.json, "config.environment"));
    assert_int_equal(ask(&w.s, "DELETE", "/api/v1/processes/web", NULL, NULL).status, 204);
    assert_int_equal(get(&w.s, "/api/v1/processes/web").status, 404);
    end(&w);
}

static int64_t rows_of(struct world *w, const char *id)
{
    struct reply r =
        get(&w->s, arena_printf(w->s.arena, "/api/v1/processes/%s/restarts?kind=death", id));
    return r.status == 404 ? 0 : num_at(r, "total"); /* neither a unit nor rows of it yet */
}

static void history(void **state)
{
    struct world w;
    start(&w);
    fake_warden_kill(&w.warden, "ss-001", 9);
    fake_warden_kill(&w.warden, "ss-001", 3 << 8);
    post(&w, "/api/v1/processes/ss-001/stop", NULL);
    for (int i = 0; i < 5000 && rows_of(&w, "ss-001") < 3; i++)
        usleep(2000);
    struct reply r = get(&w.s, "/api/v1/processes/ss-001/restarts?kind=death");
    assert_int_equal(at(r.json, "items")->count, 3);
    assert_string_equal(text_at(r, "items.0.cause"), "asked");
    assert_int_equal(at(r.json, "items.0.restart")->kind, NODE_NULL);
    assert_int_equal(num_at(r, "items.1.exit.status"), 3);
    assert_true(at(r.json, "items.1.restart.success")->flag);
    assert_string_equal(text_at(r, "items.2.exit.signal"), "SIGKILL");
    assert_true(at(r.json, "items.2.restart.success")->flag);
    assert_true(num_at(r, "items.2.max_rss_bytes") == 5 << 20);
    /* Page by page it is the same. */
    const char *cursor = NULL;
    for (int i = 0; i < 3; i++) {
        struct reply page =
            get(&w.s,
                arena_printf(w.s.arena, "/api/v1/processes/ss-001/restarts?kind=death&limit=1%s%s",
                             cursor ? "&cursor=" : "", cursor ? cursor : ""));
        assert_int_equal(at(page.json, "items")->count, 1);
        const char *row = arena_printf(w.s.arena, "items.%d.id", i);
        assert_int_equal(num_at(page, "items.0.id"), num_at(r, row));
        if (i > 0)
            assert_true(at(page.json, "items.0.restart.success")->flag);
        cursor = text_at(page, "next");
    }
    r = post(&w, "/api/v1/processes/bad/start?wait=30s", NULL);
    for (int i = 0; i < 5000 && rows_of(&w, "bad") < 1; i++)
        usleep(2000);
    r = get(&w.s, "/api/v1/processes/bad/restarts");
    const struct node *success = at(r.json, "items.0.restart.success");
    assert_string_equal(text_at(r, "items.0.kind"), "death");
    assert_true(success && !success->flag);
    end(&w);
}

/* Rows as the warden really tells them: the changes of a crash first, then the death; on the loop. */
struct rows {
    struct world *world;
    const char *steps; /* "c" crashed … "D" a death that saw the state before it in the text */
    const char *unit;
    uint64_t id;
};

static void put_row(struct rows *r, uint32_t kind, uint32_t from, uint32_t to)
{
    struct process_event e = {.version = PROCESS_EVENT_VERSION,
                              .size = sizeof(e),
                              .kind = kind,
                              .from = from,
                              .to = to,
                              .status = 9,
                              .failure = 1,
                              .at_ms = 1763730000000 + (int64_t)r->id * 1000};
    snprintf(e.unit, sizeof(e.unit), "%s", r->unit);
    batch_process_event(core__batch(r->world->s.bed.core), r->id++, &e, "");
}

static void rows_on_loop(void *arg)
{
    static const struct {
        char letter;
        uint32_t state;
    } states[] = {{'c', UNIT_CRASHED}, {'g', UNIT_RESTARTING}, {'s', UNIT_STARTING},
                  {'r', UNIT_RUNNING}, {'f', UNIT_FATAL},      {'o', UNIT_STOPPED},
                  {'b', UNIT_BACKOFF}};
    struct rows *r = arg;
    uint32_t now = UNIT_RUNNING;
    for (const char *p = r->steps; *p; p++) {
        uint32_t to = now;
        for (size_t i = 0; i < array_len(states); i++)
            if (states[i].letter == *p)
                to = states[i].state;
        put_row(r, *p == 'D' ? PROCESS_DEATH : PROCESS_STATE, now, to);
        now = to;
    }
    core__commit_now(r->world->s.bed.core);
}

/* What became of each death, newest first: + it ran again, - it did not, . nobody tried. */
static void how_it_went_on(void **state)
{
    static const struct {
        const char *unit, *steps, *outcome;
    } cases[] = {
        {"late", "cgsDr", "+"},        /* it is starting when the death is told */
        {"at-once", "cgsrD", "+"},     /* start_seconds 0: it runs already */
        {"twice", "cgsDcgsDr", "+-"},  /* died again before it ran */
        {"again", "cgsDrcgsDr", "++"}, /* ran in between */
        {"rest-at-once", "cgsrDcgsrD", "++"},
        {"given-up", "cgsDcfD", "--"},
        {"monitor-off", "cD", "."},
        {"waiting", "cgsDcbD", ".-"},
        {"stopped", "cgsDo", "."}, /* a person stopped it before it ran */
    };
    struct world w;
    start(&w);
    uint64_t id = 1000;
    for (size_t i = 0; i < array_len(cases); i++) {
        struct rows rows = {&w, cases[i].steps, cases[i].unit, id};
        size_t n = strlen(cases[i].outcome);
        loop_call(w.s.bed.loop, rows_on_loop, &rows);
        id = rows.id;
        for (int turn = 0; turn < 5000 && rows_of(&w, cases[i].unit) < (int64_t)n; turn++)
            usleep(2000);
        struct reply r =
            get(&w.s,
                arena_printf(w.s.arena, "/api/v1/processes/%s/restarts?kind=death", cases[i].unit));
        for (size_t k = 0; k < n; k++) {
            const struct node *one = at(r.json, arena_printf(w.s.arena, "items.%zu.restart", k));
            const struct node *good = one->kind == NODE_MAP ? node_get(one, "success") : NULL;
            if (cases[i].outcome[k] != (!good ? '.' : good->flag ? '+' : '-'))
                fail_msg("%s: death %zu of %s", cases[i].unit, k, r.body);
        }
    }
    end(&w);
}

static void statistics(void **state)
{
    struct world w;
    start(&w);
    struct reply r = get(&w.s, "/api/v1/proxy/monitor/status");
    static const char *const keys[] = {"enable",
                                       "total_checks",
                                       "total_restarts",
                                       "success_restarts",
                                       "failed_restarts",
                                       "last_check_time",
                                       "enabled_proxies",
                                       "total_proxies",
                                       "status_count.crashed",
                                       "status_count.restarting",
                                       "status_count.unknown"};
    for (size_t i = 0; i < array_len(keys); i++)
        if (!at(r.json, keys[i]))
            fail_msg("no %s in %s", keys[i], r.body);
    assert_int_equal(num_at(r, "status_count.running"), 4);
    assert_int_equal(num_at(r, "status_count.stopped"), 2);
    assert_int_equal(num_at(r, "total_proxies"), 6);
    assert_int_equal(num_at(r, "enabled_proxies"), 6);
    r = get(&w.s, "/api/v1/processes/status");
    assert_int_equal(num_at(r, "status_count.running"), 4);
    assert_int_equal(num_at(r, "status_count.ready"), 0);
    assert_int_equal(num_at(r, "total_processes"), 6);
    assert_int_equal(num_at(r, "events_dropped"), 0);
    end(&w);
}

static void metrics(void **state)
{
    struct world w;
    start(&w);
    fake_warden_kill(&w.warden, "ss-001", 9);
    struct reply r = get(&w.s, "/metrics");
    static const char *const lines[] = {
        "belfry_process_up{unit=\"ss-001\",type=\"shadowsocks\",env=\"prod\"} 1\n",
        "belfry_process_restarts_total{unit=\"ss-001\",type=\"shadowsocks\",env=\"prod\"} 1\n",
        "belfry_process_state{unit=\"bad\",type=\"\",state=\"stopped\"} 1\n",
        "belfry_process_state{unit=\"bad\",type=\"\",state=\"running\"} 0\n",
        "belfry_process_max_restarts{unit=\"worker-1\",type=\"worker\"} 7\n",
        "# TYPE belfry_process_cpu_seconds_total counter\n",
        "belfry_processes 6\n",
        "belfry_process_events_dropped_total 0\n",
    };
    for (size_t i = 0; i < array_len(lines); i++)
        if (!strstr(r.body, lines[i]))
            fail_msg("no %s", lines[i]);
    end(&w);
}

static void put_log(struct world *w, const char *unit, const char *text)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/logs/processes/%s", w->s.bed.dir, unit);
    assert_int_equal(fs_mkdirs(path, 0700, NULL), 0);
    snprintf(path + strlen(path), 20, "/output.log");
    FILE *f = fopen(path, "a");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void output(void **state)
{
    struct world w;
    start(&w);
    struct reply r = get(&w.s, "/api/v1/processes/ss-001/log");
    assert_int_equal(at(r.json, "items")->count, 0);
    put_log(&w, "ss-001",
            "2026-11-21T12:00:00.100000000Z stdout F one\n"
            "2026-11-21T12:00:01.200000000Z stderr F 错误 \"two\"\n"
            "2026-11-21T12:00:02.300000000Z stdout F three\n");
    r = get(&w.s, "/api/v1/processes/ss-001/log?lines=2");
    assert_int_equal(at(r.json, "items")->count, 2);
    assert_string_equal(text_at(r, "items.0.text"), "错误 \"two\"");
    assert_string_equal(text_at(r, "items.0.stream"), "stderr");
    assert_string_equal(text_at(r, "items.0.at"), "2026-11-21T12:00:01.200Z");
    const char *next = text_at(r, "next");
    r = get(&w.s, "/api/v1/processes/ss-001/log?stream=stdout&contains=thr");
    assert_int_equal(at(r.json, "items")->count, 1);
    put_log(&w, "ss-001", "2026-11-21T12:00:03.400000000Z stdout F four\n");
    struct buf q = BUF_INIT(4096);
    url_encode(&q, str_of(next));
    r = get(&w.s, arena_printf(w.s.arena, "/api/v1/processes/ss-001/log?wait=30s&cursor=%.*s",
                               (int)q.len, q.data));
    buf_done(&q);
    assert_int_equal(at(r.json, "items")->count, 1);
    assert_string_equal(text_at(r, "items.0.text"), "four");
    end(&w);
}

/* A request whose answer is not waited for yet. */
static int begin_request(struct world *w, const char *path)
{
    struct sockaddr_in to = {.sin_family = AF_INET,
                             .sin_port = htons(w->s.port),
                             .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    dprintf(fd, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    return fd;
}

static void await_busy(struct world *w, int n)
{
    const char *line = arena_printf(w->s.arena, "\nbelfry_http_workers_busy %d\n", n);
    while (!strstr(get(&w->s, "/metrics").body, line))
        usleep(2000);
}

/* More wait than the server has threads; it answers others meanwhile, and one that leaves frees its worker. */
static void waiting_for_output(void **state)
{
    struct world w;
    int fd[3];
    char answer[8192];
    start(&w);
    for (int i = 0; i < 3; i++)
        fd[i] = begin_request(&w, "/api/v1/processes/ss-001/log?wait=60s");
    await_busy(&w, 3);
    assert_string_equal(status_of(&w, "ss-001"), "running");
    close(fd[0]);
    await_busy(&w, 2);
    put_log(&w, "ss-001", "2026-11-21T12:00:00.100000000Z stdout F one\n");
    for (int i = 1; i < 3; i++) {
        ssize_t n = recv(fd[i], answer, sizeof(answer) - 1, MSG_WAITALL);
        assert_true(n > 0);
        answer[n] = '\0';
        assert_non_null(strstr(answer, "\"text\":\"one\""));
        close(fd[i]);
    }
    int last =
        begin_request(&w, "/api/v1/processes/ss-001/log?wait=60s&since=2027-01-01T00:00:00Z");
    await_busy(&w, 1);
    end(&w); /* does not wait for it */
    assert_true(recv(last, answer, sizeof(answer), 0) > 0);
    close(last);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses),       cmocka_unit_test(one_process),
        cmocka_unit_test(lists),          cmocka_unit_test(acting),
        cmocka_unit_test(acting_on_many), cmocka_unit_test(documents),
        cmocka_unit_test(history),        cmocka_unit_test(how_it_went_on),
        cmocka_unit_test(statistics),     cmocka_unit_test(metrics),
        cmocka_unit_test(output),         cmocka_unit_test(waiting_for_output),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
