/* nats: does the server take a client, and does a message come through?
 *
 *   connect → INFO → [TLS] → CONNECT, PING, PONG → [SUB, PUB, MSG] → [monitoring port: /healthz, /varz]
 *
 * The client protocol's lines are nats_wire.h's. Names of metrics are prometheus-nats-exporter's. */
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "probe/facts.h"
#include "probe/nats_wire.h"
#include "probe/probers.h"
#include "probe/seeds.h"

#ifndef BELFRY_VERSION
#define BELFRY_VERSION "0.1"
#endif

#define LINES_MAX 1000 /* of one probe: a server that never stops must not hold the loop */
#define VARZ_MAX  (256u << 10)

struct nats_expect {
    struct latency_bound latency;
    bool jetstream;
    int64_t min_routes, max_slow_consumers, max_round_trip_ms;
    double max_connections_percent;
};

struct nats_config {
    struct service service;
    struct str_list nodes;
    const char *token, *subject;
    bool tls_first;
    int64_t monitor_port;
    struct nats_expect expect;
};

#define EXPECT(field) offsetof(struct nats_expect, field)

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct nats_expect),
    {"jetstream", OPT_BOOL, EXPECT(jetstream), .def = "false",
     .help = {"A server without JetStream is a failure.", "未启用 JetStream 视为故障。"}},
    {"max_round_trip", OPT_DURATION, EXPECT(max_round_trip_ms), .def = "0",
     .help = {"A message that takes longer is degraded; 0 is off.",
              "消息往返超过此时间为降级；0 表示不检查。"}},
    {"min_routes", OPT_INT, EXPECT(min_routes), .def = "0", .min = 0, .max = 10000,
     .help = {"Fewer routes to other servers of the cluster are degraded (monitor_port).",
              "到集群其他节点的路由少于此数为降级（需 monitor_port）。"}},
    {"max_slow_consumers", OPT_INT, EXPECT(max_slow_consumers), .def = "0", .min = 0, .max = 1e9,
     .help = {"More slow consumers since the start are degraded; 0 is off (monitor_port).",
              "启动以来的慢消费者超过此数为降级；0 表示不检查（需 monitor_port）。"}},
    {"max_connections_percent", OPT_F64, EXPECT(max_connections_percent), .def = "90", .min = 0,
     .max = 100, .unit = "%",
     .help = {"More connections, of those allowed, are degraded; 0 is off (monitor_port).",
              "连接数占上限的百分比超过此值为降级；0 表示不检查（需 monitor_port）。"}},
    OPTION_END,
};

static const struct option nats_options[] = {
    SERVICE_ADDRESS(struct nats_config, "4222"),
    SERVICE_NODES(struct nats_config),
    SERVICE_ACCOUNT(struct nats_config),
    {"token", OPT_STRING, offsetof(struct nats_config, token), .secret = true, .max = 1000,
     .help = {"Token, instead of an account.", "令牌，代替用户名与密码。"}},
    {"subject", OPT_STRING, offsetof(struct nats_config, subject), .max = 500,
     .example = "belfry.probe",
     .help = {"Publish a message on this subject and wait until it comes back.",
              "向此主题发布一条消息并等待其返回。"}},
    {"monitor_port", OPT_INT, offsetof(struct nats_config, monitor_port), .def = "0", .min = 0,
     .max = 65535, .example = "8222",
     .help = {"The server's monitoring port (HTTP), for statistics; 0 does not ask.",
              "服务的监控端口（HTTP），用于读取统计；0 表示不读取。"}},
    SERVICE_TLS(struct nats_config),
    {"tls_first", OPT_BOOL, offsetof(struct nats_config, tls_first), .def = "false",
     .advanced = true,
     .help = {"Begin TLS at once, before the server's INFO (handshake_first).",
              "连接后立即进行 TLS 握手（handshake_first）。"}},
    {"expect", OPT_SECTION, offsetof(struct nats_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* What INFO said, and the conversation after it. */
struct talk {
    const struct nats_config *c;
    struct stream *s;
    struct arena *arena;
    int64_t deadline_ns;
    const char *who; /* the server's address */
    int lines;
    const char *version, *server_name, *cluster;
    bool jetstream;
};

static struct node *nats_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, "natss", &u, a, err);
    if (!map || seeds_from_url(&u, map, a, err) != 0)
        return NULL;
    if (u.username && !u.password) { /* nats://token@host */
        node_put(map, a, "token", node_text(a, u.username));
        node_put(map, a, "username", node_text(a, ""));
    }
    if (u.path[0] && u.path[1])
        node_put(map, a, "subject", node_text(a, u.path + 1));
    return map;
}

static void nats_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct nats_config *c = config;
    seeds_validate(&c->nodes, p, path);
    if (c->service.username && !c->service.username[0])
        c->service.username = NULL;
    if (c->token && c->service.username)
        problem_add(p, NULL, path, "got both token and username; want one of them");
    if (c->subject && (!c->subject[0] || strpbrk(c->subject, " \t\r\n*>")))
        problem_add(p, NULL, path, "subject: got \"%.100s\"; want one without spaces, * and >",
                    c->subject);
}

static void nats_describe(const void *config, struct buf *out)
{
    const struct nats_config *c = config;
    service_describe(&c->service, out);
    if (c->subject)
        buf_printf(out, "/%s", c->subject);
}

/* A refusal in an operator's words. */
static int refused(struct talk *t, struct str text, struct err *err)
{
    static const struct {
        const char *prefix, *words;
    } known[] = {
        {"Authorization Violation", "wrong account, password or token, or none given"},
        {"Authentication Timeout", "the login took too long"},
        {"User Authentication Expired", "the account has expired"},
        {"Permissions Violation", "the account lacks the permission"},
        {"Secure Connection", "the server wants TLS"},
        {"maximum connections exceeded", "too many clients are connected"},
        {"Maximum Account", "the account's limit of connections is reached"},
    };
    const char *words = "it was refused";
    for (size_t i = 0; i < array_len(known); i++)
        if (str_starts(text, str_of(known[i].prefix)))
            words = known[i].words;
    return err_set(err, ERR_DENIED, "%s: %s (%.*s)", t->who, words,
                   (int)(text.n < 160 ? text.n : 160), text.p);
}

static int say(struct talk *t, const char *text, struct err *err)
{
    return stream_write(t->s, text, strlen(text), t->deadline_ns, err);
}

static int take_payload(struct talk *t, uint32_t size, struct str *payload, struct err *err)
{
    must(size <= NATS_PAYLOAD_MAX);
    char *p = arena_alloc(t->arena, size + 2);
    if (stream_read_full(t->s, p, size + 2, t->deadline_ns, err) != 0)
        return -1;
    *payload = (struct str){p, size};
    return 0;
}

/* The next line that is neither PING (answered) nor +OK; -ERR is a refusal. */
static int take(struct talk *t, struct nats_line *out, struct err *err)
{
    struct buf line = BUF_INIT(NATS_LINE_MAX);
    int rc;
    do {
        buf_clear(&line);
        if (++t->lines > LINES_MAX)
            rc = err_set(err, ERR_TOO_LARGE, "%s sends without end; want at most %d lines", t->who,
                         LINES_MAX);
        else
            rc = stream_read_line(t->s, &line, t->deadline_ns, err);
        if (rc == 0) {
            struct str copy = {arena_strndup(t->arena, line.data ? line.data : "", line.len),
                               line.len};
            rc = nats_parse_line(copy, out, err);
        }
        if (rc == 0 && out->op == NATS_ERR)
            rc = refused(t, out->text, err);
        if (rc == 0 && out->op == NATS_PING)
            rc = say(t, "PONG\r\n", err);
    } while (rc == 0 && (out->op == NATS_PING || out->op == NATS_OK));
    buf_done(&line);
    return rc;
}

static const char *text_at(const struct node *map, const char *key, struct arena *a)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_TEXT ? fact_text(n->text, a) : "";
}

static bool flag_at(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_BOOL && n->flag;
}

static int take_info(struct talk *t, bool *wants_tls, struct err *err)
{
    struct nats_line line;
    if (take(t, &line, err) != 0)
        return -1;
    if (line.op != NATS_INFO)
        return err_set(err, ERR_PROTOCOL, "%s does not begin with INFO: not a NATS server", t->who);
    struct node *info = node_from_json(t->arena, line.text.p, line.text.n, err);
    if (!info)
        return err_prefix(err, "%s: INFO", t->who);
    t->version = text_at(info, "version", t->arena);
    t->server_name = text_at(info, "server_name", t->arena);
    t->cluster = text_at(info, "cluster", t->arena);
    t->jetstream = flag_at(info, "jetstream");
    *wants_tls = flag_at(info, "tls_required");
    return 0;
}

static int log_in(struct talk *t, struct err *err)
{
    struct buf out = BUF_INIT(8192);
    const struct nats_config *c = t->c;
    struct nats_line line = {0};
    must(!(c->token && c->service.username)); /* validated */
    buf_puts(&out, "CONNECT ");
    struct json j = json_start(&out);
    json_obj(&j);
    json_kbool(&j, "verbose", false);
    json_kbool(&j, "pedantic", false);
    json_kbool(&j, "tls_required", c->service.use_tls);
    json_kstr(&j, "name", "belfry");
    json_kstr(&j, "lang", "c");
    json_kstr(&j, "version", BELFRY_VERSION);
    json_kint(&j, "protocol", 1);
    if (c->service.username)
        json_kstr(&j, "user", c->service.username);
    if (c->service.password)
        json_kstr(&j, "pass", c->service.password);
    if (c->token)
        json_kstr(&j, "auth_token", c->token);
    json_end(&j);
    buf_puts(&out, "\r\nPING\r\n");
    int rc = stream_write(t->s, out.data, out.len, t->deadline_ns, err);
    buf_done(&out);
    while (rc == 0 && line.op != NATS_PONG) /* another INFO may come before */
        rc = take(t, &line, err);
    return rc;
}

static int greet(struct probe *p, const struct service *at, struct stream *s, void *arg,
                 struct result *r)
{
    struct talk *t = arg;
    struct err err = {0};
    struct service named = t->c->service; /* the one whose certificate is verified */
    bool wants_tls = false, use_tls = t->c->service.use_tls;
    named.host = at->host;
    char name[ADDR_TEXT];
    t->s = s;
    t->deadline_ns = p->deadline_ns;
    t->who = arena_strdup(p->arena, addr_text(stream_peer(s), name));
    int rc = take_info(t, &wants_tls, &err);
    if (rc == 0 && wants_tls && !use_tls)
        rc = err_set(&err, ERR_TLS, "%s: the server wants TLS; want tls: true", t->who);
    if (rc == 0 && use_tls && !t->c->tls_first && service_start_tls(p, &named, s, r) != 0)
        return -1;
    if (rc == 0)
        rc = log_in(t, &err);
    if (rc != 0)
        result_fail_err(r, &err);
    t->deadline_ns = p->deadline_ns;
    return rc;
}

static int round_trip(struct talk *t, double *seconds, struct err *err)
{
    struct nats_line line;
    struct str payload = {0};
    must(t->s != NULL && t->c->subject != NULL);
    const char *token =
        arena_printf(t->arena, "belfry %016llx", (unsigned long long)rng_secure_u64());
    int64_t start = clock_mono_ns();
    int rc = say(t,
                 arena_printf(t->arena, "SUB %s 1\r\nPUB %s %zu\r\n%s\r\n", t->c->subject,
                              t->c->subject, strlen(token), token),
                 err);
    while (rc == 0 && !str_eqz(payload, token)) {
        rc = take(t, &line, err);
        if (rc == 0 && line.op == NATS_MSG)
            rc = take_payload(t, line.size, &payload, err);
    }
    if (rc != 0)
        return err_prefix(err, "a message on %.200s did not come back", t->c->subject);
    *seconds = (double)(clock_mono_ns() - start) / 1e9;
    return 0;
}

/* X(NAME, key of /varz, metric) */
#define NATS_FACTS(X)                                                    \
    X(CONNECTIONS, "connections", "gnatsd_varz_connections")             \
    X(MAX_CONNECTIONS, "max_connections", "gnatsd_varz_max_connections") \
    X(OPENED, "total_connections", "gnatsd_varz_total_connections")      \
    X(ROUTES, "routes", "gnatsd_varz_routes")                            \
    X(SUBSCRIPTIONS, "subscriptions", "gnatsd_varz_subscriptions")       \
    X(SLOW, "slow_consumers", "gnatsd_varz_slow_consumers")              \
    X(MEMORY, "mem", "gnatsd_varz_mem")                                  \
    X(CPU, "cpu", "gnatsd_varz_cpu")                                     \
    X(IN_MESSAGES, "in_msgs", "gnatsd_varz_in_msgs")                     \
    X(OUT_MESSAGES, "out_msgs", "gnatsd_varz_out_msgs")                  \
    X(IN_BYTES, "in_bytes", "gnatsd_varz_in_bytes")                      \
    X(OUT_BYTES, "out_bytes", "gnatsd_varz_out_bytes")
enum nats_fact {
#define X(name, key, metric) NATS_##name,
    NATS_FACTS(X)
#undef X
        NATS_FACT_COUNT
};
static const struct fact facts[] = {
#define X(name, key, metric) {key, metric},
    NATS_FACTS(X)
#undef X
};

_Static_assert(array_len(facts) == NATS_FACT_COUNT, "a row a fact");

static double number_at(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    if (n && n->kind == NODE_INT)
        return (double)n->num;
    return n && n->kind == NODE_F64 ? n->f64 : 0;
}

static void judge_varz(const struct node *varz, const struct nats_expect *e, struct result *r)
{
    double v[NATS_FACT_COUNT];
    for (size_t i = 0; i < NATS_FACT_COUNT; i++)
        result_metric(r, facts[i].metric, v[i] = number_at(varz, facts[i].key));
    double percent = percent_of(v[NATS_CONNECTIONS], v[NATS_MAX_CONNECTIONS]);
    if (v[NATS_ROUTES] < (double)e->min_routes)
        result_warn(r, "%.0f routes to other servers; want at least %lld", v[NATS_ROUTES],
                    (long long)e->min_routes);
    if (e->max_slow_consumers > 0 && v[NATS_SLOW] > (double)e->max_slow_consumers)
        result_warn(r, "%.0f slow consumers were cut off; want at most %lld", v[NATS_SLOW],
                    (long long)e->max_slow_consumers);
    if (e->max_connections_percent > 0 && percent > e->max_connections_percent)
        result_warn(r, "%.0f of %.0f connections are in use (%.0f %%); want at most %.0f %%",
                    v[NATS_CONNECTIONS], v[NATS_MAX_CONNECTIONS], percent,
                    e->max_connections_percent);
}

/* The document at a path of the monitoring port; NULL with err. */
static struct node *fetch(struct probe *p, const struct nats_config *c, const char *path,
                          int *status, struct err *err)
{
    bool v6 = strchr(c->service.host, ':') != NULL;
    struct http_response resp = {0};
    struct http_request req = {
        .url = arena_printf(p->arena, v6 ? "http://[%s]:%d%s" : "http://%s:%d%s", c->service.host,
                            (int)c->monitor_port, path),
        .ip = (enum ip_version)c->service.ip_version,
        .max_body = VARZ_MAX,
        .past_max_is_error = true,
        .connect_deadline_ns = p->connect_deadline_ns,
        .deadline_ns = p->deadline_ns,
    };
    struct node *doc = NULL;
    if (http_fetch(p->env->http, &req, p->arena, &resp, err) == 0)
        doc = node_from_json(p->arena, resp.body.data ? resp.body.data : "", resp.body.len, err);
    *status = resp.status;
    http_response_done(&resp);
    return doc;
}

/* What the monitoring port cannot say is a warning: the clients' port is what counts. */
static void monitor(struct probe *p, const struct nats_config *c, struct result *r)
{
    struct err err = {0};
    int status = 0;
    must(c->monitor_port > 0 && c->monitor_port <= 65535);
    const struct node *health = fetch(p, c, "/healthz", &status, &err);
    if (health && !streq(text_at(health, "status", p->arena), "ok"))
        result_warn(r, "the server is not well: %s %s", text_at(health, "status", p->arena),
                    text_at(health, "error", p->arena));
    struct node *varz = fetch(p, c, "/varz", &status, &err);
    if (varz)
        judge_varz(varz, &c->expect, r);
    else
        result_warn(r, "no statistics from port %d: %s", (int)c->monitor_port, err.msg);
}

static void judge(struct talk *t, struct result *r)
{
    const struct nats_expect *e = &t->c->expect;
    struct err err = {0};
    double seconds = 0;
    result_fact(r, "nats_version", t->version);
    result_fact(r, "nats_server_name", t->server_name);
    result_metric(r, "nats_jetstream", t->jetstream);
    if (t->cluster[0])
        result_fact(r, "nats_cluster", t->cluster);
    if (e->jetstream && !t->jetstream)
        result_fail(r, "%s has no JetStream; want one with it", t->who);
    if (!t->c->subject)
        return;
    if (round_trip(t, &seconds, &err) != 0) {
        result_fail_err(r, &err);
        return;
    }
    result_metric(r, "nats_round_trip_seconds", seconds);
    if (e->max_round_trip_ms > 0 && seconds * 1000 > (double)e->max_round_trip_ms)
        result_warn(r, "a message took %.0f ms through the server; want at most %lld ms",
                    seconds * 1000, (long long)e->max_round_trip_ms);
}

static void nats_run(struct probe *p, struct result *r)
{
    const struct nats_config *c = p->config;
    int64_t start = clock_mono_ns();
    struct talk t = {.c = c, .arena = p->arena};
    struct service first = c->service;
    first.use_tls = c->service.use_tls && c->tls_first;
    struct stream *s = seeds_connect(p, &first, &c->nodes, greet, &t, r);
    result_metric(r, "nats_up", s != NULL);
    if (!s)
        return;
    t.s = s;
    t.deadline_ns = p->deadline_ns;
    judge(&t, r);
    service_end(&s, start, &c->expect.latency, r);
    if (c->monitor_port)
        monitor(p, c, r);
    if (r->success)
        result_ok(r, "NATS %s%s%s%s", t.version, t.jetstream ? ", JetStream" : "",
                  c->subject ? ", a message comes back on " : "", c->subject ? c->subject : "");
}

static const char *const nats_schemes[] = {"nats", "natss", NULL};

const struct prober_ops nats_prober = {
    .type = "nats",
    .kind = PROBER_QUEUE,
    .title = {"NATS", "NATS"},
    .help = {"Logs in, sends PING and, if wanted, a message round; reads the monitoring port.",
             "登录并发送 PING，可收发一条消息，并读取监控端口。"},
    .schemes = nats_schemes,
    .options = nats_options,
    .config_size = sizeof(struct nats_config),
    .default_port = 4222,
    .from_url = nats_from_url,
    .validate = nats_validate,
    .describe = nats_describe,
    .run = nats_run,
};
