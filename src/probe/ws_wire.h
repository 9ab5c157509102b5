/* WebSocket (RFC 6455): the head of a frame and the handshake's proof. Pure functions over bytes.
 *
 *   byte 0: FIN 1 | reserved 3 | opcode 4;  byte 1: MASK 1 | length 7 (126: u16 follows, 127: u64);  mask key u32 if MASK */
#ifndef PROBE_WS_WIRE_H
#define PROBE_WS_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define WS_HEAD_MAX 10 /* bytes of a server's head: it has no mask */

enum ws_opcode { WS_MORE = 0, WS_TEXT = 1, WS_BINARY = 2, WS_CLOSE = 8, WS_PING = 9, WS_PONG = 10 };

struct ws_head {
    bool last;
    enum ws_opcode opcode;
    uint64_t length; /* of the payload */
};

/* Bytes of the head that begins with these two. */
size_t ws_head_size(const uint8_t first[2]);
/* A server's head of ws_head_size bytes. PROTOCOL: masked, reserved bits, unknown opcode, a control frame that is
 * fragmented or longer than 125. */
int ws_head_parse(const uint8_t *p, size_t n, struct ws_head *out, struct err *err);
/* A whole frame of a client, masked with `mask`. */
void ws_frame_write(struct buf *out, enum ws_opcode opcode, const void *p, size_t n, uint32_t mask);
/* Sec-WebSocket-Accept for a Sec-WebSocket-Key. */
void ws_accept(const char *key, struct buf *out);
/* A close frame's payload as words: "1001 going away". */
void ws_close_text(const uint8_t *p, size_t n, struct buf *out);

#endif
