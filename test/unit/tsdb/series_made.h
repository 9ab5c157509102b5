/* Samples as programs make them, by seed: for tests and for bench/micro/bench_chunk. */
#ifndef TEST_TSDB_SERIES_MADE_H
#define TEST_TSDB_SERIES_MADE_H

#include <math.h>

#include "base/rng.h"
#include "model/series.h"

enum made_kind {
    MADE_WALK,     /* a gauge that walks at random, 2 decimals */
    MADE_COUNTER,  /* rises at random, 2 decimals */
    MADE_INTEGER,  /* rises by whole numbers */
    MADE_CONSTANT, /* one value */
    MADE_RARE,     /* changes now and then */
    MADE_BYTES,    /* multiples of 4096 */
    MADE_RATIO,    /* all bits of the fraction are in use */
    MADE_NANS,     /* half of them markers, NaN of any payload, infinities, -0 */
    MADE_BITS,     /* any 64 bits */
    MADE_KINDS,
};

static inline double made_gauss(struct rng *r)
{
    double sum = 0;
    for (int i = 0; i < 6; i++)
        sum += rng_unit(r);
    return (sum - 3) * 1.414;
}

static inline double made_odd(struct rng *r)
{
    static const uint64_t bits[] = {STALE_NAN_BITS,
                                    NORMAL_NAN_BITS,
                                    UINT64_C(0x7ff8dead0000beef),
                                    UINT64_C(0xfff0000000000000),
                                    UINT64_C(0x7ff0000000000000),
                                    UINT64_C(0x8000000000000000),
                                    1,
                                    UINT64_C(0x7fefffffffffffff)};
    return f64_from_bits(bits[rng_below(r, array_len(bits))]);
}

static inline void made_values(struct rng *r, enum made_kind kind, double *v, uint32_t n)
{
    double scale = pow(10, (double)rng_below(r, 4)), x = floor(1000 * scale * rng_unit(r));
    double fixed = floor(1000 * rng_unit(r)) / 4;
    for (uint32_t i = 0; i < n; i++) {
        switch (kind) {
        case MADE_WALK:
            x += made_gauss(r) * scale;
            v[i] = round(x * 100) / 100;
            break;
        case MADE_COUNTER:
            x += rng_unit(r) * scale;
            v[i] = round(x * 100) / 100;
            break;
        case MADE_INTEGER:
            v[i] = x += (double)rng_below(r, 1 + (uint64_t)scale);
            break;
        case MADE_RARE:
            x += rng_below(r, 20) == 0 ? 1 : 0;
            v[i] = x;
            break;
        case MADE_BYTES:
            v[i] = 1e9 * 4.096 + 4096 * floor(x += scale * made_gauss(r));
            break;
        case MADE_RATIO:
            v[i] = (0.5 + 0.01 * made_gauss(r)) / 3;
            break;
        case MADE_NANS:
            v[i] = rng_below(r, 2) ? made_odd(r) : fixed;
            break;
        case MADE_BITS:
            v[i] = f64_from_bits(rng_next(r));
            break;
        default:
            v[i] = fixed;
        }
    }
}

/* jitter_ms 0: regular */
static inline void made_times(struct rng *r, int64_t first, int64_t step, int64_t jitter_ms,
                              int64_t *t, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        t[i] = first + i * step + (jitter_ms ? (int64_t)rng_below(r, (uint64_t)jitter_ms) : 0);
}

#endif
