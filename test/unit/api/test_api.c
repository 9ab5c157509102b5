/* The REST API over its real server: routing, problems, documents in and out, lists, who may ask, the OpenAPI document. */
#include "api_unit.h"

#define GROUPS                                                                         \
    "channels: [{name: ops, type: webhook, webhook_url: 'http://127.0.0.1:9/hook'}]\n" \
    "groups:\n  - name: g\n    channels: [ops]\n    targets:\n"                        \
    "      - {name: a, url: 'tcp://127.0.0.1:1', labels: {env: prod}}\n"               \
    "      - {name: 订单服务, url: 'tcp://127.0.0.1:2'}\n"

static void start(struct service *s)
{
    memset(s, 0, sizeof(*s));
    bed_init(&s->bed);
    bed_config(&s->bed,
               "server: {anonymous: admin, public_url: 'https://belfry.example.com/x'}\n" GROUPS);
    service_open(s);
}

/* What the core itself has of a target's or channel's secrets. */
struct kept {
    struct service *service;
    char kind; /* 't', 'c' */
    uint64_t id;
    const char *text;
    bool found;
};

static void kept_on_loop(void *arg)
{
    struct kept *w = arg;
    struct core *c = w->service->bed.core;
    struct core_target t;
    const struct channel *ch = w->kind == 'c' ? core_channel_get(c, w->id) : NULL;
    if (w->kind == 't' && core_target_get(c, w->id, &t))
        w->found = strstr(t.target->config_json, w->text);
    else if (ch)
        w->found = strstr(ch->webhook_url, w->text) || strstr(ch->config_json, w->text);
}

static bool keeps(struct service *s, char kind, uint64_t id, const char *text)
{
    struct kept w = {.service = s, .kind = kind, .id = id, .text = text};
    loop_call(s->bed.loop, kept_on_loop, &w);
    return w.found;
}

static void routing(void **state)
{
    static const struct {
        const char *method, *path;
        int status;
        const char *allow;
    } cases[] = {
        {"GET", "/api/v1/targets", 200, NULL},
        {"HEAD", "/api/v1/targets", 200, NULL},
        {"GET", "/api/v1/targets/1", 200, NULL},
        {"GET", "/api/v1/targets/99", 404, NULL},
        {"GET", "/api/v1/targets/0", 404, NULL},
        {"PUT", "/api/v1/targets/0", 404, NULL},
        {"GET", "/api/v1/targets/99999999999999999999", 404, NULL},
        {"GET", "/api/v1/targets/-1", 404, NULL},
        {"GET", "/api/v1/targets/x", 404, NULL},
        {"GET", "/api/v1/targets/1/nothing", 404, NULL},
        {"GET", "/api/v1/alerts/0", 404, NULL},
        {"POST", "/api/v1/channels/0/test", 404, NULL},
        {"GET", "/api/v1/nothing", 404, NULL},
        {"DELETE", "/api/v1/targets", 405, "GET, POST"},
        {"OPTIONS", "/api/v1/targets/1", 405, "GET, PUT, PATCH, DELETE"},
        {"GET", "/api/v1/targets/1/check", 405, "POST"},
        {"GET", "/-/reload", 405, "POST"},
        {"BREW", "/api/v1/groups", 405, "GET"},
        {"GET", "/-/healthy", 200, NULL},
        {"GET", "/-/ready", 200, NULL},
        {"GET", "/health/live", 200, NULL},
        {"GET", "/health/ready", 200, NULL},
        {"GET", "/health", 200, NULL},
        {"GET", "/api/v1/probers", 200, NULL},
        {"GET", "/api/v1/functions", 200, NULL},
        {"GET", "/api/v1/channels/types", 200, NULL},
        {"GET", "/api/v1/nodes", 200, NULL},
        {"GET", "/api/v1/alerts?status=nonsense", 400, NULL},
        {"GET", "/api/v1/targets?limit=x", 400, NULL},
        {"GET", "/api/v1/targets/1/graph?since=2000-01-01T00:00:00Z&until=2100-01-01T00:00:00Z",
         400, NULL},
        {"GET", "/api/v1/targets/1/graph?since=5&until=4", 400, NULL},
        {"GET", "/api/v1/targets/1/graph", 200, NULL},
        {"GET", "/api/v1/targets/1/results", 200, NULL},
    };
    struct service s;
    start(&s);
    for (size_t i = 0; i < array_len(cases); i++) {
        struct reply r = ask(&s, cases[i].method, cases[i].path, NULL, NULL);
        if (r.status != cases[i].status)
            fail_msg("%s %s: %d %s", cases[i].method, cases[i].path, r.status, r.body);
        const char *allow = strstr(r.head, "Allow: ");
        if (cases[i].allow)
            assert_memory_equal(allow + 7, cases[i].allow, strlen(cases[i].allow));
        else
            assert_null(allow);
        if (r.status >= 400) {
            assert_non_null(strstr(r.head, "application/problem+json"));
            assert_int_equal(num_at(r, "status"), r.status);
            assert_true(*text_at(r, "title") && *text_at(r, "detail"));
        }
        if (strcmp(cases[i].method, "HEAD") == 0)
            assert_string_equal(r.body, "");
    }
    service_close(&s);
}

static void who_may_ask(void **state)
{
    static const struct {
        const char *method, *headers;
        int status;
    } cases[] = {
        {"GET", "Host: localhost:9370\r\n", 200},
        {"GET", "Host: 127.0.0.1\r\n", 200},
        {"GET", "Host: [::1]:9370\r\n", 200},
        {"GET", "Host: belfry.example.com\r\n", 200}, /* public_url */
        {"GET", "Host: Belfry.Example.com:443\r\n", 200},
        {"GET", "Host: belfry.example.com.evil.org\r\n", 403},
        {"GET", "Host: belfry.example\r\n", 403},
        {"GET", "Host: evil.org\r\n", 403}, /* DNS rebinding */
        {"GET", "Host: \r\n", 403},
        {"GET", "Host: localhost\r\nOrigin: http://evil.org\r\n",
         200}, /* the browser keeps the answer */
        {"PATCH", "Host: localhost\r\nContent-Type: application/json\r\n", 200},
        {"PATCH",
         "Host: localhost\r\nOrigin: http://localhost\r\nContent-Type: application/json\r\n", 200},
        {"PATCH",
         "Host: localhost\r\nOrigin: http://evil.org\r\nContent-Type: application/json\r\n", 403},
        {"PATCH", "Host: localhost\r\nOrigin: null\r\nContent-Type: application/json\r\n", 403},
        {"PATCH",
         "Host: localhost\r\nSec-Fetch-Site: cross-site\r\nContent-Type: application/json\r\n",
         403},
        {"PATCH",
         "Host: localhost\r\nSec-Fetch-Site: same-origin\r\nContent-Type: application/json\r\n",
         200},
        {"PATCH", "Host: localhost\r\nContent-Type: text/plain\r\n", 415},
        {"PATCH", "Host: localhost\r\nContent-Type: application/jsonp\r\n", 415},
        {"PATCH", "Host: localhost\r\nContent-Type: application/json; charset=utf-8\r\n", 200},
        {"PATCH", "Host: localhost\r\nContent-Type: application/merge-patch+json\r\n", 200},
    };
    struct service s;
    start(&s);
    for (size_t i = 0; i < array_len(cases); i++) {
        bool change = strcmp(cases[i].method, "PATCH") == 0;
        struct reply r = ask(&s, cases[i].method, "/api/v1/targets/1", cases[i].headers,
                             change ? "{\"enabled\":true}" : NULL);
        if (r.status != cases[i].status)
            fail_msg("%s with %s: %d %s", cases[i].method, cases[i].headers, r.status, r.body);
    }
    service_close(&s);
}

static void problems_name_the_field(void **state)
{
    static const struct {
        const char *body;
        int status;
        const char *field, *message;
    } cases[] = {
        {"{", 400, NULL, NULL},
        {"[]", 400, NULL, NULL},
        {"{\"a\":1,\"a\":2}", 400, NULL, NULL},
        {"", 422, "name", NULL},
        {"{\"name\":\"x\"}", 422, "type", "neither type nor url"},
        {"{\"name\":\"x\",\"url\":\"tcp://h:1\",\"intervall_seconds\":3}", 422, "intervall_seconds",
         "interval_seconds"},
        {"{\"name\":\"x\",\"url\":\"tpc://h:1\"}", 422, "url", "tpc"},
        {"{\"name\":\"x\",\"type\":\"tcp\",\"config\":{\"host\":\"h\",\"port\":70000}}", 422,
         "config.port", "65535"},
        {"{\"name\":\"x\",\"type\":\"tcp\",\"config\":[]}", 422, "config", "object"},
        {"{\"name\":\"x\",\"url\":\"tcp://h:1\",\"timeout_seconds\":50}", 422, "timeout_seconds",
         "at most the interval"},
        {"{\"name\":\"x\",\"url\":\"tcp://h:1\",\"interval_seconds\":1e300}", 422,
         "interval_seconds", NULL},
        {"{\"name\":\"x\",\"url\":\"tcp://h:1\",\"notify_channel_ids\":[77]}", 422,
         "notify_channel_ids", "77"},
        {"{\"name\":\"x\",\"url\":\"tcp://h:1\",\"notify_channel_ids\":7}", 422,
         "notify_channel_ids", "list"},
        {"{\"name\":\"x\",\"url\":\"tcp://h:1\",\"depends_on\":[\"a\"]}", 422, "depends_on",
         "list"},
        {"{\"name\":\"x\",\"url\":\"tcp://h:1\",\"labels\":{\"a-b\":\"c\"}}", 422, "labels", "a-b"},
        {"{\"name\":\"x\\ny\",\"url\":\"tcp://h:1\"}", 422, "name", NULL},
        {"{\"name\":\"x\",\"group\":\"a\\tb\",\"url\":\"tcp://h:1\"}", 422, "group", "control"},
        {"{\"name\":\"a\",\"group\":\"g\",\"url\":\"tcp://h:1\"}", 409, NULL, NULL},
    };
    struct service s;
    start(&s);
    for (size_t i = 0; i < array_len(cases); i++) {
        struct reply r = ask(&s, "POST", "/api/v1/targets", NULL, cases[i].body);
        if (r.status != cases[i].status || !r.json)
            fail_msg("%s: %d %s", cases[i].body, r.status, r.body);
        if (cases[i].field)
            assert_string_equal(text_at(r, "errors.0.field"), cases[i].field);
        if (cases[i].message && !strstr(text_at(r, "errors.0.message"), cases[i].message))
            fail_msg("%s: %s", cases[i].body, r.body);
    }
    service_close(&s);
}

static void a_target_lives(void **state)
{
    struct service s;
    char path[100];
    start(&s);
    struct reply r = ask(
        &s, "POST", "/api/v1/targets", NULL,
        "{\"name\":\"网站\",\"group\":\"web\",\"url\":\"http://127.0.0.1:1/\",\"type\":\"http\","
        "\"config\":{\"username\":\"u\",\"password\":\"geheim\"},\"labels\":{\"a\":\"1\",\"b\":\"2\"},"
        "\"notify_channel_ids\":[1,1],\"interval_seconds\":15}");
    if (r.status != 201)
        fail_msg("%d %s", r.status, r.body);
    int64_t id = num_at(r, "id");
    snprintf(path, sizeof(path), "/api/v1/targets/%lld", (long long)id);
    assert_non_null(strstr(r.head, path)); /* Location */
    assert_null(strstr(r.body, "geheim"));
    assert_string_equal(text_at(r, "config.password"), "********");
    assert_int_equal(at(r.json, "notify_channel_ids")->count, 1);
    assert_string_equal(text_at(r, "source"), "api");

    /* PATCH merges; what only the server sets is ignored; a mask keeps the secret, null means the default. */
    r = ask(
        &s, "PATCH", path, NULL,
        "{\"interval_seconds\":null,\"status\":\"healthy\",\"id\":77,\"labels\":{\"b\":null,\"c\":\"3\"},"
        "\"config\":{\"password\":\"********\",\"method\":\"HEAD\"}}");
    if (r.status != 200)
        fail_msg("%d %s", r.status, r.body);
    assert_int_equal(num_at(r, "id"), id);
    assert_int_equal(num_at(r, "interval_seconds"), 30);
    assert_string_equal(text_at(r, "config.method"), "HEAD");
    assert_string_equal(text_at(r, "config.username"), "u");
    assert_string_equal(text_at(r, "status"), "unknown");
    assert_string_equal(text_at(r, "labels.a"), "1");
    assert_string_equal(text_at(r, "labels.c"), "3");
    assert_null(at(r.json, "labels.b"));
    assert_true(keeps(&s, 't', (uint64_t)num_at(r, "id"), "geheim"));
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM targets WHERE config LIKE '%geheim%'"),
                     0); /* sealed there */

    /* The whole answer sent back changes nothing. */
    struct reply same = ask(&s, "PUT", path, NULL, r.body);
    if (same.status != 200)
        fail_msg("%d %s", same.status, same.body);
    assert_true(keeps(&s, 't', (uint64_t)num_at(r, "id"), "geheim"));
    assert_int_equal(bed_sql(&s.bed, "SELECT count(*) FROM targets WHERE config LIKE '%geheim%'"),
                     0); /* sealed there */

    /* Another type: the old one's fields do not stand in the way. */
    r = ask(&s, "PATCH", path, NULL, "{\"type\":\"tcp\",\"config\":{\"host\":\"h\",\"port\":1}}");
    assert_int_equal(r.status, 200);
    r = ask(&s, "PATCH", path, NULL, "{\"url\":\"http://127.0.0.1:2/x\"}");
    assert_int_equal(r.status, 200);
    assert_string_equal(text_at(r, "type"), "http");

    r = ask(&s, "PATCH", path, NULL, "{\"enabled\":false}");
    assert_string_equal(text_at(r, "status"), "disabled");
    r = ask(&s, "POST", arena_printf(s.arena, "%s/check", path), NULL, NULL);
    assert_int_equal(r.status, 409);
    assert_int_equal(ask(&s, "DELETE", path, NULL, NULL).status, 204);
    assert_int_equal(ask(&s, "DELETE", path, NULL, NULL).status, 404);
    service_close(&s);
}

static void what_the_file_owns(void **state)
{
    struct service s;
    start(&s);
    assert_int_equal(ask(&s, "PATCH", "/api/v1/targets/1", NULL, "{\"threshold\":9}").status, 409);
    assert_int_equal(ask(&s, "DELETE", "/api/v1/targets/1", NULL, NULL).status, 409);
    assert_int_equal(ask(&s, "PATCH", "/api/v1/targets/1", NULL, "{\"enabled\":false}").status,
                     200);
    assert_int_equal(ask(&s, "DELETE", "/api/v1/channels/1", NULL, NULL).status, 409);
    assert_int_equal(ask(&s, "PATCH", "/api/v1/channels/1", NULL, "{\"enabled\":false}").status,
                     200);
    service_close(&s);
}

static void lists(void **state)
{
    struct service s;
    start(&s);
    for (int i = 0; i < 5; i++)
        assert_int_equal(
            ask(&s, "POST", "/api/v1/targets", NULL,
                arena_printf(s.arena, "{\"name\":\"n%d\",\"url\":\"tcp://h:%d\"}", i, i + 1))
                .status,
            201);
    struct reply r = get(&s, "/api/v1/targets?limit=3");
    assert_int_equal(num_at(r, "total"), 7);
    assert_int_equal(at(r.json, "items")->count, 3);
    int seen = 3;
    while (at(r.json, "next")->kind == NODE_TEXT) {
        r = get(&s, arena_printf(s.arena, "/api/v1/targets?limit=3&cursor=%s", text_at(r, "next")));
        seen += (int)at(r.json, "items")->count;
    }
    assert_int_equal(seen, 7);
    static const struct {
        const char *query;
        int total;
    } cases[] = {
        {"group=g", 2},
        {"group=default", 5},
        {"type=tcp", 7},
        {"type=http", 0},
        {"source=file", 2},
        {"source=api", 5},
        {"label=env=prod", 1},
        {"label=env", 1},
        {"label=env=dev", 0},
        {"q=N3", 1},
        {"q=%E8%AE%A2%E5%8D%95", 1},
        {"status=unknown", 7},
        {"status=unhealthy", 0},
        {"enabled=true", 7},
        {"enabled=false", 0},
        {"limit=0", 7},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        r = get(&s, arena_printf(s.arena, "/api/v1/targets?%s", cases[i].query));
        if (r.status != 200 || num_at(r, "total") != cases[i].total)
            fail_msg("%s: %s", cases[i].query, r.body);
    }
    for (int i = 0; i < 5; i++)
        service_result(&s, "a", i % 2 == 0);
    r = get(&s, "/api/v1/targets/1/results?limit=2");
    assert_int_equal(at(r.json, "items")->count, 2);
    struct reply older =
        get(&s, arena_printf(s.arena, "/api/v1/targets/1/results?cursor=%s", text_at(r, "next")));
    assert_int_equal(at(older.json, "items")->count, 3);
    r = get(&s, "/api/v1/targets?recent=3&group=g");
    assert_int_equal(at(r.json, "recent.1")->count, 3);
    r = get(&s, "/api/v1/groups");
    assert_int_equal(num_at(r, "total"), 2);
    service_close(&s);
}

static void channels(void **state)
{
    struct service s;
    start(&s);
    struct reply r = ask(&s, "POST", "/api/v1/channels", NULL,
                         "{\"name\":\"企业微信\",\"type\":\"wecom\",\"webhook_url\":"
                         "\"https://qyapi.weixin.qq.com/cgi-bin/webhook/send?key=geheim\"}");
    if (r.status != 201)
        fail_msg("%s", r.body);
    assert_null(strstr(r.body, "geheim"));
    const char *path = arena_printf(s.arena, "/api/v1/channels/%lld", (long long)num_at(r, "id"));
    r = ask(&s, "PATCH", path, NULL,
            "{\"mention_all\":true,\"webhook_url\":\"********\",\"pending\":9}");
    assert_int_equal(r.status, 200);
    assert_true(at(r.json, "mention_all")->flag);
    assert_true(keeps(&s, 'c', (uint64_t)num_at(r, "id"), "geheim"));
    assert_int_equal(
        bed_sql(&s.bed, "SELECT count(*) FROM notify_channels WHERE webhook_url LIKE '%geheim'"),
        0); /* sealed there */
    assert_int_equal(ask(&s, "PUT", path, NULL, r.body).status, 200);
    r = ask(&s, "PATCH", path, NULL, "{\"typ\":\"slack\"}");
    assert_int_equal(r.status, 422);
    assert_non_null(strstr(text_at(r, "errors.0.message"), "type"));
    r = get(&s, arena_printf(s.arena, "%s/preview", path));
    assert_true(*text_at(r, "payload"));
    assert_int_equal(ask(&s, "POST", "/api/v1/channels", NULL,
                         "{\"name\":\"ops\",\"type\":\"webhook\",\"webhook_url\":\"http://h/\"}")
                         .status,
                     409);
    assert_int_equal(
        ask(&s, "POST", "/api/v1/channels", NULL, "{\"name\":\"x\",\"type\":\"pigeon\"}").status,
        422);
    assert_int_equal(ask(&s, "POST", "/api/v1/channels", NULL,
                         "{\"name\":\"x\",\"type\":\"wecom\",\"config\":7}")
                         .status,
                     422);

    /* A target that named it can still be changed when it is gone. */
    r = ask(&s, "POST", "/api/v1/targets", NULL,
            arena_printf(s.arena,
                         "{\"name\":\"t\",\"url\":\"tcp://h:1\",\"notify_channel_ids\":[%s]}",
                         strrchr(path, '/') + 1));
    assert_int_equal(r.status, 201);
    const char *target = arena_printf(s.arena, "/api/v1/targets/%lld", (long long)num_at(r, "id"));
    assert_int_equal(ask(&s, "DELETE", path, NULL, NULL).status, 204);
    r = ask(&s, "PATCH", target, NULL, "{\"threshold\":5}");
    if (r.status != 200)
        fail_msg("%s", r.body);
    assert_int_equal(at(r.json, "notify_channel_ids")->count, 0);
    service_close(&s);
}

static void maintenances_and_alerts(void **state)
{
    struct service s;
    start(&s);
    for (int i = 0; i < 3; i++)
        service_result(&s, "a", false);
    struct reply r = get(&s, "/api/v1/alerts?status=firing");
    assert_int_equal(num_at(r, "total"), 1);
    assert_string_equal(text_at(r, "items.0.notified.0.channel"), "ops");
    r = get(&s, arena_printf(s.arena, "/api/v1/alerts/%lld", (long long)num_at(r, "items.0.id")));
    assert_string_equal(text_at(r, "target_name"), "a");
    assert_int_equal(ask(&s, "POST", "/api/v1/maintenances", NULL, "{\"title\":\"x\"}").status,
                     422);
    r = ask(&s, "POST", "/api/v1/maintenances", NULL,
            "{\"title\":\"升级\",\"groups\":[\"g\"],\"ends_at\":\"nonsense\"}");
    assert_int_equal(r.status, 422);
    assert_string_equal(text_at(r, "errors.0.field"), "ends_at");
    r = ask(&s, "POST", "/api/v1/maintenances", NULL, "{\"title\":\"升级\",\"target_ids\":[1]}");
    assert_int_equal(r.status, 201);
    const char *path =
        arena_printf(s.arena, "/api/v1/maintenances/%lld", (long long)num_at(r, "id"));
    r = ask(&s, "PATCH", path, NULL, "{\"ends_at\":\"2001-01-01T00:00:00Z\"}");
    assert_int_equal(r.status, 422); /* before it began */
    r = ask(&s, "PATCH", path, NULL, "{\"groups\":[\"g\"]}");
    assert_int_equal(r.status, 200);
    assert_string_equal(text_at(r, "title"), "升级");
    assert_int_equal(ask(&s, "DELETE", path, NULL, NULL).status, 204);
    service_close(&s);
}

/* Bodies that once could bring the core down must only be refused. */
static void large_and_strange_bodies(void **state)
{
    struct service s;
    start(&s);
    struct buf body = BUF_INIT(1 << 20);
    buf_puts(
        &body,
        "{\"name\":\"x\",\"type\":\"http\",\"config\":{\"url\":\"http://h/\",\"expect\":{\"status\":[200");
    for (int i = 0; i < 14000; i++)
        buf_puts(&body, ",200");
    buf_puts(&body, "]}}}");
    struct reply r =
        ask(&s, "POST", "/api/v1/targets", NULL, arena_strndup(s.arena, body.data, body.len));
    assert_true(r.status == 201 || r.status == 413 || r.status == 422);
    buf_clear(&body);
    buf_puts(&body, "{\"name\":\"x\",\"url\":\"tcp://h:1\",\"notify_channel_ids\":[1");
    for (int i = 0; i < 50000; i++)
        buf_printf(&body, ",%d", i + 2);
    buf_puts(&body, "]}");
    r = ask(&s, "POST", "/api/v1/targets", NULL, arena_strndup(s.arena, body.data, body.len));
    assert_int_equal(r.status, 422);
    buf_clear(&body);
    for (int i = 0; i < 5000; i++)
        buf_puts(&body, "[");
    r = ask(&s, "POST", "/api/v1/targets", NULL, arena_strndup(s.arena, body.data, body.len));
    assert_int_equal(r.status, 400);
    r = ask(&s, "POST", "/api/v1/targets/try", NULL,
            "{\"url\":\"tcp://127.0.0.1:1\",\"timeout_seconds\":5000}");
    assert_int_equal(r.status, 422);
    r = ask(&s, "POST", "/api/v1/targets/try", NULL, "{\"url\":\"tcp://127.0.0.1:1\"}");
    assert_int_equal(r.status, 503); /* no watcher */
    assert_int_equal(get(&s, "/health/live").status, 200);
    buf_done(&body);
    service_close(&s);
}

static bool in_document(const struct node *paths, const struct route *route)
{
    char method[8] = "";
    if (!route->tag)
        return false;
    for (size_t i = 0; route->method[i]; i++)
        method[i] = (char)(route->method[i] | 0x20);
    const struct node *path = node_get(paths, route->pattern);
    if (!path || !node_get(path, method))
        fail_msg("%s %s is not in the document", route->method, route->pattern);
    return true;
}

static void openapi(void **state)
{
    struct service s;
    start(&s);
    struct reply r = get(&s, "/api/v1/openapi.json");
    assert_int_equal(r.status, 200);
    assert_string_equal(text_at(r, "openapi"), "3.1.0");
    assert_non_null(at(r.json, "components.schemas.Problem.properties.errors"));
    const struct node *paths = node_get(r.json, "paths");
    const char *ids[200];
    size_t n = 0, routes = 0;
    for (const struct node *p = paths->first; p; p = p->next)
        for (const struct node *op = p->first; op; op = op->next) {
            const struct node *id = node_get(op, "operationId");
            assert_non_null(id);
            for (size_t i = 0; i < n; i++)
                assert_string_not_equal(ids[i], id->text.p);
            ids[n++] = id->text.p;
            assert_non_null(at(op, "responses.default"));
            bool has_id = strchr(p->key.p, '{') != NULL, told = false;
            for (const struct node *a = node_get(op, "parameters")->first; a; a = a->next)
                told = told || strcmp(node_get(a, "in")->text.p, "path") == 0;
            assert_int_equal(has_id, told);
        }
    for (size_t t = 0; api_tables[t]; t++)
        for (const struct route *route = api_tables[t]; route->method; route++)
            routes += in_document(paths, route);
    assert_int_equal(routes, n);
    service_close(&s);
}

static atomic_bool enough;

static void *ask_much(void *arg)
{
    struct service *s = arg, own = *s;
    static const char *const paths[] = {"/api/v1/targets", "/metrics", "/health", "/api/v1/alerts",
                                        "/api/v1/targets/1/results"};
    for (size_t i = 0; !enough; i++) {
        own.arena = arena_new();
        ask(&own, "GET", paths[i % array_len(paths)], "Host: belfry.example.com\r\n", NULL);
        arena_free(own.arena);
    }
    return NULL;
}

/* Readers on several threads, a reload storm, changes and results at once (TSan looks on). */
static void many_at_once(void **state)
{
    struct service s;
    pthread_t readers[3];
    start(&s);
    enough = false;
    for (size_t i = 0; i < array_len(readers); i++)
        pthread_create(&readers[i], NULL, ask_much, &s);
    for (int i = 0; i < 15; i++) {
        assert_int_equal(ask(&s, "POST", "/-/reload", NULL, NULL).status, 200);
        service_result(&s, "a", i % 3 == 0);
        struct reply r =
            ask(&s, "POST", "/api/v1/targets", NULL, "{\"name\":\"t\",\"url\":\"tcp://h:1\"}");
        assert_int_equal(r.status, 201);
        const char *path =
            arena_printf(s.arena, "/api/v1/targets/%lld", (long long)num_at(r, "id"));
        assert_int_equal(ask(&s, "DELETE", path, NULL, NULL).status, 204);
    }
    enough = true;
    for (size_t i = 0; i < array_len(readers); i++)
        pthread_join(readers[i], NULL);
    service_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(routing),
        cmocka_unit_test(who_may_ask),
        cmocka_unit_test(problems_name_the_field),
        cmocka_unit_test(a_target_lives),
        cmocka_unit_test(what_the_file_owns),
        cmocka_unit_test(lists),
        cmocka_unit_test(channels),
        cmocka_unit_test(maintenances_and_alerts),
        cmocka_unit_test(large_and_strange_bodies),
        cmocka_unit_test(openapi),
        cmocka_unit_test(many_at_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
