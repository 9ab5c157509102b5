/* cgroup v2: one folder a unit, where the process may make one (delegated by systemd, a container,
 * or root). Linux; elsewhere, and where none may be made, UNSUPPORTED: the caller goes on with
 * rlimits and watching. Called by the warden; what needs root is done as root (spawn_raise).
 *
 * In our own group BASE: BASE/INSTANCE/self takes Belfry's own processes (a group with children may
 * hold none itself when controllers are on), BASE/INSTANCE/units/u-NAME each unit's. What a killed
 * predecessor made is found again by name. */
#ifndef PROC_CGROUP_H
#define PROC_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct cgroup_base; /* opaque */

/* root: NULL: found by /proc/self/mountinfo and /proc/self/cgroup; else BASE itself, for tests.
 * instance: a folder name that is this Belfry's alone and the same after a restart, "belfry-3f2a".
 * NULL with UNSUPPORTED when there is none that we may write. Moves the caller into …/self. */
struct cgroup_base *cgroup_open(const char *root, const char *instance, struct err *err);
/* Leaves the groups as they are while there are units; else removes them, the caller goes back to
 * BASE. */
void cgroup_close(struct cgroup_base **b);
/* "cpu", "memory", "pids", "io": whether units can be bounded by it. */
bool cgroup_has(const struct cgroup_base *b, const char *controller);

struct cgroup_limits {
    uint64_t memory_max, memory_high; /* bytes; 0: none */
    double cpu_max;                   /* cores: 1.5; 0: none */
    uint32_t pids_max;                /* 0: none */
    uint32_t cpu_weight, io_weight;   /* 1 … 10000; 0: the default */
};
/* Makes the unit's folder (anew when it is empty) or finds it, and sets its limits. *path is
 * malloc'ed. Limits whose controller is missing: done without, with `missing` (may be NULL)
 * naming the first, else NULL. */
int cgroup_unit(struct cgroup_base *b, const char *unit, const struct cgroup_limits *l, char **path,
                const char **missing, struct err *err);
/* When it is empty; what the unit made below it goes too. */
void cgroup_unit_remove(struct cgroup_base *b, const char *unit);
/* cgroup.kill (Linux 5.14); -1 when there is none. Only before cgroup_unit_remove: Linux 6.18 and
 * others kill whatever is started in the folder later, too. */
int cgroup_unit_kill(const char *path);
/* memory.current, memory.events oom_kill …: "was it the kernel's out-of-memory killer?" */
uint64_t cgroup_oom_kills(const char *path);
/* Processor time of all that ever ran in it; negative: not told. */
double cgroup_cpu_seconds(const char *path);

#endif
