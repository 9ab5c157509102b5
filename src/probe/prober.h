/* Probers: one file each, exporting one const ops table; prober.c lists them.
 *
 * A probe is a function on a fiber that connects, sends, reads and returns; it reads like its protocol. It
 * runs in a watcher (or in `belfry check`), which parses untrusted bytes and may be killed at any moment. */
#ifndef PROBE_PROBER_H
#define PROBE_PROBER_H

#include <stdbool.h>

#include "config/option.h"
#include "io/http_client.h"
#include "io/loop.h"
#include "io/resolve.h"
#include "model/result.h"
#include "model/target.h"

struct icmp_hub;
struct kafka_hub;
struct memo;

/* What a probe may use; one per watcher. */
struct probe_env {
    struct loop *loop;
    struct resolver *resolver;
    struct http_client *http;
    struct icmp_hub *icmp;   /* NULL: each ICMP probe makes one of its own */
    struct kafka_hub *kafka; /* NULL: each Kafka probe does */
    struct memo *memo;       /* NULL: nothing is remembered */
};

/* One attempt of one probe. */
struct probe {
    const struct probe_env *env;
    const void *config;          /* the prober's bound configuration */
    struct arena *arena;         /* freed after the result was published */
    int64_t deadline_ns;         /* absolute, CLOCK_MONOTONIC */
    int64_t connect_deadline_ns; /* absolute; ≤ deadline_ns */
    bool one_address;            /* of a name's addresses, only resolved_keep_one's is tried */
};

/* What kind of thing is probed; the page lists the probers by it. X(NAME, "name", "English", "Chinese") */
#define PROBER_KINDS(X)                                        \
    X(WEB, "web", "Web", "网站")                               \
    X(NETWORK, "network", "Network", "网络")                   \
    X(DATABASE, "database", "Databases", "数据库")             \
    X(QUEUE, "queue", "Queues and streams", "消息队列")        \
    X(STORE, "store", "Caches and coordination", "缓存与协调") \
    X(MAIL, "mail", "Mail and files", "邮件与文件传输")        \
    X(HOST, "host", "This host", "本机")                       \
    X(JOB, "job", "Jobs and groups", "任务与组合")

enum prober_kind {
#define X(name, text, en, zh) PROBER_##name,
    PROBER_KINDS(X)
#undef X
};
extern const char *const prober_kinds[]; /* by enum prober_kind: "web" */
extern const struct text2 prober_kind_titles[];

struct prober_ops {
    const char *type; /* "http" */
    enum prober_kind kind;
    bool
        in_core; /* no watcher runs it: the core itself knows how such targets stand (core/inner.h) */
    struct text2 title, help;
    const char *const *schemes; /* URL schemes, NULL-terminated: {"http", "https", NULL} */
    const struct option *options;
    size_t config_size;
    uint16_t default_port; /* 0: none */
    /* Expands a URL into a configuration map (NULL: schemes is empty, there is no URL form). */
    struct node *(*from_url)(const char *url, struct arena *a, struct err *err);
    /* Checks between fields, after options_bind; compiles expressions into `a`. NULL: nothing more to check. */
    void (*validate)(void *config, struct arena *a, struct problems *p, const char *path);
    void (*done)(void *config); /* frees what validate compiled outside the arena; NULL: nothing */
    /* What is probed, for people and for the `instance` label: "https://shop.example/", "10.0.0.5:5432". */
    void (*describe)(const void *config, struct buf *out);
    /* Fills *r. Must return soon after p->deadline_ns. Success unless result_fail was called. */
    void (*run)(struct probe *p, struct result *r);
};

const struct prober_ops *const *prober_table(void); /* NULL-terminated */
/* NULL: unknown, or not built in; *err says which and names the nearest. err may be NULL. */
const struct prober_ops *prober_by_type(const char *type, struct err *err);
const struct prober_ops *prober_by_url(const char *url, struct err *err); /* by scheme; the same */

/* A target's probe made ready to run: bound configuration in an arena of its own. */
struct compiled;
/* A copy of config in which {url: …} has become the prober's own fields; fields that stand beside the url win. NULL with a
 * problem when the url cannot be read. */
struct node *probe_expand(const struct prober_ops *ops, const struct node *config, struct arena *a,
                          struct problems *p, const char *path);
/* config: map as in the API ("url" is expanded through from_url). problems get every fault; NULL then. */
struct compiled *probe_compile(const struct prober_ops *ops, const struct node *config,
                               struct problems *p, const char *path);
void compiled_free(struct compiled *c);
void compiled_describe(const struct compiled *c, struct buf *out);
const struct prober_ops *compiled_ops(const struct compiled *c);
const void *compiled_config(const struct compiled *c);

struct probe_limits {
    int64_t timeout_ms, connect_timeout_ms; /* of one attempt */
    int64_t total_ms; /* of all attempts and pauses together; 0: no bound of its own */
    int32_t attempts;
    struct burst burst;
    bool invert;      /* an attempt that is good is a failure, and the other way round */
    bool one_address; /* as in struct probe */
};
/* Runs a whole probe on the current fiber: attempts until one succeeds (seed 003), or the burst. The result is
 * complete (message, latency, checked_ms) and lives in `a`. */
void probe_run(const struct probe_env *env, const struct compiled *c,
               const struct probe_limits *limits, struct arena *a, struct result *out);

/* One request of a burst, for `belfry check --times`. */
struct burst_sample {
    bool success;
    int status; /* HTTP status; 0 when there was none */
    int64_t latency_us;
    char address[64];
};
struct burst_report {
    struct burst_sample *at;
    int n, succeeded;
    double success_ratio, mean_s, std_s; /* of the successful ones; population deviation */
};
/* Runs limits->burst.times requests at their spacing. */
void probe_burst(const struct probe_env *env, const struct compiled *c,
                 const struct probe_limits *limits, struct arena *a, struct burst_report *report,
                 struct result *out);
#endif
