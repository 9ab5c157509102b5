/* What everybody changes of his own account: password, second factor, sessions. */
#include <string.h>

#include "access/totp.h"
#include "api/access_priv.h"
#include "base/clock.h"
#include "base/str.h"

struct password_doc {
    const char *old, *fresh;
};
const struct option password_options[] = {
    {"old", OPT_STRING, offsetof(struct password_doc, old), .required = true, .max = 1000,
     .secret = true, .help = {"The present password.", "当前密码。"}},
    {"new", OPT_STRING, offsetof(struct password_doc, fresh), .required = true, .max = 1000,
     .secret = true, .help = {"At least 10 characters.", "新密码，至少 10 个字符。"}},
    OPTION_END,
};

struct totp_doc {
    const char *password;
};
const struct option totp_options[] = {
    {"password", OPT_STRING, offsetof(struct totp_doc, password), .def = "", .max = 1000,
     .secret = true, .help = {"The present password.", "当前密码。"}},
    OPTION_END,
};

struct code_doc {
    const char *code;
};
const struct option code_options[] = {
    {"code", OPT_STRING, offsetof(struct code_doc, code), .required = true, .max = 40,
     .secret = true, .help = {"What the app shows.", "验证器显示的验证码。"}},
    OPTION_END,
};

struct revoke_doc {
    int64_t user_id;
};
const struct option revoke_options[] = {
    {"user_id", OPT_INT, offsetof(struct revoke_doc, user_id), .def = "0", .min = 0, .max = 1e15,
     .help = {"Whose; one's own when absent.", "所属账号；缺省为自己。"}},
    OPTION_END,
};

/* The account of who asks, whose password was given once more: a session left open is not enough for this. */
static bool confirmed(struct call *k, const char *password, struct account *u)
{
    struct err err = {0};
    bool good = false, old;
    if (!own_account(k, u))
        return false;
    if (!u->password[0]) /* it has none: signed in elsewhere */
        return true;
    const char *key = account_key(u->name, k->arena);
    if (!door_try(k, key))
        return false;
    if (password_check(k->api->door->gate, u->password, password, &good, &old, &err) != 0) {
        door_back(k, key);
        call_fail(k, &err);
        return false;
    }
    if (good)
        door_good(k, key);
    else
        call_invalid(k, streq(k->req->path, "/api/v1/session/password") ? "old" : "password",
                     "this is not your password");
    return good;
}

static int set_password(struct account_change *c, struct account *u, struct err *err)
{
    must(c->arg);
    (void)err;
    u->password = c->arg;
    return 0;
}

void session_password(struct call *k)
{
    struct password_doc doc = {0};
    struct account u;
    char hash[PASSWORD_HASH];
    if (!call_bind(k, password_options, &doc) || !confirmed(k, doc.old, &u))
        return;
    const char *weakness = password_weakness(doc.fresh, u.name);
    if (!u.password[0] || weakness) {
        call_invalid(k, "new", "%s", weakness ? weakness : "this account signs in elsewhere");
        return;
    }
    if (!password_is_good(k, doc.fresh, u.name, hash))
        return;
    struct account_change c = {.change.call = k,
                               .id = k->who->user_id,
                               .fn = set_password,
                               .arg = hash,
                               .end_others = true};
    static const struct audited audited = {.kind = "user", .action = "password"};
    c.change.of = &audited;
    k->resp->status = 204;
    account_commit(&c);
}

/* --- second factor --- */

static int set_pending(struct account_change *c, struct account *u, struct err *err)
{
    must(c->arg);
    if (u->totp[0])
        return err_set(err, ERR_CONFLICT, "the second factor is on already; switch it off first");
    u->totp_pending = c->arg;
    return 0;
}

void totp_begin(struct call *k)
{
    struct totp_doc doc = {0};
    struct account u;
    char secret[TOTP_SECRET];
    struct buf label = BUF_INIT(1024);
    if (!call_bind(k, totp_options, &doc) || !confirmed(k, doc.password, &u))
        return;
    totp_secret(secret);
    struct account_change c = {
        .change.call = k, .id = k->who->user_id, .fn = set_pending, .arg = secret};
    if (!account_commit(&c))
        return;
    url_encode(&label, str_of(u.name));
    struct json j = call_json(k);
    json_obj(&j);
    json_kstr(&j, "secret", secret);
    json_kstr(&j, "uri",
              arena_printf(k->arena, "otpauth://totp/Belfry:%s?secret=%s&issuer=Belfry", label.data,
                           secret));
    json_end(&j);
    buf_done(&label);
    secret_wipe(secret, sizeof(secret));
}

struct recovery {
    const char *typed; /* NULL: only new codes */
    struct str_list hashes;
    char codes[RECOVERY_CODES][CODE_TEXT];
};

static void make_codes(struct recovery *r, struct arena *a)
{
    char hash[SECRET_HASH];
    r->hashes = (struct str_list){arena_array_of(a, const char *, RECOVERY_CODES), RECOVERY_CODES};
    for (size_t i = 0; i < RECOVERY_CODES; i++) {
        code_secret(r->codes[i]);
        r->hashes.at[i] = arena_strdup(a, secret_hash(str_of(r->codes[i]), hash));
    }
}

static int set_totp(struct account_change *c, struct account *u, struct err *err)
{
    const struct recovery *r = c->arg;
    must(r->hashes.n == RECOVERY_CODES);
    if (r->typed && !u->totp_pending[0])
        return err_set(err, ERR_CONFLICT, "there is nothing to confirm; begin again");
    if (r->typed && !totp_check(u->totp_pending, r->typed, clock_wall_ms(), &u->totp_used))
        return err_set(err, ERR_INVALID, "this code is not right; look at the clock of the device");
    if (!r->typed && !u->totp[0])
        return err_set(err, ERR_CONFLICT, "there is no second factor");
    if (r->typed) {
        u->totp = u->totp_pending;
        u->totp_pending = "";
    }
    u->recovery = r->hashes;
    return 0;
}

static void give_codes(struct call *k, const char *typed)
{
    struct recovery r = {.typed = typed};
    make_codes(&r, k->arena);
    struct account_change c = {.change.call = k, .id = k->who->user_id, .fn = set_totp, .arg = &r};
    if (account_commit(&c)) {
        struct json j = call_json(k);
        json_obj(&j);
        json_karr(&j, "recovery_codes");
        for (size_t i = 0; i < RECOVERY_CODES; i++)
            json_str(&j, r.codes[i]);
        json_end(&j);
        json_end(&j);
        http_resp_header(k->resp, "Cache-Control", "no-store");
    }
    secret_wipe(r.codes, sizeof(r.codes));
}

void totp_confirm(struct call *k)
{
    struct code_doc doc = {0};
    struct account u;
    if (!call_bind(k, code_options, &doc) || !own_account(k, &u))
        return;
    const char *key = account_key(u.name, k->arena);
    if (!door_try(k, key))
        return;
    give_codes(k, doc.code);
    if (k->resp->status < 400)
        door_good(k, key);
}

void totp_recovery(struct call *k)
{
    struct totp_doc doc = {0};
    struct account u;
    if (call_bind(k, totp_options, &doc) && confirmed(k, doc.password, &u))
        give_codes(k, NULL);
}

static int unset_totp(struct account_change *c, struct account *u, struct err *err)
{
    (void)c;
    (void)err;
    u->totp = u->totp_pending = "";
    u->recovery.n = 0;
    return 0;
}

void totp_disable(struct call *k)
{
    struct totp_doc doc = {0};
    struct account u;
    if (!call_bind(k, totp_options, &doc) || !confirmed(k, doc.password, &u))
        return;
    struct account_change c = {.change.call = k, .id = k->who->user_id, .fn = unset_totp};
    k->resp->status = 204;
    account_commit(&c);
}

/* --- sessions --- */

/* An administrator who asks for those of all. */
static bool wants_all(struct call *k)
{
    const char *all = http_req_query(k->req, "all");
    must(k->who != NULL);
    return all && streq(all, "true") && k->who->role == ROLE_ADMIN;
}

static const char *name_of(struct core *core, uint64_t user, struct arena *a)
{
    struct core_document d;
    struct account u;
    return core_document_get(core, "user", user, &d) && account_parse(d.json, a, &u) ? u.name : "";
}

static bool list_one(void *arg, const struct core_document *d)
{
    struct whole_list *l = arg;
    struct call *k = l->call;
    struct session s;
    const struct config_access *o = &call_config(k)->access;
    bool own = false;
    if (!session_parse(d->json, k->arena, &s))
        return true;
    own = k->who->kind == PRINCIPAL_USER && (uint64_t)s.user_id == k->who->user_id;
    int64_t used = access_used(k->api->door->access, "session", d->id);
    if ((!own && !wants_all(k)) || clock_wall_ms() - used >= o->session_idle_ms ||
        clock_wall_ms() - s.created_ms >= o->session_max_ms)
        return true;
    struct json *j = &l->json;
    json_obj(j);
    json_kuint(j, "id", d->id);
    json_kuint(j, "user_id", (uint64_t)s.user_id);
    json_kstr(j, "name", name_of(k->api->core, (uint64_t)s.user_id, k->arena));
    json_kbool(j, "current", own && d->id == k->who->id);
    json_kstr(j, "address", s.address);
    json_kstr(j, "user_agent", s.user_agent);
    json_kstr(j, "method", s.method);
    json_ktime(j, "created_at", s.created_ms);
    json_ktime(j, "seen_at", used);
    json_ktime(j, "expires_at", s.created_ms + o->session_max_ms);
    json_ktime(j, "idle_expires_at", used + o->session_idle_ms);
    json_end(j);
    l->n++;
    return true;
}

static void list_all(struct whole_list *l)
{
    core_documents_each(l->call->api->core, "session", list_one, l);
}

void sessions_list(struct call *k)
{
    list_whole(k, list_all);
}

/* Whose session it is nobody learns who may not end it. */
static void delete_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->id != 0);
    struct call *k = c->call;
    struct core_document d;
    struct session s;
    bool mine = core_document_get(k->api->core, "session", k->id, &d) &&
                session_parse(d.json, k->arena, &s) &&
                (k->who->role == ROLE_ADMIN ||
                 (k->who->kind == PRINCIPAL_USER && (uint64_t)s.user_id == k->who->user_id));
    if (mine)
        c->rc = core_document_del(k->api->core, "session", k->id, c->waiter, &c->err);
    else
        c->rc = err_set(&c->err, ERR_NOT_FOUND, "no session has the id %llu",
                        (unsigned long long)k->id);
}

static const struct audited revoked = {.kind = "session", .action = "revoke"};

void sessions_delete(struct call *k)
{
    struct change c = {.call = k, .of = &revoked};
    change_commit(&c, delete_on_core);
}

static void revoke_on_core(void *arg)
{
    struct call *k = arg;
    must(k->id != 0);
    sessions_end(k->api->core, k->id, k->id == k->who->user_id ? k->who->id : 0);
}

void sessions_revoke(struct call *k)
{
    struct revoke_doc doc = {0};
    if (!call_bind(k, revoke_options, &doc))
        return;
    if (doc.user_id && !call_may(k, ROLE_ADMIN, NULL))
        return;
    k->id = doc.user_id ? (uint64_t)doc.user_id : k->who->user_id;
    if (k->id == 0) {
        call_invalid(k, "user_id", "is missing; want whose");
        return;
    }
    on_core(k, revoke_on_core, k);
    call_audit(k, &(struct audit_entry){
                      .action = "revoke",
                      .kind = "session",
                      .object = arena_printf(k->arena, "of user %llu", (unsigned long long)k->id)});
    k->resp->status = 204;
}
