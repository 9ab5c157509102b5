/* Names to addresses through c-ares, on fibers, with a cache that respects the answers' TTL
 * (bounded: ≤ 10,000 names; negative answers 5 s). Reads resolv.conf, hosts and re-reads them when they change. */
#ifndef IO_RESOLVE_H
#define IO_RESOLVE_H

#include "base/arena.h"
#include "base/err.h"
#include "io/addr.h"
#include "io/loop.h"

struct resolver;

struct resolver *resolver_new(struct loop *l, struct err *err);
void resolver_free(struct resolver *r);

#define RESOLVE_MAX 16
struct resolved {
    struct addr at[RESOLVE_MAX]; /* port set as asked */
    int n;                       /* ≥ 1 on success */
    int64_t took_ns;             /* 0 for a literal address */
    bool cached;
};

/* Literal addresses answer without a look-up. IP_ANY gives IPv4 first, then IPv6 (as the order of a
 * dual-stack client without a working IPv6 would want; every address is listed). IP_PREFER_6 gives the IPv6 addresses alone, or the IPv4 ones when there are none. Errors: DNS with a
 * message like "cannot resolve shop.example: NXDOMAIN" (also NODATA, SERVFAIL, server unreachable), TIMEOUT. */
int resolve(struct resolver *r, const char *host, uint16_t port, enum ip_version version,
            int64_t deadline_ns, struct resolved *out, struct err *err);

/* The one that blackbox_exporter would take: the first of the preferred family, or the last of the other. */
void resolved_keep_one(struct resolved *r, enum ip_version version);

/* Asks these servers ("10.0.0.51,[::1]:5353") instead of resolv.conf's. INVALID when unreadable. */
int resolver_set_servers(struct resolver *r, const char *csv, struct err *err);

/* The name servers in use, as "10.0.0.51" texts (with ":port" when not 53), for results (seed 003: dnsServerList). */
#define RESOLVE_SERVERS_MAX 8
int resolver_servers(struct resolver *r, char out[][ADDR_TEXT], int max);

#endif
