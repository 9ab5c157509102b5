/* ICMP sockets of Linux: icmp(7), raw(7), errors by IP_RECVERR (ip(7)). See icmp_socket.h; runs in watchers. */
#include "probe/icmp_socket.h"

#include <errno.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

/* The kernel's errqueue.h wants struct timespec first. */
#include <time.h>

#include <linux/errqueue.h>
#include <linux/filter.h>
#include <linux/icmp.h>
#include <netinet/icmp6.h>

#include "base/clock.h"
#include "base/rng.h"

#define QUEUE_BYTES (1 << 20) /* of replies; the kernel gives less when net.core.rmem_max is less */

static int set_int(int fd, int level, int name, int value)
{
    return setsockopt(fd, level, name, &value, sizeof(value));
}

/* Only echo replies that bear our identifier: a raw socket would otherwise be handed every ICMP message of the host,
 * those of other watchers too. */
static void filter_raw(const struct icmp_socket *s)
{
    uint32_t id = (uint32_t)s->id[0] << 8 | s->id[1];
    struct sock_filter v4[] = {
        BPF_STMT(BPF_LDX | BPF_B | BPF_MSH, 0), /* behind the IP header */
        BPF_STMT(BPF_LD | BPF_H | BPF_IND, 4),  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),  BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_filter v6[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, id, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = {.len = s->v6 ? array_len(v6) : array_len(v4),
                                 .filter = s->v6 ? v6 : v4};
    setsockopt(s->fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program));
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
        rng_secure(s->id, sizeof(s->id));
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

static int set_up(const struct icmp_socket *s, bool dont_fragment)
{
    int rc = set_int(s->fd, SOL_SOCKET, SO_TIMESTAMPNS, 1);
    set_int(s->fd, SOL_SOCKET, SO_RCVBUF, QUEUE_BYTES);
    if (s->v6) {
        rc |= set_int(s->fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
        rc |= set_int(s->fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1);
        if (dont_fragment)
            rc |= set_int(s->fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO);
        return rc;
    }
    rc |= set_int(s->fd, IPPROTO_IP, IP_RECVERR, 1);
    if (!s->raw) /* a raw socket hands the whole IP header over */
        rc |= set_int(s->fd, IPPROTO_IP, IP_RECVTTL, 1);
    if (dont_fragment)
        rc |= set_int(s->fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO);
    return rc;
}

int icmp_open(struct icmp_socket *s, bool v6, bool dont_fragment, struct err *err)
{
    *s = (struct icmp_socket){.fd = -1, .v6 = v6};
    if (open_socket(s, err) != 0)
        return -1;
    if (set_up(s, dont_fragment) == 0)
        return 0;
    err_sys(err, ERR_IO, "cannot set up an ICMP socket");
    icmp_close(s);
    return -1;
}

void icmp_close(struct icmp_socket *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

static int send_failed(size_t n, struct err *err)
{
    if (errno == EMSGSIZE)
        return err_set(err, ERR_REFUSED, "an echo of %zu bytes is too big for the path", n);
    if (errno == EPERM)
        return err_set(err, ERR_DENIED, "a filter of this host forbids sending the echo");
    return err_sys(err, ERR_REFUSED, "cannot send");
}

static void put_control(struct msghdr *m, int level, int type, const void *data, size_t n)
{
    struct cmsghdr *c = (void *)((char *)m->msg_control + m->msg_controllen);
    *c = (struct cmsghdr){.cmsg_level = level, .cmsg_type = type, .cmsg_len = CMSG_LEN(n)};
    memcpy(CMSG_DATA(c), data, n);
    m->msg_controllen += CMSG_SPACE(n);
}

static void put_source(struct msghdr *m, const struct addr *from)
{
    if (from->sa.sa_family == AF_INET6) {
        struct in6_pktinfo info = {.ipi6_addr = from->in6.sin6_addr};
        put_control(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
    } else {
        struct in_pktinfo info = {.ipi_spec_dst = from->in4.sin_addr};
        put_control(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
    }
}

int icmp_send(const struct icmp_socket *s, const struct addr *to, const struct icmp_packet *packet,
              struct err *err)
{
    _Alignas(struct cmsghdr)
        uint8_t control[CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo))] = {0};
    struct addr dest = *to;
    must(s->fd >= 0 && packet->n >= ICMP_HEADER && s->v6 == (to->sa.sa_family == AF_INET6));
    struct iovec io = {(void *)(uintptr_t)packet->p, packet->n};
    struct msghdr m = {.msg_name = &dest,
                       .msg_namelen = addr_len(to),
                       .msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control};
    addr_set_port(&dest, 0);
    if (packet->from && packet->from->sa.sa_family != to->sa.sa_family)
        return err_set(err, ERR_INVALID, "cannot send from an address of another IP version");
    if (packet->ttl)
        put_control(&m, s->v6 ? IPPROTO_IPV6 : IPPROTO_IP, s->v6 ? IPV6_HOPLIMIT : IP_TTL,
                    &packet->ttl, sizeof(int));
    if (packet->from)
        put_source(&m, packet->from);
    must(m.msg_controllen <= sizeof(control));
    if (m.msg_controllen == 0)
        m.msg_control = NULL;
    /* The first failure may be an old one of another target, left in the socket. */
    for (int i = 0; i < 2; i++)
        if (sendmsg(s->fd, &m, MSG_NOSIGNAL) >= 0 || errno == EAGAIN || errno == ENOBUFS)
            return 0;
    return send_failed(packet->n, err);
}

/* data: the echo request that the error is about, as much of it as came back. */
static void tell(const struct icmp_socket *s, const struct sock_extended_err *ee,
                 const uint8_t *data, size_t n, int *seq, struct err *err)
{
    if (n < ICMP_HEADER || (s->raw && memcmp(data + 4, s->id, 2) != 0))
        return; /* somebody else's */
    if (ee->ee_origin != SO_EE_ORIGIN_ICMP && ee->ee_origin != SO_EE_ORIGIN_ICMP6)
        return; /* our own kernel's: the sender was told */
    *seq = data[6] << 8 | data[7];
    const struct sockaddr *from = SO_EE_OFFENDER(ee);
    struct addr offender = {0};
    char name[ADDR_TEXT];
    if (from->sa_family == AF_INET)
        memcpy(&offender, from, sizeof(struct sockaddr_in));
    else if (from->sa_family == AF_INET6)
        memcpy(&offender, from, sizeof(struct sockaddr_in6));
    addr_ip(&offender, name);
    err_set(err, ERR_REFUSED, "%s%s%s", icmp_reason(s->v6, ee->ee_type, ee->ee_code),
            name[0] ? ", says " : "", name);
}

bool icmp_take_error(const struct icmp_socket *s, int *seq, struct err *err)
{
    uint8_t data[64];
    _Alignas(struct cmsghdr) uint8_t control[512];
    struct iovec io = {data, sizeof(data)};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof(control)};
    *seq = -1;
    must(s->fd >= 0);
    ssize_t n = recvmsg(s->fd, &m, MSG_ERRQUEUE | MSG_DONTWAIT);
    if (n < 0)
        return false;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(&m); c; c = CMSG_NXTHDR(&m, c))
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_RECVERR) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_RECVERR))
            tell(s, (const void *)CMSG_DATA(c), data, (size_t)n, seq, err);
    return true;
}

static void read_control(struct msghdr *m, struct icmp_seen *seen)
{
    struct timespec t;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
        if ((c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_TTL) ||
            (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_HOPLIMIT)) {
            memcpy(&seen->hop_limit, CMSG_DATA(c), sizeof(int));
        } else if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            memcpy(&t, CMSG_DATA(c), sizeof(t));
            seen->at_wall_ns = t.tv_sec * NS_PER_S + t.tv_nsec;
        }
    }
}

/* Past the IPv4 header that a raw socket hands over; an empty message when there is none. */
static void unwrap(const struct icmp_socket *s, const uint8_t *p, size_t n, struct icmp_seen *seen)
{
    if (s->raw && !s->v6) {
        size_t header = n ? (size_t)(p[0] & 0x0f) * 4 : 0;
        if (header < 20 || header > n)
            return;
        seen->hop_limit = p[8];
        p += header;
        n -= header;
    }
    must(n <= ICMP_ROOM);
    seen->data = p;
    seen->n = n;
}

bool icmp_take(const struct icmp_socket *s, void *buf, struct icmp_seen *seen)
{
    _Alignas(struct cmsghdr) uint8_t control[CMSG_SPACE(64)];
    struct iovec io = {buf, ICMP_ROOM};
    *seen = (struct icmp_seen){.n = 0};
    struct msghdr m = {.msg_name = &seen->from,
                       .msg_namelen = sizeof(seen->from),
                       .msg_iov = &io,
                       .msg_iovlen = 1,
                       .msg_control = control,
                       .msg_controllen = sizeof(control)};
    ssize_t n = recvmsg(s->fd, &m, 0);
    for (int i = 0; i < 8 && n < 0 && errno != EAGAIN; i++) /* an error's mark, told by the queue */
        n = recvmsg(s->fd, &m, 0);
    if (n < 0)
        return false;
    read_control(&m, seen);
    unwrap(s, buf, (size_t)n, seen);
    return true;
}
