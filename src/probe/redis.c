/* redis: does the server answer, and is it well?
 *
 *   connect → [TLS] → [AUTH] → [SELECT] → PING → by mode: INFO | CLUSTER INFO, CLUSTER NODES | SENTINEL …
 *
 * Commands and replies as redis.io documents them; RESP is resp.h's. */
#include "probe/redis.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/probers.h"
#include "probe/seeds.h"

static const char *const modes[] = {"standalone", "cluster", "sentinel", NULL};
static const char *const roles[] = {"any", "master", "replica", NULL};

#define EXPECT(field) offsetof(struct redis_expect, field)

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct redis_expect),
    {"role", OPT_ENUM, EXPECT(role), .def = "any", .choices = roles,
     .help = {"Another role than this is a failure.", "角色不符视为故障。"}},
    {"max_memory_percent", OPT_F64, EXPECT(max_memory_percent), .def = "90", .min = 0, .max = 100,
     .unit = "%",
     .help =
         {"More memory in use, of maxmemory, is degraded; not asked of caches that may evict any "
          "key (allkeys-*). 0 is off.",
          "内存占 maxmemory 的百分比超过此值为降级；allkeys-* 策略的缓存不检查。0 表示不检查。"}},
    {"max_clients_percent", OPT_F64, EXPECT(max_clients_percent), .def = "90", .min = 0, .max = 100,
     .unit = "%",
     .help = {"More connections, of maxclients, are degraded; 0 is off.",
              "连接数占 maxclients 的百分比超过此值为降级；0 表示不检查。"}},
    {"max_replication_lag", OPT_DURATION, EXPECT(max_replication_lag_ms), .def = "60s",
     .help = {"A replica further behind is degraded; 0 is off.",
              "副本落后超过此时间为降级；0 表示不检查。"}},
    {"min_replicas", OPT_INT, EXPECT(min_replicas), .def = "0", .min = 0, .max = 1000,
     .help = {"A master with fewer working replicas is degraded.",
              "主节点的可用副本少于此数为降级。"}},
    {"replicas", OPT_BOOL, EXPECT(replicas), .def = "true", .advanced = true,
     .help = {"Cluster and Sentinel: a master without a working replica is degraded.",
              "集群与哨兵：主节点没有可用副本时为降级。"}},
    {"full_coverage", OPT_BOOL, EXPECT(full_coverage), .def = "true", .advanced = true,
     .help = {"Cluster: slots that nobody serves are a failure, otherwise degraded.",
              "集群：有槽位无人服务时为故障，否则为降级。"}},
    {"persistence", OPT_BOOL, EXPECT(persistence), .def = "true", .advanced = true,
     .help = {"A snapshot or append-only file that could not be written is degraded.",
              "快照或 AOF 写入失败时为降级。"}},
    {"max_evicted_keys", OPT_INT, EXPECT(max_evicted_keys), .def = "0", .min = 0, .max = 1e15,
     .advanced = true,
     .help = {"More keys evicted since the server's start are degraded; 0 is off.",
              "服务启动以来被驱逐的键超过此数为降级；0 表示不检查。"}},
    OPTION_END,
};

static const struct option redis_options[] = {
    SERVICE_ADDRESS(struct redis_config, "6379"),
    SERVICE_NODES(struct redis_config),
    SERVICE_ACCOUNT(struct redis_config),
    {"database", OPT_INT, offsetof(struct redis_config, database), .def = "0", .min = 0,
     .max = 100000, .help = {"Number of the database to select.", "要选择的数据库编号。"}},
    {"mode", OPT_ENUM, offsetof(struct redis_config, mode), .def = "standalone", .choices = modes,
     .help =
         {"standalone judges one server, cluster the whole Redis Cluster as the node sees it, "
          "sentinel the masters that a Sentinel watches.",
          "standalone 检查单个实例；cluster 从该节点检查整个集群；sentinel 检查哨兵监视的主节点。"}},
    {"master", OPT_STRING, offsetof(struct redis_config, master), .max = 255, .example = "mymaster",
     .help = {"Sentinel: the master that must be known; all of them when empty.",
              "哨兵：必须存在的主节点名称，留空则检查全部。"}},
    SERVICE_TLS(struct redis_config),
    {"expect", OPT_SECTION, offsetof(struct redis_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* The path is the database, or the Sentinel's master. */
static struct node *redis_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, "rediss", &u, a, err);
    if (!map || seeds_from_url(&u, map, a, err) != 0)
        return NULL;
    const char *mode = url_query(&u, "mode", a);
    bool sentinel = streq(mode, "sentinel");
    if (u.path[0] && u.path[1])
        node_put(map, a, sentinel ? "master" : "database", node_text(a, u.path + 1));
    if (sentinel && !node_get(map, "port"))
        node_put(map, a, "port", node_int(a, 26379));
    return map;
}

static void redis_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct redis_config *c = config;
    must(c->mode >= REDIS_STANDALONE && c->mode <= REDIS_SENTINEL);
    seeds_validate(&c->nodes, p, path);
    if (c->mode != REDIS_STANDALONE && c->database != 0)
        problem_add(p, NULL, path, "database: got %lld; want 0 in mode %s", (long long)c->database,
                    modes[c->mode]);
    if (c->nodes.n > 0 && c->mode == REDIS_STANDALONE)
        problem_add(p, NULL, path, "nodes: want mode cluster or sentinel with several nodes");
}

static void redis_describe(const void *config, struct buf *out)
{
    const struct redis_config *c = config;
    service_describe(&c->service, out);
}

static int log_in(const struct redis_talk *t, const struct redis_config *c, struct err *err)
{
    const struct service *s = &c->service;
    struct resp reply;
    must(t->stream != NULL);
    if (!s->password)
        return 0;
    if (!s->username || !s->username[0]) /* redis://:password@host */
        return redis_call(t, REDIS_ARGV("AUTH", s->password), &reply, err);
    return redis_call(t, REDIS_ARGV("AUTH", s->username, s->password), &reply, err);
}

static int select_database(const struct redis_talk *t, const struct redis_config *c,
                           struct err *err)
{
    struct resp reply;
    char number[24];
    if (c->database == 0)
        return 0;
    snprintf(number, sizeof(number), "%lld", (long long)c->database);
    if (redis_call(t, REDIS_ARGV("SELECT", number), &reply, err) != 0)
        return err_prefix(err, "database %s", number);
    return 0;
}

/* A server that still loads is told apart from one that is broken: INFO then says how far it is. */
static int ping(const struct redis_talk *t, struct err *err)
{
    struct resp reply;
    if (redis_ask(t, REDIS_ARGV("PING"), &reply, err) != 0)
        return -1;
    if (redis_is_error(&reply, "LOADING"))
        return 0;
    if (reply.kind == RESP_ERROR)
        return redis_refusal(t, "PING", reply.text, err);
    if (!str_eqz(reply.text, "PONG"))
        return err_set(err, ERR_PROTOCOL, "got \"%.*s\" for PING; want PONG",
                       (int)(reply.text.n < 100 ? reply.text.n : 100),
                       reply.text.p ? reply.text.p : "");
    return 0;
}

static int greet(struct probe *p, const struct service *at, struct stream *s, void *arg,
                 struct result *r)
{
    const struct redis_config *c = arg;
    struct redis_talk t = {s, p->arena, p->deadline_ns};
    struct err err = {0};
    if (log_in(&t, c, &err) == 0 && select_database(&t, c, &err) == 0 && ping(&t, &err) == 0)
        return 0;
    result_fail_err(r, &err);
    return -1;
}

static void ask_info(const struct redis_talk *t, const struct redis_config *c, struct result *r)
{
    struct resp reply;
    struct redis_info info;
    struct err err = {0};
    if (redis_ask(t, REDIS_ARGV("INFO"), &reply, &err) != 0) {
        result_fail_err(r, &err);
    } else if (reply.kind != RESP_BULK) {
        redis_refusal(t, "INFO", reply.text, &err);
        result_warn(r, "no statistics: %s", err.msg);
        result_ok(r, "Redis answers PING");
    } else {
        redis_info_read(reply.text, &info);
        redis_info_judge(&info, c, r);
    }
}

static void redis_run(struct probe *p, struct result *r)
{
    const struct redis_config *c = p->config;
    int64_t start = clock_mono_ns();
    struct stream *s = seeds_connect(p, &c->service, &c->nodes, greet, (void *)c, r);
    must(s == NULL || r->success);
    result_metric(r, "redis_up", s != NULL);
    if (s) {
        struct redis_talk t = {s, p->arena, p->deadline_ns};
        if (c->mode == REDIS_CLUSTER)
            redis_run_cluster(&t, c, r);
        else if (c->mode == REDIS_SENTINEL)
            redis_run_sentinel(&t, c, r);
        else
            ask_info(&t, c, r);
        service_end(&s, start, &c->expect.latency, r);
    }
}

static const char *const redis_schemes[] = {"redis", "rediss", NULL};

const struct prober_ops redis_prober = {
    .type = "redis",
    .kind = PROBER_STORE,
    .title = {"Redis", "Redis"},
    .help =
        {"Logs in and sends PING; judges memory, clients, replication and persistence of a "
         "server, the slots and nodes of a cluster, or what a Sentinel knows.",
         "登录并发送 PING；检查单机的内存、连接、复制与持久化，集群的槽位与节点，或哨兵的状态。"},
    .schemes = redis_schemes,
    .options = redis_options,
    .config_size = sizeof(struct redis_config),
    .default_port = 6379,
    .from_url = redis_from_url,
    .validate = redis_validate,
    .describe = redis_describe,
    .run = redis_run,
};
