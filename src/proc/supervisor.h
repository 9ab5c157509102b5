/* The supervisor: keeps units (programs) running by the restart policy, replaces what hangs or grows.
 *
 * One thread, no loop of its own: the owner polls reaper_fd/SIGCHLD with supervisor_timeout and then calls
 * supervisor_turn. It starts, signals and reaps; it writes no file and no log: it tells its owner by callbacks,
 * which run inside supervisor_turn and the other calls, and may call supervisor_view but nothing that changes.
 * Used by the warden for Belfry's own processes, later for users' programs by the same calls. */
#ifndef PROC_SUPERVISOR_H
#define PROC_SUPERVISOR_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>

#include "base/err.h"
#include "proc/policy.h"
#include "proc/reap.h"
#include "proc/spawn.h"

/* X(NAME, "name in the API") */
#define UNIT_STATES(X)                                                              \
    X(STOPPED, "stopped")   /* not wanted */                                        \
    X(STARTING, "starting") /* executed; its loop has not turned yet */             \
    X(RUNNING, "running")                                                           \
    X(STOPPING, "stopping")     /* asked to end */                                  \
    X(KILLING, "crashed")       /* hung or too large: being ended, then replaced */ \
    X(RESTARTING, "restarting") /* dead; waits for its cooldown */                  \
    X(BACKOFF, "backoff")       /* dead; waits for the hour's budget */             \
    X(FATAL, "fatal")           /* given up */
enum unit_state {
#define X(name, text) UNIT_##name,
    UNIT_STATES(X)
#undef X
};
const char *unit_state_name(enum unit_state s);

struct unit_spec {
    const char *name;   /* unique */
    struct spawn spawn; /* copied, strings and arrays included */
    struct restart_policy policy;
    bool heartbeat;           /* ask config.turned_ms; else it runs as soon as it is executed */
    int64_t hang_timeout_ms;  /* 0: never hung */
    int64_t start_timeout_ms; /* for the first turn; 0: as long as it likes */
    int64_t stop_timeout_ms;  /* from SIGTERM to SIGKILL */
    uint64_t memory_limit;    /* private bytes; 0: none */
    int final_status; /* exit status that says "I would fail again": fatal, if it comes before the unit ever
                                 ran; 0: none */
    void *tag; /* the owner's */
};

/* Why a unit's process ended, as far as the supervisor knows. */
enum unit_cause { CAUSE_ITSELF, CAUSE_ASKED, CAUSE_HUNG, CAUSE_MEMORY };

struct unit_death {
    pid_t pid;
    int status; /* of waitpid */
    enum unit_cause cause;
    char reason[120]; /* "" or "hung: …", for people */
    struct rusage usage;
    int64_t started_ms, died_ms; /* the supervisor's clock */
};

struct unit_view {
    const char *name;
    enum unit_state state;
    pid_t pid;              /* 0: none */
    int64_t started_ms;     /* of the running process; 0: none */
    int64_t next_ms;        /* RESTARTING, BACKOFF: when it starts */
    uint32_t restarts;      /* by itself, since the unit was added */
    uint32_t in_hour;       /* of these, in the last hour */
    struct unit_death last; /* pid 0: it never died */
    const struct unit_spec *spec;
};

struct supervisor_config {
    struct reaper *reaper; /* borrowed */
    void *arg;
    /* A unit's state changed. */
    void (*on_change)(void *arg, const struct unit_view *u);
    /* Its process died, for whatever cause; called after the successor was started, when that was due at once. */
    void (*on_death)(void *arg, const struct unit_view *u, const struct unit_death *d);
    /* It could not be executed. That counts as a death for the policy. */
    void (*on_start_error)(void *arg, const struct unit_view *u, const struct err *err);
    /* Last turn of the unit's loop on the supervisor's clock; 0: none since it started. NULL: no heartbeats. */
    int64_t (*turned_ms)(void *arg, const struct unit_view *u);
};

struct supervisor;
struct supervisor *supervisor_new(const struct supervisor_config *c);
/* Every unit must be stopped; or give up: processes are left alone. */
void supervisor_free(struct supervisor **s);

/* All take the owner's CLOCK_MONOTONIC in ms. */
void supervisor_add(struct supervisor *s, const struct unit_spec *spec,
                    int64_t now_ms); /* and starts it */
void supervisor_stop(struct supervisor *s, const char *name, int64_t now_ms);
void supervisor_remove(struct supervisor *s, const char *name,
                       int64_t now_ms); /* stops and forgets */
void supervisor_start(struct supervisor *s, const char *name,
                      int64_t now_ms); /* stopped or given up */
bool supervisor_signal(struct supervisor *s, const char *name, int signo);
/* Reaps, restarts, kills what is due. Call when something stirred or the time is over. */
void supervisor_turn(struct supervisor *s, int64_t now_ms);
/* Ms until supervisor_turn has something to do; -1: nothing. */
int supervisor_timeout(const struct supervisor *s, int64_t now_ms);

/* Units in the order they were added; false past the end. Those being removed are among them. */
bool supervisor_view(const struct supervisor *s, size_t i, struct unit_view *out);
bool supervisor_find(const struct supervisor *s, const char *name, struct unit_view *out);
size_t supervisor_alive(const struct supervisor *s); /* units with a process */

#endif
