/* URL forms: parsing, and what each prober makes of them. */
#include "probe_unit.h"

#include "base/str.h"
#include "probe/url.h"

static void test_parts(void **state)
{
    static const struct {
        const char *text, *scheme, *user, *pass, *host, *path, *query;
        uint16_t port;
    } cases[] = {
        {"http://a/", "http", NULL, NULL, "a", "/", NULL, 0},
        {"HTTPS://A.example:8443/x%20y?a=1&b=%2F#top", "https", NULL, NULL, "A.example", "/x y",
         "a=1&b=%2F", 8443},
        {"tcp://[::1]:80", "tcp", NULL, NULL, "::1", "", NULL, 80},
        {"icmp://[fe80::1]", "icmp", NULL, NULL, "fe80::1", "", NULL, 0},
        {"postgresql://mon:p%40ss:w@10.0.0.5:5432/app", "postgresql", "mon", "p@ss:w", "10.0.0.5",
         "/app", NULL, 5432},
        {"redis://:secret@h", "redis", "", "secret", "h", "", NULL, 0},
        {"mysql://u@h@x:1", "mysql", "u@h", NULL, "x", "", NULL, 1},
        {"kafka://a:9092,b:9093/?group=G", "kafka", NULL, NULL, "a:9092,b:9093", "/", "group=G", 0},
        {"dns:///name", "dns", NULL, NULL, "", "/name", NULL, 0},
        {"exec:/path/to/plugin", "exec", NULL, NULL, "", "/path/to/plugin", NULL, 0},
        {"tcp://h:", "tcp", NULL, NULL, "h", "", NULL, 0},
        {"grpc+tls://h?x", "grpc+tls", NULL, NULL, "h", "", "x", 0},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct url u;
        struct err err = {0};
        if (url_parse(cases[i].text, a, &u, &err) != 0)
            fail_msg("%s: %s", cases[i].text, err.msg);
        assert_string_equal(u.scheme, cases[i].scheme);
        assert_true(streq(u.username, cases[i].user));
        assert_true(streq(u.password, cases[i].pass));
        assert_string_equal(u.host, cases[i].host);
        assert_string_equal(u.path, cases[i].path);
        assert_true(streq(u.query, cases[i].query));
        assert_int_equal(u.port, cases[i].port);
        assert_string_equal(u.text, cases[i].text);
    }
    arena_free(a);
}

static void test_refused(void **state)
{
    static const struct {
        const char *text, *why;
        size_t at;
    } cases[] = {
        {"", "want scheme", 0},
        {"//a", "want scheme", 0},
        {"a", "want scheme", 1},
        {"1http://a", "want scheme", 0 + 5},
        {"http://a b/", "no spaces", 8},
        {"http://a\n", "no spaces", 8},
        {"tcp://h:0", "port from 1", 8},
        {"tcp://h:65536", "port from 1", 8},
        {"tcp://h:8o", "port from 1", 8},
        {"tcp://[::1", "\"]\"", 6},
        {"tcp://[::1]x", "after \"]\"", 11},
        {"http://a/%zz", "", 0},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct url u;
        struct err err = {0};
        assert_int_equal(url_parse(cases[i].text, a, &u, &err), -1);
        assert_contains(err.msg, cases[i].why);
        if (cases[i].at)
            assert_int_equal(err.at_offset, cases[i].at);
    }
    char *longest = malloc(URL_MAX + 2);
    struct err err = {0};
    struct url u;
    memset(longest, 'a', URL_MAX + 1);
    longest[URL_MAX + 1] = '\0';
    assert_int_equal(url_parse(longest, a, &u, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    free(longest);
    arena_free(a);
}

static void test_query(void **state)
{
    struct arena *a = arena_new();
    struct url u;
    assert_int_equal(url_parse("x://h?a=1&tls&b=%41%26&a=2&=3", a, &u, NULL), 0);
    assert_string_equal(url_query(&u, "a", a), "1");
    assert_string_equal(url_query(&u, "b", a), "A&");
    assert_null(url_query(&u, "c", a));
    struct node *map = url_to_config(&u, a, NULL);
    assert_non_null(map);
    assert_true(str_eqz(node_get(map, "host")->text, "h"));
    assert_true(str_eqz(node_get(map, "tls")->text, "true"));
    assert_true(str_eqz(node_get(map, "a")->text, "2"));
    assert_null(node_get(map, ""));
    assert_null(node_get(map, "port"));
    arena_free(a);
}

/* URL → what the prober says it probes; or the problem. */
static void test_forms(void **state)
{
    static const struct {
        const char *type, *url, *describes, *problem;
    } cases[] = {
        {"http", "https://u:p@shop.example/health?x=1", "https://shop.example/health?x=1", NULL},
        {"http", "http://", NULL, "no host"},
        {"tcp", "tcp://db.example:5432", "db.example:5432", NULL},
        {"tls", "tls://[::1]:443", "[::1]:443", NULL},
        {"tcp", "tcp://db.example", NULL, "no port"},
        {"tcp", "tcp://:80", NULL, "no host"},
        {"tcp", "tcp://h:80?starttls=smtp", "h:80", NULL},
        {"tcp", "tcp://h:80?startls=smtp", NULL, "starttls"},
        {"tcp", "tcp://h:80?tls&starttls=smtp", NULL, "both tls and starttls"},
        {"smtp", "smtps://mail.example", "mail.example:465", NULL},
        {"ftp", "ftp://files.example/pub/x", "files.example:21/pub/x", NULL},
        {"icmp", "icmp://gw.example?count=3", "gw.example", NULL},
        {"icmp", "icmp://[::1]", "::1", NULL},
        {"icmp", "icmp://gw:7", NULL, "no ports"},
        {"icmp", "icmp://gw?count=0", NULL, "count"},
        {"dns", "dns://10.0.0.1/example.com?type=MX", "example.com MX @10.0.0.1", NULL},
        {"dns", "dns://10.0.0.1:5353/example.com", "example.com A @10.0.0.1:5353", NULL},
        {"dns", "dns://[::1]/example.com", "example.com A @[::1]:53", NULL},
        {"dns", "dns://a,b:54/example.com", "example.com A @a, b:54", NULL},
        {"dns", "dns://10.0.0.1", "10.0.0.1", NULL},
        {"dns", "dns:///example.com", "example.com A", NULL},
        {"dns", "dns://10.0.0.1/ex..com", NULL, "between two dots"},
        {"dns", "dns://10.0.0.1/x?type=FOO", NULL, "type"},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct arena *a = arena_new();
        struct problems p;
        struct err err = {0};
        struct buf out = BUF_INIT(1000);
        const struct prober_ops *ops = prober_by_url(cases[i].url, &err);
        assert_non_null(ops);
        assert_string_equal(ops->type, cases[i].type);
        struct node *config = node_map(a);
        node_put(config, a, "url", node_text(a, cases[i].url));
        problems_init(&p, a);
        struct compiled *c = probe_compile(ops, config, &p, "config");
        if (cases[i].describes && !c)
            fail_msg("%s: %s", cases[i].url, p.list.at[0].message);
        if (c)
            compiled_describe(c, &out);
        else
            problems_text(&p, &out);
        assert_true((c != NULL) == (cases[i].describes != NULL));
        if (c)
            assert_string_equal(out.data, cases[i].describes);
        else
            assert_contains(out.data, cases[i].problem);
        compiled_free(c);
        buf_done(&out);
        problems_done(&p);
        arena_free(a);
    }
}

static void test_schemes(void **state)
{
    struct err err = {0};
    assert_null(prober_by_url("htps://x", &err));
    assert_contains(err.msg, "did you mean \"http");
    assert_null(prober_by_url("no colon", &err));
    assert_contains(err.msg, "not a URL");
    assert_null(prober_by_type("gopher", NULL));
    for (const struct prober_ops *const *p = prober_table(); *p; p++) {
        assert_ptr_equal(prober_by_type((*p)->type, NULL), *p);
        assert_non_null((*p)->run);
        assert_non_null((*p)->describe);
        assert_true(((*p)->schemes[0] != NULL) ==
                    ((*p)->from_url != NULL)); /* push, exec … have no URL form */
        assert_true((*p)->config_size > 0);
        assert_true((*p)->title.en && (*p)->title.zh && (*p)->help.en && (*p)->help.zh);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parts), cmocka_unit_test(test_refused), cmocka_unit_test(test_query),
        cmocka_unit_test(test_forms), cmocka_unit_test(test_schemes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
