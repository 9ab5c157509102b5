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

/* Go's syntax: $ is the very end, and no pattern takes long. */
static void test_go(void **state)
{
    static const struct {
        const char *re, *subject;
        int want;
    } cases[] = {
        {"(*RE2)^ok$", "ok", 1},
        {"(*RE2)^ok$", "ok\n", 0},
        {"(*RE2)(?i)OK", "it is ok", 1},
        {"(*RE2)^(a+)+$", "aaaaab", 0},
        {"(*RE2)", "", 1},
        {"(*RE2)a.b", "a\nb", 0},
        {"(*RE2)(?s)a.b", "a\nb", 1},
        {"(*RE2)(?P<who>b)\\z", "ab", 1},
        {"(*RE2)a\\z", "a\n", 0},
        {"(*RE2)\\A\\p{Greek}+\\z", "αβ", 1},
        {"(*RE2)\\P{Lu}", "A", 0},
        {"(*RE2)(?U)^a+", "aa", 1},
        {"(*RE2)[[:^alpha:]]", "a", 0},
        {"(*RE2)\\Qa.b\\E", "axb", 0},
    };
    struct arena *a = arena_new();
    struct err err = {0};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct pattern *p = pattern_compile(cases[i].re, a, &err);
        assert_non_null(p);
        assert_string_equal(pattern_text(p), cases[i].re + 6);
        assert_int_equal(pattern_match(p, cases[i].subject, strlen(cases[i].subject), &err),
                         cases[i].want);
    }
    static const char *const refused[] = {
        "a(?=b)", "(?<=a)b", "a++",     "a?+", "(a)\\1",  "(?>a)",      "(?P<n>a(", "\\Z",
        "\\G",    "(?R)",    "(*RE2)a", "\\1", "x{1001}", "\\p{No}}}(", "(?#x)",    "[[:none:]]",
    };
    for (size_t i = 0; i < array_len(refused); i++)
        assert_null(pattern_compile(arena_printf(a, "(*RE2)%s", refused[i]), a, &err));
    arena_free(a);
}

static void test_expand(void **state)
{
    static const struct {
        const char *re, *text, *template, *want;
    } cases[] = {
        {"PING :([^ ]+)", "PING :a.b c", "PONG ${1}", "PONG a.b"},
        {"(*RE2)PING :([^ ]+)", "PING :a.b c", "PONG ${1}$2", "PONG a.b"},
        {"(a)|(b)", "b", "<$1,$2,${3},$", "<,b,,$"},
        {"x", "no", "[$0]", "[]"},
        {"(*RE2)x", "no", "[$0]", "[]"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf out = BUF_INIT(1000);
        struct pattern *p = pattern_compile(cases[i].re, a, NULL);
        pattern_expand(p, str_of(cases[i].text), str_of(cases[i].template), &out);
        assert_string_equal(out.data, cases[i].want);
        buf_done(&out);
    }
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
        cmocka_unit_test(test_table), cmocka_unit_test(test_go),     cmocka_unit_test(test_expand),
        cmocka_unit_test(test_bad),   cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
