/* Times and durations as messages write them (template.h): zones by offset or by name. The names are
 * those without summer time, so that no zone database has to be read; "local" asks the C library. */
#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/must.h"
#include "notify/template.h"

static const struct {
    const char *name;
    int minutes;
} zones[] = {
    {"UTC", 0},
    {"Z", 0},
    {"GMT", 0},
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

/* "+08:00", "-0330", "+8" */
static bool parse_offset(const char *s, int *seconds)
{
    int digits[4], n = 0;
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
    if (zone == NULL || strcmp(zone, "local") == 0) {
        time_t t = (time_t)(wall_ms / 1000);
        struct tm tm;
        *seconds = localtime_r(&t, &tm) != NULL ? (int)tm.tm_gmtoff : 0;
        return 0;
    }
    for (size_t i = 0; i < array_len(zones); i++) {
        if (strcmp(zones[i].name, zone) == 0) {
            *seconds = zones[i].minutes * 60;
            return 0;
        }
    }
    if ((zone[0] == '+' || zone[0] == '-') && parse_offset(zone, seconds))
        return 0;
    return err_set(err, ERR_MALFORMED,
                   "unknown time zone \"%.40s\"; want local, UTC, an offset like +08:00 or a zone "
                   "without summer time like Asia/Shanghai",
                   zone);
}

int zone_time(const char *zone, int64_t wall_ms, char *buf, struct err *err)
{
    int seconds;
    if (zone_offset(zone, wall_ms, &seconds, err) != 0)
        return -1;
    int64_t whole = wall_ms / 1000 - (wall_ms % 1000 < 0);
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
