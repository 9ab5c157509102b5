/* See jwt.h. */
#include "access/jwt.h"

#include <cjose/cjose.h>
#include <sodium.h>
#include <stdlib.h>

#define TOKEN_MAX 65536
#define KEYS_MAX  100

/* Base64url without padding. NULL: it is not. */
static char *decoded(struct str text, struct arena *a, size_t *size)
{
    if (text.n == 0 || text.n > TOKEN_MAX)
        return NULL;
    char *plain = arena_alloc(a, text.n);
    return sodium_base642bin((unsigned char *)plain, text.n, text.p, text.n, NULL, size, NULL,
                             sodium_base64_VARIANT_URLSAFE_NO_PADDING) == 0
               ? plain
               : NULL;
}

struct node *jwt_part(struct str text, struct arena *a, struct err *err)
{
    size_t size = 0;
    struct node *n = NULL;
    const char *plain = decoded(text, a, &size);
    if (plain && utf8_valid(plain, size))
        n = node_from_json(a, plain, size, NULL);
    if (n && n->kind == NODE_MAP)
        return n;
    err_set(err, ERR_MALFORMED, "the token has a part that is no JSON object");
    return NULL;
}

static const char *text_of(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_TEXT ? n->text.p : NULL;
}

/* The kind of key an algorithm wants; NULL: not one of ours. */
static const char *kind_of(const char *alg)
{
    static const struct {
        const char *alg, *kind;
    } all[] = {{"RS256", "RSA"}, {"RS384", "RSA"}, {"RS512", "RSA"},
               {"PS256", "RSA"}, {"PS384", "RSA"}, {"PS512", "RSA"},
               {"ES256", "EC"},  {"ES384", "EC"},  {"ES512", "EC"}};
    for (size_t i = 0; alg && i < array_len(all); i++)
        if (streq(all[i].alg, alg))
            return all[i].kind;
    return NULL;
}

static bool fits(const struct node *key, const char *kind, const char *alg, const char *kid)
{
    const char *use = text_of(key, "use"), *its = text_of(key, "alg");
    return streq(text_of(key, "kty"), kind) && (!use || streq(use, "sig")) &&
           (!its || streq(its, alg)) && (!kid || streq(text_of(key, "kid"), kid));
}

/* What a public key has, and nothing else of it; false: cjose would end the process over what is no base64url. */
static bool put_public_key(const struct node *key, struct arena *a, struct json *j)
{
    static const char *const names[] = {"kty", "crv", "n", "e", "x", "y"};
    size_t size;
    json_obj(j);
    for (size_t i = 0; i < array_len(names); i++) {
        const char *text = text_of(key, names[i]);
        if (text && i > 1 && !decoded(str_of(text), a, &size))
            return false;
        if (text)
            json_kstr(j, names[i], text);
    }
    json_end(j);
    return true;
}

/* The token's parts are base64url. */
static bool signed_by(struct str token, const struct node *key, struct arena *a)
{
    struct buf text = BUF_INIT(TOKEN_MAX);
    struct json j = json_start(&text);
    cjose_err why;
    bool whole = put_public_key(key, a, &j) && !text.failed;
    cjose_jwk_t *jwk = whole ? cjose_jwk_import(text.data, text.len, &why) : NULL;
    cjose_jws_t *jws = jwk ? cjose_jws_import(token.p, token.n, &why) : NULL;
    bool good = jws && cjose_jws_verify(jws, jwk, &why);
    cjose_jws_release(jws);
    cjose_jwk_release(jwk);
    buf_done(&text);
    return good;
}

static int find_signer(struct str token, const struct node *header, const struct node *keys,
                       struct arena *a, struct err *err)
{
    const char *alg = text_of(header, "alg"), *kid = text_of(header, "kid"), *kind = kind_of(alg);
    const struct node *list = node_get(keys, "keys");
    size_t tried = 0;
    if (!kind)
        return err_set(err, ERR_UNSUPPORTED,
                       "the token is signed with \"%.20s\"; want RS, PS or ES", alg ? alg : "");
    if (node_get(header, "crit"))
        return err_set(err, ERR_UNSUPPORTED, "the token wants extensions that are not known here");
    for (const struct node *key = list && list->kind == NODE_LIST ? list->first : NULL;
         key && tried < KEYS_MAX; key = key->next) {
        if (!fits(key, kind, alg, kid))
            continue;
        tried++;
        if (signed_by(token, key, a))
            return 0;
    }
    return tried ? err_set(err, ERR_DENIED, "the token's signature is wrong")
                 : err_set(err, ERR_NOT_FOUND, "the token is signed with a key that is not known");
}

struct node *jwt_verify(struct str token, const struct node *keys, struct arena *a, struct err *err)
{
    size_t size;
    struct str rest = token, head, payload, signature;
    bool three = token.n <= TOKEN_MAX && str_next(&rest, '.', &head) &&
                 str_next(&rest, '.', &payload) && str_next(&rest, '.', &signature) &&
                 !memchr(signature.p, '.', token.n - (size_t)(signature.p - token.p)) &&
                 decoded(signature, a, &size);
    if (!three) {
        err_set(err, ERR_MALFORMED, "this is no signed token");
        return NULL;
    }
    struct node *header = jwt_part(head, a, err);
    struct node *claims = header ? jwt_part(payload, a, err) : NULL;
    return claims && find_signer(token, header, keys, a, err) == 0 ? claims : NULL;
}
