/* Streams: connect, refusal and deadlines in an operator's words, lines, several addresses, datagrams. */
#include "io_unit.h"

#include <sys/un.h>

#include "base/must.h"
#include "io/stream.h"

static void greet(int fd, void *arg)
{
    char buf[256];
    send_text(fd, "220 hel");
    usleep(5000);
    send_text(fd, "lo\r\nsecond\nlast");
    read_until(fd, buf, sizeof(buf), "QUIT\r\n");
    send_text(fd, arg);
}

static void talk(void *arg)
{
    struct test_server *srv = arg;
    struct addr to = local(srv->port);
    struct err err = {0};
    struct buf line = BUF_INIT(64);
    char p[8];
    struct stream *s = stream_connect(&to, in_ms(2000), &err);
    assert_non_null(s);
    assert_int_equal(addr_port(stream_peer(s)), srv->port);
    assert_int_equal(stream_read_line(s, &line, in_ms(2000), &err), 0);
    assert_string_equal(line.data, "220 hello");
    buf_clear(&line);
    assert_int_equal(stream_read_line(s, &line, in_ms(2000), &err), 0);
    assert_string_equal(line.data, "second");
    assert_int_equal(stream_read_full(s, p, 4, in_ms(2000), &err), 0);
    assert_memory_equal(p, "last", 4);
    assert_int_equal(stream_read(s, p, 1, in_ms(20), &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.msg, "timeout while waiting for an answer from 127.0.0.1:"));
    assert_int_equal(stream_write(s, "QUIT\r\n", 6, in_ms(2000), &err), 0);
    assert_int_equal(stream_read_full(s, p, 8, in_ms(2000), &err), -1);
    assert_int_equal(err.code, ERR_PROTOCOL);
    assert_non_null(strstr(err.msg, "closed after 3 of 8 bytes"));
    assert_int_equal(stream_read(s, p, 8, in_ms(2000), &err), 0);
    stream_close(&s);
    assert_null(s);
    stream_close(&s);
    buf_done(&line);
}

static void test_talk(void **state)
{
    struct test_server srv;
    char bye[] = "bye";
    server_start(&srv, greet, bye);
    on_fiber(talk, &srv);
    server_stop(&srv);
}

static void refused(void *arg)
{
    struct addr to = local(free_port());
    struct err err = {0};
    char want[128], name[ADDR_TEXT];
    assert_null(stream_connect(&to, in_ms(2000), &err));
    snprintf(want, sizeof(want), "connection refused by %s", addr_text(&to, name));
    assert_string_equal(err.msg, want);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_int_equal(err.sys_errno, ECONNREFUSED);
}

static void test_refused(void **state)
{
    on_fiber(refused, NULL);
}

/* A listening socket whose backlog is full never answers the SYN. */
static void silent(void *arg)
{
    struct addr a = local(0);
    socklen_t n = addr_len(&a);
    int fd = socket(AF_INET, SOCK_STREAM, 0), fill[4];
    assert_int_equal(bind(fd, &a.sa, n), 0);
    assert_int_equal(listen(fd, 0), 0);
    getsockname(fd, &a.sa, &n);
    for (int i = 0; i < 4; i++) {
        fill[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
        connect(fill[i], &a.sa, n);
    }
    struct err err = {0};
    int64_t start = clock_mono_ns();
    assert_null(stream_connect(&a, start + MS(50), &err));
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.msg, "timeout while connecting to 127.0.0.1:"));
    assert_true(clock_mono_ns() - start >= MS(50) && clock_mono_ns() - start < MS(500));
    for (int i = 0; i < 4; i++) {
        close(fill[i]);
    }
    close(fd);
}

static void test_connect_timeout(void **state)
{
    on_fiber(silent, NULL);
}

static void hang_up(int fd, void *arg)
{
    struct linger abort_it = {1, 0};
    char buf[16];
    read_until(fd, buf, sizeof(buf), "x");
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
}

static void reset(void *arg)
{
    struct test_server *srv = arg;
    struct addr to = local(srv->port);
    struct err err = {0};
    char c;
    struct stream *s = stream_connect(&to, in_ms(2000), &err);
    assert_int_equal(stream_write(s, "x", 1, in_ms(2000), &err), 0);
    assert_int_equal(stream_read(s, &c, 1, in_ms(2000), &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_non_null(strstr(err.msg, "connection reset by 127.0.0.1:"));
    stream_close(&s);
}

static void test_reset(void **state)
{
    struct test_server srv;
    server_start(&srv, hang_up, NULL);
    on_fiber(reset, &srv);
    server_stop(&srv);
}

static void flood(int fd, void *arg)
{
    char block[4096];
    memset(block, 'a', sizeof(block));
    for (int i = 0; i < 16; i++) {
        send(fd, block, sizeof(block), MSG_NOSIGNAL);
    }
    read_until(fd, block, sizeof(block), "end");
}

static void long_line(void *arg)
{
    struct test_server *srv = arg;
    struct addr to = local(srv->port);
    struct err err = {0};
    struct buf line = BUF_INIT(1000);
    struct stream *s = stream_connect(&to, in_ms(2000), &err);
    assert_int_equal(stream_read_line(s, &line, in_ms(2000), &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_true(line.len <= 1000);
    buf_done(&line);
    stream_close(&s);
}

static void test_long_line(void **state)
{
    struct test_server srv;
    server_start(&srv, flood, NULL);
    on_fiber(long_line, &srv);
    server_stop(&srv);
}

static void slow_sink(int fd, void *arg)
{
    char block[65536];
    size_t total = 0;
    ssize_t n;
    usleep(30000);
    while ((n = recv(fd, block, sizeof(block), 0)) > 0 && total < *(size_t *)arg) {
        total += (size_t)n;
        if (total >= *(size_t *)arg) {
            break;
        }
    }
    send_text(fd, "got it all");
}

static void big_write(void *arg)
{
    struct test_server *srv = arg;
    struct addr to = local(srv->port);
    struct err err = {0};
    size_t n = *(size_t *)srv->arg;
    char *data = calloc(1, n), answer[10];
    struct stream *s = stream_connect(&to, in_ms(2000), &err);
    assert_int_equal(stream_write(s, data, n, in_ms(10000), &err), 0);
    assert_int_equal(stream_read_full(s, answer, 10, in_ms(10000), &err), 0);
    stream_close(&s);
    free(data);
}

static void test_big_write(void **state)
{
    struct test_server srv;
    size_t n = (size_t)20 << 20;
    server_start(&srv, slow_sink, &n);
    on_fiber(big_write, &srv);
    server_stop(&srv);
}

static void any(void *arg)
{
    struct test_server *srv = arg;
    struct resolved to = {.n = 2, .at = {local(free_port()), local(srv->port)}};
    struct addr used;
    struct err err = {0};
    struct stream *s = stream_connect_any(&to, in_ms(2000), &used, &err);
    assert_non_null(s);
    assert_int_equal(addr_port(&used), srv->port);
    stream_close(&s);
    to.n = 1;
    assert_null(stream_connect_any(&to, in_ms(2000), &used, &err));
    assert_int_equal(err.code, ERR_REFUSED);
}

static void nothing(int fd, void *arg)
{
}

static void test_any(void **state)
{
    struct test_server srv;
    server_start(&srv, nothing, NULL);
    on_fiber(any, &srv);
    server_stop(&srv);
}

static void unix_stream(void *arg)
{
    const char *path = arg;
    struct err err = {0};
    char c;
    struct stream *s = stream_connect_unix(path, in_ms(1000), &err);
    assert_non_null(s);
    assert_int_equal(stream_write(s, "x", 1, in_ms(1000), &err), 0);
    assert_int_equal(stream_read(s, &c, 1, in_ms(10), &err), -1);
    assert_non_null(strstr(err.msg, path));
    stream_close(&s);
    assert_null(stream_connect_unix("/nonexistent/socket", in_ms(1000), &err));
    assert_int_equal(err.code, ERR_IO);
    char longer[200];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = '\0';
    assert_null(stream_connect_unix(longer, in_ms(1000), &err));
    assert_int_equal(err.code, ERR_TOO_LARGE);
}

static void test_unix(void **state)
{
    char dir[] = "/tmp/belfry-stream-XXXXXX";
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    assert_non_null(mkdtemp(dir));
    snprintf(un.sun_path, sizeof(un.sun_path), "%s/s", dir);
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    assert_int_equal(listen(fd, 5), 0);
    on_fiber(unix_stream, un.sun_path);
    close(fd);
    unlink(un.sun_path);
    rmdir(dir);
}

static void datagrams(void *arg)
{
    struct addr a = local(0);
    socklen_t n = addr_len(&a);
    struct err err = {0};
    char p[16];
    int server = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(server, &a.sa, n), 0);
    getsockname(server, &a.sa, &n);
    int fd = udp_connect(&a, &err);
    assert_true(fd >= 0);
    assert_int_equal(udp_recv(fd, p, sizeof(p), in_ms(10), &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    struct addr me;
    socklen_t len = sizeof(me);
    getsockname(fd, &me.sa, &len);
    assert_int_equal(sendto(server, "ping", 4, 0, &me.sa, len), 4);
    assert_int_equal(udp_recv(fd, p, sizeof(p), in_ms(1000), &err), 4);
    close(server);
    assert_int_equal(send(fd, "x", 1, 0), 1);
    assert_int_equal(udp_recv(fd, p, sizeof(p), in_ms(1000), &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_non_null(strstr(err.msg, "nothing listens on 127.0.0.1:"));
    close(fd);
}

static void test_datagrams(void **state)
{
    on_fiber(datagrams, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_talk),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_connect_timeout),
        cmocka_unit_test(test_reset),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_big_write),
        cmocka_unit_test(test_any),
        cmocka_unit_test(test_unix),
        cmocka_unit_test(test_datagrams),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
