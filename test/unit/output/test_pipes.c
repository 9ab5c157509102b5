/* Pipes: every byte arrives, the end of a program ends its line, a flood does not keep others waiting, and a killed
 * output process's successor goes on. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"

static void wait_for_end(pid_t pid)
{
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
}

static void both_streams(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int out = rig_open(r, "web", 1), err = rig_open(r, "web", 2);
    rig_print(r, out, "one\n");
    rig_print(r, err, "two\n");
    rig_print(r, out, "three\n");
    rig_expect(r, "web", "output.log", "stdout F one\nstderr F two\nstdout F three\n");
    close(out);
    close(err);
}

static void the_end_of_a_program_ends_its_line(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "first\nlast words");
    rig_expect(r, "web", "output.log", "stdout F first\n");
    close(fd);
    rig_settle(r);
    rig_expect(r, "web", "output.log", "stdout F first\nstdout F last words\n");
    struct pollfd p = {.fd = output_fd(r->output), .events = POLLIN};
    assert_int_equal(poll(&p, 1, 0), 0); /* an ended pipe is quiet */
    fd = rig_open(r, "web", 1);
    rig_print(r, fd, "again\n");
    rig_expect(r, "web", "output.log", "stdout F first\nstdout F last words\nstdout F again\n");
    close(fd);
}

static void a_line_that_pauses_is_shown(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "loading");
    assert_int_equal(output_timeout(r->output), 1000);
    r->mono_ms += 600;
    rig_print(r, fd, " ...");
    assert_int_equal(output_timeout(r->output), 400);
    r->mono_ms += 400;
    output_turn(r->output);
    rig_expect(r, "web", "output.log", "stdout P loading ...\n");
    rig_print(r, fd, " done\n");
    rig_expect(r, "web", "output.log", "stdout P loading ...\nstdout F  done\n");
    close(fd);
}

static void a_silent_unit_costs_nothing(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "one\n");
    output_turn(r->output);
    assert_true(output_timeout(r->output) > 3600 * 1000); /* midnight */
    rig_set(r, rig_spec("other"));
    close(fd);
    rig_settle(r);
    output_set(r->output, NULL, 0);
    assert_int_equal(output_timeout(r->output), -1);
}

/* What a program prints while no output process is there, if somebody holds the pipe. */
static void a_held_pipe_keeps_what_a_dead_program_said(void **state)
{
    struct rig *r = *state;
    struct err err = {0};
    struct stat st;
    int hold = output_pipe_hold(r->run, "job", 1, &err);
    assert_true(hold >= 0);
    assert_int_equal(fstat(hold, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0622);
    int fd = rig_open(r, "job", 1);
    assert_int_equal(write(fd, "short life", 10), 10);
    close(fd);
    rig_set(r, rig_spec("job"));
    rig_settle(r);
    rig_seconds(r, 1);
    rig_expect(r, "job", "output.log", "stdout F short life\n");
    close(hold);
}

static void something_else_is_not_opened(void **state)
{
    struct rig *r = *state;
    struct err err = {0};
    char path[300];
    snprintf(path, sizeof(path), "%s/out/web.out", r->run);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(output_pipe_open(r->run, "web", 1, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(unlink(path), 0);
    assert_int_equal(symlink("/dev/null", path), 0);
    assert_int_equal(output_pipe_open(r->run, "web", 1, &err), -1);
}

/* A unit that is removed may still be stopping: its last lines count. */
static void a_unit_that_leaves_is_heard_to_the_end(void **state)
{
    struct rig *r = *state;
    struct output_stats s;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "one\n");
    output_set(r->output, NULL, 0);
    rig_print(r, fd, "two\nthree");
    close(fd);
    rig_settle(r);
    rig_expect(r, "web", "output.log", "stdout F one\nstdout F two\nstdout F three\n");
    output_stats(r->output, NULL, &s);
    assert_int_equal(s.open_files, 0);
    assert_int_equal(s.bytes, 13);
    output_stats(r->output, "web", &s);
    assert_int_equal(s.bytes, 0);
}

static void a_unit_that_comes_back_is_the_same(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "half ");
    output_set(r->output, NULL, 0);
    rig_set(r, rig_spec("web"));
    rig_print(r, fd, "a line\n");
    rig_expect(r, "web", "output.log", "stdout F half a line\n");
    close(fd);
}

static void a_stop_takes_what_the_pipes_hold(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    assert_int_equal(write(fd, "one\ntw", 6), 6);
    rig_restart(r);
    rig_expect(r, "web", "output.log", "stdout F one\nstdout P tw\n");
    rig_set(r, rig_spec("web"));
    rig_print(r, fd, "o\n");
    rig_expect(r, "web", "output.log", "stdout F one\nstdout P tw\nstdout F o\n");
    close(fd);
}

#define FLOOD ((size_t)64 << 20)

/* Numbered lines, so that each missing or divided one shows. */
static pid_t start_flood(struct rig *r, size_t bytes)
{
    int fd = rig_open(r, "flood", 1);
    pid_t pid = fork();
    if (pid == 0) {
        char block[8192];
        size_t n = 0;
        for (size_t line = 0, done = 0; done < bytes; line++) {
            n += (size_t)snprintf(block + n, sizeof(block) - n, "line %zu of the flood\n", line);
            if (n < sizeof(block) - 64)
                continue;
            for (size_t at = 0; at < n;) {
                ssize_t rc = write(fd, block + at, n - at);
                if (rc <= 0)
                    _exit(1);
                at += (size_t)rc;
            }
            done += n;
            n = 0;
        }
        _exit(0);
    }
    close(fd);
    return pid;
}

static void expect_numbered(const struct buf *all, size_t at_least)
{
    size_t line = 0, bytes = 0;
    char want[64];
    for (const char *p = all->data, *end; p < all->data + all->len; p = end + 1, line++) {
        end = memchr(p, '\n', (size_t)(all->data + all->len - p));
        assert_non_null(end);
        int n = snprintf(want, sizeof(want), "stdout F line %zu of the flood", line);
        assert_int_equal(end - p, 31 + n);
        assert_memory_equal(p + 31, want, n);
        bytes += (size_t)n + 1 - strlen("stdout F ");
    }
    assert_true(bytes >= at_least);
}

/* A quiet unit's line is written in the turn in which it came, whatever the flood brings. */
static void a_flood_does_not_keep_others_waiting(void **state)
{
    struct rig *r = *state;
    struct output_spec specs[] = {rig_spec("flood"), rig_spec("quiet")};
    struct output_stats s, flood;
    output_set(r->output, specs, 2);
    pid_t pid = start_flood(r, FLOOD);
    int fd = rig_open(r, "quiet", 1);
    uint64_t before = 0;
    for (uint64_t said = 0, turns = 0; before < FLOOD / 2; turns++) {
        if (turns % 16 == 0)
            said += (uint64_t)write(fd, "one\n", 4);
        output_turn(r->output);
        output_stats(r->output, "quiet", &s);
        output_stats(r->output, "flood", &flood);
        assert_int_equal(s.bytes, said);
        assert_true(flood.bytes - before <= (size_t)128 << 10);
        before = flood.bytes;
    }
    while (waitpid(pid, NULL, WNOHANG) == 0)
        output_turn(r->output);
    rig_settle(r);
    struct buf all = rig_all(r, "flood");
    expect_numbered(&all, FLOOD);
    buf_done(&all);
    close(fd);
}

static void no_byte_of_a_flood_is_lost_by_rotation(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("flood");
    spec.max_size = 1 << 20;
    rig_set(r, spec);
    pid_t pid = start_flood(r, FLOOD / 4);
    while (waitpid(pid, NULL, WNOHANG) == 0)
        output_turn(r->output);
    rig_settle(r);
    struct output_stats s;
    output_stats(r->output, "flood", &s);
    assert_true(s.rotations > 16);
    struct buf all = rig_all(r, "flood");
    expect_numbered(&all, FLOOD / 4);
    buf_done(&all);
}

/* kill -9 in the middle of a flood: whole lines before and after, at most one read between them is lost. */
static void a_killed_reader_has_a_successor(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("flood");
    struct err err = {0};
    struct stat st = {0};
    char path[300];
    snprintf(path, sizeof(path), "%s/processes/flood/output.log", r->logs);
    int hold = output_pipe_hold(r->run, "flood", 1, &err);
    pid_t pid = start_flood(r, FLOOD / 4), reader = fork();
    if (reader == 0) {
        output_set(r->output, &spec, 1);
        for (;;)
            output_turn(r->output);
    }
    while (stat(path, &st) < 0 || st.st_size < 1 << 20)
        usleep(1000);
    kill(reader, SIGKILL);
    wait_for_end(reader);
    r->wall_ns = (int64_t)time(NULL) * NS_PER_S;
    rig_restart(r);
    rig_set(r, spec);
    while (waitpid(pid, NULL, WNOHANG) == 0)
        output_turn(r->output);
    rig_settle(r);
    struct buf all = rig_all(r, "flood");
    size_t gaps = 0;
    unsigned long expected = 0, got, lost = 0;
    for (char *p = all.data, *end; (end = strchr(p, '\n')) != NULL; p = end + 1) {
        *end = '\0'; /* sscanf looks for it */
        bool whole = sscanf(p, "%*s stdout F line %lu of the flood", &got) == 1;
        if (whole && got == expected) {
            expected++;
            continue;
        }
        gaps++;
        lost += whole ? got - expected : 0;
        expected = whole ? got + 1 : expected;
    }
    assert_true(gaps <= 3); /* the torn line, the rest of a line, the hole */
    assert_true(lost * 20 <= (128 << 10));
    buf_done(&all);
    close(hold);
}

static void many_units(void **state)
{
    struct rig *r = *state;
    enum { N = 200 };
    static char names[N][16];
    static int fds[N];
    struct output_spec specs[N];
    struct output_stats s;
    for (int i = 0; i < N; i++) {
        snprintf(names[i], sizeof(names[i]), "unit-%d", i);
        specs[i] = rig_spec(names[i]);
    }
    output_set(r->output, specs, N);
    for (int i = 0; i < N; i++) {
        fds[i] = rig_open(r, names[i], 1);
        assert_int_equal(write(fds[i], names[i], strlen(names[i])), strlen(names[i]));
        assert_int_equal(write(fds[i], "\n", 1), 1);
    }
    for (int turn = 0; turn < (N + 63) / 64; turn++) /* 64 pipes a turn, in turns */
        output_turn(r->output);
    output_stats(r->output, NULL, &s);
    assert_int_equal(s.lines, N);
    output_set(r->output, specs, N / 2);
    for (int i = 0; i < N; i++)
        close(fds[i]);
    rig_settle(r);
    output_stats(r->output, NULL, &s);
    assert_int_equal(s.open_files, 3 * N / 2);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(both_streams),
        CASE(the_end_of_a_program_ends_its_line),
        CASE(a_line_that_pauses_is_shown),
        CASE(a_silent_unit_costs_nothing),
        CASE(a_held_pipe_keeps_what_a_dead_program_said),
        CASE(something_else_is_not_opened),
        CASE(a_unit_that_leaves_is_heard_to_the_end),
        CASE(a_unit_that_comes_back_is_the_same),
        CASE(a_stop_takes_what_the_pipes_hold),
        CASE(a_flood_does_not_keep_others_waiting),
        CASE(no_byte_of_a_flood_is_lost_by_rotation),
        CASE(a_killed_reader_has_a_successor),
        CASE(many_units),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
