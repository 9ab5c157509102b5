/* See token.h. */
#include "status/token.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/str.h"

#define TAG_BYTES 16

static void start(void)
{
    must(sodium_init() >= 0); /* may be called again, by any thread */
}

void page_key_new(uint8_t key[PAGE_KEY_SIZE])
{
    start();
    randombytes_buf(key, PAGE_KEY_SIZE);
}

static void tag_of(const uint8_t *key, size_t n_key, const void *p, size_t n,
                   uint8_t out[crypto_auth_hmacsha256_BYTES])
{
    crypto_auth_hmacsha256_state st;
    start();
    crypto_auth_hmacsha256_init(&st, key, n_key);
    crypto_auth_hmacsha256_update(&st, p, n);
    crypto_auth_hmacsha256_final(&st, out);
}

void token_make(const uint8_t key[PAGE_KEY_SIZE], const char *purpose, uint64_t id,
                char out[TOKEN_SIZE])
{
    char text[100];
    uint8_t tag[crypto_auth_hmacsha256_BYTES];
    int n = snprintf(text, sizeof(text), "%s:%llu", purpose, (unsigned long long)id);
    must(n > 0 && (size_t)n < sizeof(text));
    tag_of(key, PAGE_KEY_SIZE, text, (size_t)n, tag);
    sodium_bin2hex(out, TOKEN_SIZE, tag, TAG_BYTES);
}

bool token_good(const uint8_t key[PAGE_KEY_SIZE], const char *purpose, uint64_t id,
                const char *token)
{
    char right[TOKEN_SIZE];
    token_make(key, purpose, id, right);
    return token && strlen(token) == strlen(right) &&
           sodium_memcmp(right, token, strlen(right)) == 0;
}

static void pass_token(const uint8_t key[PAGE_KEY_SIZE], const char *hash, int64_t until_s,
                       char out[TOKEN_SIZE])
{
    char text[PASSWORD_HASH_SIZE + 40];
    uint8_t tag[crypto_auth_hmacsha256_BYTES];
    int n = snprintf(text, sizeof(text), "pass:%lld:%s", (long long)until_s, hash);
    must(n > 0 && (size_t)n < sizeof(text));
    tag_of(key, PAGE_KEY_SIZE, text, (size_t)n, tag);
    sodium_bin2hex(out, TOKEN_SIZE, tag, TAG_BYTES);
}

void pass_make(const uint8_t key[PAGE_KEY_SIZE], const char *hash, int64_t until_s,
               char out[TOKEN_SIZE + 24])
{
    char token[TOKEN_SIZE];
    pass_token(key, hash, until_s, token);
    snprintf(out, TOKEN_SIZE + 24, "%lld.%s", (long long)until_s, token);
}

bool pass_good(const uint8_t key[PAGE_KEY_SIZE], const char *hash, int64_t now_s, const char *pass)
{
    struct str until, token;
    char right[TOKEN_SIZE];
    int64_t until_s = 0;
    if (!str_cut(str_of(pass), '.', &until, &token) || str_to_i64(until, &until_s, NULL) != 0 ||
        until_s <= now_s)
        return false;
    pass_token(key, hash, until_s, right);
    return token.n == strlen(right) && sodium_memcmp(right, token.p, token.n) == 0;
}

void password_hash(const char *password, char out[PASSWORD_HASH_SIZE])
{
    start();
    must(crypto_pwhash_STRBYTES <= PASSWORD_HASH_SIZE);
    must(crypto_pwhash_str(out, password, strlen(password), crypto_pwhash_OPSLIMIT_INTERACTIVE,
                           crypto_pwhash_MEMLIMIT_INTERACTIVE) == 0);
}

bool password_good(const char *hash, const char *password)
{
    char whole[crypto_pwhash_STRBYTES] = {0};
    start();
    if (strlen(hash) >= sizeof(whole))
        return false;
    memcpy(whole, hash, strlen(hash));
    return crypto_pwhash_str_verify(whole, password, strlen(password)) == 0;
}

void sign_text(const char *key, const void *p, size_t n, struct buf *out)
{
    uint8_t tag[crypto_auth_hmacsha256_BYTES];
    tag_of((const uint8_t *)key, strlen(key), p, n, tag);
    hex_encode(out, tag, sizeof(tag));
}

void style_hash(const char *css, size_t n, struct buf *out)
{
    uint8_t digest[crypto_hash_sha256_BYTES];
    start();
    crypto_hash_sha256(digest, (const uint8_t *)css, n);
    buf_puts(out, "'sha256-");
    base64_encode(out, digest, sizeof(digest));
    buf_putc(out, '\'');
}
