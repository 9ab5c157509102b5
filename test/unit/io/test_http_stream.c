/* Answers that are made while they are sent: whole, broken off, left by their client, read slowly, and when the server stops. */
#include "io_unit.h"

#include <stdatomic.h>

#include "base/arena.h"
#include "base/must.h"
#include "io/http_server.h"

#define WORKERS 2

struct bed {
    struct http_server *s;
    atomic_int open, pieces;
    bool no_workers;
    unsigned grace_s; /* 0: the default */
};

/* Pieces of `size` bytes, each the letter of its number. */
struct source {
    struct bed *bed;
    int made, n;
    size_t size;
    bool breaks;
};

static enum http_more next(void *ctx, struct buf *out)
{
    struct source *s = ctx;
    assert_true(s->made < s->n && out->len == 0);
    must(buf_reserve(out, s->size));
    memset(out->data, 'a' + s->made % 26, s->size);
    out->len = s->size;
    atomic_fetch_add(&s->bed->pieces, 1);
    s->made++;
    return s->made < s->n ? HTTP_MORE : s->breaks ? HTTP_BROKEN : HTTP_LAST;
}

static void done(void *ctx)
{
    struct source *s = ctx;
    atomic_fetch_sub(&s->bed->open, 1);
    free(s);
}

static int number(const struct http_req *req, const char *name, int absent)
{
    const char *text = http_req_query(req, name);
    return text ? (int)strtol(text, NULL, 10) : absent;
}

static void handle(void *ctx, const struct http_req *req, struct http_resp *resp)
{
    struct bed *b = ctx;
    buf_puts(&resp->body, "first.");
    if (strcmp(req->path, "/plain") == 0)
        return;
    struct source *s = calloc(1, sizeof(*s));
    *s = (struct source){.bed = b,
                         .n = number(req, "n", 3),
                         .size = (size_t)number(req, "size", 10),
                         .breaks = http_req_query(req, "breaks") != NULL};
    atomic_fetch_add(&b->open, 1);
    resp->stream = (struct http_stream){next, done, s};
}

static bool waits(void *ctx, const struct http_req *req)
{
    return strcmp(req->path, "/quick") != 0;
}

static void open_bed(struct bed *b)
{
    struct err err = {0};
    b->s = http_server_start(&(struct http_server_config){.address = "127.0.0.1",
                                                          .threads = 2,
                                                          .workers = WORKERS,
                                                          .queue = 4,
                                                          .stream_grace_s = b->grace_s,
                                                          .stream_min_rate = 64 << 20,
                                                          .handle = handle,
                                                          .waits = b->no_workers ? NULL : waits,
                                                          .ctx = b},
                             &err);
    assert_string_equal(err.msg, "");
}

static int dial(const struct bed *b)
{
    struct addr a = local(http_server_port(b->s));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    int small = 4096;
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &small, sizeof(small));
    assert_int_equal(connect(fd, &a.sa, addr_len(&a)), 0);
    return fd;
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"

/* All that comes until the connection's end; *n is its length. */
static char *read_all(int fd, size_t *n)
{
    char *text = malloc(1 << 20);
    size_t cap = 1 << 20;
    ssize_t got;
    *n = 0;
    while ((got = recv(fd, text + *n, cap - 1 - *n, 0)) > 0) {
        *n += (size_t)got;
        if (*n + 1 == cap)
            text = realloc(text, cap *= 2);
    }
    text[*n] = '\0';
    close(fd);
    return text;
}

static size_t count(const char *text, char c)
{
    size_t n = 0;
    for (; *text; text++)
        n += *text == c;
    return n;
}

static void await_open(const struct bed *b, int n)
{
    for (int i = 0; i < 5000 && atomic_load(&b->open) != n; i++)
        usleep(1000);
    assert_int_equal(atomic_load(&b->open), n);
}

static void check_whole(struct bed *b)
{
    static const char *const requests[] = {GET("/x"), GET("/quick"),
                                           "GET /x HTTP/1.0\r\nHost: x\r\n\r\n"};
    for (size_t i = 0; i < array_len(requests); i++) {
        size_t n;
        int fd = dial(b);
        send_text(fd, requests[i]);
        char *text = read_all(fd, &n);
        assert_memory_equal(text, "HTTP/1.1 200", 12);
        assert_int_equal(strstr(text, "Transfer-Encoding: chunked") != NULL, i < 2);
        assert_non_null(strstr(text, "first."));
        assert_non_null(strstr(text, "aaaaaaaaaa"));
        assert_non_null(strstr(text, "cccccccccc"));
        assert_int_equal(strcmp(text + n - 5, "0\r\n\r\n") == 0, i < 2);
        free(text);
    }
    await_open(b, 0);
}

static void test_whole(void **state)
{
    struct bed b = {0};
    open_bed(&b);
    check_whole(&b);
    size_t n;
    int fd = dial(&b);
    send_text(fd, GET("/x?n=100&size=300000"));
    char *text = read_all(fd, &n);
    assert_true(n > 30000000);
    assert_true(count(text, 'z') == 3 * 300000);
    free(text);
    fd = dial(&b);
    send_text(fd, "HEAD /x HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    text = read_all(fd, &n);
    assert_memory_equal(text, "HTTP/1.1 200", 12);
    assert_null(strstr(text, "first."));
    free(text);
    await_open(&b, 0);
    http_server_stop(b.s);
}

static void test_without_workers(void **state)
{
    struct bed b = {.no_workers = true};
    open_bed(&b);
    check_whole(&b);
    http_server_stop(b.s);
}

/* The connection serves the next request. */
static void test_kept(void **state)
{
    struct bed b = {0};
    char text[4096];
    open_bed(&b);
    int fd = dial(&b);
    for (int i = 0; i < 3; i++) {
        send_text(fd, "GET /x HTTP/1.1\r\nHost: x\r\n\r\n");
        assert_true(read_until(fd, text, sizeof(text), "0\r\n\r\n") > 0);
    }
    close(fd);
    await_open(&b, 0);
    http_server_stop(b.s);
}

static void test_broken(void **state)
{
    struct bed b = {0};
    size_t n;
    open_bed(&b);
    int fd = dial(&b);
    send_text(fd, GET("/x?breaks=1"));
    char *text = read_all(fd, &n);
    assert_null(strstr(text, "\r\n0\r\n"));
    free(text);
    await_open(&b, 0);
    http_server_stop(b.s);
}

static void test_client_leaves(void **state)
{
    struct bed b = {0};
    char some[1000];
    open_bed(&b);
    int fd = dial(&b);
    send_text(fd, GET("/x?n=1000000&size=100000"));
    assert_true(recv(fd, some, sizeof(some), 0) > 0);
    assert_int_equal(http_server_stats(b.s).streams_now, 1);
    close(fd);
    await_open(&b, 0);
    assert_true(atomic_load(&b.pieces) < 1000);
    assert_int_equal(http_server_stats(b.s).streams_now, 0);
    http_server_stop(b.s);
}

/* More clients that read nothing than there are workers: others are served, and nothing is made for them meanwhile. */
static void test_slow_readers(void **state)
{
    struct bed b = {0};
    int fd[4 * WORKERS];
    size_t n;
    open_bed(&b);
    for (size_t i = 0; i < array_len(fd); i++) {
        fd[i] = dial(&b);
        send_text(fd[i], GET("/x?n=1000000&size=200000"));
        await_open(&b, (int)i + 1);
    }
    for (int i = 0; i < 20; i++) {
        int other = dial(&b);
        send_text(other, GET("/x"));
        char *text = read_all(other, &n);
        assert_non_null(strstr(text, "cccccccccc"));
        free(text);
    }
    int before = -1; /* until the kernel's buffers are full */
    for (int i = 0; i < 500 && atomic_load(&b.pieces) != before; i++) {
        before = atomic_load(&b.pieces);
        usleep(50000);
    }
    assert_int_equal(atomic_load(&b.pieces), before);
    assert_int_equal(http_server_stats(b.s).workers.busy, 0);
    assert_int_equal(http_server_stats(b.s).streams_now, array_len(fd));
    http_server_stop(b.s); /* with all of them open */
    assert_int_equal(atomic_load(&b.open), 0);
    for (size_t i = 0; i < array_len(fd); i++)
        close(fd[i]);
}

/* Reads a little now and then: cut when the grace is over. */
static void test_too_slow(void **state)
{
    struct bed b = {.grace_s = 1};
    char some[20000];
    open_bed(&b);
    int fd = dial(&b);
    send_text(fd, GET("/x?n=1000000&size=1000"));
    for (int i = 0; i < 3000 && http_server_stats(b.s).streams_cut == 0; i++) {
        if (recv(fd, some, sizeof(some), 0) <= 0)
            break;
        usleep(5000);
    }
    await_open(&b, 0);
    assert_int_equal(http_server_stats(b.s).streams_cut, 1);
    close(fd);
    http_server_stop(b.s);
}

static void *storm(void *arg)
{
    struct addr a = local(*(uint16_t *)arg);
    char buf[20000];
    for (int i = 0; i < 60; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        static const char both[] = GET("/x?n=50&size=50000");
        if (connect(fd, &a.sa, addr_len(&a)) == 0) {
            (void)!send(fd, both, sizeof(both) - 1, MSG_NOSIGNAL);
            for (int r = 0; r < i; r++) {
                if (recv(fd, buf, sizeof(buf), 0) <= 0)
                    break;
            }
        }
        close(fd);
    }
    return NULL;
}

/* Clients that leave somewhere in the middle, and a stop among them. */
static void test_storm(void **state)
{
    for (int round = 0; round < 5; round++) {
        struct bed b = {0};
        pthread_t t[4];
        open_bed(&b);
        uint16_t port = http_server_port(b.s);
        for (int i = 0; i < 4; i++)
            pthread_create(&t[i], NULL, storm, &port);
        usleep(3000 * (useconds_t)round * (useconds_t)round);
        http_server_stop(b.s);
        for (int i = 0; i < 4; i++)
            pthread_join(t[i], NULL);
        assert_int_equal(atomic_load(&b.open), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole),         cmocka_unit_test(test_without_workers),
        cmocka_unit_test(test_kept),          cmocka_unit_test(test_broken),
        cmocka_unit_test(test_client_leaves), cmocka_unit_test(test_slow_readers),
        cmocka_unit_test(test_too_slow),      cmocka_unit_test(test_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
