/* systemd's times: spans ("1h 30min") as seconds, OnCalendar= as cron expressions (import_systemd.h).
 *
 * OnCalendar is [WEEKDAYS] [[YEAR-]MONTH-DAY] [HOUR:MINUTE[:SECOND]] [ZONE]; each part is *, a list, a..b, or with a step
 * a/n. cron has no years, no last days (~), and takes day or weekday where systemd takes day and weekday. */
#include <math.h>
#include <string.h>
#include <strings.h>

#include "cli/import_systemd.h"

/* --- spans ---------------------------------------------------------------------------------------
 */

static double unit_seconds(struct str unit)
{
    static const struct {
        const char *name;
        double seconds;
    } units[] = {{"", 1},         {"us", 1e-6},     {"usec", 1e-6},   {"ms", 1e-3},
                 {"msec", 1e-3},  {"s", 1},         {"sec", 1},       {"second", 1},
                 {"seconds", 1},  {"m", 60},        {"min", 60},      {"minute", 60},
                 {"minutes", 60}, {"h", 3600},      {"hr", 3600},     {"hour", 3600},
                 {"hours", 3600}, {"d", 86400},     {"day", 86400},   {"days", 86400},
                 {"w", 604800},   {"week", 604800}, {"weeks", 604800}};
    for (size_t i = 0; i < array_len(units); i++)
        if (str_eqz(unit, units[i].name))
            return units[i].seconds;
    return NAN;
}

static size_t run_of(struct str s, const char *chars)
{
    size_t n = 0;
    while (n < s.n && s.p[n] != '\0' && strchr(chars, s.p[n]) != NULL)
        n++;
    return n;
}

static struct str behind(struct str s, size_t n)
{
    return (struct str){s.p + n, s.n - n};
}

double systemd_span(struct str s)
{
    double sum = 0, v;
    s = str_trim(s);
    if (str_eqz(s, "infinity"))
        return 0;
    if (s.n == 0)
        return NAN;
    while (s.n > 0) {
        size_t digits = run_of(s, "0123456789.");
        if (str_to_f64((struct str){s.p, digits}, &v, NULL) != 0)
            return NAN;
        s = behind(s, digits);
        s = behind(s, run_of(s, " "));
        size_t word = run_of(s, "abcdefghijklmnopqrstuvwxyz");
        sum += v * unit_seconds((struct str){s.p, word});
        s = behind(s, word);
        s = behind(s, run_of(s, " "));
    }
    return sum;
}

/* --- OnCalendar ----------------------------------------------------------------------------------
 */

struct field {
    int64_t min, max;
};
static const struct field seconds = {0, 59}, minutes = {0, 59}, hours = {0, 23}, days = {1, 31},
                          months = {1, 12};

/* "a", "a..b", "*", each with "/step"; false: cron cannot say it. */
static bool put_part(struct str part, const struct field *f, struct buf *out)
{
    struct str range = part, step = {NULL, 0}, to = {NULL, 0};
    int64_t a, b, n;
    bool stepped = str_cut(part, '/', &range, &step);
    if (stepped && (!import_int(step, &n) || n < 1))
        return false;
    const char *dots = memmem(range.p, range.n, "..", 2);
    if (dots != NULL) {
        to = behind(range, (size_t)(dots + 2 - range.p));
        range.n = (size_t)(dots - range.p);
    }
    if (str_eqz(range, "*") && dots == NULL) {
        buf_putc(out, '*');
    } else {
        if (!import_int(range, &a) || a < f->min || a > f->max)
            return false;
        buf_printf(out, "%lld", (long long)a);
        b = f->max;
        if (dots != NULL && (!import_int(to, &b) || b < a || b > f->max))
            return false;
        if (dots != NULL || stepped)
            buf_printf(out, "-%lld", (long long)b);
    }
    if (stepped)
        buf_printf(out, "/%lld", (long long)n);
    return true;
}

static bool put_field(struct str text, const struct field *f, struct buf *out)
{
    struct str part;
    if (text.n == 0)
        return false;
    for (bool first = true; text.n > 0 && str_next(&text, ',', &part); first = false) {
        buf_puts(out, first ? "" : ",");
        if (!put_part(part, f, out))
            return false;
    }
    return true;
}

/* Mon..Fri, Sat,Sun: the first three letters count. */
static bool put_weekdays(struct str text, struct buf *out)
{
    static const char *const names[] = {"mon", "tue", "wed", "thu", "fri", "sat", "sun"};
    while (text.n > 0) {
        size_t letters = run_of(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"),
               d = 0;
        while (d < array_len(names) && (letters < 3 || strncasecmp(text.p, names[d], 3) != 0))
            d++;
        if (d == array_len(names))
            return false;
        buf_puts(out, names[d]);
        text = behind(text, letters);
        size_t dots = run_of(text, "."), comma = run_of(text, ",");
        if (text.n > 0 && dots != 2 && comma != 1)
            return false;
        if (text.n > 0)
            buf_putc(out, dots == 2 ? '-' : ',');
        text = behind(text, dots + comma);
    }
    return out->len > 0 && out->data[out->len - 1] != '-' && out->data[out->len - 1] != ',';
}

struct calendar {
    struct str date, time, zone, weekdays;
};

static bool is_short(struct str s, struct calendar *c)
{
    static const struct {
        const char *name, *date, *weekday, *time;
    } names[] = {{"minutely", "*-*-*", "", "*:*:00"},
                 {"hourly", "*-*-*", "", "*:00:00"},
                 {"daily", "*-*-*", "", "00:00:00"},
                 {"weekly", "*-*-*", "Mon", "00:00:00"},
                 {"monthly", "*-*-01", "", "00:00:00"},
                 {"quarterly", "*-01,04,07,10-01", "", "00:00:00"},
                 {"yearly", "*-01-01", "", "00:00:00"},
                 {"annually", "*-01-01", "", "00:00:00"},
                 {"semiannually", "*-01,07-01", "", "00:00:00"}};
    for (size_t i = 0; i < array_len(names); i++)
        if (ini_same(s, names[i].name)) {
            c->date = str_of(names[i].date);
            c->weekdays = str_of(names[i].weekday);
            c->time = str_of(names[i].time);
            return true;
        }
    return false;
}

static bool is_zone(struct str s)
{
    return str_eqz(s, "UTC") || str_contains(s, STR("/"));
}

/* What each word of the text is. False: too many words. */
static bool take_words(struct str s, struct calendar *c)
{
    struct str word;
    while (s.n > 0 && str_next(&s, ' ', &word)) {
        bool letter = word.n > 0 && ((word.p[0] | 0x20) >= 'a' && (word.p[0] | 0x20) <= 'z');
        struct str *to = letter && is_zone(word)        ? &c->zone
                         : letter                       ? &c->weekdays
                         : str_contains(word, STR(":")) ? &c->time
                                                        : &c->date;
        if (word.n == 0 || (letter && is_short(word, c)))
            continue;
        if (to->n > 0)
            return false;
        *to = word;
    }
    return true;
}

static bool put_time(struct str time, struct buf *out)
{
    struct str hour, minute, second, rest;
    if (time.n == 0)
        time = STR("00:00:00");
    if (!str_cut(time, ':', &hour, &rest))
        return false;
    if (!str_cut(rest, ':', &minute, &second)) {
        minute = rest;
        second = STR("00");
    }
    int64_t v;
    bool whole_minute = import_int(second, &v) && v == 0;
    if (!whole_minute) {
        if (!put_field(second, &seconds, out))
            return false;
        buf_putc(out, ' ');
    }
    if (!put_field(minute, &minutes, out))
        return false;
    buf_putc(out, ' ');
    return put_field(hour, &hours, out);
}

static bool put_date(const struct calendar *c, struct buf *out)
{
    struct str date = c->date.n > 0 ? c->date : STR("*-*-*"), year, month, day, rest;
    struct buf weekdays = BUF_INIT(200);
    if (!str_cut(date, '-', &year, &rest))
        return false;
    if (!str_cut(rest, '-', &month, &day)) {
        month = year;
        day = rest;
        year = STR("*");
    }
    bool good = str_eqz(year, "*");
    if (c->weekdays.n > 0)
        good &= put_weekdays(c->weekdays, &weekdays) && str_eqz(day, "*");
    buf_putc(out, ' ');
    good = good && put_field(day, &days, out);
    buf_putc(out, ' ');
    good = good && put_field(month, &months, out);
    buf_printf(out, " %s", weekdays.len > 0 ? weekdays.data : "*");
    buf_done(&weekdays);
    return good;
}

const char *systemd_calendar(struct str s, struct str *zone, struct arena *a)
{
    struct calendar c = {.zone = STR("")};
    struct buf out = BUF_INIT(1000);
    s = str_trim(s);
    bool good =
        s.n > 0 && take_words(s, &c) && put_time(c.time, &out) && put_date(&c, &out) && !out.failed;
    const char *expr = good ? arena_strdup(a, out.data) : NULL;
    *zone = c.zone;
    buf_done(&out);
    return expr;
}

const char *systemd_every(double every, struct arena *a)
{
    int64_t m = (int64_t)llround(every / 60);
    if (!(every >= 60) || every > 86400 || (double)m * 60 != every)
        return NULL;
    if (m < 60 && 60 % m == 0)
        return m == 1 ? "* * * * *" : arena_printf(a, "*/%lld * * * *", (long long)m);
    if (m % 60 == 0 && 24 % (m / 60) == 0)
        return m == 1440 ? "@daily"
               : m == 60 ? "@hourly"
                         : arena_printf(a, "0 */%lld * * *", (long long)m / 60);
    return NULL;
}
