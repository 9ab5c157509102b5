/* Raw ICMP sockets kept open between the probes of one watcher: opening, setting up and closing one costs more than
 * the echo. On the loop's thread. */
#ifndef PROBE_ICMP_IDLE_H
#define PROBE_ICMP_IDLE_H

#include "probe/icmp_socket.h"

struct icmp_idle;
struct icmp_idle *icmp_idle_new(void);
void icmp_idle_free(struct icmp_idle *p);

/* As icmp_open; a kept one when there is (p NULL: never). */
int icmp_idle_open(struct icmp_idle *p, struct icmp_socket *s, const struct addr *to,
                   const struct icmp_settings *set, struct err *err);
/* As icmp_close; keeps it when that is worth it. clean: every echo sent over it was answered. */
void icmp_idle_close(struct icmp_idle *p, struct icmp_socket *s, const struct icmp_settings *set,
                     bool clean);

#endif
