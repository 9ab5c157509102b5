/* An unconnected ICMP echo socket, shared by all probes of a process. What differs between systems stands in
 * icmp_linux.c and icmp_other.c; only icmp_hub.c uses this.
 *
 * The unprivileged datagram socket comes first (Linux: net.ipv4.ping_group_range, macOS: everyone): its
 * identifier belongs to the kernel, which delivers no one else's replies. The raw socket needs CAP_NET_RAW; there
 * the identifier is ours, and a filter in the kernel picks the replies that bear it. */
#ifndef PROBE_ICMP_SOCKET_H
#define PROBE_ICMP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "io/addr.h"

#define ICMP_HEADER 8     /* type, code, checksum, identifier, sequence number */
#define ICMP_ROOM   66000 /* the largest packet with its headers */

struct icmp_socket {
    int fd; /* non-blocking */
    bool v6;
    bool raw;      /* identifier (and IPv4's header and checksum) are ours */
    uint8_t id[2]; /* raw: our identifier */
};

/* DENIED when this process may open neither kind. */
int icmp_open(struct icmp_socket *s, bool v6, bool dont_fragment, struct err *err);
void icmp_close(struct icmp_socket *s);

struct icmp_packet {
    const void *p;
    size_t n;
    int ttl;                 /* 0: the system's */
    const struct addr *from; /* NULL: the system's choice */
};
/* A full queue counts as sent: the echo is lost, as on a full link. */
int icmp_send(const struct icmp_socket *s, const struct addr *to, const struct icmp_packet *packet,
              struct err *err);

struct icmp_seen {
    const uint8_t *data; /* the ICMP message, in the caller's buffer */
    size_t n;
    struct addr from;
    int hop_limit;      /* 0: unknown */
    int64_t at_wall_ns; /* when it arrived, by the kernel's clock; 0: unknown */
};
/* One packet that has arrived; false when none is there. buf holds ICMP_ROOM bytes. */
bool icmp_take(const struct icmp_socket *s, void *buf, struct icmp_seen *seen);
/* One report that an echo of ours could not be delivered: its sequence number and the reason, in words
 * ("host unreachable, says 10.0.0.1"). False when there is none; *seq is -1 when it is about nothing of ours. */
bool icmp_take_error(const struct icmp_socket *s, int *seq, struct err *err);

/* What an ICMP error message says, in words. */
const char *icmp_reason(bool v6, unsigned type, unsigned code);

#endif
