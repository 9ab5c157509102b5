/* OpenID Connect Core 1.0, code flow with PKCE (RFC 7636): what is pure of it. The talk with the provider is oidc_provider.c's;
 * who calls both is the API. */
#ifndef ACCESS_OIDC_H
#define ACCESS_OIDC_H

#include "access/access.h"
#include "access/secret.h"
#include "config/access.h"

/* --- sign-ins under way: state, nonce and verifier, bound to the browser by a cookie. Bounded: the oldest gives way --- */
#define OIDC_NEXT 500
struct oidc_pending {
    char state[SESSION_TEXT], nonce[SESSION_TEXT], verifier[SESSION_TEXT], browser[SESSION_TEXT];
    char next[OIDC_NEXT]; /* where the page goes on: "/targets/7" */
    int64_t at_ms;
};
struct oidc_table;
struct oidc_table *oidc_table_new(void);
void oidc_table_free(struct oidc_table *t);
/* A new one, given out. next of wrong form is "/". Any thread. */
void oidc_begin(struct oidc_table *t, const char *next, int64_t now_ms, struct oidc_pending *out);
/* Takes it out: a state is good once, for 10 minutes, in the browser that began. Any thread. */
bool oidc_take(struct oidc_table *t, const char *state, struct str browser, int64_t now_ms,
               struct oidc_pending *out);

/* The S256 challenge of a verifier. */
char *oidc_challenge(const char *verifier, char out[SESSION_TEXT]);

/* --- who it is --- */
struct oidc_identity {
    const char *subject, *name;
    enum role role; /* NONE: the claims give none */
};
/* The claims of a verified id_token: issuer, audience, times (a minute of grace), nonce, subject (OpenID Connect Core
 * 3.1.3.7). DENIED. */
int oidc_check(const struct node *claims, const struct config_oidc *cfg, const char *issuer,
               const char *nonce, int64_t now_ms, struct err *err);
/* The token does not say what cfg wants to know of its subject; the user info may (5.4). */
bool oidc_lacks(const struct node *claims, const struct config_oidc *cfg);
/* Of checked claims, and of the user info (NULL: not asked) what they lack. DENIED: it is of another subject (5.3.2). */
int oidc_identify(const struct node *claims, const struct node *info, const struct config_oidc *cfg,
                  struct oidc_identity *out, struct err *err);

/* --- the provider: blocks for some seconds at most; any thread --- */
struct oidc_provider;
struct oidc_provider *oidc_provider_new(void);
void oidc_provider_free(struct oidc_provider *p);
/* Where the browser is sent. NULL: the provider cannot be asked. */
const char *oidc_address(struct oidc_provider *p, const struct config_oidc *cfg,
                         const char *redirect_uri, const struct oidc_pending *s, struct arena *a,
                         struct err *err);
/* The code into verified claims and who that is. */
int oidc_redeem(struct oidc_provider *p, const struct config_oidc *cfg, const char *redirect_uri,
                const struct oidc_pending *s, const char *code, struct arena *a,
                struct oidc_identity *out, struct err *err);

#endif
