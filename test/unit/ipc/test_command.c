/* command.c: what is a command and what is not; slow, mad, many and gone peers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "ipc/command.h"

static struct command good(void)
{
    return (struct command){.version = COMMAND_VERSION,
                            .type = COMMAND_START,
                            .id = 7,
                            .number = 3,
                            .unit = "web",
                            .text = "why"};
}

static void what_is_a_command(void **state)
{
    struct command g = good(), unknown = good(), foreign = good(), endless = good(), unit = good();
    unknown.type = COMMAND_UPGRADE + 1;
    foreign.version = 99;
    memset(endless.text, 'x', sizeof(endless.text));
    memset(unit.unit, 'x', sizeof(unit.unit));
    const struct {
        const void *p;
        size_t n;
        enum command_kind want;
    } cases[] = {
        {&g, sizeof(g), COMMAND_IS_GOOD},
        {&g, sizeof(g) - 1, COMMAND_IS_NONSENSE},
        {&g, 0, COMMAND_IS_NONSENSE},
        {&g, 23, COMMAND_IS_NONSENSE},
        {&unknown, sizeof(g), COMMAND_IS_NONSENSE},
        {&endless, sizeof(g), COMMAND_IS_NONSENSE},
        {&unit, sizeof(g), COMMAND_IS_NONSENSE},
        {&foreign, sizeof(g), COMMAND_IS_FOREIGN},
        {&foreign, 24, COMMAND_IS_FOREIGN},
        {&foreign, 23, COMMAND_IS_NONSENSE},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct command out = {.id = 1};
        assert_int_equal(command_check(cases[i].p, cases[i].n, &out), cases[i].want);
        assert_int_equal(out.id, cases[i].want == COMMAND_IS_NONSENSE ? 1 : 7);
    }
}

struct ends {
    char dir[64], path[80];
    int listener, core, warden;
};

static int connect_ends(void **state)
{
    static struct ends e; /* cmocka's state: one test at a time */
    struct err err = {0};
    e = (struct ends){.dir = "/tmp/belfry-command-XXXXXX"};
    if (!mkdtemp(e.dir))
        return -1;
    snprintf(e.path, sizeof(e.path), "%s/warden.sock", e.dir);
    e.listener = command_listen(e.path, &err);
    e.core = command_connect(e.path, &err);
    e.warden = command_accept(e.listener);
    *state = &e;
    return e.listener >= 0 && e.core >= 0 && e.warden >= 0 ? 0 : -1;
}

static int close_ends(void **state)
{
    struct ends *e = *state;
    close(e->listener);
    close(e->core);
    close(e->warden);
    unlink(e->path);
    return rmdir(e->dir);
}

static void there_and_back(void **state)
{
    struct ends *e = *state;
    struct command c = good(), got;
    struct stat st;
    assert_int_equal(stat(e->path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);
    assert_int_equal(command_accept(e->listener), -1);
    assert_int_equal(command_receive(e->warden, &got), 0);
    assert_true(command_send(e->core, &c));
    assert_int_equal(command_receive(e->warden, &got), 1);
    assert_memory_equal(&got, &c, sizeof(c));
    c.type = COMMAND_ANSWER;
    c.code = ERR_NOT_FOUND;
    assert_true(command_send(e->warden, &c));
    assert_int_equal(command_receive(e->core, &got), 1);
    assert_int_equal(got.code, ERR_NOT_FOUND);
}

static void mad_and_gone_peers_are_closed(void **state)
{
    struct ends *e = *state;
    struct command c = good(), got;
    char longer[sizeof(c) + 1] = {0};
    memcpy(longer, &c, sizeof(c));
    assert_int_equal(send(e->core, longer, sizeof(longer), 0), (ssize_t)sizeof(longer));
    assert_int_equal(command_receive(e->warden, &got), -1);
    assert_int_equal(send(e->core, "x", 1, 0), 1);
    assert_int_equal(command_receive(e->warden, &got), -1);
    shutdown(e->core, SHUT_RDWR);
    assert_int_equal(command_receive(e->warden, &got), -1);
    assert_false(command_send(e->warden, &c)); /* and no SIGPIPE */
}

static void versions_refuse_each_other(void **state)
{
    struct ends *e = *state;
    struct command c = good(), got;
    c.version = COMMAND_VERSION + 1;
    assert_int_equal(send(e->core, &c, 24, 0), 24);
    struct command next = good();
    next.id = 8;
    assert_true(command_send(e->core, &next));
    assert_int_equal(command_receive(e->warden, &got), 1);
    assert_int_equal(got.id, 8); /* the foreign one was answered on the way */
    assert_int_equal(command_receive(e->core, &got), 1);
    assert_int_equal(got.id, 7);
    assert_int_equal(got.type, COMMAND_ANSWER);
    assert_int_equal(got.code, ERR_CONFLICT);
    c.type = COMMAND_ANSWER; /* a newer warden's answer */
    assert_int_equal(send(e->warden, &c, sizeof(c), 0), (ssize_t)sizeof(c));
    assert_int_equal(command_receive(e->core, &got), 1);
    assert_int_equal(got.code, ERR_CONFLICT);
    assert_int_equal(command_receive(e->warden, &got), 0);
}

static void a_slow_peer_is_not_waited_for(void **state)
{
    struct ends *e = *state;
    struct command c = good(), got;
    uint64_t sent = 0, received = 0;
    for (c.id = 1; command_send(e->warden, &c); c.id++)
        sent++;
    assert_true(sent > 0);
    while (command_receive(e->core, &got) == 1)
        assert_int_equal(got.id, ++received);
    assert_int_equal(received, sent);
    assert_true(command_send(e->warden, &c));
}

static void many_peers(void **state)
{
    enum { PEERS = 100 };
    struct ends *e = *state;
    int core[PEERS], warden[PEERS];
    struct command c = good(), got;
    for (int i = 0; i < PEERS; i++) {
        core[i] = command_connect(e->path, NULL);
        assert_true(core[i] >= 0);
        c.id = (uint64_t)i;
        assert_true(command_send(core[i], &c)); /* before it is accepted */
    }
    for (int i = 0; i < PEERS; i++) {
        warden[i] = command_accept(e->listener);
        assert_true(warden[i] >= 0);
        assert_true(fcntl(warden[i], F_GETFD) & FD_CLOEXEC);
        assert_int_equal(command_receive(warden[i], &got), 1);
        assert_int_equal(got.id, i);
    }
    assert_int_equal(command_accept(e->listener), -1);
    for (int i = 0; i < PEERS; i++) {
        close(core[i]);
        assert_int_equal(command_receive(warden[i], &got), -1);
        close(warden[i]);
    }
}

static void nobody_listens(void **state)
{
    struct err err = {0};
    assert_int_equal(command_connect("/nonexistent/warden.sock", &err), -1);
    assert_int_equal(err.code, ERR_REFUSED);
    assert_int_equal(command_listen("/nonexistent/warden.sock", &err), -1);
}

int main(void)
{
#define CONNECTED(f) cmocka_unit_test_setup_teardown(f, connect_ends, close_ends)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_a_command),      CONNECTED(there_and_back),
        CONNECTED(mad_and_gone_peers_are_closed), CONNECTED(versions_refuse_each_other),
        CONNECTED(a_slow_peer_is_not_waited_for), CONNECTED(many_peers),
        cmocka_unit_test(nobody_listens),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
