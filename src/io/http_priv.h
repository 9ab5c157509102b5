/* Between http_client.c (names, redirects, phases) and its two engines: http_plain.c, HTTP/1.1 over a
 * struct stream, and http_curl.c for everything else. */
#ifndef IO_HTTP_PRIV_H
#define IO_HTTP_PRIV_H

#include "io/http_client.h"
#include "io/http_route.h"
#include "io/http_url.h"
#include "io/stream_priv.h"

#define HTTP_MAX_HEADER_DEFAULT ((size_t)64 << 10)
#define HTTP_MAX_HOPS           20

struct http_curl;

struct http_client {
    uint32_t magic;
    struct loop *loop;
    struct resolver *resolver;
    struct http_curl *curl;
    char *scratch; /* HTTP_SCRATCH bytes: whoever has just read uses it, without waiting */
};
#define HTTP_SCRATCH      ((size_t)64 << 10)
#define HTTP_CLIENT_MAGIC 0x47741c11u

/* One request and its answer, without redirects. Engines fill resp and add to its phases. */
struct http_hop {
    struct http_client *client;
    const struct http_request *req;
    struct arena *arena;
    const char *url_text;
    struct http_url url;
    const char *method;
    bool send_body;
    bool send_auth;       /* still the host that the user named */
    const char *proxy;    /* for this hop; NULL: none */
    const char *cookies;  /* to send; NULL: none */
    struct http_jar *jar; /* NULL: none are kept */
    struct resolved to;
    struct tls_options tls; /* server_name is set */
    struct http_response *resp;
    struct tls_seen *seen;
};

/* Takes n body bytes: collects or streams them within max_body. 1 go on, 0 enough (truncated), -1. */
int http__take_body(struct http_hop *h, int status, const char *p, size_t n, struct err *err);
/* Adds one header line (no line end) within max_header. */
int http__take_header(struct http_hop *h, const char *p, size_t n, struct err *err);
int64_t http__connect_until(const struct http_request *req);
size_t http__max_header(const struct http_hop *h);
const char *http__user_agent(const struct http_hop *h);
bool http__has_header(const struct http_request *req, const char *name);
/* "Basic …" or "Bearer …" in the arena; NULL when there is none to send. */
char *http__authorization(const struct http_hop *h);
/* Headers that carry a secret stay with the host that the user named. */
bool http__header_goes(const struct http_hop *h, const struct http_header *header);

int http__plain_hop(struct http_hop *h, struct err *err);

struct http_curl *http__curl_new(struct http_client *c, struct err *err);
void http__curl_free(struct http_curl *c);
int http__curl_hop(struct http_curl *c, struct http_hop *h, struct err *err);

#endif
