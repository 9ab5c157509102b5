/* Functions of single values: arithmetic, rounding, trigonometry. Each fills a column of one value a step.
 *
 * The rules for NaN, infinities and zeros are those of Go's math package, which differ from C's fmax and fmin. */
#include <math.h>

#include "promql/func.h"
#include "promql/func_math.h"

#define PI 3.14159265358979323846

/* func_NAME(c): out = expr of the value x, where there is one */
#define EACH(name, expr)                               \
    void func_##name(struct value_call *c)             \
    {                                                  \
        for (uint32_t i = 0; i < c->n; i++) {          \
            double x = c->arg[0][i];                   \
            c->out[i] = is_stale(x) ? ABSENT : (expr); \
        }                                              \
    }

static double sign(double x)
{
    if (x < 0)
        return -1;
    return x > 0 ? 1 : x;
}

double func__max(double a, double b)
{
    if (isinf(a) && a > 0)
        return a;
    if (isinf(b) && b > 0)
        return b;
    if (isnan(a) || isnan(b))
        return NAN;
    if (a == 0 && b == 0)
        return signbit(a) ? b : a;
    return a > b ? a : b;
}

double func__min(double a, double b)
{
    if (isinf(a) && a < 0)
        return a;
    if (isinf(b) && b < 0)
        return b;
    if (isnan(a) || isnan(b))
        return NAN;
    if (a == 0 && b == 0)
        return signbit(a) ? a : b;
    return a < b ? a : b;
}

EACH(abs, fabs(x))
EACH(ceil, ceil(x))
EACH(floor, floor(x))
EACH(exp, math_exp(x))
EACH(ln, math_log(x))
EACH(log2, math_log2(x))
EACH(log10, math_log10(x))
EACH(sqrt, sqrt(x))
EACH(sgn, sign(x))
EACH(sin, math_sin(x))
EACH(cos, math_cos(x))
EACH(tan, math_tan(x))
EACH(asin, math_asin(x))
EACH(acos, math_acos(x))
EACH(atan, math_atan(x))
EACH(sinh, math_sinh(x))
EACH(cosh, math_cosh(x))
EACH(tanh, math_tanh(x))
EACH(asinh, math_asinh(x))
EACH(acosh, math_acosh(x))
EACH(atanh, atanh(x))
EACH(rad, x *PI / 180)
EACH(deg, x * 180 / PI)
EACH(max_of, func__max(x, c->arg[1][i]))
EACH(min_of, func__min(x, c->arg[1][i]))

/* Ties go up. Times the inverse, not divided: fewer decimal fractions come out crooked. */
void func_round(struct value_call *c)
{
    for (uint32_t i = 0; i < c->n; i++) {
        double x = c->arg[0][i];
        double inverse = c->arg[1] != NULL ? 1 / c->arg[1][i] : 1;
        c->out[i] = is_stale(x) ? ABSENT : floor(x * inverse + 0.5) / inverse;
    }
}

static double clamp(double x, double low, double high)
{
    if (is_stale(x) || high < low) /* between contradicting bounds there is no value */
        return ABSENT;
    return func__max(low, func__min(high, x));
}

void func_clamp(struct value_call *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        c->out[i] = clamp(c->arg[0][i], c->arg[1][i], c->arg[2][i]);
}

void func_clamp_max(struct value_call *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        c->out[i] = clamp(c->arg[0][i], -INFINITY, c->arg[1][i]);
}

void func_clamp_min(struct value_call *c)
{
    for (uint32_t i = 0; i < c->n; i++)
        c->out[i] = clamp(c->arg[0][i], c->arg[1][i], INFINITY);
}
