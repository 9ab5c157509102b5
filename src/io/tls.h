/* TLS settings and what was learned of the peer's certificates. OpenSSL stays inside io/. */
#ifndef IO_TLS_H
#define IO_TLS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct tls_options {
    bool verify;                  /* chain and host name; false: handshake only */
    const char *ca_file;          /* NULL: the system's */
    const char *cert_file;        /* client certificate, PEM */
    const char *key_file;         /* its key; NULL: in cert_file */
    const char *server_name;      /* SNI and the name to verify */
    const char *alpn;             /* NULL or one protocol, "dot" */
    int min_version, max_version; /* 0 default, 10 11 12 13 */
};

/* Who a certificate says it is, as text; all of it valid UTF-8. */
struct tls_names {
    const char *subject, *issuer; /* RFC 2253 */
    const char *serial;           /* hexadecimal */
    const char *alt_names;        /* DNS names, by commas */
    const char *fingerprint;      /* SHA-256, hexadecimal */
};

/* What the certificates sent show by themselves, verified or not. */
struct tls_chain {
    int len;                /* certificates; 0: none came. At most 16 are looked at */
    const char *certs_json; /* array of objects, leaf first, the first 8; NULL: none, or too long */
    int64_t earliest_expiry_ms; /* over the whole chain sent; 0 unknown */
    struct tls_names leaf;      /* of the first; NULLs: none came */
};

struct tls_info {
    char version[16]; /* "TLS 1.3", as blackbox_exporter spells it; "" when no TLS */
    char cipher[48];
    struct tls_chain chain; /* its text is in the arena given */
    bool verified;
    char verify_error[120]; /* "certificate has expired" … */
};

#endif
