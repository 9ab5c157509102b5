/* A login as librdkafka's configuration; see kafka_hub.h. */
#include <librdkafka/rdkafka.h>

#include "base/log.h"
#include "base/str.h"
#include "probe/kafka_hub.h"

/* What bounds librdkafka's memory and makes it tell a failure soon. */
static const char *const limits[][2] = {
    {"client.id", "belfry"},
    {"log_level", "6"},
    {"topic.metadata.refresh.interval.ms", "-1"},
    {"reconnect.backoff.max.ms", "1000"},
    {"receive.message.max.bytes", "33554432"},
    {"message.max.bytes", "1000000"},
    {"queue.buffering.max.messages", "1000"},
    {"queue.buffering.max.kbytes", "1024"},
    {"queued.max.messages.kbytes", "1024"},
    {"message.timeout.ms", "10000"},
    {"socket.keepalive.enable", "true"},
    {"enable.auto.commit", "false"},
    {"allow.auto.create.topics", "false"},
};

struct setting {
    const char *name, *value; /* NULL: not set */
};

/* librdkafka's own words are for those who look for a fault in it: a probe's failure names the reason. */
static void on_log(const rd_kafka_t *rk, int level, const char *fac, const char *text)
{
    (void)rk;
    log_debug("librdkafka", F_STR("facility", fac), F_STR("text", text), F_INT("level", level));
}

static int apply(rd_kafka_conf_t *conf, const char *name, const char *value, struct err *err)
{
    char why[300] = "";
    must(conf != NULL && name != NULL);
    if (!value || rd_kafka_conf_set(conf, name, value, why, sizeof(why)) == RD_KAFKA_CONF_OK)
        return 0;
    return err_set(err, ERR_INVALID, "cannot set %s: %s", name, why);
}

static int apply_login(rd_kafka_conf_t *conf, const struct kafka_login *l, struct err *err)
{
    const char *protocol = l->mechanism ? l->tls ? "sasl_ssl" : "sasl_plaintext"
                           : l->tls     ? "ssl"
                                        : "plaintext";
    const struct setting settings[] = {
        {"bootstrap.servers", l->brokers},
        {"security.protocol", protocol},
        {"sasl.mechanism", l->mechanism},
        {"sasl.username", l->mechanism ? l->username : NULL},
        {"sasl.password", l->mechanism ? l->password : NULL},
        {"ssl.ca.location", l->tls ? l->ca_file : NULL},
        {"ssl.certificate.location", l->tls ? l->cert_file : NULL},
        {"ssl.key.location", l->tls ? l->key_file : NULL},
        {"enable.ssl.certificate.verification", l->verify ? "true" : "false"},
        {"ssl.endpoint.identification.algorithm", l->check_name ? "https" : "none"},
    };
    for (size_t i = 0; i < array_len(settings); i++)
        if (apply(conf, settings[i].name, settings[i].value, err) != 0)
            return -1;
    return 0;
}

rd_kafka_conf_t *kafka_conf(const struct kafka_login *l, struct err *err)
{
    must(l->brokers != NULL && l->brokers[0]);
    rd_kafka_conf_t *conf = rd_kafka_conf_new();
    rd_kafka_conf_set_log_cb(conf, on_log);
    for (size_t i = 0; i < array_len(limits); i++)
        must(apply(conf, limits[i][0], limits[i][1], NULL) == 0);
    if (apply_login(conf, l, err) == 0)
        return conf;
    rd_kafka_conf_destroy(conf);
    return NULL;
}

static const char *copy(struct arena *a, const char *s)
{
    return s ? arena_strdup(a, s) : NULL;
}

struct kafka_login *kafka_login_copy(const struct kafka_login *l, struct arena *a)
{
    struct kafka_login *out = arena_memdup(a, l, sizeof(*l));
    out->brokers = copy(a, l->brokers);
    out->mechanism = copy(a, l->mechanism);
    out->username = copy(a, l->username);
    out->password = copy(a, l->password);
    out->ca_file = copy(a, l->ca_file);
    out->cert_file = copy(a, l->cert_file);
    out->key_file = copy(a, l->key_file);
    return out;
}
