/* Starting a program as another user, with bounds, and nothing inherited that was not asked for.
 *
 * Called by the supervisor (warden) and by probers of external plugins; single-threaded callers only,
 * since it forks. Every descriptor of the caller must be close-on-exec. */
#ifndef PROC_SPAWN_H
#define PROC_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

#define SPAWN_GROUPS_MAX 64
struct spawn_user {
    uid_t uid;
    gid_t gid;
    uint32_t n_groups;
    gid_t groups[SPAWN_GROUPS_MAX];
};
/* By name or number; NOT_FOUND with the name in the message. */
int spawn_user_find(const char *name, struct spawn_user *out, struct err *err);
/* The caller (root) goes on as the user, keeping only the right to become root again: what a spawned child
 * needs in order to become whom it must. */
int spawn_lower(const struct spawn_user *u, struct err *err);

enum spawn_group { SPAWN_SAME_GROUP, SPAWN_NEW_GROUP, SPAWN_NEW_SESSION };
enum { SPAWN_CAP_NET_RAW = 1 };

struct spawn_limits { /* 0: as the caller's */
    uint64_t address_space, data, open_files, processes;
    bool no_core;
};

struct spawn {
    const char *path;              /* executable; spawn_self() for another role of this one */
    const char *const *argv;       /* argv[0] is free */
    const char *const *env;        /* NULL: the caller's */
    const char *dir;               /* NULL: the caller's */
    const struct spawn_user *user; /* NULL: the caller's */
    unsigned caps; /* SPAWN_CAP_*: kept although the user is not root; where the system knows how */
    struct spawn_limits limits;
    int death_signal;          /* sent to the child when the caller dies (Linux); 0: none */
    enum spawn_group group;    /* a group of its own spares the child a terminal's Ctrl-C */
    int in_fd, out_fd, err_fd; /* 0: the caller's; SPAWN_NULL: /dev/null */
};
#define SPAWN_NULL (-1)

/* Returns when the program runs (or cannot: message says at which step). */
int spawn_start(const struct spawn *s, pid_t *pid, struct err *err);

/* A path by which this very executable can be started again, even when its file was replaced meanwhile
 * (Linux); else argv0 made absolute. malloc'ed. */
char *spawn_self(const char *argv0);

/* "exit status 3", "killed by SIGSEGV (core dumped)" into buf. Returns buf. */
#define SPAWN_STATUS_SIZE 64
char *spawn_status_text(int status, char *buf);
const char *spawn_signal_name(int signo); /* "SIGSEGV"; "signal" when unknown */

#endif
