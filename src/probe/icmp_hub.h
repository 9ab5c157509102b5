/* All ICMP echoes of a process over one socket a kind (IP version, may fragment), so that an echo costs a send and
 * its share of a read. Belongs to the loop's thread. RFC 792, RFC 4443. */
#ifndef PROBE_ICMP_HUB_H
#define PROBE_ICMP_HUB_H

#include <stdbool.h>
#include <stdint.h>

#include "io/addr.h"
#include "io/fiber.h"

struct icmp_hub;
struct icmp_hub *icmp_hub_new(struct loop *l); /* opens no socket yet */
void icmp_hub_free(struct icmp_hub **h);       /* open echoes count as refused; before the loop */

enum echo_state { ECHO_IDLE, ECHO_OPEN, ECHO_ANSWERED, ECHO_REFUSED };

/* One echo; the caller's memory, zeroed, until it is settled or forgotten. */
struct icmp_echo {
    enum echo_state state;
    int hop_limit;   /* of the reply; 0 unknown */
    int64_t rtt_ns;  /* when ANSWERED; by the kernel's clock where it tells */
    struct err *err; /* the caller's: why, when REFUSED */
    /* The hub's: */
    struct fiber *waiter;
    struct icmp_path *path;
    struct addr to;
    uint16_t seq;
    uint64_t token;
    int64_t sent_ns, sent_wall_ns;
};

struct icmp_send {
    struct addr to, from;
    bool has_from; /* else the system chooses the address to send from */
    uint8_t *
        packet; /* ICMP_HEADER bytes that the hub fills, then the payload (its first 8 bytes are the hub's too) */
    size_t n;
    int ttl; /* 0: the system's */
    bool dont_fragment;
};
/* Sends; e becomes OPEN, and the running fiber is woken when it is settled (fiber_park to wait). */
int icmp_hub_send(struct icmp_hub *h, const struct icmp_send *what, struct icmp_echo *e,
                  struct err *err);
/* Gives an echo up; fine when it is not OPEN. */
void icmp_hub_forget(struct icmp_echo *e);

#endif
