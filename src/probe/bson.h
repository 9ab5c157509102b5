/* BSON, as much of it as MongoDB's commands need (bsonspec.org): documents are written into a buffer, and read in place.
 * Reading is pure functions over foreign bytes; nothing is allocated, nothing outside the document is touched.
 *
 *   document: length i32 (of all), elements, 00     element: type u8, name cstring, value     all little endian */
#ifndef PROBE_BSON_H
#define PROBE_BSON_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"

enum bson_type {
    BSON_DOUBLE = 0x01,
    BSON_TEXT = 0x02,
    BSON_DOCUMENT = 0x03,
    BSON_ARRAY = 0x04,
    BSON_BINARY = 0x05,
    BSON_BOOL = 0x08,
    BSON_DATE = 0x09, /* ms since 1970 */
    BSON_NULL = 0x0a,
    BSON_INT32 = 0x10,
    BSON_TIMESTAMP = 0x11,
    BSON_INT64 = 0x12,
};

/* --- reading --- */

struct bson {
    const uint8_t *p; /* of the first element; borrowed */
    size_t n;         /* bytes of the elements */
};
struct bson_element {
    uint8_t type;
    const char *name;
    const uint8_t *value;
    size_t n;
};

/* A whole document of exactly n bytes. PROTOCOL when its frame is wrong. */
int bson_open(const void *p, size_t n, struct bson *out, struct err *err);
/* Takes the next element off *b; false at the end, and at one that is damaged: bson_check finds that. */
bool bson_next(struct bson *b, struct bson_element *out);
/* PROTOCOL when any element, however deep, is damaged, or deeper than 32. */
int bson_check(struct bson b, struct err *err);

/* By name; false when there is none. */
bool bson_find(struct bson b, const char *name, struct bson_element *out);
/* A number, date (ms) or bool of that name; otherwise when there is none. */
double bson_number(struct bson b, const char *name, double otherwise);
/* A copy in a of at most 256 bytes; NULL when there is no text of that name. */
const char *bson_text(struct bson b, const char *name, struct arena *a);
/* The document or array of that name; false, and *out is empty, when there is none. */
bool bson_sub(struct bson b, const char *name, struct bson *out);
bool bson_document(const struct bson_element *e, struct bson *out);
/* Bytes of binary data; NULL when there are none. */
const uint8_t *bson_binary(struct bson b, const char *name, size_t *n);

/* --- writing: bson_begin … bson_end, in any depth --- */

size_t bson_begin(struct buf *out); /* what bson_end wants */
void bson_end(struct buf *out, size_t start);
void bson_put_int(struct buf *out, const char *name, int32_t v);
void bson_put_bool(struct buf *out, const char *name, bool v);
void bson_put_text(struct buf *out, const char *name, const char *text);
void bson_put_binary(struct buf *out, const char *name, const void *p, size_t n);
size_t bson_begin_sub(struct buf *out, const char *name);

#endif
