/* Time zones: where they come from, and what local time is at a moment (zone.h). Files are read by zone_parse.c. */
#include "base/zone.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/civil.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/zone_priv.h"

#define DAY_S 86400

/* --- rules -----------------------------------------------------------------------------------------
 */

/* Days since 1970 of a rule's day in a year. */
static int64_t rule_day(const struct zone_day *d, int64_t year)
{
    int64_t new_year = civil_days(year, 1, 1);
    if (d->form == ZONE_YEAR_DAY)
        return new_year + d->day;
    if (d->form == ZONE_JULIAN)
        return new_year + d->day - 1 + (d->day >= 60 && civil_month_days(year, 2) == 29);
    int64_t first = civil_days(year, d->month, 1);
    int ahead = (d->weekday - civil_of(first).weekday + 7) % 7;
    int day = 1 + ahead + (d->week - 1) * 7;
    while (day > civil_month_days(year, d->month))
        day -= 7; /* week 5 is the last */
    return first + day - 1;
}

/* When summer time starts (or ends) in a year, Unix seconds. */
static int64_t rule_start(const struct zone_rule *r, int64_t year)
{
    return rule_day(&r->start, year) * DAY_S + r->start.seconds - r->standard;
}

static int64_t rule_end(const struct zone_rule *r, int64_t year)
{
    return rule_day(&r->end, year) * DAY_S + r->end.seconds - r->summer;
}

static int64_t year_of(int64_t at_s)
{
    return civil_of(at_s / DAY_S - (at_s % DAY_S < 0)).year;
}

/* The latest change that is not after at_s decides. Times of a rule may lie a week outside of their year. */
static int rule_seconds(const struct zone_rule *r, int64_t at_s)
{
    if (!r->has_summer)
        return r->standard;
    int64_t year = year_of(at_s), latest = INT64_MIN;
    bool summer = false;
    for (int64_t y = year - 2; y <= year + 1; y++) {
        int64_t start = rule_start(r, y), end = rule_end(r, y);
        if (end <= at_s && end > latest) {
            latest = end;
            summer = false;
        }
        if (start <= at_s && start >= latest) { /* both at once: summer time all year */
            latest = start;
            summer = true;
        }
    }
    return summer ? r->summer : r->standard;
}

static int64_t rule_next(const struct zone_rule *r, int64_t after_s)
{
    int64_t year = year_of(after_s), next = INT64_MAX;
    if (!r->has_summer)
        return next;
    for (int64_t y = year - 1; y <= year + 2; y++) {
        int64_t start = rule_start(r, y), end = rule_end(r, y);
        if (start > after_s && start < next)
            next = start;
        if (end > after_s && end < next)
            next = end;
    }
    return next;
}

/* --- zones -----------------------------------------------------------------------------------------
 */

struct zone *zone__new(void)
{
    struct zone *z = calloc(1, sizeof(*z));
    must(z != NULL);
    z->magic = ZONE_MAGIC;
    return z;
}

void zone_free(struct zone **z)
{
    if (*z == NULL)
        return;
    check_magic(*z, ZONE_MAGIC);
    (*z)->magic = 0;
    free((*z)->at);
    free((*z)->offset);
    free(*z);
    *z = NULL;
}

/* How many changes lie at or before at_s. */
static size_t changes_until(const struct zone *z, int64_t at_s)
{
    size_t low = 0, high = z->n_changes;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (z->at[middle] <= at_s)
            low = middle + 1;
        else
            high = middle;
    }
    must(low <= z->n_changes);
    return low;
}

int zone_seconds(const struct zone *z, int64_t at_s)
{
    check_magic(z, ZONE_MAGIC);
    size_t n = changes_until(z, at_s);
    if (n == z->n_changes && z->has_rule)
        return rule_seconds(&z->rule, at_s);
    return n > 0 ? z->offset[n - 1] : z->first;
}

int64_t zone_next_change(const struct zone *z, int64_t after_s)
{
    check_magic(z, ZONE_MAGIC);
    size_t n = changes_until(z, after_s);
    if (n < z->n_changes)
        return z->at[n];
    return z->has_rule ? rule_next(&z->rule, after_s) : INT64_MAX;
}

/* --- names -----------------------------------------------------------------------------------------
 */

/* Known without files: no summer time now, and none to come as far as anybody knows. */
static const struct {
    const char *name;
    int minutes;
} fixed[] = {
    {"UTC", 0},
    {"GMT", 0},
    {"Etc/UTC", 0},
    {"Asia/Shanghai", 480},
    {"Asia/Chongqing", 480},
    {"Asia/Hong_Kong", 480},
    {"Asia/Macau", 480},
    {"Asia/Taipei", 480},
    {"Asia/Singapore", 480},
    {"Asia/Kuala_Lumpur", 480},
    {"Asia/Urumqi", 360},
    {"Asia/Tokyo", 540},
    {"Asia/Seoul", 540},
    {"Asia/Bangkok", 420},
    {"Asia/Ho_Chi_Minh", 420},
    {"Asia/Jakarta", 420},
    {"Asia/Kolkata", 330},
    {"Asia/Dubai", 240},
    {"Europe/Moscow", 180},
    {"Europe/Istanbul", 180},
    {"America/Sao_Paulo", -180},
    {"America/Bogota", -300},
    {"America/Phoenix", -420},
    {"Australia/Brisbane", 600},
};

static struct zone *zone_fixed(const char *name)
{
    for (size_t i = 0; i < array_len(fixed); i++) {
        if (!streq(fixed[i].name, name))
            continue;
        struct zone *z = zone__new();
        z->first = fixed[i].minutes * 60;
        return z;
    }
    return NULL;
}

static struct zone *read_file(const char *path, struct err *err)
{
    struct buf text = BUF_INIT(ZONE_FILE_MAX);
    struct zone *z = NULL;
    if (fs_read(path, &text, err) == 0 && (z = zone_parse(text.data, text.len, err)) == NULL)
        err_prefix(err, "%s", path);
    buf_done(&text);
    return z;
}

/* A name leads to no other folder. */
static bool name_ok(const char *name)
{
    static const char allowed[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
                                  "_+-/";
    size_t n = strlen(name);
    return n > 0 && n < 100 && name[0] != '/' && strspn(name, allowed) == n;
}

static struct zone *open_named(const char *name, struct err *err)
{
    static const char *const folders[] = {"/usr/share/zoneinfo", "/usr/lib/zoneinfo",
                                          "/usr/share/lib/zoneinfo", "/etc/zoneinfo"};
    char path[200];
    for (size_t i = 0; name_ok(name) && i < array_len(folders); i++) {
        snprintf(path, sizeof(path), "%s/%s", folders[i], name);
        if (fs_exists(path))
            return read_file(path, err);
    }
    struct zone *z = name_ok(name) ? zone_fixed(name) : NULL;
    if (z == NULL)
        err_set(err, ERR_NOT_FOUND,
                "there is no time zone \"%.60s\"; want a name such as Europe/Berlin or "
                "Asia/Shanghai",
                name);
    return z;
}

/* TZ is a name, a path, or a rule; as the C library reads it. What cannot be read is UTC. */
static struct zone *open_local(void)
{
    const char *tz = getenv("TZ");
    struct zone *z;
    if (tz != NULL && tz[0] == ':')
        tz++;
    if (tz == NULL)
        z = read_file("/etc/localtime", NULL);
    else if (tz[0] == '/')
        z = read_file(tz, NULL);
    else if ((z = open_named(tz, NULL)) == NULL)
        z = zone_of_rule(tz, NULL);
    return z != NULL ? z : zone_fixed("UTC");
}

struct zone *zone_open(const char *name, struct err *err)
{
    if (name == NULL || name[0] == '\0' || streq(name, "local"))
        return open_local();
    struct zone *z = streq(name, "UTC") ? zone_fixed(name) : NULL;
    return z != NULL ? z : open_named(name, err);
}

#define LOCAL_AROUND_S INT64_C(172800) /* further from UTC is no clock */

int64_t zone_moment(const struct zone *z, int64_t local_s, bool last)
{
    int64_t start = local_s - LOCAL_AROUND_S, found = INT64_MAX;
    while (start <= local_s + LOCAL_AROUND_S) {
        int64_t end = zone_next_change(z, start), at = local_s - zone_seconds(z, start);
        must(end > start);
        if (at < start && found == INT64_MAX)
            return start; /* it was skipped */
        if (at >= start && at < end)
            found = at;
        if (found != INT64_MAX && !last)
            break;
        start = end;
    }
    must(found != INT64_MAX);
    return found;
}
