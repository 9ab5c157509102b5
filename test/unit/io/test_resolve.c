/* The resolver against a DNS server of our own on a thread: families, TTL, sharing, failures. */
#include "io_unit.h"

#include <arpa/inet.h>
#include <poll.h>

#include "base/arena.h"
#include "base/must.h"
#include "io/resolve.h"

struct dns {
    int fd;
    uint16_t port;
    pthread_t thread;
    atomic_bool stop;
    atomic_int asked; /* A queries */
};

static size_t put16(unsigned char *p, size_t n, unsigned v)
{
    p[n] = (unsigned char)(v >> 8);
    p[n + 1] = (unsigned char)v;
    return n + 2;
}

static size_t put_record(unsigned char *p, size_t n, unsigned type, unsigned ttl, const void *data,
                         unsigned len)
{
    n = put16(p, n, 0xc00c); /* the question's name */
    n = put16(p, n, type);
    n = put16(p, n, 1);
    n = put16(p, n, 0);
    n = put16(p, n, ttl);
    n = put16(p, n, len);
    memcpy(p + n, data, len);
    return n + len;
}

/* The first label of the name decides what is answered. Returns the answer's size, 0 for none. */
static size_t answer(struct dns *d, unsigned char *p, size_t n)
{
    size_t end = 12;
    while (end < n && p[end] != 0) {
        end += (size_t)p[end] + 1;
    }
    end += 5;
    unsigned type = (unsigned)p[end - 4] << 8 | p[end - 3];
    const char *label = (const char *)p + 13;
    if (type == 1) {
        atomic_fetch_add(&d->asked, 1);
    }
    if (strncmp(label, "slow", 4) == 0) {
        return 0;
    }
    put16(p, 2, 0x8180);
    put16(p, 6, 0);
    put16(p, 8, 0);
    put16(p, 10, 0);
    if (strncmp(label, "nx", 2) == 0) {
        p[3] |= 3;
    } else if (strncmp(label, "broken", 6) == 0) {
        p[3] |= 2;
    } else if (type == 1 && strncmp(label, "six", 3) != 0) {
        unsigned ttl = strncmp(label, "brief", 5) == 0 ? 0 : 300;
        put16(p, 6, 2);
        end = put_record(p, end, 1, ttl, "\x0a\x01\x02\x03", 4);
        return put_record(p, end, 1, ttl, "\x0a\x01\x02\x04", 4);
    } else if (type == 28 && strncmp(label, "four", 4) != 0) {
        put16(p, 6, 1);
        return put_record(p, end, 28, 300, "\xfd\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x07", 16);
    }
    return end;
}

static void *serve(void *arg)
{
    struct dns *d = arg;
    unsigned char p[1024];
    while (!atomic_load(&d->stop)) {
        struct pollfd pfd = {.fd = d->fd, .events = POLLIN};
        struct addr from;
        socklen_t len = sizeof(from);
        if (poll(&pfd, 1, 20) != 1) {
            continue;
        }
        ssize_t n = recvfrom(d->fd, p, 512, 0, &from.sa, &len);
        size_t out = n > 16 ? answer(d, p, (size_t)n) : 0;
        if (out > 0) {
            sendto(d->fd, p, out, 0, &from.sa, len);
        }
    }
    return NULL;
}

static struct resolver *start(struct dns *d)
{
    struct addr a = local(0);
    socklen_t n = addr_len(&a);
    char csv[ADDR_TEXT];
    struct err err = {0};
    memset(d, 0, sizeof(*d));
    d->fd = socket(AF_INET, SOCK_DGRAM, 0);
    assert_int_equal(bind(d->fd, &a.sa, n), 0);
    getsockname(d->fd, &a.sa, &n);
    d->port = addr_port(&a);
    pthread_create(&d->thread, NULL, serve, d);
    struct resolver *r = resolver_new(fiber_loop(), &err);
    assert_non_null(r);
    assert_int_equal(resolver_set_servers(r, addr_text(&a, csv), &err), 0);
    return r;
}

static void stop(struct dns *d, struct resolver *r)
{
    resolver_free(r);
    atomic_store(&d->stop, true);
    pthread_join(d->thread, NULL);
    close(d->fd);
}

static void families(void *arg)
{
    struct dns d;
    struct resolver *r = start(&d);
    struct resolved out;
    struct err err = {0};
    char ip[ADDR_TEXT];
    assert_int_equal(resolve(r, "Both.Belfry.TEST", 443, IP_ANY, in_ms(2000), &out, &err), 0);
    assert_int_equal(out.n, 3);
    assert_int_equal(out.at[0].sa.sa_family, AF_INET); /* IPv4 first */
    assert_int_equal(out.at[1].sa.sa_family, AF_INET);
    assert_string_equal(addr_text(&out.at[2], ip), "[fd00::7]:443");
    assert_true(out.took_ns > 0);
    assert_false(out.cached);
    assert_int_equal(resolve(r, "both.belfry.test", 80, IP_4, in_ms(2000), &out, &err), 0);
    assert_int_equal(out.n, 2);
    assert_int_equal(addr_port(&out.at[1]), 80);
    assert_int_equal(resolve(r, "both.belfry.test", 80, IP_6, in_ms(2000), &out, &err), 0);
    assert_int_equal(out.n, 1);
    assert_int_equal(resolve(r, "six.belfry.test", 80, IP_ANY, in_ms(2000), &out, &err), 0);
    assert_int_equal(out.n, 1);
    assert_int_equal(resolve(r, "six.belfry.test", 80, IP_4, in_ms(2000), &out, &err), -1);
    assert_non_null(strstr(err.msg, "NODATA"));
    stop(&d, r);
}

static void test_families(void **state)
{
    on_fiber(families, NULL);
}

static void ttl(void *arg)
{
    struct dns d;
    struct resolver *r = start(&d);
    struct resolved out;
    for (int i = 0; i < 5; i++) {
        assert_int_equal(resolve(r, "four.belfry.test", 1, IP_4, in_ms(2000), &out, NULL), 0);
        assert_int_equal(out.cached, i > 0);
    }
    assert_int_equal(atomic_load(&d.asked), 1);
    for (int i = 0; i < 3; i++) { /* a TTL of 0 is asked each time */
        assert_int_equal(resolve(r, "brief.belfry.test", 1, IP_4, in_ms(2000), &out, NULL), 0);
    }
    assert_int_equal(atomic_load(&d.asked), 4);
    stop(&d, r);
}

static void test_ttl(void **state)
{
    on_fiber(ttl, NULL);
}

static void failures(void *arg)
{
    struct dns d;
    struct resolver *r = start(&d);
    struct resolved out;
    struct err err = {0};
    assert_int_equal(resolve(r, "nx.belfry.test", 1, IP_4, in_ms(2000), &out, &err), -1);
    assert_int_equal(err.code, ERR_DNS);
    assert_string_equal(err.msg,
                        "cannot resolve nx.belfry.test: NXDOMAIN: the name does not exist");
    int asked = atomic_load(&d.asked);
    assert_int_equal(resolve(r, "nx.belfry.test", 1, IP_4, in_ms(2000), &out, &err), -1);
    assert_int_equal(atomic_load(&d.asked), asked); /* the negative answer is kept 5 s */
    assert_int_equal(resolve(r, "broken.belfry.test", 1, IP_4, in_ms(9000), &out, &err), -1);
    assert_non_null(strstr(err.msg, "SERVFAIL"));
    int64_t began = clock_mono_ns();
    assert_int_equal(resolve(r, "slow.belfry.test", 1, IP_4, began + MS(50), &out, &err), -1);
    assert_int_equal(err.code, ERR_TIMEOUT);
    assert_non_null(strstr(err.msg, "cannot resolve slow.belfry.test"));
    assert_true(clock_mono_ns() - began < MS(500));
    assert_int_equal(resolve(r, "", 1, IP_4, in_ms(50), &out, &err), -1);
    assert_int_equal(resolve(r, "a..b", 1, IP_4, in_ms(900), &out, &err), -1);
    assert_int_equal(err.code, ERR_DNS);
    assert_int_equal(resolver_set_servers(r, "not an address", &err), -1);
    stop(&d, r); /* one look-up is still under way */
}

static void test_failures(void **state)
{
    on_fiber(failures, NULL);
}

static void literals(void *arg)
{
    struct resolver *r = resolver_new(fiber_loop(), NULL);
    struct resolved out;
    struct err err = {0};
    char servers[RESOLVE_SERVERS_MAX][ADDR_TEXT];
    assert_int_equal(resolve(r, "10.9.8.7", 5, IP_ANY, 0, &out, &err), 0);
    assert_int_equal(out.n, 1);
    assert_int_equal(out.took_ns, 0);
    assert_int_equal(resolve(r, "[::1]", 5, IP_6, 0, &out, &err), 0);
    assert_int_equal(resolve(r, "::1", 5, IP_4, 0, &out, &err), -1);
    assert_int_equal(err.code, ERR_DNS);
    assert_int_equal(resolve(r, "LocalHost", 5, IP_4, 0, &out, &err), 0);
    assert_int_equal(ntohl(out.at[0].in4.sin_addr.s_addr) >> 24, 127);
    assert_int_equal(resolve(r, "x.localhost", 5, IP_6, 0, &out, &err), 0);
    assert_int_equal(resolver_set_servers(r, "10.0.0.51,10.0.0.52:5353,[fd00::1]:53", &err), 0);
    assert_int_equal(resolver_servers(r, servers, RESOLVE_SERVERS_MAX), 3);
    assert_string_equal(servers[0], "10.0.0.51");
    assert_string_equal(servers[1], "10.0.0.52:5353");
    assert_string_equal(servers[2], "fd00::1");
    resolver_free(r);
}

static void test_literals(void **state)
{
    on_fiber(literals, NULL);
}

struct sharer {
    struct resolver *r;
    int *done;
};

static void share(void *arg)
{
    struct sharer *s = arg;
    struct resolved out;
    assert_int_equal(resolve(s->r, "both.belfry.test", 1, IP_ANY, in_ms(2000), &out, NULL), 0);
    assert_int_equal(out.n, 3);
    ++*s->done;
}

static void sharing(void *arg)
{
    struct dns d;
    int done = 0;
    struct sharer s = {start(&d), &done};
    for (int i = 0; i < 50; i++) {
        assert_int_equal(fiber_start(fiber_loop(), share, &s, NULL), 0);
    }
    while (done < 50) {
        assert_int_equal(fiber_sleep(in_ms(1), NULL), 0);
    }
    assert_int_equal(atomic_load(&d.asked), 1); /* one question for all */
    stop(&d, s.r);
}

static void test_sharing(void **state)
{
    on_fiber(sharing, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_families), cmocka_unit_test(test_ttl),
        cmocka_unit_test(test_failures), cmocka_unit_test(test_literals),
        cmocka_unit_test(test_sharing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
