/* See metrics_self.h. */
#include "api/metrics_self.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "api/system.h"
#include "base/vec.h"

struct watcher_copy {
    const char *name;
    struct ring_stats ring;
#define X(field, help) int64_t field;
    BEAT_FIELDS(X)
#undef X
};

struct self {
    struct call *call;
    struct core_stats core;
    struct store_stats store;
    struct http_server_stats http;
    size_t targets, streams;
    bool store_works;
    int64_t result_keep_ms, result_max_bytes, ring_size, max_in_flight;
    vec_of(struct watcher_copy) watchers;
};

static bool copy_watcher(void *arg, const struct core_watcher_info *w)
{
    struct self *s = arg;
    struct watcher_copy *c = vec_add(&s->watchers);
    c->name = arena_strdup(s->call->arena, w->name);
    c->ring = w->ring;
    if (!w->beat)
        return true;
#define X(field, help) c->field = w->beat->field;
    BEAT_FIELDS(X)
#undef X
    return true;
}

static void copy_on_core(void *arg)
{
    struct self *s = arg;
    struct core *c = s->call->api->core;
    const struct config *cfg = core_config(c);
    core_get_stats(c, &s->core);
    store_stats(core_store(c), &s->store);
    s->targets = core_target_count(c);
    s->streams = sse_streams(s->call->api->events);
    s->store_works = !core_store_trouble(c);
    s->result_keep_ms = cfg->results.keep_ms;
    s->result_max_bytes = cfg->results.max_size;
    s->ring_size = cfg->limits.watcher.ring_size;
    s->max_in_flight = cfg->limits.watcher.max_in_flight;
    core_watchers_each(c, copy_watcher, s);
}

void metrics_family(struct buf *out, bool om, const char *name, const char *type, const char *help)
{
    char family[100];
    size_t n = strlen(name);
    bool counter = strcmp(type, "counter") == 0;
    must(!counter || (n > 6 && strcmp(name + n - 6, "_total") == 0));
    snprintf(family, sizeof(family), "%.*s", (int)(om && counter ? n - 6 : n), name);
    metrics_header(out, family, type, help);
}

static void one(struct buf *out, bool om, const char *name, const char *type, const char *help,
                double value)
{
    metrics_family(out, om, name, type, help);
    buf_puts(out, name);
    buf_putc(out, ' ');
    buf_add_f64(out, value);
    buf_putc(out, '\n');
}

struct row {
    const char *name, *type, *help;
    double value;
};

static void put_core(const struct self *s, struct buf *out, bool om)
{
    const struct row rows[] = {
        {"belfry_targets", "gauge", "Targets known.", (double)s->targets},
        {"belfry_results_total", "counter", "Results taken from the rings.",
         (double)s->core.results},
        {"belfry_results_dropped_total", "counter", "Results dropped while the store failed.",
         (double)(s->core.results_dropped + s->store.results_dropped)},
        {"belfry_results_replayed_total", "counter",
         "Records of an earlier life that were already stored.", (double)s->core.results_replayed},
        {"belfry_alerts_fired_total", "counter", "Alerts that began.",
         (double)s->core.alerts_fired},
        {"belfry_alerts_resolved_total", "counter", "Alerts that ended.",
         (double)s->core.alerts_resolved},
        {"belfry_deliveries_sent_total", "counter", "Messages that a vendor accepted.",
         (double)s->core.deliveries_sent},
        {"belfry_deliveries_failed_total", "counter", "Messages given up.",
         (double)s->core.deliveries_failed},
        {"belfry_delivery_retries_total", "counter", "Messages to be tried again.",
         (double)s->core.delivery_retries},
        {"belfry_deliveries_waiting", "gauge", "Deliveries not yet accepted.",
         (double)s->core.deliveries_waiting},
        {"belfry_batch_operations", "gauge", "Operations that wait for the next commit.",
         (double)s->core.pending_ops},
        {"belfry_batch_bytes", "gauge", "Bytes that wait for the next commit.",
         (double)s->core.pending_bytes},
        {"belfry_store_up", "gauge", "0 while the store does not accept writes.", s->store_works},
        {"belfry_store_batches_total", "counter", "Transactions committed.",
         (double)s->store.batches},
        {"belfry_store_rows_total", "counter", "Rows written.", (double)s->store.rows},
        {"belfry_store_failures_total", "counter", "Transactions that failed.",
         (double)s->store.failures},
        {"belfry_store_bytes", "gauge", "Bytes on disk.", (double)s->store.bytes_on_disk},
        {"belfry_store_max_bytes", "gauge", "Bytes that results may take.",
         (double)s->result_max_bytes},
        {"belfry_store_days", "gauge", "Days of results kept.", (double)s->store.days_kept},
        {"belfry_store_keep_seconds", "gauge", "How long results are kept.",
         (double)s->result_keep_ms / 1000},
        {"belfry_store_commit_seconds", "gauge", "Duration of the last commit.",
         (double)s->store.last_commit_ns / 1e9},
        {"belfry_config_reloads_total", "counter", "Configurations loaded while running.",
         (double)s->core.reloads},
        {"belfry_config_reload_failures_total", "counter", "Reloads refused.",
         (double)s->core.reload_failures},
        {"belfry_watcher_max_in_flight", "gauge", "Most probes at once in one watcher.",
         (double)s->max_in_flight},
    };
    for (size_t i = 0; i < array_len(rows); i++)
        one(out, om, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
}

static void put_http(const struct self *s, struct buf *out, bool om)
{
    const struct http_server_stats *h = &s->http;
    const struct row rows[] = {
        {"belfry_http_requests_total", "counter", "Requests to the API.", (double)h->requests},
        {"belfry_http_rejected_total", "counter",
         "Requests refused: too large, too many, or while stopping.", (double)h->rejected},
        {"belfry_http_connections", "gauge", "Open connections to the API.",
         (double)h->connections_now},
        {"belfry_http_workers_busy", "gauge", "Calls that hold a worker: those that may wait.",
         (double)h->workers.busy},
        {"belfry_http_workers_max", "gauge", "Such calls at once at most.",
         (double)h->workers.limit},
        {"belfry_http_calls_queued", "gauge", "Calls that wait for a worker.",
         (double)h->workers.queued},
        {"belfry_http_calls_refused_total", "counter", "Calls refused because the queue was full.",
         (double)h->workers.refused},
        {"belfry_event_streams", "gauge", "Open streams of server-sent events.",
         (double)s->streams},
    };
    for (size_t i = 0; i < array_len(rows); i++)
        one(out, om, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
}

static void put_process(struct buf *out, bool om)
{
    struct process_usage u;
    if (!system_process(getpid(), &u))
        return;
    one(out, om, "process_cpu_seconds_total", "counter", "CPU time of the core.",
        (double)u.cpu_ms / 1000);
    one(out, om, "process_resident_memory_bytes", "gauge", "Resident memory of the core.",
        (double)u.rss_bytes);
    one(out, om, "process_open_fds", "gauge", "Open descriptors of the core.", (double)u.fds);
}

static const struct watcher_metric {
    const char *name, *type, *help;
    size_t offset;
    double scale;
} watcher_metrics[] = {
#define M(name, type, field, scale, help)                                               \
    {                                                                                   \
        "belfry_watcher_" name, type, help, offsetof(struct watcher_copy, field), scale \
    }
    M("targets", "gauge", targets, 1, "Targets assigned."),
    M("in_flight", "gauge", in_flight, 1, "Probes running now."),
    M("probes_total", "counter", probes, 1, "Probes finished since the watcher started."),
    M("missed_rounds_total", "counter", missed_rounds, 1,
      "Rounds skipped because the target's last probe, or the loop, was late."),
    M("ring_dropped_total", "counter", ring_dropped, 1,
      "Results dropped because the ring was full."),
    M("assignment_errors_total", "counter", assignment_errors, 1,
      "Assignments that could not be loaded."),
    M("assignment_generation", "gauge", assignment, 1, "Generation of the loaded assignment."),
    M("loop_lag_seconds", "gauge", loop_lag_ns, 1e-9, "Lateness of the loop's last timer."),
    M("round_late_max_seconds", "gauge", late_max_ns, 1e-9,
      "Greatest lateness of a round in the last minute."),
    M("round_late_p99_seconds", "gauge", late_p99_ns, 1e-9,
      "99th percentile of the lateness of rounds in the last minute."),
#undef M
};

static void watcher_family(const struct self *s, struct buf *out, bool om,
                           const struct watcher_metric *m)
{
    metrics_family(out, om, m->name, m->type, m->help);
    for (size_t i = 0; i < s->watchers.n; i++) {
        const struct watcher_copy *w = &s->watchers.at[i];
        int64_t value = *(const int64_t *)((const char *)w + m->offset);
        buf_printf(out, "%s{watcher=\"", m->name);
        metrics_escape(out, w->name);
        buf_puts(out, "\"} ");
        buf_add_f64(out, (double)value * m->scale);
        buf_putc(out, '\n');
    }
}

static void ring_family(const struct self *s, struct buf *out)
{
    metrics_header(out, "belfry_ring_used_ratio", "gauge", "How full a watcher's ring is.");
    for (size_t i = 0; i < s->watchers.n; i++) {
        const struct watcher_copy *w = &s->watchers.at[i];
        buf_puts(out, "belfry_ring_used_ratio{watcher=\"");
        metrics_escape(out, w->name);
        buf_puts(out, "\"} ");
        buf_add_f64(out, w->ring.size ? (double)w->ring.used / (double)w->ring.size : 0);
        buf_putc(out, '\n');
    }
}

void metrics_self(struct call *k, struct buf *out, bool openmetrics)
{
    struct self s = {.call = k, .http = http_req_server_stats(k->req)};
    on_core(k, copy_on_core, &s);
    put_core(&s, out, openmetrics);
    put_http(&s, out, openmetrics);
    put_process(out, openmetrics);
    ring_family(&s, out);
    for (size_t i = 0; i < array_len(watcher_metrics); i++)
        watcher_family(&s, out, openmetrics, &watcher_metrics[i]);
    vec_done(&s.watchers);
    metrics_processes(k, out, openmetrics);
}
