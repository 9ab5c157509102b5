/* Cron expressions: five fields (minute hour day month weekday; lists, ranges, steps, names) or six with seconds in front,
 * and @hourly, @daily, @midnight, @weekly, @monthly, @yearly, @annually. Day and weekday both restricted: either matches,
 * as in Vixie cron. Sunday is 0 and 7.
 *
 * Times are looked up in a time zone with its daylight saving (base/zone.h). A time of day that does not exist runs at the
 * first moment after the gap, one that exists twice runs the first time only. Schedules of every hour (`*` there) go by the
 * time that passes instead: they run in both of two equal hours, and nothing is made up for in a gap.
 * Pure but for reading the zone's file at cron_parse. */
#ifndef BASE_CRON_H
#define BASE_CRON_H

#include <stdint.h>

#include "base/err.h"

/* zone: IANA name; NULL or "": local time. MALFORMED with the field in the message and at_offset; NOT_FOUND: the zone. */
struct cron;
struct cron *cron_parse(const char *expr, const char *zone, struct err *err);
void cron_free(struct cron **c);
/* The first due time after `after_ms` (wall clock, ms); 0 when there is none in the next 8 years (30 February). */
int64_t cron_next(const struct cron *c, int64_t after_ms);

#endif
