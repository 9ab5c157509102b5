/* bench_promql: what the engine costs by itself, over series in memory: 10,000 series at 15 s for 6 h, of which 6,400 are a CPU's
 * modes and 2,400 buckets of a histogram, as the set has them. For developers.
 *
 *     bench_promql [THREADS [QUERY]]
 *     BENCH_TSDB=DIR bench_promql …       over the time-series store in DIR, which is filled when it is empty */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/rng.h"
#include "model/series_memory.h"
#include "promql/promql.h"
#include "tsdb/tsdb.h"

#define STEP_MS 15000
#define SAMPLES 1440

static void add(struct series_memory *m, struct rng *r, const char *metric, const char *const *kv,
                int counter)
{
    struct label_pair at[8] = {{STR("__name__"), str_of(metric)}};
    uint32_t n = 1;
    for (; kv[0] != NULL; kv += 2)
        at[n++] = (struct label_pair){str_of(kv[0]), str_of(kv[1])};
    struct labels l = {at, n};
    double v = (double)rng_below(r, 1000);
    for (int i = 0; i < SAMPLES; i++) {
        v += counter ? (double)rng_below(r, 20) : (double)rng_below(r, 21) - 10;
        series_memory_append(m, &l, (int64_t)(i + 1) * STEP_MS, v);
    }
}

static struct series_memory *make(void)
{
    static const char *const modes[] = {"idle", "user",    "system", "iowait",
                                        "irq",  "softirq", "steal",  "nice"};
    struct series_memory *m = series_memory_new();
    struct rng r;
    rng_seed(&r, 1);
    char instance[32], cpu[32], le[32];
    for (int i = 0; i < 100; i++) {
        snprintf(instance, sizeof(instance), "host-%02d:9100", i);
        for (int c = 0; c < 8; c++) {
            for (int k = 0; k < 8; k++) {
                snprintf(cpu, sizeof(cpu), "%d", c);
                add(m, &r, "node_cpu_seconds_total",
                    (const char *[]){"cpu", cpu, "instance", instance, "job", "node", "mode",
                                     modes[k], NULL},
                    1);
            }
        }
        for (int b = 0; b < 24; b++) {
            snprintf(le, sizeof(le), b == 23 ? "+Inf" : "%g", 0.001 * (1 << (b > 20 ? 20 : b)));
            add(m, &r, "http_request_duration_seconds_bucket",
                (const char *[]){"instance", instance, "job", "web", "le", le, NULL}, 1);
        }
        for (int g = 0; g < 12; g++) {
            snprintf(cpu, sizeof(cpu), "%d", g);
            add(m, &r, "node_load",
                (const char *[]){"instance", instance, "job", "node", "kind", cpu, NULL}, 0);
        }
    }
    return m;
}

/* Of all threads: what a run costs even when others use the machine. */
static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void run(struct promql_engine *e, struct series_source source, const char *query,
                int64_t span_s, int64_t step_s)
{
    enum { RUNS = 7 };
    double ms[RUNS], cpu[RUNS];
    struct promql_result *r = NULL;
    size_t series = 0;
    int64_t end = (int64_t)SAMPLES * STEP_MS;
    for (int i = 0; i < RUNS; i++) {
        struct promql_request q = {.source = source,
                                   .query = str_of(query),
                                   .range = span_s > 0,
                                   .start_ms = end - span_s * 1000,
                                   .end_ms = end,
                                   .step_ms = step_s * 1000,
                                   .no_cache = true};
        struct err err;
        int64_t t0 = clock_mono_ns();
        double cpu0 = cpu_ms();
        if (promql_run(e, &q, &r, &err) != 0) {
            printf("%s: %s\n", query, err.msg);
            return;
        }
        ms[i] = (double)(clock_mono_ns() - t0) / 1e6;
        cpu[i] = cpu_ms() - cpu0;
        series = r->n_series;
        promql_result_free(r);
    }
    qsort(ms, RUNS, sizeof(*ms), compare);
    qsort(cpu, RUNS, sizeof(*cpu), compare);
    printf("%8.2f ms  cpu %8.2f ms  %6zu series  %-5s %s\n", ms[RUNS / 2], cpu[RUNS / 2], series,
           span_s == 0      ? "inst"
           : span_s == 3600 ? "1h"
                            : "6h",
           query);
}

static bool count_value(void *arg, struct str value)
{
    ++*(size_t *)arg;
    return true;
}

/* What m holds goes into the store, in order of time, if there is nothing yet. */
static struct tsdb *store(const char *dir, struct series_memory *m)
{
    struct tsdb_options o = TSDB_OPTIONS;
    o.dir = dir;
    struct err err;
    struct tsdb *db = tsdb_open(&o, &err);
    if (db == NULL) {
        printf("%s\n", err.msg);
        exit(1);
    }
    struct series_source s = tsdb_source(db), from = series_memory_source(m);
    struct series_select all = {.min_ms = INT64_MIN, .max_ms = INT64_MAX};
    size_t names = 0;
    s.ops->label_values(s.self, STR("__name__"), &all, count_value, &names, &err);
    if (names > 0)
        return db;
    struct sample_sink sink = tsdb_sink(db, tsdb_source_id(db, "bench"));
    struct matcher *any = matcher_new(MATCH_RE, STR("__name__"), STR(".+"), NULL);
    const struct matcher *list[] = {any};
    all.matchers = list;
    all.n_matchers = 1;
    struct series_set *set = from.ops->select(from.self, &all, &err);
    for (int64_t t = STEP_MS; t <= (int64_t)SAMPLES * STEP_MS; t += STEP_MS) {
        for (uint32_t i = 0; i < set->n; i++) {
            struct samples one = {0};
            struct labels l = set->ops->labels(set, i, NULL);
            set->ops->read(set, i, t, t, COLUMN_RAW, &one, &err);
            if (one.n == 1 && sink.ops->append(sink.self, &l, t, one.v[0], &err) != 0)
                printf("%s\n", err.msg);
            samples_done(&one);
        }
        sink.ops->flush(sink.self, &err);
    }
    set->ops->free(set);
    matcher_free(any);
    tsdb_sink_free(&sink);
    return db;
}

int main(int argc, char **argv)
{
    struct promql_options o = PROMQL_OPTIONS;
    o.limits.threads = argc > 1 ? (uint32_t)atol(argv[1]) : 2;
    struct series_memory *m = make();
    struct promql_engine *e = promql_engine_new(&o);
    const char *dir = getenv("BENCH_TSDB");
    struct tsdb *db = dir != NULL ? store(dir, m) : NULL;
    struct series_source source = db != NULL ? tsdb_source(db) : series_memory_source(m);
    static const struct {
        const char *query;
        int64_t span_s, step_s;
    } queries[] = {
        {"sum by(mode)(rate(node_cpu_seconds_total[5m]))", 3600, 15},
        {"sum by(mode)(rate(node_cpu_seconds_total[5m]))", 21600, 60},
        {"histogram_quantile(0.95, sum by(le)(rate(http_request_duration_seconds_bucket[5m])))",
         3600, 15},
        {"topk(5, rate(node_cpu_seconds_total[5m]))", 3600, 15},
        {"sum(rate(node_cpu_seconds_total{instance=~\"host-[0-4].*\"}[5m]))", 3600, 15},
        {"rate(node_cpu_seconds_total[5m])", 3600, 15},
        {"avg by(instance)(node_cpu_seconds_total)", 3600, 15},
        {"max_over_time(node_load[10m])", 3600, 15},
        {"node_cpu_seconds_total / on(instance, cpu, mode) node_cpu_seconds_total", 3600, 15},
        {"count({__name__=~\".+\"})", 0, 0},
        {"sum by(instance)({__name__=~\".+\"})", 0, 0},
        {"sum without(cpu)(node_cpu_seconds_total)", 0, 0},
    };
    for (size_t i = 0; i < array_len(queries); i++) {
        if (argc < 3)
            run(e, source, queries[i].query, queries[i].span_s, queries[i].step_s);
    }
    for (int i = 2; i < argc; i++)
        run(e, source, argv[i], getenv("BENCH_6H") ? 21600 : 3600, getenv("BENCH_6H") ? 60 : 15);
    promql_engine_free(e);
    tsdb_close(db);
    series_memory_free(m);
    return 0;
}
