/* Time zones: how far local time is from UTC at a moment, and when that changes next.
 *
 * Read from the files of /usr/share/zoneinfo (TZif, RFC 8536, versions 1 to 4) by a parser of our own, because the C library
 * knows one zone for the whole process. After a file's last change the rule at its end goes on for ever (a POSIX TZ
 * string). Where no such files are installed, the zones that have had no summer time for years are known anyway.
 * A zone is immutable: any thread. Leap seconds ("right/…") are ignored. */
#ifndef BASE_ZONE_H
#define BASE_ZONE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct zone;
/* "Europe/Berlin", "UTC"; NULL, "" and "local": this machine's (TZ, else /etc/localtime, else UTC). NOT_FOUND or what is
 * wrong with the file. */
struct zone *zone_open(const char *name, struct err *err);
/* A file's bytes. DAMAGED. */
struct zone *zone_parse(const void *data, size_t n, struct err *err);
/* A POSIX TZ string: "CET-1CEST,M3.5.0,M10.5.0/3". MALFORMED with at_offset. */
struct zone *zone_of_rule(const char *text, struct err *err);
void zone_free(struct zone **z);

/* Seconds east of UTC at a Unix time in seconds. */
int zone_seconds(const struct zone *z, int64_t at_s);
/* The first moment after `after_s` at which that may change; INT64_MAX: none. */
int64_t zone_next_change(const struct zone *z, int64_t after_s);
/* When a clock on the wall there shows local_s (seconds since 1970-01-01 as such a clock counts them). What it shows twice: the
 * first time, or the second with `last`. What it never shows: the first moment after the gap. */
int64_t zone_moment(const struct zone *z, int64_t local_s, bool last);

#endif
