/* See kafka_report.h. The arrays of a cluster may be large; each is walked a few times, nothing is copied but what the
 * result shows. */
#include "probe/kafka_report.h"

#include <stdio.h>

#include "base/str.h"

struct sums {
    int64_t partitions, offline, under_replicated;
    const struct kafka_partition *an_offline; /* the first, to be named */
    int64_t lag, max_lag, committed;          /* committed: partitions that the group reads */
    const struct kafka_partition *worst;
};

static int64_t lag_of(const struct kafka_partition *p)
{
    if (p->committed < 0 || p->end < 0)
        return -1;
    return p->end > p->committed ? p->end - p->committed : 0;
}

static struct sums sum_up(const struct kafka_query *q)
{
    struct sums s = {0};
    for (size_t i = 0; i < q->n_partitions; i++) {
        const struct kafka_partition *p = &q->partitions[i];
        int64_t lag = lag_of(p);
        s.partitions++;
        s.offline += p->leader < 0;
        s.under_replicated += p->in_sync < p->replicas;
        s.committed += p->committed >= 0;
        if (p->leader < 0 && !s.an_offline)
            s.an_offline = p;
        if (lag < 0)
            continue;
        s.lag += lag;
        if (!s.worst || lag > s.max_lag) {
            s.max_lag = lag;
            s.worst = p;
        }
    }
    must(s.offline <= s.partitions && s.under_replicated <= s.partitions);
    return s;
}

/* --- judging --- */

static bool has_topic(const struct kafka_query *q, const char *topic)
{
    for (size_t i = 0; i < q->n_partitions; i++)
        if (streq(q->partitions[i].topic, topic))
            return true;
    return false;
}

static void judge_cluster(const struct kafka_query *q, const struct sums *s,
                          const struct kafka_bounds *b, struct result *r)
{
    for (size_t i = 0; i < q->n_topics; i++)
        if (!has_topic(q, q->topics[i]))
            result_fail(r, "topic \"%s\" does not exist on %.200s", q->topics[i],
                        q->login->brokers);
    if (s->offline > 0)
        result_fail(r, "%lld of %lld partitions are offline (no leader), such as %s-%d",
                    (long long)s->offline, (long long)s->partitions, s->an_offline->topic,
                    (int)s->an_offline->id);
    if (q->brokers < b->brokers)
        result_warn(r, "%d of %lld brokers are there", q->brokers, (long long)b->brokers);
    if (s->under_replicated > 0)
        result_warn(r, "%lld of %lld partitions are under-replicated",
                    (long long)s->under_replicated, (long long)s->partitions);
    if (q->cut)
        result_warn(r, "only the first %d partitions were looked at", KAFKA_PARTITIONS_MAX);
}

static void judge_members(const struct kafka_query *q, const struct sums *s,
                          const struct kafka_bounds *b, struct result *r)
{
    if (streq(q->state.state, "Dead") && s->committed == 0)
        result_fail(r, "consumer group \"%s\" does not exist on %.200s", q->group,
                    q->login->brokers);
    else if (q->state.members == 0 && b->empty == EMPTY_FAIL)
        result_fail(r, "consumer group \"%s\" has no members (%s): its consumers have stopped",
                    q->group, q->state.state);
    else if (q->state.members == 0 && b->empty == EMPTY_WARN)
        result_warn(r, "consumer group \"%s\" has no members (%s): its consumers have stopped",
                    q->group, q->state.state);
}

static void judge_lag(const struct kafka_query *q, const struct sums *s,
                      const struct kafka_bounds *b, struct result *r)
{
    long long lag = s->lag, max = s->max_lag;
    if (!s->worst)
        return;
    char where[RESULT_FACT_MAX + 16];
    snprintf(where, sizeof(where), "%s-%d", s->worst->topic, (int)s->worst->id);
    if (b->lag_down && lag > b->lag_down)
        result_fail(r, "consumer group \"%s\" lags by %lld; want at most %lld (most in %s: %lld)",
                    q->group, lag, (long long)b->lag_down, where, max);
    else if (b->lag && lag > b->lag)
        result_warn(r, "consumer group \"%s\" lags by %lld; want at most %lld (most in %s: %lld)",
                    q->group, lag, (long long)b->lag, where, max);
    if (b->partition_lag && max > b->partition_lag)
        result_warn(r, "consumer group \"%s\" lags by %lld in %s; want at most %lld", q->group, max,
                    where, (long long)b->partition_lag);
}

/* --- metrics --- */

static void put_cluster(const struct kafka_query *q, const struct sums *s, struct result *r)
{
    result_metric(r, "kafka_brokers", q->brokers);
    result_metric(r, "kafka_controller_id", q->controller);
    result_metric(r, "kafka_topics", q->n_all_topics);
    result_metric(r, "kafka_partitions", (double)s->partitions);
    result_metric(r, "kafka_offline_partitions", (double)s->offline);
    result_metric(r, "kafka_under_replicated_partitions", (double)s->under_replicated);
    result_fact(r, "kafka_cluster_id", q->cluster);
    if (q->round_trip)
        result_metric(r, "kafka_round_trip_seconds", (double)q->round_trip_ns / 1e9);
}

static void put_group(const struct kafka_query *q, const struct sums *s, struct result *r)
{
    const char *group = arena_strdup(r->arena, q->group);
    result_metric_label(r, "kafka_consumergroup_members", "consumergroup", group,
                        (double)q->state.members);
    result_fact(r, "kafka_consumergroup_state", q->state.state);
    result_metric_label(r, "kafka_consumergroup_lag_total", "consumergroup", group, (double)s->lag);
    result_metric_label(r, "kafka_consumergroup_lag_max", "consumergroup", group,
                        (double)s->max_lag);
    if (s->worst)
        result_fact(r, "kafka_consumergroup_lag_max_partition",
                    arena_printf(r->arena, "%s-%d", s->worst->topic, (int)s->worst->id));
}

/* The partitions of one topic lie together. */
static size_t end_of_topic(const struct kafka_query *q, size_t from)
{
    size_t to = from + 1;
    while (to < q->n_partitions && q->partitions[to].topic == q->partitions[from].topic)
        to++;
    return to;
}

static void put_topic_sum(const struct kafka_query *q, size_t from, size_t to, struct result *r)
{
    int64_t lag = 0, read = 0;
    for (size_t i = from; i < to; i++) {
        read += lag_of(&q->partitions[i]) >= 0;
        lag += lag_of(&q->partitions[i]) > 0 ? lag_of(&q->partitions[i]) : 0;
    }
    if (q->n_topics > 0)
        result_metric_label(r, "kafka_topic_partitions", "topic",
                            arena_strdup(r->arena, q->partitions[from].topic), (double)(to - from));
    if (read == 0)
        return;
    const struct label labels[] = {
        {"consumergroup", arena_strdup(r->arena, q->group)},
        {"topic", arena_strdup(r->arena, q->partitions[from].topic)},
    };
    result_metric_labels(r, "kafka_consumergroup_lag_sum", labels, 2, (double)lag);
}

static void put_partition(const struct kafka_query *q, const struct kafka_partition *p,
                          struct result *r)
{
    const struct label labels[] = {
        {"consumergroup", arena_strdup(r->arena, q->group)},
        {"topic", arena_strdup(r->arena, p->topic)},
        {"partition", arena_printf(r->arena, "%d", (int)p->id)},
    };
    result_metric_labels(r, "kafka_consumergroup_lag", labels, 3, (double)lag_of(p));
}

static void put_details(const struct kafka_query *q, struct result *r)
{
    for (size_t from = 0, to; from < q->n_partitions; from = to) {
        to = end_of_topic(q, from);
        put_topic_sum(q, from, to, r);
    }
    for (size_t i = 0; i < q->n_partitions && q->group; i++)
        if (lag_of(&q->partitions[i]) >= 0)
            put_partition(q, &q->partitions[i], r);
}

static void put_message(const struct kafka_query *q, const struct sums *s, struct result *r)
{
    if (q->group)
        result_ok(r, "group \"%s\" is %s, %lld members, lag %lld; %d brokers, %lld partitions",
                  q->group, q->state.state, (long long)q->state.members, (long long)s->lag,
                  q->brokers, (long long)s->partitions);
    else
        result_ok(r, "%d brokers, controller %d, %d topics, %lld partitions", q->brokers,
                  (int)q->controller, q->n_all_topics, (long long)s->partitions);
}

void kafka_report(const struct kafka_query *q, const struct kafka_bounds *b, struct result *r)
{
    must(q->job.rc == 0 && q->login != NULL);
    struct sums s = sum_up(q);
    put_cluster(q, &s, r);
    if (q->group)
        put_group(q, &s, r);
    put_details(q, r);
    judge_cluster(q, &s, b, r);
    if (q->group) {
        judge_members(q, &s, b, r);
        judge_lag(q, &s, b, r);
    }
    if (r->success)
        put_message(q, &s, r);
}
