/* Reading time zones (zone.h): TZif files and POSIX TZ strings. Foreign bytes: everything is checked before it is used.
 *
 * TZif (RFC 8536), numbers big-endian:
 *     header  "TZif", version (0, '2', '3' …), 15 bytes unused, then six 32-bit counts: isut, isstd, leap, time, type, char
 *     block   time × transition time, time × index of a type (1 byte), type × {32-bit seconds east, is summer (1), name (1)},
 *             char bytes of names, leap × {time, 32-bit correction}, isstd bytes, isut bytes
 * Version 0 has one header and block, times of 4 bytes. Later ones have that for old readers, then a header and block again
 * with times of 8 bytes, then a footer: newline, TZ string, newline. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/zone_priv.h"

#define HEADER_SIZE 44

/* --- POSIX TZ strings ----------------------------------------------------------------------------
 */

struct rule_text {
    const char *text, *at, *end;
};

static bool take(struct rule_text *r, char c)
{
    if (r->at == r->end || *r->at != c)
        return false;
    r->at++;
    return true;
}

static bool take_number(struct rule_text *r, int max, int *out)
{
    int v = 0;
    const char *from = r->at;
    while (r->at < r->end && isdigit((unsigned char)*r->at) && v <= max)
        v = v * 10 + (*r->at++ - '0');
    if (r->at == from || v > max)
        return false;
    *out = v;
    return true;
}

/* "CET" or "<+03>" */
static bool take_name(struct rule_text *r)
{
    const char *from = r->at;
    if (take(r, '<')) {
        while (r->at < r->end && *r->at != '>')
            r->at++;
        return take(r, '>');
    }
    while (r->at < r->end && isalpha((unsigned char)*r->at))
        r->at++;
    return r->at - from >= 3;
}

/* [+-]hh[:mm[:ss]] in seconds */
static bool take_time(struct rule_text *r, int max_hours, int *out)
{
    int sign = 1, hours, minutes = 0, seconds = 0;
    if (take(r, '-'))
        sign = -1;
    else
        take(r, '+');
    if (!take_number(r, max_hours, &hours))
        return false;
    if (take(r, ':')) {
        if (!take_number(r, 59, &minutes))
            return false;
        if (take(r, ':') && !take_number(r, 59, &seconds))
            return false;
    }
    *out = sign * (hours * 3600 + minutes * 60 + seconds);
    return true;
}

static bool take_month(struct rule_text *r, struct zone_day *d)
{
    d->form = ZONE_MONTH_WEEK_DAY;
    return take_number(r, 12, &d->month) && d->month >= 1 && take(r, '.') &&
           take_number(r, 5, &d->week) && d->week >= 1 && take(r, '.') &&
           take_number(r, 6, &d->weekday);
}

/* ",M3.5.0/2" */
static bool take_day(struct rule_text *r, struct zone_day *d)
{
    *d = (struct zone_day){.seconds = 2 * 3600};
    if (!take(r, ','))
        return false;
    bool good;
    if (take(r, 'M')) {
        good = take_month(r, d);
    } else if (take(r, 'J')) {
        d->form = ZONE_JULIAN;
        good = take_number(r, 365, &d->day) && d->day >= 1;
    } else {
        d->form = ZONE_YEAR_DAY;
        good = take_number(r, 365, &d->day);
    }
    return good && (!take(r, '/') || take_time(r, 167, &d->seconds));
}

static bool take_rule(struct rule_text *r, struct zone_rule *out)
{
    int west;
    if (!take_name(r) || !take_time(r, 24, &west))
        return false;
    out->standard = -west;
    if (r->at == r->end)
        return true;
    if (!take_name(r))
        return false;
    out->has_summer = true;
    out->summer = out->standard + 3600;
    if (r->at < r->end && *r->at != ',') {
        if (!take_time(r, 24, &west))
            return false;
        out->summer = -west;
    }
    return take_day(r, &out->start) && take_day(r, &out->end) && r->at == r->end;
}

int zone__parse_rule(const char *text, size_t n, struct zone_rule *out, struct err *err)
{
    struct rule_text r = {.text = text, .at = text, .end = text + n};
    struct zone_rule rule = {0};
    if (!take_rule(&r, &rule)) {
        err_set(err, ERR_MALFORMED, "cannot read the time zone rule at character %zu",
                (size_t)(r.at - text) + 1);
        if (err != NULL)
            err->at_offset = (size_t)(r.at - text);
        return -1;
    }
    *out = rule;
    return 0;
}

struct zone *zone_of_rule(const char *text, struct err *err)
{
    struct zone_rule rule;
    if (zone__parse_rule(text, strlen(text), &rule, err) != 0)
        return NULL;
    struct zone *z = zone__new();
    z->has_rule = true;
    z->rule = rule;
    return z;
}

/* --- TZif ----------------------------------------------------------------------------------------
 */

static int damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_DAMAGED, "not a time zone file: %s", what);
}

static int64_t big_endian(const uint8_t *p, size_t n)
{
    uint64_t v = p[0] >= 0x80 ? UINT64_MAX : 0;
    for (size_t i = 0; i < n; i++)
        v = v << 8 | p[i];
    return (int64_t)v;
}

/* One header with its block. */
struct part {
    uint8_t version;
    size_t n_ut, n_standard, n_leaps, n_changes, n_types, n_chars;
    size_t time_size;
    const uint8_t *times, *indices, *types;
    size_t size; /* header and block */
};

static size_t count_at(const uint8_t *p)
{
    return (size_t)(big_endian(p, 4) & 0xffffffff);
}

static bool read_header(const uint8_t *p, size_t n, size_t time_size, struct part *out)
{
    if (n < HEADER_SIZE || memcmp(p, "TZif", 4) != 0)
        return false;
    *out = (struct part){.version = p[4],
                         .time_size = time_size,
                         .n_ut = count_at(p + 20),
                         .n_standard = count_at(p + 24),
                         .n_leaps = count_at(p + 28),
                         .n_changes = count_at(p + 32),
                         .n_types = count_at(p + 36),
                         .n_chars = count_at(p + 40)};
    return out->n_ut <= 256 && out->n_standard <= 256 && out->n_leaps <= 10000 &&
           out->n_changes <= ZONE_CHANGES_MAX && out->n_types >= 1 && out->n_types <= 256 &&
           out->n_chars <= 10000;
}

static int read_part(const uint8_t *p, size_t n, size_t time_size, struct part *out,
                     struct err *err)
{
    if (!read_header(p, n, time_size, out))
        return damaged(err, "its header is wrong");
    out->times = p + HEADER_SIZE;
    out->indices = out->times + out->n_changes * time_size;
    out->types = out->indices + out->n_changes;
    out->size = HEADER_SIZE + out->n_changes * (time_size + 1) + out->n_types * 6 + out->n_chars +
                out->n_leaps * (time_size + 4) + out->n_standard + out->n_ut;
    return out->size <= n ? 0 : damaged(err, "it is cut off");
}

static bool type_offset(const struct part *part, size_t index, int32_t *out)
{
    if (index >= part->n_types)
        return false;
    int64_t v = big_endian(part->types + index * 6, 4);
    *out = (int32_t)v;
    return v > -26 * 3600 && v < 27 * 3600;
}

static int take_changes(struct zone *z, const struct part *part, struct err *err)
{
    if (!type_offset(part, 0, &z->first))
        return damaged(err, "an offset is out of bounds");
    z->at = calloc(part->n_changes + 1, sizeof(*z->at));
    z->offset = calloc(part->n_changes + 1, sizeof(*z->offset));
    must(z->at != NULL && z->offset != NULL);
    for (size_t i = 0; i < part->n_changes; i++) {
        z->at[i] = big_endian(part->times + i * part->time_size, part->time_size);
        if (i > 0 && z->at[i] <= z->at[i - 1])
            return damaged(err, "its changes are not in order");
        if (!type_offset(part, part->indices[i], &z->offset[i]))
            return damaged(err, "an offset is out of bounds");
    }
    z->n_changes = part->n_changes;
    return 0;
}

/* "\nCET-1CEST,M3.5.0,M10.5.0/3\n"; nothing between: the last offset stays. */
static int take_footer(struct zone *z, const uint8_t *p, size_t n, struct err *err)
{
    const uint8_t *end = n > 1 && p[0] == '\n' ? memchr(p + 1, '\n', n - 1) : NULL;
    if (end == NULL)
        return damaged(err, "its footer is missing");
    if (end == p + 1)
        return 0;
    if (zone__parse_rule((const char *)p + 1, (size_t)(end - p) - 1, &z->rule, NULL) != 0)
        return damaged(err, "the rule in its footer is wrong");
    z->has_rule = true;
    return 0;
}

struct zone *zone_parse(const void *data, size_t n, struct err *err)
{
    const uint8_t *p = data;
    struct part part;
    must(data != NULL || n == 0);
    if (read_part(p, n, 4, &part, err) != 0)
        return NULL;
    bool old = part.version == 0;
    size_t skip = old ? 0 : part.size;
    if (!old && read_part(p + skip, n - skip, 8, &part, err) != 0)
        return NULL;
    struct zone *z = zone__new();
    if (take_changes(z, &part, err) != 0 ||
        (!old && take_footer(z, p + skip + part.size, n - skip - part.size, err) != 0))
        zone_free(&z);
    return z;
}
