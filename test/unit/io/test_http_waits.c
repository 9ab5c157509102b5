/* Calls that wait, on the HTTP server's workers: they hold up nobody else, queue, are refused beyond the queue, survive
 * their client's leaving, and end in order when the server stops. */
#include "io_unit.h"

#include <semaphore.h>

#include "base/arena.h"
#include "io/http_server.h"

#define WORKERS 4
#define QUEUE   2

struct bed {
    struct http_server *s;
    sem_t begun, go;
    atomic_int handled, gone;
};

/* /wait until told; /long until told or until nobody waits for the answer. */
static void handle(void *ctx, const struct http_req *req, struct http_resp *resp)
{
    struct bed *b = ctx;
    bool is_long = strcmp(req->path, "/long") == 0;
    if (strcmp(req->path, "/wait") == 0) {
        sem_post(&b->begun);
        sem_wait(&b->go);
    } else if (is_long) {
        sem_post(&b->begun);
        while (sem_trywait(&b->go) != 0 && !http_req_ended(req)) {
            usleep(1000);
        }
        atomic_fetch_add(&b->gone, http_req_ended(req));
    }
    const char *q = http_req_query(req, "q"), *host = http_req_header(req, "Host");
    buf_printf(&resp->body, "%s q=%s host=%s body=%.*s.", req->path, q ? q : "-", host,
               (int)req->body.n, req->body.p);
    http_resp_header(resp, "X-Seen", arena_strdup(req->arena, "yes"));
    atomic_fetch_add(&b->handled, 1);
}

static bool waits(void *ctx, const struct http_req *req)
{
    return strcmp(req->path, "/quick") != 0;
}

static void open_bed(struct bed *b)
{
    struct err err = {0};
    memset(b, 0, sizeof(*b));
    sem_init(&b->begun, 0, 0);
    sem_init(&b->go, 0, 0);
    b->s = http_server_start(&(struct http_server_config){.address = "127.0.0.1",
                                                          .threads = 2,
                                                          .workers = WORKERS,
                                                          .queue = QUEUE,
                                                          .handle = handle,
                                                          .waits = waits,
                                                          .ctx = b},
                             &err);
    assert_string_equal(err.msg, "");
}

static void close_bed(struct bed *b)
{
    http_server_stop(b->s);
    sem_destroy(&b->begun);
    sem_destroy(&b->go);
}

static int dial(const struct bed *b)
{
    struct addr a = local(http_server_port(b->s));
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, &a.sa, addr_len(&a)), 0);
    return fd;
}

#define GET(target) "GET " target " HTTP/1.1\r\nHost: x\r\n\r\n"

/* Reads one answer, whose body ends with "." or "}", and keeps the connection. */
static const char *read_answer(int fd)
{
    static char text[4096];
    size_t n = 0;
    text[0] = '\0';
    while (strstr(text, "\r\n\r\n") == NULL || (text[n - 1] != '.' && text[n - 1] != '}')) {
        ssize_t got = recv(fd, text + n, sizeof(text) - 1 - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
        text[n] = '\0';
    }
    return text;
}

static void expect(int fd, const char *status, const char *part)
{
    const char *text = read_answer(fd);
    assert_memory_equal(text + strlen("HTTP/1.1 "), status, 3);
    if (strstr(text, part) == NULL) {
        fail_msg("want \"%s\" in \"%s\"", part, text);
    }
}

static void let_go(struct bed *b, int n)
{
    for (int i = 0; i < n; i++) {
        sem_post(&b->go);
    }
}

static void await_begun(struct bed *b, int n)
{
    for (int i = 0; i < n; i++) {
        sem_wait(&b->begun);
    }
}

/* As many wait as there are workers, which is more than MHD has threads; connections of either thread are served. */
static void test_others_go_on(void **state)
{
    struct bed b;
    int waiting[WORKERS], quick[8];
    open_bed(&b);
    for (int i = 0; i < 8; i++) {
        quick[i] = dial(&b);
        send_text(quick[i], GET("/quick"));
        expect(quick[i], "200", "/quick q=- host=x body=.");
    }
    for (int i = 0; i < WORKERS; i++) {
        waiting[i] = dial(&b);
        send_text(waiting[i], GET("/wait?q=1%202"));
    }
    await_begun(&b, WORKERS);
    for (int i = 0; i < 8; i++) { /* kept alive */
        send_text(quick[i], GET("/quick"));
        expect(quick[i], "200", "X-Seen: yes");
    }
    assert_int_equal(http_server_stats(b.s).workers.busy, WORKERS);
    let_go(&b, WORKERS);
    for (int i = 0; i < WORKERS; i++) {
        expect(waiting[i], "200", "/wait q=1 2 host=x body=.");
        close(waiting[i]);
    }
    for (int i = 0; i < 8; i++) {
        close(quick[i]);
    }
    close_bed(&b);
}

/* One after the other and at once on one connection, with bodies. */
static void test_one_connection(void **state)
{
    struct bed b;
    open_bed(&b);
    int fd = dial(&b);
    for (int i = 0; i < 50; i++) {
        send_text(fd, "POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
        expect(fd, "200", "/x q=- host=x body=hello.");
    }
    send_text(fd, GET("/a") GET("/quick") GET("/b"));
    char all[2000] = "";
    for (size_t n = 0; strstr(all, "/b q=- host=x body=.") == NULL;) {
        ssize_t got = recv(fd, all + n, sizeof(all) - 1 - n, 0);
        assert_true(got > 0);
        n += (size_t)got;
    }
    assert_true(strstr(all, "/a q=") < strstr(all, "/quick q="));
    assert_int_equal(atomic_load(&b.handled), 53);
    assert_int_equal(http_server_stats(b.s).rejected, 0);
    close(fd);
    close_bed(&b);
}

static void test_queue(void **state)
{
    struct bed b;
    int fd[WORKERS + QUEUE + 1];
    open_bed(&b);
    for (int i = 0; i < WORKERS + QUEUE; i++) {
        fd[i] = dial(&b);
        send_text(fd[i], GET("/wait"));
    }
    await_begun(&b, WORKERS);
    while (http_server_stats(b.s).workers.queued < QUEUE) {
        usleep(1000);
    }
    int last = fd[WORKERS + QUEUE] = dial(&b);
    send_text(last, GET("/wait"));
    expect(last, "503", "Retry-After: 1\r\n");
    assert_int_equal(http_server_stats(b.s).workers.refused, 1);
    send_text(last, GET("/quick")); /* the connection is still good */
    expect(last, "200", "/quick");
    let_go(&b, WORKERS + QUEUE + 1);
    for (int i = 0; i < WORKERS + QUEUE; i++) {
        expect(fd[i], "200", "/wait");
    }
    send_text(last, GET("/wait"));
    expect(last, "200", "/wait");
    for (int i = 0; i <= WORKERS + QUEUE; i++) {
        close(fd[i]);
    }
    close_bed(&b);
}

/* A client that is gone is found out by a handler that asks; by others when they end. */
static void test_client_leaves(void **state)
{
    struct bed b;
    open_bed(&b);
    int asks = dial(&b), waits_on = dial(&b), resets = dial(&b);
    struct linger at_once = {1, 0};
    send_text(asks, GET("/long"));
    send_text(waits_on, GET("/wait"));
    send_text(resets, GET("/long"));
    await_begun(&b, 3);
    assert_int_equal(atomic_load(&b.gone), 0);
    close(asks);
    close(waits_on);
    setsockopt(resets, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(resets);
    while (atomic_load(&b.gone) < 2) {
        usleep(1000);
    }
    let_go(&b, 1);
    while (http_server_stats(b.s).connections_now > 0) { /* MHD let go of all */
        usleep(1000);
    }
    assert_int_equal(atomic_load(&b.handled), 3);
    close_bed(&b);
}

static void *let_go_late(void *arg)
{
    struct bed *b = arg;
    while (atomic_load(&b->gone) < WORKERS / 2) { /* the stop has begun */
        usleep(1000);
    }
    let_go(b, WORKERS / 2);
    return NULL;
}

/* Calls under way end and are answered, those that ask end early, those that queue are refused. */
static void test_stop(void **state)
{
    struct bed b;
    pthread_t other;
    int fd[WORKERS + QUEUE];
    open_bed(&b);
    for (int i = 0; i < WORKERS; i++) {
        fd[i] = dial(&b);
        send_text(fd[i], i % 2 ? GET("/wait") : GET("/long"));
        await_begun(&b, 1);
    }
    for (int i = WORKERS; i < WORKERS + QUEUE; i++) {
        fd[i] = dial(&b);
        send_text(fd[i], GET("/wait"));
    }
    while (http_server_stats(b.s).workers.queued < QUEUE) {
        usleep(1000);
    }
    pthread_create(&other, NULL, let_go_late, &b);
    http_server_stop(b.s);
    pthread_join(other, NULL);
    assert_int_equal(atomic_load(&b.handled), WORKERS);
    for (int i = 0; i < WORKERS + QUEUE; i++) {
        expect(fd[i], i < WORKERS ? "200" : "503",
               i < WORKERS ? "X-Seen: yes" : "the server stops");
        close(fd[i]);
    }
    sem_destroy(&b.begun);
    sem_destroy(&b.go);
}

static void *storm(void *arg)
{
    static const char two[] = GET("/x") GET("/quick");
    struct addr a = local(*(uint16_t *)arg);
    char buf[2048];
    for (int i = 0; i < 60; i++) {
        int fd = socket(AF_INET, SOCK_STREAM, 0);
        if (connect(fd, &a.sa, addr_len(&a)) == 0) {
            (void)!send(fd, two, sizeof(two) - 1, MSG_NOSIGNAL);
            if (i % 3 != 0) {
                (void)!recv(fd, buf, sizeof(buf), 0);
            }
        }
        close(fd);
    }
    return NULL;
}

/* Clients that come and leave as they like, and a stop in the middle of it. */
static void test_storm(void **state)
{
    for (int round = 0; round < 5; round++) {
        struct bed b;
        pthread_t t[4];
        open_bed(&b);
        uint16_t port = http_server_port(b.s);
        for (int i = 0; i < 4; i++) {
            pthread_create(&t[i], NULL, storm, &port);
        }
        usleep(2000 * (useconds_t)round * (useconds_t)round);
        http_server_stop(b.s);
        for (int i = 0; i < 4; i++) {
            pthread_join(t[i], NULL);
        }
        sem_destroy(&b.begun);
        sem_destroy(&b.go);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_others_go_on), cmocka_unit_test(test_one_connection),
        cmocka_unit_test(test_queue),        cmocka_unit_test(test_client_leaves),
        cmocka_unit_test(test_stop),         cmocka_unit_test(test_storm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
