/* Growing byte buffer with a maximum and a sticky error.
 *
 * Appends after the maximum was reached do nothing and set `failed`; the caller checks once at the
 * end (STYLE.md 23). data is always NUL-terminated once something was appended; len excludes the
 * NUL. Plain data: fields may be read, only buf_* write them. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/must.h"

struct buf {
    char *data; /* NULL until the first append */
    size_t len;
    size_t cap;
    size_t max; /* most bytes this buffer may ever hold */
    bool failed;
};

#define BUF_INIT(maximum) ((struct buf){.max = (maximum)})
/* Over an array of the caller: never grows, never freed. Not for buf_done or buf_take. */
#define BUF_FIXED(array) \
    ((struct buf){.data = (array), .cap = sizeof(array), .max = sizeof(array) - 1})

void buf_init(struct buf *b, size_t max);
void buf_done(struct buf *b);  /* frees the memory; b may be used again after buf_init */
void buf_clear(struct buf *b); /* len = 0, failed = false, memory kept */
char *buf_take(struct buf *b, size_t *len); /* hands the malloc'ed data over; b is empty again */

bool buf__grow(struct buf *b, size_t more); /* the slow path of buf_reserve */

/* Room for `more` bytes and a NUL; false sets failed. */
static inline bool buf_reserve(struct buf *b, size_t more)
{
    if (__builtin_expect(more < b->cap - b->len && !b->failed, 1))
        return true;
    return buf__grow(b, more);
}

static inline void buf_add(struct buf *b, const void *p, size_t n)
{
    if (!buf_reserve(b, n))
        return;
    if (n > 0)
        memcpy(b->data + b->len, p, n);
    b->len += n;
    b->data[b->len] = '\0';
}

static inline void buf_puts(struct buf *b, const char *s)
{
    buf_add(b, s, strlen(s));
}

static inline void buf_putc(struct buf *b, char c)
{
    if (!buf_reserve(b, 1))
        return;
    b->data[b->len++] = c;
    b->data[b->len] = '\0';
}

void buf_printf(struct buf *b, const char *fmt, ...) printf_like(2, 3);
void buf_vprintf(struct buf *b, const char *fmt, va_list ap) printf_like(2, 0);
void buf_add_u64(struct buf *b, uint64_t v);  /* decimal */
void buf_add_i64(struct buf *b, int64_t v);   /* decimal */
void buf_add_f64(struct buf *b, double v);    /* shortest text that reads back the same */
void buf_drop_front(struct buf *b, size_t n); /* removes the first n bytes */

/* Binary, little endian, for our own file and ring formats. */
void buf_put_u8(struct buf *b, uint8_t v);
void buf_put_u16(struct buf *b, uint16_t v);
void buf_put_u32(struct buf *b, uint32_t v);
void buf_put_u64(struct buf *b, uint64_t v);
void buf_put_str(struct buf *b, const char *s, size_t n); /* u32 length, bytes */
/* Big endian, as most protocols have it. */
void buf_put_be16(struct buf *b, uint16_t v);
void buf_put_be32(struct buf *b, uint32_t v);

/* Reader over such bytes, with a sticky error: past the end every get returns 0/NULL. */
struct cur {
    const uint8_t *p;
    const uint8_t *end;
    bool failed;
};
/* ptr may be NULL when n is 0; both are evaluated twice. */
#define CUR_INIT(ptr, n)                       \
    ((struct cur){.p = (const uint8_t *)(ptr), \
                  .end = (n) > 0 ? (const uint8_t *)(ptr) + (n) : (const uint8_t *)(ptr)})

uint8_t cur_u8(struct cur *c);
uint16_t cur_u16(struct cur *c);
uint32_t cur_u32(struct cur *c);
uint64_t cur_u64(struct cur *c);
uint16_t cur_be16(struct cur *c); /* big endian */
uint32_t cur_be32(struct cur *c);
const char *cur_str(struct cur *c, size_t *len); /* borrowed, not NUL-terminated */
const void *cur_bytes(struct cur *c, size_t n);  /* borrowed */
size_t cur_left(const struct cur *c);

#endif
