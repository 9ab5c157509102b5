/* A record's way into a topic and out of it again; on a thread, may wait until the deadline. */
#ifndef PROBE_KAFKA_TRIP_H
#define PROBE_KAFKA_TRIP_H

#include "probe/kafka_hub.h"

/* Produces one record and consumes it; *took_ns is the time between. 0, or -1 with *err. */
int kafka_round_trip(const struct kafka_login *login, const char *topic, int64_t deadline_ns,
                     int64_t *took_ns, struct err *err);

#endif
