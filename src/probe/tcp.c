/* tcp: can a connection be made, and does the service behind it say what it should?
 *
 *   connect → [STARTTLS of a mail, FTP or database protocol] → [TLS] → send/expect steps → close
 *
 * Expectations are regular expressions on single lines, as blackbox_exporter's query_response; a step
 * waits until a line matches or the deadline passes. */
#include "base/clock.h"

#include <stdio.h>
#include "base/str.h"
#include "io/stream.h"
#include "probe/common.h"
#include "probe/pattern.h"
#include "probe/probers.h"
#include "probe/starttls.h"
#include "probe/url.h"

#define LINE_MAX_BYTES 8192
#define STEP_MAX_BYTES \
    65536 /* of lines that do not match: a service that never stops must not hold the loop */

struct tcp_step {
    const char *send;
    const char *expect;
    /* compiled by tcp_validate */
    const char *bytes; /* of send, escapes resolved */
    size_t n_bytes;
    struct pattern *pattern; /* of expect */
};

struct tcp_expect {
    int64_t max_latency_ms;
    int max_latency_action;
};

struct tcp_config {
    const char *host;
    int64_t port;
    int ip_version;
    bool use_tls;
    int starttls;
    struct tls_section tls;
    struct section_list steps; /* struct tcp_step */
    struct tcp_expect expect;
};

static const struct option step_options[] = {
    {"send", OPT_STRING, offsetof(struct tcp_step, send),
     .help = {"Text to send; \\r \\n \\t \\xNN are understood, nothing is added.",
              "要发送的文本；支持 \\r \\n \\t \\xNN，不自动加换行。"}},
    {"expect", OPT_STRING, offsetof(struct tcp_step, expect),
     .help = {"Regular expression that a line of the answer must match.",
              "应答中某一行必须匹配的正则表达式。"}},
    OPTION_END,
};

static const struct option expect_options[] = {
    {"max_latency", OPT_DURATION, offsetof(struct tcp_expect, max_latency_ms),
     .help = {"Slower than this is degraded (or down, see max_latency_action).",
              "超过此时间视为降级（或故障，见 max_latency_action）。"}},
    {"max_latency_action", OPT_ENUM, offsetof(struct tcp_expect, max_latency_action), .def = "warn",
     .choices = latency_action_choices, .advanced = true,
     .help = {"What slowness means.", "过慢意味着什么。"}},
    OPTION_END,
};

static const struct option tcp_options[] = {
    {"host", OPT_STRING, offsetof(struct tcp_config, host), .required = true, .max = 255,
     .example = "db.example.com", .help = {"Host name or address.", "主机名或地址。"}},
    {"port", OPT_INT, offsetof(struct tcp_config, port), .required = true, .min = 1, .max = 65535,
     .example = "5432", .help = {"TCP port.", "TCP 端口。"}},
    {"tls", OPT_BOOL, offsetof(struct tcp_config, use_tls), .def = "false",
     .help = {"Make a TLS handshake after connecting.", "连接后进行 TLS 握手。"}},
    {"starttls", OPT_ENUM, offsetof(struct tcp_config, starttls), .def = "none",
     .choices = starttls_choices,
     .help = {"Ask the service for TLS in its own protocol first.",
              "先用该协议自己的方式请求 TLS。"}},
    {"steps", OPT_SECTIONS, offsetof(struct tcp_config, steps), .sub = step_options,
     .sub_size = sizeof(struct tcp_step), .max = 32,
     .help = {"Dialogue after the connection: each step sends, expects, or both.",
              "连接后的对话：每一步发送、期望，或两者。"}},
    {"ip_version", OPT_ENUM, offsetof(struct tcp_config, ip_version), .def = "any",
     .choices = ip_version_choices, .advanced = true,
     .help = {"Use only IPv4 or IPv6.", "只用 IPv4 或 IPv6。"}},
    {"tls_options", OPT_SECTION, offsetof(struct tcp_config, tls), .sub = tls_section_options,
     .advanced = true, .help = {"How TLS is spoken and judged.", "TLS 的参数与判断。"}},
    {"expect", OPT_SECTION, offsetof(struct tcp_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *tcp_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    if (url_parse(text, a, &u, err) != 0)
        return NULL;
    if (u.port == 0 || u.host[0] == '\0') {
        err_set(err, ERR_MALFORMED, "no %s in \"%.100s\"; want tcp://HOST:PORT",
                u.host[0] ? "port" : "host", text);
        return NULL;
    }
    struct node *map = url_to_config(&u, a, err);
    if (map && streq(u.scheme, "tls"))
        node_put(map, a, "tls", node_bool(a, true));
    return map;
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape behind a backslash stands for, or -1; *s moves behind it. */
static int take_escape(const char **s)
{
    static const char letters[] = "rnt0\\", bytes[] = "\r\n\t\0\\";
    char c = *(*s)++;
    const char *at = c ? strchr(letters, c) : NULL;
    if (at)
        return bytes[at - letters];
    int hi = c == 'x' ? hex_value(**s) : -1, lo = hi >= 0 ? hex_value((*s)[1]) : -1;
    if (lo < 0)
        return -1;
    *s += 2;
    return hi << 4 | lo;
}

/* Turns \r \n \t \0 \\ \xNN into bytes, in a copy. NULL when an escape is not known. */
static const char *unescape(const char *s, struct arena *a, size_t *len)
{
    size_t n = strlen(s);
    char *out = arena_strndup(a, s, n), *w = out;
    while (*s) {
        int byte = (unsigned char)*s++;
        if (byte == '\\' && (byte = take_escape(&s)) < 0)
            return NULL;
        *w++ = (char)byte;
    }
    *len = (size_t)(w - out);
    must(*len <= n); /* an escape never grows */
    return out;
}

static void tcp_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct tcp_config *c = config;
    struct tcp_step *steps = c->steps.at;
    for (size_t i = 0; i < c->steps.n; i++) {
        struct err err = {0};
        char field[200];
        snprintf(field, sizeof(field), "%s%ssteps[%zu]", path, *path ? "." : "", i);
        if (steps[i].send && !(steps[i].bytes = unescape(steps[i].send, a, &steps[i].n_bytes)))
            problem_add(p, NULL, field,
                        "unknown escape in send; want \\r \\n \\t \\0 \\\\ or \\xNN");
        if (steps[i].expect && !(steps[i].pattern = pattern_compile(steps[i].expect, a, &err)))
            problem_add(p, NULL, field, "%s", err.msg);
        if (!steps[i].send && !steps[i].expect)
            problem_add(p, NULL, field, "empty step; want send, expect or both");
    }
    if (c->use_tls && c->starttls != STARTTLS_NONE)
        problem_add(p, NULL, path, "got both tls and starttls; want one of them");
}

static void tcp_describe(const void *config, struct buf *out)
{
    const struct tcp_config *c = config;
    buf_printf(out, strchr(c->host, ':') ? "[%s]:%d" : "%s:%d", c->host, (int)c->port);
}

static int expect_line(struct probe *p, struct stream *s, const struct tcp_step *step,
                       struct err *err)
{
    struct buf line = BUF_INIT(LINE_MAX_BYTES);
    char last[120] = "";
    must(step->pattern != NULL);
    int rc;
    for (size_t seen = 0;; seen += line.len + 1) {
        if (seen > STEP_MAX_BYTES) {
            rc = err_set(err, ERR_TOO_LARGE, "none in the first %d bytes", STEP_MAX_BYTES);
            break;
        }
        buf_clear(&line);
        rc = stream_read_line(s, &line, p->deadline_ns, err);
        if (rc != 0)
            break;
        rc = pattern_match(step->pattern, line.data, line.len, err);
        if (rc != 0) {
            rc = rc > 0 ? 0 : -1;
            break;
        }
        snprintf(last, sizeof(last), "%s", line.data ? line.data : "");
    }
    if (rc != 0)
        err_prefix(err, "waiting for a line that matches \"%.80s\"%s%s%s", step->expect,
                   last[0] ? " (last line: \"" : "", last, last[0] ? "\")" : "");
    buf_done(&line);
    return rc;
}

static int run_steps(struct probe *p, struct stream *s, const struct tcp_config *c, struct err *err)
{
    const struct tcp_step *steps = c->steps.at;
    for (size_t i = 0; i < c->steps.n; i++) {
        if (steps[i].bytes &&
            stream_write(s, steps[i].bytes, steps[i].n_bytes, p->deadline_ns, err) != 0)
            return -1;
        if (steps[i].pattern && expect_line(p, s, &steps[i], err) != 0)
            return -1;
    }
    return 0;
}

static int secure(struct probe *p, struct stream *s, const struct tcp_config *c, struct err *err)
{
    if (c->starttls != STARTTLS_NONE && starttls_ask(s, c->starttls, p->deadline_ns, err) != 0)
        return -1;
    struct tls_options tls = tls_section_apply(&c->tls, c->host);
    return stream_start_tls(s, &tls, p->deadline_ns, err);
}

static void converse(struct probe *p, struct stream *s, const struct tcp_config *c,
                     struct result *r)
{
    struct err err = {0};
    must(s != NULL);
    bool with_tls = c->use_tls || c->starttls != STARTTLS_NONE;
    int rc = with_tls ? secure(p, s, c, &err) : 0;
    if (with_tls) {
        struct tls_info info = {0};
        stream_tls_info(s, p->arena, &info);
        result_add_tls(r, &info, c->tls.expiry_warning_ms);
    }
    if (rc == 0) {
        rc = run_steps(p, s, c, &err);
        if (c->steps.n)
            result_metric(r, "probe_failed_due_to_regex", rc != 0);
    }
    if (rc != 0)
        result_fail_err(r, &err);
}

static void tcp_run(struct probe *p, struct result *r)
{
    const struct tcp_config *c = p->config;
    struct resolved to;
    struct addr used = {0};
    struct err err = {0};
    int64_t start = clock_mono_ns();
    if (probe_resolve(p, c->host, (uint16_t)c->port, (enum ip_version)c->ip_version, r, &to) != 0)
        return;
    struct stream *s = stream_connect_any(&to, p->connect_deadline_ns, &used, &err);
    result_set_address(r, &used);
    if (!s) {
        result_fail_err(r, &err);
        return;
    }
    converse(p, s, c, r);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    stream_close(&s);
    expect_latency(r, c->expect.max_latency_ms, (enum latency_action)c->expect.max_latency_action);
    if (r->success)
        result_ok(r, "connected to %s port %d", r->address, (int)c->port);
}

static const char *const tcp_schemes[] = {"tcp", "tls", NULL};

const struct prober_ops tcp_prober = {
    .type = "tcp",
    .title = {"TCP port", "TCP 端口"},
    .help = {"Connects to a port; optionally speaks TLS and checks a dialogue.",
             "连接端口，可选 TLS 与对话检查。"},
    .schemes = tcp_schemes,
    .options = tcp_options,
    .config_size = sizeof(struct tcp_config),
    .from_url = tcp_from_url,
    .validate = tcp_validate,
    .describe = tcp_describe,
    .run = tcp_run,
};
