/* Between the two halves of a spawn: spawn.c in the parent, spawn_child.c in the child. */
#ifndef PROC_SPAWN_PRIV_H
#define PROC_SPAWN_PRIV_H

#include <stdbool.h>
#include <sys/types.h>

#include "proc/spawn.h"

/* In this order. X(NAME, what could not be done) */
#define SPAWN_STEPS(X)                           \
    X(GROUP, "make a process group")             \
    X(FILES, "set up its standard files")        \
    X(CGROUP, "enter its cgroup")                \
    X(LIMITS, "set its resource limits")         \
    X(PRIORITY, "set its priority")              \
    X(USER, "become its user")                   \
    X(CAPS, "keep its capabilities")             \
    X(PARENT, "tie it to its parent")            \
    X(PRIVILEGES, "keep it from new privileges") \
    X(DIR, "change to its directory")            \
    X(EXEC, "execute it")
enum spawn_step {
#define X(name, text) STEP_##name,
    SPAWN_STEPS(X)
#undef X
};

struct spawn_failure {
    enum spawn_step step;
    int number; /* errno */
};

struct spawn_child {
    const struct spawn *s;
    pid_t parent;
    int report;        /* pipe to the parent: closed by exec, else a spawn_failure */
    bool enter_cgroup; /* it does not start there already */
};
/* What the child does, with all signals blocked; arg is a struct spawn_child. It may share the
 * parent's memory (vfork), so it writes only to its own stack and calls only what is
 * async-signal-safe and keeps no state. */
_Noreturn void spawn__child(void *arg);

#endif
