/* The notation of series in unit tests. */
#include "rule/notation.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"

static void test_values(void **state)
{
    static const struct {
        const char *text, *want; /* time:value */
    } cases[] = {
        {"", ""},
        {"1 2.5 -3", "0:1 10:2.5 20:-3"},
        {"0+10x3", "0:0 10:10 20:20 30:30"},
        {"5-2x2", "0:5 10:3 20:1"},
        {"-1-1x1", "0:-1 10:-2"},
        {"7x2", "0:7 10:7 20:7"},
        {"0x10 1", "0:0 10:0 20:0 30:0 40:0 50:0 60:0 70:0 80:0 90:0 100:0 110:1"},
        {"_ 1 _x2 2", "10:1 40:2"},
        {"1e3 2e-1x1 inf NaN -Inf", "0:1000 10:0.2 20:0.2 30:+Inf 40:NaN 50:-Inf"},
        {"1 stale 2", "0:1 10:stale 20:2"},
        {" 1\n\t2 ", "0:1 10:2"},
        {"1.5+0.5x0", "0:1.5"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct samples s = {0};
        struct err err = {0};
        struct buf b = BUF_INIT(4096);
        if (notation_values(str_of(cases[i].text), 0, 10, &s, &err) != 0)
            print_error("%s: %s\n", cases[i].text, err.msg);
        for (uint32_t k = 0; k < s.n; k++) {
            buf_printf(&b, "%s%lld:", k > 0 ? " " : "", (long long)s.t[k]);
            if (is_stale(s.v[k]))
                buf_puts(&b, "stale");
            else
                buf_add_f64(&b, s.v[k]);
        }
        assert_string_equal(b.data != NULL ? b.data : "", cases[i].want);
        buf_done(&b);
        samples_done(&s);
    }
}

static void test_refuses(void **state)
{
    static const char *const cases[] = {"x",     "1x",           "1+x3",         "1+2", "1+2x",
                                        "_x",    "__",           "_y2",          "1,2", "1-x",
                                        "1x1x1", "{{schema:1}}", "1x99999999999"};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct samples s = {0};
        struct err err = {0};
        if (notation_values(str_of(cases[i]), 0, 10, &s, &err) == 0)
            print_error("%s was taken\n", cases[i]);
        assert_int_not_equal(err.code, ERR_OK);
        samples_done(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_values),
                                       cmocka_unit_test(test_refuses)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
