/* Between http_server.c (requests), http_listen.c (start and stop), http_headers.c, http_bind.c, http_stream.c and sse.c. */
#ifndef IO_HTTP_SERVER_PRIV_H
#define IO_HTTP_SERVER_PRIV_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "base/vec.h"
#include "io/http_guard.h"
#include "io/http_server.h"
#include "io/http_tls.h"

/* A listening socket, or -1. Without a port any free one is taken: *port says which. */
int http__bind_tcp(const struct http_server_config *cfg, uint16_t *port, struct err *err);
int http__bind_unix(const char *path, struct err *err); /* 0600 */

/* Makes the response of an event stream on this connection; the hub owns the stream's state until
 * libmicrohttpd closes it. NULL when the hub is full or closing. Once *stopping is set no stream suspends
 * itself any more: MHD must not be stopped with suspended connections. */
struct MHD_Response *sse__open(struct sse_hub *h, struct MHD_Connection *conn,
                               struct sse_filter *want, uint64_t last_id,
                               const atomic_bool *stopping); /* takes over what `want` holds */
/* The response of a streamed body; takes `first`, which is empty then, and st. Without workers pieces are made on MHD's thread. */
struct http__streams {
    struct workers *workers; /* or NULL */
    const atomic_bool *stopping;
    int64_t grace_ns;
    size_t min_rate;
    atomic_uint_fast64_t now, cut;
};
struct MHD_Response *http__stream_open(struct http__streams *all, struct MHD_Connection *conn,
                                       struct buf *first, const struct http_stream *st);

/* Ends every stream: each is resumed and answers end of stream. */
void sse__end_all(struct sse_hub *h);

/* --- the server --- */

#define SERVER_MAGIC 0x5e74e401u

struct listener {
    struct http_server *server;
    bool is_unix, is_tls;
    bool redirects; /* answers with the address under https, and nothing else */
    struct MHD_Daemon *daemon;
};

struct http_server {
    uint32_t magic;
    struct http_server_config cfg;
    struct listener tcp, local, redirect;
    uint16_t port, redirect_port;
    char *unix_path;
    struct workers *workers; /* NULL: nothing waits */
    atomic_bool stopping;
    atomic_uint_fast64_t requests, connections, rejected[HTTP_REJECTIONS_N];
    struct http_guard *guard;
    struct http_tls *tls; /* NULL: none */
    pthread_t keeper;     /* looks after time every second */
    bool keeping;
    pthread_cond_t kept; /* the keeper is to end: with lock */
    struct http__streams streams;
    atomic_uint_fast64_t handed_over; /* and not completed yet */
    pthread_mutex_t lock;             /* guards hubs */
    vec_of(struct sse_hub *) hubs;
};

/* One request, from its first header to MHD's "completed". */
struct exchange {
    struct http_server *server;
    struct http_req req;
    struct http_resp resp;
    struct MHD_Connection *conn;
    struct buf body;
    bool too_large, is_tls;
    struct http_guard_entry *guard; /* of the connection; NULL: not bounded */
    enum { RECEIVING, WITH_WORKER, HANDLED, REFUSED } state;
    struct worker_job job;
};

/* http_server.c: MHD's callbacks. */
enum MHD_Result http__on_request(void *arg, struct MHD_Connection *conn, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *n, void **state);
void http__on_completed(void *arg, struct MHD_Connection *conn, void **state,
                        enum MHD_RequestTerminationCode how);
void http__on_connection(void *arg, struct MHD_Connection *conn, void **socket_state,
                         enum MHD_ConnectionNotificationCode what);
enum MHD_Result http__on_accept(void *arg, const struct sockaddr *sa, socklen_t n);

/* http_headers.c: what the server adds to answers by itself. */
void http__add_headers(struct MHD_Response *r, const struct http_server *s,
                       const struct exchange *x, const struct http_resp *resp);
/* May pages from there read? */
bool http__cors_allows(const struct http_server *s, const char *origin);
/* A browser's question before a read across origins: answers it. False: it is none. */
bool http__preflight(const struct http_server *s, const struct exchange *x, struct http_resp *resp);
/* The address under https of what was asked for; its status and headers. */
void http__redirect(const struct http_server *s, struct exchange *x, struct http_resp *resp);
/* Can the request's length be understood in one way only (RFC 9112, 6.3)? */
bool http__length_is_clear(struct MHD_Connection *conn);

#endif
