/* Secrets: their form, that they differ, what is no token; cookies; passwords that are too common. */
#include "../base/unit.h"

#include <ctype.h>

#include "access/password.h"
#include "access/secret.h"

static void test_tokens(void **state)
{
    char a[TOKEN_TEXT], b[TOKEN_TEXT], hash[SECRET_HASH];
    (void)state;
    for (int i = 0; i < 1000; i++) {
        assert_true(token_is_secret(str_of(token_secret(a))));
        assert_int_equal(strlen(a), 44);
        assert_memory_equal(a, "blf_", 4);
        memcpy(b, a, sizeof(b));
        b[4 + i % 40] = b[4 + i % 40] == 'x' ? 'y' : 'x'; /* one character mistyped */
        assert_false(token_is_secret(str_of(b)));
        assert_false(token_is_secret((struct str){a, 43}));
    }
    assert_string_not_equal(a, token_secret(b));
    assert_int_equal(strlen(secret_hash(str_of(a), hash)), 64);
    assert_false(token_is_secret(STR("")));
    assert_false(token_is_secret(STR("blf_!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!!")));
    assert_false(
        token_is_secret((struct str){"blf_\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
                                     "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0",
                                     44}));
}

static void test_sessions_and_codes(void **state)
{
    char session[SESSION_TEXT], code[CODE_TEXT], clean[CODE_TEXT], typed[40];
    (void)state;
    assert_true(session_is_secret(str_of(session_secret(session))));
    assert_false(session_is_secret((struct str){session, 42}));
    session[7] = '"';
    assert_false(session_is_secret(str_of(session)));
    code_secret(code);
    assert_int_equal(strlen(code), 14);
    snprintf(typed, sizeof(typed), " %.4s %.4s-%.4s ", code, code + 5, code + 10);
    for (char *c = typed; *c; c++)
        *c = (char)toupper(*c);
    assert_true(code_clean(str_of(typed), clean));
    assert_string_equal(clean, code);
    assert_false(code_clean(STR("123456"), clean));
    assert_false(code_clean(STR("aaaa-aaaa-aaaaa"), clean));
    assert_false(code_clean(STR("aaaa-aaaa-aaa\xc3"), clean));
}

static void test_cookies(void **state)
{
    static const struct {
        const char *header, *value;
    } cases[] = {
        {"a=1", "1"},          {"b=2; a=1", "1"}, {"a=1;b=2", "1"},  {"aa=3; a=1", "1"},
        {"b=a=3;  a=1 ", "1"}, {"a=", ""},        {"", NULL},        {"a", NULL},
        {"=1", NULL},          {"A=1", NULL},     {";;;a=1;;", "1"}, {"a=1; a=2", "1"},
        {"a=x=y", "x=y"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        struct str got = {0};
        bool is = cookie_get(cases[i].header, "a", &got);
        assert_int_equal(is, cases[i].value != NULL);
        if (is)
            assert_true(str_eqz(got, cases[i].value));
    }
    assert_false(cookie_get(NULL, "a", &(struct str){0}));
}

static void test_passwords(void **state)
{
    static const struct {
        const char *password, *name;
        bool good;
    } cases[] = {
        {"short", "x", false},
        {"123456789", "x", false},
        {"1234567890", "x", false},
        {"PASSWORD123", "x", false},
        {"aaaaaaaaaaaaaaaa", "x", false},
        {"alice12345", "alice", false},
        {"correct horse battery", "alice", true},
        {"密码密码密码密码密码一", "x", true},
        {"密码密码", "x", false},
        {"Tr0ub4dor&3x", "bob", true},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
        if ((password_weakness(cases[i].password, cases[i].name) == NULL) != cases[i].good)
            fail_msg("%s", cases[i].password);
}

static void test_argon2(void **state)
{
    struct password_gate *g = password_gate_new();
    char hash[PASSWORD_HASH];
    bool good = true, old = true;
    (void)state;
    assert_int_equal(password_digest(g, "correct horse battery", hash, NULL), 0);
    assert_memory_equal(hash, "$argon2id$", 10);
    assert_int_equal(password_check(g, hash, "correct horse battery", &good, &old, NULL), 0);
    assert_true(good && !old);
    assert_int_equal(password_check(g, hash, "correct horse batterz", &good, &old, NULL), 0);
    assert_false(good || old);
    assert_int_equal(password_check(g, NULL, "correct horse battery", &good, &old, NULL), 0);
    assert_false(good || old);
    assert_int_equal(password_check(g, "no hash", "correct horse battery", &good, &old, NULL), 0);
    assert_false(good);
    password_gate_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tokens),  cmocka_unit_test(test_sessions_and_codes),
        cmocka_unit_test(test_cookies), cmocka_unit_test(test_passwords),
        cmocka_unit_test(test_argon2),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
