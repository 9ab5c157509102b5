/* http: one request on a fresh connection, its phases measured, its answer judged (http_expect.c).
 *
 * RFC 9110, 9112, 9113. Metric names are blackbox_exporter's. */
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/common.h"
#include "probe/http_expect.h"
#include "probe/probers.h"
#include "probe/url.h"

struct http_config {
    const char *url, *method, *body, *username, *password, *bearer, *proxy, *user_agent;
    struct pair_list headers;
    bool follow_redirects, http2, compression;
    int64_t max_redirects, max_body;
    int ip_version;
    struct tls_section tls;
    struct http_expect expect;
    struct http_header *header_array; /* headers as http_fetch takes them */
};

static const char *const methods[] = {"GET",    "HEAD",    "POST",  "PUT",
                                      "DELETE", "OPTIONS", "PATCH", NULL};

static const struct option http_options[] = {
    {"url", OPT_STRING, offsetof(struct http_config, url), .required = true, .max = URL_MAX,
     .example = "https://shop.example.com/health", .help = {"What to request.", "要请求的地址。"}},
    {"method", OPT_STRING, offsetof(struct http_config, method), .def = "GET", .choices = methods,
     .max = 20, .help = {"Request method.", "请求方法。"}},
    {"headers", OPT_MAP, offsetof(struct http_config, headers), .max = 64,
     .help = {"Request headers.", "请求头。"}},
    {"body", OPT_TEXT, offsetof(struct http_config, body), .max = 32768,
     .help = {"Request body.", "请求正文。"}},
    {"username", OPT_STRING, offsetof(struct http_config, username),
     .help = {"For basic authentication.", "Basic 认证用户名。"}},
    {"password", OPT_STRING, offsetof(struct http_config, password), .secret = true,
     .help = {"For basic authentication.", "Basic 认证密码。"}},
    {"bearer", OPT_STRING, offsetof(struct http_config, bearer), .secret = true, .advanced = true,
     .help = {"Token for Authorization: Bearer.", "Bearer 令牌。"}},
    {"follow_redirects", OPT_BOOL, offsetof(struct http_config, follow_redirects), .def = "true",
     .help = {"Follow redirects and judge where they end.", "跟随重定向，判断最终应答。"}},
    {"max_redirects", OPT_INT, offsetof(struct http_config, max_redirects), .def = "10", .min = 0,
     .max = 50, .advanced = true,
     .help = {"More than these is a failure; 0 is as if follow_redirects were off.",
              "超过此数视为失败；0 等同于不跟随。"}},
    {"proxy", OPT_STRING, offsetof(struct http_config, proxy), .advanced = true,
     .example = "socks5h://10.0.0.1:1080",
     .help = {"Proxy URL: http, https, socks5 or socks5h.",
              "代理地址：http、https、socks5 或 socks5h。"}},
    {"user_agent", OPT_STRING, offsetof(struct http_config, user_agent), .advanced = true,
     .help = {"User-Agent header.", "User-Agent 请求头。"}},
    {"http2", OPT_BOOL, offsetof(struct http_config, http2), .def = "false", .advanced = true,
     .help = {"Offer HTTP/2 over TLS.", "在 TLS 上协商 HTTP/2。"}},
    {"compression", OPT_BOOL, offsetof(struct http_config, compression), .def = "false",
     .advanced = true,
     .help = {"Accept compressed answers and unpack them.", "接受并解压压缩应答。"}},
    {"max_body", OPT_SIZE, offsetof(struct http_config, max_body), .def = "1MiB", .min = 0,
     .max = 67108864, .advanced = true,
     .help = {"Bytes of the body that are read and judged; the rest is left.",
              "读取并判断的正文字节数，其余忽略。"}},
    {"ip_version", OPT_ENUM, offsetof(struct http_config, ip_version), .def = "any",
     .choices = ip_version_choices, .advanced = true,
     .help = {"Use only IPv4 or IPv6.", "只用 IPv4 或 IPv6。"}},
    {"tls", OPT_SECTION, offsetof(struct http_config, tls), .sub = tls_section_options,
     .help = {"How TLS is spoken and judged.", "TLS 的参数与判断。"}},
    {"expect", OPT_SECTION, offsetof(struct http_config, expect), .sub = http_expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *http_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    if (url_parse(text, a, &u, err) != 0)
        return NULL;
    if (u.host[0] == '\0') {
        err_set(err, ERR_MALFORMED, "no host in \"%.100s\"; want %s://HOST/", text, u.scheme);
        return NULL;
    }
    struct node *map = node_map(a);
    node_put(map, a, "url", node_text(a, text));
    return map;
}

static void http_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct http_config *c = config;
    struct url u;
    struct err err = {0};
    char field[200];
    snprintf(field, sizeof(field), "%s%surl", path, *path ? "." : "");
    if (url_parse(c->url, a, &u, &err) != 0)
        problem_add(p, NULL, field, "%s", err.msg);
    else if (!streq(u.scheme, "http") && !streq(u.scheme, "https"))
        problem_add(p, NULL, field, "got scheme \"%.20s\"; want http or https", u.scheme);
    else if (u.host[0] == '\0')
        problem_add(p, NULL, field, "no host in the URL; want %s://HOST/", u.scheme);
    for (const char *m = c->method; *m; m++)
        if (*m < 'A' || *m > 'Z') {
            problem_add(p, NULL, path, "method: got \"%.20s\"; want capital letters such as GET",
                        c->method);
            break;
        }
    must(c->header_array == NULL);
    c->header_array = arena_array_of(a, struct http_header, c->headers.n + 1);
    for (size_t i = 0; i < c->headers.n; i++) {
        c->header_array[i] = (struct http_header){c->headers.at[i].key, c->headers.at[i].value};
        if (strpbrk(c->headers.at[i].key, "\r\n: ") || strpbrk(c->headers.at[i].value, "\r\n"))
            problem_add(p, NULL, path, "headers: \"%.40s\" has a character that no header may have",
                        c->headers.at[i].key);
    }
    http_expect_validate(&c->expect, a, p, path);
}

static void http_describe(const void *config, struct buf *out)
{
    const struct http_config *c = config;
    struct str rest = str_of(c->url), scheme, auth, path;
    const char *at;
    /* A password in the URL is nobody's business. */
    if (str_cut(rest, ':', &scheme, &rest) && rest.n > 2 && str_starts(rest, STR("//"))) {
        auth = (struct str){rest.p + 2, rest.n - 2};
        const char *slash = memchr(auth.p, '/', auth.n);
        size_t n = slash ? (size_t)(slash - auth.p) : auth.n;
        at = memrchr(auth.p, '@', n);
        path = at ? (struct str){at + 1, (size_t)(auth.p + auth.n - at - 1)} : auth;
        buf_printf(out, "%.*s://%.*s", (int)scheme.n, scheme.p, (int)path.n, path.p);
    } else {
        buf_puts(out, c->url);
    }
}

static void add_phases(const struct http_response *resp, struct result *r)
{
    const struct {
        const char *name;
        int64_t ns;
    } phases[] = {
        {"resolve", resp->resolve_ns},       {"connect", resp->connect_ns},   {"tls", resp->tls_ns},
        {"processing", resp->processing_ns}, {"transfer", resp->transfer_ns},
    };
    for (size_t i = 0; i < array_len(phases); i++)
        result_metric_label(r, "probe_http_duration_seconds", "phase", phases[i].name,
                            (double)phases[i].ns / 1e9);
}

static void add_metrics(const struct http_response *resp, struct result *r)
{
    add_phases(resp, r);
    result_metric(r, "probe_http_status_code", resp->status);
    result_metric(r, "probe_http_version", resp->version == 20 ? 2 : (double)resp->version / 10);
    result_metric(r, "probe_http_content_length", (double)resp->content_length);
    result_metric(r, "probe_http_uncompressed_body_length", (double)resp->body.len);
    result_metric(r, "probe_http_redirects", resp->redirects);
    result_metric(r, "probe_http_ssl", resp->tls.version[0] != '\0');
    result_metric(r, "probe_dns_lookup_time_seconds", (double)resp->resolve_ns / 1e9);
    r->resolve_us = resp->resolve_ns / 1000;
    if (resp->tls.cipher[0])
        result_metric_label(r, "probe_tls_cipher_info", "cipher",
                            arena_strdup(r->arena, resp->tls.cipher), 1);
}

static struct http_request request_of(const struct probe *p, const struct http_config *c)
{
    must(c->url != NULL && p->connect_deadline_ns <= p->deadline_ns);
    return (struct http_request){
        .method = c->method,
        .url = c->url,
        .headers = c->header_array,
        .n_headers = c->headers.n,
        .body = c->body,
        .body_len = c->body ? strlen(c->body) : 0,
        .username = c->username,
        .password = c->password,
        .bearer = c->bearer,
        .user_agent = c->user_agent,
        .follow_redirects = c->follow_redirects && c->max_redirects > 0,
        .max_redirects = (int)c->max_redirects,
        .proxy = c->proxy,
        .tls = tls_section_apply(&c->tls, NULL),
        .ip = (enum ip_version)c->ip_version,
        .http2 = c->http2,
        .accept_compressed = c->compression,
        .max_body = (size_t)c->max_body,
        .connect_deadline_ns = p->connect_deadline_ns,
        .deadline_ns = p->deadline_ns,
        .want_certs = true,
    };
}

static void http_run(struct probe *p, struct result *r)
{
    const struct http_config *c = p->config;
    struct http_request req = request_of(p, c);
    struct http_response resp = {0};
    struct err err = {0};
    int rc = http_fetch(p->env->http, &req, p->arena, &resp, &err);
    must(rc == 0 || err.code != ERR_OK);
    r->latency_us = resp.total_ns / 1000;
    result_set_address(r, &resp.peer);
    add_metrics(&resp, r);
    result_add_tls(r, &resp.tls, c->tls.expiry_warning_ms);
    if (rc != 0)
        result_fail_err(r, &err);
    else
        http_expect_judge(&c->expect, &resp, r);
    expect_latency(r, c->expect.max_latency_ms, (enum latency_action)c->expect.max_latency_action);
    if (r->success)
        result_ok(r, "HTTP %d", resp.status);
    http_response_done(&resp);
}

static const char *const http_schemes[] = {"http", "https", NULL};

const struct prober_ops http_prober = {
    .type = "http",
    .title = {"HTTP / HTTPS", "HTTP / HTTPS"},
    .help =
        {"Requests a URL and judges status, headers, body, JSON values, latency and certificate.",
         "请求一个地址，检查状态码、响应头、正文、JSON 值、耗时与证书。"},
    .schemes = http_schemes,
    .options = http_options,
    .config_size = sizeof(struct http_config),
    .from_url = http_from_url,
    .validate = http_validate,
    .describe = http_describe,
    .run = http_run,
};
