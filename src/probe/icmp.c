/* icmp: does the host answer echo requests (RFC 792, RFC 4443), how fast, and how many are lost?
 *
 *   resolve → open a socket (icmp_socket.h) → echo … echo, spaced → wait for the missing → statistics
 *
 *   byte  0     1     2-3       4-5  6-7   8-15   16…
 *         type  code  checksum  id   seq   token  filler
 *
 * A reply counts when its sequence number and token are ours (and, on a raw socket, its identifier): the kernel
 * may have given the identifier of a datagram socket that is gone to the next one. Runs in watchers. */
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>

#include "base/rng.h"
#include "base/str.h"
#include "io/fiber.h"
#include "probe/common.h"
#include "probe/icmp_idle.h"
#include "probe/icmp_socket.h"
#include "probe/probers.h"
#include "probe/url.h"

#define COUNT_MAX  100
#define SIZE_MAX_V 65400
#define TOKEN      8
#define IP_ROOM    60 /* IPv4's longest header, which raw sockets hand over */

struct icmp_expect {
    double max_loss; /* percent */
    int max_loss_action;
    int64_t max_latency_ms;
    int max_latency_action;
};

struct icmp_config {
    const char *host;
    int64_t count, spacing_ms, size, ttl;
    bool dont_fragment;
    int ip_version;
    struct icmp_expect expect;
};

static const struct option expect_options[] = {
    {"max_loss", OPT_F64, offsetof(struct icmp_expect, max_loss), .def = "0", .min = 0, .max = 100,
     .unit = "%",
     .help = {"More lost echoes than this is degraded (or down, see max_loss_action); all lost is "
              "always down.",
              "丢包超过此比例视为降级(或故障,见 max_loss_action);全部丢失总是故障。"}},
    {"max_loss_action", OPT_ENUM, offsetof(struct icmp_expect, max_loss_action), .def = "warn",
     .choices = latency_action_choices, .advanced = true,
     .help = {"What lost echoes mean.", "丢包意味着什么。"}},
    {"max_latency", OPT_DURATION, offsetof(struct icmp_expect, max_latency_ms), .example = "100ms",
     .help = {"A slower mean is degraded (or down, see max_latency_action).",
              "平均往返超过此时间视为降级(或故障,见 max_latency_action)。"}},
    {"max_latency_action", OPT_ENUM, offsetof(struct icmp_expect, max_latency_action),
     .def = "warn", .choices = latency_action_choices, .advanced = true,
     .help = {"What slowness means.", "过慢意味着什么。"}},
    OPTION_END,
};

static const struct option icmp_options[] = {
    {"host", OPT_STRING, offsetof(struct icmp_config, host), .required = true, .max = 255,
     .example = "gw.example.com", .help = {"Host name or address.", "主机名或地址。"}},
    {"count", OPT_INT, offsetof(struct icmp_config, count), .def = "1", .min = 1, .max = COUNT_MAX,
     .help = {"Echoes a probe; several also give loss and jitter.",
              "每次探测的回显个数;多个时可得丢包与抖动。"}},
    {"spacing", OPT_DURATION, offsetof(struct icmp_config, spacing_ms), .def = "200ms", .min = 1,
     .max = 60000, .advanced = true,
     .help = {"Time between two echoes; less when the timeout leaves no room for it.",
              "两个回显的间隔;超时不够时自动缩短。"}},
    {"size", OPT_SIZE, offsetof(struct icmp_config, size), .def = "56", .min = 0, .max = SIZE_MAX_V,
     .advanced = true, .help = {"Bytes of payload.", "负载字节数。"}},
    {"ttl", OPT_INT, offsetof(struct icmp_config, ttl), .def = "0", .min = 0, .max = 255,
     .advanced = true, .help = {"Hop limit; 0 is the system's.", "跳数上限;0 为系统默认。"}},
    {"dont_fragment", OPT_BOOL, offsetof(struct icmp_config, dont_fragment), .def = "false",
     .advanced = true,
     .help = {"Forbid fragments: finds a path whose MTU is too small.",
              "禁止分片,可发现 MTU 过小的路径。"}},
    {"ip_version", OPT_ENUM, offsetof(struct icmp_config, ip_version), .def = "any",
     .choices = ip_version_choices, .advanced = true,
     .help = {"Use only IPv4 or IPv6.", "只用 IPv4 或 IPv6。"}},
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
    struct icmp_socket s;
    uint8_t token[TOKEN];
    uint8_t *packet, *room; /* what is sent; where replies are read */
    size_t packet_n, room_n;
    int64_t sent_ns[COUNT_MAX];
    bool settled[COUNT_MAX]; /* answered or reported undeliverable */
    int sent, answered, refused;
    int64_t min_ns, max_ns, sum_ns, last_ns, jitter_ns; /* jitter: sum of differences */
    int hop_limit;
    bool fatal; /* nothing more will come */
    struct err err;
};

/* RFC 1071 */
static uint16_t checksum(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    if (n & 1)
        sum += (uint32_t)p[n - 1] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void write_packet(struct echoes *e, int seq)
{
    uint8_t *p = e->packet;
    memset(p, 0, ICMP_HEADER);
    p[0] = e->s.v6 ? 128 : 8;
    memcpy(p + 4, &e->s.id, 2);
    p[6] = (uint8_t)(seq >> 8);
    p[7] = (uint8_t)seq;
    if (e->packet_n >= ICMP_HEADER + TOKEN)
        memcpy(p + ICMP_HEADER, e->token, TOKEN);
    if (!e->s.v6) { /* the kernel does it for ICMPv6 */
        uint16_t sum = checksum(p, e->packet_n);
        p[2] = (uint8_t)(sum >> 8);
        p[3] = (uint8_t)sum;
    }
}

static void send_one(struct echoes *e)
{
    must(e->sent < COUNT_MAX);
    write_packet(e, e->sent);
    e->sent_ns[e->sent] = clock_mono_ns();
    ssize_t n = send(e->s.fd, e->packet, e->packet_n, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) /* the socket's own queue is full: lost, as any other */
        n = (ssize_t)e->packet_n;
    e->sent++;
    if (n >= 0)
        return;
    e->fatal = true;
    if (errno == EMSGSIZE)
        err_set(&e->err, ERR_REFUSED, "an echo of %zu bytes is too big for the path", e->packet_n);
    else if (errno == EPERM)
        err_set(&e->err, ERR_DENIED, "a filter of this host forbids sending the echo");
    else
        err_sys(&e->err, ERR_REFUSED, "cannot send an echo");
}

static bool is_ours(const struct echoes *e, const struct icmp_seen *seen, int *seq)
{
    const uint8_t *p = seen->data;
    if (seen->n < ICMP_HEADER || p[0] != (e->s.v6 ? 129 : 0) || p[1] != 0)
        return false;
    if (e->s.raw && memcmp(p + 4, &e->s.id, 2) != 0)
        return false;
    *seq = p[6] << 8 | p[7];
    if (*seq >= e->sent || e->settled[*seq])
        return false;
    if (e->packet_n < ICMP_HEADER + TOKEN)
        return true;
    return seen->n >= ICMP_HEADER + TOKEN && memcmp(p + ICMP_HEADER, e->token, TOKEN) == 0;
}

static void count_reply(struct echoes *e, int seq, int hop_limit)
{
    int64_t rtt = clock_mono_ns() - e->sent_ns[seq];
    must(rtt >= 0 && !e->settled[seq]);
    e->settled[seq] = true;
    if (e->answered == 0 || rtt < e->min_ns)
        e->min_ns = rtt;
    if (rtt > e->max_ns)
        e->max_ns = rtt;
    if (e->answered > 0)
        e->jitter_ns += rtt > e->last_ns ? rtt - e->last_ns : e->last_ns - rtt;
    e->last_ns = rtt;
    e->sum_ns += rtt;
    e->answered++;
    if (hop_limit)
        e->hop_limit = hop_limit;
}

/* Takes what has arrived; returns false when nothing is there. */
static bool take_one(struct echoes *e, bool look_for_errors)
{
    struct icmp_seen seen;
    int seq;
    int rc = icmp_take(&e->s, e->room, e->room_n, look_for_errors, &seen, &seq, &e->err);
    if (rc == 0)
        return false;
    if (rc > 0) {
        if (is_ours(e, &seen, &seq))
            count_reply(e, seq, seen.hop_limit);
        return true;
    }
    if (seq < 0) { /* about none in particular: all that are open */
        e->fatal = true;
    } else if (seq < e->sent && !e->settled[seq]) {
        e->settled[seq] = true;
        e->refused++;
    }
    return true;
}

/* Takes what comes until the deadline, or until all that were sent are settled. */
static void receive(struct echoes *e, int64_t deadline_ns)
{
    bool look = false;
    while (!e->fatal && e->answered + e->refused < e->sent) {
        if (take_one(e, look))
            continue;
        struct err err = {0};
        look = true;
        if (io_wait(e->s.fd, IO_READ, deadline_ns, &err) >= 0)
            continue;
        if (err.code != ERR_TIMEOUT) {
            e->err = err;
            e->fatal = true;
        }
        return;
    }
}

static void echo_all(struct echoes *e)
{
    int64_t start = clock_mono_ns(), count = e->c->count;
    int64_t spacing = e->c->spacing_ms * NS_PER_MS;
    int64_t most = (e->p->deadline_ns - start) / (count + 1); /* leave time for the last reply */
    if (spacing > most)
        spacing = most > 0 ? most : 0;
    for (int i = 0; i < count && !e->fatal; i++) {
        int64_t next = start + (i + 1) * spacing;
        bool last = i + 1 == count;
        send_one(e);
        receive(e, last ? e->p->deadline_ns : next);
        if (!last && !e->fatal && fiber_sleep(next, &e->err) != 0)
            e->fatal = true;
    }
}

/* --- result --- */

static double loss_of(const struct echoes *e)
{
    return e->sent > 0 ? (double)(e->sent - e->answered) / e->sent : 1;
}

static void add_statistics(struct echoes *e, struct result *r)
{
    result_metric(r, "probe_icmp_packet_loss_ratio", loss_of(e));
    if (e->answered == 0)
        return;
    if (e->hop_limit)
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
    e->packet_n = ICMP_HEADER + (size_t)e->c->size;
    e->packet = arena_alloc(a, e->packet_n);
    e->room_n = e->packet_n + IP_ROOM;
    e->room = arena_alloc(a, e->room_n);
    rng_secure(e->token, sizeof(e->token));
    for (size_t i = ICMP_HEADER + TOKEN; i < e->packet_n; i++)
        e->packet[i] = (uint8_t)i;
}

static struct icmp_settings settings_of(const struct icmp_config *c)
{
    return (struct icmp_settings){(int)c->ttl, c->dont_fragment};
}

/* The first address to which this host has a way at all: it may have no IPv6. */
static int open_any(struct echoes *e, const struct resolved *to, struct result *r)
{
    struct icmp_settings set = settings_of(e->c);
    int rc = -1, i = 0;
    must(to->n >= 1);
    for (; i < to->n && rc != 0; i++)
        rc = icmp_idle_open(e->p->env->icmp, &e->s, &to->at[i], &set, &e->err);
    result_set_address(r, &to->at[i - 1]);
    if (rc != 0)
        result_fail_err(r, &e->err);
    return rc;
}

static void icmp_run(struct probe *p, struct result *r)
{
    struct echoes *e = arena_new_of(p->arena, struct echoes);
    struct resolved to;
    e->p = p;
    e->c = p->config;
    if (probe_resolve(p, e->c->host, 0, (enum ip_version)e->c->ip_version, r, &to) != 0)
        return;
    int64_t start = clock_mono_ns();
    make_packet(e);
    if (open_any(e, &to, r) != 0) {
        add_statistics(e, r);
        return;
    }
    int64_t ready = clock_mono_ns();
    echo_all(e);
    struct icmp_settings set = settings_of(e->c);
    icmp_idle_close(p->env->icmp, &e->s, &set, !e->fatal && e->answered == e->sent);
    int64_t rtt = e->answered > 0 ? e->sum_ns / e->answered : 0;
    r->latency_us = rtt / 1000;
    result_metric_label(r, "probe_icmp_duration_seconds", "phase", "resolve",
                        (double)to.took_ns / 1e9);
    result_metric_label(r, "probe_icmp_duration_seconds", "phase", "setup",
                        (double)(ready - start) / 1e9);
    result_metric_label(r, "probe_icmp_duration_seconds", "phase", "rtt", (double)rtt / 1e9);
    add_statistics(e, r);
    judge(e, r);
}

static const char *const icmp_schemes[] = {"icmp", "ping", NULL};

const struct prober_ops icmp_prober = {
    .type = "icmp",
    .title = {"Ping (ICMP)", "Ping(ICMP)"},
    .help = {"Sends ICMP echoes and measures round trip, loss and jitter.",
             "发送 ICMP 回显,测量往返时间、丢包与抖动。"},
    .schemes = icmp_schemes,
    .options = icmp_options,
    .config_size = sizeof(struct icmp_config),
    .from_url = icmp_from_url,
    .describe = icmp_describe,
    .run = icmp_run,
};
