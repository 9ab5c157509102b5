/* /api/v1/tokens: what programs sign in with. Everybody has his own; administrators see all. */
#include <stdio.h>
#include <string.h>

#include "api/access_priv.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/location.h"

#define TOKENS_OF_ONE 200

static const char *const scopes[] = {"read", "write", "admin", "agent", NULL};
static const enum role scope_role[] = {ROLE_VIEWER, ROLE_EDITOR, ROLE_ADMIN, ROLE_NONE};

struct token_doc {
    const char *name, *group, *expires_at;
    int scope;
    int64_t expires_in_ms;
};
const struct option token_doc_options[] = {
    {"name", OPT_STRING, offsetof(struct token_doc, name), .required = true, .min = 1, .max = 100,
     .help = {"What it is for; the location's name when the scope is agent.",
              "用途；scope 为 agent 时即地点名称。"}},
    {"scope", OPT_ENUM, offsetof(struct token_doc, scope), .required = true, .choices = scopes,
     .help =
         {"read: see; write: as an editor; admin: everything. Never more than its owner may. agent: "
          "probes for the location of this name (belfry agent), and nothing else.",
          "read：只读；write：同编辑者；admin：全部。不超过其所有者的权限。agent：仅供该名称的地点上的"
          "代理（belfry agent）使用。"}},
    {"group", OPT_STRING, offsetof(struct token_doc, group), .def = "", .max = 100,
     .help = {"Only in this group.", "仅限此分组。"}},
    {"expires_at", OPT_STRING, offsetof(struct token_doc, expires_at), .def = "", .max = 40,
     .help = {"RFC 3339; never when absent.", "过期时间（RFC 3339）；缺省不过期。"}},
    {"expires_in", OPT_DURATION, offsetof(struct token_doc, expires_in_ms), .def = "0", .min = 0,
     .max = 3660 * 86400000.0, .help = {"The same from now on.", "从现在起的有效期。"},
     .example = "90d"},
    OPTION_END,
};

static const char *scope_name(const struct token *t)
{
    must(t->agent || (t->scope >= ROLE_VIEWER && t->scope <= ROLE_ADMIN));
    return t->agent ? "agent" : scopes[t->scope - ROLE_VIEWER];
}

static const char *owner_of(struct call *k, int64_t user)
{
    struct core_document d;
    struct account u;
    return user && core_document_get(k->api->core, "user", (uint64_t)user, &d) &&
                   account_parse(d.json, k->arena, &u)
               ? u.name
               : "";
}

static void token_json_open(struct call *k, uint64_t id, const struct token *t, struct json *j)
{
    json_obj(j);
    json_kuint(j, "id", id);
    json_kstr(j, "name", t->name);
    json_kstr(j, "scope", scope_name(t));
    json_kstr(j, "group", t->group[0] ? t->group : NULL);
    json_ktime(j, "expires_at", t->expires_ms);
    json_ktime(j, "created_at", t->created_ms);
    json_ktime(j, "last_used_at", access_used(k->api->door->access, "token", id));
    json_kuint(j, "user_id", (uint64_t)t->user_id);
    json_kstr(j, "owner", owner_of(k, t->user_id));
}

static bool show(struct call *k, struct json *j, const char **name)
{
    struct core_document d;
    struct token t;
    if (!k->id || !core_document_get(k->api->core, "token", k->id, &d) ||
        !token_parse(d.json, k->arena, &t))
        return false;
    token_json_open(k, k->id, &t, j);
    json_end(j);
    *name = t.name;
    return true;
}

static const struct audited audited = {"token", show, "last_used_at", NULL};

/* An administrator everywhere sees and ends all, others their own. */
static bool is_ones_own(const struct call *k, const struct token *t)
{
    return k->who->role == ROLE_ADMIN ||
           (k->who->kind == PRINCIPAL_USER && (uint64_t)t->user_id == k->who->user_id);
}

static bool list_one(void *arg, const struct core_document *d)
{
    struct whole_list *l = arg;
    struct token t;
    if (!token_parse(d->json, l->call->arena, &t) || !is_ones_own(l->call, &t))
        return true;
    token_json_open(l->call, d->id, &t, &l->json);
    json_end(&l->json);
    l->n++;
    return true;
}

static void list_all(struct whole_list *l)
{
    core_documents_each(l->call->api->core, "token", list_one, l);
}

void tokens_list(struct call *k)
{
    list_whole(k, list_all);
}

/* --- making --- */

struct making {
    struct change change;
    struct token token;
    uint64_t n;
};

static bool count_one(void *arg, const struct core_document *d)
{
    struct making *m = arg;
    struct token t;
    m->n += token_parse(d->json, m->change.call->arena, &t) && t.user_id == m->token.user_id;
    return true;
}

static void make_on_core(void *arg)
{
    struct making *m = container_of(arg, struct making, change);
    struct call *k = m->change.call;
    core_documents_each(k->api->core, "token", count_one, m);
    if (m->n >= TOKENS_OF_ONE)
        m->change.rc = err_set(&m->change.err, ERR_TOO_LARGE,
                               "there are %d tokens already; remove one first", TOKENS_OF_ONE);
    else
        m->change.rc =
            core_document_put(k->api->core, "token", &k->id, token_format(&m->token, k->arena),
                              m->change.waiter, &m->change.err);
}

/* 0: never. False: answered. */
static bool read_end(struct call *k, const struct token_doc *doc, int64_t *out)
{
    struct err err = {0};
    int64_t now = clock_wall_ms();
    *out = doc->expires_in_ms ? now + doc->expires_in_ms : 0;
    if (!doc->expires_at[0])
        return true;
    if (time_parse(str_of(doc->expires_at), out, &err) == 0 && *out > now)
        return true;
    call_invalid(k, "expires_at", "got \"%s\"; want a time to come, as RFC 3339 has it",
                 doc->expires_at);
    return false;
}

static bool is_location(struct call *k, const struct token *t)
{
    const char *fault = location_agent_fault(t->name);
    if (fault)
        call_invalid(k, "name", "it names a location: %s", fault);
    else if (t->group[0])
        call_invalid(k, "group", "an agent's token is of no group; its targets name the location");
    else
        return true;
    return false;
}

/* Nobody makes a token that may more than himself, and no token makes tokens but an administrator's. */
static bool may_make(struct call *k, const struct token *t)
{
    if (t->agent) /* an agent is given what its targets are configured with, and is believed */
        return call_may(k, ROLE_ADMIN, NULL) && is_location(k, t);
    return call_may(k, (enum role)t->scope, t->group[0] ? t->group : NULL);
}

void tokens_create(struct call *k)
{
    char secret[TOKEN_TEXT], hash[SECRET_HASH];
    struct token_doc doc = {0};
    struct making m = {.change = {.call = k, .of = &audited}};
    if (!call_bind(k, token_doc_options, &doc))
        return;
    m.token = (struct token){.name = doc.name,
                             .group = doc.group,
                             .scope = scope_role[doc.scope],
                             .agent = streq(scopes[doc.scope], "agent"),
                             .user_id = (int64_t)k->who->user_id,
                             .created_ms = clock_wall_ms()};
    if (!read_end(k, &doc, &m.token.expires_ms) || !may_make(k, &m.token))
        return;
    m.token.hash = secret_hash(str_of(token_secret(secret)), hash);
    if (!change_commit(&m.change, make_on_core))
        return;
    struct json j = call_json(k);
    json_obj(&j);
    json_kuint(&j, "id", k->id);
    json_kstr(&j, "name", doc.name);
    json_kstr(&j, "scope", scopes[doc.scope]);
    json_kstr(&j, "group", doc.group[0] ? doc.group : NULL);
    json_ktime(&j, "expires_at", m.token.expires_ms);
    json_ktime(&j, "created_at", m.token.created_ms);
    json_ktime(&j, "last_used_at", 0);
    json_kuint(&j, "user_id", k->who->user_id);
    json_kstr(&j, "owner", k->who->kind == PRINCIPAL_USER ? k->who->name : "");
    json_kstr(&j, "token", secret);
    json_end(&j);
    k->resp->status = 201;
    http_resp_header(k->resp, "Cache-Control", "no-store");
    secret_wipe(secret, sizeof(secret));
}

static void delete_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct core_document d;
    struct token t;
    if (core_document_get(k->api->core, "token", k->id, &d) && token_parse(d.json, k->arena, &t) &&
        is_ones_own(k, &t))
        c->rc = core_document_del(k->api->core, "token", k->id, c->waiter, &c->err);
    else
        c->rc =
            err_set(&c->err, ERR_NOT_FOUND, "no token has the id %llu", (unsigned long long)k->id);
}

void tokens_delete(struct call *k)
{
    struct change c = {.call = k, .of = &audited};
    change_commit(&c, delete_on_core);
}
