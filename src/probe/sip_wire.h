/* SIP's OPTIONS and what comes back: RFC 3261, 11 and 17.1.2. Pure functions over text. */
#ifndef PROBE_SIP_WIRE_H
#define PROBE_SIP_WIRE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

#define SIP_MESSAGE_MAX 16384

struct sip_request {
    const char *transport; /* "UDP", "TCP", "TLS" */
    const char *host;      /* whom it is for, and its port */
    int port;
    const char *user;         /* NULL: the server itself */
    const char *local;        /* this side's address, "10.0.0.9:5061" */
    char branch[40], tag[20]; /* random: the answer brings the branch back */
};
void sip_write(struct buf *out, const struct sip_request *q);

struct sip_answer {
    int status;
    const char *reason, *server; /* in the arena; "" when absent */
};
/* A whole head, lines to the empty one. 1: the answer to *q; 0: something else. */
int sip_read(struct str head, const struct sip_request *q, struct arena *a, struct sip_answer *out);

#endif
