/* cgroup v2: one folder a unit, where the process may make one (delegated by systemd, a container,
 * or root). Linux; where there is none every call says UNSUPPORTED and the caller goes on with
 * rlimits and watching.
 *
 * Below our own group BASE: BASE/belfry takes Belfry's own processes (a group with children may
 * hold none itself when controllers are on), BASE/units/NAME each unit's. What a killed
 * predecessor made is found again by name. */
#ifndef PROC_CGROUP_H
#define PROC_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

struct cgroup_base; /* opaque */

/* root: NULL: found by /proc/self/mountinfo and /proc/self/cgroup; else for tests. NULL with
 * UNSUPPORTED when there is none that we may write. Moves the caller into BASE/belfry. */
struct cgroup_base *cgroup_open(const char *root, struct err *err);
void cgroup_close(struct cgroup_base **b);
/* "cpu memory pids": the controllers that units can be bounded by. */
bool cgroup_has(const struct cgroup_base *b, const char *controller);

struct cgroup_limits {
    uint64_t memory_max, memory_high; /* bytes; 0: none */
    double cpu_max;                   /* cores: 1.5; 0: none */
    uint32_t pids_max;                /* 0: none */
    uint32_t cpu_weight, io_weight;   /* 1 … 10000; 0: the default */
};
/* Makes (or finds) the unit's folder and sets its limits. *path is malloc'ed. Limits whose
 * controller is missing: done without, with `missing` (may be NULL) naming the first. */
int cgroup_unit(struct cgroup_base *b, const char *unit, const struct cgroup_limits *l, char **path,
                const char **missing, struct err *err);
void cgroup_unit_remove(struct cgroup_base *b, const char *unit); /* when it is empty */
int cgroup_unit_kill(const char *path); /* cgroup.kill (Linux 5.14); -1 when there is none */
/* memory.current, memory.events oom_kill …: "was it the kernel's out-of-memory killer?" */
uint64_t cgroup_oom_kills(const char *path);

#endif
