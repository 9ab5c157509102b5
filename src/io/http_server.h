/* HTTP server: libmicrohttpd with a few threads; RFC 9110/9112.
 *
 * The handler runs with the whole request (body bounded), fills the response and returns: on one of the few threads
 * that serve all connections, or, when `waits` says so, alone on a worker. Limits: header 16 KiB, body per server,
 * connections, per-connection timeout, workers and their queue; each passed limit answers 4xx or 503 and is counted.
 * Server-sent events are connections handed to a struct sse_hub, large answers are made while they are sent: struct http_stream. */
#ifndef IO_HTTP_SERVER_H
#define IO_HTTP_SERVER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "io/workers.h"

struct http_server;
struct sse_hub;

/* What an event stream wants. */
struct sse_filter {
    char *kinds; /* names of events, separated by commas; NULL: all */
    bool by_subject;
    uint64_t *subjects; /* by_subject: what is for watchers of a subject only, of these */
    size_t n_subjects;
    char **groups;      /* those it may see, ended by NULL; NULL: all */
    bool groups_hidden; /* `groups` are those it may not see */
    /* Whose stream it is: asked at each sse_check(), on the hub's thread; false ends the stream. NULL: it may stay for ever. */
    bool (*may_stay)(const void *guest);
    void *guest; /* malloc'ed */
};

struct http_req {
    const char *method;
    const char *path; /* decoded, without query; "/api/v1/targets/7" */
    struct str body;
    struct arena *arena; /* of this request */
    bool over_unix;      /* came over the Unix socket */
    bool over_tls;
    char peer[64]; /* "127.0.0.1:4711" or "unix" */
    void *impl;
};
const char *http_req_header(const struct http_req *req, const char *name); /* NULL if absent */
const char *http_req_query(const struct http_req *req,
                           const char *name); /* decoded; NULL if absent */
/* Calls fn for each query parameter. */
void http_req_each_query(const struct http_req *req,
                         void (*fn)(void *arg, const char *k, const char *v), void *arg);

/* Nobody waits for the answer any more: the client left (or closed its direction), or the server stops. For handlers
 * that wait long: they are to ask now and then (a system call), and to answer with what they have. */
bool http_req_ended(const struct http_req *req);

/* An answer that is made piece by piece while it goes out. The next piece is asked for when the client has taken the one before
 * as a whole, so that a client that reads slowly holds one piece and what ctx holds, but no worker and no thread. Without a known
 * length: chunked in HTTP/1.1, ended by the connection's end in 1.0. */
enum http_more {
    HTTP_MORE,
    HTTP_LAST, /* what was appended is the last */
    HTTP_BROKEN /* the answer cannot be ended rightly: the connection is cut, and the client sees that */
};
#define HTTP_PIECE ((size_t)256 << 10) /* about so much at a time */
struct http_stream {
    /* Appends a piece. On a worker, or without workers on the connection's thread; one call at a time; ctx must not lean on the request. */
    enum http_more (*next)(void *ctx, struct buf *out);
    void (*done)(void *ctx); /* once, on any thread, however it ended */
    void *ctx;
};

struct http_resp {
    int status;               /* default 200 */
    const char *content_type; /* default application/json */
    struct buf body;          /* the server frees it */
    const void *static_body;  /* instead of body: constant memory (the page) */
    size_t static_len;
    struct http_header_kv {
        const char *name, *value; /* in the request's arena or constant */
    } headers[20];
    int n_headers;
    struct sse_hub *sse; /* non-NULL: the connection becomes an event stream of this hub */
    struct sse_filter
        *sse_want; /* NULL: everything. Malloc'ed texts and lists; they are taken over */
    uint64_t sse_last_id;
    struct http_stream
        stream; /* next not NULL: goes out after body, and is done with in any case */
};
void http_resp_header(struct http_resp *resp, const char *name, const char *value);

struct http_server_config {
    const char *address;      /* "127.0.0.1" */
    uint16_t port;            /* 0: any free one, see http_server_port */
    int64_t bind_wait_ms;     /* a port that is taken is tried again for so long; default 0 */
    const char *unix_path;    /* NULL: none. Created 0600, replaced if stale */
    int threads;              /* default 2 */
    size_t max_body;          /* default 4 MiB */
    size_t max_header;        /* of request line and headers, and of an answer's; default 16 KiB */
    unsigned max_connections; /* default 1000 */
    /* Of one address (of IPv6: one /64); 0: no bound. The rate fills a bucket of request_burst. This machine's own addresses only
     * with limit_local. */
    unsigned connections_per_address, request_rate, request_burst;
    bool limit_local;
    unsigned
        request_timeout_s; /* for a request's headers, and for its body at 16 KiB/s more; default 30 */
    unsigned idle_timeout_s; /* default 60 */
    const char *cert_file,
        *key_file;                /* TLS 1.2 and later; read again when they change. NULL: none */
    const char *redirect_address; /* with TLS: plain HTTP there is sent over to https. NULL: none */
    uint16_t redirect_port;
    const struct http_header_kv
        *headers; /* on each answer whose handler gave none of the name; ended by name NULL */
    const char *const
        *cors_origins; /* whose pages may read; "*": all. Never with a browser's credentials */
    size_t n_cors_origins;
    /* A streamed answer that waits so long in all for its client is cut unless it took so many bytes for each second; default 60, 8 KiB. */
    unsigned stream_grace_s;
    size_t stream_min_rate;
    size_t workers; /* calls that wait at once; default 32 */
    size_t queue;   /* further ones that queue; default 4 for each worker. Then 503 */
    void (*handle)(void *ctx, const struct http_req *req, struct http_resp *resp);
    /* May handle() wait for this request? Cheap; on the thread that serves the connection. NULL: never. */
    bool (*waits)(void *ctx, const struct http_req *req);
    void *ctx;
    struct thread_hooks
        hooks; /* begin: more than once in threads that serve connections, and no end there */
};
/* INVALID when the address cannot be bound; the message says who to look for ("address already in use"). */
struct http_server *http_server_start(const struct http_server_config *cfg, struct err *err);
uint16_t http_server_redirect_port(const struct http_server *s); /* 0: none */
/* Ends event streams, waits for handlers and sends their answers. Calls that queue are refused. Any thread but one
 * that a handler waits for. */
void http_server_stop(struct http_server *s);
uint16_t http_server_port(const struct http_server *s);
#define HTTP_REJECTIONS(X)                                                 \
    X(BODY, "body")               /* larger than may be */                 \
    X(WORKERS, "workers")         /* too many calls wait */                \
    X(STOPPING, "stopping")       /* the server */                         \
    X(EVENTS, "events")           /* too many event streams */             \
    X(CONNECTIONS, "connections") /* too many of one address */            \
    X(RATE, "rate")               /* too many requests of one address */   \
    X(SLOW, "slow")               /* the request did not arrive in time */ \
    X(MALFORMED, "malformed")     /* its length can be understood in two ways */
enum http_rejection {
#define HTTP_REJECTION(name, text) HTTP_REJECT_##name,
    HTTP_REJECTIONS(HTTP_REJECTION)
#undef HTTP_REJECTION
        HTTP_REJECTIONS_N
};
const char *http_rejection_name(enum http_rejection r);

struct http_server_stats {
    uint64_t requests, rejected, connections_now;
    uint64_t rejected_by[HTTP_REJECTIONS_N];
    uint64_t tls_reloads, tls_failures;
    int64_t tls_expires_ms; /* of the certificate in use; 0: no TLS */
    uint64_t streams_now,
        streams_cut; /* streamed answers; those cut off because the client took too little */
    struct workers_stats workers;
} http_server_stats(const struct http_server *s);
struct http_server_stats http_req_server_stats(const struct http_req *req); /* of its server */

/* Server-sent events (WHATWG HTML, 9.2): published events go to the open streams that want them, some milliseconds later
 * and from a thread of the hub's. A stream for which 256 KiB wait is closed; the client reconnects and reads afresh.
 * Thread-safe. At most 8192 streams; further ones are answered 503. */
struct sse_hub *sse_hub_new(void);
void sse_hub_free(struct sse_hub *h);
/* event NULL sends a comment line: to be called after 15 s of silence, so that proxies keep the stream
 * and a client that left is noticed. A client that reconnects after missing events gets event "reset". */
void sse_publish(struct sse_hub *h, const char *event, const char *json, size_t n);
/* What it is about decides who gets it. */
struct sse_about {
    uint64_t subject;   /* 0: none */
    bool subjects_only; /* only for streams that named the subject, or named none at all */
    const char *group;  /* for streams that may only see some groups; NULL: of none */
};
void sse_publish_about(struct sse_hub *h, const struct sse_about *about, const char *event,
                       const char *json, size_t n);
size_t sse_streams(const struct sse_hub *h);
/* Asks of each stream whether its guest may stay, soon: to be called each second. */
void sse_check(struct sse_hub *h);
/* May anybody want what is only for those who watch the subject? Cheap, without a lock; seldom true for nothing. */
bool sse_wants(const struct sse_hub *h, uint64_t subject);

#endif
