/* What the parts of the redis prober share: its configuration, and a function a mode. redis.c connects and logs in;
 * redis_info.c, redis_cluster.c and redis_sentinel.c ask and judge. */
#ifndef PROBE_REDIS_H
#define PROBE_REDIS_H

#include "probe/facts.h"
#include "probe/redis_talk.h"
#include "probe/service.h"

enum redis_mode { REDIS_STANDALONE, REDIS_CLUSTER, REDIS_SENTINEL };
enum redis_role { REDIS_ANY_ROLE, REDIS_MASTER, REDIS_REPLICA };

struct redis_expect {
    struct latency_bound latency;
    int role; /* enum redis_role */
    double max_memory_percent, max_clients_percent;
    int64_t max_replication_lag_ms, min_replicas, max_evicted_keys;
    bool persistence, replicas, full_coverage;
};

struct redis_config {
    struct service service;
    struct str_list nodes; /* more of a cluster's, or other Sentinels */
    int64_t database;
    int mode; /* enum redis_mode */
    const char *master;
    struct redis_expect expect;
};

/* Pure: what INFO says, judged. */
#define REDIS_FACTS(X)                                                               \
    X(VERSION, "redis_version", NULL)                                                \
    X(MODE, "redis_mode", NULL)                                                      \
    X(ROLE, "role", NULL)                                                            \
    X(UPTIME, "uptime_in_seconds", "redis_uptime_in_seconds")                        \
    X(CLIENTS, "connected_clients", "redis_connected_clients")                       \
    X(BLOCKED, "blocked_clients", "redis_blocked_clients")                           \
    X(MAX_CLIENTS, "maxclients", "redis_config_maxclients")                          \
    X(MEMORY, "used_memory", "redis_memory_used_bytes")                              \
    X(MEMORY_RSS, "used_memory_rss", "redis_memory_used_rss_bytes")                  \
    X(MEMORY_PEAK, "used_memory_peak", "redis_memory_used_peak_bytes")               \
    X(MEMORY_MAX, "maxmemory", "redis_memory_max_bytes")                             \
    X(POLICY, "maxmemory_policy", NULL)                                              \
    X(FRAGMENTATION, "mem_fragmentation_ratio", "redis_mem_fragmentation_ratio")     \
    X(LOADING, "loading", "redis_loading_dump_file")                                 \
    X(LOADED_PERCENT, "loading_loaded_perc", NULL)                                   \
    X(LOADING_ETA, "loading_eta_seconds", NULL)                                      \
    X(CHANGES, "rdb_changes_since_last_save", "redis_rdb_changes_since_last_save")   \
    X(LAST_SAVE, "rdb_last_save_time", "redis_rdb_last_save_timestamp_seconds")      \
    X(RDB_STATUS, "rdb_last_bgsave_status", "redis_rdb_last_bgsave_status")          \
    X(AOF_ENABLED, "aof_enabled", "redis_aof_enabled")                               \
    X(AOF_WRITE, "aof_last_write_status", "redis_aof_last_write_status")             \
    X(AOF_REWRITE, "aof_last_bgrewrite_status", "redis_aof_last_bgrewrite_status")   \
    X(CONNECTIONS, "total_connections_received", "redis_connections_received_total") \
    X(COMMANDS, "total_commands_processed", "redis_commands_processed_total")        \
    X(REJECTED, "rejected_connections", "redis_rejected_connections_total")          \
    X(EXPIRED, "expired_keys", "redis_expired_keys_total")                           \
    X(EVICTED, "evicted_keys", "redis_evicted_keys_total")                           \
    X(HITS, "keyspace_hits", "redis_keyspace_hits_total")                            \
    X(MISSES, "keyspace_misses", "redis_keyspace_misses_total")                      \
    X(REPLICAS, "connected_slaves", "redis_connected_slaves")                        \
    X(OFFSET, "master_repl_offset", "redis_master_repl_offset")                      \
    X(MASTER_HOST, "master_host", NULL)                                              \
    X(MASTER_PORT, "master_port", NULL)                                              \
    X(LINK, "master_link_status", NULL)                                              \
    X(LINK_IO, "master_last_io_seconds_ago", NULL)                                   \
    X(LINK_DOWN, "master_link_down_since_seconds", NULL)                             \
    X(SYNCING, "master_sync_in_progress", NULL)                                      \
    X(REPLICA_OFFSET, "slave_repl_offset", NULL)                                     \
    X(CLUSTER_ENABLED, "cluster_enabled", "redis_cluster_enabled")
enum redis_fact {
#define X(name, key, metric) REDIS_##name,
    REDIS_FACTS(X)
#undef X
        REDIS_FACT_COUNT
};
struct redis_info {
    struct str text; /* the whole */
    struct str at[REDIS_FACT_COUNT];
};
void redis_info_read(struct str text, struct redis_info *info);
/* Metrics, facts, warnings; fails for the wrong role and while loading. */
void redis_info_judge(const struct redis_info *info, const struct redis_config *c,
                      struct result *r);

/* Pure: what CLUSTER INFO and CLUSTER NODES say, judged; the message on success. */
void redis_cluster_judge(struct str info, struct str nodes, const struct redis_config *c,
                         struct result *r);

/* The modes; *r has a message when they return. */
void redis_run_cluster(const struct redis_talk *t, const struct redis_config *c, struct result *r);
void redis_run_sentinel(const struct redis_talk *t, const struct redis_config *c, struct result *r);

#endif
