/* HTTP client for probes and deliveries: libcurl's multi interface driven by the loop, called from
 * fibers. Names are resolved by our resolver first and handed over, so curl starts no thread.
 * RFC 9110/9112/9113; proxies http/https/socks5(h). */
#ifndef IO_HTTP_CLIENT_H
#define IO_HTTP_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "io/addr.h"
#include "io/resolve.h"
#include "io/tls.h"

struct http_client;

struct http_client *http_client_new(struct loop *l, struct resolver *r, struct err *err);
void http_client_free(struct http_client *c);

/* How username and password are sent. X(NAME, "name"): RFC 7617, RFC 7616, MS-NLMP */
#define HTTP_AUTHS(X)   \
    X(BASIC, "basic")   \
    X(DIGEST, "digest") \
    X(NTLM, "ntlm")
enum http_auth {
#define X(name, text) HTTP_AUTH_##name,
    HTTP_AUTHS(X)
#undef X
};

struct http_header {
    const char *name;
    const char *value;
};

struct http_request {
    const char *method; /* NULL: GET, or POST with a body */
    const char *url;
    const struct http_header *headers;
    size_t n_headers;
    const void *body;
    size_t body_len;
    const char *username, *password;
    enum http_auth auth;
    const char *bearer;
    const char *user_agent; /* NULL: "Belfry/VERSION" */
    bool follow_redirects;
    int max_redirects;
    const char *proxy;           /* NULL: none (the environment is not consulted) */
    const char *const *no_proxy; /* n_no_proxy rules of http_goes_direct */
    size_t n_no_proxy;
    const struct http_header *proxy_headers; /* of CONNECT, for https through a proxy */
    size_t n_proxy_headers;
    bool cookies;            /* those that a redirect sets go along with what follows */
    const char *unix_socket; /* connect here instead of the host (command line client) */
    struct tls_options tls;  /* server_name NULL: the URL's host */
    enum ip_version ip;
    bool http2;             /* offer h2 by ALPN (https) */
    bool http2_at_once;     /* speak h2 without asking first (gRPC); trailers join the headers */
    bool accept_compressed; /* send Accept-Encoding and decompress (bounded by max_body) */
    bool
        one_address; /* of the URL's host, not of those it is redirected to: see resolved_keep_one */
    const char *encoding;        /* the same for this one alone: "gzip", "deflate", "br" */
    bool keep_alive;             /* reuse connections (deliveries); false: a fresh one each time */
    size_t max_body;             /* bytes kept after decompression; past it the transfer ends */
    bool past_max_is_error;      /* else the body is cut and `truncated` set */
    bool past_max_is_read;       /* on to the end, counted in `body_total` alone */
    size_t max_header;           /* bytes of response headers, 0: 64 KiB */
    int64_t connect_deadline_ns; /* absolute; for resolve+connect+tls; 0: deadline_ns */
    int64_t deadline_ns;         /* absolute; whole exchange */
    bool want_certs;             /* fill response.tls.chain */
    /* optional: stream instead of collecting; must not wait. status: of the answer that it is of */
    void (*on_body)(void *arg, int status, const char *p, size_t n);
    void *on_body_arg;
};

struct http_response {
    int status;  /* 0: none received */
    int version; /* 10, 11, 20 */
    int redirects;
    bool redirect_refused; /* the answer is a redirect that was not followed */
    struct buf body;       /* caller: buf_done, or http_response_done */
    struct buf headers;    /* raw header lines of the last response, "Name: value\n" */
    bool truncated;
    uint64_t body_total;    /* bytes of the body that were read, kept or not */
    int64_t content_length; /* -1 unknown */
    struct addr peer;       /* address used, family 0 if none */
    char effective_url[1024];
    struct tls_info tls;
    /* phases, ns; summed over redirects as blackbox_exporter does */
    int64_t resolve_ns, connect_ns, tls_ns, processing_ns, transfer_ns, total_ns;
};

/* Performs one exchange; on a fiber. On failure (-1) *resp holds what was learned until then.
 * chain strings live in `a`. */
int http_fetch(struct http_client *c, const struct http_request *req, struct arena *a,
               struct http_response *resp, struct err *err);
void http_response_done(struct http_response *resp);
/* First header of that name (case-insensitive) in resp->headers, copied to a; NULL if absent. */
const char *http_response_header(const struct http_response *resp, const char *name,
                                 struct arena *a);
/* The same from the place *at in resp->headers on (0: the first); *at moves behind it, for those that come repeatedly. */
const char *http_response_next(const struct http_response *resp, const char *name, size_t *at,
                               struct arena *a);

#endif
