/* What INFO says of one Redis server (redis.io/commands/info), judged. Names of metrics are redis_exporter's. Pure; runs
 * in watchers. */
#include <stdio.h>

#include "probe/redis.h"

#define REPLICAS_SHOWN 6

static const struct fact facts[] = {
#define X(name, key, metric) {key, metric},
    REDIS_FACTS(X)
#undef X
};
_Static_assert(array_len(facts) == REDIS_FACT_COUNT, "a row a fact");

void redis_info_read(struct str text, struct redis_info *info)
{
    *info = (struct redis_info){.text = text};
    facts_read(text, ':', facts, REDIS_FACT_COUNT, info->at);
}

static double number(const struct redis_info *info, enum redis_fact f, double otherwise)
{
    must(f < REDIS_FACT_COUNT);
    return fact_or(info->at[f], otherwise);
}

/* Whether a state is there and is not the good one. */
static bool is_bad(const struct redis_info *info, enum redis_fact f, const char *good)
{
    return info->at[f].n > 0 && !str_eqz(info->at[f], good);
}

static void judge_memory(const struct redis_info *info, const struct redis_expect *e,
                         struct result *r)
{
    double used = number(info, REDIS_MEMORY, 0), max = number(info, REDIS_MEMORY_MAX, 0);
    double percent = percent_of(used, max), evicted = number(info, REDIS_EVICTED, 0);
    char text[BYTES_TEXT], limit[BYTES_TEXT];
    /* A cache that may evict any key is meant to be full. */
    bool cache = str_starts(info->at[REDIS_POLICY], STR("allkeys-"));
    if (max > 0 && !cache && e->max_memory_percent > 0 && percent > e->max_memory_percent)
        result_warn(r, "memory is nearly full: %s of %s (%.0f %%, policy %s); want at most %.0f %%",
                    bytes_text(used, text), bytes_text(max, limit), percent,
                    fact_text(info->at[REDIS_POLICY], r->arena), e->max_memory_percent);
    if (e->max_evicted_keys > 0 && evicted > (double)e->max_evicted_keys)
        result_warn(r, "%.0f keys were evicted for lack of memory; want at most %lld", evicted,
                    (long long)e->max_evicted_keys);
}

static void judge_clients(const struct redis_info *info, const struct redis_expect *e,
                          struct result *r)
{
    double n = number(info, REDIS_CLIENTS, 0), max = number(info, REDIS_MAX_CLIENTS, 0);
    if (e->max_clients_percent > 0 && percent_of(n, max) > e->max_clients_percent)
        result_warn(r, "%.0f of %.0f client connections are in use (%.0f %%); want at most %.0f %%",
                    n, max, percent_of(n, max), e->max_clients_percent);
}

static void judge_persistence(const struct redis_info *info, struct result *r)
{
    if (is_bad(info, REDIS_RDB_STATUS, "ok"))
        result_warn(r, "the last snapshot (RDB) could not be written");
    if (number(info, REDIS_AOF_ENABLED, 0) == 0)
        return;
    if (is_bad(info, REDIS_AOF_WRITE, "ok"))
        result_warn(r, "the last write to the append-only file failed");
    if (is_bad(info, REDIS_AOF_REWRITE, "ok"))
        result_warn(r, "the last rewrite of the append-only file failed");
}

/* The value of a key in "ip=10.0.0.6,port=6379,state=online,offset=14,lag=1". */
static struct str part_of(struct str list, const char *key)
{
    struct str part, k, v;
    while (str_next(&list, ',', &part))
        if (str_cut(part, '=', &k, &v) && str_eqz(k, key))
            return v;
    return (struct str){0};
}

static void judge_replica(struct str line, const struct redis_expect *e, struct result *r)
{
    const char *ip = fact_text(part_of(line, "ip"), r->arena);
    const char *port = fact_text(part_of(line, "port"), r->arena);
    const char *state = fact_text(part_of(line, "state"), r->arena);
    const struct label labels[] = {{"slave_ip", ip}, {"slave_port", port}, {"slave_state", state}};
    double lag = fact_or(part_of(line, "lag"), 0);
    result_metric_labels(r, "redis_connected_slave_lag_seconds", labels, array_len(labels), lag);
    result_metric_labels(r, "redis_connected_slave_offset_bytes", labels, array_len(labels),
                         fact_or(part_of(line, "offset"), 0));
    if (!streq(state, "online"))
        result_warn(r, "replica %s:%s is not online yet (%s)", ip, port, state);
    else if (e->max_replication_lag_ms > 0 && lag * 1000 > (double)e->max_replication_lag_ms)
        result_warn(r, "replica %s:%s is %.0f s behind; want at most %lld s", ip, port, lag,
                    (long long)(e->max_replication_lag_ms / 1000));
}

static void judge_master(const struct redis_info *info, const struct redis_expect *e,
                         struct result *r)
{
    struct str text = info->text, line, key, value;
    double n = number(info, REDIS_REPLICAS, 0);
    for (int shown = 0; shown < REPLICAS_SHOWN && str_next(&text, '\n', &line);)
        if (str_starts(line, STR("slave")) && facts_split(line, ':', &key, &value) &&
            str_starts(value, STR("ip="))) {
            judge_replica(value, e, r);
            shown++;
        }
    if (n < (double)e->min_replicas)
        result_warn(r, "%.0f replicas are connected; want at least %lld", n,
                    (long long)e->min_replicas);
}

static void judge_link(const struct redis_info *info, const struct redis_expect *e,
                       struct result *r)
{
    const char *host = fact_text(info->at[REDIS_MASTER_HOST], r->arena);
    const char *port = fact_text(info->at[REDIS_MASTER_PORT], r->arena);
    const struct label labels[] = {{"master_host", host}, {"master_port", port}};
    bool up = !is_bad(info, REDIS_LINK, "up");
    double idle = number(info, REDIS_LINK_IO, -1);
    result_metric_labels(r, "redis_master_link_up", labels, array_len(labels), up);
    result_metric_labels(r, "redis_master_last_io_seconds_ago", labels, array_len(labels), idle);
    result_metric_labels(r, "redis_master_sync_in_progress", labels, array_len(labels),
                         number(info, REDIS_SYNCING, 0));
    result_metric_labels(r, "redis_slave_repl_offset", labels, array_len(labels),
                         number(info, REDIS_REPLICA_OFFSET, 0));
    if (number(info, REDIS_SYNCING, 0) > 0)
        result_warn(r, "the first copy from the master %s:%s is under way", host, port);
    else if (!up)
        result_warn(r, "the link to the master %s:%s is down since %.0f s", host, port,
                    number(info, REDIS_LINK_DOWN, 0));
    else if (e->max_replication_lag_ms > 0 && idle * 1000 > (double)e->max_replication_lag_ms)
        result_warn(r, "nothing came from the master %s:%s for %.0f s; want at most %lld s", host,
                    port, idle, (long long)(e->max_replication_lag_ms / 1000));
}

static void judge_role(const struct redis_info *info, const struct redis_expect *e,
                       struct result *r)
{
    bool replica = str_eqz(info->at[REDIS_ROLE], "slave");
    if ((e->role == REDIS_MASTER && replica) || (e->role == REDIS_REPLICA && !replica))
        result_fail(r, "the server is a %s; want a %s", replica ? "replica" : "master",
                    replica ? "master" : "replica");
    if (replica)
        judge_link(info, e, r);
    else
        judge_master(info, e, r);
}

static void add_keys(const struct redis_info *info, int64_t database, struct result *r)
{
    char name[24];
    struct str text = info->text, line, key, value;
    snprintf(name, sizeof(name), "db%lld", (long long)database);
    while (str_next(&text, '\n', &line))
        if (facts_split(line, ':', &key, &value) && str_eqz(key, name)) {
            const char *db = arena_strdup(r->arena, name);
            result_metric_label(r, "redis_db_keys", "db", db, fact_or(part_of(value, "keys"), 0));
            result_metric_label(r, "redis_db_keys_expiring", "db", db,
                                fact_or(part_of(value, "expires"), 0));
        }
}

void redis_info_judge(const struct redis_info *info, const struct redis_config *c, struct result *r)
{
    const struct redis_expect *e = &c->expect;
    must(r != NULL && c->mode == REDIS_STANDALONE);
    facts_metrics(facts, REDIS_FACT_COUNT, info->at, r);
    result_fact(r, "redis_version", fact_text(info->at[REDIS_VERSION], r->arena));
    result_fact(r, "redis_role", fact_text(info->at[REDIS_ROLE], r->arena));
    result_fact(r, "redis_mode", fact_text(info->at[REDIS_MODE], r->arena));
    add_keys(info, c->database, r);
    if (number(info, REDIS_LOADING, 0) > 0)
        result_fail(r, "the data set is still being loaded: %.0f %%, %.0f s left",
                    number(info, REDIS_LOADED_PERCENT, 0), number(info, REDIS_LOADING_ETA, 0));
    judge_role(info, e, r);
    judge_memory(info, e, r);
    judge_clients(info, e, r);
    if (e->persistence)
        judge_persistence(info, r);
    char memory[BYTES_TEXT];
    if (r->success)
        result_ok(r, "Redis %s, %s, %.0f clients, %s", fact_text(info->at[REDIS_VERSION], r->arena),
                  str_eqz(info->at[REDIS_ROLE], "slave") ? "replica" : "master",
                  number(info, REDIS_CLIENTS, 0),
                  bytes_text(number(info, REDIS_MEMORY, 0), memory));
}
