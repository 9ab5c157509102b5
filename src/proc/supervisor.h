/* The supervisor: keeps units (programs) running by the restart policy, in the order they need each
 * other, replaces what hangs, grows or is reported ill, and takes over what a killed predecessor
 * left running.
 *
 * One thread, no loop of its own: the owner polls reaper_fd/SIGCHLD with supervisor_timeout and
 * then calls supervisor_turn. It starts, signals and reaps; it writes no file and no log: it
 * tells its owner by callbacks, which run inside supervisor_turn and the other calls, and may
 * call supervisor_view but nothing that changes. The warden runs Belfry's own processes and
 * users' programs with it; libbelfry-proc gives it to C programs. */
#ifndef PROC_SUPERVISOR_H
#define PROC_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/err.h"
#include "proc/adopt.h"
#include "proc/policy.h"
#include "proc/reap.h"
#include "proc/spawn.h"

/* X(NAME, "name in the API"). The seed's five are UNKNOWN, RUNNING, STOPPED, CRASHED,
 * RESTARTING. */
#define UNIT_STATES(X)                                                                             \
    X(UNKNOWN, "unknown")       /* adopted unit: not looked for yet */                             \
    X(STOPPED, "stopped")       /* not wanted, or ended well and is not to be restarted */         \
    X(WAITING, "starting")      /* wanted; what it needs is not ready */                           \
    X(STARTING, "starting")     /* pre-start or the program itself runs; it is not ready yet */    \
    X(RUNNING, "running")       /* lived for start_ms, or its loop turns */                        \
    X(READY, "ready")           /* it said so (sd_notify), or its health probe did */              \
    X(STOPPING, "stopping")     /* asked to end; post-stop included */                             \
    X(KILLING, "crashed")       /* hung, ill or too large: being ended, then replaced. Also what \
                                   is done after a crash, before it counts as ended */ \
    X(CRASHED, "crashed")       /* died; is not to be restarted (monitor off, restart: never) */   \
    X(RESTARTING, "restarting") /* dead; waits for its cooldown, or starts at once */              \
    X(BACKOFF, "backoff")       /* keeps dying; waits for the growing delay or the budget */       \
    X(FATAL, "fatal")           /* given up; until supervisor_start or _reset */
enum unit_state {
#define X(name, text) UNIT_##name,
    UNIT_STATES(X)
#undef X
};
const char *unit_state_name(enum unit_state s);
/* STARTING … STOPPING, KILLING: it may have one (of its own, pre-start, post-stop, what is left
 * of its tree). */
bool unit_state_has_process(enum unit_state s);

/* What runs (unit_record.phase). */
enum unit_phase {
    PHASE_NONE,
    PHASE_PRE_START,
    PHASE_MAIN,    /* the program itself */
    PHASE_COMMAND, /* adopted unit: the command that starts it runs, or it is looked for after that */
    PHASE_TREE,    /* the program has ended, its descendants are being ended */
    PHASE_POST_STOP, /* after a crash too; the state is KILLING then */
};

enum unit_kind {
    UNIT_DAEMON,  /* is to run for ever */
    UNIT_ONESHOT, /* is to end; a good end is STOPPED. A job: the owner starts it when it is due */
};
enum unit_restart { RESTART_ALWAYS, RESTART_ON_FAILURE, RESTART_NEVER };
enum unit_ready {
    READY_AFTER,  /* still alive start_ms after exec → RUNNING (0: at once) */
    READY_TURN,   /* its loop turned (config.turned_ms) → RUNNING */
    READY_NOTIFY, /* supervisor_ready, from its own READY=1 → READY */
    READY_HEALTH, /* supervisor_ready, from its health probe → READY */
};

struct unit_spec {
    const char *name;   /* unique; ≤ UNIT_NAME_MAX bytes */
    struct spawn spawn; /* copied, strings and arrays included */
    /* Run before and after it, with everything else of `spawn`; NULL none; [0] is the program's
     * path. A failing pre_start is a failed start; a post_stop runs after each end, whatever its
     * cause. Each has start_timeout_ms / stop_timeout_ms. */
    const char *const *pre_start, *const *post_stop;
    enum unit_kind kind;
    bool autostart; /* supervisor_add starts it */
    struct restart_policy policy;
    enum unit_restart restart;
    const int *ok_statuses; /* exit statuses that are no failure; NULL: 0 alone */
    uint32_t n_ok_statuses;
    bool unmonitored; /* the monitor is off: deaths are told, nothing is restarted or replaced */
    enum unit_ready ready;
    int64_t start_ms;         /* READY_AFTER */
    int64_t start_timeout_ms; /* until it is ready; 0: as long as it likes. Over it: KILLING */
    /* READY_TURN: no turn for so long. READY_NOTIFY: no WATCHDOG=1 for so long. 0: never. It
     * gets SIGABRT. */
    int64_t hang_timeout_ms;
    int64_t run_timeout_ms;  /* UNIT_ONESHOT: over it: KILLING; 0: none */
    int stop_signal;         /* 0: SIGTERM */
    int64_t stop_timeout_ms; /* from the stop signal to SIGKILL */
    bool tree; /* stop and kill its whole tree: cgroup, session, cookie (proc/tree.h) */
    int64_t
        check_ms; /* how often turns, memory, files and adoption are looked at; 0: each second */
    uint64_t memory_limit; /* private bytes of the main process; over it: KILLING; 0: none */
    uint32_t files_limit;  /* descriptors of the main process, likewise; 0: none */
    /* Exit status that says "I would fail again": fatal, if it comes before the unit ever ran;
     * 0: none. */
    int final_status;
    /* supervisor_stop_all stops the highest first. (Starting: the owner adds the lowest first.) */
    int32_t start_order;
    /* NULL-terminated names of units; NULL: none. after: it starts when those that are wanted
     * are ready, or given up. requires: when all are ready; they are started for it, and it is
     * stopped before they are. A one-shot is ready when it has ended well. */
    const char *const *after, *const *requires;
    struct unit_adopt
        adopt; /* it is found, not started by us: spawn is the command that starts it */
    void *tag; /* the owner's */
};

/* Why a unit's process ended, as far as the supervisor knows. */
#define UNIT_CAUSES(X)                                            \
    X(ITSELF, "died") /* of its own */                            \
    X(ASKED, "asked") /* stop, restart */                         \
    X(HUNG, "hung")   /* its loop, or its watchdog ping */        \
    X(MEMORY, "memory")                                           \
    X(FILES, "files")         /* too many descriptors */          \
    X(HEALTH, "health")       /* supervisor_fail */               \
    X(START, "start")         /* not ready in start_timeout_ms */ \
    X(TIMEOUT, "timeout")     /* a job over run_timeout_ms */     \
    X(PRE_START, "pre_start") /* the pre-start command failed */  \
    X(SPAWN, "spawn")         /* could not be executed */
enum unit_cause {
#define X(name, text) CAUSE_##name,
    UNIT_CAUSES(X)
#undef X
};
const char *unit_cause_name(enum unit_cause c);

#define UNIT_NAME_MAX       127
#define UNIT_REASON_MAX     159
#define UNIT_STATUS_UNKNOWN REAP_STATUS_UNKNOWN /* the end of a process that was not our child */

struct unit_death {
    pid_t pid;
    int status; /* of waitpid; UNIT_STATUS_UNKNOWN */
    enum unit_cause cause;
    bool failure;                     /* counts as a crash: not asked for, not an ok status */
    char reason[UNIT_REASON_MAX + 1]; /* "" or "hung: …", for people */
    struct rusage usage;
    int64_t started_ms, died_ms; /* the supervisor's clock */
};

/* What the supervisor knows of a unit and must know after its own death. Plain data of fixed
 * size, kept where the owner says (config.record): in a mapped file it survives kill -9 of the
 * owner, and others may read it (app/warden.h). The supervisor alone writes it, but for
 * `spawned`, which the child fills in between fork and exec. */
struct unit_record {
    uint32_t state; /* enum unit_state */
    bool wanted;    /* is to run */
    bool unmonitored;
    bool ever_ran;
    bool is_child;           /* of the present owner: waitpid tells its end */
    struct spawn_id spawned; /* pid and start time of the program (or of pre-start, post-stop) */
    uint8_t phase;           /* enum unit_phase */
    uint8_t then;            /* enum unit_state that follows KILLING, STOPPING; 0: not decided */
    bool untold;             /* on_death has not heard of `last` yet */
    struct restart_state restart;
    int64_t started_ms; /* of the running process; CLOCK_MONOTONIC */
    int64_t next_ms;    /* RESTARTING, BACKOFF: when it starts */
    int64_t changed_ms; /* since when in this state */
    uint32_t restarts;  /* by itself, since it was added */
    uint32_t starts;    /* in all */
    int32_t cause;      /* KILLING, STOPPING: why */
    char reason[UNIT_REASON_MAX + 1];
    char status_text[UNIT_REASON_MAX +
                     1];    /* what it says of itself (sd_notify STATUS=); or what it waits for */
    struct unit_death last; /* pid 0: it never died */
};

struct unit_view {
    const char *name;
    enum unit_state state;
    pid_t pid;       /* of the main process; 0: none */
    int64_t in_hour; /* restarts by itself in the last hour */
    const struct unit_record *record;
    const struct unit_spec *spec;
};

/* What touches the operating system; tests give another one with virtual time and simulated
 * pids. */
struct supervisor_os {
    /* As spawn_start; *id is also written by the child itself before exec. */
    int (*spawn)(void *arg, const struct spawn *s, struct spawn_id *id, struct err *err);
    enum reap_watch (*watch)(void *arg, pid_t pid); /* reaper_add */
    void (*forget)(void *arg, pid_t pid);           /* reaper_forget */
    bool (*reap)(void *arg, struct reaped *out);    /* reaper_next */
    bool (*alive)(void *arg, const struct spawn_id *id);
    /* Fills in the start time; false when there is no such process, or it is not the unit's
     * user's. */
    bool (*identify)(void *arg, const struct unit_spec *spec, struct spawn_id *id);
    /* To the main process, or with tree to all of it. */
    void (*signal)(void *arg, const struct unit_spec *spec, const struct spawn_id *id, int signo,
                   bool tree);
    bool (*tree_empty)(void *arg, const struct unit_spec *spec, const struct spawn_id *id);
    /* Whether all living children of ours are units' processes; false when that is not known. */
    bool (*no_strays)(void *arg);
    void (*rest)(void *arg); /* a call of the owner's is done: what was looked up for it is stale */
    bool (*usage)(void *arg, const struct spawn_id *id, uint64_t *private_bytes, uint32_t *files);
    bool (*find)(void *arg, const struct unit_adopt *adopt, struct spawn_id *id); /* proc/adopt.h */
    double (*chance)(void *arg);                                                  /* [0, 1) */
    void *arg;
};

struct supervisor_config {
    struct reaper *reaper;          /* borrowed; NULL when os does not use it */
    const struct supervisor_os *os; /* NULL: the real one */
    void *arg;
    /* Where the unit's record lives, zeroed when it is new; NULL (or returning NULL): memory of
     * its own. */
    struct unit_record *(*record)(void *arg, const char *name);
    void (*forget)(void *arg, const char *name); /* the unit was removed; its record may go */
    /* Around each change of a record, some stores long; no other callback comes between. NULL:
     * nobody cares. */
    void (*writing)(void *arg, struct unit_record *r, bool begins);
    /* A unit's state changed. */
    void (*on_change)(void *arg, const struct unit_view *u, enum unit_state from);
    /* Its process died, for whatever cause (a failed pre-start, a program that could not be
     * executed included: pid 0); called after the successor was started, when that was due at
     * once. At least once for each: a supervisor that takes over tells what its killed predecessor may not have told. */
    void (*on_death)(void *arg, const struct unit_view *u, const struct unit_death *d);
    /* Last turn of the unit's loop on the supervisor's clock; 0: none since it started. NULL: no
     * heartbeats. */
    int64_t (*turned_ms)(void *arg, const struct unit_view *u);
    /* Just before exec of the program (and of pre-start, post-stop: u->record->phase): the owner
     * may open its files (spawn.in_fd …) in *s. After, whether that went well or not: it closes
     * them. */
    int (*before_spawn)(void *arg, const struct unit_view *u, struct spawn *s, struct err *err);
    void (*after_spawn)(void *arg, const struct unit_view *u, struct spawn *s);
};

struct supervisor;
struct supervisor *supervisor_new(const struct supervisor_config *c);
/* Processes that still run are left alone. */
void supervisor_free(struct supervisor **s);

/* All take the owner's CLOCK_MONOTONIC in ms. Names that are not there are ignored (false). */

/* Adds it. Its record says that its process lives (pid, start time): that one is taken over, in
 * its state, never started twice; one that has ended meanwhile is found out at the next turn.
 * Else, when the record says wanted, or it is new and autostart: starts it. CRASHED and FATAL
 * stay. A unit of this name that is being removed comes back. */
void supervisor_add(struct supervisor *s, const struct unit_spec *spec, int64_t now_ms);
/* A new specification for a unit that is there. restart: when it changes what runs, the unit is
 * restarted. Policy, limits, monitor and order take effect at once. */
bool supervisor_change(struct supervisor *s, const struct unit_spec *spec, bool restart,
                       int64_t now_ms);
/* By a person: starts also what was given up; what it requires is started first. */
bool supervisor_start(struct supervisor *s, const char *name, int64_t now_ms);
/* What requires it is stopped first. */
bool supervisor_stop(struct supervisor *s, const char *name, int64_t now_ms);
/* Stops and starts it; does not use the budget. What requires it is stopped before and started
 * after. */
bool supervisor_restart(struct supervisor *s, const char *name, int64_t now_ms);
bool supervisor_remove(
    struct supervisor *s, const char *name,
    int64_t now_ms); /* stops and forgets; what requires it waits for its return */
bool supervisor_reset(struct supervisor *s, const char *name,
                      int64_t now_ms); /* forgives; a FATAL one starts */
bool supervisor_signal(struct supervisor *s, const char *name, int signo);
/* The monitor of one unit: EnableProxyMonitor, DisableProxyMonitor of the seed. Switched on, a
 * CRASHED one restarts. */
bool supervisor_monitor(struct supervisor *s, const char *name, bool on, int64_t now_ms);
/* It is ready (READY_NOTIFY, READY_HEALTH). */
bool supervisor_ready(struct supervisor *s, const char *name, int64_t now_ms);
/* It is ill: ended and replaced, which counts as a death. reason: "health: …". */
bool supervisor_fail(struct supervisor *s, const char *name, enum unit_cause cause,
                     const char *reason, int64_t now_ms);
/* One message of sd_notify(3) from the unit: READY, STOPPING, RELOADING, WATCHDOG, STATUS,
 * MAINPID. */
struct notify_message;
bool supervisor_notify(struct supervisor *s, const char *name, const struct notify_message *m,
                       int64_t now_ms);

/* Begins to stop all units for which want(arg, view) is true (NULL: all), highest start order
 * first, each after those that require it or come after it. Goes on in supervisor_turn; none of
 * them is started any more. Their records go on saying what was wanted: a successor starts them
 * again. Over when supervisor_alive() counts none of them. */
void supervisor_stop_all(struct supervisor *s, bool (*want)(void *arg, const struct unit_view *u),
                         void *arg, int64_t now_ms);

/* Reaps, restarts, kills what is due. Call when something stirred or the time is over. */
void supervisor_turn(struct supervisor *s, int64_t now_ms);
/* Ms until supervisor_turn has something to do; -1: nothing. */
int supervisor_timeout(const struct supervisor *s, int64_t now_ms);

/* Units in the order they were added; false past the end. Those being removed are among them. */
bool supervisor_view(const struct supervisor *s, size_t i, struct unit_view *out);
bool supervisor_find(const struct supervisor *s, const char *name, struct unit_view *out);
size_t supervisor_alive(const struct supervisor *s); /* units with a process */

#endif
