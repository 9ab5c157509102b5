/* Runs of integers: what a run will cost in each form, writing and reading it. Formats: chunk_priv.h. Arithmetic wraps on
 * purpose: the bits of doubles are run through it. */
#include "tsdb/chunk_priv.h"

#define ORDERS 3

void put_varint(struct buf *out, uint64_t v)
{
    char bytes[10];
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        bytes[n++] = (char)(v | 0x80);
    bytes[n++] = (char)v;
    buf_add(out, bytes, n);
}

uint64_t cur_varint(struct cur *c)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && c->p < c->end; shift += 7) {
        uint8_t b = *c->p++;
        v |= (uint64_t)(b & 0x7f) << shift;
        if (b < 0x80)
            return v;
    }
    c->failed = true;
    return 0;
}

static unsigned bits_of(uint64_t v)
{
    unsigned n = v ? 64 - (unsigned)__builtin_clzll(v) : 0;
    return n > 56 ? 64 : n;
}

static unsigned varint_bits(int64_t v)
{
    uint64_t z = zigzag(v);
    return z ? (64 - (unsigned)__builtin_clzll(z) + 6) / 7 * 8 : 8;
}

static inline int64_t minus(int64_t a, int64_t b)
{
    return (int64_t)((uint64_t)a - (uint64_t)b);
}

struct range {
    int64_t min, max;
};

static inline void widen(struct range *r, int64_t v)
{
    r->min = v < r->min ? v : r->min;
    r->max = v > r->max ? v : r->max;
}

/* What the residuals of a group span, in each order; those that stand before an order's first do not count. */
static void ranges_of(const int64_t *x, uint32_t from, uint32_t to, struct range out[ORDERS])
{
    struct range r0 = {INT64_MAX, INT64_MIN}, r1 = r0, r2 = r0;
    uint32_t i = from;
    for (; i < to && i < 2; i++) {
        widen(&r0, x[i]);
        if (i > 0)
            widen(&r1, minus(x[i], x[i - 1]));
    }
    int64_t before = i >= 2 && i < to ? minus(x[i - 1], x[i - 2]) : 0;
    for (; i < to; i++) {
        int64_t d = minus(x[i], x[i - 1]);
        widen(&r0, x[i]);
        widen(&r1, d);
        widen(&r2, minus(d, before));
        before = d;
    }
    out[0] = r0;
    out[1] = r1;
    out[2] = r2;
}

static size_t group_bytes(unsigned width, uint32_t n)
{
    return ((size_t)n * ints__low(width) + 7) / 8 + ints__digit_bytes(width, n);
}

static uint64_t cost_of(const int64_t *x, uint32_t n, unsigned order, int64_t smallest,
                        const uint8_t *width, bool even, bool flat)
{
    uint64_t cost = 8 + varint_bits(smallest);
    if (order > 0)
        cost += varint_bits(x[0]);
    if (order > 1)
        cost += varint_bits(minus(x[1], x[0]));
    if (flat)
        return cost;
    uint32_t groups = (n + INTS_GROUP - 1) / INTS_GROUP;
    cost += even ? 8 : 8 * (uint64_t)groups;
    for (uint32_t g = 0; g < groups; g++)
        cost += 8 * group_bytes(width[g],
                                n - g * INTS_GROUP < INTS_GROUP ? n - g * INTS_GROUP : INTS_GROUP);
    return cost;
}

static uint8_t width_of(uint64_t max, bool tight)
{
    unsigned bits = bits_of(max);
    return tight ? ints__tight(max, bits) : (uint8_t)bits;
}

static void plan_order(struct ints_plan *best, const int64_t *x, uint32_t n, unsigned order,
                       const struct range (*r)[ORDERS])
{
    uint32_t groups = (n + INTS_GROUP - 1) / INTS_GROUP;
    int64_t smallest = INT64_MAX;
    for (uint32_t g = 0; g < groups; g++)
        smallest = r[g][order].min < smallest ? r[g][order].min : smallest;
    uint8_t width[INTS_GROUPS];
    bool even = true, flat = true;
    for (uint32_t g = 0; g < groups; g++) {
        bool none = r[g][order].min > r[g][order].max;
        width[g] = none ? 0 : width_of((uint64_t)r[g][order].max - (uint64_t)smallest, best->tight);
        even &= width[g] == width[0];
        flat &= width[g] == 0;
    }
    uint64_t cost = cost_of(x, n, order, smallest, width, even, flat);
    if (cost >= best->cost)
        return;
    best->cost = cost;
    best->order = (uint8_t)order;
    best->even = even;
    best->flat = flat;
    best->smallest = smallest;
    memcpy(best->width, width, groups);
}

void ints_plan(struct ints_plan *p, const int64_t *x, uint32_t n)
{
    must(n > 0 && n <= CHUNK_SAMPLES_MAX);
    struct range r[INTS_GROUPS][ORDERS];
    uint32_t groups = (n + INTS_GROUP - 1) / INTS_GROUP;
    for (uint32_t g = 0; g < groups; g++)
        ranges_of(x, g * INTS_GROUP, n - g * INTS_GROUP < INTS_GROUP ? n : (g + 1) * INTS_GROUP,
                  r[g]);
    p->n = n;
    p->cost = UINT64_MAX;
    for (unsigned order = 0; order < ORDERS && order < n; order++)
        plan_order(p, x, n, order, (const struct range(*)[ORDERS])r);
}

static void pack(struct buf *out, const uint64_t *r, uint32_t n, unsigned width)
{
    uint64_t words[INTS_GROUP + 1] = {0};
    unsigned w = ints__low(width);
    uint64_t mask = w < 64 ? (UINT64_C(1) << w) - 1 : UINT64_MAX;
    for (uint32_t i = 0; w > 0 && i < n; i++) {
        uint32_t at = i * w, k = at >> 6, shift = at & 63;
        words[k] |= (r[i] & mask) << shift;
        if (shift + w > 64)
            words[k + 1] = (r[i] & mask) >> (64 - shift);
    }
    buf_add(out, words, ((size_t)n * w + 7) / 8);
    ints__put_digits(out, r, n, width);
}

/* Residuals of one group less the smallest; those before an order's first are 0. */
static void residuals(const struct ints_plan *p, const int64_t *x, uint32_t from, uint32_t to,
                      uint64_t *r)
{
    uint64_t less = (uint64_t)p->smallest;
    for (uint32_t i = from; i < to; i++) {
        uint64_t v = (uint64_t)x[i];
        if (i < p->order)
            v = less;
        else if (p->order == 1)
            v -= (uint64_t)x[i - 1];
        else if (p->order == 2)
            v -= 2 * (uint64_t)x[i - 1] - (uint64_t)x[i - 2];
        r[i - from] = v - less;
    }
}

void ints_write(const struct ints_plan *p, const int64_t *x, const struct ints_sink *out)
{
    must(p->order < ORDERS && (uint32_t)p->order < p->n);
    uint32_t groups = (p->n + INTS_GROUP - 1) / INTS_GROUP;
    buf_put_u8(out->head, (uint8_t)(p->order | p->flat << 2 | p->even << 3));
    if (p->order > 0)
        put_varint(out->num, zigzag(x[0]));
    if (p->order > 1)
        put_varint(out->num, zigzag(minus(x[1], x[0])));
    put_varint(out->num, zigzag(p->smallest));
    if (p->flat)
        return;
    buf_add(out->width, p->width, p->even ? 1 : groups);
    for (uint32_t g = 0; g < groups; g++) {
        uint64_t r[INTS_GROUP];
        uint32_t from = g * INTS_GROUP, to = p->n - from < INTS_GROUP ? p->n : from + INTS_GROUP;
        residuals(p, x, from, to, r);
        pack(out->bits, r, to - from, p->width[g]);
    }
}

/* Bytes of all groups; -1 when a width is none. */
static int64_t bytes_of(const uint8_t *width, bool even, uint32_t n)
{
    uint64_t bytes = 0;
    for (uint32_t g = 0; g * INTS_GROUP < n; g++) {
        unsigned w = width[even ? 0 : g];
        uint32_t left = n - g * INTS_GROUP;
        if (ints__has_digits(w) ? ints__low(w) > INTS_DIGITS_LOW : w > 56 && w != 64)
            return -1;
        bytes += group_bytes(w, left < INTS_GROUP ? left : INTS_GROUP);
    }
    return (int64_t)bytes;
}

int ints_open(struct ints_reader *r, const struct ints_input *in, uint32_t n)
{
    must(n > 0 && n <= CHUNK_SAMPLES_MAX);
    uint8_t head = cur_u8(in->head);
    *r = (struct ints_reader){
        .n = n, .order = head & 3, .flat = head >> 2 & 1, .even = head >> 3 & 1};
    if (head > 15 || r->order >= ORDERS || (r->order > 0 && r->order >= n))
        return -1;
    uint64_t first = r->order > 0 ? (uint64_t)unzigzag(cur_varint(in->num)) : 0;
    uint64_t delta = r->order > 1 ? (uint64_t)unzigzag(cur_varint(in->num)) : 0;
    r->smallest = (uint64_t)unzigzag(cur_varint(in->num));
    /* so that adding the smallest residual yields the first values */
    r->delta = r->order > 1 ? delta - 2 * r->smallest : 0;
    r->value = first - (r->order > 1 ? delta - r->smallest : r->smallest);
    if (in->num->failed || in->head->failed)
        return -1;
    if (r->flat)
        return 0;
    size_t widths = r->even ? 1 : (n + INTS_GROUP - 1) / INTS_GROUP;
    r->width = cur_bytes(in->width, widths);
    int64_t bytes = r->width ? bytes_of(r->width, r->even, n) : -1;
    if (bytes < 0)
        return -1;
    r->end = in->bits->end;
    r->bits = cur_bytes(in->bits, (size_t)bytes);
    return r->bits ? 0 : -1;
}

static void unpack_group(struct ints_reader *r, uint32_t c, uint64_t *out)
{
    if (r->flat) {
        for (uint32_t i = 0; i < INTS_GROUP; i++)
            out[i] = r->smallest;
        return;
    }
    unsigned width = r->width[r->even ? 0 : r->done / INTS_GROUP], w = ints__low(width);
    size_t bytes = ((size_t)c * w + 7) / 8, touched = (size_t)(c + 7) / 8 * w + 8;
    if ((size_t)(r->end - r->bits) >= touched) {
        ints__unpack(r->bits, w, r->smallest, out, c);
    } else {
        uint8_t padded[8 * INTS_GROUP + 8];
        memcpy(padded, r->bits, bytes);
        memset(padded + bytes, 0, touched - bytes);
        ints__unpack(padded, w, r->smallest, out, c);
    }
    r->bits += bytes;
    if (ints__has_digits(width)) {
        ints__add_digits(r->bits, width, out, c);
        r->bits += ints__digit_bytes(width, c);
    }
}

uint32_t ints_next(struct ints_reader *r, int64_t *out)
{
    uint32_t left = r->n - r->done, c = left < INTS_GROUP ? left : INTS_GROUP;
    if (c == 0)
        return 0;
    uint64_t *x = (uint64_t *)out;
    unpack_group(r, c, x);
    uint64_t value = r->value, delta = r->delta;
    if (r->order == 1) {
        for (uint32_t i = 0; i < c; i++)
            x[i] = value += x[i];
    } else if (r->order == 2) {
        for (uint32_t i = 0; i < c; i++)
            x[i] = value += delta += x[i];
    }
    r->value = value;
    r->delta = delta;
    r->done += c;
    return c;
}

bool ints_regular(const struct ints_reader *r, int64_t *first, int64_t *step)
{
    if (!r->flat || r->order != 1 || r->done > 0)
        return false;
    *first = (int64_t)(r->value + r->smallest);
    *step = (int64_t)r->smallest;
    return true;
}
