/* The whole of what a unit started: by its cgroup where we have one, else by session, by the
 * cookie BELFRY_UNIT=NAME in the environment, and by descent from its main process. The warden
 * is a subreaper, so nothing leaves it unseen. Scans /proc (about 3 µs a process of the
 * machine): for ends and for figures, not for each turn. */
#ifndef PROC_TREE_H
#define PROC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proc/procid.h"

struct tree {
    const char *cookie; /* value of BELFRY_UNIT; NULL: none */
    const char *cgroup; /* path of its cgroup's folder; NULL: none */
    struct spawn_id main;
};
/* Signals every process of it, main process included; with SIGKILL again until none is left that
 * was not killed. Returns how many were signalled. Raises the caller's rights for it where
 * needed (spawn_raise). */
size_t tree_signal(const struct tree *t, int signo);
size_t tree_count(const struct tree *t); /* living ones; zombies do not count */

struct tree_usage {
    double cpu_seconds;
    uint64_t rss_bytes, pss_bytes, private_bytes; /* pss: 0 where it may not be read */
    uint64_t read_bytes, write_bytes;             /* of the disk; 0 unknown */
    uint32_t processes, threads, files;
};
/* Figures of many trees by one pass over /proc. A tree that has no process is all zero. */
void tree_usage(const struct tree *trees, size_t n, struct tree_usage *out);

#endif
