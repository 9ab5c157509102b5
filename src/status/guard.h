/* Who may come near: addresses and networks. Which addresses a stranger's webhook may have, which visitors a private page
 * lets in, and how often one address may ask. Any thread; pure but for the limiter, which its owner locks. */
#ifndef STATUS_GUARD_H
#define STATUS_GUARD_H

#include "io/addr.h"

struct cidr {
    struct addr net;
    int bits;
};
/* "10.0.0.0/8", "2001:db8::/32", or one address. MALFORMED. */
int cidr_parse(const char *text, struct cidr *out, struct err *err);
/* An IPv4 address within IPv6 (::ffff:10.0.0.1) is the IPv4 address. */
bool cidr_has(const struct cidr *c, const struct addr *a);

/* Is it an address of the public Internet? Not: this machine, private and shared networks, link-local, multicast, documentation,
 * benchmarks, reserved, and IPv6 forms that hold such an IPv4 address (RFC 6890, 6052, 3056, 4380). */
bool addr_is_public(const struct addr *a);

/* "203.0.113.7:4711" of a request. False: it has none (the Unix socket). */
bool addr_of_peer(const char *peer, struct addr *out);

/* At most `most` in each span of an address (IPv6: of its /64); it knows 4,096 of them, and forgets the oldest. */
struct limiter;
struct limiter *limiter_new(int most, int64_t span_ns);
void limiter_free(struct limiter *l); /* NULL is fine */
bool limiter_take(struct limiter *l, const struct addr *a, int64_t now_ns);

#endif
