/* See metrics_self.h: supervised programs as belfry_process_*. Everything is copied in one turn of the core's loop, then
 * written family by family. What they printed is counted by the process `belfry: output` in data/run/output. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/metrics_self.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"
#include "ipc/table.h"
#include "output/output.h"

#define NOT_SHOWN (-1.0)

/* X(suffix, type, help, expression of p (struct core_process), c (its config)); NOT_SHOWN: no line for this unit */
#define PROCESS_METRICS(X)                                                                       \
    X(up, "gauge", "1 while it runs (or is ready).", is_up(p))                                   \
    X(enabled, "gauge", "Whether its monitor is on.", p->enabled)                                \
    X(restarts_total, "counter", "Restarts by itself.", p->record.restarts)                      \
    X(starts_total, "counter", "Starts in all.", p->record.starts)                               \
    X(restarts_in_hour, "gauge", "Restarts by itself in the last hour.", used(p))                \
    X(max_restarts, "gauge", "Restarts an hour after which it is given up.",                     \
      limit_of(c->monitor.max_restarts))                                                         \
    X(uptime_seconds, "gauge", "How long it has been running.", process_uptime_ms(p) / 1e3)      \
    X(cpu_seconds_total, "counter", "CPU time of its processes.", p->usage.cpu_seconds)          \
    X(resident_memory_bytes, "gauge", "Resident memory of its processes.", p->usage.rss_bytes)   \
    X(proportional_memory_bytes, "gauge", "Memory with shared pages divided among their users.", \
      p->usage.pss_bytes)                                                                        \
    X(private_memory_bytes, "gauge", "Memory of its processes alone.", p->usage.private_bytes)   \
    X(max_memory_bytes, "gauge", "Memory it may have.", limit_of(memory_limit(c)))               \
    X(processes, "gauge", "Processes of its tree.", p->usage.processes)                          \
    X(threads, "gauge", "Threads of its processes.", p->usage.threads)                           \
    X(open_fds, "gauge", "Open descriptors of its processes.", p->usage.files)                   \
    X(max_open_fds, "gauge", "Descriptors that a process of it may have.",                       \
      limit_of(c->limits.open_files))                                                            \
    X(read_bytes_total, "counter", "Bytes read from disks.", p->usage.read_bytes)                \
    X(written_bytes_total, "counter", "Bytes written to disks.", p->usage.write_bytes)           \
    X(health, "gauge", "Whether its health probe succeeds.",                                     \
      p->health == 0 || p->health == 1 ? p->health : NOT_SHOWN)                                  \
    X(health_failures, "gauge", "Failed health probes in a row.",                                \
      p->health < 0 ? NOT_SHOWN : p->health_failures)

struct unit_copy {
    const char *id, *labels;
    uint32_t state;
#define X(name, type, help, expr) double name;
    PROCESS_METRICS(X)
#undef X
    bool has_output;
    struct output_stats output;
};

struct copying {
    struct call *call;
    vec_of(struct unit_copy) units;
    struct core_process_stats stats;
    struct buf labels;
};

static double is_up(const struct core_process *p)
{
    return p->record.state == UNIT_RUNNING || p->record.state == UNIT_READY;
}

static double used(const struct core_process *p)
{
    return restart_used(&p->record.restart, clock_mono_ns() / NS_PER_MS);
}

static int64_t memory_limit(const struct process_config *c)
{
    return c->limits.memory ? c->limits.memory : c->limits.watch_memory;
}

static double limit_of(int64_t limit)
{
    return limit > 0 ? (double)limit : NOT_SHOWN;
}

/* --- copying --- */

static bool label_is_free(const struct pair_list *labels, size_t i)
{
    static const char *const ours[] = {"unit", "type", "state"};
    for (size_t o = 0; o < array_len(ours); o++)
        if (metrics_same_label(ours[o], labels->at[i].key))
            return false;
    for (size_t k = 0; k < i; k++)
        if (metrics_same_label(labels->at[k].key, labels->at[i].key))
            return false;
    return true;
}

static const char *labels_of(struct copying *y, const struct process_config *c)
{
    struct buf *out = &y->labels;
    buf_clear(out);
    metrics_put_label(out, "unit", c->id);
    metrics_put_label(out, "type", c->type ? c->type : "");
    for (size_t i = 0; i < c->labels.n; i++)
        if (label_is_free(&c->labels, i))
            metrics_put_label(out, c->labels.at[i].key, c->labels.at[i].value);
    return arena_strndup(y->call->arena, out->data, out->len);
}

static bool copy_one(void *arg, const struct core_process *p)
{
    struct copying *y = arg;
    const struct process_config *c = p->unit->config;
    struct unit_copy *u = vec_add(&y->units);
    u->id = arena_strdup(y->call->arena, c->id);
    u->labels = labels_of(y, c);
    u->state = p->record.state;
#define X(name, type, help, expr) u->name = (double)(expr);
    PROCESS_METRICS(X)
#undef X
    return true;
}

static void copy_on_core(void *arg)
{
    struct copying *y = arg;
    core_processes_each(y->call->api->core, copy_one, y);
    core_process_stats(y->call->api->core, &y->stats);
}

static void copy_output(struct copying *y)
{
    char *path = path_join(y->call->api->run_dir, OUTPUT_TABLE);
    struct table *t = table_open(path, OUTPUT_TABLE_VERSION, sizeof(struct output_stats), NULL);
    if (t)
        vec_each (&y->units, u)
            u->has_output = table_read(t, u->id, &u->output);
    table_close(&t);
    free(path);
}

/* --- writing --- */

static void put_line(struct buf *out, const char *name, const char *labels, double value)
{
    buf_printf(out, "%s{%s} ", name, labels);
    buf_add_f64(out, value);
    buf_putc(out, '\n');
}

static void put_units(const struct copying *y, struct buf *out, bool om)
{
    static const struct {
        const char *name, *type, *help;
        size_t offset;
    } rows[] = {
#define X(name, type, help, expr) \
    {"belfry_process_" #name, type, help, offsetof(struct unit_copy, name)},
        PROCESS_METRICS(X)
#undef X
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        metrics_family(out, om, rows[i].name, rows[i].type, rows[i].help);
        vec_each (&y->units, u) {
            double value = *(const double *)((const char *)u + rows[i].offset);
            if (value >= 0)
                put_line(out, rows[i].name, u->labels, value);
        }
    }
}

/* One line for each name of a state, 1 for the present one. */
static void put_states(const struct copying *y, struct buf *out, bool om)
{
    metrics_family(out, om, "belfry_process_state", "gauge", "1 for the state it is in.");
    vec_each (&y->units, u) {
        const char *now = unit_state_name((enum unit_state)u->state), *before = "";
        for (int s = 0; s <= UNIT_FATAL; s++) {
            const char *name = unit_state_name((enum unit_state)s);
            if (!streq(name, before)) /* states of one name stand side by side */
                buf_printf(out, "belfry_process_state{%s,state=\"%s\"} %d\n", u->labels, name,
                           streq(name, now));
            before = name;
        }
    }
}

static void put_output(const struct copying *y, struct buf *out, bool om)
{
    static const struct {
        const char *name, *help;
        size_t offset;
    } rows[] = {
        {"belfry_process_output_bytes_total", "Bytes it printed.",
         offsetof(struct output_stats, bytes)},
        {"belfry_process_output_lines_total", "Lines it printed.",
         offsetof(struct output_stats, lines)},
        {"belfry_process_output_dropped_bytes_total", "Bytes that could not be written down.",
         offsetof(struct output_stats, dropped_bytes)},
        {"belfry_process_output_rotations_total", "Times that its log was rotated.",
         offsetof(struct output_stats, rotations)},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        metrics_family(out, om, rows[i].name, "counter", rows[i].help);
        vec_each (&y->units, u) {
            uint64_t n = *(const uint64_t *)((const char *)&u->output + rows[i].offset);
            if (u->has_output)
                put_line(out, rows[i].name, u->labels, (double)n);
        }
    }
}

static void put_totals(const struct copying *y, struct buf *out, bool om)
{
    const struct core_process_stats *s = &y->stats;
    const struct {
        const char *name, *type, *help;
        double value;
    } rows[] = {
        {"belfry_processes", "gauge", "Supervised programs.", s->total_processes},
        {"belfry_processes_enabled", "gauge", "Those whose monitor is on.", s->enabled_processes},
        {"belfry_processes_max", "gauge", "Supervised programs there may be.", PROCESS_UNITS_MAX},
        {"belfry_process_checks_total", "counter", "Checks of the monitor.",
         (double)s->total_checks},
        {"belfry_process_all_restarts_total", "counter", "Restarts of all programs by themselves.",
         (double)s->total_restarts},
        {"belfry_process_restarts_succeeded_total", "counter",
         "Restarts after which the program ran.", (double)s->success_restarts},
        {"belfry_process_restarts_failed_total", "counter", "Restarts after which it did not run.",
         (double)s->failed_restarts},
        {"belfry_process_events_total", "counter", "Changes and deaths told by the warden.",
         (double)s->events},
        {"belfry_process_events_dropped_total", "counter",
         "Those that found no room while the core was away.", (double)s->events_dropped},
    };
    for (size_t i = 0; i < array_len(rows); i++) {
        metrics_family(out, om, rows[i].name, rows[i].type, rows[i].help);
        buf_printf(out, "%s ", rows[i].name);
        buf_add_f64(out, rows[i].value);
        buf_putc(out, '\n');
    }
}

void metrics_processes(struct call *k, struct buf *out, bool openmetrics)
{
    struct copying y = {.call = k};
    buf_init(&y.labels, 1 << 20);
    on_core(k, copy_on_core, &y);
    copy_output(&y);
    put_totals(&y, out, openmetrics);
    if (y.units.n > 0) {
        put_units(&y, out, openmetrics);
        put_states(&y, out, openmetrics);
        put_output(&y, out, openmetrics);
    }
    buf_done(&y.labels);
    vec_done(&y.units);
}
