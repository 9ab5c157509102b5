/* CPU cost of whole probes in this process: prober, io and the record as a watcher publishes it, without the core.
 * For developers; `ninja probe_bench` builds it.
 *   probe_bench URL|TYPE [COUNT] [CONCURRENCY] [CONFIG-JSON]
 * Prints µs of CPU (user, system) and of wall clock per probe; run it under perf to see where they go. */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "io/fiber.h"
#include "probe/icmp_hub.h"
#include "probe/prober.h"

struct bench {
    struct probe_env env;
    struct compiled *compiled;
    struct probe_limits limits;
    long left, running, width, failed;
    size_t record_bytes;
    struct fiber *feeder;
    char first_error[1100];
};

/* A fresh fiber and a fresh arena a probe, as role_watcher does it. */
static void run_one(void *arg)
{
    struct bench *b = arg;
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
    b->running--;
    fiber_wake(b->feeder);
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
        strchr(what, ':') ? prober_by_url(what, &err) : prober_by_type(what);
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

static void report(const struct bench *b, long n, const struct rusage *r0, const struct rusage *r1,
                   int64_t wall_ns)
{
    double user = us(r0->ru_utime, r1->ru_utime) / (double)n;
    double sys = us(r0->ru_stime, r1->ru_stime) / (double)n;
    printf("%ld probes, %ld failed: %.2f us CPU each (user %.2f, system %.2f), wall %.2f us, "
           "record %zu bytes\n",
           n, b->failed, user + sys, user, sys, (double)wall_ns / 1e3 / (double)n, b->record_bytes);
    if (b->failed)
        printf("first failure: %s\n", b->first_error);
}

int main(int argc, char **argv)
{
    struct bench b = {.limits = {.timeout_ms = 5000, .connect_timeout_ms = 3000, .attempts = 1}};
    mallopt(M_TRIM_THRESHOLD, 4 << 20); /* as a watcher */
    if (argc < 2) {
        fprintf(stderr, "usage: probe_bench URL|TYPE [COUNT] [CONCURRENCY] [CONFIG-JSON]\n");
        return 2;
    }
    if (compile(&b, argv[1], argc > 4 ? argv[4] : NULL) != 0)
        return 2;
    long n = b.left = argc > 2 ? strtol(argv[2], NULL, 10) : 50000;
    b.width = argc > 3 ? strtol(argv[3], NULL, 10) : 20;
    b.env.loop = loop_new(NULL);
    b.env.resolver = resolver_new(b.env.loop, NULL);
    b.env.http = http_client_new(b.env.loop, b.env.resolver, NULL);
    b.env.icmp = icmp_hub_new(b.env.loop);
    struct rusage r0, r1;
    getrusage(RUSAGE_SELF, &r0);
    int64_t start = clock_mono_ns();
    fiber_start(b.env.loop, feed, &b, NULL);
    loop_run(b.env.loop);
    getrusage(RUSAGE_SELF, &r1);
    report(&b, n, &r0, &r1, clock_mono_ns() - start);
    icmp_hub_free(&b.env.icmp);
    http_client_free(b.env.http);
    resolver_free(b.env.resolver);
    loop_free(b.env.loop);
    compiled_free(b.compiled);
    return b.failed ? 1 : 0;
}
