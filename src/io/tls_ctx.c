/* SSL_CTX by options: reading and parsing a CA bundle costs milliseconds, so a context is made once per
 * distinct set of options and loop, and again when one of its files changed. At most CTX_MAX are kept;
 * the longest unused goes first (streams hold references of their own). The loop's memory of chains
 * (tls_chain.c) lives beside them. On the loop's thread. */
#include "io/tls_priv.h"

#include <openssl/err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/must.h"
#include "base/str.h"

#define CTX_MAX       256
#define STAT_EVERY_NS (2 * NS_PER_S)
#define CHAINS_MAX    4096

struct entry {
    SSL_CTX *ctx;
    char *key;
    size_t key_len;
    char *files[3];
    int64_t stamps[3]; /* mtime in ns, 0 when absent */
    int64_t checked_ns;
    int64_t used_ns;
};

struct tls_cache {
    struct map_str *by_options;
    struct tls_chains *chains;
};

static void entry_free(struct entry *e)
{
    SSL_CTX_free(e->ctx);
    for (size_t i = 0; i < array_len(e->files); i++) {
        free(e->files[i]);
    }
    free(e->key);
    free(e);
}

static void cache_free(void *p)
{
    struct tls_cache *c = p;
    size_t it = 0, len;
    const char *key;
    void *e;
    while (map_str_next(c->by_options, &it, &key, &len, &e)) {
        entry_free(e);
    }
    map_str_free(c->by_options);
    tls__chains_free(c->chains);
    free(c);
}

static int64_t stamp(const char *file)
{
    struct stat st;
    if (file == NULL || stat(file, &st) != 0) {
        return 0;
    }
    return (int64_t)st.st_mtim.tv_sec * NS_PER_S + st.st_mtim.tv_nsec;
}

static bool is_fresh(struct entry *e, int64_t now)
{
    if (now - e->checked_ns < STAT_EVERY_NS) {
        return true;
    }
    e->checked_ns = now;
    for (size_t i = 0; i < array_len(e->files); i++) {
        if (e->files[i] != NULL && stamp(e->files[i]) != e->stamps[i]) {
            return false;
        }
    }
    return true;
}

const char *tls__alert(const char *reason)
{
    static const char *const alerts[][2] = {
        {"alert certificate required", "it wants a client certificate"},
        {"alert certificate expired", "it says that our client certificate has expired"},
        {"alert certificate revoked", "it says that our client certificate is revoked"},
        {"alert unknown ca", "it does not know the authority of our client certificate"},
        {"alert bad certificate", "it does not accept our client certificate"},
        {"alert unsupported certificate", "it does not accept this kind of client certificate"},
    };
    must(reason != NULL);
    for (size_t i = 0; i < array_len(alerts); i++) {
        if (strstr(reason, alerts[i][0]) != NULL) {
            return alerts[i][1];
        }
    }
    return NULL;
}

int tls__fail(const struct tls_seen *seen, const char *name, const char *who, struct err *err)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    if (seen == NULL || seen->error == X509_V_OK) {
        const char *alert = reason != NULL ? tls__alert(reason) : NULL;
        return err_set(err, ERR_TLS, "TLS handshake with %s failed: %s", who,
                       alert != NULL    ? alert
                       : reason != NULL ? reason
                                        : "the connection was closed");
    }
    if (seen->error == X509_V_ERR_HOSTNAME_MISMATCH ||
        seen->error == X509_V_ERR_IP_ADDRESS_MISMATCH) {
        return err_set(err, ERR_TLS, "the certificate of %s is not for the name %s", who,
                       name != NULL ? name : "asked");
    }
    return err_set(err, ERR_TLS, "the certificate of %s is not accepted: %s", who,
                   X509_verify_cert_error_string(seen->error));
}

static int load_failed(const char *what, const char *file, struct err *err)
{
    unsigned long code = ERR_peek_last_error();
    const char *reason = code != 0 ? ERR_reason_error_string(code) : NULL;
    ERR_clear_error();
    return err_set(err, ERR_TLS, "cannot load the %s %s: %s", what, file,
                   reason != NULL ? reason : "no usable content");
}

static int load_files(SSL_CTX *ctx, const struct tls_options *opt, struct err *err)
{
    if (opt->ca_file != NULL) {
        if (SSL_CTX_load_verify_locations(ctx, opt->ca_file, NULL) != 1) {
            return load_failed("CA file", opt->ca_file, err);
        }
    } else if (opt->verify) {
        SSL_CTX_set_default_verify_paths(ctx);
        ERR_clear_error(); /* a system without CA certificates says so at the handshake */
    }
    if (opt->cert_file == NULL) {
        return 0;
    }
    const char *key = opt->key_file != NULL ? opt->key_file : opt->cert_file;
    if (SSL_CTX_use_certificate_chain_file(ctx, opt->cert_file) != 1) {
        return load_failed("client certificate", opt->cert_file, err);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 ||
        SSL_CTX_check_private_key(ctx) != 1) {
        return load_failed("client key", key, err);
    }
    return 0;
}

static int set_alpn(SSL_CTX *ctx, const char *alpn, struct err *err)
{
    unsigned char wire[256];
    size_t n = strlen(alpn);
    if (n == 0 || n > 255) {
        return err_set(err, ERR_INVALID, "cannot offer ALPN \"%.40s\"; want 1 to 255 bytes", alpn);
    }
    wire[0] = (unsigned char)n;
    memcpy(wire + 1, alpn, n);
    must(SSL_CTX_set_alpn_protos(ctx, wire, (unsigned)n + 1) == 0); /* 0 is success here */
    return 0;
}

static int version_number(int v)
{
    static const int table[4] = {TLS1_VERSION, TLS1_1_VERSION, TLS1_2_VERSION, TLS1_3_VERSION};
    return v >= 10 && v <= 13 ? table[v - 10] : 0;
}

static void set_versions(SSL_CTX *ctx, const struct tls_options *opt)
{
    int least = opt->min_version != 0 ? opt->min_version : opt->max_version;
    if (opt->max_version != 0) {
        SSL_CTX_set_max_proto_version(ctx, version_number(opt->max_version));
    }
    if (least != 0 && (opt->min_version != 0 || least < 12)) { /* below the system's floor too */
        SSL_CTX_set_min_proto_version(ctx, version_number(least));
    }
    if (least != 0 && least < 12) { /* TLS 1.0 and 1.1 sign with SHA-1 */
        SSL_CTX_set_security_level(ctx, 0);
    }
}

static SSL_CTX *make_ctx(const struct tls_options *opt, struct err *err)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    must(ctx != NULL);
    SSL_CTX_set_verify(ctx, opt->verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_cert_verify_callback(ctx, tls__verify, NULL);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF); /* each probe is a full handshake */
    SSL_CTX_set_read_ahead(ctx, 1);                          /* one recv for header and record */
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
#ifdef SSL_OP_IGNORE_UNEXPECTED_EOF
    SSL_CTX_set_options(ctx, SSL_OP_IGNORE_UNEXPECTED_EOF);
#endif
    set_versions(ctx, opt);
    if (load_files(ctx, opt, err) != 0 ||
        (opt->alpn != NULL && set_alpn(ctx, opt->alpn, err) != 0)) {
        SSL_CTX_free(ctx);
        return NULL;
    }
    return ctx;
}

static struct tls_cache *cache_of(struct loop *l)
{
    if (l->tls_cache == NULL) {
        struct tls_cache *c = calloc(1, sizeof(*c));
        must(c != NULL);
        c->by_options = map_str_new();
        c->chains = tls__chains_new(CHAINS_MAX);
        l->tls_cache = c;
        l->tls_cache_free = cache_free;
    }
    return l->tls_cache;
}

struct tls_chains *tls__chains(struct loop *l)
{
    loop__assert_thread(l);
    return cache_of(l)->chains;
}

static void drop(struct tls_cache *c, struct entry *e)
{
    must(e != NULL);
    must(map_str_del(c->by_options, e->key, e->key_len) == e);
    entry_free(e);
}

static void make_room(struct tls_cache *c)
{
    if (map_str_count(c->by_options) < CTX_MAX) {
        return;
    }
    struct entry *oldest = NULL;
    size_t it = 0, len;
    const char *key;
    void *v;
    while (map_str_next(c->by_options, &it, &key, &len, &v)) {
        struct entry *e = v;
        if (oldest == NULL || e->used_ns < oldest->used_ns) {
            oldest = e;
        }
    }
    drop(c, oldest);
}

static void remember_files(struct entry *e, const struct tls_options *opt)
{
    const char *files[3] = {opt->ca_file, opt->cert_file, opt->key_file};
    for (size_t i = 0; i < array_len(files); i++) {
        e->files[i] = files[i] != NULL ? strdup(files[i]) : NULL;
        e->stamps[i] = stamp(files[i]); /* before reading: a change in between is seen later */
    }
}

static const char *or_empty(const char *s)
{
    return s != NULL ? s : "";
}

SSL_CTX *tls__ctx(struct loop *l, const struct tls_options *opt, struct err *err)
{
    loop__assert_thread(l);
    struct tls_cache *c = cache_of(l);
    char key[1024];
    int n = snprintf(key, sizeof(key), "%d|%d|%d|%s|%s|%s|%s", opt->verify, opt->min_version,
                     opt->max_version, or_empty(opt->ca_file), or_empty(opt->cert_file),
                     or_empty(opt->key_file), or_empty(opt->alpn));
    if (n < 0 || (size_t)n >= sizeof(key)) {
        err_set(err, ERR_TOO_LARGE, "cannot use TLS options: the file names are too long");
        return NULL;
    }
    int64_t now = clock_mono_ns();
    struct entry *e = map_str_get(c->by_options, key, (size_t)n);
    if (e != NULL && !is_fresh(e, now)) {
        drop(c, e);
        e = NULL;
    }
    if (e == NULL) {
        e = calloc(1, sizeof(*e));
        must(e != NULL);
        remember_files(e, opt);
        e->checked_ns = now;
        e->key = strndup(key, (size_t)n);
        e->key_len = (size_t)n;
        e->ctx = make_ctx(opt, err);
        if (e->ctx == NULL) {
            entry_free(e);
            return NULL;
        }
        make_room(c);
        map_str_put(c->by_options, key, (size_t)n, e);
    }
    e->used_ns = now;
    return e->ctx;
}
