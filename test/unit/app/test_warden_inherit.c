/* warden_inherit.c: descriptors over a real exec of this program, and lists that are damaged or not ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "app/warden_inherit.h"
#include "base/fs.h"
#include "base/must.h"

static char dir[64];

static int set_up(void **state)
{
    snprintf(dir, sizeof(dir), "/tmp/belfry-inherit-XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
    unsetenv(INHERIT_ENV);
    return rmdir(dir); /* the list is gone: its reader took it away */
}

static bool closes_on_exec(int fd)
{
    return (fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0;
}

/* What the executed program does: 0 when all is as it should be. */
static int as_heir(const char *run_dir)
{
    char byte = 0, *text = NULL;
    struct inherit *i = inherit_read(run_dir);
    int fd = inherit_take(i, "out", "web", NULL);
    int notify = inherit_take(i, "notify", "web", &text);
    must(fd >= 0 && closes_on_exec(fd) && read(fd, &byte, 1) == 1 && byte == 'x');
    must(notify >= 0 && strcmp(text, "@belfry/t o/web") == 0);
    must(inherit_take(i, "out", "web", NULL) == -1 && inherit_take(i, "err", "web", NULL) == -1);
    must(getenv(INHERIT_ENV) == NULL);
    free(text);
    close(fd);
    close(notify);
    inherit_free(&i);
    return 0;
}

static void descriptors_outlast_exec(void **state)
{
    int ends[2], status;
    struct err err = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    pid_t pid = fork();
    if (pid == 0) {
        struct inherit *i = inherit_new();
        must(write(ends[1], "x", 1) == 1);
        inherit_put(i, "out", ends[0], "web", NULL);
        inherit_put(i, "err", -1, "web", NULL);
        inherit_put(i, "notify", ends[1], "web", "@belfry/t o/web");
        must(inherit_write(i, dir, &err) == 0);
        execl("/proc/self/exe", "test", "--heir", dir, NULL);
        _exit(9);
    }
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    close(ends[0]);
    close(ends[1]);
}

static void a_failed_exec_is_undone(void **state)
{
    int ends[2];
    struct err err = {0};
    assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
    struct inherit *i = inherit_new();
    inherit_put(i, "out", ends[0], "web", NULL);
    assert_false(closes_on_exec(ends[0]));
    assert_int_equal(inherit_write(i, dir, &err), 0);
    assert_non_null(getenv(INHERIT_ENV));
    inherit_undo(i, dir);
    assert_true(closes_on_exec(ends[0]));
    assert_null(getenv(INHERIT_ENV));
    inherit_free(&i);
    assert_int_equal(fcntl(ends[0], F_GETFD) < 0, 0); /* still the caller's */
    close(ends[0]);
    close(ends[1]);
}

static void write_list(const char *text)
{
    char *path = path_join(dir, "inherited");
    assert_int_equal(fs_write_atomic(path, text, strlen(text), 0600, false, NULL), 0);
    free(path);
}

static void only_an_executed_program_inherits(void **state)
{
    char line[64];
    int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    snprintf(line, sizeof(line), "out %d web -\n", fd);
    write_list(line);
    struct inherit *i = inherit_read(dir); /* a list that a killed predecessor left */
    assert_int_equal(inherit_take(i, "out", "web", NULL), -1);
    inherit_free(&i);
    assert_true(fcntl(fd, F_GETFD) >= 0);
    close(fd);
    setenv(INHERIT_ENV, "1", 1);
    write_list("");
    i = inherit_read(dir); /* ours: it is taken away */
    inherit_free(&i);
}

static void nonsense_is_passed_over(void **state)
{
    static const char *const lists[] = {"",
                                        "\n\n",
                                        "out",
                                        "out x web",
                                        "out 0 web -\n",
                                        "out 99999999999 web -\n",
                                        "out -1 web -\n",
                                        "out 1 web -\nout 2 web -\nout 777777 web -\n"};
    for (size_t k = 0; k < array_len(lists); k++) {
        write_list(lists[k]);
        setenv(INHERIT_ENV, "1", 1);
        struct inherit *i = inherit_read(dir);
        assert_int_equal(inherit_take(i, "out", "web", NULL), -1);
        inherit_free(&i);
        assert_true(fcntl(0, F_GETFD) >= 0 && fcntl(2, F_GETFD) >= 0);
    }
}

int main(int argc, char **argv)
{
    if (argc > 2 && strcmp(argv[1], "--heir") == 0)
        return as_heir(argv[2]);
#define CASE(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        CASE(descriptors_outlast_exec),
        CASE(a_failed_exec_is_undone),
        CASE(only_an_executed_program_inherits),
        CASE(nonsense_is_passed_over),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
