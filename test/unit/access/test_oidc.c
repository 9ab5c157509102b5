/* Sign-in by OpenID Connect, what is pure of it (oidc.h): states, and what claims say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "access/oidc.h"

#define NOW_MS 1800000000000
#define ISSUER "https://id.example.com"

static struct pair roles[] = {{"admins", "admin"}, {"staff", "viewer"}};
static const struct config_oidc config = {.client_id = "belfry",
                                          .role_claim = "realm.roles",
                                          .name_claim = "preferred_username",
                                          .roles = {roles, array_len(roles)},
                                          .default_role = "none"};

static const struct node *json(struct arena *a, const char *text)
{
    struct err err = {0};
    const struct node *n = node_from_json(a, text, strlen(text), &err);
    assert_non_null(n);
    return n;
}

/* "": it is good. */
static const char *check(struct arena *a, const char *claims)
{
    struct err err = {0};
    if (oidc_check(json(a, claims), &config, ISSUER, "n", NOW_MS, &err) == 0)
        return "";
    assert_int_equal(err.code, ERR_DENIED);
    return arena_printf(a, "%s", err.msg);
}

static void test_check(void **state)
{
    static const struct {
        const char *claims, *said;
    } cases[] = {
        {"'aud':'belfry','exp':1800000000,'nonce':'n','sub':'u'", ""},
        {"'aud':['belfry'],'exp':1799999941,'nonce':'n','sub':'u'", ""},
        {"'aud':['x','belfry'],'azp':'belfry','exp':1800000000.5,'nonce':'n','sub':'u'", ""},
        {"'aud':['x','belfry'],'exp':1800000000,'nonce':'n','sub':'u'", "somebody else"},
        {"'aud':{'belfry':1},'exp':1800000000,'nonce':'n','sub':'u'", "somebody else"},
        {"'aud':'belfry','exp':1799999940,'nonce':'n','sub':'u'", "expired"},
        {"'aud':'belfry','exp':'1800000000','nonce':'n','sub':'u'", "expired"},
        {"'aud':'belfry','exp':1e300,'nonce':'n','sub':'u'", "expired"},
        {"'aud':'belfry','exp':1800000000,'nbf':1800000061,'nonce':'n','sub':'u'", "not valid yet"},
        {"'aud':'belfry','exp':1800000000,'iat':1800000301,'nonce':'n','sub':'u'", "not valid yet"},
        {"'aud':'belfry','exp':1800000000,'nonce':'m','sub':'u'", "another sign-in"},
        {"'aud':'belfry','exp':1800000000,'nonce':['n'],'sub':'u'", "another sign-in"},
        {"'aud':'belfry','exp':1800000000,'nonce':'n','sub':7", "names nobody"},
        {"'aud':'belfry','exp':1800000000,'nonce':'n','sub':'u\\u0000v'", "names nobody"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        char text[300];
        snprintf(text, sizeof(text), "{'iss':'" ISSUER "',%s}", cases[i].claims);
        for (char *c = text; *c; c++)
            *c = *c == '\'' ? '"' : *c;
        const char *said = check(a, text);
        if (!strstr(said, cases[i].said) || !*said != !*cases[i].said)
            fail_msg("%s: %s", text, said);
    }
    assert_non_null(strstr(check(a, "{\"iss\":\"" ISSUER "/\"}"), "another issuer"));
    arena_free(a);
}

static void test_identity(void **state)
{
    static const struct {
        const char *claims, *info, *name;
        enum role role;
        bool lacks;
    } cases[] = {
        {"{\"sub\":\"u\",\"preferred_username\":\"li\",\"realm\":{\"roles\":[\"staff\",\"admins\"]}}",
         NULL, "li", ROLE_ADMIN, false},
        {"{\"sub\":\"u\",\"preferred_username\":\"li\",\"realm.roles\":\"staff\"}", NULL, "li",
         ROLE_VIEWER, false},
        {"{\"sub\":\"u\",\"email\":\"li@x\",\"realm\":{\"roles\":[\"guests\"]}}", NULL, "li@x",
         ROLE_NONE, true},
        {"{\"sub\":\"u\"}", NULL, "u", ROLE_NONE, true},
        {"{\"sub\":\"u\"}",
         "{\"sub\":\"u\",\"preferred_username\":\"李\",\"realm\":{\"roles\":[\"admins\"]}}", "李",
         ROLE_ADMIN, true},
        {"{\"sub\":\"u\",\"email\":\"li@x\"}", "{\"sub\":\"u\",\"preferred_username\":\"li\"}",
         "li", ROLE_NONE, true},
        /* what the token says is not said otherwise */
        {"{\"sub\":\"u\",\"realm\":{\"roles\":\"staff\"}}",
         "{\"sub\":\"u\",\"email\":\"li@x\",\"realm\":{\"roles\":[\"admins\"]}}", "li@x",
         ROLE_VIEWER, true},
    };
    struct arena *a = arena_new();
    struct oidc_identity who;
    struct err err = {0};
    for (size_t i = 0; i < array_len(cases); i++) {
        const struct node *claims = json(a, cases[i].claims);
        const struct node *info = cases[i].info ? json(a, cases[i].info) : NULL;
        assert_int_equal(oidc_lacks(claims, &config), cases[i].lacks);
        assert_int_equal(oidc_identify(claims, info, &config, &who, &err), 0);
        assert_string_equal(who.subject, "u");
        assert_string_equal(who.name, cases[i].name);
        assert_int_equal(who.role, cases[i].role);
    }
    static const char *const others[] = {"{\"sub\":\"v\"}", "{}", "[]", "{\"sub\":[\"u\"]}"};
    for (size_t i = 0; i < array_len(others); i++) {
        err = (struct err){0};
        assert_int_equal(
            oidc_identify(json(a, "{\"sub\":\"u\"}"), json(a, others[i]), &config, &who, &err), -1);
        assert_int_equal(err.code, ERR_DENIED);
    }
    arena_free(a);
}

static void test_states(void **state)
{
    struct oidc_table *t = oidc_table_new();
    struct oidc_pending first, other, got;
    oidc_begin(t, "/targets/7", NOW_MS, &first);
    oidc_begin(t, "https://evil.example/", NOW_MS, &other);
    assert_string_equal(first.next, "/targets/7");
    assert_string_equal(other.next, "/");
    assert_false(oidc_take(t, "", str_of(""), NOW_MS, &got));
    assert_true(oidc_take(t, first.state, str_of(first.browser), NOW_MS + 599999, &got));
    assert_string_equal(got.verifier, first.verifier);
    assert_false(oidc_take(t, first.state, str_of(first.browser), NOW_MS, &got)); /* good once */
    assert_false(oidc_take(t, other.state, str_of(first.browser), NOW_MS, &got));
    assert_false(
        oidc_take(t, other.state, str_of(other.browser), NOW_MS, &got)); /* used up by that */
    oidc_begin(t, "/", NOW_MS, &other);
    assert_false(oidc_take(t, other.state, str_of(other.browser), NOW_MS + 600000, &got));
    oidc_begin(t, "/", NOW_MS, &first);
    for (int i = 0; i < 1000; i++)
        oidc_begin(t, "/", NOW_MS, &other);
    assert_false(oidc_take(t, first.state, str_of(first.browser), NOW_MS, &got)); /* it gave way */
    assert_true(oidc_take(t, other.state, str_of(other.browser), NOW_MS, &got));
    oidc_table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_identity),
        cmocka_unit_test(test_states),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
