/* RADIUS packets. RFC 2865, 2869 (Message-Authenticator), 5997 (Status-Server).
 *
 *   code, identifier, length (2), authenticator (16), attributes: type, length, value
 *
 * Pure functions over bytes. */
#ifndef PROBE_RADIUS_WIRE_H
#define PROBE_RADIUS_WIRE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

#define RADIUS_PACKET_MAX   4096
#define RADIUS_PASSWORD_MAX 128

#define RADIUS_ACCESS_REQUEST   1
#define RADIUS_ACCESS_ACCEPT    2
#define RADIUS_ACCESS_REJECT    3
#define RADIUS_ACCESS_CHALLENGE 11
#define RADIUS_STATUS_SERVER    12

struct radius_request {
    const char *secret;
    const char *username, *password;    /* NULL: Status-Server */
    const char *nas, *called, *calling; /* NULL: left out */
    uint8_t id, authenticator[16];      /* random */
};
/* Signed by a Message-Authenticator, its first attribute. */
void radius_write(struct buf *out, const struct radius_request *q);

struct radius_answer {
    int code;
    bool signed_too;   /* it has a right Message-Authenticator */
    const char *reply; /* Reply-Message, in the arena; "" when there is none */
};
/* 1: the answer to *q, its authenticator right; 0: something else; -1: an answer with a wrong authenticator. */
int radius_read(const uint8_t *p, size_t n, const struct radius_request *q, struct arena *a,
                struct radius_answer *out, struct err *err);

#endif
