/* Slices, numbers, nearest name. */
#include "unit.h"

#include "base/str.h"

static void test_compare(void **state)
{
    assert_true(str_eq(STR("abc"), STR("abc")));
    assert_false(str_eq(STR("abc"), STR("abd")));
    assert_false(str_eq(STR("abc"), STR("ab")));
    assert_true(str_eq((struct str){NULL, 0}, STR("")));
    assert_true(str_eqz(STR("x"), "x"));
    assert_true(str_starts(STR("https://a"), STR("https:")));
    assert_false(str_starts(STR("ht"), STR("https:")));
    assert_true(str_ends(STR("a.json"), STR(".json")));
    assert_false(str_ends(STR("json"), STR(".json")));
    assert_true(str_contains(STR("a needle b"), STR("needle")));
    assert_false(str_contains(STR("a"), STR("needle")));
    assert_true(str_contains((struct str){NULL, 0}, STR("")));
    assert_true(streq("a", "a"));
    assert_false(streq("a", NULL));
    assert_true(streq(NULL, NULL));
    assert_int_equal(str_of(NULL).n, 0);
}

static void test_trim(void **state)
{
    static const char *const cases[][2] = {
        {"", ""}, {"  ", ""}, {"a", "a"}, {" \t a b \r\n", "a b"}, {"\va\f", "a"},
    };
    for (size_t i = 0; i < array_len(cases); i++)
        assert_true(str_eqz(str_trim(str_of(cases[i][0])), cases[i][1]));
}

static void test_cut(void **state)
{
    struct str before = STR("untouched"), after = STR("too");
    assert_false(str_cut(STR("abc"), '=', &before, &after));
    assert_true(str_eqz(before, "untouched"));
    assert_true(str_cut(STR("k=v=w"), '=', &before, &after));
    assert_true(str_eqz(before, "k"));
    assert_true(str_eqz(after, "v=w"));
}

static void test_next(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *parts[4];
    } cases[] = {
        {"", 1, {""}},
        {"a", 1, {"a"}},
        {"a,b", 2, {"a", "b"}},
        {",a,", 3, {"", "a", ""}},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct str rest = str_of(cases[i].text), part;
        size_t n = 0;
        while (str_next(&rest, ',', &part)) {
            assert_true(n < cases[i].n);
            assert_true(str_eqz(part, cases[i].parts[n++]));
        }
        assert_int_equal(n, cases[i].n);
        assert_true(str_lists(str_of(cases[i].text), ',', cases[i].parts[n - 1]));
    }
    assert_false(str_lists(STR("master,fail?"), ',', "fail"));
    assert_false(str_lists(STR("a"), ',', ""));
}

static void test_i64(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        int64_t want;
    } cases[] = {
        {"0", true, 0},
        {"-0", true, 0},
        {"+5", true, 5},
        {"0017", true, 17},
        {"9223372036854775807", true, INT64_MAX},
        {"-9223372036854775808", true, INT64_MIN},
        {"9223372036854775808", false, 0},
        {"-9223372036854775809", false, 0},
        {"", false, 0},
        {"-", false, 0},
        {"--1", false, 0},
        {"1 ", false, 0},
        {" 1", false, 0},
        {"1.0", false, 0},
        {"0x10", false, 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        int64_t v = 12345;
        struct err err = {0};
        bool ok = str_to_i64(str_of(cases[i].text), &v, &err) == 0;
        assert_int_equal(ok, cases[i].ok);
        assert_true(v == (ok ? cases[i].want : 12345));
        assert_int_equal(err.code, ok ? ERR_OK : ERR_MALFORMED);
    }
}

static void test_u64(void **state)
{
    uint64_t v = 1;
    assert_int_equal(str_to_u64(STR("18446744073709551615"), &v, NULL), 0);
    assert_true(v == UINT64_MAX);
    assert_int_equal(str_to_u64(STR("18446744073709551616"), &v, NULL), -1);
    assert_int_equal(str_to_u64(STR("-1"), &v, NULL), -1);
    assert_int_equal(str_to_u64((struct str){NULL, 0}, &v, NULL), -1);
}

static void test_f64(void **state)
{
    static const struct {
        const char *text;
        bool ok;
        double want;
    } cases[] = {
        {"0", true, 0},        {"1.5", true, 1.5},   {".5", true, 0.5},   {"5.", true, 5},
        {"-2e3", true, -2000}, {"1E-2", true, 0.01}, {"+1e+1", true, 10}, {"1e308", true, 1e308},
        {"", false, 0},        {".", false, 0},      {"e5", false, 0},    {"1e", false, 0},
        {"1e+", false, 0},     {"nan", false, 0},    {"inf", false, 0},   {"0x1p3", false, 0},
        {"1e999", false, 0},   {"1,5", false, 0},    {"1.5 ", false, 0},  {"1..5", false, 0},
        {"1e-999", true, 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        double v = 12345;
        struct err err = {0};
        bool ok = str_to_f64(str_of(cases[i].text), &v, &err) == 0;
        if (ok != cases[i].ok || v != (ok ? cases[i].want : 12345))
            fail_msg("\"%s\" gave %d, %g", cases[i].text, ok, v);
    }
}

static void test_nearest(void **state)
{
    static const char *const names[] = {"interval", "timeout", "threshold", "name", "group"};
    static const char *const cases[][2] = {
        {"intervall", "interval"},
        {"intreval", "interval"},
        {"Timeout", "timeout"},
        {"treshold", "threshold"},
        {"nmae", "name"},
        {"zzzzzz", NULL},
        {"", NULL},
        {"x", NULL},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        const char *got = str_nearest(cases[i][0], names, array_len(names));
        if (!streq(got, cases[i][1]))
            fail_msg("nearest to \"%s\" is %s", cases[i][0], got ? got : "(none)");
    }
    char longer[200];
    memset(longer, 'a', sizeof(longer) - 1);
    longer[199] = '\0';
    assert_null(str_nearest(longer, names, array_len(names)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_compare), cmocka_unit_test(test_trim),    cmocka_unit_test(test_cut),
        cmocka_unit_test(test_next),    cmocka_unit_test(test_i64),     cmocka_unit_test(test_u64),
        cmocka_unit_test(test_f64),     cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
