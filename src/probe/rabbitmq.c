/* rabbitmq: can one log in and open a channel, is the queue there and not too long, do the nodes have room?
 *
 *   connect → [TLS] → "AMQP" 0 0 9 1 → START → START-OK → TUNE → TUNE-OK, OPEN vhost → OPEN-OK → channel OPEN → OPEN-OK
 *   → [queue DECLARE passive → DECLARE-OK] → CLOSE;  then [management API: nodes, queue] (rabbitmq_nodes.c)
 *
 * Any broker of AMQP 0-9-1 will do for the first line. */
#include "probe/rabbitmq_nodes.h"

#include "base/clock.h"
#include "probe/amqp_wire.h"
#include "probe/probers.h"

#define FRAMES_MAX 64 /* that a broker may say before what is waited for */
#define TLS_PORT   5671

struct rabbitmq_config {
    struct service service;
    const char *vhost, *queue;
    struct rabbitmq_bounds bounds;
    int64_t management_port;
    bool management_tls;
    struct rabbitmq_expect {
        struct latency_bound latency;
    } expect;
};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct rabbitmq_expect),
    OPTION_END,
};

#define AT(field)    offsetof(struct rabbitmq_config, field)
#define BOUND(field) offsetof(struct rabbitmq_config, bounds.field)

static const struct option rabbitmq_options[] = {
    SERVICE_ADDRESS(struct rabbitmq_config, "5672"),
    SERVICE_ACCOUNT(struct rabbitmq_config),
    SERVICE_TLS(struct rabbitmq_config),
    {"vhost", OPT_STRING, AT(vhost), .def = "/", .max = 255,
     .help = {"Virtual host to open.", "要打开的虚拟主机。"}},
    {"queue", OPT_STRING, AT(queue), .max = 255,
     .help = {"A queue that must exist; its messages and consumers are counted.",
              "必须存在的队列；统计其消息与消费者。"}},
    {"messages_threshold", OPT_INT, BOUND(messages), .max = 1e15,
     .help = {"More messages than this in the queue are degraded; 0: no bound.",
              "队列消息超过此数视为降级；0 表示不限。"}},
    {"messages_down_threshold", OPT_INT, BOUND(messages_down), .max = 1e15,
     .help = {"More messages than this in the queue are down; 0: no bound.",
              "队列消息超过此数视为故障；0 表示不限。"}},
    {"min_consumers", OPT_INT, BOUND(consumers), .max = 1e9,
     .help = {"Fewer consumers of the queue than this are degraded.",
              "队列消费者少于此数视为降级。"}},
    {"management_port", OPT_INT, AT(management_port), .min = 0, .max = 65535, .example = "15672",
     .help = {"Port of the management API, which knows the nodes' alarms; 0: it is not asked.",
              "管理 API 端口，用于读取节点告警；0 表示不查询。"}},
    {"management_tls", OPT_BOOL, AT(management_tls), .def = "false", .advanced = true,
     .help = {"The management API speaks HTTPS.", "管理 API 使用 HTTPS。"}},
    {"expected_nodes", OPT_INT, BOUND(nodes), .max = 10000,
     .help = {"Fewer running nodes than this are degraded (needs management_port).",
              "运行节点少于此数视为降级（需要 management_port）。"}},
    {"expect", OPT_SECTION, AT(expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

struct talk {
    struct probe *p;
    const struct rabbitmq_config *c;
    struct stream *s;
    struct buf payload; /* of the last method */
    uint32_t method;
    const char *version, *product;
    const char *blocked; /* why publishers are; NULL: they are not */
};

/* amqp://user:pass@host:port/vhost; %2f is "/", and so is no path. */
static struct node *rabbitmq_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, "amqps", &u, a, err);
    if (!map)
        return NULL;
    if (streq(u.scheme, "amqps") && !u.port)
        node_put(map, a, "port", node_int(a, TLS_PORT));
    if (u.path[0] == '/' && u.path[1])
        node_put(map, a, "vhost", node_text(a, u.path + 1));
    return map;
}

static void rabbitmq_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct rabbitmq_config *c = config;
    const struct rabbitmq_bounds *b = &c->bounds;
    (void)a;
    if (!c->queue && (b->messages || b->messages_down || b->consumers))
        problem_add(p, NULL, path, "got a threshold and no queue; want the queue's name");
    if (b->nodes && !c->management_port)
        problem_add(p, NULL, path, "got expected_nodes without management_port; want both");
    if (!c->service.username && c->service.password)
        problem_add(p, NULL, path, "got a password and no username; want both");
    if (!c->service.username)
        c->service.username = c->service.password = "guest";
    else if (!c->service.password)
        c->service.password = "";
}

static void rabbitmq_describe(const void *config, struct buf *out)
{
    const struct rabbitmq_config *c = config;
    service_describe(&c->service, out);
    if (!streq(c->vhost, "/"))
        buf_printf(out, "/%s", c->vhost);
    if (c->queue)
        buf_printf(out, " %s", c->queue);
}

/* --- frames --- */

static int send_all(struct talk *t, struct buf *out, struct err *err)
{
    must(!out->failed && out->len > 0);
    int rc = stream_write(t->s, out->data, out->len, t->p->deadline_ns, err);
    buf_clear(out);
    return rc;
}

/* One frame; t->method is 0 when it is none of a method. */
static int read_frame(struct talk *t, struct err *err)
{
    char head[AMQP_HEADER], last;
    struct amqp_frame f;
    int64_t deadline = t->p->deadline_ns;
    if (stream_read_full(t->s, head, sizeof(head), deadline, err) != 0 ||
        amqp_parse_header(head, &f, err) != 0)
        return -1;
    buf_clear(&t->payload);
    must(buf_reserve(&t->payload, f.size));
    if (stream_read_full(t->s, t->payload.data, f.size, deadline, err) != 0 ||
        stream_read_full(t->s, &last, 1, deadline, err) != 0)
        return -1;
    t->payload.len = f.size;
    if ((unsigned char)last != AMQP_END)
        return err_set(err, ERR_PROTOCOL, "not AMQP: a frame ends with %#x", (unsigned char)last);
    t->method = f.type == 1 ? amqp_method(t->payload.data, f.size) : 0;
    return 0;
}

static int closed(struct talk *t, struct err *err)
{
    struct amqp_close c;
    if (amqp_parse_close(t->payload.data, t->payload.len, &c, err) != 0)
        return -1;
    int n = (int)(c.text.n < 200 ? c.text.n : 200);
    if (c.code == AMQP_ACCESS_REFUSED)
        return err_set(err, ERR_DENIED, "access refused: %.*s", n, c.text.p);
    if (c.code == AMQP_NOT_FOUND)
        return err_set(err, ERR_NOT_FOUND, "not found: %.*s", n, c.text.p);
    return err_set(err, ERR_PROTOCOL, "the broker closes: %.*s (%d)", n, c.text.p, c.code);
}

static void note_blocked(struct talk *t)
{
    struct str why = {0};
    bool told = amqp_parse_blocked(t->payload.data, t->payload.len, &why, NULL) == 0;
    t->blocked = told ? arena_strndup(t->p->arena, why.p, why.n) : "";
}

/* Reads on until this method comes. What a broker says of itself meanwhile is noted. */
static int await(struct talk *t, enum amqp_method method, struct err *err)
{
    for (int i = 0; i < FRAMES_MAX; i++) {
        if (read_frame(t, err) != 0)
            return -1;
        if (t->method == method)
            return 0;
        if (t->method == AMQP_CLOSE || t->method == AMQP_CHANNEL_CLOSE)
            return closed(t, err);
        if (t->method == AMQP_BLOCKED)
            note_blocked(t);
        else if (t->method != 0 && t->method != AMQP_UNBLOCKED)
            return err_set(err, ERR_PROTOCOL, "got method %u.%u; want %u.%u", t->method >> 16,
                           t->method & 0xffff, (unsigned)method >> 16, (unsigned)method & 0xffff);
    }
    return err_set(err, ERR_TOO_LARGE, "the broker says %d frames and not what is waited for",
                   FRAMES_MAX);
}

/* --- the conversation --- */

static int take_greeting(struct talk *t, struct err *err)
{
    struct amqp_start s;
    if (await(t, AMQP_START, err) != 0 ||
        amqp_parse_start(t->payload.data, t->payload.len, &s, err) != 0)
        return -1;
    struct arena *a = t->p->arena;
    t->product = s.product.n ? arena_strndup(a, s.product.p, s.product.n) : "AMQP";
    t->version = s.version.n ? arena_strndup(a, s.version.p, s.version.n) : "";
    if (!s.plain)
        return err_set(err, ERR_DENIED, "the broker takes no passwords (PLAIN); it takes %.*s",
                       (int)(s.mechanisms.n < 100 ? s.mechanisms.n : 100), s.mechanisms.p);
    return 0;
}

static int log_in(struct talk *t, struct buf *out, struct err *err)
{
    amqp_put_protocol(out);
    if (send_all(t, out, err) != 0 || take_greeting(t, err) != 0)
        return -1;
    amqp_put_start_ok(out, t->c->service.username, t->c->service.password);
    if (send_all(t, out, err) != 0 || await(t, AMQP_TUNE, err) != 0)
        return -1;
    amqp_put_tune_ok(out);
    amqp_put_open(out, t->c->vhost);
    if (send_all(t, out, err) != 0 || await(t, AMQP_OPEN_OK, err) != 0)
        return -1;
    amqp_put_channel_open(out);
    return send_all(t, out, err) != 0 ? -1 : await(t, AMQP_CHANNEL_OPEN_OK, err);
}

static int look_at_queue(struct talk *t, struct buf *out, struct amqp_queue *q, struct err *err)
{
    amqp_put_queue_declare_passive(out, t->c->queue);
    if (send_all(t, out, err) != 0 || await(t, AMQP_QUEUE_DECLARE_OK, err) != 0)
        return err_prefix(err, "queue \"%.100s\"", t->c->queue);
    return amqp_parse_queue(t->payload.data, t->payload.len, q, err);
}

/* A parting word, so that the broker's log shows no lost client. */
static void say_goodbye(struct talk *t, struct buf *out)
{
    buf_clear(out);
    amqp_put_close(out);
    if (send_all(t, out, NULL) == 0)
        await(t, AMQP_CLOSE_OK, NULL);
}

static int converse(struct talk *t, struct amqp_queue *q, struct result *r)
{
    struct err err = {0};
    struct buf out = BUF_INIT(8192);
    must(t->s != NULL && t->c->service.username != NULL && t->c->service.password != NULL);
    int rc = log_in(t, &out, &err);
    if (rc == 0 && t->c->queue)
        rc = look_at_queue(t, &out, q, &err);
    if (rc != 0)
        result_fail(r, "%s:%d: %s", t->c->service.host, (int)t->c->service.port, err.msg);
    else
        say_goodbye(t, &out);
    buf_done(&out);
    return rc;
}

static void report(const struct talk *t, const struct amqp_queue *q, struct result *r)
{
    result_metric(r, "rabbitmq_up", 1);
    result_fact(r, "rabbitmq_version", t->version);
    result_fact(r, "rabbitmq_product", t->product);
    if (t->blocked)
        result_warn(r, "publishers are blocked: %s", t->blocked);
    if (t->c->queue)
        rabbitmq_judge_queue(t->c->queue, q, &t->c->bounds, r);
    if (!r->success)
        return;
    if (t->c->queue)
        result_ok(r, "%s %s, queue \"%s\": %u messages, %u consumers", t->product, t->version,
                  t->c->queue, q->messages, q->consumers);
    else
        result_ok(r, "%s %s, vhost \"%s\" open", t->product, t->version, t->c->vhost);
}

static void rabbitmq_run(struct probe *p, struct result *r)
{
    const struct rabbitmq_config *c = p->config;
    int64_t start = clock_mono_ns();
    struct amqp_queue q = {0};
    struct talk t = {.p = p, .c = c, .payload = BUF_INIT(AMQP_FRAME_MAX + 1)};
    t.s = service_connect(p, &c->service, r);
    if (!t.s)
        return;
    int rc = converse(&t, &q, r);
    buf_done(&t.payload);
    service_end(&t.s, start, &c->expect.latency, r);
    if (rc != 0)
        return;
    struct service api = c->service;
    api.use_tls = c->management_tls;
    if (c->management_port)
        rabbitmq_look_at_nodes(p, &api, (uint16_t)c->management_port, &c->bounds, r);
    report(&t, &q, r);
}

static const char *const rabbitmq_schemes[] = {"amqp", "amqps", "rabbitmq", NULL};

const struct prober_ops rabbitmq_prober = {
    .type = "rabbitmq",
    .kind = PROBER_QUEUE,
    .title = {"RabbitMQ (AMQP 0-9-1)", "RabbitMQ (AMQP 0-9-1)"},
    .help =
        {"Logs in, opens a channel, looks at a queue and, over the management API, at the nodes' alarms.",
         "登录并打开通道，检查队列，并通过管理 API 检查节点告警。"},
    .schemes = rabbitmq_schemes,
    .options = rabbitmq_options,
    .config_size = sizeof(struct rabbitmq_config),
    .default_port = 5672,
    .from_url = rabbitmq_from_url,
    .validate = rabbitmq_validate,
    .describe = rabbitmq_describe,
    .run = rabbitmq_run,
};
