/* Slices, numbers and "did you mean" on borrowed bytes (str.h). No state; UTF-8 is in utf8.c,
 * encodings in encode.c. */
#include "base/str.h"

#include <math.h>
#include <stdlib.h>

struct str str_of(const char *s)
{
    return s ? (struct str){s, strlen(s)} : (struct str){"", 0};
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

bool str_eqz(struct str a, const char *z)
{
    return str_eq(a, str_of(z));
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && str_eq((struct str){s.p, prefix.n}, prefix);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n &&
           (suffix.n == 0 || memcmp(s.p + s.n - suffix.n, suffix.p, suffix.n) == 0);
}

static bool is_space(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

struct str str_trim(struct str s)
{
    for (; s.n > 0 && is_space(s.p[0]); s.n--)
        s.p++;
    while (s.n > 0 && is_space(s.p[s.n - 1]))
        s.n--;
    return s;
}

bool str_cut(struct str s, char sep, struct str *before, struct str *after)
{
    const char *at = s.n > 0 ? memchr(s.p, sep, s.n) : NULL;
    if (!at)
        return false;
    size_t n = (size_t)(at - s.p);
    *before = (struct str){s.p, n};
    *after = (struct str){at + 1, s.n - n - 1};
    return true;
}

bool str_next(struct str *rest, char sep, struct str *part)
{
    if (!rest->p)
        return false;
    if (str_cut(*rest, sep, part, rest))
        return true;
    *part = *rest;
    *rest = (struct str){NULL, 0}; /* the last part was given */
    return true;
}

bool str_lists(struct str list, char sep, const char *word)
{
    struct str part;
    while (str_next(&list, sep, &part))
        if (str_eqz(part, word))
            return true;
    return false;
}

bool str_contains(struct str s, struct str needle)
{
    return needle.n == 0 || (s.n > 0 && memmem(s.p, s.n, needle.p, needle.n) != NULL);
}

bool streq(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

static int not_a_number(struct str s, const char *want, struct err *err)
{
    int shown = (int)utf8_cut(s.p, s.n, 40);
    return err_set(err, ERR_MALFORMED, "not %s: \"%.*s\"", want, shown, s.n > 0 ? s.p : "");
}

int str_to_u64(struct str s, uint64_t *out, struct err *err)
{
    uint64_t v = 0;
    for (size_t i = 0; i < s.n; i++) {
        unsigned digit = (unsigned)(unsigned char)s.p[i] - '0';
        if (digit > 9 || __builtin_mul_overflow(v, 10, &v) || __builtin_add_overflow(v, digit, &v))
            return not_a_number(s, "a whole number that fits in 64 bits", err);
    }
    if (s.n == 0)
        return not_a_number(s, "a whole number", err);
    *out = v;
    return 0;
}

int str_to_i64(struct str s, int64_t *out, struct err *err)
{
    bool negative = s.n > 0 && s.p[0] == '-';
    bool sign = negative || (s.n > 0 && s.p[0] == '+');
    struct str digits = sign ? (struct str){s.p + 1, s.n - 1} : s;
    uint64_t v;
    if (str_to_u64(digits, &v, NULL) < 0 || v > (uint64_t)INT64_MAX + negative)
        return not_a_number(s, "a whole number that fits in 64 bits", err);
    *out = negative ? (int64_t)(0 - v) : (int64_t)v;
    return 0;
}

static size_t skip_digits(struct str s, size_t i)
{
    while (i < s.n && s.p[i] >= '0' && s.p[i] <= '9')
        i++;
    return i;
}

/* [+-] digits [. digits] [e [+-] digits], with at least one digit before the exponent. */
static bool is_decimal(struct str s)
{
    size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    size_t whole = skip_digits(s, i) - i;
    i += whole;
    size_t fraction = 0;
    if (i < s.n && s.p[i] == '.') {
        fraction = skip_digits(s, i + 1) - (i + 1);
        i += 1 + fraction;
    }
    if (whole + fraction == 0)
        return false;
    if (i < s.n && (s.p[i] == 'e' || s.p[i] == 'E')) {
        i++;
        i += i < s.n && (s.p[i] == '-' || s.p[i] == '+');
        size_t end = skip_digits(s, i);
        if (end == i)
            return false;
        i = end;
    }
    return i == s.n;
}

int str_to_f64(struct str s, double *out, struct err *err)
{
    char text[128]; /* strtod wants a NUL, and 17 digits are all that count */
    if (s.n >= sizeof(text) || !is_decimal(s))
        return not_a_number(s, "a number", err);
    memcpy(text, s.p, s.n);
    text[s.n] = '\0';
    double v = strtod(text, NULL);
    if (!isfinite(v))
        return not_a_number(s, "a number that a double can hold", err);
    *out = v;
    return 0;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
}

#define NEAREST_MAX 64

/* Levenshtein distance without regard to case; both at most NEAREST_MAX long. */
static size_t distance(const char *a, size_t an, const char *b, size_t bn)
{
    must(an <= NEAREST_MAX && bn <= NEAREST_MAX);
    size_t row[NEAREST_MAX + 1];
    for (size_t j = 0; j <= bn; j++)
        row[j] = j;
    for (size_t i = 1; i <= an; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= bn; j++) {
            size_t change = diagonal + (lower(a[i - 1]) != lower(b[j - 1]));
            size_t insert = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            diagonal = row[j];
            row[j] = change < insert ? change : insert;
        }
    }
    return row[bn];
}

const char *str_nearest(const char *got, const char *const *names, size_t n)
{
    size_t len = strlen(got);
    if (len > NEAREST_MAX)
        return NULL;
    const char *best = NULL;
    size_t best_distance = len / 2 + 1;
    for (size_t i = 0; i < n; i++) {
        size_t name_len = strlen(names[i]);
        if (name_len > NEAREST_MAX)
            continue;
        size_t d = distance(got, len, names[i], name_len);
        if (d < best_distance) {
            best_distance = d;
            best = names[i];
        }
    }
    return best;
}
