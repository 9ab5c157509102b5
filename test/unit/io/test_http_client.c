/* The HTTP client against a scripted server, each case through both engines (the lean one, and libcurl
 * by asking for compression): bodies, limits, redirects, authentication, failures, TLS, proxies. */
#include "tls_unit.h"

#include "base/must.h"
#include "base/str.h"
#include "io/http_client.h"

/* --- the server: a request in, what the path says out --- */

struct script {
    char last[8192]; /* the last request's header */
    char body[256];
    uint16_t port;
};

static void chunked_flood(int fd)
{
    char block[4200];
    int n = snprintf(block, sizeof(block), "1000\r\n");
    memset(block + n, 'z', 4096);
    memcpy(block + n + 4096, "\r\n", 2);
    send_text(fd, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (send(fd, block, (size_t)n + 4098, MSG_NOSIGNAL) > 0) { /* without end */
    }
}

static void header_flood(int fd)
{
    send_text(fd, "HTTP/1.1 200 OK\r\n");
    while (send(fd, "X-Filler: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", 54, MSG_NOSIGNAL) >
           0) {
    }
}

/* The header into last, the body (by its Content-Length) into body. */
static void read_request(int fd, struct script *s)
{
    char *end = NULL;
    size_t n = 0, want = 0;
    while (end == NULL || n < (size_t)(end - s->last) + want) {
        ssize_t got = recv(fd, s->last + n, sizeof(s->last) - 1 - n, 0);
        if (got <= 0) {
            return;
        }
        n += (size_t)got;
        s->last[n] = '\0';
        if (end == NULL && (end = strstr(s->last, "\r\n\r\n")) != NULL) {
            const char *length = strstr(s->last, "Content-Length: ");
            end += 4;
            want = length != NULL ? strtoul(length + 16, NULL, 10) : 0;
        }
    }
    snprintf(s->body, sizeof(s->body), "%s", end);
}

static void talk(int fd, void *arg)
{
    static const struct {
        const char *path, *answer;
    } table[] = {
        {"/ok", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-Thing:  a b \r\n\r\nhello"},
        {"/chunked",
         "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"},
        {"/close", "HTTP/1.0 200 OK\r\n\r\nuntil the end"},
        {"/404", "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno"},
        {"/loop", "HTTP/1.1 302 Found\r\nLocation: /loop\r\nContent-Length: 0\r\n\r\n"},
        {"/there", "HTTP/1.1 302 Found\r\nLocation: ok?from=there\r\nContent-Length: 0\r\n\r\n"},
        {"/307", "HTTP/1.1 307 Again\r\nLocation: /ok\r\nContent-Length: 0\r\n\r\n"},
        {"/short", "HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nhello"},
        {"/ssh", "SSH-2.0-OpenSSH_9.2\r\n"},
        {"/nothing", ""},
        {"/bad-redirect",
         "HTTP/1.1 302 Found\r\nLocation: gopher://x/\r\nContent-Length: 0\r\n\r\n"},
        {"/100", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"},
    };
    struct script *s = arg;
    char path[64] = "";
    read_request(fd, s);
    sscanf(s->last, "%*s %60[^ ?]", path);
    for (size_t i = 0; i < array_len(table); i++) {
        if (strcmp(path, table[i].path) == 0) {
            send_text(fd, table[i].answer);
            return;
        }
    }
    if (strcmp(path, "/flood") == 0) {
        chunked_flood(fd);
    } else if (strcmp(path, "/headers") == 0) {
        header_flood(fd);
    } else if (strcmp(path, "/elsewhere") == 0) {
        char text[200];
        snprintf(
            text, sizeof(text),
            "HTTP/1.1 301 Moved\r\nLocation: http://localhost:%u/ok\r\nContent-Length: 0\r\n\r\n",
            s->port);
        send_text(fd, text);
    } else if (strcmp(path, "/slow") == 0) {
        send_text(fd, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nh");
        usleep(200000);
    }
}

/* --- one fetch --- */

struct fetch {
    struct http_request req;
    const char *path;
    bool curl; /* through libcurl */
    int rc;
    struct err err;
    struct http_response resp;
    struct arena *arena;
    struct test_server *srv;
    const char *scheme;
    uint16_t port; /* 0: srv's */
};

static void fetch_on_fiber(void *arg)
{
    struct fetch *f = arg;
    struct resolver *r = resolver_new(fiber_loop(), NULL);
    struct http_client *c = http_client_new(fiber_loop(), r, NULL);
    uint16_t port = f->port ? f->port : f->srv->port;
    if (f->req.url == NULL) {
        f->req.url = arena_printf(f->arena, "%s://127.0.0.1:%u%s", f->scheme ? f->scheme : "http",
                                  port, f->path);
    }
    f->req.accept_compressed = f->curl;
    f->req.max_body = f->req.max_body ? f->req.max_body : 1000;
    f->req.deadline_ns = f->req.deadline_ns ? f->req.deadline_ns : in_ms(5000);
    f->req.connect_deadline_ns = in_ms(2000);
    f->rc = http_fetch(c, &f->req, f->arena, &f->resp, &f->err);
    http_client_free(c);
    resolver_free(r);
}

static void done(struct fetch *f)
{
    http_response_done(&f->resp);
    arena_free(f->arena);
}

static struct script script;
static struct test_server server;

static struct fetch fetch(const char *path, bool curl, struct http_request req)
{
    struct fetch f = {.req = req, .path = path, .curl = curl, .arena = arena_new(), .srv = &server};
    on_fiber(fetch_on_fiber, &f);
    server_sync(&server);
    return f;
}

static const char *body(const struct fetch *f)
{
    return f->resp.body.data != NULL ? f->resp.body.data : "";
}

/* --- cases --- */

static void test_bodies(void **state)
{
    static const struct {
        const char *path, *body;
        int status, version;
    } cases[] = {
        {"/ok", "hello", 200, 11},
        {"/chunked", "abcde", 200, 11},
        {"/close", "until the end", 200, 10},
        {"/404", "no", 404, 11},
        {"/100", "ok", 200, 11},
    };
    for (int engine = 0; engine < 2; engine++) {
        for (size_t i = 0; i < array_len(cases); i++) {
            struct fetch f = fetch(cases[i].path, engine, (struct http_request){0});
            assert_string_equal(f.err.msg, "");
            assert_int_equal(f.rc, 0);
            assert_string_equal(body(&f), cases[i].body);
            assert_int_equal(f.resp.status, cases[i].status);
            assert_int_equal(f.resp.version, cases[i].version);
            assert_int_equal(addr_port(&f.resp.peer), server.port);
            assert_true(f.resp.total_ns > 0 && f.resp.processing_ns > 0);
            assert_true(f.resp.connect_ns + f.resp.processing_ns + f.resp.transfer_ns <=
                        f.resp.total_ns);
            done(&f);
        }
    }
}

static void test_headers(void **state)
{
    static const struct http_header more[] = {{"X-Own", "1"}, {"Host", "shop.example"}};
    for (int engine = 0; engine < 2; engine++) {
        struct fetch f =
            fetch("/ok?a=b#c", engine,
                  (struct http_request){
                      .headers = more, .n_headers = 2, .username = "us:er", .password = "pä"});
        assert_int_equal(f.rc, 0);
        assert_string_equal(http_response_header(&f.resp, "x-thing", f.arena), "a b");
        assert_null(http_response_header(&f.resp, "X-Thin", f.arena));
        assert_int_equal(f.resp.content_length, 5);
        assert_memory_equal(script.last, "GET /ok?a=b HTTP/1.1\r\n", 22);
        assert_non_null(strstr(script.last, "Host: shop.example\r\n"));
        assert_null(strstr(script.last, "127.0.0.1"));
        assert_non_null(strstr(script.last, "X-Own: 1\r\n"));
        assert_non_null(strstr(script.last, "User-Agent: Belfry/"));
        assert_non_null(strstr(script.last, "Connection: close\r\n"));
        assert_non_null(strstr(script.last, "Authorization: Basic dXM6ZXI6cMOk\r\n"));
        done(&f);
    }
    struct http_header evil = {"X", "a\r\nY: b"};
    struct fetch f = fetch("/ok", false, (struct http_request){.headers = &evil, .n_headers = 1});
    assert_int_equal(f.err.code, ERR_INVALID);
    done(&f);
}

static void test_post(void **state)
{
    for (int engine = 0; engine < 2; engine++) {
        struct fetch f =
            fetch("/ok", engine,
                  (struct http_request){.body = "{\"a\":1}", .body_len = 7, .bearer = "token"});
        assert_string_equal(f.err.msg, "");
        assert_int_equal(f.rc, 0);
        assert_memory_equal(script.last, "POST /ok ", 9);
        assert_string_equal(script.body, "{\"a\":1}");
        assert_non_null(strstr(script.last, "Authorization: Bearer token\r\n"));
        assert_null(strstr(script.last, "Expect"));
        done(&f);
        f = fetch("/ok", engine, (struct http_request){.method = "HEAD"});
        assert_int_equal(f.rc, 0);
        assert_string_equal(body(&f), "");
        assert_memory_equal(script.last, "HEAD /ok ", 9);
        done(&f);
        f = fetch("/ok", engine, (struct http_request){.method = "DELETE"});
        assert_int_equal(f.rc, 0);
        assert_memory_equal(script.last, "DELETE /ok ", 11);
        done(&f);
    }
}

static void test_redirects(void **state)
{
    for (int engine = 0; engine < 2; engine++) {
        struct fetch f = fetch("/there", engine, (struct http_request){0});
        assert_int_equal(f.resp.status, 302);
        done(&f);
        f = fetch("/there", engine, (struct http_request){.follow_redirects = true});
        assert_int_equal(f.rc, 0);
        assert_int_equal(f.resp.status, 200);
        assert_int_equal(f.resp.redirects, 1);
        assert_non_null(strstr(f.resp.effective_url, "/ok?from=there"));
        assert_string_equal(body(&f), "hello");
        done(&f);
        f = fetch("/loop", engine,
                  (struct http_request){.follow_redirects = true, .max_redirects = 3});
        assert_int_equal(f.rc, -1);
        assert_non_null(strstr(f.err.msg, "more than 3 redirects"));
        assert_int_equal(f.resp.status, 302);
        done(&f);
        f = fetch("/bad-redirect", engine, (struct http_request){.follow_redirects = true});
        assert_int_equal(f.rc, -1);
        done(&f);
    }
}

static void test_redirected_post(void **state)
{
    for (int engine = 0; engine < 2; engine++) {
        struct http_request post = {.follow_redirects = true, .body = "x=1", .body_len = 3};
        struct fetch f = fetch("/there", engine, post);
        assert_memory_equal(script.last, "GET /ok", 7);
        done(&f);
        f = fetch("/307", engine, post);
        assert_memory_equal(script.last, "POST /ok", 8);
        assert_string_equal(script.body, "x=1");
        done(&f);
    }
}

/* Another host must not see the secrets. */
static void test_redirect_elsewhere(void **state)
{
    static const struct http_header cookie = {"Cookie", "secret"};
    script.port = server.port;
    for (int engine = 0; engine < 2; engine++) {
        struct fetch f = fetch(
            "/elsewhere", engine,
            (struct http_request){
                .follow_redirects = true, .bearer = "token", .headers = &cookie, .n_headers = 1});
        assert_string_equal(f.err.msg, "");
        assert_int_equal(f.resp.status, 200);
        assert_null(strstr(script.last, "token"));
        assert_null(strstr(script.last, "secret"));
        assert_non_null(strstr(script.last, "Host: localhost:"));
        done(&f);
    }
}

static void test_limits(void **state)
{
    for (int engine = 0; engine < 2; engine++) {
        struct fetch f = fetch("/flood", engine, (struct http_request){.max_body = 10000});
        assert_int_equal(f.rc, 0);
        assert_true(f.resp.truncated);
        assert_int_equal(f.resp.body.len, 10000);
        done(&f);
        f = fetch("/flood", engine,
                  (struct http_request){.max_body = 10000, .past_max_is_error = true});
        assert_int_equal(f.rc, -1);
        assert_int_equal(f.err.code, ERR_TOO_LARGE);
        done(&f);
        f = fetch("/headers", engine, (struct http_request){.max_header = 5000});
        assert_int_equal(f.rc, -1);
        assert_int_equal(f.err.code, ERR_TOO_LARGE);
        assert_true(f.resp.headers.len <= 5000);
        done(&f);
        f = fetch("/slow", engine, (struct http_request){.deadline_ns = in_ms(60)});
        assert_int_equal(f.rc, -1);
        assert_int_equal(f.err.code, ERR_TIMEOUT);
        assert_int_equal(f.resp.status, 200);
        assert_string_equal(body(&f), "h");
        done(&f);
    }
}

static void test_failures(void **state)
{
    for (int engine = 0; engine < 2; engine++) {
        struct fetch f = fetch("/short", engine, (struct http_request){0});
        assert_int_equal(f.rc, -1);
        assert_int_equal(f.err.code, ERR_PROTOCOL);
        assert_string_equal(body(&f), "hello");
        done(&f);
        f = fetch("/nothing", engine, (struct http_request){0});
        assert_int_equal(f.err.code, ERR_PROTOCOL);
        assert_non_null(strstr(f.err.msg, "without an answer"));
        done(&f);
        f = fetch("/ssh", engine, (struct http_request){0});
        assert_int_equal(f.rc, -1);
        assert_int_equal(f.err.code, ERR_PROTOCOL);
        done(&f);
        f = fetch("", engine, (struct http_request){.url = "http://127.0.0.1:1/"});
        assert_int_equal(f.rc, -1);
        assert_int_equal(f.err.code, ERR_REFUSED);
        assert_string_equal(f.err.msg, "connection refused by 127.0.0.1:1");
        done(&f);
        f = fetch("", engine, (struct http_request){.url = "ftp://127.0.0.1/"});
        assert_int_equal(f.err.code, ERR_UNSUPPORTED);
        done(&f);
    }
}

struct streamed {
    size_t n;
    int status;
};

static void count(void *arg, int status, const char *p, size_t n)
{
    struct streamed *s = arg;
    s->n += n;
    s->status = status;
}

static void test_streamed(void **state)
{
    for (int engine = 0; engine < 2; engine++) {
        struct streamed s = {0};
        const struct http_request streaming = {.on_body = count, .on_body_arg = &s};
        struct fetch f = fetch("/chunked", engine, streaming);
        assert_int_equal(f.rc, 0);
        assert_int_equal(s.n, 5);
        assert_int_equal(s.status, 200);
        assert_int_equal(f.resp.body.len, 0);
        done(&f);
        f = fetch("/404", engine, streaming);
        assert_int_equal(f.rc, 0);
        assert_int_equal(s.n, 5 + 2);
        assert_int_equal(s.status, 404);
        done(&f);
    }
}

static void test_proxy(void **state)
{
    char proxy[64];
    snprintf(proxy, sizeof(proxy), "http://localhost:%u", server.port);
    struct fetch f =
        fetch("", false, (struct http_request){.url = "http://shop.example/ok", .proxy = proxy});
    assert_memory_equal(script.last, "GET http://shop.example/ok HTTP/1.1\r\n", 37);
    assert_non_null(strstr(script.last, "Host: shop.example\r\n"));
    done(&f);
    f = fetch("", false, (struct http_request){.url = "http://a/", .proxy = "http://127.0.0.1:1"});
    assert_int_equal(f.err.code, ERR_REFUSED);
    done(&f);
    f = fetch("", false, (struct http_request){.url = "http://a/", .proxy = "http://[/"});
    assert_int_equal(f.err.code, ERR_INVALID);
    done(&f);
}

/* --- TLS --- */

static void tls_answer(SSL *ssl, void *arg)
{
    char buf[4096];
    SSL_read(ssl, buf, sizeof(buf));
    const char *text = "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nsecure";
    SSL_write(ssl, text, (int)strlen(text));
}

static struct fetch fetch_tls(uint16_t port, bool curl, struct tls_options tls)
{
    struct fetch f = {.req = {.tls = tls, .want_certs = true},
                      .path = "/",
                      .curl = curl,
                      .scheme = "https",
                      .port = port,
                      .arena = arena_new()};
    on_fiber(fetch_on_fiber, &f);
    return f;
}

static void test_https(void **state)
{
    struct test_ca ca;
    struct tls_server srv;
    ca_make(&ca);
    tls_server_start(&srv, ca.cert, ca.key, NULL, tls_answer, NULL);
    uint16_t port = srv.tcp.port;
    for (int curl = 0; curl < 2; curl++) {
        struct fetch f =
            fetch_tls(port, curl, (struct tls_options){.verify = true, .ca_file = ca.ca});
        assert_string_equal(f.err.msg, "");
        assert_string_equal(body(&f), "secure");
        assert_true(f.resp.tls.verified);
        assert_int_equal(f.resp.tls.chain.len, 2);
        assert_string_equal(f.resp.tls.version, "TLS 1.3");
        assert_true(f.resp.tls_ns > 0);
        done(&f);
        f = fetch_tls(
            port, curl,
            (struct tls_options){.verify = true, .ca_file = ca.ca, .server_name = "x.belfry.test"});
        assert_int_equal(f.rc, 0); /* another name than the URL's host is sent and verified */
        done(&f);
        f = fetch_tls(port, curl, (struct tls_options){.verify = true});
        assert_int_equal(f.err.code, ERR_TLS);
        assert_int_equal(f.resp.tls.chain.len, 2);
        assert_false(f.resp.tls.verified);
        assert_string_equal(f.resp.tls.verify_error,
                            "self-signed certificate in certificate chain");
        done(&f);
        f = fetch_tls(
            port, curl,
            (struct tls_options){.verify = true, .ca_file = ca.ca, .server_name = "shop.example"});
        assert_non_null(strstr(f.err.msg, "is not for the name shop.example"));
        assert_int_equal(f.resp.tls.chain.len, 2);
        done(&f);
        f = fetch_tls(port, curl, (struct tls_options){.verify = false});
        assert_int_equal(f.rc, 0);
        assert_int_equal(f.resp.tls.chain.len, 2);
        done(&f);
    }
    tls_server_stop(&srv);
    ca_remove(&ca);
}

/* --- compression --- */

/* 1 MB of zeros, compressed by gzip(1) when the test runs. */
static void bomb(int fd, void *arg)
{
    char req[4096];
    static char data[8192];
    read_until(fd, req, sizeof(req), "\r\n\r\n");
    FILE *p = popen("head -c 1000000 /dev/zero | gzip -9", "r");
    size_t n = fread(data, 1, sizeof(data), p);
    pclose(p);
    char head[128];
    snprintf(head, sizeof(head),
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
    send_text(fd, head);
    send(fd, data, n, MSG_NOSIGNAL);
    usleep(10000);
}

static void test_bomb(void **state)
{
    struct test_server srv;
    server_start(&srv, bomb, NULL);
    struct fetch f = {
        .path = "/", .curl = true, .srv = &srv, .arena = arena_new(), .req = {.max_body = 5000}};
    on_fiber(fetch_on_fiber, &f);
    assert_int_equal(f.rc, 0);
    assert_true(f.resp.truncated);
    assert_int_equal(f.resp.body.len, 5000);
    done(&f);
    server_stop(&srv);
}

static int setup(void **state)
{
    server_start(&server, talk, &script);
    return 0;
}

static int teardown(void **state)
{
    server_stop(&server);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies),
        cmocka_unit_test(test_headers),
        cmocka_unit_test(test_post),
        cmocka_unit_test(test_redirects),
        cmocka_unit_test(test_redirected_post),
        cmocka_unit_test(test_redirect_elsewhere),
        cmocka_unit_test(test_limits),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_streamed),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_https),
        cmocka_unit_test(test_bomb),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
