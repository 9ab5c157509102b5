/* The error value: message, prefix, place, cutting at characters. */
#include "unit.h"

#include "base/err.h"
#include "base/str.h"

static void x_check(const struct err *e)
{
    size_t n = strlen(e->msg);
    assert_true(n < sizeof(e->msg));
    assert_true(utf8_valid(e->msg, n));
    assert_true(utf8_valid(e->where, strlen(e->where)));
    assert_true(e->code == ERR_OK || (e->file != NULL && e->line > 0 && n > 0));
}

static void test_set(void **state)
{
    struct err e = {0};
    assert_int_equal(err_set(&e, ERR_INVALID, "cannot %s: got %d", "x", 7), -1);
    x_check(&e);
    assert_int_equal(e.code, ERR_INVALID);
    assert_string_equal(e.msg, "cannot x: got 7");
    assert_int_equal(e.sys_errno, 0);
    assert_non_null(strstr(e.file, "test_err.c"));
    assert_int_equal(err_set(NULL, ERR_IO, "nobody listens"), -1);
}

static void test_sys(void **state)
{
    struct err e = {0};
    errno = ENOENT;
    err_sys(&e, ERR_NOT_FOUND, "cannot open %s", "a");
    x_check(&e);
    assert_int_equal(e.sys_errno, ENOENT);
    assert_string_equal(e.msg, "cannot open a: No such file or directory");
}

static void test_prefix_and_own_message(void **state)
{
    struct err e = {0};
    err_set(&e, ERR_IO, "disk");
    assert_int_equal(err_prefix(&e, "group %d", 3), -1);
    assert_string_equal(e.msg, "group 3: disk");
    err_set(&e, ERR_FULL, "again: %s", e.msg); /* an argument inside *err */
    assert_string_equal(e.msg, "again: group 3: disk");
    x_check(&e);
    assert_int_equal(err_prefix(NULL, "x"), -1);
}

/* Every length of filler, so that the cut falls on each byte of a three-byte character. */
static void test_cut_at_character(void **state)
{
    for (int fill = 380; fill < 400; fill++) {
        struct err e = {0};
        err_set(&e, ERR_IO, "%*s%s", fill, "", "监控系统监控系统监控系统");
        x_check(&e);
        err_prefix(&e, "%s", "前缀");
        x_check(&e);
    }
}

static void test_text(void **state)
{
    static const struct {
        const char *where;
        int line, column;
        const char *want;
    } cases[] = {
        {"", 0, 0, "bad"},
        {"belfry.yaml", 0, 0, "belfry.yaml: bad"},
        {"belfry.yaml", 3, 0, "belfry.yaml:3: bad"},
        {"belfry.yaml", 3, 14, "belfry.yaml:3:14: bad"},
        {"", 3, 14, "3:14: bad"},
        {NULL, 0, 0, "bad"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct err e = {0};
        char text[64];
        err_set(&e, ERR_INVALID, "bad");
        assert_int_equal(err_where(&e, cases[i].where, cases[i].line, cases[i].column), -1);
        x_check(&e);
        assert_string_equal(err_text(&e, text, sizeof(text)), cases[i].want);
    }
}

static void test_codes(void **state)
{
    assert_string_equal(err_code_name(ERR_TIMEOUT), "TIMEOUT");
    assert_int_equal(err_code_http(ERR_NOT_FOUND), 404);
    assert_true(err_code_retry(ERR_TIMEOUT));
    assert_false(err_code_retry(ERR_INVALID));
}

static void test_clear(void **state)
{
    struct err e = {0};
    err_set(&e, ERR_IO, "x");
    err_where(&e, "f", 1, 2);
    err_clear(&e);
    x_check(&e);
    assert_int_equal(e.code, ERR_OK);
    assert_int_equal(e.at_line, 0);
    err_clear(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_sys),
        cmocka_unit_test(test_prefix_and_own_message),
        cmocka_unit_test(test_cut_at_character),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
