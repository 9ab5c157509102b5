/* See documents.h. */
#include "access/documents.h"

#include <string.h>

#include "base/str.h"

static const char *const roles[] = {"none", "viewer", "editor", "admin", NULL};

#define TEXT(type, key)                                         \
    {                                                           \
#key, OPT_STRING, offsetof(struct type, key), .def = "" \
    }
#define NUMBER(type, key)                                     \
    {                                                         \
#key, OPT_INT, offsetof(struct type, key), .def = "0" \
    }

const struct option account_options[] = {
    {"name", OPT_STRING, offsetof(struct account, name), .required = true},
    {"role", OPT_ENUM, offsetof(struct account, role), .def = "none", .choices = roles},
    {"groups", OPT_MAP, offsetof(struct account, groups)},
    {"enabled", OPT_BOOL, offsetof(struct account, enabled), .def = "true"},
    {"password", OPT_STRING, offsetof(struct account, password), .def = "", .secret = true},
    {"totp", OPT_STRING, offsetof(struct account, totp), .def = "", .secret = true},
    {"totp_pending_secret", OPT_STRING, offsetof(struct account, totp_pending), .def = "",
     .secret = true},
    NUMBER(account, totp_used),
    {"recovery", OPT_LIST, offsetof(struct account, recovery), .secret = true},
    TEXT(account, oidc),
    NUMBER(account, created_ms),
    NUMBER(account, last_login_ms),
    OPTION_END,
};

const struct option token_options[] = {
    {"name", OPT_STRING, offsetof(struct token, name), .required = true},
    {"hash", OPT_STRING, offsetof(struct token, hash), .required = true, .secret = true},
    TEXT(token, group),
    {"scope", OPT_ENUM, offsetof(struct token, scope), .def = "none", .choices = roles},
    {"agent", OPT_BOOL, offsetof(struct token, agent), .def = "false"},
    NUMBER(token, user_id),
    NUMBER(token, created_ms),
    NUMBER(token, expires_ms),
    NUMBER(token, used_ms),
    OPTION_END,
};

const struct option session_options[] = {
    {"hash", OPT_STRING, offsetof(struct session, hash), .required = true, .secret = true},
    TEXT(session, address),
    TEXT(session, user_agent),
    TEXT(session, method),
    NUMBER(session, user_id),
    NUMBER(session, created_ms),
    NUMBER(session, seen_ms),
    OPTION_END,
};

static bool parse(const struct option *table, const char *json, struct arena *a, void *out)
{
    struct err err = {0};
    struct problems p;
    const struct node *n = node_from_json(a, json, strlen(json), &err);
    if (!n || n->kind != NODE_MAP)
        return false;
    problems_init(&p, a);
    bool good = options_bind(table, n, out, a, &p, "");
    problems_done(&p);
    return good;
}

static const char *format(const struct option *table, const void *bound, struct arena *a)
{
    struct buf text = BUF_INIT(1 << 20);
    struct json j = json_start(&text);
    node_to_json(options_document(table, bound, a), &j);
    must(text.data && !text.failed);
    const char *copy = arena_strndup(a, text.data, text.len);
    buf_done(&text);
    return copy;
}

bool account_parse(const char *json, struct arena *a, struct account *out)
{
    *out = (struct account){0};
    return parse(account_options, json, a, out);
}

bool token_parse(const char *json, struct arena *a, struct token *out)
{
    *out = (struct token){0};
    return parse(token_options, json, a, out);
}

bool session_parse(const char *json, struct arena *a, struct session *out)
{
    *out = (struct session){0};
    return parse(session_options, json, a, out);
}

const char *account_format(const struct account *u, struct arena *a)
{
    must(u->name && u->role >= ROLE_NONE && u->role <= ROLE_ADMIN);
    return format(account_options, u, a);
}

const char *token_format(const struct token *t, struct arena *a)
{
    must(t->hash && t->agent == (t->scope == ROLE_NONE) && !(t->agent && t->group[0]));
    return format(token_options, t, a);
}

const char *session_format(const struct session *s, struct arena *a)
{
    must(s->hash && s->user_id > 0);
    return format(session_options, s, a);
}

const char *account_key(const char *name, struct arena *a)
{
    char *key = arena_strdup(a, name);
    for (char *c = key; *c; c++)
        if (*c >= 'A' && *c <= 'Z')
            *c = (char)(*c - 'A' + 'a');
    return key;
}
