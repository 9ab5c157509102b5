/* See management.h. */
#include "probe/management.h"

#include "base/clock.h"
#include "base/str.h"

static void take(const struct http_response *resp, const struct management *m, struct result *r)
{
    r->resolve_us = resp->resolve_ns / 1000;
    result_set_address(r, &resp->peer);
    if (m->service->use_tls)
        result_add_tls(r, &resp->tls, m->service->tls.expiry_warning_ms);
}

static const char *url_of(const struct management *m, const char *path, struct arena *a)
{
    const char *host = m->service->host;
    return arena_printf(a, strchr(host, ':') ? "%s://[%s]:%d%s" : "%s://%s:%d%s",
                        m->service->use_tls ? "https" : "http", host, (int)m->port, path);
}

static const struct node *document(struct probe *p, const struct http_response *resp,
                                   const char *url, struct err *err)
{
    const char *text = resp->body.data ? resp->body.data : "";
    if (resp->status == 401 || resp->status == 403) {
        err_set(err, ERR_DENIED, "login refused by %s: status %d", url, resp->status);
        return NULL;
    }
    if (resp->status != 200) {
        err_set(err, ERR_PROTOCOL, "%s answered status %d: %.120s", url, resp->status, text);
        return NULL;
    }
    struct err bad = {0};
    const struct node *doc = node_from_json(p->arena, text, resp->body.len, &bad);
    if (!doc)
        err_set(err, ERR_PROTOCOL, "%s did not answer with JSON: %s", url, bad.msg);
    return doc;
}

const struct node *management_get(struct probe *p, const struct management *m, const char *path,
                                  int *status, struct result *r, struct err *err)
{
    const struct service *s = m->service;
    const char *url = url_of(m, path, p->arena);
    const struct http_header headers[] = {
        {"Accept", "application/json"},
        {"Authorization", m->api_key ? arena_printf(p->arena, "ApiKey %s", m->api_key) : NULL},
    };
    must(path[0] == '/' && m->port != 0);
    const struct http_request req = {
        .url = url,
        .headers = headers,
        .n_headers = m->api_key ? 2 : 1,
        .username = m->api_key ? NULL : s->username,
        .password = s->password,
        .tls = tls_section_apply(&s->tls, NULL),
        .ip = (enum ip_version)s->ip_version,
        .accept_compressed = true,
        .keep_alive = r == NULL,
        .max_body = MANAGEMENT_BODY_MAX,
        .past_max_is_error = true,
        .connect_deadline_ns =
            p->connect_deadline_ns > clock_mono_ns() ? p->connect_deadline_ns : p->deadline_ns,
        .deadline_ns = p->deadline_ns,
        .want_certs = s->use_tls && r,
    };
    struct http_response resp = {0};
    const struct node *doc = NULL;
    if (http_fetch(p->env->http, &req, p->arena, &resp, err) == 0)
        doc = document(p, &resp, url, err);
    if (r)
        take(&resp, m, r);
    *status = resp.status;
    http_response_done(&resp);
    return doc;
}

double management_number(const struct node *map, const char *key)
{
    const struct node *n = map ? node_get(map, key) : NULL;
    double v = 0;
    if (n && n->kind == NODE_INT)
        return (double)n->num;
    if (n && n->kind == NODE_F64)
        return n->f64;
    if (n && n->kind == NODE_TEXT && str_to_f64(n->text, &v, NULL) == 0)
        return v;
    return 0;
}

bool management_true(const struct node *map, const char *key)
{
    const struct node *n = map ? node_get(map, key) : NULL;
    return n && n->kind == NODE_BOOL && n->flag;
}

const char *management_text(const struct node *map, const char *key, struct arena *a)
{
    const struct node *n = map ? node_get(map, key) : NULL;
    if (!n || n->kind != NODE_TEXT || memchr(n->text.p, '\0', n->text.n))
        return "";
    size_t size = n->text.n < RESULT_FACT_MAX ? n->text.n : RESULT_FACT_MAX;
    return arena_strndup(a, n->text.p, utf8_cut(n->text.p, n->text.n, size));
}
