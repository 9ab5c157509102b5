/* What templates of rules know: the rest is in test/rules/templates.yml, where promtool agrees on every function. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "base/must.h"
#include "rule/rule.h"

static int query(void *arg, struct arena *a, struct str expr, int64_t at_ms,
                 struct promql_series **series, size_t *n, struct err *err)
{
    static struct label_pair pairs[] = {{{"n", 1}, {"x", 1}}};
    static double value = 4;
    static struct promql_series one = {.labels = {pairs, 1}, .v = &value, .n = 1};
    if (str_eqz(expr, "bad"))
        return err_set(err, ERR_MALFORMED, "no such query");
    *series = &one;
    *n = str_eqz(expr, "none") ? 0 : 1;
    return 0;
}

static void test_writes(void **state)
{
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"plain", "plain"},
        {"{{ externalURL }} {{ pathPrefix }} {{ now }}",
         "http://m:9/prom/x /prom/x 1.5000000005e+09"},
        {"{{ query \"q\" | first | value }}", "4"},
        {"{{ range query \"q\" }}{{ .Labels.n }}{{ .Labels.no }}{{ end }}", "x"},
        {"{{ first (query \"none\") }}",
         "<error expanding template: 1:4: first: first() called on vector with no elements>"},
        {"{{ query \"bad\" }}", "<error expanding template: 1:4: query: no such query>"},
        {"{{ toDuration 90 }} {{ (toDuration 1.5).Seconds }}", "1m30s 1.5"},
        {"{{ (toTime 0.0).Format \"Mon, 02 Jan 2006 15:04:05.000 MST -07:00 pm 3 002\" }}",
         "Thu, 01 Jan 1970 00:00:00.000 UTC +00:00 am 12 001"},
        {"{{ (toTime -1.5).Unix }} {{ humanizeTimestamp -0.5 }}",
         "-2 1969-12-31 23:59:59.5 +0000 UTC"},
        {"{{ stripPort \"[::1]:80\" }} {{ stripPort \"a\" }} {{ stripDomain \"10.0.0.1:80\" }} "
         "{{ stripDomain \"a.b\" }}",
         "::1 a 10.0.0.1:80 a"},
        {"{{ urlQueryEscape \"a b\" }} {{ toUpper \"straße ñ я\" }} {{ toLower \"ÀЯΩ\" }}",
         "a+b STRAßE Ñ Я àяω"},
        {"{{ humanize \"x\" }}",
         "<error expanding template: 1:4: humanize: can't convert text to float>"},
        {"{{ $value | humanizePercentage }} {{ $labels.job }}", "50% j"},
    };
    struct label_pair pair = {STR("job"), STR("j")};
    struct labels labels = {&pair, 1};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct err err = {0};
        struct rule_text t = {.name = STR("x"), .text = cases[i].text};
        if (strstr(t.text, "{{") != NULL)
            t.template = template_parse(a, t.text, &rule_style, &err);
        struct rule_template_data d = {.labels = &labels,
                                       .value = 0.5,
                                       .external_url = "http://m:9/prom/x",
                                       .at_ms = 1500000000500,
                                       .query = query};
        assert_string_equal(rule_expand(&t, &d, a, &err), cases[i].want);
        arena_free(a);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_writes)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
