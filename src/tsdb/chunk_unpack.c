/* Unpacking of groups of 64 numbers: a function for each width, in which every shift and offset is a constant. chunk_ints.c
 * calls it. Little endian only, as all of Belfry's machines are. */
#include "tsdb/chunk_priv.h"

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed numbers are little endian");

static inline uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
    return v;
}

/* Eight numbers are `w` whole bytes. */
static inline __attribute__((always_inline)) void unpack(const uint8_t *p, unsigned w, uint64_t add,
                                                         uint64_t *out, unsigned n)
{
    const uint64_t mask = (UINT64_C(1) << w) - 1;
    for (unsigned k = 0; k < n; k += 8, p += w) {
        out[k + 0] = (load64(p) & mask) + add;
        out[k + 1] = ((load64(p + (w >> 3)) >> (w & 7)) & mask) + add;
        out[k + 2] = ((load64(p + (2 * w >> 3)) >> (2 * w & 7)) & mask) + add;
        out[k + 3] = ((load64(p + (3 * w >> 3)) >> (3 * w & 7)) & mask) + add;
        out[k + 4] = ((load64(p + (4 * w >> 3)) >> (4 * w & 7)) & mask) + add;
        out[k + 5] = ((load64(p + (5 * w >> 3)) >> (5 * w & 7)) & mask) + add;
        out[k + 6] = ((load64(p + (6 * w >> 3)) >> (6 * w & 7)) & mask) + add;
        out[k + 7] = ((load64(p + (7 * w >> 3)) >> (7 * w & 7)) & mask) + add;
    }
}

#define WIDTHS_8(X, a) X(a##0) X(a##1) X(a##2) X(a##3) X(a##4) X(a##5) X(a##6) X(a##7)
#define WIDTHS(X)   \
    WIDTHS_8(X, 0)  \
    WIDTHS_8(X, 01) \
    WIDTHS_8(X, 02) WIDTHS_8(X, 03) WIDTHS_8(X, 04) WIDTHS_8(X, 05) WIDTHS_8(X, 06) X(070)

/* octal: 00 … 070 are 0 … 56 */
#define UNPACK(w)                                                                     \
    static void unpack_##w(const uint8_t *p, uint64_t add, uint64_t *out, unsigned n) \
    {                                                                                 \
        unpack(p, w, add, out, n);                                                    \
    }
WIDTHS(UNPACK)

#define ENTRY(w) unpack_##w,
static void (*const unpackers[])(const uint8_t *, uint64_t, uint64_t *, unsigned) = {WIDTHS(ENTRY)};

void ints__unpack(const uint8_t *p, unsigned width, uint64_t add, uint64_t *out, unsigned n)
{
    must(n <= INTS_GROUP);
    if (width < array_len(unpackers)) {
        unpackers[width](p, add, out, n);
        return;
    }
    must(width == 64);
    for (unsigned i = 0; i < n; i++)
        out[i] = load64(p + (size_t)8 * i) + add;
}
