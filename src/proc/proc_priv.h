/* What differs between systems: *_linux.c, or port_other.c with the plain fallbacks. */
#ifndef PROC_PRIV_H
#define PROC_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* In a child between fork and exec; each 0, or -1 with errno. */
int proc__death_signal(int signo, pid_t parent);
int proc__caps_before_user(unsigned caps);
int proc__caps_after_user(unsigned caps);

/* The caller's real and effective ids; root stays as the saved one. (Real too, so that children of that user may
 * send us signals.) */
int proc__lower(uid_t uid, gid_t gid);

/* A descriptor that becomes readable when the process ends; -1 when the system has none. */
int proc__pidfd(pid_t pid);
/* As epoll: one descriptor for many. -1 when the system has none. */
int proc__gather(void);
int proc__gather_add(int gather, int fd);

/* Memory of its own (not shared with files or others); 0 unknown. */
uint64_t proc__private_bytes(pid_t pid);
/* The machine's processor time since its boot, in ticks; false unknown. */
bool proc__cpu_ticks(uint64_t *busy, uint64_t *all);
/* Memory in use, 0-100; negative unknown. */
double proc__memory_percent(void);

#endif
