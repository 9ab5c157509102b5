/* What certificate chains show, remembered: a target sends the same chain for months, and printing it
 * costs more than the rest of what a probe adds to the handshake. One memory a loop (tls_ctx.c keeps
 * it), on the loop's thread.
 *
 * The key is the SHA-256 over the DER of all certificates sent, in their order. Only what follows from
 * those bytes is kept: whether they are trusted, for which name and for how long still, is asked
 * anew each time. The longest unseen chain leaves first. */
#include "io/tls_priv.h"

#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"

#define CERTS_MAX    16 /* the peer decides how many it sends */
#define CERTS_SHOWN  8
#define JSON_MAX     16384
#define JSON_KEPT    8192 /* longer ones are printed anew: the memory's bound is what counts */
#define KEY_SIZE     32
#define CHAINS_MAGIC 0x7c4a1d02u

struct entry {
    struct entry *prev, *next; /* by last use */
    unsigned char key[KEY_SIZE];
    char *json;
    size_t json_len;
    int64_t earliest_expiry_ms;
    struct tls_names leaf;
};

struct tls_chains {
    uint32_t magic;
    size_t max;
    struct map_str *by_key;
    struct entry used; /* the ring's anchor: next is the youngest, prev the oldest */
    EVP_MD *sha256;    /* fetched once: OpenSSL looks long for an algorithm */
    EVP_MD_CTX *digest;
    struct tls_chain_counts counts;
};

struct tls_chains *tls__chains_new(size_t max)
{
    must(max > 0);
    struct tls_chains *c = calloc(1, sizeof(*c));
    must(c != NULL);
    c->magic = CHAINS_MAGIC;
    c->max = max;
    c->by_key = map_str_new();
    c->used.next = c->used.prev = &c->used;
    c->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
    c->digest = EVP_MD_CTX_new();
    must(c->sha256 != NULL && c->digest != NULL);
    return c;
}

static void unlink_entry(struct entry *e)
{
    e->prev->next = e->next;
    e->next->prev = e->prev;
}

static void link_youngest(struct tls_chains *c, struct entry *e)
{
    e->prev = &c->used;
    e->next = c->used.next;
    e->next->prev = e;
    c->used.next = e;
}

static void forget(struct tls_chains *c, struct entry *e)
{
    must(e != &c->used);
    must(map_str_del(c->by_key, (const char *)e->key, KEY_SIZE) == e);
    unlink_entry(e);
    free(e->json);
    tls__names_free(&e->leaf);
    free(e);
}

void tls__chains_free(struct tls_chains *c)
{
    if (c == NULL) {
        return;
    }
    check_magic(c, CHAINS_MAGIC);
    for (struct entry *e = c->used.next, *next; e != &c->used; e = next) {
        next = e->next;
        forget(c, e);
    }
    must(map_str_count(c->by_key) == 0);
    map_str_free(c->by_key);
    EVP_MD_CTX_free(c->digest);
    EVP_MD_free(c->sha256);
    c->magic = 0;
    free(c);
}

struct tls_chain_counts tls__chains_counts(const struct tls_chains *c)
{
    check_magic(c, CHAINS_MAGIC);
    struct tls_chain_counts n = c->counts;
    n.kept = map_str_count(c->by_key);
    return n;
}

static bool key_of(struct tls_chains *c, const STACK_OF(X509) * sent, int n, unsigned char *key)
{
    bool ok = EVP_DigestInit_ex2(c->digest, c->sha256, NULL) == 1;
    for (int i = 0; ok && i < n; i++) {
        unsigned char *der = NULL;
        int len = i2d_X509(sk_X509_value(sent, i), &der);
        ok = len > 0 && EVP_DigestUpdate(c->digest, der, (size_t)len) == 1;
        OPENSSL_free(der);
    }
    return ok && EVP_DigestFinal_ex(c->digest, key, NULL) == 1;
}

static void print(const STACK_OF(X509) * sent, int n, struct entry *e)
{
    struct buf out = BUF_INIT(JSON_MAX);
    struct json j = json_start(&out);
    json_arr(&j);
    for (int i = 0; i < n; i++) {
        const X509 *x = sk_X509_value(sent, i);
        int64_t end_ms = tls__cert_not_after_ms(x);
        if (e->earliest_expiry_ms == 0 || end_ms < e->earliest_expiry_ms) {
            e->earliest_expiry_ms = end_ms;
        }
        if (i < CERTS_SHOWN) {
            tls__cert_json(x, &j, i == 0 ? &e->leaf : NULL);
        }
    }
    json_end(&j);
    bool whole = !out.failed;
    e->json = buf_take(&out, &e->json_len);
    if (!whole) {
        free(e->json);
        e->json = NULL;
    }
}

static void remember(struct tls_chains *c, struct entry *e)
{
    if (map_str_count(c->by_key) == c->max) {
        forget(c, c->used.prev);
    }
    must(map_str_put(c->by_key, (const char *)e->key, KEY_SIZE, e) == NULL);
    link_youngest(c, e);
}

static struct tls_names copy_names(const struct tls_names *n, struct arena *a)
{
    return (struct tls_names){
        .subject = arena_strdup(a, n->subject),
        .issuer = arena_strdup(a, n->issuer),
        .serial = arena_strdup(a, n->serial),
        .alt_names = arena_strdup(a, n->alt_names),
        .fingerprint = arena_strdup(a, n->fingerprint),
    };
}

static struct tls_chain give(const struct entry *e, int n, struct arena *a)
{
    return (struct tls_chain){
        .len = n,
        .certs_json = e->json != NULL ? arena_strndup(a, e->json, e->json_len) : NULL,
        .earliest_expiry_ms = e->earliest_expiry_ms,
        .leaf = copy_names(&e->leaf, a),
    };
}

struct tls_chain tls__chains_look(struct tls_chains *c, const STACK_OF(X509) * sent,
                                  struct arena *a)
{
    check_magic(c, CHAINS_MAGIC);
    int n = sk_X509_num(sent);
    n = n > CERTS_MAX ? CERTS_MAX : n;
    if (n <= 0) {
        return (struct tls_chain){0};
    }
    struct entry fresh = {0};
    bool keyed = key_of(c, sent, n, fresh.key);
    struct entry *e = keyed ? map_str_get(c->by_key, (const char *)fresh.key, KEY_SIZE) : NULL;
    if (e != NULL) {
        c->counts.hits++;
        unlink_entry(e);
        link_youngest(c, e);
        return give(e, n, a);
    }
    c->counts.misses++;
    print(sent, n, &fresh);
    struct tls_chain shown = give(&fresh, n, a);
    if (!keyed || fresh.json == NULL || fresh.json_len > JSON_KEPT) {
        free(fresh.json);
        tls__names_free(&fresh.leaf);
        return shown;
    }
    e = malloc(sizeof(*e));
    must(e != NULL);
    *e = fresh;
    remember(c, e);
    return shown;
}
