/* ntp: does a time server answer, is it synchronised itself, and how far is this machine's clock from it?
 *
 *   request → answer (again every second or more until the deadline)
 *   offset = ((T2 - T1) + (T3 - T4)) / 2, T1 and T4 by this machine's clock, T2 and T3 by the server's
 *   and known to half of the way there and back, delay = (T4 - T1) - (T3 - T2): only what is certain is judged
 *
 * RFC 5905, as a client (SNTP). Runs in watchers; ntp_wire.c reads the foreign bytes. */
#include <math.h>
#include <stdio.h>
#include <time.h>

#include "base/clock.h"
#include "base/rng.h"
#include "base/str.h"
#include "probe/ntp_wire.h"
#include "probe/probers.h"
#include "probe/udp_talk.h"

#define LEAP_UNKNOWN 3

struct ntp_expect {
    int64_t max_offset_ms, offset_warning_ms, max_dispersion_ms, max_stratum;
    struct latency_bound latency;
};

struct ntp_config {
    struct service service;
    struct ntp_expect expect;
};

static const struct option expect_options[] = {
    {"max_offset", OPT_DURATION, offsetof(struct ntp_expect, max_offset_ms), .def = "1s",
     .help = {"Fails when the clocks differ by more than this; 0 is never.",
              "时钟偏差超过此值即为失败；0 表示不检查。"}},
    {"offset_warning", OPT_DURATION, offsetof(struct ntp_expect, offset_warning_ms), .def = "100ms",
     .help = {"Degraded when they differ by more than this; 0 is never.",
              "时钟偏差超过此值视为降级；0 表示不检查。"}},
    {"max_root_dispersion", OPT_DURATION, offsetof(struct ntp_expect, max_dispersion_ms),
     .def = "500ms",
     .help = {"Degraded when the server itself is less sure of its time than this; 0 is never.",
              "服务器自身的根离散超过此值视为降级；0 表示不检查。"}},
    {"max_stratum", OPT_INT, offsetof(struct ntp_expect, max_stratum), .def = "15", .min = 1,
     .max = 15,
     .help = {"Fails when the server is farther from a clock.", "服务器层级高于此值即为失败。"}},
    EXPECT_LATENCY(struct ntp_expect),
    OPTION_END,
};

static const struct option ntp_options[] = {
    UDP_SERVICE_ADDRESS(struct ntp_config, "123"),
    {"expect", OPT_SECTION, offsetof(struct ntp_config, expect), .sub = expect_options,
     .help = {"What counts as good.", "怎样算正常。"}},
    OPTION_END,
};

static struct node *ntp_from_url(const char *text, struct arena *a, struct err *err)
{
    struct url u;
    return service_from_url(text, NULL, &u, a, err);
}

static void ntp_describe(const void *config, struct buf *out)
{
    const struct ntp_config *c = config;
    service_describe(&c->service, out);
}

/* --- asking --- */

struct asking {
    uint64_t cookie;
    double sent;     /* Unix time, s: T1 */
    int64_t sent_ns; /* the same by the monotonic clock */
    double rtt_s;    /* T4 - T1 */
    struct ntp_answer answer;
};

static double wall_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* A new number for each try: an answer to an earlier one would spoil the times. */
static int write_request(void *arg, int nth, struct buf *out, struct err *err)
{
    struct asking *q = arg;
    uint8_t packet[NTP_PACKET];
    (void)nth;
    (void)err;
    q->cookie = rng_secure_u64() | 1;
    ntp_write(packet, q->cookie);
    buf_add(out, packet, sizeof(packet));
    q->sent = wall_s();
    q->sent_ns = clock_mono_ns();
    return 0;
}

static int read_answer(void *arg, const uint8_t *p, size_t n, struct err *err)
{
    struct asking *q = arg;
    q->rtt_s = (double)(clock_mono_ns() - q->sent_ns) / 1e9;
    return ntp_read(p, n, q->cookie, q->sent, &q->answer, err);
}

/* --- judging --- */

static const char *kiss_text(const char *code)
{
    return streq(code, "RATE")                          ? ": it is asked too often"
           : streq(code, "DENY") || streq(code, "RSTR") ? ": it does not serve this machine"
                                                        : "";
}

static int judge_server(const struct ntp_config *c, const struct ntp_answer *a, struct err *err)
{
    const char *host = c->service.host;
    must(a->stratum >= 0 && a->leap >= 0 && a->leap <= 3);
    if (a->stratum == 0 && a->reference[0])
        return err_set(err, ERR_REFUSED, "%s sent a kiss of death, %s%s", host, a->reference,
                       kiss_text(a->reference));
    if (a->stratum == 0 || a->stratum > 15 || a->leap == LEAP_UNKNOWN)
        return err_set(err, ERR_INVALID, "%s is not synchronised itself (stratum %d, leap %d)",
                       host, a->stratum, a->leap);
    if (a->stratum > c->expect.max_stratum)
        return err_set(err, ERR_INVALID, "%s has stratum %d; want at most %d", host, a->stratum,
                       (int)c->expect.max_stratum);
    return 0;
}

static void judge_offset(const struct ntp_config *c, double offset_s, double delay_s,
                         double dispersion_s, struct result *r)
{
    const struct ntp_expect *e = &c->expect;
    double ms = offset_s * 1000, unsure = fmax(delay_s, 0) * 1000 / 2, sure = fabs(ms) - unsure;
    must(dispersion_s >= 0);
    if (e->max_offset_ms > 0 && sure > (double)e->max_offset_ms)
        result_fail(r, "the clocks differ by %.3f ± %.3f ms; want at most %lld ms", ms, unsure,
                    (long long)e->max_offset_ms);
    else if (e->offset_warning_ms > 0 && sure > (double)e->offset_warning_ms)
        result_warn(r, "the clocks differ by %.3f ± %.3f ms; want at most %lld ms", ms, unsure,
                    (long long)e->offset_warning_ms);
    if (e->max_dispersion_ms > 0 && dispersion_s * 1000 > (double)e->max_dispersion_ms)
        result_warn(r, "the server's root dispersion is %.1f ms; want at most %lld ms",
                    dispersion_s * 1000, (long long)e->max_dispersion_ms);
}

static void report(const struct ntp_config *c, const struct asking *q, struct result *r)
{
    const struct ntp_answer *a = &q->answer;
    struct err err = {0};
    result_metric(r, "ntp_stratum", a->stratum);
    result_metric(r, "ntp_leap", a->leap);
    result_metric(r, "ntp_rtt_seconds", q->rtt_s);
    result_metric(r, "ntp_root_delay_seconds", a->root_delay_s);
    result_metric(r, "ntp_root_dispersion_seconds", a->root_dispersion_s);
    result_fact(r, "ntp_reference", arena_strdup(r->arena, a->reference));
    if (judge_server(c, a, &err) != 0) {
        result_fail_err(r, &err);
        return;
    }
    double offset = ((a->receive - q->sent) + (a->transmit - (q->sent + q->rtt_s))) / 2;
    result_metric(r, "ntp_offset_seconds", offset);
    double held = fmax(a->transmit - a->receive, 0); /* by the server */
    judge_offset(c, offset, q->rtt_s - held, a->root_dispersion_s, r);
    result_ok(r, "stratum %d, offset %.3f ms, by %s", a->stratum, offset * 1000, a->reference);
}

static void ntp_run(struct probe *p, struct result *r)
{
    const struct ntp_config *c = p->config;
    struct udp_talk t;
    struct asking q = {0};
    struct err err = {0};
    int64_t start = clock_mono_ns();
    const struct udp_question question = {&q, write_request, read_answer};
    if (udp_talk_open(&t, p, &c->service, r) == 0) {
        if (udp_talk_ask(&t, &question, &err) != 0)
            result_fail_err(r, &err);
        else
            report(c, &q, r);
    }
    udp_talk_close(&t);
    result_metric(r, "ntp_up", r->success);
    r->latency_us = (clock_mono_ns() - start) / 1000;
    expect_latency(r, c->expect.latency.max_ms, (enum latency_action)c->expect.latency.action);
}

static const char *const ntp_schemes[] = {"ntp", NULL};

const struct prober_ops ntp_prober = {
    .type = "ntp",
    .kind = PROBER_NETWORK,
    .title = {"NTP", "NTP"},
    .help = {"Asks a time server: is it synchronised, and how far is this machine's clock from it?",
             "查询时间服务器：自身是否同步，与本机时钟相差多少。"},
    .schemes = ntp_schemes,
    .options = ntp_options,
    .config_size = sizeof(struct ntp_config),
    .default_port = 123,
    .from_url = ntp_from_url,
    .describe = ntp_describe,
    .run = ntp_run,
};
