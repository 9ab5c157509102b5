/* Label sets, matchers and their shortcuts: each shortcut must agree with the regular expression itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "base/regex.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/series.h"

static void sets_are_sorted_and_unique(void **state)
{
    struct labels_builder b = {0};
    struct labels l;
    labels_builder_add(&b, STR("job"), STR("api"));
    labels_builder_add(&b, STR("__name__"), STR("up"));
    labels_builder_add(&b, STR("empty"), STR(""));
    labels_builder_add(&b, STR("zone"), STR("上海"));
    assert_int_equal(labels_builder_finish(&b, &l, NULL), 0);
    assert_int_equal(l.n, 3);
    assert_true(str_eqz(labels_metric(&l), "up"));
    assert_true(str_eqz(labels_get(&l, STR("zone")), "上海"));
    assert_int_equal(labels_get(&l, STR("empty")).n, 0);

    struct arena *a = arena_new();
    struct labels copy = labels_dup(a, &l);
    assert_true(labels_equal(&l, &copy));
    assert_int_equal(labels_compare(&l, &copy), 0);
    assert_true(labels_hash(&l) == labels_hash(&copy));
    labels_builder_set(&b, STR("zone"), STR("北京"));
    assert_int_equal(labels_builder_finish(&b, &l, NULL), 0);
    assert_false(labels_equal(&l, &copy));
    assert_true((labels_compare(&l, &copy) < 0) == (labels_compare(&copy, &l) > 0));

    struct err err = {0};
    labels_builder_add(&b, STR("job"), STR("api"));
    assert_int_equal(labels_builder_finish(&b, &l, &err), -1);
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "\"job\""));
    labels_builder_done(&b);
    arena_free(a);
}

static void sets_are_written_as_promql(void **state)
{
    static const struct {
        struct label_pair at[3];
        uint32_t n;
        const char *want;
    } cases[] = {
        {{{STR("__name__"), STR("up")}}, 1, "up"},
        {{{STR("__name__"), STR("up")}, {STR("a"), STR("b\"c\n")}}, 2, "up{a=\"b\\\"c\\n\"}"},
        {{{STR("a"), STR("b")}, {STR("c.d"), STR("e")}}, 2, "{a=\"b\", \"c.d\"=\"e\"}"},
        {{{STR("__name__"), STR("my.metric")}, {STR("a"), STR("b")}},
         2,
         "{\"my.metric\", a=\"b\"}"},
        {{{{0}, {0}}}, 0, "{}"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf out = BUF_INIT(1000);
        labels_format(&out, &(struct labels){cases[i].at, cases[i].n});
        assert_string_equal(out.data, cases[i].want);
        buf_done(&out);
    }
}

static const char *const patterns[] = {
    "",    "a",     "a|b",     "a|b|",         "ab|cd|ef", "x(a|b)",     "x(?:a|b|)", "(a|b)",
    "a.c", "a\\.c", "a+",      "ab*",          "ab?|c",    "pre.*",      "pre.+",     ".*",
    ".+",  "(.*)",  "a|b.*",   "pre(a|b)post", "[ab]c",    "a{2}",       "(?i)abc",   "a\\d",
    "^a$", "a||b",  "上|北京", "x(a|b",        "a)b",      "(?:a)(b|c)", "a(b)c|d",   "\\Qa|b\\E",
};
static const char *const texts[] = {
    "",    "a",   "b",  "c",    "ab",   "cd",     "ef",   "xa",   "xb",       "x",    "a.c",
    "abc", "aXc", "aa", "abb",  "pre",  "prefix", "a\n",  "bxyz", "preapost", "prea", "ac",
    "ABC", "a1",  "上", "北京", "上海", "a|b",    "abcd", "d",    "ac",
};

static void shortcuts_agree_with_re2(void **state)
{
    for (size_t i = 0; i < array_len(patterns); i++) {
        struct str p = str_of(patterns[i]);
        struct regex *re = regex_new(p, REGEX_ANCHORED | REGEX_DOT_ALL, NULL);
        struct matcher *yes = matcher_new(MATCH_RE, STR("l"), p, NULL);
        struct matcher *no = matcher_new(MATCH_NRE, STR("l"), p, NULL);
        assert_true((re != NULL) == (yes != NULL) && (re != NULL) == (no != NULL));
        for (size_t k = 0; re && k < array_len(texts); k++) {
            bool want = regex_match(re, str_of(texts[k]));
            if (matcher_test(yes, str_of(texts[k])) != want)
                fail_msg("%s against '%s': want %d", patterns[i], texts[k], want);
            assert_true(matcher_test(no, str_of(texts[k])) != want);
            size_t n;
            const struct str *set = matcher_set(yes, &n);
            bool listed = false;
            for (size_t s = 0; s < n; s++)
                listed |= str_eqz(set[s], texts[k]);
            assert_true(!set || listed == want);
            assert_true(!want || str_starts(str_of(texts[k]), matcher_prefix(yes)));
        }
        if (re)
            assert_true(matcher_empty(yes) == regex_match(re, STR("")));
        regex_free(re);
        matcher_free(yes);
        matcher_free(no);
    }
}

static void plain_alternations_need_no_regex(void **state)
{
    static const struct {
        const char *pattern;
        size_t n;
        const char *prefix;
    } cases[] = {{"a|b|a", 2, ""},    {"x(a|b)", 2, ""}, {"abc", 1, ""},
                 {"pre.*", 0, "pre"}, {"ab|c.", 0, ""},  {"a\\.b+", 0, "a."}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct matcher *m = matcher_new(MATCH_RE, STR("l"), str_of(cases[i].pattern), NULL);
        size_t n;
        matcher_set(m, &n);
        assert_int_equal(n, cases[i].n);
        assert_true(str_eqz(matcher_prefix(m), cases[i].prefix));
        matcher_free(m);
    }
}

static void bad_patterns_are_named(void **state)
{
    struct err err = {0};
    assert_null(matcher_new(MATCH_RE, STR("l"), STR("a(b"), &err));
    assert_int_equal(err.code, ERR_MALFORMED);
    assert_non_null(strstr(err.msg, "missing )"));
    assert_null(matcher_new(MATCH_RE, STR("l"), STR("(?=x)"), &err)); /* no look-ahead in RE2 */
    assert_null(matcher_new(MATCH_RE, STR("l"), STR("(((a{100}){100}){100}){100}"), &err));
    assert_non_null(matcher_op_text(MATCH_NRE));
}

static void replacements_expand_as_in_go(void **state)
{
    struct regex *re = regex_new(STR("(?P<first>a+)(b)?(.*)"), REGEX_ANCHORED, NULL);
    static const char *const cases[][2] = {
        {"$1-$3", "aa-c"}, {"${first}x", "aax"}, {"$firstx", ""}, {"$2|${2}|$9|", "|||"},
        {"$$1", "$1"},     {"a$", "a$"},         {"${1", "${1"},  {"$0", "aac"}};
    struct str group[4];
    assert_int_equal(regex_groups(re), 3);
    assert_true(regex_find(re, STR("aac"), 0, group, 4));
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf out = BUF_INIT(100);
        buf_puts(&out, "");
        regex_expand(re, str_of(cases[i][0]), group, 4, &out);
        assert_string_equal(out.data, cases[i][1]);
        buf_done(&out);
    }
    assert_false(regex_find(re, STR("xyz"), 0, group, 4));
    regex_free(re);
}

static void types_have_names(void **state)
{
    for (int t = METRIC_UNKNOWN; t <= METRIC_STATESET; t++)
        assert_int_equal(metric_type_parse(str_of(metric_type_name((enum metric_type)t))), t);
    assert_int_equal(metric_type_parse(STR("untyped")), METRIC_UNKNOWN);
}

static void columns_grow(void **state)
{
    struct samples s = {0};
    for (int i = 0; i < 1000; i++)
        samples_add(&s, i, i * 0.5);
    samples_reserve(&s, 5000);
    assert_int_equal(s.n, 1000);
    assert_true(s.cap >= 6000 && s.t[999] == 999 && s.v[999] == 499.5);
    samples_done(&s);
    assert_true(is_stale(f64_from_bits(STALE_NAN_BITS)) &&
                !is_stale(f64_from_bits(NORMAL_NAN_BITS)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sets_are_sorted_and_unique),
        cmocka_unit_test(sets_are_written_as_promql),
        cmocka_unit_test(shortcuts_agree_with_re2),
        cmocka_unit_test(plain_alternations_need_no_regex),
        cmocka_unit_test(bad_patterns_are_named),
        cmocka_unit_test(replacements_expand_as_in_go),
        cmocka_unit_test(types_have_names),
        cmocka_unit_test(columns_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
