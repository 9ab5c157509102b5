/* RESP: replies of each kind, cut anywhere, too large, not RESP at all; commands as they are written. */
#include "probe_unit.h"

#include "probe/resp.h"

static void test_kinds(void **state)
{
    static const struct {
        const char *text;
        enum resp_kind kind;
        const char *value;
        int64_t num;
        size_t n;
    } cases[] = {
        {"+OK\r\n", RESP_TEXT, "OK", 0, 0},
        {"-ERR no\r\n", RESP_ERROR, "ERR no", 0, 0},
        {":-42\r\n", RESP_NUMBER, "", -42, 0},
        {"$5\r\na\r\nbc\r\n", RESP_BULK, "a\r\nbc", 0, 0},
        {"$0\r\n\r\n", RESP_BULK, "", 0, 0},
        {"$-1\r\n", RESP_NIL, "", 0, 0},
        {"*-1\r\n", RESP_NIL, "", 0, 0},
        {"*0\r\n", RESP_ARRAY, "", 0, 0},
        {"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", RESP_ARRAY, "", 0, 2},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct resp r;
        size_t n = strlen(cases[i].text);
        for (size_t cut = 0; cut < n; cut++)
            assert_int_equal(resp_length(cases[i].text, cut, NULL), 0);
        assert_int_equal(resp_length(cases[i].text, n, NULL), n);
        assert_int_equal(resp_parse(cases[i].text, n, a, &r, NULL), 0);
        assert_int_equal(r.kind, cases[i].kind);
        assert_true(str_eqz(r.text, cases[i].value));
        assert_true(r.num == cases[i].num && r.n == cases[i].n);
    }
    arena_free(a);
}

static void test_bad(void **state)
{
    static const struct {
        const char *text, *message;
        enum err_code code;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\n", "got \"H\"", ERR_PROTOCOL},
        {"\x16\x03\x01", "got 0x16", ERR_PROTOCOL},
        {"+OK\n", "carriage return", ERR_PROTOCOL},
        {":x\r\n", "want a number", ERR_PROTOCOL},
        {"$1\r\nabc\r\n", "end of a text", ERR_PROTOCOL},
        {"$1048577\r\n", "too large", ERR_TOO_LARGE},
        {"$-2\r\n", "too large", ERR_TOO_LARGE},
        {"*4097\r\n", "too large", ERR_TOO_LARGE},
        {"*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n", "too large",
         ERR_TOO_LARGE},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err err = {0};
        assert_int_equal(resp_length(cases[i].text, strlen(cases[i].text), &err), -1);
        assert_int_equal(err.code, cases[i].code);
        assert_contains(err.msg, cases[i].message);
    }
    struct arena *a = arena_new();
    struct resp r;
    assert_int_equal(resp_parse("$5\r\nab", 6, a, &r, NULL), -1);
    arena_free(a);
}

static void test_write(void **state)
{
    struct buf out = BUF_INIT(200);
    resp_write(&out, (const char *const[]){"AUTH", "", "ge heim"}, 3);
    assert_string_equal(out.data, "*3\r\n$4\r\nAUTH\r\n$0\r\n\r\n$7\r\nge heim\r\n");
    buf_done(&out);
}

static void test_field(void **state)
{
    static const char text[] = "*4\r\n$4\r\nname\r\n$4\r\nshop\r\n$2\r\nip\r\n$0\r\n\r\n";
    struct arena *a = arena_new();
    struct resp r;
    assert_int_equal(resp_parse(text, sizeof(text) - 1, a, &r, NULL), 0);
    assert_true(str_eqz(resp_field(&r, "name"), "shop"));
    assert_true(resp_field(&r, "ip").n == 0 && resp_field(&r, "shop").n == 0);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_bad),
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_field),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
