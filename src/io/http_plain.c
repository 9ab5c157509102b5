/* The lean HTTP engine: one HTTP/1.1 exchange over a struct stream on a fresh connection, written
 * straight down. It serves the ordinary probe; http_curl.c has proxies, HTTP/2, compression and kept
 * connections. Beside libcurl it costs half the CPU for http and a third for https, because contexts,
 * buffers and handles are not set up and torn down around every connection. */
#include "io/http_priv.h"

#include <string.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/http_parser.h"

#define REQUEST_MAX ((size_t)64 << 10)
#define SMALL_BODY  ((size_t)16 << 10) /* sent together with the header */

static void put_header(struct buf *b, const char *name, const char *value)
{
    buf_puts(b, name);
    buf_add(b, ": ", 2);
    buf_puts(b, value);
    buf_add(b, "\r\n", 2);
}

static void put_body_headers(struct buf *b, const struct http_hop *h)
{
    if (h->send_body) {
        buf_puts(b, "Content-Length: ");
        buf_add_u64(b, h->req->body_len);
        buf_add(b, "\r\n", 2);
        if (!http__has_header(h->req, "Content-Type")) {
            put_header(b, "Content-Type", "application/x-www-form-urlencoded"); /* as curl does */
        }
    } else if (streq(h->method, "POST") || streq(h->method, "PUT") || streq(h->method, "PATCH")) {
        put_header(b, "Content-Length", "0");
    }
}

static int build_request(struct buf *b, const struct http_hop *h, struct err *err)
{
    const struct http_request *req = h->req;
    bool own_host = h->send_auth && http__has_header(req, "Host");
    buf_puts(b, h->method);
    buf_putc(b, ' ');
    buf_puts(b, h->url.target);
    buf_puts(b, " HTTP/1.1\r\n");
    if (!own_host) { /* first, as RFC 9110 7.2 advises */
        put_header(b, "Host", http_url_authority(&h->url, h->arena));
    }
    if (!http__has_header(req, "User-Agent")) {
        put_header(b, "User-Agent", http__user_agent(h));
    }
    if (!http__has_header(req, "Accept")) {
        put_header(b, "Accept", "*/*");
    }
    char *auth = http__authorization(h);
    if (auth != NULL && !(h->send_auth && http__has_header(req, "Authorization"))) {
        put_header(b, "Authorization", auth);
    }
    if (h->cookies != NULL) {
        put_header(b, "Cookie", h->cookies);
    }
    for (size_t i = 0; i < req->n_headers; i++) {
        if (http__header_goes(h, &req->headers[i])) {
            put_header(b, req->headers[i].name, req->headers[i].value);
        }
    }
    if (!http__has_header(req, "Content-Length") && !http__has_header(req, "Transfer-Encoding")) {
        put_body_headers(b, h);
    }
    buf_puts(b, http__has_header(req, "Connection") ? "\r\n" : "Connection: close\r\n\r\n");
    if (b->failed) {
        return err_set(err, ERR_TOO_LARGE, "the request header is longer than %zu bytes",
                       REQUEST_MAX);
    }
    return 0;
}

static struct stream *open_stream(struct http_hop *h, struct err *err)
{
    const struct http_request *req = h->req;
    int64_t until = http__connect_until(req);
    int64_t start = clock_mono_ns();
    struct stream *s = req->unix_socket != NULL
                           ? stream_connect_unix(req->unix_socket, until, err)
                           : stream_connect_any(&h->to, until, &h->resp->peer, err);
    int64_t connected = clock_mono_ns();
    h->resp->connect_ns += connected - start;
    if (s == NULL || !h->url.https) {
        return s;
    }
    struct tls_options tls = h->tls;
    tls.alpn = tls.alpn != NULL ? tls.alpn : "http/1.1";
    int rc = stream_start_tls(s, &tls, until, err);
    h->resp->tls_ns += clock_mono_ns() - connected;
    *h->seen = s->seen; /* the chain changes hands */
    memset(&s->seen, 0, sizeof(s->seen));
    if (rc != 0) {
        stream_close(&s);
    }
    return s;
}

static int send_request(struct http_hop *h, struct stream *s, struct err *err)
{
    const struct http_request *req = h->req;
    struct buf b = BUF_INIT(REQUEST_MAX + SMALL_BODY);
    buf_reserve(&b, 512);
    int rc = build_request(&b, h, err);
    bool together = h->send_body && req->body_len <= SMALL_BODY;
    if (together) {
        buf_add(&b, req->body, req->body_len);
    }
    if (rc == 0) {
        rc = stream_write(s, b.data, b.len, req->deadline_ns, err);
    }
    if (rc == 0 && h->send_body && !together) {
        rc = stream_write(s, req->body, req->body_len, req->deadline_ns, err);
    }
    buf_done(&b);
    return rc;
}

/* --- an answer --- */

struct reading {
    struct http_hop *hop;
    struct http_parser parser;
};

static int on_header(void *arg, const char *line, size_t n, struct err *err)
{
    struct http_hop *h = ((const struct reading *)arg)->hop;
    if (line == NULL) {
        buf_clear(&h->resp->headers);
        return 0;
    }
    return http__take_header(h, line, n, err);
}

static int on_body(void *arg, const char *p, size_t n, struct err *err)
{
    const struct reading *r = arg;
    return http__take_body(r->hop, r->parser.status, p, n, err);
}

/* The scratch buffer is shared by all fibers: between a read's return and the parser's, none waits. */
static int read_response(struct http_hop *h, struct stream *s, struct http_parser *p,
                         struct err *err)
{
    char *scratch = h->client->scratch;
    struct http_response *resp = h->resp;
    int64_t sent = clock_mono_ns(), first = 0;
    int rc = 1;
    while (rc == 1) {
        ssize_t n = stream_read(s, scratch, HTTP_SCRATCH, h->req->deadline_ns, err);
        if (first == 0) {
            first = clock_mono_ns();
        }
        if (n < 0) {
            rc = -1;
        } else {
            rc = n > 0 ? http_parser_feed(p, scratch, (size_t)n, err) : http_parser_eof(p, err);
        }
    }
    resp->processing_ns += first - sent;
    resp->transfer_ns += clock_mono_ns() - first;
    if (p->state > HTTP_STATUS) {
        resp->status = p->status;
        resp->version = p->version;
        resp->content_length = p->content_length;
    }
    return rc;
}

int http__plain_hop(struct http_hop *h, struct err *err)
{
    struct reading r = {.hop = h};
    struct http_parser *p = &r.parser;
    struct stream *s = open_stream(h, err);
    if (s == NULL) {
        return -1;
    }
    int rc = send_request(h, s, err);
    if (rc == 0) {
        http_parser_init(p, streq(h->method, "HEAD"), http__max_header(h));
        p->on_header = on_header;
        p->on_body = on_body;
        p->arg = &r;
        rc = read_response(h, s, p, err);
        http_parser_done(p);
    }
    stream_close(&s);
    return rc;
}
