/* The webhook channel: Alertmanager's payload, version 4, so that every receiver written for Alertmanager works; or the
 * channel's own template as the whole body. X-Belfry-Delivery is the same for each attempt at one message, so that a
 * receiver can drop doubles. */
#include <string.h>

#include "base/must.h"
#include "notify/channels.h"

struct webhook_config {
    struct message_options message;
    struct post_options post;
    struct pair_list headers;
    const char *username, *password, *bearer, *content_type;
    int64_t max_alerts;
};

static const struct option options[] = {
    POST_OPTION_ROWS(struct webhook_config, "https://hooks.example.com/belfry"),
    {"headers", OPT_MAP, offsetof(struct webhook_config, headers), .max = 20, .secret = true,
     .help = {"Further request headers.", "附加的请求头。"}},
    {"username", OPT_STRING, offsetof(struct webhook_config, username),
     .help = {"User name for basic authentication.", "Basic 认证用户名。"}},
    {"password", OPT_STRING, offsetof(struct webhook_config, password), .secret = true,
     .help = {"Password for basic authentication.", "Basic 认证密码。"}},
    {"bearer", OPT_STRING, offsetof(struct webhook_config, bearer), .secret = true,
     .help = {"Token for Authorization: Bearer.", "Bearer 令牌。"}},
    {"content_type", OPT_STRING, offsetof(struct webhook_config, content_type),
     .def = "application/json", .advanced = true,
     .help = {"Content-Type of the body, for an own template.",
              "请求正文的 Content-Type，用于自定义模板。"}},
    {"max_alerts", OPT_INT, offsetof(struct webhook_config, max_alerts), .def = "0", .min = 0,
     .max = 500, .advanced = true,
     .help = {"Most alerts in one message; 0: all.", "单条消息最多包含的告警数；0 为不限。"}},
    MESSAGE_OPTION_ROWS(struct webhook_config, "en"),
    OPTION_END,
};

static int render(const struct send *s, struct buf *out, struct err *err)
{
    const struct webhook_config *c = s->config;
    err_clear(err);
    if (c->message.template != NULL && c->message.template[0] != '\0' &&
        message_run(s, c->message.template, out, err) == 0)
        return 0;
    buf_clear(out);
    alertmanager_json(s, c->max_alerts, out);
    return out->failed ? err_set(err, ERR_TOO_LARGE, "the payload is over %zu bytes", out->max) : 0;
}

static size_t fill_headers(const struct send *s, const struct webhook_config *c,
                           struct http_header *headers, size_t max)
{
    size_t n = 0;
    headers[n++] = (struct http_header){
        "X-Belfry-Delivery",
        arena_printf(s->arena, "%llu", (unsigned long long)s->note->delivery_id)};
    for (size_t i = 0; i < c->headers.n && n < max; i++)
        headers[n++] = (struct http_header){c->headers.at[i].key, c->headers.at[i].value};
    must(n <= max);
    return n;
}

static const char *non_empty(const char *s)
{
    return s != NULL && s[0] != '\0' ? s : NULL;
}

static int send_message(const struct send *s, struct buf *answer, struct err *err)
{
    const struct webhook_config *c = s->config;
    struct http_header headers[22];
    struct post_request req = {
        .options = &c->post,
        .content_type = c->content_type,
        .headers = headers,
        .n_headers = fill_headers(s, c, headers, array_len(headers)),
        .username = non_empty(c->username),
        .password = c->password,
        .bearer = non_empty(c->bearer),
        .timeout_ms = c->message.timeout_ms,
    };
    struct buf payload = BUF_INIT(4 << 20);
    struct post_reply reply = {0};
    int64_t retry_after_ms = 0;
    int rc = render(s, &payload, err);
    if (rc == 0)
        rc = post_send(s, &req, &payload, &reply, err);
    if (rc == 0) {
        buf_printf(answer, "HTTP %d ", reply.status);
        utf8_clean(answer, reply.body.p, utf8_cut(reply.body.p, reply.body.n, 480));
        rc = status_judge("the webhook", &reply, &retry_after_ms, err);
    }
    if (s->retry_after_ms != NULL)
        *s->retry_after_ms = retry_after_ms;
    buf_done(&payload);
    return rc;
}

static bool has_control(const char *s)
{
    for (; *s != '\0'; s++)
        if ((unsigned char)*s < 0x20 || *s == 0x7f)
            return true;
    return false;
}

static void validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct webhook_config *c = config;
    post_validate(&c->post, p, path);
    message_validate(&c->message, a, p, path);
    for (size_t i = 0; i < c->headers.n; i++)
        if (has_control(c->headers.at[i].key) || has_control(c->headers.at[i].value) ||
            strchr(c->headers.at[i].key, ':') != NULL || c->headers.at[i].key[0] == '\0')
            problem_add(p, NULL, "headers", "\"%.60s\" cannot be a header", c->headers.at[i].key);
}

const struct channel_ops channel_webhook = {
    .type = "webhook",
    .title = {"Webhook", "Webhook"},
    .help = {"Posts JSON as Alertmanager does (version 4).",
             "以 Alertmanager（第 4 版）的 JSON 格式发送。"},
    .options = options,
    .config_size = sizeof(struct webhook_config),
    .burst = 10,
    .max_bytes = 1 << 20,
    .validate = validate,
    .render = render,
    .send = send_message,
};
