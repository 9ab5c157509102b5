/* See words.h. */
#include "status/words.h"

#include <math.h>

#include "base/civil.h"

#define DAY_S 86400

const char *word(bool zh, enum word w)
{
    static const struct text2 words[] = {
#define X(name, en, zh) {en, zh},
        STATUS_WORDS(X)
#undef X
    };
    must((size_t)w < array_len(words));
    return zh ? words[w].zh : words[w].en;
}

static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

void put_day(struct buf *out, bool zh, int64_t days)
{
    struct civil c = civil_of(days);
    must(c.month >= 1 && c.month <= 12);
    if (zh)
        buf_printf(out, "%d月%d日", c.month, c.day);
    else
        buf_printf(out, "%s %d", months[c.month - 1], c.day);
}

void put_moment(struct buf *out, bool zh, const struct zone *z, int64_t at_ms, int64_t now_ms)
{
    int64_t at = at_ms / 1000, now = now_ms / 1000;
    int64_t local = at + zone_seconds(z, at), today = now + zone_seconds(z, now);
    int64_t days = floor_div(local, DAY_S);
    int minute = (int)((local - days * DAY_S) / 60);
    struct civil c = civil_of(days);
    bool other_year = c.year != civil_of(floor_div(today, DAY_S)).year;
    if (zh && other_year)
        buf_printf(out, "%lld年", (long long)c.year);
    put_day(out, zh, days);
    if (!zh && other_year)
        buf_printf(out, ", %lld", (long long)c.year);
    buf_printf(out, "%s%02d:%02d", zh ? " " : ", ", minute / 60, minute % 60);
}

void put_span(struct buf *out, bool zh, int64_t ms)
{
    int64_t minutes = (ms + 30000) / 60000, hours = minutes / 60, days = hours / 24;
    const char *d = zh ? " 天" : " d", *h = zh ? " 小时" : " h", *m = zh ? " 分钟" : " min";
    if (minutes < 1)
        buf_puts(out, zh ? "不到 1 分钟" : "under a minute");
    else if (days > 0 && hours % 24)
        buf_printf(out, "%lld%s %lld%s", (long long)days, d, (long long)(hours % 24), h);
    else if (days > 0)
        buf_printf(out, "%lld%s", (long long)days, d);
    else if (hours > 0 && minutes % 60)
        buf_printf(out, "%lld%s %lld%s", (long long)hours, h, (long long)(minutes % 60), m);
    else if (hours > 0)
        buf_printf(out, "%lld%s", (long long)hours, h);
    else
        buf_printf(out, "%lld%s", (long long)minutes, m);
}

void put_share(struct buf *out, double part)
{
    if (isnan(part))
        buf_puts(out, "–");
    else if (part >= 1)
        buf_puts(out, "100%");
    else
        buf_printf(out, "%.2f%%", floor(part * 10000) / 100);
}

void put_latency(struct buf *out, double ms)
{
    if (isnan(ms))
        buf_puts(out, "–");
    else if (ms >= 1000)
        buf_printf(out, "%.2f s", ms / 1000);
    else
        buf_printf(out, ms < 10 ? "%.1f ms" : "%.0f ms", ms);
}
