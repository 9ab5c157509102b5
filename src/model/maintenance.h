/* Maintenance windows as plain data: what lies in one does not ring. When a window is open is alert/window.h's to say. */
#ifndef MODEL_MAINTENANCE_H
#define MODEL_MAINTENANCE_H

#include <stdint.h>

#include "model/matcher.h"
#include "model/target.h"

/* A matcher as it is kept: a label's name, how it is compared, and with what. */
struct label_match {
    const char *name, *value;
    enum matcher_op op;
};

enum schedule_kind { SCHEDULE_ONCE, SCHEDULE_WEEKLY, SCHEDULE_CRON };
const char *schedule_kind_name(enum schedule_kind kind); /* "weekly" */

/* When it comes again. Times of day are those of a clock on the wall in the zone. */
struct schedule {
    enum schedule_kind kind;
    uint32_t days;            /* weekly: bit 0 is Sunday; 0: every day */
    int32_t from_min, to_min; /* weekly: minutes of the day; to <= from lies on the next day */
    const char *cron;         /* cron: when it begins */
    int64_t duration_ms;      /* and for how long */
    const char *zone;         /* IANA; "": this machine's */
};

struct maintenance {
    uint64_t id;
    const char *title;
    struct id_list targets; /* and */
    const char **groups;    /* whole groups, and */
    uint32_t n_groups;
    struct label_match *matchers; /* what all of these match; none: nothing */
    uint32_t n_matchers;
    struct schedule schedule;
    /* Of the window, or of all that come again; ends_ms 0: until it is ended by hand. */
    int64_t starts_ms, ends_ms;
    int64_t created_ms;
};
struct maintenance *maintenance_clone(const struct maintenance *m);
void maintenance_free(struct maintenance *m);

#endif
