/* zookeeper: is the server running, in which role, and is it keeping up?
 *
 *   connect → [TLS] → "ruok" → "imok", closed          (a connection a command; the server closes it)
 *   connect → [TLS] → "mntr" → lines of key TAB value; when it is not in the whitelist "srvr" → lines of key ": " value
 *
 * zookeeper.apache.org/doc/current/zookeeperAdmin.html, "The Four Letter Words". Names of metrics are those of mntr, as
 * exporters have them. */
#include "base/clock.h"
#include "base/str.h"
#include "probe/facts.h"
#include "probe/probers.h"
#include "probe/service.h"

#define ANSWER_MAX (64u << 10)
#define CHUNK      4096

enum zk_mode { ZK_ANY, ZK_STANDALONE, ZK_LEADER, ZK_FOLLOWER, ZK_OBSERVER };
static const char *const modes[] = {"any", "standalone", "leader", "follower", "observer", NULL};

struct zk_expect {
    struct latency_bound latency;
    int mode; /* enum zk_mode */
    int64_t max_outstanding, min_synced_followers, max_znodes;
    double max_average_latency_ms, max_files_percent;
};

struct zk_config {
    struct service service;
    struct zk_expect expect;
};

#define EXPECT(field) offsetof(struct zk_expect, field)

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct zk_expect),
    {"mode", OPT_ENUM, EXPECT(mode), .def = "any", .choices = modes,
     .help = {"Another role than this is a failure.", "角色不符视为故障。"}},
    {"max_outstanding", OPT_INT, EXPECT(max_outstanding), .def = "100", .min = 0, .max = 1e9,
     .help = {"More queued requests are degraded; 0 is off.",
              "排队请求超过此数为降级；0 表示不检查。"}},
    {"min_synced_followers", OPT_INT, EXPECT(min_synced_followers), .def = "0", .min = 0,
     .max = 1000,
     .help = {"A leader with fewer followers in step is degraded.",
              "领导者的同步跟随者少于此数为降级。"}},
    {"max_average_latency", OPT_F64, EXPECT(max_average_latency_ms), .def = "0", .min = 0,
     .max = 1e6, .unit = "ms",
     .help = {"A longer mean time to answer clients, as the server tells, is degraded; 0 is off.",
              "服务端统计的平均处理时间超过此毫秒数为降级；0 表示不检查。"}},
    {"max_files_percent", OPT_F64, EXPECT(max_files_percent), .def = "90", .min = 0, .max = 100,
     .unit = "%", .advanced = true,
     .help = {"More open files, of those allowed, are degraded; 0 is off.",
              "打开的文件数占上限的百分比超过此值为降级；0 表示不检查。"}},
    {"max_znodes", OPT_INT, EXPECT(max_znodes), .def = "0", .min = 0, .max = 1e12, .advanced = true,
     .help = {"More znodes are degraded; 0 is off.", "znode 数超过此值为降级；0 表示不检查。"}},
    OPTION_END,
};

static const struct option zk_options[] = {
    SERVICE_ADDRESS(struct zk_config, "2181"),
    SERVICE_TLS(struct zk_config),
    {"expect", OPT_SECTION, offsetof(struct zk_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* X(NAME, key of mntr, metric, key of srvr or NULL) */
#define ZK_FACTS(X)                                                                       \
    X(VERSION, "zk_version", NULL, "Zookeeper version")                                   \
    X(STATE, "zk_server_state", NULL, "Mode")                                             \
    X(OUTSTANDING, "zk_outstanding_requests", "zk_outstanding_requests", "Outstanding")   \
    X(CONNECTIONS, "zk_num_alive_connections", "zk_num_alive_connections", "Connections") \
    X(ZNODES, "zk_znode_count", "zk_znode_count", "Node count")                           \
    X(RECEIVED, "zk_packets_received", "zk_packets_received", "Received")                 \
    X(SENT, "zk_packets_sent", "zk_packets_sent", "Sent")                                 \
    X(AVERAGE, "zk_avg_latency", "zk_avg_latency", NULL)                                  \
    X(LONGEST, "zk_max_latency", "zk_max_latency", NULL)                                  \
    X(WATCHES, "zk_watch_count", "zk_watch_count", NULL)                                  \
    X(EPHEMERALS, "zk_ephemerals_count", "zk_ephemerals_count", NULL)                     \
    X(DATA, "zk_approximate_data_size", "zk_approximate_data_size", NULL)                 \
    X(FILES, "zk_open_file_descriptor_count", "zk_open_file_descriptor_count", NULL)      \
    X(MAX_FILES, "zk_max_file_descriptor_count", "zk_max_file_descriptor_count", NULL)    \
    X(LEARNERS, "zk_learners", "zk_learners", NULL)                                       \
    X(SYNCED, "zk_synced_followers", "zk_synced_followers", NULL)                         \
    X(PENDING, "zk_pending_syncs", "zk_pending_syncs", NULL)                              \
    X(UPTIME, "zk_uptime", "zk_uptime", NULL)
enum zk_fact {
#define X(name, key, metric, plain) ZK_##name,
    ZK_FACTS(X)
#undef X
        ZK_FACT_COUNT
};
static const struct fact mntr_facts[] = {
#define X(name, key, metric, plain) {key, metric},
    ZK_FACTS(X)
#undef X
};
static const struct fact srvr_facts[] = {
#define X(name, key, metric, plain) {plain ? plain : "", metric},
    ZK_FACTS(X)
#undef X
};

_Static_assert(array_len(mntr_facts) == ZK_FACT_COUNT, "a row a fact");
_Static_assert(array_len(srvr_facts) == ZK_FACT_COUNT, "a row a fact");

static struct node *zk_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    return service_from_url(text, "zookeepers", &u, a, err);
}

static void zk_describe(const void *config, struct buf *out)
{
    const struct zk_config *c = config;
    service_describe(&c->service, out);
}

/* Everything until the server closes. */
static int read_all(struct stream *s, struct buf *out, int64_t deadline_ns, struct err *err)
{
    ssize_t n;
    do {
        if (!buf_reserve(out, CHUNK))
            return err_set(err, ERR_TOO_LARGE, "the answer does not end; want at most %u bytes",
                           ANSWER_MAX);
        n = stream_read(s, out->data + out->len, CHUNK, deadline_ns, err);
        if (n > 0)
            out->len += (size_t)n;
    } while (n > 0);
    return n < 0 ? -1 : 0;
}

/* The answer to a word of four letters, in the arena; -1: *r has failed. */
static int ask(struct probe *p, const struct zk_config *c, const char *word, struct str *answer,
               struct result *r)
{
    struct err err = {0};
    must(strlen(word) == 4);
    struct result *aside = r; /* address and certificate are told once */
    if (r->address[0]) {
        aside = arena_new_of(p->arena, struct result);
        result_init(aside, p->arena);
        aside->success = true;
        aside->checked_ms = r->checked_ms;
    }
    struct stream *s = service_connect(p, &c->service, aside);
    if (!s) {
        result_fail(r, "%s", aside->message);
        return -1;
    }
    struct buf out = BUF_INIT(ANSWER_MAX);
    int rc = stream_write(s, word, 4, p->deadline_ns, &err);
    if (rc == 0)
        rc = read_all(s, &out, p->deadline_ns, &err);
    if (rc == 0)
        *answer = (struct str){arena_strndup(p->arena, out.data ? out.data : "", out.len), out.len};
    else
        result_fail_err(r, &err);
    buf_done(&out);
    stream_close(&s);
    return rc;
}

static bool is_denied(struct str answer)
{
    return str_contains(answer, STR("not in the whitelist"));
}

/* ruok is not worth a failure where it is not allowed. */
static int ask_ok(struct probe *p, const struct zk_config *c, struct result *r)
{
    struct str answer;
    if (ask(p, c, "ruok", &answer, r) != 0)
        return -1;
    if (!is_denied(answer))
        result_metric(r, "zk_ruok", str_eqz(answer, "imok"));
    if (str_eqz(answer, "imok") || is_denied(answer))
        return 0;
    result_fail(r, "%s port %d answers ruok with \"%.*s\"; want imok", r->address,
                (int)c->service.port, (int)(answer.n < 100 ? answer.n : 100), answer.p);
    return -1;
}

/* "3.8.0-…, built on 2022-02-25" without what follows the version. */
static const char *version_of(const struct str *at, struct arena *a)
{
    struct str version = at[ZK_VERSION], rest;
    str_cut(version, ',', &version, &rest);
    str_cut(version, '-', &version, &rest);
    return fact_text(version, a);
}

/* "Latency min/avg/max: 0/0.3/12" of srvr. */
static void take_latency(struct str text, struct str *at)
{
    struct str line, key, value, least, rest;
    while (str_next(&text, '\n', &line))
        if (facts_split(line, ':', &key, &value) && str_eqz(key, "Latency min/avg/max") &&
            str_cut(value, '/', &least, &rest))
            str_cut(rest, '/', &at[ZK_AVERAGE], &at[ZK_LONGEST]);
}

static int ask_facts(struct probe *p, const struct zk_config *c, struct str *at, struct result *r)
{
    struct str answer;
    if (ask(p, c, "mntr", &answer, r) != 0)
        return -1;
    bool plain = is_denied(answer);
    if (plain && ask(p, c, "srvr", &answer, r) != 0)
        return -1;
    facts_read(answer, plain ? ':' : '\t', plain ? srvr_facts : mntr_facts, ZK_FACT_COUNT, at);
    if (plain)
        take_latency(answer, at);
    if (at[ZK_STATE].n > 0 && at[ZK_VERSION].n > 0)
        return 0;
    if (str_contains(answer, STR("not currently serving")))
        result_fail(r, "%s port %d serves no requests: it has no quorum", r->address,
                    (int)c->service.port);
    else
        result_fail(r, "%s port %d is no ZooKeeper: it answers \"%.*s\"", r->address,
                    (int)c->service.port, (int)(answer.n < 60 ? answer.n : 60), answer.p);
    return -1;
}

static void judge_load(const struct str *at, const struct zk_expect *e, struct result *r)
{
    double queued = fact_or(at[ZK_OUTSTANDING], 0), mean = fact_or(at[ZK_AVERAGE], 0);
    double files = fact_or(at[ZK_FILES], 0), max_files = fact_or(at[ZK_MAX_FILES], 0);
    if (e->max_outstanding > 0 && queued > (double)e->max_outstanding)
        result_warn(r, "%.0f requests are queued; want at most %lld", queued,
                    (long long)e->max_outstanding);
    if (e->max_average_latency_ms > 0 && mean > e->max_average_latency_ms)
        result_warn(r, "requests take %.1f ms on average; want at most %.1f ms", mean,
                    e->max_average_latency_ms);
    if (e->max_files_percent > 0 && percent_of(files, max_files) > e->max_files_percent)
        result_warn(r, "%.0f of %.0f files are open (%.0f %%); want at most %.0f %%", files,
                    max_files, percent_of(files, max_files), e->max_files_percent);
    if (e->max_znodes > 0 && fact_or(at[ZK_ZNODES], 0) > (double)e->max_znodes)
        result_warn(r, "%.0f znodes; want at most %lld", fact_or(at[ZK_ZNODES], 0),
                    (long long)e->max_znodes);
}

static void judge(const struct str *at, const struct zk_expect *e, struct result *r)
{
    const char *state = fact_text(at[ZK_STATE], r->arena), *version = version_of(at, r->arena);
    facts_metrics(mntr_facts, ZK_FACT_COUNT, at, r);
    result_fact(r, "zk_version", version);
    result_fact(r, "zk_server_state", state);
    result_metric(r, "zk_server_leader", streq(state, "leader"));
    must(e->mode >= ZK_ANY && e->mode <= ZK_OBSERVER);
    if (e->mode != ZK_ANY && !streq(state, modes[e->mode]))
        result_fail(r, "the server is %s; want %s", state, modes[e->mode]);
    if (streq(state, "leader") && fact_or(at[ZK_SYNCED], 0) < (double)e->min_synced_followers)
        result_warn(r, "%.0f followers are in step with the leader; want at least %lld",
                    fact_or(at[ZK_SYNCED], 0), (long long)e->min_synced_followers);
    judge_load(at, e, r);
    if (r->success)
        result_ok(r, "ZooKeeper %s, %s, %.0f connections, %.0f znodes", version, state,
                  fact_or(at[ZK_CONNECTIONS], 0), fact_or(at[ZK_ZNODES], 0));
}

static void zk_run(struct probe *p, struct result *r)
{
    const struct zk_config *c = p->config;
    struct str at[ZK_FACT_COUNT] = {0};
    int64_t start = clock_mono_ns();
    int rc = ask_ok(p, c, r);
    if (rc == 0)
        rc = ask_facts(p, c, at, r);
    result_metric(r, "zk_up", rc == 0);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    if (rc != 0)
        return;
    judge(at, &c->expect, r);
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const zk_schemes[] = {"zookeeper", "zookeepers", "zk", NULL};

const struct prober_ops zookeeper_prober = {
    .type = "zookeeper",
    .kind = PROBER_STORE,
    .title = {"ZooKeeper", "ZooKeeper"},
    .help = {"Sends ruok and mntr (or srvr); judges role, queued requests and followers.",
             "发送 ruok 与 mntr（或 srvr）；检查角色、排队请求与跟随者。"},
    .schemes = zk_schemes,
    .options = zk_options,
    .config_size = sizeof(struct zk_config),
    .default_port = 2181,
    .from_url = zk_from_url,
    .describe = zk_describe,
    .run = zk_run,
};
