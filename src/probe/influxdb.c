/* influxdb: /ping (1.x and 2.x), /health where there is one, and a query in InfluxQL over /query.
 *
 * 1.x takes a name and password, 2.x a token; a query of 2.x needs a mapping of its database to a bucket. /query has no
 * parameter for how long a query may take; the server ends one whose client hangs up, as we do at the deadline. */
#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"
#include "config/node.h"
#include "probe/probers.h"
#include "probe/sql.h"
#include "probe/web_ask.h"

struct influx_expect {
    struct latency_bound latency;
    struct value_check value;
};

struct influx_config {
    struct service service;
    struct sql_config sql;
    const char *token;
    struct influx_expect expect;
};

static const struct option expect_options[] = {
    SQL_EXPECT(struct influx_expect),
    OPTION_END,
};

static const struct option influx_options[] = {
    SERVICE_ADDRESS(struct influx_config, "8086"),
    SERVICE_ACCOUNT(struct influx_config),
    {"token", OPT_STRING, offsetof(struct influx_config, token), .secret = true, .max = 1000,
     .help = {"Token of InfluxDB 2, instead of username and password.",
              "InfluxDB 2 的令牌，代替用户名和密码。"}},
    {"database", OPT_STRING, offsetof(struct influx_config, sql.database), .max = 255,
     .help = {"Database that must be there, and of the query.", "必须存在的数据库，也用于查询。"}},
    SERVICE_TLS(struct influx_config),
    {"query", OPT_TEXT, offsetof(struct influx_config, sql.query), .max = 8192,
     .example = "SELECT last(usage_idle) FROM cpu WHERE time > now() - 5m",
     .help = {"An InfluxQL query; the last column of its first row is judged by expect.value.",
              "InfluxQL 查询；其首行末列由 expect.value 判断。"}},
    {"expect", OPT_SECTION, offsetof(struct influx_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *influx_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    struct node *map = service_from_url(text, "influxdbs", &u, a, err);
    if (map && u.path[0] == '/' && u.path[1])
        node_put(map, a, "database", node_text(a, u.path + 1));
    return map;
}

static void influx_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct influx_config *c = config;
    if (c->token && (c->service.username || strpbrk(c->token, "\r\n")))
        problem_add(p, NULL, path,
                    "got token beside username, or in several lines; want one of them");
    if (c->sql.query && !c->sql.database)
        problem_add(p, NULL, path, "got a query without a database; want both");
    sql_validate(&c->sql, &c->expect.value, a, p, path);
}

static void influx_describe(const void *config, struct buf *out)
{
    const struct influx_config *c = config;
    sql_describe(&c->service, c->sql.database, out);
}

/* --- asking --- */

struct influx_probe {
    struct web_ask web;
    const struct influx_config *config;
    struct result *r;
    const char *version;
};

static const struct node *json_of(const struct web_answer *answer, struct arena *a, struct err *err)
{
    struct err e = {0};
    const struct node *doc = node_from_json(a, answer->body.p, answer->body.n, &e);
    if (!doc)
        err_set(err, ERR_PROTOCOL, "HTTP %d with what is no JSON", answer->status);
    return doc;
}

static const char *text_of(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_TEXT ? n->text.p : NULL;
}

static int ping(struct influx_probe *x, struct err *err)
{
    struct web_answer answer;
    if (web_ask(&x->web, "/ping", NULL, "X-Influxdb-Version", &answer, err) != 0)
        return -1;
    if (answer.status != 204 && answer.status != 200)
        return err_set(err, ERR_PROTOCOL, "/ping answered HTTP %d; want 204", answer.status);
    if (!answer.version)
        return err_set(err, ERR_PROTOCOL, "/ping answered without X-Influxdb-Version: no InfluxDB");
    x->version = answer.version;
    result_fact(x->r, "version", x->version);
    result_metric_label(x->r, "influxdb_version_info", "version", x->version, 1);
    return 0;
}

/* Since 1.8. {"status": "pass", "message": …} */
static int health(struct influx_probe *x, struct err *err)
{
    struct web_answer answer;
    if (web_ask(&x->web, "/health", NULL, NULL, &answer, err) != 0)
        return -1;
    if (answer.status == 404)
        return 0;
    const struct node *doc = json_of(&answer, x->web.probe->arena, err);
    const char *status = doc ? text_of(doc, "status") : NULL,
               *said = doc ? text_of(doc, "message") : NULL;
    if (!doc)
        return -1;
    if (status && streq(status, "pass"))
        return 0;
    return err_set(err, ERR_PROTOCOL, "health is %.40s: %.200s", status ? status : "?",
                   said ? said : "");
}

/* {"results": [{"series": [{"values": [[…]]}], "error": …}], "error": …}; the first series, NULL: none came. */
static const struct node *first_series(const struct node *doc, const char **why)
{
    const struct node *results = node_get(doc, "results");
    const struct node *result = results && results->kind == NODE_LIST ? results->first : NULL;
    const struct node *series = result ? node_get(result, "series") : NULL;
    *why = text_of(doc, "error");
    if (!*why && result)
        *why = text_of(result, "error");
    return series && series->kind == NODE_LIST ? series->first : NULL;
}

/* The rows of the answer's first series; *rows NULL: none. -1 with *err when the server refuses. */
static int ask(struct influx_probe *x, const char *query, const struct node **rows, struct err *err)
{
    struct arena *a = x->web.probe->arena;
    struct web_answer answer;
    const char *why = NULL, *db = x->config->sql.database;
    const char *path =
        arena_printf(a, "/query?%s&%s", web_param("db", db ? db : "", a), web_param("q", query, a));
    *rows = NULL;
    if (web_ask(&x->web, path, NULL, NULL, &answer, err) != 0)
        return -1;
    const struct node *doc = json_of(&answer, a, err);
    if (!doc)
        return -1;
    const struct node *series = first_series(doc, &why);
    if (why || answer.status != 200)
        return err_set(err, ERR_DENIED, "HTTP %d: %.250s", answer.status,
                       why                       ? why
                       : text_of(doc, "message") ? text_of(doc, "message")
                                                 : "refused");
    *rows = series ? node_get(series, "values") : NULL;
    return 0;
}

/* --- judging --- */

static void check_database(struct influx_probe *x)
{
    const char *want = x->config->sql.database;
    struct err err = {0};
    const struct node *rows;
    int n = 0;
    bool there = false;
    if (ask(x, "SHOW DATABASES", &rows, &err) != 0) {
        result_fail_err(x->r, &err);
        return;
    }
    for (const struct node *row = rows ? rows->first : NULL; row; row = row->next, n++)
        if (row->first && row->first->kind == NODE_TEXT && want && str_eqz(row->first->text, want))
            there = true;
    result_metric(x->r, "influxdb_databases", n);
    if (want && !there)
        result_fail(x->r, "database \"%.100s\" does not exist", want);
}

static void ask_own(struct influx_probe *x)
{
    struct err err = {0};
    const struct node *rows, *last = NULL;
    if (ask(x, x->config->sql.query, &rows, &err) != 0) {
        result_fail(x->r, "cannot run the query: %s", err.msg);
        return;
    }
    for (const struct node *n = rows && rows->first ? rows->first->first : NULL; n; n = n->next)
        last = n;
    sql_judge(&x->config->expect.value,
              last && last->kind != NODE_NULL ? json_value_text(last, x->r->arena) : NULL,
              "influxdb_query_value", x->r);
}

static void converse(struct influx_probe *x)
{
    struct err err = {0};
    const struct influx_config *c = x->config;
    if (ping(x, &err) != 0 || health(x, &err) != 0)
        result_fail_err(x->r, &err);
    if (x->r->success && (c->sql.database || c->service.username || c->token))
        check_database(x);
    if (x->r->success && c->sql.query)
        ask_own(x);
}

static void influx_run(struct probe *p, struct result *r)
{
    const struct influx_config *c = p->config;
    int64_t start = clock_mono_ns();
    struct http_header token = {"Authorization",
                                c->token ? arena_printf(p->arena, "Token %s", c->token) : NULL};
    struct influx_probe x = {.web = {.probe = p,
                                     .service = &c->service,
                                     .r = r,
                                     .headers = &token,
                                     .n_headers = c->token ? 1 : 0},
                             .config = c,
                             .r = r};
    must(c->service.host != NULL);
    converse(&x);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    result_metric(r, "influxdb_up", r->success);
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
    if (r->success)
        result_ok(r, "InfluxDB %.40s", x.version);
}

static const char *const influx_schemes[] = {"influxdb", "influxdbs", NULL};

const struct prober_ops influxdb_prober = {
    .type = "influxdb",
    .kind = PROBER_DATABASE,
    .title = {"InfluxDB", "InfluxDB"},
    .help = {"Pings over HTTP; checks health, the database and a query of your own.",
             "通过 HTTP 探测；检查健康状态、数据库与自定义查询。"},
    .schemes = influx_schemes,
    .options = influx_options,
    .config_size = sizeof(struct influx_config),
    .from_url = influx_from_url,
    .validate = influx_validate,
    .describe = influx_describe,
    .run = influx_run,
};
