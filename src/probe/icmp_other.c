/* ICMP sockets where Linux's error queue is missing: datagram first, raw second; undeliverable echoes stay
 * unanswered. See icmp_socket.h; runs in watchers. */
#include "probe/icmp_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/rng.h"

int icmp_open(struct icmp_socket *s, bool v6, bool dont_fragment, struct err *err)
{
    int family = v6 ? AF_INET6 : AF_INET, protocol = v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    if (dont_fragment)
        return err_set(err, ERR_UNSUPPORTED, "dont_fragment is not available on this system");
    *s = (struct icmp_socket){.fd = socket(family, SOCK_DGRAM, protocol), .v6 = v6};
    if (s->fd < 0) {
        s->fd = socket(family, SOCK_RAW, protocol);
        s->raw = true;
    }
    if (s->fd < 0)
        return err_sys(err, ERR_DENIED, "this process may not send ICMP echoes");
    rng_secure(s->id, sizeof(s->id));
    fcntl(s->fd, F_SETFL, O_NONBLOCK);
    fcntl(s->fd, F_SETFD, FD_CLOEXEC);
    return 0;
}

void icmp_close(struct icmp_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

int icmp_send(const struct icmp_socket *s, const struct addr *to, const struct icmp_packet *packet,
              struct err *err)
{
    int set = packet->ttl ? packet->ttl : 64;
    if (packet->from)
        return err_set(err, ERR_UNSUPPORTED, "this system cannot choose an echo's source address");
    setsockopt(s->fd, s->v6 ? IPPROTO_IPV6 : IPPROTO_IP, s->v6 ? IPV6_UNICAST_HOPS : IP_TTL, &set,
               sizeof(set));
    if (sendto(s->fd, packet->p, packet->n, 0, &to->sa, addr_len(to)) >= 0 || errno == EAGAIN ||
        errno == ENOBUFS)
        return 0;
    return err_sys(err, ERR_REFUSED, "cannot send");
}

bool icmp_take_error(const struct icmp_socket *s, int *seq, struct err *err)
{
    (void)s;
    (void)err;
    *seq = -1;
    return false;
}

bool icmp_take(const struct icmp_socket *s, void *buf, struct icmp_seen *seen)
{
    socklen_t size = sizeof(seen->from);
    *seen = (struct icmp_seen){.n = 0};
    ssize_t n = recvfrom(s->fd, buf, ICMP_ROOM, 0, &seen->from.sa, &size);
    if (n < 0)
        return false;
    const uint8_t *p = buf;
    size_t header = !s->v6 && n >= 20 && (p[0] >> 4) == 4 ? (size_t)(p[0] & 0x0f) * 4 : 0;
    if (header > (size_t)n ||
        (s->raw && n - (ssize_t)header >= 8 && memcmp(p + header + 4, s->id, 2) != 0))
        return true; /* not ours: an empty message */
    seen->data = p + header;
    seen->n = (size_t)n - header;
    seen->hop_limit = header ? p[8] : 0;
    return true;
}
