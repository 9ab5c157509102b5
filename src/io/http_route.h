/* What a hop of a redirect chain is told beside its URL: whether it goes by the proxy, and which cookies it brings. Pure. */
#ifndef IO_HTTP_ROUTE_H
#define IO_HTTP_ROUTE_H

#include "io/http_url.h"

/* Whether one of the rules lets the URL go past the proxy. A rule is what Go and curl take in NO_PROXY: "*"; a name, for
 * itself and what is under it; ".name", for what is under it alone; an address; a network "10.0.0.0/8"; any of them with
 * ":port" behind it (an IPv6 address in brackets then). One that is none of these matches nothing. */
bool http_goes_direct(const char *const *rules, size_t n, const struct http_url *url);

#define HTTP_COOKIES_MAX 50 /* RFC 6265, 6.1 */

/* Cookies of one chain; each goes back to the host that set it, whatever else it says of itself. */
struct http_jar {
    struct http_cookie {
        const char *host, *name, *value;
    } at[HTTP_COOKIES_MAX];
    size_t n;
};
/* Takes those that raw header lines ("Name: value\n"…) set; texts go to the arena. */
void http_jar_take(struct http_jar *jar, const char *host, const char *headers, size_t n,
                   struct arena *a);
/* "a=1; b=2" for the host; NULL when there is none. */
const char *http_jar_give(const struct http_jar *jar, const char *host, struct arena *a);

#endif
