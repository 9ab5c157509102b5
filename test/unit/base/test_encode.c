/* Hex, base64 (RFC 4648 test vectors), percent encoding. */
#include "unit.h"

#include "base/str.h"

static void test_hex(void **state)
{
    struct buf b = BUF_INIT(100);
    hex_encode(&b, "\x00\x1f\xff", 3);
    assert_string_equal(b.data, "001fff");
    buf_done(&b);
    b = BUF_INIT(5);
    hex_encode(&b, "abc", 3);
    assert_true(b.failed);
    buf_done(&b);
}

static void test_base64(void **state)
{
    static const char *const cases[][2] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xff\xfe\xfd", "//79"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf b = BUF_INIT(100), back = BUF_INIT(100);
        buf_puts(&b, "");
        buf_puts(&back, "");
        base64_encode(&b, cases[i][0], strlen(cases[i][0]));
        assert_string_equal(b.data, cases[i][1]);
        assert_int_equal(base64_decode(&back, str_of(cases[i][1]), NULL), 0);
        assert_string_equal(back.data, cases[i][0]);
        buf_done(&b);
        buf_done(&back);
    }
}

static void test_base64_refused(void **state)
{
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {
        {"Zg=", 3},  {"Z", 1},    {"====", 0}, {"Zg==Zg==", 2}, {"Zm9 ", 3}, {"Zm\n=", 2},
        {"Zh==", 1}, {"Zm9=", 2}, {"Zm-_", 2}, {"AAAAAAA*", 7}, {"=AAA", 0}, {"Z===", 1},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf b = BUF_INIT(100);
        struct err err = {0};
        buf_puts(&b, "kept");
        assert_int_equal(base64_decode(&b, str_of(cases[i].text), &err), -1);
        assert_int_equal(err.code, ERR_MALFORMED);
        if (err.at_offset != cases[i].at)
            fail_msg("\"%s\": at %zu", cases[i].text, err.at_offset);
        assert_string_equal(b.data, "kept");
        assert_false(b.failed);
        buf_done(&b);
    }
}

static void test_decode_past_maximum(void **state)
{
    struct buf b = BUF_INIT(5);
    struct err err = {0};
    assert_int_equal(base64_decode(&b, STR("Zm9vYmFy"), &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(url_decode(&b, STR("123456"), &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    assert_int_equal(b.len, 0);
    assert_false(b.failed);
    buf_done(&b);
}

static void test_url(void **state)
{
    struct buf b = BUF_INIT(1000), back = BUF_INIT(1000);
    char all[256];
    for (int i = 0; i < 256; i++)
        all[i] = (char)i;
    url_encode(&b, (struct str){all, sizeof(all)});
    assert_int_equal(url_decode(&back, (struct str){b.data, b.len}, NULL), 0);
    assert_int_equal(back.len, 256);
    assert_memory_equal(back.data, all, 256);
    buf_clear(&b);
    url_encode(&b, STR("a b/ü~+"));
    assert_string_equal(b.data, "a%20b%2F%C3%BC~%2B");
    buf_clear(&b);
    assert_int_equal(url_decode(&b, STR("a+b%2b%2B"), NULL), 0);
    assert_string_equal(b.data, "a+b++");
    buf_done(&b);
    buf_done(&back);
}

static void test_url_refused(void **state)
{
    static const struct {
        const char *text;
        size_t at;
    } cases[] = {{"%", 0}, {"a%4", 1}, {"%zz", 0}, {"ok%20%x1", 5}, {"%4g", 0}};
    for (size_t i = 0; i < array_len(cases); i++) {
        struct buf b = BUF_INIT(100);
        struct err err = {0};
        assert_int_equal(url_decode(&b, str_of(cases[i].text), &err), -1);
        assert_int_equal(err.code, ERR_MALFORMED);
        assert_int_equal(err.at_offset, cases[i].at);
        assert_int_equal(b.len, 0);
        buf_done(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),
        cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_refused),
        cmocka_unit_test(test_decode_past_maximum),
        cmocka_unit_test(test_url),
        cmocka_unit_test(test_url_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
