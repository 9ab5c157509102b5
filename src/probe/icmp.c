/* icmp: does the host answer echo requests (RFC 792, RFC 4443), how fast, and how many are lost?
 *
 *   resolve → echo … echo, spaced → wait for the missing → statistics
 *
 * The packets are icmp_hub.c's. Runs in watchers. */
#include <stdio.h>

#include "base/clock.h"

#include "base/str.h"
#include "io/fiber.h"
#include "probe/common.h"
#include "probe/condition.h"
#include "probe/icmp_hub.h"
#include "probe/icmp_socket.h"
#include "probe/probers.h"
#include "probe/url.h"

#define COUNT_MAX  100
#define SIZE_MAX_V 65400

struct icmp_expect {
    double max_loss; /* percent */
    int max_loss_action;
    int64_t max_latency_ms;
    int max_latency_action;
    struct str_list conditions;
    struct conditions *compiled;
};

struct icmp_config {
    const char *host;
    int64_t count, spacing_ms, size, ttl;
    bool dont_fragment;
    int ip_version;
    const char *source;
    struct icmp_expect expect;
};

static const struct option expect_options[] = {
    {"max_loss", OPT_F64, offsetof(struct icmp_expect, max_loss), .def = "0", .min = 0, .max = 100,
     .unit = "%",
     .help = {"More lost echoes than this is degraded (or down, see max_loss_action); all lost is "
              "always down.",
              "丢包超过此比例视为降级（或故障，见 max_loss_action）；全部丢失总是故障。"}},
    {"max_loss_action", OPT_ENUM, offsetof(struct icmp_expect, max_loss_action), .def = "warn",
     .choices = latency_action_choices, .advanced = true,
     .help = {"What lost echoes mean.", "丢包意味着什么。"}},
    {"max_latency", OPT_DURATION, offsetof(struct icmp_expect, max_latency_ms), .example = "100ms",
     .help = {"A slower mean is degraded (or down, see max_latency_action).",
              "平均往返超过此时间视为降级（或故障，见 max_latency_action）。"}},
    {"max_latency_action", OPT_ENUM, offsetof(struct icmp_expect, max_latency_action),
     .def = "warn", .choices = latency_action_choices, .advanced = true,
     .help = {"What slowness means.", "过慢意味着什么。"}},
    EXPECT_CONDITIONS(struct icmp_expect),
    OPTION_END,
};

static const struct option icmp_options[] = {
    {"host", OPT_STRING, offsetof(struct icmp_config, host), .required = true, .max = 255,
     .example = "gw.example.com", .help = {"Host name or address.", "主机名或地址。"}},
    {"count", OPT_INT, offsetof(struct icmp_config, count), .def = "1", .min = 1, .max = COUNT_MAX,
     .help = {"Echoes a probe; several also give loss and jitter.",
              "每次探测的回显个数；多个时可得丢包与抖动。"}},
    {"spacing", OPT_DURATION, offsetof(struct icmp_config, spacing_ms), .def = "200ms", .min = 1,
     .max = 60000, .advanced = true,
     .help = {"Time between two echoes; less when the timeout leaves no room for it.",
              "两个回显的间隔；超时不够时自动缩短。"}},
    {"size", OPT_SIZE, offsetof(struct icmp_config, size), .def = "56", .min = 0, .max = SIZE_MAX_V,
     .advanced = true, .help = {"Bytes of payload.", "负载字节数。"}},
    {"ttl", OPT_INT, offsetof(struct icmp_config, ttl), .def = "0", .min = 0, .max = 255,
     .advanced = true, .help = {"Hop limit; 0 is the system's.", "跳数上限；0 为系统默认。"}},
    {"dont_fragment", OPT_BOOL, offsetof(struct icmp_config, dont_fragment), .def = "false",
     .advanced = true,
     .help = {"Forbid fragments: finds a path whose MTU is too small.",
              "禁止分片，可发现 MTU 过小的路径。"}},
    OPTION_IP_VERSION(struct icmp_config, ip_version),
    OPTION_SOURCE(struct icmp_config, source),
    {"expect", OPT_SECTION, offsetof(struct icmp_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *icmp_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    if (url_parse(text, a, &u, err) != 0)
        return NULL;
    if (u.port != 0) {
        err_set(err, ERR_MALFORMED, "ICMP has no ports: got \"%.100s\"; want icmp://HOST", text);
        return NULL;
    }
    return url_to_config(&u, a, err);
}

static void icmp_validate(void *config, struct arena *a, struct problems *p, const char *path)
{
    struct icmp_config *c = config;
    c->expect.compiled = conditions_compile(&c->expect.conditions, a, p, path);
    source_validate(c->source, p, path);
}

static void icmp_describe(const void *config, struct buf *out)
{
    const struct icmp_config *c = config;
    buf_puts(out, c->host);
}

const char *icmp_reason(bool v6, unsigned type, unsigned code)
{
    static const char *const v4_codes[16] = {
        "network unreachable",     "host unreachable",       "protocol unreachable",
        "port unreachable",        "fragmentation needed",   "source route failed",
        "network unknown",         "host unknown",           "host isolated",
        "network prohibited",      "host prohibited",        "network unreachable for this service",
        "host unreachable for it", "prohibited by a filter", "host precedence violation",
        "precedence cut off",
    };
    static const char *const v6_codes[] = {
        "no route to the destination",
        "prohibited by a filter",
        "beyond the scope of the source",
        "address unreachable",
        "port unreachable",
        "source address refused by policy",
        "route rejected",
    };
    if (!v6 && type == 3)
        return code < array_len(v4_codes) ? v4_codes[code] : "unreachable";
    if (!v6 && type == 11)
        return "TTL exceeded on the way";
    if (v6 && type == 1)
        return code < array_len(v6_codes) ? v6_codes[code] : "unreachable";
    if (v6 && type == 2)
        return "packet too big for the path";
    if (v6 && type == 3)
        return "hop limit exceeded on the way";
    return "ICMP error";
}

/* --- the echoes --- */

struct echoes {
    struct probe *p;
    const struct icmp_config *c;
    struct icmp_hub *hub;
    struct icmp_send what;
    struct icmp_echo *at; /* count of them */
    int sent, answered;
    int64_t min_ns, max_ns, sum_ns, last_ns, jitter_ns; /* jitter: sum of differences */
    int hop_limit;
    struct err err; /* why an echo could not be sent or delivered */
};

static void send_one(struct echoes *e)
{
    struct icmp_echo *echo = &e->at[e->sent];
    struct err err = {0};
    must(e->sent < e->c->count);
    echo->err = &e->err;
    if (icmp_hub_send(e->hub, &e->what, echo, &err) != 0)
        e->err = err;
    e->sent++;
}

static bool all_settled(const struct echoes *e)
{
    for (int i = 0; i < e->sent; i++)
        if (e->at[i].state == ECHO_OPEN)
            return false;
    return true;
}

/* Until the deadline or, when it is the last, until all are settled. -1: cancelled. */
static int wait_for(struct echoes *e, int64_t deadline_ns, bool last)
{
    struct err err = {0};
    while (!last || !all_settled(e))
        if (fiber_park(deadline_ns, &err) != 0)
            return err.code == ERR_TIMEOUT ? 0 : -1;
    return 0;
}

static void echo_all(struct echoes *e)
{
    int64_t start = clock_mono_ns(), count = e->c->count;
    must(count >= 1 && count <= COUNT_MAX);
    int64_t spacing = e->c->spacing_ms * NS_PER_MS;
    int64_t most = (e->p->deadline_ns - start) / (count + 1); /* leave time for the last reply */
    if (spacing > most)
        spacing = most > 0 ? most : 0;
    for (int i = 0; i < count; i++) {
        bool last = i + 1 == count;
        send_one(e);
        if (wait_for(e, last ? e->p->deadline_ns : start + (i + 1) * spacing, last) != 0)
            break;
    }
}

static void count_one(struct echoes *e, const struct icmp_echo *echo)
{
    if (echo->state != ECHO_ANSWERED)
        return;
    int64_t rtt = echo->rtt_ns;
    must(rtt >= 0 && e->answered < e->sent);
    if (e->answered == 0 || rtt < e->min_ns)
        e->min_ns = rtt;
    if (rtt > e->max_ns)
        e->max_ns = rtt;
    if (e->answered > 0)
        e->jitter_ns += rtt > e->last_ns ? rtt - e->last_ns : e->last_ns - rtt;
    e->last_ns = rtt;
    e->sum_ns += rtt;
    e->answered++;
    e->hop_limit = echo->hop_limit;
}

/* --- result --- */

static double loss_of(const struct echoes *e)
{
    must(e->answered >= 0 && e->answered <= e->sent);
    return e->sent > 0 ? (double)(e->sent - e->answered) / e->sent : 1;
}

static void add_metrics(struct echoes *e, int64_t resolve_ns, int64_t setup_ns, struct result *r)
{
    int64_t rtt = e->answered > 0 ? e->sum_ns / e->answered : 0;
    r->latency_us = rtt / 1000;
    result_metric_label(r, "probe_icmp_duration_seconds", "phase", "resolve",
                        (double)resolve_ns / 1e9);
    result_metric_label(r, "probe_icmp_duration_seconds", "phase", "setup", (double)setup_ns / 1e9);
    result_metric_label(r, "probe_icmp_duration_seconds", "phase", "rtt", (double)rtt / 1e9);
    result_metric(r, "probe_icmp_packet_loss_ratio", loss_of(e));
    if (e->answered > 0 && e->hop_limit)
        result_metric(r, "probe_icmp_reply_hop_limit", e->hop_limit);
    if (e->answered < 2)
        return;
    result_metric(r, "probe_icmp_jitter_seconds", (double)e->jitter_ns / (e->answered - 1) / 1e9);
    result_metric(r, "probe_icmp_min_seconds", (double)e->min_ns / 1e9);
    result_metric(r, "probe_icmp_max_seconds", (double)e->max_ns / 1e9);
}

static void judge(const struct echoes *e, struct result *r)
{
    const struct icmp_expect *x = &e->c->expect;
    double lost = 100 * loss_of(e);
    if (e->answered == 0 && e->err.code)
        result_fail(r, "no echo from %s: %s", r->address, e->err.msg);
    else if (e->answered == 0)
        result_fail(r, "no echo from %s: %d sent, none answered in time", r->address, e->sent);
    else if (lost > x->max_loss && x->max_loss_action == LATENCY_FAIL)
        result_fail(r, "%.0f %% of %d echoes lost; want at most %.4g %%", lost, e->sent,
                    x->max_loss);
    else if (lost > x->max_loss)
        result_warn(r, "%.0f %% of %d echoes lost; want at most %.4g %%", lost, e->sent,
                    x->max_loss);
    if (e->answered > 0)
        expect_latency(r, x->max_latency_ms, (enum latency_action)x->max_latency_action);
    if (!r->success)
        return;
    if (e->sent == 1)
        result_ok(r, "echo from %s in %.3f ms", r->address, (double)e->sum_ns / 1e6);
    else
        result_ok(r, "%d of %d echoes from %s, mean %.3f ms, min %.3f, max %.3f", e->answered,
                  e->sent, r->address, (double)e->sum_ns / e->answered / 1e6,
                  (double)e->min_ns / 1e6, (double)e->max_ns / 1e6);
}

static void make_packet(struct echoes *e)
{
    struct arena *a = e->p->arena;
    e->what.n = ICMP_HEADER + (size_t)e->c->size;
    e->what.packet = arena_alloc(a, e->what.n);
    for (size_t i = ICMP_HEADER; i < e->what.n; i++)
        e->what.packet[i] = (uint8_t)i;
    e->what.ttl = (int)e->c->ttl;
    e->what.has_from = source_addr(e->c->source, &e->what.from) != NULL;
    e->what.dont_fragment = e->c->dont_fragment;
    e->at = arena_array_of(a, struct icmp_echo, e->c->count);
}

/* The first address to which this host has a way at all: it may have no IPv6. */
static void echo_any(struct echoes *e, const struct resolved *to)
{
    must(to->n >= 1);
    for (int i = 0; i < to->n; i++) {
        e->what.to = to->at[i];
        e->sent = 0;
        err_clear(&e->err);
        echo_all(e);
        bool no_way = e->err.code && e->at[0].state == ECHO_IDLE;
        if (!no_way || clock_mono_ns() >= e->p->deadline_ns)
            return;
    }
}

static void icmp_run(struct probe *p, struct result *r)
{
    struct icmp_hub *own = NULL;
    struct echoes *e = arena_new_of(p->arena, struct echoes);
    struct resolved to;
    e->p = p;
    e->c = p->config;
    if (probe_resolve(p, e->c->host, 0, (enum ip_version)e->c->ip_version, r, &to) != 0)
        return;
    e->hub = p->env->icmp ? p->env->icmp : (own = icmp_hub_new(p->env->loop));
    int64_t start = clock_mono_ns();
    make_packet(e);
    int64_t ready = clock_mono_ns();
    echo_any(e, &to);
    for (int i = 0; i < e->sent; i++) {
        icmp_hub_forget(&e->at[i]);
        count_one(e, &e->at[i]);
    }
    icmp_hub_free(&own);
    result_set_address(r, &e->what.to);
    add_metrics(e, to.took_ns, ready - start, r);
    judge(e, r);
    struct condition_facts facts = condition_facts_of(r);
    facts.connected = e->answered > 0;
    conditions_judge_good(e->c->expect.compiled, &facts, r);
}

static const char *const icmp_schemes[] = {"icmp", "ping", NULL};

const struct prober_ops icmp_prober = {
    .type = "icmp",
    .kind = PROBER_NETWORK,
    .title = {"Ping (ICMP)", "Ping(ICMP)"},
    .help = {"Sends ICMP echoes and measures round trip, loss and jitter.",
             "发送 ICMP 回显，测量往返时间、丢包与抖动。"},
    .schemes = icmp_schemes,
    .options = icmp_options,
    .config_size = sizeof(struct icmp_config),
    .from_url = icmp_from_url,
    .validate = icmp_validate,
    .describe = icmp_describe,
    .run = icmp_run,
};
