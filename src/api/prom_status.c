/* How the store does, as the Prometheus API tells it: build, run time, flags, cardinality, and what is built in. */
#include "api/prom_priv.h"

#include <limits.h>
#include <unistd.h>

#include "base/clock.h"
#include "promql/functions.h"

/* What clients look for when they decide what may be asked: the Prometheus whose language and API this is. */
#define PROMETHEUS_VERSION "3.5.0"
#define TOP_DEFAULT        10

void prom_status_build(struct call *k)
{
    struct buf *out = prom_begin(k);
    buf_puts(out, "{\"version\":\"" PROMETHEUS_VERSION "\",\"revision\":\"belfry-" BELFRY_VERSION
                  "\",\"branch\":\"\",\"buildUser\":\"\",\"buildDate\":\"\",\"goVersion\":\"\","
                  "\"application\":\"Belfry\"}");
    prom_end(k, NULL);
}

/* --- configuration --- */

struct settings {
    struct arena *arena;
    struct core *core;
    const char *keep, *listen;
    bool reload_good;
    int64_t reload_ms;
};

/* Reloads replace the configuration at any moment: it is read on the core's loop. */
static void settings_on_core(void *arg)
{
    struct settings *s = arg;
    struct core_stats stats;
    char keep[DURATION_SIZE];
    const struct config *cfg = core_config(s->core);
    core_get_stats(s->core, &stats);
    s->reload_good = stats.reloads == 0 || stats.last_reload_ok;
    s->reload_ms = stats.last_reload_ms;
    s->keep = arena_strdup(s->arena, duration_format(cfg->metrics.retention.raw_ms, keep));
    s->listen = arena_strdup(s->arena, cfg->server.listen);
}

static void read_settings(struct call *k, struct settings *s)
{
    *s = (struct settings){.arena = k->arena, .core = k->api->core};
    on_core(k, settings_on_core, s);
}

/* Belfry's own file holds secrets and is no Prometheus configuration: what Prometheus' own would say is told. */
void prom_status_config(struct call *k)
{
    struct buf yaml = BUF_INIT(4096);
    buf_puts(&yaml, "global:\n  scrape_interval: 1m\n  evaluation_interval: 1m\n");
    struct buf *out = prom_begin(k);
    buf_puts(out, "{\"yaml\":");
    json_escape(out, yaml.data, yaml.len);
    buf_putc(out, '}');
    buf_done(&yaml);
    prom_end(k, NULL);
}

void prom_status_runtime(struct call *k)
{
    struct settings s;
    struct api_metrics m;
    struct tsdb_stats st = {0};
    char host[HOST_NAME_MAX + 1] = "", dir[PATH_MAX] = "";
    read_settings(k, &s);
    if (!prom_store(k, &m))
        return;
    tsdb_get_stats(m.db, &st);
    gethostname(host, sizeof(host) - 1);
    struct buf *out = prom_begin(k);
    buf_putc(out, '{');
    prom_put_time(out, "startTime", k->api->started_ms);
    buf_putc(out, ',');
    prom_put_text(out, "CWD", getcwd(dir, sizeof(dir)) ? dir : "");
    buf_putc(out, ',');
    prom_put_text(out, "hostname", host);
    buf_putc(out, ',');
    prom_put_time(out, "serverTime", clock_wall_ms());
    buf_printf(out, ",\"reloadConfigSuccess\":%s,", s.reload_good ? "true" : "false");
    prom_put_time(out, "lastConfigTime", s.reload_ms ? s.reload_ms : k->api->started_ms);
    buf_printf(out,
               ",\"corruptionCount\":%llu,\"goroutineCount\":0,\"GOMAXPROCS\":%ld,\"GOMEMLIMIT\":0,"
               "\"GOGC\":\"\",\"GODEBUG\":\"\",",
               (unsigned long long)st.damaged_records + st.damaged_chunks,
               sysconf(_SC_NPROCESSORS_ONLN));
    prom_put_text(out, "storageRetention", s.keep);
    buf_putc(out, '}');
    prom_end(k, NULL);
}

void prom_status_flags(struct call *k)
{
    struct settings s;
    read_settings(k, &s);
    struct buf *out = prom_begin(k);
    buf_putc(out, '{');
    prom_put_text(out, "storage.tsdb.retention.time", s.keep);
    buf_putc(out, ',');
    prom_put_text(out, "web.listen-address", s.listen);
    buf_puts(
        out,
        ",\"query.lookback-delta\":\"5m\",\"query.max-samples\":\"50000000\",\"query.timeout\":\"2m\","
        "\"web.enable-admin-api\":\"true\",\"web.enable-remote-write-receiver\":\"true\"}");
    prom_end(k, NULL);
}

/* --- cardinality --- */

struct top {
    struct buf *out;
    uint64_t n;
};

static void put_top_item(void *arg, struct str name, uint64_t value)
{
    struct top *t = arg;
    buf_puts(t->out, t->n++ > 0 ? ",{\"name\":" : "{\"name\":");
    json_escape(t->out, name.p, name.n);
    buf_printf(t->out, ",\"value\":%llu}", (unsigned long long)value);
}

static void put_top(struct buf *out, struct tsdb *db, const char *key, enum tsdb_top what, size_t n)
{
    struct top t = {.out = out};
    buf_printf(out, ",\"%s\":[", key);
    tsdb_each_top(db, what, n, put_top_item, &t);
    buf_putc(out, ']');
}

void prom_status_tsdb(struct call *k)
{
    struct prom_params p;
    struct api_metrics m;
    struct tsdb_stats st = {0};
    uint32_t limit;
    prom_params(k, &p);
    if (prom_limit(&p, "limit", &limit) < 0 || !prom_store(k, &m))
        return;
    if (prom_given(&p, "limit") && limit == 0) {
        prom_bad_param(k, "limit", "limit must be a positive number");
        return;
    }
    size_t n = limit ? limit : TOP_DEFAULT;
    tsdb_get_stats(m.db, &st);
    struct buf *out = prom_begin(k);
    buf_printf(
        out,
        "{\"headStats\":{\"numSeries\":%llu,\"chunkCount\":%llu,\"minTime\":%lld,\"maxTime\":%lld}",
        (unsigned long long)st.series, (unsigned long long)st.head_chunks,
        (long long)st.head_min_ms, (long long)st.max_ms);
    put_top(out, m.db, "seriesCountByMetricName", TSDB_SERIES_BY_METRIC, n);
    put_top(out, m.db, "labelValueCountByLabelName", TSDB_VALUES_BY_LABEL, n);
    put_top(out, m.db, "memoryInBytesByLabelName", TSDB_BYTES_BY_LABEL, n);
    put_top(out, m.db, "seriesCountByLabelValuePair", TSDB_SERIES_BY_PAIR, n);
    put_top(out, m.db, "seriesCountBySource", TSDB_SERIES_BY_SOURCE, n);
    buf_putc(out, '}');
    prom_end(k, NULL);
}

static void put_block(void *arg, const struct tsdb_block_info *b)
{
    struct top *t = arg;
    buf_puts(t->out, t->n++ > 0 ? ",{" : "{");
    prom_put_text(t->out, "ulid", b->name);
    buf_printf(
        t->out,
        ",\"minTime\":%lld,\"maxTime\":%lld,\"stats\":{\"numSamples\":%llu,\"numSeries\":%llu,"
        "\"numBytes\":%llu},\"compaction\":{\"level\":%u},\"tier\":%lld}",
        (long long)b->min_ms, (long long)b->max_ms, (unsigned long long)b->samples,
        (unsigned long long)b->series, (unsigned long long)b->bytes, b->level,
        (long long)b->tier_ms);
}

void prom_status_blocks(struct call *k)
{
    struct api_metrics m;
    if (!prom_store(k, &m))
        return;
    struct top t = {.out = prom_begin(k)};
    buf_puts(t.out, "{\"blocks\":[");
    tsdb_each_block(m.db, put_block, &t);
    buf_puts(t.out, "]}");
    prom_end(k, NULL);
}

/* The store answers when it is open, so that its replay is over. */
void prom_status_replay(struct call *k)
{
    struct api_metrics m;
    if (!prom_store(k, &m))
        return;
    buf_puts(prom_begin(k), "{\"min\":0,\"max\":0,\"current\":0,\"state\":\"done\"}");
    prom_end(k, NULL);
}

/* --- features --- */

static const char api_features[] =
    "\"api\":{\"admin\":true,\"exclude_alerts\":true,\"label_values_match\":true,\"labels_limit\":true,"
    "\"lifecycle\":true,\"otlp_write_receiver\":false,\"query_stats\":true,\"query_warnings\":true,"
    "\"remote_write_receiver\":true,\"series_limit\":true,\"time_range_labels\":true,\"time_range_series\":true},"
    "\"promql\":{\"anchored\":true,\"at_modifier\":true,\"bool\":true,\"by\":true,\"duration_expr\":true,"
    "\"group_left\":true,\"group_right\":true,\"ignoring\":true,\"negative_offset\":true,\"offset\":true,"
    "\"on\":true,\"smoothed\":true,\"subqueries\":true,\"utf8_metric_names\":true,\"without\":true},";

void prom_features(struct call *k)
{
    struct buf *out = prom_begin(k);
    buf_putc(out, '{');
    buf_puts(out, api_features);
    buf_puts(out, "\"promql_functions\":{");
    for (const struct promql_function *f = promql_functions; f->name; f++)
        buf_printf(out, "%s\"%s\":true", f == promql_functions ? "" : ",", f->name);
    buf_puts(out, "},\"promql_operators\":{");
    for (int op = OP_ADD; op <= OP_UNLESS; op++)
        buf_printf(out, "%s\"%s\":true", op == OP_ADD ? "" : ",",
                   promql_op_text((enum promql_op)op));
    for (int a = AGG_SUM; a <= AGG_LIMIT_RATIO; a++)
        buf_printf(out, ",\"%s\":true", promql_aggregate_name((enum promql_aggregate)a));
    buf_puts(
        out,
        "},\"rules\":{\"concurrent_rule_eval\":true,\"keep_firing_for\":true,\"query_offset\":true},"
        "\"tsdb\":{\"delayed_compaction\":false,\"exemplar_storage\":false,\"native_histograms\":false,"
        "\"out_of_order\":true}}");
    prom_end(k, NULL);
}
