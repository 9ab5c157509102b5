/* An ICMP echo socket of one probe, connected to its target. What differs between systems stands in
 * icmp_linux.c and icmp_other.c; icmp.c knows only this.
 *
 * The unprivileged datagram socket comes first (Linux: net.ipv4.ping_group_range, macOS: everyone): its
 * identifier belongs to the kernel, which delivers no one else's replies. The raw socket needs CAP_NET_RAW; there
 * the identifier is ours and replies are picked by it. */
#ifndef PROBE_ICMP_SOCKET_H
#define PROBE_ICMP_SOCKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "io/addr.h"

#define ICMP_HEADER 8 /* type, code, checksum, identifier, sequence number */

struct icmp_settings {
    int ttl; /* 0: the system's */
    bool dont_fragment;
};

struct icmp_socket {
    int fd; /* non-blocking */
    bool v6;
    bool raw;    /* checks of identifier (and IPv4's header and checksum) are ours */
    uint16_t id; /* raw: our identifier */
};

/* DENIED when this process may open neither kind. */
int icmp_open(struct icmp_socket *s, const struct addr *to, const struct icmp_settings *set,
              struct err *err);
void icmp_close(struct icmp_socket *s);

struct icmp_seen {
    const uint8_t *data; /* the ICMP message, in the caller's buffer */
    size_t n;
    int hop_limit; /* 0: unknown */
};
/* One packet that has arrived. 1 and *seen; 0: nothing there now; -1: sending or delivery failed, in words
 * ("host unreachable, says 10.0.0.1"), *seq is the echo it is about or -1. look_for_errors: the descriptor was
 * reported ready, so an error may be waiting. */
int icmp_take(struct icmp_socket *s, void *buf, size_t size, bool look_for_errors,
              struct icmp_seen *seen, int *seq, struct err *err);

/* What an ICMP error message says, in words. */
const char *icmp_reason(bool v6, unsigned type, unsigned code);

#endif
