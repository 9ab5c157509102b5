/* What the HTTP server adds to answers by itself: headers for safety, the permission to read across origins, the way to https; and
 * what it asks of a request before anything looks at it. On MHD's threads. */
#include <string.h>
#include <strings.h>

#include "io/http_server_priv.h"

#define HSTS "max-age=31536000"

static const char *header_of(const struct exchange *x, const char *name)
{
    return MHD_lookup_connection_value(x->conn, MHD_HEADER_KIND, name);
}

static bool has_header(const struct http_resp *resp, const char *name)
{
    for (int i = 0; i < resp->n_headers; i++) {
        if (strcasecmp(resp->headers[i].name, name) == 0) {
            return true;
        }
    }
    return false;
}

bool http__cors_allows(const struct http_server *s, const char *origin)
{
    for (size_t i = 0; origin != NULL && i < s->cfg.n_cors_origins; i++) {
        const char *one = s->cfg.cors_origins[i];
        if (strcmp(one, "*") == 0 || strcasecmp(one, origin) == 0) {
            return true;
        }
    }
    return false;
}

void http__add_headers(struct MHD_Response *r, const struct http_server *s,
                       const struct exchange *x, const struct http_resp *resp)
{
    const struct http_header_kv *h = s->cfg.headers;
    for (; h != NULL && h->name != NULL; h++) {
        if (!has_header(resp, h->name)) {
            MHD_add_response_header(r, h->name, h->value);
        }
    }
    if (x->is_tls) {
        MHD_add_response_header(r, "Strict-Transport-Security", HSTS);
    }
    if (s->cfg.n_cors_origins == 0) {
        return;
    }
    const char *origin = header_of(x, "Origin");
    MHD_add_response_header(r, "Vary", "Origin");
    if (http__cors_allows(s, origin)) {
        MHD_add_response_header(r, "Access-Control-Allow-Origin", origin);
    }
}

bool http__preflight(const struct http_server *s, const struct exchange *x, struct http_resp *resp)
{
    const char *method = header_of(x, "Access-Control-Request-Method");
    if (method == NULL || strcmp(x->req.method, "OPTIONS") != 0 ||
        !http__cors_allows(s, header_of(x, "Origin"))) {
        return false;
    }
    resp->status = MHD_HTTP_NO_CONTENT;
    http_resp_header(resp, "Access-Control-Allow-Methods", "GET, HEAD");
    http_resp_header(resp, "Access-Control-Allow-Headers", "Authorization");
    http_resp_header(resp, "Access-Control-Max-Age", "600");
    return true;
}

/* --- to https --- */

static void put_escaped(struct buf *out, const char *text, const char *also)
{
    for (const unsigned char *p = (const unsigned char *)text; *p != '\0'; p++) {
        bool plain = (*p >= '0' && *p <= '9') || ((*p | 32) >= 'a' && (*p | 32) <= 'z') ||
                     strchr("-._~", *p) != NULL || strchr(also, *p) != NULL;
        if (plain) {
            buf_putc(out, (char)*p);
        } else {
            buf_printf(out, "%%%02X", *p);
        }
    }
}

static enum MHD_Result put_argument(void *arg, enum MHD_ValueKind kind, const char *k,
                                    const char *v)
{
    struct buf *out = arg;
    (void)kind;
    buf_putc(out, memchr(out->data, '?', out->len) == NULL ? '?' : '&');
    put_escaped(out, k, "");
    if (v != NULL) {
        buf_putc(out, '=');
        put_escaped(out, v, "");
    }
    return MHD_YES;
}

/* "name" or "[::1]" of a Host header, without its port. Empty: it is none. */
static struct str host_name(const char *host)
{
    struct str s = str_of(host != NULL ? host : "");
    size_t n = strspn(s.p, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ.-_");
    if (s.n > 0 && s.p[0] == '[') {
        n = 1 + strspn(s.p + 1, "0123456789abcdefABCDEF:.");
        n = s.p[n] == ']' ? n + 1 : 0;
    }
    bool good = n > 0 && n < 256 && (n == s.n || s.p[n] == ':');
    return (struct str){s.p, good ? n : 0};
}

void http__redirect(const struct http_server *s, struct exchange *x, struct http_resp *resp)
{
    struct str host = host_name(header_of(x, "Host"));
    struct buf to = BUF_INIT((size_t)64 << 10);
    if (host.n == 0) {
        resp->status = MHD_HTTP_BAD_REQUEST;
        return;
    }
    buf_puts(&to, "https://");
    buf_add(&to, host.p, host.n);
    if (s->port != 443) {
        buf_printf(&to, ":%u", s->port);
    }
    put_escaped(&to, x->req.path[0] == '/' ? x->req.path : "/", "/");
    MHD_get_connection_values(x->conn, MHD_GET_ARGUMENT_KIND, put_argument, &to);
    resp->status = to.failed ? MHD_HTTP_URI_TOO_LONG : MHD_HTTP_PERMANENT_REDIRECT;
    if (!to.failed) {
        http_resp_header(resp, "Location", arena_strndup(x->req.arena, to.data, to.len));
    }
    buf_done(&to);
}

/* --- one length --- */

struct lengths {
    unsigned n_length, n_transfer, n_host;
    bool odd;
};

static enum MHD_Result look(void *arg, enum MHD_ValueKind kind, const char *k, const char *v)
{
    struct lengths *l = arg;
    (void)kind;
    if (strcasecmp(k, "Content-Length") == 0) {
        l->n_length++;
        l->odd = l->odd || v == NULL || *v == '\0' || v[strspn(v, "0123456789")] != '\0';
    } else if (strcasecmp(k, "Transfer-Encoding") == 0) {
        l->n_transfer++;
        l->odd = l->odd || v == NULL || strcasecmp(v, "chunked") != 0;
    } else if (strcasecmp(k, "Host") == 0) {
        l->n_host++;
    }
    return MHD_YES;
}

bool http__length_is_clear(struct MHD_Connection *conn)
{
    struct lengths l = {0};
    MHD_get_connection_values(conn, MHD_HEADER_KIND, look, &l);
    return !l.odd && l.n_length + l.n_transfer <= 1 && l.n_host <= 1;
}
