/* udp: does anybody refuse a datagram, and does the service answer it as it should?
 *
 *   datagram → answer that matches, when one is asked for (again every second or more until the deadline)
 *            → otherwise: a refusal (ICMP port unreachable) within `wait` is down, anything else is good
 *
 * UDP has no connections: silence does not tell whether somebody reads. The message says so. Runs in watchers. */
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/pattern.h"
#include "probe/probers.h"
#include "probe/tcp_talk.h"
#include "probe/udp_talk.h"

#define TOLD_MAX 100 /* bytes of an answer in a message */

struct udp_expect {
    const char *answer;
    struct pattern *pattern; /* NULL: silence is good */
    struct latency_bound latency;
};

struct udp_config {
    struct service service;
    const char *send;
    struct tcp_bytes out;
    int64_t wait_ms;
    struct udp_expect expect;
};

static const struct option expect_options[] = {
    {"answer", OPT_STRING, offsetof(struct udp_expect, answer), .max = 1000, .example = "^pong",
     .help = {"Regular expression that the answer must match; without it silence is good, too.",
              "应答必须匹配的正则表达式；未设置时无应答也算正常。"}},
    EXPECT_LATENCY(struct udp_expect),
    OPTION_END,
};

static const struct option udp_options[] = {
    SERVICE_HOST(struct udp_config),
    {"port", OPT_INT, offsetof(struct udp_config, service.port), .required = true, .min = 1,
     .max = 65535, .example = "27015", .help = {"UDP port.", "UDP 端口。"}},
    {"send", OPT_STRING, offsetof(struct udp_config, send), .def = "\\n", .min = 1, .max = 8192,
     .help = {"The datagram; \\r \\n \\t \\xNN are understood.",
              "要发送的数据报；支持 \\r \\n \\t \\xNN。"}},
    {"wait", OPT_DURATION, offsetof(struct udp_config, wait_ms), .def = "1s", .min = 1,
     .max = 3600 * 1000.0,
     .help = {"When no answer is asked for: how long a refusal is waited for.",
              "不要求应答时，等待“端口不可达”的时间。"}},
    OPTION_IP_VERSION(struct udp_config, service.ip_version),
    {"expect", OPT_SECTION, offsetof(struct udp_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static void udp_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct udp_config *c = config;
    const char *dot = *path ? "." : "";
    c->out = tcp_unescape(c->send, a);
    if (!c->out.p)
        problem_add(p, NULL, arena_printf(a, "%s%ssend", path, dot),
                    "unknown escape; want \\r \\n \\t \\0 \\\\ or \\xNN");
    c->expect.pattern = pattern_compile_option(c->expect.answer, a, p,
                                               arena_printf(a, "%s%sexpect", path, dot), "answer");
}

static void udp_describe(const void *config, struct buf *out)
{
    const struct udp_config *c = config;
    service_describe(&c->service, out);
}

/* --- asking --- */

struct asking {
    const struct udp_config *config;
    int64_t sent_ns, took_ns;
    size_t bytes; /* of the answer */
    bool answered;
};

static int write_datagram(void *arg, int nth, struct buf *out, struct err *err)
{
    struct asking *q = arg;
    (void)nth;
    (void)err;
    must(q->config->out.n > 0);
    buf_add(out, q->config->out.p, q->config->out.n);
    q->sent_ns = clock_mono_ns();
    return 0;
}

static int read_answer(void *arg, const uint8_t *bytes, size_t n, struct err *err)
{
    struct asking *q = arg;
    const struct pattern *want = q->config->expect.pattern;
    q->took_ns = clock_mono_ns() - q->sent_ns;
    q->answered = true;
    q->bytes = n;
    int rc = want ? pattern_match(want, (const char *)bytes, n, err) : 1;
    if (rc == 0)
        rc = err_set(err, ERR_PROTOCOL, "the answer does not match \"%.80s\": got \"%.*s\"",
                     pattern_text(want), (int)(n < TOLD_MAX ? n : TOLD_MAX), (const char *)bytes);
    return rc;
}

static void tell(const struct udp_config *c, const struct asking *q, const struct err *err,
                 struct result *r)
{
    char waited[DURATION_SIZE];
    bool silent = err->code == ERR_TIMEOUT && !q->answered;
    result_metric(r, "probe_udp_answered", q->answered);
    if (q->answered)
        result_metric(r, "probe_udp_answer_bytes", (double)q->bytes);
    if (silent && !c->expect.pattern)
        result_ok(r, "nobody refuses it: no answer from %s port %d within %s, as UDP allows",
                  r->address, (int)c->service.port, duration_format(c->wait_ms, waited));
    else if (err->code != ERR_OK)
        result_fail_err(r, err);
    else
        result_ok(r, "%s port %d answered with %zu bytes", r->address, (int)c->service.port,
                  q->bytes);
}

static void udp_run(struct probe *p, struct result *r)
{
    const struct udp_config *c = p->config;
    struct probe one = *p;
    struct udp_talk t;
    struct asking q = {.config = c};
    struct err err = {0};
    const struct udp_question question = {&q, write_datagram, read_answer};
    int64_t until = clock_mono_ns() + c->wait_ms * NS_PER_MS;
    if (!c->expect.pattern && until < one.deadline_ns)
        one.deadline_ns = until;
    if (udp_talk_open(&t, &one, &c->service, r) == 0) {
        (void)udp_talk_ask(&t, &question, &err);
        tell(c, &q, &err, r);
    }
    udp_talk_close(&t);
    r->latency_us = q.answered ? q.took_ns / 1000 : 0;
    if (q.answered)
        expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const udp_schemes[] = {"udp", NULL};

const struct prober_ops udp_prober = {
    .type = "udp",
    .kind = PROBER_NETWORK,
    .title = {"UDP port", "UDP 端口"},
    .help = {"Sends a datagram: nobody may refuse it, and the answer can be checked.",
             "发送数据报：不得被拒绝，并可检查应答。"},
    .schemes = udp_schemes,
    .options = udp_options,
    .config_size = sizeof(struct udp_config),
    .from_url = service_url_with_port,
    .validate = udp_validate,
    .describe = udp_describe,
    .run = udp_run,
};
