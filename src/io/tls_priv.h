/* OpenSSL inside io/: contexts by options, and what a handshake saw. Shared by streams and the HTTP
 * client; on the loop's thread. */
#ifndef IO_TLS_PRIV_H
#define IO_TLS_PRIV_H

#include <openssl/ssl.h>

#include "base/json.h"
#include "io/loop_priv.h"
#include "io/tls.h"

/* What the verify callback learned; also when the handshake then failed. */
struct tls_seen {
    STACK_OF(X509) * chain; /* as sent, leaf first; NULL before the certificate arrived */
    bool verified;
    long error; /* X509_V_… of the chain; X509_V_OK */
    int depth;  /* of that error */
    char version[16];
    char cipher[48];
};
void tls__seen_done(struct tls_seen *s);
/* cert_verify_callback for SSL_CTX: arg non-NULL is the struct tls_seen, else the SSL's app data.
 * Verifies when the SSL's verify mode asks for it. */
int tls__verify(X509_STORE_CTX *ctx, void *arg);
void tls__seen_session(struct tls_seen *s, const SSL *ssl);
/* a NULL: without the chain. */
void tls__info(struct loop *l, const struct tls_seen *s, struct arena *a, struct tls_info *info);

/* --- tls_cert.c, tls_chain.c: what certificates show --- */

/* One object: subject and issuer (RFC 2253), serial (hex), alt_names, fingerprint_sha256, dates. names: gets the same texts,
 * malloc'ed; NULL: nobody wants them. */
void tls__cert_json(const X509 *x, struct json *j, struct tls_names *names);
void tls__names_free(struct tls_names *names);
int64_t tls__cert_not_after_ms(const X509 *x); /* 0 when it cannot be read */

/* Remembers up to max chains of at most 8 KiB of text each. */
struct tls_chains;
struct tls_chains *tls__chains_new(size_t max);
void tls__chains_free(struct tls_chains *c);
/* Prints the chain, or finds it printed. The text is copied to a. */
struct tls_chain tls__chains_look(struct tls_chains *c, const STACK_OF(X509) * sent,
                                  struct arena *a);
struct tls_chain_counts {
    uint64_t hits, misses;
    size_t kept;
};
struct tls_chain_counts tls__chains_counts(const struct tls_chains *c);
/* The loop's own; borrowed. */
struct tls_chains *tls__chains(struct loop *l);

/* The context for these options (server_name excepted), from l's cache; borrowed. Files are read
 * again when their mtime has changed. */
SSL_CTX *tls__ctx(struct loop *l, const struct tls_options *opt, struct err *err);
/* What an alert in OpenSSL's words ("tlsv13 alert certificate required") says of the certificate that we sent; NULL: nothing. */
const char *tls__alert(const char *reason);
/* ERR_TLS with the reason on top of OpenSSL's error queue, or of `seen`. Clears the queue. */
int tls__fail(const struct tls_seen *seen, const char *name, const char *who, struct err *err);

#endif
