/* RFC 3339 both ways, against the C library's calendar. */
#include "unit.h"

#include <time.h>

#include "base/clock.h"
#include "base/rng.h"

static void test_format(void **state)
{
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951827696789, "2000-02-29T12:34:56.789Z"},
        {1795161600123, "2026-11-20T08:00:00.123Z"},
        {-62135596800000, "0001-01-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
        {INT64_MIN, "0001-01-01T00:00:00.000Z"},
    };
    char text[RFC3339_SIZE];
    for (size_t i = 0; i < array_len(cases); i++)
        assert_string_equal(time_format(cases[i].ms, text), cases[i].want);
}

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        enum err_code code;
        int64_t want;
    } cases[] = {
        {"2026-11-20T08:00:00.123Z", ERR_OK, 1795161600123},
        {"2026-11-20t08:00:00.123z", ERR_OK, 1795161600123},
        {"2026-11-20 08:00:00Z", ERR_OK, 1795161600000},
        {"2026-11-20T16:00:00+08:00", ERR_OK, 1795161600000},
        {"2026-11-20T03:30:00-04:30", ERR_OK, 1795161600000},
        {"2026-11-20T08:00:00.123999999Z", ERR_OK, 1795161600123},
        {"2026-11-20T08:00:00.1Z", ERR_OK, 1795161600100},
        {"2016-12-31T23:59:60Z", ERR_OK, 1483228800000},
        {"2000-02-29T12:34:56.789Z", ERR_OK, 951827696789},
        {"1795161600", ERR_OK, 1795161600000},
        {"1795161600.123", ERR_OK, 1795161600123},
        {"-1.5", ERR_OK, -1500},
        {"", ERR_MALFORMED, 0},
        {"now", ERR_MALFORMED, 0},
        {"2026-11-20", ERR_MALFORMED, 0},
        {"2026-11-20T08:00:00", ERR_MALFORMED, 0},
        {"2026-11-20T08:00:00.Z", ERR_MALFORMED, 0},
        {"2026-11-20T08:00:00.1234567890Z", ERR_MALFORMED, 0},
        {"2026-11-20T08:00:00Zx", ERR_MALFORMED, 0},
        {"2026-13-01T00:00:00Z", ERR_MALFORMED, 0},
        {"2026-00-01T00:00:00Z", ERR_MALFORMED, 0},
        {"2026-02-29T00:00:00Z", ERR_MALFORMED, 0},
        {"1900-02-29T00:00:00Z", ERR_MALFORMED, 0},
        {"2026-11-31T00:00:00Z", ERR_MALFORMED, 0},
        {"2026-11-20T24:00:00Z", ERR_MALFORMED, 0},
        {"2026-11-20T08:60:00Z", ERR_MALFORMED, 0},
        {"2026-11-20T08:00:61Z", ERR_MALFORMED, 0},
        {"2026-11-20T08:00:00+24:00", ERR_MALFORMED, 0},
        {"2026-11-20T08:00:00+0800", ERR_MALFORMED, 0},
        {"0000-01-01T00:00:00Z", ERR_MALFORMED, 0},
        {"0001-01-01T00:00:00+01:00", ERR_INVALID, 0},
        {"1e30", ERR_INVALID, 0},
        {"999999999999", ERR_INVALID, 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err err = {0};
        int64_t ms = 77;
        int rc = time_parse(str_of(cases[i].text), &ms, &err);
        if (err.code != cases[i].code || ms != (rc == 0 ? cases[i].want : 77))
            fail_msg("\"%s\": %s, %lld", cases[i].text, err_code_name(err.code), (long long)ms);
    }
}

static void test_against_libc(void **state)
{
    struct rng rng;
    rng_seed(&rng, 5);
    for (int i = 0; i < 20000; i++) {
        int64_t ms = (int64_t)rng_below(&rng, 315537897600000) - 62135596800000;
        char text[RFC3339_SIZE], want[96];
        time_t seconds = (time_t)((ms - (ms % 1000 + 1000) % 1000) / 1000);
        struct tm tm;
        gmtime_r(&seconds, &tm);
        snprintf(want, sizeof(want), "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                 (int)((ms % 1000 + 1000) % 1000));
        assert_string_equal(time_format(ms, text), want);
        int64_t back;
        assert_int_equal(time_parse(str_of(text), &back, NULL), 0);
        assert_true(back == ms);
    }
}

static void test_clocks_run(void **state)
{
    int64_t a = clock_mono_ns();
    assert_true(clock_mono_ns() >= a);
    assert_true(clock_wall_ms() > INT64_C(1700000000000));
}

static void test_share_of_a_deadline(void **state)
{
    int64_t now = clock_mono_ns(), deadline = now + 900 * NS_PER_S;
    int64_t third = deadline_share(deadline, 3);
    assert_true(third >= now + 300 * NS_PER_S && third < now + 400 * NS_PER_S);
    assert_int_equal(deadline_share(deadline, 1), deadline);
    assert_int_equal(deadline_share(now - 1, 3), now - 1); /* passed: no more time is given */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share_of_a_deadline),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_against_libc),
        cmocka_unit_test(test_clocks_run),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
