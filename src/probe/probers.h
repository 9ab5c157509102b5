/* Every prober's ops table; included by prober.c and by the probers themselves. */
#ifndef PROBE_PROBERS_H
#define PROBE_PROBERS_H

#include "probe/prober.h"

extern const struct prober_ops http_prober;
extern const struct prober_ops tcp_prober;
extern const struct prober_ops icmp_prober;
extern const struct prober_ops dns_prober;

#endif
