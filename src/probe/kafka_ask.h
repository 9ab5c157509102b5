/* What the Kafka prober asks of a cluster; runs on a thread of the hub and may wait. Answers lie in the job's arena. */
#ifndef PROBE_KAFKA_ASK_H
#define PROBE_KAFKA_ASK_H

#include "probe/kafka_hub.h"

#define KAFKA_PARTITIONS_MAX \
    100000 /* of a cluster; the rest is not looked at, and the answer says so */

struct kafka_partition {
    const char *topic;
    int32_t id, leader; /* leader -1: none, the partition is offline */
    int replicas, in_sync;
    int64_t committed; /* by the group; -1: nothing */
    int64_t end;       /* offset of the next record; -1: unknown */
};

struct kafka_group {
    const char *state; /* "Stable", "Empty", "Dead" … */
    int64_t members;
};

/* A question and its answer. */
struct kafka_query {
    struct kafka_job job;
    const struct kafka_login *login;
    const char *const *topics; /* only these count; each must exist */
    size_t n_topics;
    const char *group;      /* NULL: no lag is asked for */
    const char *round_trip; /* a topic, or NULL */
    /* The answer: */
    int brokers, n_all_topics;
    int32_t controller; /* -1 unknown */
    const char *cluster;
    struct kafka_partition *partitions; /* by topic and number */
    size_t n_partitions;
    bool cut; /* there are more than KAFKA_PARTITIONS_MAX */
    struct kafka_group state;
    int64_t round_trip_ns;
    /* On the way: */
    bool trip_found, coordinator_later;
};

/* A new question, in an arena of its own; ask it with kafka_hub_ask(…, &q->job, …). */
struct kafka_query *kafka_query_new(int64_t deadline_ns);

#endif
