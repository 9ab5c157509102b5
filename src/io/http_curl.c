/* The HTTP engine on libcurl's multi socket interface: proxies, HTTP/2, compression, kept connections.
 * The loop's watches and one timer drive it; the fiber that asked is parked meanwhile. What a transfer is told
 * before it starts is http_curl_setup.c's.
 *
 * Callbacks run on the loop's own stack (inside curl_multi_socket_action) and must not wait. */
#include "io/http_curl_priv.h"

#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"

#define HTTP_CURL_MAGIC 0xc0713e01u
#define KEPT_MAX        64 /* idle connections of kept-alive requests */

struct socket_watch {
    struct http_curl *curl;
    curl_socket_t fd;
    struct watch *watch;
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

/* What the proxy did not do; 1: it is not to blame. */
static int proxy_failed(struct exchange *x, const char *who, const char *peer, int error,
                        struct err *err)
{
    must(x->hop->proxy != NULL);
    switch (x->code) {
    case CURLE_COULDNT_CONNECT:
        if (error == 0) {
            return 1;
        }
        io__fail_connect(error, peer, "connect to", err);
        return err_prefix(err, "proxy");
    case CURLE_OPERATION_TIMEDOUT:
        return err_set(err, ERR_TIMEOUT, "timeout while connecting to %s through the proxy %s", who,
                       peer);
    case CURLE_PROXY:
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR:
        return err_set(err, ERR_REFUSED, "cannot reach %s through the proxy %s: %s", who, peer,
                       x->text);
    default:
        return 1;
    }
}

/* What the server said of our certificate, in TLS 1.3 when its answer is awaited; NULL: nothing. One that has expired curl
 * takes for the server's own, in words that it has for nothing else: no failure of the chain has no number. */
static const char *alert_of(const struct exchange *x)
{
    bool ours = x->code == CURLE_PEER_FAILED_VERIFICATION && x->hop->seen->error == X509_V_OK &&
                streq(x->text, "SSL certificate verification failed");
    return tls__alert(ours ? "alert certificate expired" : x->text);
}

static int failed(struct exchange *x, struct err *err)
{
    char peer[ADDR_TEXT];
    long error = 0;
    struct http_hop *h = x->hop;
    const char *who =
        h->req->unix_socket != NULL ? h->req->unix_socket : addr_text(&h->resp->peer, peer);
    curl_easy_getinfo(x->easy, CURLINFO_OS_ERRNO, &error);
    if (h->proxy != NULL) {
        who = http_url_authority(&h->url, h->arena);
        if (proxy_failed(x, who, peer, (int)error, err) < 0) {
            return -1;
        }
    }
    const char *alert = alert_of(x);
    if (alert != NULL) {
        return err_set(err, ERR_TLS, "TLS handshake with %s failed: %s", who, alert);
    }
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
    case CURLE_BAD_CONTENT_ENCODING:
        return err_set(err, ERR_PROTOCOL, "the answer of %s cannot be unpacked: %s", who, x->text);
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
    if (c->n_pool == HTTP_CURL_POOL) {
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
    int rc = http__curl_prepare(&x, err);
    if (rc == 0) {
        rc = perform(&x, err);
    }
    give_easy(c, x.easy);
    curl_slist_free_all(x.headers);
    curl_slist_free_all(x.resolve);
    curl_slist_free_all(x.proxy_headers);
    return rc;
}
