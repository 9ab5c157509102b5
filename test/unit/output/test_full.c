/* A disk that is full: what is dropped is counted and told, or the unit waits; lines stay whole. The disk is a number. */
#include "rig.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct output_stats stats(struct rig *r)
{
    struct output_stats s;
    output_stats(r->output, "web", &s);
    return s;
}

static void dropped_bytes_are_counted_and_told(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "kept\n");
    r->room = 0;
    rig_print(r, fd, "lost one\nlost two\n");
    rig_print(r, fd, "lost three\n");
    assert_int_equal(stats(r).dropped_bytes, 29);
    assert_int_equal(output_timeout(r->output), 1000);
    rig_seconds(r, 1);
    rig_expect(r, "web", "output.log", "stdout F kept\n");
    r->room = -1;
    rig_seconds(r, 1);
    rig_print(r, fd, "back\n");
    rig_expect(r, "web", "output.log",
               "stdout F kept\n"
               "stderr F belfry: 29 bytes of this program's output were lost here: No space left "
               "on device\n"
               "stdout F back\n");
    assert_int_equal(stats(r).dropped_bytes, 29);
    close(fd);
}

/* A write that ends in the middle of a line leaves whole lines, wherever it ends. */
static void half_a_line_is_taken_back(void **state)
{
    struct rig *r = *state;
    for (int64_t room = 1; room < 150; room += 7) {
        char unit[16], want[200];
        snprintf(unit, sizeof(unit), "web%d", (int)room);
        rig_set(r, rig_spec(unit));
        int fd = rig_open(r, unit, 1);
        r->room = room;
        rig_print(r, fd, "one1\ntwo2\nthr3\n");
        int kept = (int)(room / 45);
        snprintf(want, sizeof(want), "%s%s%s", kept > 0 ? "stdout F one1\n" : "",
                 kept > 1 ? "stdout F two2\n" : "", kept > 2 ? "stdout F thr3\n" : "");
        rig_expect(r, unit, "output.log", want);
        struct output_stats s;
        output_stats(r->output, unit, &s);
        assert_int_equal(s.dropped_bytes, 15 - 5 * kept);
        r->room = -1;
        rig_seconds(r, 1);
        close(fd);
    }
}

static void a_blocked_unit_waits_and_loses_nothing(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    spec.block_when_full = true;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    fcntl(fd, F_SETFL, O_NONBLOCK);
    r->room = 70; /* in the middle of the second line */
    rig_print(r, fd, "one1\ntwo2\nthr3\n");
    char zeros[4096];
    memset(zeros, '\n', sizeof(zeros));
    size_t written = 15;
    for (ssize_t n; (n = write(fd, zeros, sizeof(zeros))) > 0; written += (size_t)n)
        rig_settle(r);
    assert_int_equal(errno, EAGAIN); /* the pipe is full: the program would wait */
    assert_int_equal(stats(r).dropped_bytes, 0);
    assert_int_equal(stats(r).bytes, 15);
    rig_seconds(r, 5);
    assert_int_equal(stats(r).bytes, 15);
    r->room = -1;
    rig_seconds(r, 1);
    rig_settle(r);
    assert_int_equal(stats(r).bytes, written);
    struct buf file = rig_file(r, "web", "output.log");
    assert_int_equal(file.len, written + 40 * stats(r).lines);
    assert_memory_equal(file.data + 40, "one1\n", 5);
    assert_memory_equal(file.data + 85, "two2\n", 5);
    buf_done(&file);
    close(fd);
}

static void another_unit_is_not_affected(void **state)
{
    struct rig *r = *state;
    struct output_spec specs[] = {rig_spec("full"), rig_spec("web")};
    char path[300];
    specs[0].block_when_full = true;
    output_set(r->output, specs, 2);
    snprintf(path, sizeof(path), "%s/processes/full", r->logs);
    int full = rig_open(r, "full", 1), fd = rig_open(r, "web", 1);
    rig_print(r, fd, "opened\n");
    r->room = 0;
    rig_print(r, full, "waits\n");
    r->room = -1;
    rig_print(r, fd, "goes on\n");
    rig_expect(r, "web", "output.log", "stdout F opened\nstdout F goes on\n");
    rig_seconds(r, 1);
    rig_expect(r, "full", "output.log", "stdout F waits\n");
    close(full);
    close(fd);
}

static void each_write_may_fail(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    spec.max_size = 100;
    int fd = rig_open(r, "web", 1);
    for (int raw = 0; raw < 2; raw++)
        for (int64_t room = 0; room < 400; room += 3) {
            struct output_stats before = stats(r), after;
            spec.raw = raw;
            rig_set(r, spec);
            r->room = room;
            r->full_errno = room % 2 ? EIO : EDQUOT;
            rig_print(r, fd, "a\nbb\nccc\ndddd\neeeee\n");
            r->room = -1;
            rig_seconds(r, 2);
            after = stats(r);
            assert_true(after.dropped_bytes - before.dropped_bytes <= 20);
            assert_int_equal(after.bytes - before.bytes, 20);
        }
    struct buf all = rig_all(r, "web");
    assert_int_equal(all.data[all.len - 1], '\n');
    buf_done(&all);
    close(fd);
}

/* The rest goes to the file when there is room at last, also when the unit is gone and the process stops. */
static void what_waits_is_written_at_the_stop(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    spec.block_when_full = true;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    r->room = 0;
    rig_print(r, fd, "waits\n");
    close(fd);
    r->room = -1;
    rig_restart(r);
    rig_expect(r, "web", "output.log", "stdout F waits\n");
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(dropped_bytes_are_counted_and_told),
        CASE(half_a_line_is_taken_back),
        CASE(a_blocked_unit_waits_and_loses_nothing),
        CASE(another_unit_is_not_affected),
        CASE(each_write_may_fail),
        CASE(what_waits_is_written_at_the_stop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
