/* The calendar: days since 1970-01-01 and dates, by the Gregorian rules for all years. No clock, no zone (base/zone.h). */
#ifndef BASE_CIVIL_H
#define BASE_CIVIL_H

#include <stdint.h>

struct civil {
    int64_t year;
    int month, day; /* 1 … */
    int weekday;    /* 0 Sunday */
};
int64_t civil_days(int64_t year, int month, int day);
struct civil civil_of(int64_t days);
int civil_month_days(int64_t year, int month);

#endif
