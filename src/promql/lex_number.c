/* Numbers and durations as PromQL writes them: 1, 1.5e3, 0x1F, 010 (octal), 1_000, Inf, NaN, 1h30m. Any thread. */
#include "promql/parse_priv.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <strings.h>

#define DURATION_MAX_MS (INT64_MAX / 1000000) /* Go's durations are nanoseconds in 64 bits */

static char here(const struct lexer *l)
{
    return l->at < l->text.n ? l->text.p[l->at] : '\0';
}

static bool accept(struct lexer *l, const char *set)
{
    char c = here(l);
    if (c == '\0' || !strchr(set, c))
        return false;
    l->at++;
    return true;
}

static void accept_run(struct lexer *l, const char *set)
{
    while (accept(l, set))
        ;
}

static bool word_goes_on(const struct lexer *l)
{
    char c = here(l);
    return c == '_' || (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool scan_hex(struct lexer *l)
{
    bool digits = false, underscore = false;
    for (;;) {
        if (accept(l, "0123456789abcdefABCDEF")) {
            digits = true;
            underscore = false;
        } else if (!underscore && accept(l, "_")) {
            underscore = true;
        } else {
            return digits && !underscore && here(l) != '.' && !word_goes_on(l);
        }
    }
}

/* Digits with a dot, an exponent and underscores: each underscore and exponent wants a digit behind it. */
static bool scan_decimal(struct lexer *l)
{
    bool dot = accept(l, "."), exponent = false;
    accept_run(l, "0123456789");
    for (;;) {
        if (accept(l, ".")) {
            if (dot || accept(l, "_."))
                return false;
            dot = true;
        } else if (accept(l, "eE")) {
            if (exponent)
                return false;
            exponent = true;
            accept(l, "+-");
            if (accept(l, "._eE") || here(l) == '\0')
                return false;
        } else if (accept(l, "_")) {
            if (accept(l, "._eE") || here(l) == '\0')
                return false;
        } else if (!accept(l, "0123456789")) {
            return !word_goes_on(l);
        }
    }
}

static bool scan_duration(struct lexer *l)
{
    if (!accept(l, "smhdwy"))
        return false;
    accept(l, "s"); /* of ms; a wrong one is told when it is read */
    while (accept(l, "0123456789")) {
        accept_run(l, "0123456789");
        if (!accept(l, "smhdw"))
            return false;
        accept(l, "s");
    }
    if (!word_goes_on(l))
        return true;
    l->at++;
    return false;
}

bool lex_number(struct lexer *l, bool *is_duration)
{
    must(l->at < l->text.n);
    uint32_t start = l->at;
    *is_duration = false;
    if (here(l) == '0' && l->at + 1 < l->text.n && (l->text.p[l->at + 1] | 32) == 'x') {
        l->at += 2;
        return scan_hex(l);
    }
    if (scan_decimal(l))
        return true;
    uint32_t number_end = l->at;
    l->at = start;
    accept_run(l, "0123456789");
    *is_duration = scan_duration(l);
    if (!*is_duration && l->at < number_end)
        l->at = number_end;
    return *is_duration;
}

bool lex_number_value(struct str text, double *out)
{
    char plain[512];
    size_t n = 0;
    if (text.n == 3 && strncasecmp(text.p, "inf", 3) == 0) {
        *out = INFINITY;
        return true;
    }
    if (text.n == 3 && strncasecmp(text.p, "nan", 3) == 0) {
        *out = NAN;
        return true;
    }
    bool octal = text.n > 1 && text.p[0] == '0';
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] == '_')
            continue;
        if (n == sizeof(plain) - 1)
            return false;
        plain[n++] = text.p[i];
        octal = octal && text.p[i] >= '0' && text.p[i] <= '7';
    }
    must(n < sizeof(plain));
    plain[n] = '\0';
    char *end;
    errno = 0;
    if (octal || (n > 1 && (plain[1] | 32) == 'x')) {
        long long whole = strtoll(plain, &end, 0);
        *out = (double)whole;
        if (errno == 0 && *end == '\0')
            return true;
    }
    *out = strtod(plain, &end);
    return *end == '\0' && n > 0 && !isinf(*out);
}

static const struct unit {
    const char *name;
    int64_t ms;
} units[] = {
    {"y", INT64_C(365) * 86400000},
    {"w", INT64_C(7) * 86400000},
    {"d", 86400000},
    {"h", 3600000},
    {"m", 60000},
    {"s", 1000},
    {"ms", 1},
};

/* The place of the unit that text begins with in the table above; its length in *n. */
static size_t find_unit(struct str text, size_t *n)
{
    for (*n = 0; *n < text.n && !(text.p[*n] >= '0' && text.p[*n] <= '9');)
        ++*n;
    for (size_t i = 0; i < array_len(units); i++) {
        if (strlen(units[i].name) == *n && memcmp(units[i].name, text.p, *n) == 0)
            return i;
    }
    return array_len(units);
}

bool lex_duration_value(struct str text, double *seconds, const char **problem, struct str *unit)
{
    int64_t total = 0;
    size_t first_unit = 0;
    *unit = STR("");
    *problem = "not a valid duration string";
    for (size_t i = 0, unit_len; i < text.n; i += unit_len) {
        int64_t count = 0;
        size_t digits = i;
        for (; i < text.n && text.p[i] >= '0' && text.p[i] <= '9'; i++) {
            if (count <= DURATION_MAX_MS)
                count = count * 10 + (text.p[i] - '0');
        }
        if (i == digits || i == text.n)
            return false;
        size_t u = find_unit((struct str){text.p + i, text.n - i}, &unit_len);
        if (u == array_len(units))
            *unit = (struct str){text.p + i, unit_len};
        if (u == array_len(units) || u < first_unit)
            return false;
        first_unit = u + 1;
        if (count > (DURATION_MAX_MS - total) / units[u].ms) {
            *problem = "duration out of range";
            return false;
        }
        total += count * units[u].ms;
    }
    must(total >= 0 && total <= DURATION_MAX_MS);
    *seconds = (double)total / 1000;
    return true;
}
