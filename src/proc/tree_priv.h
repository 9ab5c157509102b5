/* Which process belongs to which tree: a pure function of what /proc said, which tests call with
 * processes that do not exist. Within proc/, Linux. */
#ifndef PROC_TREE_PRIV_H
#define PROC_TREE_PRIV_H

#include <stdint.h>

#include "proc/procfs.h"
#include "proc/tree.h"

#define TREE_NONE UINT32_MAX

/* What is asked of the system while marking; tests answer from tables. */
struct tree_source {
    /* The process's BELFRY_UNIT and BELFRY_INSTANCE, "" when it has none; false: not known. */
    bool (*cookie)(void *arg, pid_t pid, char *unit, char *instance);
    /* Numbers of the processes in a cgroup, of those below it too; false: there is none such. */
    bool (*cgroup)(void *arg, const char *path, void (*each)(void *to, pid_t pid), void *to);
    pid_t self; /* the caller */
    void *arg;
};
#define TREE_COOKIE_SIZE 512

/* owner[i] is the tree of process i of the list, or TREE_NONE. Zombies are marked too: descent goes
 * through them. */
void tree__mark(const struct tree *trees, size_t n, const struct proc_list *list,
                const struct tree_source *source, uint32_t *owner);

/* The owners of a scan's list, borrowed until the next call. */
const uint32_t *tree__scan_mark(struct tree_scan *scan, const struct tree *trees, size_t n,
                                const struct proc_list **list);
/* A process's "NAME=VALUE" strings, each followed by NUL, as read. Exposed for tests. */
bool tree__cookie_parse(const char *text, size_t n, char *unit, char *instance);

#endif
