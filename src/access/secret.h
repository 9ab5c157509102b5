/* Secrets that Belfry hands out, and the form in which it keeps them: a BLAKE2b-256 hash in hex. They have 128 bits and more of
 * randomness, so that a quick hash suffices; passwords are password.h's. Pure but for randomness; any thread.
 *
 *   session cookie   43 characters of base64url: 256 bits
 *   token            "blf_", 34 random characters of base62 (202 bits), 6 of a CRC-32C over them: a mistyped or cut token is told
 *                    from an unknown one without a look-up, and secret scanners find real ones only
 *   recovery code    "xxxx-xxxx-xxxx" of 32 characters without 0, 1, l, o: 60 bits, each good once
 *   set-up code      the same, in capitals */
#ifndef ACCESS_SECRET_H
#define ACCESS_SECRET_H

#include <stdbool.h>

#include "base/str.h"

#define SECRET_HASH  65 /* with NUL, as all of these */
#define SESSION_TEXT 44
#define TOKEN_TEXT   45
#define CODE_TEXT    15

char *secret_hash(struct str secret, char out[SECRET_HASH]);
bool secret_same(struct str a, struct str b); /* in a time that does not tell where they differ */
void secret_wipe(void *p, size_t n);

char *session_secret(char out[SESSION_TEXT]);
bool session_is_secret(struct str s);
char *token_secret(char out[TOKEN_TEXT]);
bool token_is_secret(struct str s); /* form and checksum */

char *code_secret(char out[CODE_TEXT]);
/* As people type it: case, blanks and hyphens do not matter. False: it can be no code. */
bool code_clean(struct str typed, char out[CODE_TEXT]);

/* The value of the cookie in a Cookie header (RFC 6265, 4.2); the first one of that name. */
bool cookie_get(const char *header, const char *name, struct str *out);

#endif
