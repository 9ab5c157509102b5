/* Hash functions and checksum declared in map.h. No state; results are the same on every machine,
 * since schedules and files depend on them.
 *
 * hash_bytes folds 16 bytes at a time with one 64×64→128 bit multiplication whose two halves are
 * combined by xor. Both factors are mixed with the seed, so that nobody who does not know it can
 * choose bytes that make a factor 0 and thereby forget what came before. */
#include "base/map.h"

#include <string.h>

#include "base/must.h"

/* Fractional digits of the square roots of 2, 3 and 5, made odd. */
#define K0 UINT64_C(0x6a09e667f3bcc909)
#define K1 UINT64_C(0xbb67ae8584caa73b)
#define K2 UINT64_C(0x3c6ef372fe94f82b)

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t load64(const uint8_t *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static uint32_t load32(const uint8_t *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
    const uint8_t *at = p;
    uint64_t key = fold(seed ^ K0, seed ^ K1) ^ K2;
    uint64_t h = key ^ n;
    size_t left = n;
    for (; left > 16; left -= 16, at += 16)
        h = fold(load64(at) ^ key, load64(at + 8) ^ h ^ K1) + K2;
    uint64_t a = 0, b = 0;
    if (left >= 8) { /* the two loads overlap when fewer than 16 bytes are left */
        a = load64(at);
        b = load64(at + left - 8);
    } else if (left >= 4) {
        a = load32(at);
        b = load32(at + left - 4);
    } else if (left > 0) {
        a = (uint64_t)at[0] << 16 | (uint64_t)at[left / 2] << 8 | at[left - 1];
    }
    h = fold(a ^ key, b ^ h ^ K1);
    return fold(h ^ K0, key ^ n ^ K2);
}

uint64_t hash_u64(uint64_t v)
{
    v ^= v >> 32;
    v *= UINT64_C(0xe9846af9b1a615d1);
    v ^= v >> 29;
    v *= UINT64_C(0x9e3779b97f4a7c15);
    return v ^ v >> 32;
}

/* Four bits at a time: for machines without an instruction for it. */
static uint32_t crc32c_portable(uint32_t crc, const uint8_t *p, size_t n)
{
    static const uint32_t nibble[16] = {
        0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
        0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
    };
    for (size_t i = 0; i < n; i++) {
        crc ^= p[i];
        crc = crc >> 4 ^ nibble[crc & 15];
        crc = crc >> 4 ^ nibble[crc & 15];
    }
    return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t crc32c_sse42(uint32_t crc, const uint8_t *p,
                                                               size_t n)
{
    uint64_t wide = crc;
    for (; n >= 8; n -= 8, p += 8)
        wide = __builtin_ia32_crc32di(wide, load64(p));
    crc = (uint32_t)wide;
    for (; n > 0; n--, p++)
        crc = __builtin_ia32_crc32qi(crc, *p);
    return crc;
}
#endif

uint32_t crc32c(uint32_t crc, const void *p, size_t n)
{
    must(p != NULL || n == 0);
#if defined(__x86_64__)
    if (__builtin_cpu_supports("sse4.2"))
        return ~crc32c_sse42(~crc, p, n);
#endif
    return ~crc32c_portable(~crc, p, n);
}
