/* What each address may do, and how long a client may take: connections and requests of one address, and connections whose request
 * does not arrive in time. Inside of the HTTP server; any thread.
 *
 * An address of IPv6 counts by its /64. What comes from this machine is not bounded unless asked for: a proxy may stand there. */
#ifndef IO_HTTP_GUARD_H
#define IO_HTTP_GUARD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct http_guard_limits {
    unsigned connections; /* of one address; 0: no bound */
    unsigned rate, burst; /* requests a second, and at once; rate 0: no bound */
    bool local;           /* the two hold for loopback addresses, too */
    int64_t request_ns;   /* a request's head arrives in so long, and its body at … */
    uint64_t min_rate;    /* … so many bytes a second after as long again */
    int64_t idle_ns;      /* between two requests of a connection */
};

struct http_guard;
struct http_guard *http_guard_new(const struct http_guard_limits *l);
void http_guard_free(struct http_guard *g); /* all connections have left; NULL is fine */

/* May one more connection come from there? */
bool http_guard_admits(struct http_guard *g, const struct sockaddr *sa);
struct http_guard_entry; /* one connection */
struct http_guard_entry *http_guard_enter(struct http_guard *g, const struct sockaddr *sa, int fd);
void http_guard_leave(struct http_guard *g,
                      struct http_guard_entry *e); /* before fd is closed; NULL is fine */
/* A request begins: 0, or in how many seconds the address may ask again. */
unsigned http_guard_take(struct http_guard *g, struct http_guard_entry *e);
/* What is waited for now. e may be NULL: nothing is bounded. */
void http_guard_body(struct http_guard *g, struct http_guard_entry *e, uint64_t received);
void http_guard_busy(struct http_guard *g, struct http_guard_entry *e); /* the server's turn */
void http_guard_idle(struct http_guard *g, struct http_guard_entry *e); /* the next request */
/* Cuts whoever is late and forgets addresses; to be called every second. How many were cut. */
unsigned http_guard_sweep(struct http_guard *g);

#endif
