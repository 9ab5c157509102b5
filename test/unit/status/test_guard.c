/* Networks, public addresses, how often. */
#include "unit.h"

#include "status/guard.h"

static struct addr addr(const char *text)
{
    struct addr a = {0};
    assert_true(addr_parse_ip(text, 80, &a));
    return a;
}

static void test_public(void **state)
{
    static const char *const not [] = {"0.0.0.0",
                                       "10.1.2.3",
                                       "100.64.0.1",
                                       "100.127.255.255",
                                       "127.0.0.1",
                                       "127.255.0.1",
                                       "169.254.169.254",
                                       "172.16.0.1",
                                       "172.31.255.255",
                                       "192.0.0.8",
                                       "192.168.1.1",
                                       "198.18.0.1",
                                       "224.0.0.1",
                                       "240.0.0.1",
                                       "255.255.255.255",
                                       "::",
                                       "::1",
                                       "::ffff:127.0.0.1",
                                       "::ffff:10.0.0.1",
                                       "::7f00:1",
                                       "fe80::1",
                                       "fc00::1",
                                       "fd12:3456::1",
                                       "ff02::1",
                                       "64:ff9b::7f00:1",
                                       "64:ff9b::a9fe:a9fe",
                                       "2002:7f00:1::",
                                       "2001:db8::1",
                                       "2001::1",
                                       "64:ff9b:1::1",
                                       "100::1"};
    static const char *const yes[] = {"8.8.8.8",       "1.1.1.1",          "172.32.0.1",
                                      "100.128.0.1",   "193.0.0.1",        "2606:4700:4700::1111",
                                      "2a00:1450::1",  "64:ff9b::808:808", "2002:808:808::1",
                                      "::ffff:8.8.8.8"};
    (void)state;
    for (size_t i = 0; i < array_len(not ); i++) {
        struct addr a = addr(not [i]);
        if (addr_is_public(&a))
            fail_msg("%s is no public address", not [i]);
    }
    for (size_t i = 0; i < array_len(yes); i++) {
        struct addr a = addr(yes[i]);
        if (!addr_is_public(&a))
            fail_msg("%s is a public address", yes[i]);
    }
}

static void test_cidr(void **state)
{
    static const struct {
        const char *net, *ip;
        bool in;
    } cases[] = {
        {"10.0.0.0/8", "10.255.1.1", true},
        {"10.0.0.0/8", "11.0.0.0", false},
        {"192.168.1.128/25", "192.168.1.127", false},
        {"192.168.1.128/25", "192.168.1.128", true},
        {"0.0.0.0/0", "8.8.8.8", true},
        {"0.0.0.0/0", "::1", false},
        {"10.0.0.7", "10.0.0.7", true},
        {"10.0.0.7", "10.0.0.8", false},
        {"2001:db8::/33", "2001:db8:7fff::1", true},
        {"2001:db8::/33", "2001:db8:8000::1", false},
        {"10.0.0.0/8", "::ffff:10.1.1.1", true},
        {"::ffff:10.0.0.0/104", "10.1.1.1", true},
    };
    static const char *const wrong[] = {"",       "/8", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1",
                                        "::/129", "x",  "10.0.0/8"};
    struct cidr c;
    (void)state;
    for (size_t i = 0; i < array_len(cases); i++) {
        struct addr a = addr(cases[i].ip);
        assert_int_equal(cidr_parse(cases[i].net, &c, NULL), 0);
        if (cidr_has(&c, &a) != cases[i].in)
            fail_msg("%s in %s: want %d", cases[i].ip, cases[i].net, cases[i].in);
    }
    for (size_t i = 0; i < array_len(wrong); i++)
        if (cidr_parse(wrong[i], &c, NULL) == 0)
            fail_msg("\"%s\" is no network", wrong[i]);
}

static void test_limiter(void **state)
{
    struct limiter *l = limiter_new(3, 1000);
    struct addr a = addr("1.2.3.4"), b = addr("2a00::1:1"), same = addr("2a00::2");
    (void)state;
    for (int i = 0; i < 3; i++)
        assert_true(limiter_take(l, &a, 10));
    assert_false(limiter_take(l, &a, 20));
    assert_true(limiter_take(l, &a, 1010));
    for (int i = 0; i < 3; i++)
        assert_true(limiter_take(l, i ? &same : &b, 10)); /* one /64 */
    assert_false(limiter_take(l, &b, 20));
    for (uint32_t i = 0; i < 10000; i++) { /* it forgets, and never grows */
        struct addr many = addr("9.0.0.0");
        many.in4.sin_addr.s_addr = i * 2654435761u;
        limiter_take(l, &many, 20);
    }
    assert_true(limiter_take(l, &b, 30));
    limiter_free(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_public), cmocka_unit_test(test_cidr),
                                       cmocka_unit_test(test_limiter)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
