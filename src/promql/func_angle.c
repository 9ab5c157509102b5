/* Sines, tangents and their inverses, see func_math.h. The argument is taken to within an eighth of a turn, exactly, and a polynomial
 * or a quotient of two gives the rest. */
#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"
#include "model/series.h"
#include "promql/func_math.h"

#define PI 3.14159265358979323846264338327950288

/* --- reduction --- */

/* Of 4/pi: 1, and the bits behind the point. Enough for any double's exponent. */
static const uint64_t four_over_pi[] = {
    0x0000000000000001, 0x45f306dc9c882a53, 0xf84eafa3ea69bb81, 0xb6c52b3278872083,
    0xfca2c757bd778ac3, 0x6e48dc74849ba5c0, 0x0c925dd413a32439, 0xfc3bd63962534e7d,
    0xd1046bea5d768909, 0xd338e04d68befc82, 0x7323ac7306a673e9, 0x3908bf177bf25076,
    0x3ff12fffbc0b301f, 0xde5e2316b414da3e, 0xda6cfd9e4f96136e, 0x9e8c7ecd3cbfd45a,
    0xea4f758fd7cbe2f6, 0x7a0e73ef14a525d4, 0xd7f6bf623f1aba10, 0xac06608df8f6d757,
};

/* 64 bits of 4/pi from a bit on. */
static uint64_t bits_at(unsigned digit, unsigned shift)
{
    must(digit + 1 < array_len(four_over_pi));
    uint64_t high = four_over_pi[digit] << shift;
    return shift == 0 ? high : high | four_over_pi[digit + 1] >> (64 - shift);
}

/* Payne and Hanek: x * 4/pi modulo 8 in whole numbers, so that the largest x loses nothing. The octant, made even, and how far x is
 * past it, in radians. */
static unsigned reduce_large(double x, double *z)
{
    uint64_t bits = f64_bits(x);
    int exponent = (int)(bits >> 52 & 0x7ff) - 1023 - 52;
    uint64_t mantissa = (bits & ((UINT64_C(1) << 52) - 1)) | UINT64_C(1) << 52;
    unsigned digit = (unsigned)(exponent + 61) / 64, shift = (unsigned)(exponent + 61) % 64;
    unsigned __int128 product =
        (unsigned __int128)bits_at(digit + 1, shift) * mantissa +
        ((unsigned __int128)(bits_at(digit, shift) * mantissa) << 64) +
        (uint64_t)((unsigned __int128)bits_at(digit + 2, shift) * mantissa >> 64);
    uint64_t high = (uint64_t)(product >> 64), low = (uint64_t)product;
    unsigned octant = (unsigned)(high >> 61);
    high = high << 3 | low >> 61;
    unsigned zeros = high != 0 ? (unsigned)__builtin_clzll(high) : 64;
    must(zeros < 63); /* no double is that near to a multiple of pi/4 */
    high = (high << (zeros + 1)) | (low >> (64 - (zeros + 1)));
    *z = f64_from_bits(high >> 12 | (uint64_t)(1023 - (zeros + 1)) << 52);
    if (octant & 1) {
        octant = (octant + 1) & 7;
        *z -= 1;
    }
    *z *= PI / 4;
    return octant;
}

static unsigned reduce(double x, double *z)
{
    if (x >= 0x1p29)
        return reduce_large(x, z);
    uint64_t octant = (uint64_t)(x * (4 / PI));
    octant += octant & 1;
    double y = (double)octant; /* pi/4 in three parts */
    *z = ((x - y * 7.85398125648498535156e-1) - y * 3.77489470793079817668e-8) -
         y * 2.69515142907905952645e-15;
    return (unsigned)(octant & 7);
}

/* --- sine, cosine, tangent --- */

static double sine_near(double z)
{
    double s = z * z;
    return z + z * s *
                   POLY(s, 1.58962301576546568060e-10, -2.50507477628578072866e-8,
                        2.75573136213857245213e-6, -1.98412698295895385996e-4,
                        8.33333333332211858878e-3, -1.66666666666666307295e-1);
}

static double cosine_near(double z)
{
    double s = z * z;
    return 1.0 - 0.5 * s +
           s * s *
               POLY(s, -1.13585365213876817300e-11, 2.08757008419747316778e-9,
                    -2.75573141792967388112e-7, 2.48015872888517045348e-5,
                    -1.38888888888730564116e-3, 4.16666666666665929218e-2);
}

double math_sin(double x)
{
    if (x == 0 || isnan(x))
        return x;
    if (isinf(x))
        return NAN;
    double z;
    unsigned octant = reduce(fabs(x), &z);
    bool negative = (x < 0) != (octant > 3);
    octant &= 3;
    double y = octant == 2 ? cosine_near(z) : sine_near(z);
    return negative ? -y : y;
}

double math_cos(double x)
{
    if (!isfinite(x))
        return NAN;
    double z;
    unsigned octant = reduce(fabs(x), &z);
    bool negative = octant > 3;
    octant &= 3;
    double y = octant == 2 ? sine_near(z) : cosine_near(z);
    return negative != (octant > 1) ? -y : y;
}

double math_tan(double x)
{
    if (x == 0 || isnan(x))
        return x;
    if (isinf(x))
        return NAN;
    double z;
    unsigned octant = reduce(fabs(x), &z);
    double s = z * z, y = z;
    if (s > 1e-14)
        y = z + z * (s *
                     POLY(s, -1.30936939181383777646e4, 1.15351664838587416140e6,
                          -1.79565251976484877988e7) /
                     POLY(s, 1, 1.36812963470692954678e4, -1.32089234440210967447e6,
                          2.50083801823357915839e7, -5.38695755929454629881e7));
    if (octant & 2)
        y = -1 / y;
    return x < 0 ? -y : y;
}

/* --- inverses --- */

#define MORE_BITS 6.123233995736765886130e-17 /* what pi/2 has beyond a double */

static double arc_near(double x)
{
    double z = x * x;
    z = z *
        POLY(z, -8.750608600031904122785e-01, -1.615753718733365076637e+01,
             -7.500855792314704667340e+01, -1.228866684490136173410e+02,
             -6.485021904942025371773e+01) /
        POLY(z, 1, 2.485846490142306297962e+01, 1.650270098316988542046e+02,
             4.328810604912902668951e+02, 4.853903996359136964868e+02, 1.945506571482613964425e+02);
    return x * z + x;
}

/* x ≥ 0 */
static double arc(double x)
{
    if (x <= 0.66)
        return arc_near(x);
    if (x > 2.41421356237309504880)
        return PI / 2 - arc_near(1 / x) + MORE_BITS;
    return PI / 4 + arc_near((x - 1) / (x + 1)) + 0.5 * MORE_BITS;
}

double math_atan(double x)
{
    if (x == 0 || isnan(x))
        return x;
    return x > 0 ? arc(x) : -arc(-x);
}

double math_asin(double x)
{
    if (x == 0 || isnan(x))
        return x;
    double z = fabs(x);
    if (z > 1)
        return NAN;
    double other = sqrt(1 - z * z);
    double y = z > 0.7 ? PI / 2 - arc(other / z) : arc(z / other);
    return x < 0 ? -y : y;
}

double math_acos(double x)
{
    return PI / 2 - math_asin(x);
}

double math_atan2(double y, double x)
{
    if (!isfinite(x) || !isfinite(y) || x == 0 || y == 0)
        return atan2(y, x); /* the special cases are everyone's */
    double q = math_atan(y / x);
    if (x < 0)
        return q <= 0 ? q + PI : q - PI;
    return q;
}
