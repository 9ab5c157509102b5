/* Asking a service for TLS in its own protocol before the handshake. */
#ifndef PROBE_STARTTLS_H
#define PROBE_STARTTLS_H

#include <stdint.h>

#include "base/err.h"
#include "io/stream.h"

/* X(NAME, "name"): RFC 3207, 3501, 2595, 4217; PostgreSQL protocol 55.2.10; LDAP RFC 4511 */
#define STARTTLS_PROTOCOLS(X) \
    X(NONE, "none")           \
    X(SMTP, "smtp")           \
    X(IMAP, "imap")           \
    X(POP3, "pop3")           \
    X(FTP, "ftp")             \
    X(POSTGRES, "postgres")   \
    X(LDAP, "ldap")

enum starttls {
#define X(name, text) STARTTLS_##name,
    STARTTLS_PROTOCOLS(X)
#undef X
};
extern const char *const starttls_choices[];

/* Speaks until the service is ready for the handshake. PROTOCOL with its own words when it declines. */
int starttls_ask(struct stream *s, enum starttls protocol, int64_t deadline_ns, struct err *err);

#endif
