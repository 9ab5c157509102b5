/* See totp.h. SHA-1 stands here because nothing else of Belfry wants it. */
#include "access/totp.h"

#include <sodium.h>
#include <string.h>

#include "base/must.h"
#include "base/rng.h"

static const char base32[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

struct sha1 {
    uint32_t h[5];
    uint64_t n;
    uint8_t block[64];
};

static uint32_t rotate(uint32_t v, int by)
{
    return v << by | v >> (32 - by);
}

static void sha1_block(struct sha1 *s)
{
    uint32_t w[80], a = s->h[0], b = s->h[1], c = s->h[2], d = s->h[3], e = s->h[4];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)s->block[4 * i] << 24 | (uint32_t)s->block[4 * i + 1] << 16 |
               (uint32_t)s->block[4 * i + 2] << 8 | s->block[4 * i + 3];
    for (int i = 16; i < 80; i++)
        w[i] = rotate(w[i - 3] ^ w[i - 8] ^ w[i - 14] ^ w[i - 16], 1);
    for (int i = 0; i < 80; i++) {
        uint32_t f = i < 20   ? ((b & c) | (~b & d)) + 0x5a827999
                     : i < 40 ? (b ^ c ^ d) + 0x6ed9eba1
                     : i < 60 ? ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdc
                              : (b ^ c ^ d) + 0xca62c1d6;
        uint32_t t = rotate(a, 5) + f + e + w[i];
        e = d, d = c, c = rotate(b, 30), b = a, a = t;
    }
    s->h[0] += a, s->h[1] += b, s->h[2] += c, s->h[3] += d, s->h[4] += e;
}

static void sha1_add(struct sha1 *s, const void *p, size_t n)
{
    const uint8_t *byte = p;
    for (size_t i = 0; i < n; i++) {
        s->block[s->n++ % 64] = byte[i];
        if (s->n % 64 == 0)
            sha1_block(s);
    }
}

static void sha1_end(struct sha1 *s, uint8_t out[20])
{
    uint64_t bits = s->n * 8;
    uint8_t length[8];
    for (int i = 0; i < 8; i++)
        length[i] = (uint8_t)(bits >> (56 - 8 * i));
    sha1_add(s, "\x80", 1);
    while (s->n % 64 != 56)
        sha1_add(s, "", 1);
    sha1_add(s, length, 8);
    for (int i = 0; i < 20; i++)
        out[i] = (uint8_t)(s->h[i / 4] >> (24 - 8 * (i % 4)));
}

static struct sha1 sha1_start(void)
{
    return (struct sha1){.h = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476, 0xc3d2e1f0}};
}

static void hmac(const uint8_t *key, size_t n, const void *text, size_t size, uint8_t out[20])
{
    uint8_t inner[64], outer[64];
    must(n <= sizeof(inner));
    memset(inner, 0x36, sizeof(inner));
    memset(outer, 0x5c, sizeof(outer));
    for (size_t i = 0; i < n; i++) {
        inner[i] ^= key[i];
        outer[i] ^= key[i];
    }
    struct sha1 s = sha1_start();
    sha1_add(&s, inner, sizeof(inner));
    sha1_add(&s, text, size);
    sha1_end(&s, out);
    s = sha1_start();
    sha1_add(&s, outer, sizeof(outer));
    sha1_add(&s, out, 20);
    sha1_end(&s, out);
}

uint32_t hotp(const void *key, size_t n, uint64_t counter, int digits)
{
    uint8_t text[8], mac[20];
    uint32_t of = 1;
    must(digits >= 6 && digits <= 8);
    for (int i = 0; i < 8; i++)
        text[i] = (uint8_t)(counter >> (56 - 8 * i));
    hmac(key, n, text, sizeof(text), mac);
    const uint8_t *at = mac + (mac[19] & 15);
    uint32_t bits =
        (uint32_t)(at[0] & 0x7f) << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
    for (int i = 0; i < digits; i++)
        of *= 10;
    return bits % of;
}

char *totp_secret(char out[TOTP_SECRET])
{
    uint8_t random[TOTP_SECRET - 1];
    rng_secure(random, sizeof(random));
    for (size_t i = 0; i < sizeof(random); i++)
        out[i] = base32[random[i] % 32];
    out[TOTP_SECRET - 1] = '\0';
    return out;
}

static bool decode(const char *secret, uint8_t key[TOTP_KEY])
{
    uint64_t bits = 0;
    if (strlen(secret) != TOTP_SECRET - 1)
        return false;
    for (size_t i = 0; i < TOTP_SECRET - 1; i++) {
        const char *at = strchr(base32, secret[i]);
        if (!at)
            return false;
        bits = bits << 5 | (uint64_t)(at - base32);
        for (size_t k = 0; i % 8 == 7 && k < 5; k++)
            key[i / 8 * 5 + k] = (uint8_t)(bits >> (32 - 8 * k));
    }
    return true;
}

bool totp_check(const char *secret, const char *code, int64_t wall_ms, int64_t *used)
{
    uint8_t key[TOTP_KEY];
    uint32_t got = 0;
    if (!decode(secret, key) || strlen(code) != 6 || code[strspn(code, "0123456789")])
        return false;
    for (int i = 0; i < 6; i++)
        got = got * 10 + (uint32_t)(code[i] - '0');
    int64_t now = wall_ms / 1000 / TOTP_STEP_S, found = -1;
    for (int64_t step = now - 1; step <= now + 1; step++)
        if (step > *used && hotp(key, sizeof(key), (uint64_t)step, 6) == got)
            found = step;
    sodium_memzero(key, sizeof(key));
    if (found < 0)
        return false;
    *used = found;
    return true;
}
