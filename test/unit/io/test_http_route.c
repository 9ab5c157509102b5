/* http_route: which hosts go past a proxy, and which cookies a hop brings. */
#include "io_unit.h"

#include "base/arena.h"
#include "io/http_route.h"

static void test_direct(void **state)
{
    static const struct {
        const char *url, *rule;
        bool direct;
    } cases[] = {
        {"http://shop.example/", "*", true},
        {"http://shop.example/", "shop.example", true},
        {"http://SHOP.example/", "Shop.Example", true},
        {"http://a.shop.example/", "shop.example", true},
        {"http://a.shop.example/", ".shop.example", true},
        {"http://a.shop.example/", "*.shop.example", true},
        {"http://shop.example/", ".shop.example", false},
        {"http://ashop.example/", "shop.example", false},
        {"http://shop.example/", "shop.example:80", true},
        {"https://shop.example/", "shop.example:80", false},
        {"http://10.1.2.3/", "10.0.0.0/8", true},
        {"http://11.1.2.3/", "10.0.0.0/8", false},
        {"http://10.1.2.3/", "10.1.2.0/23", true},
        {"http://10.1.4.3/", "10.1.2.0/23", false},
        {"http://10.1.2.3/", "10.1.2.3", true},
        {"http://10.1.2.3:81/", "10.1.2.3:80", false},
        {"http://10.1.2.3/", "10.0.0.0/33", false},
        {"http://10.1.2.3/", "10.0.0.0/x", false},
        {"http://10.1.2.3/", "0.0.0.0/0", true},
        {"http://[2001:db8::1]/", "2001:db8::/32", true},
        {"http://[2001:db9::1]/", "2001:db8::/32", false},
        {"http://[::1]/", "::1", true},
        {"http://[::1]:81/", "[::1]:81", true},
        {"http://[::1]/", "127.0.0.1", false},
        {"http://shop.example/", "10.0.0.0/8", false},
        {"http://shop.example/", "", false},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct http_url u;
        assert_int_equal(http_url_parse(cases[i].url, a, &u, NULL), 0);
        if (http_goes_direct(&cases[i].rule, 1, &u) != cases[i].direct)
            fail_msg("%s by \"%s\"", cases[i].url, cases[i].rule);
    }
    arena_free(a);
}

static void test_cookies(void **state)
{
    static const char first[] = "Set-Cookie: a=1; Path=/\nX: y\nset-cookie: b = 2\nSet-Cookie: =3\n"
                                "Set-Cookie: none\n";
    static const char second[] = "Set-Cookie: a=4\n";
    struct arena *a = arena_new();
    struct http_jar jar = {.n = 0};
    assert_null(http_jar_give(&jar, "x", a));
    http_jar_take(&jar, "x", first, sizeof(first) - 1, a);
    assert_string_equal(http_jar_give(&jar, "x", a), "a=1; b=2");
    assert_null(http_jar_give(&jar, "y", a));
    http_jar_take(&jar, "x", second, sizeof(second) - 1, a);
    assert_string_equal(http_jar_give(&jar, "x", a), "a=4; b=2");
    for (int i = 0; i < 100; i++) {
        char line[40];
        int n = snprintf(line, sizeof(line), "Set-Cookie: c%d=1\n", i);
        http_jar_take(&jar, "y", line, (size_t)n, a);
    }
    assert_int_equal(jar.n, HTTP_COOKIES_MAX);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_direct),
                                       cmocka_unit_test(test_cookies)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
