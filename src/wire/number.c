/* Decimal numbers (wire/number.h). Up to 19 digits are gathered in an integer; when that is below 2^53 and the power of
 * ten is one that a double holds exactly, one multiplication or division rounds correctly (Clinger, 1990). With 18 or 19
 * digits and a small power the extended precision of 128-bit integers would do; such are rare enough for strtod. */
#include "wire/number.h"

#include <math.h>
#include <stdlib.h>

#include "base/must.h"
#include "model/series.h"

#define TEXT_MAX 1024 /* longer numbers are refused: nobody writes them, and strtod wants a copy */

struct decimal {
    uint64_t digits; /* the first 19 significant ones */
    int exp10;
    size_t n;     /* bytes read */
    bool dropped; /* digits beyond the 19 were not zero */
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* A digit that no longer fits: it only moves the point. */
static bool take_digit(struct decimal *d, char c)
{
    if (d->digits >= UINT64_C(1000000000000000000)) {
        d->dropped |= c != '0';
        return false;
    }
    d->digits = d->digits * 10 + (uint64_t)(c - '0');
    return true;
}

static const char *read_exponent(const char *p, const char *end, int *exp10)
{
    const char *q = p + 1;
    bool minus = q < end && *q == '-';
    if (q < end && (*q == '-' || *q == '+'))
        q++;
    if (q == end || !is_digit(*q))
        return NULL;
    int e = 0;
    for (; q < end && is_digit(*q); q++)
        e = e < 100000 ? e * 10 + (*q - '0') : e;
    *exp10 += minus ? -e : e;
    return q;
}

/* Digits without a sign. false: none. */
static bool read_decimal(const char *p, const char *end, struct decimal *d)
{
    const char *start = p;
    *d = (struct decimal){0};
    while (p < end && is_digit(*p))
        d->exp10 += !take_digit(d, *p++);
    size_t seen = (size_t)(p - start);
    if (p < end && *p == '.') {
        const char *fraction = ++p;
        while (p < end && is_digit(*p))
            d->exp10 -= take_digit(d, *p++);
        seen += (size_t)(p - fraction);
    }
    if (seen == 0)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        p = read_exponent(p, end, &d->exp10);
        if (!p)
            return false;
    }
    d->n = (size_t)(p - start);
    return true;
}

static bool by_strtod(const char *p, size_t n, double *out)
{
    char text[TEXT_MAX + 1];
    if (n > TEXT_MAX)
        return false;
    memcpy(text, p, n);
    text[n] = '\0';
    *out = strtod(text, NULL);
    return isfinite(*out); /* Go calls what overflows an error, too */
}

static bool to_f64(const struct decimal *d, const char *p, double *out)
{
    static const double ten[] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                 1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                 1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
    if (d->dropped || d->digits > UINT64_C(1) << 53 || d->exp10 < -22 || d->exp10 > 22)
        return by_strtod(p, d->n, out);
    double v = (double)d->digits;
    *out = d->exp10 < 0 ? v / ten[-d->exp10] : v * ten[d->exp10];
    return true;
}

static bool is_word(const char *p, const char *end, const char *lower)
{
    for (; *lower; p++, lower++) {
        if (p == end || (*p | 0x20) != *lower)
            return false;
    }
    return true;
}

static size_t read_word(const char *p, const char *end, double *out)
{
    if (is_word(p, end, "nan")) {
        *out = f64_from_bits(NORMAL_NAN_BITS);
        return 3;
    }
    *out = INFINITY;
    if (is_word(p, end, "infinity"))
        return 8;
    return is_word(p, end, "inf") ? 3 : 0;
}

size_t number_f64(struct str s, double *out)
{
    if (s.n == 0)
        return 0;
    const char *p = s.p, *end = s.p + s.n;
    bool minus = *p == '-', sign = minus || *p == '+';
    p += sign;
    struct decimal d;
    double v;
    size_t n;
    if (read_decimal(p, end, &d)) {
        if (!to_f64(&d, p, &v))
            return 0;
        n = d.n;
    } else {
        n = read_word(p, end, &v);
        if (n == 0 || (isnan(v) && sign))
            return 0;
    }
    *out = minus ? -v : v;
    must(n + sign <= s.n);
    return n + sign;
}

size_t number_i64(struct str s, int64_t *out)
{
    size_t i = s.n > 0 && (*s.p == '-' || *s.p == '+'), first = i;
    int64_t v = 0;
    for (; i < s.n && is_digit(s.p[i]); i++) {
        int digit = s.p[i] - '0'; /* negative all along, so that the smallest fits */
        if (__builtin_mul_overflow(v, 10, &v) || __builtin_sub_overflow(v, digit, &v))
            return 0;
    }
    bool minus = s.n > 0 && *s.p == '-';
    if (i == first || (!minus && v == INT64_MIN))
        return 0;
    *out = minus ? v : -v;
    return i;
}

/* digits × 10^exp10 seconds in ms, cut; the largest there is for what is beyond. */
static int64_t to_ms(const struct decimal *d)
{
    uint64_t v = d->digits;
    int e = d->exp10 + 3;
    for (; e < 0 && v > 0; e++)
        v /= 10;
    for (; e > 0 && v > 0; e--) {
        if (__builtin_mul_overflow(v, 10, &v))
            return INT64_MAX;
    }
    return v <= INT64_MAX ? (int64_t)v : INT64_MAX;
}

size_t number_seconds(struct str s, int64_t *ms)
{
    if (s.n == 0)
        return 0;
    size_t sign = *s.p == '-' || *s.p == '+';
    struct decimal d;
    if (!read_decimal(s.p + sign, s.p + s.n, &d))
        return 0;
    must(sign + d.n <= s.n);
    *ms = *s.p == '-' ? -to_ms(&d) : to_ms(&d);
    return sign + d.n;
}
