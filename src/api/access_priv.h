/* Inside of the API: the door. Accounts, sign-in and what the handlers of access_*.c share. */
#ifndef API_ACCESS_PRIV_H
#define API_ACCESS_PRIV_H

#include "access/documents.h"
#include "access/password.h"
#include "access/secret.h"
#include "access/throttle.h"
#include "api/api_priv.h"
#include "config/config.h"
#include "core/audit.h"
#include "core/documents.h"

#define SESSION_COOKIE "belfry_session"

struct oidc;
struct door {
    struct access *access;
    struct password_gate *gate;
    pthread_mutex_t lock; /* guards throttle */
    struct throttle *throttle;
    struct oidc *oidc;
};
/* Reads the documents there are, and logs the set-up code when there is no account. On the loop, or before it turns. */
struct door *door_new(struct core *core);
void door_free(struct door *d);

/* The configuration in force; for the time of this request. */
const struct config *call_config(struct call *k);

/* --- limits (access_login.c) --- */
/* May somebody at this address try for this account ("" for none)? Else 429 was answered. What is allowed counts as a failure until
 * door_good(). */
bool door_try(struct call *k, const char *account);
void door_good(struct call *k, const char *account);
void door_back(struct call *k, const char *account); /* it was no attempt: the server was busy */

/* --- sessions (access_login.c) --- */
/* A new session for the account: stored, and its cookie in the answer. The one that the request came with ends. False: the failure was answered. */
bool session_begin(struct call *k, uint64_t user_id, const char *method);
/* Ends those of the account but this one (0: all). On the loop. */
void sessions_end(struct core *core, uint64_t user_id, uint64_t but);
/* The answer of GET /api/v1/session, for k->who. */
void session_answer(struct call *k);

/* --- accounts --- */
/* The account of k->who; false: 403 was answered (it has none). */
bool own_account(struct call *k, struct account *out);
/* By id; strings in the arena. From any thread but the loop's. */
bool account_of_id(struct call *k, uint64_t id, struct account *out);

/* Changes an account on the loop and waits for the commit. fn returns -1 with *err to refuse. False: the failure was answered. */
struct account_change {
    struct change change;
    uint64_t id;
    int (*fn)(struct account_change *c, struct account *u, struct err *err);
    void *arg;
    bool end_others; /* the account's sessions but that of who asks end */
};
bool account_commit(struct account_change *c);

extern const struct audited account_audited; /* k->id is the account's */
/* Are they fit for an account? Else 422 was answered (or 503: the server is busy). hash: of PASSWORD_HASH bytes. */
bool name_is_good(struct call *k, const char *name);
bool password_is_good(struct call *k, const char *password, const char *name, char *hash);

/* Binds the request's document to a struct; false: answered (400, 415, 422). */
bool call_bind(struct call *k, const struct option *table, void *out);
/* 422 with one field. */
void call_invalid(struct call *k, const char *field, const char *fmt, ...) printf_like(3, 4);
/* 401 with one field ("" for none). */
void call_wrong(struct call *k, const char *field, const char *detail);

/* A Location that leads back to the page: relative, so that it works behind a path prefix. */
void call_see_other(struct call *k, const char *location);

/* --- handlers --- */
void session_get(struct call *k);
void session_login(struct call *k);
void session_logout(struct call *k);
void session_password(struct call *k);
void setup_post(struct call *k);
void sessions_list(struct call *k);
void sessions_delete(struct call *k);
void sessions_revoke(struct call *k);
void totp_begin(struct call *k);
void totp_confirm(struct call *k);
void totp_recovery(struct call *k);
void totp_disable(struct call *k);
void users_list(struct call *k);
void users_get(struct call *k);
void users_create(struct call *k);
void users_patch(struct call *k);
void users_delete(struct call *k);
void tokens_list(struct call *k);
void tokens_create(struct call *k);
void tokens_delete(struct call *k);
void oidc_start(struct call *k);
void oidc_callback(struct call *k);

struct oidc *oidc_new(void);
void oidc_free(struct oidc *o);

/* Is the second factor right, or a recovery code? Changes u (it is used up). */
bool second_factor(struct account *u, const char *typed, int64_t now_ms);

extern const struct option login_options[], setup_options[], password_options[], totp_options[],
    code_options[], revoke_options[], user_doc_options[], token_doc_options[];

#endif
