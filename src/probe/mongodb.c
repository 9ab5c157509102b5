/* mongodb: hello, login, ping, then the statistics, each of which may be refused: that is a warning.
 *
 *   connect → [TLS] → hello → [SCRAM-SHA-256] → ping → buildInfo, serverStatus → [replSetGetStatus] → judge
 *
 * Metric names are those of Percona's mongodb_exporter. */
#include <math.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/mongodb_talk.h"
#include "probe/probers.h"
#include "probe/seeds.h"

enum mongo_role { MONGO_ANY, MONGO_PRIMARY, MONGO_SECONDARY, MONGO_MONGOS };
static const char *const roles[] = {"any", "primary", "secondary", "mongos", NULL};

#define MEMBERS_MAX 50 /* of a replica set, says MongoDB */

struct mongo_expect {
    struct latency_bound latency;
    int role; /* enum mongo_role */
    const char *replica_set;
    bool primary;
    int64_t max_replication_lag_ms;
    double max_connection_usage;
};

struct mongo_config {
    struct service service;
    struct str_list nodes;
    const char *database, *auth_database;
    bool statistics;
    struct mongo_expect expect;
};

#define EXPECT(field) offsetof(struct mongo_expect, field)
static const struct option expect_options[] = {
    {"role", OPT_ENUM, EXPECT(role), .def = "any", .choices = roles,
     .help = {"Down when the node is not this.", "节点角色不符则为故障。"}},
    {"replica_set", OPT_STRING, EXPECT(replica_set), .max = 200,
     .help = {"Down when the node is not of the replica set of this name.",
              "不属于该副本集则为故障。"}},
    {"primary", OPT_BOOL, EXPECT(primary), .def = "true",
     .help = {"Down when the replica set has no primary: nothing can be written then.",
              "副本集没有主节点（无法写入）则为故障。"}},
    {"max_replication_lag", OPT_DURATION, EXPECT(max_replication_lag_ms), .def = "60s",
     .help = {"Degraded when a secondary is further behind; 0 is never.",
              "从节点落后超过此时间为降级；0 表示不检查。"}},
    {"max_connection_usage", OPT_F64, EXPECT(max_connection_usage), .def = "90", .min = 0,
     .max = 100, .unit = "%",
     .help = {"Degraded when more of the connections that the server takes are open; 0 is never.",
              "已用连接超过可用总数的此比例为降级；0 表示不检查。"}},
    EXPECT_LATENCY(struct mongo_expect),
    OPTION_END,
};

static const struct option mongo_options[] = {
    SERVICE_ADDRESS(struct mongo_config, "27017"),
    SERVICE_NODES(struct mongo_config),
    SERVICE_ACCOUNT(struct mongo_config),
    {"auth_database", OPT_STRING, offsetof(struct mongo_config, auth_database), .def = "admin",
     .max = 200, .help = {"Database that knows the user.", "用户所在的数据库。"}},
    {"database", OPT_STRING, offsetof(struct mongo_config, database), .def = "admin", .max = 200,
     .help = {"Database that is pinged.", "执行 ping 的数据库。"}},
    {"statistics", OPT_BOOL, offsetof(struct mongo_config, statistics), .def = "true",
     .advanced = true,
     .help = {"Ask for connections and the replica set too; off: only log in and ping.",
              "同时查询连接数与副本集；关闭则只登录并 ping。"}},
    SERVICE_TLS(struct mongo_config),
    {"expect", OPT_SECTION, offsetof(struct mongo_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* --- the URL: MongoDB's own names of options --- */

static const char *our_name(const char *key)
{
    static const char *const names[][2] = {
        {"authSource", "auth_database"},
        {"ssl", "tls"},
        {"tls", "tls"},
        {"replicaSet", "replica_set"},
    };
    for (size_t i = 0; i < array_len(names); i++)
        if (streq(key, names[i][0]))
            return names[i][1];
    return key;
}

/* Options of drivers that mean nothing to a probe. */
static bool of_drivers(const char *key)
{
    static const char *const names[] = {
        "retryWrites",      "retryReads",      "w",
        "appName",          "readPreference",  "directConnection",
        "authMechanism",    "maxPoolSize",     "minPoolSize",
        "connectTimeoutMS", "socketTimeoutMS", "serverSelectionTimeoutMS",
        "compressors",      "journal"};
    for (size_t i = 0; i < array_len(names); i++)
        if (streq(key, names[i]))
            return true;
    return false;
}

static struct node *mongo_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *from = service_from_url(text, NULL, &u, a, err), *map = node_map(a);
    if (!from)
        return NULL;
    if (u.path[0] == '/' &&
        u.path[1]) { /* the user is looked for there unless authSource says otherwise */
        node_put(map, a, "database", node_text(a, u.path + 1));
        if (u.username)
            node_put(map, a, "auth_database", node_text(a, u.path + 1));
    }
    for (const struct node *n = from->first; n; n = n->next) {
        const char *key = our_name(arena_strndup(a, n->key.p, n->key.n));
        if (streq(key, "replica_set")) {
            struct node *expect = node_map(a);
            node_put(expect, a, key, node_copy(a, n));
            node_put(map, a, "expect", expect);
        } else if (!of_drivers(key)) {
            node_put(map, a, key, node_copy(a, n));
        }
    }
    return seeds_from_url(&u, map, a, err) == 0 ? map : NULL;
}

static void mongo_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct mongo_config *c = config;
    seeds_validate(&c->nodes, p, path);
    if (c->service.username && !c->service.password)
        problem_add(p, NULL, path, "got a username without a password; want both");
}

static void mongo_describe(const void *config, struct buf *out)
{
    const struct mongo_config *c = config;
    service_describe(&c->service, out);
}

/* --- what is asked and judged --- */

struct mongo_probe {
    struct mongo_talk talk;
    const struct mongo_config *config;
    struct result *r;
    const char *set, *role, *version;
    double connections;
};

static const char *role_of(struct bson hello, struct arena *a)
{
    const char *msg = bson_text(hello, "msg", a);
    if (msg && streq(msg, "isdbgrid"))
        return "mongos";
    if (bson_number(hello, "isWritablePrimary", bson_number(hello, "ismaster", 0)) != 0)
        return "primary";
    if (bson_number(hello, "secondary", 0) != 0)
        return "secondary";
    return bson_number(hello, "arbiterOnly", 0) != 0 ? "arbiter" : "starting or recovering";
}

static void take_hello(struct mongo_probe *m, struct bson hello)
{
    const struct mongo_expect *e = &m->config->expect;
    m->set = bson_text(hello, "setName", m->r->arena);
    m->role = role_of(hello, m->r->arena);
    result_fact(m->r, "role", m->role);
    if (m->set)
        result_fact(m->r, "replica_set", m->set);
    if (e->role != MONGO_ANY && !streq(m->role, roles[e->role]))
        result_fail(m->r, "%s is %s; want %s", m->r->address, m->role, roles[e->role]);
    else if (e->replica_set && (!m->set || !streq(m->set, e->replica_set)))
        result_fail(m->r, "%s is of replica set \"%s\"; want \"%s\"", m->r->address,
                    m->set ? m->set : "", e->replica_set);
}

/* hello is MongoDB's from 4.4.2 on. */
static int say_hello(struct mongo_probe *m, struct bson *answer, struct err *err)
{
    int rc = mongo_command(&m->talk, "hello", "admin", answer, err);
    if (rc == 0 || err->code != ERR_DENIED)
        return rc;
    err_clear(err);
    return mongo_command(&m->talk, "isMaster", "admin", answer, err);
}

static void take_build(struct mongo_probe *m, struct bson answer)
{
    const char *version = bson_text(answer, "version", m->r->arena);
    if (!version)
        return;
    m->version = version;
    result_fact(m->r, "version", version);
    result_metric_label(m->r, "mongodb_version_info", "mongodb", version, 1);
}

static void take_status(struct mongo_probe *m, struct bson answer)
{
    static const char *const kinds[] = {"current", "available", "active", "totalCreated"};
    const double limit = m->config->expect.max_connection_usage;
    struct bson connections;
    double uptime = bson_number(answer, "uptime", NAN);
    if (!isnan(uptime))
        result_metric(m->r, "mongodb_ss_uptime", uptime);
    if (!bson_sub(answer, "connections", &connections))
        return;
    for (size_t i = 0; i < array_len(kinds); i++) {
        double v = bson_number(connections, kinds[i], NAN);
        if (!isnan(v))
            result_metric_label(m->r, "mongodb_ss_connections", "conn_type", kinds[i], v);
    }
    m->connections = bson_number(connections, "current", 0);
    double all = m->connections + bson_number(connections, "available", 0);
    if (limit > 0 && all > 0 && 100 * m->connections / all > limit)
        result_warn(m->r, "%.0f of %.0f connections are open; want at most %g %%", m->connections,
                    all, limit);
}

struct member {
    const char *name, *state, *said;
    double healthy, number, at_ms; /* at_ms: of its last operation; NAN: not known */
};

static int read_members(struct bson answer, struct arena *a, struct member *members)
{
    struct bson list, one;
    struct bson_element e;
    int n = 0;
    bson_sub(answer, "members", &list);
    while (n < MEMBERS_MAX && bson_next(&list, &e)) {
        if (!bson_document(&e, &one))
            continue;
        const char *name = bson_text(one, "name", a), *state = bson_text(one, "stateStr", a);
        members[n++] = (struct member){
            .name = name ? name : "?",
            .state = state ? state : "?",
            .said = bson_text(one, "lastHeartbeatMessage", a),
            .healthy = bson_number(one, "health", 0),
            .number = bson_number(one, "state", 0),
            .at_ms = bson_number(one, "optimeDate", NAN),
        };
    }
    must(n <= MEMBERS_MAX);
    return n;
}

static void judge_member(struct mongo_probe *m, const struct member *at, double primary_ms)
{
    struct result *r = m->r;
    double limit = (double)m->config->expect.max_replication_lag_ms;
    const struct label labels[] = {{"name", at->name}, {"state", at->state}, {"set", m->set}};
    bool fine =
        streq(at->state, "PRIMARY") || streq(at->state, "SECONDARY") || streq(at->state, "ARBITER");
    bool follows = streq(at->state, "SECONDARY") && !isnan(at->at_ms) && !isnan(primary_ms);
    double lag_ms = follows && primary_ms > at->at_ms ? primary_ms - at->at_ms : 0;
    result_metric_labels(r, "mongodb_rs_members_health", labels, array_len(labels), at->healthy);
    result_metric_labels(r, "mongodb_rs_members_state", labels, array_len(labels), at->number);
    if (follows)
        result_metric_labels(r, "mongodb_mongod_replset_member_replication_lag", labels,
                             array_len(labels), lag_ms / 1000);
    if (at->healthy == 0 || !fine)
        result_warn(r, "member %s is %s%s%.200s", at->name, at->state,
                    at->said && *at->said ? ": " : "", at->said ? at->said : "");
    else if (limit > 0 && lag_ms > limit)
        result_warn(r, "member %s is %.0f s behind; want at most %g s", at->name, lag_ms / 1000,
                    limit / 1000);
}

static void take_set(struct mongo_probe *m, struct bson answer)
{
    struct member *members = arena_array_of(m->r->arena, struct member, MEMBERS_MAX);
    int n = read_members(answer, m->r->arena, members);
    double primary_ms = NAN;
    bool primary = false;
    for (int i = 0; i < n; i++)
        if (streq(members[i].state, "PRIMARY")) {
            primary = true;
            primary_ms = members[i].at_ms;
        }
    result_metric(m->r, "mongodb_rs_myState", bson_number(answer, "myState", 0));
    result_metric(m->r, "mongodb_rs_members", n);
    for (int i = 0; i < n; i++)
        judge_member(m, &members[i], primary_ms);
    if (!primary && m->config->expect.primary)
        result_fail(m->r, "replica set %s has no primary", m->set);
}

/* A command whose refusal is a warning. */
static void ask(struct mongo_probe *m, const char *what, const char *command,
                void (*take)(struct mongo_probe *m, struct bson answer))
{
    struct err err = {0};
    struct bson answer;
    if (!m->r->success)
        return;
    if (mongo_command(&m->talk, command, "admin", &answer, &err) == 0)
        take(m, answer);
    else if (err.code == ERR_DENIED)
        result_warn(m->r, "cannot learn the %s: %s", what, err.msg);
    else
        result_fail_err(m->r, &err);
}

static int log_in(struct mongo_probe *m, struct err *err)
{
    const struct mongo_config *c = m->config;
    if (!c->service.username)
        return 0;
    int rc = mongo_login(&m->talk, c->service.username, c->service.password, c->auth_database, err);
    return rc == 0
               ? 0
               : err_prefix(err, "cannot log in to %s as %s", m->r->address, c->service.username);
}

static void say_ok(struct mongo_probe *m)
{
    struct buf rest = BUF_INIT(200);
    if (m->set)
        buf_printf(&rest, " of %.100s", m->set);
    if (m->connections > 0)
        buf_printf(&rest, ", %.0f connections", m->connections);
    result_ok(m->r, "MongoDB %s%s%s%s", m->version ? m->version : "", m->version ? ", " : "",
              m->role, rest.data ? rest.data : "");
    buf_done(&rest);
}

static void converse(struct mongo_probe *m)
{
    struct err err = {0};
    struct bson answer;
    must(m->talk.stream != NULL);
    if (say_hello(m, &answer, &err) != 0) {
        result_fail_err(m->r, &err);
        return;
    }
    take_hello(m, answer);
    if (log_in(m, &err) != 0 ||
        mongo_command(&m->talk, "ping", m->config->database, &answer, &err) != 0)
        result_fail_err(m->r, &err);
    ask(m, "version", "buildInfo", take_build);
    if (m->config->statistics)
        ask(m, "connections", "serverStatus", take_status);
    if (m->config->statistics && m->set && !streq(m->role, "arbiter"))
        ask(m, "replica set", "replSetGetStatus", take_set);
    if (m->r->success)
        say_ok(m);
}

static void mongo_run(struct probe *p, struct result *r)
{
    const struct mongo_config *c = p->config;
    struct mongo_probe m = {.talk = {.probe = p}, .config = c, .r = r};
    int64_t start = clock_mono_ns();
    m.talk.stream = seeds_connect(p, &c->service, &c->nodes, NULL, NULL, r);
    if (m.talk.stream) {
        converse(&m);
        service_end(&m.talk.stream, start, &c->expect.latency, r);
    }
    result_metric(r, "mongodb_up", r->success);
}

static const char *const mongo_schemes[] = {"mongodb", NULL};

const struct prober_ops mongodb_prober = {
    .type = "mongodb",
    .kind = PROBER_DATABASE,
    .title = {"MongoDB", "MongoDB"},
    .help = {"Logs in and pings; judges connections, the members of the replica set and their lag.",
             "登录并 ping；检查连接数、副本集成员及其延迟。"},
    .schemes = mongo_schemes,
    .options = mongo_options,
    .config_size = sizeof(struct mongo_config),
    .from_url = mongo_from_url,
    .validate = mongo_validate,
    .describe = mongo_describe,
    .run = mongo_run,
};
