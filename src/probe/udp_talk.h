/* A question by UDP, sent again until it is answered: what ntp, snmp, radius and sip share.
 *
 * Datagrams that are not the answer are ignored, up to a bound. Silence is TIMEOUT "nobody answered at 10.0.0.1:161 (3
 * tries)"; an ICMP port unreachable is REFUSED. Runs in watchers, on fibers. */
#ifndef PROBE_UDP_TALK_H
#define PROBE_UDP_TALK_H

#include "base/buf.h"
#include "io/addr.h"
#include "probe/service.h"

#define UDP_DATAGRAM_MAX 65507

struct udp_talk {
    struct probe *p;
    int fd;
    struct addr peer;
    int64_t again_ms;     /* the first question is repeated after this; */
    int64_t again_max_ms; /* each pause is twice the one before, up to this */
    size_t answer_max;    /* bytes of a datagram that are looked at */
    struct buf out;
    uint8_t *room;
};

/* Resolves and connects; the address goes into *r. -1: *r has failed. */
int udp_talk_open(struct udp_talk *t, struct probe *p, const struct service *s, struct result *r);
void udp_talk_close(struct udp_talk *t);

struct udp_question {
    void *arg;
    /* Writes the datagram of the nth try (0 …) into out. */
    int (*write)(void *arg, int nth, struct buf *out, struct err *err);
    /* Is this the answer? 1 yes; 0 no, wait on; -1 it is, and bad (err). */
    int (*read)(void *arg, const uint8_t *p, size_t n, struct err *err);
};
int udp_talk_ask(struct udp_talk *t, const struct udp_question *q, struct err *err);

/* The row of a UDP service's port. */
/* clang-format off: initializers in a macro */
#define UDP_SERVICE_ADDRESS(C, port_text)                                              \
    SERVICE_HOST(C),                                                                   \
        {"port",   OPT_INT,      offsetof(C, service.port),          .def = port_text, \
         .min = 1, .max = 65535, .help = {"UDP port.", "UDP 端口。"}},                 \
        OPTION_IP_VERSION(C, service.ip_version)
/* clang-format on */

#endif
