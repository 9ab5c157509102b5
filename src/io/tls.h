/* TLS settings and what was learned of the peer's certificates. OpenSSL stays inside io/. */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct tls_options {
    bool verify;             /* chain and host name; false: handshake only */
    const char *ca_file;     /* NULL: the system's */
    const char *cert_file;   /* client certificate, PEM */
    const char *key_file;    /* its key; NULL: in cert_file */
    const char *server_name; /* SNI and the name to verify */
    const char *alpn;        /* NULL or one protocol, "dot" */
    int min_version;         /* 0 default, 10 11 12 13 */
};

struct tls_cert {
    char *subject; /* "CN=shop.example.com" (RFC 2253) */
    char *issuer;
    char *serial;         /* hex */
    char *alt_names;      /* "shop.example.com,www…" */
    char fingerprint[65]; /* SHA-256 of the DER, lower-case hex */
    int64_t not_before_ms;
    int64_t not_after_ms;
};

struct tls_info {
    char version[16]; /* "TLS 1.3", as blackbox_exporter spells it; "" when no TLS */
    char cipher[48];
    struct tls_cert *chain; /* leaf first; in the arena given */
    int chain_len;
    bool verified;
    char verify_error[120];     /* "certificate has expired" … */
    int64_t earliest_expiry_ms; /* over the whole chain sent; 0 unknown */
};

#endif
