/* See kafka_ask.h. Metadata of the whole cluster, then the group's state, what it committed, and how far the logs
 * reach: lag = end - committed, as kafka-consumer-groups.sh has it. */
#include "probe/kafka_ask.h"

#include <librdkafka/rdkafka.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/kafka_trip.h"

#define RETRY_MS 100
#define MARGIN_NS \
    (25 * NS_PER_MS) /* so that what did not answer is known before the fiber gives up */

static int left_ms(const struct kafka_query *q)
{
    int64_t left = (q->job.deadline_ns - MARGIN_NS - clock_mono_ns()) / NS_PER_MS;
    return left > 1 ? (int)left : 1;
}

/* __TRANSPORT: no broker could be used so long; the hub may know why. */
static bool is_timeout(rd_kafka_resp_err_t code)
{
    return code == RD_KAFKA_RESP_ERR__TIMED_OUT || code == RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT ||
           code == RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE || code == RD_KAFKA_RESP_ERR__TRANSPORT;
}

static int failed(struct kafka_query *q, const char *what, rd_kafka_resp_err_t code)
{
    q->coordinator_later = code == RD_KAFKA_RESP_ERR_NOT_COORDINATOR ||
                           code == RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE ||
                           code == RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS;
    if (is_timeout(code))
        return err_set(&q->job.err, ERR_TIMEOUT, "timeout: cannot %s of %.200s", what,
                       q->login->brokers);
    return err_set(&q->job.err, ERR_PROTOCOL, "cannot %s of %.200s: %s", what, q->login->brokers,
                   rd_kafka_err2str(code));
}

/* --- metadata --- */

static bool counts(const struct kafka_query *q, const char *topic)
{
    for (size_t i = 0; i < q->n_topics; i++)
        if (streq(q->topics[i], topic))
            return true;
    return q->n_topics == 0;
}

static int by_place(const void *a, const void *b)
{
    const struct kafka_partition *x = a, *y = b;
    int order = strcmp(x->topic, y->topic);
    return order ? order : (x->id > y->id) - (x->id < y->id);
}

static void take_topic(struct kafka_query *q, const rd_kafka_metadata_topic_t *t)
{
    const char *name = arena_strdup(q->job.arena, t->topic);
    for (int i = 0; i < t->partition_cnt; i++) {
        const rd_kafka_metadata_partition_t *p = &t->partitions[i];
        if (q->n_partitions == KAFKA_PARTITIONS_MAX) {
            q->cut = true;
            return;
        }
        q->partitions[q->n_partitions++] = (struct kafka_partition){
            .topic = name,
            .id = p->id,
            .leader = p->leader,
            .replicas = p->replica_cnt,
            .in_sync = p->isr_cnt,
            .committed = -1,
            .end = -1,
        };
    }
}

static size_t partitions_of(const rd_kafka_metadata_t *m)
{
    size_t n = 0;
    for (int i = 0; i < m->topic_cnt; i++)
        n += (size_t)m->topics[i].partition_cnt;
    return n < KAFKA_PARTITIONS_MAX ? n : KAFKA_PARTITIONS_MAX;
}

static void take_metadata(struct kafka_query *q, const rd_kafka_metadata_t *m)
{
    q->brokers = m->broker_cnt;
    q->n_all_topics = m->topic_cnt;
    q->partitions = arena_array_of(q->job.arena, struct kafka_partition, partitions_of(m));
    for (int i = 0; i < m->topic_cnt; i++)
        if (counts(q, m->topics[i].topic))
            take_topic(q, &m->topics[i]);
    for (int i = 0; i < m->topic_cnt && q->round_trip; i++)
        q->trip_found |= streq(m->topics[i].topic, q->round_trip);
    if (q->n_partitions > 0)
        qsort(q->partitions, q->n_partitions, sizeof(*q->partitions), by_place);
}

/* In longer and longer waits, so that a thread does not go on when the cluster is known to refuse us. */
static rd_kafka_resp_err_t fetch_metadata(struct kafka_query *q, const rd_kafka_metadata_t **m)
{
    rd_kafka_resp_err_t code;
    int wait_ms = 250;
    do {
        int left = left_ms(q);
        code = rd_kafka_metadata(q->job.rk, 1, NULL, m, wait_ms < left ? wait_ms : left);
        wait_ms *= 2;
    } while (is_timeout(code) && left_ms(q) > 1 && !atomic_load(&q->job.refused));
    return code;
}

static int ask_metadata(struct kafka_query *q)
{
    const rd_kafka_metadata_t *m = NULL;
    rd_kafka_resp_err_t code = fetch_metadata(q, &m);
    if (code)
        return failed(q, "get the metadata", code);
    take_metadata(q, m);
    rd_kafka_metadata_destroy(m);
    q->controller = rd_kafka_controllerid(q->job.rk, left_ms(q));
    char *id = rd_kafka_clusterid(q->job.rk, left_ms(q));
    q->cluster = id ? arena_strdup(q->job.arena, id) : "";
    if (id)
        rd_kafka_mem_free(q->job.rk, id);
    return 0;
}

/* --- the group --- */

/* The answer to a question of the admin interface; NULL: *q has the reason. */
static rd_kafka_event_t *await(struct kafka_query *q, rd_kafka_queue_t *queue, const char *what)
{
    rd_kafka_event_t *ev = rd_kafka_queue_poll(queue, left_ms(q));
    rd_kafka_resp_err_t code = ev ? rd_kafka_event_error(ev) : RD_KAFKA_RESP_ERR__TIMED_OUT;
    if (!code)
        return ev;
    failed(q, what, code);
    if (ev)
        rd_kafka_event_destroy(ev);
    return NULL;
}

static rd_kafka_AdminOptions_t *options_of(struct kafka_query *q, rd_kafka_admin_op_t op)
{
    char why[100];
    rd_kafka_AdminOptions_t *o = rd_kafka_AdminOptions_new(q->job.rk, op);
    must(o != NULL);
    rd_kafka_AdminOptions_set_request_timeout(o, left_ms(q), why, sizeof(why));
    return o;
}

static int take_group(struct kafka_query *q, const rd_kafka_ConsumerGroupDescription_t *g)
{
    const rd_kafka_error_t *e = rd_kafka_ConsumerGroupDescription_error(g);
    if (e && rd_kafka_error_code(e))
        return failed(q, "get the consumer group's state", rd_kafka_error_code(e));
    q->state.state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(g));
    q->state.members = (int64_t)rd_kafka_ConsumerGroupDescription_member_count(g);
    return 0;
}

static int ask_group_once(struct kafka_query *q, rd_kafka_queue_t *queue)
{
    size_t n = 0;
    rd_kafka_AdminOptions_t *o = options_of(q, RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS);
    rd_kafka_DescribeConsumerGroups(q->job.rk, (const char *[]){q->group}, 1, o, queue);
    rd_kafka_AdminOptions_destroy(o);
    rd_kafka_event_t *ev = await(q, queue, "get the consumer group's state");
    if (!ev)
        return -1;
    const rd_kafka_ConsumerGroupDescription_t **groups =
        rd_kafka_DescribeConsumerGroups_result_groups(
            rd_kafka_event_DescribeConsumerGroups_result(ev), &n);
    int rc = n == 1 ? take_group(q, groups[0])
                    : err_set(&q->job.err, ERR_PROTOCOL,
                              "cannot get the consumer group's state: got %zu; want 1", n);
    rd_kafka_event_destroy(ev);
    return rc;
}

/* A coordinator that has just been chosen, or is reading its topic, answers a little later. */
static int ask_group(struct kafka_query *q, rd_kafka_queue_t *queue)
{
    for (;;) {
        q->coordinator_later = false;
        if (ask_group_once(q, queue) == 0)
            return 0;
        if (!q->coordinator_later || left_ms(q) < 2 * RETRY_MS || atomic_load(&q->job.refused))
            return -1;
        usleep(RETRY_MS * 1000);
    }
}

static rd_kafka_topic_partition_list_t *all_partitions(const struct kafka_query *q)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new((int)q->n_partitions);
    for (size_t i = 0; i < q->n_partitions; i++)
        rd_kafka_topic_partition_list_add(list, q->partitions[i].topic, q->partitions[i].id);
    return list;
}

static struct kafka_partition *find(struct kafka_query *q, const rd_kafka_topic_partition_t *tp)
{
    const struct kafka_partition key = {.topic = tp->topic, .id = tp->partition};
    return bsearch(&key, q->partitions, q->n_partitions, sizeof(key), by_place);
}

static int take_committed(struct kafka_query *q, const rd_kafka_group_result_t *g)
{
    const rd_kafka_error_t *e = rd_kafka_group_result_error(g);
    if (e && rd_kafka_error_code(e))
        return failed(q, "get the group's offsets", rd_kafka_error_code(e));
    const rd_kafka_topic_partition_list_t *list = rd_kafka_group_result_partitions(g);
    for (int i = 0; list && i < list->cnt; i++) {
        struct kafka_partition *p = find(q, &list->elems[i]);
        if (p && !list->elems[i].err && list->elems[i].offset >= 0)
            p->committed = list->elems[i].offset;
    }
    return 0;
}

static int ask_committed(struct kafka_query *q, rd_kafka_queue_t *queue)
{
    size_t n = 0;
    rd_kafka_topic_partition_list_t *list = all_partitions(q);
    rd_kafka_ListConsumerGroupOffsets_t *ask =
        rd_kafka_ListConsumerGroupOffsets_new(q->group, list);
    rd_kafka_AdminOptions_t *o = options_of(q, RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS);
    rd_kafka_ListConsumerGroupOffsets(q->job.rk, &ask, 1, o, queue);
    rd_kafka_AdminOptions_destroy(o);
    rd_kafka_ListConsumerGroupOffsets_destroy(ask);
    rd_kafka_topic_partition_list_destroy(list);
    rd_kafka_event_t *ev = await(q, queue, "get the group's offsets");
    if (!ev)
        return -1;
    const rd_kafka_group_result_t **groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
        rd_kafka_event_ListConsumerGroupOffsets_result(ev), &n);
    int rc = n == 1 ? take_committed(q, groups[0]) : 0;
    rd_kafka_event_destroy(ev);
    return rc;
}

/* How far the logs of the partitions reach that the group reads; those without a leader stay unknown. */
static int ask_ends(struct kafka_query *q)
{
    rd_kafka_topic_partition_list_t *list = rd_kafka_topic_partition_list_new(16);
    for (size_t i = 0; i < q->n_partitions; i++) {
        const struct kafka_partition *p = &q->partitions[i];
        if (p->committed >= 0 && p->leader >= 0)
            rd_kafka_topic_partition_list_add(list, p->topic, p->id)->offset = RD_KAFKA_OFFSET_END;
    }
    rd_kafka_resp_err_t code = RD_KAFKA_RESP_ERR_NO_ERROR;
    if (list->cnt > 0)
        code = rd_kafka_offsets_for_times(q->job.rk, list, left_ms(q));
    for (int i = 0; i < list->cnt && !code; i++) {
        struct kafka_partition *p = find(q, &list->elems[i]);
        if (p && !list->elems[i].err && list->elems[i].offset >= 0)
            p->end = list->elems[i].offset;
    }
    rd_kafka_topic_partition_list_destroy(list);
    return code ? failed(q, "get the ends of the partitions", code) : 0;
}

static int ask_lag(struct kafka_query *q)
{
    rd_kafka_queue_t *queue = rd_kafka_queue_new(q->job.rk);
    int rc = ask_group(q, queue);
    if (rc == 0 && q->n_partitions > 0)
        rc = ask_committed(q, queue);
    rd_kafka_queue_destroy(queue);
    return rc == 0 ? ask_ends(q) : -1;
}

static void ask(struct kafka_job *job)
{
    struct kafka_query *q = container_of(job, struct kafka_query, job);
    must(q->login != NULL && q->job.rk != NULL);
    job->rc = ask_metadata(q);
    if (job->rc == 0 && q->group)
        job->rc = ask_lag(q);
    if (job->rc == 0 && q->round_trip && !q->trip_found)
        job->rc = err_set(&job->err, ERR_NOT_FOUND, "topic \"%s\" does not exist on %.200s",
                          q->round_trip, q->login->brokers);
    else if (job->rc == 0 && q->round_trip)
        job->rc = kafka_round_trip(q->login, q->round_trip, job->deadline_ns, &q->round_trip_ns,
                                   &job->err);
}

struct kafka_query *kafka_query_new(int64_t deadline_ns)
{
    struct arena *a = arena_new();
    struct kafka_query *q = arena_new_of(a, struct kafka_query);
    q->job.arena = a;
    q->job.ask = ask;
    q->job.deadline_ns = deadline_ns;
    q->controller = -1;
    q->cluster = q->state.state = "";
    return q;
}
