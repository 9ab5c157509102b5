/* Numbers of metric texts: every form that Go's ParseFloat takes, against strtod. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "model/series.h"
#include "wire/number.h"

static void floats_read_as_strtod(void **state)
{
    static const char *const texts[] = {"0",
                                        "-0",
                                        "1",
                                        "+1",
                                        "1.5",
                                        ".5",
                                        "5.",
                                        "1e3",
                                        "1E-3",
                                        "1e+22",
                                        "1e23",
                                        "123456789012345678",
                                        "9007199254740993",
                                        "0.1",
                                        "1.7976931348623157e308",
                                        "5e-324",
                                        "2.2250738585072014e-308",
                                        "00000000000000000000000000000000001.25",
                                        "0.00000000000000000000000000000000000000001234",
                                        "3.14159265358979323846264338327950288",
                                        "18446744073709551616",
                                        "1e-400",
                                        "0e999999999"};
    for (size_t i = 0; i < array_len(texts); i++) {
        double v;
        assert_int_equal(number_f64(str_of(texts[i]), &v), strlen(texts[i]));
        assert_true(f64_bits(v) == f64_bits(strtod(texts[i], NULL)));
    }
}

static void words_read(void **state)
{
    double v;
    assert_int_equal(number_f64(STR("NaN"), &v), 3);
    assert_true(f64_bits(v) == NORMAL_NAN_BITS);
    assert_int_equal(number_f64(STR("+Inf 7"), &v), 4);
    assert_true(v == INFINITY);
    assert_int_equal(number_f64(STR("-infinity"), &v), 9);
    assert_true(v == -INFINITY);
}

static void what_is_no_number(void **state)
{
    static const char *const texts[] = {"",     "-",    "+", ".",  "e5",    "1e", "1e+",
                                        "+NaN", "-nan", "x", "in", "1e400", "--1"};
    for (size_t i = 0; i < array_len(texts); i++) {
        double v = 7;
        assert_int_equal(number_f64(str_of(texts[i]), &v), 0);
        assert_true(v == 7);
    }
    double v; /* it ends where the number ends */
    assert_int_equal(number_f64(STR("0x10"), &v), 1);
    assert_int_equal(number_f64(STR("1_000"), &v), 1);
}

static void random_floats_come_back(void **state)
{
    struct rng r;
    rng_seed(&r, 7);
    for (int i = 0; i < 200000; i++) {
        double v, got;
        char text[40];
        uint64_t bits = rng_next(&r);
        v = i % 2 ? f64_from_bits(bits) : (double)(int64_t)(bits >> 20) / 1000;
        if (!isfinite(v))
            continue;
        int n = snprintf(text, sizeof(text), "%.17g", v);
        assert_int_equal(number_f64((struct str){text, (size_t)n}, &got), n);
        assert_true(f64_bits(got) == f64_bits(v));
    }
}

static void whole_numbers(void **state)
{
    int64_t v;
    assert_int_equal(number_i64(STR("-9223372036854775808"), &v), 20);
    assert_true(v == INT64_MIN);
    assert_int_equal(number_i64(STR("9223372036854775807 "), &v), 19);
    assert_true(v == INT64_MAX);
    assert_int_equal(number_i64(STR("9223372036854775808"), &v), 0);
    assert_int_equal(number_i64(STR("-"), &v), 0);
    assert_int_equal(number_i64(STR(""), &v), 0);
    assert_int_equal(number_i64(STR("+12.5"), &v), 3);
}

static void seconds_are_cut_to_ms(void **state)
{
    static const struct {
        const char *text;
        int64_t ms;
    } cases[] = {{"1.001", 1001}, {"1732190400.123999", 1732190400123},
                 {"-1.5", -1500}, {"1.5e3", 1500000},
                 {"0.0004", 0},   {"12345678901234567890.1234567890", INT64_MAX},
                 {"000", 0},      {"1e-9", 0}};
    for (size_t i = 0; i < array_len(cases); i++) {
        int64_t ms = 77;
        assert_int_equal(number_seconds(str_of(cases[i].text), &ms), strlen(cases[i].text));
        assert_true(ms == cases[i].ms);
    }
    int64_t ms;
    assert_int_equal(number_seconds(STR("NaN"), &ms), 0);
    assert_int_equal(number_seconds(STR(""), &ms), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(floats_read_as_strtod), cmocka_unit_test(words_read),
        cmocka_unit_test(what_is_no_number),     cmocka_unit_test(random_floats_come_back),
        cmocka_unit_test(whole_numbers),         cmocka_unit_test(seconds_are_cut_to_ms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
