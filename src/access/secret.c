/* See secret.h. */
#include "access/secret.h"

#include <sodium.h>

#include "base/map.h"
#include "base/rng.h"

#define TOKEN_PREFIX "blf_"
#define TOKEN_RANDOM 34
#define TOKEN_CHECK  6

static const char base62[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
static const char base64url[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static const char letters[] = "23456789abcdefghijkmnpqrstuvwxyz";

char *secret_hash(struct str secret, char out[SECRET_HASH])
{
    unsigned char hash[32];
    must(secret.n > 0);
    crypto_generichash(hash, sizeof(hash), (const unsigned char *)secret.p, secret.n, NULL, 0);
    return sodium_bin2hex(out, SECRET_HASH, hash, sizeof(hash));
}

bool secret_same(struct str a, struct str b)
{
    return a.n == b.n && sodium_memcmp(a.p, b.p, a.n) == 0;
}

void secret_wipe(void *p, size_t n)
{
    sodium_memzero(p, n);
}

/* n characters of an alphabet, each as likely as the others. */
static void draw(char *out, size_t n, const char *alphabet, size_t size)
{
    must(size > 1 && size <= 64);
    for (size_t i = 0; i < n;) {
        unsigned char block[64];
        rng_secure(block, sizeof(block));
        for (size_t k = 0; k < sizeof(block) && i < n; k++)
            if (block[k] < 256 / size * size)
                out[i++] = alphabet[block[k] % size];
    }
}

static bool made_of(struct str s, const char *alphabet)
{
    for (size_t i = 0; i < s.n; i++)
        if (!char_in(s.p[i], alphabet))
            return false;
    return true;
}

char *session_secret(char out[SESSION_TEXT])
{
    draw(out, SESSION_TEXT - 1, base64url, 64);
    out[SESSION_TEXT - 1] = '\0';
    return out;
}

bool session_is_secret(struct str s)
{
    return s.n == SESSION_TEXT - 1 && made_of(s, base64url);
}

static void token_check(const char *random, char out[TOKEN_CHECK])
{
    uint32_t crc = crc32c(0, random, TOKEN_RANDOM);
    for (int i = TOKEN_CHECK; i-- > 0; crc /= 62)
        out[i] = base62[crc % 62];
    must(crc == 0);
}

char *token_secret(char out[TOKEN_TEXT])
{
    const size_t prefix = sizeof(TOKEN_PREFIX) - 1;
    memcpy(out, TOKEN_PREFIX, prefix);
    draw(out + prefix, TOKEN_RANDOM, base62, 62);
    token_check(out + prefix, out + prefix + TOKEN_RANDOM);
    out[TOKEN_TEXT - 1] = '\0';
    must(token_is_secret(str_of(out)));
    return out;
}

bool token_is_secret(struct str s)
{
    const size_t prefix = sizeof(TOKEN_PREFIX) - 1;
    char check[TOKEN_CHECK];
    if (s.n != TOKEN_TEXT - 1 || !str_starts(s, STR(TOKEN_PREFIX)))
        return false;
    if (!made_of((struct str){s.p + prefix, s.n - prefix}, base62))
        return false;
    token_check(s.p + prefix, check);
    return memcmp(check, s.p + prefix + TOKEN_RANDOM, TOKEN_CHECK) == 0;
}

static char *with_hyphens(const char *raw, char out[CODE_TEXT])
{
    size_t n = 0;
    for (size_t i = 0; i < 12; i++) {
        if (i == 4 || i == 8)
            out[n++] = '-';
        out[n++] = raw[i];
    }
    must(n == CODE_TEXT - 1);
    out[n] = '\0';
    return out;
}

char *code_secret(char out[CODE_TEXT])
{
    char raw[12];
    draw(raw, sizeof(raw), letters, sizeof(letters) - 1);
    return with_hyphens(raw, out);
}

bool code_clean(struct str typed, char out[CODE_TEXT])
{
    char raw[12];
    size_t n = 0;
    for (size_t i = 0; i < typed.n; i++) {
        char c = typed.p[i];
        if (c == '-' || c == ' ')
            continue;
        if (c >= 'A' && c <= 'Z')
            c = (char)(c - 'A' + 'a');
        if (n == sizeof(raw) || !char_in(c, letters))
            return false;
        raw[n++] = c;
    }
    if (n != sizeof(raw))
        return false;
    with_hyphens(raw, out);
    return true;
}

bool cookie_get(const char *header, const char *name, struct str *out)
{
    struct str rest = str_of(header), part, key, value;
    while (str_next(&rest, ';', &part)) {
        if (!str_cut(str_trim(part), '=', &key, &value) || !str_eqz(key, name))
            continue;
        *out = value;
        return true;
    }
    return false;
}
