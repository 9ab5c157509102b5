/* Growing byte buffer and the reader of its binary form (buf.h). Used everywhere; no state.
 *
 * Invariant: cap == 0, or len < cap and data[len] may be written; len <= max. */
#include "base/buf.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define FIRST_CAP 64u

void buf_init(struct buf *b, size_t max)
{
    *b = BUF_INIT(max);
}

void buf_done(struct buf *b)
{
    free(b->data);
    b->data = NULL;
    b->len = b->cap = 0;
    b->failed = false;
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    if (b->data)
        b->data[0] = '\0';
}

char *buf_take(struct buf *b, size_t *len)
{
    char *data = b->data;
    if (len)
        *len = b->len;
    b->data = NULL;
    b->len = b->cap = 0;
    b->failed = false;
    return data;
}

bool buf__grow(struct buf *b, size_t more)
{
    must(b->cap == 0 || b->len < b->cap);
    if (b->failed)
        return false;
    if (b->len > b->max || more > b->max - b->len || more > SIZE_MAX / 4)
        goto fail;
    size_t need = b->len + more + 1;
    size_t cap = b->cap < FIRST_CAP / 2 ? FIRST_CAP : b->cap * 2;
    if (cap - 1 > b->max)
        cap = b->max + 1;
    if (cap < need)
        cap = need;
    char *data = realloc(b->data, cap);
    if (!data)
        goto fail;
    b->data = data;
    b->cap = cap;
    b->data[b->len] = '\0';
    return true;
fail:
    b->failed = true;
    return false;
}

void buf_vprintf(struct buf *b, const char *fmt, va_list ap)
{
    if (!buf_reserve(b, 0))
        return;
    va_list again;
    va_copy(again, ap);
    size_t room = b->cap - b->len;
    int n = vsnprintf(b->data + b->len, room, fmt, ap);
    must(n >= 0);
    if ((size_t)n >= room) {
        b->data[b->len] = '\0';
        if (buf_reserve(b, (size_t)n))
            vsnprintf(b->data + b->len, (size_t)n + 1, fmt, again);
    }
    if (!b->failed)
        b->len += (size_t)n;
    va_end(again);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    buf_vprintf(b, fmt, ap);
    va_end(ap);
}

void buf_add_u64(struct buf *b, uint64_t v)
{
    static const char pairs[] = "0001020304050607080910111213141516171819"
                                "2021222324252627282930313233343536373839"
                                "4041424344454647484950515253545556575859"
                                "6061626364656667686970717273747576777879"
                                "8081828384858687888990919293949596979899";
    char digits[20];
    char *p = digits + sizeof(digits);
    for (; v >= 100; v /= 100)
        memcpy(p -= 2, pairs + v % 100 * 2, 2);
    if (v >= 10)
        memcpy(p -= 2, pairs + v * 2, 2);
    else
        *--p = (char)('0' + v);
    buf_add(b, p, (size_t)(digits + sizeof(digits) - p));
}

void buf_add_i64(struct buf *b, int64_t v)
{
    if (v < 0 && buf_reserve(b, 20)) /* whole or not at all */
        buf_putc(b, '-');
    buf_add_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void buf_drop_front(struct buf *b, size_t n)
{
    must(n <= b->len);
    if (n == 0)
        return;
    b->len -= n;
    memmove(b->data, b->data + n, b->len);
    b->data[b->len] = '\0';
}

/* Little endian, byte by byte: compilers make one store of it. */
static void put_le(struct buf *b, uint64_t v, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    buf_add(b, bytes, n);
}

void buf_put_u8(struct buf *b, uint8_t v)
{
    put_le(b, v, 1);
}

void buf_put_u16(struct buf *b, uint16_t v)
{
    put_le(b, v, 2);
}

void buf_put_u32(struct buf *b, uint32_t v)
{
    put_le(b, v, 4);
}

void buf_put_u64(struct buf *b, uint64_t v)
{
    put_le(b, v, 8);
}

void buf_put_be16(struct buf *b, uint16_t v)
{
    buf_put_u16(b, __builtin_bswap16(v));
}

void buf_put_be32(struct buf *b, uint32_t v)
{
    buf_put_u32(b, __builtin_bswap32(v));
}

void buf_put_str(struct buf *b, const char *s, size_t n)
{
    must(n <= UINT32_MAX);
    put_le(b, n, 4);
    buf_add(b, s, n);
}

size_t cur_left(const struct cur *c)
{
    must(c->p <= c->end);
    return c->failed ? 0 : (size_t)(c->end - c->p);
}

const void *cur_bytes(struct cur *c, size_t n)
{
    if (c->failed || n > cur_left(c)) {
        c->failed = true;
        return NULL;
    }
    const void *p = c->p;
    if (n > 0) /* p may be NULL when there are no bytes at all */
        c->p += n;
    return p;
}

static uint64_t get_le(struct cur *c, size_t n)
{
    const uint8_t *p = cur_bytes(c, n);
    uint64_t v = 0;
    for (size_t i = 0; p && i < n; i++)
        v |= (uint64_t)p[i] << (8 * i);
    return v;
}

uint8_t cur_u8(struct cur *c)
{
    return (uint8_t)get_le(c, 1);
}

uint16_t cur_u16(struct cur *c)
{
    return (uint16_t)get_le(c, 2);
}

uint32_t cur_u32(struct cur *c)
{
    return (uint32_t)get_le(c, 4);
}

uint64_t cur_u64(struct cur *c)
{
    return get_le(c, 8);
}

uint16_t cur_be16(struct cur *c)
{
    return __builtin_bswap16(cur_u16(c));
}

uint32_t cur_be32(struct cur *c)
{
    return __builtin_bswap32(cur_u32(c));
}

const char *cur_str(struct cur *c, size_t *len)
{
    size_t n = cur_u32(c);
    const char *s = cur_bytes(c, n);
    *len = s ? n : 0;
    return s;
}
