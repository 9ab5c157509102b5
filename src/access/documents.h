/* Accounts, tokens and sessions as the documents that the core keeps (core/documents.h): their fields, from JSON and to it. Pure;
 * strings borrow from the arena. */
#ifndef ACCESS_DOCUMENTS_H
#define ACCESS_DOCUMENTS_H

#include "access/access.h"
#include "config/option.h"

#define ACCOUNT_NAME_MAX   64
#define ACCOUNT_GROUPS_MAX 200
#define RECOVERY_CODES     10

/* Kind "user". */
struct account {
    const char *name;
    int role;                /* enum role */
    struct pair_list groups; /* group → role, where it has another */
    bool enabled;
    const char *password;     /* argon2id; "" for one that signs in elsewhere */
    const char *totp;         /* base32; "" without a second factor. Sealed at rest */
    const char *totp_pending; /* shown, not yet confirmed */
    int64_t totp_used;        /* last step that was used */
    struct str_list recovery; /* hashes of the codes that are left */
    const char *oidc;         /* "ISSUER SUBJECT"; "" for one with a password */
    int64_t created_ms, last_login_ms;
};

/* Kind "token". */
struct token {
    const char *name, *hash, *group; /* group "": everywhere */
    int scope;                       /* VIEWER, EDITOR or ADMIN: enum role; NONE: an agent's */
    bool agent;      /* it speaks for the location of its name; scope NONE, no group */
    int64_t user_id; /* owner; 0: made on the machine itself */
    int64_t created_ms, expires_ms, used_ms; /* 0: never */
};

/* Kind "session". */
struct session {
    const char *hash, *address, *user_agent, *method; /* "password", "oidc", "setup" */
    int64_t user_id, created_ms, seen_ms;
};

extern const struct option account_options[], token_options[], session_options[];

/* False: it is no such document. */
bool account_parse(const char *json, struct arena *a, struct account *out);
bool token_parse(const char *json, struct arena *a, struct token *out);
bool session_parse(const char *json, struct arena *a, struct session *out);
/* JSON text, in the arena. */
const char *account_format(const struct account *u, struct arena *a);
const char *token_format(const struct token *t, struct arena *a);
const char *session_format(const struct session *s, struct arena *a);

/* Names of accounts are one when they differ only by case (of ASCII): the form that is compared. */
const char *account_key(const char *name, struct arena *a);

#endif
