/* One question to one name server: by UDP, TCP or TLS. RFC 1035, 7766 (TCP), 7858 (TLS). Split from dns.c, which judges. */
#ifndef PROBE_DNS_ASK_H
#define PROBE_DNS_ASK_H

#include "probe/common.h"
#include "probe/dns_wire.h"

enum dns_transport { DNS_BY_UDP, DNS_BY_TCP, DNS_BY_TLS };
extern const char *const dns_transport_choices[];

/* How servers are asked. */
struct dns_way {
    int transport, ip_version;
    bool tcp_fallback; /* ask a truncated answer again by TCP */
    bool all_sections; /* read what stands behind the answers too */
    struct tls_section tls;
    const char *source;
};

struct dns_question {
    struct probe *p;
    const struct dns_way *way;
    struct result *r; /* told what TLS shows */
    struct dns_query q;
    uint8_t bytes[2 + DNS_QUERY_MAX]; /* behind its length, as TCP wants it */
    int n;                            /* without the length */
    int64_t deadline_ns;              /* of the server being asked */
};

struct dns_asked {
    const char *server; /* text for people */
    struct addr used;
    int64_t resolve_ns, connect_ns, request_ns, total_ns;
    bool answered; /* m is filled */
    bool good;
    const char *message; /* what is wrong; NULL when good */
    struct dns_message m;
};

/* Gives q->q an id and writes it into q->bytes. */
int dns_question_ready(struct dns_question *q, struct err *err);
/* Resolves the server, asks it; port 0: the transport's. Fills the address, the times, and m. */
int dns_ask(struct dns_question *q, const char *host, uint16_t port, struct dns_asked *a,
            struct err *err);

#endif
