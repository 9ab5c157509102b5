/* memcached: does the cache answer, and is it well?
 *
 *   connect → [TLS] → [set auth] → version → stats → [set, get, delete of a key of our own]
 *
 * The text protocol, memcached's doc/protocol.txt: lines ended by CRLF; a value is announced by its length. Names of
 * metrics are memcached_exporter's. */
#include <stdio.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "probe/facts.h"
#include "probe/probers.h"
#include "probe/service.h"

#define LINE_MAX_BYTES  4096
#define STATS_MAX_LINES 512
#define STATS_MAX_BYTES 65536

struct memcached_expect {
    struct latency_bound latency;
    double max_connections_percent, max_memory_percent, min_hit_percent;
    int64_t max_evictions;
};

struct memcached_config {
    struct service service;
    bool round_trip;
    struct memcached_expect expect;
};

#define EXPECT(field) offsetof(struct memcached_expect, field)

static const struct option expect_options[] = {
    EXPECT_LATENCY(struct memcached_expect),
    {"max_connections_percent", OPT_F64, EXPECT(max_connections_percent), .def = "90", .min = 0,
     .max = 100, .unit = "%",
     .help = {"More connections, of those allowed, are degraded; 0 is off.",
              "连接数占上限的百分比超过此值为降级；0 表示不检查。"}},
    {"max_memory_percent", OPT_F64, EXPECT(max_memory_percent), .def = "0", .min = 0, .max = 100,
     .unit = "%",
     .help =
         {"More memory in use, of the limit, is degraded; 0 is off, for caches are meant to be full.",
          "内存占上限的百分比超过此值为降级；缓存通常会用满，故默认 0 不检查。"}},
    {"min_hit_percent", OPT_F64, EXPECT(min_hit_percent), .def = "0", .min = 0, .max = 100,
     .unit = "%",
     .help = {"Fewer hits, of all reads since the start, are degraded; 0 is off.",
              "启动以来的命中率低于此值为降级；0 表示不检查。"}},
    {"max_evictions", OPT_INT, EXPECT(max_evictions), .def = "0", .min = 0, .max = 1e15,
     .advanced = true,
     .help = {"More items evicted since the server's start are degraded; 0 is off.",
              "服务启动以来被驱逐的条目超过此数为降级；0 表示不检查。"}},
    OPTION_END,
};

static const struct option memcached_options[] = {
    SERVICE_ADDRESS(struct memcached_config, "11211"),
    SERVICE_ACCOUNT(struct memcached_config),
    {"round_trip", OPT_BOOL, offsetof(struct memcached_config, round_trip), .def = "false",
     .help = {"Store, read and delete a small key of Belfry's own.",
              "写入、读取并删除一个 Belfry 自己的小键。"}},
    SERVICE_TLS(struct memcached_config),
    {"expect", OPT_SECTION, offsetof(struct memcached_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

/* X(NAME, key of stats, metric) */
#define MEMCACHED_FACTS(X)                                                              \
    X(VERSION, "version", NULL)                                                         \
    X(UPTIME, "uptime", "memcached_uptime_seconds")                                     \
    X(CONNECTIONS, "curr_connections", "memcached_current_connections")                 \
    X(MAX_CONNECTIONS, "max_connections", "memcached_max_connections")                  \
    X(OPENED, "total_connections", "memcached_connections_total")                       \
    X(REJECTED, "rejected_connections", "memcached_connections_rejected_total")         \
    X(DISABLED, "listen_disabled_num", "memcached_connections_listener_disabled_total") \
    X(ACCEPTING, "accepting_conns", "memcached_accepting_connections")                  \
    X(MEMORY, "bytes", "memcached_current_bytes")                                       \
    X(MEMORY_MAX, "limit_maxbytes", "memcached_limit_bytes")                            \
    X(ITEMS, "curr_items", "memcached_current_items")                                   \
    X(STORED, "total_items", "memcached_items_total")                                   \
    X(EVICTIONS, "evictions", "memcached_items_evicted_total")                          \
    X(RECLAIMED, "reclaimed", "memcached_items_reclaimed_total")                        \
    X(READ, "bytes_read", "memcached_read_bytes_total")                                 \
    X(WRITTEN, "bytes_written", "memcached_written_bytes_total")                        \
    X(HITS, "get_hits", NULL)                                                           \
    X(MISSES, "get_misses", NULL)                                                       \
    X(SETS, "cmd_set", NULL)
enum memcached_fact {
#define X(name, key, metric) MEMCACHED_##name,
    MEMCACHED_FACTS(X)
#undef X
        MEMCACHED_FACT_COUNT
};
static const struct fact facts[] = {
#define X(name, key, metric) {key, metric},
    MEMCACHED_FACTS(X)
#undef X
};

_Static_assert(array_len(facts) == MEMCACHED_FACT_COUNT, "a row a fact");

struct talk {
    struct probe *p;
    struct stream *s;
    struct buf line;
};

static struct node *memcached_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    return service_from_url(text, "memcacheds", &u, a, err);
}

static void memcached_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct memcached_config *c = config;
    if (!c->service.username != !c->service.password)
        problem_add(p, NULL, path, "got one of username and password; want both or neither");
}

static void memcached_describe(const void *config, struct buf *out)
{
    const struct memcached_config *c = config;
    service_describe(&c->service, out);
}

/* One line, or what the server refuses; t->line is its text. */
static int take_line(struct talk *t, const char *command, struct err *err)
{
    char name[ADDR_TEXT];
    const char *who = addr_text(stream_peer(t->s), name);
    must(t->line.max == LINE_MAX_BYTES);
    buf_clear(&t->line);
    if (stream_read_line(t->s, &t->line, t->p->deadline_ns, err) != 0)
        return -1;
    struct str line = {t->line.data ? t->line.data : "", t->line.len};
    const char *words =
        str_eqz(line, "CLIENT_ERROR unauthenticated") ? "a user name and password are required"
        : str_eqz(line, "CLIENT_ERROR authentication failure") ? "wrong user name or password"
                                                               : "it was refused";
    if (str_starts(line, STR("ERROR")) || str_starts(line, STR("CLIENT_ERROR")) ||
        str_starts(line, STR("SERVER_ERROR")))
        return err_set(err, ERR_DENIED, "%s answers %s: %s (%.100s)", who, command, words, line.p);
    return 0;
}

/* Sends text (a command, with its data) and takes the first line of the answer, which begins with `want`. */
static int ask(struct talk *t, const char *command, const char *text, const char *want,
               struct err *err)
{
    must(t->s != NULL && text[0] && want[0]);
    if (stream_write(t->s, text, strlen(text), t->p->deadline_ns, err) != 0 ||
        take_line(t, command, err) != 0)
        return -1;
    struct str line = {t->line.data ? t->line.data : "", t->line.len};
    if (str_starts(line, str_of(want)))
        return 0;
    return err_set(err, ERR_PROTOCOL, "not memcached: got \"%.100s\" for %s; want %s",
                   line.p ? line.p : "", command, want);
}

static int log_in(struct talk *t, const struct service *s, struct err *err)
{
    if (!s->username)
        return 0;
    must(s->password != NULL); /* validated */
    const char *text =
        arena_printf(t->p->arena, "set belfry 0 0 %zu\r\n%s %s\r\n",
                     strlen(s->username) + 1 + strlen(s->password), s->username, s->password);
    return ask(t, "the login", text, "STORED", err);
}

/* The lines of stats without their "STAT ", in out. */
static int read_stats(struct talk *t, struct buf *out, struct err *err)
{
    if (ask(t, "stats", "stats\r\n", "STAT ", err) != 0)
        return -1;
    for (int n = 0; n < STATS_MAX_LINES && !out->failed; n++) {
        struct str line = {t->line.data ? t->line.data : "", t->line.len};
        if (str_eqz(line, "END"))
            return 0;
        if (!str_starts(line, STR("STAT ")))
            return err_set(err, ERR_PROTOCOL, "got \"%.100s\" among statistics; want STAT or END",
                           line.p);
        buf_printf(out, "%s\n", line.p + 5);
        if (take_line(t, "stats", err) != 0)
            return -1;
    }
    return err_set(err, ERR_TOO_LARGE, "the statistics do not end; want at most %d lines",
                   STATS_MAX_LINES);
}

static int round_trip(struct talk *t, struct err *err)
{
    struct arena *a = t->p->arena;
    uint64_t token = rng_secure_u64();
    const char *value = arena_printf(a, "%016llx", (unsigned long long)token);
    const char *key = arena_printf(a, "belfry:%s", value);
    if (ask(t, "set", arena_printf(a, "set %s 0 60 16\r\n%s\r\n", key, value), "STORED", err) !=
            0 ||
        ask(t, "get", arena_printf(a, "get %s\r\n", key), "VALUE ", err) != 0 ||
        take_line(t, "get", err) != 0)
        return -1;
    if (!t->line.data || !streq(t->line.data, value))
        return err_set(err, ERR_PROTOCOL, "another value came back than was stored: got \"%.40s\"",
                       t->line.data ? t->line.data : "");
    if (take_line(t, "get", err) != 0) /* END */
        return -1;
    return ask(t, "delete", arena_printf(a, "delete %s\r\n", key), "DELETED", err);
}

static void judge_use(const struct str *at, const struct memcached_expect *e, struct result *r)
{
    double n = fact_or(at[MEMCACHED_CONNECTIONS], 0),
           max = fact_or(at[MEMCACHED_MAX_CONNECTIONS], 0);
    double used = fact_or(at[MEMCACHED_MEMORY], 0), limit = fact_or(at[MEMCACHED_MEMORY_MAX], 0);
    char a[BYTES_TEXT], b[BYTES_TEXT];
    if (e->max_connections_percent > 0 && percent_of(n, max) > e->max_connections_percent)
        result_warn(r, "%.0f of %.0f connections are in use (%.0f %%); want at most %.0f %%", n,
                    max, percent_of(n, max), e->max_connections_percent);
    if (e->max_memory_percent > 0 && percent_of(used, limit) > e->max_memory_percent)
        result_warn(r, "memory is nearly full: %s of %s (%.0f %%); want at most %.0f %%",
                    bytes_text(used, a), bytes_text(limit, b), percent_of(used, limit),
                    e->max_memory_percent);
    if (fact_or(at[MEMCACHED_ACCEPTING], 1) == 0)
        result_warn(r, "the server takes no new connections: its limit is reached");
}

static void judge_hits(const struct str *at, const struct memcached_expect *e, struct result *r)
{
    double hits = fact_or(at[MEMCACHED_HITS], 0), reads = hits + fact_or(at[MEMCACHED_MISSES], 0);
    double evicted = fact_or(at[MEMCACHED_EVICTIONS], 0);
    if (e->min_hit_percent > 0 && reads > 0 && percent_of(hits, reads) < e->min_hit_percent)
        result_warn(r, "%.1f %% of reads are hits; want at least %.1f %%", percent_of(hits, reads),
                    e->min_hit_percent);
    if (e->max_evictions > 0 && evicted > (double)e->max_evictions)
        result_warn(r, "%.0f items were evicted; want at most %lld", evicted,
                    (long long)e->max_evictions);
}

static void command_metric(const char *command, const char *status, struct str value,
                           struct result *r)
{
    const struct label labels[] = {{"command", command}, {"status", status}};
    result_metric_labels(r, "memcached_commands_total", labels, array_len(labels),
                         fact_or(value, 0));
}

static void judge(struct str stats, const struct memcached_config *c, struct result *r)
{
    struct str at[MEMCACHED_FACT_COUNT] = {0};
    char used[BYTES_TEXT], limit[BYTES_TEXT];
    facts_read(stats, ' ', facts, MEMCACHED_FACT_COUNT, at);
    facts_metrics(facts, MEMCACHED_FACT_COUNT, at, r);
    command_metric("get", "hit", at[MEMCACHED_HITS], r);
    command_metric("get", "miss", at[MEMCACHED_MISSES], r);
    command_metric("set", "hit", at[MEMCACHED_SETS], r);
    const char *version = fact_text(at[MEMCACHED_VERSION], r->arena);
    result_fact(r, "memcached_version", version);
    judge_use(at, &c->expect, r);
    judge_hits(at, &c->expect, r);
    result_ok(r, "memcached %s, %.0f connections, %s of %s", version,
              fact_or(at[MEMCACHED_CONNECTIONS], 0),
              bytes_text(fact_or(at[MEMCACHED_MEMORY], 0), used),
              bytes_text(fact_or(at[MEMCACHED_MEMORY_MAX], 0), limit));
}

static void converse(struct talk *t, const struct memcached_config *c, struct result *r)
{
    struct err err = {0};
    struct buf stats = BUF_INIT(STATS_MAX_BYTES);
    int rc = log_in(t, &c->service, &err);
    if (rc == 0)
        rc = ask(t, "version", "version\r\n", "VERSION ", &err);
    result_metric(r, "memcached_up", rc == 0);
    if (rc == 0)
        rc = read_stats(t, &stats, &err);
    if (rc == 0 && c->round_trip)
        rc = round_trip(t, &err);
    if (rc == 0)
        judge((struct str){stats.data ? stats.data : "", stats.len}, c, r);
    else
        result_fail_err(r, &err);
    buf_done(&stats);
}

static void memcached_run(struct probe *p, struct result *r)
{
    const struct memcached_config *c = p->config;
    int64_t start = clock_mono_ns();
    struct talk t = {
        .p = p, .s = service_connect(p, &c->service, r), .line = BUF_INIT(LINE_MAX_BYTES)};
    if (!t.s) {
        result_metric(r, "memcached_up", 0);
        return;
    }
    converse(&t, c, r);
    buf_done(&t.line);
    service_end(&t.s, start, &c->expect.latency, r);
}

static const char *const memcached_schemes[] = {"memcached", "memcacheds", NULL};

const struct prober_ops memcached_prober = {
    .type = "memcached",
    .kind = PROBER_STORE,
    .title = {"memcached", "memcached"},
    .help = {"Asks for version and statistics; judges connections, memory, hits and evictions.",
             "查询版本与统计；检查连接数、内存、命中率与驱逐。"},
    .schemes = memcached_schemes,
    .options = memcached_options,
    .config_size = sizeof(struct memcached_config),
    .default_port = 11211,
    .from_url = memcached_from_url,
    .validate = memcached_validate,
    .describe = memcached_describe,
    .run = memcached_run,
};
