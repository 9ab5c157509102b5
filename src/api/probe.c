/* See probe.h.
 *
 *   module, target, hostname ──bb_translate──► type + config ──core_try──► watcher ──► result ──bb_answer──► text
 *
 * What cannot be asked of a target is a probe that failed, as it is for blackbox_exporter: only a request that is wrong in itself
 * is answered 400. */
#include "api/probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "api/api_priv.h"
#include "api/metrics_self.h"
#include "api/probe_history.h"
#include "base/clock.h"
#include "base/str.h"
#include "probe/blackbox.h"

#define WATCHER_WAIT_NS (3 * NS_PER_S)
#define GRACE_MS        3000 /* for the watcher's answer beyond the probe's own time */
#define RECORD_MAX      (1 << 20)
#define DEBUG_MAX       (16 << 20) /* a module is 4 MiB at most, as it was written */

struct asking {
    struct call *call;
    struct bb_modules *modules; /* a reference */
    const struct bb_module *module;
    const char *name, *target, *hostname;
    int64_t timeout_ms;
    struct bb_probe probe;
    struct waiter *waiter;
    struct result *result;
    struct err err;
    int rc;
};

static void say(struct call *k, int status, const char *fmt, ...) printf_like(3, 4);
static void say(struct call *k, int status, const char *fmt, ...)
{
    va_list ap;
    must(status >= 400);
    k->resp->status = status;
    k->resp->content_type = "text/plain; charset=utf-8";
    buf_clear(&k->resp->body);
    va_start(ap, fmt);
    buf_vprintf(&k->resp->body, fmt, ap);
    va_end(ap);
    buf_putc(&k->resp->body, '\n');
}

/* --- the request --- */

static void modules_on_core(void *arg)
{
    struct asking *q = arg;
    q->modules = bb_ref(core_blackbox(q->call->api->core));
}

static const char *parameter(struct call *k, const char *name)
{
    const char *value = http_req_query(k->req, name);
    return value ? value : "";
}

static bool read_timeout(struct asking *q)
{
    const char *text = http_req_header(q->call->req, "X-Prometheus-Scrape-Timeout-Seconds");
    double seconds = 0;
    if (text && *text && str_to_f64(str_of(text), &seconds, NULL) != 0) {
        say(q->call, 500, "X-Prometheus-Scrape-Timeout-Seconds: got \"%.40s\"; want seconds", text);
        return false;
    }
    int64_t ms = bb_timeout_ms(q->module, seconds);
    q->timeout_ms = ms > 0 ? ms : 1;
    return true;
}

static bool read_request(struct asking *q)
{
    struct call *k = q->call;
    q->name = parameter(k, "module");
    if (!*q->name)
        q->name = BB_DEFAULT_MODULE;
    q->target = parameter(k, "target");
    on_core(k, modules_on_core, q);
    q->module = bb_module(q->modules, q->name);
    if (!q->module) {
        atomic_fetch_add(&k->api->gate.unknown, 1);
        say(k, 400, "Unknown module \"%s\"", q->name);
        return false;
    }
    if (!read_timeout(q))
        return false;
    if (!*q->target) {
        say(k, 400, "Target parameter is missing");
        return false;
    }
    const char *prober = bb_module_prober(q->module), *hostname = parameter(k, "hostname");
    bool takes = streq(prober, "http") || streq(prober, "tcp");
    q->hostname = takes && *hostname ? hostname : NULL;
    return true;
}

/* --- the probe --- */

static void try_on_core(void *arg)
{
    struct asking *q = arg;
    struct call *k = q->call;
    struct target t = {
        .name = "probe",
        .group = "",
        .type = q->probe.type,
        .interval_ms = q->timeout_ms,
        .timeout_ms = q->timeout_ms,
        .connect_timeout_ms = q->timeout_ms,
        .attempts = 1,
        .threshold = 1,
        .one_address = true,
        .enabled = true,
    };
    must(q->timeout_ms > 0 && q->waiter);
    err_clear(&q->err);
    q->rc = core_try(k->api->core, &t, q->probe.config, &k->problems, q->waiter, &q->err);
}

/* The watcher may be starting just now. */
static int ask_watcher(struct asking *q)
{
    int64_t end = clock_mono_ns() + WATCHER_WAIT_NS;
    for (;;) {
        on_core(q->call, try_on_core, q);
        if (q->rc == 0 || q->err.code != ERR_BUSY || clock_mono_ns() > end)
            return q->rc;
        nanosleep(&(struct timespec){.tv_nsec = 20 * NS_PER_MS}, NULL);
    }
}

static void fail(struct asking *q)
{
    q->result = arena_new_of(q->call->arena, struct result);
    result_init(q->result, q->call->arena);
    q->result->checked_ms = clock_wall_ms();
    if (q->call->problems.list.n)
        result_fail(q->result, "%s: %s", q->call->problems.list.at[0].field,
                    q->call->problems.list.at[0].message);
    else
        result_fail_err(q->result, &q->err);
}

/* False: answered already. */
static bool await_result(struct asking *q)
{
    struct call *k = q->call;
    struct buf record = BUF_INIT(RECORD_MAX);
    bool came = call_wait(k, q->waiter, q->timeout_ms + GRACE_MS, &record) == 0;
    if (came) {
        q->result = arena_new_of(k->arena, struct result);
        came = result_decode(record.data, record.len, k->arena, q->result, &q->err) == 0;
        if (!came)
            call_fail(k, &q->err);
    }
    buf_done(&record);
    return came;
}

/* False: answered already. */
static bool run(struct asking *q)
{
    struct call *k = q->call;
    if (bb_translate(q->module, q->target, q->hostname, true, k->arena, &q->probe, &q->err) != 0) {
        if (q->err.code == ERR_CONFLICT) {
            say(k, 400, "%s", q->err.msg);
            return false;
        }
        fail(q);
        return true;
    }
    q->waiter = call_waiter(k);
    bool good = true;
    if (ask_watcher(q) == 0)
        good = await_result(q);
    else if (q->err.code == ERR_INVALID)
        fail(q);
    else {
        call_fail(k, &q->err);
        good = false;
    }
    waiter_unref(q->waiter);
    return good;
}

/* --- the answer --- */

static void put_quoted(struct buf *out, const char *key, const char *value)
{
    buf_printf(out, " %s=\"", key);
    metrics_escape(out, value);
    buf_putc(out, '"');
}

static void put_log(struct asking *q, struct buf *out, const char *level, const char *what,
                    const char *key, const char *value)
{
    char when[40];
    buf_printf(out, "ts=%s module=%s target=%s level=%s", time_format(q->result->checked_ms, when),
               q->name, q->target, level);
    put_quoted(out, "msg", what);
    if (key)
        put_quoted(out, key, value);
    buf_putc(out, '\n');
}

static void put_log_of_probe(struct asking *q, struct buf *out)
{
    const struct result *r = q->result;
    char seconds[40];
    snprintf(seconds, sizeof(seconds), "%.3f", (double)q->timeout_ms / 1000);
    buf_puts(out, "Logs for the probe:\n");
    put_log(q, out, "info", "the probe begins", "timeout_seconds", seconds);
    if (r->address && *r->address)
        put_log(q, out, "info", "the target's address", "ip", r->address);
    for (int i = 0; i < r->n_warnings; i++)
        put_log(q, out, "warn", r->warnings[i], NULL, NULL);
    for (int i = 0; i < r->n_metrics; i++)
        if (r->metrics[i].is_text)
            put_log(q, out, "debug", r->metrics[i].name, "value", r->metrics[i].text);
    snprintf(seconds, sizeof(seconds), "%.6f", (double)r->latency_us / 1e6);
    put_log(q, out, r->success ? "info" : "error", r->message, "duration_seconds", seconds);
}

static void put_debug(struct asking *q, const struct buf *metrics, struct buf *out)
{
    put_log_of_probe(q, out);
    buf_puts(out, "\n\n\nMetrics that would have been returned:\n");
    buf_add(out, metrics->data, metrics->len);
    buf_puts(out, "\n\n\nModule configuration:\n");
    bb_module_yaml(q->module, out);
}

static void keep(struct asking *q, const struct buf *debug)
{
    probe_history_add(q->call->api->history, &(struct past_probe){
                                                 .at_ms = q->result->checked_ms,
                                                 .module = q->name,
                                                 .target = q->target,
                                                 .text = debug->data,
                                                 .success = q->result->success,
                                             });
}

static void answer(struct asking *q)
{
    struct call *k = q->call;
    struct buf metrics = BUF_INIT(RECORD_MAX), debug = BUF_INIT(DEBUG_MAX);
    bool debugs = streq(parameter(k, "debug"), "true");
    bb_answer(q->module, q->result, q->timeout_ms, &metrics);
    must(metrics.len > 0 && !metrics.failed); /* a result is RESULT_ENCODED_MAX bytes at most */
    put_debug(q, &metrics, &debug);
    must(debug.len > 0 && !debug.failed);
    keep(q, &debug);
    k->resp->content_type =
        debugs ? "text/plain; charset=utf-8" : "text/plain; version=0.0.4; charset=utf-8";
    const struct buf *told = debugs ? &debug : &metrics;
    buf_add(&k->resp->body, told->data, told->len);
    buf_done(&metrics);
    buf_done(&debug);
}

void probe_answer(struct call *k)
{
    struct asking q = {.call = k};
    struct probe_gate *g = &k->api->gate;
    atomic_fetch_add(&g->asked, 1);
    if (atomic_fetch_add(&g->running, 1) >= PROBES_MAX) {
        atomic_fetch_add(&g->refused, 1);
        say(k, 503, "%d probes run already; want them less often, or with a shorter timeout",
            PROBES_MAX);
    } else if (read_request(&q) && run(&q)) {
        answer(&q);
    }
    bb_unref(&q.modules);
    must(atomic_fetch_sub(&g->running, 1) > 0);
}

void probe_figures(struct probe_gate *g, struct figures *f)
{
    const struct {
        const char *name, *type, *help;
        double value;
    } rows[] = {
        {"belfry_probe_requests_total", "counter", "Requests of /probe.",
         (double)atomic_load(&g->asked)},
        {"belfry_probe_requests_running", "gauge", "Requests of /probe that run now.",
         (double)atomic_load(&g->running)},
        {"belfry_probe_requests_max", "gauge", "Such requests at once at most.", PROBES_MAX},
        {"belfry_probe_requests_refused_total", "counter",
         "Requests of /probe that found too many running.", (double)atomic_load(&g->refused)},
        {"blackbox_module_unknown_total", "counter",
         "Requests of /probe that named a module that there is not.",
         (double)atomic_load(&g->unknown)},
    };
    for (size_t i = 0; i < array_len(rows); i++)
        figure_add(f, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
}
