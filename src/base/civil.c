/* The calendar (civil.h). Pure arithmetic. */
#include "base/civil.h"

#include <stdbool.h>

#include "base/must.h"

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

static bool is_leap(int64_t year)
{
    return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

int civil_month_days(int64_t year, int month)
{
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    must(month >= 1 && month <= 12);
    return days[month - 1] + (month == 2 && is_leap(year));
}

/* Years are counted from March, so that the leap day is the last of its year. */
int64_t civil_days(int64_t year, int month, int day)
{
    must(month >= 1 && month <= 12);
    int64_t y = month > 2 ? year : year - 1, since_march = (month + 9) % 12;
    return 365 * y + floor_div(y, 4) - floor_div(y, 100) + floor_div(y, 400) +
           (153 * since_march + 2) / 5 + day - 1 - 719468;
}

struct civil civil_of(int64_t days)
{
    int64_t since = days + 719468; /* 0000-03-01 */
    int64_t era = floor_div(since, 146097), in_era = since - era * 146097;
    int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    int64_t in_year = in_era - (365 * y + y / 4 - y / 100), m = (5 * in_year + 2) / 153;
    int month = (int)(m < 10 ? m + 3 : m - 9);
    int64_t weekday = (days + 4) % 7;
    return (struct civil){.year = y + era * 400 + (month <= 2),
                          .month = month,
                          .day = (int)(in_year - (153 * m + 2) / 5 + 1),
                          .weekday = (int)(weekday < 0 ? weekday + 7 : weekday)};
}
