/* mqtt: does the broker take a client, and does a message come through?
 *
 *   connect → [TLS] → CONNECT, CONNACK → by options:
 *     broker:     SUBSCRIBE $SYS/…, PINGREQ, and what comes before PINGRESP
 *     topic:      SUBSCRIBE, PUBLISH of a random token, the token comes back
 *     listen:     SUBSCRIBE, a message comes and is judged
 *   → DISCONNECT
 *
 * MQTT 3.1.1 and 5; packets are mqtt_wire.h's. Names of metrics are mosquitto_exporter's: those of the topics. */
#include <netinet/tcp.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "probe/facts.h"
#include "probe/mqtt_wire.h"
#include "probe/probers.h"
#include "probe/service.h"
#include "probe/value.h"

#define READ_MAX_BYTES \
    (1u << 20) /* of one probe: a broker that never stops must not hold the loop */
#define CHUNK        4096
#define KEEP_ALIVE_S 60

static const char *const versions[] = {"3.1.1", "5", NULL};
static const char *const qos_choices[] = {"0", "1", NULL};

struct mqtt_expect {
    struct latency_bound latency;
    struct value_check message;
    const char *json_path;
    int64_t max_clients, max_round_trip_ms;
    double max_dropped;
};

struct mqtt_config {
    struct service service;
    int version, qos;
    const char *client_id, *topic, *listen;
    bool broker;
    struct mqtt_expect expect;
};

#define EXPECT(field) offsetof(struct mqtt_expect, field)

static const struct option message_options[] = {
    {"op", OPT_ENUM, offsetof(struct value_check, op), .def = "exists", .choices = value_ops,
     .help = {"How the message is compared.", "比较方式。"}},
    {"value", OPT_STRING, offsetof(struct value_check, value), .help = {"With what.", "期望值。"}},
    OPTION_END,
};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct mqtt_expect),
    {"message", OPT_SECTION, EXPECT(message), .sub = message_options,
     .help = {"What the message that `listen` waits for must be.",
              "listen 收到的消息应满足的条件。"}},
    {"json_path", OPT_STRING, EXPECT(json_path), .max = 500, .advanced = true,
     .example = "$.state.temperature",
     .help = {"Compare only this value of the message, which is JSON.",
              "消息为 JSON 时，只比较此路径的值。"}},
    {"max_round_trip", OPT_DURATION, EXPECT(max_round_trip_ms), .def = "0",
     .help = {"A message that takes longer through the broker is degraded; 0 is off.",
              "消息往返超过此时间为降级；0 表示不检查。"}},
    {"max_clients", OPT_INT, EXPECT(max_clients), .def = "0", .min = 0, .max = 1e9,
     .help = {"More connected clients, as the broker tells, are degraded; 0 is off.",
              "在线客户端数超过此值为降级；0 表示不检查。"}},
    {"max_dropped", OPT_F64, EXPECT(max_dropped), .def = "0", .min = 0, .max = 1e12,
     .advanced = true,
     .help = {"More messages dropped a minute, as the broker tells, are degraded; 0 is off.",
              "每分钟丢弃的消息超过此数为降级；0 表示不检查。"}},
    OPTION_END,
};

static const struct option mqtt_options[] = {
    SERVICE_ADDRESS(struct mqtt_config, "1883"),
    SERVICE_ACCOUNT(struct mqtt_config),
    {"topic", OPT_STRING, offsetof(struct mqtt_config, topic), .max = 1000,
     .example = "belfry/probe",
     .help = {"Publish a message on this topic and wait until it comes back; nothing is retained.",
              "向此主题发布一条消息并等待其返回；不保留消息。"}},
    {"listen", OPT_STRING, offsetof(struct mqtt_config, listen), .max = 1000,
     .example = "plant/+/state",
     .help = {"Wait for a message on this topic (wildcards allowed), which may be a retained one.",
              "等待此主题（可用通配符）上的一条消息，包括保留消息。"}},
    {"qos", OPT_ENUM, offsetof(struct mqtt_config, qos), .def = "0", .choices = qos_choices,
     .help = {"0: at most once; 1: acknowledged.", "0：至多一次；1：有确认。"}},
    {"broker", OPT_BOOL, offsetof(struct mqtt_config, broker), .def = "true", .advanced = true,
     .help = {"Read what the broker tells about itself under $SYS.",
              "读取代理在 $SYS 下发布的信息。"}},
    {"version", OPT_ENUM, offsetof(struct mqtt_config, version), .def = "3.1.1",
     .choices = versions, .help = {"Version of MQTT.", "MQTT 版本。"}},
    {"client_id", OPT_STRING, offsetof(struct mqtt_config, client_id), .max = 200, .advanced = true,
     .help = {"Client id; a random one when empty.", "客户端标识，留空则随机。"}},
    SERVICE_TLS(struct mqtt_config),
    {"expect", OPT_SECTION, offsetof(struct mqtt_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* What brokers tell. X(NAME, topic, metric) */
#define BROKER_FACTS(X)                                                                            \
    X(VERSION, "$SYS/broker/version", NULL)                                                        \
    X(UPTIME, "$SYS/broker/uptime", "broker_uptime")                                               \
    X(CLIENTS, "$SYS/broker/clients/connected", "broker_clients_connected")                        \
    X(CLIENTS_TOTAL, "$SYS/broker/clients/total", "broker_clients_total")                          \
    X(SUBSCRIPTIONS, "$SYS/broker/subscriptions/count", "broker_subscriptions_count")              \
    X(RETAINED, "$SYS/broker/retained messages/count", "broker_retained_messages_count")           \
    X(STORED, "$SYS/broker/store/messages/count", "broker_store_messages_count")                   \
    X(RECEIVED, "$SYS/broker/messages/received", "broker_messages_received")                       \
    X(SENT, "$SYS/broker/messages/sent", "broker_messages_sent")                                   \
    X(DROPPED, "$SYS/broker/publish/messages/dropped", "broker_publish_messages_dropped")          \
    X(DROPPED_MINUTE, "$SYS/broker/load/publish/dropped/1min", "broker_load_publish_dropped_1min") \
    X(HEAP, "$SYS/broker/heap/current", "broker_heap_current_size")
enum broker_fact {
#define X(name, topic, metric) BROKER_##name,
    BROKER_FACTS(X)
#undef X
        BROKER_FACT_COUNT
};
static const struct fact facts[] = {
#define X(name, topic, metric) {topic, metric},
    BROKER_FACTS(X)
#undef X
};

_Static_assert(array_len(facts) == BROKER_FACT_COUNT, "a row a fact");

enum { SYS_ID = 1, OWN_ID, PUBLISH_ID, LISTEN_ID };

struct session {
    struct probe *p;
    const struct mqtt_config *c;
    struct stream *s;
    enum mqtt_version v;
    struct buf in;
    size_t packet; /* bytes at the front of `in` that belong to the packet read last */
    size_t total;
    const char *who;                    /* the broker's address */
    struct str told[BROKER_FACT_COUNT]; /* of $SYS */
};

static struct node *mqtt_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, "mqtts", &u, a, err);
    if (map && streq(u.scheme, "mqtts") && u.port == 0)
        node_put(map, a, "port", node_int(a, 8883));
    if (map && u.path[0] && u.path[1])
        node_put(map, a, "topic", node_text(a, u.path + 1));
    return map;
}

static void mqtt_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct mqtt_config *c = config;
    struct err err = {0};
    if (c->topic && !mqtt_topic_ok(c->topic, false))
        problem_add(p, NULL, path, "topic: got \"%.100s\"; want a topic without + and #", c->topic);
    if (c->listen && !mqtt_topic_ok(c->listen, true))
        problem_add(p, NULL, path, "listen: got \"%.100s\"; want a topic, + and # between slashes",
                    c->listen);
    if (c->service.password && !c->service.username && c->version == 0)
        problem_add(p, NULL, path, "password: MQTT 3.1.1 has none without a username");
    if (c->expect.json_path && json_path_check(c->expect.json_path, &err) != 0)
        problem_add(p, NULL, path, "expect.json_path: %s", err.msg);
    value_check_validate(&c->expect.message, "message", a, p, path);
}

static void mqtt_describe(const void *config, struct buf *out)
{
    const struct mqtt_config *c = config;
    service_describe(&c->service, out);
    if (c->topic || c->listen)
        buf_printf(out, "/%s", c->topic ? c->topic : c->listen);
}

static int send_all(struct session *s, struct buf *out, struct err *err)
{
    must(!out->failed && out->len > 0);
    int rc = stream_write(s->s, out->data, out->len, s->p->deadline_ns, err);
    buf_done(out);
    return rc;
}

/* Brokers wait for the acknowledgement of a small packet before they send the next; the system would hold it back for
 * 40 ms, and a round trip would seem to take as long. */
static void acknowledge_at_once(const struct session *s)
{
#ifdef TCP_QUICKACK
    setsockopt(stream_fd(s->s), IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
#endif
}

static int read_more(struct session *s, struct err *err)
{
    if (s->total > READ_MAX_BYTES || !buf_reserve(&s->in, CHUNK))
        return err_set(err, ERR_TOO_LARGE, "%s sends without end; want at most %u bytes", s->who,
                       READ_MAX_BYTES);
    acknowledge_at_once(s);
    ssize_t n = stream_read(s->s, s->in.data + s->in.len, CHUNK, s->p->deadline_ns, err);
    if (n == 0)
        return err_set(err, ERR_REFUSED, "%s closed the connection", s->who);
    if (n < 0)
        return -1;
    s->in.len += (size_t)n;
    s->total += (size_t)n;
    return 0;
}

/* The next packet, whatever it is; what it borrows holds until the next call. */
static int take_packet(struct session *s, struct mqtt_packet *out, struct err *err)
{
    buf_drop_front(&s->in, s->packet);
    s->packet = 0;
    ssize_t n;
    while ((n = mqtt_length(s->in.data, s->in.len, err)) == 0)
        if (read_more(s, err) != 0)
            return -1;
    if (n < 0 || mqtt_parse(s->in.data, (size_t)n, s->v, out, err) != 0)
        return -1;
    s->packet = (size_t)n;
    must(s->packet <= s->in.len);
    return 0;
}

static int refused(struct session *s, const char *what, const struct mqtt_packet *k,
                   struct err *err)
{
    return err_set(err, ERR_DENIED, "%s answers %s: %s (code %d%s%.*s)", s->who, what,
                   mqtt_code_text(s->v, k->code), k->code, k->reason.n ? ": " : "",
                   (int)(k->reason.n < 100 ? k->reason.n : 100), k->reason.p ? k->reason.p : "");
}

/* Skips to a packet of this type (and id, when not 0); an acknowledgement with an error is one. Messages that come
 * meanwhile go to on_message, which may end the waiting by returning true. */
struct wait {
    enum mqtt_type type;
    uint16_t id;
    const char *what;
    bool (*on_message)(void *arg, const struct mqtt_packet *k);
    void *arg;
};

static int acknowledge(struct session *s, const struct mqtt_packet *k, struct err *err)
{
    struct buf out = BUF_INIT(16);
    if (k->type != MQTT_PUBLISH || k->qos != 1)
        return 0;
    mqtt_write_puback(&out, k->id);
    return send_all(s, &out, err);
}

static int wait_for(struct session *s, const struct wait *w, struct err *err)
{
    struct mqtt_packet k;
    must(w->what != NULL && (w->type != 0 || w->on_message != NULL));
    for (;;) {
        if (take_packet(s, &k, err) != 0)
            return -1;
        if (k.type == MQTT_DISCONNECT)
            return refused(s, "with a disconnect", &k, err);
        if (k.type == MQTT_PUBLISH && w->on_message && w->on_message(w->arg, &k))
            return acknowledge(s, &k, err);
        if (acknowledge(s, &k, err) != 0)
            return -1;
        bool fails = k.type == MQTT_CONNACK ? k.code != 0 : k.code >= 0x80;
        if (fails && (k.type == w->type || k.type == MQTT_PUBACK))
            return refused(s, w->what, &k, err);
        if (k.type == w->type && (w->id == 0 || w->id == k.id))
            return 0;
        if (w->type == MQTT_CONNACK)
            return err_set(err, ERR_PROTOCOL, "%s answers with packet %d; want CONNACK", s->who,
                           (int)k.type);
    }
}

static int log_in(struct session *s, struct err *err)
{
    struct buf out = BUF_INIT(4096);
    const struct service *a = &s->c->service;
    const char *id = s->c->client_id
                         ? s->c->client_id
                         : arena_printf(s->p->arena, "belfry-%08x", (unsigned)rng_secure_u64());
    struct mqtt_login login = {id, a->username, a->password, KEEP_ALIVE_S};
    mqtt_write_connect(&out, s->v, &login);
    if (send_all(s, &out, err) != 0)
        return -1;
    return wait_for(s, &(struct wait){.type = MQTT_CONNACK, .what = "the login"}, err);
}

static bool keep_fact(void *arg, const struct mqtt_packet *k)
{
    struct session *s = arg;
    struct str number, rest;
    if (k->payload.n == 0 || k->payload.n > RESULT_FACT_MAX)
        return false;
    struct str copy = {fact_text(k->payload, s->p->arena), k->payload.n};
    if (str_cut(copy, ' ', &number, &rest) && str_eqz(rest, "seconds"))
        copy = number; /* "12 seconds" */
    facts_put(k->topic, copy, facts, BROKER_FACT_COUNT, s->told);
    return false;
}

/* Retained messages come between the answers to the subscription and to a ping sent after it. */
static int ask_broker(struct session *s, struct err *err)
{
    const char *topics[BROKER_FACT_COUNT];
    struct buf out = BUF_INIT(4096);
    for (size_t i = 0; i < BROKER_FACT_COUNT; i++)
        topics[i] = facts[i].key;
    mqtt_write_subscribe(&out, s->v, SYS_ID, topics, BROKER_FACT_COUNT, 0);
    mqtt_write_empty(&out, MQTT_PINGREQ);
    if (send_all(s, &out, err) != 0)
        return -1;
    struct wait w = {.type = MQTT_PINGRESP, .what = "a ping", .on_message = keep_fact, .arg = s};
    return wait_for(s, &w, err);
}

static void judge_broker(const struct session *s, const struct mqtt_expect *e, struct result *r)
{
    const struct str *values = s->told;
    double clients = fact_or(values[BROKER_CLIENTS], 0);
    double dropped = fact_or(values[BROKER_DROPPED_MINUTE], 0);
    facts_metrics(facts, BROKER_FACT_COUNT, values, r);
    if (values[BROKER_VERSION].n)
        result_fact(r, "mqtt_broker_version", fact_text(values[BROKER_VERSION], r->arena));
    if (e->max_clients > 0 && clients > (double)e->max_clients)
        result_warn(r, "%.0f clients are connected; want at most %lld", clients,
                    (long long)e->max_clients);
    if (e->max_dropped > 0 && dropped > e->max_dropped)
        result_warn(r, "%.1f messages a minute are dropped; want at most %.1f", dropped,
                    e->max_dropped);
}

static int subscribe(struct session *s, uint16_t id, const char *topic, struct err *err)
{
    struct buf out = BUF_INIT(4096);
    mqtt_write_subscribe(&out, s->v, id, &topic, 1, s->c->qos);
    return send_all(s, &out, err);
}

struct seen {
    struct arena *arena;
    const char *filter; /* of the topic */
    struct str token;   /* that must come; empty: anything */
    struct str message; /* what came, in the arena */
    const char *topic;  /* on which; NULL: nothing came yet */
};

static bool is_ours(void *arg, const struct mqtt_packet *k)
{
    struct seen *seen = arg;
    if (!mqtt_topic_matches(seen->filter, k->topic) ||
        (seen->token.n && !str_eq(k->payload, seen->token)))
        return false;
    seen->message =
        (struct str){arena_strndup(seen->arena, k->payload.p, k->payload.n), k->payload.n};
    seen->topic = arena_strndup(seen->arena, k->topic.p, k->topic.n);
    return true;
}

/* Subscribes and waits for the answer, or for a message that is looked for: brokers may send it first. */
static int open_topic(struct session *s, uint16_t id, const char *topic, struct seen *seen,
                      struct err *err)
{
    if (subscribe(s, id, topic, err) != 0)
        return -1;
    struct wait w = {.type = MQTT_SUBACK,
                     .id = id,
                     .what = arena_printf(s->p->arena, "a subscription to %.200s", topic),
                     .on_message = seen ? is_ours : NULL,
                     .arg = seen};
    return wait_for(s, &w, err);
}

static int round_trip(struct session *s, double *seconds, struct err *err)
{
    const char *topic = s->c->topic;
    must(topic != NULL);
    struct seen seen = {.arena = s->p->arena, .filter = topic};
    struct buf out = BUF_INIT(4096);
    const char *token =
        arena_printf(s->p->arena, "belfry %016llx", (unsigned long long)rng_secure_u64());
    seen.token = str_of(token);
    if (open_topic(s, OWN_ID, topic, NULL, err) != 0)
        return -1;
    int64_t start = clock_mono_ns();
    mqtt_write_publish(&out, s->v, PUBLISH_ID, topic, seen.token, s->c->qos);
    if (send_all(s, &out, err) != 0)
        return -1;
    struct wait w = {.what = "a message", .on_message = is_ours, .arg = &seen};
    if (wait_for(s, &w, err) != 0)
        return err && err->code == ERR_TIMEOUT
                   ? err_prefix(err, "a message on %.200s did not come back", topic)
                   : -1;
    must(seen.topic != NULL);
    *seconds = (double)(clock_mono_ns() - start) / 1e9;
    return 0;
}

static int judge_message(const struct mqtt_expect *e, const struct seen *seen, struct arena *a,
                         struct err *err)
{
    const char *got = seen->message.p;
    must(seen->topic != NULL && got != NULL);
    if (e->json_path) {
        struct node *root = node_from_json(a, seen->message.p, seen->message.n, err);
        const struct node *at = root ? json_at(root, e->json_path, a, err) : NULL;
        if (!root)
            return err_prefix(err, "the message on %.100s is not JSON", seen->topic);
        got = at ? json_value_text(at, a) : NULL;
    }
    if (got && value_check_holds(&e->message, got))
        return 0;
    return err_set(err, ERR_INVALID, "the message on %.100s%s%s is \"%.100s\"; want %s \"%.100s\"",
                   seen->topic, e->json_path ? ", " : "", e->json_path ? e->json_path : "",
                   got ? got : "(nothing)", value_ops[e->message.op],
                   e->message.value ? e->message.value : "");
}

static int listen_once(struct session *s, struct err *err)
{
    struct seen seen = {.arena = s->p->arena, .filter = s->c->listen};
    int rc = open_topic(s, LISTEN_ID, s->c->listen, &seen, err);
    struct wait w = {.what = "a subscription", .on_message = is_ours, .arg = &seen};
    if (rc == 0 && !seen.topic)
        rc = wait_for(s, &w, err);
    if (rc != 0)
        return err && err->code == ERR_TIMEOUT
                   ? err_prefix(err, "no message came on %.200s", s->c->listen)
                   : -1;
    return judge_message(&s->c->expect, &seen, s->p->arena, err);
}

static int converse(struct session *s, struct result *r, struct err *err)
{
    const struct mqtt_config *c = s->c;
    double seconds = 0;
    int rc = log_in(s, err);
    result_metric(r, "mqtt_up", rc == 0);
    if (rc == 0 && c->broker)
        rc = ask_broker(s, err);
    if (rc == 0 && c->topic)
        rc = round_trip(s, &seconds, err);
    if (rc == 0 && c->listen)
        rc = listen_once(s, err);
    judge_broker(s, &c->expect, r);
    if (rc != 0)
        return -1;
    if (c->topic)
        result_metric(r, "mqtt_round_trip_seconds", seconds);
    if (c->expect.max_round_trip_ms > 0 && seconds * 1000 > (double)c->expect.max_round_trip_ms)
        result_warn(r, "a message took %.0f ms through the broker; want at most %lld ms",
                    seconds * 1000, (long long)c->expect.max_round_trip_ms);
    return 0;
}

static void tell(const struct session *s, struct result *r)
{
    const struct mqtt_config *c = s->c;
    const char *version = fact_text(s->told[BROKER_VERSION], r->arena);
    result_ok(r, "%s takes clients%s%s%s", version[0] ? version : "the MQTT broker",
              c->topic ? ", a message comes back on " : "", c->topic ? c->topic : "",
              c->listen ? ", a message came" : "");
}

static void say_goodbye(struct session *s)
{
    struct buf out = BUF_INIT(16);
    mqtt_write_empty(&out, MQTT_DISCONNECT);
    send_all(s, &out, NULL);
}

static void mqtt_run(struct probe *p, struct result *r)
{
    const struct mqtt_config *c = p->config;
    int64_t start = clock_mono_ns();
    char name[ADDR_TEXT];
    struct err err = {0};
    struct session s = {.p = p, .c = c, .s = service_connect(p, &c->service, r)};
    if (!s.s) {
        result_metric(r, "mqtt_up", 0);
        return;
    }
    s.v = c->version == 1 ? MQTT_5 : MQTT_3_1_1;
    s.in = BUF_INIT(MQTT_PACKET_MAX + 2 * CHUNK);
    s.who = addr_text(stream_peer(s.s), name);
    if (converse(&s, r, &err) == 0) {
        say_goodbye(&s);
        tell(&s, r);
    } else {
        result_fail_err(r, &err);
    }
    buf_done(&s.in);
    service_end(&s.s, start, &c->expect.latency, r);
}

static const char *const mqtt_schemes[] = {"mqtt", "mqtts", NULL};

const struct prober_ops mqtt_prober = {
    .type = "mqtt",
    .kind = PROBER_QUEUE,
    .title = {"MQTT broker", "MQTT 代理"},
    .help =
        {"Connects as a client; sends a message round, waits for one, or reads what the broker tells.",
         "以客户端身份连接；可收发一条消息、等待消息，或读取代理自身的信息。"},
    .schemes = mqtt_schemes,
    .options = mqtt_options,
    .config_size = sizeof(struct mqtt_config),
    .default_port = 1883,
    .from_url = mqtt_from_url,
    .validate = mqtt_validate,
    .describe = mqtt_describe,
    .run = mqtt_run,
};
