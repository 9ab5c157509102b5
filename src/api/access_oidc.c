/* Sign-in by OpenID Connect: the browser is sent to the provider, comes back with a code, and gets a session. */
#include <stdlib.h>
#include <string.h>

#include "access/oidc.h"
#include "api/access_priv.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#define BROWSER_COOKIE "belfry_oidc"
#define BACK           "../../../" /* from /api/v1/oidc/… to the page */

struct oidc {
    struct oidc_table *table;
    struct oidc_provider *provider;
};

struct oidc *oidc_new(void)
{
    struct oidc *o = calloc(1, sizeof(*o));
    must(o);
    o->table = oidc_table_new();
    o->provider = oidc_provider_new();
    return o;
}

void oidc_free(struct oidc *o)
{
    if (!o)
        return;
    oidc_table_free(o->table);
    oidc_provider_free(o->provider);
    free(o);
}

static const char *redirect_uri(struct call *k)
{
    const struct config *cfg = call_config(k);
    struct str url = str_of(cfg->server.public_url);
    if (cfg->access.oidc.redirect_uri[0])
        return cfg->access.oidc.redirect_uri;
    while (url.n > 0 && url.p[url.n - 1] == '/')
        url.n--;
    return arena_printf(k->arena, "%.*s/api/v1/oidc/callback", (int)url.n, url.p);
}

static void browser_cookie(struct call *k, const char *value, int seconds)
{
    bool https = str_starts(str_of(redirect_uri(k)), STR("https://"));
    http_resp_header(
        k->resp, "Set-Cookie",
        arena_printf(k->arena, BROWSER_COOKIE "=%s; Path=/; Max-Age=%d; HttpOnly; SameSite=Lax%s",
                     value, seconds, https ? "; Secure" : ""));
}

/* Back to the page, which shows why. */
static void failed(struct call *k, const char *why)
{
    struct buf text = BUF_INIT(4096);
    log_warn("a sign-in by OpenID Connect failed", F_STR("address", call_address(k)),
             F_STR("error", why));
    call_audit(k, &(struct audit_entry){.actor = "anonymous",
                                        .origin = call_address(k),
                                        .action = "login_failed",
                                        .kind = "session",
                                        .object = "oidc"});
    url_encode(&text, str_of(why));
    call_see_other(k, arena_printf(k->arena, BACK "#/login?error=%s", text.data ? text.data : ""));
    buf_done(&text);
}

static bool is_on(struct call *k)
{
    bool on = call_config(k)->access.oidc.issuer[0] != '\0';
    if (!on)
        call_fail_code(k, ERR_NOT_FOUND, "sign-in by OpenID Connect is not set up (access.oidc)");
    return on;
}

void oidc_start(struct call *k)
{
    struct oidc *o = k->api->door->oidc;
    struct oidc_pending s;
    struct err err = {0};
    if (!is_on(k))
        return;
    oidc_begin(o->table, http_req_query(k->req, "next"), clock_wall_ms(), &s);
    const char *to = oidc_address(o->provider, &call_config(k)->access.oidc, redirect_uri(k), &s,
                                  k->arena, &err);
    if (!to) {
        failed(k, err.msg);
        return;
    }
    browser_cookie(k, s.browser, 600);
    call_see_other(k, to);
}

/* --- the account --- */

struct entering {
    struct change change;
    const struct oidc_identity *who;
    const char *key; /* "ISSUER SUBJECT" */
    uint64_t id;
    struct account account;
};

static bool find_account(void *arg, const struct core_document *d)
{
    struct entering *e = arg;
    struct account u;
    if (!account_parse(d->json, e->change.call->arena, &u) || !streq(u.oidc, e->key))
        return true;
    e->id = d->id;
    e->account = u;
    return false;
}

/* The role follows the provider at each sign-in; roles in groups stay an administrator's. */
static void enter_on_core(void *arg)
{
    struct entering *e = container_of(arg, struct entering, change);
    struct change *c = &e->change;
    struct call *k = c->call;
    core_documents_each(k->api->core, "user", find_account, e);
    if (!e->id) {
        e->account = (struct account){.name = e->who->name,
                                      .enabled = true,
                                      .password = "",
                                      .totp = "",
                                      .totp_pending = "",
                                      .oidc = e->key,
                                      .created_ms = clock_wall_ms()};
        if (access_account_id(k->api->door->access, e->who->name))
            c->rc = err_set(&c->err, ERR_CONFLICT, "another account has the name \"%s\" already",
                            e->who->name);
    } else if (!e->account.enabled) {
        c->rc = err_set(&c->err, ERR_DENIED, "this account is switched off");
    }
    e->account.role = (int)e->who->role;
    if (c->rc == 0)
        c->rc = core_document_put(k->api->core, "user", &e->id,
                                  account_format(&e->account, k->arena), c->waiter, &c->err);
    k->id = e->id;
}

static void enter(struct call *k, const struct oidc_identity *who, const struct oidc_pending *s)
{
    struct entering e = {.change = {.call = k, .of = &account_audited}, .who = who};
    e.key = arena_printf(k->arena, "%s %s", call_config(k)->access.oidc.issuer, who->subject);
    bool good = name_is_good(k, who->name) && change_commit(&e.change, enter_on_core) &&
                session_begin(k, e.id, "oidc");
    if (good) {
        call_see_other(k, arena_printf(k->arena, BACK "#%s", s->next));
        return;
    }
    const char *why =
        e.change.err.msg[0] ? e.change.err.msg : "the provider's name for this account does not do";
    buf_clear(&k->resp->body);
    k->resp->content_type = NULL;
    failed(k, why);
}

void oidc_callback(struct call *k)
{
    struct oidc *o = k->api->door->oidc;
    const struct config_oidc *cfg = &call_config(k)->access.oidc;
    const char *state = http_req_query(k->req, "state"), *code = http_req_query(k->req, "code"),
               *cookies = http_req_header(k->req, "Cookie");
    struct oidc_identity who;
    struct oidc_pending s;
    struct str browser;
    struct err err = {0};
    if (!is_on(k))
        return;
    if (!state || !cookies || !cookie_get(cookies, BROWSER_COOKIE, &browser) ||
        !oidc_take(o->table, state, browser, clock_wall_ms(), &s)) {
        failed(k, "this sign-in was not begun here, or has ended; try again");
        return;
    }
    browser_cookie(k, "", 0);
    if (!code || strlen(code) > 4096)
        failed(k, "the provider refused the sign-in");
    else if (oidc_redeem(o->provider, cfg, redirect_uri(k), &s, code, k->arena, &who, &err) != 0)
        failed(k, err.msg);
    else if (who.role == ROLE_NONE)
        failed(k, "this account has no role here (access.oidc.roles)");
    else
        enter(k, &who, &s);
    secret_wipe(&s, sizeof(s));
}
