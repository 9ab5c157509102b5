/* See figures.h. Main loop, but for what only works on rows and labels. */
#include "core/figures.h"

#include <string.h>

#include "base/str.h"
#include "core/core_priv.h"
#include "core/figures_priv.h"
#include "core/location_priv.h"
#include "core/metrics_priv.h"

void figures_init(struct figures *f, struct arena *a)
{
    *f = (struct figures){.arena = a};
}

void figures_done(struct figures *f)
{
    vec_done(&f->rows);
}

void figure_add_labelled(struct figures *f, const char *name, const char *type, const char *help,
                         const struct label *labels, uint32_t n, double value)
{
    must(name && type && help && (labels || n == 0));
    vec_push(&f->rows, ((struct figure){name, type, help, labels, n, value}));
}

void figure_add(struct figures *f, const char *name, const char *type, const char *help,
                double value)
{
    figure_add_labelled(f, name, type, help, NULL, 0, value);
}

const char *probe_metric_help(const char *name)
{
    static const struct {
        const char *name, *help;
    } helps[] = {
        {"probe_success", "Whether the probe succeeded."},
        {"probe_duration_seconds", "How long the probe took."},
        {"probe_dns_lookup_time_seconds", "Time of resolving the name."},
        {"probe_http_status_code", "Status code of the answer."},
        {"probe_http_duration_seconds", "Duration of a phase of the request, over all redirects."},
        {"probe_http_content_length", "Length of the content by its header, -1 unknown."},
        {"probe_http_redirects", "Number of redirects."},
        {"probe_http_ssl", "Whether TLS was used at the end."},
        {"probe_http_version", "Version of HTTP of the answer."},
        {"probe_ip_protocol", "IP protocol used, 4 or 6."},
        {"probe_ip_addr_hash", "Hash of the address used; changes with it."},
        {"probe_ssl_earliest_cert_expiry",
         "Earliest end of a certificate in the chain, Unix time."},
        {"probe_ssl_last_chain_info", "The certificate that the server showed."},
        {"probe_icmp_duration_seconds", "Duration of a phase of the echo."},
        {"belfry_target_up", "0 while the target is down (its threshold was reached)."},
        {"belfry_target_degraded", "1 while the target works with warnings."},
        {"belfry_target_fail_count", "Consecutive failures."},
    };
    for (size_t i = 0; i < array_len(helps); i++)
        if (strcmp(helps[i].name, name) == 0)
            return helps[i].help;
    return "";
}

/* --- labels --- */

void label_name_clean(struct buf *out, const char *s)
{
    if (*s >= '0' && *s <= '9')
        buf_putc(out, '_');
    for (; *s; s++) {
        bool good = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') ||
                    (*s >= '0' && *s <= '9') || *s == '_';
        buf_putc(out, good ? *s : '_');
    }
}

bool label_name_same(const char *a, const char *b)
{
    struct buf x = BUF_INIT(1000), y = BUF_INIT(1000);
    label_name_clean(&x, a);
    label_name_clean(&y, b);
    bool same = x.len == y.len && (x.len == 0 || memcmp(x.data, y.data, x.len) == 0);
    buf_done(&x);
    buf_done(&y);
    return same;
}

static bool is_taken(const char *name, const struct label *labels, uint32_t n,
                     const char *const *reserved)
{
    for (; reserved && *reserved; reserved++)
        if (label_name_same(*reserved, name))
            return true;
    for (uint32_t i = 0; i < n; i++)
        if (label_name_same(labels[i].name, name))
            return true;
    return false;
}

const struct label *labels_joined(struct arena *a, const struct label *first, uint32_t n_first,
                                  const struct label *more, uint32_t n_more,
                                  const char *const *reserved, uint32_t *n)
{
    struct label *all = arena_array_of(a, struct label, n_first + n_more + 1);
    *n = 0;
    for (uint32_t i = 0; i < n_first; i++)
        all[(*n)++] = first[i];
    for (uint32_t i = 0; i < n_more; i++) {
        if (is_taken(more[i].name, all, *n, reserved))
            continue;
        struct buf name = BUF_INIT(1000);
        label_name_clean(&name, more[i].name);
        all[(*n)++] = (struct label){arena_strndup(a, name.data ? name.data : "", name.len),
                                     arena_strdup(a, more[i].value ? more[i].value : "")};
        buf_done(&name);
    }
    return all;
}

const struct label *core_target_labels(const struct core_target *v, struct arena *a, uint32_t *n)
{
    static const char *const reserved[] = {"phase",
                                           "server",
                                           "cipher",
                                           "version",
                                           "subject",
                                           "issuer",
                                           "subjectalternative",
                                           "serialnumber",
                                           "fingerprint_sha256",
                                           NULL};
    const struct target *t = v->target;
    const struct label ours[] = {
        {"target", t->name}, {"group", t->group}, {"type", t->type}, {"instance", v->instance}};
    return labels_joined(a, ours, array_len(ours), t->labels, t->n_labels, reserved, n);
}

/* --- the core --- */

static void add_rows(struct figures *f, const struct figure_row *rows, size_t n)
{
    for (size_t i = 0; i < n; i++)
        figure_add(f, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
}

static void add_work(struct core *c, struct figures *f)
{
    struct core_stats s;
    struct store_stats store;
    core_get_stats(c, &s);
    store_stats(c->store, &store);
    const struct figure_row rows[] = {
        {"belfry_targets", "gauge", "Targets known.", (double)c->order.n},
        {"belfry_results_total", "counter", "Results taken from the rings.", (double)s.results},
        {"belfry_results_dropped_total", "counter", "Results dropped while the store failed.",
         (double)(s.results_dropped + store.results_dropped)},
        {"belfry_results_replayed_total", "counter",
         "Records of an earlier life that were already stored.", (double)s.results_replayed},
        {"belfry_alerts_fired_total", "counter", "Alerts that began.", (double)s.alerts_fired},
        {"belfry_alerts_resolved_total", "counter", "Alerts that ended.",
         (double)s.alerts_resolved},
        {"belfry_deliveries_sent_total", "counter", "Messages that a vendor accepted.",
         (double)s.deliveries_sent},
        {"belfry_deliveries_failed_total", "counter", "Messages given up.",
         (double)s.deliveries_failed},
        {"belfry_delivery_retries_total", "counter", "Messages to be tried again.",
         (double)s.delivery_retries},
        {"belfry_deliveries_waiting", "gauge", "Deliveries not yet accepted.",
         (double)s.deliveries_waiting},
        {"belfry_batch_operations", "gauge", "Operations that wait for the next commit.",
         (double)s.pending_ops},
        {"belfry_batch_bytes", "gauge", "Bytes that wait for the next commit.",
         (double)s.pending_bytes},
        {"belfry_config_reloads_total", "counter", "Configurations loaded while running.",
         (double)s.reloads},
        {"belfry_config_reload_failures_total", "counter", "Reloads refused.",
         (double)s.reload_failures},
        {"blackbox_exporter_config_last_reload_successful", "gauge",
         "Whether the configuration, the modules of /probe with it, was taken at the last reload.",
         s.reloads + s.reload_failures == 0 || s.last_reload_ok},
        {"blackbox_exporter_config_last_reload_success_timestamp_seconds", "gauge",
         "When the modules of /probe were last taken.", (double)s.modules_ms / 1000},
        {"belfry_watcher_max_in_flight", "gauge", "Most probes at once in one watcher.",
         (double)c->config->limits.watcher.max_in_flight},
    };
    add_rows(f, rows, array_len(rows));
}

static void add_store(struct core *c, struct figures *f)
{
    struct store_stats s;
    store_stats(c->store, &s);
    const struct figure_row rows[] = {
        {"belfry_store_up", "gauge", "0 while the store does not accept writes.",
         !core_store_trouble(c)},
        {"belfry_store_batches_total", "counter", "Transactions committed.", (double)s.batches},
        {"belfry_store_rows_total", "counter", "Rows written.", (double)s.rows},
        {"belfry_store_failures_total", "counter", "Transactions that failed.", (double)s.failures},
        {"belfry_store_bytes", "gauge", "Bytes on disk.", (double)s.bytes_on_disk},
        {"belfry_store_max_bytes", "gauge", "Bytes that results may take.",
         (double)c->config->results.max_size},
        {"belfry_store_days", "gauge", "Days of results kept.", (double)s.days_kept},
        {"belfry_store_keep_seconds", "gauge", "How long results are kept.",
         (double)c->config->results.keep_ms / 1000},
        {"belfry_store_commit_seconds", "gauge", "Duration of the last commit.",
         (double)s.last_commit_ns / 1e9},
    };
    add_rows(f, rows, array_len(rows));
}

/* --- watchers --- */

struct watcher_copy {
    const struct label *label;
    double used;
#define X(field, help) int64_t field;
    BEAT_FIELDS(X)
#undef X
};

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

struct watcher_copies {
    struct figures *figures;
    vec_of(struct watcher_copy) all;
};

static bool copy_watcher(void *arg, const struct core_watcher_info *w)
{
    struct watcher_copies *s = arg;
    struct watcher_copy *c = vec_add(&s->all);
    struct label *label = arena_new_of(s->figures->arena, struct label);
    *label = (struct label){"watcher", arena_strdup(s->figures->arena, w->name)};
    c->label = label;
    c->used = w->ring.size ? (double)w->ring.used / (double)w->ring.size : 0;
    if (!w->beat)
        return true;
#define X(field, help) c->field = w->beat->field;
    BEAT_FIELDS(X)
#undef X
    return true;
}

static void add_watchers(struct core *c, struct figures *f)
{
    struct watcher_copies s = {.figures = f};
    core_watchers_each(c, copy_watcher, &s);
    vec_each (&s.all, w)
        figure_add_labelled(f, "belfry_ring_used_ratio", "gauge", "How full a watcher's ring is.",
                            w->label, 1, w->used);
    for (size_t i = 0; i < array_len(watcher_metrics); i++) {
        const struct watcher_metric *m = &watcher_metrics[i];
        vec_each (&s.all, w) {
            int64_t value = *(const int64_t *)((const char *)w + m->offset);
            figure_add_labelled(f, m->name, m->type, m->help, w->label, 1,
                                (double)value * m->scale);
        }
    }
    vec_done(&s.all);
}

void core_figures(struct core *c, struct figures *f)
{
    check_magic(c, CORE_MAGIC);
    add_work(c, f);
    add_store(c, f);
    add_watchers(c, f);
    core__figures_locations(c, f);
    core__figures_metrics(c, f);
    core__figures_programs(c, f);
}
