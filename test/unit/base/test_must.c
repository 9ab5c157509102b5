/* must(): silent when true, one line and SIGABRT when false. */
#include "unit.h"

#include "base/must.h"

static void breaks(void)
{
    must(1 + 1 == 3);
}

static void test_true_is_silent(void **state)
{
    must(1 + 1 == 2);
}

static void test_line_on_stderr(void **state)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        dup2(fds[1], STDERR_FILENO);
        breaks();
        _exit(0);
    }
    close(fds[1]);
    char text[256] = "";
    assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
    close(fds[0]);
    int status;
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
    assert_int_equal(WTERMSIG(status), SIGABRT);
    assert_non_null(strstr(text, "test_must.c:8: breaks: must(1 + 1 == 3)\n"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_true_is_silent),
        cmocka_unit_test(test_line_on_stderr),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
