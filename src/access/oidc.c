/* See oidc.h: sign-ins under way, and what claims say. */
#include "access/oidc.h"

#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>

#define PENDING  1000
#define LASTS_MS (10 * 60 * 1000)
#define GRACE_MS 60000
#define SUBJECT  255 /* OpenID Connect Core, 2 */
#define AHEAD_MS (5 * 60 * 1000)

struct oidc_table {
    pthread_mutex_t lock; /* guards slots, next */
    struct oidc_pending slots[PENDING];
    size_t next;
};

struct oidc_table *oidc_table_new(void)
{
    struct oidc_table *t = calloc(1, sizeof(*t));
    must(t);
    pthread_mutex_init(&t->lock, NULL);
    return t;
}

void oidc_table_free(struct oidc_table *t)
{
    if (!t)
        return;
    pthread_mutex_destroy(&t->lock);
    secret_wipe(t, sizeof(*t));
    free(t);
}

/* A place of the page, and nothing that a header or another site could be made of. */
static bool is_place(const char *next)
{
    size_t n = next ? strlen(next) : 0;
    if (n == 0 || n >= OIDC_NEXT || next[0] != '/')
        return false;
    for (size_t i = 0; i < n; i++)
        if (next[i] <= ' ' || next[i] > '~')
            return false;
    return true;
}

void oidc_begin(struct oidc_table *t, const char *next, int64_t now_ms, struct oidc_pending *out)
{
    *out = (struct oidc_pending){.at_ms = now_ms, .next = "/"};
    session_secret(out->state);
    session_secret(out->nonce);
    session_secret(out->verifier);
    session_secret(out->browser);
    if (is_place(next))
        memcpy(out->next, next, strlen(next) + 1);
    pthread_mutex_lock(&t->lock);
    t->slots[t->next++ % PENDING] = *out;
    pthread_mutex_unlock(&t->lock);
}

bool oidc_take(struct oidc_table *t, const char *state, struct str browser, int64_t now_ms,
               struct oidc_pending *out)
{
    bool found = false;
    if (!session_is_secret(str_of(state)))
        return false;
    pthread_mutex_lock(&t->lock);
    for (size_t i = 0; i < PENDING && !found; i++) {
        struct oidc_pending *s = &t->slots[i];
        if (!secret_same(str_of(s->state), str_of(state)))
            continue;
        found = secret_same(str_of(s->browser), browser) && now_ms - s->at_ms < LASTS_MS;
        *out = *s;
        *s = (struct oidc_pending){0};
        break;
    }
    pthread_mutex_unlock(&t->lock);
    return found;
}

char *oidc_challenge(const char *verifier, char out[SESSION_TEXT])
{
    unsigned char hash[crypto_hash_sha256_BYTES];
    crypto_hash_sha256(hash, (const unsigned char *)verifier, strlen(verifier));
    return sodium_bin2base64(out, SESSION_TEXT, hash, sizeof(hash),
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING);
}

/* --- claims --- */

static const char *text_claim(const struct node *claims, const char *key)
{
    const struct node *n = node_get(claims, key);
    return n && n->kind == NODE_TEXT && n->text.n > 0 && strlen(n->text.p) == n->text.n ? n->text.p
                                                                                        : NULL;
}

/* Seconds since 1970 in ms; 0: absent or no number. */
static int64_t time_claim(const struct node *claims, const char *key)
{
    const struct node *n = node_get(claims, key);
    double s = n && n->kind == NODE_INT ? (double)n->num : n && n->kind == NODE_F64 ? n->f64 : 0;
    return s > 0 && s < 1e11 ? (int64_t)(s * 1000) : 0;
}

static bool is_for(const struct node *claims, const char *client)
{
    const struct node *aud = node_get(claims, "aud");
    const char *azp = text_claim(claims, "azp");
    bool among = aud && aud->kind == NODE_TEXT && str_eqz(aud->text, client);
    for (const struct node *n = aud && aud->kind == NODE_LIST ? aud->first : NULL; n; n = n->next)
        among = among || (n->kind == NODE_TEXT && str_eqz(n->text, client));
    bool several = aud && aud->kind == NODE_LIST && aud->count > 1;
    return among && (azp ? streq(azp, client) : !several);
}

/* "realm_access.roles" goes into objects; a name that is there as a whole comes first ("https://x/roles"). */
static const struct node *claim_at(const struct node *claims, const char *path)
{
    const struct node *n = node_get(claims, path);
    struct str rest = str_of(path), key;
    char name[200];
    if (n)
        return n;
    for (n = claims; n && str_next(&rest, '.', &key);) {
        if (key.n >= sizeof(name))
            return NULL;
        memcpy(name, key.p, key.n);
        name[key.n] = '\0';
        n = node_get(n, name);
    }
    return n;
}

static enum role role_for(const struct node *value, const struct pair_list *roles, enum role role)
{
    enum role r;
    for (size_t i = 0; value->kind == NODE_TEXT && i < roles->n; i++)
        if (str_eqz(value->text, roles->at[i].key) && role_parse(roles->at[i].value, &r) &&
            r > role)
            role = r;
    return role;
}

static enum role role_of(const struct node *value, const struct config_oidc *cfg)
{
    enum role role = ROLE_NONE;
    role_parse(cfg->default_role, &role);
    if (value && value->kind == NODE_LIST)
        for (const struct node *n = value->first; n; n = n->next)
            role = role_for(n, &cfg->roles, role);
    else if (value)
        role = role_for(value, &cfg->roles, role);
    return role;
}

int oidc_check(const struct node *claims, const struct config_oidc *cfg, const char *issuer,
               const char *nonce, int64_t now_ms, struct err *err)
{
    int64_t until = time_claim(claims, "exp"), from = time_claim(claims, "nbf");
    const char *subject = text_claim(claims, "sub"), *its = text_claim(claims, "nonce");
    if (!streq(text_claim(claims, "iss"), issuer))
        return err_set(err, ERR_DENIED, "the token is of another issuer");
    if (!is_for(claims, cfg->client_id))
        return err_set(err, ERR_DENIED, "the token is for somebody else (aud, azp)");
    if (until == 0 || now_ms >= until + GRACE_MS)
        return err_set(err, ERR_DENIED, "the token has expired; is the clock right?");
    if (from > now_ms + GRACE_MS || time_claim(claims, "iat") > now_ms + AHEAD_MS)
        return err_set(err, ERR_DENIED, "the token is not valid yet; is the clock right?");
    if (!its || !secret_same(str_of(its), str_of(nonce)))
        return err_set(err, ERR_DENIED, "the token belongs to another sign-in (nonce)");
    if (!subject || strlen(subject) > SUBJECT)
        return err_set(err, ERR_DENIED, "the token names nobody (sub)");
    return 0;
}

bool oidc_lacks(const struct node *claims, const struct config_oidc *cfg)
{
    return !text_claim(claims, cfg->name_claim) ||
           (cfg->roles.n > 0 && !claim_at(claims, cfg->role_claim));
}

int oidc_identify(const struct node *claims, const struct node *info, const struct config_oidc *cfg,
                  struct oidc_identity *out, struct err *err)
{
    const char *subject = text_claim(claims, "sub"), *name = NULL;
    const struct node *said[] = {claims, info}, *groups = NULL;
    must(subject != NULL);
    if (info && !streq(text_claim(info, "sub"), subject))
        return err_set(err, ERR_DENIED, "the provider's user info is somebody else's (sub)");
    for (size_t i = 0; i < array_len(said) && said[i]; i++) {
        name = name ? name : text_claim(said[i], cfg->name_claim);
        groups = groups ? groups : claim_at(said[i], cfg->role_claim);
    }
    for (size_t i = 0; i < array_len(said) && said[i] && !name; i++)
        name = text_claim(said[i], "email");
    *out = (struct oidc_identity){subject, name ? name : subject, role_of(groups, cfg)};
    return 0;
}
