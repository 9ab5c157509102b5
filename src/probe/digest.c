/* See digest.h. A library that lacks an algorithm at run time is a broken invariant: these are in every OpenSSL. */
#include "probe/digest.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <string.h>

#include "base/must.h"

#define PASSWORD_BYTES (1024 * 1024)

static const EVP_MD *md_of(enum digest_kind kind)
{
    return kind == DIGEST_MD5 ? EVP_md5() : kind == DIGEST_SHA1 ? EVP_sha1() : EVP_sha256();
}

size_t digest_size(enum digest_kind kind)
{
    return kind == DIGEST_MD5 ? 16 : kind == DIGEST_SHA1 ? 20 : 32;
}

void digest_of(enum digest_kind kind, const void *p, size_t n, uint8_t out[DIGEST_MAX])
{
    unsigned size = 0;
    must(EVP_Digest(p, n, out, &size, md_of(kind), NULL) == 1 && size == digest_size(kind));
}

void digest_hmac(enum digest_kind kind, const void *key, size_t key_n, const void *p, size_t n,
                 uint8_t out[DIGEST_MAX])
{
    unsigned size = 0;
    must(HMAC(md_of(kind), key, (int)key_n, p, n, out, &size) && size == digest_size(kind));
}

void digest_password(enum digest_kind kind, const char *password, uint8_t out[DIGEST_MAX])
{
    size_t n = strlen(password), at = 0;
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();
    must(n > 0 && ctx && EVP_DigestInit_ex(ctx, md_of(kind), NULL) == 1);
    for (size_t done = 0; done < PASSWORD_BYTES; done += 64) {
        char block[64];
        for (int i = 0; i < 64; i++)
            block[i] = password[at++ % n];
        must(EVP_DigestUpdate(ctx, block, sizeof(block)) == 1);
    }
    must(EVP_DigestFinal_ex(ctx, out, NULL) == 1);
    EVP_MD_CTX_free(ctx);
}

void aes128_cfb(bool encrypt, const uint8_t key[AES_BLOCK], const uint8_t iv[AES_BLOCK],
                const void *p, size_t n, void *out)
{
    int done = 0;
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    must(n <= INT32_MAX && ctx &&
         EVP_CipherInit_ex(ctx, EVP_aes_128_cfb128(), NULL, key, iv, encrypt) == 1);
    must(EVP_CipherUpdate(ctx, out, &done, p, (int)n) == 1 && (size_t)done == n);
    EVP_CIPHER_CTX_free(ctx);
}
