/* Cron expressions (cron.h): parsed into a bit for each second, minute, hour, day, month and weekday; the next due time is
 * looked for in stretches of equal distance from UTC, so that summer time needs no special cases. */
#include "base/cron.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/str.h"
#include "base/zone.h"

#define DAY_S     INT64_C(86400)
#define HORIZON_S (8 * 366 * DAY_S)
#define LOOK_BACK (3 * DAY_S) /* longer than any gap or repetition of local time */

enum { SECOND, MINUTE, HOUR, DAY, MONTH, WEEKDAY, N_FIELDS };

struct cron {
    uint32_t magic;
    uint64_t set[N_FIELDS];
    bool star[N_FIELDS]; /* begins with *: does not restrict */
    bool every_hour;
    struct zone *zone;
};
#define CRON_MAGIC 0xbe1fc404u

/* --- parsing ---------------------------------------------------------------------------------------
 */

static const char *const month_names[] = {"jan", "feb", "mar", "apr", "may", "jun", "jul",
                                          "aug", "sep", "oct", "nov", "dec", NULL};
static const char *const day_names[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat", NULL};

static const struct {
    const char *name;
    int min, max;
    const char *const *names; /* of min, min + 1 … */
} fields[N_FIELDS] = {
    [SECOND] = {"second", 0, 59, NULL},      [MINUTE] = {"minute", 0, 59, NULL},
    [HOUR] = {"hour", 0, 23, NULL},          [DAY] = {"day of the month", 1, 31, NULL},
    [MONTH] = {"month", 1, 12, month_names}, [WEEKDAY] = {"weekday", 0, 7, day_names},
};

static const struct {
    const char *name, *expr;
} shorthands[] = {
    {"@hourly", "0 * * * *"},   {"@daily", "0 0 * * *"},   {"@midnight", "0 0 * * *"},
    {"@weekly", "0 0 * * 0"},   {"@monthly", "0 0 1 * *"}, {"@yearly", "0 0 1 1 *"},
    {"@annually", "0 0 1 1 *"},
};

struct parser {
    const char *expr; /* for offsets */
    struct err *err;
    int field;
};

static int wrong(const struct parser *p, struct str got, const char *want)
{
    err_set(p->err, ERR_MALFORMED, "cron: %s: got \"%.*s\"; want %s", fields[p->field].name,
            (int)utf8_cut(got.p, got.n, 40), got.p, want);
    if (p->err != NULL)
        p->err->at_offset = (size_t)(got.p - p->expr);
    return -1;
}

static int out_of_bounds(const struct parser *p, struct str got)
{
    char want[60];
    snprintf(want, sizeof(want), "%d to %d%s", fields[p->field].min, fields[p->field].max,
             fields[p->field].names != NULL ? ", or a name of three letters" : "");
    return wrong(p, got, want);
}

static int parse_value(const struct parser *p, struct str s, int *out)
{
    const char *const *names = fields[p->field].names;
    int64_t v;
    for (int i = 0; names != NULL && names[i] != NULL; i++) {
        if (s.n != 3 || strncasecmp(s.p, names[i], 3) != 0)
            continue;
        *out = fields[p->field].min + i;
        return 0;
    }
    if (s.n == 0 || !isdigit((unsigned char)s.p[0]) || str_to_i64(s, &v, NULL) != 0 ||
        v < fields[p->field].min || v > fields[p->field].max)
        return out_of_bounds(p, s);
    *out = (int)v;
    return 0;
}

/* "*", "5", "5-10", "mon-fri": from and to; *single: neither * nor a range. */
static int parse_range(const struct parser *p, struct str s, int *from, int *to, bool *single)
{
    struct str low = s, high = {0};
    *single = false;
    if (str_eqz(s, "*") || str_eqz(s, "?")) {
        *from = fields[p->field].min;
        *to = fields[p->field].max - (p->field == WEEKDAY);
        return 0;
    }
    *from = *to = 0;
    *single = !str_cut(s, '-', &low, &high);
    if (*single)
        low = s;
    if (parse_value(p, low, from) != 0)
        return -1;
    *to = *from;
    if (*single)
        return 0;
    if (parse_value(p, high, to) != 0)
        return -1;
    if (p->field == WEEKDAY && *to == 0 && *from > 0)
        *to = 7; /* fri-sun */
    return *from <= *to ? 0 : wrong(p, s, "a range from low to high");
}

/* "RANGE", "RANGE/STEP", "5/10" from 5 to the end. */
static int parse_item(const struct parser *p, struct str s, uint64_t *set)
{
    struct str range = s, step_text = {0};
    int from, to;
    int64_t step = 1;
    bool single, stepped = str_cut(s, '/', &range, &step_text);
    if (!stepped)
        range = s;
    if (parse_range(p, range, &from, &to, &single) != 0)
        return -1;
    if (stepped && (str_to_i64(step_text, &step, NULL) != 0 || step < 1 || step > 59))
        return wrong(p, step_text, "a step from 1 to 59");
    if (stepped && single) {
        from = p->field == WEEKDAY && from == 7 ? 0 : from; /* a Sunday either way */
        to = fields[p->field].max - (p->field == WEEKDAY);
    }
    must(from >= 0 && to < 64);
    for (int64_t v = from; v <= to; v += step)
        *set |= UINT64_C(1) << v;
    return 0;
}

static int parse_field(struct parser *p, int field, struct str s, struct cron *c)
{
    struct str rest = s, item;
    p->field = field;
    while (str_next(&rest, ',', &item))
        if (parse_item(p, item, &c->set[field]) != 0)
            return -1;
    if (field == WEEKDAY && (c->set[field] >> 7 & 1) != 0)
        c->set[field] = (c->set[field] | 1) & 0x7f;
    c->star[field] = s.n > 0 && (s.p[0] == '*' || s.p[0] == '?');
    must(c->set[field] != 0);
    return 0;
}

static int split(const struct parser *p, struct str *out, int *n)
{
    const char *at = p->expr;
    *n = 0;
    for (;;) {
        at += strspn(at, " \t");
        if (*at == '\0')
            break;
        size_t len = strcspn(at, " \t");
        if (*n < N_FIELDS)
            out[*n] = (struct str){at, len};
        ++*n;
        at += len;
    }
    if (*n == N_FIELDS || *n == N_FIELDS - 1)
        return 0;
    return err_set(p->err, ERR_MALFORMED,
                   "cron: got %d fields; want 5 (minute hour day month weekday), 6 with seconds in "
                   "front, or @hourly, @daily, @weekly, @monthly, @yearly",
                   *n);
}

static int parse(struct cron *c, const char *expr, struct err *err)
{
    struct str parts[N_FIELDS];
    int n;
    for (size_t i = 0; i < array_len(shorthands); i++)
        if (strcasecmp(expr, shorthands[i].name) == 0)
            expr = shorthands[i].expr;
    struct parser p = {.expr = expr, .err = err};
    if (split(&p, parts, &n) != 0)
        return -1;
    int first = n == N_FIELDS ? SECOND : MINUTE;
    c->set[SECOND] = 1; /* at :00 */
    if (first == SECOND)
        c->set[SECOND] = 0;
    for (int i = 0; i < n; i++)
        if (parse_field(&p, first + i, parts[i], c) != 0)
            return -1;
    c->every_hour = c->set[HOUR] == (UINT64_C(1) << 24) - 1;
    return 0;
}

struct cron *cron_parse(const char *expr, const char *zone, struct err *err)
{
    must(expr != NULL);
    struct cron *c = calloc(1, sizeof(*c));
    must(c != NULL);
    c->magic = CRON_MAGIC;
    if (parse(c, expr, err) != 0 || (c->zone = zone_open(zone, err)) == NULL)
        cron_free(&c);
    return c;
}

void cron_free(struct cron **c)
{
    if (*c == NULL)
        return;
    check_magic(*c, CRON_MAGIC);
    (*c)->magic = 0;
    zone_free(&(*c)->zone);
    free(*c);
    *c = NULL;
}

/* --- due times, local ------------------------------------------------------------------------------
 * Local times are seconds since 1970-01-01 as a clock on the wall would count them. */

static bool has(const struct cron *c, int field, int v)
{
    return (c->set[field] >> v & 1) != 0;
}

static bool day_matches(const struct cron *c, const struct civil *d)
{
    bool day = has(c, DAY, d->day), weekday = has(c, WEEKDAY, d->weekday);
    if (!c->star[DAY] && !c->star[WEEKDAY])
        return day || weekday;
    return day && weekday;
}

/* The first bit of a set at or after v; 64: none. */
static int next_bit(uint64_t set, int v)
{
    must(v >= 0 && v <= 64);
    uint64_t left = v < 64 ? set >> v << v : 0;
    return left != 0 ? __builtin_ctzll(left) : 64;
}

/* Seconds of the day, the first that match at or after `from`; -1: none. */
static int64_t time_of_day(const struct cron *c, int64_t from)
{
    int hour = (int)(from / 3600), minute = (int)(from / 60 % 60), second = (int)(from % 60);
    second = next_bit(c->set[SECOND], second);
    minute += second == 64;
    minute = next_bit(c->set[MINUTE], minute);
    hour += minute == 64;
    int due = next_bit(c->set[HOUR], hour);
    if (due == 64)
        return -1;
    if (due != from / 3600)
        minute = 64;
    if (minute == 64)
        minute = next_bit(c->set[MINUTE], 0);
    if (due != from / 3600 || minute != from / 60 % 60 || second == 64)
        second = next_bit(c->set[SECOND], 0);
    must(minute < 60 && second < 60);
    return due * 3600 + minute * 60 + second;
}

/* The first local time that matches at or after `from` and before `end`; INT64_MAX: none. */
static int64_t next_local(const struct cron *c, int64_t from, int64_t end)
{
    int64_t day = from / DAY_S - (from % DAY_S < 0), second = from - day * DAY_S;
    while (day * DAY_S < end) {
        struct civil d = civil_of(day);
        if (!has(c, MONTH, d.month)) {
            day += civil_month_days(d.year, d.month) - d.day + 1;
            second = 0;
            continue;
        }
        int64_t found = day_matches(c, &d) ? time_of_day(c, second) : -1;
        if (found >= 0)
            return day * DAY_S + found < end ? day * DAY_S + found : INT64_MAX;
        day++;
        second = 0;
    }
    return INT64_MAX;
}

/* --- due times -------------------------------------------------------------------------------------
 */

static int64_t max(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* The first due time in [start, end), where local time is `offset` ahead of UTC, after after_s. covered: local times before
 * it were there already; between it and the start's lies a gap. INT64_MAX: none. */
static int64_t next_in_stretch(const struct cron *c, int64_t start, int64_t end, int64_t covered,
                               int64_t after_s)
{
    int64_t offset = zone_seconds(c->zone, start), local = start + offset;
    if (!c->every_hour && start > after_s && covered < local &&
        next_local(c, covered, local) != INT64_MAX)
        return start;
    int64_t from = max(local, after_s + 1 + offset);
    if (!c->every_hour)
        from = max(from, covered);
    int64_t found = next_local(c, from, end + offset);
    return found != INT64_MAX ? found - offset : INT64_MAX;
}

int64_t cron_next(const struct cron *c, int64_t after_ms)
{
    check_magic(c, CRON_MAGIC);
    int64_t after_s = after_ms / 1000 - (after_ms % 1000 < 0);
    int64_t start = after_s - LOOK_BACK, last = after_s + HORIZON_S;
    int64_t covered = start + zone_seconds(c->zone, start);
    while (start < last) {
        int64_t end = zone_next_change(c->zone, start);
        must(end > start);
        if (end > last)
            end = last;
        int64_t found = next_in_stretch(c, start, end, covered, after_s);
        if (found != INT64_MAX)
            return found * 1000;
        covered = max(covered, end + zone_seconds(c->zone, start));
        start = end;
    }
    return 0;
}
