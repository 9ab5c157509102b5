/* Signed tokens: JSON Web Signature in compact form (RFC 7515, 7518), through cjose. Foreign bytes. Any thread.
 *
 * RS, PS and ES with 256, 384, 512 are taken; "none" and the HS family never are: nobody shares a secret with us here. */
#ifndef ACCESS_JWT_H
#define ACCESS_JWT_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "config/node.h"

/* The claims of a token that one of the keys (a JWK Set, RFC 7517) signed. Nothing of them is checked here. NOT_FOUND: the token names a key
 * that is not among them (fetch them anew); DENIED: the signature is wrong; MALFORMED; UNSUPPORTED: the algorithm. */
struct node *jwt_verify(struct str token, const struct node *keys, struct arena *a,
                        struct err *err);
/* One part of a token: base64url without padding, a JSON object. NULL: MALFORMED. */
struct node *jwt_part(struct str text, struct arena *a, struct err *err);

#endif
