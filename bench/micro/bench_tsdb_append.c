/* What the metrics store's head costs: appending known series, memory a series, bytes of WAL a sample, a restart, instant queries.
 *
 *   bench_tsdb_append [series] [scrapes] [batch] [dir]     default 100000 60 2000 /tmp/bench-tsdb
 *
 * Series have ten labels; a quarter each are counters, random-walk gauges, constants and small integers. Prints two
 * JSON lines. scrapes 0: only the restart, of what is there. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/must.h"
#include "base/rng.h"
#include "tsdb/tsdb.h"

#define START_MS INT64_C(1700000000000)
#define STEP_MS  15000

static double cpu_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rss_mb(void)
{
    struct buf b = BUF_INIT(1 << 16);
    must(fs_read("/proc/self/status", &b, NULL) == 0);
    const char *at = strstr(b.data, "VmRSS:");
    must(at != NULL);
    double mb = atof(at + 6) / 1024;
    buf_done(&b);
    return mb;
}

static void die(const struct err *err)
{
    fprintf(stderr, "%s\n", err->msg);
    exit(1);
}

struct bench {
    uint32_t n;
    tsdb_ref *refs;
    double *values;
    struct rng rng;
};

static void label_series(struct tsdb *db, struct bench *b, uint32_t i, uint32_t source)
{
    char metric[32], instance[32], pod[32], device[32], raw[300];
    snprintf(metric, sizeof(metric), "metric_%u_total", i % 500);
    snprintf(instance, sizeof(instance), "10.0.%u.%u:9100", i / 500 / 250, i / 500 % 250);
    snprintf(pod, sizeof(pod), "api-%08x", i / 500 * 2654435761u);
    snprintf(device, sizeof(device), "sd%c", 'a' + (int)(i % 7));
    struct label_pair pairs[] = {
        {STR("__name__"), str_of(metric)}, {STR("cluster"), STR("production-eu")},
        {STR("container"), STR("api")},    {STR("device"), str_of(device)},
        {STR("env"), STR("production")},   {STR("instance"), str_of(instance)},
        {STR("job"), STR("node")},         {STR("namespace"), STR("default")},
        {STR("pod"), str_of(pod)},         {STR("region"), STR("eu-west-1")},
    };
    struct labels l = {pairs, 10};
    struct err err;
    b->refs[i] = tsdb_series(db, source, &l, &err);
    if (!b->refs[i])
        die(&err);
    int n =
        snprintf(raw, sizeof(raw),
                 "%s{cluster=\"production-eu\",container=\"api\",device=\"%s\",env=\"production\","
                 "instance=\"%s\",job=\"node\",namespace=\"default\",pod=\"%s\",region=\"eu\"}",
                 metric, device, instance, pod);
    tsdb_alias(db, source, raw, (size_t)n, b->refs[i]);
    b->values[i] = 1000;
}

static double next_value(struct bench *b, uint32_t i)
{
    switch (i % 4) {
    case 0:
        return b->values[i] += (double)rng_below(&b->rng, 100);
    case 1:
        return b->values[i] += ((double)rng_below(&b->rng, 200) - 100) / 100;
    case 2:
        return b->values[i];
    default:
        return (double)rng_below(&b->rng, 8);
    }
}

/* Rows of a scrape are made before the clock runs. Returns the CPU seconds of appending. */
static double scrape(struct tsdb *db, struct bench *b, int64_t t, uint32_t batch,
                     struct tsdb_row *rows)
{
    struct err err;
    for (uint32_t i = 0; i < b->n; i++)
        rows[i] = (struct tsdb_row){b->refs[i], t, next_value(b, i)};
    double before = cpu_s();
    for (uint32_t i = 0; i < b->n; i += batch) {
        if (tsdb_append(db, rows + i, b->n - i < batch ? b->n - i : batch, NULL, &err) < 0)
            die(&err);
    }
    return cpu_s() - before;
}

static double instant(struct tsdb *db)
{
    struct series_source src = tsdb_source(db);
    struct err err;
    struct series_select q = {.min_ms = INT64_MIN, .max_ms = INT64_MAX};
    int64_t t, begun = clock_mono_ns();
    double v, sum = 0;
    struct series_set *set = src.ops->select(src.self, &q, &err);
    if (!set)
        die(&err);
    for (uint32_t i = 0; i < set->n; i++) {
        if (set->ops->last(set, i, INT64_MIN, INT64_MAX, &t, &v, &err) > 0)
            sum += v;
    }
    double ns = (double)(clock_mono_ns() - begun) / (set->n ? set->n : 1);
    set->ops->free(set);
    return sum > 0 ? ns : -1;
}

static double read_all(struct tsdb *db, uint64_t *samples)
{
    struct series_source src = tsdb_source(db);
    struct err err;
    struct series_select q = {.min_ms = INT64_MIN, .max_ms = INT64_MAX};
    struct series_set *set = src.ops->select(src.self, &q, &err);
    struct samples s = {0};
    if (!set)
        die(&err);
    int64_t begun = clock_mono_ns();
    *samples = 0;
    for (uint32_t i = 0; i < set->n; i++) {
        s.n = 0;
        if (set->ops->read(set, i, INT64_MIN, INT64_MAX, COLUMN_RAW, &s, &err) < 0)
            die(&err);
        *samples += s.n;
    }
    double ns = (double)(clock_mono_ns() - begun) / (double)(*samples ? *samples : 1);
    samples_done(&s);
    set->ops->free(set);
    return ns;
}

static int64_t clock_of_bench(void)
{
    return INT64_MAX / 4; /* never behind the samples */
}

#define REPLAYED_ROWS \
    8000000u /* the most that are behind a snapshot when rows come as fast as they are scraped */

/* Until the last snapshot was written. */
static void settle(struct tsdb *db)
{
    struct tsdb_stats st;
    uint64_t before;
    tsdb_get_stats(db, &st);
    do {
        before = st.snapshots;
        sleep(5);
        tsdb_get_stats(db, &st);
    } while (st.snapshots != before);
}

static void fill(const struct tsdb_options *o, uint32_t n, uint32_t scrapes, uint32_t batch)
{
    struct err err;
    double rss = rss_mb();
    struct tsdb *db = tsdb_open(o, &err);
    if (!db)
        die(&err);
    struct bench b = {n, calloc(n, sizeof(tsdb_ref)), calloc(n, sizeof(double)), {{0}}};
    struct tsdb_row *rows = calloc(n, sizeof(*rows));
    must(b.refs && b.values && rows);
    rng_seed(&b.rng, 1);
    uint32_t source = tsdb_source_id(db, "bench");
    double before = cpu_s();
    for (uint32_t i = 0; i < n; i++)
        label_series(db, &b, i, source);
    double creating = cpu_s() - before, spent = 0;
    struct tsdb_stats st;
    for (uint32_t k = 0; k < scrapes; k++) {
        if (k + REPLAYED_ROWS / n == scrapes)
            settle(db);
        spent += scrape(db, &b, START_MS + (int64_t)k * STEP_MS, batch, rows);
    }
    tsdb_get_stats(db, &st);
    double grown = rss_mb() - rss - (double)n * (sizeof(*rows) + 16) / 1048576;
    uint64_t samples;
    double read_ns = read_all(db, &samples);
    printf(
        "{\"series\": %u, \"samples\": %llu, \"create_us\": %.2f, \"append_ns\": %.1f, "
        "\"million_a_core_s\": %.2f, \"wal_bytes_a_sample\": %.2f, \"rss_bytes_a_series\": %.0f, "
        "\"head_file_bytes_a_sample\": %.2f, \"last_ns_a_series\": %.0f, \"read_ns_a_sample\": %.2f}\n",
        n, (unsigned long long)samples, creating * 1e6 / n, spent * 1e9 / n / scrapes,
        (double)n * scrapes / spent / 1e6, (double)st.wal_bytes / n / scrapes, grown * 1048576 / n,
        (double)st.head_bytes / n / scrapes, instant(db), read_ns);
    fflush(stdout);
    _exit(0); /* as kill -9: nothing is closed */
}

static void restart(const struct tsdb_options *o)
{
    struct err err;
    double rss = rss_mb(), cpu = cpu_s();
    int64_t begun = clock_mono_ns();
    struct tsdb *db = tsdb_open(o, &err);
    if (!db)
        die(&err);
    struct tsdb_stats st;
    tsdb_get_stats(db, &st);
    printf("{\"restart_s\": %.2f, \"cpu_s\": %.2f, \"series\": %llu, \"rss_bytes_a_series\": %.0f, "
           "\"damaged\": %llu}\n",
           (double)(clock_mono_ns() - begun) / 1e9, cpu_s() - cpu, (unsigned long long)st.series,
           (rss_mb() - rss) * 1048576 / (double)st.series, (unsigned long long)st.damaged_records);
    fflush(stdout);
    _exit(0);
}

int main(int argc, char **argv)
{
    uint32_t n = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 100000;
    uint32_t scrapes = argc > 2 ? (uint32_t)strtoul(argv[2], NULL, 10) : 60;
    uint32_t batch = argc > 3 ? (uint32_t)strtoul(argv[3], NULL, 10) : 2000;
    struct tsdb_options o = TSDB_OPTIONS;
    o.dir = argc > 4 ? argv[4] : "/tmp/bench-tsdb";
    o.now_ms = clock_of_bench;
    must(n > 0 && batch > 0);
    int status;
    pid_t child = scrapes > 0 ? fork() : -1;
    if (child == 0)
        fill(&o, n, scrapes, batch);
    must(child < 0 || (waitpid(child, &status, 0) == child && status == 0));
    child = fork();
    if (child == 0)
        restart(&o);
    must(waitpid(child, &status, 0) == child && status == 0);
    return 0;
}
