/* The link: hello, messages both ways, a peer that dies, a core that comes later or again, rubbish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "ipc/link.h"

struct heard {
    int count[LINK_GONE + 1];
    uint64_t id;
    char peer[32];
    char payload[64];
};

struct fixture {
    char dir[32], path[64];
    struct loop *loop;
    struct heard core, watcher;
};

static void note(struct heard *h, const struct link_message *m)
{
    h->count[m->type]++;
    h->id = m->id;
    snprintf(h->payload, sizeof(h->payload), "%.*s", (int)m->n,
             m->n ? (const char *)m->payload : "");
}

static void on_core(void *arg, const char *peer, const struct link_message *m)
{
    struct fixture *f = arg;
    snprintf(f->core.peer, sizeof(f->core.peer), "%s", peer);
    note(&f->core, m);
}

static void on_watcher(void *arg, const struct link_message *m)
{
    struct fixture *f = arg;
    note(&f->watcher, m);
}

/* Turns until *count reaches n; two seconds at most. */
static void until(struct fixture *f, const int *count, int n)
{
    int64_t end = clock_mono_ns() + 2 * NS_PER_S;
    while (*count < n && clock_mono_ns() < end) {
        loop_turn(f->loop);
        usleep(500);
    }
    assert_int_equal(*count, n);
}

static int set_up(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    snprintf(f->dir, sizeof(f->dir), "%s", "/tmp/belfry-link-XXXXXX");
    if (!mkdtemp(f->dir))
        return -1;
    snprintf(f->path, sizeof(f->path), "%s/link.sock", f->dir);
    f->loop = loop_new(NULL);
    *state = f;
    return 0;
}

static int tear_down(void **state)
{
    struct fixture *f = *state;
    loop_free(f->loop);
    unlink(f->path);
    rmdir(f->dir);
    free(f);
    return 0;
}

static void messages_go_both_ways(void **state)
{
    struct fixture *f = *state;
    struct err err;
    struct link_client *c = link_connect(f->loop, f->path, "payments/0", on_watcher, f, &err);
    assert_non_null(c); /* the core is not there yet: it tries again */
    struct link_server *s = link_listen(f->loop, f->path, on_core, f, &err);
    assert_non_null(s);
    until(f, &f->core.count[LINK_HELLO], 1);
    assert_string_equal(f->core.peer, "payments/0");
    assert_true(link_connected(s, "payments/0"));
    link_wake(c);
    until(f, &f->core.count[LINK_WAKE], 1);
    assert_int_equal(link_send(s, "payments/0", LINK_CHECK, 0x1122334455667788, "hello", 5, &err),
                     0);
    until(f, &f->watcher.count[LINK_CHECK], 1);
    assert_true(f->watcher.id == 0x1122334455667788);
    assert_string_equal(f->watcher.payload, "hello");
    assert_int_equal(link_send(s, "nobody", LINK_RELOAD, 0, NULL, 0, &err), -1);
    assert_int_equal(err.code, ERR_BUSY);
    link_server_close(&s);
    until(f, &f->watcher.count[LINK_GONE], 1);
    s = link_listen(f->loop, f->path, on_core, f, &err); /* the core is back */
    until(f, &f->core.count[LINK_HELLO], 2);
    link_client_close(&c);
    until(f, &f->core.count[LINK_GONE], 1);
    assert_false(link_connected(s, "payments/0"));
    link_server_close(&s);
}

static void a_successor_takes_the_name(void **state)
{
    struct fixture *f = *state;
    struct link_server *s = link_listen(f->loop, f->path, on_core, f, NULL);
    struct link_client *a = link_connect(f->loop, f->path, "w", on_watcher, f, NULL);
    until(f, &f->core.count[LINK_HELLO], 1);
    struct link_client *b = link_connect(f->loop, f->path, "w", on_watcher, f, NULL);
    until(f, &f->core.count[LINK_HELLO], 2);
    link_client_close(&a);
    for (int i = 0; i < 20; i++)
        loop_turn(f->loop);
    assert_int_equal(f->core.count[LINK_GONE], 0);
    assert_true(link_connected(s, "w"));
    link_client_close(&b);
    link_server_close(&s);
}

static void a_full_socket_says_busy(void **state)
{
    struct fixture *f = *state;
    struct link_server *s = link_listen(f->loop, f->path, on_core, f, NULL);
    struct link_client *c = link_connect(f->loop, f->path, "w", on_watcher, f, NULL);
    until(f, &f->core.count[LINK_HELLO], 1);
    static char block[LINK_MAX - 16];
    struct err err = {0};
    int sent = 0;
    while (sent < 1000 && link_send(s, "w", LINK_TRY, 1, block, sizeof(block), &err) == 0)
        sent++;
    assert_int_equal(err.code, ERR_BUSY);
    assert_true(sent > 0);
    until(f, &f->watcher.count[LINK_TRY], sent);
    link_client_close(&c);
    link_server_close(&s);
}

static void rubbish_is_cut_off(void **state)
{
    struct fixture *f = *state;
    struct link_server *s = link_listen(f->loop, f->path, on_core, f, NULL);
    static const char *const packets[] = {"x", "\x01\0\0\0\0\0\0\0\0", "\x63garbage garbage"};
    for (size_t i = 0; i < 3; i++) {
        struct sockaddr_un sun = {.sun_family = AF_UNIX};
        snprintf(sun.sun_path, sizeof(sun.sun_path), "%s", f->path);
        int fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
        assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
        assert_true(send(fd, packets[i], i == 1 ? 9 : strlen(packets[i]), 0) > 0);
        for (int k = 0; k < 20; k++)
            loop_turn(f->loop);
        char c;
        assert_int_equal(recv(fd, &c, 1, MSG_DONTWAIT), 0); /* closed */
        close(fd);
    }
    assert_int_equal(f->core.count[LINK_WAKE], 0);
    link_server_close(&s);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(messages_go_both_ways),
        T(a_successor_takes_the_name),
        T(a_full_socket_says_busy),
        T(rubbish_is_cut_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
