/* tcp: can a connection be made, and does the service behind it say what it should?
 *
 *   connect → [STARTTLS of a mail, FTP or database protocol] → [TLS] → send/expect steps → close
 *
 * The steps are tcp_talk.c's. */
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "io/stream.h"
#include "probe/condition.h"
#include "probe/probers.h"
#include "probe/starttls.h"
#include "probe/tcp_talk.h"

struct tcp_expect {
    struct latency_bound latency;
    struct str_list conditions;
    struct conditions *compiled;
};

struct tcp_config {
    struct service service;
    int starttls;
    struct section_list steps; /* struct tcp_step */
    struct tcp_expect expect;
};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct tcp_expect),
    EXPECT_CONDITIONS(struct tcp_expect),
    OPTION_END,
};

static const struct option tcp_options[] = {
    SERVICE_HOST(struct tcp_config),
    {"port", OPT_INT, offsetof(struct tcp_config, service.port), .required = true, .min = 1,
     .max = 65535, .example = "5432", .help = {"TCP port.", "TCP 端口。"}},
    SERVICE_TLS(struct tcp_config),
    OPTION_SOURCE(struct tcp_config, service.source),
    {"starttls", OPT_ENUM, offsetof(struct tcp_config, starttls), .def = "none",
     .choices = starttls_choices,
     .help = {"Ask the service for TLS in its own protocol first.",
              "先用该协议自己的方式请求 TLS。"}},
    {"steps", OPT_SECTIONS, offsetof(struct tcp_config, steps), .sub = tcp_step_options,
     .sub_size = sizeof(struct tcp_step), .max = 32,
     .help = {"Dialogue after the connection: each step sends, expects, or both.",
              "连接后的对话：每一步发送、期望，或两者。"}},
    {"expect", OPT_SECTION, offsetof(struct tcp_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static void tcp_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct tcp_config *c = config;
    bool secured = c->service.use_tls || c->starttls != STARTTLS_NONE;
    tcp_talk_validate(&c->steps, secured, a, p, path);
    source_validate(c->service.source, p, path);
    c->expect.compiled = conditions_compile(&c->expect.conditions, a, p, path);
    if (c->service.use_tls && c->starttls != STARTTLS_NONE)
        problem_add(p, NULL, path, "got both tls and starttls; want one of them");
}

static void tcp_describe(const void *config, struct buf *out)
{
    const struct tcp_config *c = config;
    if (c->service.host[0] == '/')
        buf_puts(out, c->service.host);
    else
        service_describe(&c->service, out);
}

static void converse(struct probe *p, struct stream *s, const struct tcp_config *c,
                     struct result *r)
{
    struct err err = {0};
    must(s != NULL);
    if (c->starttls != STARTTLS_NONE) {
        if (starttls_ask(s, c->starttls, p->deadline_ns, &err) != 0) {
            result_fail_err(r, &err);
            return;
        }
        if (service_start_tls(p, &c->service, s, r) != 0)
            return;
    }
    tcp_talk_run(p, &c->service, s, &c->steps, r);
}

/* A host that is a path is a Unix socket: blackbox_exporter's prober of that name. */
static struct stream *tcp_connect(struct probe *p, const struct service *s, struct result *r)
{
    struct err err = {0};
    if (s->host[0] != '/')
        return service_connect(p, s, r);
    struct stream *stream = stream_connect_unix(s->host, p->connect_deadline_ns, &err);
    return service_secured(p, s, stream, &err, r);
}

static void tcp_run(struct probe *p, struct result *r)
{
    const struct tcp_config *c = p->config;
    int64_t start = clock_mono_ns();
    struct stream *s = tcp_connect(p, &c->service, r);
    if (!s) {
        result_metric(r, "probe_failed_due_to_regex", 0);
        result_metric(r, "probe_failed_due_to_bytes", 0);
        return;
    }
    converse(p, s, c, r);
    service_end(&s, start, &c->expect.latency, r);
    struct condition_facts facts = condition_facts_of(r);
    if (r->success)
        conditions_judge(c->expect.compiled, &facts, r);
    if (r->success && c->service.host[0] == '/')
        result_ok(r, "connected to %s", c->service.host);
    else if (r->success)
        result_ok(r, "connected to %s port %d", r->address, (int)c->service.port);
}

static const char *const tcp_schemes[] = {"tcp", NULL};

const struct prober_ops tcp_prober = {
    .type = "tcp",
    .kind = PROBER_NETWORK,
    .title = {"TCP port", "TCP 端口"},
    .help = {"Connects to a port; optionally speaks TLS and checks a dialogue.",
             "连接端口，可选 TLS 与对话检查。"},
    .schemes = tcp_schemes,
    .options = tcp_options,
    .config_size = sizeof(struct tcp_config),
    .from_url = service_url_with_port,
    .validate = tcp_validate,
    .describe = tcp_describe,
    .run = tcp_run,
};
