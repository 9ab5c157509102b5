/* libbelfry-proc: Belfry's supervisor for C programs that keep children alive.
 *
 *     struct belfry_proc *b = belfry_proc_new(NULL);
 *     struct belfry_proc_unit u = {.id = "ss-001", .argv = (const char *[]){"/usr/bin/ss-server", "-c", "/etc/ss.json", NULL}};
 *     belfry_proc_monitor_defaults(&u.monitor);
 *     if (belfry_proc_add(b, &u, error, sizeof(error)) < 0) …
 *     for (;;) {                                     // or belfry_proc_run(b)
 *         struct pollfd fd = {belfry_proc_fd(b), POLLIN, 0};
 *         poll(&fd, 1, belfry_proc_timeout(b));
 *         belfry_proc_turn(b);
 *     }
 *
 * A death is noticed at once and answered by a pure restart policy: cooldown, growing delay, budget an hour. Ends reach the
 * whole session of a unit. No globals, no threads, no signal handlers, no output; it reaps its own children only. One
 * thread uses a struct belfry_proc; several of them may live in one process. Linux 5.3 or newer.
 *
 * Link with `pkg-config --cflags --libs belfry-proc`. Times are milliseconds. Functions that can fail return -1 and write
 * why into `error` (may be NULL), a text of one line. */
#ifndef BELFRY_PROC_H
#define BELFRY_PROC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct belfry_proc;

enum belfry_proc_state {
    BELFRY_PROC_UNKNOWN,
    BELFRY_PROC_STOPPED,
    BELFRY_PROC_STARTING,
    BELFRY_PROC_RUNNING,
    BELFRY_PROC_STOPPING,
    BELFRY_PROC_CRASHED,
    BELFRY_PROC_RESTARTING, /* dead; starts again at once or after its cooldown */
    BELFRY_PROC_BACKOFF,    /* keeps dying; waits longer each time */
    BELFRY_PROC_FATAL,      /* over its budget; until belfry_proc_start or _reset */
    BELFRY_PROC_STATES
};
const char *belfry_proc_state_name(enum belfry_proc_state s); /* "running" */

/* The monitor of a unit. Zeroed: off, and a dead unit stays dead. */
struct belfry_proc_monitor {
    bool enable;
    int64_t restart_cooldown_ms; /* from one restart to the next */
    uint32_t max_restarts;       /* in an hour; 0: no bound */
    int64_t delay_ms;            /* before the second restart in a row */
    double growth;               /* of that delay, ≥ 1; 0 is taken for 1 */
    int64_t delay_max_ms;        /* 0: an hour */
    double jitter;               /* 0 … 1 */
    int64_t stable_ms;           /* a run so long ends the row; 0: 30 s */
};
/* enable, cooldown 60 s, 10 restarts an hour. */
void belfry_proc_monitor_defaults(struct belfry_proc_monitor *m);

struct belfry_proc_unit {    /* copied */
    const char *id;          /* unique, ≤ 127 bytes */
    const char *type;        /* a word of yours; NULL */
    const char *const *argv; /* argv[0] is a path */
    const char *const *env;  /* NULL: the caller's */
    const char *dir;         /* NULL: the caller's */
    int out_fd, err_fd;      /* 0: the caller's; -1: /dev/null. stdin is /dev/null */
    int64_t start_ms;        /* alive so long: RUNNING. 0: at once */
    int stop_signal;         /* 0: SIGTERM */
    int64_t stop_timeout_ms; /* from that to SIGKILL; 0: 10 s */
    struct belfry_proc_monitor monitor;
    const char *const *after; /* ids that must run first; NULL */
    void *tag;                /* yours, handed to the callbacks */
};

/* What GetProxyMonitorState tells in the seed. Strings are borrowed until the next call that may change the unit. */
struct belfry_proc_info {
    const char *id, *type;
    enum belfry_proc_state state;
    bool enabled;
    pid_t pid; /* 0: none */
    int64_t uptime_ms;
    uint32_t restarts, restarts_in_hour;
    int64_t next_start_ms; /* until then, from now; -1: none planned */
    bool ever_died;
    int last_status;         /* of waitpid; when ever_died */
    const char *last_reason; /* "killed by SIGKILL (9)" */
    void *tag;
};

/* What GetMonitorStatus tells. */
struct belfry_proc_status {
    bool enabled; /* until belfry_proc_stop */
    uint64_t total_checks, total_restarts, success_restarts, failed_restarts;
    int64_t last_check_ms; /* wall clock; 0: none */
    uint32_t status_count[BELFRY_PROC_STATES];
    uint32_t enabled_units, total_units;
};

struct belfry_proc_options { /* zeroed: none */
    void *arg;
    /* May call belfry_proc_info and _status, nothing that changes. */
    void (*on_change)(void *arg, const struct belfry_proc_info *unit, enum belfry_proc_state from);
};

/* NULL when the system has no pidfds (errno says why). options may be NULL. */
struct belfry_proc *belfry_proc_new(const struct belfry_proc_options *options);
void belfry_proc_free(struct belfry_proc *b); /* children that still run are left alone */

int belfry_proc_add(struct belfry_proc *b, const struct belfry_proc_unit *u, char *error,
                    size_t size); /* starts it */
int belfry_proc_remove(struct belfry_proc *b,
                       const char *id); /* stops and forgets; -1: not there */
int belfry_proc_start(struct belfry_proc *b, const char *id);
int belfry_proc_halt(struct belfry_proc *b, const char *id); /* stops one */
int belfry_proc_restart(struct belfry_proc *b, const char *id);
int belfry_proc_reset(struct belfry_proc *b,
                      const char *id); /* forgives a FATAL one and starts it */
int belfry_proc_signal(struct belfry_proc *b, const char *id, int signo);

int belfry_proc_enable(struct belfry_proc *b, const char *id); /* EnableProxyMonitor */
int belfry_proc_disable(struct belfry_proc *b,
                        const char *id); /* DisableProxyMonitor: it runs on; a death stays one */
bool belfry_proc_info(const struct belfry_proc *b, const char *id, struct belfry_proc_info *out);
bool belfry_proc_each(const struct belfry_proc *b, size_t i,
                      struct belfry_proc_info *out); /* false past the end */
void belfry_proc_status(const struct belfry_proc *b, struct belfry_proc_status *out);

/* StopMonitor: stops all units, last first, and waits for their ends; nothing is started any more. With leave, they run on. */
void belfry_proc_stop(struct belfry_proc *b, bool leave);

int belfry_proc_fd(const struct belfry_proc *b); /* readable when a child ended */
int belfry_proc_timeout(
    const struct belfry_proc *b); /* ms until belfry_proc_turn has something to do; -1: nothing */
void belfry_proc_turn(struct belfry_proc *b);
void belfry_proc_run(
    struct belfry_proc *b); /* poll and turn until belfry_proc_stop was called in a callback */

#ifdef __cplusplus
}
#endif

#endif
