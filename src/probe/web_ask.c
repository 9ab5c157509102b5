/* See web_ask.h. Runs in watchers. */
#include "probe/web_ask.h"

#include "base/str.h"

static const char *url_of(const struct web_ask *w, const char *path)
{
    const struct service *s = w->service;
    must(path[0] == '/' && s->host != NULL);
    return arena_printf(w->probe->arena, strchr(s->host, ':') ? "%s://[%s]:%d%s" : "%s://%s:%d%s",
                        s->use_tls ? "https" : "http", s->host, (int)s->port, path);
}

static void describe(struct web_ask *w, const struct http_response *resp)
{
    if (w->described)
        return;
    w->described = true;
    w->r->resolve_us = resp->resolve_ns / 1000;
    result_metric(w->r, "probe_dns_lookup_time_seconds", (double)resp->resolve_ns / 1e9);
    result_set_address(w->r, &resp->peer);
    result_add_tls(w->r, &resp->tls, w->service->tls.expiry_warning_ms);
}

int web_ask(struct web_ask *w, const char *path, const char *body, const char *version_header,
            struct web_answer *out, struct err *err)
{
    const struct service *s = w->service;
    struct arena *a = w->probe->arena;
    struct http_request req = {
        .url = url_of(w, path),
        .headers = w->headers,
        .n_headers = w->n_headers,
        .body = body,
        .body_len = body ? strlen(body) : 0,
        .username = s->username,
        .password = s->password,
        .tls = tls_section_apply(&s->tls, NULL),
        .ip = (enum ip_version)s->ip_version,
        .max_body = WEB_BODY_MAX,
        .past_max_is_error = true,
        .connect_deadline_ns = w->probe->connect_deadline_ns,
        .deadline_ns = w->probe->deadline_ns,
        .want_certs = !w->described && s->use_tls,
    };
    struct http_response resp = {0};
    int rc = http_fetch(w->probe->env->http, &req, a, &resp, err);
    describe(w, &resp);
    if (rc == 0) {
        const char *text = resp.body.data ? resp.body.data : "";
        *out = (struct web_answer){
            .status = resp.status,
            .body = {arena_strndup(a, text, resp.body.len), resp.body.len},
            .version = version_header ? http_response_header(&resp, version_header, a) : NULL,
        };
    }
    http_response_done(&resp);
    return rc;
}

const char *web_param(const char *key, const char *value, struct arena *a)
{
    struct buf out = BUF_INIT(65536);
    buf_printf(&out, "%s=", key);
    url_encode(&out, str_of(value));
    must(!out.failed);
    const char *text = arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}
