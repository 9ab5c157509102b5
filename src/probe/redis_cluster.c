/* A Redis Cluster as one of its nodes sees it: CLUSTER INFO (state, slots) and CLUSTER NODES (who has failed, which master
 * has no replica). redis.io/commands/cluster-nodes:
 *
 *   id ip:port@busport[,hostname] flags master|- ping pong epoch connected|disconnected slot[-slot] …
 *
 * Judging is pure; runs in watchers. */
#include "probe/redis.h"

#define SLOTS     16384
#define NODES_MAX 1024 /* of which are judged: a cluster's own bound is 1000 */

/* X(NAME, key, metric) */
#define CLUSTER_FACTS(X)                                                        \
    X(STATE, "cluster_state", "redis_cluster_state")                            \
    X(ASSIGNED, "cluster_slots_assigned", "redis_cluster_slots_assigned")       \
    X(SLOTS_OK, "cluster_slots_ok", "redis_cluster_slots_ok")                   \
    X(SLOTS_PFAIL, "cluster_slots_pfail", "redis_cluster_slots_pfail")          \
    X(SLOTS_FAIL, "cluster_slots_fail", "redis_cluster_slots_fail")             \
    X(KNOWN_NODES, "cluster_known_nodes", "redis_cluster_known_nodes")          \
    X(SIZE, "cluster_size", "redis_cluster_size")                               \
    X(EPOCH, "cluster_current_epoch", "redis_cluster_current_epoch")            \
    X(SENT, "cluster_stats_messages_sent", "redis_cluster_messages_sent_total") \
    X(RECEIVED, "cluster_stats_messages_received", "redis_cluster_messages_received_total")
enum cluster_fact {
#define X(name, key, metric) CLUSTER_##name,
    CLUSTER_FACTS(X)
#undef X
        CLUSTER_FACT_COUNT
};
static const struct fact facts[] = {
#define X(name, key, metric) {key, metric},
    CLUSTER_FACTS(X)
#undef X
};

_Static_assert(array_len(facts) == CLUSTER_FACT_COUNT, "a row a fact");

struct cluster_node {
    struct str id, address, master; /* address without the bus port */
    bool is_master, failed, suspected, has_slots;
    int replicas; /* of a master: those that work */
};

struct cluster_nodes {
    struct cluster_node *at;
    size_t n, masters, failed;
};

static bool read_node(struct str line, struct cluster_node *out)
{
    struct str words[9] = {0}, bus;
    size_t n = 0;
    line = str_trim(line);
    while (n < array_len(words) && str_next(&line, ' ', &words[n]))
        n++;
    if (n < 8)
        return false;
    *out = (struct cluster_node){
        .id = words[0],
        .address = words[1],
        .master = words[3],
        .is_master = str_lists(words[2], ',', "master"),
        .failed = str_lists(words[2], ',', "fail") || str_lists(words[2], ',', "noaddr"),
        .suspected = str_lists(words[2], ',', "fail?"),
        .has_slots = n == 9 && words[8].n > 0 && words[8].p[0] != '[',
    };
    str_cut(words[1], '@', &out->address, &bus);
    return true;
}

static void count_replicas(struct cluster_nodes *nodes)
{
    for (size_t i = 0; i < nodes->n; i++) {
        const struct cluster_node *replica = &nodes->at[i];
        nodes->masters += replica->is_master && replica->has_slots;
        nodes->failed += replica->failed;
        for (size_t m = 0; m < nodes->n && !replica->is_master && !replica->failed; m++)
            nodes->at[m].replicas += str_eq(nodes->at[m].id, replica->master);
    }
}

static struct cluster_nodes read_nodes(struct str text, struct arena *a)
{
    struct cluster_nodes nodes = {.at = arena_array_of(a, struct cluster_node, NODES_MAX)};
    struct str line;
    while (nodes.n < NODES_MAX && str_next(&text, '\n', &line))
        nodes.n += read_node(line, &nodes.at[nodes.n]);
    count_replicas(&nodes);
    must(nodes.failed <= nodes.n && nodes.masters <= nodes.n);
    return nodes;
}

static void judge_nodes(const struct cluster_nodes *nodes, const struct redis_expect *e,
                        struct result *r)
{
    int64_t wanted = e->min_replicas > 1 ? e->min_replicas : 1;
    for (size_t i = 0; i < nodes->n; i++) {
        const struct cluster_node *n = &nodes->at[i];
        const char *who = fact_text(n->address, r->arena);
        const char *what = n->is_master ? "master" : "replica";
        if (n->failed)
            result_warn(r, "node %s (%s) has failed", who, what);
        else if (n->suspected)
            result_warn(r, "node %s (%s) does not answer this node", who, what);
        if (e->replicas && n->is_master && n->has_slots && !n->failed && n->replicas < wanted)
            result_warn(r, "master %s has %d working replicas; want at least %lld", who,
                        n->replicas, (long long)wanted);
    }
}

/* "; failed: 10.0.0.5:6379, 10.0.0.6:6379", "" when none has. */
static const char *failed_text(const struct cluster_nodes *nodes, struct arena *a)
{
    struct buf out = BUF_INIT(500);
    for (size_t i = 0; i < nodes->n; i++)
        if (nodes->at[i].failed)
            buf_printf(&out, "%s%s",
                       out.len ? ", " : "; failed: ", fact_text(nodes->at[i].address, a));
    const char *text = arena_strndup(a, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

static void judge_slots(const struct str *info, const struct cluster_nodes *nodes,
                        const struct redis_expect *e, struct result *r)
{
    double served = fact_or(info[CLUSTER_ASSIGNED], 0) - fact_or(info[CLUSTER_SLOTS_FAIL], 0);
    const char *failed = failed_text(nodes, r->arena);
    must(r->success);
    if (!str_eqz(info[CLUSTER_STATE], "ok"))
        result_fail(r, "the cluster is down: %.0f of %d slots are served%s", served, SLOTS, failed);
    else if (served < SLOTS && e->full_coverage)
        result_fail(r, "%.0f of %d slots are served%s", served, SLOTS, failed);
    else if (served < SLOTS)
        result_warn(r, "%.0f of %d slots are served%s", served, SLOTS, failed);
}

void redis_cluster_judge(struct str info, struct str nodes_text, const struct redis_config *c,
                         struct result *r)
{
    struct str at[CLUSTER_FACT_COUNT] = {0};
    facts_read(info, ':', facts, CLUSTER_FACT_COUNT, at);
    facts_metrics(facts, CLUSTER_FACT_COUNT, at, r);
    struct cluster_nodes nodes = read_nodes(nodes_text, r->arena);
    result_fact(r, "redis_cluster_state", fact_text(at[CLUSTER_STATE], r->arena));
    result_metric(r, "redis_cluster_nodes_failed", (double)nodes.failed);
    result_metric(r, "redis_cluster_masters", (double)nodes.masters);
    judge_slots(at, &nodes, &c->expect, r);
    judge_nodes(&nodes, &c->expect, r);
    if (r->success)
        result_ok(r, "Redis Cluster, %zu nodes (%zu failed), %zu masters, %d slots served", nodes.n,
                  nodes.failed, nodes.masters,
                  (int)(fact_or(at[CLUSTER_ASSIGNED], 0) - fact_or(at[CLUSTER_SLOTS_FAIL], 0)));
}

void redis_run_cluster(const struct redis_talk *t, const struct redis_config *c, struct result *r)
{
    struct resp info, nodes;
    struct err err = {0};
    must(c->mode == REDIS_CLUSTER);
    if (redis_call(t, REDIS_ARGV("CLUSTER", "INFO"), &info, &err) != 0 ||
        redis_call(t, REDIS_ARGV("CLUSTER", "NODES"), &nodes, &err) != 0)
        result_fail_err(r, &err);
    else
        redis_cluster_judge(info.text, nodes.text, c, r);
}
