/* What registries say about a domain, as data (RDAP, RFC 9083) or as prose (whois, RFC 3912): when it ends. Pure functions
 * over foreign bytes. */
#ifndef PROBE_WHOIS_H
#define PROBE_WHOIS_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

#define WHOIS_PORT 43

struct registration {
    int64_t ends_ms;       /* Unix time; 0: not said */
    const char *registrar; /* "" when not said */
    const char *status;    /* "client transfer prohibited, …"; "" */
};

int rdap_read(struct str json, struct arena *a, struct registration *out, struct err *err);
int whois_read(struct str text, struct arena *a, struct registration *out, struct err *err);
/* The server that a whois answer refers to, HOST or HOST:PORT ("refer:"; "Registrar WHOIS Server:" is not one); NULL: none. */
const char *whois_refer(struct str text, struct arena *a);
/* 2027-08-13, 2027-08-13T04:00:00Z, 2027/08/13, 2027.08.13, 20270813, 13-Aug-2027, 13.08.2027, "… 04:00:00" behind it;
 * midnight UTC when there is no time. */
int registry_date(struct str s, int64_t *ms, struct err *err);

#endif
