/* mysql: MySQL and MariaDB. Connects, asks SELECT 1 and then the statistics, each of which may be refused: that is a warning.
 *
 *   connect → [TLS] → log in → SELECT 1 → statistics (the table below) → the user's own query → judge
 *
 * libmariadb does the talking (mysql_talk.c). Metric names are mysqld_exporter's. */
#include <mysql.h>
#include <stdio.h>
#include <strings.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/mysql_talk.h"
#include "probe/probers.h"

enum my_role { MY_ANY, MY_PRIMARY, MY_REPLICA };
static const char *const roles[] = {"any", "primary", "replica", NULL};
enum my_read_only { MY_EITHER, MY_READ_ONLY, MY_WRITABLE };
static const char *const read_onlys[] = {"any", "yes", "no", NULL};

struct my_expect {
    struct latency_bound latency;
    struct value_check value;
    int role;      /* enum my_role */
    int read_only; /* enum my_read_only */
    int64_t max_replication_lag_ms, slow_query_ms, max_slow_queries;
    double max_connection_usage;
};

struct my_config {
    struct service service;
    struct sql_config sql;
    int64_t max_connections_threshold;
    struct my_expect expect;
};

static const struct option expect_options[] = {
    {"role", OPT_ENUM, offsetof(struct my_expect, role), .def = "any", .choices = roles,
     .help = {"Down when the server is not this; a replica is one that replicates from another.",
              "服务器角色不符则为故障；从库指正在从其他服务器复制的。"}},
    {"read_only", OPT_ENUM, offsetof(struct my_expect, read_only), .def = "any",
     .choices = read_onlys,
     .help = {"Down when the server's read_only is not this.", "read_only 不符则为故障。"}},
    {"max_replication_lag", OPT_DURATION, offsetof(struct my_expect, max_replication_lag_ms),
     .def = "60s",
     .help = {"A replica that is further behind is degraded; 0 is never.",
              "从库落后超过此时间为降级；0 表示不检查。"}},
    {"slow_query", OPT_DURATION, offsetof(struct my_expect, slow_query_ms), .def = "30s",
     .min = 1000,
     .help = {"A query that runs longer counts as slow; whole seconds.",
              "运行超过此时间的查询视为慢查询；按整秒计。"}},
    {"max_slow_queries", OPT_INT, offsetof(struct my_expect, max_slow_queries), .def = "5",
     .min = 0, .help = {"More slow queries than this is degraded.", "慢查询多于此数为降级。"}},
    {"max_connection_usage", OPT_F64, offsetof(struct my_expect, max_connection_usage), .def = "90",
     .min = 0, .max = 100, .unit = "%",
     .help = {"Degraded when more of max_connections is taken; 0 is never.",
              "占用超过 max_connections 的此比例为降级；0 表示不检查。"}},
    SQL_EXPECT(struct my_expect),
    OPTION_END,
};

static const struct option my_options[] = {
    SERVICE_ADDRESS(struct my_config, "3306"),
    SERVICE_ACCOUNT(struct my_config),
    {"database", OPT_STRING, offsetof(struct my_config, sql.database), .max = 255,
     .help = {"Database to connect to; none when absent.", "要连接的数据库；可不填。"}},
    SQL_SSL(struct my_config),
    {"max_connections_threshold", OPT_INT, offsetof(struct my_config, max_connections_threshold),
     .def = "0", .min = 0,
     .help = {"More connections than this is degraded; 0 is never.",
              "连接数超过此值为降级；0 表示不检查。"}},
    SQL_QUERY(struct my_config),
    OPTION_IP_VERSION(struct my_config, service.ip_version),
    {"expect", OPT_SECTION, offsetof(struct my_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static void my_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct my_config *c = config;
    sql_need_user(&c->service, p, path);
    sql_validate(&c->sql, &c->expect.value, a, p, path);
}

static void my_describe(const void *config, struct buf *out)
{
    const struct my_config *c = config;
    sql_describe(&c->service, c->sql.database, out);
}

/* --- what is asked --- */

/* Rows of SHOW GLOBAL STATUS and SHOW GLOBAL VARIABLES. X(NAME, variable, metric) */
#define FIGURES(X)                                                                  \
    X(CONNECTED, "Threads_connected", "mysql_global_status_threads_connected")      \
    X(RUNNING, "Threads_running", "mysql_global_status_threads_running")            \
    X(MAX_USED, "Max_used_connections", "mysql_global_status_max_used_connections") \
    X(SLOW, "Slow_queries", "mysql_global_status_slow_queries")                     \
    X(QUERIES, "Queries", "mysql_global_status_queries")                            \
    X(UPTIME, "Uptime", "mysql_global_status_uptime")                               \
    X(ABORTED, "Aborted_connects", "mysql_global_status_aborted_connects")          \
    X(MAX, "max_connections", "mysql_global_variables_max_connections")             \
    X(READ_ONLY, "read_only", "mysql_global_variables_read_only")
enum figure {
#define X(name, variable, metric) FIGURE_##name,
    FIGURES(X)
#undef X
        FIGURE_COUNT
};

struct my_probe {
    struct my_talk talk;
    const struct my_config *config;
    struct result *r;
    bool known[FIGURE_COUNT];
    double at[FIGURE_COUNT];
    double slow;  /* queries that run too long */
    int channels; /* of replication */
    bool asked_replication;
    const char *value; /* of the own query's first row */
    bool any_row;
};

static void take_figure(void *arg, const struct my_row *row)
{
    static const struct {
        const char *variable, *metric;
    } figures[] = {
#define X(name, variable, metric) {variable, metric},
        FIGURES(X)
#undef X
    };
    struct my_probe *m = arg;
    if (row->n != 2 || !row->at[0] || !row->at[1])
        return;
    const char *value = strcasecmp(row->at[1], "ON") == 0    ? "1"
                        : strcasecmp(row->at[1], "OFF") == 0 ? "0"
                                                             : row->at[1];
    for (size_t i = 0; i < array_len(figures); i++) {
        if (strcasecmp(row->at[0], figures[i].variable) != 0 || m->known[i] ||
            str_to_f64(str_of(value), &m->at[i], NULL) != 0)
            continue;
        m->known[i] = true;
        result_metric(m->r, figures[i].metric, m->at[i]);
    }
}

static void judge_connections(struct my_probe *m)
{
    const struct my_config *c = m->config;
    double taken = m->at[FIGURE_CONNECTED], max = m->at[FIGURE_MAX];
    if (!m->known[FIGURE_CONNECTED])
        return;
    if (c->max_connections_threshold > 0 && taken > (double)c->max_connections_threshold)
        result_warn(m->r, "%.0f connections; want at most %lld", taken,
                    (long long)c->max_connections_threshold);
    if (!m->known[FIGURE_MAX] || max <= 0)
        return;
    result_metric(m->r, "connection_usage_percent", 100 * taken / max);
    if (c->expect.max_connection_usage > 0 && 100 * taken / max > c->expect.max_connection_usage)
        result_warn(m->r, "%.0f of %.0f connections are taken; want at most %g %%", taken, max,
                    c->expect.max_connection_usage);
}

static void judge_read_only(struct my_probe *m)
{
    int want = m->config->expect.read_only;
    bool is = m->at[FIGURE_READ_ONLY] != 0;
    if (want == MY_EITHER)
        return;
    if (!m->known[FIGURE_READ_ONLY])
        result_fail(m->r, "%s does not say whether it is read-only", m->talk.who);
    else if ((want == MY_READ_ONLY) != is)
        result_fail(m->r, "%s is %s; want read_only %s", m->talk.who, is ? "read-only" : "writable",
                    read_onlys[want]);
}

static void take_slow(void *arg, const struct my_row *row)
{
    struct my_probe *m = arg;
    if (row->n < 1 || !row->at[0] || str_to_f64(str_of(row->at[0]), &m->slow, NULL) != 0)
        return;
    result_metric(m->r, "slow_queries", m->slow);
    if (m->slow > (double)m->config->expect.max_slow_queries)
        result_warn(m->r, "%.0f queries have run for over %lld s; want at most %lld", m->slow,
                    (long long)m->config->expect.slow_query_ms / 1000,
                    (long long)m->config->expect.max_slow_queries);
}

/* --- replication --- */

/* The column under its old or its new name, which differ in these words. */
static const char *column(const struct my_row *row, const char *old_name, const char *new_name)
{
    const char *at = my_row_get(row, old_name);
    return at ? at : my_row_get(row, new_name);
}

static void judge_threads(struct my_probe *m, const char *of, const char *what, const char *state,
                          const char *why)
{
    if (state && strcasecmp(state, "Yes") == 0)
        return;
    result_warn(m->r, "replication%s: the %s thread does not run (%s)%s%.300s", of, what,
                state ? state : "?", why && *why ? ": " : "", why ? why : "");
}

static void take_channel(void *arg, const struct my_row *row)
{
    struct my_probe *m = arg;
    struct arena *a = m->r->arena;
    double lag, limit = (double)m->config->expect.max_replication_lag_ms / 1000;
    const char *name = column(row, "Connection_name", "Channel_Name");
    const char *source = column(row, "Master_Host", "Source_Host");
    const char *io = column(row, "Slave_IO_Running", "Replica_IO_Running");
    const char *sql = column(row, "Slave_SQL_Running", "Replica_SQL_Running");
    const char *behind = column(row, "Seconds_Behind_Master", "Seconds_Behind_Source");
    const struct label labels[] = {{"channel_name", arena_strdup(a, name ? name : "")},
                                   {"master_host", arena_strdup(a, source ? source : "")}};
    const char *of = name && *name ? arena_printf(a, " of %.60s", name) : "";
    m->channels++;
    result_metric_labels(m->r, "mysql_slave_status_slave_io_running", labels, 2,
                         io && strcasecmp(io, "Yes") == 0);
    result_metric_labels(m->r, "mysql_slave_status_slave_sql_running", labels, 2,
                         sql && strcasecmp(sql, "Yes") == 0);
    judge_threads(m, of, "I/O", io, my_row_get(row, "Last_IO_Error"));
    judge_threads(m, of, "SQL", sql, my_row_get(row, "Last_SQL_Error"));
    if (!behind || str_to_f64(str_of(behind), &lag, NULL) != 0) /* NULL: a thread does not run */
        return;
    result_metric_labels(m->r, "mysql_slave_status_seconds_behind_master", labels, 2, lag);
    if (limit > 0 && lag > limit)
        result_warn(m->r, "replication lag%s of %.0f s; want at most %g s", of, lag, limit);
}

static bool is_mariadb(const struct my_probe *m)
{
    return strcasestr(mysql_get_server_info(m->talk.conn), "mariadb") != NULL;
}

static const char *ask_replication(const struct my_probe *m)
{
    if (is_mariadb(m))
        return "SHOW ALL SLAVES STATUS";
    return mysql_get_server_version(m->talk.conn) >= 80022 ? "SHOW REPLICA STATUS"
                                                           : "SHOW SLAVE STATUS";
}

static void judge_role(struct my_probe *m)
{
    int want = m->config->expect.role;
    if (m->asked_replication)
        result_fact(m->r, "role", m->channels ? "replica" : "primary");
    if (want == MY_ANY || !m->r->success)
        return;
    if (!m->asked_replication)
        result_fail(m->r, "%s does not say whether it is a replica", m->talk.who);
    else if ((want == MY_REPLICA) != (m->channels > 0))
        result_fail(m->r, "%s is a %s; want a %s", m->talk.who, m->channels ? "replica" : "primary",
                    roles[want]);
}

/* --- the conversation --- */

/* A query whose refusal is a warning. */
static bool ask(struct my_probe *m, const char *what, const char *sql,
                void (*on_row)(void *arg, const struct my_row *row))
{
    struct err err = {0};
    if (!m->r->success)
        return false;
    if (my_query(&m->talk, sql, on_row, m, &err) == 0)
        return true;
    if (err.code == ERR_DENIED)
        result_warn(m->r, "cannot learn the %s: %s", what, err.msg);
    else
        result_fail_err(m->r, &err);
    return false;
}

static void ask_statistics(struct my_probe *m)
{
    ask(m, "status",
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected',"
        " 'Threads_running', 'Max_used_connections', 'Slow_queries', 'Queries', 'Uptime',"
        " 'Aborted_connects')",
        take_figure);
    ask(m, "variables",
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('max_connections', 'read_only')",
        take_figure);
    ask(m, "slow queries",
        arena_printf(
            m->r->arena,
            "SELECT count(*) FROM information_schema.processlist WHERE command IN ('Query', 'Execute')"
            " AND user <> 'system user' AND time > %lld AND id <> connection_id()",
            (long long)m->config->expect.slow_query_ms / 1000),
        take_slow);
    m->asked_replication = ask(m, "replication", ask_replication(m), take_channel);
    if (!m->r->success)
        return;
    judge_connections(m);
    judge_read_only(m);
    judge_role(m);
}

static void take_value(void *arg, const struct my_row *row)
{
    struct my_probe *m = arg;
    if (!m->any_row && row->n > 0 && row->at[0])
        m->value = arena_strndup(m->r->arena, row->at[0], strnlen(row->at[0], SQL_VALUE_MAX));
    m->any_row = true;
}

static const char *value_of(struct my_probe *m, const char *sql, struct err *err)
{
    m->value = NULL;
    m->any_row = false;
    return my_query(&m->talk, sql, take_value, m, err) == 0 ? m->value : NULL;
}

/* The server ends what takes longer than the probe may; one that does not know the setting refuses it. */
static int bound_time(struct my_probe *m, struct err *err)
{
    long long left = (m->talk.probe->deadline_ns - clock_mono_ns()) / NS_PER_MS + 1;
    left = left > 0 ? left : 1;
    const char *sql =
        is_mariadb(m) ? arena_printf(m->r->arena, "SET SESSION max_statement_time = %lld.%03lld",
                                     left / 1000, left % 1000)
                      : arena_printf(m->r->arena, "SET SESSION max_execution_time = %lld", left);
    int rc = my_query(&m->talk, sql, take_value, m, err);
    if (rc == 0 || err->code != ERR_DENIED)
        return rc;
    err_clear(err);
    return 0;
}

static void ask_own(struct my_probe *m)
{
    struct err err = {0};
    const char *got = bound_time(m, &err) == 0 ? value_of(m, m->config->sql.query, &err) : NULL;
    if (err.code != ERR_OK)
        result_fail(m->r, "cannot run the query: %s", err.msg);
    else
        sql_judge(&m->config->expect.value, got, "mysql_query_value", m->r);
}

static void select_one(struct my_probe *m)
{
    struct err err = {0};
    const char *got = value_of(m, "SELECT 1", &err);
    if (err.code != ERR_OK)
        result_fail(m->r, "cannot SELECT 1: %s", err.msg);
    else if (!got || !streq(got, "1"))
        result_fail(m->r, "SELECT 1 answered \"%.20s\"; want 1", got ? got : "");
}

static void add_version(struct my_probe *m)
{
    const char *tls = NULL;
    const char *version = arena_strdup(m->r->arena, mysql_get_server_info(m->talk.conn));
    result_metric_label(m->r, "mysql_version_info", "version", version, 1);
    result_fact(m->r, "version", version);
    if (mysql_get_ssl_cipher(m->talk.conn) &&
        mariadb_get_infov(m->talk.conn, MARIADB_CONNECTION_TLS_VERSION, &tls) == 0 && tls)
        result_metric_label(m->r, "probe_tls_version_info", "version",
                            arena_strdup(m->r->arena, tls), 1);
}

static void say_ok(struct my_probe *m)
{
    const char *version = mysql_get_server_info(m->talk.conn);
    int n = (int)strcspn(version, "-");
    struct buf rest = BUF_INIT(200);
    if (m->asked_replication)
        buf_printf(&rest, ", %s", m->channels ? "replica" : "primary");
    if (m->known[FIGURE_CONNECTED] && m->known[FIGURE_MAX])
        buf_printf(&rest, ", %.0f of %.0f connections", m->at[FIGURE_CONNECTED], m->at[FIGURE_MAX]);
    result_ok(m->r, "%s %.*s%s", is_mariadb(m) ? "MariaDB" : "MySQL", n < 40 ? n : 40, version,
              rest.data ? rest.data : "");
    buf_done(&rest);
}

static void converse(struct my_probe *m)
{
    must(m->talk.conn != NULL && m->r->success);
    add_version(m);
    select_one(m);
    if (m->r->success && m->config->sql.statistics)
        ask_statistics(m);
    if (m->r->success && m->config->sql.query)
        ask_own(m);
    if (m->r->success)
        say_ok(m);
}

static void my_run(struct probe *p, struct result *r)
{
    const struct my_config *c = p->config;
    const struct service *s = &c->service;
    struct my_probe m = {
        .talk = {.probe = p, .service = s, .config = &c->sql}, .config = c, .r = r};
    struct resolved to;
    struct addr used = {0};
    struct err err = {0};
    int64_t start = clock_mono_ns();
    must(s->host != NULL && s->username != NULL);
    if (probe_resolve(p, s->host, (uint16_t)s->port, (enum ip_version)s->ip_version, r, &to) == 0) {
        int rc = my_connect(&m.talk, &to, &used, &err);
        result_set_address(r, &used);
        if (rc == 0)
            converse(&m);
        else
            result_fail_err(r, &err);
    }
    my_close(&m.talk);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    result_metric(r, "mysql_up", r->success);
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const my_schemes[] = {"mysql", "mariadb", NULL};

const struct prober_ops mysql_prober = {
    .type = "mysql",
    .kind = PROBER_DATABASE,
    .title = {"MySQL / MariaDB", "MySQL / MariaDB"},
    .help = {"Logs in and queries; judges connections, replication threads and lag, slow queries, "
             "read-only and a query of your own.",
             "登录并查询；检查连接数、复制线程与延迟、慢查询、只读状态与自定义查询。"},
    .schemes = my_schemes,
    .options = my_options,
    .config_size = sizeof(struct my_config),
    .from_url = sql_from_url,
    .validate = my_validate,
    .describe = my_describe,
    .run = my_run,
};
