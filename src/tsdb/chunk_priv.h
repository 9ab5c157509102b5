/* The codecs under chunk.h and block.h: runs of integers in packed groups, and samples on top of them. Pure; any thread.
 *
 * A coder writes into four columns and a decoder reads from four cursors. For a chunk on its own all four are the same buffer, so
 * its bytes stand one after the other; a block's page keeps the columns of its chunks apart, because what is alike
 * compresses better beside its like.
 *
 *   run of integers (order 0: values, 1: deltas, 2: deltas of deltas; r: those less the smallest of them)
 *     head   u8: bits 0-1 order, bit 2 flat: every r is 0, bit 3 even: all groups have the same width
 *     num    zigzag varints: order 1: first value; order 2: first value, first delta; then the smallest
 *     width  u8 a group of 64 (or one in all when even), nothing when flat: 0 … 56 or 64: so many bits each;
 *            128 + k: 3 * 2^k values, 192 + k: 5 * 2^k values, k 0 … 53
 *     bits   each group: r in `width` bits each, lowest bits first, filled up to a byte; of 128 or 192 + k: the low k bits of each
 *            likewise, then r >> k as digits, the first lowest: base 3, five a byte, or base 5, three in seven bits, filled up
 *   times    a run
 *   values   head u8: bits 0-3 decimals e, bit 4 exceptions, bit 5 scaled, bit 6 relative to another run, bit 7 raw
 *            scaled: num: varint the factor g, zigzag varint the first x; the run is then (x - first x) / g
 *            relative: the run is x - (x of the run it refers to)
 *            the run: x = value * 10^e; raw: the bits of the double as they are
 *            exceptions: num: varint how many; each: varint distance from the one before, u8 what (enum), for others u64 */
#ifndef TSDB_CHUNK_PRIV_H
#define TSDB_CHUNK_PRIV_H

#include "tsdb/chunk.h"

#define INTS_GROUP  64
#define INTS_GROUPS (CHUNK_SAMPLES_MAX / INTS_GROUP)

struct ints_sink {
    struct buf *head, *num, *width, *bits;
};
struct ints_input {
    struct cur *head, *num, *width, *bits;
};

/* How a run will be coded, and what that costs. */
struct ints_plan {
    bool
        tight; /* set before planning: digits are allowed: smaller by a few per cent, a little slower */
    uint32_t n;
    uint8_t order;
    bool flat, even;
    int64_t smallest;
    uint64_t cost; /* bits, about */
    uint8_t width[INTS_GROUPS];
};
void ints_plan(struct ints_plan *p, const int64_t *x, uint32_t n);
void ints_write(const struct ints_plan *p, const int64_t *x, const struct ints_sink *out);

struct ints_reader {
    uint32_t n, done;
    uint8_t order;
    bool flat, even;
    uint64_t value, delta; /* of the last one; arithmetic wraps */
    uint64_t smallest;
    const uint8_t *width, *bits, *end;
};
/* Reads the run's parameters and moves the cursors behind it. -1: damaged. n: 1 … CHUNK_SAMPLES_MAX. */
int ints_open(struct ints_reader *r, const struct ints_input *in, uint32_t n);
/* The next group into out[INTS_GROUP]; the number of values, 0 at the end. Beyond the number what is in out
 * means nothing. */
uint32_t ints_next(struct ints_reader *r, int64_t *out);
/* The constant step of a run of order 1 that is flat: then value k is first + k * step. */
bool ints_regular(const struct ints_reader *r, int64_t *first, int64_t *step);

/* p holds n numbers (up to 64) of `width` bits, each has `add` added. In eights: reads as many bytes as those take and 8 further,
 * and writes as many. */
void ints__unpack(const uint8_t *p, unsigned width, uint64_t add, uint64_t *out, unsigned n);

/* Groups whose width is not a number of bits (chunk_digits.c). */
#define INTS_BASE3      128u
#define INTS_BASE5      192u
#define INTS_DIGITS_LOW 53u /* the most bits below the digit */
static inline bool ints__has_digits(unsigned width)
{
    return width >= INTS_BASE3;
}
/* The width for numbers up to `max`, whose bits are `bits`: with digits when that is smaller. */
uint8_t ints__tight(uint64_t max, unsigned bits);
static inline unsigned ints__low(unsigned width)
{
    return ints__has_digits(width) ? width & 63 : width;
}
/* Bytes of the digits of n numbers, 0: the width has none. */
size_t ints__digit_bytes(unsigned width, uint32_t n);
void ints__put_digits(struct buf *out, const uint64_t *r, uint32_t n, unsigned width);
/* Adds each digit, where it stands, to out, of which there are INTS_GROUP. p: as many bytes as those take, no more. */
void ints__add_digits(const uint8_t *p, unsigned width, uint64_t *out, uint32_t n);

/* --- values --- */

struct values_plan {
    uint32_t cap;
    bool tight;        /* may be set after init (ints_plan) */
    bool raw;          /* bits instead of decimals */
    uint8_t decimals;  /* e */
    uint32_t n_except; /* values that are not of that form */
    int64_t *x, *y;    /* y: what is coded when it is not x */
    uint32_t *except;
    struct ints_plan ints, other;
};
void values_plan_init(struct values_plan *p, uint32_t n); /* for up to n values at a time */
void values_plan_done(struct values_plan *p);
/* Makes p->x. */
void values_prepare(struct values_plan *p, const double *v, uint32_t n);
/* Codes what was prepared. relative: the x of another run of as many values with the same decimals, used when that is
 * cheaper; NULL. Returns whether it was used. */
bool values_write(struct values_plan *p, const double *v, uint32_t n, const int64_t *relative,
                  const struct ints_sink *out);

struct values_reader {
    struct ints_reader ints;
    bool raw, scaled, relative;
    uint8_t decimals;
    uint64_t factor, first;
    uint32_t n_except;
    struct cur except; /* the list */
};
int values_open(struct values_reader *r, const struct ints_input *in, uint32_t n);
/* All x into out, of which there is room for whole groups: values_room(n). relative: as for writing. */
void values_ints(struct values_reader *r, const int64_t *relative, int64_t *out);
#define values_room(n) (((n) + INTS_GROUP - 1) / INTS_GROUP * INTS_GROUP)
/* Values [from, to) into v; relative: NULL unless r->relative. */
void values_decode(struct values_reader *r, const int64_t *relative, uint32_t from, uint32_t to,
                   double *v);
/* From x that values_ints made. */
void values_from_ints(struct values_reader *r, const int64_t *x, uint32_t from, uint32_t to,
                      double *v);

/* --- times --- */
void times_write(const int64_t *t, uint32_t n, const struct ints_sink *out);
/* n times into t (room for whole groups). -1: they do not rise. Moves r to its end. */
int times_decode(struct ints_reader *r, int64_t *t);

/* --- numbers in few bytes --- */
void put_varint(struct buf *out, uint64_t v);
uint64_t cur_varint(struct cur *c); /* 0 and c->failed when there is none */
static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (uint64_t)(v >> 63);
}
static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

#endif
