/* Sends synthetic series by remote write 1.0 to any server, as many samples a second as it takes: what bench_tsdb.py and
 * bench_promql.py feed Belfry and its peers with. The data are a function of (set, series, scrape) alone, so every server gets the
 * same bytes.
 *
 *   metrics_load HOST:PORT PATH SET --series N --scrapes N --step MS --start MS [--connections N] [--per-request N] [--text]
 *
 * Sets (what a real fleet sends, in the shares that bench/README names):
 *   deep   instances of 200 series: 128 CPU counters, 48 histogram buckets, 24 gauges and constants
 *   mixed  targets of 20,000 with ten labels: gauges that walk by cents, counters, buckets, constants
 *   push   the same as mixed, for as long as it takes
 *   churn  1,000 series that stay, and others of the same metric that are replaced by new ones each 15 scrapes, at their own times
 * --text prints the first scrape as exposition text instead. Ends with one line of JSON: samples, requests, seconds, CPU. */
#include <netdb.h>
#include <pthread.h>
#include <snappy-c.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

enum kind { COUNTER, COUNTER_CENTS, GAUGE_WALK, CONSTANT, BUCKET /* + rank */ };

struct series {
    char *labels; /* protobuf: label messages */
    uint32_t n;
    uint8_t kind, rank; /* rank: of the bucket */
    uint64_t histogram; /* which one the bucket belongs to */
    uint64_t state;     /* of the random walk */
    double value;
};

struct options {
    char host[200], port[16];
    const char *path, *set;
    long series, scrapes, step, per_request, connections;
    long long start;
    bool text;
};

struct sender {
    pthread_t thread;
    const struct options *opt;
    struct series *at;
    long first, n; /* of all series */
    int fd;
    long requests, samples;
    char *raw, *packed, *head;
    size_t raw_cap, packed_cap;
};

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t mix(uint64_t v)
{
    v += 0x9e3779b97f4a7c15u;
    v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
    v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
    return v ^ (v >> 31);
}

static char *put_varint(char *p, uint64_t v)
{
    while (v >= 128) {
        *p++ = (char)(v | 128);
        v >>= 7;
    }
    *p++ = (char)v;
    return p;
}

/* --- label sets --- */

struct names {
    char *p;
    bool text;
    bool first;
};

static void add(struct names *l, const char *name, const char *value)
{
    size_t n = strlen(name), m = strlen(value);
    if (l->text) {
        bool metric = !strcmp(name, "__name__");
        l->p += sprintf(l->p, metric ? "%s%s" : "%s%s=\"%s\"",
                        metric     ? ""
                        : l->first ? "{"
                                   : ",",
                        metric ? value : name, value);
        l->first = metric;
        return;
    }
    *l->p++ = 0x0a; /* TimeSeries.labels */
    l->p = put_varint(l->p, 2 + n + 2 + m);
    *l->p++ = 0x0a;
    l->p = put_varint(l->p, n);
    memcpy(l->p, name, n);
    l->p += n;
    *l->p++ = 0x12;
    l->p = put_varint(l->p, m);
    memcpy(l->p, value, m);
    l->p += m;
}

static const char *const les[] = {"0.005", "0.01", "0.025", "0.05", "0.1", "0.25",
                                  "0.5",   "1",    "2.5",   "5",    "10",  "+Inf"};
static const char *const modes[] = {"idle",    "iowait", "irq",    "nice",
                                    "softirq", "steal",  "system", "user"};

/* Names in sorted order, as senders must. */
static long deep(struct names *l, long i)
{
    char buf[64], instance[64];
    long in = i % 200;
    snprintf(instance, sizeof(instance), "10.0.%ld.%ld:9100", i / 200 / 250, i / 200 % 250);
    if (in < 128) {
        snprintf(buf, sizeof(buf), "%ld", in / 8);
        add(l, "__name__", "node_cpu_seconds_total");
        add(l, "cpu", buf);
        add(l, "instance", instance);
        add(l, "job", "node");
        add(l, "mode", modes[in % 8]);
        return COUNTER_CENTS;
    }
    if (in < 176) {
        static const char *const handlers[] = {"/api/v1/query", "/api/v1/write", "/login",
                                               "/static"};
        add(l, "__name__", "http_request_duration_seconds_bucket");
        add(l, "handler", handlers[(in - 128) / 12]);
        add(l, "instance", instance);
        add(l, "job", "web");
        add(l, "le", les[(in - 128) % 12]);
        return (int)BUCKET + (in - 128) % 12;
    }
    snprintf(buf, sizeof(buf), "node_metric_%02ld", in - 176);
    add(l, "__name__", buf);
    add(l, "instance", instance);
    add(l, "job", "node");
    return in < 192 ? GAUGE_WALK : CONSTANT;
}

static long mixed(struct names *l, long i)
{
    static const char *const spaces[] = {"payments", "search", "checkout", "internal-tools",
                                         "kube-system"};
    char metric[64], instance[64], pod[96], node[64], container[64], app[64];
    long target = i / 20000, in = i % 20000, pod_no = in / 20 + target * 1000;
    long what = in % 20;
    snprintf(instance, sizeof(instance), "10.%ld.%ld.%ld:8080", target, pod_no / 250 % 250,
             pod_no % 250);
    snprintf(pod, sizeof(pod), "%s-%06lx-%05lx", spaces[pod_no % 5],
             (long)(mix((uint64_t)pod_no) & 0xffffff), (long)(mix((uint64_t)pod_no + 7) & 0xfffff));
    snprintf(node, sizeof(node), "node-%03ld.eu-west-1.compute.internal", pod_no % 97);
    snprintf(app, sizeof(app), "app-%ld", pod_no % 40);
    snprintf(container, sizeof(container), "main-%ld", pod_no % 3);
    bool bucket = what < 12 && pod_no % 3 == 0;
    if (bucket)
        snprintf(metric, sizeof(metric), "rpc_server_handling_seconds_bucket");
    else
        snprintf(metric, sizeof(metric),
                 what < 11   ? "container_gauge_%02ld"
                 : what < 16 ? "container_events_%02ld_total"
                             : "container_spec_%02ld",
                 what);
    add(l, "__name__", metric);
    add(l, "app", app);
    add(l, "container", container);
    add(l, "instance", instance);
    add(l, "job", "kubernetes-pods");
    if (bucket)
        add(l, "le", les[what]);
    add(l, "namespace", spaces[pod_no % 5]);
    add(l, "node", node);
    add(l, "pod", pod);
    add(l, "region", "eu-west-1");
    add(l, "version", pod_no % 7 ? "v1.42.0" : "v1.43.0-rc1");
    return bucket      ? BUCKET
           : what < 11 ? GAUGE_WALK
           : what < 14 ? COUNTER
           : what < 16 ? COUNTER_CENTS
                       : CONSTANT;
}

#define CHURN_STAY 1000
#define CHURN_LIFE 15 /* scrapes */

/* `life`: the how-many-th series in this place. */
static long churning(struct names *l, long i, long life)
{
    static const char *const paths[] = {"/", "/api", "/cart", "/login", "/search"};
    char instance[64];
    bool stays = i < CHURN_STAY;
    add(l, "__name__", "app_requests_total");
    if (stays)
        snprintf(instance, sizeof(instance), "stable-%ld", i);
    else
        snprintf(instance, sizeof(instance), "pod-%05ld-%08lx", i,
                 (long)(mix((uint64_t)(i * 65536 + life)) & 0xffffffff));
    add(l, "instance", instance);
    add(l, "job", stays ? "stable" : "batch");
    add(l, "path", paths[i % 5]);
    add(l, "region", "eu-west-1");
    return COUNTER;
}

static void name_series(struct series *s, const struct options *opt, long i, long life)
{
    char buf[2000];
    struct names l = {buf, opt->text, true};
    long kind = !strcmp(opt->set, "deep")    ? deep(&l, i)
                : !strcmp(opt->set, "churn") ? churning(&l, i, life)
                                             : mixed(&l, i);
    s->kind = (uint8_t)(kind < BUCKET ? kind : BUCKET);
    s->rank = (uint8_t)(kind - s->kind);
    s->histogram = mix((uint64_t)(i - s->rank));
    s->n = (uint32_t)(l.p - buf);
    s->labels = malloc(s->n + 1);
    memcpy(s->labels, buf, s->n);
    s->labels[s->n] = 0;
    s->state = mix((uint64_t)i);
    s->value =
        s->kind == GAUGE_WALK ? (double)(s->state % 100000) / 100 : (double)(s->state % 1000000);
    if (s->kind == BUCKET)
        s->value = 0;
}

/* The next value. */
static double next_value(struct series *s, long scrape)
{
    uint64_t r = s->state = mix(s->state);
    switch ((enum kind)s->kind) {
    case COUNTER:
        s->value += (double)(r % 4 == 0 ? 0 : r % 50);
        break;
    case COUNTER_CENTS:
        s->value += (double)(r % 1500) / 100;
        s->value = (double)(int64_t)(s->value * 100 + 0.5) / 100;
        break;
    case GAUGE_WALK:
        if (r % 8)
            s->value = (double)(int64_t)(s->value * 100 + (double)(int64_t)(r % 201) - 100) / 100;
        break;
    case BUCKET: /* what fell into this bucket and all below it */
        for (int b = 0; b <= s->rank; b++)
            s->value +=
                (double)(mix(s->histogram + (uint64_t)scrape * 16 + (uint64_t)b) % (b < 5 ? 9 : 3));
        break;
    case CONSTANT:
        break;
    }
    return s->value;
}

/* --- sending --- */

static int dial(const struct options *opt)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *ai;
    if (getaddrinfo(opt->host, opt->port, &hints, &ai) != 0)
        die("address");
    int fd = socket(ai->ai_family, SOCK_STREAM, 0), one = 1;
    if (fd < 0 || connect(fd, ai->ai_addr, ai->ai_addrlen) < 0)
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    freeaddrinfo(ai);
    return fd;
}

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t k = send(fd, p, n, MSG_NOSIGNAL);
        if (k <= 0)
            die("send");
        p += k;
        n -= (size_t)k;
    }
}

/* Status of the answer, read to its end. */
static int answer(int fd)
{
    char buf[16384];
    size_t n = 0;
    for (;;) {
        ssize_t k = recv(fd, buf + n, sizeof(buf) - 1 - n, 0);
        if (k <= 0)
            die("receive");
        n += (size_t)k;
        buf[n] = 0;
        char *end = strstr(buf, "\r\n\r\n");
        if (!end)
            continue;
        char *length = strcasestr(buf, "content-length:");
        size_t want =
            (size_t)(end + 4 - buf) + (length && length < end ? strtoul(length + 15, NULL, 10) : 0);
        if (n >= want)
            return atoi(buf + 9);
    }
}

static void post(struct sender *s, size_t raw)
{
    size_t packed = s->packed_cap;
    if (snappy_compress(s->raw, raw, s->packed, &packed) != SNAPPY_OK)
        die("snappy");
    int n = snprintf(
        s->head, 1000,
        "POST %s HTTP/1.1\r\nHost: %s:%s\r\nContent-Encoding: snappy\r\nContent-Type: application/x-protobuf\r\n"
        "X-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: %zu\r\n\r\n",
        s->opt->path, s->opt->host, s->opt->port, packed);
    send_all(s->fd, s->head, (size_t)n);
    send_all(s->fd, s->packed, packed);
    int status = answer(s->fd);
    for (int i = 0; status == 503 && i < 100; i++) { /* full for a moment */
        usleep(50000);
        send_all(s->fd, s->head, (size_t)n);
        send_all(s->fd, s->packed, packed);
        status = answer(s->fd);
    }
    if (status / 100 != 2) {
        fprintf(stderr, "metrics_load: %s answers %d\n", s->opt->path, status);
        exit(1);
    }
    s->requests++;
}

static size_t put_series(char *p, struct series *s, long scrape, int64_t t)
{
    char sample[32], *q = sample, *p0 = p;
    double v = next_value(s, scrape);
    *q++ = 0x09;
    memcpy(q, &v, 8);
    q += 8;
    *q++ = 0x10;
    q = put_varint(q, (uint64_t)t);
    size_t n = (size_t)(q - sample);
    *p++ = 0x0a; /* WriteRequest.timeseries */
    p = put_varint(p, s->n + 2 + n);
    memcpy(p, s->labels, s->n);
    p += s->n;
    *p++ = 0x12; /* TimeSeries.samples */
    *p++ = (char)n;
    memcpy(p, sample, n);
    return (size_t)(p + n - p0);
}

/* Another series takes the place of one whose life is over. */
static void replace(struct sender *s, long i, long scrape)
{
    long place = s->first + i, at = scrape + place % CHURN_LIFE;
    if (place < CHURN_STAY || at % CHURN_LIFE != 0 || scrape == 0)
        return;
    free(s->at[i].labels);
    name_series(&s->at[i], s->opt, place, at / CHURN_LIFE);
}

static void *run(void *arg)
{
    struct sender *s = arg;
    bool churn = !strcmp(s->opt->set, "churn");
    s->fd = dial(s->opt);
    for (long scrape = 0; scrape < s->opt->scrapes; scrape++) {
        int64_t t = s->opt->start + scrape * s->opt->step;
        for (long i = 0; i < s->n;) {
            size_t raw = 0;
            for (long k = 0; k < s->opt->per_request && i < s->n; k++, i++, s->samples++) {
                if (churn)
                    replace(s, i, scrape);
                raw += put_series(s->raw + raw, &s->at[i], scrape, t);
            }
            post(s, raw);
        }
    }
    close(s->fd);
    return NULL;
}

static double seconds(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void parse(struct options *opt, int argc, char **argv)
{
    *opt = (struct options){
        .series = 10000, .scrapes = 1, .step = 15000, .per_request = 2000, .connections = 1};
    if (argc < 4 || sscanf(argv[1], "%199[^:]:%15s", opt->host, opt->port) != 2) {
        fprintf(stderr, "metrics_load HOST:PORT PATH SET [--series N …]\n");
        exit(2);
    }
    opt->path = argv[2];
    opt->set = argv[3];
    for (int i = 4; i < argc; i++) {
        long long v = i + 1 < argc ? atoll(argv[i + 1]) : 0;
        if (!strcmp(argv[i], "--series"))
            opt->series = (long)v;
        else if (!strcmp(argv[i], "--scrapes"))
            opt->scrapes = (long)v;
        else if (!strcmp(argv[i], "--step"))
            opt->step = (long)v;
        else if (!strcmp(argv[i], "--start"))
            opt->start = v;
        else if (!strcmp(argv[i], "--connections"))
            opt->connections = (long)v;
        else if (!strcmp(argv[i], "--per-request"))
            opt->per_request = (long)v;
        else if (!strcmp(argv[i], "--text")) {
            opt->text = true;
            continue;
        } else
            exit(2);
        i++;
    }
}

int main(int argc, char **argv)
{
    struct options opt;
    parse(&opt, argc, argv);
    struct series *all = calloc((size_t)opt.series, sizeof(*all));
    for (long i = 0; i < opt.series; i++)
        name_series(&all[i], &opt, i, 0);
    if (opt.text) {
        for (long i = 0; i < opt.series; i++)
            printf("%s} %.17g\n", all[i].labels, next_value(&all[i], 0));
        return 0;
    }
    struct sender *senders = calloc((size_t)opt.connections, sizeof(*senders));
    double began = seconds();
    for (long c = 0; c < opt.connections; c++) {
        long from = opt.series * c / opt.connections, to = opt.series * (c + 1) / opt.connections;
        struct sender *s = &senders[c];
        *s = (struct sender){
            .opt = &opt, .at = all + from, .first = from, .n = to - from, .head = malloc(1000)};
        s->raw_cap = (size_t)opt.per_request * 2100;
        s->packed_cap = snappy_max_compressed_length(s->raw_cap);
        s->raw = malloc(s->raw_cap);
        s->packed = malloc(s->packed_cap);
        pthread_create(&s->thread, NULL, run, s);
    }
    long requests = 0, samples = 0;
    for (long c = 0; c < opt.connections; c++) {
        pthread_join(senders[c].thread, NULL);
        requests += senders[c].requests;
        samples += senders[c].samples;
    }
    struct rusage ru;
    getrusage(RUSAGE_SELF, &ru);
    printf("{\"samples\": %ld, \"requests\": %ld, \"seconds\": %.3f, \"cpu\": %.3f}\n", samples,
           requests, seconds() - began,
           (double)(ru.ru_utime.tv_sec + ru.ru_stime.tv_sec) +
               (double)(ru.ru_utime.tv_usec + ru.ru_stime.tv_usec) / 1e6);
    return 0;
}
