/* Maintenance windows: when they are, over changes of the clock, and that what is remembered changes nothing. */
#include "alert/window.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/rng.h"
#include "base/str.h"

static int64_t at(const char *text)
{
    int64_t ms = 0;
    if (*text != '\0' && time_parse(str_of(text), &ms, NULL) != 0)
        fail_msg("%s is no time", text);
    return ms;
}

static struct maintenance weekly(uint32_t days, int from_min, int to_min, const char *zone)
{
    return (struct maintenance){.title = "w",
                                .schedule = {.kind = SCHEDULE_WEEKLY,
                                             .days = days,
                                             .from_min = from_min,
                                             .to_min = to_min,
                                             .zone = zone}};
}

static void expect(const struct maintenance *m, const char *after, const char *starts,
                   const char *ends)
{
    struct err err = {0};
    struct window_span got;
    char a[RFC3339_SIZE], b[RFC3339_SIZE];
    struct window *w = window_new(m, &err);
    if (w == NULL)
        fail_msg("%s", err.msg);
    bool found = window_next(w, at(after), &got);
    if (!found)
        assert_string_equal(starts, "");
    else if (got.starts_ms != at(starts) || got.ends_ms != at(ends))
        fail_msg("after %s: got %s to %s; want %s to %s", after, time_format(got.starts_ms, a),
                 time_format(got.ends_ms, b), starts, ends);
    window_free(w);
}

#define HM(h, m) ((h)*60 + (m))
#define SUN      1u
#define SAT      64u

/* Berlin: 29 March 2026 02:00 → 03:00, 25 October 03:00 → 02:00. */
static void weekly_windows(void **state)
{
    static const struct {
        uint32_t days;
        int from, to;
        const char *zone, *after, *starts, *ends;
    } cases[] = {
        /* plain: a Saturday night in Shanghai, over midnight */
        {SAT, HM(22, 0), HM(2, 0), "Asia/Shanghai", "2026-11-20T00:00:00Z", "2026-11-21T14:00:00Z",
         "2026-11-21T18:00:00Z"},
        /* it is still on */
        {SAT, HM(22, 0), HM(2, 0), "Asia/Shanghai", "2026-11-21T17:59:59Z", "2026-11-21T14:00:00Z",
         "2026-11-21T18:00:00Z"},
        {SAT, HM(22, 0), HM(2, 0), "Asia/Shanghai", "2026-11-21T18:00:00Z", "2026-11-28T14:00:00Z",
         "2026-11-28T18:00:00Z"},
        /* the clock jumps inside: an hour shorter, an hour longer */
        {SUN, HM(1, 0), HM(4, 0), "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z",
         "2026-03-29T02:00:00Z"},
        {SUN, HM(1, 0), HM(4, 0), "Europe/Berlin", "2026-10-24T00:00:00Z", "2026-10-24T23:00:00Z",
         "2026-10-25T03:00:00Z"},
        /* it begins in the gap: behind it */
        {SUN, HM(2, 30), HM(4, 0), "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-29T01:00:00Z",
         "2026-03-29T02:00:00Z"},
        /* it ends in the gap: behind it, which is when 02:00 would have been */
        {SUN, HM(1, 0), HM(2, 30), "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z",
         "2026-03-29T01:00:00Z"},
        /* wholly in the gap: not this week */
        {SUN, HM(2, 0), HM(3, 0), "Europe/Berlin", "2026-03-28T00:00:00Z", "2026-04-05T00:00:00Z",
         "2026-04-05T01:00:00Z"},
        /* times that come twice: from the first to the last */
        {SUN, HM(2, 15), HM(2, 45), "Europe/Berlin", "2026-10-24T00:00:00Z", "2026-10-25T00:15:00Z",
         "2026-10-25T01:45:00Z"},
        /* over midnight into the change */
        {SAT, HM(23, 0), HM(5, 0), "Europe/Berlin", "2026-03-27T00:00:00Z", "2026-03-28T22:00:00Z",
         "2026-03-29T03:00:00Z"},
        {SAT, HM(23, 0), HM(5, 0), "America/New_York", "2026-10-30T00:00:00Z",
         "2026-11-01T03:00:00Z", "2026-11-01T10:00:00Z"},
        /* half an hour of summer time */
        {SUN, HM(1, 0), HM(3, 0), "Australia/Lord_Howe", "2026-10-02T00:00:00Z",
         "2026-10-03T14:30:00Z", "2026-10-03T16:00:00Z"},
        /* a whole day, from = to */
        {SUN, HM(9, 0), HM(9, 0), "UTC", "2026-11-21T00:00:00Z", "2026-11-22T09:00:00Z",
         "2026-11-23T09:00:00Z"},
        /* to midnight */
        {SUN, HM(20, 0), HM(24, 0), "UTC", "2026-11-21T00:00:00Z", "2026-11-22T20:00:00Z",
         "2026-11-23T00:00:00Z"},
        /* a weekend in two days that touch is one */
        {SUN | SAT, HM(0, 0), HM(24, 0), "UTC", "2026-11-18T00:00:00Z", "2026-11-21T00:00:00Z",
         "2026-11-23T00:00:00Z"},
        /* every day */
        {0, HM(3, 0), HM(4, 0), "UTC", "2026-11-18T03:30:00Z", "2026-11-18T03:00:00Z",
         "2026-11-18T04:00:00Z"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct maintenance m = weekly(cases[i].days, cases[i].from, cases[i].to, cases[i].zone);
        expect(&m, cases[i].after, cases[i].starts, cases[i].ends);
    }
}

static void cron_windows(void **state)
{
    struct maintenance m = {.title = "c",
                            .schedule = {SCHEDULE_CRON, .cron = "0 3 * * sun",
                                         .duration_ms = 7200000, .zone = "Europe/Berlin"}};
    expect(&m, "2026-11-21T00:00:00Z", "2026-11-22T02:00:00Z", "2026-11-22T04:00:00Z");
    /* its duration does not jump with the clock */
    m.schedule.cron = "0 1 * * sun";
    m.schedule.duration_ms = 4 * 3600000;
    expect(&m, "2026-03-28T00:00:00Z", "2026-03-29T00:00:00Z", "2026-03-29T04:00:00Z");
    expect(&m, "2026-10-24T00:00:00Z", "2026-10-24T23:00:00Z", "2026-10-25T03:00:00Z");
    /* those that overlap are one */
    m.schedule = (struct schedule){SCHEDULE_CRON, .cron = "0 8-10 * * *", .duration_ms = 5400000,
                                   .zone = "UTC"};
    expect(&m, "2026-11-21T00:00:00Z", "2026-11-21T08:00:00Z", "2026-11-21T11:30:00Z");
    expect(&m, "2026-11-21T09:45:00Z", "2026-11-21T09:00:00Z", "2026-11-21T11:30:00Z");
    /* never */
    m.schedule.cron = "0 0 30 2 *";
    expect(&m, "2026-11-21T00:00:00Z", "", "");
}

static void bounds(void **state)
{
    struct maintenance once = {.title = "o",
                               .starts_ms = at("2026-11-21T10:00:00Z"),
                               .ends_ms = at("2026-11-21T11:00:00Z")};
    expect(&once, "2026-11-21T00:00:00Z", "2026-11-21T10:00:00Z", "2026-11-21T11:00:00Z");
    expect(&once, "2026-11-21T11:00:00Z", "", "");
    /* a series that begins and ends within its windows */
    struct maintenance m = weekly(0, HM(10, 0), HM(12, 0), "UTC");
    m.starts_ms = at("2026-11-21T11:00:00Z");
    m.ends_ms = at("2026-11-22T10:30:00Z");
    expect(&m, "2026-11-01T00:00:00Z", "2026-11-21T11:00:00Z", "2026-11-21T12:00:00Z");
    expect(&m, "2026-11-21T12:00:00Z", "2026-11-22T10:00:00Z", "2026-11-22T10:30:00Z");
    expect(&m, "2026-11-22T10:30:00Z", "", "");
    m.ends_ms = at("2026-11-22T10:00:00Z");
    expect(&m, "2026-11-21T12:00:00Z", "", "");
}

static void what_is_wrong(void **state)
{
    static const struct {
        struct schedule schedule;
        enum err_code want;
    } cases[] = {
        {{SCHEDULE_WEEKLY, .from_min = 60, .to_min = 120, .zone = "Mars/Base"}, ERR_NOT_FOUND},
        {{SCHEDULE_WEEKLY, .from_min = 1440, .to_min = 120}, ERR_INVALID},
        {{SCHEDULE_CRON, .cron = "0 25 * * *", .duration_ms = 1000}, ERR_MALFORMED},
        {{SCHEDULE_CRON, .cron = "0 2 * * *"}, ERR_INVALID},
        {{SCHEDULE_CRON, .cron = "0 2 * * *", .duration_ms = WINDOW_DURATION_MAX + 1}, ERR_INVALID},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct maintenance m = {.title = "x", .schedule = cases[i].schedule};
        struct err err = {0};
        assert_null(window_new(&m, &err));
        assert_int_equal(err.code, cases[i].want);
        struct window *w = window_idle(&m); /* kept, and never on */
        assert_false(window_active(w, 0, NULL));
        window_free(w);
    }
}

/* Asked at any order of times, also backwards, the remembering one says what the other says. */
static void remembering_changes_nothing(void **state)
{
    struct maintenance m = weekly(0x2a, HM(22, 0), HM(3, 0), "Europe/Berlin");
    struct window *w = window_new(&m, NULL);
    struct rng rng;
    rng_seed(&rng, 7);
    int64_t now = at("2026-10-20T00:00:00Z");
    for (int i = 0; i < 3000; i++) {
        struct window_span next, seen = {0};
        now += (int64_t)rng_below(&rng, 8 * 3600000) - (i % 7 == 0 ? 40 * 3600000 : 0);
        bool want = window_next(w, now, &next) && now >= next.starts_ms;
        assert_int_equal(window_active(w, now, &seen), want);
        if (want)
            assert_memory_equal(&next, &seen, sizeof(next));
        assert_true(next.ends_ms > now && next.starts_ms < next.ends_ms);
    }
    window_free(w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(weekly_windows),
        cmocka_unit_test(cron_windows),
        cmocka_unit_test(bounds),
        cmocka_unit_test(what_is_wrong),
        cmocka_unit_test(remembering_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
