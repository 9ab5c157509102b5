/* ICMP sockets where Linux's error queue is missing: datagram first, raw second, errors as errno. See
 * icmp_socket.h; runs in watchers. */
#include "probe/icmp_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"

int icmp_open(struct icmp_socket *s, const struct addr *to, const struct icmp_settings *set,
              struct err *err)
{
    bool v6 = to->sa.sa_family == AF_INET6;
    int family = v6 ? AF_INET6 : AF_INET, protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    char name[ADDR_TEXT];
    *s = (struct icmp_socket){.fd = socket(family, SOCK_DGRAM, protocol), .v6 = v6};
    if (s->fd < 0) {
        s->fd = socket(family, SOCK_RAW, protocol);
        s->raw = true;
    }
    if (s->fd < 0)
        return err_sys(err, ERR_DENIED, "this process may not send ICMP echoes");
    rng_secure(&s->id, sizeof(s->id));
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    fcntl(s->fd, F_SETFD, FD_CLOEXEC);
    if (set->ttl)
        setsockopt(s->fd, v6 ? IPPROTO_IPV6 : IPPROTO_IP, v6 ? IPV6_UNICAST_HOPS : IP_TTL,
                   &set->ttl, sizeof(set->ttl));
    if (connect(s->fd, &to->sa, addr_len(to)) == 0)
        return 0;
    err_sys(err, ERR_REFUSED, "cannot reach %s", addr_ip(to, name));
    icmp_close(s);
    return -1;
}

void icmp_close(struct icmp_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

int icmp_take(struct icmp_socket *s, void *buf, size_t size, bool look_for_errors,
              struct icmp_seen *seen, int *seq, struct err *err)
{
    (void)look_for_errors;
    *seq = -1;
    ssize_t n = recv(s->fd, buf, size, 0);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0)
        return err_sys(err, ERR_REFUSED, "cannot reach it");
    const uint8_t *p = buf;
    size_t header = !s->v6 && n >= 20 && (p[0] >> 4) == 4 ? (size_t)(p[0] & 0x0f) * 4 : 0;
    if (header > (size_t)n)
        return 0;
    *seen = (struct icmp_seen){p + header, (size_t)n - header, header ? p[8] : 0};
    return 1;
}
