/* The HTTP server over TCP and the Unix socket, with our own client: parameters, limits, rejections,
 * event streams, restart on the same addresses. */
#include "io_unit.h"

#include <sys/stat.h>

#include "base/arena.h"
#include "base/must.h"
#include "io/http_server.h"
#include "io/stream.h"

static void list(void *arg, const char *k, const char *v)
{
    buf_printf(arg, "%s=%s;", k, v);
}

static struct sse_hub *hub;
static const char page[] = "<!doctype html>";

static void handle(void *ctx, const struct http_req *req, struct http_resp *resp)
{
    atomic_fetch_add((atomic_int *)ctx, 1);
    if (strcmp(req->path, "/events") == 0) {
        resp->sse = hub;
        const char *id = http_req_header(req, "Last-Event-ID");
        resp->sse_last_id = id != NULL ? strtoull(id, NULL, 10) : 0;
    } else if (strcmp(req->path, "/page") == 0) {
        resp->static_body = page;
        resp->static_len = sizeof(page) - 1;
        resp->content_type = "text/html";
    } else if (strcmp(req->path, "/slow") == 0) {
        usleep(50000);
    } else if (strcmp(req->path, "/missing") == 0) {
        resp->status = 404;
    } else {
        const char *q = http_req_query(req, "q");
        buf_printf(&resp->body, "%s %s q=%s body=%.*s unix=%d peer=%s ", req->method, req->path,
                   q ? q : "-", (int)req->body.n, req->body.p, req->over_unix, req->peer);
        http_req_each_query(req, list, &resp->body);
        http_resp_header(resp, "X-Seen", arena_strdup(req->arena, "yes"));
    }
}

struct fixture {
    struct http_server *s;
    char dir[64], path[96];
    atomic_int handled;
};

static void start(struct fixture *f)
{
    struct err err = {0};
    memset(f, 0, sizeof(*f));
    hub = sse_hub_new();
    snprintf(f->dir, sizeof(f->dir), "/tmp/belfry-http-XXXXXX");
    assert_non_null(mkdtemp(f->dir));
    snprintf(f->path, sizeof(f->path), "%s/sock", f->dir);
    f->s = http_server_start(&(struct http_server_config){.address = "127.0.0.1",
                                                          .unix_path = f->path,
                                                          .max_body = 100000,
                                                          .handle = handle,
                                                          .ctx = &f->handled},
                             &err);
    assert_string_equal(err.msg, "");
    assert_non_null(f->s);
}

static void stop(struct fixture *f)
{
    http_server_stop(f->s);
    sse_hub_free(hub);
    assert_int_equal(access(f->path, F_OK), -1); /* the socket file is gone */
    rmdir(f->dir);
}

/* One request as text, the whole answer as text (the connection is closed after it). */
static char *ask_fd(int fd, const char *request)
{
    static char answer[200000];
    size_t n = 0;
    ssize_t got;
    send_text(fd, request);
    while (n + 1 < sizeof(answer) && (got = recv(fd, answer + n, sizeof(answer) - 1 - n, 0)) > 0) {
        n += (size_t)got;
    }
    answer[n] = '\0';
    close(fd);
    return answer;
}

static int dial(const struct fixture *f)
{
    struct addr a = local(http_server_port(f->s));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, &a.sa, addr_len(&a)), 0);
    return fd;
}

static char *ask(const struct fixture *f, const char *request)
{
    return ask_fd(dial(f), request);
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

static void test_requests(void **state)
{
    struct fixture f;
    start(&f);
    char *a = ask(&f, GET("/api/v1/a%20b?q=1%202&r=%C3%BC&empty"));
    assert_memory_equal(a, "HTTP/1.1 200 OK\r\n", 17);
    assert_non_null(strstr(a, "Content-Type: application/json\r\n"));
    assert_non_null(strstr(a, "X-Seen: yes\r\n"));
    assert_non_null(strstr(a, "GET /api/v1/a b q=1 2 body= unix=0 peer=127.0.0.1:"));
    assert_non_null(strstr(a, "q=1 2;r=ü;empty=;"));
    a = ask(&f,
            "POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello");
    assert_non_null(strstr(a, "POST /x q=- body=hello "));
    a = ask(&f,
            "POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nTransfer-Encoding: chunked\r\n\r\n"
            "2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n");
    assert_non_null(strstr(a, "body=hello "));
    a = ask(&f, GET("/page"));
    assert_non_null(strstr(a, "Content-Type: text/html\r\n"));
    assert_non_null(strstr(a, "\r\n\r\n<!doctype html>"));
    a = ask(&f, GET("/a%00b?q=c%00d"));
    assert_non_null(strstr(a, "GET /a\1b q=c\1d "));
    a = ask(&f, GET("/missing"));
    assert_memory_equal(a, "HTTP/1.1 404", 12);
    assert_int_equal(http_server_stats(f.s).requests, 6);
    assert_int_equal(http_server_stats(f.s).rejected, 0);
    stop(&f);
}

static void test_limits(void **state)
{
    struct fixture f;
    start(&f);
    char *a = ask(
        &f, "POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 100001\r\n\r\n");
    assert_memory_equal(a, "HTTP/1.1 413", 12);
    assert_non_null(strstr(a, "application/problem+json"));
    char *big = malloc(200000);
    int n = snprintf(big, 200000,
                     "POST /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
                     "Transfer-Encoding: chunked\r\n\r\n");
    for (int i = 0; i < 110; i++) {
        n += snprintf(big + n, 200000 - (size_t)n, "400\r\n%01024d\r\n", 0);
    }
    snprintf(big + n, 200000 - (size_t)n, "0\r\n\r\n");
    a = ask(&f, big);
    assert_memory_equal(a, "HTTP/1.1 413", 12);
    n = snprintf(big, 200000, "GET / HTTP/1.1\r\nHost: x\r\nX-Big: %040000d\r\n\r\n", 0);
    a = ask(&f, big);
    assert_true(a[0] == '\0' || strstr(a, " 431 ") != NULL || strstr(a, " 413 ") != NULL);
    assert_int_equal(atomic_load(&f.handled), 0);
    assert_int_equal(http_server_stats(f.s).rejected, 2);
    free(big);
    stop(&f);
}

static void unix_client(void *arg)
{
    struct fixture *f = arg;
    struct err err = {0};
    struct buf line = BUF_INIT(4096);
    struct stream *s = stream_connect_unix(f->path, in_ms(2000), &err);
    assert_non_null(s);
    const char *req = GET("/u");
    assert_int_equal(stream_write(s, req, strlen(req), in_ms(2000), &err), 0);
    assert_int_equal(stream_read_line(s, &line, in_ms(2000), &err), 0);
    assert_string_equal(line.data, "HTTP/1.1 200 OK");
    while (stream_read_line(s, &line, in_ms(2000), NULL) == 0) {
    }
    assert_non_null(strstr(line.data, "unix=1 peer=unix"));
    buf_done(&line);
    stream_close(&s);
}

static void test_unix_socket(void **state)
{
    struct fixture f;
    struct stat st;
    struct err err = {0};
    start(&f);
    assert_int_equal(stat(f.path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    on_fiber(unix_client, &f);
    struct http_server_config again = {.unix_path = f.path, .handle = handle, .ctx = &f.handled};
    assert_null(http_server_start(&again, &err)); /* somebody answers there */
    assert_int_equal(err.code, ERR_INVALID);
    stop(&f);
}

static void *stop_later(void *arg)
{
    usleep(150000);
    stop(arg);
    return NULL;
}

static void test_addresses(void **state)
{
    struct fixture f;
    struct err err = {0};
    start(&f);
    struct http_server_config cfg = {
        .address = "127.0.0.1", .port = http_server_port(f.s), .handle = handle, .ctx = &f.handled};
    assert_null(http_server_start(&cfg, &err));
    assert_int_equal(err.code, ERR_INVALID);
    assert_non_null(strstr(err.msg, "cannot listen on 127.0.0.1 port"));
    assert_non_null(strstr(err.msg, "Address already in use"));
    cfg.address = "everywhere";
    assert_null(http_server_start(&cfg, &err));
    pthread_t t;
    pthread_create(&t, NULL, stop_later, &f);
    cfg.address = "127.0.0.1";
    cfg.bind_wait_ms = 20000;                              /* its owner ends meanwhile */
    struct http_server *s = http_server_start(&cfg, &err); /* the port is free again at once */
    assert_non_null(s);
    assert_int_equal(http_server_port(s), cfg.port);
    http_server_stop(s);
    pthread_join(t, NULL);
}

static void wait_streams(size_t n)
{
    for (int i = 0; i < 500 && sse_streams(hub) != n; i++) {
        usleep(2000);
    }
    assert_int_equal(sse_streams(hub), n);
}

static void read_some(int fd, char *buf, size_t size, const char *until)
{
    size_t n = 0;
    buf[0] = '\0';
    while (strstr(buf, until) == NULL) {
        ssize_t got = recv(fd, buf + n, size - 1 - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
        buf[n] = '\0';
    }
}

static void test_events(void **state)
{
    struct fixture f;
    char buf[8192];
    start(&f);
    int a = dial(&f), b = dial(&f);
    sse_publish(hub, "early", "{}", 2); /* nobody listens yet */
    send_text(a, GET("/events"));
    send_text(b, "GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 0\r\n\r\n");
    wait_streams(2);
    read_some(a, buf, sizeof(buf), "retry: 1000");
    assert_non_null(strstr(buf, "Content-Type: text/event-stream\r\n"));
    usleep(20000); /* suspended now */
    sse_publish(hub, "result", "{\"a\":1}", 7);
    read_some(a, buf, sizeof(buf), "data: {\"a\":1}\n\n");
    assert_non_null(strstr(buf, "id: 2\nevent: result\n"));
    read_some(b, buf, sizeof(buf), "data: {\"a\":1}\n\n");
    for (int i = 0; i < 100; i++) {
        sse_publish(hub, "n", i == 99 ? "last\nline" : "x", i == 99 ? 9 : 1);
    }
    read_some(a, buf, sizeof(buf), "data: last\ndata: line\n\n");
    close(b);
    for (int i = 0; i < 100 && sse_streams(hub) != 1; i++) { /* silence is broken: b is noticed */
        sse_publish(hub, NULL, NULL, 0);
        usleep(5000);
    }
    wait_streams(1);
    int c = dial(&f);
    send_text(c, "GET /events HTTP/1.1\r\nHost: x\r\nLast-Event-ID: 5\r\n\r\n");
    read_some(c, buf, sizeof(buf), "event: reset");
    stop(&f); /* with streams open: they end */
    assert_true(recv(c, buf, sizeof(buf), 0) >= 0);
    close(a);
    close(c);
}

static void test_slow_reader(void **state)
{
    struct fixture f;
    start(&f);
    int a = dial(&f);
    send_text(a, GET("/events"));
    wait_streams(1);
    char *big = calloc(1, 60000);
    memset(big, 'x', 59999);
    for (int i = 0; i < 3000 && sse_streams(hub) == 1; i++) {
        sse_publish(hub, "big", big, 59999);
        usleep(500);
    }
    /* Its buffer was full: what was accepted is still sent, then the stream ends. */
    char *sink = malloc(1 << 16);
    while (recv(a, sink, 1 << 16, 0) > 0) {
    }
    wait_streams(0);
    free(sink);
    free(big);
    close(a);
    stop(&f);
}

static void *load(void *arg)
{
    for (int i = 0; i < 100; i++) {
        int fd = dial(arg);
        char buf[2048];
        send_text(fd, GET("/load"));
        assert_true(read_until(fd, buf, sizeof(buf), "\n\n\n") > 0);
        close(fd);
    }
    return NULL;
}

static void test_many(void **state)
{
    struct fixture f;
    pthread_t t[4];
    start(&f);
    for (int i = 0; i < 4; i++) {
        pthread_create(&t[i], NULL, load, &f);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
    }
    assert_int_equal(atomic_load(&f.handled), 400);
    stop(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_requests),    cmocka_unit_test(test_limits),
        cmocka_unit_test(test_unix_socket), cmocka_unit_test(test_addresses),
        cmocka_unit_test(test_events),      cmocka_unit_test(test_slow_reader),
        cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
