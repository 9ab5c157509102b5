/* See scram.h. */
#include "probe/scram.h"

#include <sodium.h>
#include <string.h>

#include "base/must.h"
#include "base/rng.h"

#define SALT_MAX 256
#define HASH     32

typedef crypto_auth_hmacsha256_state hmac_state;

static void hmac(const void *key, size_t n_key, const void *p, size_t n, uint8_t out[HASH])
{
    hmac_state st;
    crypto_auth_hmacsha256_init(&st, key, n_key);
    crypto_auth_hmacsha256_update(&st, p, n);
    crypto_auth_hmacsha256_final(&st, out);
}

/* PBKDF2 of one block. The key's two blocks are hashed once. */
static void salted_password(const char *password, const uint8_t *salt, size_t n_salt,
                            uint64_t iterations, uint8_t out[HASH])
{
    static const uint8_t one[4] = {0, 0, 0, 1};
    hmac_state keyed, st;
    uint8_t u[HASH];
    crypto_auth_hmacsha256_init(&keyed, (const uint8_t *)password, strlen(password));
    st = keyed;
    crypto_auth_hmacsha256_update(&st, salt, n_salt);
    crypto_auth_hmacsha256_update(&st, one, sizeof(one));
    crypto_auth_hmacsha256_final(&st, u);
    memcpy(out, u, HASH);
    for (uint64_t i = 1; i < iterations; i++) {
        st = keyed;
        crypto_auth_hmacsha256_update(&st, u, HASH);
        crypto_auth_hmacsha256_final(&st, u);
        for (int k = 0; k < HASH; k++)
            out[k] ^= u[k];
    }
    sodium_memzero(&keyed, sizeof(keyed));
}

void scram_init(struct scram *s, const char *username, const char *password, const char *nonce)
{
    uint8_t random[SCRAM_NONCE / 2];
    must(username != NULL && password != NULL);
    *s = (struct scram){.username = username, .password = password};
    if (nonce) {
        must(strlen(nonce) <= SCRAM_NONCE);
        memcpy(s->nonce, nonce, strlen(nonce));
        return;
    }
    rng_secure(random, sizeof(random));
    sodium_bin2hex(s->nonce, sizeof(s->nonce), random, sizeof(random));
}

void scram_done(struct scram *s)
{
    sodium_memzero(s, sizeof(*s));
}

/* "n=user,r=nonce"; "=" and "," of a name are written otherwise. */
static void bare_first(const struct scram *s, struct buf *out)
{
    buf_puts(out, "n=");
    for (const char *c = s->username; *c; c++) {
        if (*c == '=' || *c == ',')
            buf_puts(out, *c == '=' ? "=3D" : "=2C");
        else
            buf_putc(out, *c);
    }
    buf_printf(out, ",r=%s", s->nonce);
}

void scram_first(const struct scram *s, struct buf *out)
{
    buf_puts(out, "n,,");
    bare_first(s, out);
}

/* The value of "x=value" among what commas separate. */
static bool attribute(struct str text, char name, struct str *value)
{
    struct str part;
    while (str_next(&text, ',', &part))
        if (part.n >= 2 && part.p[0] == name && part.p[1] == '=') {
            *value = (struct str){part.p + 2, part.n - 2};
            return true;
        }
    return false;
}

static int damaged(struct err *err, const char *what)
{
    return err_set(err, ERR_PROTOCOL, "SCRAM: the server's %s is not as RFC 5802 wants it", what);
}

/* The client's proof, and the signature that the server must show. */
static void prove(struct scram *s, const uint8_t salted[HASH], const struct buf *message,
                  uint8_t proof[HASH])
{
    uint8_t client_key[HASH], server_key[HASH], stored_key[HASH];
    hmac(salted, HASH, "Client Key", 10, client_key);
    crypto_hash_sha256(stored_key, client_key, HASH);
    hmac(stored_key, HASH, message->data, message->len, proof);
    for (int i = 0; i < HASH; i++)
        proof[i] ^= client_key[i];
    hmac(salted, HASH, "Server Key", 10, server_key);
    hmac(server_key, HASH, message->data, message->len, s->server_signature);
}

int scram_key(const struct scram *s, struct str first, char key[SCRAM_KEY])
{
    struct str salt64, count;
    uint8_t hash[HASH];
    crypto_generichash_state st;
    if (!attribute(first, 's', &salt64) || !attribute(first, 'i', &count))
        return -1;
    crypto_generichash_init(&st, NULL, 0, sizeof(hash));
    crypto_generichash_update(&st, (const uint8_t *)s->password, strlen(s->password) + 1);
    crypto_generichash_update(&st, (const uint8_t *)count.p, count.n);
    crypto_generichash_update(&st, (const uint8_t *)",", 1);
    crypto_generichash_update(&st, (const uint8_t *)salt64.p, salt64.n);
    crypto_generichash_final(&st, hash, sizeof(hash));
    sodium_bin2hex(key, SCRAM_KEY, hash, sizeof(hash));
    return 0;
}

void scram_salted_text(const struct scram *s, char text[SCRAM_KEY])
{
    must(s->is_salted);
    sodium_bin2hex(text, SCRAM_KEY, s->salted, sizeof(s->salted));
}

void scram_recall(struct scram *s, const char *text)
{
    size_t n = 0;
    must(sodium_hex2bin(s->salted, sizeof(s->salted), text, strlen(text), NULL, &n, NULL) == 0);
    must(n == sizeof(s->salted));
    s->is_salted = true;
}

int scram_answer(struct scram *s, struct str first, struct buf *out, struct err *err)
{
    struct str nonce, salt64, count;
    uint64_t iterations = 0;
    uint8_t proof[HASH];
    if (!attribute(first, 'r', &nonce) || !attribute(first, 's', &salt64) ||
        !attribute(first, 'i', &count) || first.n > 1024)
        return damaged(err, "first message");
    if (nonce.n <= strlen(s->nonce) || memcmp(nonce.p, s->nonce, strlen(s->nonce)) != 0)
        return damaged(err, "nonce");
    if (str_to_u64(count, &iterations, NULL) != 0 || iterations < 1 ||
        iterations > SCRAM_ITERATIONS_MAX)
        return err_set(err, ERR_PROTOCOL, "SCRAM: got %.*s iterations; want at most %d",
                       (int)(count.n < 20 ? count.n : 20), count.p, SCRAM_ITERATIONS_MAX);
    struct buf salt = BUF_INIT(SALT_MAX), message = BUF_INIT(4096);
    int rc = base64_decode(&salt, salt64, NULL);
    if (rc == 0 && salt.len > 0) {
        if (!s->is_salted)
            salted_password(s->password, (const uint8_t *)salt.data, salt.len, iterations,
                            s->salted);
        s->is_salted = true;
        bare_first(s, &message);
        buf_printf(&message, ",%.*s,c=biws,r=%.*s", (int)first.n, first.p, (int)nonce.n, nonce.p);
        prove(s, s->salted, &message, proof);
        buf_printf(out, "c=biws,r=%.*s,p=", (int)nonce.n, nonce.p);
        base64_encode(out, proof, HASH);
    } else {
        rc = damaged(err, "salt");
    }
    buf_done(&salt);
    buf_done(&message);
    return rc;
}

int scram_verify(const struct scram *s, struct str server_final, struct err *err)
{
    struct str signature;
    struct buf got = BUF_INIT(HASH + 8);
    if (!attribute(server_final, 'v', &signature))
        return damaged(err, "last message");
    int rc = base64_decode(&got, signature, NULL);
    bool good =
        rc == 0 && got.len == HASH && sodium_memcmp(got.data, s->server_signature, HASH) == 0;
    buf_done(&got);
    return good ? 0
                : err_set(err, ERR_DENIED, "the server does not prove that it knows the password");
}
