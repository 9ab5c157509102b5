/* kafka: do the brokers of a cluster answer, has every partition its leader and its replicas, and does a consumer group
 * keep up? The handle is shared with the cluster's other targets (kafka_hub.h); kafka_ask.c asks, here it is judged.
 *
 * Metrics are those of kafka_exporter. Totals come first, then the group's partitions by topic and number as far as a
 * result has room (RESULT_METRICS_MAX, RESULT_ENCODED_MAX); the partition that lags most is always named. */
#include "base/clock.h"
#include "base/str.h"
#include "probe/kafka_ask.h"
#include "probe/kafka_report.h"
#include "probe/probers.h"
#include "probe/service.h"

#define DEFAULT_PORT 9092

enum mechanism { MECHANISM_PLAIN, MECHANISM_SCRAM_256, MECHANISM_SCRAM_512 };
static const char *const mechanisms[] = {"PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512", NULL};
static const char *const empty_actions[] = {"warn", "fail", "ignore", NULL}; /* enum kafka_empty */

struct kafka_config {
    struct str_list brokers, topics;
    const char *group, *round_trip;
    const char *username, *password;
    int mechanism;
    bool use_tls;
    struct tls_section tls;
    int ip_version;
    struct kafka_bounds bounds;
    struct kafka_expect {
        struct latency_bound latency;
    } expect;
};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct kafka_expect),
    OPTION_END,
};

#define AT(field)    offsetof(struct kafka_config, field)
#define BOUND(field) offsetof(struct kafka_config, bounds.field)

static const struct option kafka_options[] = {
    {"brokers", OPT_LIST, AT(brokers), .required = true, .min = 1, .max = 32,
     .example = "[10.0.0.5:9092, 10.0.0.6:9092]",
     .help =
         {"Some of the cluster's brokers, host:port (port 9092 when left out); one that answers is enough.",
          "集群的部分 broker，host:port（省略端口为 9092）；其中一个可用即可。"}},
    {"group", OPT_STRING, AT(group), .max = 255,
     .help = {"Consumer group whose lag and members are judged.", "要检查积压与成员的消费组。"}},
    {"topics", OPT_LIST, AT(topics), .max = 64,
     .help = {"Topics that must exist; only their partitions and lag count. Empty: all topics.",
              "必须存在的主题；只统计它们的分区与积压。为空表示所有主题。"}},
    {"username", OPT_STRING, AT(username), .max = 255,
     .help = {"Whom to log in as (SASL).", "SASL 用户名。"}},
    {"password", OPT_STRING, AT(password), .secret = true, .max = 1000,
     .help = {"Its password.", "SASL 密码。"}},
    {"sasl_mechanism", OPT_ENUM, AT(mechanism), .def = "PLAIN", .choices = mechanisms,
     .help = {"How the password is proved, when there is a username.", "有用户名时的认证方式。"}},
    {"tls", OPT_BOOL, AT(use_tls), .def = "false", .help = {"Speak TLS.", "使用 TLS。"}},
    {"tls_options", OPT_SECTION, AT(tls), .sub = tls_section_options, .advanced = true,
     .help = {"How TLS is spoken and judged.", "TLS 的参数与判断。"}},
    {"ip_version", OPT_ENUM, AT(ip_version), .def = "any", .choices = ip_version_choices,
     .advanced = true,
     .help = {"Use only IPv4 or IPv6 for the certificate's look-up.",
              "查看证书时只用 IPv4 或 IPv6。"}},
    {"expected_brokers", OPT_INT, BOUND(brokers), .min = 1, .max = 10000,
     .help = {"Fewer brokers than this are degraded.", "broker 少于此数视为降级。"}},
    {"lag_threshold", OPT_INT, BOUND(lag), .max = 1e15,
     .help =
         {"The group is degraded when its lag, all partitions together, is above this; 0: no bound.",
          "消费组总积压超过此值视为降级；0 表示不限。"}},
    {"lag_down_threshold", OPT_INT, BOUND(lag_down), .max = 1e15,
     .help = {"The target is down when the lag is above this; 0: no bound.",
              "总积压超过此值视为故障；0 表示不限。"}},
    {"partition_lag_threshold", OPT_INT, BOUND(partition_lag), .max = 1e15,
     .help = {"The group is degraded when one partition lags by more than this; 0: no bound.",
              "任一分区积压超过此值视为降级；0 表示不限。"}},
    {"no_members_action", OPT_ENUM, BOUND(empty), .def = "warn", .choices = empty_actions,
     .help = {"What a group without members means: its consumers have stopped.",
              "消费组没有成员（消费者已停止）意味着什么。"}},
    {"round_trip_topic", OPT_STRING, AT(round_trip), .max = 249,
     .help =
         {"Each probe writes a record into this topic and reads it back. It must exist, and is best for this alone.",
          "每次探测向该主题写入一条记录并读回。主题须已存在，最好专用。"}},
    {"expect", OPT_SECTION, AT(expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* kafka://a:9092,b/?group=G, kafkas:// with TLS; a path names the topics. */
static struct node *kafka_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    if (url_parse(text, a, &u, err) != 0)
        return NULL;
    struct node *map = url_to_config(&u, a, err);
    if (!map)
        return NULL;
    struct node *out = node_map(a), *brokers = node_list(a);
    struct str rest = str_of(u.host), part;
    while (str_next(&rest, ',', &part)) {
        const char *host = arena_strndup(a, part.p, part.n);
        const char *form = strchr(host, ':') ? "[%s]:%d" : "%s:%d";
        if (u.port)
            host = arena_printf(a, form, host, (int)u.port);
        node_append(brokers, node_text(a, host));
    }
    node_put(out, a, "brokers", brokers);
    for (const struct node *n = map->first; n; n = n->next)
        if (!str_eqz(n->key, "host") && !str_eqz(n->key, "port"))
            node_put(out, a, arena_strndup(a, n->key.p, n->key.n), node_copy(a, n));
    if (u.path[0] == '/' && u.path[1])
        node_put(out, a, "topics", node_text(a, u.path + 1));
    if (streq(u.scheme, "kafkas"))
        node_put(out, a, "tls", node_bool(a, true));
    return out;
}

/* Each broker with its port, in the arena. */
static void complete_broker(const char **broker, struct arena *a, struct problems *p,
                            const char *path)
{
    char host[HOST_SIZE];
    uint16_t port = DEFAULT_PORT;
    struct err err = {0};
    if (hostport_parse(*broker, host, sizeof(host), &port, &err) != 0)
        problem_add(p, NULL, arena_printf(a, "%s%sbrokers", path, *path ? "." : ""), "%s", err.msg);
    else
        *broker = arena_printf(a, strchr(host, ':') ? "[%s]:%d" : "%s:%d", host, port);
}

static void kafka_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct kafka_config *c = config;
    for (size_t i = 0; i < c->brokers.n; i++)
        complete_broker(&c->brokers.at[i], a, p, path);
    bool judges_lag = c->bounds.lag || c->bounds.lag_down || c->bounds.partition_lag;
    if (judges_lag && !c->group)
        problem_add(p, NULL, path,
                    "got a threshold of the lag and no group; want the group's name");
    if (c->password && !c->username)
        problem_add(p, NULL, path, "got a password and no username; want both");
}

static const char *all_brokers(const struct kafka_config *c, struct arena *a)
{
    const char *out = c->brokers.at[0];
    must(c->brokers.n > 0);
    for (size_t i = 1; i < c->brokers.n; i++)
        out = arena_printf(a, "%s,%s", out, c->brokers.at[i]);
    return out;
}

static void kafka_describe(const void *config, struct buf *out)
{
    const struct kafka_config *c = config;
    for (size_t i = 0; i < c->brokers.n; i++)
        buf_printf(out, "%s%s", i ? "," : "", c->brokers.at[i]);
    if (c->group)
        buf_printf(out, " %s", c->group);
}

/* librdkafka tells little of a certificate: a handshake of our own with the first broker that takes a connection does, and
 * judges it in Belfry's words. 0, or -1: *r has failed. */
static int look_at_tls(struct probe *p, const struct kafka_config *c, struct result *r)
{
    struct err err = {0};
    struct addr used = {0};
    for (size_t i = 0; i < c->brokers.n; i++) {
        char host[HOST_SIZE];
        uint16_t port = 0;
        struct resolved to;
        must(hostport_parse(c->brokers.at[i], host, sizeof(host), &port, NULL) == 0);
        if (resolve(p->env->resolver, host, port, (enum ip_version)c->ip_version,
                    p->connect_deadline_ns, &to, &err) != 0)
            continue;
        struct stream *s = stream_connect_any(&to, p->connect_deadline_ns, &used, &err);
        if (!s)
            continue;
        struct service service = {.host = host, .port = port, .tls = c->tls};
        result_set_address(r, &used);
        int rc = service_start_tls(p, &service, s, r);
        stream_close(&s);
        return rc;
    }
    result_fail_err(r, &err);
    return -1;
}

static struct kafka_login login_of(const struct kafka_config *c, struct arena *a)
{
    return (struct kafka_login){
        .brokers = all_brokers(c, a),
        .mechanism = c->username ? mechanisms[c->mechanism] : NULL,
        .username = c->username,
        .password = c->password ? c->password : "",
        .tls = c->use_tls,
        .verify = c->tls.verify,
        .check_name = c->tls.verify && !c->tls.server_name, /* else our own handshake judged it */
        .ca_file = c->tls.ca_file,
        .cert_file = c->tls.cert_file,
        .key_file = c->tls.key_file,
    };
}

/* Everything copied: the question may outlive the target. */
static struct kafka_query *query_of(const struct kafka_config *c, int64_t deadline_ns)
{
    struct kafka_query *q = kafka_query_new(deadline_ns);
    struct arena *a = q->job.arena;
    struct kafka_login login = login_of(c, a);
    const char **topics = arena_array_of(a, const char *, c->topics.n);
    for (size_t i = 0; i < c->topics.n; i++)
        topics[i] = arena_strdup(a, c->topics.at[i]);
    q->login = kafka_login_copy(&login, a);
    q->topics = topics;
    q->n_topics = c->topics.n;
    q->group = c->group ? arena_strdup(a, c->group) : NULL;
    q->round_trip = c->round_trip ? arena_strdup(a, c->round_trip) : NULL;
    return q;
}

static void ask_and_judge(struct probe *p, struct kafka_hub *hub, const struct kafka_config *c,
                          struct result *r)
{
    struct err err = {0};
    int64_t start = clock_mono_ns();
    struct kafka_query *q = query_of(c, p->deadline_ns);
    if (kafka_hub_ask(hub, q->login, &q->job, &err) != 0) {
        if (err.code == ERR_TIMEOUT)
            result_fail(r, "timeout: no answer from %s", all_brokers(c, p->arena));
        else
            result_fail(r, "no broker of %s can be used: %s", all_brokers(c, p->arena), err.msg);
        return;
    }
    r->latency_us = (clock_mono_ns() - start) / 1000;
    if (q->job.rc != 0)
        result_fail_err(r, &q->job.err);
    else
        kafka_report(q, &c->bounds, r);
    kafka_job_free(&q->job);
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static void kafka_run(struct probe *p, struct result *r)
{
    const struct kafka_config *c = p->config;
    if (c->use_tls && look_at_tls(p, c, r) != 0)
        return;
    struct kafka_hub *own = p->env->kafka ? NULL : kafka_hub_new(p->env->loop);
    ask_and_judge(p, own ? own : p->env->kafka, c, r);
    kafka_hub_free(&own);
}

static const char *const kafka_schemes[] = {"kafka", "kafkas", NULL};

const struct prober_ops kafka_prober = {
    .type = "kafka",
    .kind = PROBER_QUEUE,
    .title = {"Kafka", "Kafka"},
    .help = {"Asks a cluster for its brokers and partitions, and a consumer group for its lag.",
             "检查集群的 broker 与分区，以及消费组的积压。"},
    .schemes = kafka_schemes,
    .options = kafka_options,
    .config_size = sizeof(struct kafka_config),
    .default_port = DEFAULT_PORT,
    .from_url = kafka_from_url,
    .validate = kafka_validate,
    .describe = kafka_describe,
    .run = kafka_run,
};
