/* See rig.h. */
#include "rig.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"

#define FILE_MAX ((size_t)512 << 20)

static int64_t wall_ns(void *arg)
{
    return ((struct rig *)arg)->wall_ns;
}

static int64_t mono_ms(void *arg)
{
    return ((struct rig *)arg)->mono_ms;
}

static ssize_t write_room(void *arg, int fd, const void *p, size_t n)
{
    struct rig *r = arg;
    if (r->room == 0) {
        errno = r->full_errno;
        return -1;
    }
    if (r->room > 0 && (int64_t)n > r->room)
        n = (size_t)r->room;
    ssize_t done = write(fd, p, n);
    if (done > 0 && r->room > 0)
        r->room -= done;
    return done;
}

static void start(struct rig *r)
{
    struct err err = {0};
    struct output_os os = {wall_ns, mono_ms, write_room, r};
    struct output_config c = {
        .run_dir = r->run, .log_dir = r->logs, .compress_after_ms = 1, .os = &os};
    r->output = output_new(&c, &err);
    if (!r->output)
        fail_msg("%s", err.msg);
}

int rig_set_up(void **state)
{
    struct rig *r = calloc(1, sizeof(*r));
    setenv("TZ", "UTC", 1);
    tzset();
    snprintf(r->dir, sizeof(r->dir), "%s", "/tmp/belfry-output-XXXXXX");
    if (!mkdtemp(r->dir))
        return -1;
    snprintf(r->run, sizeof(r->run), "%s/run", r->dir);
    snprintf(r->logs, sizeof(r->logs), "%s/logs", r->dir);
    r->wall_ns = NOON * 1000000000;
    r->mono_ms = 1000000;
    r->room = -1;
    r->full_errno = ENOSPC;
    r->arena = arena_new();
    *state = r;
    start(r);
    return 0;
}

int rig_tear_down(void **state)
{
    struct rig *r = *state;
    char command[128];
    output_free(&r->output);
    arena_free(r->arena);
    snprintf(command, sizeof(command), "rm -rf '%s'", r->dir);
    free(r);
    return system(command);
}

void rig_restart(struct rig *r)
{
    output_free(&r->output);
    start(r);
}

void rig_seconds(struct rig *r, int64_t s)
{
    r->wall_ns += s * 1000000000;
    r->mono_ms += s * 1000;
    output_turn(r->output);
}

void rig_settle(struct rig *r)
{
    struct pollfd p = {.fd = output_fd(r->output), .events = POLLIN};
    while (poll(&p, 1, 0) > 0)
        output_turn(r->output);
}

struct output_spec rig_spec(const char *unit)
{
    return (struct output_spec){.unit = unit};
}

void rig_set(struct rig *r, struct output_spec spec)
{
    output_set(r->output, &spec, 1);
}

int rig_open(struct rig *r, const char *unit, int stream)
{
    struct err err = {0};
    int fd = output_pipe_open(r->run, unit, stream, &err);
    if (fd < 0)
        fail_msg("%s", err.msg);
    return fd;
}

void rig_print(struct rig *r, int fd, const char *text)
{
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    rig_settle(r);
}

struct buf rig_file(const struct rig *r, const char *unit, const char *name)
{
    struct buf b = BUF_INIT(FILE_MAX);
    char path[300];
    snprintf(path, sizeof(path), "%s/processes/%s/%s", r->logs, unit, name);
    buf_puts(&b, "");
    fs_read(path, &b, NULL);
    return b;
}

static int names(const struct rig *r, const char *unit, struct dirent ***list)
{
    char path[300];
    snprintf(path, sizeof(path), "%s/processes/%s", r->logs, unit);
    return scandir(path, list, NULL, alphasort);
}

struct buf rig_names(const struct rig *r, const char *unit)
{
    struct buf b = BUF_INIT(1 << 20);
    struct dirent **list = NULL;
    int n = names(r, unit, &list);
    buf_puts(&b, "");
    for (int i = 0; i < n; i++) {
        if (list[i]->d_name[0] != '.')
            buf_printf(&b, "%s%s", b.len ? " " : "", list[i]->d_name);
        free(list[i]);
    }
    free(list);
    return b;
}

static void append(const struct rig *r, const char *unit, const char *name, struct buf *all)
{
    struct buf one = rig_file(r, unit, name);
    buf_add(all, one.data, one.len);
    buf_done(&one);
}

struct buf rig_all(const struct rig *r, const char *unit)
{
    struct buf b = BUF_INIT(FILE_MAX);
    struct dirent **list = NULL;
    int n = names(r, unit, &list);
    buf_puts(&b, "");
    for (int i = 0; i < n; i++) {
        size_t len = strlen(list[i]->d_name);
        if (strncmp(list[i]->d_name, "output.log.", 11) == 0 &&
            strcmp(list[i]->d_name + len - 4, ".zst") != 0)
            append(r, unit, list[i]->d_name, &b);
        free(list[i]);
    }
    free(list);
    append(r, unit, "output.log", &b);
    return b;
}

void rig_expect(const struct rig *r, const char *unit, const char *name, const char *want)
{
    struct buf file = rig_file(r, unit, name), got = BUF_INIT(FILE_MAX);
    buf_puts(&got, "");
    for (char *line = file.data, *end; (end = strchr(line, '\n')) != NULL; line = end + 1) {
        assert_true(end - line >= 40);
        assert_int_equal(line[29], 'Z');
        buf_add(&got, line + 31, (size_t)(end + 1 - line - 31));
    }
    assert_string_equal(got.data, want);
    buf_done(&file);
    buf_done(&got);
}
