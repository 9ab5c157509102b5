/* The whole of what a unit started: by its cgroup where we have one, else by the session of its
 * main process, by the cookie in the environment (BELFRY_UNIT and BELFRY_INSTANCE), and by
 * descent from any of those. What leaves its session and drops its environment and its parent at
 * once is not found without a cgroup. Scans /proc (about 10 µs a process of the machine): for
 * ends and for figures, not for each turn. The caller itself is never part of a tree. Linux;
 * elsewhere a tree is the process group of its main process, without figures. */
#ifndef PROC_TREE_H
#define PROC_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "proc/procid.h"

struct tree {
    const char *cookie; /* value of BELFRY_UNIT; NULL: none */
    const char
        *instance; /* value of BELFRY_INSTANCE (the run folder), so that another Belfry's unit of
                             the same name is not ours; NULL: whatever it is */
    const char *cgroup;   /* path of its cgroup's folder; NULL: none */
    struct spawn_id main; /* may be dead already; pid 0: none */
};
/* Signals every process of it once, main process included, and wakes stopped ones so that they can
 * obey. With SIGKILL all are stopped first, until none is left that was not, so that nothing they
 * fork escapes. Returns how many were signalled. Raises the caller's rights for it where needed
 * (spawn_raise). */
size_t tree_signal(const struct tree *t, int signo);
/* The process bears the tree's cookie, and its instance's: only the tree's own processes do, or their descendants of
 * whatever user, for nobody can write into another's environment. */
bool tree_marked(const struct tree *t, pid_t pid);
size_t tree_count(const struct tree *t); /* living ones; zombies do not count */

/* The same for many trees in a row, by one look at the machine. What the look saw empty stays
 * so, since only a member makes members; what ended since still counts. SIGKILL looks anew all
 * the same. scan NULL: looks now. */
struct tree_scan;
struct tree_scan *tree_scan_new(void);
void tree_scan_free(struct tree_scan **s);
size_t tree_scan_signal(struct tree_scan *scan, const struct tree *t, int signo);
size_t tree_scan_count(struct tree_scan *scan, const struct tree *t);

struct tree_usage {
    double cpu_seconds; /* children that ended included, where their parent waited for them */
    uint64_t rss_bytes, pss_bytes, private_bytes; /* pss: 0 where it may not be read */
    uint64_t read_bytes, write_bytes;             /* of the disk; 0 unknown */
    uint32_t processes, threads, files;
};
/* Figures of many trees by one pass over /proc. A tree that has no process is all zero. */
void tree_usage(const struct tree *trees, size_t n, struct tree_usage *out);

#endif
