/* The warden: parent of all processes of one Belfry. Starts the core, then the watchers that the core asks for, the output
 * process and users' programs, and keeps them running with proc/supervisor. It opens no network, has no event loop: one
 * poll() over a few descriptors, which serves a thousand units as well as three (libuv would cost a megabyte and give
 * nothing here).
 *
 * Files of data/run that are its: belfry.pid (locked), warden.json (state of Belfry's own processes, for people, the core
 * and `belfry status`), children (pid, start time, name: what a successor must wait for when this warden is killed); for
 * programs see warden_programs.h. From the core: units, lines "KEY<TAB>NAME" ("payments.0<TAB>payments/0"); SIGUSR1 says
 * that it changed. SIGUSR2: upgrade (warden_upgrade.c).
 *
 * Units in the supervisor: "core", "output", "KEY" of each watcher, "check" while an upgrade is being looked into; and
 * "u/ID", users' programs. Its own die with it (death_signal), programs do not. */
#ifndef APP_WARDEN_H
#define APP_WARDEN_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
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
    const char
        *program_path; /* where the next version will lie: the path that this one was started by */
    const char *user;  /* of the children when we are root; NULL or "": our own */
    struct restart_policy policy;
    struct warden_limits core, watcher;
    int64_t stop_timeout_ms; /* for each of: all watchers, the core. 0: 15 s */
    /* What stands in the core's place is started with these ("--role=uplink" first), NULL-terminated; NULL: the core. Such a
     * warden is not upgraded in its place: nothing that must outlive it hangs on it. */
    const char *const *core_args;
    const char *const
        *watcher_args; /* further arguments of watchers, NULL-terminated; NULL: none */
    enum log_level log_level;
    enum log_format log_format;
    int log_keep_days;
    bool foreground; /* log to stderr too */
    /* Whom users' programs may run as beside our own user, and which groups they may have beside their users' own: what
     * the configuration file names. NULL-terminated; NULL: none. */
    const char *const *program_users, *const *program_groups;
};

/* Until SIGTERM or SIGINT. 0; EXIT_CONFIG when the core refused its configuration at the start; 1 when the warden
 * itself cannot start (another one runs, …), which is on stderr then. */
int role_warden(const struct warden_config *cfg);

/* For warden_config.program_path; malloc'ed. */
char *warden_program_path(void);

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
    WARDEN_STOPPING_PROGRAMS,
    WARDEN_STOPPING_WATCHERS,
    WARDEN_STOPPING_CORE,
    WARDEN_STOPPING_OUTPUT,
    WARDEN_STOPPED
};

struct door;
struct programs;
struct inherit;
struct door_ticket { /* whom a late answer goes to; peer 0: nobody */
    uint64_t peer, id;
};

struct warden {
    uint32_t magic;
    const struct warden_config *cfg;
    char *run_dir, *crash_dir;
    struct spawn_user *user; /* NULL: our own */
    uint64_t files_soft;     /* the soft limit of open files that it was started with */
    struct supervisor *supervisor;
    struct reaper *reaper;
    int signals, lock;
    enum warden_phase phase;
    bool changed;       /* warden.json is due */
    int64_t written_ms; /* when it was written last */
    bool units_due;     /* run/units must be read */
    int exit_status;
    int64_t started_ms;    /* wall */
    int64_t upgraded_ms;   /* wall; 0: this program was started, not executed by its predecessor */
    bool core_refused;     /* it exited with EXIT_CONFIG */
    int64_t core_retry_ms; /* the core gave up, but programs run: when it is tried again; 0 */
    /* Belfry's own processes of a killed predecessor; before their end none of ours is started. */
    vec_of(struct spawn_id) leftovers;
    int64_t leftovers_until_ms;
    bool own_started;
    bool output_wanted, output_untold; /* it has not been told of the newest list */
    struct programs *programs;
    struct door *door;
    struct inherit *inherited; /* NULL once everybody took what was his */
    bool checking, check_over; /* the new program is asked, has answered */
    bool upgrading; /* it was good: STOPPING_WATCHERS … lead to exec instead of the end */
    struct door_ticket upgrade_asked;
    char check_said[256];
    struct crash_cpu cpu;
    int64_t cpu_ms; /* when cpu was taken */
    vec_of(struct warden_child *) children;
    struct warden_report *reports;
};
#define WARDEN_MAGIC      0x5741524eu
#define WARDEN_CORE_KEY   "core"
#define WARDEN_OUTPUT_KEY "output"
#define WARDEN_CHECK_KEY  "check"
#define UPGRADED_ENV      "BELFRY_UPGRADED_FROM"

static inline int64_t warden_now_ms(void) /* the supervisor's clock */
{
    return clock_mono_ns() / NS_PER_MS;
}

/* warden_told.c */
struct supervisor_config warden_callbacks(struct warden *w);
/* role_warden.c */
void warden_stop_own(struct warden *w);  /* watchers, then core, then output; programs run on */
void warden_start_own(struct warden *w); /* … and back, when the exec failed */
/* warden_setup.c */
/* Folders, user, lock, log; takes over from a killed one. */
int warden_prepare(struct warden *w, struct err *err);
/* The soft limit of open files up to the hard one, and back to what it was. */
void warden_raise_files(struct warden *w, bool raise);
/* warden_units.c */
void warden_add_core(struct warden *w);
/* Starts it as soon as it may, or tells it that the list changed. */
void warden_need_output(struct warden *w);
void warden_tell_output(struct warden *w);
void warden_read_units(struct warden *w);
void warden_sweep(struct warden *w); /* frees children whose unit is gone */
struct warden_child *warden_child_of(const struct unit_view *u);
struct warden_child *warden_child_new(struct warden *w, const char *key, const char *name);
struct warden_child *warden_child_find(const struct warden *w, const char *key);
bool warden_child_is_watcher(const struct warden_child *c);
void warden_map_beat(struct warden_child *c);
void warden_child_free(struct warden_child *c);
/* warden_state.c */
void warden_write_state(struct warden *w);
void warden_write_reports(struct warden *w);
/* warden_leftovers.c */
void warden_end_leftovers(struct warden *w); /* begins */
bool warden_leftovers_ended(struct warden *w);
/* warden_programs.c */
struct programs *programs_new(struct warden *w);
void programs_free(struct programs **p); /* what runs runs on */
void programs_take_over(struct programs *p);
void program_forget(void *arg, const char *name); /* supervisor_config.forget */
void programs_sweep(struct programs *p);          /* at the end of a turn */
bool programs_live(const struct programs *p);     /* one of them has a process */
void programs_leave_nothing(struct programs *p);
/* warden_command.c */
#define DOOR_PEERS 16
#define DOOR_POLL  (DOOR_PEERS + 1)
struct pollfd;
struct door *door_open(const char *run_dir, struct err *err);
void door_close(struct door **d);
size_t door_poll(const struct door *d, struct pollfd *out); /* at most DOOR_POLL */
void door_turn(struct warden *w);
void door_answer(struct door *d, struct door_ticket to, enum err_code code, const char *text);
bool door_wake(struct door *d); /* false: no core was there to be woken */
/* warden_upgrade.c */
void warden_ask_upgrade(struct warden *w, struct door_ticket from);
void warden_check_ended(struct warden *w, const struct unit_death *d);
void warden_go_on_upgrading(struct warden *w);
void warden_execute(
    struct warden *w); /* returns when it could not: core and watchers are started again */
void warden_note_upgrade(struct warden *w);

#endif
