/* clickhouse: the HTTP interface: /ping, SELECT 1, and the statistics, each of which may be refused: that is a warning.
 *
 * Metric names are those of ClickHouse's own Prometheus endpoint. */
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "probe/probers.h"
#include "probe/sql.h"
#include "probe/web_ask.h"

#define ROW_FIELDS 8

struct ch_expect {
    struct latency_bound latency;
    struct value_check value;
    int64_t max_replica_delay_ms, max_parts;
};

struct ch_config {
    struct service service;
    struct sql_config sql;
    struct ch_expect expect;
};

static const struct option expect_options[] = {
    {"max_replica_delay", OPT_DURATION, offsetof(struct ch_expect, max_replica_delay_ms),
     .def = "60s",
     .help = {"Degraded when a replicated table is further behind; 0 is never.",
              "复制表落后超过此时间为降级；0 表示不检查。"}},
    {"max_parts", OPT_INT, offsetof(struct ch_expect, max_parts), .def = "0", .min = 0,
     .help = {"Degraded when a partition has more parts; 0 is the server's own "
              "parts_to_delay_insert, from which on it slows insertions.",
              "分区的数据片段多于此数为降级；0 表示用服务器的 "
              "parts_to_delay_insert（超过后会延缓写入）。"}},
    SQL_EXPECT(struct ch_expect),
    OPTION_END,
};

static const struct option ch_options[] = {
    SERVICE_ADDRESS(struct ch_config, "8123"),
    SERVICE_ACCOUNT(struct ch_config),
    {"database", OPT_STRING, offsetof(struct ch_config, sql.database), .def = "default", .max = 255,
     .help = {"Database of the query.", "查询所用的数据库。"}},
    SERVICE_TLS(struct ch_config),
    SQL_QUERY(struct ch_config),
    {"expect", OPT_SECTION, offsetof(struct ch_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *ch_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, "clickhouses", &u, a, err);
    if (map && u.path[0] == '/' && u.path[1])
        node_put(map, a, "database", node_text(a, u.path + 1));
    return map;
}

static void ch_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct ch_config *c = config;
    sql_validate(&c->sql, &c->expect.value, a, p, path);
}

static void ch_describe(const void *config, struct buf *out)
{
    const struct ch_config *c = config;
    sql_describe(&c->service, c->sql.database, out);
}

/* --- asking --- */

struct ch_probe {
    struct web_ask web;
    const struct ch_config *config;
    struct result *r;
    const char *version;
};

/* "Code: 47, e.displayText() = DB::Exception: Unknown identifier: x, e.what() = …" without what is around it. */
static const char *why_of(struct str body, struct arena *a)
{
    static const char mark[] = "DB::Exception: ";
    const char *at = memmem(body.p, body.n, mark, sizeof(mark) - 1);
    struct str text = body;
    if (at)
        text =
            (struct str){at + sizeof(mark) - 1, (size_t)(body.p + body.n - at) - sizeof(mark) + 1};
    const char *end = memmem(text.p, text.n, ", e.what()", 10);
    size_t n = end ? (size_t)(end - text.p) : text.n;
    return sql_one_line(arena_strndup(a, text.p, n < 300 ? n : 300), NULL, a);
}

/* The first row of an answer, by tabs; no rows: n is 0. */
struct ch_row {
    const char *at[ROW_FIELDS];
    int n;
};

static void read_row(struct str body, struct arena *a, struct ch_row *row)
{
    struct str line, rest, field;
    *row = (struct ch_row){0};
    str_cut(body, '\n', &line, &rest);
    if (body.n == 0)
        return;
    while (row->n < ROW_FIELDS && str_next(&line, '\t', &field))
        row->at[row->n++] =
            arena_strndup(a, field.p, field.n < SQL_VALUE_MAX ? field.n : SQL_VALUE_MAX);
    must(row->n <= ROW_FIELDS);
}

/* -1 with *err: DENIED when the server refused the query. settings: "" or "&name=value…". */
static int ask_with(struct ch_probe *c, const char *sql, const char *settings, struct ch_row *row,
                    struct err *err)
{
    struct arena *a = c->web.probe->arena;
    struct web_answer answer;
    const char *path =
        arena_printf(a, "/?%s%s", web_param("database", c->config->sql.database, a), settings);
    if (web_ask(&c->web, path, sql, NULL, &answer, err) != 0)
        return -1;
    if (answer.status != 200)
        return err_set(err, ERR_DENIED, "%s", why_of(answer.body, a));
    read_row(answer.body, a, row);
    return 0;
}

static int ask_row(struct ch_probe *c, const char *sql, struct ch_row *row, struct err *err)
{
    return ask_with(c, sql, "", row, err);
}

/* Like ask_row for a query of the user's, which the server shall not go on with after we have gone. An account that is
 * read-only may not set anything: its own profile bounds it. */
static int ask_bounded(struct ch_probe *c, const char *sql, struct ch_row *row, struct err *err)
{
    const struct probe *p = c->web.probe;
    int64_t left_s = (p->deadline_ns - clock_mono_ns() + NS_PER_S - 1) / NS_PER_S;
    const char *bound =
        arena_printf(p->arena, "&max_execution_time=%lld", (long long)(left_s > 1 ? left_s : 1));
    struct err refused = {0};
    int rc = ask_with(c, sql, bound, row, &refused);
    if (rc == 0)
        return 0;
    if (refused.code == ERR_DENIED && strstr(refused.msg, "max_execution_time") &&
        strstr(refused.msg, "readonly"))
        return ask_row(c, sql, row, err);
    return err_set(err, refused.code, "%s", refused.msg);
}

static double number(const struct ch_row *row, int i)
{
    double v;
    return i < row->n && str_to_f64(str_of(row->at[i]), &v, NULL) == 0 ? v : 0;
}

/* --- judging --- */

static void take_server(struct ch_probe *c, const struct ch_row *row)
{
    c->version = row->n > 0 ? row->at[0] : "?";
    result_fact(c->r, "version", c->version);
    result_metric_label(c->r, "clickhouse_version_info", "version", c->version, 1);
    result_metric(c->r, "ClickHouseAsyncMetrics_Uptime", number(row, 1));
}

static void take_parts(struct ch_probe *c, const struct ch_row *row)
{
    double most = number(row, 0), limit = (double)c->config->expect.max_parts;
    limit = limit > 0 ? limit : number(row, 1);
    result_metric(c->r, "ClickHouseAsyncMetrics_MaxPartCountForPartition", most);
    if (limit > 0 && most > limit)
        result_warn(c->r, "a partition has %.0f parts; want at most %.0f (insertions are slowed)",
                    most, limit);
}

static void take_replicas(struct ch_probe *c, const struct ch_row *row)
{
    double tables = number(row, 0), delay = number(row, 1), readonly = number(row, 2);
    double limit = (double)c->config->expect.max_replica_delay_ms / 1000;
    result_metric(c->r, "ClickHouseMetrics_ReadonlyReplica", readonly);
    result_metric(c->r, "ClickHouseAsyncMetrics_ReplicasMaxAbsoluteDelay", delay);
    result_metric(c->r, "clickhouse_replicated_tables", tables);
    if (readonly > 0)
        result_warn(c->r,
                    "%.0f of %.0f replicated tables are read-only (no session with ZooKeeper "
                    "or Keeper)",
                    readonly, tables);
    if (limit > 0 && delay > limit)
        result_warn(c->r, "a replicated table is %.0f s behind; want at most %g s", delay, limit);
}

static const struct statistic {
    const char *what, *sql;
    void (*take)(struct ch_probe *c, const struct ch_row *row);
} statistics[] = {
    {"version", "SELECT version(), uptime() FORMAT TSV", take_server},
    {"parts",
     "SELECT max(n), (SELECT toInt64(value) FROM system.merge_tree_settings"
     " WHERE name = 'parts_to_delay_insert') FROM (SELECT count() AS n FROM system.parts"
     " WHERE active GROUP BY database, table, partition) FORMAT TSV",
     take_parts},
    {"replicas",
     "SELECT count(), max(absolute_delay), sum(is_readonly) FROM system.replicas FORMAT TSV",
     take_replicas},
};

static void ask_statistics(struct ch_probe *c)
{
    for (size_t i = 0; i < array_len(statistics) && c->r->success; i++) {
        struct err err = {0};
        struct ch_row row;
        if (ask_row(c, statistics[i].sql, &row, &err) == 0)
            statistics[i].take(c, &row);
        else if (err.code == ERR_DENIED)
            result_warn(c->r, "cannot learn the %s: %s", statistics[i].what, err.msg);
        else
            result_fail_err(c->r, &err);
    }
}

static void ask_own(struct ch_probe *c)
{
    struct err err = {0};
    struct ch_row row;
    if (ask_bounded(c, c->config->sql.query, &row, &err) != 0)
        result_fail(c->r, "cannot run the query: %s", err.msg);
    else
        sql_judge(&c->config->expect.value,
                  row.n > 0 && !streq(row.at[0], "\\N") ? row.at[0] : NULL,
                  "clickhouse_query_value", c->r);
}

static int ping(struct ch_probe *c, struct err *err)
{
    struct web_answer answer;
    if (web_ask(&c->web, "/ping", NULL, NULL, &answer, err) != 0)
        return -1;
    if (answer.status != 200 || !str_starts(answer.body, STR("Ok")))
        return err_set(err, ERR_PROTOCOL, "/ping answered HTTP %d \"%.*s\"; want Ok.",
                       answer.status, (int)(answer.body.n < 60 ? answer.body.n : 60),
                       answer.body.p);
    return 0;
}

static int select_one(struct ch_probe *c, struct err *err)
{
    struct ch_row row;
    if (ask_row(c, "SELECT 1 FORMAT TSV", &row, err) != 0)
        return err_prefix(err, "cannot SELECT 1");
    return number(&row, 0) == 1 ? 0 : err_set(err, ERR_PROTOCOL, "SELECT 1 did not answer 1");
}

static void ch_run(struct probe *p, struct result *r)
{
    const struct ch_config *config = p->config;
    struct ch_probe c = {
        .web = {.probe = p, .service = &config->service, .r = r}, .config = config, .r = r};
    struct err err = {0};
    int64_t start = clock_mono_ns();
    must(config->sql.database != NULL);
    if (ping(&c, &err) != 0 || select_one(&c, &err) != 0)
        result_fail_err(r, &err);
    if (r->success && config->sql.statistics)
        ask_statistics(&c);
    if (r->success && config->sql.query)
        ask_own(&c);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    result_metric(r, "clickhouse_up", r->success);
    expect_latency(r, config->expect.latency.max_ms,
                   (enum latency_action)config->expect.latency.action);
    if (r->success)
        result_ok(r, "ClickHouse %s", c.version ? c.version : "answers");
}

static const char *const ch_schemes[] = {"clickhouse", "clickhouses", NULL};

const struct prober_ops clickhouse_prober = {
    .type = "clickhouse",
    .kind = PROBER_DATABASE,
    .title = {"ClickHouse", "ClickHouse"},
    .help = {"Queries over HTTP; judges replicas, parts and a query of your own.",
             "通过 HTTP 查询；检查副本、数据片段与自定义查询。"},
    .schemes = ch_schemes,
    .options = ch_options,
    .config_size = sizeof(struct ch_config),
    .from_url = ch_from_url,
    .validate = ch_validate,
    .describe = ch_describe,
    .run = ch_run,
};
