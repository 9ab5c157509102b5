/* See seal.h. The core's loop; parses a file of our own and texts of our own database, both of which others may have written. */
#include "base/seal.h"

#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/must.h"

#define KEY_BYTES   crypto_aead_xchacha20poly1305_ietf_KEYBYTES
#define NONCE_BYTES crypto_aead_xchacha20poly1305_ietf_NPUBBYTES
#define TAG_BYTES   crypto_aead_xchacha20poly1305_ietf_ABYTES
#define KEYS_MAX    8
#define FILE_MAX    4096
#define TEXT_MAX    (4u << 20)
#define MAGIC       0xbe1f5ea1u

struct key {
    char id[SEAL_KEY_ID_SIZE];
    unsigned char bytes[KEY_BYTES];
};

struct seal {
    uint32_t magic;
    char *path;
    size_t n;
    struct key keys[KEYS_MAX]; /* the one in force first */
};

static void key_name(struct key *k)
{
    unsigned char hash[crypto_generichash_BYTES];
    crypto_generichash(hash, sizeof(hash), k->bytes, sizeof(k->bytes), NULL, 0);
    snprintf(k->id, sizeof(k->id), "%02x%02x%02x%02x", hash[0], hash[1], hash[2], hash[3]);
}

static void key_make(struct key *k)
{
    randombytes_buf(k->bytes, sizeof(k->bytes));
    key_name(k);
}

/* --- the file --- */

static int write_file(const struct seal *s, struct err *err)
{
    struct buf text = BUF_INIT(FILE_MAX);
    must(s->n > 0 && s->n <= KEYS_MAX);
    for (size_t i = 0; i < s->n; i++) {
        buf_printf(&text, "%s ", s->keys[i].id);
        base64_encode(&text, s->keys[i].bytes, KEY_BYTES);
        buf_putc(&text, '\n');
    }
    must(!text.failed);
    int rc = fs_write_atomic(s->path, text.data, text.len, 0600, true, err);
    sodium_memzero(text.data, text.len);
    buf_done(&text);
    return rc;
}

static bool read_line(struct str line, struct key *k)
{
    struct str id, rest;
    struct buf bytes = BUF_INIT(FILE_MAX);
    bool good = str_cut(line, ' ', &id, &rest) &&
                base64_decode(&bytes, str_trim(rest), NULL) == 0 && bytes.len == KEY_BYTES;
    if (good) {
        memcpy(k->bytes, bytes.data, KEY_BYTES);
        key_name(k);
        good = str_eqz(id, k->id);
    }
    if (bytes.len > 0)
        sodium_memzero(bytes.data, bytes.len);
    buf_done(&bytes);
    return good;
}

/* False: it makes no sense. */
static bool read_keys(struct seal *s, struct str text)
{
    struct str line;
    while (str_next(&text, '\n', &line)) {
        if (str_trim(line).n == 0)
            continue;
        if (s->n == KEYS_MAX || !read_line(line, &s->keys[s->n]))
            return false;
        s->n++;
    }
    return s->n > 0;
}

static int set_aside(const char *path, struct err *err)
{
    char *aside;
    must(asprintf(&aside, "%s.damaged-%lld", path, (long long)(clock_wall_ms() / 1000)) > 0);
    int rc = rename(path, aside);
    if (rc != 0)
        err_sys(err, ERR_IO, "cannot set the damaged key file %s aside", path);
    free(aside);
    return rc;
}

static int load(struct seal *s, bool *made, struct err *err)
{
    struct buf text = BUF_INIT(FILE_MAX);
    bool there = fs_exists(s->path), good = false;
    int rc = there ? fs_read_regular(s->path, &text, err) : 0;
    if (there && rc != 0 && err->code == ERR_TOO_LARGE)
        rc = 0; /* no key file of ours */
    else if (there && rc == 0)
        good = read_keys(s, (struct str){text.data ? text.data : "", text.len});
    if (text.len > 0)
        sodium_memzero(text.data, text.len);
    buf_done(&text);
    if (rc != 0 || good)
        return rc;
    if (there && set_aside(s->path, err) != 0)
        return -1;
    s->n = 1;
    key_make(&s->keys[0]);
    *made = true;
    return write_file(s, err);
}

struct seal *seal_open(const char *path, bool *made, struct err *err)
{
    struct err fault = {0};
    bool fresh = false;
    must(path && sodium_init() >= 0);
    struct seal *s = calloc(1, sizeof(*s));
    must(s && (s->path = strdup(path)));
    s->magic = MAGIC;
    if (load(s, &fresh, &fault) != 0) {
        if (err)
            *err = fault;
        seal_close(&s);
        return NULL;
    }
    if (made)
        *made = fresh;
    return s;
}

void seal_close(struct seal **sp)
{
    struct seal *s = *sp;
    if (!s)
        return;
    check_magic(s, MAGIC);
    free(s->path);
    sodium_memzero(s, sizeof(*s));
    free(s);
    *sp = NULL;
}

const char *seal_key_id(const struct seal *s)
{
    check_magic(s, MAGIC);
    return s->keys[0].id;
}

bool seal_has_old_keys(const struct seal *s)
{
    check_magic(s, MAGIC);
    return s->n > 1;
}

/* --- texts --- */

bool seal_is_sealed(struct str text)
{
    return str_starts(text, STR(SEAL_PREFIX));
}

void seal_put(const struct seal *s, const char *context, struct str plain, struct buf *out)
{
    check_magic(s, MAGIC);
    must(s->n > 0 && *context);
    size_t n = NONCE_BYTES + plain.n + TAG_BYTES;
    unsigned char *bytes = malloc(n);
    must(bytes);
    randombytes_buf(bytes, NONCE_BYTES);
    crypto_aead_xchacha20poly1305_ietf_encrypt(
        bytes + NONCE_BYTES, NULL, (const unsigned char *)plain.p, plain.n,
        (const unsigned char *)context, strlen(context), NULL, bytes, s->keys[0].bytes);
    buf_printf(out, SEAL_PREFIX "%s:", s->keys[0].id);
    base64_encode(out, bytes, n);
    free(bytes);
}

static const struct key *key_of(const struct seal *s, struct str id)
{
    for (size_t i = 0; i < s->n; i++)
        if (str_eqz(id, s->keys[i].id))
            return &s->keys[i];
    return NULL;
}

static int open_bytes(const struct key *k, const char *context, const struct buf *bytes,
                      struct buf *out)
{
    if (bytes->len < NONCE_BYTES + TAG_BYTES)
        return -1;
    size_t n = bytes->len - NONCE_BYTES - TAG_BYTES;
    unsigned char *plain = malloc(n + 1);
    must(plain);
    const unsigned char *at = (const unsigned char *)bytes->data;
    int rc = crypto_aead_xchacha20poly1305_ietf_decrypt(
        plain, NULL, NULL, at + NONCE_BYTES, bytes->len - NONCE_BYTES,
        (const unsigned char *)context, strlen(context), at, k->bytes);
    if (rc == 0)
        buf_add(out, plain, n);
    sodium_memzero(plain, n);
    free(plain);
    return rc;
}

int seal_take(const struct seal *s, const char *context, struct str sealed, struct buf *out,
              bool *old, struct err *err)
{
    struct str id, rest;
    check_magic(s, MAGIC);
    if (!seal_is_sealed(sealed))
        return err_set(err, ERR_DAMAGED, "this is no sealed text");
    struct str body = {sealed.p + strlen(SEAL_PREFIX), sealed.n - strlen(SEAL_PREFIX)};
    if (!str_cut(body, ':', &id, &rest) || id.n != SEAL_KEY_ID_SIZE - 1)
        return err_set(err, ERR_DAMAGED, "a sealed text names no key");
    const struct key *k = key_of(s, id);
    if (!k)
        return err_set(err, ERR_NOT_FOUND, "sealed with another key (%.*s); this one is %s",
                       (int)id.n, id.p, s->keys[0].id);
    struct buf bytes = BUF_INIT(TEXT_MAX);
    int rc = base64_decode(&bytes, rest, NULL) == 0 ? open_bytes(k, context, &bytes, out) : -1;
    buf_done(&bytes);
    if (rc != 0)
        return err_set(err, ERR_DAMAGED, "a sealed text was damaged");
    *old = k != &s->keys[0];
    return 0;
}

/* --- a change of keys --- */

int seal_renew(struct seal *s, struct err *err)
{
    check_magic(s, MAGIC);
    struct seal next = *s;
    if (s->n == KEYS_MAX)
        return err_set(err, ERR_CONFLICT,
                       "%d keys are in use already; want earlier changes of keys to end first",
                       KEYS_MAX);
    memmove(&next.keys[1], &next.keys[0], next.n * sizeof(next.keys[0]));
    next.n++;
    key_make(&next.keys[0]);
    int rc = write_file(&next, err);
    if (rc == 0)
        *s = next;
    sodium_memzero(&next, sizeof(next));
    return rc;
}

int seal_forget_old(struct seal *s, struct err *err)
{
    check_magic(s, MAGIC);
    size_t had = s->n;
    if (had <= 1)
        return 0;
    s->n = 1;
    if (write_file(s, err) == 0) {
        sodium_memzero(&s->keys[1], (had - 1) * sizeof(s->keys[0]));
        return 0;
    }
    s->n = had;
    return -1;
}
