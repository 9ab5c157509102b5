/* Clocks and RFC 3339 (clock.h). Any thread; no state. Calendar arithmetic is our own (civil.h): no locale, no time zone, no lock. Durations are in duration.c. */
#include "base/clock.h"

#include <math.h>
#include <time.h>

#include "base/civil.h"

#define MS_PER_DAY INT64_C(86400000)
#define WALL_MIN   INT64_C(-62135596800000) /* 0001-01-01T00:00:00.000Z */
#define WALL_MAX   INT64_C(253402300799999) /* 9999-12-31T23:59:59.999Z */

int64_t clock_mono_ns(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * NS_PER_S + ts.tv_nsec;
}

int64_t clock_wall_ms(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_REALTIME, &ts);
    return ts.tv_sec * INT64_C(1000) + ts.tv_nsec / NS_PER_MS;
}

int64_t deadline_share(int64_t deadline_ns, size_t tries)
{
    int64_t now = clock_mono_ns();
    must(tries > 0);
    return deadline_ns > now ? now + (deadline_ns - now) / (int64_t)tries : deadline_ns;
}

static char *put_digits(char *p, int v, int n, char after)
{
    for (int i = n - 1; i >= 0; i--, v /= 10)
        p[i] = (char)('0' + v % 10);
    p[n] = after;
    return p + n + 1;
}

char *time_format(int64_t wall_ms, char *buf)
{
    if (wall_ms < WALL_MIN || wall_ms > WALL_MAX) /* RFC 3339 has no way to say it */
        wall_ms = wall_ms < 0 ? WALL_MIN : WALL_MAX;
    int64_t days = wall_ms / MS_PER_DAY - (wall_ms % MS_PER_DAY < 0);
    int ms = (int)(wall_ms - days * MS_PER_DAY);
    must(ms >= 0 && ms < MS_PER_DAY);
    struct civil date = civil_of(days);
    char *p = put_digits(buf, (int)date.year, 4, '-');
    p = put_digits(p, date.month, 2, '-');
    p = put_digits(p, date.day, 2, 'T');
    p = put_digits(p, ms / 3600000, 2, ':');
    p = put_digits(p, ms / 60000 % 60, 2, ':');
    p = put_digits(p, ms / 1000 % 60, 2, '.');
    p = put_digits(p, ms % 1000, 3, 'Z');
    *p = '\0';
    must(p - buf < RFC3339_SIZE);
    return buf;
}

static bool eat(struct str *s, char c)
{
    if (s->n == 0 || s->p[0] != c)
        return false;
    s->p++;
    s->n--;
    return true;
}

/* Exactly n digits into *v. */
static bool eat_digits(struct str *s, size_t n, int *v)
{
    if (s->n < n)
        return false;
    *v = 0;
    for (size_t i = 0; i < n; i++) {
        if (s->p[i] < '0' || s->p[i] > '9')
            return false;
        *v = *v * 10 + (s->p[i] - '0');
    }
    s->p += n;
    s->n -= n;
    return true;
}

/* "" or "." and 1 to 9 digits; what is finer than a millisecond is cut off. */
static bool eat_fraction(struct str *s, int *ms)
{
    *ms = 0;
    if (!eat(s, '.'))
        return true;
    int digit, n = 0;
    for (int weight = 100; n < 9 && eat_digits(s, 1, &digit); n++, weight /= 10)
        *ms += digit * weight;
    return n > 0;
}

/* "Z" or "+hh:mm" or "-hh:mm". */
static bool eat_offset(struct str *s, int *minutes)
{
    *minutes = 0;
    if (eat(s, 'Z') || eat(s, 'z'))
        return true;
    bool west = s->n > 0 && s->p[0] == '-';
    int hour, minute;
    if (!eat(s, west ? '-' : '+') || !eat_digits(s, 2, &hour) || !eat(s, ':') ||
        !eat_digits(s, 2, &minute) || hour > 23 || minute > 59)
        return false;
    *minutes = (hour * 60 + minute) * (west ? -1 : 1);
    return true;
}

static bool date_exists(int year, int month, int day)
{
    return year >= 1 && month >= 1 && month <= 12 && day >= 1 &&
           day <= civil_month_days(year, month);
}

static bool parse_rfc3339(struct str s, int64_t *wall_ms)
{
    int year, month, day, hour, minute, second, ms, offset;
    if (!eat_digits(&s, 4, &year) || !eat(&s, '-') || !eat_digits(&s, 2, &month) || !eat(&s, '-') ||
        !eat_digits(&s, 2, &day) || !date_exists(year, month, day))
        return false;
    if (!eat(&s, 'T') && !eat(&s, 't') && !eat(&s, ' '))
        return false;
    if (!eat_digits(&s, 2, &hour) || !eat(&s, ':') || !eat_digits(&s, 2, &minute) ||
        !eat(&s, ':') || !eat_digits(&s, 2, &second) || !eat_fraction(&s, &ms) ||
        !eat_offset(&s, &offset) || s.n > 0)
        return false;
    if (hour > 23 || minute > 59 || second > 60) /* 60: a leap second counts as the next one */
        return false;
    int64_t minutes = (civil_days(year, month, day) * 24 + hour) * 60 + minute - offset;
    *wall_ms = (minutes * 60 + second) * 1000 + ms;
    return true;
}

int time_parse(struct str s, int64_t *wall_ms, struct err *err)
{
    double seconds;
    int64_t parsed;
    if (str_to_f64(s, &seconds, NULL) == 0) {
        if (!(fabs(seconds) < 1e12))
            return err_set(err, ERR_INVALID, "the time is outside of the years 1 to 9999");
        parsed = (int64_t)round(seconds * 1000);
    } else if (!parse_rfc3339(s, &parsed)) {
        int shown = (int)utf8_cut(s.p, s.n, 40);
        return err_set(err, ERR_MALFORMED,
                       "cannot read the time: got \"%.*s\"; want RFC 3339, such as "
                       "\"2026-11-20T08:00:00Z\", or Unix seconds",
                       shown, s.n > 0 ? s.p : "");
    }
    if (parsed < WALL_MIN || parsed > WALL_MAX)
        return err_set(err, ERR_INVALID, "the time is outside of the years 1 to 9999");
    *wall_ms = parsed;
    return 0;
}
