/* Functions of dates: values are seconds since 1970, the calendar is UTC's. Times beyond what an int64 holds count as its least,
 * as where Prometheus runs. */
#include <math.h>

#include "base/civil.h"
#include "promql/func.h"

#define DAY 86400
/* Go counts seconds without sign from 1 March of year -292277022400, which 1970 is so many days after; what does not fit wraps. */
#define EPOCH_DAYS INT64_C(106751991073400)

struct moment {
    struct civil date;
    int64_t day;    /* since 1970 */
    int64_t second; /* of the day */
};

static struct moment moment_of(double x)
{
    int64_t s = INT64_MIN;
    if (x >= -0x1p63 && x < 0x1p63)
        s = (int64_t)x;
    uint64_t since = (uint64_t)s + (uint64_t)EPOCH_DAYS * DAY;
    struct moment m = {.day = (int64_t)(since / DAY) - EPOCH_DAYS,
                       .second = (int64_t)(since % DAY)};
    m.date = civil_of(m.day);
    return m;
}

#define EACH(name, expr)                               \
    void func_##name(struct value_call *c)             \
    {                                                  \
        for (uint32_t i = 0; i < c->n; i++) {          \
            if (is_stale(c->arg[0][i])) {              \
                c->out[i] = ABSENT;                    \
                continue;                              \
            }                                          \
            struct moment m = moment_of(c->arg[0][i]); \
            c->out[i] = (double)(expr);                \
        }                                              \
    }

EACH(minute, m.second / 60 % 60)
EACH(hour, m.second / 3600)
EACH(day_of_week, m.date.weekday)
EACH(day_of_month, m.date.day)
EACH(day_of_year, m.day - civil_days(m.date.year, 1, 1) + 1)
EACH(days_in_month, civil_month_days(m.date.year, m.date.month))
EACH(month, m.date.month)
EACH(year, m.date.year)
