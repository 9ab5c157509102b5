/* signals.h by signalfd (Linux 2.6.22). */
#include <errno.h>
#include <signal.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "base/must.h"
#include "proc/signals.h"

int signals_open(const int *signos, size_t n, struct err *err)
{
    must(n > 0);
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < n; i++)
        sigaddset(&set, signos[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return err_sys(err, ERR_IO, "cannot block signals");
    int fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    return fd < 0 ? err_sys(err, ERR_IO, "cannot receive signals") : fd;
}

int signals_next(int fd)
{
    struct signalfd_siginfo info;
    ssize_t n;
    do
        n = read(fd, &info, sizeof(info));
    while (n < 0 && errno == EINTR);
    return n == (ssize_t)sizeof(info) ? (int)info.ssi_signo : 0;
}
