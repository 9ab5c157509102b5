/* http: phases, expectations and redirects against a small server, and targets that misbehave. */
#include "probe_unit.h"

#include <math.h>

#include "../io/tls_unit.h"
#include "probe/common.h"

/* What the server does is told by the path. */
static void send_all(int fd, const void *p, size_t n)
{
    for (const char *c = p; n > 0;) {
        ssize_t put = send(fd, c, n, MSG_NOSIGNAL);
        if (put <= 0)
            return;
        c += put;
        n -= (size_t)put;
    }
}

static void endless(int fd, const char *piece)
{
    char many[8192];
    size_t n = strlen(piece), k = 0;
    while (k + n < sizeof(many)) {
        memcpy(many + k, piece, n);
        k += n;
    }
    for (int64_t end = in_ms(3000); clock_mono_ns() < end;)
        if (send(fd, many, k, MSG_NOSIGNAL) <= 0)
            return;
}

static void drip(int fd, const char *text)
{
    for (; *text; text++) {
        if (send(fd, text, 1, MSG_NOSIGNAL) != 1)
            return;
        usleep(100000);
    }
}

/* 64 MiB of zeros, packed. */
static void bomb(int fd)
{
    static char packed[128 * 1024];
    FILE *f = popen("head -c 67108864 /dev/zero | gzip -9", "r");
    size_t n = fread(packed, 1, sizeof(packed), f);
    char head[200];
    pclose(f);
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    send_text(fd, head);
    send_all(fd, packed, n);
}

static void serve(int fd, void *arg)
{
    char req[4096], path[100] = "";
    read_until(fd, req, sizeof(req), "\r\n\r\n");
    sscanf(req, "%*s %99s", path);
    if (strcmp(path, "/ok") == 0)
        send_text(fd,
                  "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n"
                  "{\"state\":\"up\",\"load\":[1,2]}");
    else if (strcmp(path, "/echo") == 0) {
        char head[100];
        snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %zu\r\n\r\n", strlen(req));
        send_text(fd, head);
        send_text(fd, req);
    } else if (strcmp(path, "/redirect") == 0)
        send_text(fd, "HTTP/1.1 302 Found\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(path, "/circle") == 0)
        send_text(fd, "HTTP/1.1 302 Found\r\nLocation: /circle\r\nContent-Length: 0\r\n\r\n");
    else if (strcmp(path, "/502") == 0)
        send_text(fd, "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 3\r\n\r\nbad");
    else if (strcmp(path, "/slow") == 0) {
        usleep(150000);
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    } else if (strcmp(path, "/endless-body") == 0) {
        send_text(fd, "HTTP/1.1 200 OK\r\n\r\n");
        endless(fd, "all work and no play\n");
    } else if (strcmp(path, "/endless-header") == 0) {
        send_text(fd, "HTTP/1.1 200 OK\r\n");
        endless(fd, "X-Filler: aaaaaaaaaaaaaaaaaaaa\r\n");
    } else if (strcmp(path, "/endless-line") == 0)
        endless(fd, "H");
    else if (strcmp(path, "/endless-chunks") == 0) {
        send_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
        endless(fd, "5\r\nhello\r\n");
    } else if (strcmp(path, "/endless-1xx") == 0)
        endless(fd, "HTTP/1.1 103 Early Hints\r\n\r\n");
    else if (strcmp(path, "/drip-header") == 0)
        drip(fd, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    else if (strcmp(path, "/drip-body") == 0) {
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n");
        drip(fd, "oooooooooooooooooooooooooooooooooooooooooooo");
    } else if (strcmp(path, "/reset") == 0) {
        struct linger now = {.l_onoff = 1};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
    } else if (strcmp(path, "/garbage") == 0)
        send_all(fd, "\x16\x03\x01\x00\xff\xfe\x00\x01garbage\r\n\r\n", 19);
    else if (strcmp(path, "/short") == 0)
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nonly this");
    else if (strcmp(path, "/bomb") == 0)
        bomb(fd);
    else if (strcmp(path, "/silent") == 0)
        usleep(600000);
    else if (strcmp(path, "/latin") == 0)
        send_text(fd, "HTTP/1.1 500 \xff\xfe\r\nContent-Length: 4\r\n\r\n\xff\xfe\x80\x81");
}

static struct test_server server;

static struct result *get(struct probed *p, const char *path, const char *more)
{
    return probed_run(p, "http", "{'url': 'http://127.0.0.1:%u%s'%s%s}", server.port, path,
                      *more ? ", " : "", more);
}

static void test_good(void **state)
{
    static const char *const phases[] = {"resolve", "connect", "tls", "processing", "transfer"};
    struct probed p = {0};
    struct result *r = get(&p, "/ok", "");
    if (!r->success)
        fail_msg("%s", r->message);
    assert_string_equal(r->message, "HTTP 200");
    assert_string_equal(r->address, "127.0.0.1");
    assert_true(r->latency_us > 0);
    double sum = 0;
    for (size_t i = 0; i < array_len(phases); i++) {
        double v = metric_of(r, "probe_http_duration_seconds", phases[i]);
        assert_true(v >= 0);
        sum += v;
    }
    assert_true(sum * 1e6 <= (double)r->latency_us * 1.05 + 50);
    assert_true(metric_of(r, "probe_http_status_code", NULL) == 200);
    assert_true(metric_of(r, "probe_http_version", NULL) == 1.1);
    assert_true(metric_of(r, "probe_http_content_length", NULL) == 27);
    assert_true(metric_of(r, "probe_http_uncompressed_body_length", NULL) == 27);
    assert_true(metric_of(r, "probe_http_redirects", NULL) == 0);
    assert_true(metric_of(r, "probe_http_ssl", NULL) == 0);
    assert_true(metric_of(r, "probe_failed_due_to_regex", NULL) == 0);
    assert_true(isnan(metric_of(r, "probe_ssl_earliest_cert_expiry", NULL)));
    probed_done(&p);
}

static void test_judged(void **state)
{
    static const struct {
        const char *path, *more, *message;
        bool success;
    } cases[] = {
        {"/ok", "'expect': {'body_contains': ['state']}", "HTTP 200", true},
        {"/ok", "'expect': {'body_contains': ['absent']}", "does not contain", false},
        {"/ok", "'expect': {'body_not_matches': ['state']}", "which it must not", false},
        {"/ok", "'expect': {'headers': {'Content-Type': 'json'}}", "HTTP 200", true},
        {"/ok", "'expect': {'headers': {'X-Not': ''}}", "X-Not is missing", false},
        {"/ok", "'expect': {'json': [{'path': '$.load[1]', 'op': '<=', 'value': '2'}]}", "HTTP",
         true},
        {"/ok", "'expect': {'json': [{'path': '$.state', 'value': 'down'}]}", "got up", false},
        {"/ok", "'expect': {'status': [204]}", "HTTP status 200; want 204", false},
        {"/502", "", "HTTP status 502; want 200-299", false},
        {"/502", "'expect': {'status': ['5xx']}", "HTTP 502", true},
        {"/latin", "", "HTTP status 500", false},
        {"/redirect", "", "HTTP 200", true},
        {"/redirect", "'follow_redirects': false", "HTTP status 302", false},
        {"/redirect", "'max_redirects': 0", "HTTP status 302", false},
        {"/circle", "", "redirect", false},
        {"/echo",
         "'method': 'POST', 'body': 'hi\\r\\n\\r\\n', 'expect': {'body_contains': 'POST /echo'}",
         "", true},
        {"/echo", "'headers': {'X-Key': 'v1'}, 'expect': {'body_contains': 'X-Key: v1'}", "", true},
        {"/echo", "'bearer': 't0k', 'expect': {'body_contains': 'Bearer t0k'}", "", true},
        {"/echo", "'username': 'u', 'password': 'p', 'expect': {'body_contains': 'Basic dTpw'}", "",
         true},
        {"/slow", "'expect': {'max_latency': '50ms', 'max_latency_action': 'fail'}", "slow: took ",
         false},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct probed p = {0};
        struct result *r = get(&p, cases[i].path, cases[i].more);
        if (r->success != cases[i].success)
            fail_msg("%s %s: %s", cases[i].path, cases[i].more, r->message);
        assert_contains(r->message, cases[i].message);
        probed_done(&p);
    }
}

static void test_degraded(void **state)
{
    struct probed p = {0};
    struct result *r = get(&p, "/slow", "'expect': {'max_latency': '50ms'}");
    assert_true(r->success && result_degraded(r));
    assert_contains(r->warnings[0], "slow: took ");
    assert_true(metric_of(r, "probe_http_duration_seconds", "processing") > 0.1);
    probed_done(&p);
}

/* Whatever the target does, the probe ends in time with a word on it, and memory stays small. */
static void test_hostile(void **state)
{
    static const struct {
        const char *path, *more, *message;
        bool success;
    } cases[] = {
        {"/endless-body", "", "HTTP 200", true}, /* the first megabyte is judged */
        {"/endless-body", "'expect': {'body_contains': 'tired'}", "does not contain", false},
        {"/endless-chunks", "'max_body': 100000", "HTTP 200", true},
        {"/endless-header", "", "", false},
        {"/endless-line", "", "", false},
        {"/endless-1xx", "", "", false},
        {"/drip-header", "", "127.0.0.1", false},
        {"/drip-body", "", "127.0.0.1", false},
        {"/reset", "", "127.0.0.1", false},
        {"/garbage", "", "", false},
        {"/short", "", "", false},
        {"/silent", "", "127.0.0.1", false},
        {"/bomb", "'compression': true", "HTTP 200", true},
        {"/bomb", "'compression': true, 'max_body': 67108864", "HTTP 200", true},
        {"/nothing", "", "", false}, /* closes without a word */
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        bool packs = strcmp(cases[i].path, "/bomb") == 0; /* takes its time */
        struct probed p = {.limits.timeout_ms = packs ? 10000 : 500};
        int64_t start = clock_mono_ns();
        struct result *r = get(&p, cases[i].path, cases[i].more);
        if (!packs && clock_mono_ns() - start > MS(1500))
            fail_msg("%s took %lld ms", cases[i].path,
                     (long long)(clock_mono_ns() - start) / 1000000);
        if (r->success != cases[i].success)
            fail_msg("%s: %s", cases[i].path, r->message);
        assert_contains(r->message, cases[i].message);
        probed_done(&p);
    }
}

static void answer_tls(SSL *ssl, void *arg)
{
    static const char text[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
    char req[2048];
    if (SSL_read(ssl, req, sizeof(req)) > 0)
        SSL_write(ssl, text, sizeof(text) - 1);
}

static void test_tls(void **state)
{
    static const struct {
        const char *more, *message;
        bool old, success;
    } cases[] = {
        {"'tls': {'ca_file': '%s'}", "HTTP 200", false, true},
        {"'tls': {'verify': false}", "HTTP 200", false, true},
        {"'tls': {'verify': true}", "certificate", false, false},
        {"'tls': {'ca_file': '%s'}", "expired", true, false},
        {"'tls': {'ca_file': '%s', 'server_name': 'other.example'}", "other.example", false, false},
        {"'tls': {'ca_file': '%s', 'server_name': 'www.belfry.test'}", "HTTP 200", false, true},
    };
    struct test_ca ca;
    ca_make(&ca);
    for (size_t i = 0; i < array_len(cases); i++) {
        struct tls_server s;
        struct probed p = {0};
        char more[300], config[500];
        tls_server_start(&s, cases[i].old ? ca.old : ca.cert, ca.key, NULL, answer_tls, NULL);
        snprintf(more, sizeof(more), strstr(cases[i].more, "%s") ? cases[i].more : "%s", ca.ca);
        snprintf(config, sizeof(config), "{'url': 'https://127.0.0.1:%u/', 'http2': false, %s}",
                 s.tcp.port, strstr(cases[i].more, "%s") ? more : cases[i].more);
        struct result *r = probed_run(&p, "http", "%s", config);
        if (r->success != cases[i].success)
            fail_msg("case %zu: %s", i, r->message);
        assert_contains(r->message, cases[i].message);
        assert_false(isnan(metric_of(r, "probe_ssl_earliest_cert_expiry", NULL)));
        if (r->success) {
            assert_true(metric_of(r, "probe_http_ssl", NULL) == 1);
            assert_true(metric_of(r, "probe_http_duration_seconds", "tls") > 0);
            assert_contains(r->warnings[0],
                            "certificate expires in 9 days"); /* 14 days by default */
        }
        probed_done(&p);
        tls_server_stop(&s);
    }
    ca_remove(&ca);
}

/* The chain's text is printed once for many probes; what is said of it goes by each probe's own clock and trust. */
static void test_tls_judged(void **state)
{
    const int64_t day = 86400000, end = INT64_C(1800000000000); /* 2027-01-15 */
    const struct {
        int64_t checked_ms, warning_ms;
        bool verified;
        const char *warning; /* "": none */
    } cases[] = {
        {end - 20 * day, 14 * day, true, ""},
        {end - 14 * day, 14 * day, true, ""},
        {end - 13 * day, 14 * day, true, "certificate expires in 13 days"},
        {end - 1, 14 * day, false, "certificate expires in 0 days"},
        {end + 3 * day, 14 * day, true, "certificate expired 3 days ago"},
        {end + 3 * day, 0, true, ""},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct tls_info info = {.version = "TLS 1.3", .verified = cases[i].verified};
        info.chain = (struct tls_chain){1, "[{\"serial\":\"12\"}]", end};
        struct result r;
        result_init(&r, a);
        r.checked_ms = cases[i].checked_ms;
        result_add_tls(&r, &info, cases[i].warning_ms);
        assert_int_equal(r.n_warnings, cases[i].warning[0] != '\0');
        assert_string_equal(r.n_warnings ? r.warnings[0] : "", cases[i].warning);
        assert_true(metric_of(&r, "probe_ssl_earliest_cert_expiry", NULL) == (double)end / 1000);
        double last = metric_of(&r, "probe_ssl_last_chain_expiry_timestamp_seconds", NULL);
        assert_true((last == (double)end / 1000) == cases[i].verified);
        assert_contains(r.detail_json,
                        cases[i].verified ? "\"tls_verified\":true," : "\"tls_verified\":false,");
        assert_contains(r.detail_json, ",\"certificates\":[{\"serial\":\"12\"}]}");
        arena_free(a);
    }
}

static int start(void **state)
{
    server_start(&server, serve, NULL);
    return 0;
}

static int stop(void **state)
{
    server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_good),     cmocka_unit_test(test_judged),
        cmocka_unit_test(test_degraded), cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_tls),      cmocka_unit_test(test_tls_judged),
    };
    return cmocka_run_group_tests(tests, start, stop);
}
