/* Durations (clock.h), as in Prometheus: numbers with units y w d h m s ms, each at most once, from
 * the largest to the smallest; y is 365 days. Or a bare number of seconds. No state. */
#include <stdio.h>

#include "base/clock.h"

#define MAX_MS (INT64_C(100) * 365 * 86400 * 1000)

static const struct unit {
    const char *name;
    int64_t ms;
    bool only_exact; /* written only when nothing smaller is needed, as Prometheus does: "25h" */
} units[] = {
    {"y", INT64_C(365) * 86400 * 1000, true},
    {"w", INT64_C(7) * 86400 * 1000, true},
    {"d", INT64_C(86400) * 1000, true},
    {"h", INT64_C(3600) * 1000, false},
    {"m", INT64_C(60) * 1000, false},
    {"s", 1000, false},
    {"ms", 1, false},
};

static struct str run(struct str s, bool digits)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] >= '0' && s.p[n] <= '9') == digits)
        n++;
    return (struct str){s.p, n};
}

static struct str skip(struct str s, size_t n)
{
    must(n <= s.n);
    return n > 0 ? (struct str){s.p + n, s.n - n} : s;
}

static int malformed(struct str s, struct err *err)
{
    int shown = (int)utf8_cut(s.p, s.n, 40);
    return err_set(err, ERR_MALFORMED,
                   "cannot read the duration: got \"%.*s\"; want one such as \"30s\", \"500ms\", "
                   "\"1h30m\", \"1d\" or a number of seconds",
                   shown, s.n > 0 ? s.p : "");
}

static int too_long(struct err *err)
{
    return err_set(err, ERR_INVALID, "the duration is longer than 100 years");
}

/* *total += count × unit, kept within MAX_MS. */
static int add(int64_t *total, struct str count, int64_t unit, struct err *err)
{
    uint64_t n;
    if (str_to_u64(count, &n, NULL) < 0 || n > (uint64_t)(MAX_MS / unit))
        return too_long(err);
    *total += (int64_t)n * unit;
    return *total > MAX_MS ? too_long(err) : 0;
}

/* "5", "0.5", ".5": seconds. */
static int parse_bare(struct str whole, struct str s, int64_t *ms, struct err *err)
{
    if (s.n > 0 && s.p[0] != '.')
        return malformed((struct str){whole.p, whole.n + s.n}, err);
    struct str fraction = s.n > 0 ? skip(s, 1) : s;
    if (run(fraction, true).n != fraction.n || whole.n + fraction.n == 0)
        return malformed((struct str){whole.p, whole.n + s.n}, err);
    int64_t total = 0;
    if (whole.n > 0 && add(&total, whole, 1000, err) < 0)
        return -1;
    int64_t weight = 100;
    for (size_t i = 0; i < fraction.n; i++, weight /= 10) {
        if (weight == 0 && fraction.p[i] != '0')
            return err_set(err, ERR_INVALID, "the duration is finer than a millisecond");
        total += (fraction.p[i] - '0') * weight;
    }
    if (total > MAX_MS)
        return too_long(err);
    *ms = total;
    return 0;
}

int duration_parse(struct str s, int64_t *ms, struct err *err)
{
    struct str number = run(s, true);
    if (number.n == s.n || s.p[number.n] == '.')
        return parse_bare(number, skip(s, number.n), ms, err);
    int64_t total = 0;
    size_t next = 0; /* the largest unit that may still come */
    for (struct str rest = s; rest.n > 0;) {
        number = run(rest, true);
        struct str unit = run(skip(rest, number.n), false);
        while (next < array_len(units) && !str_eqz(unit, units[next].name))
            next++;
        if (number.n == 0 || next == array_len(units))
            return malformed(s, err);
        if (add(&total, number, units[next++].ms, err) < 0)
            return -1;
        rest = skip(rest, number.n + unit.n);
    }
    *ms = total;
    return 0;
}

char *duration_format(int64_t ms, char *buf)
{
    must(ms >= 0);
    size_t len = (size_t)snprintf(buf, DURATION_SIZE, "%s", ms == 0 ? "0s" : "");
    for (size_t i = 0; i < array_len(units); i++) {
        const struct unit *u = &units[i];
        if (ms < u->ms || (u->only_exact && ms % u->ms != 0))
            continue;
        len += (size_t)snprintf(buf + len, DURATION_SIZE - len, "%lld%s", (long long)(ms / u->ms),
                                u->name);
        must(len < DURATION_SIZE);
        ms %= u->ms;
    }
    must(ms == 0);
    return buf;
}
