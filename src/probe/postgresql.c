/* postgresql: connects, asks SELECT 1 and then the statistics, each of which may be refused: that is a warning.
 *
 *   connect → [TLS] → log in → SELECT 1 → statistics (the table below) → the user's own query → judge
 *
 * libpq does the talking (postgresql_talk.c). Metric names are postgres_exporter's; those of the first design
 * (active_connections, replication_lag_seconds …) stand beside them. */
#include <libpq-fe.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/facts.h"
#include "probe/postgresql_talk.h"
#include "probe/probers.h"

enum pg_role { PG_ANY, PG_PRIMARY, PG_REPLICA };
static const char *const roles[] = {"any", "primary", "replica", NULL};

struct pg_expect {
    struct latency_bound latency;
    struct value_check value;
    int role; /* enum pg_role */
    int64_t max_replication_lag_ms, slow_query_ms, max_slow_queries;
    double max_connection_usage;
};

struct pg_config {
    struct service service;
    struct sql_config sql;
    int64_t max_connections_threshold;
    struct pg_expect expect;
};

static const struct option expect_options[] = {
    {"role", OPT_ENUM, offsetof(struct pg_expect, role), .def = "any", .choices = roles,
     .help = {"Down when the server is not this.", "服务器角色不符则为故障。"}},
    {"max_replication_lag", OPT_DURATION, offsetof(struct pg_expect, max_replication_lag_ms),
     .def = "60s",
     .help = {"A replica that is further behind is degraded; 0 is never.",
              "从库落后超过此时间为降级；0 表示不检查。"}},
    {"slow_query", OPT_DURATION, offsetof(struct pg_expect, slow_query_ms), .def = "30s", .min = 1,
     .help = {"A query that runs longer counts as slow.", "运行超过此时间的查询视为慢查询。"}},
    {"max_slow_queries", OPT_INT, offsetof(struct pg_expect, max_slow_queries), .def = "5",
     .min = 0, .help = {"More slow queries than this is degraded.", "慢查询多于此数为降级。"}},
    {"max_connection_usage", OPT_F64, offsetof(struct pg_expect, max_connection_usage), .def = "90",
     .min = 0, .max = 100, .unit = "%",
     .help = {"Degraded when more of max_connections is taken, idle ones counted; 0 is never.",
              "占用（含空闲连接）超过 max_connections 的此比例为降级；0 表示不检查。"}},
    SQL_EXPECT(struct pg_expect),
    OPTION_END,
};

static const struct option pg_options[] = {
    SERVICE_ADDRESS(struct pg_config, "5432"),
    SERVICE_ACCOUNT(struct pg_config),
    {"database", OPT_STRING, offsetof(struct pg_config, sql.database), .def = "postgres",
     .max = 255, .help = {"Database to connect to.", "要连接的数据库。"}},
    SQL_SSL(struct pg_config),
    {"max_connections_threshold", OPT_INT, offsetof(struct pg_config, max_connections_threshold),
     .def = "100", .min = 0,
     .help = {"More active connections than this is degraded; 0 is never.",
              "活动连接数超过此值为降级；0 表示不检查。"}},
    SQL_QUERY(struct pg_config),
    OPTION_IP_VERSION(struct pg_config, service.ip_version),
    {"expect", OPT_SECTION, offsetof(struct pg_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static void pg_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct pg_config *c = config;
    sql_need_user(&c->service, p, path);
    sql_validate(&c->sql, &c->expect.value, a, p, path);
}

static void pg_describe(const void *config, struct buf *out)
{
    const struct pg_config *c = config;
    sql_describe(&c->service, c->sql.database, out);
}

/* --- what is asked --- */

struct pg_probe {
    struct pg_talk talk;
    const struct pg_config *config;
    struct result *r;
    /* learned, for the message */
    bool replica;
    double active, max;
    const char *size;
};

static const char *text_at(const PGresult *res, int column)
{
    bool there = PQntuples(res) > 0 && column < PQnfields(res) && !PQgetisnull(res, 0, column);
    return there ? PQgetvalue(res, 0, column) : NULL;
}

static double number_at(const PGresult *res, int column)
{
    double v;
    const char *text = text_at(res, column);
    return text && str_to_f64(str_of(text), &v, NULL) == 0 ? v : NAN;
}

static void add(struct result *r, const char *name, double v)
{
    if (!isnan(v))
        result_metric(r, name, v);
}

static const char *version_of(const struct pg_probe *g)
{
    const char *version = PQparameterStatus(g->talk.conn, "server_version");
    struct str number = str_of(version ? version : "?"), rest;
    str_cut(number, ' ', &number, &rest); /* "15.20 (Debian 15.20-0+deb12u1)" */
    return arena_strndup(g->r->arena, number.p, number.n < 40 ? number.n : 40);
}

static void take_server(struct pg_probe *g, const PGresult *res)
{
    const char *said = text_at(res, 0), *recovering = text_at(res, 2);
    const char *version =
        arena_strdup(g->r->arena, said ? said : "?"); /* res ends before *r does */
    const struct label labels[] = {{"short_version", version_of(g)}, {"version", version}};
    result_fact(g->r, "version", version);
    result_metric_labels(g->r, "pg_static", labels, array_len(labels), 1);
    add(g->r, "pg_postmaster_start_time_seconds", number_at(res, 1));
    g->replica = recovering && streq(recovering, "t");
    result_fact(g->r, "role", g->replica ? "replica" : "primary");
    result_metric(g->r, "pg_replication_is_replica", g->replica);
    int want = g->config->expect.role;
    if (want != PG_ANY && (want == PG_REPLICA) != g->replica)
        result_fail(g->r, "%s is a %s; want a %s", g->talk.who, g->replica ? "replica" : "primary",
                    roles[want]);
}

static void take_connections(struct pg_probe *g, const PGresult *res)
{
    const struct pg_config *c = g->config;
    double active = number_at(res, 0), all = number_at(res, 1), max = number_at(res, 2);
    double slow = number_at(res, 3), percent = max > 0 ? 100 * active / max : NAN;
    add(g->r, "active_connections", g->active = active);
    add(g->r, "max_connections", g->max = max);
    add(g->r, "connection_usage_percent", percent);
    add(g->r, "slow_queries", slow);
    add(g->r, "pg_settings_max_connections", max);
    result_metric_label(g->r, "pg_stat_activity_count", "state", "active", active);
    result_metric_label(g->r, "pg_stat_activity_count", "state", "other", all - active);
    if (c->max_connections_threshold > 0 && active > (double)c->max_connections_threshold)
        result_warn(g->r, "%.0f active connections; want at most %lld", active,
                    (long long)c->max_connections_threshold);
    if (c->expect.max_connection_usage > 0 && 100 * all / max > c->expect.max_connection_usage)
        result_warn(g->r, "%.0f of %.0f connections are taken; want at most %g %%", all, max,
                    c->expect.max_connection_usage);
    if (slow > (double)c->expect.max_slow_queries)
        result_warn(g->r, "%.0f queries have run for over %g s; want at most %lld", slow,
                    (double)c->expect.slow_query_ms / 1000, (long long)c->expect.max_slow_queries);
}

static void take_size(struct pg_probe *g, const PGresult *res)
{
    double bytes = number_at(res, 0);
    char room[BYTES_TEXT];
    if (isnan(bytes))
        return;
    g->size = arena_strdup(g->r->arena, bytes_text(bytes, room));
    result_metric_label(g->r, "pg_database_size_bytes", "datname", g->config->sql.database, bytes);
    result_fact(g->r, "database_size", g->size);
}

static void take_replication(struct pg_probe *g, const PGresult *res)
{
    double lag = number_at(res, 0), limit = (double)g->config->expect.max_replication_lag_ms / 1000;
    const char *receiving = text_at(res, 1), *paused = text_at(res, 2);
    add(g->r, "pg_stat_replication_standbys", number_at(res, 3));
    add(g->r, "pg_replication_lag_seconds", lag);
    if (!g->replica)
        return;
    add(g->r, "replication_lag_seconds", lag);
    if (receiving)
        result_metric(g->r, "pg_wal_receiver_up", streq(receiving, "t"));
    if (limit <= 0 || isnan(lag) || lag <= limit)
        return;
    bool cut = receiving && streq(receiving, "f"), held = paused && streq(paused, "t");
    result_warn(g->r, "replication lag of %.1f s; want at most %g s%s", lag, limit,
                cut    ? " (no WAL receiver runs: the primary is not reached)"
                : held ? " (replay is paused)"
                       : "");
}

/* A statistic that the server refuses is a warning. */
static const struct statistic {
    const char *what;
    const char *sql; /* %.3f: seconds after which a query is slow */
    void (*take)(struct pg_probe *g, const PGresult *res);
} statistics[] = {
    {"version and role",
     "SELECT version(), extract(epoch FROM pg_postmaster_start_time()), pg_is_in_recovery()",
     take_server},
    {"connections",
     "SELECT count(*) FILTER (WHERE state = 'active'), count(*),"
     " current_setting('max_connections'),"
     " count(*) FILTER (WHERE state = 'active' AND query_start < now() - interval '%.3f s')"
     " FROM pg_stat_activity WHERE backend_type = 'client backend'",
     take_connections},
    {"database size", "SELECT pg_database_size(current_database())", take_size},
    /* A replica that has replayed all that it got is not behind, as long as it gets anything; otherwise the age of the
     * last transaction that it replayed, or of itself, is the lag. */
    {"replication",
     "SELECT CASE WHEN NOT pg_is_in_recovery() THEN 0"
     " WHEN EXISTS (SELECT FROM pg_stat_wal_receiver)"
     "  AND pg_last_wal_receive_lsn() = pg_last_wal_replay_lsn() THEN 0"
     " ELSE greatest(0, extract(epoch FROM now() - coalesce(pg_last_xact_replay_timestamp(),"
     "  pg_postmaster_start_time()))) END,"
     " EXISTS (SELECT FROM pg_stat_wal_receiver),"
     " CASE WHEN pg_is_in_recovery() THEN pg_is_wal_replay_paused() END,"
     " (SELECT count(*) FROM pg_stat_replication)",
     take_replication},
};

static void refuse(struct pg_probe *g, const char *what, const struct err *err)
{
    if (err->code == ERR_DENIED)
        result_warn(g->r, "cannot learn the %s: %s", what, err->msg);
    else
        result_fail_err(g->r, err);
}

static void ask_statistics(struct pg_probe *g)
{
    for (size_t i = 0; i < array_len(statistics) && g->r->success; i++) {
        struct err err = {0};
        char sql[1000];
        int n = snprintf(sql, sizeof(sql), statistics[i].sql,
                         (double)g->config->expect.slow_query_ms / 1000);
        must(n > 0 && (size_t)n < sizeof(sql));
        PGresult *res = pg_query(&g->talk, sql, &err);
        if (res)
            statistics[i].take(g, res);
        else
            refuse(g, statistics[i].what, &err);
        PQclear(res);
    }
}

static void ask_own(struct pg_probe *g)
{
    struct err err = {0};
    PGresult *res = pg_query(&g->talk, g->config->sql.query, &err);
    const char *got = res ? text_at(res, 0) : NULL;
    if (!res)
        result_fail(g->r, "cannot run the query: %s", err.msg);
    else
        sql_judge(&g->config->expect.value,
                  got ? arena_strndup(g->r->arena, got, strnlen(got, SQL_VALUE_MAX)) : NULL,
                  "pg_query_value", g->r);
    PQclear(res);
}

static void select_one(struct pg_probe *g)
{
    struct err err = {0};
    PGresult *res = pg_query(&g->talk, "SELECT 1", &err);
    const char *got = res ? text_at(res, 0) : NULL;
    if (!res)
        result_fail(g->r, "cannot SELECT 1: %s", err.msg);
    else if (!got || !streq(got, "1"))
        result_fail(g->r, "SELECT 1 answered \"%.20s\"; want 1", got ? got : "");
    PQclear(res);
}

static void add_tls(struct pg_probe *g)
{
    const char *version = PQsslAttribute(g->talk.conn, "protocol");
    if (PQsslInUse(g->talk.conn) && version)
        result_metric_label(g->r, "probe_tls_version_info", "version", version, 1);
}

static void converse(struct pg_probe *g)
{
    add_tls(g);
    select_one(g);
    if (g->r->success && g->config->sql.statistics)
        ask_statistics(g);
    if (g->r->success && g->config->sql.query)
        ask_own(g);
    if (!g->r->success)
        return;
    struct buf rest = BUF_INIT(200);
    if (g->max > 0)
        buf_printf(&rest, ", %s, %.0f active of %.0f connections",
                   g->replica ? "replica" : "primary", g->active, g->max);
    if (g->size)
        buf_printf(&rest, ", %s", g->size);
    result_ok(g->r, "PostgreSQL %s%s", version_of(g), rest.data ? rest.data : "");
    buf_done(&rest);
}

static void pg_run(struct probe *p, struct result *r)
{
    const struct pg_config *c = p->config;
    const struct service *s = &c->service;
    struct pg_probe g = {
        .talk = {.probe = p, .service = s, .config = &c->sql}, .config = c, .r = r};
    struct resolved to;
    struct addr used = {0};
    struct err err = {0};
    int64_t start = clock_mono_ns();
    must(s->host != NULL && c->sql.database != NULL);
    if (probe_resolve(p, s->host, (uint16_t)s->port, (enum ip_version)s->ip_version, r, &to) == 0) {
        if (pg_connect(&g.talk, &to, &used, &err) == 0)
            converse(&g);
        else
            result_fail_err(r, &err);
        result_set_address(r, &used);
    }
    pg_close(&g.talk);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    result_metric(r, "pg_up", r->success);
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const pg_schemes[] = {"postgresql", "postgres", NULL};

const struct prober_ops postgresql_prober = {
    .type = "postgresql",
    .kind = PROBER_DATABASE,
    .title = {"PostgreSQL", "PostgreSQL"},
    .help = {"Logs in and queries; judges connections, replication lag, slow queries and a query "
             "of your own.",
             "登录并查询；检查连接数、复制延迟、慢查询与自定义查询。"},
    .schemes = pg_schemes,
    .options = pg_options,
    .config_size = sizeof(struct pg_config),
    .from_url = sql_from_url,
    .validate = pg_validate,
    .describe = pg_describe,
    .run = pg_run,
};
