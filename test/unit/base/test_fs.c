/* Files, in a directory of their own under /tmp. */
#include "unit.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

static char dir[64] = "/tmp/belfry-fs-XXXXXX";

static int make_dir(void **state)
{
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    char command[128];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

static void free_path(char **path)
{
    free(*path);
}

static void test_write_then_read(void **state)
{
    cleanup(free_path) char *path = path_join(dir, "file");
    struct err err = {0};
    struct buf b = BUF_INIT(10);
    assert_false(fs_exists(path));
    assert_int_equal(fs_write_atomic(path, "0123456789", 10, 0600, true, &err), 0);
    assert_true(fs_exists(path));
    assert_int_equal(fs_read(path, &b, &err), 0); /* exactly the maximum */
    assert_string_equal(b.data, "0123456789");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0600);

    assert_int_equal(fs_read(path, &b, &err), -1); /* appends: 20 is too many */
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_string_equal(b.data, "0123456789");
    assert_int_equal(fs_write_atomic(path, "", 0, 0644, false, &err), 0);
    buf_clear(&b);
    assert_int_equal(fs_read(path, &b, &err), 0);
    assert_int_equal(b.len, 0);
    buf_done(&b);
    assert_int_equal(fs_unlink(path, &err), 0);
    assert_int_equal(fs_unlink(path, &err), 0);
}

static void test_read_without_size(void **state)
{
    struct buf b = BUF_INIT(1 << 20), small = BUF_INIT(4);
    struct err err = {0};
    assert_int_equal(fs_read("/proc/self/status", &b, &err), 0);
    assert_true(b.len > 100);
    assert_int_equal(strlen(b.data), b.len);
    assert_int_equal(fs_read("/proc/self/status", &small, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    buf_done(&b);
    buf_done(&small);
}

static void test_failures(void **state)
{
    struct buf b = BUF_INIT(100);
    struct err err = {0};
    assert_int_equal(fs_read("/nonexistent/file", &b, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    assert_int_equal(fs_read(dir, &b, &err), -1);
    assert_int_equal(err.code, ERR_IO);
    assert_int_equal(fs_write_atomic("/nonexistent/file", "x", 1, 0600, false, &err), -1);
    assert_int_equal(err.code, ERR_NOT_FOUND);
    buf_done(&b);
}

/* What others put in a file's place must not keep us. */
static void test_regular_alone(void **state)
{
    struct err err = {0};
    struct buf b = BUF_INIT(100);
    cleanup(free_path) char *fifo = path_join(dir, "fifo"), *file = path_join(dir, "regular");
    assert_int_equal(mkfifo(fifo, 0600), 0);
    assert_int_equal(fs_read_regular(fifo, &b, &err), -1);
    assert_int_equal(err.code, ERR_INVALID);
    assert_int_equal(fs_read_regular("/dev/zero", &b, &err), -1);
    assert_int_equal(fs_read_regular(dir, &b, &err), -1);
    assert_int_equal(b.len, 0);
    assert_int_equal(fs_write_atomic(file, "text", 4, 0600, false, &err), 0);
    assert_int_equal(fs_read_regular(file, &b, &err), 0);
    assert_string_equal(b.data, "text");
    buf_done(&b);
}

static void test_mkdirs(void **state)
{
    cleanup(free_path) char *path = path_join(dir, "a/b/c");
    cleanup(free_path) char *file = path_join(dir, "a/file");
    cleanup(free_path) char *under = path_join(file, "x");
    struct err err = {0};
    assert_int_equal(fs_mkdirs(path, 0700, &err), 0);
    assert_int_equal(fs_mkdirs(path, 0700, &err), 0);
    assert_true(fs_exists(path));
    assert_int_equal(fs_write_atomic(file, "x", 1, 0600, false, &err), 0);
    assert_int_equal(fs_mkdirs(file, 0700, &err), -1);
    assert_int_equal(fs_mkdirs(under, 0700, &err), -1);
    assert_int_equal(fs_mkdirs("", 0700, &err), -1);
}

static void test_lock(void **state)
{
    cleanup(free_path) char *path = path_join(dir, "belfry.pid");
    struct err err = {0};
    pid_t holder = 0;
    assert_int_equal(fs_write_atomic(path, "99999\n", 6, 0600, false, &err), 0); /* stale */
    int fd = fs_lock_pidfile(path, &holder, &err);
    assert_true(fd >= 0);
    struct buf b = BUF_INIT(100);
    assert_int_equal(fs_read(path, &b, &err), 0);
    int64_t pid = 0;
    assert_int_equal(str_to_i64(str_trim(str_of(b.data)), &pid, &err), 0);
    assert_int_equal(pid, getpid());
    assert_int_equal(fs_lock_pidfile(path, &holder, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_int_equal(holder, getpid());
    fd_closep(&fd);
    assert_int_equal(fd, -1);
    fd = fs_lock_pidfile(path, NULL, &err);
    assert_true(fd >= 0);
    fd_closep(&fd);
    buf_done(&b);
}

/* Who owns the folder could let root write its pid over another file. */
static void test_lock_of_something_else(void **state)
{
    cleanup(free_path) char *victim = path_join(dir, "victim"), *pid = path_join(dir, "b.pid");
    struct err err = {0};
    struct buf b = BUF_INIT(100);
    assert_int_equal(fs_write_atomic(victim, "precious", 8, 0600, false, &err), 0);
    assert_int_equal(symlink(victim, pid), 0);
    assert_int_equal(fs_lock_pidfile(pid, NULL, &err), -1);
    assert_int_equal(unlink(pid), 0);
    assert_int_equal(link(victim, pid), 0);
    assert_int_equal(fs_lock_pidfile(pid, NULL, &err), -1);
    assert_int_equal(err.code, ERR_DENIED);
    assert_int_equal(unlink(pid), 0);
    assert_int_equal(mkfifo(pid, 0600), 0);
    assert_int_equal(fs_lock_pidfile(pid, NULL, &err), -1);
    assert_int_equal(fs_read(victim, &b, &err), 0);
    assert_string_equal(b.data, "precious");
    buf_done(&b);
}

static void test_paths_and_space(void **state)
{
    static const char *const cases[][3] = {
        {"a", "b", "a/b"},
        {"a/", "b", "a/b"},
        {"", "b", "b"},
        {"/", "b", "/b"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        cleanup(free_path) char *path = path_join(cases[i][0], cases[i][1]);
        assert_string_equal(path, cases[i][2]);
    }
    uint64_t bytes = 0;
    assert_int_equal(fs_free_bytes(dir, &bytes, NULL), 0);
    assert_true(bytes > 0);
    assert_int_equal(fs_free_bytes("/nonexistent", &bytes, NULL), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_then_read),
        cmocka_unit_test(test_read_without_size),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_regular_alone),
        cmocka_unit_test(test_mkdirs),
        cmocka_unit_test(test_lock),
        cmocka_unit_test(test_lock_of_something_else),
        cmocka_unit_test(test_paths_and_space),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
