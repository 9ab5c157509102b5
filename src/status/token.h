/* Secrets of a page: its password, what a visitor who knew it carries, and the tokens in links of confirmation. libsodium is
 * known here only. Any thread. Sources: RFC 9106 (argon2id), RFC 2104 (HMAC). */
#ifndef STATUS_TOKEN_H
#define STATUS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define PAGE_KEY_SIZE      32
#define TOKEN_SIZE         48 /* with its NUL */
#define PASSWORD_HASH_SIZE 128

void page_key_new(uint8_t key[PAGE_KEY_SIZE]);

/* 32 hexadecimal digits that only who has the key can make: of a purpose and an id. */
void token_make(const uint8_t key[PAGE_KEY_SIZE], const char *purpose, uint64_t id,
                char out[TOKEN_SIZE]);
bool token_good(const uint8_t key[PAGE_KEY_SIZE], const char *purpose, uint64_t id,
                const char *token);

/* What a visitor carries: "EXPIRES.TOKEN", bound to the password's hash: a new password ends it. */
void pass_make(const uint8_t key[PAGE_KEY_SIZE], const char *hash, int64_t until_s,
               char out[TOKEN_SIZE + 24]);
bool pass_good(const uint8_t key[PAGE_KEY_SIZE], const char *hash, int64_t now_s, const char *pass);

/* argon2id; some 60 ms and 64 MiB each: never on the core's loop, few at a time. */
void password_hash(const char *password, char out[PASSWORD_HASH_SIZE]);
bool password_good(const char *hash, const char *password);

/* HMAC-SHA-256 as hexadecimal digits: signatures of what is sent to webhooks. key: text. */
void sign_text(const char *key, const void *p, size_t n, struct buf *out);
/* 'sha256-…' as a Content-Security-Policy names a style sheet. */
void style_hash(const char *css, size_t n, struct buf *out);

#endif
