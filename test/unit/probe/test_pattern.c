/* Regular expressions with limits. */
#include "probe_unit.h"

#include "probe/pattern.h"

static void test_table(void **state)
{
    static const struct {
        const char *re, *subject;
        int want;
    } cases[] = {
        {"ok", "it is ok", 1},
        {"^ok$", "ok\n", 1},
        {"^ok$", "oks", 0},
        {"(?i)OK", "ok", 1},
        {"", "", 1},
        {"a", "", 0},
        {"\\d{3}", "x123", 1},
        {"中.", "中文", 1},
        {"^.$", "中", 1},
        {"x", "\xff\xfex", 1},
        {"[[:alpha:]]+", "12", 0},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err err = {0};
        struct pattern *p = pattern_compile(cases[i].re, a, &err);
        assert_non_null(p);
        assert_string_equal(pattern_text(p), cases[i].re);
        assert_int_equal(pattern_match(p, cases[i].subject, strlen(cases[i].subject), &err),
                         cases[i].want);
    }
    struct pattern *p = pattern_compile("^$", a, NULL);
    assert_int_equal(pattern_match(p, NULL, 0, NULL), 1);
    arena_free(a);
}

static void test_bad(void **state)
{
    struct arena *a = arena_new();
    struct err err = {0};
    assert_null(pattern_compile("ab(c", a, &err));
    assert_contains(err.msg, "at character 5");
    assert_int_equal(err.at_offset, 4);
    assert_null(pattern_compile("\\C", a, &err));
    arena_free(a);
}

/* Neither a pattern nor a text can hold a watcher up. */
static void test_limits(void **state)
{
    struct arena *a = arena_new();
    struct err err = {0};
    struct pattern *p = pattern_compile("^(a+)+$", a, &err);
    char text[64] = "";
    memset(text, 'a', 40);
    text[40] = 'b';
    int64_t start = clock_mono_ns();
    assert_int_equal(pattern_match(p, text, strlen(text), &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_true(clock_mono_ns() - start < MS(1000));
    char *big = malloc(1 << 20);
    memset(big, 'a', 1 << 20);
    p = pattern_compile("^(?:(a)|b)*$", a, &err); /* deep, not long */
    start = clock_mono_ns();
    pattern_match(p, big, 1 << 20, &err);
    assert_true(clock_mono_ns() - start < MS(2000));
    free(big);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
