/* Within proc/: looking into a unit's cgroup. None of these changes the caller's rights. */
#ifndef PROC_CGROUP_PRIV_H
#define PROC_CGROUP_PRIV_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Calls each for every process in the folder and below it; false: there is no such cgroup. */
bool cgroup__each(const char *path, void (*each)(void *to, pid_t pid), void *to);
int cgroup__kill(const char *path); /* as cgroup_unit_kill */

/* Pure: the folder of a process's group, from its /proc/PID/mountinfo and /proc/PID/cgroup,
 * malloc'ed; NULL: there is no cgroup2 mount that shows it. */
char *cgroup__folder(const char *mountinfo, size_t n_mountinfo, const char *cgroup,
                     size_t n_cgroup);

#endif
