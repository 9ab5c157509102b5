/* XXH64 with seed 0 (Yann Collet's public specification, xxhash_spec.md): which series limit_ratio picks follows from it, so that
 * it picks those that Prometheus does. Not for anything else: the rest of Belfry hashes with hash_bytes. */
#include "promql/eval_priv.h"

#define P1 UINT64_C(0x9e3779b185ebca87)
#define P2 UINT64_C(0xc2b2ae3d27d4eb4f)
#define P3 UINT64_C(0x165667b19e3779f9)
#define P4 UINT64_C(0x85ebca77c2b2ae63)
#define P5 UINT64_C(0x27d4eb2f165667c5)

static uint64_t rotate(uint64_t x, int bits)
{
    return x << bits | x >> (64 - bits);
}

static uint64_t little(const uint8_t *p, int bytes)
{
    uint64_t v = 0;
    for (int i = bytes - 1; i >= 0; i--)
        v = v << 8 | p[i];
    return v;
}

static uint64_t lane(uint64_t acc, uint64_t input)
{
    return rotate(acc + input * P2, 31) * P1;
}

static uint64_t stripes(const uint8_t **at, const uint8_t *end)
{
    uint64_t acc[4] = {P1 + P2, P2, 0, -P1}, h = 0;
    static const int bits[4] = {1, 7, 12, 18};
    for (; end - *at >= 32; *at += 32) {
        for (int i = 0; i < 4; i++)
            acc[i] = lane(acc[i], little(*at + 8 * i, 8));
    }
    for (int i = 0; i < 4; i++)
        h += rotate(acc[i], bits[i]);
    for (int i = 0; i < 4; i++)
        h = (h ^ lane(0, acc[i])) * P1 + P4;
    return h;
}

uint64_t promql_xxh64(const void *p, size_t n)
{
    const uint8_t *at = p, *end = at + n;
    uint64_t h = (n >= 32 ? stripes(&at, end) : P5) + n;
    for (; end - at >= 8; at += 8)
        h = rotate(h ^ lane(0, little(at, 8)), 27) * P1 + P4;
    for (; end - at >= 4; at += 4)
        h = rotate(h ^ little(at, 4) * P1, 23) * P2 + P3;
    for (; at < end; at++)
        h = rotate(h ^ *at * P5, 11) * P1;
    h = (h ^ h >> 33) * P2;
    h = (h ^ h >> 29) * P3;
    return h ^ h >> 32;
}
