/* What one address may do: connections, requests a second, and time. */
#include "io_unit.h"

#include <arpa/inet.h>

#include "io/http_guard.h"

static struct sockaddr_in6 six(const char *text)
{
    struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
    assert_int_equal(inet_pton(AF_INET6, text, &sa.sin6_addr), 1);
    return sa;
}

static struct sockaddr_in four(const char *text)
{
    struct sockaddr_in sa = {.sin_family = AF_INET};
    assert_int_equal(inet_pton(AF_INET, text, &sa.sin_addr), 1);
    return sa;
}

#define SA(x) ((const struct sockaddr *)&(x))

static struct http_guard *guard(bool local)
{
    return http_guard_new(&(struct http_guard_limits){.connections = 2,
                                                      .rate = 1,
                                                      .burst = 3,
                                                      .local = local,
                                                      .request_ns = MS(10),
                                                      .min_rate = 1000,
                                                      .idle_ns = MS(10)});
}

static void test_connections(void **state)
{
    struct http_guard *g = guard(false);
    struct sockaddr_in a = four("192.0.2.1"), b = four("192.0.2.2"), self = four("127.0.0.1");
    struct sockaddr_in6 x = six("2001:db8::1"), same = six("2001:db8::2"),
                        other = six("2001:db8:0:1::1"), mapped = six("::ffff:192.0.2.1"),
                        loop = six("::1");
    struct http_guard_entry *e[8];
    e[0] = http_guard_enter(g, SA(a), -1);
    assert_true(http_guard_admits(g, SA(a)));
    e[1] = http_guard_enter(g, SA(mapped), -1);
    assert_false(http_guard_admits(g, SA(a)));
    assert_false(http_guard_admits(g, SA(mapped)));
    assert_true(http_guard_admits(g, SA(b)));
    e[2] = http_guard_enter(g, SA(x), -1);
    e[3] = http_guard_enter(g, SA(same), -1);
    assert_false(http_guard_admits(g, SA(x)));
    assert_true(http_guard_admits(g, SA(other)));
    for (int i = 4; i < 8; i++) {
        assert_true(http_guard_admits(g, SA(self)) && http_guard_admits(g, SA(loop)));
        e[i] = http_guard_enter(g, i % 2 ? SA(self) : SA(loop), -1);
    }
    http_guard_leave(g, e[0]);
    assert_true(http_guard_admits(g, SA(a)));
    for (int i = 1; i < 8; i++)
        http_guard_leave(g, e[i]);
    http_guard_sweep(g);
    http_guard_free(g);
}

static void test_rate(void **state)
{
    struct http_guard *g = guard(true);
    struct sockaddr_in a = four("127.0.0.1"), b = four("127.0.0.2");
    struct http_guard_entry *x = http_guard_enter(g, SA(a), -1),
                            *y = http_guard_enter(g, SA(b), -1);
    for (int i = 0; i < 3; i++)
        assert_int_equal(http_guard_take(g, x), 0);
    assert_int_equal(http_guard_take(g, x), 1);
    assert_int_equal(http_guard_take(g, y), 0);
    assert_int_equal(http_guard_take(g, NULL), 0);
    http_guard_leave(g, x);
    http_guard_sweep(g); /* it is remembered as long as its bucket is not full */
    x = http_guard_enter(g, SA(a), -1);
    assert_int_equal(http_guard_take(g, x), 1);
    http_guard_leave(g, x);
    http_guard_leave(g, y);
    http_guard_free(g);
}

static void test_late(void **state)
{
    struct http_guard *g = guard(false);
    struct sockaddr_in a = four("192.0.2.1");
    int fd[2];
    char byte;
    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, fd), 0);
    struct http_guard_entry *e = http_guard_enter(g, SA(a), fd[0]);
    http_guard_busy(g, e);
    usleep(30000);
    assert_int_equal(http_guard_sweep(g), 0); /* the server's turn */
    http_guard_body(g, e, 0);
    http_guard_body(g, e, 1000000); /* it has come quickly */
    usleep(30000);
    assert_int_equal(http_guard_sweep(g), 0);
    http_guard_idle(g, e);
    usleep(30000);
    assert_int_equal(http_guard_sweep(g), 1);
    assert_int_equal(http_guard_sweep(g), 0); /* once */
    assert_int_equal(recv(fd[1], &byte, 1, 0), 0);
    http_guard_leave(g, e);
    close(fd[0]);
    close(fd[1]);
    http_guard_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_connections),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_late),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
