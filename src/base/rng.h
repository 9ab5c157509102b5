/* Random bytes for ids and tokens (getrandom / /dev/urandom), and a small seeded generator for
 * jitter and simulations (xoshiro-class; the caller owns the state). */
#ifndef BASE_RNG_H
#define BASE_RNG_H

#include <stddef.h>
#include <stdint.h>

void rng_secure(void *p, size_t n); /* aborts when the system has no randomness */
uint64_t rng_secure_u64(void);

struct rng {
    uint64_t s[4];
};
void rng_seed(struct rng *r, uint64_t seed);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n); /* 0 … n-1, n > 0 */
double rng_unit(struct rng *r);                /* [0, 1) */

#endif
