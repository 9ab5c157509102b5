/* Who may enter, and what they may do: accounts, sessions, tokens. Pure but for memory: persistence is the caller's
 * (documents of kind "user", "token", "session" fed in by access_document, changes handed out as JSON).
 *
 * Any thread: HTTP's threads authenticate each request against tables under a read-write lock, without the core's loop.
 * Sources: OWASP ASVS 4 (sessions, passwords), RFC 6238 (TOTP), RFC 4226, RFC 7636 (PKCE), OpenID Connect Core 1.0. */
#ifndef ACCESS_ACCESS_H
#define ACCESS_ACCESS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

enum role {
    ROLE_NONE,
    ROLE_VIEWER,
    ROLE_EDITOR,
    ROLE_ADMIN
};                                  /* each may what those before it may */
const char *role_name(enum role r); /* "viewer" */
bool role_parse(const char *text, enum role *out);

/* Who asks. Lives in the request's arena; two texts are never NULL. */
struct principal {
    enum principal_kind {
        PRINCIPAL_ANONYMOUS, /* over TCP without credentials: server.anonymous says its role */
        PRINCIPAL_LOCAL,     /* over the Unix socket: administrator */
        PRINCIPAL_USER,
        PRINCIPAL_TOKEN,
        PRINCIPAL_PROXY, /* a trusted proxy named the user */
        PRINCIPAL_AGENT, /* a token of scope agent: may speak for the location of its name, and nothing else */
    } kind;
    const char *name; /* of the account or token; "anonymous"; "unix:1000" */
    uint64_t user_id; /* of the account; a token's owner; 0 */
    uint64_t id;      /* of the session or the token; 0 */
    enum role role;   /* in every group */
    uint32_t
        n_groups; /* where it has another role than `role` (a user), or is limited to (a token with role NONE) */
    struct group_role {
        const char *group;
        enum role role;
    } * groups;
    uint64_t
        standing; /* access_standing() when this was found; 0: it came without a session or a token */
};

/* What it may do in a group; NULL: what belongs to no group (channels, settings, all the metrics). */
enum role principal_role(const struct principal *p, const char *group);
/* May it see anything at all of groups: role ≥ VIEWER everywhere or in one group. */
bool principal_sees_some(const struct principal *p, enum role least);
/* For the audit log: "alice", "token:ci", "unix:0", "anonymous". In a. */
const char *principal_actor(const struct principal *p, struct arena *a);

/* --- the tables: who there is. Fed on the core's loop, asked by any thread --- */
struct config;
struct access;
struct access *access_new(void);
void access_free(struct access *a);

/* A document of this kind ("user", "token", "session") was written; json NULL: it is gone. */
void access_document(struct access *a, const char *kind, uint64_t id, const char *json);
/* The configuration in force; the tables keep a reference. */
void access_configure(struct access *a, const struct config *cfg);
/* To be given back with config_unref. Any thread. */
struct config *access_config(struct access *a);

/* Whom a session's cookie or a token stands for; strings in arena. False: nobody (any more). *stale: it was used now, and what is
 * stored of that is old: access_used() is to be written. */
bool access_by_session(struct access *a, struct str cookie, int64_t now_ms, struct arena *arena,
                       struct principal *out, bool *stale);
bool access_by_token(struct access *a, struct str token, int64_t now_ms, struct arena *arena,
                     struct principal *out, bool *stale);
/* What somebody who came with a credential may do now, as one number: it is another one when the role or the groups are others, 0 when the
 * session or token is good no more, or the account is gone or switched off. Without a credential: what the configuration lends. It
 * counts as no use. For what outlives its request (event streams): take it at the beginning, and end when it is another. */
uint64_t access_standing(struct access *a, const struct principal *p, int64_t now_ms);
/* When it was last used, as far as is known here; 0: never, or there is none. */
int64_t access_used(struct access *a, const char *kind, uint64_t id);

/* Accounts, and those that are administrators everywhere and enabled. */
size_t access_accounts(struct access *a, size_t *administrators);
/* The account of this name, whatever its case; 0: none. */
uint64_t access_account_id(struct access *a, const char *name);

/* Until there is an account: the code that the log shows. True when typed is it. */
const char *access_setup_code(const struct access *a);
bool access_setup_good(struct access *a, const char *typed);

#endif
