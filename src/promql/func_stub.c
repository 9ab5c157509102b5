/* Functions that are still missing. */
#include "promql/func.h"

#define X(name)                                                                             \
    int func_##name(struct range_call *c, struct err *err)                                  \
    {                                                                                       \
        (void)c;                                                                            \
        return err_set(err, ERR_UNSUPPORTED, "cannot evaluate " #name "(): it is missing"); \
    }
FUNC_RANGES(X)

double quantile_of(double q, double *v, uint32_t n)
{
    (void)q;
    (void)v;
    (void)n;
    return 0;
}
double interpolate_at(int64_t t0, double v0, int64_t t1, double v1, int64_t t, bool counter)
{
    (void)counter;
    return v0 + (v1 - v0) * (double)(t - t0) / (double)(t1 - t0);
}
