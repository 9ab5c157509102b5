/* Secrets at rest: a text is sealed with a key that lies in a file of its own, so that whoever gets the database alone (a copy,
 * a backup, a disk) has no password in it. XChaCha20-Poly1305 (libsodium; draft-irtf-cfrg-xchacha).
 *
 *   sealed:1:KEYID:BASE64(nonce 24 | ciphertext | tag 16)      KEYID: 8 hex digits of the key's BLAKE2b hash
 *
 * The key file has a line a key, "KEYID BASE64(32 bytes)", the one in force first; more than one only while a change of keys
 * is under way. Mode 0600.
 *
 * A ring is not for several threads at once. */
#ifndef BASE_SEAL_H
#define BASE_SEAL_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SEAL_PREFIX      "sealed:1:"
#define SEAL_KEY_ID_SIZE 9 /* with the NUL */

struct seal;

/* Reads the key file. There is none: a key is made and written (*made). One that makes no sense is set aside as
 * PATH.damaged-TIME and a new key made: what the old one sealed stays sealed. made may be NULL. */
struct seal *seal_open(const char *path, bool *made, struct err *err);
void seal_close(struct seal **s);
const char *seal_key_id(const struct seal *s); /* of the one in force */
bool seal_has_old_keys(const struct seal *s);

bool seal_is_sealed(struct str text); /* looks like it */
/* Appends the sealed text. context: what kind of thing it is of ("target"); it must be the same when it is opened. */
void seal_put(const struct seal *s, const char *context, struct str plain, struct buf *out);
/* Appends the plain text; *old: another key than the one in force sealed it. NOT_FOUND: the key is not here; DAMAGED: it was
 * changed, or is of another context. out stays as it was then. */
int seal_take(const struct seal *s, const char *context, struct str sealed, struct buf *out,
              bool *old, struct err *err);

/* A change of keys: a new key is in force from now on, the old ones can still open; durable when it returns. Afterwards, when
 * all is sealed anew and stored: the old ones are forgotten. A kill between the two loses nothing. */
int seal_renew(struct seal *s, struct err *err);
int seal_forget_old(struct seal *s, struct err *err);

#endif
