/* Supervised programs as the core knows them: the list for the warden, their live state, health probes, jobs, history,
 * statistics, alerts. The warden keeps them running (app/warden.h); without the core they run on.
 *
 *   belfry.yaml + units of the API ──process_resolve──▶ data/run/programs ──LOAD──▶ warden
 *   warden ──data/run/table──▶ present state      warden ──data/run/events (a ring)──▶ history, alerts, statistics
 *   core ──data/run/warden.sock──▶ start, stop, restart, reset, ready, fail
 *
 * On the core's main loop, as core.h. */
#ifndef CORE_PROCESS_H
#define CORE_PROCESS_H

#include "config/process.h"
#include "core/core.h"
#include "model/process.h"
#include "proc/supervisor.h"
#include "proc/tree.h"

enum core_process_action {
    PROCESS_START,
    PROCESS_STOP,
    PROCESS_RESTART,
    PROCESS_RESET,
    PROCESS_SIGNAL, /* number */
    PROCESS_ENABLE, /* its monitor; outlives restarts, as for targets */
    PROCESS_DISABLE,
};

struct core_process {
    const struct process_unit *unit;
    const struct node
        *document;      /* as it was given: what a person edits; of the template. NULL: unit->doc */
    const char *source; /* "file", "api" */
    bool enabled;       /* its monitor */
    struct unit_record record; /* a copy; state UNKNOWN when the warden has not got it yet */
    bool known;                /* the warden has it */
    const char
        *refused; /* why the warden does not run it (known: goes on as it was before); NULL */
    int health;   /* -1 no probe, 0 failing, 1 good, 2 not probed yet */
    uint32_t health_failures;
    const char *health_message;
    int64_t health_checked_ms, next_run_ms;                               /* of a job */
    int64_t started_wall_ms, changed_wall_ms, next_wall_ms, died_wall_ms; /* 0: none */
    struct tree_usage usage;                                              /* of the last sample */
    double cpu_percent; /* of one core, over the last sample's interval */
    int64_t sampled_ms;
    const struct alert *open; /* firing alert; NULL */
};
bool core_process_get(struct core *c, const char *id, struct core_process *out);
void core_processes_each(struct core *c, bool (*fn)(void *arg, const struct core_process *p),
                         void *arg);

/* The seed's statistics. */
struct core_process_stats {
    bool enabled; /* any monitor is on */
    uint64_t total_checks, total_restarts, success_restarts, failed_restarts;
    int64_t last_check_ms; /* 0: none */
    uint32_t count[UNIT_FATAL + 1];
    uint32_t enabled_processes, total_processes;
    uint64_t events, events_dropped;
};
void core_process_stats(struct core *c, struct core_process_stats *out);

/* Sends the command; the waiter ends with the warden's answer. wait: not before the unit has come to rest (running, ready,
 * stopped, crashed, fatal; after a start_timeout at most). BUSY while the warden cannot be reached. */
int core_process_act(struct core *c, const char *id, enum core_process_action action, int number,
                     bool wait, struct waiter *w, struct err *err);
/* One after the other, each awaited until ready; stops at the first that fails. ids NULL-terminated. */
int core_process_rolling_restart(struct core *c, const char *const *ids, struct waiter *w,
                                 struct err *err);
/* Units of the API: doc as config/process.h; id taken: CONFLICT; the file's are refused (CONFLICT). */
int core_process_put(struct core *c, const char *id, bool create, const struct node *doc,
                     struct problems *p, struct waiter *w, struct err *err);
int core_process_del(struct core *c, const char *id, struct waiter *w, struct err *err);
/* Replaces the program by the one on disk; units keep running. */
int core_process_upgrade(struct core *c, struct waiter *w, struct err *err);

/* --- as others see it: process_json.c, process_mask.c --- */

/* One unit as CONTRACT.md says; open: more keys may follow, the caller ends it. */
void process_json_open(const struct core_process *p, struct json *j);
/* Adds "config": its document, secrets masked. Not in lists and events: it may be large. */
void process_json_config(const struct core_process *p, struct json *j);
/* Keys "status", "signal", "text" of a status of waitpid (or UNIT_STATUS_UNKNOWN). */
void process_exit_json(int status, struct json *j);
/* It is not as it should be: crashed, restarting, backoff, fatal. */
bool process_failed(enum unit_state s);
/* What it says, waits for, or why it failed; "". buf: SPAWN_STATUS_SIZE bytes. */
const char *process_message(const struct core_process *p, char *buf);
int64_t process_uptime_ms(const struct core_process *p); /* 0 while it does not run */

/* A copy of a unit's document with its secrets masked (environment, those of its health probe), and back: masks in fresh
 * replaced by what old has. */
struct node *process_mask(const struct node *doc, struct arena *a);
struct node *process_unmask(const struct node *fresh, const struct node *old, struct arena *a);

/* A copy of it in which each secret is what fn makes of it: environment, those of its health probe, a URL with a password. */
struct node *process_secrets(const struct node *doc, secret_fn *fn, void *arg, struct arena *a);

#endif
