/* See kafka_trip.h. A producer and a consumer of its own, closed again: the shared handle's delivery reports would come to
 * whoever polls it. The consumer is assigned the very record, joins no group and commits nothing. */
#include "probe/kafka_trip.h"

#include <librdkafka/rdkafka.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"

struct trip {
    const char *topic;
    int64_t deadline_ns;
    char text[64]; /* the record */
    rd_kafka_resp_err_t code;
    bool delivered;
    int32_t partition;
    int64_t offset;
};

static int left_ms(const struct trip *t)
{
    int64_t left = (t->deadline_ns - clock_mono_ns()) / NS_PER_MS;
    return left > 0 ? (int)left : 0;
}

static void on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *arg)
{
    struct trip *t = arg;
    (void)rk;
    must(m->_private == t);
    t->code = m->err;
    t->partition = m->partition;
    t->offset = m->offset;
    t->delivered = true;
}

static rd_kafka_t *open_handle(rd_kafka_type_t type, const struct kafka_login *login,
                               struct trip *t, struct err *err)
{
    char why[300];
    rd_kafka_conf_t *conf = kafka_conf(login, err);
    if (!conf)
        return NULL;
    if (type == RD_KAFKA_PRODUCER) {
        rd_kafka_conf_set_opaque(conf, t);
        rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
    } else {
        rd_kafka_conf_set(conf, "group.id", "belfry-round-trip", why, sizeof(why));
    }
    rd_kafka_t *rk = rd_kafka_new(type, conf, why, sizeof(why));
    if (rk)
        return rk;
    rd_kafka_conf_destroy(conf);
    err_set(err, ERR_INVALID, "cannot prepare the round trip: %s", why);
    return NULL;
}

static int produce(rd_kafka_t *rk, struct trip *t, struct err *err)
{
    rd_kafka_resp_err_t code = rd_kafka_producev(
        rk, RD_KAFKA_V_TOPIC(t->topic), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_VALUE(t->text, strlen(t->text)), RD_KAFKA_V_OPAQUE(t), RD_KAFKA_V_END);
    if (code)
        return err_set(err, ERR_PROTOCOL, "cannot produce to topic \"%.100s\": %s", t->topic,
                       rd_kafka_err2str(code));
    while (!t->delivered && left_ms(t) > 0)
        rd_kafka_poll(rk, left_ms(t) < 50 ? left_ms(t) : 50);
    if (!t->delivered)
        return err_set(err, ERR_TIMEOUT, "timeout: topic \"%.100s\" did not take a record",
                       t->topic);
    if (t->code)
        return err_set(err, ERR_PROTOCOL, "cannot produce to topic \"%.100s\": %s", t->topic,
                       rd_kafka_err2str(t->code));
    return 0;
}

static int consume(rd_kafka_t *rk, struct trip *t, struct err *err)
{
    rd_kafka_topic_partition_list_t *at = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(at, t->topic, t->partition)->offset = t->offset;
    rd_kafka_assign(rk, at);
    rd_kafka_topic_partition_list_destroy(at);
    const char *why = "timeout: it did not come";
    for (bool seen = false; !seen && left_ms(t) > 0;) {
        rd_kafka_message_t *m = rd_kafka_consumer_poll(rk, left_ms(t));
        if (!m)
            continue;
        seen = !m->err && m->offset == t->offset && m->len == strlen(t->text) &&
               memcmp(m->payload, t->text, m->len) == 0;
        if (m->err)
            why = rd_kafka_err2str(m->err);
        rd_kafka_message_destroy(m);
        if (seen)
            return 0;
    }
    return err_set(err, ERR_PROTOCOL, "cannot consume the record produced to \"%.100s\": %s",
                   t->topic, why);
}

/* Opens a handle, does the step, closes it. What waits in the producer is given up. */
static int with_handle(rd_kafka_type_t type, int (*step)(rd_kafka_t *, struct trip *, struct err *),
                       const struct kafka_login *login, struct trip *t, struct err *err)
{
    rd_kafka_t *rk = open_handle(type, login, t, err);
    if (!rk)
        return -1;
    int rc = step(rk, t, err);
    if (type == RD_KAFKA_PRODUCER)
        rd_kafka_purge(rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    rd_kafka_destroy(rk);
    return rc;
}

int kafka_round_trip(const struct kafka_login *login, const char *topic, int64_t deadline_ns,
                     int64_t *took_ns, struct err *err)
{
    struct trip t = {.topic = topic, .deadline_ns = deadline_ns};
    int64_t start = clock_mono_ns();
    must(topic[0] && deadline_ns > 0);
    snprintf(t.text, sizeof(t.text), "belfry %016llx", (unsigned long long)rng_secure_u64());
    if (with_handle(RD_KAFKA_PRODUCER, produce, login, &t, err) != 0 ||
        with_handle(RD_KAFKA_CONSUMER, consume, login, &t, err) != 0)
        return -1;
    *took_ns = clock_mono_ns() - start;
    return 0;
}
