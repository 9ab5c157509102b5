/* One-time codes: the vectors of RFC 4226 and RFC 6238, the window, and that no code is good twice. */
#include "../base/unit.h"

#include "access/totp.h"

static const char key[] = "12345678901234567890";

static void test_hotp(void **state)
{
    static const uint32_t want[] = {755224, 287082, 359152, 969429, 338314,
                                    254676, 287922, 162583, 399871, 520489};
    (void)state;
    for (uint64_t i = 0; i < 10; i++)
        assert_int_equal(hotp(key, 20, i, 6), want[i]);
}

static void test_totp_vectors(void **state)
{
    static const struct {
        int64_t at;
        uint32_t code;
    } cases[] = {{59, 94287082},         {1111111109, 7081804},  {1111111111, 14050471},
                 {1234567890, 89005924}, {2000000000, 69279037}, {20000000000, 65353130}};
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        assert_int_equal(hotp(key, 20, (uint64_t)cases[i].at / 30, 8), cases[i].code);
}

/* The key above in base32. */
#define SECRET "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"

static void test_window(void **state)
{
    char code[16];
    (void)state;
    for (int64_t off = -3; off <= 3; off++) {
        int64_t used = 0, now = 1700000000 / 30 * 30;
        snprintf(code, sizeof(code), "%06u", hotp(key, 20, (uint64_t)(now / 30 + off), 6));
        assert_int_equal(totp_check(SECRET, code, now * 1000, &used), off >= -1 && off <= 1);
        assert_int_equal(used, off >= -1 && off <= 1 ? now / 30 + off : 0);
    }
}

static void test_once(void **state)
{
    int64_t used = 0, now = 1700000010;
    char code[16], before[16];
    (void)state;
    snprintf(before, sizeof(before), "%06u", hotp(key, 20, (uint64_t)(now / 30 - 1), 6));
    snprintf(code, sizeof(code), "%06u", hotp(key, 20, (uint64_t)(now / 30), 6));
    assert_true(totp_check(SECRET, code, now * 1000, &used));
    assert_false(totp_check(SECRET, code, now * 1000, &used));
    assert_false(totp_check(SECRET, before, now * 1000, &used)); /* nor one that is older */
}

static void test_nonsense(void **state)
{
    static const char *const codes[] = {"", "12345", "1234567", "12345a", "-12345", "１２３４５６"};
    int64_t used = 0;
    char secret[TOTP_SECRET], other[TOTP_SECRET];
    (void)state;
    for (size_t i = 0; i < sizeof(codes) / sizeof(*codes); i++)
        assert_false(totp_check(SECRET, codes[i], 1700000010000, &used));
    assert_false(totp_check("", "000000", 1700000010000, &used));
    assert_false(totp_check("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJ1", "000000", 0, &used));
    assert_int_equal(strlen(totp_secret(secret)), 32);
    assert_string_not_equal(secret, totp_secret(other));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hotp),     cmocka_unit_test(test_totp_vectors),
        cmocka_unit_test(test_window),   cmocka_unit_test(test_once),
        cmocka_unit_test(test_nonsense),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
