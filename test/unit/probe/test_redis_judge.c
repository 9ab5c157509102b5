/* What INFO and CLUSTER NODES say, judged: each degraded condition, those that a server cannot be brought into in a test too. */
#include "probe_unit.h"

#include "probe/redis.h"

#define HEALTHY                                                                       \
    "# Server\r\nredis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\n"    \
    "connected_clients:2\r\nmaxclients:100\r\nused_memory:1048576\r\nmaxmemory:0\r\n" \
    "rdb_last_bgsave_status:ok\r\naof_enabled:0\r\naof_last_write_status:ok\r\n"      \
    "connected_slaves:0\r\ndb3:keys=7,expires=2,avg_ttl=0\r\n"

static struct result *judge_info(struct arena *a, const char *text, struct redis_config *c)
{
    struct redis_info info;
    struct result *r = arena_new_of(a, struct result);
    result_init(r, a);
    r->success = true;
    redis_info_read(str_of(text), &info);
    redis_info_judge(&info, c, r);
    return r;
}

static struct redis_config usual(void)
{
    return (struct redis_config){.database = 3,
                                 .expect = {.max_memory_percent = 90,
                                            .max_clients_percent = 90,
                                            .max_replication_lag_ms = 60000,
                                            .persistence = true,
                                            .replicas = true,
                                            .full_coverage = true}};
}

static void test_healthy(void **state)
{
    struct arena *a = arena_new();
    struct redis_config c = usual();
    struct result *r = judge_info(a, HEALTHY, &c);
    assert_true(r->success && r->n_warnings == 0);
    assert_string_equal(r->message, "Redis 7.0.15, master, 2 clients, 1.0 MiB");
    assert_true(metric_of(r, "redis_memory_used_bytes", NULL) == 1048576);
    assert_true(metric_of(r, "redis_rdb_last_bgsave_status", NULL) == 1);
    assert_true(metric_of(r, "redis_db_keys", "db3") == 7);
    arena_free(a);
}

static void test_degraded(void **state)
{
    static const struct {
        const char *more, *warning;
    } cases[] = {
        {"used_memory:95\r\nmaxmemory:100\r\nmaxmemory_policy:noeviction\r\n",
         "memory is nearly full: 95 B of 100 B (95 %, policy noeviction)"},
        {"connected_clients:95\r\nmaxclients:100\r\n", "95 of 100 client connections are in use"},
        {"rdb_last_bgsave_status:err\r\n", "the last snapshot (RDB) could not be written"},
        {"aof_enabled:1\r\naof_last_write_status:err\r\n",
         "the last write to the append-only file"},
        {"aof_enabled:1\r\naof_last_bgrewrite_status:err\r\n",
         "the last rewrite of the append-only"},
        {"slave0:ip=10.0.0.6,port=6379,state=online,offset=1,lag=90\r\n",
         "replica 10.0.0.6:6379 is 90 s behind; want at most 60 s"},
        {"slave0:ip=10.0.0.6,port=6379,state=wait_bgsave,offset=1,lag=0\r\n",
         "replica 10.0.0.6:6379 is not online yet (wait_bgsave)"},
        {"role:slave\r\nmaster_host:h\r\nmaster_port:1\r\nmaster_link_status:down\r\n"
         "master_link_down_since_seconds:12\r\n",
         "the link to the master h:1 is down since 12 s"},
        {"role:slave\r\nmaster_host:h\r\nmaster_port:1\r\nmaster_link_status:down\r\n"
         "master_sync_in_progress:1\r\n",
         "the first copy from the master h:1 is under way"},
        {"role:slave\r\nmaster_host:h\r\nmaster_port:1\r\nmaster_link_status:up\r\n"
         "master_last_io_seconds_ago:61\r\n",
         "nothing came from the master h:1 for 61 s"},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct redis_config c = usual();
        /* a key that comes twice keeps its first value */
        struct result *r = judge_info(a, arena_printf(a, "%s%s", cases[i].more, HEALTHY), &c);
        assert_true(r->success && r->n_warnings == 1);
        assert_contains(r->warnings[0], cases[i].warning);
    }
    arena_free(a);
}

static void test_not_judged(void **state)
{
    struct arena *a = arena_new();
    struct redis_config c = usual();
    c.expect.persistence = false;
    struct result *r =
        judge_info(a,
                   "used_memory:99\r\nmaxmemory:100\r\nmaxmemory_policy:allkeys-lru\r\n"
                   "rdb_last_bgsave_status:err\r\nevicted_keys:5\r\n" HEALTHY,
                   &c);
    assert_true(r->success && r->n_warnings == 0);
    c.expect.max_evicted_keys = 4;
    r = judge_info(a, "evicted_keys:5\r\n" HEALTHY, &c);
    assert_contains(r->warnings[0], "5 keys were evicted");
    arena_free(a);
}

static void test_failed(void **state)
{
    struct arena *a = arena_new();
    struct redis_config c = usual();
    struct result *r = judge_info(
        a, "loading:1\r\nloading_loaded_perc:12.5\r\nloading_eta_seconds:3\r\n" HEALTHY, &c);
    assert_false(r->success);
    assert_contains(r->message, "still being loaded: 12 %, 3 s left");
    c.expect.role = REDIS_REPLICA;
    assert_contains(judge_info(a, HEALTHY, &c)->message, "is a master; want a replica");
    arena_free(a);
}

#define CLUSTER_OK                                                                   \
    "cluster_state:ok\r\ncluster_slots_assigned:16384\r\ncluster_slots_ok:16384\r\n" \
    "cluster_slots_fail:0\r\ncluster_known_nodes:4\r\ncluster_size:2\r\n"
#define NODE_A "aa 10.0.0.1:6379@16379,host myself,master - 0 0 1 connected 0-8191\n"
#define NODE_B "bb 10.0.0.2:6379@16379 master - 0 0 2 connected 8192-16383\n"
#define NODE_C "cc 10.0.0.3:6379@16379 slave aa 0 0 1 connected\n"
#define NODE_D "dd 10.0.0.4:6379@16379 slave bb 0 0 2 connected\n"

static void test_cluster(void **state)
{
    static const struct {
        const char *info, *nodes, *message, *warning;
        bool success;
    } cases[] = {
        {CLUSTER_OK, NODE_A NODE_B NODE_C NODE_D, "4 nodes (0 failed), 2 masters, 16384 slots",
         NULL, true},
        {CLUSTER_OK, NODE_A NODE_B NODE_C, "3 nodes",
         "master 10.0.0.2:6379 has 0 working replicas; want at least 1", true},
        {CLUSTER_OK, NODE_A NODE_B NODE_C "dd 10.0.0.4:6379@1 slave,fail bb 0 0 2 disconnected\n",
         "(1 failed)", "node 10.0.0.4:6379 (replica) has failed", true},
        {CLUSTER_OK, NODE_A NODE_B NODE_C NODE_D "ee 10.0.0.5:1@2 master,fail? - 0 0 3 connected\n",
         "5 nodes", "node 10.0.0.5:1 (master) does not answer this node", true},
        {"cluster_state:fail\r\ncluster_slots_assigned:16384\r\ncluster_slots_fail:8192\r\n",
         NODE_A NODE_C "bb 10.0.0.2:6379@16379 master,fail - 0 0 2 disconnected 8192-16383\n",
         "the cluster is down: 8192 of 16384 slots are served; failed: 10.0.0.2:6379", NULL, false},
        {"cluster_state:ok\r\ncluster_slots_assigned:16383\r\n", NODE_A NODE_B NODE_C NODE_D,
         "16383 of 16384 slots are served", NULL, false},
    };
    struct arena *a = arena_new();
    for (size_t i = 0; i < array_len(cases); i++) {
        struct redis_config c = usual();
        struct result *r = arena_new_of(a, struct result);
        result_init(r, a);
        r->success = true;
        redis_cluster_judge(str_of(cases[i].info), str_of(cases[i].nodes), &c, r);
        assert_int_equal(r->success, cases[i].success);
        assert_contains(r->message, cases[i].message);
        if (cases[i].warning)
            assert_contains(r->warnings[r->n_warnings - 1], cases[i].warning);
        else if (cases[i].success)
            assert_int_equal(r->n_warnings, 0);
    }
    arena_free(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy),    cmocka_unit_test(test_degraded),
        cmocka_unit_test(test_not_judged), cmocka_unit_test(test_failed),
        cmocka_unit_test(test_cluster),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
