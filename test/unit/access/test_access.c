/* The tables: whom a session or a token stands for, that it ends with its account, and what roles come out. */
#include "../base/unit.h"

#include "access/access.h"
#include "access/documents.h"
#include "access/secret.h"
#include "config/config.h"

#define NOW INT64_C(1800000000000)
#define MIN INT64_C(60000)

struct bed {
    struct access *access;
    struct arena *arena;
    char session[SESSION_TEXT], token[TOKEN_TEXT];
};

static struct config *config_of(const char *text)
{
    struct arena *a = arena_new();
    struct problems p;
    problems_init(&p, a);
    struct config_input in = {.path = "belfry.yaml", .text = text, .size = strlen(text)};
    struct config *c = config_load(&in, NULL, &p);
    assert_non_null(c);
    problems_done(&p);
    arena_free(a);
    return c;
}

static void put_session(struct bed *b, uint64_t id, int64_t user)
{
    char hash[SECRET_HASH];
    struct session s = {.hash = secret_hash(str_of(session_secret(b->session)), hash),
                        .address = "",
                        .user_agent = "",
                        .method = "password",
                        .user_id = user,
                        .created_ms = NOW,
                        .seen_ms = NOW};
    access_document(b->access, "session", id, session_format(&s, b->arena));
}

static void put_token(struct bed *b, uint64_t id, int64_t user, enum role scope, const char *group,
                      int64_t expires)
{
    char hash[SECRET_HASH];
    struct token t = {.name = "ci",
                      .hash = secret_hash(str_of(token_secret(b->token)), hash),
                      .group = group,
                      .scope = scope,
                      .user_id = user,
                      .created_ms = NOW,
                      .expires_ms = expires};
    access_document(b->access, "token", id, token_format(&t, b->arena));
}

static struct bed bed_open(void)
{
    struct bed b = {.access = access_new(), .arena = arena_new()};
    struct config *c = config_of("access: {session_idle: 1h, session_max: 2h}\n");
    access_configure(b.access, c);
    config_unref(&c);
    access_document(
        b.access, "user", 1,
        "{\"name\":\"Alice\",\"role\":\"viewer\",\"groups\":{\"web\":\"editor\",\"db\":\"none\"}}");
    access_document(b.access, "user", 2, "{\"name\":\"root\",\"role\":\"admin\"}");
    return b;
}

static void bed_close(struct bed *b)
{
    access_free(b->access);
    arena_free(b->arena);
}

static bool enters(struct bed *b, int64_t at, struct principal *p)
{
    bool stale;
    return access_by_session(b->access, str_of(b->session), at, b->arena, p, &stale);
}

static void test_sessions(void **state)
{
    struct bed b = bed_open();
    struct principal p;
    (void)state;
    put_session(&b, 10, 1);
    assert_true(enters(&b, NOW, &p));
    assert_string_equal(p.name, "Alice");
    assert_int_equal(p.kind, PRINCIPAL_USER);
    assert_int_equal(principal_role(&p, NULL), ROLE_VIEWER);
    assert_int_equal(principal_role(&p, "web"), ROLE_EDITOR);
    assert_int_equal(principal_role(&p, "db"), ROLE_NONE);
    assert_int_equal(principal_role(&p, "other"), ROLE_VIEWER);
    assert_true(principal_sees_some(&p, ROLE_EDITOR));
    assert_false(principal_sees_some(&p, ROLE_ADMIN));
    assert_true(enters(&b, NOW + 59 * MIN, &p)); /* idle times are counted anew from here */
    assert_true(enters(&b, NOW + 118 * MIN, &p));
    assert_false(enters(&b, NOW + 120 * MIN, &p)); /* as long as any may last */
    put_session(&b, 10, 1);
    access_document(b.access, "session", 10, NULL);
    assert_false(enters(&b, NOW, &p));
    bed_close(&b);
}

static void test_idle(void **state)
{
    struct bed b = bed_open();
    struct principal p;
    (void)state;
    put_session(&b, 10, 2);
    assert_true(enters(&b, NOW + 59 * MIN, &p));
    assert_int_equal(access_used(b.access, "session", 10), NOW + 59 * MIN);
    put_session(&b, 11, 2);
    assert_false(enters(&b, NOW + 60 * MIN, &p));
    bed_close(&b);
}

static void test_ends_with_the_account(void **state)
{
    struct bed b = bed_open();
    struct principal p;
    bool stale;
    (void)state;
    put_session(&b, 10, 2);
    put_token(&b, 11, 2, ROLE_ADMIN, "", 0);
    access_document(b.access, "user", 2,
                    "{\"name\":\"root\",\"role\":\"admin\",\"enabled\":false}");
    assert_false(enters(&b, NOW, &p));
    assert_false(access_by_token(b.access, str_of(b.token), NOW, b.arena, &p, &stale));
    access_document(b.access, "user", 2, "{\"name\":\"root\",\"role\":\"admin\"}");
    assert_true(enters(&b, NOW, &p));
    access_document(b.access, "user", 2, NULL);
    assert_false(enters(&b, NOW, &p));
    assert_false(access_by_token(b.access, str_of(b.token), NOW, b.arena, &p, &stale));
    bed_close(&b);
}

static void test_tokens(void **state)
{
    static const struct {
        int64_t user;
        enum role scope;
        const char *group;
        enum role all, web, db;
    } cases[] = {
        {0, ROLE_VIEWER, "", ROLE_VIEWER, ROLE_VIEWER, ROLE_VIEWER},
        {0, ROLE_ADMIN, "", ROLE_ADMIN, ROLE_ADMIN, ROLE_ADMIN},
        {0, ROLE_EDITOR, "web", ROLE_NONE, ROLE_EDITOR, ROLE_NONE},
        {1, ROLE_ADMIN, "", ROLE_VIEWER, ROLE_EDITOR, ROLE_NONE},
        {1, ROLE_VIEWER, "", ROLE_VIEWER, ROLE_VIEWER, ROLE_NONE},
        {1, ROLE_ADMIN, "web", ROLE_NONE, ROLE_EDITOR, ROLE_NONE},
        {1, ROLE_EDITOR, "db", ROLE_NONE, ROLE_NONE, ROLE_NONE},
        {2, ROLE_EDITOR, "", ROLE_EDITOR, ROLE_EDITOR, ROLE_EDITOR},
    };
    struct bed b = bed_open();
    struct principal p;
    bool stale;
    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
        put_token(&b, 20, cases[i].user, cases[i].scope, cases[i].group, NOW + 1);
        assert_true(access_by_token(b.access, str_of(b.token), NOW, b.arena, &p, &stale));
        assert_int_equal(principal_role(&p, NULL), cases[i].all);
        assert_int_equal(principal_role(&p, "web"), cases[i].web);
        assert_int_equal(principal_role(&p, "db"), cases[i].db);
        assert_string_equal(principal_actor(&p, b.arena), "token:ci");
        assert_false(access_by_token(b.access, str_of(b.token), NOW + 1, b.arena, &p, &stale));
        /* A token is no cookie. */
        assert_false(access_by_session(b.access, str_of(b.token), NOW, b.arena, &p, &stale));
    }
    bed_close(&b);
}

/* What an open event stream holds on to. */
static void test_standing(void **state)
{
    struct bed b = bed_open();
    struct principal p, t;
    bool stale;
    (void)state;
    put_session(&b, 10, 1);
    put_token(&b, 11, 1, ROLE_VIEWER, "web", NOW + MIN);
    assert_true(enters(&b, NOW, &p));
    assert_true(access_by_token(b.access, str_of(b.token), NOW, b.arena, &t, &stale));
    assert_true(p.standing != 0 && p.standing == access_standing(b.access, &p, NOW));
    assert_true(t.standing != 0 && t.standing == access_standing(b.access, &t, NOW));
    assert_int_equal(access_standing(b.access, &t, NOW + MIN), 0);
    assert_int_equal(access_standing(b.access, &p, NOW + 60 * MIN), 0); /* asking is no use of it */
    access_document(b.access, "user", 1,
                    "{\"name\":\"Alice\",\"role\":\"viewer\",\"groups\":{\"web\":\"viewer\"}}");
    assert_true(access_standing(b.access, &p, NOW) != p.standing);
    assert_true(access_standing(b.access, &t, NOW) != t.standing);
    access_document(b.access, "user", 1, "{\"name\":\"Alice\",\"enabled\":false}");
    assert_int_equal(access_standing(b.access, &p, NOW), 0);
    assert_int_equal(access_standing(b.access, &t, NOW), 0);
    access_document(b.access, "session", 10, NULL);
    access_document(b.access, "token", 11, NULL);
    assert_int_equal(access_standing(b.access, &p, NOW), 0);
    assert_int_equal(access_standing(b.access, &t, NOW), 0);
    bed_close(&b);
}

/* Those without a credential hold on to what the configuration lends. */
static void test_standing_lent(void **state)
{
    static const char proxy[] = "access: {proxy: {from: [127.0.0.1], header: X-User, role: %s}}\n";
    static const struct principal nobody = {.kind = PRINCIPAL_ANONYMOUS},
                                  by_proxy = {.kind = PRINCIPAL_PROXY},
                                  local = {.kind = PRINCIPAL_LOCAL};
    struct bed b = bed_open();
    uint64_t before[] = {access_standing(b.access, &nobody, NOW),
                         access_standing(b.access, &by_proxy, NOW)};
    char text[200];
    (void)state;
    snprintf(text, sizeof(text), proxy, "viewer");
    struct config *c = config_of(text);
    access_configure(b.access, c);
    config_unref(&c);
    assert_true(access_standing(b.access, &nobody, NOW) == before[0]);
    assert_true(access_standing(b.access, &by_proxy, NOW) != before[1]);
    c = config_of("server: {anonymous: viewer}\n");
    access_configure(b.access, c);
    config_unref(&c);
    assert_true(access_standing(b.access, &nobody, NOW) != before[0]);
    assert_true(access_standing(b.access, &local, NOW) ==
                access_standing(b.access, &local, NOW + MIN));
    bed_close(&b);
}

static void test_stale_is_told_once(void **state)
{
    struct bed b = bed_open();
    struct principal p;
    bool stale;
    (void)state;
    put_token(&b, 20, 0, ROLE_ADMIN, "", 0);
    assert_true(access_by_token(b.access, str_of(b.token), NOW, b.arena, &p, &stale));
    assert_true(stale);
    assert_true(access_by_token(b.access, str_of(b.token), NOW + 1, b.arena, &p, &stale));
    assert_false(stale);
    assert_true(access_by_token(b.access, str_of(b.token), NOW + 5 * MIN, b.arena, &p, &stale));
    assert_true(stale);
    bed_close(&b);
}

static void test_accounts(void **state)
{
    struct bed b = bed_open();
    size_t administrators;
    (void)state;
    assert_int_equal(access_accounts(b.access, &administrators), 2);
    assert_int_equal(administrators, 1);
    assert_int_equal(access_account_id(b.access, "aLICE"), 1);
    access_document(b.access, "user", 1, "{\"name\":\"bob\",\"role\":\"admin\"}");
    assert_int_equal(access_account_id(b.access, "alice"), 0);
    assert_int_equal(access_account_id(b.access, "bob"), 1);
    access_accounts(b.access, &administrators);
    assert_int_equal(administrators, 2);
    assert_false(access_setup_good(b.access, access_setup_code(b.access))); /* there are accounts */
    access_document(b.access, "user", 1, NULL);
    access_document(b.access, "user", 2, NULL);
    assert_true(access_setup_good(b.access, access_setup_code(b.access)));
    assert_false(access_setup_good(b.access, ""));
    bed_close(&b);
}

static void test_documents(void **state)
{
    struct arena *a = arena_new();
    struct account u, again;
    (void)state;
    assert_true(
        account_parse("{\"name\":\"\xe7\x94\xb2\",\"role\":\"editor\",\"groups\":{\"g\":\"admin\"},"
                      "\"totp\":\"X\",\"recovery\":[\"a\",\"b\"],\"created_ms\":5}",
                      a, &u));
    assert_true(account_parse(account_format(&u, a), a, &again));
    assert_string_equal(again.name, u.name);
    assert_int_equal(again.role, ROLE_EDITOR);
    assert_int_equal(again.groups.n, 1);
    assert_int_equal(again.recovery.n, 2);
    assert_string_equal(again.totp, "X");
    assert_int_equal(again.created_ms, 5);
    assert_true(again.enabled);
    assert_false(account_parse("{}", a, &u));
    assert_false(account_parse("[", a, &u));
    assert_false(token_parse("{\"name\":\"x\"}", a, &(struct token){0}));
    arena_free(a);
}

/* Agents: rows of the file, and tokens of scope agent. Neither has a role anywhere. */
static void test_agents(void **state)
{
    struct access *access = access_new();
    struct arena *a = arena_new();
    struct principal p;
    bool stale = false;
    char secret[TOKEN_TEXT], hash[SECRET_HASH];
    struct config *c = config_of("locations: [{name: beijing, token: a-token-of-the-file-1}, "
                                 "{name: paris, token: a-token-of-the-file-2}]");
    struct token t = {.name = "osaka",
                      .hash = secret_hash(str_of(token_secret(secret)), hash),
                      .group = "",
                      .agent = true};
    (void)state;
    access_configure(access, c);
    access_document(access, "token", 7, token_format(&t, a));
    assert_true(access_by_token(access, STR("a-token-of-the-file-2"), NOW, a, &p, &stale));
    assert_int_equal(p.kind, PRINCIPAL_AGENT);
    assert_string_equal(p.name, "paris");
    assert_string_equal(principal_actor(&p, a), "agent:paris");
    assert_false(principal_sees_some(&p, ROLE_VIEWER));
    assert_true(access_by_token(access, str_of(secret), NOW, a, &p, &stale));
    assert_int_equal(p.kind, PRINCIPAL_AGENT);
    assert_string_equal(p.name, "osaka");
    assert_int_equal(p.id, 7);
    assert_false(principal_sees_some(&p, ROLE_VIEWER));
    assert_true(access_standing(access, &p, NOW) != 0);
    assert_false(access_by_token(access, STR("a-token-of-the-file-3"), NOW, a, &p, &stale));
    assert_false(access_by_token(access, STR("a-token-of-the-file-"), NOW, a, &p, &stale));
    assert_false(access_by_token(access, STR(""), NOW, a, &p, &stale));
    access_document(access, "token", 7, NULL);
    assert_false(access_by_token(access, str_of(secret), NOW, a, &p, &stale));
    access_free(access);
    config_unref(&c);
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_agents),        cmocka_unit_test(test_sessions),
        cmocka_unit_test(test_idle),          cmocka_unit_test(test_ends_with_the_account),
        cmocka_unit_test(test_tokens),        cmocka_unit_test(test_standing),
        cmocka_unit_test(test_standing_lent), cmocka_unit_test(test_stale_is_told_once),
        cmocka_unit_test(test_accounts),      cmocka_unit_test(test_documents),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
