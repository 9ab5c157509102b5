/* Times and durations as messages write them (template.h): zones by offset, or by name with their
 * summer time (base/zone.h). */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "base/zone.h"
#include "notify/template.h"

/* "+08:00", "-0330", "+8" */
static bool parse_offset(const char *s, int *seconds)
{
    int digits[4], n = 0;
    must(*s == '+' || *s == '-');
    for (const char *p = s + 1; *p != '\0'; p++) {
        if (*p == ':' && (n == 1 || n == 2))
            continue;
        if (!isdigit((unsigned char)*p) || n == 4)
            return false;
        digits[n++] = *p - '0';
    }
    if (n == 0 || n == 3)
        return false;
    int hours = n == 1 ? digits[0] : digits[0] * 10 + digits[1];
    int minutes = n == 4 ? digits[2] * 10 + digits[3] : 0;
    if (hours > 14 || minutes > 59)
        return false;
    *seconds = (hours * 60 + minutes) * 60 * (s[0] == '-' ? -1 : 1);
    return true;
}

int zone_offset(const char *zone, int64_t wall_ms, int *seconds, struct err *err)
{
    bool offset = zone != NULL && (zone[0] == '+' || zone[0] == '-');
    if (offset && parse_offset(zone, seconds))
        return 0;
    bool utc = zone != NULL && (strcmp(zone, "Z") == 0 || strcmp(zone, "UTC") == 0);
    struct zone *z = offset ? NULL : zone_open(utc ? "UTC" : zone, NULL);
    if (z == NULL)
        return err_set(err, ERR_MALFORMED,
                       "unknown time zone \"%.40s\"; want local, UTC, an offset like +08:00 or a "
                       "name like Asia/Shanghai or Europe/Berlin",
                       zone);
    *seconds = zone_seconds(z, wall_ms / 1000 - (wall_ms % 1000 < 0));
    zone_free(&z);
    return 0;
}

int zone_time(const char *zone, int64_t wall_ms, char *buf, struct err *err)
{
    int seconds;
    if (zone_offset(zone, wall_ms, &seconds, err) != 0)
        return -1;
    int64_t whole = wall_ms / 1000 - (wall_ms % 1000 < 0);
    must(seconds > -86400 && seconds < 86400);
    time_t t = (time_t)(whole + seconds);
    struct tm tm;
    if (gmtime_r(&t, &tm) == NULL)
        return err_set(err, ERR_INVALID, "no such time");
    snprintf(buf, ZONE_TIME_SIZE, "%04d-%02d-%02d %02d:%02d:%02d", tm.tm_year + 1900, tm.tm_mon + 1,
             tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    return 0;
}

void duration_words(struct buf *out, int64_t ms, enum language lang)
{
    static const struct {
        int64_t seconds;
        const char *en, *zh;
    } units[] = {{86400, "d", "天"}, {3600, "h", "小时"}, {60, "m", "分"}, {1, "s", "秒"}};
    bool zh = lang == LANG_ZH;
    if (ms < 0)
        ms = 0;
    if (ms > 0 && ms < 1000) {
        buf_printf(out, "%d%s", (int)ms, zh ? "毫秒" : "ms");
        return;
    }
    int64_t left = ms / 1000;
    size_t i = 0;
    while (i + 1 < array_len(units) && left < units[i].seconds)
        i++;
    buf_printf(out, "%lld%s", (long long)(left / units[i].seconds), zh ? units[i].zh : units[i].en);
    left %= units[i].seconds;
    if (i + 1 == array_len(units) || left < units[i + 1].seconds)
        return;
    i++;
    buf_printf(out, "%lld%s", (long long)(left / units[i].seconds), zh ? units[i].zh : units[i].en);
}
