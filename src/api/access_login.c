/* Signing in and out: set-up, password, second factor, sessions. Blocks on argon2id, so its routes have a worker. */
#include <stdio.h>
#include <string.h>

#include "access/totp.h"
#include "api/access_priv.h"
#include "base/clock.h"
#include "base/str.h"

#define SESSIONS_OF_ONE 50
#define USER_AGENT_MAX  300

struct login_doc {
    const char *name, *password, *otp;
};
const struct option login_options[] = {
    {"name", OPT_STRING, offsetof(struct login_doc, name), .required = true, .min = 1, .max = 200,
     .help = {"Of the account.", "账号名称。"}},
    {"password", OPT_STRING, offsetof(struct login_doc, password), .required = true, .min = 1,
     .max = 1000, .secret = true, .help = {"Its password.", "密码。"}},
    {"otp", OPT_STRING, offsetof(struct login_doc, otp), .def = "", .max = 40, .secret = true,
     .help = {"Code of the second factor, or a recovery code.", "两步验证码，或恢复码。"}},
    OPTION_END,
};

struct setup_doc {
    const char *code, *name, *password;
};
const struct option setup_options[] = {
    {"code", OPT_STRING, offsetof(struct setup_doc, code), .required = true, .max = 100,
     .secret = true, .help = {"The set-up code of the log.", "日志中的初始化码。"}},
    {"name", OPT_STRING, offsetof(struct setup_doc, name), .required = true, .min = 1, .max = 200,
     .help = {"Of the administrator.", "管理员名称。"}},
    {"password", OPT_STRING, offsetof(struct setup_doc, password), .required = true, .max = 1000,
     .secret = true, .help = {"At least 10 characters.", "至少 10 个字符。"}},
    OPTION_END,
};

/* --- sessions --- */

static void audit_sign_in(struct call *k, const char *action, const char *name, const char *detail)
{
    const char *after =
        *detail ? arena_printf(k->arena, "{\"detail\":\"%s\"}", detail) : ""; /* our own words */
    call_audit(k, &(struct audit_entry){.actor = name,
                                        .origin = call_address(k),
                                        .action = action,
                                        .kind = "session",
                                        .object = name,
                                        .after = after});
}

struct ending {
    struct core *core;
    struct arena *arena;
    uint64_t user_id, but;
    vec_of(uint64_t) ids;
    uint64_t n, oldest; /* of those that stay */
    int64_t dead_ms, max_ms, now_ms;
};

/* Those of the account; user_id 0: those of anybody that are over. */
static bool pick_session(void *arg, const struct core_document *d)
{
    struct ending *e = arg;
    struct session s;
    if (!session_parse(d->json, e->arena, &s) || d->id == e->but)
        return true;
    bool over =
        e->max_ms && (e->now_ms - s.created_ms >= e->max_ms || e->now_ms - s.seen_ms >= e->dead_ms);
    if (over || (e->user_id && !e->max_ms && (uint64_t)s.user_id == e->user_id)) {
        vec_push(&e->ids, d->id);
    } else if ((uint64_t)s.user_id == e->user_id) {
        e->oldest = e->oldest ? e->oldest : d->id;
        e->n++;
    }
    return true;
}

static void end_picked(struct ending *e)
{
    vec_each (&e->ids, id)
        core_document_del(e->core, "session", *id, NULL, NULL);
    vec_done(&e->ids);
}

void sessions_end(struct core *core, uint64_t user_id, uint64_t but)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct ending e = {.core = core, .arena = a, .user_id = user_id, .but = but};
    must(user_id > 0);
    core_documents_each(core, "session", pick_session, &e);
    end_picked(&e);
}

/* What is over goes, and of too many of one account the oldest. */
static void sessions_sweep(struct call *k, uint64_t user_id)
{
    must(user_id > 0);
    const struct config_access *o = &call_config(k)->access;
    struct core *core = k->api->core;
    struct ending e = {.core = core,
                       .arena = k->arena,
                       .user_id = user_id,
                       .max_ms = o->session_max_ms,
                       .dead_ms = o->session_idle_ms + 10 * 60 * 1000,
                       .now_ms = clock_wall_ms()};
    core_documents_each(core, "session", pick_session, &e);
    if (e.n >= SESSIONS_OF_ONE)
        vec_push(&e.ids, e.oldest);
    end_picked(&e);
}

struct beginning {
    struct change change;
    struct session session;
    uint64_t id;
};

static void begin_on_core(void *arg)
{
    struct beginning *b = container_of(arg, struct beginning, change);
    struct call *k = b->change.call;
    struct core *core = k->api->core;
    struct core_document d;
    struct account u;
    uint64_t user = (uint64_t)b->session.user_id;
    must(user > 0 && b->change.waiter);
    if (k->who->kind == PRINCIPAL_USER) /* the session it came with is replaced */
        core_document_del(core, "session", k->who->id, NULL, NULL);
    sessions_sweep(k, user);
    b->change.rc = core_document_put(core, "session", &b->id, session_format(&b->session, k->arena),
                                     b->change.waiter, &b->change.err);
    if (b->change.rc == 0 && core_document_get(core, "user", user, &d) &&
        account_parse(d.json, k->arena, &u)) {
        u.last_login_ms = b->session.created_ms;
        core_document_put(core, "user", &user, account_format(&u, k->arena), NULL, NULL);
    }
}

static bool is_https(struct call *k)
{
    const struct config_server *s = &call_config(k)->server;
    return str_starts(str_of(s->public_url), STR("https://")) || s->tls.cert_file[0];
}

static void give_cookie(struct call *k, const char *value, int64_t seconds)
{
    must(seconds >= 0);
    http_resp_header(k->resp, "Set-Cookie",
                     arena_printf(k->arena,
                                  SESSION_COOKIE "=%s; Path=/; Max-Age=%lld; HttpOnly; "
                                                 "SameSite=Lax%s",
                                  value, (long long)seconds, is_https(k) ? "; Secure" : ""));
    http_resp_header(k->resp, "Cache-Control", "no-store");
}

/* Foreign text, bounded and clean. */
static const char *user_agent(struct call *k)
{
    const char *text = http_req_header(k->req, "User-Agent");
    struct buf clean = BUF_INIT(4 * USER_AGENT_MAX);
    if (!text)
        return "";
    utf8_clean(&clean, text, utf8_cut(text, strlen(text), USER_AGENT_MAX));
    const char *copy = arena_strndup(k->arena, clean.data ? clean.data : "", clean.len);
    buf_done(&clean);
    return copy;
}

bool session_begin(struct call *k, uint64_t user_id, const char *method)
{
    char secret[SESSION_TEXT], hash[SECRET_HASH];
    int64_t now = clock_wall_ms();
    struct beginning b = {.change = {.call = k, .of = &(struct audited){.kind = "session"}}};
    session_secret(secret);
    b.session = (struct session){.hash = secret_hash(str_of(secret), hash),
                                 .address = call_address(k),
                                 .user_agent = user_agent(k),
                                 .method = method,
                                 .user_id = (int64_t)user_id,
                                 .created_ms = now,
                                 .seen_ms = now};
    if (!change_commit(&b.change, begin_on_core))
        return false;
    struct principal *p = arena_new_of(k->arena, struct principal);
    bool stale,
        there = access_by_session(k->api->door->access, str_of(secret), now, k->arena, p, &stale);
    if (there)
        give_cookie(k, secret, call_config(k)->access.session_max_ms / 1000);
    else /* while this waited for the commit */
        call_fail_code(k, ERR_CONFLICT, "the session or its account was ended; sign in again");
    secret_wipe(secret, sizeof(secret));
    if (!there)
        return false;
    must(p->kind == PRINCIPAL_USER && p->user_id == user_id);
    k->who = p;
    audit_sign_in(k, "login", p->name, method);
    return true;
}

/* --- who am I --- */

static void put_groups(struct json *j, const struct principal *p)
{
    json_kobj(j, "groups");
    for (uint32_t i = 0; i < p->n_groups; i++)
        json_kstr(j, p->groups[i].group, role_name(p->groups[i].role));
    json_end(j);
}

struct looking {
    struct call *call;
    uint64_t id;
    struct account *account;
    struct session *session;
    bool found;
};

static void look_session(void *arg)
{
    struct looking *l = arg;
    struct core_document d;
    l->found = core_document_get(l->call->api->core, "session", l->id, &d) &&
               session_parse(d.json, l->call->arena, l->session);
}

static void put_times(struct call *k, struct json *j)
{
    const struct config_access *o = &call_config(k)->access;
    struct session s = {0};
    struct looking l = {.call = k, .id = k->who->id, .session = &s};
    bool is_session = k->who->kind == PRINCIPAL_USER;
    if (is_session)
        on_core(k, look_session, &l);
    int64_t used = is_session ? access_used(k->api->door->access, "session", k->who->id) : 0;
    json_kuint(j, "session_id", is_session ? k->who->id : 0);
    json_ktime(j, "expires_at", l.found ? s.created_ms + o->session_max_ms : 0);
    json_ktime(j, "idle_expires_at", l.found ? used + o->session_idle_ms : 0);
}

void session_answer(struct call *k)
{
    static const char *const kinds[] = {
        [PRINCIPAL_ANONYMOUS] = "anonymous", [PRINCIPAL_LOCAL] = "local",
        [PRINCIPAL_USER] = "user",           [PRINCIPAL_TOKEN] = "token",
        [PRINCIPAL_PROXY] = "proxy",         [PRINCIPAL_AGENT] = "agent"};
    must((size_t)k->who->kind < array_len(kinds));
    const struct config_oidc *oidc = &call_config(k)->access.oidc;
    struct account u = {.totp = "", .password = ""};
    if (k->who->kind == PRINCIPAL_USER && !account_of_id(k, k->who->user_id, &u))
        u = (struct account){.totp = "", .password = ""};
    struct json j = call_json(k);
    json_obj(&j);
    json_kbool(&j, "setup", access_accounts(k->api->door->access, NULL) == 0);
    json_kstr(&j, "kind", kinds[k->who->kind]);
    json_kstr(&j, "name", k->who->name);
    json_kuint(&j, "user_id", k->who->kind == PRINCIPAL_USER ? k->who->user_id : 0);
    json_kstr(&j, "role", role_name(k->who->role));
    put_groups(&j, k->who);
    json_kbool(&j, "totp", u.totp[0] != '\0');
    json_kbool(&j, "can_change_password", u.password[0] != '\0');
    put_times(k, &j);
    json_key(&j, "oidc");
    if (oidc->issuer[0]) {
        json_obj(&j);
        json_kstr(&j, "name", oidc->label);
        json_end(&j);
    } else {
        json_nil(&j);
    }
    json_kbool(&j, "password_login", true);
    json_end(&j);
}

void session_get(struct call *k)
{
    http_resp_header(k->resp, "Cache-Control", "no-store");
    session_answer(k);
}

/* --- password --- */

/* 0: right, 1: wrong (answered), -1: the server could not tell (answered). */
static int check_password(struct call *k, const struct account *u, const char *password, bool *old)
{
    struct err err = {0};
    bool good = false;
    if (password_check(k->api->door->gate, u ? u->password : NULL, password, &good, old, &err) !=
        0) {
        http_resp_header(k->resp, "Retry-After", "2");
        call_fail(k, &err);
        return -1;
    }
    if (u && good && u->enabled)
        return 0;
    call_wrong(k, "", "the name or the password is wrong");
    return 1;
}

static int rehash(struct account_change *c, struct account *u, struct err *err)
{
    (void)err;
    u->password = c->arg;
    return 0;
}

/* Hashed with yesterday's parameters: now that the password is known it gets today's. False: what cannot be stored was
 * answered, and the session could not be stored either. */
static bool strengthen(struct call *k, uint64_t id, const char *password)
{
    char hash[PASSWORD_HASH];
    if (password_digest(k->api->door->gate, password, hash, NULL) != 0)
        return true; /* too many of them at once: it has time */
    struct account_change c = {
        .change.call = k, .id = id, .fn = rehash, .arg = arena_strdup(k->arena, hash)};
    return account_commit(&c);
}

struct factor {
    const char *typed;
    bool good;
};

static int use_factor(struct account_change *c, struct account *u, struct err *err)
{
    struct factor *f = c->arg;
    (void)err;
    f->good = second_factor(u, f->typed, clock_wall_ms());
    return 0;
}

/* True: there is none, or it is right and used up now. Checked on the loop, so that of two requests with one code one wins. */
static bool pass_factor(struct call *k, uint64_t id, const struct account *u, const char *otp)
{
    struct factor f = {.typed = otp};
    if (!u->totp[0])
        return true;
    if (!*otp) {
        call_wrong(k, "otp", "the code of the second factor is needed");
        return false;
    }
    struct account_change c = {.change.call = k, .id = id, .fn = use_factor, .arg = &f};
    if (!account_commit(&c))
        return false;
    if (!f.good)
        call_wrong(k, "otp", "this code is not right, or was used already");
    return f.good;
}

void session_login(struct call *k)
{
    struct login_doc doc = {0};
    struct account u;
    bool old = false;
    if (!call_bind(k, login_options, &doc))
        return;
    const char *key = account_key(doc.name, k->arena);
    if (!door_try(k, key))
        return;
    uint64_t id = access_account_id(k->api->door->access, doc.name);
    bool known = id && account_of_id(k, id, &u);
    int rc = check_password(k, known ? &u : NULL, doc.password, &old);
    if (rc < 0)
        door_back(k, key);
    if (rc > 0)
        audit_sign_in(k, "login_failed", known ? u.name : "anonymous", "password");
    if (rc != 0)
        return;
    if (!pass_factor(k, id, &u, doc.otp)) {
        if (*doc.otp)
            audit_sign_in(k, "login_failed", u.name, "second factor");
        else
            door_back(k, key); /* half of a sign-in, not a failed one */
        return;
    }
    door_good(k, key);
    if (old && !strengthen(k, id, doc.password))
        return;
    if (session_begin(k, id, "password"))
        session_answer(k);
}

static void logout_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->who->kind == PRINCIPAL_USER);
    struct core *core = c->call->api->core;
    c->rc = core_document_del(core, "session", c->call->who->id, c->waiter, &c->err);
}

void session_logout(struct call *k)
{
    static const struct audited audited = {.kind = "session", .action = "logout"};
    struct change c = {.call = k, .of = &audited};
    k->unit = k->who->name;
    if (k->who->kind == PRINCIPAL_USER && !change_commit(&c, logout_on_core))
        return;
    k->resp->status = 204;
    give_cookie(k, "", 0);
}

/* --- set-up --- */

static void setup_on_core(void *arg)
{
    struct account_change *c = container_of(arg, struct account_change, change);
    struct call *k = c->change.call;
    must(c->change.waiter && c->arg);
    if (access_accounts(k->api->door->access, NULL) > 0)
        c->change.rc = err_set(&c->change.err, ERR_CONFLICT, "there is an account already");
    else
        c->change.rc =
            core_document_put(k->api->core, "user", &c->id, account_format(c->arg, k->arena),
                              c->change.waiter, &c->change.err);
}

void setup_post(struct call *k)
{
    struct setup_doc doc = {0};
    struct account u = {.role = ROLE_ADMIN, .enabled = true, .created_ms = clock_wall_ms()};
    struct account_change c = {.change.call = k, .arg = &u};
    char hash[PASSWORD_HASH];
    static const struct audited audited = {.kind = "user", .action = "setup"};
    if (!call_bind(k, setup_options, &doc))
        return;
    if (access_accounts(k->api->door->access, NULL) > 0) {
        call_fail_code(k, ERR_CONFLICT, "there is an account already; sign in");
        return;
    }
    if (!door_try(k, ""))
        return;
    if (!access_setup_good(k->api->door->access, doc.code)) {
        audit_sign_in(k, "login_failed", "anonymous", "set-up code");
        call_status(k, 403, "Forbidden", "this is not the set-up code; it stands in Belfry's log");
        return;
    }
    door_good(k, "");
    if (!name_is_good(k, doc.name) || !password_is_good(k, doc.password, doc.name, hash))
        return;
    u.name = doc.name;
    u.password = hash;
    u.totp = u.totp_pending = u.oidc = "";
    c.change.of = &audited;
    k->unit = doc.name;
    if (change_commit(&c.change, setup_on_core) && session_begin(k, c.id, "setup")) {
        k->resp->status = 201;
        session_answer(k);
    }
}
