/* Within proc/, Linux: /proc read process by process, for trees and adoption. No state. */
#ifndef PROC_PROCFS_H
#define PROC_PROCFS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/vec.h"

struct proc_stat {
    pid_t pid, ppid, session;
    char state; /* 'R', 'S' …; 'Z', 'X': dead */
    uint32_t threads;
    uint64_t start_time;
    uint64_t own_ticks; /* of processors */
    uint64_t cpu_ticks; /* its own and of the children it waited for */
};
/* Pure: a line of /proc/PID/stat. */
bool proc__stat_parse(const char *text, size_t n, struct proc_stat *out);
bool proc__stat(pid_t pid, struct proc_stat *out); /* async-signal-safe */
bool proc__dead(const struct proc_stat *s);

/* To that very process, not to another with its number. False: it is gone, or we may not. */
bool proc__signal_exact(pid_t pid, uint64_t start_time, int signo);

#define PROC_PATH_SIZE 48
void proc__path(char out[PROC_PATH_SIZE], pid_t pid, const char *name);
/* The file's first size-1 bytes, NUL-terminated; text is "" when there is nothing. */
bool proc__read_text(const char *path, char *text, size_t size);

/* All processes, in the order of their numbers; zombies among them. */
struct proc_list {
    vec_of(struct proc_stat) all;
};
void proc__list(struct proc_list *out);
void proc__list_sort(struct proc_list *l); /* by number, as finding needs it */
void proc__list_done(struct proc_list *l);
const struct proc_stat *proc__list_find(const struct proc_list *l, pid_t pid); /* NULL: none */

#endif
