/* The HTTP client's front: takes the URL apart, resolves every hop's name with our resolver, follows
 * redirects, sums the phases. The exchange itself is an engine's (http_priv.h). On fibers of one loop. */
#include "io/http_client.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/http_priv.h"

#ifndef BELFRY_VERSION
#define BELFRY_VERSION "0.1"
#endif

struct http_client *http_client_new(struct loop *l, struct resolver *r, struct err *err)
{
    loop__assert_thread(l);
    struct http_client *c = calloc(1, sizeof(*c));
    must(c != NULL);
    c->magic = HTTP_CLIENT_MAGIC;
    c->loop = l;
    c->resolver = r;
    c->scratch = malloc(HTTP_SCRATCH);
    must(c->scratch != NULL);
    c->curl = http__curl_new(c, err);
    if (c->curl == NULL) {
        free(c->scratch);
        free(c);
        return NULL;
    }
    return c;
}

void http_client_free(struct http_client *c)
{
    if (c == NULL) {
        return;
    }
    check_magic(c, HTTP_CLIENT_MAGIC);
    http__curl_free(c->curl);
    free(c->scratch);
    c->magic = 0;
    free(c);
}

/* --- what both engines use --- */

int http__take_body(struct http_hop *h, int status, const char *p, size_t n, struct err *err)
{
    const struct http_request *req = h->req;
    struct http_response *resp = h->resp;
    if (req->on_body != NULL) {
        req->on_body(req->on_body_arg, status, p, n);
        return 1;
    }
    size_t room = req->max_body - resp->body.len;
    must(resp->body.len <= req->max_body);
    buf_add(&resp->body, p, n < room ? n : room);
    bool on = n <= room || req->past_max_is_read;
    resp->body_total += on ? n : room;
    resp->truncated |= n > room;
    if (on) {
        return 1;
    }
    if (req->past_max_is_error) {
        return err_set(err, ERR_TOO_LARGE, "the body is longer than %zu bytes", req->max_body);
    }
    return 0;
}

size_t http__max_header(const struct http_hop *h)
{
    return h->req->max_header != 0 ? h->req->max_header : HTTP_MAX_HEADER_DEFAULT;
}

int http__take_header(struct http_hop *h, const char *p, size_t n, struct err *err)
{
    struct buf *b = &h->resp->headers;
    buf_add(b, p, n);
    buf_putc(b, '\n');
    if (b->failed) {
        return err_set(err, ERR_TOO_LARGE, "the response header is longer than %zu bytes",
                       http__max_header(h));
    }
    return 0;
}

const char *http__user_agent(const struct http_hop *h)
{
    return h->req->user_agent != NULL ? h->req->user_agent : "Belfry/" BELFRY_VERSION;
}

bool http__has_header(const struct http_request *req, const char *name)
{
    for (size_t i = 0; i < req->n_headers; i++) {
        if (strcasecmp(req->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool http__header_goes(const struct http_hop *h, const struct http_header *header)
{
    static const char *const secret[] = {"Authorization", "Cookie", "Proxy-Authorization", "Host"};
    for (size_t i = 0; !h->send_auth && i < array_len(secret); i++) {
        if (strcasecmp(header->name, secret[i]) == 0) {
            return false;
        }
    }
    return h->send_body || strcasecmp(header->name, "Content-Type") != 0 || h->req->body == NULL;
}

char *http__authorization(const struct http_hop *h)
{
    const struct http_request *req = h->req;
    const char *user = req->username, *password = req->password;
    if (h->send_auth && req->bearer != NULL) {
        return arena_printf(h->arena, "Bearer %s", req->bearer);
    }
    if (user == NULL || !h->send_auth) {
        user = h->url.user;
        password = h->url.password;
    }
    if (user == NULL || req->auth != HTTP_AUTH_BASIC) { /* the others are curl's */
        return NULL;
    }
    struct buf b = BUF_INIT(16384);
    const char *pair = arena_printf(h->arena, "%s:%s", user, password != NULL ? password : "");
    buf_puts(&b, "Basic ");
    base64_encode(&b, pair, strlen(pair));
    char *out = arena_strndup(h->arena, b.data, b.len);
    buf_done(&b);
    return out;
}

/* --- one hop --- */

int64_t http__connect_until(const struct http_request *req)
{
    int64_t c = req->connect_deadline_ns;
    return c != 0 && c < req->deadline_ns ? c : req->deadline_ns;
}

static bool plain_can(const struct http_request *req)
{
    bool basic = req->auth == HTTP_AUTH_BASIC || req->username == NULL;
    return !req->http2 && !req->http2_at_once && !req->keep_alive && !req->accept_compressed &&
           req->encoding == NULL && basic;
}

static int resolve_hop(struct http_hop *h, struct err *err)
{
    const struct http_request *req = h->req;
    if (req->unix_socket != NULL || h->proxy != NULL) {
        return 0; /* http_curl.c resolves the proxy */
    }
    int64_t start = clock_mono_ns();
    int rc = resolve(h->client->resolver, h->url.host, h->url.port, req->ip,
                     http__connect_until(req), &h->to, err);
    h->resp->resolve_ns += clock_mono_ns() - start;
    if (rc == 0 && req->one_address && h->resp->redirects == 0) {
        resolved_keep_one(&h->to, req->ip);
    }
    return rc;
}

static void reset_answer(struct http_response *resp)
{
    buf_clear(&resp->body);
    buf_clear(&resp->headers);
    resp->status = 0;
    resp->truncated = resp->redirect_refused = false;
    resp->body_total = 0;
    resp->content_length = -1;
}

static void choose_route(struct http_hop *h)
{
    const struct http_request *req = h->req;
    bool direct = http_goes_direct(req->no_proxy, req->n_no_proxy, &h->url);
    h->proxy = direct ? NULL : req->proxy;
    h->cookies = h->jar != NULL ? http_jar_give(h->jar, h->url.host, h->arena) : NULL;
}

static int run_hop(struct http_hop *h, struct err *err)
{
    reset_answer(h->resp);
    if (http_url_parse(h->url_text, h->arena, &h->url, err) != 0) {
        return -1;
    }
    snprintf(h->resp->effective_url, sizeof(h->resp->effective_url), "%s", h->url_text);
    h->tls = h->req->tls;
    if (h->tls.server_name == NULL || !h->send_auth) {
        h->tls.server_name = h->url.host;
    }
    choose_route(h);
    if (resolve_hop(h, err) != 0) {
        return -1;
    }
    tls__seen_done(h->seen);
    memset(h->seen, 0, sizeof(*h->seen));
    bool plain = h->proxy == NULL && plain_can(h->req);
    int rc = plain ? http__plain_hop(h, err) : http__curl_hop(h->client->curl, h, err);
    if (rc == 0 && h->jar != NULL && h->resp->headers.data != NULL) {
        http_jar_take(h->jar, h->url.host, h->resp->headers.data, h->resp->headers.len, h->arena);
    }
    return rc;
}

/* --- redirects (RFC 9110, 15.4) --- */

static const char *redirect_of(const struct http_hop *h)
{
    switch (h->resp->status) {
    case 301:
    case 302:
    case 303:
    case 307:
    case 308:
        return http_response_header(h->resp, "Location", h->arena);
    default:
        return NULL;
    }
}

static int follow(struct http_hop *h, const char *location, struct err *err)
{
    struct http_url next;
    int status = h->resp->status;
    int max = h->req->max_redirects > 0 ? h->req->max_redirects : HTTP_MAX_HOPS;
    h->resp->redirect_refused = h->resp->redirects >= max;
    if (h->resp->redirect_refused) {
        return err_set(err, ERR_PROTOCOL, "more than %d redirects; the last one to \"%.120s\"", max,
                       location);
    }
    char *url = http_url_join(h->url_text, location, h->arena, err);
    if (url == NULL || http_url_parse(url, h->arena, &next, err) != 0) {
        return -1;
    }
    if (!streq(next.host, h->url.host) || next.port != h->url.port || next.https != h->url.https) {
        h->send_auth = false;
    }
    bool head = streq(h->method, "HEAD");
    if ((status == 303 && !head) || (status <= 302 && streq(h->method, "POST"))) {
        h->method = "GET";
        h->send_body = false;
    }
    h->url_text = url;
    h->resp->redirects++;
    return 0;
}

/* Header fields with line ends would let a target's configuration forge requests. */
static int check_request(const struct http_request *req, struct err *err)
{
    for (size_t i = 0; i < req->n_headers; i++) {
        const char *name = req->headers[i].name;
        if (name[0] == '\0' || strpbrk(name, "\r\n: \t") != NULL ||
            strpbrk(req->headers[i].value, "\r\n") != NULL) {
            return err_set(err, ERR_INVALID, "cannot send the header \"%.60s\": bad name or value",
                           name);
        }
    }
    const char *const texts[] = {req->method, req->bearer, req->user_agent};
    for (size_t i = 0; i < array_len(texts); i++) {
        if (texts[i] != NULL && strpbrk(texts[i], i == 0 ? "\r\n \t" : "\r\n") != NULL) {
            return err_set(err, ERR_INVALID, "cannot send \"%.60s\": it has a line end", texts[i]);
        }
    }
    return 0;
}

int http_fetch(struct http_client *c, const struct http_request *req, struct arena *a,
               struct http_response *resp, struct err *err)
{
    check_magic(c, HTTP_CLIENT_MAGIC);
    must(fiber_self() != NULL && fiber_loop() == c->loop);
    must(req->url != NULL && req->deadline_ns != 0); /* IO_FOREVER is said aloud */
    struct tls_seen seen = {0};
    struct http_hop h = {
        .client = c,
        .req = req,
        .arena = a,
        .url_text = req->url,
        .method = req->method != NULL ? req->method
                  : req->body != NULL ? "POST"
                                      : "GET",
        .send_body = req->body != NULL,
        .send_auth = true,
        .resp = resp,
        .seen = &seen,
        .jar = req->cookies ? arena_new_of(a, struct http_jar) : NULL,
    };
    int64_t start = clock_mono_ns();
    memset(resp, 0, sizeof(*resp));
    buf_init(&resp->body, req->max_body);
    buf_init(&resp->headers, http__max_header(&h));
    resp->content_length = -1;
    int rc = check_request(req, err);
    while (rc == 0) {
        rc = run_hop(&h, err);
        const char *to = rc == 0 ? redirect_of(&h) : NULL;
        resp->redirect_refused = to != NULL && !req->follow_redirects;
        if (to == NULL || !req->follow_redirects) {
            break;
        }
        rc = follow(&h, to, err);
    }
    if (h.url.https) {
        struct arena *certs = req->want_certs ? a : NULL;
        tls__info(c->loop, &seen, certs, &resp->tls);
    }
    tls__seen_done(&seen);
    resp->total_ns = clock_mono_ns() - start;
    return rc;
}

void http_response_done(struct http_response *resp)
{
    buf_done(&resp->body);
    buf_done(&resp->headers);
}

const char *http_response_next(const struct http_response *resp, const char *name, size_t *at,
                               struct arena *a)
{
    size_t n = strlen(name);
    must(*at <= resp->headers.len);
    if (resp->headers.len == 0) /* nothing was answered */
        return NULL;
    struct str rest = {resp->headers.data + *at, resp->headers.len - *at}, line;
    while (str_next(&rest, '\n', &line)) {
        *at = (size_t)(line.p - resp->headers.data) + line.n;
        if (line.n > n && line.p[n] == ':' && strncasecmp(line.p, name, n) == 0) {
            struct str v = str_trim((struct str){line.p + n + 1, line.n - n - 1});
            return arena_strndup(a, v.p, v.n);
        }
    }
    return NULL;
}

const char *http_response_header(const struct http_response *resp, const char *name,
                                 struct arena *a)
{
    size_t at = 0;
    return http_response_next(resp, name, &at, a);
}
