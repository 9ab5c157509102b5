/* The lines of the NATS client protocol (docs.nats.io/reference/reference-protocols/nats-protocol): what a server says. Pure;
 * every byte is foreign. Called by nats.c in watchers, and by the fuzzer.
 *
 *   INFO {json} · PING · PONG · +OK · -ERR 'text' · MSG subject sid [reply-to] bytes, then as many bytes and CRLF */
#ifndef PROBE_NATS_WIRE_H
#define PROBE_NATS_WIRE_H

#include "base/err.h"
#include "base/str.h"

#define NATS_LINE_MAX    65536
#define NATS_PAYLOAD_MAX (1u << 20)

enum nats_op { NATS_INFO, NATS_PING, NATS_PONG, NATS_OK, NATS_ERR, NATS_MSG };

struct nats_line {
    enum nats_op op;
    struct str text;    /* INFO: the JSON; ERR: without its quotes */
    struct str subject; /* MSG */
    uint32_t size;      /* MSG: of the payload, at most NATS_PAYLOAD_MAX */
};
/* line: without CRLF. PROTOCOL, TOO_LARGE. */
int nats_parse_line(struct str line, struct nats_line *out, struct err *err);

#endif
