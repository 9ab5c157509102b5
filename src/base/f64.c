/* buf_add_f64: the shortest decimal text that reads back as the same double; of several, the one
 * nearest to it. Runs on hot paths (query answers, exposition). No state.
 *
 * From 1e-14 to 1e15, which is nearly all that is ever measured, the search is exact in 128-bit
 * integers. Let v = m·2^e with 2^52 ≤ m < 2^53, and k such that v·10^k has 17 or 18 digits before the
 * point. What reads back as v lies within half a gap to the neighbouring doubles. In units of
 * 2^-shift, shift = 2-e-k, these are whole numbers:
 *
 *     v·10^k = 4m·5^k        half gap = 2·5^k, but below m = 2^52 only 5^k
 *
 * The interval is wider than 1, so it holds whole multiples of 10^0; then 10^1, 10^2 … are tried.
 * 4m·5^k < 2^55·2^72 fits in 128 bits. All other doubles go to printf.
 *
 * Numbers with at most three decimals are found without a search: when i / 1000 is v, the decimal i·10^-3 reads back as v, and
 * with at most 15 digits no other one does. */
#include "base/buf.h"
#include "base/must.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define EXACT_MIN 1e-14
#define EXACT_MAX 1e15

typedef unsigned __int128 u128;

/* digits × 10^exp10 */
struct decimal {
    uint64_t digits;
    int exp10;
};

/* 5^k for k ≤ 31. */
static u128 pow5(int k)
{
    static const uint64_t powers[] = {
        UINT64_C(1),
        UINT64_C(5),
        UINT64_C(25),
        UINT64_C(125),
        UINT64_C(625),
        UINT64_C(3125),
        UINT64_C(15625),
        UINT64_C(78125),
        UINT64_C(390625),
        UINT64_C(1953125),
        UINT64_C(9765625),
        UINT64_C(48828125),
        UINT64_C(244140625),
        UINT64_C(1220703125),
        UINT64_C(6103515625),
        UINT64_C(30517578125),
        UINT64_C(152587890625),
        UINT64_C(762939453125),
        UINT64_C(3814697265625),
        UINT64_C(19073486328125),
        UINT64_C(95367431640625),
        UINT64_C(476837158203125),
        UINT64_C(2384185791015625),
        UINT64_C(11920928955078125),
        UINT64_C(59604644775390625),
        UINT64_C(298023223876953125),
        UINT64_C(1490116119384765625),
        UINT64_C(7450580596923828125),
    };
    must(k >= 0 && k <= 31);
    return k <= 27 ? powers[k] : (u128)powers[27] * powers[k - 27];
}

/* The whole number nearest to centre·2^-shift / ten_p; ties go to the even one. */
static uint64_t nearest(u128 centre, int shift, uint64_t ten_p)
{
    uint64_t whole = (uint64_t)(centre >> shift);
    u128 fraction = centre & (((u128)1 << shift) - 1);
    uint64_t quotient = whole / ten_p;
    /* What the quotient leaves, and half of the divisor, both in units of 2^-shift. */
    u128 left = ((u128)(whole % ten_p) << shift) | fraction;
    u128 half = (u128)ten_p << (shift - 1);
    return quotient + (left > half || (left == half && quotient % 2 == 1));
}

static struct decimal shortest(double v)
{
    must(v >= EXACT_MIN && v < EXACT_MAX);
    int exp2;
    uint64_t m = (uint64_t)(frexp(v, &exp2) * 0x1p53);
    int e = exp2 - 53;
    int k = 16 - ((exp2 - 1) * 1233 >> 12); /* 1233/4096 is a little less than log10(2) */
    int shift = 2 - e - k;
    must(shift > 0 && shift < 80 && m >> 52 == 1);

    u128 five = pow5(k), centre = 4 * (u128)m * five;
    u128 low = centre - (m == UINT64_C(1) << 52 ? five : 2 * five), high = centre + 2 * five;
    if (m % 2 == 1) { /* a reader that rounds ties to even would not come back from the ends */
        low++;
        high--;
    }
    uint64_t first = (uint64_t)((low + (((u128)1 << shift) - 1)) >> shift);
    uint64_t last = (uint64_t)(high >> shift), ten_p = 1;
    must(first <= last);
    int p = 0;
    for (uint64_t up, down; (up = (first + 9) / 10) <= (down = last / 10); p++) {
        first = up;
        last = down;
        ten_p *= 10;
    }
    uint64_t digits = nearest(centre, shift, ten_p);
    digits = digits < first ? first : digits > last ? last : digits;
    return (struct decimal){digits, p - k};
}

/* As %g writes it: "0.0012", "1.2e-05". */
static void add_decimal(struct buf *b, struct decimal d)
{
    must(d.digits > 0);
    char text[24];
    char *p = text + sizeof(text);
    for (uint64_t v = d.digits; v > 0; v /= 10)
        *--p = (char)('0' + v % 10);
    int n = (int)(text + sizeof(text) - p);
    int point = n + d.exp10; /* digits before the point */
    if (point < -3) {
        buf_putc(b, *p);
        if (n > 1)
            buf_putc(b, '.');
        buf_add(b, p + 1, (size_t)n - 1);
        buf_add(b,
                (char[4]){'e', '-', (char)('0' + (1 - point) / 10), (char)('0' + (1 - point) % 10)},
                4);
    } else if (point <= 0) {
        buf_add(b, "0.000", (size_t)(2 - point));
        buf_add(b, p, (size_t)n);
    } else if (point < n) {
        buf_add(b, p, (size_t)point);
        buf_putc(b, '.');
        buf_add(b, p + point, (size_t)(n - point));
    } else {
        buf_add(b, p, (size_t)n);
        buf_add(b, "00000000000000000000", (size_t)d.exp10);
    }
}

/* Has size at most three decimals? */
static bool few_decimals(double size, struct decimal *out)
{
    double scaled = size * 1000;
    if (scaled >= EXACT_MAX || scaled != (double)(uint64_t)scaled || scaled / 1000 != size)
        return false;
    *out = (struct decimal){(uint64_t)scaled, -3};
    while (out->digits % 10 == 0) {
        out->digits /= 10;
        out->exp10++;
    }
    return true;
}

static void add_by_printf(struct buf *b, double v)
{
    char text[32];
    int digits = fabs(v) < DBL_MIN ? 1 : DBL_DIG; /* subnormals may have fewer than 15 */
    for (; digits <= DBL_DECIMAL_DIG; digits++) {
        snprintf(text, sizeof(text), "%.*g", digits, v);
        if (digits == DBL_DECIMAL_DIG || strtod(text, NULL) == v)
            break;
    }
    buf_puts(b, text);
}

void buf_add_f64(struct buf *b, double v)
{
    double size = fabs(v);
    if (isnan(v)) {
        buf_puts(b, "NaN");
    } else if (isinf(v)) {
        buf_puts(b, v > 0 ? "+Inf" : "-Inf");
    } else if (size < EXACT_MAX && v == (double)(int64_t)v && !(v == 0 && signbit(v))) {
        buf_add_i64(b, (int64_t)v);
    } else if (size >= EXACT_MIN && size < EXACT_MAX) {
        if (!buf_reserve(b, 32)) /* whole or not at all */
            return;
        if (v < 0)
            buf_putc(b, '-');
        struct decimal d;
        if (!few_decimals(size, &d))
            d = shortest(size);
        add_decimal(b, d);
    } else {
        add_by_printf(b, v);
    }
}
