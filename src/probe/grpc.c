/* grpc: is a service SERVING? The health protocol (grpc.health.v1.Health/Check) over HTTP/2, plain or with TLS.
 *
 *   request:  0x00 | u32 length | field 1 (text): service     answer: 0x00 | u32 length | field 1 (varint): status
 *   grpc-status and grpc-message come as trailers. https://github.com/grpc/grpc/blob/master/doc/health-checking.md
 *
 * Metric names are blackbox_exporter's. */
#include "base/str.h"
#include "probe/condition.h"
#include "probe/probers.h"
#include "probe/service.h"

#define BODY_MAX 4096

struct grpc_expect {
    struct latency_bound latency;
    struct str_list conditions;
    struct conditions *compiled;
};

struct grpc_config {
    struct service service;
    const char *name; /* of the gRPC service */
    struct pair_list metadata;
    struct grpc_expect expect;
    struct http_header *headers; /* n_headers, by grpc_validate */
    size_t n_headers;
};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct grpc_expect),
    EXPECT_CONDITIONS(struct grpc_expect),
    OPTION_END,
};

static const struct option grpc_options[] = {
    SERVICE_ADDRESS(struct grpc_config, "50051"),
    {"service", OPT_STRING, offsetof(struct grpc_config, name), .def = "", .max = 200,
     .example = "shop.Orders",
     .help = {"gRPC service whose health is asked; empty is the whole server.",
              "要检查的 gRPC 服务名；留空检查整个服务器。"}},
    {"metadata", OPT_MAP, offsetof(struct grpc_config, metadata), .max = 32, .advanced = true,
     .help = {"Metadata (headers) of the call.", "调用的元数据（请求头）。"}},
    SERVICE_TLS(struct grpc_config),
    {"expect", OPT_SECTION, offsetof(struct grpc_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *grpc_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, "grpcs", &u, a, err);
    if (map && strlen(u.path) > 1)
        node_put(map, a, "service", node_text(a, u.path + 1));
    return map;
}

static void grpc_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct grpc_config *c = config;
    c->headers = arena_array_of(a, struct http_header, c->metadata.n + 2);
    c->headers[0] = (struct http_header){"Content-Type", "application/grpc"};
    c->headers[1] = (struct http_header){"TE", "trailers"};
    c->n_headers = 2;
    c->expect.compiled = conditions_compile(&c->expect.conditions, a, p, path);
    for (size_t i = 0; i < c->metadata.n; i++) {
        const struct pair *m = &c->metadata.at[i];
        c->headers[c->n_headers++] = (struct http_header){m->key, m->value};
        if (strpbrk(m->key, "\r\n: ") || strpbrk(m->value, "\r\n"))
            problem_add(p, NULL, path,
                        "metadata: \"%.40s\" has a character that no header may have", m->key);
    }
}

static void grpc_describe(const void *config, struct buf *out)
{
    const struct grpc_config *c = config;
    service_describe(&c->service, out);
    if (c->name[0])
        buf_printf(out, "/%s", c->name);
}

/* The message with its prefix. Lengths fit in one byte of a varint or two: the name is at most 200 bytes. */
static void put_request(struct buf *b, const char *service)
{
    struct buf message = BUF_INIT(256);
    size_t n = strlen(service);
    must(n <= 200);
    if (n > 0) {
        buf_putc(&message, 0x0a); /* field 1, bytes */
        if (n >= 128)
            buf_putc(&message, (char)(0x80 | (n & 0x7f)));
        buf_putc(&message, (char)(n >= 128 ? n >> 7 : n));
        buf_puts(&message, service);
    }
    buf_putc(b, 0); /* not compressed */
    buf_put_be32(b, (uint32_t)message.len);
    buf_add(b, message.data ? message.data : "", message.len);
    buf_done(&message);
}

static const char *const serving[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};

/* The status in an answer; -1: not one. Absent, it is 0. */
static int serving_status(struct str body)
{
    const uint8_t *p = (const uint8_t *)body.p;
    if (body.n < 5 || p[0] != 0)
        return -1;
    size_t n = (size_t)p[1] << 24 | (size_t)p[2] << 16 | (size_t)p[3] << 8 | p[4];
    if (n == 0)
        return 0;
    if (n != body.n - 5 || n < 2 || p[5] != 0x08 || p[6] >= array_len(serving))
        return -1;
    return p[6];
}

/* grpc-message is percent-encoded. */
static const char *words_of(const struct http_response *resp, struct arena *a)
{
    const char *raw = http_response_header(resp, "grpc-message", a);
    struct buf b = BUF_INIT(BODY_MAX);
    const char *text =
        raw && url_decode(&b, str_of(raw), NULL) == 0 && b.data ? arena_strdup(a, b.data) : raw;
    buf_done(&b);
    return text ? text : "";
}

static void judge_code(const struct grpc_config *c, const struct http_response *resp, int64_t code,
                       struct result *r)
{
    const char *words = words_of(resp, r->arena);
    if (code == 5)
        result_fail(r, "the server does not know the service \"%s\" (NOT_FOUND)", c->name);
    else if (code == 12)
        result_fail(r, "the server has no health service (UNIMPLEMENTED)");
    else if (code == 7 || code == 16)
        result_fail(r, "the server refuses the call (%s)%s%s",
                    code == 7 ? "PERMISSION_DENIED" : "UNAUTHENTICATED", words[0] ? ": " : "",
                    words);
    else
        result_fail(r, "gRPC status %lld%s%s", (long long)code, words[0] ? ": " : "", words);
}

/* A gRPC client's reading of another answer: https://github.com/grpc/grpc/blob/master/doc/http-grpc-status-mapping.md */
static int code_of_http(int status)
{
    static const struct {
        int http, grpc;
    } table[] = {{400, 13}, {401, 16}, {403, 7},  {404, 12},
                 {429, 14}, {502, 14}, {503, 14}, {504, 14}};
    for (size_t i = 0; i < array_len(table); i++)
        if (table[i].http == status)
            return table[i].grpc;
    return 2; /* UNKNOWN */
}

/* state: index into serving; -1: the call brought none. */
static void tell(struct result *r, int64_t code, int state)
{
    result_metric(r, "probe_grpc_status_code", (double)code);
    for (size_t i = 0; i < array_len(serving); i++)
        result_metric_label(r, "probe_grpc_healthcheck_response", "serving_status", serving[i],
                            (int)i == state);
}

static void judge(const struct grpc_config *c, const struct http_response *resp, struct result *r)
{
    const char *code_text = http_response_header(resp, "grpc-status", r->arena);
    int64_t code = -1;
    if (resp->status != 200 || !code_text || str_to_i64(str_of(code_text), &code, NULL) != 0) {
        result_fail(r, "not a gRPC answer: HTTP status %d%s", resp->status,
                    code_text ? "" : ", no grpc-status");
        tell(r, code_of_http(resp->status), -1);
        return;
    }
    int state =
        code == 0
            ? serving_status((struct str){resp->body.data ? resp->body.data : "", resp->body.len})
            : -1;
    tell(r, code, state);
    if (code != 0)
        judge_code(c, resp, code, r);
    else if (state < 0)
        result_fail(r, "the answer is no health status");
    else if (state != 1)
        result_fail(r, "%s is %s", c->name[0] ? c->name : "the server", serving[state]);
}

static struct http_request request_of(const struct probe *p, const struct grpc_config *c,
                                      const struct buf *body)
{
    const struct service *s = &c->service;
    bool six = strchr(s->host, ':') != NULL;
    return (struct http_request){
        .method = "POST",
        .url = arena_printf(p->arena, six ? "%s://[%s]:%d%s" : "%s://%s:%d%s",
                            s->use_tls ? "https" : "http", s->host, (int)s->port,
                            "/grpc.health.v1.Health/Check"),
        .headers = c->headers,
        .n_headers = c->n_headers,
        .body = body->data,
        .body_len = body->len,
        .tls = tls_section_apply(&s->tls, NULL),
        .ip = (enum ip_version)s->ip_version,
        .http2 = s->use_tls,
        .http2_at_once = !s->use_tls,
        .max_body = BODY_MAX,
        .connect_deadline_ns = p->connect_deadline_ns,
        .deadline_ns = p->deadline_ns,
        .want_certs = true,
    };
}

static void grpc_run(struct probe *p, struct result *r)
{
    const struct grpc_config *c = p->config;
    struct buf body = BUF_INIT(512);
    struct http_response resp;
    struct err err = {0};
    put_request(&body, c->name);
    struct http_request req = request_of(p, c, &body);
    int rc = http_fetch(p->env->http, &req, p->arena, &resp, &err);
    r->latency_us = resp.total_ns / 1000;
    r->resolve_us = resp.resolve_ns / 1000;
    result_set_address(r, &resp.peer);
    result_metric_label(r, "probe_grpc_duration_seconds", "phase", "resolve",
                        (double)resp.resolve_ns / 1e9);
    result_metric_label(r, "probe_grpc_duration_seconds", "phase", "check",
                        (double)(resp.total_ns - resp.resolve_ns) / 1e9);
    result_metric(r, "probe_grpc_ssl", resp.tls.version[0] != '\0');
    result_add_tls(r, &resp.tls, c->service.tls.expiry_warning_ms);
    if (rc != 0) {
        result_fail_err(r, &err);
        tell(r, err.code == ERR_TIMEOUT ? 4 : 14, -1); /* DEADLINE_EXCEEDED, UNAVAILABLE */
    } else {
        judge(c, &resp, r);
    }
    conditions_judge_result(c->expect.compiled, r);
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
    if (r->success)
        result_ok(r, "%s is SERVING", c->name[0] ? c->name : "the server");
    http_response_done(&resp);
    buf_done(&body);
}

static const char *const grpc_schemes[] = {"grpc", "grpcs", NULL};

const struct prober_ops grpc_prober = {
    .type = "grpc",
    .kind = PROBER_WEB,
    .title = {"gRPC health", "gRPC 健康检查"},
    .help = {"Asks a gRPC server by the health protocol whether a service is serving.",
             "通过 gRPC 健康检查协议询问服务是否可用。"},
    .schemes = grpc_schemes,
    .options = grpc_options,
    .config_size = sizeof(struct grpc_config),
    .from_url = grpc_from_url,
    .validate = grpc_validate,
    .describe = grpc_describe,
    .run = grpc_run,
};
