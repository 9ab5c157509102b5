/* The JSON writer: structure, escapes, misuse. */
#include "unit.h"

#include <math.h>

#include "base/json.h"

static void test_structure(void **state)
{
    struct buf b = BUF_INIT(10000);
    struct json j = json_start(&b);
    json_obj(&j);
    json_kstr(&j, "name", "api");
    json_kstr(&j, "none", NULL);
    json_kint(&j, "n", -5);
    json_kuint(&j, "u", UINT64_MAX);
    json_kf64(&j, "f", 0.25);
    json_kf64(&j, "nan", NAN);
    json_kbool(&j, "ok", true);
    json_ktime(&j, "at", 1795161600123);
    json_ktime(&j, "never", 0);
    json_karr(&j, "list");
    json_int(&j, 1);
    json_bool(&j, false);
    json_arr(&j);
    json_end(&j);
    json_obj(&j);
    json_end(&j);
    json_raw(&j, "[2,3]", 5);
    json_end(&j);
    json_kobj(&j, "deep");
    json_kstr(&j, "k", "v");
    json_end(&j);
    json_end(&j);
    assert_string_equal(b.data,
                        "{\"name\":\"api\",\"none\":null,\"n\":-5,\"u\":18446744073709551615,"
                        "\"f\":0.25,\"nan\":null,\"ok\":true,\"at\":\"2026-11-20T08:00:00.123Z\","
                        "\"never\":null,\"list\":[1,false,[],{},[2,3]],\"deep\":{\"k\":\"v\"}}");
    assert_int_equal(j.depth, 0);
    buf_done(&b);
}

static void test_deep_nesting(void **state)
{
    struct buf b = BUF_INIT(10000);
    struct json j = json_start(&b);
    for (int i = 0; i < 61; i++)
        json_arr(&j);
    json_int(&j, 1);
    for (int i = 0; i < 61; i++)
        json_end(&j);
    assert_int_equal(b.len, 123);
    buf_done(&b);
}

static void test_escape(void **state)
{
    static const struct {
        const char *text;
        size_t n;
        const char *want;
    } cases[] = {
        {"", 0, "\"\""},
        {"plain, longer than sixteen bytes", 32, "\"plain, longer than sixteen bytes\""},
        {"\"\\/", 3, "\"\\\"\\\\/\""},
        {"\b\f\n\r\t", 5, "\"\\b\\f\\n\\r\\t\""},
        {"\0\x01\x1f\x7f", 4, "\"\\u0000\\u0001\\u001f\x7f\""},
        {"监控 é 🔔", 14, "\"监控 é 🔔\""},
        {"a\xff"
         "b",
         3,
         "\"a\xef\xbf\xbd"
         "b\""},
        {"\xed\xa0\x80", 3, "\"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\""},
        {"cut \xe7\x9b", 6, "\"cut \xef\xbf\xbd\xef\xbf\xbd\""},
        {"0123456789abcde\"0123456789abcdef\n", 33, "\"0123456789abcde\\\"0123456789abcdef\\n\""},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf b = BUF_INIT(1000);
        json_escape(&b, cases[i].text, cases[i].n);
        assert_string_equal(b.data, cases[i].want);
        buf_done(&b);
    }
}

/* A special byte at each place of a long run, for the wide scan. */
static void test_escape_at_every_place(void **state)
{
    for (size_t at = 0; at < 70; at++) {
        char text[70], want[80];
        memset(text, 'x', sizeof(text));
        text[at] = '"';
        int n = snprintf(want, sizeof(want), "\"%.*s\\\"%.*s\"", (int)at, text, (int)(69 - at),
                         text + at + 1);
        struct buf b = BUF_INIT(1000);
        json_escape(&b, text, sizeof(text));
        assert_int_equal(b.len, n);
        assert_string_equal(b.data, want);
        buf_done(&b);
    }
}

static struct json in_object(struct buf *b)
{
    struct json j = json_start(b);
    json_obj(&j);
    return j;
}

static void value_without_key(void)
{
    struct buf b = BUF_INIT(100);
    struct json j = in_object(&b);
    json_int(&j, 1);
}

static void key_in_array(void)
{
    struct buf b = BUF_INIT(100);
    struct json j = json_start(&b);
    json_arr(&j);
    json_key(&j, "k");
}

static void end_too_many(void)
{
    struct buf b = BUF_INIT(100);
    struct json j = in_object(&b);
    json_end(&j);
    json_end(&j);
}

static void key_without_value(void)
{
    struct buf b = BUF_INIT(100);
    struct json j = in_object(&b);
    json_key(&j, "k");
    json_end(&j);
}

static void two_roots(void)
{
    struct buf b = BUF_INIT(100);
    struct json j = json_start(&b);
    json_int(&j, 1);
    json_int(&j, 2);
}

static void test_misuse_dies(void **state)
{
    assert_true(dies(value_without_key));
    assert_true(dies(key_in_array));
    assert_true(dies(end_too_many));
    assert_true(dies(key_without_value));
    assert_true(dies(two_roots));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_structure),   cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_escape),      cmocka_unit_test(test_escape_at_every_place),
        cmocka_unit_test(test_misuse_dies),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
