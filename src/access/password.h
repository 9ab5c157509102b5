/* Passwords: argon2id through libsodium ("interactive": 64 MiB, some 100 ms). A gate bounds how many are worked on at once, and with
 * that the memory; whoever finds it crowded is told BUSY. Blocks: for workers, not for the loop. Any thread. OWASP ASVS 4, 2.1 and 2.4. */
#ifndef ACCESS_PASSWORD_H
#define ACCESS_PASSWORD_H

#include <stdbool.h>

#include "base/err.h"

#define PASSWORD_HASH 128
#define PASSWORD_MIN  10
#define PASSWORD_MAX  512

struct password_gate;
struct password_gate *password_gate_new(void);
void password_gate_free(struct password_gate *g);

/* What is wrong with it as a new password; NULL: nothing. name: of the account. */
const char *password_weakness(const char *password, const char *name);

int password_digest(struct password_gate *g, const char *password, char out[PASSWORD_HASH],
                    struct err *err);
/* hash NULL or "": there is no such account; takes as long, and is never good. *old: it is good, and to be hashed anew with
 * today's parameters. */
int password_check(struct password_gate *g, const char *hash, const char *password, bool *good,
                   bool *old, struct err *err);

#endif
