/* The little of protobuf's wire format that remote write needs (protobuf.dev/programming-guides/encoding). */
#ifndef WIRE_PROTOBUF_H
#define WIRE_PROTOBUF_H

#include "base/buf.h"
#include "base/str.h"

enum pb_type { PB_VARINT = 0, PB_FIXED64 = 1, PB_BYTES = 2, PB_FIXED32 = 5 };

struct pb_field {
    uint32_t number;
    enum pb_type type;
    uint64_t value;   /* PB_VARINT, PB_FIXED64, PB_FIXED32 */
    struct str bytes; /* PB_BYTES */
};
/* Takes one field off the front of s; false when it is cut or of a type that does not exist. s must not be empty. */
bool pb_next(struct str *s, struct pb_field *f);

/* Bytes that v takes as a varint. */
size_t pb_varint_size(uint64_t v);
void pb_put_varint(struct buf *out, uint64_t v);
void pb_put_bytes(struct buf *out, uint32_t number, struct str s);

#endif
