/* Series notation (notation.h): items between white space, each a value, a row of values, or nothing. */
#include "rule/notation.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct reader {
    struct str text;
    size_t at;
    int64_t t_ms, step_ms;
    uint64_t steps;
    struct samples *out;
    struct err *err;
};

static int fail(struct reader *r, size_t at, const char *want)
{
    must(at <= r->text.n);
    size_t n = r->text.n - at < 30 ? r->text.n - at : 30;
    err_set(r->err, ERR_MALFORMED, "cannot read values at \"%.*s\"; want %s", (int)n,
            r->text.p + at, want);
    if (r->err != NULL)
        r->err->at_offset = at;
    return -1;
}

static int put(struct reader *r, double v, bool present)
{
    must(r->step_ms >= 0);
    if (++r->steps > NOTATION_VALUES_MAX)
        return err_set(r->err, ERR_TOO_LARGE, "over %d values", NOTATION_VALUES_MAX);
    if (present)
        samples_add(r->out, r->t_ms, v);
    r->t_ms += r->step_ms;
    return 0;
}

/* A decimal number, inf or NaN from p on, with or without sign; its length, 0: none. An x ends it: "0x10" is a row. */
static size_t number_at(const char *p, const char *end, double *v)
{
    char text[64], *to;
    size_t n = 0;
    for (const char *c = p; c < end && *c != 'x' && n + 1 < sizeof(text); c++) {
        bool sign = *c == '+' || *c == '-';
        if (sign && c > p && c[-1] != 'e' && c[-1] != 'E')
            break;
        text[n++] = *c;
    }
    text[n] = '\0';
    *v = strtod(text, &to);
    return to == text + n ? n : 0;
}

/* xN: how often; 0 when there is none. */
static int read_times(struct reader *r, const char **p, const char *end, uint64_t *times)
{
    const char *from = ++*p;
    while (*p < end && isdigit((unsigned char)**p))
        (*p)++;
    struct str digits = {from, (size_t)(*p - from)};
    if (str_to_u64(digits, times, NULL) != 0 || *times > NOTATION_VALUES_MAX)
        return fail(r, (size_t)(from - r->text.p), "a small whole number after x");
    return 0;
}

/* A value, or a row: 5x3, 0+10x5, 10-2x4. */
static int read_row(struct reader *r, const char *p, const char *end)
{
    size_t at = (size_t)(p - r->text.p);
    double v, step = 0;
    uint64_t times = 0;
    size_t n = number_at(p, end, &v);
    if (n == 0)
        return fail(r, at, "a number, _, stale, or a row such as 0+10x5");
    p += n;
    bool sloped = p < end && (*p == '+' || *p == '-');
    if (sloped) {
        n = number_at(p, end, &step);
        if (n == 0 || p + n == end || p[n] != 'x')
            return fail(r, at, "a row such as 0+10x5");
        p += n;
    }
    if (p < end && *p == 'x' && read_times(r, &p, end, &times) != 0)
        return -1;
    if (p != end)
        return fail(r, at, "a number, _, stale, or a row such as 0+10x5");
    for (uint64_t i = 0; i <= times; i++, v += step)
        if (put(r, v, true) != 0)
            return -1;
    return 0;
}

static int read_blank(struct reader *r, const char *p, const char *end)
{
    uint64_t times = 1;
    const char *from = p++;
    if (p < end && *p == 'x' && read_times(r, &p, end, &times) != 0)
        return -1;
    if (p != end)
        return fail(r, (size_t)(from - r->text.p), "_ or _x5");
    for (uint64_t i = 0; i < times; i++)
        if (put(r, 0, false) != 0)
            return -1;
    return 0;
}

int notation_values(struct str text, int64_t from_ms, int64_t step_ms, struct samples *out,
                    struct err *err)
{
    struct reader r = {.text = text, .t_ms = from_ms, .step_ms = step_ms, .out = out, .err = err};
    const char *p = text.p, *end = text.p + text.n;
    for (;;) {
        while (p < end && isspace((unsigned char)*p))
            p++;
        if (p == end)
            return 0;
        const char *to = p;
        while (to < end && !isspace((unsigned char)*to))
            to++;
        int rc;
        if (*p == '_')
            rc = read_blank(&r, p, to);
        else if (str_eqz((struct str){p, (size_t)(to - p)}, "stale"))
            rc = put(&r, f64_from_bits(STALE_NAN_BITS), true);
        else if (*p == '{')
            rc = fail(&r, (size_t)(p - text.p), "floats: native histograms are not supported yet");
        else
            rc = read_row(&r, p, to);
        if (rc != 0)
            return -1;
        p = to;
    }
}
