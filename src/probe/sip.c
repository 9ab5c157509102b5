/* sip: does a telephone server answer OPTIONS?
 *
 *   OPTIONS → [100 Trying …] → a final status; by UDP again after 0.5, 1, 2, 4, 4 … s until the deadline
 *
 * RFC 3261, by UDP, TCP or TLS. Runs in watchers; sip_wire.c reads the foreign bytes. */
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "probe/probers.h"
#include "probe/sip_wire.h"
#include "probe/udp_talk.h"

enum transport { BY_UDP, BY_TCP, BY_TLS };
static const char *const transport_choices[] = {"udp", "tcp", "tls", NULL};
static const char *const transport_names[] = {"UDP", "TCP", "TLS"};

struct sip_expect {
    struct range_list status;
    struct latency_bound latency;
};

struct sip_config {
    struct service service;
    int transport;
    struct sip_expect expect;
};

static const struct option expect_options[] = {
    {"status", OPT_RANGES, offsetof(struct sip_expect, status), .def = "200",
     .example = "[200, 404]",
     .help = {"Final answers that count as good.", "视为正常的最终应答码。"}},
    EXPECT_LATENCY(struct sip_expect),
    OPTION_END,
};

static const struct option sip_options[] = {
    SERVICE_HOST(struct sip_config),
    {"port", OPT_INT, offsetof(struct sip_config, service.port), .def = "5060", .min = 1,
     .max = 65535, .help = {"Its port.", "端口。"}},
    {"transport", OPT_ENUM, offsetof(struct sip_config, transport), .def = "udp",
     .choices = transport_choices, .help = {"How the server is asked.", "查询所用的传输方式。"}},
    {"username", OPT_STRING, offsetof(struct sip_config, service.username), .max = 255,
     .help = {"Ask for this extension instead of the server itself.",
              "询问此分机，而非服务器本身。"}},
    {"tls_options", OPT_SECTION, offsetof(struct sip_config, service.tls),
     .sub = tls_section_options, .advanced = true,
     .help = {"How TLS is spoken and judged.", "TLS 的参数与判断。"}},
    OPTION_IP_VERSION(struct sip_config, service.ip_version),
    {"expect", OPT_SECTION, offsetof(struct sip_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* sip://user@host:port?transport=tcp, sips://host */
static struct node *sip_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u = {0};
    struct node *map = service_from_url(text, NULL, &u, a, err);
    if (!map || !streq(u.scheme, "sips"))
        return map;
    node_put(map, a, "transport", node_text(a, "tls"));
    if (u.port == 0)
        node_put(map, a, "port", node_int(a, 5061));
    return map;
}

static void sip_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct sip_config *c = config;
    (void)a;
    c->service.use_tls = c->transport == BY_TLS;
    if (strpbrk(c->service.host, "\r\n <>") ||
        (c->service.username && strpbrk(c->service.username, "\r\n <>")))
        problem_add(p, NULL, path, "got a space, line break or angle bracket in host or username");
}

static void sip_describe(const void *config, struct buf *out)
{
    const struct sip_config *c = config;
    if (c->service.username)
        buf_printf(out, "%s@", c->service.username);
    service_describe(&c->service, out);
}

/* --- asking --- */

struct asking {
    struct probe *p;
    const struct sip_config *c;
    struct sip_request q;
    struct sip_answer answer;
};

static void random_hex(char *out, size_t size)
{
    uint8_t bytes[16];
    struct buf text = BUF_INIT(64);
    rng_secure(bytes, sizeof(bytes));
    hex_encode(&text, bytes, sizeof(bytes));
    snprintf(out, size, "%.*s", (int)size - 1, text.data);
    buf_done(&text);
}

static void make_request(struct asking *q, int fd)
{
    struct addr local = {0};
    socklen_t n = sizeof(local);
    char text[ADDR_TEXT];
    getsockname(fd, &local.sa, &n);
    q->q = (struct sip_request){.transport = transport_names[q->c->transport],
                                .host = q->c->service.host,
                                .port = (int)q->c->service.port,
                                .user = q->c->service.username,
                                .local = arena_strdup(q->p->arena, addr_text(&local, text))};
    random_hex(q->q.branch, 33);
    random_hex(q->q.tag, 17);
    must(strlen(q->q.branch) == 32 && strlen(q->q.tag) == 16);
}

static int write_request(void *arg, int nth, struct buf *out, struct err *err)
{
    const struct asking *q = arg;
    (void)nth;
    sip_write(out, &q->q);
    return out->failed ? err_set(err, ERR_TOO_LARGE, "the request is too long") : 0;
}

static int read_answer(void *arg, const uint8_t *p, size_t n, struct err *err)
{
    struct asking *q = arg;
    (void)err;
    return sip_read((struct str){(const char *)p, n}, &q->q, q->p->arena, &q->answer) &&
           q->answer.status >= 200;
}

static int ask_udp(struct asking *q, struct result *r, struct err *err)
{
    struct udp_talk t;
    const struct udp_question question = {q, write_request, read_answer};
    int rc = udp_talk_open(&t, q->p, &q->c->service, r);
    if (rc == 0) {
        t.again_ms = 500; /* T1 */
        make_request(q, t.fd);
        rc = udp_talk_ask(&t, &question, err);
    }
    udp_talk_close(&t);
    return rc;
}

/* A head to its empty line; what follows is no business of OPTIONS. */
static int read_head(struct asking *q, struct stream *s, struct buf *head, struct err *err)
{
    size_t before;
    buf_clear(head);
    do {
        before = head->len;
        if (stream_read_line(s, head, q->p->deadline_ns, err) != 0)
            return -1;
        buf_putc(head, '\n');
        if (head->failed)
            return err_set(err, ERR_TOO_LARGE, "an answer of more than %d bytes", SIP_MESSAGE_MAX);
    } while (head->len > before + 1);
    return 0;
}

/* Provisional answers come before the final one. */
static int await_final(struct asking *q, struct stream *s, struct err *err)
{
    struct buf head = BUF_INIT(SIP_MESSAGE_MAX);
    int rc = 0;
    for (int i = 0; i < 16 && rc == 0 && q->answer.status < 200; i++) {
        rc = read_head(q, s, &head, err);
        if (rc == 0 && !sip_read((struct str){head.data, head.len}, &q->q, q->p->arena, &q->answer))
            rc = err_set(err, ERR_PROTOCOL, "%s does not speak SIP, or answers somebody else",
                         q->c->service.host);
    }
    buf_done(&head);
    if (rc == 0 && q->answer.status < 200)
        return err_set(err, ERR_PROTOCOL, "no final answer among the first 16");
    return rc;
}

static int ask_stream(struct asking *q, struct result *r, struct err *err)
{
    struct stream *s = service_connect(q->p, &q->c->service, r);
    struct buf out = BUF_INIT(SIP_MESSAGE_MAX);
    if (!s)
        return -1;
    make_request(q, stream_fd(s));
    int rc = write_request(q, 0, &out, err);
    if (rc == 0)
        rc = stream_write(s, out.data, out.len, q->p->deadline_ns, err);
    if (rc == 0)
        rc = await_final(q, s, err);
    buf_done(&out);
    stream_close(&s);
    return rc;
}

static void judge(const struct asking *q, struct result *r)
{
    const struct sip_answer *a = &q->answer;
    must(a->status >= 200 && a->status < 700);
    result_metric(r, "sip_status_code", a->status);
    if (a->server[0])
        result_fact(r, "sip_server", arena_strdup(r->arena, a->server));
    if (range_has(&q->c->expect.status, a->status))
        result_ok(r, "SIP %d %s%s%s", a->status, a->reason, a->server[0] ? ", " : "", a->server);
    else
        result_fail(r, "%s answered %d %s", q->c->service.host, a->status, a->reason);
}

static void sip_run(struct probe *p, struct result *r)
{
    const struct sip_config *c = p->config;
    struct asking q = {.p = p, .c = c};
    struct err err = {0};
    int64_t start = clock_mono_ns();
    int rc = c->transport == BY_UDP ? ask_udp(&q, r, &err) : ask_stream(&q, r, &err);
    if (rc == 0)
        judge(&q, r);
    else if (err.msg[0])
        result_fail_err(r, &err);
    result_metric(r, "sip_up", r->success);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const sip_schemes[] = {"sip", "sips", NULL};

const struct prober_ops sip_prober = {
    .type = "sip",
    .kind = PROBER_NETWORK,
    .title = {"SIP", "SIP"},
    .help = {"Asks a telephone server for its options, by UDP, TCP or TLS.",
             "向电话服务器发送 OPTIONS 请求。"},
    .schemes = sip_schemes,
    .options = sip_options,
    .config_size = sizeof(struct sip_config),
    .default_port = 5060,
    .from_url = sip_from_url,
    .validate = sip_validate,
    .describe = sip_describe,
    .run = sip_run,
};
