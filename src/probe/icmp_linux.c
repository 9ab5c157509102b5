/* ICMP sockets of Linux: icmp(7), raw(7), errors by IP_RECVERR (ip(7)). See icmp_socket.h; runs in watchers. */
#include "probe/icmp_socket.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* The kernel's errqueue.h wants struct timespec first. */
#include <time.h>

#include <linux/errqueue.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>

#include "base/rng.h"

static int set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Only echo replies: a raw socket would otherwise be handed every ICMP message of the host. */
static void filter_raw(const struct icmp_socket *s)
{
    if (s->v6) {
        struct icmp6_filter only;
        ICMP6_FILTER_SETBLOCKALL(&only);
        ICMP6_FILTER_SETPASS(ICMP6_ECHO_REPLY, &only);
        setsockopt(s->fd, IPPROTO_ICMPV6, ICMP6_FILTER, &only, sizeof(only));
    } else {
        struct icmp_filter only = {.data = ~(1u << ICMP_ECHOREPLY)};
        setsockopt(s->fd, SOL_RAW, ICMP_FILTER, &only, sizeof(only));
    }
}

static int open_socket(struct icmp_socket *s, struct err *err)
{
    int family = s->v6 ? AF_INET6 : AF_INET, protocol = s->v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP;
    int flags = SOCK_NONBLOCK | SOCK_CLOEXEC;
    s->fd = socket(family, SOCK_DGRAM | flags, protocol);
    if (s->fd >= 0)
        return 0;
    s->fd = socket(family, SOCK_RAW | flags, protocol);
    s->raw = true;
    if (s->fd >= 0) {
        rng_secure(&s->id, sizeof(s->id));
        filter_raw(s);
        return 0;
    }
    if (errno == EPERM || errno == EACCES)
        return err_set(
            err, ERR_DENIED,
            "this process may not send ICMP echoes: it needs CAP_NET_RAW, or its group in "
            "net.ipv4.ping_group_range");
    return err_sys(err, ERR_IO, "cannot open an ICMP socket");
}

static int apply(const struct icmp_socket *s, const struct icmp_settings *set)
{
    int rc = 0;
    if (s->v6) {
        rc |= set_int(s->fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
        rc |= set_int(s->fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
        if (set->ttl)
            rc |= set_int(s->fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, set->ttl);
        if (set->dont_fragment)
            rc |= set_int(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
        return rc;
    }
    rc |= set_int(s->fd, IPPROTO_IP, IP_RECVERR, 1);
    if (!s->raw) /* a raw socket hands the whole IP header over */
        rc |= set_int(s->fd, IPPROTO_IP, IP_RECVTTL, 1);
    if (set->ttl)
        rc |= set_int(s->fd, IPPROTO_IP, IP_TTL, set->ttl);
    if (set->dont_fragment)
        rc |= set_int(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    return rc;
}

int icmp_open(struct icmp_socket *s, const struct addr *to, const struct icmp_settings *set,
              struct err *err)
{
    char name[ADDR_TEXT];
    struct addr port_less = *to;
    addr_set_port(&port_less, 0);
    *s = (struct icmp_socket){.fd = -1, .v6 = to->sa.sa_family == AF_INET6};
    if (open_socket(s, err) != 0)
        return -1;
    if (apply(s, set) != 0)
        err_sys(err, ERR_IO, "cannot set up an ICMP socket");
    else if (connect(s->fd, &port_less.sa, addr_len(to)) != 0)
        err_sys(err, ERR_REFUSED, "cannot reach %s", addr_ip(to, name));
    else
        return 0;
    icmp_close(s);
    return -1;
}

void icmp_close(struct icmp_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

/* data: the echo request that the error is about, as much of it as came back. */
static int tell(const struct icmp_socket *s, const struct sock_extended_err *ee,
                const uint8_t *data, size_t n, int *seq, struct err *err)
{
    if (s->raw && n >= ICMP_HEADER && memcmp(data + 4, &s->id, 2) != 0)
        return 0; /* somebody else's */
    if (n >= ICMP_HEADER)
        *seq = data[6] << 8 | data[7];
    if (ee->ee_origin != SO_EE_ORIGIN_ICMP && ee->ee_origin != SO_EE_ORIGIN_ICMP6) {
        errno = (int)ee->ee_errno;
        return err_sys(err, ERR_REFUSED, "cannot send");
    }
    const struct sockaddr *from = SO_EE_OFFENDER(ee);
    struct addr offender = {0};
    char name[ADDR_TEXT];
    if (from->sa_family == AF_INET)
        memcpy(&offender, from, sizeof(struct sockaddr_in));
    else if (from->sa_family == AF_INET6)
        memcpy(&offender, from, sizeof(struct sockaddr_in6));
    addr_ip(&offender, name);
    return err_set(err, ERR_REFUSED, "%s%s%s", icmp_reason(s->v6, ee->ee_type, ee->ee_code),
                   name[0] ? ", says " : "", name);
}

static int take_error(struct icmp_socket *s, int *seq, struct err *err)
{
    uint8_t data[64];
    _Alignas(struct cmsghdr) uint8_t control[512];
    struct iovec io = {data, sizeof(data)};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(s->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (n < 0)
        return 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            return tell(s, (const void *)CMSG_DATA(c), data, (size_t)n, seq, err);
    return 0;
}

static int hop_limit_of(struct msghdr *m)
{
    int v = 0;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT))
            memcpy(&v, CMSG_DATA(c), sizeof(v));
    return v;
}

/* Sets *seen to the ICMP message in the packet; false when it is none. */
static bool unwrap(const struct icmp_socket *s, const uint8_t *p, size_t n, struct icmp_seen *seen)
{
    if (s->raw && !s->v6) {
        size_t header = n ? (size_t)(p[0] & 0x0f) * 4 : 0;
        if (header < 20 || header > n)
            return false;
        seen->hop_limit = p[8];
        p += header;
        n -= header;
    }
    seen->data = p;
    seen->n = n;
    return true;
}

int icmp_take(struct icmp_socket *s, void *buf, size_t size, bool look_for_errors,
              struct icmp_seen *seen, int *seq, struct err *err)
{
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(64)];
    struct iovec io = {buf, size};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    *seq = -1;
    ssize_t n = recvmsg(s->fd, &m, 0);
    if (n >= 0) {
        *seen = (struct icmp_seen){.hop_limit = hop_limit_of(&m)};
        return unwrap(s, buf, (size_t)n, seen);
    }
    int error = errno;
    bool quiet = error == EAGAIN || error == EINTR;
    if ((!quiet || look_for_errors) && take_error(s, seq, err) != 0)
        return -1;
    if (quiet)
        return 0;
    errno = error;
    return err_sys(err, ERR_REFUSED, "cannot reach it");
}
