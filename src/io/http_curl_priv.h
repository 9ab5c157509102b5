/* Between http_curl.c, which drives libcurl, and http_curl_setup.c, which tells a transfer what to do. */
#ifndef IO_HTTP_CURL_PRIV_H
#define IO_HTTP_CURL_PRIV_H

#include <curl/curl.h>

#include "io/http_priv.h"

#define HTTP_CURL_POOL 64 /* idle easy handles */

struct http_curl {
    uint32_t magic;
    struct http_client *client;
    CURLM *multi;
    struct timer timer;
    CURL *pool[HTTP_CURL_POOL];
    int n_pool;
    int n_running;
};

/* One request and its answer; lies on the stack of the fiber that asked. */
struct exchange {
    struct http_curl *curl;
    struct http_hop *hop;
    struct fiber *fiber;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *resolve;
    struct curl_slist *proxy_headers;
    SSL_CTX *options; /* where the certificate store comes from */
    bool done;
    bool enough; /* our write callback ended the transfer on purpose */
    CURLcode code;
    struct err error; /* of a callback */
    char text[CURL_ERROR_SIZE];
};

/* Everything that x->easy must know of x->hop; resolves the proxy's name. The lists that it makes are freed by the caller,
 * on failure too. On the fiber. */
int http__curl_prepare(struct exchange *x, struct err *err);

#endif
