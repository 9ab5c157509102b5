/* Durations both ways. */
#include "unit.h"

#include "base/clock.h"
#include "base/rng.h"

#define YEAR (INT64_C(365) * 86400 * 1000)

static void test_parse(void **state)
{
    static const struct {
        const char *text;
        enum err_code code;
        int64_t ms;
    } cases[] = {
        {"0", ERR_OK, 0},
        {"0s", ERR_OK, 0},
        {"5", ERR_OK, 5000},
        {"0.5", ERR_OK, 500},
        {".5", ERR_OK, 500},
        {"5.", ERR_OK, 5000},
        {"1.234", ERR_OK, 1234},
        {"1.2340", ERR_OK, 1234},
        {"1.2345", ERR_INVALID, 0},
        {"500ms", ERR_OK, 500},
        {"30s", ERR_OK, 30000},
        {"1h30m", ERR_OK, 5400000},
        {"1m30s500ms", ERR_OK, 90500},
        {"1d", ERR_OK, 86400000},
        {"2w", ERR_OK, 2 * 7 * INT64_C(86400000)},
        {"1y", ERR_OK, YEAR},
        {"1y2w3d4h5m6s7ms", ERR_OK, YEAR + INT64_C(1483506007)},
        {"100y", ERR_OK, 100 * YEAR},
        {"100y1ms", ERR_INVALID, 0},
        {"101y", ERR_INVALID, 0},
        {"99999999999999999999s", ERR_INVALID, 0},
        {"3153600000", ERR_OK, 100 * YEAR},
        {"3153600001", ERR_INVALID, 0},
        {"3153600000.001", ERR_INVALID, 0},
        {"", ERR_MALFORMED, 0},
        {".", ERR_MALFORMED, 0},
        {"-5s", ERR_MALFORMED, 0},
        {"+5", ERR_MALFORMED, 0},
        {"5 s", ERR_MALFORMED, 0},
        {"s", ERR_MALFORMED, 0},
        {"5x", ERR_MALFORMED, 0},
        {"5S", ERR_MALFORMED, 0},
        {"1m1h", ERR_MALFORMED, 0},
        {"1m1m", ERR_MALFORMED, 0},
        {"1h30", ERR_MALFORMED, 0},
        {"1.5h", ERR_MALFORMED, 0},
        {"1e3", ERR_MALFORMED, 0},
        {"1s ", ERR_MALFORMED, 0},
        {"1.5.5", ERR_MALFORMED, 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err err = {0};
        int64_t ms = 77;
        int rc = duration_parse(str_of(cases[i].text), &ms, &err);
        if (err.code != cases[i].code || ms != (rc == 0 ? cases[i].ms : 77))
            fail_msg("\"%s\": %s, %lld", cases[i].text, err_code_name(err.code), (long long)ms);
    }
}

static void test_format(void **state)
{
    static const struct {
        int64_t ms;
        const char *want;
    } cases[] = {
        {0, "0s"},
        {1, "1ms"},
        {1000, "1s"},
        {1500, "1s500ms"},
        {5400000, "1h30m"},
        {86400000, "1d"},
        {90000000, "25h"},
        {7 * 86400000, "1w"},
        {YEAR, "1y"},
        {60000, "1m"},
        {INT64_MAX, "2562047788015h12m55s807ms"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        char text[DURATION_SIZE];
        assert_string_equal(duration_format(cases[i].ms, text), cases[i].want);
    }
}

static void test_round_trip(void **state)
{
    struct rng rng;
    rng_seed(&rng, 4);
    static const int64_t steps[] = {1, 1000, 60000, 3600000, 86400000, 604800000, YEAR};
    for (int i = 0; i < 20000; i++) {
        int64_t step = steps[rng_below(&rng, array_len(steps))];
        int64_t ms = (int64_t)rng_below(&rng, (uint64_t)(100 * YEAR / step) + 1) * step, back;
        char text[DURATION_SIZE];
        assert_int_equal(duration_parse(str_of(duration_format(ms, text)), &back, NULL), 0);
        assert_true(back == ms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_format),
        cmocka_unit_test(test_round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
