/* signals.h by handlers that write into a pipe, for systems without signalfd. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "base/must.h"
#include "proc/signals.h"

static volatile int pipe_in = -1; /* a handler has no other way to find it */

static void on_signal(int signo)
{
    int saved = errno;
    unsigned char c = (unsigned char)signo;
    ssize_t ignored = write(pipe_in, &c, 1); /* full: enough are waiting */
    (void)ignored;
    errno = saved;
}

int signals_open(const int *signos, size_t n, struct err *err)
{
    must(n > 0 && pipe_in < 0);
    int fds[2];
    if (pipe(fds) < 0)
        return err_sys(err, ERR_IO, "cannot make a pipe for signals");
    for (int i = 0; i < 2; i++) {
        fcntl(fds[i], F_SETFD, FD_CLOEXEC);
        fcntl(fds[i], F_SETFL, O_NONBLOCK);
    }
    pipe_in = fds[1];
    struct sigaction sa = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < n; i++)
        sigaction(signos[i], &sa, NULL);
    return fds[0];
}

int signals_next(int fd)
{
    unsigned char c;
    ssize_t n;
    do
        n = read(fd, &c, 1);
    while (n < 0 && errno == EINTR);
    return n == 1 ? c : 0;
}
