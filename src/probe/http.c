/* http: one request on a fresh connection, its phases measured, its answer judged (http_expect.c).
 *
 * RFC 9110, 9112, 9113. Metric names are blackbox_exporter's. */
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/common.h"
#include "probe/http_expect.h"
#include "probe/oauth.h"
#include "probe/probers.h"
#include "probe/url.h"

struct http_config {
    const char *url, *method, *body, *username, *password, *bearer, *proxy, *user_agent;
    struct pair_list headers;
    int auth; /* enum http_auth */
    struct oauth oauth2;
    bool follow_redirects, cookies, http2, compression, resolve_first;
    struct str_list no_proxy;
    struct pair_list proxy_headers;
    int64_t max_redirects, max_body;
    int ip_version, encoding, past_max;
    struct tls_section tls;
    struct http_expect expect;
    struct http_header *header_array, *proxy_header_array; /* as http_fetch takes them */
};

enum past_max { PAST_MAX_CUT, PAST_MAX_FAIL, PAST_MAX_SKIP };
static const char *const past_max_choices[] = {"cut", "fail", "skip", NULL};
static const char *const encodings[] = {"any", "gzip", "deflate", "br", NULL};

static const char *const methods[] = {"GET",    "HEAD",    "POST",  "PUT",
                                      "DELETE", "OPTIONS", "PATCH", NULL};

static const char *const auths[] = {
#define X(name, text) text,
    HTTP_AUTHS(X)
#undef X
        NULL,
};

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
     .help = {"Whom to authenticate as.", "认证用户名。"}},
    {"password", OPT_STRING, offsetof(struct http_config, password), .secret = true,
     .help = {"Its password.", "认证密码。"}},
    {"auth", OPT_ENUM, offsetof(struct http_config, auth), .def = "basic", .choices = auths,
     .advanced = true,
     .help = {"How username and password are sent; for NTLM the user may be DOMAIN\\user.",
              "用户名和密码的认证方式；NTLM 的用户名可写作 域\\用户。"}},
    {"bearer", OPT_STRING, offsetof(struct http_config, bearer), .secret = true, .advanced = true,
     .help = {"Token for Authorization: Bearer.", "Bearer 令牌。"}},
    {"oauth2", OPT_SECTION, offsetof(struct http_config, oauth2), .sub = oauth_options,
     .advanced = true,
     .help = {"Fetch a token first (client credentials) and send it as Bearer.",
              "先以客户端凭据获取令牌，再以 Bearer 发送。"}},
    {"follow_redirects", OPT_BOOL, offsetof(struct http_config, follow_redirects), .def = "true",
     .help = {"Follow redirects and judge where they end.", "跟随重定向，判断最终应答。"}},
    {"max_redirects", OPT_INT, offsetof(struct http_config, max_redirects), .def = "10", .min = 0,
     .max = 50, .advanced = true,
     .help = {"More than these is a failure; 0 is as if follow_redirects were off.",
              "超过此数视为失败；0 等同于不跟随。"}},
    {"cookies", OPT_BOOL, offsetof(struct http_config, cookies), .def = "false", .advanced = true,
     .help = {"Keep the cookies that redirects set, for the requests that follow.",
              "保留重定向设置的 Cookie，用于后续请求。"}},
    {"proxy", OPT_STRING, offsetof(struct http_config, proxy), .advanced = true,
     .example = "socks5h://10.0.0.1:1080",
     .help = {"Proxy URL: http, https, socks5 or socks5h.",
              "代理地址：http、https、socks5 或 socks5h。"}},
    {"no_proxy", OPT_LIST, offsetof(struct http_config, no_proxy), .max = 64, .advanced = true,
     .example = "[localhost, .example.com, 10.0.0.0/8]",
     .help = {"Hosts that are asked without the proxy: names (with what is under them), .names, "
              "addresses, networks, * for all.",
              "不经代理访问的主机：域名（含子域名）、.域名、地址、网段，* 表示全部。"}},
    {"proxy_headers", OPT_MAP, offsetof(struct http_config, proxy_headers), .max = 16,
     .advanced = true,
     .help = {"Headers for the proxy when it is asked for a tunnel (https).",
              "请求代理建立隧道 (https) 时附带的请求头。"}},
    {"resolve_first", OPT_BOOL, offsetof(struct http_config, resolve_first), .def = "false",
     .advanced = true,
     .help = {"Look the host's name up here even when a proxy is used; a name that is not found is "
              "a failure.",
              "即使使用代理也先在本机解析主机名，解析不到即为失败。"}},
    {"user_agent", OPT_STRING, offsetof(struct http_config, user_agent), .advanced = true,
     .help = {"User-Agent header.", "User-Agent 请求头。"}},
    {"http2", OPT_BOOL, offsetof(struct http_config, http2), .def = "false", .advanced = true,
     .help = {"Offer HTTP/2 over TLS.", "在 TLS 上协商 HTTP/2。"}},
    {"compression", OPT_BOOL, offsetof(struct http_config, compression), .def = "false",
     .advanced = true,
     .help = {"Accept compressed answers and unpack them.", "接受并解压压缩应答。"}},
    {"encoding", OPT_ENUM, offsetof(struct http_config, encoding), .def = "any",
     .choices = encodings, .advanced = true,
     .help = {"Ask for answers packed in this way; one that is not is a failure.",
              "要求应答以此方式压缩，否则为失败。"}},
    {"max_body", OPT_SIZE, offsetof(struct http_config, max_body), .def = "1MiB", .min = 0,
     .max = 67108864, .advanced = true,
     .help = {"Bytes of the body that are read and judged, after unpacking.",
              "读取并判断的正文字节数（解压后）。"}},
    {"max_body_action", OPT_ENUM, offsetof(struct http_config, past_max), .def = "cut",
     .choices = past_max_choices, .advanced = true,
     .help = {"What a longer body means: leave the rest, fail, or skip it, reading on to the end.",
              "正文更长时：忽略其余(cut)、视为失败(fail)，或读完但不判断(skip)。"}},
    OPTION_IP_VERSION(struct http_config, ip_version),
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

/* Faults in the headers become problems. */
static struct http_header *read_headers(const struct pair_list *list, const char *name,
                                        struct arena *a, struct problems *p, const char *path)
{
    struct http_header *out = arena_array_of(a, struct http_header, list->n + 1);
    for (size_t i = 0; i < list->n; i++) {
        out[i] = (struct http_header){list->at[i].key, list->at[i].value};
        if (!list->at[i].key[0] || strpbrk(list->at[i].key, "\r\n: ") ||
            strpbrk(list->at[i].value, "\r\n"))
            problem_add(p, NULL, path, "%s: \"%.40s\" has a character that no header may have",
                        name, list->at[i].key);
    }
    return out;
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
    c->header_array = read_headers(&c->headers, "headers", a, p, path);
    c->proxy_header_array = read_headers(&c->proxy_headers, "proxy_headers", a, p, path);
    if (c->auth != HTTP_AUTH_BASIC && !c->username)
        problem_add(p, NULL, path, "auth: got %s without username; want one", auths[c->auth]);
    if (c->oauth2.token_url && (c->bearer || c->username))
        problem_add(p, NULL, path, "got oauth2 beside bearer or username; want one of them");
    oauth_validate(&c->oauth2, p, path);
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

/* Whether the answer is packed in the way that was asked for; *got is the way it is. */
static bool well_packed(const struct http_config *c, const struct http_response *resp,
                        struct arena *a, const char **got)
{
    *got = http_response_header(resp, "Content-Encoding", a);
    return !c->encoding || strcasecmp(*got ? *got : "", encodings[c->encoding]) == 0;
}

/* None of what could not be unpacked, nor of a redirect that was not followed. */
static double body_length(const struct http_config *c, const struct http_response *resp,
                          struct result *r)
{
    const char *got;
    bool read = well_packed(c, resp, r->arena, &got) && !resp->redirect_refused;
    return read ? (double)resp->body_total : 0;
}

static void add_metrics(const struct http_config *c, const struct http_response *resp,
                        bool resolved, struct result *r)
{
    add_phases(resp, r);
    result_metric(r, "probe_http_status_code", resp->status);
    result_metric(r, "probe_http_version", resp->version == 20 ? 2 : (double)resp->version / 10);
    result_metric(r, "probe_http_content_length", resp->status ? (double)resp->content_length : 0);
    result_metric(r, "probe_http_uncompressed_body_length", body_length(c, resp, r));
    result_metric(r, "probe_http_redirects", resp->redirects + resp->redirect_refused);
    int64_t modified_s;
    const char *modified = http_response_header(resp, "Last-Modified", r->arena);
    if (modified && http_expect_date(modified, &modified_s))
        result_metric(r, "probe_http_last_modified_timestamp_seconds", (double)modified_s);
    result_metric(r, "probe_http_ssl", resp->tls.version[0] != '\0');
    if (!resolved) {
        result_metric(r, "probe_dns_lookup_time_seconds", (double)resp->resolve_ns / 1e9);
        r->resolve_us = resp->resolve_ns / 1000;
    }
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
        .auth = (enum http_auth)c->auth,
        .bearer = c->bearer,
        .user_agent = c->user_agent,
        .follow_redirects = c->follow_redirects && c->max_redirects > 0,
        .max_redirects = (int)c->max_redirects,
        .proxy = c->proxy,
        .no_proxy = c->no_proxy.at,
        .n_no_proxy = c->no_proxy.n,
        .proxy_headers = c->proxy_header_array,
        .n_proxy_headers = c->proxy_headers.n,
        .cookies = c->cookies,
        .tls = tls_section_apply(&c->tls, NULL),
        .ip = (enum ip_version)c->ip_version,
        .one_address = p->one_address,
        .http2 = c->http2,
        .accept_compressed = c->compression,
        .encoding = c->encoding ? encodings[c->encoding] : NULL,
        .max_body = (size_t)c->max_body,
        .past_max_is_error = c->past_max == PAST_MAX_FAIL,
        .past_max_is_read = c->past_max == PAST_MAX_SKIP,
        .connect_deadline_ns = p->connect_deadline_ns,
        .deadline_ns = p->deadline_ns,
        .want_certs = true,
    };
}

/* The target's own address, looked up beside the proxy. */
static int resolve_first(struct probe *p, const struct http_config *c, struct result *r)
{
    struct url u;
    struct resolved to;
    must(url_parse(c->url, p->arena, &u, NULL) == 0); /* validated */
    if (probe_resolve(p, u.host, u.port, (enum ip_version)c->ip_version, r, &to) != 0)
        return -1;
    result_set_address(r, &to.at[0]);
    return 0;
}

static void judge(const struct http_config *c, const struct http_response *resp, struct result *r)
{
    const char *got;
    http_expect_judge(&c->expect, resp, r);
    if (!well_packed(c, resp, r->arena, &got))
        result_fail(r, "the answer is packed with %s; want %s", got ? got : "nothing",
                    encodings[c->encoding]);
}

static void http_run(struct probe *p, struct result *r)
{
    const struct http_config *c = p->config;
    struct http_request req = request_of(p, c);
    struct http_response resp = {0};
    struct err err = {0};
    if (c->oauth2.token_url && !(req.bearer = oauth_token(p, &c->oauth2, &req.tls, r)))
        return;
    bool by_proxy = c->proxy && c->resolve_first;
    if (by_proxy && resolve_first(p, c, r) != 0)
        return;
    int rc = http_fetch(p->env->http, &req, p->arena, &resp, &err);
    must(rc == 0 || err.code != ERR_OK);
    r->latency_us = resp.total_ns / 1000;
    if (!by_proxy)
        result_set_address(r, &resp.peer);
    add_metrics(c, &resp, by_proxy, r);
    result_add_tls(r, &resp.tls, c->tls.expiry_warning_ms);
    if (rc != 0)
        result_fail_err(r, &err);
    else
        judge(c, &resp, r);
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
    if (r->success)
        result_ok(r, "HTTP %d", resp.status);
    http_response_done(&resp);
}

static const char *const http_schemes[] = {"http", "https", NULL};

const struct prober_ops http_prober = {
    .type = "http",
    .kind = PROBER_WEB,
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
