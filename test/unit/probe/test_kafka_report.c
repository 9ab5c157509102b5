/* How a Kafka cluster's answer is judged, and what of a large one a result has room for. */
#include "probe_unit.h"

#include "probe/kafka_report.h"

struct bench {
    struct kafka_query *q;
    struct kafka_login login;
    struct result r;
};

static struct bench bench(size_t n)
{
    struct bench b = {.q = kafka_query_new(1)};
    struct arena *a = b.q->job.arena;
    b.login.brokers = "a:9092";
    b.q->login = &b.login;
    b.q->brokers = 3;
    b.q->n_all_topics = 1;
    b.q->group = "readers";
    b.q->state = (struct kafka_group){"Stable", 2};
    b.q->partitions = arena_array_of(a, struct kafka_partition, n);
    b.q->n_partitions = n;
    for (size_t i = 0; i < n; i++)
        b.q->partitions[i] = (struct kafka_partition){.topic = "orders",
                                                      .id = (int32_t)i,
                                                      .replicas = 2,
                                                      .in_sync = 2,
                                                      .committed = 5,
                                                      .end = 5};
    result_init(&b.r, a);
    b.r.success = true;
    return b;
}

static void judge(struct bench *b, struct kafka_bounds bounds)
{
    b->q->login = &b->login; /* the bench was copied */
    kafka_report(b->q, &bounds, &b->r);
}

static double metric(const struct result *r, const char *name)
{
    for (int i = 0; i < r->n_metrics; i++)
        if (streq(r->metrics[i].name, name))
            return r->metrics[i].num;
    return -1;
}

static void a_group_that_keeps_up(void **state)
{
    struct bench b = bench(2);
    judge(&b, (struct kafka_bounds){.lag = 1, .lag_down = 1, .partition_lag = 1});
    assert_true(b.r.success);
    assert_int_equal(b.r.n_warnings, 0);
    assert_int_equal(metric(&b.r, "kafka_consumergroup_lag_total"), 0);
    kafka_job_free(&b.q->job);
}

static void lag_is_summed_and_the_worst_named(void **state)
{
    struct bench b = bench(3);
    b.q->partitions[1].end = 15;
    b.q->partitions[2].end = 8;
    b.q->partitions[0].committed = 9; /* the topic was made anew: no lag, and none below zero */
    judge(&b, (struct kafka_bounds){.lag = 12, .partition_lag = 9});
    assert_true(b.r.success);
    assert_int_equal(b.r.n_warnings, 2);
    assert_non_null(strstr(b.r.warnings[0], "lags by 13"));
    assert_non_null(strstr(b.r.warnings[1], "by 10 in orders-1"));
    assert_int_equal(metric(&b.r, "kafka_consumergroup_lag_max"), 10);
    kafka_job_free(&b.q->job);
}

static void too_much_lag_is_down(void **state)
{
    struct bench b = bench(1);
    b.q->partitions[0].end = 100;
    judge(&b, (struct kafka_bounds){.lag = 10, .lag_down = 50});
    assert_false(b.r.success);
    assert_non_null(strstr(b.r.message, "lags by 95"));
    kafka_job_free(&b.q->job);
}

static void partitions_without_leader_are_down(void **state)
{
    struct bench b = bench(4);
    b.q->partitions[2].leader = -1;
    b.q->partitions[2].in_sync = 0;
    b.q->partitions[2].end = -1; /* nobody could tell */
    judge(&b, (struct kafka_bounds){0});
    assert_false(b.r.success);
    assert_non_null(
        strstr(b.r.message, "1 of 4 partitions are offline (no leader), such as orders-2"));
    assert_int_equal(metric(&b.r, "kafka_under_replicated_partitions"), 1);
    kafka_job_free(&b.q->job);
}

static void groups_without_members(void **state)
{
    static const struct {
        const char *state;
        int64_t committed;
        int empty;
        bool success;
        int warnings;
    } cases[] = {
        {"Empty", 5, EMPTY_WARN, true, 1},   {"Empty", 5, EMPTY_FAIL, false, 0},
        {"Empty", 5, EMPTY_IGNORE, true, 0}, {"Dead", -1, EMPTY_IGNORE, false, 0},
        {"Dead", 5, EMPTY_WARN, true, 1},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct bench b = bench(1);
        b.q->state = (struct kafka_group){cases[i].state, 0};
        b.q->partitions[0].committed = cases[i].committed;
        judge(&b, (struct kafka_bounds){.empty = cases[i].empty});
        assert_int_equal(b.r.success, cases[i].success);
        assert_int_equal(b.r.n_warnings, cases[i].warnings);
        kafka_job_free(&b.q->job);
    }
}

static void topics_must_exist(void **state)
{
    struct bench b = bench(1);
    b.q->topics = (const char *const[]){"orders", "nowhere"};
    b.q->n_topics = 2;
    judge(&b, (struct kafka_bounds){0});
    assert_false(b.r.success);
    assert_non_null(strstr(b.r.message, "\"nowhere\" does not exist"));
    kafka_job_free(&b.q->job);
}

static void totals_survive_a_large_group(void **state)
{
    struct bench b = bench(5000), out;
    struct buf wire = BUF_INIT(1 << 20);
    b.q->partitions[4999].end = 1000005;
    judge(&b, (struct kafka_bounds){0});
    assert_true(b.r.success);
    result_encode(&b.r, &wire);
    assert_int_equal(result_decode(wire.data, wire.len, b.q->job.arena, &out.r, NULL), 0);
    assert_int_equal(metric(&out.r, "kafka_consumergroup_lag_total"), 1000000);
    assert_int_equal(metric(&out.r, "kafka_consumergroup_lag_sum"), 1000000);
    assert_true(metric(&out.r, "probe_metrics_left_out") > 4800);
    buf_done(&wire);
    kafka_job_free(&b.q->job);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_group_that_keeps_up),
        cmocka_unit_test(lag_is_summed_and_the_worst_named),
        cmocka_unit_test(too_much_lag_is_down),
        cmocka_unit_test(partitions_without_leader_are_down),
        cmocka_unit_test(groups_without_members),
        cmocka_unit_test(topics_must_exist),
        cmocka_unit_test(totals_survive_a_large_group),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
