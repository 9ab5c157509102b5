/* http and https URLs (RFC 3986, RFC 9110 4.2) taken apart. Pure. */
#ifndef IO_HTTP_URL_H
#define IO_HTTP_URL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "io/addr.h"

struct http_url {
    bool https;
    bool bracketed; /* an IPv6 literal */
    uint16_t port;  /* given, or 80 / 443 */
    bool port_given;
    char host[HOST_SIZE];        /* lower case, without brackets */
    const char *target;          /* "/path?query", at least "/"; in the arena */
    const char *user, *password; /* decoded; NULL when absent */
};

/* MALFORMED says what is wrong with it; UNSUPPORTED for another scheme. */
int http_url_parse(const char *text, struct arena *a, struct http_url *out, struct err *err);
/* "host", "host:8080", "[::1]:8080": the Host header. */
char *http_url_authority(const struct http_url *u, struct arena *a);
/* Resolves the value of a Location header against the URL that answered it (RFC 3986, 5.2). */
char *http_url_join(const char *base, const char *location, struct arena *a, struct err *err);

#endif
