/* Reading back over current, rotated and compressed files: the last lines, filters, and a cursor that survives. */
#include "rig.h"

#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/arena.h"

struct got {
    struct buf text; /* "text\n" a line */
    size_t lines;
    struct output_line last;
};

static void on_line(void *arg, const struct output_line *l)
{
    struct got *g = arg;
    buf_add(&g->text, l->text, l->n);
    buf_putc(&g->text, '\n');
    g->lines++;
    g->last = *l;
}

static struct output_query query(struct rig *r, uint32_t lines)
{
    return (struct output_query){.log_dir = r->logs, .unit = "web", .lines = lines};
}

/* Reads and compares; returns the cursor. */
static const char *expect(struct rig *r, struct output_query q, const char *want)
{
    struct got g = {.text = BUF_INIT((size_t)64 << 20)};
    struct err err = {0};
    const char *cursor = NULL;
    buf_puts(&g.text, "");
    if (output_read(&q, on_line, &g, r->arena, &cursor, &err) < 0)
        fail_msg("%s", err.msg);
    assert_string_equal(g.text.data, want);
    buf_done(&g.text);
    return cursor;
}

static void await_compressed(struct rig *r)
{
    struct output_stats s;
    do {
        usleep(1000);
        output_stats(r->output, NULL, &s);
    } while (s.waiting_to_compress > 0);
}

/* Lines 1 … n, three a file. */
static int begin(struct rig *r, int n, bool compress)
{
    struct output_spec spec = rig_spec("web");
    spec.max_size = 130;
    spec.compress = compress;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    for (int i = 1; i <= n; i++) {
        char line[16];
        snprintf(line, sizeof(line), "%d\n", i);
        r->wall_ns += 1000000000;
        rig_print(r, fd, line);
    }
    if (compress)
        await_compressed(r);
    return fd;
}

static void never_written(void **state)
{
    struct rig *r = *state;
    struct output_query q = query(r, 10);
    struct got g = {.text = BUF_INIT(1000)};
    struct err err = {0};
    const char *cursor = NULL;
    assert_int_equal(output_read(&q, on_line, &g, r->arena, &cursor, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    int fd = begin(r, 1, false);
    q.cursor = "nonsense";
    assert_int_equal(output_read(&q, on_line, &g, r->arena, &cursor, &err), -1);
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_null(cursor);
    close(fd);
}

static void the_last_lines(void **state)
{
    struct rig *r = *state;
    int fd = begin(r, 8, false);
    expect(r, query(r, 1), "8\n");
    expect(r, query(r, 3), "6\n7\n8\n");
    expect(r, query(r, 7), "2\n3\n4\n5\n6\n7\n8\n");
    expect(r, query(r, 8), "1\n2\n3\n4\n5\n6\n7\n8\n");
    expect(r, query(r, 1000), "1\n2\n3\n4\n5\n6\n7\n8\n");
    close(fd);
}

static void compressed_files_too(void **state)
{
    struct rig *r = *state;
    int fd = begin(r, 8, true);
    struct buf names = rig_names(r, "web");
    assert_non_null(strstr(names.data, ".zst"));
    buf_done(&names);
    expect(r, query(r, 1), "8\n");
    expect(r, query(r, 4), "5\n6\n7\n8\n");
    expect(r, query(r, 7), "2\n3\n4\n5\n6\n7\n8\n");
    expect(r, query(r, 100), "1\n2\n3\n4\n5\n6\n7\n8\n");
    close(fd);
}

static void the_cursor_goes_on(void **state)
{
    struct rig *r = *state;
    int fd = begin(r, 4, false);
    struct output_query q = query(r, 2);
    q.cursor = expect(r, q, "3\n4\n");
    q.cursor = expect(r, q, "");
    rig_print(r, fd, "5\n6\n7\n8\n9\n"); /* rotates twice */
    q.cursor = expect(r, q, "5\n6\n");
    q.cursor = expect(r, q, "7\n8\n");
    q.cursor = expect(r, q, "9\n");
    q.cursor = expect(r, q, "");
    close(fd);
}

static void the_cursor_survives_compression(void **state)
{
    struct rig *r = *state;
    int fd = begin(r, 4, true);
    struct output_query q = query(r, 100);
    q.cursor = expect(r, q, "1\n2\n3\n4\n");
    rig_print(r, fd, "5\n6\n7\n8\n");
    await_compressed(r);
    q.cursor = expect(r, q, "5\n6\n7\n8\n");
    rig_print(r, fd, "9\n");
    rig_restart(r);
    expect(r, q, "9\n");
    close(fd);
}

static void the_cursor_of_a_deleted_file(void **state)
{
    struct rig *r = *state;
    int fd = begin(r, 2, false);
    struct output_query q = query(r, 100);
    struct output_spec spec = rig_spec("web");
    q.cursor = expect(r, q, "1\n2\n");
    rig_print(r, fd, "3\n4\n5\n6\n7\n8\n9\n");
    spec.max_size = 130;
    spec.keep = 1;
    rig_set(r, spec);
    expect(r, q, "4\n5\n6\n7\n8\n9\n"); /* what is there */
    close(fd);
}

static void filters(void **state)
{
    struct rig *r = *state;
    rig_set(r, rig_spec("web"));
    int out = rig_open(r, "web", 1), err = rig_open(r, "web", 2);
    for (int i = 0; i < 100; i++) {
        char line[64];
        snprintf(line, sizeof(line), "line %d\n", i);
        r->wall_ns = (NOON + i) * 1000000000;
        rig_print(r, i % 10 ? out : err, line);
    }
    struct output_query q = query(r, 3);
    q.stream = 2;
    expect(r, q, "line 70\nline 80\nline 90\n");
    q.contains = "5";
    expect(r, q, "line 50\n");
    q.stream = 0;
    expect(r, q, "line 75\nline 85\nline 95\n");
    q.contains = "nowhere";
    expect(r, q, "");
    q.contains = NULL;
    q.since_ms = (NOON + 98) * 1000;
    expect(r, q, "line 98\nline 99\n");
    q.since_ms = (NOON + 1000) * 1000;
    q.cursor = expect(r, q, "");
    r->wall_ns = (NOON + 2000) * 1000000000;
    rig_print(r, out, "later\n");
    expect(r, q, "later\n");
    close(out);
    close(err);
}

static void bytes_that_are_no_text(void **state)
{
    struct rig *r = *state;
    static const char bytes[] = "a\0b\xff\xfe\xc3\n";
    struct got g = {.text = BUF_INIT(1000)};
    struct output_query q = query(r, 10);
    const char *cursor;
    rig_set(r, rig_spec("web"));
    int fd = rig_open(r, "web", 1);
    assert_int_equal(write(fd, bytes, sizeof(bytes) - 1), sizeof(bytes) - 1);
    rig_settle(r);
    struct buf file = rig_file(r, "web", "output.log");
    assert_memory_equal(file.data + 40, bytes, sizeof(bytes) - 1);
    buf_done(&file);
    assert_int_equal(output_read(&q, on_line, &g, r->arena, &cursor, NULL), 0);
    assert_int_equal(g.text.len, 3 + 9 + 1);
    assert_memory_equal(g.text.data, "a\0b\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\n", 13);
    buf_done(&g.text);
    close(fd);
}

static void raw_files(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    spec.raw = true;
    spec.max_size = 12;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    struct output_query q = query(r, 2);
    rig_print(r, fd, "one\ntwo\n");
    q.cursor = expect(r, q, "one\ntwo\n");
    rig_print(r, fd, "three\nfour\nfive\n");
    q.cursor = expect(r, q, "three\nfour\n");
    expect(r, q, "five\n");
    close(fd);
}

static void a_line_under_way_is_not_seen(void **state)
{
    struct rig *r = *state;
    char path[300];
    int fd = begin(r, 1, false);
    snprintf(path, sizeof(path), "%s/processes/web/output.log", r->logs);
    int file = open(path, O_WRONLY | O_APPEND);
    assert_int_equal(write(file, "2026-11-21T12", 13), 13);
    struct output_query q = query(r, 5);
    q.cursor = expect(r, q, "1\n");
    assert_int_equal(write(file, ":00:00.000000000Z stdout F 2\n", 29), 29);
    expect(r, q, "2\n");
    close(file);
    close(fd);
}

/* Larger than the windows and buffers of the reader. */
static void many_long_lines(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    spec.max_size = 2 << 20;
    spec.compress = true;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    char *line = malloc(OUTPUT_LINE_MAX + 1);
    for (int i = 0; i < 600; i++) {
        size_t n = 1 + (size_t)(i * 7919) % OUTPUT_LINE_MAX;
        memset(line, 'a' + i % 26, n);
        line[n] = '\n';
        assert_int_equal(write(fd, line, n + 1), n + 1);
        rig_settle(r);
    }
    await_compressed(r);
    for (uint32_t want = 1; want <= 700; want = want * 3 + 1) {
        struct output_query q = query(r, want);
        struct got g = {.text = BUF_INIT((size_t)64 << 20)};
        const char *cursor;
        assert_int_equal(output_read(&q, on_line, &g, r->arena, &cursor, NULL), 0);
        assert_int_equal(g.lines, want < 600 ? want : 600);
        const char *p = g.text.data;
        for (int i = 600 - (int)g.lines; i < 600; i++) {
            size_t n = 1 + (size_t)(i * 7919) % OUTPUT_LINE_MAX;
            assert_int_equal(p[0], 'a' + i % 26);
            assert_int_equal(p[n - 1], 'a' + i % 26);
            assert_int_equal(p[n], '\n');
            p += n + 1;
        }
        buf_done(&g.text);
    }
    free(line);
    close(fd);
}

#define NUMBERS 20000

static void write_numbers(int fd)
{
    char line[64];
    for (int i = 0; i < NUMBERS; i++) {
        int n = snprintf(line, sizeof(line), "%d of the numbers\n", i);
        if (write(fd, line, (size_t)n) != n)
            _exit(1);
    }
    _exit(0);
}

static void serve_until_end(struct rig *r, pid_t program)
{
    struct pollfd p = {.fd = output_fd(r->output), .events = POLLIN};
    int status = 0;
    while (waitpid(program, &status, WNOHANG) == 0) {
        poll(&p, 1, 10);
        output_turn(r->output);
    }
    assert_int_equal(status, 0);
    rig_settle(r);
}

struct numbers {
    int next;
    bool in_order;
};

static void on_number(void *arg, const struct output_line *l)
{
    struct numbers *n = arg;
    char text[64] = "";
    memcpy(text, l->text, l->n < sizeof(text) - 1 ? l->n : sizeof(text) - 1);
    n->in_order &= l->whole && strtol(text, NULL, 10) == n->next;
    n->next++;
}

/* Follows by cursor while files are written, rotated and compressed: each line once, in order. */
static void *follow(void *arg)
{
    struct rig *r = arg;
    struct output_query q = query(r, 500);
    struct numbers n = {.in_order = true};
    struct arena *a = arena_new(), *before = arena_new();
    while (n.next < NUMBERS && n.in_order) {
        struct err err = {0};
        const char *cursor;
        if (!q.cursor)
            q.cursor = "o1-0000000000000000-0"; /* from the beginning */
        if (output_read(&q, on_number, &n, a, &cursor, &err) < 0)
            continue;
        q.cursor = cursor;
        struct arena *old = before;
        before = a;
        a = old;
        arena_reset(a);
    }
    arena_free(a);
    arena_free(before);
    return n.in_order && n.next == NUMBERS ? r : NULL;
}

static void each_line_once_under_rotation(void **state)
{
    struct rig *r = *state;
    struct output_spec spec = rig_spec("web");
    pthread_t reader;
    void *good = NULL;
    spec.max_size = 20000;
    spec.compress = true;
    rig_set(r, spec);
    int fd = rig_open(r, "web", 1);
    pid_t program = fork();
    if (program == 0)
        write_numbers(fd);
    close(fd);
    assert_int_equal(pthread_create(&reader, NULL, follow, r), 0);
    serve_until_end(r, program);
    assert_int_equal(pthread_join(reader, &good), 0);
    assert_ptr_equal(good, r);
}

#define CASE(test) cmocka_unit_test_setup_teardown(test, rig_set_up, rig_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE(never_written),
        CASE(the_last_lines),
        CASE(compressed_files_too),
        CASE(the_cursor_goes_on),
        CASE(the_cursor_survives_compression),
        CASE(the_cursor_of_a_deleted_file),
        CASE(filters),
        CASE(bytes_that_are_no_text),
        CASE(raw_files),
        CASE(a_line_under_way_is_not_seen),
        CASE(many_long_lines),
        CASE(each_line_once_under_rotation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
