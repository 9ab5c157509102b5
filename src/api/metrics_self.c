/* See metrics_self.h. */
#include "api/metrics_self.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "proc/usage.h"
#include "status/status.h"

struct gathering {
    struct call *call;
    struct figures *figures;
};

static void gather_on_core(void *arg)
{
    struct gathering *g = arg;
    core_figures(g->call->api->core, g->figures);
}

static void add_http(struct api *a, const struct http_server_stats *h, struct figures *f)
{
    const struct {
        const char *name, *type, *help;
        double value;
    } rows[] = {
        {"belfry_http_requests_total", "counter", "Requests to the API.", (double)h->requests},
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
        {"belfry_http_large_answers", "gauge", "Answers that are made while they are sent.",
         (double)h->streams_now},
        {"belfry_http_large_answers_cut_total", "counter",
         "Such answers cut off because the client read too slowly.", (double)h->streams_cut},
        {"belfry_event_streams", "gauge", "Open streams of server-sent events.",
         (double)sse_streams(a->events)},
    };
    for (size_t i = 0; i < array_len(rows); i++)
        figure_add(f, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
    for (int i = 0; i < HTTP_REJECTIONS_N; i++) {
        struct label why = {"reason", http_rejection_name((enum http_rejection)i)};
        figure_add_labelled(
            f, "belfry_http_rejected_total", "counter", "Requests and connections refused or cut.",
            arena_memdup(f->arena, &why, sizeof(why)), 1, (double)h->rejected_by[i]);
    }
    if (h->tls_expires_ms == 0)
        return;
    figure_add(f, "belfry_http_tls_reloads_total", "counter", "Times the certificate was replaced.",
               (double)h->tls_reloads);
    figure_add(f, "belfry_http_tls_reload_failures_total", "counter",
               "Times a changed certificate could not be used and the old one stayed.",
               (double)h->tls_failures);
    figure_add(f, "belfry_http_tls_certificate_expiry_timestamp_seconds", "gauge",
               "When the certificate in use expires.", (double)h->tls_expires_ms / 1000);
}

void api_figures(struct api *a, const struct http_server_stats *http, struct figures *f)
{
    struct process_usage u;
    check_magic(a, API_MAGIC);
    if (a->status)
        status_figures(a->status, f);
    add_http(a, http, f);
    probe_figures(&a->gate, f);
    if (!process_usage(getpid(), &u))
        return;
    figure_add(f, "process_cpu_seconds_total", "counter", "CPU time of the core.",
               (double)u.cpu_ms / 1000);
    figure_add(f, "process_resident_memory_bytes", "gauge", "Resident memory of the core.",
               (double)u.memory.resident_bytes);
    figure_add(f, "process_open_fds", "gauge", "Open descriptors of the core.", (double)u.files);
}

/* OpenMetrics names a counter's family without _total. */
static void put_family(struct buf *out, bool om, const struct figure *r)
{
    char family[100];
    size_t n = strlen(r->name);
    bool counter = strcmp(r->type, "counter") == 0;
    must(!counter || (n > 6 && strcmp(r->name + n - 6, "_total") == 0));
    snprintf(family, sizeof(family), "%.*s", (int)(om && counter ? n - 6 : n), r->name);
    metrics_header(out, family, r->type, r->help);
}

static void put_row(struct buf *out, const struct figure *r)
{
    buf_puts(out, r->name);
    for (uint32_t i = 0; i < r->n_labels; i++) {
        buf_puts(out, i == 0 ? "{" : ",");
        buf_puts(out, r->labels[i].name);
        buf_puts(out, "=\"");
        metrics_escape(out, r->labels[i].value);
        buf_putc(out, '"');
    }
    buf_puts(out, r->n_labels ? "} " : " ");
    buf_add_f64(out, r->value);
    buf_putc(out, '\n');
}

void metrics_self(struct call *k, struct buf *out, bool openmetrics)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct figures f;
    struct http_server_stats http = http_req_server_stats(k->req);
    figures_init(&f, a);
    struct gathering g = {k, &f};
    on_core(k, gather_on_core, &g);
    api_figures(k->api, &http, &f);
    const char *family = "";
    vec_each (&f.rows, r) {
        if (strcmp(family, r->name) != 0)
            put_family(out, openmetrics, r);
        family = r->name;
        put_row(out, r);
    }
    figures_done(&f);
}
