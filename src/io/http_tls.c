/* See http_tls.h. The files are looked at by the server's housekeeping thread; GnuTLS' callback runs on MHD's threads. */
#include "io/http_tls.h"

#include <gnutls/abstract.h>
#include <gnutls/x509.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"

#define TLS_MAGIC 0x715c0e47u
#define CHAIN_MAX 16
#define FILE_MAX  (1u << 20)
#define KEPT_NS   (600 * NS_PER_S) /* a handshake is over by then */

/* One pair, in use or replaced. */
struct pair {
    struct pair *older;
    gnutls_pcert_st chain[CHAIN_MAX];
    unsigned n;
    gnutls_privkey_t key;
    int64_t expires_ms, replaced_ns;
};

/* When and how large the files were. */
struct seen {
    struct timespec cert, key;
    off_t cert_size, key_size;
};

struct http_tls {
    uint32_t magic;
    char *cert_file, *key_file;
    pthread_mutex_t lock; /* guards what follows */
    struct pair *pair;
    struct seen seen;
    struct http_tls_stats stats;
};

static _Atomic(struct http_tls *) in_use; /* the callback takes no context */

static void pair_free(struct pair *p)
{
    if (p == NULL) {
        return;
    }
    for (unsigned i = 0; i < p->n; i++) {
        gnutls_pcert_deinit(&p->chain[i]);
    }
    if (p->key != NULL) {
        gnutls_privkey_deinit(p->key);
    }
    free(p);
}

/* --- reading --- */

static int read_chain(struct pair *p, const char *path, const struct buf *text, struct err *err)
{
    gnutls_datum_t d = {(unsigned char *)text->data, (unsigned)text->len};
    gnutls_x509_crt_t first;
    unsigned n = CHAIN_MAX;
    int rc = gnutls_pcert_list_import_x509_raw(p->chain, &n, &d, GNUTLS_X509_FMT_PEM, 0);
    if (rc < 0 || n == 0) {
        return err_set(err, ERR_INVALID, "cannot use %.200s: %s; want a certificate chain as PEM",
                       path, rc < 0 ? gnutls_strerror(rc) : "no certificate");
    }
    p->n = n;
    if (gnutls_pcert_export_x509(&p->chain[0], &first) == 0) {
        p->expires_ms = (int64_t)gnutls_x509_crt_get_expiration_time(first) * 1000;
        gnutls_x509_crt_deinit(first);
    }
    return 0;
}

static int read_key(struct pair *p, const char *path, const struct buf *text, struct err *err)
{
    gnutls_datum_t d = {(unsigned char *)text->data, (unsigned)text->len};
    must(gnutls_privkey_init(&p->key) == 0);
    int rc = gnutls_privkey_import_x509_raw(p->key, &d, GNUTLS_X509_FMT_PEM, NULL, 0);
    if (rc < 0) {
        return err_set(err, ERR_INVALID, "cannot use %.200s: %s; want a private key as PEM", path,
                       gnutls_strerror(rc));
    }
    return 0;
}

static bool belong_together(const struct pair *p)
{
    unsigned char a[64], b[64];
    size_t na = sizeof(a), nb = sizeof(b);
    gnutls_pubkey_t mine;
    must(gnutls_pubkey_init(&mine) == 0);
    bool good = gnutls_pubkey_import_privkey(mine, p->key, 0, 0) == 0 &&
                gnutls_pubkey_get_key_id(mine, GNUTLS_KEYID_USE_SHA256, a, &na) == 0 &&
                gnutls_pubkey_get_key_id(p->chain[0].pubkey, GNUTLS_KEYID_USE_SHA256, b, &nb) == 0;
    gnutls_pubkey_deinit(mine);
    return good && na == nb && memcmp(a, b, na) == 0;
}

static struct pair *read_pair(const struct http_tls *t, struct err *err)
{
    struct buf cert = BUF_INIT(FILE_MAX), key = BUF_INIT(FILE_MAX);
    struct pair *p = calloc(1, sizeof(*p));
    must(p != NULL);
    int rc = -1;
    if (fs_read(t->cert_file, &cert, err) == 0 && fs_read(t->key_file, &key, err) == 0 &&
        read_chain(p, t->cert_file, &cert, err) == 0 && read_key(p, t->key_file, &key, err) == 0) {
        rc = belong_together(p)
                 ? 0
                 : err_set(err, ERR_INVALID, "cannot use %.200s: it is not the key of %.200s",
                           t->key_file, t->cert_file);
    }
    if (key.data != NULL) {
        explicit_bzero(key.data, key.cap);
    }
    buf_done(&cert);
    buf_done(&key);
    if (rc != 0) {
        pair_free(p);
        return NULL;
    }
    return p;
}

static struct seen look(const struct http_tls *t)
{
    struct stat c = {0}, k = {0};
    stat(t->cert_file, &c);
    stat(t->key_file, &k);
    return (struct seen){c.st_mtim, k.st_mtim, c.st_size, k.st_size};
}

static bool same(const struct timespec *a, const struct timespec *b)
{
    return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool unchanged(const struct seen *a, const struct seen *b)
{
    return same(&a->cert, &b->cert) && same(&a->key, &b->key) && a->cert_size == b->cert_size &&
           a->key_size == b->key_size;
}

/* --- in use --- */

static int give_pair(gnutls_session_t session, const gnutls_datum_t *names, int n_names,
                     const gnutls_pk_algorithm_t *algorithms, int n_algorithms,
                     gnutls_pcert_st **chain, unsigned *n, gnutls_privkey_t *key)
{
    (void)session, (void)names, (void)n_names, (void)algorithms, (void)n_algorithms;
    struct http_tls *t = atomic_load(&in_use);
    if (t == NULL) {
        return -1;
    }
    pthread_mutex_lock(&t->lock);
    *chain = t->pair->chain;
    *n = t->pair->n;
    *key = t->pair->key;
    pthread_mutex_unlock(&t->lock);
    return 0;
}

void *http_tls_callback(void)
{
    return (void *)give_pair;
}

struct http_tls *http_tls_open(const char *cert_file, const char *key_file, struct err *err)
{
    struct http_tls *t = calloc(1, sizeof(*t)), *none = NULL;
    must(t != NULL);
    t->magic = TLS_MAGIC;
    t->cert_file = strdup(cert_file);
    t->key_file = strdup(key_file);
    must(t->cert_file != NULL && t->key_file != NULL && pthread_mutex_init(&t->lock, NULL) == 0);
    t->seen = look(t);
    t->pair = read_pair(t, err);
    bool good = t->pair != NULL;
    if (!good && err != NULL) {
        err->code = ERR_INVALID; /* it would fail again */
    }
    if (good && !atomic_compare_exchange_strong(&in_use, &none, t)) {
        err_set(err, ERR_INTERNAL, "cannot serve TLS twice in one process");
        good = false;
    }
    if (!good) {
        http_tls_close(t);
        return NULL;
    }
    return t;
}

void http_tls_close(struct http_tls *t)
{
    if (t == NULL) {
        return;
    }
    check_magic(t, TLS_MAGIC);
    struct http_tls *me = t;
    atomic_compare_exchange_strong(&in_use, &me, NULL);
    while (t->pair != NULL) {
        struct pair *older = t->pair->older;
        pair_free(t->pair);
        t->pair = older;
    }
    pthread_mutex_destroy(&t->lock);
    free(t->cert_file);
    free(t->key_file);
    t->magic = 0;
    free(t);
}

/* Under the lock. */
static void drop_old(struct http_tls *t)
{
    int64_t now = clock_mono_ns();
    for (struct pair **at = &t->pair->older; *at != NULL;) {
        struct pair *p = *at;
        if (now - p->replaced_ns < KEPT_NS) {
            at = &p->older;
            continue;
        }
        *at = p->older;
        pair_free(p);
    }
}

static void replace(struct http_tls *t, struct pair *p)
{
    t->pair->replaced_ns = clock_mono_ns();
    p->older = t->pair;
    t->pair = p;
    t->stats.reloads++;
}

void http_tls_look(struct http_tls *t)
{
    struct err err = {0};
    check_magic(t, TLS_MAGIC);
    struct seen now = look(t);
    bool changed = !unchanged(&now, &t->seen); /* only this thread writes it */
    struct pair *p = changed ? read_pair(t, &err) : NULL;
    pthread_mutex_lock(&t->lock);
    drop_old(t);
    t->seen = now;
    if (p != NULL) {
        replace(t, p);
    } else if (changed) {
        t->stats.failures++;
    }
    pthread_mutex_unlock(&t->lock);
    if (p != NULL) {
        log_info("the certificate changed; new connections get the new one",
                 F_STR("file", t->cert_file));
    } else if (changed) {
        log_error("the certificate's files changed and cannot be used; the old one stays",
                  F_ERR(&err));
    }
}

void http_tls_get_stats(struct http_tls *t, struct http_tls_stats *out)
{
    check_magic(t, TLS_MAGIC);
    pthread_mutex_lock(&t->lock);
    *out = t->stats;
    out->expires_ms = t->pair->expires_ms;
    pthread_mutex_unlock(&t->lock);
}
