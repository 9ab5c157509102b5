/* Powers, logarithms and angles to the bit as Go computes them on amd64, which is where nearly every Prometheus runs: C libraries are
 * as near to the true value, but round some results the other way, and dashboards and tests compare digits.
 *
 * The methods are the published ones that Go's math package names: Cephes (Moshier) for angles, fdlibm (Sun) for logarithms, Hart &
 * Cheney for sinh, Shibata's reduction for exp. What is not here is the same in both. Pure. */
#ifndef PROMQL_FUNC_MATH_H
#define PROMQL_FUNC_MATH_H

#include <stddef.h>

/* Horner's scheme: c[0] is the coefficient of the highest power. */
static inline double math_poly(double x, const double *c, size_t n)
{
    double sum = c[0];
    for (size_t i = 1; i < n; i++)
        sum = sum * x + c[i];
    return sum;
}
#define POLY(x, ...)                              \
    math_poly((x), (const double[]){__VA_ARGS__}, \
              sizeof((const double[]){__VA_ARGS__}) / sizeof(double))

double math_exp(double x);
double math_log(double x);
double math_log2(double x);
double math_log10(double x);
double math_pow(double x, double y);
double math_sin(double x);
double math_cos(double x);
double math_tan(double x);
double math_asin(double x);
double math_acos(double x);
double math_atan(double x);
double math_atan2(double y, double x);
double math_sinh(double x);
double math_cosh(double x);
double math_tanh(double x);
double math_asinh(double x);
double math_acosh(double x);

#endif
