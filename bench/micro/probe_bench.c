/* Many whole probes in this process: prober, io and the record as a watcher publishes it, without the core. For developers
 * (`ninja probe_bench` builds it; run it under perf or callgrind), for `make leaks` and for `make bench-services`.
 *   probe_bench URL|TYPE [COUNT] [CONCURRENCY] [CONFIG-JSON] [TIMEOUT-MS]
 * Prints one JSON object: µs of CPU (user, system) and of wall clock a probe, resident memory after a tenth and after all, how long
 * after its deadline the latest probe ended, the first failure. Exit status: 0 all good, 1 some failed, 2 wrong usage. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/json.h"
#include "io/fiber.h"
#include "probe/icmp_hub.h"
#include "probe/kafka_hub.h"
#include "probe/memo.h"
#include "probe/prober.h"

struct bench {
    struct probe_env env;
    struct compiled *compiled;
    struct probe_limits limits;
    long count, left, done, running, width, failed;
    long early_kib, late_kib; /* resident after a tenth, after all */
    int64_t latest_ns;        /* the most of end - deadline; negative: all ended before */
    size_t record_bytes;
    struct fiber *feeder;
    char first_error[1100];
};

static long resident_kib(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (f && fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return pages * (sysconf(_SC_PAGESIZE) / 1024);
}

static void count_one(struct bench *b, int64_t start_ns)
{
    int64_t past = clock_mono_ns() - start_ns - b->limits.timeout_ms * NS_PER_MS;
    if (past > b->latest_ns)
        b->latest_ns = past;
    if (++b->done == (b->count + 9) / 10)
        b->early_kib = resident_kib();
    b->running--;
    fiber_wake(b->feeder);
}

/* A fresh fiber and a fresh arena a probe, as role_watcher does it. */
static void run_one(void *arg)
{
    struct bench *b = arg;
    int64_t start_ns = clock_mono_ns();
    struct arena *a = arena_new();
    struct result *r = arena_new_of(a, struct result);
    struct buf record = BUF_INIT(65536);
    probe_run(&b->env, b->compiled, &b->limits, a, r);
    result_encode(r, &record);
    b->record_bytes = record.len;
    if (!r->success && b->failed++ == 0)
        snprintf(b->first_error, sizeof(b->first_error), "%s", r->message);
    buf_done(&record);
    arena_free(a);
    count_one(b, start_ns);
}

/* Keeps `width` probes under way. */
static void feed(void *arg)
{
    struct bench *b = arg;
    b->feeder = fiber_self();
    while (b->left > 0 || b->running > 0) {
        while (b->left > 0 && b->running < b->width) {
            b->left--;
            b->running++;
            if (fiber_start(b->env.loop, run_one, b, NULL) != 0)
                abort();
        }
        if (b->running > 0 && fiber_park(IO_FOREVER, NULL) != 0)
            break;
    }
    loop_stop(b->env.loop);
}

static int compile(struct bench *b, const char *what, const char *json)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct err err = {0};
    struct problems p;
    struct buf text = BUF_INIT(65536);
    const struct prober_ops *ops =
        strchr(what, ':') ? prober_by_url(what, &err) : prober_by_type(what, &err);
    struct node *config = json ? node_from_json(a, json, strlen(json), &err) : node_map(a);
    if (!ops || !config) {
        fprintf(stderr, "%s\n", ops || err.code ? err.msg : "unknown type");
        return -1;
    }
    if (strchr(what, ':'))
        node_put(config, a, "url", node_text(a, what));
    problems_init(&p, a);
    b->compiled = probe_compile(ops, config, &p, "");
    problems_text(&p, &text);
    if (!b->compiled)
        fprintf(stderr, "%s", text.data ? text.data : "");
    buf_done(&text);
    problems_done(&p);
    return b->compiled ? 0 : -1;
}

static double us(struct timeval a, struct timeval b)
{
    return (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_usec - a.tv_usec);
}

static void report(struct bench *b, const struct rusage *r0, const struct rusage *r1,
                   int64_t wall_ns)
{
    struct buf out = BUF_INIT(65536);
    struct json j = json_start(&out);
    json_obj(&j);
    json_kint(&j, "probes", b->done);
    json_kint(&j, "failed", b->failed);
    json_kf64(&j, "user_us", us(r0->ru_utime, r1->ru_utime) / (double)b->count);
    json_kf64(&j, "system_us", us(r0->ru_stime, r1->ru_stime) / (double)b->count);
    json_kf64(&j, "wall_us", (double)wall_ns / 1e3 / (double)b->count);
    json_kuint(&j, "record_bytes", b->record_bytes);
    json_kint(&j, "early_kib", b->early_kib);
    json_kint(&j, "late_kib", b->late_kib);
    json_kf64(&j, "past_deadline_ms", (double)b->latest_ns / NS_PER_MS);
    json_kstr(&j, "first_failure", b->failed ? b->first_error : NULL);
    json_end(&j);
    printf("%.*s\n", (int)out.len, out.data);
    buf_done(&out);
}

static void open_env(struct probe_env *env)
{
    env->loop = loop_new(NULL);
    must(env->loop);
    env->resolver = resolver_new(env->loop, NULL);
    env->http = http_client_new(env->loop, env->resolver, NULL);
    env->icmp = icmp_hub_new(env->loop);
    env->kafka = kafka_hub_new(env->loop);
    env->memo = memo_new();
    must(env->resolver && env->http);
}

static void close_env(struct probe_env *env)
{
    icmp_hub_free(&env->icmp);
    kafka_hub_free(&env->kafka);
    memo_free(&env->memo);
    http_client_free(env->http);
    resolver_free(env->resolver);
    loop_free(env->loop);
}

static long number(int argc, char **argv, int at, long otherwise)
{
    return argc > at ? strtol(argv[at], NULL, 10) : otherwise;
}

int main(int argc, char **argv)
{
    mallopt(M_TRIM_THRESHOLD, 4 << 20); /* as a watcher */
    if (argc < 2) {
        fprintf(stderr,
                "usage: probe_bench URL|TYPE [COUNT] [CONCURRENCY] [CONFIG-JSON] [TIMEOUT-MS]\n");
        return 2;
    }
    long timeout = number(argc, argv, 5, 5000);
    struct bench b = {.count = number(argc, argv, 2, 50000),
                      .width = number(argc, argv, 3, 20),
                      .latest_ns = INT64_MIN};
    b.limits =
        (struct probe_limits){.timeout_ms = timeout, .connect_timeout_ms = timeout, .attempts = 1};
    b.left = b.count;
    if (b.count < 1 || b.width < 1 || timeout < 1 ||
        compile(&b, argv[1], argc > 4 ? argv[4] : NULL) != 0)
        return 2;
    open_env(&b.env);
    struct rusage r0, r1;
    getrusage(RUSAGE_SELF, &r0);
    int64_t start = clock_mono_ns();
    fiber_start(b.env.loop, feed, &b, NULL);
    if (b.running > 0) /* else no probe ever had to wait */
        loop_run(b.env.loop);
    getrusage(RUSAGE_SELF, &r1);
    b.late_kib = resident_kib();
    report(&b, &r0, &r1, clock_mono_ns() - start);
    close_env(&b.env);
    compiled_free(b.compiled);
    return b.failed ? 1 : 0;
}
