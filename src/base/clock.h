/* Clocks, durations and RFC 3339. Units: _ns nanoseconds, _ms milliseconds, in the name.
 * Decisions never call these: they are handed `now` (DESIGN.md, "Decisions are pure"). */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

#define NS_PER_MS INT64_C(1000000)
#define NS_PER_S  INT64_C(1000000000)

int64_t clock_mono_ns(void); /* CLOCK_MONOTONIC: schedules, deadlines, durations */
int64_t clock_wall_ms(void); /* Unix time in ms: stamps on results and alerts */
/* Until when the first of `tries` (≥ 1) may last, so that all have the same part of the time left. Never after the deadline. */
int64_t deadline_share(int64_t deadline_ns, size_t tries);

#define RFC3339_SIZE 32
/* "2026-11-20T08:00:00.123Z" into buf (RFC3339_SIZE bytes). Returns buf. */
char *time_format(int64_t wall_ms, char *buf);
/* RFC 3339 with any offset and 0-9 fraction digits, or a number of Unix seconds. */
int time_parse(struct str s, int64_t *wall_ms, struct err *err);

/* Durations as in Prometheus ("1h30m", "500ms", "1d", "2w", "1y") or a bare number of seconds
 * ("5", "0.5"). Result in ms; sub-millisecond is an error, more than 100 years is an error. */
int duration_parse(struct str s, int64_t *ms, struct err *err);
#define DURATION_SIZE 40
char *duration_format(int64_t ms, char *buf); /* "1h30m", "0s"; reads back the same */

#endif
