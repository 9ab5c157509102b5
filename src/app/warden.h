/* The warden: parent of all processes of one Belfry. Starts the core, then the watchers that the core asks for,
 * and keeps them running with proc/supervisor. It opens no network, parses nothing foreign, has no event loop: one
 * poll() over a signal descriptor and the reaper's, which serves a thousand units as well as three (libuv would cost
 * a megabyte and give nothing here).
 *
 * Files of data/run that are its: belfry.pid (locked), warden.json (state of each child, for people, the core and
 * `belfry status`), children (pid, start time, name: what a successor must wait for when this warden is killed).
 * From the core: units, lines "KEY<TAB>NAME" ("payments.0<TAB>payments/0"); SIGUSR1 says that it changed. */
#ifndef APP_WARDEN_H
#define APP_WARDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/log.h"
#include "base/vec.h"
#include "ipc/beat.h"
#include "proc/crash.h"
#include "proc/supervisor.h"

struct warden_limits {
    uint64_t memory; /* bytes of its own; 0: none */
    int64_t hang_ms; /* no turn of the loop for so long: it hangs */
};

struct warden_config {
    const char *version;
    const char *data_dir, *log_dir, *config_path; /* absolute */
    const char *exe;                              /* spawn_self() */
    const char *user; /* of the children when we are root; NULL or "": our own */
    struct restart_policy policy;
    struct warden_limits core, watcher;
    int64_t stop_timeout_ms; /* for each of: all watchers, the core. 0: 15 s */
    const char *const
        *watcher_args; /* further arguments of watchers, NULL-terminated; NULL: none */
    enum log_level log_level;
    enum log_format log_format;
    int log_keep_days;
    bool foreground; /* log to stderr too */
};

/* Until SIGTERM or SIGINT. 0; EXIT_CONFIG when the core refused its configuration at the start; 1 when the warden
 * itself cannot start (another one runs, …), which is on stderr then. */
int role_warden(const struct warden_config *cfg);

/* --- among the warden's files --- */

/* One child as the warden knows it, beside the supervisor's unit of the same key. */
struct warden_child {
    char *key, *name, *title, *beat_path, *log_path;
    bool wanted;
    struct beat_page *beat;
    uint64_t start_time; /* of its process, for run/children */
    int64_t started_wall_ms, died_wall_ms;
};

struct warden_report { /* a death to be written down when there is time */
    struct warden_child *child;
    struct unit_death death;
    int64_t started_wall_ms, died_wall_ms;
    struct warden_report *next;
};

enum warden_phase {
    WARDEN_RUNNING,
    WARDEN_STOPPING_WATCHERS,
    WARDEN_STOPPING_CORE,
    WARDEN_STOPPED
};

struct warden {
    uint32_t magic;
    const struct warden_config *cfg;
    char *run_dir, *crash_dir;
    struct spawn_user *user; /* NULL: our own */
    struct supervisor *supervisor;
    struct reaper *reaper;
    int signals, lock;
    enum warden_phase phase;
    bool changed;   /* warden.json is due */
    bool units_due; /* run/units must be read */
    int exit_status;
    int64_t started_ms; /* wall */
    struct crash_cpu cpu;
    int64_t cpu_ms; /* when cpu was taken */
    vec_of(struct warden_child *) children;
    struct warden_report *reports;
};
#define WARDEN_MAGIC    0x5741524eu
#define WARDEN_CORE_KEY "core"

/* warden_setup.c */
int warden_prepare(struct warden *w,
                   struct err *err); /* folders, user, lock, log; takes over from a killed one */
/* warden_units.c */
void warden_add_core(struct warden *w);
void warden_read_units(struct warden *w);
void warden_sweep(struct warden *w); /* frees children whose unit is gone */
struct warden_child *warden_child_of(const struct unit_view *u);
void warden_map_beat(struct warden_child *c);
void warden_child_free(struct warden_child *c);
/* warden_state.c */
void warden_write_state(struct warden *w);
void warden_write_reports(struct warden *w);
void warden_end_leftovers(struct warden *w);

#endif
