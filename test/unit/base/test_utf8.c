/* UTF-8: RFC 3629's borders, cutting, cleaning. */
#include "unit.h"

#include "base/str.h"

static void test_valid(void **state)
{
    static const struct {
        const char *text;
        bool valid;
        size_t count;
    } cases[] = {
        {"", true, 0},
        {"plain ascii text", true, 16},
        {"\x7f", true, 1},
        {"\xc2\x80", true, 1},
        {"\xc1\xbf", false, 2}, /* overlong */
        {"\xdf\xbf", true, 1},
        {"\xe0\xa0\x80", true, 1},
        {"\xe0\x9f\xbf", false, 3}, /* overlong */
        {"\xed\x9f\xbf", true, 1},
        {"\xed\xa0\x80", false, 3}, /* surrogate */
        {"\xee\x80\x80", true, 1},
        {"\xf0\x90\x80\x80", true, 1},
        {"\xf0\x8f\xbf\xbf", false, 4}, /* overlong */
        {"\xf4\x8f\xbf\xbf", true, 1},
        {"\xf4\x90\x80\x80", false, 4}, /* beyond U+10FFFF */
        {"\xf5\x80\x80\x80", false, 4},
        {"\x80", false, 1},
        {"\xe4\xb8", false, 2}, /* cut */
        {"监控 ok", true, 5},
        {"long ascii before 监", true, 19},
        {"long ascii before \xff", false, 19},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        size_t n = strlen(cases[i].text);
        assert_int_equal(utf8_valid(cases[i].text, n), cases[i].valid);
        assert_int_equal(utf8_count(cases[i].text, n), cases[i].count);
    }
}

static void test_cut(void **state)
{
    static const char text[] = "a\xc3\xa9\xe7\x9b\x91\xf0\x9f\x94\x94z"; /* 1+2+3+4+1 bytes */
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11, 11};
    for (size_t max = 0; max < array_len(want); max++)
        assert_int_equal(utf8_cut(text, sizeof(text) - 1, max), want[max]);
    assert_int_equal(utf8_cut("\x80\x80\x80\x80\x80\x80", 6, 4), 4); /* no character to spare */
}

static void test_whole(void **state)
{
    static const char text[] = "a\xc3\xa9\xe7\x9b\x91\xf0\x9f\x94\x94z";
    static const size_t want[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t n = 0; n < array_len(want); n++)
        assert_int_equal(utf8_whole(text, n), want[n]);
}

static void test_clean(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"ok 监控", "ok 监控"},
        {"a\xff"
         "b",
         "a\xef\xbf\xbd"
         "b"},
        {"\xe4\xb8", "\xef\xbf\xbd\xef\xbf\xbd"},
        {"x\xed\xa0\x80", "x\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf b = BUF_INIT(1000);
        buf_puts(&b, "");
        utf8_clean(&b, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(b.data, cases[i][1]);
        assert_true(utf8_valid(b.data, b.len));
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_whole),
        cmocka_unit_test(test_clean),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
