/* Starting a program as another user, with bounds, and nothing inherited that was not asked for.
 *
 * Called by the supervisor (warden) and by probers of external plugins; single-threaded callers
 * only, since it forks. Every descriptor of the caller must be close-on-exec. */
#ifndef PROC_SPAWN_H
#define PROC_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "proc/procid.h"

#define SPAWN_GROUPS_MAX 64
struct spawn_user {
    uid_t uid;
    gid_t gid;
    uint32_t n_groups;
    gid_t groups[SPAWN_GROUPS_MAX];
};
/* By name or number; NOT_FOUND with the name in the message. */
int spawn_user_find(const char *name, struct spawn_user *out, struct err *err);
/* The same with another primary group and other further groups than the user database says. user
 * "" or NULL: the caller's real one; group "" or NULL: the user's own; n_groups 0: the user's
 * own, else exactly those and the primary one. */
struct spawn_user_names {
    const char *user, *group;
    const char *const *groups;
    size_t n_groups;
};
int spawn_user_resolve(const struct spawn_user_names *names, struct spawn_user *out,
                       struct err *err);
/* The caller (root) goes on as the user, keeping only the right to become root again: what a
 * spawned child needs in order to become whom it must. */
int spawn_lower(const struct spawn_user *u, struct err *err);
/* For one act (a signal to another user's process, a cgroup): root again, if we may; and back.
 * Nested calls are wrong. */
void spawn_raise(void);
void spawn_unraise(void);

enum spawn_group { SPAWN_SAME_GROUP, SPAWN_NEW_GROUP, SPAWN_NEW_SESSION };
enum { SPAWN_CAP_NET_RAW = 1 };

#define SPAWN_UNLIMITED UINT64_MAX
/* Soft and hard alike, so that the program cannot raise them again. 0: as the caller's;
 * SPAWN_UNLIMITED; a caller who may not become root gives at most its own hard limit. */
struct spawn_limits {
    uint64_t address_space, data, open_files, processes;
    uint64_t stack, file_size, locked_memory, core_size;
    uint64_t open_files_soft; /* with open_files 0: the soft limit alone; the hard one stays */
    uint64_t cpu_seconds;     /* SIGXCPU then, SIGKILL 5 seconds later */
    bool no_core;
};

enum spawn_io_class { SPAWN_IO_DEFAULT, SPAWN_IO_REALTIME, SPAWN_IO_BEST_EFFORT, SPAWN_IO_IDLE };
struct spawn_priority { /* zeroed: as the caller's */
    int nice;           /* -20 … 19, used when has_nice */
    bool has_nice;
    enum spawn_io_class io_class;
    int io_level;  /* 0 … 7 */
    int oom_score; /* -1000 … 1000, used when has_oom_score */
    bool has_oom_score;
};

struct spawn {
    const char *path;              /* executable; spawn_self() for another role of this one */
    const char *const *argv;       /* argv[0] is free */
    const char *const *env;        /* NULL: the caller's */
    const char *dir;               /* NULL: the caller's */
    const struct spawn_user *user; /* NULL: the caller's */
    unsigned caps; /* SPAWN_CAP_*: kept although the user is not root; where the system knows how */
    struct spawn_limits limits;
    struct spawn_priority priority;
    bool has_umask;
    mode_t umask;
    /* Set-user-id programs give nothing: what a unit gets unless it asks otherwise. */
    bool no_new_privs;
    const char *cgroup; /* folder of a cgroup that it starts in; NULL: the caller's */
    /* In shared memory: the child writes its identity there before exec, and does not exec when
     * its parent is gone already, so a process that nobody knows cannot come about. NULL: none. */
    struct spawn_id *record;
    int death_signal;          /* sent to the child when the caller dies (Linux); 0: none */
    enum spawn_group group;    /* a group of its own spares the child a terminal's Ctrl-C */
    int in_fd, out_fd, err_fd; /* 0: the caller's; SPAWN_NULL: /dev/null */
};
#define SPAWN_NULL (-1)

/* Returns when the program runs (or cannot: message says at which step). */
int spawn_start(const struct spawn *s, pid_t *pid, struct err *err);

/* A path by which this very executable can be started again, even when its file was replaced
 * meanwhile (Linux); else argv0 made absolute. malloc'ed. */
char *spawn_self(const char *argv0);

/* "exit status 3", "killed by SIGSEGV (core dumped)" into buf. Returns buf. */
#define SPAWN_STATUS_SIZE 64
char *spawn_status_text(int status, char *buf);
const char *spawn_signal_name(int signo); /* "SIGSEGV"; "signal" when unknown */

#endif
