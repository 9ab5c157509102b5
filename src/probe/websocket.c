/* websocket: does the server take the upgrade, and does it say what it should?
 *
 *   connect → [TLS] → GET with Upgrade → 101 and its proof → send/expect steps → close frame
 *
 * RFC 6455. Metric names are those of blackbox_exporter's master. */
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "io/http_url.h"
#include "probe/condition.h"
#include "probe/pattern.h"
#include "probe/probers.h"
#include "probe/service.h"
#include "probe/ws_wire.h"

#define HEADER_LINES_MAX 100
#define LINE_MAX_BYTES   8192
#define MESSAGES_MAX \
    1000 /* of a step, and frames of a message: a server that never stops must not hold the loop */
#define MESSAGE_MAX ((size_t)64 << 10)
#define FRAMES_MAX  1000

struct ws_step {
    const char *send, *expect;
    bool next, expand;
    struct pattern *pattern; /* of expect */
};

struct ws_expect {
    struct latency_bound latency;
    struct str_list conditions;
    struct conditions *compiled;
};

struct ws_config {
    const char *url, *subprotocol, *username, *password, *bearer;
    struct pair_list headers;
    struct section_list steps; /* struct ws_step */
    struct tls_section tls;
    int ip_version;
    struct ws_expect expect;
    /* by websocket_validate */
    struct http_url at;
    const char *authority;
};

static const struct option step_options[] = {
    {"send", OPT_STRING, offsetof(struct ws_step, send), .max = 16384,
     .help = {"Text message to send.", "要发送的文本消息。"}},
    {"expect", OPT_STRING, offsetof(struct ws_step, expect),
     .help = {"Regular expression that a message of the server must match.",
              "服务器某条消息必须匹配的正则表达式。"}},
    {"next", OPT_BOOL, offsetof(struct ws_step, next), .def = "false", .advanced = true,
     .help = {"The very next message must match; else those that do not are passed over.",
              "必须是紧接着的下一条消息匹配；否则跳过不匹配的消息。"}},
    {"expand", OPT_BOOL, offsetof(struct ws_step, expand), .def = "false", .advanced = true,
     .help = {"Put the groups of the last match ($1, ${1}) into send.",
              "在 send 中代入最近一次匹配的分组（$1、${1}）。"}},
    OPTION_END,
};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct ws_expect),
    EXPECT_CONDITIONS(struct ws_expect),
    OPTION_END,
};

static const struct option ws_options[] = {
    {"url", OPT_STRING, offsetof(struct ws_config, url), .required = true, .max = URL_MAX,
     .example = "wss://chat.example.com/live", .help = {"Where to connect.", "要连接的地址。"}},
    {"headers", OPT_MAP, offsetof(struct ws_config, headers), .max = 64,
     .help = {"Headers of the handshake.", "握手请求头。"}},
    {"subprotocol", OPT_STRING, offsetof(struct ws_config, subprotocol), .max = 200,
     .help = {"Subprotocol that the server must choose.", "服务器必须选择的子协议。"}},
    {"username", OPT_STRING, offsetof(struct ws_config, username), .advanced = true,
     .help = {"For basic authentication.", "Basic 认证用户名。"}},
    {"password", OPT_STRING, offsetof(struct ws_config, password), .secret = true, .advanced = true,
     .help = {"For basic authentication.", "Basic 认证密码。"}},
    {"bearer", OPT_STRING, offsetof(struct ws_config, bearer), .secret = true, .advanced = true,
     .help = {"Token for Authorization: Bearer.", "Bearer 令牌。"}},
    {"steps", OPT_SECTIONS, offsetof(struct ws_config, steps), .sub = step_options,
     .sub_size = sizeof(struct ws_step), .max = 32,
     .help = {"Dialogue after the handshake: each step sends, expects, or both.",
              "握手后的对话：每一步发送、期望，或两者。"}},
    {"tls", OPT_SECTION, offsetof(struct ws_config, tls), .sub = tls_section_options,
     .advanced = true, .help = {"How TLS is spoken and judged.", "TLS 的参数与判断。"}},
    OPTION_IP_VERSION(struct ws_config, ip_version),
    {"expect", OPT_SECTION, offsetof(struct ws_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *websocket_from_url(const char *text, struct arena *a, struct err *err)
{
    struct node *map = node_map(a);
    node_put(map, a, "url", node_text(a, text));
    return map;
}

/* ws:// as http://, which http_url_parse knows. NULL: neither ws nor wss. */
static const char *as_http(const char *url, struct arena *a)
{
    if (str_starts(str_of(url), STR("ws://")))
        return arena_printf(a, "http://%s", url + strlen("ws://"));
    if (str_starts(str_of(url), STR("wss://")))
        return arena_printf(a, "https://%s", url + strlen("wss://"));
    return NULL;
}

static void check_address(struct ws_config *c, struct arena *a, struct problems *p,
                          const char *path)
{
    struct err err = {0};
    const char *http = as_http(c->url, a);
    if (!http)
        problem_add(p, NULL, path, "url: got \"%.100s\"; want ws://HOST/ or wss://HOST/", c->url);
    else if (http_url_parse(http, a, &c->at, &err) != 0)
        problem_add(p, NULL, path, "url: %s", err.msg);
    else
        c->authority = http_url_authority(&c->at, a);
}

static void websocket_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct ws_config *c = config;
    struct ws_step *steps = c->steps.at;
    check_address(c, a, p, path);
    c->expect.compiled = conditions_compile(&c->expect.conditions, a, p, path);
    for (size_t i = 0; i < c->steps.n; i++) {
        if (steps[i].expect)
            steps[i].pattern = pattern_compile_option(steps[i].expect, a, p, path, "steps.expect");
        if (!steps[i].send && !steps[i].expect)
            problem_add(p, NULL, path, "steps[%zu]: empty; want send, expect or both", i);
    }
    for (size_t i = 0; i < c->headers.n; i++)
        if (strpbrk(c->headers.at[i].key, "\r\n: ") || strpbrk(c->headers.at[i].value, "\r\n"))
            problem_add(p, NULL, path, "headers: \"%.40s\" has a character that no header may have",
                        c->headers.at[i].key);
    if (c->subprotocol && strpbrk(c->subprotocol, "\r\n"))
        problem_add(p, NULL, path, "subprotocol: has a line end");
    if (c->bearer && strpbrk(c->bearer, "\r\n"))
        problem_add(p, NULL, path, "bearer: has a line end");
}

static void websocket_describe(const void *config, struct buf *out)
{
    const struct ws_config *c = config;
    buf_printf(out, "%s://%s%s", c->at.https ? "wss" : "ws", c->authority, c->at.target);
}

/* --- the handshake --- */

static void put_account(const struct ws_config *c, struct arena *a, struct buf *b)
{
    const char *user = c->username ? c->username : c->at.user;
    const char *password = c->username ? c->password : c->at.password;
    if (c->bearer) {
        buf_printf(b, "Authorization: Bearer %s\r\n", c->bearer);
    } else if (user) {
        const char *pair = arena_printf(a, "%s:%s", user, password ? password : "");
        buf_puts(b, "Authorization: Basic ");
        base64_encode(b, pair, strlen(pair));
        buf_puts(b, "\r\n");
    }
}

static int ask(struct probe *p, struct stream *s, const char *key, struct err *err)
{
    const struct ws_config *c = p->config;
    struct buf b = BUF_INIT(64 << 10);
    buf_printf(
        &b,
        "GET %s HTTP/1.1\r\nHost: %s\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: %s\r\nUser-Agent: Belfry/" BELFRY_VERSION
        "\r\n",
        c->at.target, c->authority, key);
    if (c->subprotocol)
        buf_printf(&b, "Sec-WebSocket-Protocol: %s\r\n", c->subprotocol);
    put_account(c, p->arena, &b);
    for (size_t i = 0; i < c->headers.n; i++)
        buf_printf(&b, "%s: %s\r\n", c->headers.at[i].key, c->headers.at[i].value);
    buf_puts(&b, "\r\n");
    int rc = b.failed ? err_set(err, ERR_TOO_LARGE, "the handshake is longer than %zu bytes", b.max)
                      : stream_write(s, b.data, b.len, p->deadline_ns, err);
    buf_done(&b);
    return rc;
}

struct handshake {
    int status;
    const char *accept, *protocol; /* "" when the header is missing */
};

static void take_header(struct handshake *h, struct str line, struct arena *a)
{
    struct str name, value;
    if (!str_cut(line, ':', &name, &value))
        return;
    value = str_trim(value);
    const char *key = arena_strndup(a, name.p, name.n);
    if (strcasecmp(key, "Sec-WebSocket-Accept") == 0)
        h->accept = arena_strndup(a, value.p, value.n);
    if (strcasecmp(key, "Sec-WebSocket-Protocol") == 0)
        h->protocol = arena_strndup(a, value.p, value.n);
}

static int hear(struct probe *p, struct stream *s, struct handshake *h, struct err *err)
{
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    *h = (struct handshake){.accept = "", .protocol = ""};
    int rc = stream_read_line(s, &line, p->deadline_ns, err);
    if (rc == 0 && (sscanf(line.data ? line.data : "", "HTTP/1.%*1[01] %3d", &h->status) != 1))
        rc = err_set(err, ERR_PROTOCOL, "not an HTTP answer: got \"%.60s\"",
                     line.data ? line.data : "");
    for (int i = 0; rc == 0; i++) {
        buf_clear(&line);
        rc = stream_read_line(s, &line, p->deadline_ns, err);
        if (rc != 0 || line.len == 0)
            break;
        if (i == HEADER_LINES_MAX)
            rc = err_set(err, ERR_TOO_LARGE, "more than %d response headers", HEADER_LINES_MAX);
        take_header(h, (struct str){line.data, line.len}, p->arena);
    }
    buf_done(&line);
    return rc;
}

static int upgrade(struct probe *p, struct stream *s, struct result *r, struct err *err)
{
    const struct ws_config *c = p->config;
    struct handshake h;
    uint8_t nonce[16];
    struct buf key = BUF_INIT(64), want = BUF_INIT(64);
    rng_secure(nonce, sizeof(nonce));
    base64_encode(&key, nonce, sizeof(nonce));
    ws_accept(key.data, &want);
    int rc = ask(p, s, key.data, err);
    if (rc == 0)
        rc = hear(p, s, &h, err);
    if (rc == 0) {
        result_metric(r, "probe_websocket_status_code", h.status);
        if (h.status != 101)
            rc = err_set(err, ERR_PROTOCOL, "no upgrade: HTTP status %d; want 101", h.status);
        else if (!streq(h.accept, want.data))
            rc = err_set(err, ERR_PROTOCOL, "the upgrade has no proof: Sec-WebSocket-Accept is %s",
                         h.accept[0] ? "wrong" : "missing");
        else if (c->subprotocol && !streq(h.protocol, c->subprotocol))
            rc =
                err_set(err, ERR_PROTOCOL, "the server chose subprotocol \"%.60s\"; want \"%.60s\"",
                        h.protocol, c->subprotocol);
    }
    result_metric(r, "probe_websocket_connection_upgraded", rc == 0);
    buf_done(&key);
    buf_done(&want);
    return rc;
}

/* --- messages --- */

static int send_frame(struct probe *p, struct stream *s, enum ws_opcode opcode, const void *data,
                      size_t n, struct err *err)
{
    struct buf b = BUF_INIT(MESSAGE_MAX + 16);
    ws_frame_write(&b, opcode, data, n, (uint32_t)rng_secure_u64());
    must(!b.failed);
    int rc = stream_write(s, b.data, b.len, p->deadline_ns, err);
    buf_done(&b);
    return rc;
}

/* Reads one frame; its payload is added to `message`. */
static int read_frame(struct probe *p, struct stream *s, struct ws_head *head, struct buf *message,
                      struct err *err)
{
    uint8_t bytes[WS_HEAD_MAX];
    if (stream_read_full(s, bytes, 2, p->deadline_ns, err) != 0)
        return -1;
    size_t size = ws_head_size(bytes);
    must(size <= sizeof(bytes));
    if (size > 2 && stream_read_full(s, bytes + 2, size - 2, p->deadline_ns, err) != 0)
        return -1;
    if (ws_head_parse(bytes, size, head, err) != 0)
        return -1;
    if (head->length > MESSAGE_MAX - message->len || !buf_reserve(message, head->length))
        return err_set(err, ERR_TOO_LARGE, "a message is longer than %zu bytes", MESSAGE_MAX);
    if (head->length &&
        stream_read_full(s, message->data + message->len, head->length, p->deadline_ns, err) != 0)
        return -1;
    message->len += head->length;
    return 0;
}

/* Answers pings; a close is an error that says why. 1: not a control frame. */
static int control(struct probe *p, struct stream *s, enum ws_opcode opcode, const char *data,
                   size_t n, struct err *err)
{
    struct buf why = BUF_INIT(256);
    if (opcode == WS_PING)
        return send_frame(p, s, WS_PONG, data, n, err);
    if (opcode != WS_CLOSE)
        return opcode == WS_PONG ? 0 : 1;
    ws_close_text((const uint8_t *)data, n, &why);
    err_set(err, ERR_PROTOCOL, "the server closed the connection: %s", why.data);
    buf_done(&why);
    return -1;
}

/* One whole message; control frames between its fragments are no part of it. */
static int read_message(struct probe *p, struct stream *s, struct buf *message, struct err *err)
{
    struct ws_head head;
    buf_clear(message);
    for (int i = 0; i < FRAMES_MAX; i++) {
        size_t before = message->len;
        if (read_frame(p, s, &head, message, err) != 0)
            return -1;
        const char *data = message->data ? message->data + before : "";
        int rc = control(p, s, head.opcode, data, message->len - before, err);
        if (rc < 0 || (rc == 1 && head.last))
            return rc < 0 ? -1 : 0;
        if (rc == 0)
            message->len = before;
    }
    return err_set(err, ERR_TOO_LARGE, "a message of more than %d frames", FRAMES_MAX);
}

struct ws_match { /* the last message that matched; pattern NULL: none yet */
    const struct pattern *pattern;
    struct str message;
};

static int expect_message(struct probe *p, struct stream *s, const struct ws_step *step,
                          struct ws_match *match, struct err *err)
{
    struct buf message = BUF_INIT(MESSAGE_MAX + 1);
    int rc = 0, most = step->next ? 1 : MESSAGES_MAX;
    for (int i = 0; rc == 0; i++) {
        rc = i < most ? read_message(p, s, &message, err)
             : step->next
                 ? err_set(err, ERR_PROTOCOL, "got \"%.80s\"", message.data ? message.data : "")
                 : err_set(err, ERR_TOO_LARGE, "none in %d messages", MESSAGES_MAX);
        if (rc == 0)
            rc = pattern_match(step->pattern, message.data ? message.data : "", message.len, err);
    }
    if (rc < 0)
        err_prefix(err, "waiting for a message that matches \"%.80s\"",
                   pattern_text(step->pattern));
    else
        *match = (struct ws_match){
            step->pattern,
            {arena_strndup(p->arena, message.data ? message.data : "", message.len), message.len}};
    buf_done(&message);
    return rc < 0 ? -1 : 0;
}

static int send_text(struct probe *p, struct stream *s, const struct ws_step *step,
                     const struct ws_match *match, struct err *err)
{
    struct str text = str_of(step->send);
    struct buf filled = BUF_INIT(MESSAGE_MAX);
    if (step->expand && match->pattern) {
        pattern_expand(match->pattern, match->message, text, &filled);
        text = (struct str){filled.data ? filled.data : "", filled.len};
    }
    int rc = filled.failed
                 ? err_set(err, ERR_TOO_LARGE, "cannot send more than %zu bytes", MESSAGE_MAX)
                 : send_frame(p, s, WS_TEXT, text.p, text.n, err);
    buf_done(&filled);
    return rc;
}

static int run_steps(struct probe *p, struct stream *s, struct err *err)
{
    const struct ws_config *c = p->config;
    const struct ws_step *steps = c->steps.at;
    struct ws_match match = {0};
    for (size_t i = 0; i < c->steps.n; i++) {
        if (steps[i].send && send_text(p, s, &steps[i], &match, err) != 0)
            return -1;
        if (steps[i].pattern && expect_message(p, s, &steps[i], &match, err) != 0)
            return -1;
    }
    return 0;
}

static void phase(struct result *r, const char *name, int64_t ns)
{
    result_metric_label(r, "probe_websocket_duration_seconds", "phase", name, (double)ns / 1e9);
}

static void converse(struct probe *p, struct stream *s, struct result *r)
{
    const struct ws_config *c = p->config;
    struct err err = {0};
    int64_t start = clock_mono_ns();
    int rc = upgrade(p, s, r, &err);
    phase(r, "processing", clock_mono_ns() - start);
    if (rc == 0) {
        start = clock_mono_ns();
        rc = run_steps(p, s, &err);
        phase(r, "transfer", clock_mono_ns() - start);
        if (c->steps.n)
            result_metric(r, "probe_websocket_failed_due_to_regex", rc != 0);
    }
    if (rc == 0) /* politely; whether it arrives is no matter */
        send_frame(p, s, WS_CLOSE, "\x03\xe8", 2, NULL);
    else
        result_fail_err(r, &err);
}

static void websocket_run(struct probe *p, struct result *r)
{
    const struct ws_config *c = p->config;
    int64_t start = clock_mono_ns();
    const struct service at = {
        .host = c->at.host,
        .port = c->at.port,
        .use_tls = c->at.https,
        .tls = c->tls,
        .ip_version = c->ip_version,
    };
    struct stream *s = service_connect(p, &at, r);
    if (!s)
        return;
    phase(r, "resolve", r->resolve_us * 1000);
    phase(r, "connect", clock_mono_ns() - start - r->resolve_us * 1000);
    converse(p, s, r);
    service_end(&s, start, &c->expect.latency, r);
    conditions_judge_result(c->expect.compiled, r);
    if (r->success)
        result_ok(r, "WebSocket open, %zu steps", c->steps.n);
}

static const char *const ws_schemes[] = {"ws", "wss", NULL};

const struct prober_ops websocket_prober = {
    .type = "websocket",
    .kind = PROBER_WEB,
    .title = {"WebSocket", "WebSocket"},
    .help = {"Opens a WebSocket and checks a dialogue.", "建立 WebSocket 连接并检查对话。"},
    .schemes = ws_schemes,
    .options = ws_options,
    .config_size = sizeof(struct ws_config),
    .from_url = websocket_from_url,
    .validate = websocket_validate,
    .describe = websocket_describe,
    .run = websocket_run,
};
