/* What strangers send to get in: cookies, tokens, codes, signed tokens, documents of accounts. Nothing of it may crash, and none is
 * ever good: the key set is another's. */
#include "access/access.h"
#include "access/documents.h"
#include "access/jwt.h"
#include "access/oidc.h"
#include "access/secret.h"
#include "access/totp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char keys[] =
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\",\"kid\":\"k\","
    "\"x\":\"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU\",\"y\":\"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0\"}]}";

static void signed_token(struct arena *a, struct str text)
{
    struct err err = {0};
    const struct node *set = node_from_json(a, keys, sizeof(keys) - 1, &err);
    must(set);
    must(jwt_verify(text, set, a, &err) == NULL && err.code != ERR_OK);
    jwt_part(text, a, &err);
}

/* A provider's keys for RFC 7515's example (A.3): they are its word, and may be good, but must not end anything. */
static void keys_of_others(struct arena *a, struct str text)
{
    static const char token[] =
        "eyJhbGciOiJFUzI1NiJ9."
        "eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ."
        "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    struct err err = {0};
    const struct node *set = node_from_json(a, text.p, text.n, &err);
    if (set)
        jwt_verify(str_of(token), set, a, &err);
}

/* A provider's word too: what a token and the user info claim. */
static void claims_of_others(struct arena *a, struct str text)
{
    static struct pair roles[] = {{"admins", "admin"}};
    static const struct config_oidc config = {.client_id = "belfry",
                                              .role_claim = "realm.roles",
                                              .name_claim = "preferred_username",
                                              .roles = {roles, array_len(roles)},
                                              .default_role = "none"};
    struct err err = {0};
    struct oidc_identity who;
    const struct node *claims = node_from_json(a, text.p, text.n, &err);
    if (!claims)
        return;
    oidc_lacks(claims, &config);
    if (oidc_check(claims, &config, "https://id.example.com", "n", 1800000000000, &err) == 0)
        must(oidc_identify(claims, claims, &config, &who, &err) == 0 && *who.name);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct str text = {(const char *)data, size}, value;
    const char *z = arena_strndup(a, text.p, text.n);
    char code[CODE_TEXT];
    int64_t used = 0;
    if (cookie_get(z, "belfry_session", &value))
        must(value.p >= z && value.p + value.n <= z + strlen(z));
    if (token_is_secret(text))
        must(size == TOKEN_TEXT - 1);
    if (code_clean(text, code))
        must(strlen(code) == CODE_TEXT - 1);
    totp_check("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", z, 0, &used);
    signed_token(a, text);
    keys_of_others(a, text);
    claims_of_others(a, text);
    struct account u;
    if (account_parse(z, a, &u))
        must(account_parse(account_format(&u, a), a, &u));
    arena_free(a);
    return 0;
}
