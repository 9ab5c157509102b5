/* Files of a unit: rotation by size and at midnight, what is kept, compression, what a predecessor left. Virtual clock. */
#include "rig.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

static void expect_names(struct rig *r, const char *want)
{
    struct buf got = rig_names(r, "web");
    assert_string_equal(got.data, want);
    buf_done(&got);
}

/* The compressor is another thread with the lowest priority. */
static void await_compressed(struct rig *r)
{
    struct output_stats s;
    do {
        usleep(1000);
        output_stats(r->output, NULL, &s);
    } while (s.waiting_to_compress > 0);
}

static void by_size_between_lines(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    spec.max_size = 150; /* three lines of 45 bytes */
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "one1\ntwo2\nthr3\nfou4\nfiv5\nsix6\nsev7\n");
    expect_names(r, "output.log output.log.20261121-120000.000 output.log.20261121-120000.001");
    rig_expect(r, "web", "output.log.20261121-120000.000",
               "stdout F one1\nstdout F two2\nstdout F thr3\n");
    rig_expect(r, "web", "output.log", "stdout F sev7\n");
    r->wall_ns += 1000000000;
    rig_print(r, fd, "eig8\nnin9\nten0\n");
    expect_names(r, "output.log output.log.20261121-120000.000 output.log.20261121-120000.001 "
                    "output.log.20261121-120001.000");
    struct output_stats s;
    output_stats(r->output, "web", &s);
    assert_int_equal(s.rotations, 3);
    assert_int_equal(s.bytes, 50);
    assert_int_equal(s.lines, 10);
    close(fd);
}

static void a_line_larger_than_a_file_is_whole(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    spec.max_size = 60;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "a\nthis line does not fit into a file that small\nb\n");
    rig_expect(r, "web", "output.log.20261121-120000.000", "stdout F a\n");
    rig_expect(r, "web", "output.log.20261121-120000.001",
               "stdout F this line does not fit into a file that small\n");
    rig_expect(r, "web", "output.log", "stdout F b\n");
    close(fd);
}

static void raw_files_are_cut_between_lines(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    spec.raw = true;
    spec.max_size = 10;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "one\ntwo\nthree\nfour\n");
    struct buf all = rig_all(r, "web"), last = rig_file(r, "web", "output.log");
    assert_string_equal(all.data, "one\ntwo\nthree\nfour\n");
    assert_string_equal(last.data, "four\n");
    buf_done(&all);
    buf_done(&last);
    close(fd);
}

static void at_midnight(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "today\n");
    assert_true(output_timeout(r->output) > 12 * 3600 * 1000 - 10);
    assert_true(output_timeout(r->output) < 12 * 3600 * 1000 + 10);
    rig_seconds(r, 12 * 3600 - 1);
    expect_names(r, "output.log");
    rig_seconds(r, 1);
    expect_names(r, "output.log.20261122-000000.000");
    rig_print(r, fd, "tomorrow\n");
    rig_expect(r, "web", "output.log", "stdout F tomorrow\n");
    rig_seconds(r, 2 * 86400); /* a day that is missed, and one line */
    expect_names(r, "output.log.20261122-000000.000 output.log.20261124-000000.000");
    rig_seconds(r, 86400);
    expect_names(r, "output.log.20261122-000000.000 output.log.20261124-000000.000");
    close(fd);
}

static void a_clock_set_back_rotates_nothing(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "a\n");
    rig_seconds(r, -30 * 86400);
    rig_print(r, fd, "b\n");
    rig_expect(r, "web", "output.log", "stdout F a\nstdout F b\n");
    assert_true(output_timeout(r->output) <= 86400 * 1000);
    close(fd);
}

static void what_is_kept(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    spec.max_size = 1;
    spec.keep = 2;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "1\n2\n3\n4\n5\n");
    expect_names(r, "output.log output.log.20261121-120000.002 output.log.20261121-120000.003");
    spec.keep = 0;
    spec.keep_days = 2;
    rig_set(r, spec);
    rig_seconds(r, 86400);
    expect_names(r, "output.log.20261121-120000.002 output.log.20261121-120000.003 "
                    "output.log.20261122-120000.000");
    rig_seconds(r, 2 * 86400);
    expect_names(r, "");
    close(fd);
}

static void compressed_in_the_background(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    struct stat st;
    char path[300];
    spec.max_size = 100;
    spec.compress = true;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "1\n2\n3\n");
    await_compressed(r);
    expect_names(r, "output.log output.log.20261121-120000.000.zst");
    snprintf(path, sizeof(path), "%s/processes/web/output.log.20261121-120000.000.zst", r->logs);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 07777, 0640);
    snprintf(path, sizeof(path), "%s/processes/web", r->logs);
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0027, 0);
    close(fd);
}

static void put(struct rig *r, const char *name, const char *text)
{
    char path[300];
    struct err err = {0};
    snprintf(path, sizeof(path), "%s/processes/web", r->logs);
    assert_int_equal(fs_mkdirs(path, 0750, &err), 0);
    snprintf(path, sizeof(path), "%s/processes/web/%s", r->logs, name);
    assert_int_equal(fs_write_atomic(path, text, strlen(text), 0640, false, &err), 0);
}

/* Killed while it compressed: nothing, half a file, or both files. */
static void what_was_left_is_finished(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    put(r, "output.log.20261120-000000.000", "a\n");
    put(r, "output.log.20261120-000000.001", "b\n");
    put(r, "output.log.20261120-000000.001.zst.tmp", "half");
    put(r, "output.log.20261120-000000.002", "c\n");
    put(r, "output.log.20261120-000000.002.zst", "whole");
    spec.compress = true;
    rig_set(r, spec);
    await_compressed(r);
    expect_names(r, "output.log.20261120-000000.000.zst output.log.20261120-000000.001.zst "
                    "output.log.20261120-000000.002.zst");
    struct buf whole = rig_file(r, "web", "output.log.20261120-000000.002.zst");
    assert_string_equal(whole.data, "whole");
    buf_done(&whole);
}

static void a_torn_line_is_ended(void **state)
{
    struct rig *r = *state;
    put(r, "output.log", "2026-11-21T11:59:59.000000000Z stdout F tor");
    r->wall_ns = (int64_t)time(NULL) * 1000000000; /* the file is of today */
    rig_restart(r);
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "next\n");
    rig_expect(r, "web", "output.log", "stdout F tor\nstdout F next\n");
    close(fd);
}

static void a_file_of_yesterday_is_rotated(void **state)
{
    struct rig *r = *state;
    struct timespec times[2] = {{.tv_sec = NOON - 86400}, {.tv_sec = NOON - 86400}};
    char path[300];
    put(r, "output.log", "2026-11-20T12:00:00.000000000Z stdout F old\n");
    snprintf(path, sizeof(path), "%s/processes/web/output.log", r->logs);
    assert_int_equal(utimensat(AT_FDCWD, path, times, 0), 0);
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "new\n");
    rig_expect(r, "web", "output.log.20261121-120000.000", "stdout F old\n");
    rig_expect(r, "web", "output.log", "stdout F new\n");
    close(fd);
}

static void a_removed_file_is_made_anew(void **state)
{
    struct rig *r = *state;
    char path[300];
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    rig_print(r, fd, "one\n");
    snprintf(path, sizeof(path), "%s/processes/web/output.log", r->logs);
    assert_int_equal(unlink(path), 0);
    r->mono_ms += 1000;
    rig_print(r, fd, "two\n");
    rig_expect(r, "web", "output.log", "stdout F two\n");
    close(fd);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(by_size_between_lines),
        CASE(a_line_larger_than_a_file_is_whole),
        CASE(raw_files_are_cut_between_lines),
        CASE(at_midnight),
        CASE(a_clock_set_back_rotates_nothing),
        CASE(what_is_kept),
        CASE(compressed_in_the_background),
        CASE(what_was_left_is_finished),
        CASE(a_torn_line_is_ended),
        CASE(a_file_of_yesterday_is_rotated),
        CASE(a_removed_file_is_made_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
