/* See service.h. Runs in watchers. */
#include "probe/service.h"

#include "base/clock.h"
#include "base/str.h"

int service_start_tls(struct probe *p, const struct service *s, struct stream *stream,
                      struct result *r)
{
    struct err err = {0};
    struct tls_info info = {0};
    struct tls_options tls = tls_section_apply(&s->tls, s->host);
    int rc = stream_start_tls(stream, &tls, p->deadline_ns, &err);
    stream_tls_info(stream, p->arena, &info);
    result_add_tls(r, &info, s->tls.expiry_warning_ms);
    if (rc != 0) {
        result_fail_err(r, &err);
        result_fact(r, TLS_FAILED_FACT, err.msg);
    }
    return rc;
}

struct stream *service_secured(struct probe *p, const struct service *s, struct stream *stream,
                               const struct err *err, struct result *r)
{
    if (!stream)
        result_fail_err(r, err);
    else if (s->use_tls && service_start_tls(p, s, stream, r) != 0)
        stream_close(&stream);
    must(stream == NULL || r->success);
    return stream;
}

struct stream *service_connect(struct probe *p, const struct service *s, struct result *r)
{
    struct resolved to;
    struct addr used = {0};
    struct err err = {0};
    must(s->host != NULL && s->port > 0 && s->port <= 65535);
    if (probe_resolve(p, s->host, (uint16_t)s->port, (enum ip_version)s->ip_version, r, &to) != 0)
        return NULL;
    struct addr room;
    struct stream *stream = stream_connect_from(&to, source_addr(s->source, &room),
                                                p->connect_deadline_ns, &used, &err);
    result_set_address(r, &used);
    return service_secured(p, s, stream, &err, r);
}

void service_end(struct stream **stream, int64_t start_ns, const struct latency_bound *bound,
                 struct result *r)
{
    must(*stream != NULL && start_ns > 0);
    r->latency_us = (clock_mono_ns() - start_ns) / 1000;
    stream_close(stream);
    expect_latency(r, bound->max_ms, (enum latency_action)bound->action);
}

struct node *service_from_url(const char *text, const char *tls_scheme, struct url *u,
                              struct arena *a, struct err *err)
{
    if (url_parse(text, a, u, err) != 0)
        return NULL;
    struct node *map = url_to_config(u, a, err);
    if (map && tls_scheme && streq(u->scheme, tls_scheme))
        node_put(map, a, "tls", node_bool(a, true));
    return map;
}

struct node *service_url_with_port(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, NULL, &u, a, err);
    if (map && u.port == 0) {
        err_set(err, ERR_MALFORMED, "no port in \"%.100s\"; want %s://HOST:PORT", text, u.scheme);
        return NULL;
    }
    return map;
}

struct node *service_url(const char *text, const char *tls_scheme, uint16_t tls_port,
                         struct arena *a, struct err *err)
{
    struct url u = {0};
    struct node *map = service_from_url(text, tls_scheme, &u, a, err);
    if (map && u.port == 0 && streq(u.scheme, tls_scheme))
        node_put(map, a, "port", node_int(a, tls_port));
    return map;
}

void service_describe(const struct service *s, struct buf *out)
{
    must(s->host != NULL);
    buf_printf(out, strchr(s->host, ':') ? "[%s]:%d" : "%s:%d", s->host, (int)s->port);
}
