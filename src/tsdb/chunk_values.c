/* Values of samples as runs of integers: decimals when scaling back gives every bit, else the doubles' bits (formats:
 * chunk_priv.h). Decimals as in ALP (Afroozeh, Kuffo, Boncz 2023), but divided by the power of ten: a quotient of two exact
 * doubles is rounded as the text of the number would be, so that fewer values are exceptions. */
#include "tsdb/chunk_priv.h"

#include <math.h>
#include <stdlib.h>

#define DECIMALS_MAX 15
#define X_LIMIT      2251799813685248.0 /* 2^51: beyond, the conversion below would not be exact */
#define ROUNDER      6755399441055744.0 /* 1.5 * 2^52 */
#define ROUNDER_BITS UINT64_C(0x4338000000000000)
#define PROBES       24 /* values that are looked at before all are converted */

static const double power10[DECIMALS_MAX + 1] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                                 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};

/* What an exception is; the text of the format. */
enum except {
    EXCEPT_STALE,
    EXCEPT_NAN,
    EXCEPT_MINUS_ZERO,
    EXCEPT_INF,
    EXCEPT_MINUS_INF,
    EXCEPT_OTHER
};
static const uint64_t except_bits[EXCEPT_OTHER] = {
    [EXCEPT_STALE] = STALE_NAN_BITS,
    [EXCEPT_NAN] = NORMAL_NAN_BITS,
    [EXCEPT_MINUS_ZERO] = UINT64_C(0x8000000000000000),
    [EXCEPT_INF] = UINT64_C(0x7ff0000000000000),
    [EXCEPT_MINUS_INF] = UINT64_C(0xfff0000000000000),
};

/* |x| < 2^51 */
static inline double f64_of(int64_t x)
{
    return f64_from_bits((uint64_t)x + ROUNDER_BITS) - ROUNDER;
}

static inline bool to_decimal(double v, unsigned e, int64_t *x)
{
    double scaled = v * power10[e];
    if (!(fabs(scaled) < X_LIMIT))
        return false;
    *x = (int64_t)(f64_bits(scaled + ROUNDER) - ROUNDER_BITS);
    return f64_bits(f64_of(*x) / power10[e]) == f64_bits(v);
}

/* The fewest decimals from `from` on that give v; DECIMALS_MAX + 1: none do. */
static unsigned decimals_of(double v, unsigned from)
{
    int64_t x;
    for (unsigned e = from; e <= DECIMALS_MAX; e++) {
        if (to_decimal(v, e, &x))
            return e;
        if (!(fabs(v) * power10[e] < X_LIMIT))
            break;
    }
    return DECIMALS_MAX + 1;
}

/* The fewest decimals that give all but an eighth of every step-th value; DECIMALS_MAX + 1: none do. */
static unsigned probe(const double *v, uint32_t n, uint32_t step)
{
    uint32_t needs[DECIMALS_MAX + 2] = {0}, seen = 0, more;
    unsigned e = 0, last = 0;
    for (uint32_t i = 0; i < n; i += step, seen++) {
        int64_t x;
        if (!to_decimal(v[i], last, &x) || (last > 0 && to_decimal(v[i], last - 1, &x)))
            last = decimals_of(v[i], 0);
        needs[last]++;
        last = last > DECIMALS_MAX ? 0 : last;
    }
    for (more = seen - needs[0]; more * 8 > seen && e <= DECIMALS_MAX; more -= needs[e])
        e++;
    return e;
}

static bool to_decimals(struct values_plan *p, const double *v, uint32_t n)
{
    uint32_t most = n / 8 + 1;
    int64_t before = 0;
    p->n_except = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (!to_decimal(v[i], p->decimals, &p->x[i])) {
            if (p->n_except == most)
                return false;
            p->except[p->n_except++] = i;
            p->x[i] = before;
        }
        before = p->x[i];
    }
    if (p->n_except > 0 && p->except[0] == 0) { /* what it is does not matter: let it be cheap */
        uint32_t k = 0;
        while (k < p->n_except && p->except[k] == k)
            k++;
        for (uint32_t i = 0; i < k && k < n; i++)
            p->x[i] = p->x[k];
    }
    return true;
}

/* Would more decimals pay? They spare exceptions of some 80 bits, and cost 3.3 bits each in the other values. */
static unsigned more_decimals(const struct values_plan *p, const double *v, uint32_t n)
{
    for (uint32_t i = 0; i < p->n_except; i++) {
        unsigned e = decimals_of(v[p->except[i]], p->decimals);
        if (e <= DECIMALS_MAX && (e - p->decimals) * n < p->n_except * 24)
            return e;
    }
    return p->decimals;
}

static bool prepare_decimals(struct values_plan *p, const double *v, uint32_t n)
{
    unsigned e = probe(v, n, n > PROBES ? n / PROBES : 1);
    while (e <= DECIMALS_MAX) {
        p->decimals = (uint8_t)e;
        bool done = to_decimals(p, v, n);
        e = done ? more_decimals(p, v, n) : probe(v, n, 1);
        if (e <= p->decimals)
            return done;
    }
    return false;
}

void values_plan_init(struct values_plan *p, uint32_t n)
{
    size_t excepts = n / 8 + 1;
    *p = (struct values_plan){.cap = n};
    p->x = malloc(2 * n * sizeof(*p->x) + excepts * sizeof(*p->except));
    must(p->x);
    p->y = p->x + n;
    p->except = (uint32_t *)(p->y + n);
}

void values_plan_done(struct values_plan *p)
{
    free(p->x);
    *p = (struct values_plan){0};
}

void values_prepare(struct values_plan *p, const double *v, uint32_t n)
{
    must(n > 0 && n <= p->cap);
    p->ints.tight = p->other.tight = p->tight;
    p->raw = !prepare_decimals(p, v, n);
    if (!p->raw)
        return;
    p->decimals = 0;
    p->n_except = 0;
    for (uint32_t i = 0; i < n; i++)
        p->x[i] = (int64_t)f64_bits(v[i]);
}

/* The largest number that divides all distances from the first x; 0 when all are equal. */
static uint64_t common_factor(const struct values_plan *p, uint32_t n)
{
    uint64_t g = 0;
    for (uint32_t i = 1; i < n && g != 1; i++) {
        uint64_t d = (uint64_t)p->x[i] - (uint64_t)p->x[0];
        d = (int64_t)d < 0 ? 0 - d : d;
        if (p->raw) { /* powers of two only: the arithmetic of bits wraps */
            uint64_t low = d & (0 - d);
            g = g == 0 || (low && low < g) ? low : g;
            continue;
        }
        while (d != 0) {
            uint64_t rest = g % d;
            g = d;
            d = rest;
        }
    }
    return g;
}

static void write_except(const struct values_plan *p, const double *v, struct buf *out)
{
    uint32_t before = 0;
    put_varint(out, p->n_except);
    for (uint32_t i = 0; i < p->n_except; i++) {
        uint32_t at = p->except[i];
        uint64_t bits = f64_bits(v[at]);
        unsigned what = 0;
        while (what < EXCEPT_OTHER && except_bits[what] != bits)
            what++;
        put_varint(out, at - before);
        buf_put_u8(out, (uint8_t)what);
        if (what == EXCEPT_OTHER)
            buf_put_u64(out, bits);
        before = at;
    }
}

/* (x - first) / factor into y when that is cheaper; the factor, or 0. */
static uint64_t try_scaled(struct values_plan *p, uint32_t n)
{
    uint64_t g = p->ints.flat || n < 4 ? 0 : common_factor(p, n);
    if (g < 2)
        return 0;
    for (uint32_t i = 0; i < n; i++) {
        uint64_t d = (uint64_t)p->x[i] - (uint64_t)p->x[0];
        p->y[i] = p->raw ? (int64_t)d >> __builtin_ctzll(g) : (int64_t)d / (int64_t)g;
    }
    ints_plan(&p->other, p->y, n);
    return p->other.cost + 96 < p->ints.cost ? g : 0;
}

static bool try_relative(struct values_plan *p, uint32_t n, const int64_t *relative)
{
    if (!relative)
        return false;
    for (uint32_t i = 0; i < n; i++)
        p->y[i] = (int64_t)((uint64_t)p->x[i] - (uint64_t)relative[i]);
    /* what x an exception has does not matter: it follows the other run */
    for (uint32_t i = 0; i < p->n_except; i++)
        p->y[p->except[i]] = p->except[i] > 0 ? p->y[p->except[i] - 1] : p->y[n - 1];
    ints_plan(&p->other, p->y, n);
    if (p->other.cost + 16 >= p->ints.cost)
        return false;
    for (uint32_t i = 0; i < p->n_except; i++)
        p->x[p->except[i]] =
            (int64_t)((uint64_t)p->y[p->except[i]] + (uint64_t)relative[p->except[i]]);
    return true;
}

bool values_write(struct values_plan *p, const double *v, uint32_t n, const int64_t *relative,
                  const struct ints_sink *out)
{
    ints_plan(&p->ints, p->x, n);
    bool rel = try_relative(p, n, relative);
    uint64_t factor = rel ? 0 : try_scaled(p, n);
    buf_put_u8(out->head, (uint8_t)(p->decimals | (p->n_except > 0) << 4 | (factor > 0) << 5 |
                                    rel << 6 | p->raw << 7));
    if (factor > 0) {
        put_varint(out->num, factor);
        put_varint(out->num, zigzag(p->x[0]));
    }
    if (rel || factor > 0)
        ints_write(&p->other, p->y, out);
    else
        ints_write(&p->ints, p->x, out);
    if (p->n_except > 0)
        write_except(p, v, out->num);
    return rel;
}

/* Walks the list without believing it. */
static int skip_except(struct cur *c, uint32_t n_except, uint32_t n)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < n_except; i++) {
        uint64_t step = cur_varint(c);
        uint8_t what = cur_u8(c);
        if (what == EXCEPT_OTHER)
            cur_u64(c);
        if (c->failed || what > EXCEPT_OTHER || step >= n || (at += step) >= n)
            return -1;
    }
    return 0;
}

int values_open(struct values_reader *r, const struct ints_input *in, uint32_t n)
{
    uint8_t head = cur_u8(in->head);
    *r = (struct values_reader){.decimals = head & 15,
                                .scaled = head >> 5 & 1,
                                .relative = head >> 6 & 1,
                                .raw = head >> 7,
                                .factor = 1};
    if (in->head->failed || (r->raw && head & 0x5f))
        return -1;
    if (r->scaled) {
        r->factor = cur_varint(in->num);
        r->first = (uint64_t)unzigzag(cur_varint(in->num));
    }
    if (ints_open(&r->ints, in, n) != 0)
        return -1;
    if (!(head & 16))
        return 0;
    uint64_t count = cur_varint(in->num);
    r->except = *in->num;
    if (in->num->failed || count == 0 || count > n)
        return -1;
    r->n_except = (uint32_t)count;
    return skip_except(in->num, r->n_except, n);
}

/* The next group of x; the number of values. relative and x may be the same memory. */
static uint32_t next_ints(struct values_reader *r, const int64_t *relative, int64_t *x)
{
    int64_t base[INTS_GROUP];
    uint32_t at = r->ints.done, left = r->ints.n - at, c = left < INTS_GROUP ? left : INTS_GROUP;
    must(!r->relative || relative);
    if (r->relative)
        memcpy(base, relative + at, c * sizeof(*base));
    must(ints_next(&r->ints, x) == c);
    for (uint32_t i = 0; r->scaled && i < c; i++)
        x[i] = (int64_t)(r->first + (uint64_t)x[i] * r->factor);
    for (uint32_t i = 0; r->relative && i < c; i++)
        x[i] = (int64_t)((uint64_t)x[i] + (uint64_t)base[i]);
    return c;
}

void values_ints(struct values_reader *r, const int64_t *relative, int64_t *out)
{
    for (uint32_t c; (c = next_ints(r, relative, out)) > 0;)
        out += c;
}

#if defined(__x86_64__) && !defined(__clang__)
#define HAVE_FMA 1
/* x / p for a whole group without dividing: the quotient by the reciprocal, corrected by what it leaves over, is the rounded
 * quotient (Markstein 1990; the reciprocal is the rounded one). A test compares. */
static __attribute__((target("avx2,fma"), optimize("O3"))) void divide_fma(const int64_t *x,
                                                                           double p, double *v)
{
    double inverse = 1 / p;
    for (uint32_t i = 0; i < INTS_GROUP; i++) {
        double whole = f64_from_bits((uint64_t)x[i] + ROUNDER_BITS) - ROUNDER;
        double q = whole * inverse, left = __builtin_fma(-q, p, whole);
        v[i] = __builtin_fma(left, inverse, q);
    }
}
#endif

static void divide_group(const int64_t *x, double p, double *v)
{
#ifdef HAVE_FMA
    if (__builtin_cpu_supports("fma") && __builtin_cpu_supports("avx2")) {
        divide_fma(x, p, v);
        return;
    }
#endif
    for (uint32_t i = 0; i < INTS_GROUP; i++)
        v[i] = f64_of(x[i]);
    for (uint32_t i = 0; i < INTS_GROUP; i++)
        v[i] /= p;
}

/* c of a group of x as doubles. */
static void to_f64(const struct values_reader *r, const int64_t *x, uint32_t c, double *v)
{
    double p = power10[r->decimals];
    if (r->raw) {
        memcpy(v, x, c * sizeof(*v));
    } else if (c == INTS_GROUP && r->decimals > 0) {
        divide_group(x, p, v);
    } else if (c == INTS_GROUP) {
        for (uint32_t i = 0; i < INTS_GROUP; i++)
            v[i] = f64_of(x[i]);
    } else {
        for (uint32_t i = 0; i < c; i++)
            v[i] = f64_of(x[i]) / p;
    }
}

static void patch(struct values_reader *r, uint32_t from, uint32_t to, double *v)
{
    struct cur c = r->except;
    uint32_t at = 0;
    for (uint32_t i = 0; i < r->n_except; i++) {
        at += (uint32_t)cur_varint(&c);
        uint8_t what = cur_u8(&c);
        uint64_t bits = what == EXCEPT_OTHER ? cur_u64(&c) : except_bits[what];
        if (at >= from && at < to)
            v[at - from] = f64_from_bits(bits);
    }
}

/* Puts the part of a group that lies within [from, to) where it belongs. */
static void place(const double *group, uint32_t at, uint32_t c, uint32_t from, uint32_t to,
                  double *v)
{
    uint32_t lo = at < from ? from : at, hi = at + c > to ? to : at + c;
    if (lo < hi)
        memcpy(v + (lo - from), group + (lo - at), (hi - lo) * sizeof(*v));
}

/* One value over and over needs no group. */
static bool constant(const struct values_reader *r, double *v)
{
    if (!r->ints.flat || r->ints.order != 0 || r->scaled || r->relative)
        return false;
    *v = r->raw ? f64_from_bits(r->ints.smallest)
                : f64_of((int64_t)r->ints.smallest) / power10[r->decimals];
    return true;
}

void values_decode(struct values_reader *r, const int64_t *relative, uint32_t from, uint32_t to,
                   double *v)
{
    must(from <= to && to <= r->ints.n && r->ints.done == 0);
    double same;
    bool is_same = constant(r, &same);
    for (uint32_t i = 0; is_same && i < to - from; i++)
        v[i] = same;
    while (!is_same && r->ints.done < to) {
        int64_t x[INTS_GROUP];
        uint32_t at = r->ints.done, c = next_ints(r, relative, x);
        if (at + c <= from)
            continue;
        if (at >= from && at + c <= to) {
            to_f64(r, x, c, v + (at - from));
        } else {
            double group[INTS_GROUP];
            to_f64(r, x, c, group);
            place(group, at, c, from, to, v);
        }
    }
    patch(r, from, to, v);
}

void values_from_ints(struct values_reader *r, const int64_t *x, uint32_t from, uint32_t to,
                      double *v)
{
    must(from <= to && to <= r->ints.n);
    for (uint32_t at = from / INTS_GROUP * INTS_GROUP; at < to; at += INTS_GROUP) {
        uint32_t c = r->ints.n - at < INTS_GROUP ? r->ints.n - at : INTS_GROUP;
        double group[INTS_GROUP];
        if (at >= from && at + c <= to) {
            to_f64(r, x + at, c, v + (at - from));
            continue;
        }
        to_f64(r, x + at, c, group);
        place(group, at, c, from, to, v);
    }
    patch(r, from, to, v);
}
