/* Certificates made at run time by the openssl program, and a TLS server on a thread. */
#ifndef UNIT_IO_TLS_UNIT_H
#define UNIT_IO_TLS_UNIT_H

#include <openssl/ssl.h>

#include "io_unit.h"

struct test_ca {
    char dir[64];
    char ca[96];            /* the CA's certificate */
    char cert[96], key[96]; /* a server's, signed by it, for localhost and 127.0.0.1 */
    char old[96];           /* the same key's, expired */
    char client[96];        /* a client's, with key */
};
void ca_make(struct test_ca *c);
void ca_remove(struct test_ca *c);

struct tls_server {
    struct test_server tcp;
    SSL_CTX *ctx;
    void (*talk)(SSL *ssl, void *arg);
    void *arg;
};
/* client_ca: NULL, or client certificates are required. */
void tls_server_start(struct tls_server *s, const char *cert, const char *key,
                      const char *client_ca, void (*talk)(SSL *ssl, void *arg), void *arg);
void tls_server_stop(struct tls_server *s);

#endif
