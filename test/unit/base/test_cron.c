/* Cron expressions: what is refused, due times in zones with every kind of summer time, and a walk over all minutes that
 * finds the same. */
#include "unit.h"

#include "base/civil.h"
#include "base/clock.h"
#include "base/cron.h"
#include "base/rng.h"
#include "base/zone.h"

static int64_t ms(const char *rfc3339)
{
    int64_t at = 0;
    struct err err = {0};
    if (time_parse((struct str){rfc3339, strlen(rfc3339)}, &at, &err) != 0)
        fail_msg("%s: %s", rfc3339, err.msg);
    return at;
}

static void test_due(void **state)
{
    (void)state;
    static const struct {
        const char *expr, *zone, *after, *due; /* due "" none */
    } cases[] = {
        {"* * * * *", "UTC", "2026-11-21T12:00:00Z", "2026-11-21T12:01:00Z"},
        {"* * * * *", "UTC", "2026-11-21T12:00:59.999Z", "2026-11-21T12:01:00Z"},
        {"*/15 * * * *", "UTC", "2026-11-21T12:46:00Z", "2026-11-21T13:00:00Z"},
        {"5/20 * * * *", "UTC", "2026-11-21T12:06:00Z", "2026-11-21T12:25:00Z"},
        {"0 9-17/4 * * *", "UTC", "2026-11-21T13:00:00Z", "2026-11-21T17:00:00Z"},
        {"0 9-17/4 * * *", "UTC", "2026-11-21T17:00:00Z", "2026-11-22T09:00:00Z"},
        {"30 2 * * mon-fri", "UTC", "2026-11-20T02:30:00Z", "2026-11-23T02:30:00Z"},
        {"0 0 * * 7", "UTC", "2026-11-21T12:00:00Z", "2026-11-22T00:00:00Z"},
        {"0 0 * * 7/3", "UTC", "2026-11-22T00:00:00Z", "2026-11-25T00:00:00Z"}, /* 0, 3, 6 */
        {"0 0 * * 7-7/3", "UTC", "2026-11-22T00:00:00Z", "2026-11-29T00:00:00Z"},
        {"0 0 * * Sat-Sun", "UTC", "2026-11-22T00:00:00Z", "2026-11-28T00:00:00Z"},
        {"0 0 13 * 5", "UTC", "2026-11-13T00:00:00Z", "2026-11-20T00:00:00Z"},  /* either */
        {"0 0 */2 * 1", "UTC", "2026-11-21T00:00:00Z", "2026-11-23T00:00:00Z"}, /* both */
        {"0 0 31 * *", "UTC", "2026-11-01T00:00:00Z", "2026-12-31T00:00:00Z"},
        {"0 0 29 feb *", "UTC", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"},
        {"0 0 29 2 *", "UTC", "2096-03-01T00:00:00Z", "2104-02-29T00:00:00Z"},
        {"0 0 30 2 *", "UTC", "2026-01-01T00:00:00Z", ""},
        {"0 0 1 jan *", "UTC", "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z"},
        {"59 59 23 31 12 *", "UTC", "2026-11-21T12:00:00Z", "2026-12-31T23:59:59Z"},
        {"*/20 * * * * *", "UTC", "2026-11-21T12:00:40Z", "2026-11-21T12:01:00Z"},
        {"15,45 30 12 * * *", "UTC", "2026-11-21T12:30:15Z", "2026-11-21T12:30:45Z"},
        {"@hourly", "UTC", "2026-11-21T12:00:00Z", "2026-11-21T13:00:00Z"},
        {"@Daily", "UTC", "2026-11-21T12:00:00Z", "2026-11-22T00:00:00Z"},
        {"@weekly", "UTC", "2026-11-21T12:00:00Z", "2026-11-22T00:00:00Z"},
        {"@monthly", "UTC", "2026-11-21T12:00:00Z", "2026-12-01T00:00:00Z"},
        {"@yearly", "UTC", "2026-11-21T12:00:00Z", "2027-01-01T00:00:00Z"},
        {"* * * * *", "UTC", "1969-12-31T23:58:30Z", "1969-12-31T23:59:00Z"},
        {"0 9 * * *", "Asia/Shanghai", "2026-11-21T00:59:59Z", "2026-11-21T01:00:00Z"},
        {"0 0 * * 1", "Asia/Shanghai", "2026-11-21T12:00:00Z", "2026-11-22T16:00:00Z"},
        /* Berlin, 29 March 2026: 02:00 to 03:00 is not there; 25 October: it is there twice */
        {"30 2 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
        {"*/10 2 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T00:00:00Z"},
        {"0 3 * * *", "Europe/Berlin", "2026-03-28T12:00:00Z", "2026-03-29T01:00:00Z"},
        {"0 3 * * *", "Europe/Berlin", "2026-03-29T01:00:00Z", "2026-03-30T01:00:00Z"},
        {"30 * * * *", "Europe/Berlin", "2026-03-29T00:30:00Z", "2026-03-29T01:30:00Z"},
        {"30 2 * * *", "Europe/Berlin", "2026-10-24T12:00:00Z", "2026-10-25T00:30:00Z"},
        {"30 2 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-26T01:30:00Z"},
        {"*/30 2-3 * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T02:00:00Z"},
        {"30 * * * *", "Europe/Berlin", "2026-10-25T00:30:00Z", "2026-10-25T01:30:00Z"},
        /* New York, 8 March and 1 November 2026 */
        {"15 2 * * *", "America/New_York", "2026-03-08T00:00:00Z", "2026-03-08T07:00:00Z"},
        {"15 1 * * *", "America/New_York", "2026-11-01T00:00:00Z", "2026-11-01T05:15:00Z"},
        {"15 1 * * *", "America/New_York", "2026-11-01T05:15:00Z", "2026-11-02T06:15:00Z"},
        /* Lord Howe: half an hour. 5 April 2026 02:00 → 01:30; 4 October 02:00 → 02:30 */
        {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T00:00:00Z", "2026-04-04T14:45:00Z"},
        {"45 1 * * *", "Australia/Lord_Howe", "2026-04-04T14:45:00Z", "2026-04-05T15:15:00Z"},
        {"15 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:30:00Z"},
        {"45 2 * * *", "Australia/Lord_Howe", "2026-10-03T00:00:00Z", "2026-10-03T15:45:00Z"},
        /* after the file's last change its rule goes on */
        {"30 2 * * *", "Europe/Berlin", "2060-03-27T12:00:00Z", "2060-03-28T01:00:00Z"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err err = {0};
        struct cron *c = cron_parse(cases[i].expr, cases[i].zone, &err);
        if (c == NULL && err.code == ERR_NOT_FOUND)
            continue; /* no zone files on this machine */
        if (c == NULL)
            fail_msg("%s: %s", cases[i].expr, err.msg);
        int64_t got = cron_next(c, ms(cases[i].after));
        int64_t want = cases[i].due[0] != '\0' ? ms(cases[i].due) : 0;
        char text[RFC3339_SIZE];
        if (got != want)
            fail_msg("%s in %s after %s: got %s; want %s", cases[i].expr, cases[i].zone,
                     cases[i].after, time_format(got, text), cases[i].due);
        cron_free(&c);
        assert_null(c);
    }
}

static void test_wrong(void **state)
{
    (void)state;
    static const struct {
        const char *expr, *want;
        size_t offset;
    } cases[] = {
        {"", "got 0 fields", 0},
        {"* * * *", "got 4 fields", 0},
        {"* * * * * * *", "got 7 fields", 0},
        {"@often", "got 1 fields", 0},
        {"60 * * * *", "minute: got \"60\"; want 0 to 59", 0},
        {"* 24 * * *", "hour: got \"24\"; want 0 to 23", 2},
        {"* * 0 * *", "day of the month: got \"0\"", 4},
        {"* * * 13 *", "month: got \"13\"; want 1 to 12, or a name", 6},
        {"* * * * 8", "weekday: got \"8\"", 8},
        {"* * * * monday", "weekday: got \"monday\"", 8},
        {"60 * * * * *", "second: got \"60\"", 0},
        {"5-1 * * * *", "minute: got \"5-1\"; want a range", 0},
        {"1,,2 * * * *", "minute: got \"\"", 2},
        {"*/0 * * * *", "got \"0\"; want a step", 2},
        {"*/ * * * *", "got \"\"; want a step", 2},
        {"-1 * * * *", "minute: got \"\"", 0},
        {"+1 * * * *", "minute: got \"+1\"", 0},
        {"1- * * * *", "minute: got \"\"", 2},
        {"* * L * *", "day of the month: got \"L\"", 4},
        {"99999999999999999999 * * * *", "minute: got", 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err err = {0};
        assert_null(cron_parse(cases[i].expr, "UTC", &err));
        assert_int_equal(err.code, ERR_MALFORMED);
        if (strstr(err.msg, cases[i].want) == NULL || err.at_offset != cases[i].offset)
            fail_msg("%s: got %s at %zu", cases[i].expr, err.msg, err.at_offset);
    }
    struct err err = {0};
    assert_null(cron_parse("* * * * *", "Mars/Olympus", &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
}

/* --- against a walk over all minutes ---------------------------------------------------------------
 * The walk knows only what the header promises: a time of day runs when the wall's clock shows it for the first time, or at
 * the first moment after the gap that swallowed it. */

struct plan { /* minute and hour alone */
    bool minute[60], hour[24];
    bool every_hour;
    char expr[400];
};

static void random_set(struct rng *rng, bool *set, int n, struct buf *out)
{
    int many = 1 + (int)rng_below(rng, 4);
    for (int i = 0; i < many; i++) {
        int v = (int)rng_below(rng, (uint64_t)n);
        set[v] = true;
        buf_printf(out, "%s%d", i > 0 ? "," : "", v);
    }
}

static void random_plan(struct rng *rng, struct plan *p)
{
    *p = (struct plan){0};
    struct buf out = BUF_FIXED(p->expr);
    random_set(rng, p->minute, 60, &out);
    buf_putc(&out, ' ');
    p->every_hour = rng_below(rng, 3) == 0;
    if (p->every_hour)
        buf_putc(&out, '*');
    else
        random_set(rng, p->hour, rng_below(rng, 2) ? 4 : 24, &out);
    buf_puts(&out, " * * *");
    assert_false(out.failed);
}

static bool matches(const struct plan *p, int64_t local_minute)
{
    int64_t of_day = local_minute % 1440;
    return p->minute[of_day % 60] && (p->every_hour || p->hour[of_day / 60]);
}

static bool any_matches(const struct plan *p, int64_t from, int64_t to)
{
    for (; from < to; from++)
        if (matches(p, from))
            return true;
    return false;
}

/* Whether it is due at this minute, when local minutes before `covered` were shown already. */
static bool is_due(const struct plan *p, int64_t local, int64_t covered)
{
    if (p->every_hour)
        return matches(p, local);
    if (local < covered)
        return false;
    return any_matches(p, covered, local) || matches(p, local);
}

static void check_walk(const struct plan *p, const char *name, const struct zone *z, int64_t from)
{
    struct cron *c = cron_parse(p->expr, name, NULL);
    assert_non_null(c);
    from -= from % 60;
    int64_t covered = (from + zone_seconds(z, from)) / 60, expected = cron_next(c, from * 1000);
    for (int64_t at = from; at < from + 4 * 86400; at += 60) {
        int64_t local = (at + zone_seconds(z, at)) / 60;
        bool due = is_due(p, local, covered) && at > from;
        if (due != (expected == at * 1000))
            fail_msg("%s in %s from %lld: at %lld due is %d; cron_next says %lld", p->expr, name,
                     (long long)from, (long long)at, due, (long long)expected / 1000);
        if (due)
            expected = cron_next(c, at * 1000 + 59999 * (at / 60 % 2));
        if (local + 1 > covered)
            covered = local + 1;
    }
    cron_free(&c);
}

static void test_walk(void **state)
{
    (void)state;
    static const char *const names[] = {"Asia/Shanghai",       "Europe/Berlin", "America/New_York",
                                        "Australia/Lord_Howe", "Pacific/Apia",  "Africa/Casablanca",
                                        "America/Nuuk",        "Asia/Gaza"};
    struct rng rng;
    struct plan plan;
    rng_seed(&rng, 20261121);
    for (size_t i = 0; i < array_len(names); i++) {
        struct zone *z = zone_open(names[i], NULL);
        if (z == NULL)
            continue;
        for (int round = 0; round < 60; round++) {
            /* near a change, if there is one: any between 1990 and 2060 */
            int64_t at = 631152000 + (int64_t)rng_below(&rng, UINT64_C(2200000000));
            int64_t change = zone_next_change(z, at);
            if (change != INT64_MAX)
                at = change - 86400 - (int64_t)rng_below(&rng, 86400);
            random_plan(&rng, &plan);
            check_walk(&plan, names[i], z, at);
        }
        zone_free(&z);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_due),
        cmocka_unit_test(test_wrong),
        cmocka_unit_test(test_walk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
