/* belfry check: probes once (or in a burst) in this process and prints JSON, without a running Belfry. The shapes
 * of the output are the seed's (CONTRACT.md, "belfry check"). */
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "cli/cli.h"
#include "cli/client.h"
#include "core/resources.h"
#include "io/fiber.h"
#include "probe/kafka_hub.h"
#include "probe/prober.h"

static const char help[] =
    "usage: belfry check URL|TYPE [--config JSON] [--times N --delta 1s] [--attempts N]\n"
    "                    [--timeout 5s] [--connect-timeout 3s] [--min-success 0.7] [--max-mean 5s]\n"
    "                    [--invert]\n\n"
    "Probes once and prints one JSON object; with --times N a summary of N requests.\n"
    "With --invert the target must fail: what must not be reachable.\n"
    "Reasons of failure go to stderr. Exit status: 0 good, 1 the target is bad, 2 wrong usage.\n\n"
    "  belfry check https://example.com/\n"
    "  belfry check tcp://db.example.com:5432\n"
    "  belfry check icmp://10.0.0.1 --attempts 3\n"
    "  belfry check 'dns://10.0.0.53/example.com?type=MX'\n"
    "  belfry check http --config '{\"url\":\"http://127.0.0.1/\",\"expect\":{\"status\":[200]}}'\n";

struct check {
    struct probe_env env;
    struct compiled *compiled;
    struct probe_limits limits;
    struct arena *arena;
    struct result result;
    struct burst_report burst;
    char address[64]; /* of this host */
    char host[256];
    const char *target;
    bool is_http, done;
};

static void check_fiber(void *arg)
{
    struct check *k = arg;
    must(k->compiled != NULL && !k->done);
    if (k->limits.burst.times > 1)
        probe_burst(&k->env, k->compiled, &k->limits, k->arena, &k->burst, &k->result);
    else
        probe_run(&k->env, k->compiled, &k->limits, k->arena, &k->result);
    k->done = true;
    loop_stop(k->env.loop);
}

/* The address this host would use to reach the world: connecting a datagram socket sends nothing. */
static void own_address(char *out, size_t size)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(53)}, own;
    socklen_t n = sizeof(own);
    to.sin_addr.s_addr = htonl(0xc0000201); /* 192.0.2.1, documentation */
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    struct addr a = {0};
    snprintf(out, size, "127.0.0.1");
    if (fd >= 0 && connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0 &&
        getsockname(fd, (struct sockaddr *)&own, &n) == 0) {
        a.in4 = own;
        addr_ip(&a, out);
    }
    if (fd >= 0)
        close(fd);
}

static void put_servers(struct json *j, struct resolver *r)
{
    char servers[RESOLVE_SERVERS_MAX][ADDR_TEXT];
    int n = resolver_servers(r, servers, RESOLVE_SERVERS_MAX);
    json_karr(j, "dnsServerList");
    for (int i = 0; i < n; i++)
        json_str(j, servers[i]);
    json_end(j);
}

static double metric_of(const struct result *r, const char *name)
{
    for (int i = 0; i < r->n_metrics; i++)
        if (streq(r->metrics[i].name, name))
            return r->metrics[i].num;
    return 0;
}

static void put_or_null(struct json *j, const char *key, const char *text)
{
    json_key(j, key);
    json_str(j, text && *text ? text : NULL);
}

/* The seed's fields; a failed request has null in what it could not learn. */
static void put_seed_fields(struct check *k, struct json *j)
{
    const struct result *r = &k->result;
    int status = (int)metric_of(r, "probe_http_status_code");
    json_kstr(j, "localhostName", k->host);
    json_kstr(j, "localhostIP", k->address);
    put_or_null(j, "hostIP", r->address);
    put_servers(j, k->env.resolver);
    json_kstr(j, "url", k->target);
    json_key(j, "statusCode");
    if (status)
        json_int(j, status);
    else
        json_nil(j);
    json_key(j, "requestTime");
    if (status)
        json_f64(j, (double)r->latency_us / 1e6);
    else
        json_nil(j);
    json_kstr(j, "result", r->success ? "success" : "failed");
}

static void put_once(struct check *k, struct json *j)
{
    const struct result *r = &k->result;
    json_obj(j);
    json_ktime(j, "timestamp", r->checked_ms);
    json_kstr(j, "type", compiled_ops(k->compiled)->type);
    json_kstr(j, "target", k->target);
    json_kbool(j, "success", r->success);
    json_kf64(j, "latency_ms", (double)r->latency_us / 1000);
    json_kstr(j, "message", r->message);
    result_learned_json(r, j);
    if (k->is_http)
        put_seed_fields(k, j);
    json_end(j);
}

static void put_hosts(struct check *k, struct json *j)
{
    json_karr(j, "hostList");
    for (int i = 0; i < k->burst.n; i++) {
        bool seen = !k->burst.at[i].address[0];
        for (int m = 0; m < i && !seen; m++)
            seen = strcmp(k->burst.at[m].address, k->burst.at[i].address) == 0;
        if (!seen)
            json_str(j, k->burst.at[i].address);
    }
    json_end(j);
}

static void put_samples(struct check *k, struct json *j)
{
    json_karr(j, "requestStatus");
    for (int i = 0; i < k->burst.n; i++) {
        const struct burst_sample *s = &k->burst.at[i];
        if (s->status)
            json_int(j, s->status);
        else
            json_nil(j);
    }
    json_end(j);
    json_karr(j, "requestSpendTime");
    for (int i = 0; i < k->burst.n; i++) {
        const struct burst_sample *s = &k->burst.at[i];
        if (s->success || s->status)
            json_f64(j, (double)s->latency_us / 1e6);
        else
            json_nil(j);
    }
    json_end(j);
}

static void put_burst(struct check *k, struct json *j)
{
    json_obj(j);
    json_ktime(j, "timestamp", k->result.checked_ms);
    json_kstr(j, "url", k->target);
    put_hosts(k, j);
    put_servers(j, k->env.resolver);
    json_kint(j, "checkTimes", k->limits.burst.times);
    json_kf64(j, "checkDelta", (double)k->limits.burst.delta_ms / 1000);
    put_samples(k, j);
    json_kstr(j, "localhostName", k->host);
    json_kstr(j, "localhostIP", k->address);
    json_kf64(j, "requestSuccessPerc", k->burst.success_ratio);
    json_kf64(j, "requestTimeMean", k->burst.mean_s);
    json_kf64(j, "requestTimeStd", k->burst.std_s);
    json_kstr(j, "triggerStatus", k->result.success ? "域名请求正常" : k->result.message);
    json_end(j);
}

static int run(struct check *k, struct err *err)
{
    k->env.loop = loop_new(err);
    if (!k->env.loop || !(k->env.resolver = resolver_new(k->env.loop, err)) ||
        !(k->env.http = http_client_new(k->env.loop, k->env.resolver, err)))
        return -1;
    k->env.kafka = kafka_hub_new(k->env.loop);
    if (fiber_start(k->env.loop, check_fiber, k, err) != 0)
        return -1;
    if (!k->done) /* else it never had to wait */
        loop_run(k->env.loop);
    return 0;
}

static int report(struct check *k)
{
    struct buf out = BUF_INIT(4 << 20);
    struct json j = json_start(&out);
    if (k->limits.burst.times > 1)
        put_burst(k, &j);
    else
        put_once(k, &j);
    printf("%.*s\n", (int)out.len, out.data);
    buf_done(&out);
    if (!k->result.success)
        fprintf(stderr, "%s: %s\n", k->target, k->result.message);
    return k->result.success ? EXIT_GOOD : EXIT_BAD;
}

static int take_duration(struct client_args *args, const char *name, int64_t *ms)
{
    struct err err = {0};
    const char *text = args_take(args, name);
    if (!text || duration_parse(str_of(text), ms, &err) == 0)
        return 0;
    fprintf(stderr, "belfry check: %s: %s\n", name, err.msg);
    return -1;
}

static int take_number(struct client_args *args, const char *name, double min, double max,
                       double *out)
{
    struct err err = {0};
    const char *text = args_take(args, name);
    if (!text)
        return 0;
    if (str_to_f64(str_of(text), out, &err) == 0 && *out >= min && *out <= max)
        return 0;
    fprintf(stderr, "belfry check: %s: got \"%s\"; want a number from %g to %g\n", name, text, min,
            max);
    return -1;
}

static int take_limits(struct client_args *args, struct probe_limits *l)
{
    double times = 0, attempts = 1, min_success = 0.7;
    *l = (struct probe_limits){.timeout_ms = 5000, .connect_timeout_ms = 3000, .attempts = 1};
    l->burst = (struct burst){.delta_ms = 1000, .max_mean_ms = 5000};
    if (take_duration(args, "--timeout", &l->timeout_ms) != 0 ||
        take_duration(args, "--connect-timeout", &l->connect_timeout_ms) != 0 ||
        take_duration(args, "--delta", &l->burst.delta_ms) != 0 ||
        take_duration(args, "--max-mean", &l->burst.max_mean_ms) != 0 ||
        take_number(args, "--times", 1, 1000, &times) != 0 ||
        take_number(args, "--attempts", 1, 100, &attempts) != 0 ||
        take_number(args, "--min-success", 0, 1, &min_success) != 0)
        return -1;
    l->burst.times = times > 1 ? (int32_t)times : 0;
    l->burst.min_success = min_success;
    l->attempts = (int32_t)attempts;
    return 0;
}

static struct node *config_of(const char *what, const char *json, struct arena *a,
                              const struct prober_ops **ops, struct err *err)
{
    struct node *config = json ? node_from_json(a, json, strlen(json), err) : node_map(a);
    if (!config)
        return NULL;
    *ops = strchr(what, ':') ? prober_by_url(what, err) : prober_by_type(what, err);
    if (*ops && !strchr(what, ':'))
        return config;
    if (!*ops)
        return NULL;
    node_put(config, a, "url", node_text(a, what));
    return config;
}

static int prepare(struct check *k, const char *what, const char *json)
{
    struct err err = {0};
    struct problems p;
    const struct prober_ops *ops = NULL;
    problems_init(&p, k->arena);
    struct node *config = config_of(what, json, k->arena, &ops, &err);
    k->compiled = config ? probe_compile(ops, config, &p, "config") : NULL;
    if (!config)
        fprintf(stderr, "belfry check: %s\n", err.msg);
    for (size_t i = 0; i < p.list.n; i++)
        fprintf(stderr, "belfry check: %s: %s\n", p.list.at[i].field, p.list.at[i].message);
    problems_done(&p);
    if (!k->compiled)
        return -1;
    struct buf text = BUF_INIT(4096);
    compiled_describe(k->compiled, &text);
    k->target = strchr(what, ':') ? what : arena_strdup(k->arena, text.data ? text.data : what);
    k->is_http = streq(ops->type, "http");
    buf_done(&text);
    return 0;
}

int cmd_check(int argc, char **argv)
{
    struct client_args args;
    client_args(argc, argv, &args);
    if (args.help) {
        fputs(help, stdout);
        return EXIT_GOOD;
    }
    struct check *k = calloc(1, sizeof(*k));
    must(k);
    k->arena = arena_new();
    struct err err = {0};
    const char *json = args_take(&args, "--config");
    int status = EXIT_USAGE;
    if (take_limits(&args, &k->limits) != 0)
        goto out;
    k->limits.invert = args_take_flag(&args, "--invert");
    if (args_unknown(&args))
        goto out;
    if (args.argc != 2) {
        fputs(help, stderr);
        goto out;
    }
    if (prepare(k, args.argv[1], json) != 0)
        goto out;
    gethostname(k->host, sizeof(k->host) - 1);
    own_address(k->address, sizeof(k->address));
    if (run(k, &err) != 0) {
        fprintf(stderr, "belfry check: %s\n", err.msg);
        status = EXIT_BAD;
    } else {
        status = report(k);
    }
out:
    compiled_free(k->compiled);
    kafka_hub_free(&k->env.kafka);
    http_client_free(k->env.http);
    resolver_free(k->env.resolver);
    loop_free(k->env.loop);
    arena_free(k->arena);
    free(k);
    return status;
}
