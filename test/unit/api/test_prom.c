/* The Prometheus API: answers as Prometheus gives them, byte by byte where clients read them, and its errors. */
#include "api_unit.h"

#include "api/prom_priv.h"

#define T0  INT64_C(1700000000000)
#define API "/prometheus/api/v1"

struct house {
    struct service s;
    char dir[64];
    struct tsdb *db;
    struct promql_engine *engine;
};

static void parts(void *arg, struct api_metrics *out)
{
    struct house *h = arg;
    *out = (struct api_metrics){h->db, h->engine, NULL};
}

static int64_t fixed_now(void)
{
    return T0 + 120000;
}

static void put(struct sample_sink *sink, const char *labels, int64_t t, double v)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    struct labels l;
    struct err err = {0};
    assert_int_equal(promql_parse_labels(a, str_of(labels), &l, &err), 0);
    if (sink->ops->append(sink->self, &l, t, v, &err) != 0)
        fail_msg("%s", err.msg);
}

static void fill(struct house *h)
{
    struct sample_sink sink = tsdb_sink(h->db, 0);
    struct err err = {0};
    for (int i = 0; i <= 4; i++) {
        put(&sink, "up{job=\"a\",instance=\"x\"}", T0 + i * 15000, i);
        put(&sink, "up{job=\"b\",instance=\"y\"}", T0 + i * 15000, 1.5);
        put(&sink, "calls_total{job=\"a\"}", T0 + i * 15000, 100.0 * i);
        put(&sink, "{__name__=\"odd.name\",\"la bel\"=\"\\\"q\\\"\"}", T0 + i * 15000, -1e-9);
    }
    assert_int_equal(sink.ops->flush(sink.self, &err), 0);
    tsdb_sink_free(&sink);
    tsdb_set_metadata(
        h->db, &(struct metric_metadata){STR("up"), METRIC_GAUGE, STR("Is it up?"), STR("")});
    tsdb_set_metadata(h->db, &(struct metric_metadata){STR("calls_total"), METRIC_COUNTER,
                                                       STR("Calls"), STR("")});
}

static int open_house(void **state)
{
    struct house *h = calloc(1, sizeof(*h));
    struct err err = {0};
    bed_init(&h->s.bed);
    bed_config(&h->s.bed, "metrics: {enable: false}\n");
    service_open(&h->s);
    snprintf(h->dir, sizeof(h->dir), "/tmp/belfry-prom-XXXXXX");
    assert_non_null(mkdtemp(h->dir));
    struct tsdb_options opt = TSDB_OPTIONS;
    opt.dir = h->dir;
    opt.now_ms = fixed_now;
    opt.manual = true;
    h->db = tsdb_open(&opt, &err);
    if (!h->db)
        fail_msg("%s", err.msg);
    struct promql_options q = PROMQL_OPTIONS;
    h->engine = promql_engine_new(&q);
    h->s.api->metrics = parts;
    h->s.api->metrics_arg = h;
    fill(h);
    *state = h;
    return 0;
}

static int close_house(void **state)
{
    struct house *h = *state;
    char command[100];
    service_close(&h->s);
    promql_engine_free(h->engine);
    tsdb_close(h->db);
    snprintf(command, sizeof(command), "rm -rf %s", h->dir);
    assert_int_equal(system(command), 0);
    free(h);
    return 0;
}

struct expected {
    const char *method, *path, *form; /* form NULL: no body */
    int status;
    const char *body; /* the whole; after "…": a part of it */
};

static void check(struct house *h, const struct expected *e)
{
    static const char dots[] = "…";
    char headers[300];
    snprintf(headers, sizeof(headers), "Host: localhost\r\n%s",
             e->form ? "Content-Type: application/x-www-form-urlencoded\r\n" : "");
    struct reply r = ask(&h->s, e->method, e->path, headers, e->form);
    bool part = strncmp(e->body, dots, strlen(dots)) == 0;
    const char *want = e->body + (part ? strlen(dots) : 0);
    bool good = part ? strstr(r.body, want) != NULL : strcmp(r.body, want) == 0;
    if (r.status != e->status || !good)
        fail_msg("%s %s: %d %s; want %d %s", e->method, e->path, r.status, r.body, e->status,
                 e->body);
}

static void check_all(void **state, const struct expected *e, size_t n)
{
    for (size_t i = 0; i < n; i++)
        check(*state, &e[i]);
}

/* --- queries --- */

#define GOOD(data)      "{\"status\":\"success\",\"data\":" data "}"
#define BAD(type, text) "{\"status\":\"error\",\"errorType\":\"" type "\",\"error\":\"" text "\"}"
#define VECTOR(items)   GOOD("{\"resultType\":\"vector\",\"result\":[" items "]}")
#define MATRIX(items)   GOOD("{\"resultType\":\"matrix\",\"result\":[" items "]}")
#define UP_A            "{\"__name__\":\"up\",\"instance\":\"x\",\"job\":\"a\"}"
#define UP_B            "{\"__name__\":\"up\",\"instance\":\"y\",\"job\":\"b\"}"

static void test_instant(void **state)
{
    static const struct expected e[] = {
        {"GET", API "/query?query=up{job=\"a\"}&time=1700000030", NULL, 200,
         VECTOR("{\"metric\":" UP_A ",\"value\":[1700000030,\"2\"]}")},
        {"GET", API "/query?query=sum(up)&time=2023-11-14T22:13:50.5Z", NULL, 200,
         VECTOR("{\"metric\":{},\"value\":[1700000030.500,\"3.5\"]}")},
        {"POST", API "/query", "query=sum+by(job)%28up%7Bjob%3D%22b%22%7D%29&time=1700000000.001",
         200, VECTOR("{\"metric\":{\"job\":\"b\"},\"value\":[1700000000.001,\"1.5\"]}")},
        {"POST", API "/query?query=2&time=1", "query=1", 200,
         GOOD("{\"resultType\":\"scalar\",\"result\":[1,\"1\"]}")},
        {"GET", API "/query?query=1/0&time=0", NULL, 200,
         GOOD("{\"resultType\":\"scalar\",\"result\":[0,\"+Inf\"]}")},
        {"GET", API "/query?query=\"a\\\"b\"&time=-1.5", NULL, 200,
         GOOD("{\"resultType\":\"string\",\"result\":[-1.500,\"a\\\"b\"]}")},
        {"GET", API "/query?query={\"odd.name\"}&time=1700000000", NULL, 200,
         VECTOR(
             "{\"metric\":{\"__name__\":\"odd.name\",\"la bel\":\"\\\"q\\\"\"},\"value\":[1700000000,\"-1e-09\"]}")},
        {"GET", API "/query?query=up{job=\"a\"}[30s]&time=1700000030", NULL, 200,
         MATRIX("{\"metric\":" UP_A ",\"values\":[[1700000015,\"1\"],[1700000030,\"2\"]]}")},
        {"GET", API "/query?query=nothing&time=1", NULL, 200, VECTOR("")},
        {"GET", API "/query?query=up&time=1700000000&limit=1", NULL, 200,
         "…results truncated due to limit"},
        {"GET", API "/query?query=up&time=1700000000&lookback_delta=1", NULL, 200, "…\"1.5\""},
        {"GET", API "/query?query=up&time=1700000005&lookback_delta=1", NULL, 200, VECTOR("")},
        {"GET", API "/query?query=up&time=1700000000&stats=1", NULL, 200,
         "…\"stats\":{\"timings\":{\"evalTotalTime\":"},
        {"GET", API "/query?query=sum(up)&time=1700000000&stats=all", NULL, 200,
         "…\"nodes\":[{\"expr\":\"sum(up)\",\"depth\":0,"},
    };
    check_all(state, e, array_len(e));
}

static void test_range(void **state)
{
    static const struct expected e[] = {
        {"GET", API "/query_range?query=up{job=\"a\"}&start=1700000000&end=1700000030&step=15",
         NULL, 200,
         MATRIX("{\"metric\":" UP_A
                ",\"values\":[[1700000000,\"0\"],[1700000015,\"1\"],[1700000030,\"2\"]]}")},
        {"POST", API "/query_range", "query=sum(up)>4&start=1700000000&end=1700000060&step=30s",
         200, MATRIX("{\"metric\":{},\"values\":[[1700000060,\"5.5\"]]}")},
        {"GET", API "/query_range?query=time()&start=1&end=2&step=0.5", NULL, 200,
         MATRIX("{\"metric\":{},\"values\":[[1,\"1\"],[1.500,\"1.5\"],[2,\"2\"]]}")},
        {"GET",
         API "/query_range?query=rate(calls_total[1m])&start=1700000060&end=1700000060&step=1",
         NULL, 200,
         MATRIX("{\"metric\":{\"job\":\"a\"},\"values\":[[1700000060,\"6.666666666666666\"]]}")},
        {"GET", API "/query_range?query=up&start=1&end=2&step=1", NULL, 200, MATRIX("")},
    };
    check_all(state, e, array_len(e));
}

static void test_query_errors(void **state)
{
    static const struct expected e[] = {
        {"GET", API "/query", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"query\\\": 1:1: parse error: no expression found in input")},
        {"GET", API "/query?query=up)", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"query\\\": 1:4: parse error: unexpected right parenthesis ')'")},
        {"GET", API "/query?query=up&time=now", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"time\\\": Invalid time value for 'time': cannot parse \\\"now\\\" to a valid timestamp")},
        {"GET", API "/query?query=up&timeout=x", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"timeout\\\": cannot parse \\\"x\\\" to a valid duration")},
        {"GET", API "/query?query=up&limit=-1", NULL, 400,
         BAD("bad_data", "invalid parameter \\\"limit\\\": limit must be non-negative")},
        {"GET", API "/query?query=up&limit=a", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"limit\\\": strconv.Atoi: parsing \\\"a\\\": invalid syntax")},
        {"GET", API "/query_range?query=up&end=2&step=1", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"start\\\": cannot parse \\\"\\\" to a valid timestamp")},
        {"GET", API "/query_range?query=up&start=3&end=2&step=1", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"end\\\": end timestamp must not be before start time")},
        {"GET", API "/query_range?query=up&start=1&end=2", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"step\\\": cannot parse \\\"\\\" to a valid duration")},
        {"GET", API "/query_range?query=up&start=1&end=2&step=0", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"step\\\": zero or negative query resolution step widths are not accepted. Try a positive integer")},
        {"GET", API "/query_range?query=up&start=0&end=11001&step=1", NULL, 400,
         BAD("bad_data",
             "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)")},
        {"GET", API "/query?query=label_replace(up,\"a\",\"b\",\"c\",\"(\")&time=1700000000", NULL,
         422,
         "…\"errorType\":\"execution\",\"error\":\"invalid regular expression in label_replace()"},
        {"GET", API "/query_exemplars?query=up", NULL, 200, GOOD("[]")},
        {"GET", API "/query_exemplars?query=up)", NULL, 400, "…bad_data"},
        {"GET", API "/nothing", NULL, 404, "404 page not found\n"},
        {"DELETE", API "/query", NULL, 405, "…GET, POST"},
    };
    check_all(state, e, array_len(e));
}

static void test_text_only(void **state)
{
    static const struct expected e[] = {
        {"GET", API "/format_query?query=sum%20by(a)(up)", NULL, 200, GOOD("\"sum by (a) (up)\"")},
        {"POST", API "/format_query", "query=up%2B1", 200, GOOD("\"up + 1\"")},
        {"GET", API "/format_query?query=up%2B", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"query\\\": 1:4: parse error: unexpected end of input")},
        {"GET", API "/parse_query?query=1", NULL, 200,
         GOOD("{\"type\":\"numberLiteral\",\"val\":\"1\"}")},
    };
    check_all(state, e, array_len(e));
}

/* --- the label browser --- */

static void test_browser(void **state)
{
    static const struct expected e[] = {
        {"GET", API "/labels", NULL, 200, GOOD("[\"__name__\",\"instance\",\"job\",\"la bel\"]")},
        {"POST", API "/labels", "match[]=calls_total", 200, GOOD("[\"__name__\",\"job\"]")},
        {"GET", API "/labels?match[]=calls_total&match[]=up", NULL, 200,
         GOOD("[\"__name__\",\"instance\",\"job\"]")},
        {"GET", API "/labels?limit=2", NULL, 200,
         "{\"status\":\"success\",\"data\":[\"__name__\",\"instance\"],\"warnings\":[\"results truncated due to limit\"]}"},
        {"GET", API "/labels?start=1800000000", NULL, 200, GOOD("[]")},
        {"GET", API "/label/__name__/values", NULL, 200,
         GOOD("[\"calls_total\",\"odd.name\",\"up\"]")},
        {"GET", API "/label/job/values?match[]=up{instance=\"y\"}", NULL, 200, GOOD("[\"b\"]")},
        {"GET", API "/label/job/values?start=1700000000&end=1700000060&limit=1", NULL, 200,
         "…[\"a\"]"},
        {"GET", API "/label/U__la_20_bel/values", NULL, 200, GOOD("[\"\\\"q\\\"\"]")},
        {"GET", API "/label/nothing/values", NULL, 200, GOOD("[]")},
        {"GET", API "/label/job", NULL, 404, "404 page not found\n"},
        {"GET", API "/series?match[]=up", NULL, 200, GOOD("[" UP_A "," UP_B "]")},
        {"POST", API "/series", "match%5B%5D=up&match%5B%5D=up%7Bjob%3D%22a%22%7D&limit=1", 200,
         "{\"status\":\"success\",\"data\":[" UP_A
         "],\"warnings\":[\"results truncated due to limit\"]}"},
        {"GET", API "/series", NULL, 400, BAD("bad_data", "no match[] parameter provided")},
        {"GET", API "/series?match[]={}", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"match[]\\\": match[] must contain at least one non-empty matcher")},
        {"GET", API "/series?match[]=up&start=x", NULL, 400,
         BAD("bad_data",
             "invalid parameter \\\"start\\\": Invalid time value for 'start': cannot parse \\\"x\\\" to a valid timestamp")},
        {"GET", API "/labels?match[]=up[5m]", NULL, 400, "…1:3: parse error: unexpected \\\"[\\\""},
    };
    check_all(state, e, array_len(e));
}

static void test_lists(void **state)
{
    static const struct expected e[] = {
        {"GET", API "/metadata", NULL, 200,
         GOOD("{\"calls_total\":[{\"type\":\"counter\",\"unit\":\"\",\"help\":\"Calls\"}],"
              "\"up\":[{\"type\":\"gauge\",\"unit\":\"\",\"help\":\"Is it up?\"}]}")},
        {"GET", API "/metadata?metric=up", NULL, 200,
         GOOD("{\"up\":[{\"type\":\"gauge\",\"unit\":\"\",\"help\":\"Is it up?\"}]}")},
        {"GET", API "/metadata?limit=1", NULL, 200,
         GOOD("{\"calls_total\":[{\"type\":\"counter\",\"unit\":\"\",\"help\":\"Calls\"}]}")},
        {"GET", API "/metadata?metric=none", NULL, 200, GOOD("{}")},
        {"GET", API "/targets?state=active", NULL, 200,
         GOOD("{\"activeTargets\":[],\"droppedTargets\":[],\"droppedTargetCounts\":{}}")},
        {"GET", API "/targets/metadata", NULL, 200, GOOD("[]")},
        {"GET", API "/scrape_pools", NULL, 200, GOOD("{\"scrapePools\":[]}")},
        {"GET", API "/alertmanagers", NULL, 200,
         GOOD("{\"activeAlertmanagers\":[],\"droppedAlertmanagers\":[]}")},
        {"GET", API "/rules", NULL, 200, GOOD("{\"groups\":[]}")},
        {"GET", API "/rules?type=x", NULL, 400,
         BAD("bad_data", "invalid parameter \\\"type\\\": not supported value \\\"x\\\"")},
        {"GET", API "/alerts", NULL, 200, GOOD("{\"alerts\":[]}")},
        {"GET", API "/notifications", NULL, 200, GOOD("[]")},
        {"GET", API "/features", NULL, 200, "…\"promql_functions\":{\"abs\":true"},
        {"GET", API "/status/buildinfo", NULL, 200, "…\"application\":\"Belfry\""},
        {"GET", API "/status/runtimeinfo", NULL, 200, "…\"reloadConfigSuccess\":true"},
        {"GET", API "/status/flags", NULL, 200, "…\"web.enable-admin-api\":\"true\""},
        {"GET", API "/status/config", NULL, 200, "…\"yaml\":\"global:"},
        {"GET", API "/status/walreplay", NULL, 200, "…\"current\":0"},
        {"GET", API "/status/tsdb?limit=1", NULL, 200,
         "…\"seriesCountByMetricName\":[{\"name\":\"up\",\"value\":2}]"},
        {"GET", API "/status/tsdb?limit=0", NULL, 400, "…limit must be a positive number"},
        {"GET", API "/status/tsdb/blocks", NULL, 200, GOOD("{\"blocks\":[]}")},
    };
    check_all(state, e, array_len(e));
}

/* --- in, out, away --- */

static void test_import_export(void **state)
{
    static const struct expected e[] = {
        {"POST", "/api/v1/metrics/import?format=prometheus&timestamp=1700000060",
         "# TYPE in_total counter\nin_total{a=\"b\"} 5 1700000030000\nin_total{a=\"c\"} 7\n", 200,
         "…\"samples\":2,\"taken\":2"},
        {"GET", "/api/v1/metrics/export?match[]=in_total&format=prometheus", NULL, 200,
         "in_total{a=\"c\"} 7 1700000060000\nin_total{a=\"b\"} 5 1700000030000\n"}, /* by hash */
        {"GET", "/api/v1/metrics/export?match[]=in_total{a=\"b\"}", NULL, 200,
         "{\"metric\":{\"__name__\":\"in_total\",\"a\":\"b\"},\"values\":[5],\"timestamps\":[1700000030000]}\n"},
        {"GET", "/api/v1/metrics/export?match[]=in_total{a=\"b\"}&format=openmetrics", NULL, 200,
         "…# EOF\n"},
        {"POST", "/api/v1/metrics/import?format=jsonl",
         "{\"metric\":{\"__name__\":\"in_json\"},\"values\":[1],\"timestamps\":[1700000030000]}\n",
         200, "…\"taken\":1"},
        {"GET", API "/query?query=in_json&time=1700000030", NULL, 200, "…\"1\""},
        {"POST", "/api/v1/metrics/import?format=xml", "a", 400,
         "…want prometheus, openmetrics or jsonl"},
        {"POST", "/api/v1/metrics/import?format=prometheus", "a{ 1\n", 400, "…bad_data"},
        {"GET", "/api/v1/metrics/export", NULL, 400, "…got 0 selectors; want one"},
        {"POST", API "/write", "not snappy", 415, "…"},
    };
    check_all(state, e, array_len(e));
}

static void test_delete(void **state)
{
    static const struct expected e[] = {
        {"POST", API "/admin/tsdb/delete_series", NULL, 400, "…no match[] parameter provided"},
        {"POST", API "/admin/tsdb/delete_series?match[]=up{job=\"b\"}&start=1700000010", NULL, 204,
         ""},
        {"GET",
         API
         "/query_range?query=up{job=\"b\"}&start=1700000000&end=1700000030&step=15&lookback_delta=1",
         NULL, 200, MATRIX("{\"metric\":" UP_B ",\"values\":[[1700000000,\"1.5\"]]}")},
        {"PUT", API "/admin/tsdb/clean_tombstones", NULL, 204, ""},
        {"POST", API "/admin/tsdb/snapshot", NULL, 200, "…{\"name\":\""},
        {"GET", API "/admin/tsdb/snapshot", NULL, 405, "…POST, PUT"},
    };
    check_all(state, e, array_len(e));
}

static void test_gzip(void **state)
{
    struct house *h = *state;
    const char *path = API "/features";
    struct reply plain = get(&h->s, path);
    struct reply packed = ask(&h->s, "GET", path,
                              "Host: localhost\r\nAccept-Encoding: deflate, gzip;q=0.5\r\n", NULL);
    assert_non_null(strstr(packed.head, "Content-Encoding: gzip"));
    assert_memory_equal(packed.body, "\x1f\x8b\x08", 3);
    assert_null(strstr(plain.head, "Content-Encoding"));
    struct reply refused =
        ask(&h->s, "GET", path, "Host: localhost\r\nAccept-Encoding: gzip;q=0\r\n", NULL);
    assert_string_equal(refused.body, plain.body);
}

static void test_closed(void **state)
{
    struct house *h = *state;
    static const struct expected e[] = {
        {"GET", API "/query?query=1", NULL, 503,
         BAD("unavailable", "the metrics store is not open")},
        {"GET", API "/labels", NULL, 503, "…unavailable"},
        {"POST", API "/write", "x", 503, "…unavailable"},
        {"GET", API "/status/buildinfo", NULL, 200, "…version"},
    };
    h->s.api->metrics = NULL;
    check_all(state, e, array_len(e));
    h->s.api->metrics = parts;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_instant),      cmocka_unit_test(test_range),
        cmocka_unit_test(test_query_errors), cmocka_unit_test(test_text_only),
        cmocka_unit_test(test_browser),      cmocka_unit_test(test_lists),
        cmocka_unit_test(test_gzip),         cmocka_unit_test(test_closed),
        cmocka_unit_test(test_delete),       cmocka_unit_test(test_import_export),
    };
    return cmocka_run_group_tests(tests, open_house, close_house);
}
