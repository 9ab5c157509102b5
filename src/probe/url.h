/* URLs as the probers' short form: scheme://user:pass@host:port/path?key=value. RFC 3986, with a list
 * of hosts allowed (kafka://a,b/). Parsed parts are decoded copies in the arena. */
#ifndef PROBE_URL_H
#define PROBE_URL_H

#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "config/node.h"

#define URL_MAX 4096

struct url {
    const char *scheme;   /* lower case */
    const char *username; /* NULL when absent */
    const char *password;
    const char *host;  /* without brackets; "" when empty */
    uint16_t port;     /* 0 when absent */
    const char *path;  /* with leading "/", "" when absent; decoded */
    const char *query; /* raw, without "?"; NULL when absent */
    const char *text;  /* the whole, as given */
};

/* err->at_offset points at the byte that is wrong. */
int url_parse(const char *text, struct arena *a, struct url *out, struct err *err);
/* Decoded value of a query parameter; NULL when absent. */
const char *url_query(const struct url *u, const char *key, struct arena *a);
/* Puts every query parameter into map as text (numbers are typed later by the option table). */
int url_query_into(const struct url *u, struct node *map, struct arena *a, struct err *err);
/* The usual expansion: host, port (when given), username, password and the query's parameters. */
struct node *url_to_config(const struct url *u, struct arena *a, struct err *err);

#endif
