/* What zone.c and zone_parse.c share. For these two only. */
#ifndef BASE_ZONE_PRIV_H
#define BASE_ZONE_PRIV_H

#include <stdbool.h>

#include "base/zone.h"

#define ZONE_FILE_MAX    ((size_t)1 << 20)
#define ZONE_CHANGES_MAX 20000

/* The day and time of a change, each year. */
struct zone_day {
    enum { ZONE_MONTH_WEEK_DAY, ZONE_JULIAN, ZONE_YEAR_DAY } form;
    int month, week, weekday; /* M3.5.0 */
    int day;                  /* J60: 1 … 365, 29 February is not counted; 59: 0 … 365, it is */
    int seconds;              /* after local midnight, by the clock that was valid until then */
};

struct zone_rule {
    int standard, summer; /* seconds east */
    bool has_summer;
    struct zone_day start, end; /* of summer time */
};

struct zone {
    uint32_t magic;
    int64_t *at;     /* n_changes, ascending */
    int32_t *offset; /* from at[i] on */
    size_t n_changes;
    int32_t first; /* before the first change */
    bool has_rule; /* after the last one; else its offset goes on */
    struct zone_rule rule;
};
#define ZONE_MAGIC 0xbe1f20feu

struct zone *zone__new(void);
/* zone_parse.c: n bytes at text are the whole of it. */
int zone__parse_rule(const char *text, size_t n, struct zone_rule *out, struct err *err);

#endif
