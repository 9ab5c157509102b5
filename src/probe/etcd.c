/* etcd: is the member healthy, does the cluster have a leader, is there room?
 *
 *   [POST /v3/auth/authenticate] → GET /health → POST /v3/maintenance/status → POST /v3/maintenance/alarm
 *   → POST /v3/cluster/member/list → [GET /health of each member]
 *
 * The JSON gateway of etcd 3.3 and later (etcd.io/docs, "gRPC gateway"): 64-bit numbers come as text. Names of metrics are
 * those that etcd itself has. */
#include "base/clock.h"
#include "base/str.h"
#include "probe/facts.h"
#include "probe/probers.h"
#include "probe/service.h"

#define ANSWER_MAX  (256u << 10)
#define MEMBERS_MAX 16

struct etcd_expect {
    struct latency_bound latency;
    int64_t max_db_size, min_members, max_apply_lag;
};

struct etcd_config {
    struct service service;
    bool members;
    struct etcd_expect expect;
};

#define EXPECT(field) offsetof(struct etcd_expect, field)

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct etcd_expect),
    {"max_db_size", OPT_SIZE, EXPECT(max_db_size), .def = "1600MiB", .min = 0, .max = 1e15,
     .help =
         {"A larger database is degraded; etcd refuses writes at its quota, usually 2 GiB. 0 is off.",
          "数据库超过此大小为降级；达到配额（通常 2 GiB）后 etcd 拒绝写入。0 表示不检查。"}},
    {"min_members", OPT_INT, EXPECT(min_members), .def = "0", .min = 0, .max = 100,
     .help = {"A cluster of fewer members is degraded.", "集群成员少于此数为降级。"}},
    {"max_apply_lag", OPT_INT, EXPECT(max_apply_lag), .def = "1000", .min = 0, .max = 1e9,
     .advanced = true,
     .help = {"More Raft entries that are not applied yet are degraded; 0 is off.",
              "未应用的 Raft 日志条目超过此数为降级；0 表示不检查。"}},
    OPTION_END,
};

static const struct option etcd_options[] = {
    SERVICE_ADDRESS(struct etcd_config, "2379"),
    SERVICE_ACCOUNT(struct etcd_config),
    {"members", OPT_BOOL, offsetof(struct etcd_config, members), .def = "false",
     .help = {"Also ask each member for its health, at the address that it advertises to clients.",
              "同时按各成员对客户端公布的地址检查其健康状态。"}},
    SERVICE_TLS(struct etcd_config),
    {"expect", OPT_SECTION, offsetof(struct etcd_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

struct talk {
    struct probe *p;
    const struct etcd_config *c;
    struct result *r;
    const char *base;  /* "http://10.0.0.5:2379" */
    const char *token; /* of the account; NULL: none */
    struct addr peer;
    bool told; /* address and certificate are in the result */
    /* for the message */
    const char *version, *role;
    double size;
};

static struct node *etcd_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    return service_from_url(text, "etcds", &u, a, err);
}

static void etcd_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct etcd_config *c = config;
    must(c->service.host != NULL);
    if (!c->service.username != !c->service.password)
        problem_add(p, NULL, path, "got one of username and password; want both or neither");
}

static void etcd_describe(const void *config, struct buf *out)
{
    const struct etcd_config *c = config;
    service_describe(&c->service, out);
}

static const struct node *at(const struct node *map, const char *key)
{
    return map ? node_get(map, key) : NULL;
}

static const char *text_at(const struct node *map, const char *key, struct arena *a)
{
    const struct node *n = at(map, key);
    return n && n->kind == NODE_TEXT ? fact_text(n->text, a) : "";
}

/* The gateway leaves zeros out, and writes 64-bit numbers as text. */
static double number_at(const struct node *map, const char *key)
{
    const struct node *n = at(map, key);
    if (n && n->kind == NODE_INT)
        return (double)n->num;
    return n && n->kind == NODE_TEXT ? fact_or(n->text, 0) : 0;
}

static void tell_once(struct talk *t, const struct http_response *resp)
{
    if (t->told)
        return;
    t->told = true;
    t->r->resolve_us = resp->resolve_ns / 1000;
    result_metric(t->r, "probe_dns_lookup_time_seconds", (double)resp->resolve_ns / 1e9);
    result_set_address(t->r, &resp->peer);
    result_add_tls(t->r, &resp->tls, t->c->service.tls.expiry_warning_ms);
}

/* A document of the gateway, whatever the status; body NULL: GET. */
static int fetch(struct talk *t, const char *base, const char *path, const char *body,
                 struct node **doc, struct err *err)
{
    struct http_response resp = {0};
    const struct http_header auth = {"Authorization", t->token};
    struct http_request req = {
        .url = arena_printf(t->p->arena, "%s%s", base, path),
        .headers = &auth,
        .n_headers = t->token ? 1 : 0,
        .body = body,
        .body_len = body ? strlen(body) : 0,
        .ip = (enum ip_version)t->c->service.ip_version,
        .tls = tls_section_apply(&t->c->service.tls, NULL),
        .max_body = ANSWER_MAX,
        .past_max_is_error = true,
        .connect_deadline_ns = t->p->connect_deadline_ns > clock_mono_ns()
                                   ? t->p->connect_deadline_ns
                                   : t->p->deadline_ns,
        .deadline_ns = t->p->deadline_ns,
        .want_certs = !t->told,
    };
    int rc = http_fetch(t->p->env->http, &req, t->p->arena, &resp, err);
    tell_once(t, &resp);
    if (rc == 0) {
        *doc =
            node_from_json(t->p->arena, resp.body.data ? resp.body.data : "", resp.body.len, err);
        if (!*doc)
            rc = err_set(err, ERR_PROTOCOL, "%s%s answers %d, and not in JSON: is this etcd?", base,
                         path, resp.status);
    }
    http_response_done(&resp);
    must(rc != 0 || *doc != NULL);
    return rc;
}

/* As fetch; an error of the gateway is one. */
static int call(struct talk *t, const char *path, const char *body, struct node **doc,
                struct err *err)
{
    must(body != NULL && path[0] == '/');
    if (fetch(t, t->base, path, body, doc, err) != 0)
        return -1;
    const char *error = text_at(*doc, "error", t->p->arena);
    if (!error[0])
        return 0;
    const char *words =
        str_contains(str_of(error), STR("authentication failed")) ? "wrong user name or password"
        : str_contains(str_of(error), STR("user name is empty"))
            ? "a user name and password are required"
        : str_contains(str_of(error), STR("permission denied")) ? "the account lacks the permission"
        : str_contains(str_of(error), STR("not enabled"))
            ? "an account is configured here, the server asks for none"
            : "it was refused";
    return err_set(err, ERR_DENIED, "%s answers %s: %s (%s)", t->base, path, words, error);
}

static int log_in(struct talk *t, struct err *err)
{
    struct buf body = BUF_INIT(4096);
    struct node *doc = NULL;
    if (!t->c->service.username)
        return 0;
    struct json j = json_start(&body);
    json_obj(&j);
    json_kstr(&j, "name", t->c->service.username);
    json_kstr(&j, "password", t->c->service.password);
    json_end(&j);
    int rc = call(t, "/v3/auth/authenticate", body.data, &doc, err);
    buf_done(&body);
    if (rc == 0)
        t->token = text_at(doc, "token", t->p->arena);
    return rc;
}

static bool says_healthy(const struct node *doc)
{
    const struct node *n = at(doc, "health"); /* text, or in old versions a flag */
    return n && ((n->kind == NODE_TEXT && str_eqz(n->text, "true")) ||
                 (n->kind == NODE_BOOL && n->flag));
}

static void judge_status(struct talk *t, const struct node *status)
{
    const struct etcd_expect *e = &t->c->expect;
    struct result *r = t->r;
    must(status != NULL && r->success);
    const char *leader = text_at(status, "leader", r->arena);
    const char *self = text_at(at(status, "header"), "member_id", r->arena);
    bool has_leader = leader[0] && !streq(leader, "0");
    double size = number_at(status, "dbSize");
    double lag = number_at(status, "raftIndex") - number_at(status, "raftAppliedIndex");
    char got[BYTES_TEXT], want[BYTES_TEXT];
    t->version = text_at(status, "version", r->arena);
    t->role = has_leader && streq(leader, self) ? "leader" : "follower";
    t->size = size;
    result_metric(r, "etcd_server_has_leader", has_leader);
    result_metric(r, "etcd_server_is_leader", streq(t->role, "leader"));
    result_metric(r, "etcd_mvcc_db_total_size_in_bytes", size);
    result_metric(r, "etcd_mvcc_db_total_size_in_use_in_bytes", number_at(status, "dbSizeInUse"));
    result_metric(r, "etcd_raft_term", number_at(status, "raftTerm"));
    result_metric(r, "etcd_server_proposals_committed_total", number_at(status, "raftIndex"));
    result_metric(r, "etcd_server_proposals_applied_total", number_at(status, "raftAppliedIndex"));
    result_fact(r, "etcd_version", t->version);
    if (!has_leader)
        result_fail(r, "%s has no leader: too few members of the cluster are there", t->base);
    if (e->max_db_size > 0 && size > (double)e->max_db_size)
        result_warn(r, "the database has %s; want at most %s", bytes_text(size, got),
                    bytes_text((double)e->max_db_size, want));
    if (e->max_apply_lag > 0 && lag > (double)e->max_apply_lag)
        result_warn(r, "%.0f Raft entries are not applied yet; want at most %lld", lag,
                    (long long)e->max_apply_lag);
}

static void judge_alarms(struct talk *t)
{
    struct err err = {0};
    struct node *doc = NULL;
    if (call(t, "/v3/maintenance/alarm", "{\"action\":\"GET\"}", &doc, &err) != 0) {
        result_warn(t->r, "alarms cannot be read: %s", err.msg);
        return;
    }
    const struct node *list = at(doc, "alarms");
    result_metric(t->r, "etcd_alarms", list ? list->count : 0);
    for (const struct node *n = list ? list->first : NULL; n; n = n->next) {
        const char *alarm = text_at(n, "alarm", t->r->arena);
        if (streq(alarm, "NOSPACE"))
            result_fail(t->r, "%s: alarm NOSPACE: the database is at its quota, writes are refused",
                        t->base);
        else
            result_fail(t->r, "%s: alarm %s", t->base, alarm);
    }
}

/* One member's health, at the first address that it advertises. */
static bool member_is_well(struct talk *t, const struct node *member)
{
    struct err err = {0};
    struct node *doc = NULL;
    const struct node *urls = at(member, "clientURLs");
    const char *name = text_at(member, "name", t->r->arena);
    if (!urls || !urls->first || urls->first->kind != NODE_TEXT) {
        result_warn(t->r, "member %s has not started", name[0] ? name : "without a name");
        return false;
    }
    if (fetch(t, fact_text(urls->first->text, t->r->arena), "/health", NULL, &doc, &err) != 0)
        result_warn(t->r, "member %s does not answer: %s", name, err.msg);
    else if (!says_healthy(doc))
        result_warn(t->r, "member %s is not healthy", name);
    else
        return true;
    return false;
}

static void judge_members(struct talk *t)
{
    struct err err = {0};
    struct node *doc = NULL;
    int64_t deadline = t->p->deadline_ns;
    if (call(t, "/v3/cluster/member/list", "{}", &doc, &err) != 0) {
        result_warn(t->r, "members cannot be listed: %s", err.msg);
        return;
    }
    const struct node *list = at(doc, "members");
    uint32_t n = list ? list->count : 0, well = 0, left = n < MEMBERS_MAX ? n : MEMBERS_MAX;
    result_metric(t->r, "etcd_cluster_members", n);
    if (n < (uint64_t)t->c->expect.min_members)
        result_warn(t->r, "the cluster has %u members; want at least %lld", n,
                    (long long)t->c->expect.min_members);
    if (!t->c->members)
        return;
    for (const struct node *m = list ? list->first : NULL; m && left; m = m->next, left--) {
        t->p->deadline_ns = deadline_share(deadline, left + 1);
        well += member_is_well(t, m);
    }
    must(well <= n);
    t->p->deadline_ns = deadline;
    result_metric(t->r, "etcd_cluster_members_healthy", well);
}

static void ask(struct talk *t)
{
    struct err err = {0};
    struct node *health = NULL, *status = NULL;
    struct result *r = t->r;
    int rc = log_in(t, &err);
    if (rc == 0)
        rc = fetch(t, t->base, "/health", NULL, &health, &err);
    if (rc == 0)
        rc = call(t, "/v3/maintenance/status", "{}", &status, &err);
    result_metric(r, "etcd_up", rc == 0);
    if (rc != 0) {
        result_fail_err(r, &err);
        return;
    }
    judge_status(t, status);
    if (r->success) /* without a leader nobody answers what follows */
        judge_alarms(t);
    if (r->success && !says_healthy(health))
        result_fail(r, "%s says that it is not healthy%s%s", t->base,
                    at(health, "reason") ? ": " : "", text_at(health, "reason", r->arena));
    if (r->success)
        judge_members(t);
}

static void etcd_run(struct probe *p, struct result *r)
{
    const struct etcd_config *c = p->config;
    struct probe own = *p; /* whose deadline is divided between members */
    struct buf where = BUF_INIT(400);
    int64_t start = clock_mono_ns();
    buf_puts(&where, c->service.use_tls ? "https://" : "http://");
    service_describe(&c->service, &where);
    struct talk t = {
        .p = &own, .c = c, .r = r, .base = arena_strndup(p->arena, where.data, where.len)};
    buf_done(&where);
    ask(&t);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
    char size[BYTES_TEXT];
    if (r->success)
        result_ok(r, "etcd %s, %s, %s", t.version, t.role, bytes_text(t.size, size));
}

static const char *const etcd_schemes[] = {"etcd", "etcds", NULL};

const struct prober_ops etcd_prober = {
    .type = "etcd",
    .kind = PROBER_STORE,
    .title = {"etcd", "etcd"},
    .help =
        {"Asks a member for health, leader, database size and alarms, and for the cluster's members.",
         "检查成员的健康、领导者、数据库大小与告警，以及集群成员。"},
    .schemes = etcd_schemes,
    .options = etcd_options,
    .config_size = sizeof(struct etcd_config),
    .default_port = 2379,
    .from_url = etcd_from_url,
    .validate = etcd_validate,
    .describe = etcd_describe,
    .run = etcd_run,
};
