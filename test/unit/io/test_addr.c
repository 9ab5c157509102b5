/* Addresses: literals, "host:port" in its forms, round trips. */
#include "io_unit.h"

#include "base/must.h"

static void test_literals(void **state)
{
    static const struct {
        const char *text, *ip, *full;
    } good[] = {
        {"10.0.0.1", "10.0.0.1", "10.0.0.1:80"},
        {"::1", "::1", "[::1]:80"},
        {"[::1]", "::1", "[::1]:80"},
        {"2001:DB8::0:1", "2001:db8::1", "[2001:db8::1]:80"},
        {"::ffff:10.0.0.1", "::ffff:10.0.0.1", "[::ffff:10.0.0.1]:80"},
    };
    for (size_t i = 0; i < array_len(good); i++) {
        struct addr a;
        char text[ADDR_TEXT];
        assert_true(addr_parse_ip(good[i].text, 80, &a));
        assert_string_equal(addr_ip(&a, text), good[i].ip);
        assert_string_equal(addr_text(&a, text), good[i].full);
        assert_int_equal(addr_port(&a), 80);
        addr_set_port(&a, 65535);
        assert_int_equal(addr_port(&a), 65535);
    }
    static const char *const bad[] = {"",     "localhost", "10.0.0",   "10.0.0.256", "[10.0.0.1]",
                                      "[::1", "::1]",      "1.2.3.4 ", "[]",         "0x7f.1",
                                      ":::",  "1.2.3.4.5", "[[::1]]"};
    for (size_t i = 0; i < array_len(bad); i++) {
        struct addr a;
        assert_false(addr_parse_ip(bad[i], 80, &a));
    }
}

static void test_hostport(void **state)
{
    static const struct {
        const char *text, *host;
        uint16_t port;
    } good[] = {
        {"db:5432", "db", 5432},
        {"db", "db", 7},
        {"[::1]:53", "::1", 53},
        {"[::1]", "::1", 7},
        {"::1", "::1", 7},
        {"10.1.2.3:65535", "10.1.2.3", 65535},
        {"a.b-c_d.example:1", "a.b-c_d.example", 1},
        {"münchen.example:80", "münchen.example", 80},
    };
    for (size_t i = 0; i < array_len(good); i++) {
        char host[256];
        uint16_t port = 7;
        struct err err = {0};
        assert_int_equal(hostport_parse(good[i].text, host, sizeof(host), &port, &err), 0);
        assert_string_equal(host, good[i].host);
        assert_int_equal(port, good[i].port);
    }
    static const char *const bad[] = {
        "",           ":80",   "db:",        "db:0",         "db:65536",  "db:8o",   "db:+80",
        "db: 80",     "a b:1", "[::1]x",     "[::1]:",       "[::1",      "[db]:80", "http://db",
        "db:80/path", "a:b:c", "user@db:80", "[10.0.0.1]:1", "db:000080",
    };
    for (size_t i = 0; i < array_len(bad); i++) {
        char host[256] = "untouched";
        uint16_t port = 7;
        struct err err = {0};
        assert_int_equal(hostport_parse(bad[i], host, sizeof(host), &port, &err), -1);
        assert_true(err.code != ERR_OK && err.msg[0] != '\0');
        assert_string_equal(host, "untouched");
        assert_int_equal(port, 7);
    }
}

static void test_hostport_size(void **state)
{
    char host[4], text[400];
    uint16_t port = 1;
    struct err err = {0};
    assert_int_equal(hostport_parse("abc:2", host, sizeof(host), &port, &err), 0);
    assert_int_equal(hostport_parse("abcd:2", host, sizeof(host), &port, &err), -1);
    assert_int_equal(err.code, ERR_TOO_LARGE);
    memset(text, 'a', sizeof(text) - 1);
    text[sizeof(text) - 1] = '\0';
    char big[512];
    assert_int_equal(hostport_parse(text, big, sizeof(big), &port, &err), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_literals),
        cmocka_unit_test(test_hostport),
        cmocka_unit_test(test_hostport_size),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
