/* What a stored result costs: CPU of building batches, committing them, merging and checkpoints, all together.
 *
 *   bench_store [targets] [rows] [dir]      default 2000 targets, 4,000,000 rows, /tmp
 *
 * Prints one JSON line. Every row comes with its target's state, as from the core. */
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/rng.h"
#include "store/store.h"

#define ROWS_A_BATCH 1000

static int64_t cpu_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static void on_done(void *arg, struct batch *b, const struct err *err)
{
    if (err) {
        fprintf(stderr, "%s\n", err->msg);
        exit(1);
    }
}

static struct batch *build(struct arena *a, const uint32_t *order, uint64_t first, uint64_t targets,
                           int64_t start_ms)
{
    struct batch *b = batch_new();
    struct result r;
    arena_reset(a);
    for (uint64_t i = first; i < first + ROWS_A_BATCH; i++) {
        uint64_t target = order[i % targets] + 1;
        result_init(&r, a);
        r.target_id = target;
        r.checked_ms = start_ms + (int64_t)(i * 30000 / targets);
        r.latency_us = 800 + (int64_t)(i % 100);
        r.address = "10.0.0.5";
        r.message = "connected to 10.0.0.5:5432";
        r.success = true;
        batch_result(b, i + 1, &r, false);
        struct target_state st = {.status = TARGET_HEALTHY,
                                  .since_ms = start_ms,
                                  .last_checked_ms = r.checked_ms,
                                  .last_latency_us = r.latency_us};
        batch_target_state(b, target, &st, r.message);
    }
    batch_cursor(b, 1, first);
    return b;
}

static void wait_empty(struct store *s, size_t most)
{
    struct store_stats st;
    for (store_stats(s, &st); st.queued_batches > most; store_stats(s, &st))
        usleep(1000);
}

static int compare(const void *a, const void *b)
{
    return *(const double *)a < *(const double *)b ? -1 : 1;
}

static double graph_ms(struct store *s, uint64_t targets, int64_t end_ms)
{
    static double latency[2880], good[2880];
    double took[101];
    struct err err;
    struct store_reader *r = store_reader_open(s, &err);
    for (int i = 0; i < 101; i++) {
        int64_t t = clock_mono_ns();
        if (store_graph(r, 1 + (uint64_t)i * 19 % targets, end_ms - 86400000, end_ms, 2880, latency,
                        good, &err) < 0) {
            fprintf(stderr, "%s\n", err.msg);
            exit(1);
        }
        took[i] = (double)(clock_mono_ns() - t) / 1e6;
    }
    store_reader_close(&r);
    qsort(took, 101, sizeof(took[0]), compare);
    return took[50];
}

int main(int argc, char **argv)
{
    uint64_t targets = argc > 1 ? strtoull(argv[1], NULL, 10) : 2000;
    uint64_t rows = argc > 2 ? strtoull(argv[2], NULL, 10) : 4000000;
    char path[300];
    snprintf(path, sizeof(path), "%s/bench-store-%d.db", argc > 3 ? argv[3] : "/tmp",
             (int)getpid());
    uint32_t *order = malloc(targets * sizeof(*order)); /* ids are hashed over the interval */
    must(order != NULL);
    struct rng rng;
    rng_seed(&rng, 1);
    for (uint64_t i = 0; i < targets; i++) {
        uint64_t j = rng_below(&rng, i + 1);
        order[i] = order[j];
        order[j] = (uint32_t)i;
    }
    struct err err;
    struct store *s = store_open(&(struct store_options){.path = path}, NULL, &err);
    if (!s) {
        fprintf(stderr, "%s\n", err.msg);
        return 1;
    }
    struct arena *a = arena_new();
    int64_t start_ms = clock_wall_ms() - (int64_t)(rows * 30000 / targets);
    int64_t build_ns = 0, cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), wall = clock_mono_ns();
    for (uint64_t i = 0; i < rows; i += ROWS_A_BATCH) {
        int64_t t = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
        struct batch *b = build(a, order, i, targets, start_ms);
        build_ns += cpu_ns(CLOCK_THREAD_CPUTIME_ID) - t;
        store_submit(s, b, on_done, NULL);
        wait_empty(s, 4);
    }
    wait_empty(s, 0);
    sleep(2); /* merges go on */
    cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = clock_mono_ns() - wall - 2 * NS_PER_S;
    double graph = graph_ms(s, targets, clock_wall_ms());
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    printf("{\"targets\":%llu,\"rows\":%llu,\"cpu_us_a_row\":%.2f,\"build_us_a_row\":%.2f,"
           "\"wall_us_a_row\":%.2f,\"graph_ms\":%.2f,\"rss_mb\":%.1f,\"written_mb\":%.0f}\n",
           (unsigned long long)targets, (unsigned long long)rows, (double)cpu / 1e3 / (double)rows,
           (double)build_ns / 1e3 / (double)rows, (double)wall / 1e3 / (double)rows, graph,
           (double)ru.ru_maxrss / 1024, (double)ru.ru_oublock / 2048);
    store_close(s);
    arena_free(a);
    free(order);
    char side[320];
    static const char *const suffix[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < array_len(suffix); i++) {
        snprintf(side, sizeof(side), "%s%s", path, suffix[i]);
        unlink(side);
    }
    return 0;
}
