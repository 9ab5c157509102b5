/* Times in rules' templates (rule.h): as Go's time.Time prints, and its methods that templates use: Format with Go's layouts, Unix,
 * Year … All in UTC. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/civil.h"
#include "base/clock.h"
#include "base/must.h"
#include "rule/template_priv.h"

#define DAY_MS 86400000

struct parts {
    struct civil date;
    int hour, minute, second, ms, yearday;
};

static const char *const months[] = {"January",   "February", "March",    "April",
                                     "May",       "June",     "July",     "August",
                                     "September", "October",  "November", "December"};
static const char *const weekdays[] = {"Sunday",   "Monday", "Tuesday", "Wednesday",
                                       "Thursday", "Friday", "Saturday"};

static struct parts parts_of(int64_t ms)
{
    int64_t days = ms / DAY_MS - (ms % DAY_MS < 0), left = ms - days * DAY_MS;
    struct parts p = {.date = civil_of(days)};
    p.hour = (int)(left / 3600000);
    p.minute = (int)(left / 60000 % 60);
    p.second = (int)(left / 1000 % 60);
    p.ms = (int)(left % 1000);
    p.yearday = (int)(days - civil_days(p.date.year, 1, 1)) + 1;
    must(p.hour >= 0 && p.hour < 24 && p.date.month >= 1 && p.date.weekday < 7);
    return p;
}

/* "2006-01-02 15:04:05.999 +0000 UTC": the fraction without zeros at its end. */
static void put_go(struct buf *out, int64_t ms)
{
    struct parts p = parts_of(ms);
    buf_printf(out, "%04lld-%02d-%02d %02d:%02d:%02d", (long long)p.date.year, p.date.month,
               p.date.day, p.hour, p.minute, p.second);
    if (p.ms != 0) {
        char fraction[8];
        int n = snprintf(fraction, sizeof(fraction), ".%03d", p.ms);
        while (fraction[n - 1] == '0')
            n--;
        buf_add(out, fraction, (size_t)n);
    }
    buf_puts(out, " +0000 UTC");
}

/* Go's time.Duration: "1h2m3.5s". */
static void put_duration(struct buf *out, int64_t ms)
{
    if (ms < 0)
        buf_putc(out, '-');
    uint64_t left = ms < 0 ? -(uint64_t)ms : (uint64_t)ms;
    if (left > 0 && left < 1000) {
        buf_printf(out, "%dms", (int)left);
        return;
    }
    if (left >= 3600000)
        buf_printf(out, "%lluh", (unsigned long long)(left / 3600000));
    if (left >= 60000)
        buf_printf(out, "%dm", (int)(left / 60000 % 60));
    buf_add_f64(out, (double)(left % 60000) / 1000);
    buf_putc(out, 's');
}

int rule__moment(const struct template_env *env, const struct tvalue *v, struct str *out,
                 struct err *err)
{
    char text[64] = "";
    struct buf b = BUF_FIXED(text);
    if (v->kind == TV_TIME)
        put_go(&b, v->num);
    else
        put_duration(&b, v->num);
    *out = str_of(arena_strdup(env->arena, text));
    return 0;
}

static int time_of(const struct tvalue *v, int64_t *ms, struct err *err)
{
    double seconds;
    if (rule__number(v, &seconds, err) != 0)
        return -1;
    if (!(seconds * 1e9 > -9.2e18 && seconds * 1e9 < 9.2e18))
        return err_set(err, ERR_INVALID, "cannot represent this as a time");
    *ms = (int64_t)floor(seconds * 1000);
    return 0;
}

int rule__humanize_timestamp(const struct template_env *env, const struct tvalue *args, int n,
                             struct tvalue *out, struct err *err)
{
    double v;
    int64_t ms;
    char text[64];
    struct buf b = BUF_FIXED(text);
    if (rule__number(&args[0], &v, err) != 0)
        return -1;
    if (!isfinite(v))
        template_float(&b, v, 'g', 4);
    else if (time_of(&args[0], &ms, err) == 0)
        put_go(&b, ms);
    else
        return -1;
    *out = tv_text(arena_strdup(env->arena, text));
    return 0;
}

int rule__to_time(const struct template_env *env, const struct tvalue *args, int n,
                  struct tvalue *out, struct err *err)
{
    int64_t ms;
    if (time_of(&args[0], &ms, err) != 0)
        return -1;
    *out = (struct tvalue){.kind = TV_TIME, .num = ms};
    return 0;
}

int rule__now(const struct template_env *env, const struct tvalue *args, int n, struct tvalue *out,
              struct err *err)
{
    *out = tv_float((double)rule__data(env)->at_ms / 1000);
    return 0;
}

/* ---- methods ---- */

/* A piece of a Go layout: a number of so many digits, or a word of so many bytes. */
struct piece {
    const char *name, *word;
    int digits; /* 0: a word; -2: filled with a space */
    int value;
};

static void put_piece(struct buf *out, const struct piece *p)
{
    if (p->name[0] == '.')
        buf_putc(out, '.');
    if (p->digits == 0)
        buf_puts(out, p->word);
    else if (p->digits < 0)
        buf_printf(out, "%*d", -p->digits, p->value);
    else
        buf_printf(out, "%0*d", p->digits, p->value);
}

/* Writes the piece that s begins with; how many bytes it took, 0: none. Longer ones stand before those they begin with. */
static size_t put_layout(struct buf *out, const char *s, const struct parts *p)
{
    char month[4], weekday[4];
    snprintf(month, sizeof(month), "%.3s", months[p->date.month - 1]);
    snprintf(weekday, sizeof(weekday), "%.3s", weekdays[p->date.weekday]);
    int hour12 = (p->hour + 11) % 12 + 1;
    const struct piece pieces[] = {
        {"January", months[p->date.month - 1], 0, 0},
        {"Jan", month, 0, 0},
        {"Monday", weekdays[p->date.weekday], 0, 0},
        {"Mon", weekday, 0, 0},
        {"MST", "UTC", 0, 0},
        {"2006", NULL, 4, (int)p->date.year},
        {"Z07:00", "Z", 0, 0},
        {"Z0700", "Z", 0, 0},
        {"-07:00", "+00:00", 0, 0},
        {"-0700", "+0000", 0, 0},
        {"-07", "+00", 0, 0},
        {"002", NULL, 3, p->yearday},
        {"01", NULL, 2, p->date.month},
        {"02", NULL, 2, p->date.day},
        {"03", NULL, 2, hour12},
        {"04", NULL, 2, p->minute},
        {"05", NULL, 2, p->second},
        {"06", NULL, 2, (int)(p->date.year % 100)},
        {".000", NULL, 3, p->ms},
        {"15", NULL, 2, p->hour},
        {"PM", p->hour >= 12 ? "PM" : "AM", 0, 0},
        {"pm", p->hour >= 12 ? "pm" : "am", 0, 0},
        {"_2", NULL, -2, p->date.day},
        {"1", NULL, 1, p->date.month},
        {"2", NULL, 1, p->date.day},
        {"3", NULL, 1, hour12},
        {"4", NULL, 1, p->minute},
        {"5", NULL, 1, p->second},
    };
    for (size_t i = 0; i < array_len(pieces); i++) {
        size_t n = strlen(pieces[i].name);
        if (strncmp(s, pieces[i].name, n) == 0) {
            put_piece(out, &pieces[i]);
            return n;
        }
    }
    return 0;
}

static int format_time(const struct template_env *env, struct str layout, int64_t ms,
                       struct tvalue *out, struct err *err)
{
    struct parts p = parts_of(ms);
    struct buf b = BUF_INIT(4096);
    const char *s = arena_strndup(env->arena, layout.p, layout.n);
    while (*s != '\0') {
        size_t n = put_layout(&b, s, &p);
        if (n == 0)
            buf_putc(&b, *s);
        s += n > 0 ? n : 1;
    }
    return template_give(env, &b, false, out, err);
}

int rule__time_method(const struct template_env *env, const struct tvalue *v, struct str name,
                      const struct tvalue *args, int n, struct tvalue *out, struct err *err)
{
    if (v->kind == TV_DURATION && str_eqz(name, "Seconds") && n == 0) {
        *out = tv_float((double)v->num / 1000);
        return 0;
    }
    if (v->kind != TV_TIME)
        return err_set(err, ERR_NOT_FOUND, "no such method");
    struct parts p = parts_of(v->num);
    if (str_eqz(name, "Format"))
        return n == 1 && args[0].kind == TV_TEXT
                   ? format_time(env, args[0].text, v->num, out, err)
                   : err_set(err, ERR_MALFORMED, "Format wants a layout, such as \"15:04\"");
    const struct {
        const char *name;
        struct tvalue value;
    } methods[] = {
        {"Unix", tv_int(v->num / 1000 - (v->num % 1000 < 0))},
        {"UnixMilli", tv_int(v->num)},
        {"Year", tv_int(p.date.year)},
        {"Month", tv_text(months[p.date.month - 1])},
        {"Day", tv_int(p.date.day)},
        {"Weekday", tv_text(weekdays[p.date.weekday])},
        {"YearDay", tv_int(p.yearday)},
        {"Hour", tv_int(p.hour)},
        {"Minute", tv_int(p.minute)},
        {"Second", tv_int(p.second)},
        {"UTC", *v},
        {"String", *v},
    };
    for (size_t i = 0; i < array_len(methods); i++)
        if (str_eqz(name, methods[i].name) && n == 0) {
            *out = methods[i].value;
            return 0;
        }
    return err_set(err, ERR_NOT_FOUND, "no such method");
}
