/* Supervised programs as belfry_process_*. What they printed is counted by the process `belfry: output` in
 * data/run/output. Main loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "base/vec.h"
#include "core/core_priv.h"
#include "core/figures_priv.h"
#include "core/process.h"
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
    const char *id;
    const struct label *labels;
    uint32_t n_labels, state;
#define X(name, type, help, expr) double name;
    PROCESS_METRICS(X)
#undef X
    bool has_output;
    struct output_stats output;
};

struct copying {
    struct arena *arena;
    vec_of(struct unit_copy) units;
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

/* Room for one label more at the end: the state. */
static void set_labels(struct arena *a, const struct process_config *c, struct unit_copy *u)
{
    static const char *const reserved[] = {"state", NULL};
    const struct label ours[] = {{"unit", u->id},
                                 {"type", arena_strdup(a, c->type ? c->type : "")}};
    struct label *own = arena_array_of(a, struct label, c->labels.n + 1);
    for (size_t i = 0; i < c->labels.n; i++)
        own[i] = (struct label){c->labels.at[i].key, c->labels.at[i].value};
    u->labels =
        labels_joined(a, ours, array_len(ours), own, (uint32_t)c->labels.n, reserved, &u->n_labels);
}

static bool copy_one(void *arg, const struct core_process *p)
{
    struct copying *y = arg;
    const struct process_config *c = p->unit->config;
    struct unit_copy *u = vec_add(&y->units);
    u->id = arena_strdup(y->arena, c->id);
    set_labels(y->arena, c, u);
    u->state = p->record.state;
#define X(name, type, help, expr) u->name = (double)(expr);
    PROCESS_METRICS(X)
#undef X
    return true;
}

static void copy_output(const struct core *c, struct copying *y)
{
    char *path = path_join(c->run_dir, OUTPUT_TABLE);
    struct table *t = table_open(path, OUTPUT_TABLE_VERSION, sizeof(struct output_stats), NULL);
    if (t)
        vec_each (&y->units, u)
            u->has_output = table_read(t, u->id, &u->output);
    table_close(&t);
    free(path);
}

/* --- rows --- */

static void add_units(const struct copying *y, struct figures *f)
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
    for (size_t i = 0; i < array_len(rows); i++)
        vec_each (&y->units, u) {
            double value = *(const double *)((const char *)u + rows[i].offset);
            if (value >= 0)
                figure_add_labelled(f, rows[i].name, rows[i].type, rows[i].help, u->labels,
                                    u->n_labels, value);
        }
}

/* One row for each name of a state, 1 for the present one. */
static void add_states(const struct copying *y, struct figures *f)
{
    vec_each (&y->units, u) {
        const char *now = unit_state_name((enum unit_state)u->state), *before = "";
        for (int s = 0; s <= UNIT_FATAL; s++) {
            const char *name = unit_state_name((enum unit_state)s);
            if (!streq(name, before)) { /* states of one name stand side by side */
                struct label *labels = arena_array_of(y->arena, struct label, u->n_labels + 1);
                memcpy(labels, u->labels, u->n_labels * sizeof(*labels));
                labels[u->n_labels] = (struct label){"state", name};
                figure_add_labelled(f, "belfry_process_state", "gauge", "1 for the state it is in.",
                                    labels, u->n_labels + 1, streq(name, now));
            }
            before = name;
        }
    }
}

static void add_output(const struct copying *y, struct figures *f)
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
    for (size_t i = 0; i < array_len(rows); i++)
        vec_each (&y->units, u) {
            uint64_t n = *(const uint64_t *)((const char *)&u->output + rows[i].offset);
            if (u->has_output)
                figure_add_labelled(f, rows[i].name, "counter", rows[i].help, u->labels,
                                    u->n_labels, (double)n);
        }
}

static void add_totals(struct core *c, struct figures *f)
{
    struct core_process_stats stats, *s = &stats;
    core_process_stats(c, s);
    const struct figure_row rows[] = {
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
    for (size_t i = 0; i < array_len(rows); i++)
        figure_add(f, rows[i].name, rows[i].type, rows[i].help, rows[i].value);
}

void core__figures_programs(struct core *c, struct figures *f)
{
    struct copying y = {.arena = f->arena};
    add_totals(c, f);
    core_processes_each(c, copy_one, &y);
    if (y.units.n > 0) {
        copy_output(c, &y);
        add_units(&y, f);
        add_states(&y, f);
        add_output(&y, f);
    }
    vec_done(&y.units);
}
