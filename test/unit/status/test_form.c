/* Forms, cookies, languages. */
#include "unit.h"

#include "status/form.h"

static void test_form(void **state)
{
    struct arena *a = arena_new();
    struct str body = STR(
        "type=mail&to=a%2Bb%40example.com&x&empty=&text=a+b%0A%E4%B8%AD&bad=%zz&raw=%ff&nul=a%00b");
    (void)state;
    assert_string_equal(form_value(body, "type", a), "mail");
    assert_string_equal(form_value(body, "to", a), "a+b@example.com");
    assert_string_equal(form_value(body, "empty", a), "");
    assert_string_equal(form_value(body, "text", a), "a b\n中");
    assert_null(form_value(body, "x", a));
    assert_null(form_value(body, "none", a));
    assert_null(form_value(body, "bad", a));
    assert_null(form_value(body, "raw", a));
    assert_null(form_value(body, "nul", a));
    assert_null(form_value((struct str){0}, "a", a));
    arena_free(a);
}

static void test_cookie(void **state)
{
    struct arena *a = arena_new();
    (void)state;
    assert_string_equal(cookie_value("a=1; b=2;c=3", "b", a), "2");
    assert_string_equal(cookie_value("a=1; b=2;c=3", "c", a), "3");
    assert_null(cookie_value("ab=1", "b", a));
    assert_null(cookie_value(NULL, "b", a));
    arena_free(a);
}

static void test_language(void **state)
{
    (void)state;
    assert_true(prefers_chinese("zh-CN,zh;q=0.9,en;q=0.8"));
    assert_true(prefers_chinese("fr, zh;q=0.5"));
    assert_true(prefers_chinese("zh, en"));
    assert_false(prefers_chinese("en, zh"));
    assert_false(prefers_chinese("en-GB,en;q=0.9,zh;q=0.8"));
    assert_false(prefers_chinese("fr"));
    assert_false(prefers_chinese(NULL));
    assert_false(prefers_chinese("zh;q=0"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_form), cmocka_unit_test(test_cookie),
                                       cmocka_unit_test(test_language)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
