/* Lines of JSON: frames, labels with escapes, special values, errors with their column, round trip. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <math.h>

#include "wire/jsonlines.h"

/* "labels v@t v@t" or "E column" */
static void expect(const char *text, const char *want)
{
    struct json_line l;
    struct labels_builder b = {0};
    struct labels labels;
    struct arena *a = arena_new();
    struct buf out = BUF_INIT(1 << 16);
    struct err err = {0};
    int64_t t;
    double v;
    int rc = json_line_parse(str_of(text), &l, &err);
    if (rc == 0)
        rc = json_line_labels(&l, a, &b, &labels, &err);
    if (rc == 0)
        labels_format(&out, &labels);
    while (rc == 0 && (rc = json_line_sample(&l, &t, &v, &err)) > 0) {
        buf_printf(&out, " %g@%lld", v, (long long)t);
        if (is_stale(v))
            buf_puts(&out, "!");
        rc = 0;
    }
    if (rc < 0)
        buf_printf(&out, "%sE %d", out.len ? " " : "", err.at_column);
    assert_string_equal(out.data, want);
    buf_done(&out);
    labels_builder_done(&b);
    arena_free(a);
}

static void lines(void **state)
{
    expect(
        "{\"metric\":{\"__name__\":\"up\",\"job\":\"x\"},\"values\":[1,-0.5e3],\"timestamps\":[10,20]}",
        "up{job=\"x\"} 1@10 -500@20");
    expect(
        " { \"timestamps\" : [ 1 , 2 ] , \"other\" : [{\"a\":[1,\"]}\"]},null] , \"values\" : [ 1 , 2 ] , "
        "\"metric\" : { \"b\" : \"c\" , \"__name__\" : \"m\" } } ",
        "m{b=\"c\"} 1@1 2@2");
    expect(
        "{\"metric\":{\"__name__\":\"m\"},\"values\":[null,\"NaN\",\"Infinity\",\"-Infinity\",\"StaleNaN\"],"
        "\"timestamps\":[1,2,3,4,5]}",
        "m nan@1 nan@2 inf@3 -inf@4 nan@5!");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":[],\"timestamps\":[]}", "m");
    expect(
        "{\"metric\":{\"__name__\":\"m\",\"a\":\"\\u00e9\\ud83d\\ude00\\n\\\"\\\\\\/\"},\"values\":[1],\"timestamps\":[1]}",
        "m{a=\"é😀\\n\\\"\\\\/\"} 1@1");
}

static void errors(void **state)
{
    expect("", "E 1");
    expect("[]", "E 1");
    expect("{}", "E 2");
    expect("{\"metric\":{},\"values\":[1],\"timestamps\":[1]}", "E 11");
    expect("{\"metric\":{\"a\":\"b\"},\"values\":[1],\"timestamps\":[1]}", "E 11");
    expect("{\"metric\":{\"__name__\":5},\"values\":[1],\"timestamps\":[1]}", "E 22");
    expect("{\"metric\":[],\"values\":[1],\"timestamps\":[1]}", "E 11");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":1,\"timestamps\":[1]}", "E 37");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":[1]}", "E 1");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":[1],\"timestamps\":[1]", "E 57");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":[1],\"timestamps\":[1]}x", "E 57");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":[1,2],\"timestamps\":[1]}", "m 1@1 E 58");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":[1],\"timestamps\":[1,2]}", "m 1@1 E 39");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":[1,],\"timestamps\":[1]}", "m E 40");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":[x],\"timestamps\":[1]}", "m E 38");
    expect("{\"metric\":{\"__name__\":\"m\"},\"values\":[1],\"timestamps\":[1.5]}", "m E 56");
    expect("{\"metric\":{\"__name__\":\"m\",\"a\":\"\\ud83d\"},\"values\":[1],\"timestamps\":[1]}",
           "E 30");
    expect("{\"metric\":{\"__name__\":\"m\",\"__name__\":\"n\"},\"values\":[1],\"timestamps\":[1]}",
           "E 0");
}

static void round_trip(void **state)
{
    static const struct label_pair pairs[] = {{STR("__name__"), STR("a b")},
                                              {STR("x"), STR("\"\\\n\té")}};
    struct labels in = {pairs, 2}, got;
    int64_t times[] = {-5, 1732190400123, 1732190400124, 5};
    double values[] = {0.1, INFINITY, f64_from_bits(STALE_NAN_BITS), 1e300};
    struct samples s = {.t = times, .v = values, .n = 4, .cap = 4};
    struct buf out = BUF_INIT(1 << 16);
    json_line_write(&out, &in, &s);
    assert_int_equal(out.data[out.len - 1], '\n');
    struct json_line l;
    struct labels_builder b = {0};
    struct arena *a = arena_new();
    assert_int_equal(json_line_parse((struct str){out.data, out.len - 1}, &l, NULL), 0);
    assert_int_equal(json_line_labels(&l, a, &b, &got, NULL), 0);
    assert_true(labels_equal(&in, &got));
    for (int i = 0; i < 4; i++) {
        int64_t t;
        double v;
        assert_int_equal(json_line_sample(&l, &t, &v, NULL), 1);
        assert_true(t == times[i] && f64_bits(v) == f64_bits(values[i]));
    }
    s.n = 0;
    size_t before = out.len;
    json_line_write(&out, &in, &s);
    assert_int_equal(out.len, before);
    labels_builder_done(&b);
    arena_free(a);
    buf_done(&out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines),
        cmocka_unit_test(errors),
        cmocka_unit_test(round_trip),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
