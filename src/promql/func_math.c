/* Powers, logarithms and angles, see func_math.h. Every operation stands in the order that gives Go's bits: do not simplify, and do not
 * let a compiler fuse (meson.build). */
#include "promql/func_math.h"

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/must.h"

#define LN2     0.693147180559945309417232121458176568
#define LOG2_E  1.442695040888963407359924681001892137
#define LOG10_E 0.434294481903251827651128918916605082

/* --- exponentials --- */

/* e^x = 2^k * (e^(r/16))^16, with e^y - 1 squared up as y * (y + 2). */
double math_exp(double x)
{
    static const double taylor[] = {
        2.4801587301587301587e-5,
        1.9841269841269841270e-4,
        1.3888888888888888889e-3,
        8.3333333333333333333e-3,
        4.1666666666666666667e-2,
        1.6666666666666666667e-1,
        0.5,
        1,
    };
    if (isnan(x) || x == INFINITY)
        return x;
    if (x > 7.09782712893384e+02)
        return INFINITY;
    if (x < -1000)
        return 0;
    double k = rint(x * LOG2_E);
    double r = fma(-k, 0.69314718055966295651160180568695068359375, x);
    r = fma(-k, 0.28235290563031577122588448175013436025525412068e-12, r) * 0.0625;
    double sum = taylor[0];
    for (size_t i = 1; i < array_len(taylor); i++)
        sum = fma(sum, r, taylor[i]);
    r *= sum;
    for (int i = 0; i < 3; i++)
        r *= r + 2;
    return ldexp(fma(r + 2, r, 1), (int)k);
}

double math_log(double x)
{
    if (isnan(x) || x == INFINITY)
        return x;
    if (x < 0)
        return NAN;
    if (x == 0)
        return -INFINITY;
    int exponent;
    double fraction = frexp(x, &exponent);
    if (fraction < 0.70710678118654752440) {
        fraction *= 2;
        exponent--;
    }
    double f = fraction - 1, k = exponent, s = f / (2 + f), s2 = s * s, s4 = s2 * s2;
    double odd = s2 * POLY(s4, 1.479819860510658591e-01, 1.818357216161805012e-01,
                           2.857142874366239149e-01, 6.666666666666735130e-01);
    double even =
        s4 * POLY(s4, 1.531383769920937332e-01, 2.222219843214978396e-01, 3.999999999940941908e-01);
    double r = odd + even, half = 0.5 * f * f;
    return k * 6.93147180369123816490e-01 -
           ((half - (s * (half + r) + k * 1.90821492927058770002e-10)) - f);
}

double math_log2(double x)
{
    int exponent;
    double fraction = frexp(x, &exponent);
    if (fraction == 0.5) /* powers of two are exact */
        return exponent - 1;
    if (!isfinite(x) || x == 0)
        exponent = 0;
    return math_log(fraction) * LOG2_E + exponent;
}

double math_log10(double x)
{
    return math_log(x) * LOG10_E;
}

/* x^yi by squaring, the binary exponent kept apart. */
static double power(double x, int64_t yi, double sum, bool inverse)
{
    int step, exponent = 0;
    double factor = frexp(x, &step);
    for (; yi != 0; yi >>= 1) {
        if (step < -4096 || step > 4096) { /* over or under in any case */
            exponent += step;
            break;
        }
        if (yi & 1) {
            sum *= factor;
            exponent += step;
        }
        factor *= factor;
        step *= 2;
        if (factor < 0.5) {
            factor += factor;
            step--;
        }
    }
    return inverse ? ldexp(1 / sum, -exponent) : ldexp(sum, exponent);
}

double math_pow(double x, double y)
{
    if (!isfinite(x) || !isfinite(y) || x == 0 || y == 0 || x == 1)
        return pow(x, y); /* the special cases are everyone's */
    if (y == 1)
        return x;
    if (y == 0.5)
        return sqrt(x);
    if (y == -0.5)
        return 1 / sqrt(x);
    double whole, part = modf(fabs(y), &whole), sum = 1;
    if (part != 0 && x < 0)
        return NAN;
    if (whole >= 0x1p63)
        return pow(x, y);
    if (part != 0) {
        if (part > 0.5) {
            part--;
            whole++;
        }
        sum = math_exp(part * math_log(x));
    }
    return power(x, (int64_t)whole, sum, y < 0);
}

double math_sinh(double x)
{
    double z = fabs(x), sum;
    if (z > 21) {
        sum = math_exp(z) * 0.5;
    } else if (z > 0.5) {
        double e = math_exp(z);
        sum = (e - 1 / e) * 0.5;
    } else {
        double square = z * z;
        sum = POLY(square, -0.2630563213397497062819489e+2, -0.2894211355989563807284660366e+4,
                   -0.8991272022039509355398013511e+5, -0.6307673640497716991184787251e+6) *
              z;
        sum /= POLY(square, 1, -0.173678953558233699533450911e+3, 0.1521517378790019070696485176e+5,
                    -0.6307673640497716991212077277e+6);
    }
    return x < 0 ? -sum : sum;
}

double math_cosh(double x)
{
    double e = math_exp(fabs(x));
    return fabs(x) > 21 ? e * 0.5 : (e + 1 / e) * 0.5;
}

double math_tanh(double x)
{
    double z = fabs(x);
    if (z > 44.014845965556527147994)
        return x < 0 ? -1 : 1;
    if (z >= 0.625) {
        z = 1 - 2 / (math_exp(2 * z) + 1);
        return x < 0 ? -z : z;
    }
    if (x == 0)
        return x;
    double s = x * x;
    return x + x * s *
                   POLY(s, -9.64399179425052238628e-1, -9.92877231001918586564e1,
                        -1.61468768441708447952e3) /
                   POLY(s, 1, 1.12811678491632931402e2, 2.23548839060100448583e3,
                        4.84406305325125486048e3);
}

double math_asinh(double x)
{
    double z = fabs(x), sum;
    if (!isfinite(x) || z < 0x1p-28)
        return x;
    if (z > 0x1p28)
        sum = math_log(z) + LN2;
    else if (z > 2)
        sum = math_log(2 * z + 1 / (sqrt(z * z + 1) + z));
    else
        sum = log1p(z + z * z / (1 + sqrt(1 + z * z)));
    return x < 0 ? -sum : sum;
}

double math_acosh(double x)
{
    if (!(x >= 1))
        return NAN;
    if (x == 1)
        return 0;
    if (x >= 0x1p28)
        return math_log(x) + LN2;
    if (x > 2)
        return math_log(2 * x - 1 / (x + sqrt(x * x - 1)));
    double t = x - 1;
    return log1p(t + sqrt(2 * t + t * t));
}
