/* elasticsearch: the health of a cluster of Elasticsearch or OpenSearch, its nodes, its shards and its disks.
 *
 *   GET / → GET /_cluster/health → GET /_cat/allocation
 *
 * Green is good, yellow degraded, red down. A disk above the flood stage makes indices read-only, so that is down too. The
 * names of metrics are elasticsearch_exporter's. */
#include "base/clock.h"
#include "base/str.h"
#include "probe/management.h"
#include "probe/probers.h"

#define NODES_SHOWN 20 /* with metrics of their own; all are judged */

struct elasticsearch_config {
    struct service service;
    const char *api_key;
    int64_t expected_nodes, unassigned;
    double disk_warning, disk_down;
    int yellow; /* enum yellow_action */
    struct elasticsearch_expect {
        struct latency_bound latency;
    } expect;
};

enum yellow_action { YELLOW_WARN, YELLOW_FAIL, YELLOW_IGNORE };
static const char *const yellow_actions[] = {"warn", "fail", "ignore", NULL};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct elasticsearch_expect),
    OPTION_END,
};

#define AT(field) offsetof(struct elasticsearch_config, field)

static const struct option elasticsearch_options[] = {
    SERVICE_ADDRESS(struct elasticsearch_config, "9200"),
    SERVICE_ACCOUNT(struct elasticsearch_config),
    {"api_key", OPT_STRING, AT(api_key), .secret = true, .max = 1000,
     .help = {"An API key, as Elasticsearch encodes it, instead of an account.",
              "Elasticsearch 编码形式的 API 密钥，代替用户名密码。"}},
    SERVICE_TLS(struct elasticsearch_config),
    {"expected_nodes", OPT_INT, AT(expected_nodes), .max = 10000,
     .help = {"Fewer nodes than this are degraded.", "节点少于此数视为降级。"}},
    {"yellow_action", OPT_ENUM, AT(yellow), .def = "warn", .choices = yellow_actions,
     .help = {"What a yellow cluster means: replicas are missing, as always with one node.",
              "黄色状态（缺少副本，单节点总是如此）意味着什么。"}},
    {"unassigned_shards_threshold", OPT_INT, AT(unassigned), .def = "0", .max = 1e9,
     .help =
         {"More unassigned shards than this are degraded; 0: the cluster's colour alone counts.",
          "未分配分片超过此数视为降级；0 表示只看集群颜色。"}},
    {"disk_warning_percent", OPT_F64, AT(disk_warning), .def = "85", .max = 100, .unit = "%",
     .help = {"A node's disk that is fuller is degraded (the low watermark); 0: not judged.",
              "节点磁盘使用超过此比例视为降级（低水位）；0 表示不判断。"}},
    {"disk_down_percent", OPT_F64, AT(disk_down), .def = "95", .max = 100, .unit = "%",
     .help =
         {"A node's disk that is fuller is down (the flood stage: indices become read-only); 0: not judged.",
          "节点磁盘使用超过此比例视为故障（洪水水位，索引变为只读）；0 表示不判断。"}},
    {"expect", OPT_SECTION, AT(expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

struct talk {
    struct probe *p;
    const struct elasticsearch_config *c;
    struct management api;
    struct result *r;
};

static struct node *elasticsearch_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, "elasticsearchs", &u, a, err);
    if (map && streq(u.scheme, "opensearchs"))
        node_put(map, a, "tls", node_bool(a, true));
    return map;
}

static void elasticsearch_validate(void *config, struct arena *a, struct problems *p,
                                   const char *path)
{
    const struct elasticsearch_config *c = config;
    (void)a;
    if (c->api_key && c->service.username)
        problem_add(p, NULL, path, "got both api_key and username; want one of them");
    if (c->service.password && !c->service.username)
        problem_add(p, NULL, path, "got a password and no username; want both");
}

static void elasticsearch_describe(const void *config, struct buf *out)
{
    const struct elasticsearch_config *c = config;
    service_describe(&c->service, out);
}

/* --- health --- */

/* Name and version, for the message; a cluster that does not show them is no worse. */
static const char *take_banner(struct talk *t, const struct node *doc)
{
    const struct node *version = doc ? node_get(doc, "version") : NULL;
    const char *number = management_text(version, "number", t->p->arena);
    const char *kind = management_text(version, "distribution", t->p->arena);
    const char *product = streq(kind, "opensearch") ? "OpenSearch" : "Elasticsearch";
    result_fact(t->r, "elasticsearch_version", number);
    result_fact(t->r, "elasticsearch_product", product);
    return arena_printf(t->p->arena, "%s %s", product, number);
}

static void put_health(struct talk *t, const struct node *doc, const char *status)
{
    static const char *const colors[] = {"green", "yellow", "red"};
    static const char *const fields[][2] = {
        {"number_of_nodes", "elasticsearch_cluster_health_number_of_nodes"},
        {"number_of_data_nodes", "elasticsearch_cluster_health_number_of_data_nodes"},
        {"active_primary_shards", "elasticsearch_cluster_health_active_primary_shards"},
        {"active_shards", "elasticsearch_cluster_health_active_shards"},
        {"relocating_shards", "elasticsearch_cluster_health_relocating_shards"},
        {"initializing_shards", "elasticsearch_cluster_health_initializing_shards"},
        {"unassigned_shards", "elasticsearch_cluster_health_unassigned_shards"},
        {"number_of_pending_tasks", "elasticsearch_cluster_health_number_of_pending_tasks"},
    };
    for (size_t i = 0; i < array_len(colors); i++)
        result_metric_label(t->r, "elasticsearch_cluster_health_status", "color", colors[i],
                            streq(colors[i], status));
    for (size_t i = 0; i < array_len(fields); i++)
        result_metric(t->r, fields[i][1], management_number(doc, fields[i][0]));
    result_fact(t->r, "elasticsearch_cluster_name",
                management_text(doc, "cluster_name", t->p->arena));
}

static void judge_health(struct talk *t, const struct node *doc, const char *status)
{
    long long nodes = (long long)management_number(doc, "number_of_nodes");
    long long unassigned = (long long)management_number(doc, "unassigned_shards");
    if (streq(status, "red") && unassigned == 0)
        result_fail(t->r, "the cluster is red: it has just started, or primaries initialize");
    else if (streq(status, "red"))
        result_fail(t->r, "the cluster is red: %lld shards are unassigned, primaries among them",
                    unassigned);
    else if (!streq(status, "green") && !streq(status, "yellow"))
        result_fail(t->r, "cannot read the cluster's health: status \"%s\"", status);
    else if (streq(status, "yellow") && t->c->yellow == YELLOW_FAIL)
        result_fail(t->r, "the cluster is yellow: %lld replicas are unassigned", unassigned);
    else if (streq(status, "yellow") && t->c->yellow == YELLOW_WARN)
        result_warn(t->r, "the cluster is yellow: %lld replicas are unassigned", unassigned);
    if (nodes < t->c->expected_nodes)
        result_warn(t->r, "%lld of %lld nodes are there", nodes, (long long)t->c->expected_nodes);
    if (t->c->unassigned > 0 && unassigned > t->c->unassigned)
        result_warn(t->r, "%lld shards are unassigned; want at most %lld", unassigned,
                    (long long)t->c->unassigned);
}

/* --- disks --- */

static void judge_disk(struct talk *t, const char *name, double percent)
{
    const struct elasticsearch_config *c = t->c;
    if (c->disk_down > 0 && percent > c->disk_down)
        result_fail(t->r, "the disk of node %s is %.0f %% full; want at most %g %%", name, percent,
                    c->disk_down);
    else if (c->disk_warning > 0 && percent > c->disk_warning)
        result_warn(t->r, "the disk of node %s is %.0f %% full; want at most %g %%", name, percent,
                    c->disk_warning);
}

static void look_at_disks(struct talk *t)
{
    struct err err = {0};
    int status, shown = 0;
    const struct node *list =
        management_get(t->p, &t->api, "/_cat/allocation?format=json&bytes=b", &status, NULL, &err);
    if (!list || list->kind != NODE_LIST) {
        result_warn(t->r, "cannot read the nodes' disks: %s", list ? "no list" : err.msg);
        return;
    }
    for (const struct node *n = list->first; n; n = n->next) {
        const char *name = management_text(n, "node", t->p->arena);
        double total = management_number(n, "disk.total"),
               free = management_number(n, "disk.avail");
        if (total <= 0 || !name[0])
            continue; /* the row of the unassigned */
        judge_disk(t, name, (total - free) / total * 100);
        if (shown++ >= NODES_SHOWN)
            continue;
        result_metric_label(t->r, "elasticsearch_filesystem_data_size_bytes", "node", name, total);
        result_metric_label(t->r, "elasticsearch_filesystem_data_available_bytes", "node", name,
                            free);
    }
}

static void elasticsearch_run(struct probe *p, struct result *r)
{
    const struct elasticsearch_config *c = p->config;
    int64_t start = clock_mono_ns();
    struct talk t = {p, c, {&c->service, (uint16_t)c->service.port, c->api_key}, r};
    struct err err = {0};
    int code;
    must(c->service.host != NULL && start > 0);
    const struct node *doc = management_get(p, &t.api, "/_cluster/health", &code, r, &err);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    if (!doc) {
        result_fail_err(r, &err);
        return;
    }
    const char *status = management_text(doc, "status", p->arena);
    const char *banner = take_banner(&t, management_get(p, &t.api, "/", &code, NULL, &err));
    put_health(&t, doc, status);
    judge_health(&t, doc, status);
    look_at_disks(&t);
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
    if (r->success)
        result_ok(r, "%s, cluster \"%s\" is %s, %.0f nodes, %.0f shards", banner,
                  management_text(doc, "cluster_name", p->arena), status,
                  management_number(doc, "number_of_nodes"),
                  management_number(doc, "active_shards"));
}

static const char *const elasticsearch_schemes[] = {"elasticsearch", "elasticsearchs", "opensearch",
                                                    "opensearchs", NULL};

const struct prober_ops elasticsearch_prober = {
    .type = "elasticsearch",
    .kind = PROBER_DATABASE,
    .title = {"Elasticsearch, OpenSearch", "Elasticsearch、OpenSearch"},
    .help = {"Asks a cluster for its health, nodes, shards and disks.",
             "检查集群健康、节点、分片与磁盘。"},
    .schemes = elasticsearch_schemes,
    .options = elasticsearch_options,
    .config_size = sizeof(struct elasticsearch_config),
    .default_port = 9200,
    .from_url = elasticsearch_from_url,
    .validate = elasticsearch_validate,
    .describe = elasticsearch_describe,
    .run = elasticsearch_run,
};
