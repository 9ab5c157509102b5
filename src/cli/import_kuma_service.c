/* Uptime Kuma's monitors of databases, queues and mail (import_kuma.h). */
#include "cli/import_kuma.h"

#include <string.h>
#include <strings.h>

/* --- databases --- */

static const char *put_url(struct kuma *k, const struct node *m, struct node *config)
{
    const char *url = kuma_text(k, m, "databaseConnectionString");
    kuma_put(k, config, "url", url);
    if (!*url)
        return "it has no connection string";
    return strstr(url, "://") ? NULL : "its connection string is no URL";
}

/* Any answer is good unless a condition says more; SELECT 1 is asked anyway. */
static void put_query(struct kuma *k, const struct node *m, struct node *config)
{
    struct str query = str_trim(str_of(kuma_text(k, m, "databaseQuery")));
    const char *op, *value;
    bool judged = kuma_condition(k, m, "result", &op, &value);
    while (query.n && query.p[query.n - 1] == ';')
        query.n--;
    bool plain = !query.n || (query.n == 8 && strncasecmp(query.p, "SELECT 1", 8) == 0);
    if (!plain || judged)
        kuma_put(k, config, "query",
                 query.n ? arena_strndup(k->arena, query.p, query.n) : "SELECT 1");
    if (judged) {
        struct node *expect = import_doc_section(&k->doc, config, "expect");
        kuma_put(k, expect, "op", op);
        kuma_put(k, expect, "value", value);
    }
}

static const char *fill_sql(struct kuma *k, const struct node *m, struct node *config)
{
    const char *url = kuma_text(k, m, "databaseConnectionString"),
               *password = kuma_text(k, m, "radiusPassword"); /* where Uptime Kuma keeps MySQL's */
    const char *at = strchr(url, '@'), *slashes = strstr(url, "://");
    put_query(k, m, config);
    if (*password && slashes && at && !memchr(slashes + 3, ':', (size_t)(at - slashes - 3)))
        kuma_put(k, config, "password", password);
    return put_url(k, m, config);
}

static const char *fill_mongodb(struct kuma *k, const struct node *m, struct node *config)
{
    const char *command = kuma_text(k, m, "databaseQuery");
    if (*command && !strstr(command, "ping"))
        kuma_changed(k, m, "its command is not carried over: the database is pinged");
    return put_url(k, m, config);
}

static const char *fill_redis(struct kuma *k, const struct node *m, struct node *config)
{
    kuma_tls(k, m, config, "tls_options");
    return put_url(k, m, config);
}

/* --- queues --- */

/* mqtt://host, mqtts://host or a name. */
static const char *put_broker(struct kuma *k, const struct node *m, struct node *config)
{
    struct str host = str_of(kuma_text(k, m, "hostname"));
    double port = kuma_number(k, m, "port", 0);
    const char *sep = strstr(host.p ? host.p : "", "://");
    if (sep) {
        struct str scheme = {host.p, (size_t)(sep - host.p)};
        if (str_eqz(scheme, "mqtts"))
            import_doc_flag(&k->doc, config, "tls", true);
        else if (!str_eqz(scheme, "mqtt"))
            return "it speaks MQTT over a WebSocket";
        host = str_of(sep + 3);
    }
    kuma_put(k, config, "host", host.n ? host.p : "");
    if (port >= 1 && port <= 65535)
        import_doc_int(&k->doc, config, "port", (int64_t)port);
    return host.n ? NULL : "it has no host";
}

static const char *put_message(struct kuma *k, const struct node *m, struct node *config)
{
    bool json = streq(kuma_text(k, m, "mqttCheckType"), "json-query");
    const char *value = kuma_text(k, m, json ? "expectedValue" : "mqttSuccessMessage");
    const char *name = kuma_text(k, m, "jsonPathOperator"),
               *path = kuma_path(k, kuma_text(k, m, "jsonPath"));
    const char *op = !json ? "contains" : *name ? kuma_op(k, name, &value) : "==";
    if (json && (!path || !op))
        return "its JSON query is more than a path and a comparison";
    if (!*value && !kuma_condition(k, m, "message", &op, &value))
        return NULL;
    struct node *expect = import_doc_section(&k->doc, config, "expect");
    struct node *message = import_doc_section(&k->doc, expect, "message");
    kuma_put(k, message, "op", op);
    kuma_put(k, message, "value", value);
    if (json)
        kuma_put(k, expect, "json_path", path);
    return NULL;
}

static const char *fill_mqtt(struct kuma *k, const struct node *m, struct node *config)
{
    const char *why = put_broker(k, m, config);
    kuma_put(k, config, "username", kuma_text(k, m, "mqttUsername"));
    kuma_put(k, config, "password", kuma_text(k, m, "mqttPassword"));
    kuma_put(k, config, "listen", kuma_text(k, m, "mqttTopic"));
    return why ? why : put_message(k, m, config);
}

static void put_sasl(struct kuma *k, const struct node *m, struct node *config)
{
    static const char *const names[][2] = {
        {"plain", "PLAIN"}, {"scram-sha-256", "SCRAM-SHA-256"}, {"scram-sha-512", "SCRAM-SHA-512"}};
    const struct node *sasl = kuma_json(k, m, "kafkaProducerSaslOptions");
    const char *mechanism = kuma_text(k, sasl, "mechanism");
    for (size_t i = 0; i < array_len(names); i++) {
        if (!streq(mechanism, names[i][0]))
            continue;
        kuma_put(k, config, "sasl_mechanism", names[i][1]);
        kuma_put(k, config, "username", kuma_text(k, sasl, "username"));
        kuma_put(k, config, "password", kuma_text(k, sasl, "password"));
        return;
    }
    if (*mechanism && strcasecmp(mechanism, "none") != 0)
        kuma_changed(k, m, "its SASL mechanism has no counterpart");
}

static const char *fill_kafka(struct kuma *k, const struct node *m, struct node *config)
{
    const struct node *brokers = kuma_json(k, m, "kafkaProducerBrokers");
    for (const struct node *b = brokers && brokers->kind == NODE_LIST ? brokers->first : NULL; b;
         b = b->next)
        if (b->kind == NODE_TEXT)
            import_doc_append(&k->doc, config, "brokers", node_text(k->arena, b->text.p));
    kuma_put(k, config, "round_trip_topic", kuma_text(k, m, "kafkaProducerTopic"));
    if (kuma_flag(k, m, "kafkaProducerSsl"))
        import_doc_flag(&k->doc, config, "tls", true);
    put_sasl(k, m, config);
    kuma_changed(k, m, "Belfry writes a record of its own into the topic and reads it back");
    return node_get(config, "brokers") ? NULL : "it has no brokers";
}

/* --- mail, gRPC --- */

static const char *fill_smtp(struct kuma *k, const struct node *m, struct node *config)
{
    const char *security = kuma_text(k, m, "smtpSecurity");
    if (streq(security, "secure") || streq(security, "starttls"))
        import_doc_flag(&k->doc, config, streq(security, "secure") ? "tls" : "starttls", true);
    kuma_tls(k, m, config, "tls_options");
    return kuma_host(k, m, config, false);
}

/* Belfry asks by the health protocol; a call of another method has no counterpart. */
static const char *fill_grpc(struct kuma *k, const struct node *m, struct node *config)
{
    const char *service = kuma_text(k, m, "grpcServiceName"), *url = kuma_text(k, m, "grpcUrl");
    const struct node *body = kuma_json(k, m, "grpcBody"), *meta = kuma_json(k, m, "grpcMetadata");
    bool health = streq(service, "Health") || streq(service, "grpc.health.v1.Health");
    const char *scheme = kuma_flag(k, m, "grpcEnableTls") ? "grpcs" : "grpc";
    if (!*url)
        return "it has no address";
    kuma_put(k, config, "url",
             strstr(url, "://") ? url : arena_printf(k->arena, "%s://%s", scheme, url));
    kuma_put(k, config, "service", health ? kuma_text(k, body, "service") : "");
    for (const struct node *h = meta && meta->kind == NODE_MAP ? meta->first : NULL; h; h = h->next)
        if (h->kind == NODE_TEXT)
            kuma_put(k, import_doc_section(&k->doc, config, "metadata"), h->key.p, h->text.p);
    if (!health)
        kuma_changed(
            k, m,
            "its call is not carried over: the server is asked by the health protocol (grpc.health.v1)");
    return NULL;
}

const struct kuma_kind kuma_services[] = {
    {"mysql", "mysql", fill_sql, NULL},
    {"postgres", "postgresql", fill_sql, NULL},
    {"mongodb", "mongodb", fill_mongodb, NULL},
    {"redis", "redis", fill_redis, NULL},
    {"mqtt", "mqtt", fill_mqtt, NULL},
    {"kafka-producer", "kafka", fill_kafka, NULL},
    {"smtp", "smtp", fill_smtp, NULL},
    {"grpc-keyword", "grpc", fill_grpc, NULL},
    {"sqlserver", NULL, NULL, "Belfry has no prober for Microsoft SQL Server; take exec or tcp"},
    {"oracledb", NULL, NULL, "Belfry has no prober for Oracle; take exec or tcp"},
    {NULL, NULL, NULL, NULL},
};
