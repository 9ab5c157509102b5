/* The highest part of packed numbers as digits of base 3 or 5 (chunk_priv.h): numbers that are below 3 * 2^k or 5 * 2^k would waste up
 * to a bit each in whole bits. A table gives all digits of a byte at once, so reading stays a loop without branches. */
#include "tsdb/chunk_priv.h"

#define DIGITS3 5u /* in a byte: 3^5 = 243 */
#define DIGITS5 3u /* in 7 bits: 5^3 = 125 */

/* Each digit a byte, the first lowest. */
#define OF3(b)                                                                            \
    ((uint64_t)((b) % 3) | (uint64_t)((b) / 3 % 3) << 8 | (uint64_t)((b) / 9 % 3) << 16 | \
     (uint64_t)((b) / 27 % 3) << 24 | (uint64_t)((b) / 81 % 3) << 32)
#define OF5(b)         ((uint32_t)((b) % 5) | (uint32_t)((b) / 5 % 5) << 8 | (uint32_t)((b) / 25 % 5) << 16)
#define FOUR(of, b)    of(b), of((b) + 1), of((b) + 2), of((b) + 3)
#define SIXTEEN(of, b) FOUR(of, b), FOUR(of, (b) + 4), FOUR(of, (b) + 8), FOUR(of, (b) + 12)
#define ROW(of, b) \
    SIXTEEN(of, b), SIXTEEN(of, (b) + 16), SIXTEEN(of, (b) + 32), SIXTEEN(of, (b) + 48)

static const uint64_t digits3[256] = {ROW(OF3, 0), ROW(OF3, 64), ROW(OF3, 128), ROW(OF3, 192)};
static const uint32_t digits5[128] = {ROW(OF5, 0), ROW(OF5, 64)};

uint8_t ints__tight(uint64_t max, unsigned bits)
{
    if (bits >= 3 && bits - 3 <= INTS_DIGITS_LOW && max < UINT64_C(5) << (bits - 3))
        return (uint8_t)(INTS_BASE5 + bits - 3);
    if (bits >= 2 && bits - 2 <= INTS_DIGITS_LOW && max < UINT64_C(3) << (bits - 2))
        return (uint8_t)(INTS_BASE3 + bits - 2);
    return (uint8_t)bits;
}

size_t ints__digit_bytes(unsigned width, uint32_t n)
{
    if (!ints__has_digits(width))
        return 0;
    return width < INTS_BASE5 ? (n + DIGITS3 - 1) / DIGITS3
                              : ((n + DIGITS5 - 1) / DIGITS5 * 7 + 7) / 8;
}

/* Up to `count` digits from r[at] on as one number. */
static unsigned join(const uint64_t *r, uint32_t at, uint32_t n, unsigned base, unsigned count,
                     unsigned low)
{
    unsigned v = 0;
    for (uint32_t i = at + count < n ? at + count : n; i-- > at;) {
        must(r[i] >> low < base);
        v = v * base + (unsigned)(r[i] >> low);
    }
    return v;
}

static void put3(struct buf *out, const uint64_t *r, uint32_t n, unsigned low)
{
    for (uint32_t at = 0; at < n; at += DIGITS3)
        buf_put_u8(out, (uint8_t)join(r, at, n, 3, DIGITS3, low));
}

static void put5(struct buf *out, const uint64_t *r, uint32_t n, unsigned low)
{
    unsigned held = 0, bits = 0;
    for (uint32_t at = 0; at < n; at += DIGITS5) {
        held |= join(r, at, n, 5, DIGITS5, low) << bits;
        bits += 7;
        if (bits >= 8) {
            buf_put_u8(out, (uint8_t)held);
            held >>= 8;
            bits -= 8;
        }
    }
    if (bits > 0)
        buf_put_u8(out, (uint8_t)held);
}

void ints__put_digits(struct buf *out, const uint64_t *r, uint32_t n, unsigned width)
{
    must(n <= INTS_GROUP);
    if (width >= INTS_BASE5)
        put5(out, r, n, ints__low(width));
    else if (width >= INTS_BASE3)
        put3(out, r, n, ints__low(width));
}

#define ROOM (INTS_GROUP + 8)

static void get3(const uint8_t *p, uint8_t *digits, uint32_t n)
{
    for (uint32_t at = 0; at < n; at += DIGITS3, p++)
        memcpy(digits + at, &digits3[*p], sizeof(*digits3));
}

static void get5(const uint8_t *p, uint8_t *digits, uint32_t n)
{
    unsigned held = 0, bits = 0;
    for (uint32_t at = 0; at < n; at += DIGITS5) {
        if (bits < 7) {
            held |= (unsigned)*p++ << bits;
            bits += 8;
        }
        memcpy(digits + at, &digits5[held & 127], sizeof(*digits5));
        held >>= 7;
        bits -= 7;
    }
}

void ints__add_digits(const uint8_t *p, unsigned width, uint64_t *out, uint32_t n)
{
    uint8_t digits[ROOM] = {0};
    unsigned low = ints__low(width);
    must(n <= INTS_GROUP && ints__has_digits(width));
    if (width >= INTS_BASE5)
        get5(p, digits, n);
    else
        get3(p, digits, n);
    for (uint32_t i = 0; i < INTS_GROUP; i++)
        out[i] += (uint64_t)digits[i] << low;
}
