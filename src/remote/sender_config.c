/* The table of remote_write:, Prometheus' own (prometheus.io/docs/prometheus/latest/configuration, remote_write), and its
 * checks. */
#include "remote/sender_priv.h"

#include <stdio.h>

#include "base/must.h"
#include "io/http_url.h"

#define AT(field)      offsetof(struct remote_config, field)
#define IN(sec, field) (AT(sec.field) - AT(sec))

static const struct option basic_auth[] = {
    {"username", OPT_STRING, IN(basic_auth, username), .help = {"User name.", "用户名。"}},
    {"username_file", OPT_STRING, IN(basic_auth, username_file),
     .help = {"File that holds it.", "存放用户名的文件。"}},
    {"password", OPT_STRING, IN(basic_auth, password), .secret = true,
     .help = {"Password.", "密码。"}},
    {"password_file", OPT_STRING, IN(basic_auth, password_file),
     .help = {"File that holds it; read anew for each request.",
              "存放密码的文件；每次请求时重新读取。"}},
    OPTION_END,
};
static const struct option authorization[] = {
    {"type", OPT_STRING, IN(authorization, type), .def = "Bearer",
     .help = {"Scheme of the header Authorization.", "Authorization 请求头的方案。"}},
    {"credentials", OPT_STRING, IN(authorization, credentials), .secret = true,
     .help = {"What follows it.", "方案之后的凭据。"}},
    {"credentials_file", OPT_STRING, IN(authorization, credentials_file),
     .help = {"File that holds them; read anew for each request.",
              "存放凭据的文件；每次请求时重新读取。"}},
    OPTION_END,
};
static const char *const versions[] = {"TLS10", "TLS11", "TLS12", "TLS13", NULL};
static const struct option tls[] = {
    {"ca_file", OPT_STRING, IN(tls, ca_file),
     .help = {"Certificates to trust, PEM.", "受信任的证书（PEM）。"}},
    {"cert_file", OPT_STRING, IN(tls, cert_file),
     .help = {"Client certificate, PEM.", "客户端证书（PEM）。"}},
    {"key_file", OPT_STRING, IN(tls, key_file), .help = {"Its key, PEM.", "其私钥（PEM）。"}},
    {"server_name", OPT_STRING, IN(tls, server_name),
     .help = {"Name to verify instead of the URL's host.", "用于校验的名称，代替 URL 的主机名。"}},
    {"insecure_skip_verify", OPT_BOOL, IN(tls, insecure_skip_verify), .def = "false",
     .help = {"Do not verify the server.", "不校验服务端证书。"}},
    {"min_version", OPT_ENUM, IN(tls, min_version), .def = "TLS12", .choices = versions,
     .help = {"Oldest version of TLS.", "最低 TLS 版本。"}},
    OPTION_END,
};
static const struct option queue_config[] = {
    {"capacity", OPT_INT, IN(queue, capacity), .def = "10000", .min = 1, .max = 1000000,
     .help = {"Samples a shard may read ahead.", "每个分片可预读的样本数。"}},
    {"max_shards", OPT_INT, IN(queue, max_shards), .def = "50", .min = 1, .max = 200,
     .help = {"Most requests at once.", "最多同时进行的请求数。"}},
    {"min_shards", OPT_INT, IN(queue, min_shards), .def = "1", .min = 1, .max = 200,
     .help = {"Fewest.", "最少同时进行的请求数。"}},
    {"max_samples_per_send", OPT_INT, IN(queue, max_samples_per_send), .def = "2000", .min = 1,
     .max = 100000, .help = {"Samples of one request.", "单个请求的样本数上限。"}},
    {"batch_send_deadline", OPT_DURATION, IN(queue, batch_send_deadline_ms), .def = "5s", .min = 1,
     .max = 3600000, .help = {"A sample waits no longer for others.", "样本等待凑批的最长时间。"}},
    {"min_backoff", OPT_DURATION, IN(queue, min_backoff_ms), .def = "30ms", .min = 1,
     .max = 3600000, .help = {"First wait before a further attempt.", "首次重试前的等待。"}},
    {"max_backoff", OPT_DURATION, IN(queue, max_backoff_ms), .def = "5s", .min = 1, .max = 3600000,
     .help = {"It doubles up to this.", "等待时间逐次加倍的上限。"}},
    {"retry_on_http_429", OPT_BOOL, IN(queue, retry_on_http_429), .def = "false",
     .help = {"Try again on status 429.", "收到 429 时重试。"}},
    {"sample_age_limit", OPT_DURATION, IN(queue, sample_age_limit_ms), .def = "0s",
     .help = {"Older samples are not sent; 0: no limit.", "不发送比这更旧的样本；0 为不限。"}},
    OPTION_END,
};
static const struct option metadata_config[] = {
    {"send", OPT_BOOL, IN(metadata, send), .def = "true",
     .help = {"Send types and help texts.", "发送指标类型与说明。"}},
    {"send_interval", OPT_DURATION, IN(metadata, send_interval_ms), .def = "1m", .min = 1000,
     .max = 86400000, .help = {"How often.", "发送间隔。"}},
    {"max_samples_per_send", OPT_INT, IN(metadata, max_samples_per_send), .def = "2000", .min = 1,
     .max = 100000, .help = {"Metrics of one request.", "单个请求的指标数上限。"}},
    OPTION_END,
};

static const char *const messages[] = {"prometheus.WriteRequest", NULL};
static const struct option options[] = {
    {"url", OPT_STRING, AT(url), .required = true, .min = 1, .max = 4000,
     .help = {"Where to send to.", "发送目标的地址。"},
     .example = "http://store.example.com/api/v1/write"},
    {"name", OPT_STRING, AT(name), .def = "", .max = 100,
     .help = {"In figures and logs; made from the description when absent.",
              "用于指标与日志；缺省时自动生成。"}},
    {"remote_timeout", OPT_DURATION, AT(remote_timeout_ms), .def = "30s", .min = 1, .max = 3600000,
     .help = {"Of one request.", "单个请求的超时。"}},
    {"headers", OPT_MAP, AT(headers), .max = 20, .secret = true,
     .help = {"Further request headers.", "附加的请求头。"}},
    {"follow_redirects", OPT_BOOL, AT(follow_redirects), .def = "true",
     .help = {"Follow redirects.", "跟随重定向。"}},
    {"enable_http2", OPT_BOOL, AT(enable_http2), .def = "true",
     .help = {"Offer HTTP/2.", "允许使用 HTTP/2。"}},
    {"proxy_url", OPT_STRING, AT(proxy_url), .help = {"Proxy.", "代理。"}},
    {"basic_auth", OPT_SECTION, AT(basic_auth), .sub = basic_auth,
     .help = {"Basic authentication.", "Basic 认证。"}},
    {"authorization", OPT_SECTION, AT(authorization), .sub = authorization,
     .help = {"The header Authorization.", "Authorization 请求头。"}},
    {"bearer_token", OPT_STRING, AT(bearer_token), .secret = true,
     .help = {"Bearer token.", "Bearer 令牌。"}},
    {"bearer_token_file", OPT_STRING, AT(bearer_token_file),
     .help = {"File that holds it.", "存放令牌的文件。"}},
    {"tls_config", OPT_SECTION, AT(tls), .sub = tls, .help = {"TLS.", "TLS 设置。"}},
    {"write_relabel_configs", OPT_SECTIONS, AT(write_relabel_configs), .sub = relabel_options,
     .sub_size = sizeof(struct relabel_config),
     .help = {"What is sent, under which labels.", "发送哪些序列，使用哪些标签。"}},
    {"send_exemplars", OPT_BOOL, AT(send_exemplars), .def = "false",
     .help = {"Accepted; there are none to send yet.", "可以设置；目前没有可发送的 exemplar。"}},
    {"send_native_histograms", OPT_BOOL, AT(send_native_histograms), .def = "false",
     .help = {"Accepted; there are none to send yet.", "可以设置；目前没有可发送的原生直方图。"}},
    {"protobuf_message", OPT_STRING, AT(protobuf_message), .def = "prometheus.WriteRequest",
     .choices = messages, .help = {"Remote write 1.0.", "Remote write 1.0。"}},
    {"queue_config", OPT_SECTION, AT(queue), .sub = queue_config,
     .help = {"Batches and retries.", "批量与重试。"}},
    {"metadata_config", OPT_SECTION, AT(metadata), .sub = metadata_config,
     .help = {"Types and help texts.", "指标类型与说明。"}},
    OPTION_END,
};

const struct option *remote_write_options(void)
{
    return options;
}

static bool is_given(const char *s)
{
    return s && s[0];
}

/* One way to authenticate, and of each secret the text or the file. */
static void check_auth(const struct remote_config *c, const struct node *at, struct problems *p,
                       const char *path)
{
    bool basic = is_given(c->basic_auth.username) || is_given(c->basic_auth.username_file);
    bool auth =
        is_given(c->authorization.credentials) || is_given(c->authorization.credentials_file);
    bool bearer = is_given(c->bearer_token) || is_given(c->bearer_token_file);
    if (basic + auth + bearer > 1)
        problem_add(p, at, path,
                    "got several of basic_auth, authorization and bearer_token; want one");
    if ((is_given(c->basic_auth.password) && is_given(c->basic_auth.password_file)) ||
        (is_given(c->basic_auth.username) && is_given(c->basic_auth.username_file)) ||
        (is_given(c->authorization.credentials) && is_given(c->authorization.credentials_file)) ||
        (is_given(c->bearer_token) && is_given(c->bearer_token_file)))
        problem_add(p, at, path, "got a secret and a file that holds it; want one of them");
}

static void check_rest(const struct remote_config *c, const struct node *at, struct problems *p,
                       const char *path, struct arena *a)
{
    struct http_url url;
    struct err err = {0};
    const struct node *place = node_get(at, "url");
    if (http_url_parse(c->url, a, &url, &err) < 0)
        problem_add(p, place ? place : at, path, "%s", err.msg);
    if (c->queue.min_shards > c->queue.max_shards)
        problem_add(p, node_get(at, "queue_config"), path,
                    "got more min_shards than max_shards; want at most as many");
    if (c->queue.min_backoff_ms > c->queue.max_backoff_ms)
        problem_add(p, node_get(at, "queue_config"), path,
                    "got a min_backoff above max_backoff; want it below");
    if (!streq(c->protobuf_message, messages[0]))
        problem_add(p, node_get(at, "protobuf_message"), path, "got \"%s\"; want %s",
                    c->protobuf_message, messages[0]);
}

bool remote_config_bind(const struct node *item, struct arena *a, struct remote_config *out,
                        struct relabel **relabel, struct problems *p, const char *path)
{
    char where[300];
    size_t before = p->list.n + p->dropped;
    *relabel = NULL;
    if (!options_bind(options, item, out, a, p, path))
        return false;
    check_auth(out, item, p, path);
    check_rest(out, item, p, path, a);
    snprintf(where, sizeof(where), "%.200s.write_relabel_configs", path);
    *relabel = relabel_new(out->write_relabel_configs.at, out->write_relabel_configs.n,
                           node_get(item, "write_relabel_configs"), p, where);
    if (p->list.n + p->dropped == before) {
        must(*relabel != NULL);
        return true;
    }
    relabel_free(*relabel);
    *relabel = NULL;
    return false;
}

bool remote_write_check(const struct node *list, struct problems *p, const char *path)
{
    struct arena *a = arena_new();
    size_t i = 0;
    bool good = true;
    if (list && list->kind != NODE_LIST) {
        problem_add(p, list, path, "got %s; want a list of maps", node_kind_name(list));
        good = false;
    }
    for (const struct node *item = list && good ? list->first : NULL; item;
         item = item->next, i++) {
        struct remote_config c = {0};
        struct relabel *relabel;
        char where[200];
        snprintf(where, sizeof(where), "%.150s[%zu]", path, i);
        good &= remote_config_bind(item, a, &c, &relabel, p, where);
        relabel_free(relabel);
        for (const struct node *other = list->first; good && c.name[0] && other != item;
             other = other->next) {
            const struct node *name = node_get(other, "name");
            if (name && name->kind == NODE_TEXT && str_eqz(name->text, c.name)) {
                problem_add(p, item, where, "got the name \"%s\" again; want one of its own",
                            c.name);
                good = false;
            }
        }
    }
    arena_free(a);
    return good;
}
