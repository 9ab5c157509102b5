/* The table of functions, functions of values and dates, buckets and labels. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "promql/functions.h"

static void table_is_sorted_and_whole(void **state)
{
    (void)state;
    for (const struct promql_function *f = promql_functions; f->name != NULL; f++) {
        if (f[1].name != NULL)
            assert_true(strcmp(f->name, f[1].name) < 0);
        assert_ptr_equal(promql_function_get(str_of(f->name)), f);
        assert_true(strlen(f->help_en) > 0 && strlen(f->help_zh) > 0);
        assert_int_equal(f->kind == EVAL_RANGE, f->range != NULL);
        assert_int_equal(f->kind == EVAL_VALUES, f->value != NULL);
        assert_int_equal(f->kind == EVAL_SPECIAL, f->special != SPECIAL_NONE);
        if (f->kind == EVAL_RANGE)
            assert_int_equal(f->args[f->range_arg], PROMQL_MATRIX);
    }
    assert_null(promql_function_get(STR("holt_winters")));
    assert_null(promql_function_get(STR("")));
    assert_null(promql_function_get(STR("rat")));
    assert_null(promql_function_get(STR("ratee")));
}

static double call(const char *name, double x, const double *second, const double *third)
{
    double out;
    struct value_call c = {.n = 1, .arg = {&x, second, third}, .out = &out};
    promql_function_get(str_of(name))->value(&c);
    return out;
}

static void values(void **state)
{
    (void)state;
    static const struct {
        const char *name;
        double x, want;
    } cases[] = {
        {"abs", -2, 2},
        {"ceil", 1.2, 2},
        {"floor", -1.2, -2},
        {"sgn", -7, -1},
        {"sgn", 0, 0},
        {"sqrt", -1, NAN},
        {"ln", 0, -INFINITY},
        {"log2", 8, 3},
        {"log10", 1000, 3},
        {"round", 2.5, 3},
        {"round", -2.5, -2},
        {"round", NAN, NAN},
        {"deg", 3.14159265358979323846, 180},
        {"hour", 1136239445, 22}, /* 2006-01-02 22:04:05, a Monday */
        {"minute", 1136239445, 4},
        {"day_of_week", 1136239445, 1},
        {"day_of_month", 1136239445, 2},
        {"day_of_year", 1136239445, 2},
        {"days_in_month", 1454284800, 29},
        {"month", -1, 12},
        {"year", -1, 1969},
        {"minute", -1.5, 59},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        double got = call(cases[i].name, cases[i].x, NULL, NULL), want = cases[i].want;
        if (!(got == want || (isnan(got) && isnan(want))))
            fail_msg("%s(%g): got %.17g; want %.17g", cases[i].name, cases[i].x, got, want);
        assert_true(is_stale(call(cases[i].name, ABSENT, NULL, NULL)));
    }
    /* what no int64 holds is its least, and that many seconds wrap around, in Go */
    assert_true(call("year", NAN, NULL, NULL) == 292277026596);
    assert_true(call("day_of_year", INFINITY, NULL, NULL) == 339);
    assert_true(call("days_in_month", 1e300, NULL, NULL) == 31);
    assert_true(call("year", -0x1p62, NULL, NULL) < -1e11);
}

static void two_arguments(void **state)
{
    (void)state;
    const double five = 5, ten = 10, tenth = 0.1, nan = NAN, inf = INFINITY;
    assert_true(call("clamp", 7, &five, &ten) == 7);
    assert_true(call("clamp", 70, &five, &ten) == 10);
    assert_true(call("clamp", 1, &five, &ten) == 5);
    assert_true(is_stale(call("clamp", 7, &ten, &five)));
    assert_true(isnan(call("clamp", 7, &nan, &ten)));
    assert_true(call("clamp_max", 7, &five, NULL) == 5);
    assert_true(call("clamp_min", NAN, &inf, NULL) == INFINITY);
    assert_true(call("round", 0.27, &tenth, NULL) == 0.3);
    assert_true(call("max_of", 5, &ten, NULL) == 10);
    assert_true(isnan(call("max_of", 5, &nan, NULL)));
    assert_true(isnan(call("min_of", NAN, &five, NULL)));
}

/* --- buckets --- */

static void quantiles_of_buckets(void **state)
{
    (void)state;
    struct bucket_notes notes = {0};
    struct bucket b[] = {{INFINITY, 10}, {1, 4}, {2, 8}, {0.5, 2}};
    assert_true(histogram_quantile_buckets(0.5, b, 4, &notes) == 1.25);
    assert_true(histogram_quantile_buckets(0.99, b, 4, &notes) == 2);
    assert_true(histogram_quantile_buckets(0.1, b, 4, &notes) == 0.25);
    assert_false(notes.forced_monotonic);
    assert_true(isnan(histogram_quantile_buckets(NAN, b, 4, &notes)));
    assert_true(histogram_quantile_buckets(-1, b, 4, &notes) == -INFINITY);
    assert_true(histogram_quantile_buckets(2, b, 4, &notes) == INFINITY);
    struct bucket no_inf[] = {{1, 4}, {2, 8}};
    assert_true(isnan(histogram_quantile_buckets(0.5, no_inf, 2, NULL)));
    struct bucket lone[] = {{INFINITY, 3}};
    assert_true(isnan(histogram_quantile_buckets(0.5, lone, 1, NULL)));
    struct bucket empty[] = {{1, 0}, {INFINITY, 0}};
    assert_true(isnan(histogram_quantile_buckets(0.5, empty, 2, NULL)));
    struct bucket below_zero[] = {{-1, 4}, {INFINITY, 8}};
    assert_true(histogram_quantile_buckets(0.1, below_zero, 2, NULL) == -1);
}

static void falling_buckets_are_raised(void **state)
{
    (void)state;
    struct bucket_notes notes = {0};
    struct bucket b[] = {{0.1, 2}, {1, 1}, {10, 5}, {100, 4}, {1000, 9}, {INFINITY, 8}};
    assert_true(fabs(histogram_quantile_buckets(0.5, b, 6, &notes) - 8.5) < 1e-12);
    assert_true(notes.forced_monotonic && notes.min_le == 1 && notes.max_le == INFINITY);
    assert_true(notes.max_diff == 1);
    notes = (struct bucket_notes){0};
    struct bucket noise[] = {{1, 10}, {2, 10 - 1e-14}, {INFINITY, 10}};
    assert_true(histogram_quantile_buckets(0.5, noise, 3, &notes) == 0.5);
    assert_false(notes.forced_monotonic);
    struct bucket twice[] = {{1, 5}, {1, 5}, {INFINITY, 10}};
    assert_true(histogram_quantile_buckets(0.5, twice, 3, NULL) == 0.5);
}

static void fractions(void **state)
{
    (void)state;
    struct bucket b[] = {{1, 4}, {2, 8}, {INFINITY, 10}};
    assert_true(histogram_fraction_buckets(0, 1, b, 3) == 0.4);
    assert_true(histogram_fraction_buckets(0.5, 1.5, b, 3) == 0.4);
    assert_true(histogram_fraction_buckets(-INFINITY, INFINITY, b, 3) == 1);
    assert_true(histogram_fraction_buckets(3, INFINITY, b, 3) > 0.19);
    assert_true(histogram_fraction_buckets(2, 1, b, 3) == 0);
    assert_true(isnan(histogram_fraction_buckets(NAN, 1, b, 3)));
}

/* --- labels --- */

static void check_replace(const char *dst, const char *replacement, const char *src,
                          const char *regex, const char *want)
{
    static const struct label_pair pairs[] = {
        {{"__name__", 8}, {"up", 2}}, {{"job", 3}, {"api-7", 5}}, {{"zone", 4}, {"eu", 2}}};
    const struct labels in = {pairs, 3};
    struct arena *a = arena_new();
    struct err err = {0};
    struct label_replace *r =
        label_replace_new(str_of(dst), str_of(replacement), str_of(src), str_of(regex), &err);
    if (r == NULL) {
        assert_string_equal(err.msg, want);
    } else {
        struct labels out = in;
        label_replace_apply(r, &in, a, &out);
        struct buf b = BUF_INIT(1000);
        labels_format(&b, &out);
        assert_string_equal(b.data, want);
        buf_done(&b);
    }
    label_replace_free(r);
    arena_free(a);
}

static void replacing(void **state)
{
    (void)state;
    check_replace("n", "$1", "job", ".*-(\\d)", "up{job=\"api-7\", n=\"7\", zone=\"eu\"}");
    check_replace("n", "${x}y", "job", "(?P<x>a).*", "up{job=\"api-7\", n=\"ay\", zone=\"eu\"}");
    check_replace("n", "$1", "job", "7", "up{job=\"api-7\", zone=\"eu\"}");
    check_replace("zone", "", "job", ".*", "up{job=\"api-7\"}");
    check_replace("a", "new", "missing", "", "up{a=\"new\", job=\"api-7\", zone=\"eu\"}");
    check_replace("n", "x", "job", "(", "invalid regular expression in label_replace(): (");
    check_replace("", "x", "job", ".*", "invalid destination label name in label_replace(): ");
}

static void joining(void **state)
{
    (void)state;
    static const struct label_pair pairs[] = {{{"a", 1}, {"x", 1}}, {{"c", 1}, {"z", 1}}};
    const struct labels in = {pairs, 2};
    const struct str src[] = {STR("a"), STR("b"), STR("c")};
    struct arena *a = arena_new();
    struct labels out;
    label_join_apply(STR("b"), STR("-"), src, 3, &in, a, &out);
    assert_int_equal(out.n, 3);
    assert_true(str_eq(labels_get(&out, STR("b")), STR("x--z")));
    struct err err;
    assert_int_equal(label_join_check(STR("b"), src, 3, &err), 0);
    assert_int_equal(label_join_check(STR(""), src, 3, &err), -1);
    assert_string_equal(err.msg, "invalid destination label name in label_join(): ");
    arena_free(a);
}

static void natural(void **state)
{
    (void)state;
    static const char *const order[] = {"", "1", "2", "10", "a", "a1", "a2", "a10", "a10b", "b"};
    for (size_t i = 0; i < array_len(order); i++) {
        for (size_t j = 0; j < array_len(order); j++) {
            int cmp = natural_compare(str_of(order[i]), str_of(order[j]));
            assert_int_equal((cmp > 0) - (cmp < 0), (i > j) - (i < j));
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_sorted_and_whole),
        cmocka_unit_test(values),
        cmocka_unit_test(two_arguments),
        cmocka_unit_test(quantiles_of_buckets),
        cmocka_unit_test(falling_buckets_are_raised),
        cmocka_unit_test(fractions),
        cmocka_unit_test(replacing),
        cmocka_unit_test(joining),
        cmocka_unit_test(natural),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
