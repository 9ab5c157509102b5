/* What a transfer is told before http_curl.c starts it: method, headers, account, TLS, route, limits, and the callbacks that
 * take what arrives. curl never resolves a name: addresses go in by CURLOPT_RESOLVE, so its threaded resolver never starts.
 *
 * Callbacks run on the loop's own stack (inside curl_multi_socket_action) and must not wait. */
#include "io/http_curl_priv.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

/* --- callbacks of a transfer --- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    long status = 0;
    curl_easy_getinfo(x->easy, CURLINFO_RESPONSE_CODE, &status);
    int rc = http__take_body(x->hop, (int)status, p, size * n, &x->error);
    x->enough = rc == 0;
    return rc == 1 ? size * n : 0;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    size_t len = size * n;
    while (len > 0 && (p[len - 1] == '\n' || p[len - 1] == '\r')) {
        len--;
    }
    if (len >= 5 && strncasecmp(p, "HTTP/", 5) == 0) { /* a new response: drop 1xx and the like */
        buf_clear(&x->hop->resp->headers);
    } else if (len > 0 && http__take_header(x->hop, p, len, &x->error) != 0) {
        return 0;
    }
    return size * n;
}

static CURLcode on_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg)
{
    struct exchange *x = arg;
    if (x->options != NULL) { /* parsed once, shared by all connections */
        SSL_CTX_set1_cert_store(ssl_ctx, SSL_CTX_get_cert_store(x->options));
    }
    SSL_CTX_set_cert_verify_callback(ssl_ctx, tls__verify, x->hop->seen);
    return CURLE_OK;
}

/* arg is NULL for kept connections: those are closed politely. */
static int on_close(void *arg, curl_socket_t fd)
{
    if (arg != NULL) {
        struct linger abort_it = {.l_onoff = 1, .l_linger = 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it));
    }
    return close(fd);
}

/* --- preparing a transfer --- */

static void add_header(struct exchange *x, const char *name, const char *value)
{
    /* "Name;" is curl's spelling of a header without a value. */
    const char *line = value[0] != '\0' ? arena_printf(x->hop->arena, "%s: %s", name, value)
                                        : arena_printf(x->hop->arena, "%s;", name);
    x->headers = curl_slist_append(x->headers, line);
    must(x->headers != NULL);
}

static void set_headers(struct exchange *x)
{
    const struct http_hop *h = x->hop;
    const struct http_request *req = h->req;
    bool renamed = !streq(h->tls.server_name, h->url.host);
    for (size_t i = 0; i < req->n_headers; i++) {
        if (http__header_goes(h, &req->headers[i])) {
            add_header(x, req->headers[i].name, req->headers[i].value);
        }
    }
    if (h->cookies != NULL) {
        add_header(x, "Cookie", h->cookies);
    }
    char *auth = http__authorization(h);
    if (auth != NULL && !(h->send_auth && http__has_header(req, "Authorization"))) {
        add_header(x, "Authorization", auth);
    }
    if (renamed && h->url.https && !(h->send_auth && http__has_header(req, "Host"))) {
        add_header(x, "Host", http_url_authority(&h->url, h->arena));
    }
    if (h->send_body && !http__has_header(req, "Expect")) {
        x->headers = curl_slist_append(x->headers, "Expect:"); /* no pause for 100-continue */
    }
    /* NTLM authenticates a connection, in three messages; a digest needs two. */
    bool closes =
        !req->keep_alive && !req->http2 && !req->http2_at_once && req->auth == HTTP_AUTH_BASIC;
    if (closes && !http__has_header(req, "Connection")) {
        add_header(x, "Connection", "close");
    }
    curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
}

static void set_account(struct exchange *x)
{
    static const unsigned long schemes[] = {CURLAUTH_BASIC, CURLAUTH_DIGEST, CURLAUTH_NTLM};
    const struct http_request *req = x->hop->req;
    must((size_t)req->auth < array_len(schemes));
    if (req->username == NULL || req->auth == HTTP_AUTH_BASIC || !x->hop->send_auth) {
        return; /* a header: set_headers */
    }
    curl_easy_setopt(x->easy, CURLOPT_HTTPAUTH, schemes[req->auth]);
    curl_easy_setopt(x->easy, CURLOPT_USERNAME, req->username);
    curl_easy_setopt(x->easy, CURLOPT_PASSWORD, req->password != NULL ? req->password : "");
}

static void set_method(struct exchange *x)
{
    const struct http_hop *h = x->hop;
    if (h->send_body) {
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)h->req->body_len);
        curl_easy_setopt(x->easy, CURLOPT_POSTFIELDS, h->req->body);
    }
    if (streq(h->method, "HEAD")) {
        curl_easy_setopt(x->easy, CURLOPT_NOBODY, 1L);
    } else if (!streq(h->method, h->send_body ? "POST" : "GET")) {
        curl_easy_setopt(x->easy, CURLOPT_CUSTOMREQUEST, h->method);
    }
}

static long tls_version(int v)
{
    static const long table[4] = {CURL_SSLVERSION_TLSv1_0, CURL_SSLVERSION_TLSv1_1,
                                  CURL_SSLVERSION_TLSv1_2, CURL_SSLVERSION_TLSv1_3};
    return v >= 10 && v <= 13 ? table[v - 10] : CURL_SSLVERSION_DEFAULT;
}

static long tls_max_version(int v)
{
    static const long table[4] = {CURL_SSLVERSION_MAX_TLSv1_0, CURL_SSLVERSION_MAX_TLSv1_1,
                                  CURL_SSLVERSION_MAX_TLSv1_2, CURL_SSLVERSION_MAX_TLSv1_3};
    return v >= 10 && v <= 13 ? table[v - 10] : CURL_SSLVERSION_MAX_DEFAULT;
}

static int set_tls(struct exchange *x, struct err *err)
{
    const struct http_hop *h = x->hop;
    const struct tls_options *tls = &h->tls;
    struct tls_options store = {.verify = tls->verify, .ca_file = tls->ca_file};
    x->options = tls__ctx(x->curl->client->loop, &store, err);
    if (x->options == NULL) {
        return -1;
    }
    curl_easy_setopt(x->easy, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(x->easy, CURLOPT_CAPATH, NULL);
    curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYPEER, tls->verify ? 1L : 0L);
    curl_easy_setopt(x->easy, CURLOPT_SSL_VERIFYHOST, tls->verify ? 2L : 0L);
    curl_easy_setopt(x->easy, CURLOPT_SSL_CTX_FUNCTION, on_ssl_ctx);
    curl_easy_setopt(x->easy, CURLOPT_SSL_CTX_DATA, x);
    curl_easy_setopt(x->easy, CURLOPT_SSLVERSION,
                     tls_version(tls->min_version) | tls_max_version(tls->max_version));
#if LIBCURL_VERSION_NUM >= 0x075700
    /* curl would keep our store as that of all who name no CAINFO: one target's authority trusted by the next. */
    curl_easy_setopt(x->easy, CURLOPT_CA_CACHE_TIMEOUT, 0L);
#endif
    if (!h->req->keep_alive) {
        curl_easy_setopt(x->easy, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    }
    if (tls->cert_file != NULL) {
        curl_easy_setopt(x->easy, CURLOPT_SSLCERT, tls->cert_file);
        curl_easy_setopt(x->easy, CURLOPT_SSLKEY,
                         tls->key_file != NULL ? tls->key_file : tls->cert_file);
    }
    return 0;
}

/* "host:port:addr,addr": the only way a name reaches curl. */
static void add_resolve(struct exchange *x, const char *host, uint16_t port,
                        const struct resolved *to)
{
    char ip[ADDR_TEXT];
    struct buf b = BUF_INIT(4096);
    if (strchr(host, ':') != NULL) {
        return; /* an address: curl cannot read it here, and needs no help with it */
    }
    buf_printf(&b, "%s:%u:", host, port);
    for (int i = 0; i < to->n; i++) {
        bool six = to->at[i].sa.sa_family == AF_INET6;
        buf_printf(&b, six ? "%s[%s]" : "%s%s", i ? "," : "", addr_ip(&to->at[i], ip));
    }
    x->resolve = curl_slist_append(x->resolve, b.data);
    must(x->resolve != NULL);
    buf_done(&b);
}

/* What CONNECT carries; the target's own headers are not for the proxy's eyes. */
static void set_proxy_headers(struct exchange *x)
{
    const struct http_hop *h = x->hop;
    curl_easy_setopt(x->easy, CURLOPT_HEADEROPT, CURLHEADER_SEPARATE);
    for (size_t i = 0; h->url.https && i < h->req->n_proxy_headers; i++) {
        const struct http_header *p = &h->req->proxy_headers[i];
        x->proxy_headers = curl_slist_append(x->proxy_headers,
                                             arena_printf(h->arena, "%s: %s", p->name, p->value));
        must(x->proxy_headers != NULL);
    }
    curl_easy_setopt(x->easy, CURLOPT_PROXYHEADER, x->proxy_headers);
}

/* Resolves the proxy's own name; for plain SOCKS5 the target's too, because curl would. */
static int set_proxy(struct exchange *x, struct err *err)
{
    struct http_hop *h = x->hop;
    const char *text = h->proxy;
    char host[256];
    CURLU *u = curl_url();
    char *name = NULL, *port_text = NULL, *scheme = NULL;
    int rc = -1;
    if (curl_url_set(u, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME | CURLU_DEFAULT_SCHEME) ||
        curl_url_get(u, CURLUPART_HOST, &name, 0) ||
        curl_url_get(u, CURLUPART_SCHEME, &scheme, 0) || strlen(name) >= sizeof(host)) {
        err_set(err, ERR_INVALID, "cannot use the proxy \"%.120s\": want scheme://host:port", text);
        goto out;
    }
    bool socks = strncasecmp(scheme, "socks", 5) == 0;
    uint64_t port = strcasecmp(scheme, "https") == 0 ? 443 : 1080; /* curl's defaults */
    if (curl_url_get(u, CURLUPART_PORT, &port_text, 0) == CURLUE_OK) {
        str_to_u64(str_of(port_text), &port, NULL);
    }
    size_t n = strlen(name);
    bool bracketed = name[0] == '[' && n > 2;
    memcpy(host, bracketed ? name + 1 : name, n + 1);
    host[bracketed ? n - 2 : n] = '\0';
    int64_t until = http__connect_until(h->req);
    if (resolve(x->curl->client->resolver, host, (uint16_t)port, IP_ANY, until, &h->to, err) != 0) {
        err_prefix(err, "proxy");
        goto out;
    }
    add_resolve(x, host, (uint16_t)port, &h->to);
    if (socks && scheme[strlen(scheme) - 1] != 'h' && strcasecmp(scheme, "socks4a") != 0) {
        struct resolved to;
        if (resolve(x->curl->client->resolver, h->url.host, h->url.port, h->req->ip, until, &to,
                    err) != 0) {
            goto out;
        }
        add_resolve(x, h->url.host, h->url.port, &to);
    }
    curl_easy_setopt(x->easy, CURLOPT_PROXY, text);
    set_proxy_headers(x);
    rc = 0;
out:
    curl_free(name);
    curl_free(port_text);
    curl_free(scheme);
    curl_url_cleanup(u);
    return rc;
}

/* The URL for curl: TLS takes SNI and the name to verify from its host. */
static const char *curl_url_text(const struct http_hop *h)
{
    if (streq(h->tls.server_name, h->url.host) || !h->url.https) {
        return h->url_text;
    }
    bool six = strchr(h->tls.server_name, ':') != NULL;
    return arena_printf(h->arena, six ? "https://[%s]:%u%s" : "https://%s:%u%s", h->tls.server_name,
                        h->url.port, h->url.target);
}

static int set_route(struct exchange *x, struct err *err)
{
    struct http_hop *h = x->hop;
    /* With a preference, the addresses that are given were chosen by it. */
    static const long ip[] = {CURL_IPRESOLVE_WHATEVER, CURL_IPRESOLVE_V4, CURL_IPRESOLVE_V6,
                              CURL_IPRESOLVE_WHATEVER, CURL_IPRESOLVE_WHATEVER};
    curl_easy_setopt(x->easy, CURLOPT_URL, curl_url_text(h));
    curl_easy_setopt(x->easy, CURLOPT_IPRESOLVE, ip[h->req->ip]);
    curl_easy_setopt(x->easy, CURLOPT_PROXY, ""); /* the environment is not consulted */
    curl_easy_setopt(x->easy, CURLOPT_NOPROXY, "");
    if (h->req->unix_socket != NULL) {
        curl_easy_setopt(x->easy, CURLOPT_UNIX_SOCKET_PATH, h->req->unix_socket);
    } else if (h->proxy != NULL) {
        if (set_proxy(x, err) != 0) {
            return -1;
        }
    } else {
        add_resolve(x, h->url.https ? h->tls.server_name : h->url.host, h->url.port, &h->to);
    }
    curl_easy_setopt(x->easy, CURLOPT_RESOLVE, x->resolve);
    return 0;
}

static void set_limits(struct exchange *x)
{
    const struct http_request *req = x->hop->req;
    CURL *e = x->easy;
    if (http__connect_until(req) != IO_FOREVER) {
        int64_t ms = (http__connect_until(req) - clock_mono_ns()) / NS_PER_MS;
        curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(ms < 1 ? 1 : ms));
    }
    if (!req->keep_alive) {
        curl_easy_setopt(e, CURLOPT_FRESH_CONNECT, 1L);
        curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
        curl_easy_setopt(e, CURLOPT_CLOSESOCKETDATA, x->curl);
    }
    curl_easy_setopt(e, CURLOPT_CLOSESOCKETFUNCTION, on_close);
    long version = req->http2_at_once ? CURL_HTTP_VERSION_2_PRIOR_KNOWLEDGE
                   : req->http2       ? CURL_HTTP_VERSION_2TLS
                                      : CURL_HTTP_VERSION_1_1;
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, version);
    if (req->encoding != NULL) {
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, req->encoding);
    } else if (req->accept_compressed) {
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, ""); /* everything that curl can undo */
    }
}

int http__curl_prepare(struct exchange *x, struct err *err)
{
    must(x->easy != NULL && x->hop != NULL && !x->done);
    CURL *e = x->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, x);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, x->text);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, x);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, x);
    curl_easy_setopt(e, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
    curl_easy_setopt(e, CURLOPT_USERAGENT, http__user_agent(x->hop));
    set_method(x);
    set_headers(x);
    set_account(x);
    set_limits(x);
    if (x->hop->url.https && set_tls(x, err) != 0) {
        return -1;
    }
    return set_route(x, err);
}
