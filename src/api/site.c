/* The page's files, the event stream, and Prometheus' administrative paths. */
#include <string.h>

#include "api/api_priv.h"
#include "base/str.h"
#include "page/page.h"

const struct http_header_kv api_headers[] = {
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Content-Security-Policy", PAGE_CONTENT_POLICY},
    {"X-Frame-Options", "DENY"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=(), usb=()"},
    {NULL, NULL},
};

static bool accepts_gzip(const struct http_req *req)
{
    const char *accept = http_req_header(req, "Accept-Encoding");
    return accept && strstr(accept, "gzip");
}

void page_serve(struct call *k)
{
    const struct page_file *f = page_find(k->req->path);
    const char *known = http_req_header(k->req, "If-None-Match");
    if (!f) {
        call_status(k, 404, "Not Found",
                    arena_printf(k->arena, "there is nothing at %.200s", k->req->path));
        return;
    }
    must(f->content_type && f->etag && f->data);
    bool gzip = f->gzip && accepts_gzip(k->req);
    http_resp_header(k->resp, "ETag", f->etag);
    http_resp_header(k->resp, "Vary", "Accept-Encoding");
    http_resp_header(k->resp, "Cache-Control",
                     f->immutable ? "public, max-age=31536000, immutable" : "no-cache");
    k->resp->content_type = f->content_type;
    if (known && strstr(known, f->etag)) {
        k->resp->status = 304;
        return;
    }
    if (gzip)
        http_resp_header(k->resp, "Content-Encoding", "gzip");
    k->resp->static_body = gzip ? f->gzip : f->data;
    k->resp->static_len = gzip ? f->gzip_size : f->size;
}

static void plain(struct call *k, int status, const char *text)
{
    must(k->resp->body.len == 0);
    k->resp->status = status;
    k->resp->content_type = "text/plain; charset=utf-8";
    buf_puts(&k->resp->body, text);
}

void admin_healthy(struct call *k)
{
    plain(k, 200, "Belfry is Healthy.\n");
}

static void ready_on_core(void *arg)
{
    struct call *k = arg;
    k->id = core_ready(k->api->core);
}

void admin_ready(struct call *k)
{
    on_core(k, ready_on_core, k);
    plain(k, k->id ? 200 : 503, k->id ? "Belfry is Ready.\n" : "Belfry is not Ready.\n");
}

struct reloading {
    struct call *call;
    struct err err;
    int rc;
};

static void reload_on_core(void *arg)
{
    struct reloading *r = arg;
    r->rc = core_reload(r->call->api->core, &r->call->problems, &r->err);
    api_configure(r->call->api);
}

void admin_reload(struct call *k)
{
    struct reloading r = {.call = k};
    on_core(k, reload_on_core, &r);
    if (r.rc != 0) {
        call_fail(k, &r.err);
        return;
    }
    struct json j = call_json(k);
    json_obj(&j);
    json_kstr(&j, "status", "reloaded");
    json_end(&j);
}
