/* Connected datagram sockets for fibers (declared in stream.h): DNS probes. */
#include "io/stream.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "io/fiber.h"
#include "io/loop_priv.h"

int udp_connect(const struct addr *to, struct err *err)
{
    return udp_connect_from(to, NULL, err);
}

int udp_connect_from(const struct addr *to, const struct addr *from, struct err *err)
{
    char name[ADDR_TEXT];
    int fd = socket(to->sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return err_sys(err, ERR_IO, "cannot create a socket");
    }
    if (from != NULL && bind(fd, &from->sa, addr_len(from)) != 0) {
        err_sys(err, ERR_IO, "cannot send from %s", addr_ip(from, name));
        close(fd);
        return -1;
    }
    if (connect(fd, &to->sa, addr_len(to)) != 0) {
        err_sys(err, ERR_REFUSED, "cannot reach %s", addr_text(to, name));
        close(fd);
        return -1;
    }
    return fd;
}

static int recv_failed(int fd, struct err *err)
{
    struct addr peer = {0};
    socklen_t n = sizeof(peer);
    char name[ADDR_TEXT];
    int error = errno;
    getpeername(fd, &peer.sa, &n);
    if (error == ECONNREFUSED) { /* ICMP port unreachable */
        return err_set(err, ERR_REFUSED, "nothing listens on %s", addr_text(&peer, name));
    }
    errno = error;
    return err_sys(err, ERR_IO, "cannot receive from %s", addr_text(&peer, name));
}

ssize_t udp_recv(int fd, void *p, size_t n, int64_t deadline_ns, struct err *err)
{
    for (;;) {
        ssize_t got = recv(fd, p, n, 0);
        if (got >= 0) {
            return got;
        }
        if (errno != EAGAIN && errno != EINTR) {
            return recv_failed(fd, err);
        }
        if (errno == EAGAIN && io_wait(fd, IO_READ, deadline_ns, err) < 0) {
            return -1;
        }
    }
}

void udp_close(int fd)
{
    loop__fd_gone(fiber_loop(), fd);
    close(fd);
}
