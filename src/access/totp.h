/* Time-based one-time passwords: RFC 6238 over HMAC-SHA-1 (RFC 2104, RFC 3174), 6 digits, steps of 30 s, as all authenticator apps
 * have it. Pure. */
#ifndef ACCESS_TOTP_H
#define ACCESS_TOTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TOTP_KEY    20 /* bytes */
#define TOTP_SECRET 33 /* base32 (RFC 4648) of it, with NUL */
#define TOTP_STEP_S 30

/* RFC 4226: the last `digits` (6…8) decimal digits of the truncated HMAC of the counter. */
uint32_t hotp(const void *key, size_t n, uint64_t counter, int digits);

char *totp_secret(char out[TOTP_SECRET]); /* a new one */
/* Is the code right now, one step before or after, for a step beyond *used? Then *used is that step, so that no code is good
 * twice. A secret or code of wrong form is not right. */
bool totp_check(const char *secret, const char *code, int64_t wall_ms, int64_t *used);

#endif
