/* Every route × everybody who may ask, made from the tables of routes: what is open is named here, what is an administrator's
 * too, and whoever may not is told so by the real server before any handler runs. */
#include "api_unit.h"

#include "access/documents.h"
#include "access/password.h"
#include "access/secret.h"
#include "api/access_priv.h"
#include "api/access_whom.h"
#include "core/documents.h"

/* All that is open to everybody. A new one is to be thought about, and added here. */
static const char *const open_routes[] = {
    "GET /api/v1/session",
    "POST /api/v1/session",
    "DELETE /api/v1/session",
    "POST /api/v1/setup",
    "GET /api/v1/oidc/start",
    "GET /api/v1/oidc/callback",
    "GET /api/v1/openapi.json",
    "GET /health",
    "GET /health/ready",
    "GET /health/live",
    "GET /-/healthy",
    "GET /-/ready",
    "GET /prometheus/-/healthy",
    "GET /prometheus/-/ready",
    "GET /prometheus/*",
    "GET /*",
};
static const char *const open_folders[] = {"/status/", "/badge/", "/push/", "/api/push/"};

/* What gives power over Belfry or its machine. */
static const char *const admin_routes[] = {
    "GET /api/v1/users",
    "POST /api/v1/users",
    "GET /api/v1/users/{id}",
    "PATCH /api/v1/users/{id}",
    "DELETE /api/v1/users/{id}",
    "GET /api/v1/audit",
    "POST /api/v1/processes",
    "PUT /api/v1/processes/{unit}",
    "PATCH /api/v1/processes/{unit}",
    "DELETE /api/v1/processes/{unit}",
    "POST /api/v1/upgrade",
    "POST /-/reload",
    "POST /prometheus/api/v1/admin/tsdb/delete_series",
    "PUT /prometheus/api/v1/admin/tsdb/delete_series",
    "POST /prometheus/api/v1/admin/tsdb/clean_tombstones",
    "POST /prometheus/api/v1/admin/tsdb/snapshot",
};

static const char *name_of(const struct route *r, char out[300])
{
    snprintf(out, 300, "%s %s", r->method, r->pattern);
    return out;
}

static bool listed(const char *name, const char *const *list, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (strcmp(list[i], name) == 0)
            return true;
    return false;
}

static bool may_be_open(const struct route *r)
{
    char name[300];
    for (size_t i = 0; i < array_len(open_folders); i++)
        if (strncmp(r->pattern, open_folders[i], strlen(open_folders[i])) == 0)
            return true;
    return listed(name_of(r, name), open_routes, array_len(open_routes));
}

static void each_route(void (*fn)(void *arg, const struct route *r), void *arg)
{
    for (size_t t = 0; api_tables[t]; t++)
        for (const struct route *r = api_tables[t]; r->method; r++)
            fn(arg, r);
}

static void check_scope(void *arg, const struct route *r)
{
    size_t *administrators = arg;
    char name[300];
    name_of(r, name);
    if (r->scope == SCOPE_OPEN && !may_be_open(r))
        fail_msg("%s is open to everybody, but is not in this test's list", name);
    bool admin = listed(name, admin_routes, array_len(admin_routes));
    if (admin && r->scope != SCOPE_ADMIN)
        fail_msg("%s is not an administrator's", name);
    *administrators += admin;
    if (strcmp(r->method, "DELETE") == 0 || strcmp(r->method, "PATCH") == 0)
        assert_true(r->scope != SCOPE_READ);
}

static void scopes(void **state)
{
    size_t administrators = 0;
    (void)state;
    each_route(check_scope, &administrators);
    assert_int_equal(administrators, array_len(admin_routes)); /* each was found */
}

/* --- the matrix --- */

static struct group_role web_viewer[] = {{"web", ROLE_VIEWER}},
                         web_editor[] = {{"web", ROLE_EDITOR}}, web_none[] = {{"web", ROLE_NONE}};

static const struct {
    const char *what;
    struct principal p;
    /* By scope: READ, WRITE, ADMIN, OPEN, SELF, AGENT; y: may, a: may where the route looks at groups, w: 401, n: 403. */
    const char *may;
} everybody[] = {
    {"anonymous none", {PRINCIPAL_ANONYMOUS, "anonymous"}, "wwwyww"},
    {"anonymous viewer", {PRINCIPAL_ANONYMOUS, "anonymous", .role = ROLE_VIEWER}, "ywwyww"},
    {"anonymous admin", {PRINCIPAL_ANONYMOUS, "anonymous", .role = ROLE_ADMIN}, "yyyyyw"},
    {"local", {PRINCIPAL_LOCAL, "unix", .role = ROLE_ADMIN}, "yyyyyn"},
    {"user none", {PRINCIPAL_USER, "u"}, "nnnyyn"},
    {"viewer", {PRINCIPAL_USER, "u", .role = ROLE_VIEWER}, "ynnyyn"},
    {"editor", {PRINCIPAL_USER, "u", .role = ROLE_EDITOR}, "yynyyn"},
    {"admin", {PRINCIPAL_USER, "u", .role = ROLE_ADMIN}, "yyyyyn"},
    {"token read", {PRINCIPAL_TOKEN, "t", .role = ROLE_VIEWER}, "ynnynn"},
    {"token write", {PRINCIPAL_TOKEN, "t", .role = ROLE_EDITOR}, "yynynn"},
    {"token admin", {PRINCIPAL_TOKEN, "t", .role = ROLE_ADMIN}, "yyyyyn"},
    {"token read of web", {PRINCIPAL_TOKEN, "t", .n_groups = 1, .groups = web_viewer}, "annynn"},
    {"token write of web", {PRINCIPAL_TOKEN, "t", .n_groups = 1, .groups = web_editor}, "aanynn"},
    {"token of nothing", {PRINCIPAL_TOKEN, "t", .n_groups = 1, .groups = web_none}, "nnnynn"},
    {"editor of web", {PRINCIPAL_USER, "u", .n_groups = 1, .groups = web_editor}, "aanyyn"},
    {"viewer, editor of web",
     {PRINCIPAL_USER, "u", .role = ROLE_VIEWER, .n_groups = 1, .groups = web_editor},
     "yanyyn"},
    {"proxy viewer", {PRINCIPAL_PROXY, "p", .role = ROLE_VIEWER}, "ynnynn"},
    {"agent", {PRINCIPAL_AGENT, "beijing"}, "nnnyny"},
};

static void check_everybody(void *arg, const struct route *r)
{
    (void)arg;
    for (size_t i = 0; i < array_len(everybody); i++) {
        char c = everybody[i].may[r->scope], name[300];
        enum verdict want = c == 'y' || (c == 'a' && r->by_group) ? VERDICT_MAY
                            : c == 'w'                            ? VERDICT_WHO
                                                                  : VERDICT_MAY_NOT;
        if (route_verdict(&everybody[i].p, r) != want)
            fail_msg("%s for %s: %d", name_of(r, name), everybody[i].what,
                     route_verdict(&everybody[i].p, r));
    }
}

static void matrix(void **state)
{
    (void)state;
    each_route(check_everybody, NULL);
}

/* --- whom maintenances and silences are about --- */

static struct group_role not_web[] = {{"web", ROLE_NONE}},
                         web_db[] = {{"web", ROLE_EDITOR}, {"db", ROLE_VIEWER}};
static const struct principal editor = {PRINCIPAL_USER, "u", .role = ROLE_EDITOR},
                              editor_of_web = {PRINCIPAL_TOKEN, "t", .n_groups = 1,
                                               .groups = web_editor},
                              editor_of_web_viewer_of_db = {PRINCIPAL_USER, "u", .n_groups = 2,
                                                            .groups = web_db},
                              viewer_of_web = {PRINCIPAL_TOKEN, "t", .n_groups = 1,
                                               .groups = web_viewer},
                              viewer_editor_of_web = {PRINCIPAL_USER, "u", .role = ROLE_VIEWER,
                                                      .n_groups = 1, .groups = web_editor},
                              editor_but_web = {PRINCIPAL_USER, "u", .role = ROLE_EDITOR,
                                                .n_groups = 1, .groups = not_web};

/* Target 1 is web's, 2 is db's. */
static const char *whose(void *arg, uint64_t id)
{
    (void)arg;
    return id == 1 ? "web" : id == 2 ? "db" : NULL;
}

static const struct {
    const char *what;
    uint64_t targets[2];
    const char *groups[2];
    struct label_match matchers[2];
    /* May: editor, editor of web, that and viewer of db, viewer and editor of web, editor of all but web. Then, of
     * the same and viewer of web last: sees. */
    const char *may, *sees;
} abouts[] = {
    {"a target of web", {1}, .may = "yyyyn", .sees = "yyyyny"},
    {"a target of db", {2}, .may = "ynnny", .sees = "ynyyyn"},
    {"targets of both", {1, 2}, .may = "ynnnn", .sees = "yyyyyy"},
    {"no such target", {9}, .may = "ynnnn", .sees = "ynnynn"},
    {"web", .groups = {"web"}, .may = "yyyyn", .sees = "yyyyny"},
    {"db", .groups = {"db"}, .may = "ynnny", .sees = "ynyyyn"},
    {"web and a target of db", {2}, {"web"}, .may = "ynnnn", .sees = "yyyyyy"},
    {"env=prod", .matchers = {{"env", "prod", MATCH_EQ}}, .may = "ynnnn", .sees = "yyyyyy"},
    {"group=web", .matchers = {{"group", "web", MATCH_EQ}}, .may = "yyyyn", .sees = "yyyyny"},
    {"env=prod of web", .matchers = {{"env", "prod", MATCH_EQ}, {"group", "web", MATCH_EQ}},
     .may = "yyyyn", .sees = "yyyyny"},
    {"group=~web|db", .matchers = {{"group", "web|db", MATCH_RE}}, .may = "ynnnn",
     .sees = "yyyyyy"},
    {"group=~web", .matchers = {{"group", "web", MATCH_RE}}, .may = "yyyyn", .sees = "yyyyny"},
    {"group=~web.*", .matchers = {{"group", "web.*", MATCH_RE}}, .may = "ynnnn", .sees = "yyyyyy"},
    {"group=~.*b.*", .matchers = {{"group", ".*b.*", MATCH_RE}}, .may = "ynnnn", .sees = "yyyyyy"},
    {"group!=db", .matchers = {{"group", "db", MATCH_NE}}, .may = "ynnnn", .sees = "yyyyyy"},
    {"group!=web", .matchers = {{"group", "web", MATCH_NE}}, .may = "ynnnn", .sees = "ynyyyn"},
    {"group empty", .matchers = {{"group", "", MATCH_EQ}}, .may = "ynnny", .sees = "ynnyyn"},
    {"web, and env=prod", .groups = {"web"}, .matchers = {{"env", "prod", MATCH_EQ}},
     .may = "ynnnn", .sees = "yyyyyy"},
};

static struct whom about(size_t i)
{
    struct whom w = {.targets = abouts[i].targets,
                     .groups = abouts[i].groups,
                     .matchers = abouts[i].matchers,
                     .group_of = whose};
    for (size_t n = 0; n < 2; n++) {
        w.n_targets += abouts[i].targets[n] != 0;
        w.n_groups += abouts[i].groups[n] != NULL;
        w.n_matchers += abouts[i].matchers[n].name != NULL;
    }
    return w;
}

static void whom(void **state)
{
    static const struct principal *const they[] = {
        &editor,         &editor_of_web, &editor_of_web_viewer_of_db, &viewer_editor_of_web,
        &editor_but_web, &viewer_of_web,
    };
    (void)state;
    for (size_t i = 0; i < array_len(abouts); i++) {
        const struct whom w = about(i);
        for (size_t p = 0; p < array_len(they); p++) {
            bool may = whom_within(they[p], ROLE_EDITOR, &w, true),
                 sees = whom_touches(they[p], ROLE_VIEWER, &w);
            if (may != (p < 5 && abouts[i].may[p] == 'y'))
                fail_msg("%s, principal %zu: may %d", abouts[i].what, p, may);
            if (sees != (abouts[i].sees[p] == 'y'))
                fail_msg("%s, principal %zu: sees %d", abouts[i].what, p, sees);
        }
    }
    const struct whom gone = about(3);
    assert_true(whom_within(&editor_of_web, ROLE_EDITOR, &gone, false)); /* what stands may go */
}

/* --- over HTTP --- */

struct asking {
    struct service service;
    char tokens[4][TOKEN_TEXT]; /* by role */
    size_t asked;
};

static void put_tokens(void *arg)
{
    struct asking *a = arg;
    struct arena *arena = arena_new();
    char hash[SECRET_HASH];
    for (int role = ROLE_VIEWER; role <= ROLE_ADMIN; role++) {
        uint64_t id = 0;
        struct token t = {.name = role_name((enum role)role),
                          .hash = secret_hash(str_of(token_secret(a->tokens[role])), hash),
                          .group = "",
                          .scope = role};
        assert_int_equal(core_document_put(a->service.bed.core, "token", &id,
                                           token_format(&t, arena), NULL, NULL),
                         0);
    }
    arena_free(arena);
}

static int ask_as(struct asking *a, const struct route *r, const char *token)
{
    char path[300], headers[400];
    size_t n = 0;
    for (const char *p = r->pattern; *p; p += *p == '{' ? strcspn(p, "}") + 1 : 1)
        path[n++] = *p == '{' ? '7' : *p == '*' ? 'x' : *p;
    path[n] = '\0';
    snprintf(headers, sizeof(headers),
             "Host: localhost\r\nContent-Type: application/json\r\n%s%s%s",
             token ? "Authorization: Bearer " : "", token ? token : "", token ? "\r\n" : "");
    a->asked++;
    struct reply reply = ask(&a->service, r->method, path, headers, NULL);
    if (reply.status == 401)
        assert_non_null(strstr(reply.head, "WWW-Authenticate: Bearer"));
    return reply.status;
}

static void check_refusals(void *arg, const struct route *r)
{
    static const enum role needed[] = {
        [SCOPE_READ] = ROLE_VIEWER, [SCOPE_WRITE] = ROLE_EDITOR, [SCOPE_ADMIN] = ROLE_ADMIN};
    struct asking *a = arg;
    char name[300];
    if (r->scope == SCOPE_OPEN)
        return;
    if (ask_as(a, r, NULL) != 401 || ask_as(a, r, "blf_nonsense") != 401)
        fail_msg("%s lets somebody in without credentials", name_of(r, name));
    enum role below =
        r->scope == SCOPE_SELF || r->scope == SCOPE_AGENT ? ROLE_ADMIN : needed[r->scope];
    for (int role = ROLE_VIEWER; role < (int)below; role++)
        if (ask_as(a, r, a->tokens[role]) != 403)
            fail_msg("%s lets a token of a %s in", name_of(r, name), role_name((enum role)role));
}

static void refusals(void **state)
{
    struct asking a = {0};
    (void)state;
    bed_init(&a.service.bed);
    bed_config(&a.service.bed, "server: {anonymous: none}\n");
    service_open(&a.service);
    loop_call(a.service.bed.loop, put_tokens, &a);
    each_route(check_refusals, &a);
    assert_true(a.asked > 100);
    service_close(&a.service);
}

/* --- signing in --- */

#define EVA "{\"name\":\"eva\",\"password\":\"correct horse\"}"

static void put_eva(void *arg)
{
    struct core *core = arg;
    struct arena *arena = arena_new();
    char hash[PASSWORD_HASH];
    uint64_t id = 0;
    struct password_gate *gate = password_gate_new();
    assert_int_equal(password_digest(gate, "correct horse", hash, NULL), 0);
    password_gate_free(gate);
    struct account eva = {.name = "eva",
                          .role = ROLE_VIEWER,
                          .enabled = true,
                          .password = hash,
                          .totp = "",
                          .totp_pending = "",
                          .oidc = ""};
    assert_int_equal(core_document_put(core, "user", &id, account_format(&eva, arena), NULL, NULL),
                     0);
    arena_free(arena);
}

static void end_sessions(void *arg, const struct core_document *user)
{
    sessions_end(arg, user->id, 0);
}

/* A sign-in puts its session, and then the account with the time of it: that is the moment. */
static void end_each_at_once(void *core)
{
    core_documents_watch(core, "user", end_sessions, core);
}

static void a_session_that_is_ended_as_it_begins(void **state)
{
    struct service s = {0};
    (void)state;
    bed_init(&s.bed);
    bed_config(&s.bed, "server: {anonymous: none}\n");
    service_open(&s);
    loop_call(s.bed.loop, put_eva, s.bed.core);
    struct reply good = ask(&s, "POST", "/api/v1/session", NULL, EVA);
    assert_int_equal(good.status, 200);
    assert_non_null(strstr(good.head, "Set-Cookie: "));
    loop_call(s.bed.loop, end_each_at_once, s.bed.core);
    struct reply ended = ask(&s, "POST", "/api/v1/session", NULL, EVA);
    assert_int_equal(ended.status, 409);
    assert_non_null(strstr(ended.body, "sign in again"));
    assert_null(strstr(ended.head, "Set-Cookie: "));
    service_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes),
        cmocka_unit_test(matrix),
        cmocka_unit_test(whom),
        cmocka_unit_test(refusals),
        cmocka_unit_test(a_session_that_is_ended_as_it_begins),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
