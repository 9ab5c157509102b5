/* What plugins print: tables of outputs, whole and broken. */
#include "probe/perfdata.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>

#include "base/must.h"

static void is(struct str got, const char *want)
{
    if (!str_eqz(got, want))
        fail_msg("got \"%.*s\"; want \"%s\"", (int)got.n, got.p ? got.p : "", want);
}

static void test_parts_of_an_output(void **state)
{
    struct plugin_output o;
    plugin_parse(str_of("OK - fine | a=1 b=2\nlong\ntext | c=3\nd=4\n"), &o);
    is(o.first, "OK - fine");
    is(o.text, "long\ntext");
    is(o.perf[0], "a=1 b=2");
    is(o.perf[1], "c=3\nd=4");
    plugin_parse(str_of(""), &o);
    is(o.first, "");
    plugin_parse(str_of("one line"), &o);
    is(o.first, "one line");
    is(o.perf[0], "");
}

static void test_values(void **state)
{
    struct arena *a = arena_new();
    struct perf p[20];
    size_t n = perf_parse(
        str_of(
            "load1=0.51;5.000;10.000;0; 'disk /home''s'=3326MB;5948;5958;0;5968 "
            "time=0.25s;;;0.0;10.0 used=12%;80:;@10:20 =1 novalue= U=U x y=1e3c z=-7furlongs w=1,25ms"),
        a, p, array_len(p));
    assert_int_equal(n, 7);
    assert_string_equal(p[0].label, "load1");
    assert_true(p[0].value == 0.51 && p[0].warn.given && p[0].warn.end == 5 && p[0].crit.end == 10);
    assert_true(p[0].has_min && p[0].min == 0 && !p[0].has_max);
    assert_string_equal(p[1].label, "disk /home's");
    assert_string_equal(p[1].unit, "bytes");
    assert_true(p[1].value == 3326.0 * 1048576 && p[1].max == 5968.0 * 1048576);
    assert_true(p[2].value == 0.25 && !p[2].warn.given && !p[2].crit.given);
    assert_true(fabs(p[3].value - 0.12) < 1e-12 && isinf(p[3].warn.end) && p[3].crit.inside);
    assert_string_equal(p[4].unit, "count");
    assert_string_equal(p[5].unit, "furlongs");
    assert_true(p[5].value == -7 && fabs(p[6].value - 0.00125) < 1e-12);
    assert_int_equal(perf_parse(str_of("a=1 b=2 c=3"), a, p, 2), 2);
    arena_free(a);
}

static void test_ranges(void **state)
{
    static const struct {
        const char *text;
        bool given, inside;
        double start, end;
    } cases[] = {
        {"a=1;10", true, false, 0, 10},
        {"a=1;10:", true, false, 10, INFINITY},
        {"a=1;~:10", true, false, -INFINITY, 10},
        {"a=1;10:20", true, false, 10, 20},
        {"a=1;@10:20", true, true, 10, 20},
        {"a=1;:5", true, false, 0, 5},
        {"a=1;", false, false, 0, 0},
        {"a=1;what", false, false, 0, 0},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct perf p;
        assert_int_equal(perf_parse(str_of(cases[i].text), a, &p, 1), 1);
        if (p.warn.given != cases[i].given)
            fail_msg("%s", cases[i].text);
        if (!p.warn.given)
            continue;
        assert_true(p.warn.inside == cases[i].inside);
        assert_true(p.warn.start == cases[i].start && p.warn.end == cases[i].end);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts_of_an_output),
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_ranges),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
