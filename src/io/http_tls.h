/* The HTTP server's certificate: read from two files, and read again when they change. Inside of the HTTP server.
 *
 * GnuTLS asks for it at each handshake through a callback that takes no context, so that one process has one certificate. What
 * was replaced is kept for a while: handshakes under way still read it. */
#ifndef IO_HTTP_TLS_H
#define IO_HTTP_TLS_H

#include <stdint.h>

#include "base/err.h"

#define HTTP_TLS_PRIORITIES "NORMAL:-VERS-ALL:+VERS-TLS1.3:+VERS-TLS1.2:%SERVER_PRECEDENCE"

struct http_tls;
/* NULL: the files cannot be used, INVALID; or there is one already. */
struct http_tls *http_tls_open(const char *cert_file, const char *key_file, struct err *err);
void http_tls_close(struct http_tls *t); /* no handshake is under way; NULL is fine */
/* Takes the files anew if they changed; a pair that cannot be used is told once, and the old one stays. */
void http_tls_look(struct http_tls *t);
void *http_tls_callback(void); /* for MHD_OPTION_HTTPS_CERT_CALLBACK */

struct http_tls_stats {
    uint64_t reloads, failures;
    int64_t expires_ms; /* the certificate in use */
};
void http_tls_get_stats(struct http_tls *t, struct http_tls_stats *out);

#endif
