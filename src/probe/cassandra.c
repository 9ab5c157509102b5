/* cassandra: does a node answer CQL, and what does it say of its cluster?
 *
 *   connect → [TLS] → STARTUP → [AUTHENTICATE → AUTH_RESPONSE] → READY → queries of system tables
 *
 * The peers that it knows are then asked themselves (cassandra_peers.c): a node counts as up when it answers OPTIONS at its
 * native port within the deadline. */
#include "probe/cassandra_peers.h"

#include <stdio.h>

#include "base/clock.h"
#include "probe/cql_wire.h"
#include "probe/probers.h"
#include "probe/service.h"

struct cassandra_config {
    struct service service;
    const char *keyspace, *datacenter;
    int64_t nodes_down;
    bool check_peers;
    struct cassandra_expect {
        struct latency_bound latency;
    } expect;
};

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct cassandra_expect),
    OPTION_END,
};

#define AT(field) offsetof(struct cassandra_config, field)

static const struct option cassandra_options[] = {
    SERVICE_ADDRESS(struct cassandra_config, "9042"),
    SERVICE_ACCOUNT(struct cassandra_config),
    SERVICE_TLS(struct cassandra_config),
    {"keyspace", OPT_STRING, AT(keyspace), .max = 48,
     .help = {"A keyspace that must exist.", "必须存在的键空间。"}},
    {"check_peers", OPT_BOOL, AT(check_peers), .def = "true",
     .help = {"Connect to every other node of the cluster too.", "同时连接集群的其他节点。"}},
    {"datacenter", OPT_STRING, AT(datacenter), .max = 255,
     .help = {"Connect to the nodes of this data centre only.", "只连接该数据中心的节点。"}},
    {"nodes_down_threshold", OPT_INT, AT(nodes_down), .def = "1", .max = 10000,
     .help = {"So many nodes may be down with the target merely degraded; with more it is down.",
              "不超过此数的节点故障视为降级，超过则视为故障。"}},
    {"expect", OPT_SECTION, AT(expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* One conversation with the node. */
struct talk {
    struct probe *p;
    const struct cassandra_config *c;
    struct stream *s;
    struct buf body; /* of the last answer */
    int opcode;
};

static struct node *cassandra_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, "cassandras", &u, a, err);
    if (map && u.path[0] == '/' && u.path[1])
        node_put(map, a, "keyspace", node_text(a, u.path + 1));
    return map;
}

/* It goes into a query as it is. */
static void cassandra_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    const struct cassandra_config *c = config;
    (void)a;
    for (const char *s = c->keyspace; s && *s; s++)
        if (!(*s == '_' || (*s >= '0' && *s <= '9') ||
              ((*s | 0x20) >= 'a' && (*s | 0x20) <= 'z'))) {
            problem_add(p, NULL, path, "got keyspace \"%s\"; want letters, digits and _",
                        c->keyspace);
            return;
        }
    if (c->service.password && !c->service.username)
        problem_add(p, NULL, path, "got a password and no username; want both");
}

static void cassandra_describe(const void *config, struct buf *out)
{
    const struct cassandra_config *c = config;
    service_describe(&c->service, out);
}

/* --- frames --- */

static int error_of(const struct talk *t, struct err *err)
{
    struct cql_error e;
    if (cql_parse_error(t->body.data, t->body.len, &e, err) != 0)
        return -1;
    int n = (int)(e.message.n < 200 ? e.message.n : 200);
    if (e.code == CQL_BAD_CREDENTIALS)
        return err_set(err, ERR_DENIED, "login refused: %.*s", n, e.message.p);
    return err_set(err, e.code == CQL_UNAUTHORIZED ? ERR_DENIED : ERR_PROTOCOL,
                   "Cassandra says: %.*s (error %#x)", n, e.message.p, e.code);
}

/* Sends `out` and reads the answer into t->body. 0: it is no error. */
static int exchange(struct talk *t, const struct buf *out, struct err *err)
{
    char head[CQL_HEADER];
    struct cql_header h;
    int64_t deadline = t->p->deadline_ns;
    must(!out->failed && out->len >= CQL_HEADER);
    if (stream_write(t->s, out->data, out->len, deadline, err) != 0 ||
        stream_read_full(t->s, head, sizeof(head), deadline, err) != 0 ||
        cql_parse_header(head, &h, err) != 0)
        return -1;
    buf_clear(&t->body);
    if (!buf_reserve(&t->body, h.length))
        return err_set(err, ERR_TOO_LARGE, "answer of %u bytes", h.length);
    if (stream_read_full(t->s, t->body.data, h.length, deadline, err) != 0)
        return -1;
    t->body.len = h.length;
    t->opcode = h.opcode;
    return h.opcode == CQL_ERROR ? error_of(t, err) : 0;
}

static int unexpected(const struct talk *t, const char *to, struct err *err)
{
    return err_set(err, ERR_PROTOCOL, "got answer %#x to %s", t->opcode, to);
}

static int log_in(struct talk *t, struct err *err)
{
    struct str name;
    if (cql_parse_authenticator(t->body.data, t->body.len, &name, err) != 0)
        return -1;
    if (!t->c->service.username)
        return err_set(err, ERR_DENIED, "the node asks for a password (%.*s); want a username",
                       (int)(name.n < 100 ? name.n : 100), name.p);
    struct buf out = BUF_INIT(4096);
    const char *password = t->c->service.password;
    cql_put_login(&out, t->c->service.username, password ? password : "");
    int rc = exchange(t, &out, err);
    buf_done(&out);
    if (rc == 0 && t->opcode != CQL_AUTH_SUCCESS)
        return unexpected(t, "the login", err);
    return rc;
}

static int start_up(struct talk *t, struct err *err)
{
    char room[64];
    struct buf out = BUF_FIXED(room);
    cql_put_startup(&out);
    if (exchange(t, &out, err) != 0)
        return -1;
    if (t->opcode == CQL_AUTHENTICATE)
        return log_in(t, err);
    return t->opcode == CQL_READY ? 0 : unexpected(t, "STARTUP", err);
}

/* Cells point into a copy in the probe's arena. */
static int query(struct talk *t, const char *text, struct cql_rows *rows, struct err *err)
{
    char room[512];
    struct buf out = BUF_FIXED(room);
    cql_put_query(&out, text);
    if (exchange(t, &out, err) != 0)
        return -1;
    if (t->opcode != CQL_RESULT)
        return unexpected(t, "a query", err);
    const void *body = arena_memdup(t->p->arena, t->body.data, t->body.len);
    return cql_parse_rows(body, t->body.len, t->p->arena, rows, err);
}

/* --- the cluster --- */

static const char *text_of(struct arena *a, struct str cell)
{
    return cell.p ? arena_strndup(a, cell.p, cell.n) : "";
}

static int ask_local(struct talk *t, struct cassandra_cluster *cl, struct err *err)
{
    struct cql_rows rows;
    if (query(t,
              "SELECT cluster_name, release_version, data_center, schema_version"
              " FROM system.local WHERE key='local'",
              &rows, err) != 0)
        return -1;
    if (rows.n_rows != 1 || rows.n_columns != 4)
        return err_set(err, ERR_PROTOCOL, "system.local has %u rows; want 1", rows.n_rows);
    struct arena *a = t->p->arena;
    cl->name = text_of(a, cql_cell(&rows, 0, 0));
    cl->version = text_of(a, cql_cell(&rows, 0, 1));
    cl->datacenter = text_of(a, cql_cell(&rows, 0, 2));
    cl->schema = cql_cell(&rows, 0, 3);
    return 0;
}

/* peers_v2 is there from 4.0 on; it knows ports. */
static int ask_peers(struct talk *t, struct cassandra_cluster *cl, struct err *err)
{
    struct cql_rows rows;
    struct err first = {0};
    bool new = query(t,
                     "SELECT peer, native_address, data_center, schema_version, native_port"
                     " FROM system.peers_v2",
                     &rows, &first) == 0;
    if (!new && t->opcode != CQL_ERROR) {
        *err = first;
        return -1;
    }
    if (!new &&query(t, "SELECT peer, rpc_address, data_center, schema_version FROM system.peers",
                     &rows, err) != 0)
        return -1;
    return cassandra_take_peers(cl, &rows, (uint16_t)t->c->service.port, t->p->arena, err);
}

static void check_keyspace(struct talk *t, struct result *r)
{
    struct cql_rows rows;
    struct err err = {0};
    char text[200];
    snprintf(text, sizeof(text),
             "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name='%s'",
             t->c->keyspace);
    if (query(t, text, &rows, &err) != 0)
        result_warn(r, "cannot look for keyspace \"%s\": %s", t->c->keyspace, err.msg);
    else if (rows.n_rows == 0)
        result_fail(r, "keyspace \"%s\" does not exist in %s", t->c->keyspace, r->address);
}

static int converse(struct talk *t, struct cassandra_cluster *cl, struct result *r)
{
    struct err err = {0};
    must(t->s != NULL && cl->n_peers == 0);
    if (start_up(t, &err) != 0 || ask_local(t, cl, &err) != 0) {
        result_fail(r, "%s:%d: %s", t->c->service.host, (int)t->c->service.port, err.msg);
        return -1;
    }
    if (ask_peers(t, cl, &err) != 0)
        result_warn(r, "cannot read the peers: %s", err.msg);
    if (t->c->keyspace)
        check_keyspace(t, r);
    return 0;
}

static void judge_nodes(const struct cassandra_config *c, const struct cassandra_cluster *cl,
                        struct result *r)
{
    long down = 0;
    const struct cassandra_peer *first = NULL;
    for (size_t i = 0; i < cl->n_peers; i++)
        if (cl->peers[i].state == PEER_DOWN && down++ == 0)
            first = &cl->peers[i];
    must((down > 0) == (first != NULL) && c->nodes_down >= 0);
    if (down > c->nodes_down)
        result_fail(r, "%ld of %zu nodes are down, such as %s (%s)", down, cl->n_peers + 1,
                    first->name, first->why);
    else if (down > 0)
        result_warn(r, "%ld of %zu nodes are down, such as %s (%s)", down, cl->n_peers + 1,
                    first->name, first->why);
    int versions = cassandra_schemas(cl);
    if (versions > 1)
        result_warn(r, "the nodes disagree about the schema: %d versions", versions);
    cassandra_metrics(cl, down, versions, r);
    if (r->success)
        result_ok(r, "Cassandra %s, cluster \"%s\", %ld of %zu nodes up, %d data centres",
                  cl->version, cl->name, (long)cl->n_peers + 1 - down, cl->n_peers + 1,
                  cassandra_datacenters(cl));
}

static void cassandra_run(struct probe *p, struct result *r)
{
    const struct cassandra_config *c = p->config;
    int64_t start = clock_mono_ns();
    struct cassandra_cluster cl = {0};
    struct talk t = {.p = p, .c = c, .body = BUF_INIT(CQL_BODY_MAX + 1)};
    t.s = service_connect(p, &c->service, r);
    if (!t.s)
        return;
    int rc = converse(&t, &cl, r);
    buf_done(&t.body);
    service_end(&t.s, start, &c->expect.latency, r);
    if (rc != 0)
        return;
    if (c->check_peers)
        cassandra_ask_peers(p, &cl, c->datacenter, c->service.use_tls ? &c->service.tls : NULL);
    judge_nodes(c, &cl, r);
}

static const char *const cassandra_schemes[] = {"cassandra", "cassandras", NULL};

const struct prober_ops cassandra_prober = {
    .type = "cassandra",
    .kind = PROBER_DATABASE,
    .title = {"Cassandra", "Cassandra"},
    .help = {"Logs in, reads the state of the cluster and connects to each of its nodes.",
             "登录并读取集群状态，逐一连接各节点。"},
    .schemes = cassandra_schemes,
    .options = cassandra_options,
    .config_size = sizeof(struct cassandra_config),
    .default_port = 9042,
    .from_url = cassandra_from_url,
    .validate = cassandra_validate,
    .describe = cassandra_describe,
    .run = cassandra_run,
};
