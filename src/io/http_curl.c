/* The HTTP engine on libcurl's multi socket interface: proxies, HTTP/2, compression, kept connections.
 * The loop's watches and one timer drive it; the fiber that asked is parked meanwhile. curl never
 * resolves a name: addresses go in by CURLOPT_RESOLVE, so its threaded resolver never starts.
 *
 * Callbacks run on the loop's own stack (inside curl_multi_socket_action) and must not wait. */
#include "io/http_priv.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"

#define HTTP_CURL_MAGIC 0xc0713e01u
#define POOL_MAX        64 /* idle easy handles */
#define KEPT_MAX        64 /* idle connections of kept-alive requests */

struct http_curl {
    uint32_t magic;
    struct http_client *client;
    CURLM *multi;
    struct timer timer;
    CURL *pool[POOL_MAX];
    int n_pool;
    int n_running;
};

struct socket_watch {
    struct http_curl *curl;
    curl_socket_t fd;
    struct watch *watch;
};

struct exchange {
    struct http_curl *curl;
    struct http_hop *hop;
    struct fiber *fiber;
    CURL *easy;
    struct curl_slist *headers;
    struct curl_slist *resolve;
    SSL_CTX *options; /* where the certificate store comes from */
    bool done;
    bool enough; /* our write callback ended the transfer on purpose */
    CURLcode code;
    struct err error; /* of a callback */
    char text[CURL_ERROR_SIZE];
};

/* --- driving the multi handle --- */

static void collect_finished(struct http_curl *c)
{
    int left;
    CURLMsg *m;
    while ((m = curl_multi_info_read(c->multi, &left)) != NULL) {
        struct exchange *x = NULL;
        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&x);
        must(x != NULL && x->curl == c && !x->done);
        x->done = true;
        x->code = m->data.result;
        fiber_wake(x->fiber);
    }
}

static void act(struct http_curl *c, curl_socket_t fd, int what)
{
    int running;
    check_magic(c, HTTP_CURL_MAGIC);
    must(curl_multi_socket_action(c->multi, fd, what, &running) == CURLM_OK);
    collect_finished(c);
}

static void on_ready(void *arg, int events)
{
    const struct socket_watch *s = arg;
    act(s->curl, s->fd,
        ((events & IO_READ) ? CURL_CSELECT_IN : 0) | ((events & IO_WRITE) ? CURL_CSELECT_OUT : 0));
}

static void on_timer(struct timer *t)
{
    act(container_of(t, struct http_curl, timer), CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout_change(CURLM *m, long ms, void *arg)
{
    struct http_curl *c = arg;
    check_magic(c, HTTP_CURL_MAGIC);
    if (ms < 0) {
        timer_stop(&c->timer);
    } else {
        timer_start(c->client->loop, &c->timer, clock_mono_ns() + ms * NS_PER_MS, on_timer);
    }
    return 0;
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socketp)
{
    struct http_curl *c = arg;
    struct socket_watch *s = socketp;
    check_magic(c, HTTP_CURL_MAGIC);
    if (what == CURL_POLL_REMOVE) {
        if (s != NULL) {
            watch_close(&s->watch);
            curl_multi_assign(c->multi, fd, NULL);
            free(s);
        }
        return 0;
    }
    int events = ((what & CURL_POLL_IN) ? IO_READ : 0) | ((what & CURL_POLL_OUT) ? IO_WRITE : 0);
    if (s != NULL) {
        return watch_set(s->watch, events, NULL);
    }
    s = malloc(sizeof(*s));
    must(s != NULL);
    *s = (struct socket_watch){.curl = c, .fd = fd};
    s->watch = watch_open(c->client->loop, fd, events, on_ready, s, NULL);
    if (s->watch == NULL) {
        free(s);
        return -1;
    }
    curl_multi_assign(c->multi, fd, s);
    return 0;
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

struct http_curl *http__curl_new(struct http_client *client, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) { /* counted by curl */
        err_set(err, ERR_INTERNAL, "cannot start libcurl");
        return NULL;
    }
    struct http_curl *c = calloc(1, sizeof(*c));
    must(c != NULL);
    c->magic = HTTP_CURL_MAGIC;
    c->client = client;
    c->multi = curl_multi_init();
    must(c->multi != NULL);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timeout_change);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)KEPT_MAX);
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    return c;
}

void http__curl_free(struct http_curl *c)
{
    check_magic(c, HTTP_CURL_MAGIC);
    must(c->n_running == 0); /* fibers end before their client */
    for (int i = 0; i < c->n_pool; i++) {
        curl_easy_cleanup(c->pool[i]);
    }
    curl_multi_cleanup(c->multi);
    timer_stop(&c->timer);
    c->magic = 0;
    free(c);
    curl_global_cleanup();
}

/* --- callbacks of a transfer --- */

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct exchange *x = arg;
    int rc = http__take_body(x->hop, p, size * n, &x->error);
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
    if (!req->keep_alive && !req->http2 && !http__has_header(req, "Connection")) {
        add_header(x, "Connection", "close");
    }
    curl_easy_setopt(x->easy, CURLOPT_HTTPHEADER, x->headers);
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
    curl_easy_setopt(x->easy, CURLOPT_SSLVERSION, tls_version(tls->min_version));
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
    buf_printf(&b, strchr(host, ':') ? "[%s]:%u:" : "%s:%u:", host, port);
    for (int i = 0; i < to->n; i++) {
        bool six = to->at[i].sa.sa_family == AF_INET6;
        buf_printf(&b, six ? "%s[%s]" : "%s%s", i ? "," : "", addr_ip(&to->at[i], ip));
    }
    x->resolve = curl_slist_append(x->resolve, b.data);
    must(x->resolve != NULL);
    buf_done(&b);
}

/* Resolves the proxy's own name; for plain SOCKS5 the target's too, because curl would. */
static int set_proxy(struct exchange *x, struct err *err)
{
    struct http_hop *h = x->hop;
    const char *text = h->req->proxy;
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
    static const long ip[] = {CURL_IPRESOLVE_WHATEVER, CURL_IPRESOLVE_V4, CURL_IPRESOLVE_V6};
    curl_easy_setopt(x->easy, CURLOPT_URL, curl_url_text(h));
    curl_easy_setopt(x->easy, CURLOPT_IPRESOLVE, ip[h->req->ip]);
    curl_easy_setopt(x->easy, CURLOPT_PROXY, ""); /* the environment is not consulted */
    curl_easy_setopt(x->easy, CURLOPT_NOPROXY, "");
    if (h->req->unix_socket != NULL) {
        curl_easy_setopt(x->easy, CURLOPT_UNIX_SOCKET_PATH, h->req->unix_socket);
    } else if (h->req->proxy != NULL) {
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
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION,
                     (long)(req->http2 ? CURL_HTTP_VERSION_2TLS : CURL_HTTP_VERSION_1_1));
    if (req->accept_compressed) {
        curl_easy_setopt(e, CURLOPT_ACCEPT_ENCODING, ""); /* everything that curl can undo */
    }
}

static int prepare(struct exchange *x, struct err *err)
{
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
    set_limits(x);
    if (x->hop->url.https && set_tls(x, err) != 0) {
        return -1;
    }
    return set_route(x, err);
}

/* --- after a transfer --- */

static int64_t phase(CURL *e, CURLINFO what)
{
    curl_off_t us = 0;
    curl_easy_getinfo(e, what, &us);
    return (int64_t)us * 1000;
}

static int64_t gap(int64_t from, int64_t to)
{
    return to > from ? to - from : 0;
}

static void learn(struct exchange *x)
{
    struct http_response *resp = x->hop->resp;
    CURL *e = x->easy;
    long status = 0, version = 0, port = 0;
    curl_off_t length = -1;
    char *ip = NULL;
    curl_easy_getinfo(e, CURLINFO_RESPONSE_CODE, &status);
    curl_easy_getinfo(e, CURLINFO_HTTP_VERSION, &version);
    curl_easy_getinfo(e, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &length);
    curl_easy_getinfo(e, CURLINFO_PRIMARY_IP, &ip);
    curl_easy_getinfo(e, CURLINFO_PRIMARY_PORT, &port);
    resp->status = (int)status;
    resp->version = version == CURL_HTTP_VERSION_1_0   ? 10
                    : version == CURL_HTTP_VERSION_2_0 ? 20
                                                       : 11;
    resp->content_length = length;
    if (ip == NULL || !addr_parse_ip(ip, (uint16_t)port, &resp->peer)) {
        resp->peer = x->hop->to.at[0];
    }
    int64_t lookup = phase(e, CURLINFO_NAMELOOKUP_TIME_T),
            connect = phase(e, CURLINFO_CONNECT_TIME_T);
    int64_t app = phase(e, CURLINFO_APPCONNECT_TIME_T), pre = phase(e, CURLINFO_PRETRANSFER_TIME_T);
    int64_t first = phase(e, CURLINFO_STARTTRANSFER_TIME_T), all = phase(e, CURLINFO_TOTAL_TIME_T);
    resp->connect_ns += gap(lookup, connect);
    resp->tls_ns += app > 0 ? gap(connect, app) : 0;
    resp->processing_ns += first > 0 ? gap(pre, first) : 0;
    resp->transfer_ns += first > 0 ? gap(first, all) : 0;
}

static int failed(struct exchange *x, struct err *err)
{
    char peer[ADDR_TEXT];
    long error = 0;
    struct http_hop *h = x->hop;
    const char *who =
        h->req->unix_socket != NULL ? h->req->unix_socket : addr_text(&h->resp->peer, peer);
    curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &error);
    switch (x->code) {
    case CURLE_COULDNT_CONNECT:
        return error != 0 ? io__fail_connect((int)error, who, "connect to", err)
                          : err_set(err, ERR_REFUSED, "cannot connect to %s: %s", who, x->text);
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_TIMEOUT, "timeout while connecting to %s", who);
    case CURLE_PEER_FAILED_VERIFICATION:
        if (h->seen->error == X509_V_OK) { /* curl looks at the name after the chain */
            h->seen->error = X509_V_ERR_HOSTNAME_MISMATCH;
            h->seen->verified = false;
        }
        return tls__fail(h->seen, h->tls.server_name, who, err);
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CERTPROBLEM:
    case CURLE_SSL_CIPHER:
        return err_set(err, ERR_TLS, "TLS handshake with %s failed: %s", who, x->text);
    case CURLE_GOT_NOTHING:
        return err_set(err, ERR_PROTOCOL, "%s closed the connection without an answer", who);
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return err_set(err, ERR_REFUSED, "the connection to %s broke: %s", who, x->text);
    default:
        return err_set(err, ERR_PROTOCOL, "%s: %s", who,
                       x->text[0] ? x->text : curl_easy_strerror(x->code));
    }
}

static int wait_done(struct exchange *x, struct err *err)
{
    struct err e = {0};
    while (!x->done) {
        if (fiber_park(x->hop->req->deadline_ns, &e) == 0) {
            continue;
        }
        if (e.code == ERR_TIMEOUT) {
            return err_set(err, ERR_TIMEOUT, "timeout while waiting for an answer from %s",
                           x->hop->url.host);
        }
        return err_set(err, e.code, "%s", e.msg);
    }
    return 0;
}

static int perform(struct exchange *x, struct err *err)
{
    must(curl_multi_add_handle(x->curl->multi, x->easy) == CURLM_OK);
    x->curl->n_running++;
    int rc = wait_done(x, err);
    curl_multi_remove_handle(x->curl->multi, x->easy);
    x->curl->n_running--;
    learn(x);
    if (rc != 0) {
        return rc;
    }
    if (x->error.code != ERR_OK) {
        if (err != NULL) {
            *err = x->error;
        }
        return -1;
    }
    return x->code == CURLE_OK || x->enough ? 0 : failed(x, err);
}

static CURL *take_easy(struct http_curl *c)
{
    CURL *e = c->n_pool > 0 ? c->pool[--c->n_pool] : curl_easy_init();
    must(e != NULL);
    return e;
}

static void give_easy(struct http_curl *c, CURL *e)
{
    if (c->n_pool == POOL_MAX) {
        curl_easy_cleanup(e);
        return;
    }
    curl_easy_reset(e);
    c->pool[c->n_pool++] = e;
}

int http__curl_hop(struct http_curl *c, struct http_hop *h, struct err *err)
{
    check_magic(c, HTTP_CURL_MAGIC);
    struct exchange x = {.curl = c, .hop = h, .fiber = fiber_self(), .easy = take_easy(c)};
    int rc = prepare(&x, err);
    if (rc == 0) {
        rc = perform(&x, err);
    }
    give_easy(c, x.easy);
    curl_slist_free_all(x.headers);
    curl_slist_free_all(x.resolve);
    return rc;
}
