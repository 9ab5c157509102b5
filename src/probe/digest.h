/* Digests and the one cipher that old protocols want (SNMP's USM, RADIUS), from the library that TLS comes from. Pure. */
#ifndef PROBE_DIGEST_H
#define PROBE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256 };
#define DIGEST_MAX 32
#define AES_BLOCK  16

size_t digest_size(enum digest_kind kind);
void digest_of(enum digest_kind kind, const void *p, size_t n, uint8_t out[DIGEST_MAX]);
/* RFC 2104. */
void digest_hmac(enum digest_kind kind, const void *key, size_t key_n, const void *p, size_t n,
                 uint8_t out[DIGEST_MAX]);
/* A password as a key: the digest of 1 MiB of its repetition. RFC 3414, A.2. n > 0. */
void digest_password(enum digest_kind kind, const char *password, uint8_t out[DIGEST_MAX]);
/* AES-128 in CFB mode with segments of 128 bits; n bytes in, n out. */
void aes128_cfb(bool encrypt, const uint8_t key[AES_BLOCK], const uint8_t iv[AES_BLOCK],
                const void *p, size_t n, void *out);

#endif
