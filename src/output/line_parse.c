/* The two texts that come from outside: a line of a file (anybody may have edited it) and a reader's cursor. Pure; any
 * thread. Fuzzed by test/fuzz/fuzz_output_line.c. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "output/output_priv.h"

/* --- 2026-11-21T12:00:00.123456789Z stdout F text --- */

/* n decimal digits; -1: something else is among them. */
static int64_t number(const char *p, size_t n)
{
    int64_t v = 0;
    for (size_t i = 0; i < n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
        v = v * 10 + (p[i] - '0');
    }
    return v;
}

/* Days from 1970-01-01, by years that begin in March, so that the leap day comes last. */
static int64_t days_of(int64_t y, int64_t m, int64_t d)
{
    int64_t year = m > 2 ? y : y - 1, month = m > 2 ? m - 3 : m + 9;
    int64_t leap_days = year / 4 - year / 100 + year / 400;
    return year * 365 + leap_days + (153 * month + 2) / 5 + d - 1 - 719468;
}

static bool seconds_of(const char *p, int64_t *s)
{
    if (p[4] != '-' || p[7] != '-' || p[10] != 'T' || p[13] != ':' || p[16] != ':')
        return false;
    int64_t y = number(p, 4), mon = number(p + 5, 2), d = number(p + 8, 2);
    int64_t h = number(p + 11, 2), min = number(p + 14, 2), sec = number(p + 17, 2);
    if (y < 1970 || y > 2261 || mon < 1 || mon > 12 || d < 1 || d > 31)
        return false; /* 2262: nanoseconds do not fit any more */
    if (h < 0 || h > 23 || min < 0 || min > 59 || sec < 0 || sec > 60)
        return false;
    *s = days_of(y, mon, d) * 86400 + h * 3600 + min * 60 + sec;
    return true;
}

bool output__line_parse(const char *p, size_t n, struct output_line *out)
{
    int64_t s, ns;
    *out = (struct output_line){.stream = 1, .whole = true, .text = p, .n = n};
    if (n < PREFIX_SIZE || p[19] != '.' || p[29] != 'Z' || p[30] != ' ' ||
        p[PREFIX_FLAG - 1] != ' ' || p[PREFIX_FLAG + 1] != ' ')
        return false;
    bool out_stream = memcmp(p + 31, "stdout", 6) == 0;
    if (!out_stream && memcmp(p + 31, "stderr", 6) != 0)
        return false;
    char flag = p[PREFIX_FLAG];
    if ((flag != 'F' && flag != 'P') || (ns = number(p + 20, 9)) < 0 || !seconds_of(p, &s))
        return false;
    *out = (struct output_line){.at_ns = s * NS_PER_S + ns,
                                .stream = out_stream ? 1 : 2,
                                .whole = flag == 'F',
                                .text = p + PREFIX_SIZE,
                                .n = n - PREFIX_SIZE};
    return true;
}

/* --- o1-0123456789abcdef-1234 --- */

void output__cursor_format(char text[CURSOR_SIZE], const struct cursor *c)
{
    int n = snprintf(text, CURSOR_SIZE, "o1-%016llx-%llu", (unsigned long long)c->file,
                     (unsigned long long)c->offset);
    must(n > 0 && n < CURSOR_SIZE);
}

static bool hex64(const char *p, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 16; i++) {
        bool digit = p[i] >= '0' && p[i] <= '9';
        if (!digit && !(p[i] >= 'a' && p[i] <= 'f'))
            return false;
        v = v << 4 | (uint64_t)(digit ? p[i] - '0' : p[i] - 'a' + 10);
    }
    *out = v;
    return true;
}

bool output__cursor_parse(struct str text, struct cursor *c)
{
    struct cursor got;
    if (text.n < 21 || text.n >= CURSOR_SIZE || memcmp(text.p, "o1-", 3) != 0 ||
        text.p[19] != '-' || !hex64(text.p + 3, &got.file))
        return false;
    if (str_to_u64((struct str){text.p + 20, text.n - 20}, &got.offset, NULL) < 0 ||
        got.offset > INT64_MAX)
        return false;
    *c = got;
    return true;
}
