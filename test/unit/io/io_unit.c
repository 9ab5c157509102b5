/* Helpers of the unit tests of io/: see io_unit.h. */
#include "io_unit.h"

#include <poll.h>

struct on_fiber {
    void (*fn)(void *arg);
    void *arg;
    struct loop *loop;
};

static void run(void *p)
{
    struct on_fiber *o = p;
    o->fn(o->arg);
    loop_stop(o->loop);
}

void on_fiber(void (*fn)(void *arg), void *arg)
{
    struct on_fiber o = {fn, arg, loop_new(NULL)};
    assert_non_null(o.loop);
    assert_int_equal(fiber_start(o.loop, run, &o, NULL), 0);
    loop_run(o.loop);
    loop_free(o.loop);
}

static void *serve(void *p)
{
    struct test_server *s = p;
    while (!atomic_load(&s->stop)) {
        struct pollfd pfd = {.fd = s->fd, .events = POLLIN};
        if (poll(&pfd, 1, 20) != 1) {
            continue;
        }
        int fd = accept(s->fd, NULL, NULL);
        if (fd < 0) {
            continue;
        }
        atomic_fetch_add(&s->accepted, 1);
        pthread_mutex_lock(&s->busy);
        s->talk(fd, s->arg);
        pthread_mutex_unlock(&s->busy);
        close(fd);
    }
    return NULL;
}

void server_start(struct test_server *s, void (*talk)(int fd, void *arg), void *arg)
{
    struct addr a = local(0);
    socklen_t n = addr_len(&a);
    memset(s, 0, sizeof(*s));
    s->talk = talk;
    s->arg = arg;
    pthread_mutex_init(&s->busy, NULL);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, &a.sa, n), 0);
    assert_int_equal(listen(s->fd, 64), 0);
    assert_int_equal(getsockname(s->fd, &a.sa, &n), 0);
    s->port = addr_port(&a);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void server_sync(struct test_server *s)
{
    pthread_mutex_lock(&s->busy);
    pthread_mutex_unlock(&s->busy);
}

void server_stop(struct test_server *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    close(s->fd);
    pthread_mutex_destroy(&s->busy);
}

size_t read_until(int fd, char *buf, size_t size, const char *end)
{
    size_t n = 0, k = strlen(end);
    while (n + 1 < size) {
        ssize_t got = recv(fd, buf + n, size - 1 - n, 0);
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
        if (n >= k && memcmp(buf + n - k, end, k) == 0) {
            break;
        }
    }
    buf[n] = '\0';
    return n;
}

void send_text(int fd, const char *text)
{
    size_t n = strlen(text);
    while (n > 0) {
        ssize_t put = send(fd, text, n, MSG_NOSIGNAL);
        if (put <= 0) {
            return;
        }
        text += put;
        n -= (size_t)put;
    }
}

struct addr local(uint16_t port)
{
    struct addr a;
    assert_true(addr_parse_ip("127.0.0.1", port, &a));
    return a;
}

uint16_t free_port(void)
{
    struct addr a = local(0);
    socklen_t n = addr_len(&a);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(bind(fd, &a.sa, n), 0);
    assert_int_equal(getsockname(fd, &a.sa, &n), 0);
    close(fd);
    return addr_port(&a);
}
