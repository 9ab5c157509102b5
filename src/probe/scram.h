/* SCRAM-SHA-256, the client's side (RFC 5802, RFC 7677), without channel binding. Pure functions over texts, but for the nonce.
 * The password is taken as it is: one with letters beyond ASCII must be in Unicode's form KC already (RFC 4013). */
#ifndef PROBE_SCRAM_H
#define PROBE_SCRAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SCRAM_ITERATIONS_MAX 200000 /* more would hold up everybody else */
#define SCRAM_NONCE          32     /* characters of ours */
#define SCRAM_KEY            65     /* 32 bytes in hexadecimal digits, and NUL */

struct scram {
    const char *username, *password;
    char nonce[SCRAM_NONCE + 1];
    uint8_t server_signature[32];
    uint8_t salted[32]; /* the password hashed with the server's salt: thousands of rounds */
    bool is_salted;     /* that is known, and need not be made */
};

/* nonce NULL: a fresh one. */
void scram_init(struct scram *s, const char *username, const char *password, const char *nonce);
/* "n,,n=user,r=nonce" */
void scram_first(const struct scram *s, struct buf *out);
/* Wipes what it knows of the password. */
void scram_done(struct scram *s);

/* A salted password that proved good may be remembered: a server's salt of a user stays what it is.
 * The name under which: of password, salt and rounds, none of which can be read from it. -1: not as RFC 5802 wants it. */
int scram_key(const struct scram *s, struct str server_first, char key[SCRAM_KEY]);
void scram_salted_text(const struct scram *s, char text[SCRAM_KEY]); /* after scram_answer */
/* text: scram_salted_text's, remembered under the same key. */
void scram_recall(struct scram *s, const char *text);

/* Takes "r=…,s=…,i=…" and answers "c=biws,r=…,p=…". Works for milliseconds unless is_salted: call it where that holds nobody up. */
int scram_answer(struct scram *s, struct str server_first, struct buf *out, struct err *err);
/* Whether the server knows the password too: "v=…". DENIED when not. */
int scram_verify(const struct scram *s, struct str server_final, struct err *err);

#endif
