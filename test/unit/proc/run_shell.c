/* run_shell.h: for the tests of spawn and its child; in the test process, main thread. */
#include "run_shell.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

int run_shell(struct spawn *s, const char *line, char *out, size_t size)
{
    const char *argv[] = {"sh", "-c", line, NULL};
    int fds[2], status = -1;
    struct err err;
    pid_t pid = 0;
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    s->path = "/bin/sh";
    s->argv = argv;
    s->out_fd = fds[1];
    if (spawn_start(s, &pid, &err) < 0)
        fail_msg("%s", err.msg);
    close(fds[1]);
    size_t n = 0;
    ssize_t got;
    while (n + 1 < size && (got = read(fds[0], out + n, size - 1 - n)) > 0)
        n += (size_t)got;
    out[n] = '\0';
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    s->argv = NULL;
    return status;
}
