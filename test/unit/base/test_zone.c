/* Time zones: rules, files, and the same answers as the C library's for every zone that is tried. */
#include "unit.h"

#include <time.h>

#include "base/civil.h"
#include "base/rng.h"
#include "base/zone.h"

static void test_civil(void **state)
{
    (void)state;
    for (int64_t days = -800000; days < 800000; days += 7) {
        struct civil d = civil_of(days);
        assert_true(d.month >= 1 && d.month <= 12 && d.day >= 1 &&
                    d.day <= civil_month_days(d.year, d.month));
        assert_int_equal(civil_days(d.year, d.month, d.day), days);
        assert_int_equal(d.weekday, 6); /* in steps of a week */
    }
    assert_int_equal(civil_days(1970, 1, 1), 0);
    assert_int_equal(civil_days(2026, 11, 21), 20778);
    assert_int_equal(civil_of(20778).weekday, 6);
    assert_int_equal(civil_month_days(1900, 2), 28);
    assert_int_equal(civil_month_days(2000, 2), 29);
}

static void test_rules(void **state)
{
    (void)state;
    static const struct {
        const char *rule;
        int64_t at;
        int seconds;
    } cases[] = {
        {"UTC0", 0, 0},
        {"CST-8", 1700000000, 28800},
        {"<+0330>-3:30", 0, 12600},
        {"<-03>3:15:30", 0, -11730},
        /* Berlin 2026: 29 March 01:00 UTC to 25 October 01:00 UTC */
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1774746000 - 1, 3600},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1774746000, 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1792890000 - 1, 7200},
        {"CET-1CEST,M3.5.0,M10.5.0/3", 1792890000, 3600},
        /* the southern half of the world: summer time over the new year */
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1767225600, 39600},
        {"<+1030>-10:30<+11>-11,M10.1.0,M4.1.0", 1782864000, 37800},
        {"XXX3EDT4,0/0,J365/23", 1700000000, -14400}, /* all year; RFC 8536, 3.3.1 */
        {"XXX3EDT4,0/0,J365/23", 1704081600, -14400},
        {"IST-2IDT,M3.4.4/26,M10.5.0", 1774569600 + 1,
         10800},                                          /* Friday 02:00 after the 4th Thursday */
        {"AAA0BBB,J60,J300/-1", 1709251200 + 7200, 3600}, /* 1 March, 2024 too */
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err err = {0};
        struct zone *z = zone_of_rule(cases[i].rule, &err);
        if (z == NULL)
            fail_msg("%s: %s", cases[i].rule, err.msg);
        if (zone_seconds(z, cases[i].at) != cases[i].seconds)
            fail_msg("%s at %lld: got %d; want %d", cases[i].rule, (long long)cases[i].at,
                     zone_seconds(z, cases[i].at), cases[i].seconds);
        zone_free(&z);
        assert_null(z);
    }
}

/* Between two changes nothing changes, however oddly a rule's days lie around the new year. */
static void test_odd_rules(void **state)
{
    (void)state;
    static const char *const rules[] = {"AAA24BBB-24,M1.1.0/-167,M12.5.6/167",
                                        "XXX3EDT4,0/0,J365/23", "AAA0BBB,J365/167,J1/-167",
                                        "AAA0BBB,365/24,0/0"};
    for (size_t i = 0; i < array_len(rules); i++) {
        struct zone *z = zone_of_rule(rules[i], NULL);
        for (int64_t at = 0, next; at < 86400 * 1500; at = next) {
            next = zone_next_change(z, at);
            for (int64_t t = at; t < next; t += 1800)
                assert_int_equal(zone_seconds(z, t), zone_seconds(z, at));
        }
        zone_free(&z);
    }
}

static void test_wrong_rules(void **state)
{
    (void)state;
    static const char *const rules[] = {
        "",
        "CET",
        "CE-1",
        "CET-25",
        "CET-1CEST",
        "CET-1:60",
        "<CET-1",
        "CET-1CEST,M3",
        "CET-1CEST,M13.1.0,M10.5.0",
        "CET-1CEST,M3.5.0",
        "CET-1CEST,M3.5.0,M10.5.0/168",
        "CET-1CEST,J0,J5",
        "CET-1CEST,366,5",
        "CET-1CEST,M3.5.0,M10.5.0 ",
        "CET-99999999999",
    };
    for (size_t i = 0; i < array_len(rules); i++) {
        struct err err = {0};
        assert_null(zone_of_rule(rules[i], &err));
        assert_int_equal(err.code, ERR_MALFORMED);
    }
}

/* --- against the C library -------------------------------------------------------------------------
 */

static int libc_seconds(int64_t at)
{
    time_t t = (time_t)at;
    struct tm tm;
    assert_non_null(localtime_r(&t, &tm));
    return (int)tm.tm_gmtoff;
}

static void check_changes(const struct zone *z)
{
    int64_t at = INT64_C(-2000000000), end = INT64_C(4200000000), next;
    size_t n = 0;
    for (; (next = zone_next_change(z, at)) < end; at = next, n++) {
        assert_true(next > at && n < 2000);
        assert_int_equal(zone_seconds(z, next - 1), zone_seconds(z, at));
        assert_int_equal(zone_seconds(z, next), libc_seconds(next));
        assert_int_equal(zone_seconds(z, next - 1), libc_seconds(next - 1));
    }
}

static void test_as_libc(void **state)
{
    (void)state;
    static const char *const names[] = {
        "Asia/Shanghai",   "Europe/Berlin",     "America/New_York", "Australia/Lord_Howe",
        "Europe/Dublin",   "Africa/Casablanca", "Pacific/Apia",     "America/Sao_Paulo",
        "Asia/Kathmandu",  "Antarctica/Troll",  "America/Nuuk",     "Asia/Gaza",
        "Pacific/Chatham", "Europe/London",     "Etc/GMT+12",       "UTC",
    };
    struct rng rng;
    rng_seed(&rng, 8536);
    size_t tried = 0;
    for (size_t i = 0; i < array_len(names); i++) {
        char path[200];
        snprintf(path, sizeof(path), "/usr/share/zoneinfo/%s", names[i]);
        struct zone *z = access(path, R_OK) == 0 ? zone_open(names[i], NULL) : NULL;
        if (z == NULL)
            continue; /* not on this machine */
        tried++;
        setenv("TZ", names[i], 1);
        tzset();
        for (int k = 0; k < 2000; k++) {
            int64_t at = (int64_t)rng_below(&rng, UINT64_C(6000000000)) - 1900000000;
            if (zone_seconds(z, at) != libc_seconds(at))
                fail_msg("%s at %lld: got %d; want %d", names[i], (long long)at,
                         zone_seconds(z, at), libc_seconds(at));
        }
        check_changes(z);
        zone_free(&z);
    }
    print_message("%zu zones compared\n", tried);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "Mars/Olympus",   "../../etc/passwd",        "/etc/localtime",
        "Asia/Shang hai", "Europe/Berlin/../Berlin", "Asia"};
    for (size_t i = 0; i < array_len(wrong); i++) {
        struct err err = {0};
        assert_null(zone_open(wrong[i], &err));
        assert_true(err.code != ERR_OK && err.msg[0] != '\0');
    }
    setenv("TZ", "CST-8", 1);
    struct zone *z = zone_open("", NULL);
    assert_int_equal(zone_seconds(z, 1700000000), 28800);
    zone_free(&z);
    setenv("TZ", ":Asia/Shanghai", 1);
    z = zone_open("local", NULL);
    assert_int_equal(zone_seconds(z, 1700000000), 28800);
    zone_free(&z);
    setenv("TZ", "nonsense", 1);
    z = zone_open(NULL, NULL);
    assert_int_equal(zone_seconds(z, 1700000000), 0);
    assert_int_equal(zone_next_change(z, 0), INT64_MAX);
    zone_free(&z);
}

/* --- files -----------------------------------------------------------------------------------------
 */

/* Version 2 with one change at 1000 from +0 to +3600, then the rule UTC0. */
static const uint8_t file[] =
    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"              /* magic to unused */
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\1" /* no changes, one type, one char */
    "\0\0\0\0\0\0\0"
    "TZif2\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
    "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\2\0\0\0\1"
    "\0\0\0\0\0\0\3\xe8\1\0\0\0\0\0\0\0\0\x0e\x10\0\0\0"
    "\nUTC-2\n";
#define FILE_SIZE (sizeof(file) - 1)

static void test_file(void **state)
{
    (void)state;
    struct err err = {0};
    struct zone *z = zone_parse(file, FILE_SIZE, &err);
    if (z == NULL)
        fail_msg("%s", err.msg);
    assert_int_equal(zone_seconds(z, 999), 0);
    assert_int_equal(zone_next_change(z, -5), 1000);
    assert_int_equal(zone_seconds(z, 1000), 7200); /* after the last change the rule has the word */
    zone_free(&z);
    for (size_t n = 0; n < FILE_SIZE; n++) { /* cut anywhere */
        assert_null(zone_parse(file, n, &err));
        assert_int_equal(err.code, ERR_DAMAGED);
    }
}

/* A byte changed anywhere gives a zone or an error, never anything else. */
static void test_file_flipped(void **state)
{
    (void)state;
    uint8_t copy[FILE_SIZE];
    for (size_t i = 0; i < FILE_SIZE; i++) {
        for (int bit = 0; bit < 8; bit++) {
            memcpy(copy, file, FILE_SIZE);
            copy[i] ^= (uint8_t)(1 << bit);
            struct zone *z = zone_parse(copy, FILE_SIZE, NULL);
            if (z != NULL)
                zone_seconds(z, 1000);
            zone_free(&z);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_civil),     cmocka_unit_test(test_rules),
        cmocka_unit_test(test_odd_rules), cmocka_unit_test(test_wrong_rules),
        cmocka_unit_test(test_as_libc),   cmocka_unit_test(test_names),
        cmocka_unit_test(test_file),      cmocka_unit_test(test_file_flipped),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
