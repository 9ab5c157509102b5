/* /api/v1/users: accounts, by administrators. */
#include <stdio.h>
#include <string.h>

#include "api/access_priv.h"
#include "base/clock.h"
#include "base/str.h"

static const char *const roles[] = {"none", "viewer", "editor", "admin", NULL};

struct user_doc {
    const char *name, *password;
    int role;
    struct pair_list groups;
    bool enabled, totp;
};
const struct option user_doc_options[] = {
    {"name", OPT_STRING, offsetof(struct user_doc, name), .def = "", .max = 200,
     .help = {"Unique, whatever its case.", "唯一，不区分大小写。"}},
    {"password", OPT_STRING, offsetof(struct user_doc, password), .def = "", .max = 1000,
     .secret = true, .help = {"At least 10 characters.", "至少 10 个字符。"}},
    {"role", OPT_ENUM, offsetof(struct user_doc, role), .def = "viewer", .choices = roles,
     .help = {"What it may do in every group.", "在所有分组中的角色。"}},
    {"groups", OPT_MAP, offsetof(struct user_doc, groups), .max = ACCOUNT_GROUPS_MAX,
     .help = {"Roles in groups where it has another.", "在个别分组中的不同角色。"},
     .example = "{payments: editor}"},
    {"enabled", OPT_BOOL, offsetof(struct user_doc, enabled), .def = "true",
     .help = {"Whether it may sign in.", "是否允许登录。"}},
    {"totp", OPT_BOOL, offsetof(struct user_doc, totp), .def = "true",
     .help = {"false takes the second factor away.", "false 取消两步验证。"}},
    OPTION_END,
};

struct counting {
    struct arena *arena;
    uint64_t user;
    uint64_t sessions, tokens;
};

static bool count_one(void *arg, const struct core_document *d)
{
    struct counting *c = arg;
    struct session s;
    struct token t;
    if (streq(d->kind, "session"))
        c->sessions += session_parse(d->json, c->arena, &s) && (uint64_t)s.user_id == c->user;
    else
        c->tokens += token_parse(d->json, c->arena, &t) && (uint64_t)t.user_id == c->user;
    return true;
}

static void user_json(struct core *core, uint64_t id, const struct account *u, struct arena *a,
                      struct json *j)
{
    must(id > 0);
    struct counting c = {.arena = a, .user = id};
    core_documents_each(core, "session", count_one, &c);
    core_documents_each(core, "token", count_one, &c);
    json_obj(j);
    json_kuint(j, "id", id);
    json_kstr(j, "name", u->name);
    json_kstr(j, "role", role_name((enum role)u->role));
    json_kobj(j, "groups");
    for (size_t i = 0; i < u->groups.n; i++)
        json_kstr(j, u->groups.at[i].key, u->groups.at[i].value);
    json_end(j);
    json_kbool(j, "enabled", u->enabled);
    json_kbool(j, "totp", u->totp[0] != '\0');
    json_kstr(j, "source", u->oidc[0] ? "oidc" : "password");
    json_ktime(j, "created_at", u->created_ms);
    json_ktime(j, "last_login_at", u->last_login_ms);
    json_kuint(j, "sessions", c.sessions);
    json_kuint(j, "tokens", c.tokens);
    json_end(j);
}

static bool show(struct call *k, struct json *j, const char **name)
{
    struct core_document d;
    struct account u;
    if (!k->id || !core_document_get(k->api->core, "user", k->id, &d) ||
        !account_parse(d.json, k->arena, &u))
        return false;
    user_json(k->api->core, k->id, &u, k->arena, j);
    *name = u.name;
    return true;
}

const struct audited account_audited = {"user", show, "last_login_at sessions tokens", NULL};

/* --- reading --- */

static bool list_one(void *arg, const struct core_document *d)
{
    struct whole_list *l = arg;
    struct account u;
    if (account_parse(d->json, l->call->arena, &u)) {
        user_json(l->call->api->core, d->id, &u, l->call->arena, &l->json);
        l->n++;
    }
    return true;
}

static void list_all(struct whole_list *l)
{
    core_documents_each(l->call->api->core, "user", list_one, l);
}

void users_list(struct call *k)
{
    list_whole(k, list_all);
}

static void no_account(struct change *c)
{
    c->rc = err_set(&c->err, ERR_NOT_FOUND, "no account has the id %llu",
                    (unsigned long long)c->call->id);
}

static void get_on_core(void *arg)
{
    struct change *c = arg;
    struct json j = call_json(c->call);
    const char *name;
    if (!show(c->call, &j, &name))
        no_account(c);
}

void users_get(struct call *k)
{
    struct change c = {.call = k};
    on_core(k, get_on_core, &c);
    if (c.rc != 0)
        call_fail(k, &c.err);
}

/* --- changing --- */

struct user_change {
    struct account_change account;
    const struct node *doc;
    struct user_doc fresh;
    const char *hash; /* of the new password; NULL: it stays */
};

static bool given(const struct user_change *c, const char *key)
{
    const struct node *n = node_get(c->doc, key);
    return n && n->kind != NODE_NULL;
}

static bool groups_are_good(struct call *k, const struct pair_list *groups)
{
    enum role r;
    for (size_t i = 0; i < groups->n; i++)
        if (!role_parse(groups->at[i].value, &r)) {
            call_invalid(k, "groups", "got the role \"%s\"; want none, viewer, editor or admin",
                         groups->at[i].value);
            return false;
        }
    return true;
}

/* The document, checked, with the password hashed. False: answered. */
static bool read_doc(struct call *k, struct user_change *c, const char *old_name, char *hash)
{
    bool fresh = !old_name;
    c->doc = call_body(k);
    if (!c->doc)
        return false;
    if (!options_bind(user_doc_options, c->doc, &c->fresh, k->arena, &k->problems, "")) {
        call_fail_code(k, ERR_INVALID, "the account is invalid");
        return false;
    }
    const char *name = fresh || given(c, "name") ? c->fresh.name : old_name;
    if ((fresh || given(c, "name")) && !name_is_good(k, name))
        return false;
    if (!groups_are_good(k, &c->fresh.groups))
        return false;
    if (!fresh && !given(c, "password"))
        return true;
    c->hash = hash;
    return password_is_good(k, c->fresh.password, name, hash);
}

static int name_taken(struct call *k, const char *name, uint64_t id, struct err *err)
{
    uint64_t other = access_account_id(k->api->door->access, name);
    if (other && other != id)
        return err_set(err, ERR_CONFLICT, "there is an account with the name \"%s\"", name);
    return 0;
}

static void create_on_core(void *arg)
{
    struct user_change *c = container_of(arg, struct user_change, account.change);
    struct call *k = c->account.change.call;
    struct account u = {.name = c->fresh.name,
                        .role = c->fresh.role,
                        .groups = c->fresh.groups,
                        .enabled = c->fresh.enabled,
                        .password = c->hash,
                        .totp = "",
                        .totp_pending = "",
                        .oidc = "",
                        .created_ms = clock_wall_ms()};
    struct change *ch = &c->account.change;
    must(c->hash && ch->waiter);
    ch->rc = name_taken(k, u.name, 0, &ch->err);
    if (ch->rc == 0)
        ch->rc = core_document_put(k->api->core, "user", &k->id, account_format(&u, k->arena),
                                   ch->waiter, &ch->err);
}

void users_create(struct call *k)
{
    char hash[PASSWORD_HASH];
    struct user_change c = {.account.change = {.call = k, .of = &account_audited}};
    if (!read_doc(k, &c, NULL, hash))
        return;
    if (change_commit(&c.account.change, create_on_core))
        change_show(k, users_get, "/api/v1/users");
}

/* Somebody must stay who can let others in. */
static int last_administrator(struct call *k, const struct account *was, struct err *err)
{
    size_t n;
    access_accounts(k->api->door->access, &n);
    if (was->role == ROLE_ADMIN && was->enabled && n <= 1)
        return err_set(err, ERR_CONFLICT,
                       "\"%s\" is the last administrator; make another one first", was->name);
    return 0;
}

static int merge(struct account_change *a, struct account *u, struct err *err)
{
    struct user_change *c = container_of(a, struct user_change, account);
    struct call *k = a->change.call;
    const struct account was = *u;
    if (given(c, "name"))
        u->name = c->fresh.name;
    if (given(c, "role"))
        u->role = c->fresh.role;
    if (given(c, "groups"))
        u->groups = c->fresh.groups;
    if (given(c, "enabled"))
        u->enabled = c->fresh.enabled;
    if (c->hash)
        u->password = c->hash;
    if (given(c, "totp") && !c->fresh.totp) {
        u->totp = u->totp_pending = "";
        u->recovery.n = 0;
    }
    a->end_others = c->hash || !u->enabled;
    if (given(c, "name") && name_taken(k, u->name, a->id, err) != 0)
        return -1;
    bool stays = u->role == ROLE_ADMIN && u->enabled;
    return stays ? 0 : last_administrator(k, &was, err);
}

void users_patch(struct call *k)
{
    char hash[PASSWORD_HASH];
    struct account old;
    struct user_change c = {.account = {.change.call = k, .id = k->id, .fn = merge}};
    if (!account_of_id(k, k->id, &old)) {
        no_account(&c.account.change);
        call_fail(k, &c.account.change.err);
        return;
    }
    if (read_doc(k, &c, old.name, hash) && account_commit(&c.account))
        change_show(k, users_get, "/api/v1/users");
}

struct dropping {
    struct arena *arena;
    uint64_t user;
    vec_of(uint64_t) ids;
};

static bool drop_token(void *arg, const struct core_document *d)
{
    struct dropping *p = arg;
    struct token t;
    if (token_parse(d->json, p->arena, &t) && (uint64_t)t.user_id == p->user)
        vec_push(&p->ids, d->id);
    return true;
}

/* With the account its sessions and tokens. */
static void delete_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->id != 0);
    struct call *k = c->call;
    struct core *core = k->api->core;
    struct core_document d;
    struct account u;
    struct dropping drop = {.arena = k->arena, .user = k->id};
    if (!core_document_get(core, "user", k->id, &d) || !account_parse(d.json, k->arena, &u)) {
        no_account(c);
        return;
    }
    c->rc = last_administrator(k, &u, &c->err);
    if (c->rc == 0)
        c->rc = core_document_del(core, "user", k->id, c->waiter, &c->err);
    if (c->rc != 0)
        return;
    sessions_end(core, k->id, 0);
    core_documents_each(core, "token", drop_token, &drop);
    vec_each (&drop.ids, id)
        core_document_del(core, "token", *id, NULL, NULL);
    vec_done(&drop.ids);
}

void users_delete(struct call *k)
{
    struct change c = {.call = k, .of = &account_audited};
    change_commit(&c, delete_on_core);
}
