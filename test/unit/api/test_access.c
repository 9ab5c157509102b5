/* Every route × everybody who may ask, made from the tables of routes: what is open is named here, what is an administrator's
 * too, and whoever may not is told so by the real server before any handler runs. */
#include "api_unit.h"

#include "access/documents.h"
#include "access/secret.h"
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
static const char *const open_folders[] = {"/status/", "/badge/", "/push/"};

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
    /* By scope: READ, WRITE, ADMIN, OPEN, SELF; y: may, a: may where the route looks at groups, w: 401, n: 403. */
    const char *may;
} everybody[] = {
    {"anonymous none", {PRINCIPAL_ANONYMOUS, "anonymous"}, "wwwyw"},
    {"anonymous viewer", {PRINCIPAL_ANONYMOUS, "anonymous", .role = ROLE_VIEWER}, "ywwyw"},
    {"anonymous admin", {PRINCIPAL_ANONYMOUS, "anonymous", .role = ROLE_ADMIN}, "yyyyy"},
    {"local", {PRINCIPAL_LOCAL, "unix", .role = ROLE_ADMIN}, "yyyyy"},
    {"user none", {PRINCIPAL_USER, "u"}, "nnnyy"},
    {"viewer", {PRINCIPAL_USER, "u", .role = ROLE_VIEWER}, "ynnyy"},
    {"editor", {PRINCIPAL_USER, "u", .role = ROLE_EDITOR}, "yynyy"},
    {"admin", {PRINCIPAL_USER, "u", .role = ROLE_ADMIN}, "yyyyy"},
    {"token read", {PRINCIPAL_TOKEN, "t", .role = ROLE_VIEWER}, "ynnyn"},
    {"token write", {PRINCIPAL_TOKEN, "t", .role = ROLE_EDITOR}, "yynyn"},
    {"token admin", {PRINCIPAL_TOKEN, "t", .role = ROLE_ADMIN}, "yyyyy"},
    {"token read of web", {PRINCIPAL_TOKEN, "t", .n_groups = 1, .groups = web_viewer}, "annyn"},
    {"token write of web", {PRINCIPAL_TOKEN, "t", .n_groups = 1, .groups = web_editor}, "aanyn"},
    {"token of nothing", {PRINCIPAL_TOKEN, "t", .n_groups = 1, .groups = web_none}, "nnnyn"},
    {"editor of web", {PRINCIPAL_USER, "u", .n_groups = 1, .groups = web_editor}, "aanyy"},
    {"viewer, editor of web",
     {PRINCIPAL_USER, "u", .role = ROLE_VIEWER, .n_groups = 1, .groups = web_editor},
     "yanyy"},
    {"proxy viewer", {PRINCIPAL_PROXY, "p", .role = ROLE_VIEWER}, "ynnyn"},
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
    enum role below = r->scope == SCOPE_SELF ? ROLE_ADMIN : needed[r->scope];
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scopes),
        cmocka_unit_test(matrix),
        cmocka_unit_test(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
