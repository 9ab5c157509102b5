/* Cron expressions: five fields (minute hour day month weekday; lists, ranges, steps, names) or six with seconds in front,
 * and @hourly, @daily, @midnight, @weekly, @monthly, @yearly. Day and weekday both restricted: either matches, as in
 * Vixie cron. Times are looked up in a time zone with its daylight saving (RFC 8536 files of /usr/share/zoneinfo):
 * a time that does not exist runs at the first moment after the gap, one that exists twice runs once. Pure but for reading
 * the zone's file at cron_parse. */
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include <stdint.h>

#include "base/err.h"

struct cron;
/* zone: IANA name; NULL or "": local time. INVALID with the field and the offset in the message. */
struct cron *cron_parse(const char *expr, const char *zone, struct err *err);
void cron_free(struct cron **c);
/* The first due time after `after_ms` (wall clock, ms); 0 when there is none in the next 8 years (30 February). */
int64_t cron_next(const struct cron *c, int64_t after_ms);

#endif
