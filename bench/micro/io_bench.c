/* CPU cost of one probe through io/, against a server on loopback. For developers, not for users.
 *   io_bench tcp|http|https URL-OR-HOST:PORT [COUNT] [CONCURRENCY]
 * Prints µs of CPU (user, system) and of wall clock per probe; run it beside `perf stat` or perf record. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/clock.h"
#include "io/fiber.h"
#include "io/http_client.h"
#include "io/stream.h"

struct bench {
    struct loop *loop;
    struct resolver *resolver;
    struct http_client *http;
    const char *kind;
    const char *what;
    struct addr to;
    long left, running, width, failed;
    struct fiber *feeder;
    char first_error[400];
};

static int probe_tcp(struct bench *b, struct err *err)
{
    struct stream *s = stream_connect(&b->to, clock_mono_ns() + 5 * NS_PER_S, err);
    if (s == NULL) {
        return -1;
    }
    stream_close(&s);
    return 0;
}

static int probe_tls(struct bench *b, struct err *err)
{
    int64_t deadline = clock_mono_ns() + 5 * NS_PER_S;
    struct tls_options opt = {.verify = false, .server_name = "localhost"};
    struct stream *s = stream_connect(&b->to, deadline, err);
    int rc = s == NULL ? -1 : stream_start_tls(s, &opt, deadline, err);
    stream_close(&s);
    return rc;
}

static int probe_http(struct bench *b, struct err *err)
{
    struct arena *a = arena_new();
    struct http_request req = {
        .url = b->what,
        .max_body = 1 << 20,
        .deadline_ns = clock_mono_ns() + 5 * NS_PER_S,
        .connect_deadline_ns = clock_mono_ns() + 5 * NS_PER_S,
    };
    struct http_response resp;
    int rc = http_fetch(b->http, &req, a, &resp, err);
    if (rc == 0 && resp.status != 200) {
        rc = err_set(err, ERR_PROTOCOL, "status %d", resp.status);
    }
    http_response_done(&resp);
    arena_free(a);
    return rc;
}

/* A fresh fiber a probe, as the scheduler does it. */
static void run_one(void *arg)
{
    struct bench *b = arg;
    struct err err = {0};
    int rc = strcmp(b->kind, "tcp") == 0   ? probe_tcp(b, &err)
             : strcmp(b->kind, "tls") == 0 ? probe_tls(b, &err)
                                           : probe_http(b, &err);
    if (rc != 0 && b->failed++ == 0) {
        snprintf(b->first_error, sizeof(b->first_error), "%s", err.msg);
    }
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
            if (fiber_start(b->loop, run_one, b, NULL) != 0) {
                abort();
            }
        }
        if (b->running > 0 && fiber_park(IO_FOREVER, NULL) != 0) {
            break;
        }
    }
    loop_stop(b->loop);
}

static int parse(int argc, char **argv, struct bench *b)
{
    char host[256];
    uint16_t port = 80;
    struct err err = {0};
    if (argc < 3) {
        fprintf(stderr, "usage: io_bench tcp|tls|http TARGET [COUNT] [CONCURRENCY]\n");
        return -1;
    }
    b->kind = argv[1];
    b->what = argv[2];
    b->left = argc > 3 ? strtol(argv[3], NULL, 10) : 50000;
    if (strcmp(b->kind, "http") == 0) {
        return 0;
    }
    if (hostport_parse(b->what, host, sizeof(host), &port, &err) != 0 ||
        !addr_parse_ip(host, port, &b->to)) {
        fprintf(stderr, "want IP:PORT: %s\n", err.msg);
        return -1;
    }
    return 0;
}

static double us(struct timeval a, struct timeval b)
{
    return (double)(b.tv_sec - a.tv_sec) * 1e6 + (double)(b.tv_usec - a.tv_usec);
}

int main(int argc, char **argv)
{
    struct bench b = {0};
    if (parse(argc, argv, &b) != 0) {
        return 2;
    }
    long n = b.left;
    b.width = argc > 4 ? strtol(argv[4], NULL, 10) : 20;
    b.loop = loop_new(NULL);
    b.resolver = resolver_new(b.loop, NULL);
    b.http = http_client_new(b.loop, b.resolver, NULL);
    struct rusage r0, r1;
    getrusage(RUSAGE_SELF, &r0);
    int64_t t0 = clock_mono_ns();
    if (fiber_start(b.loop, feed, &b, NULL) != 0) {
        return 1;
    }
    loop_run(b.loop);
    double wall = (double)(clock_mono_ns() - t0) / 1e3;
    getrusage(RUSAGE_SELF, &r1);
    double user = us(r0.ru_utime, r1.ru_utime), sys = us(r0.ru_stime, r1.ru_stime);
    printf(
        "%s x%ld: cpu %.1f us (user %.1f, system %.1f), wall %.1f us, failed %ld %s, rss %ld KiB\n",
        b.kind, n, (user + sys) / (double)n, user / (double)n, sys / (double)n, wall / (double)n,
        b.failed, b.first_error, r1.ru_maxrss);
    http_client_free(b.http);
    resolver_free(b.resolver);
    loop_free(b.loop);
    return b.failed != 0;
}
