/* notify.c and notify_linux.c: messages read, strangers dropped, and what systemd-notify really
 * sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/must.h"
#include "proc/notify.h"
#include "proc/spawn.h"

static void messages(void **state)
{
    static const struct {
        const char *text;
        struct notify_message want;
    } cases[] = {
        {"READY=1", {.ready = true}},
        {"READY=1\n", {.ready = true}},
        {"READY=0", {0}},
        {"READY=11", {0}},
        {"STOPPING=1\nRELOADING=1", {.stopping = true, .reloading = true}},
        {"WATCHDOG=1", {.watchdog = true}},
        {"WATCHDOG=trigger", {.watchdog_trigger = true}},
        {"WATCHDOG_USEC=20000000", {.watchdog_us = 20000000}},
        {"WATCHDOG_USEC=18446744073709551615", {0}},
        {"MAINPID=4711", {.main_pid = 4711}},
        {"MAINPID=1\nMAINPID=-3\nMAINPID=99999999999\nMAINPID=0\nMAINPID=x", {0}},
        {"STATUS=up = good", {.has_status = true, .status = "up = good"}},
        {"STATUS=", {.has_status = true}},
        {"STATUS=a\tb\x7f", {.has_status = true, .status = "a b "}},
        {"STATUS=\xff!", {.has_status = true, .status = "\xef\xbf\xbd!"}},
        {"X_OTHER=1\nnonsense\nREADY=1", {.ready = true}},
        {"FDSTORE=1\nERRNO=2", {0}},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct notify_message m;
        memset(&m, 0xee, sizeof(m));
        assert_true(notify_parse(cases[i].text, strlen(cases[i].text), &m));
        assert_int_equal(m.ready, cases[i].want.ready);
        assert_int_equal(m.stopping, cases[i].want.stopping);
        assert_int_equal(m.reloading, cases[i].want.reloading);
        assert_int_equal(m.watchdog, cases[i].want.watchdog);
        assert_int_equal(m.watchdog_trigger, cases[i].want.watchdog_trigger);
        assert_int_equal(m.watchdog_us, cases[i].want.watchdog_us);
        assert_int_equal(m.main_pid, cases[i].want.main_pid);
        assert_int_equal(m.has_status, cases[i].want.has_status);
        assert_string_equal(m.status, cases[i].want.status);
    }
}

static void no_messages(void **state)
{
    struct notify_message m = {.main_pid = 77};
    char large[NOTIFY_MAX + 1];
    memset(large, 'A', sizeof(large));
    large[1] = '=';
    assert_true(notify_parse(large, NOTIFY_MAX, &m));
    m.main_pid = 77;
    assert_false(notify_parse(large, sizeof(large), &m));
    assert_false(notify_parse("", 0, &m));
    assert_false(notify_parse("READY", 5, &m));
    assert_false(notify_parse("READY=1\0", 8, &m));
    assert_int_equal(m.main_pid, 77); /* untouched */
}

/* A long status is cut between characters. */
static void a_long_status(void **state)
{
    char text[7 + 300 + 1] = "STATUS=";
    for (int i = 0; i < 100; i++)
        memcpy(text + 7 + 3 * i, "\xe4\xb8\xad", 3);
    struct notify_message m;
    assert_true(notify_parse(text, strlen(text), &m));
    assert_int_equal(strlen(m.status), 159);
    assert_memory_equal(m.status + 156, "\xe4\xb8\xad", 4);
}

/* --- sockets -------------------------------------------------------------------------------- */

static int open_one(const char *unit, char **address)
{
    char token[32];
    struct err err = {0};
    snprintf(token, sizeof(token), "test-%ld", (long)getpid());
    int fd = notify_open(token, unit, address, &err);
    if (fd < 0)
        fail_msg("%s", err.msg);
    return fd;
}

static void send_text(const char *address, const char *text, size_t n, const int *passed)
{
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } control = {0};
    struct iovec part = {(char *)text, n};
    snprintf(to.sun_path + 1, sizeof(to.sun_path) - 1, "%s", address + 1);
    struct msghdr m = {.msg_name = &to,
                       .msg_namelen =
                           (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(address)),
                       .msg_iov = &part,
                       .msg_iovlen = 1};
    if (passed) {
        m.msg_control = &control;
        m.msg_controllen = sizeof(control);
        control.head = (struct cmsghdr){
            .cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
        memcpy(CMSG_DATA(&control.head), passed, sizeof(int));
    }
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_int_equal(sendmsg(fd, &m, 0), n);
    close(fd);
}

static void a_socket(void **state)
{
    char *address = NULL;
    struct notify_message m;
    pid_t pid = 0;
    int fd = open_one("web", &address);
    assert_int_equal(fcntl(fd, F_GETFD), FD_CLOEXEC);
    assert_int_equal(address[0], '@');
    assert_false(notify_next(fd, getuid(), &m, &pid));
    send_text(address, "READY=1", 7, NULL);
    send_text(address, "garbage", 7, NULL);
    send_text(address, "STATUS=x", 8, NULL);
    assert_true(notify_next(fd, getuid(), &m, &pid) && m.ready);
    assert_int_equal(pid, getpid());
    assert_true(notify_next(fd, getuid(), &m, &pid) && m.has_status && !m.ready);
    assert_false(notify_next(fd, getuid(), &m, &pid));
    char *other = NULL; /* the name is taken while it is open, and free again afterwards */
    struct err err;
    char token[32];
    snprintf(token, sizeof(token), "test-%ld", (long)getpid());
    assert_int_equal(notify_open(token, "web", &other, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    close(fd);
    fd = open_one("web", &other);
    assert_string_equal(address, other);
    close(fd);
    free(address);
    free(other);
}

static void descriptors_are_not_taken(void **state)
{
    char *address = NULL;
    struct notify_message m;
    pid_t pid;
    int fd = open_one("fds", &address), next = dup(fd);
    close(next);
    send_text(address, "FDSTORE=1", 9, &fd);
    assert_true(notify_next(fd, getuid(), &m, &pid));
    int after = dup(fd);
    assert_int_equal(after, next); /* the lowest free number is the same */
    close(after);
    close(fd);
    free(address);
}

static void large_ones_are_dropped(void **state)
{
    char *address = NULL, large[NOTIFY_MAX + 100] = "READY=1\nX=";
    struct notify_message m;
    pid_t pid;
    int fd = open_one("large", &address);
    memset(large + 10, 'y', sizeof(large) - 10);
    send_text(address, large, sizeof(large), NULL);
    send_text(address, large, NOTIFY_MAX, NULL);
    assert_true(notify_next(fd, getuid(), &m, &pid) && m.ready);
    assert_false(notify_next(fd, getuid(), &m, &pid));
    close(fd);
    free(address);
}

/* Another user's word does not count; root's does. */
static void strangers(void **state)
{
    if (geteuid() != 0)
        skip();
    char *address = NULL;
    struct notify_message m;
    pid_t pid = 0;
    int fd = open_one("strangers", &address), status = 0;
    pid_t child = fork();
    if (child == 0) {
        if (setgid(4322) < 0 || setuid(4321) < 0)
            _exit(1);
        send_text(address, "READY=1", 7, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_false(notify_next(fd, 4323, &m, &pid));
    child = fork();
    if (child == 0) {
        if (setgid(4322) < 0 || setuid(4321) < 0)
            _exit(1);
        send_text(address, "READY=1", 7, NULL);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    assert_true(notify_next(fd, 4321, &m, &pid));
    assert_int_equal(pid, child);
    send_text(address, "READY=1", 7, NULL);
    assert_true(notify_next(fd, 4321, &m, &pid)); /* root's */
    close(fd);
    free(address);
}

static void as_systemd_sends_it(void **state)
{
    char *address = NULL, variable[200];
    struct notify_message m;
    struct err err;
    pid_t pid = 0, child;
    if (access("/usr/bin/systemd-notify", X_OK) != 0)
        skip();
    int fd = open_one("systemd", &address);
    snprintf(variable, sizeof(variable), "NOTIFY_SOCKET=%s", address);
    const char *env[] = {variable, NULL};
    const char *argv[] = {"systemd-notify", "--ready", "--status=all well", "--pid=parent", NULL};
    struct spawn s = {.path = "/usr/bin/systemd-notify", .argv = argv, .env = env};
    assert_int_equal(spawn_start(&s, &child, &err), 0);
    struct pollfd p = {.fd = fd, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 20000), 1);
    assert_true(notify_next(fd, getuid(), &m, &pid));
    assert_true(m.ready && m.has_status);
    assert_string_equal(m.status, "all well");
    assert_int_equal(poll(&p, 1, 20000),
                     1); /* its barrier: it waits until we closed what it passed */
    notify_next(fd, getuid(), &m, &pid);
    waitpid(child, NULL, 0);
    close(fd);
    free(address);
}

static void a_name_too_long(void **state)
{
    char unit[200], *address = NULL;
    struct err err;
    memset(unit, 'u', sizeof(unit));
    unit[sizeof(unit) - 1] = '\0';
    assert_int_equal(notify_open("t", unit, &address, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_null(address);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(messages),
        cmocka_unit_test(no_messages),
        cmocka_unit_test(a_long_status),
        cmocka_unit_test(a_socket),
        cmocka_unit_test(descriptors_are_not_taken),
        cmocka_unit_test(large_ones_are_dropped),
        cmocka_unit_test(strangers),
        cmocka_unit_test(as_systemd_sends_it),
        cmocka_unit_test(a_name_too_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
