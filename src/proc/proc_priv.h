/* What differs between systems: *_linux.c, or port_other.c with the plain fallbacks. */
#ifndef PROC_PRIV_H
#define PROC_PRIV_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* --- births --- A child that runs fn(arg), which never returns; its pid, or -1 with errno.
 * share: in the parent's memory, which waits until it executes or exits (as vfork; where the
 * system can, else a plain fork); seven times faster. cgroup: it starts in that folder, or -1
 * with errno; -1: the caller's. */
pid_t proc__birth(int cgroup, bool share, void (*fn)(void *arg), void *arg);
/* Whether that is safe: a child that became another user must not be open to that user's ptrace
 * while it still has our memory. */
bool proc__may_share(bool other_user);

/* spawn_raise for code that may run raised already; unraise takes what raise returned. */
bool proc__raise(void);
void proc__unraise(bool raised);

/* --- in a child before exec, raw system calls: libc's would speak to the threads of a parent
 * whose memory we share --- Each 0, or -1 with errno. */
int proc__become_root(void); /* effective; undoes a lowering */
int proc__become(uid_t uid, gid_t gid, const gid_t *groups,
                 int n); /* all ids; groups NULL: as they are */
int proc__no_new_privs(void);
int proc__io_priority(int io_class, int level); /* enum spawn_io_class */
int proc__oom_score(int score);
void proc__close_rest(void); /* descriptors above 2 become close-on-exec */
int proc__death_signal(int signo, pid_t parent);
/* The two signals that the C library keeps to itself (32, 33 on Linux), which sigaction() does not touch. */
void proc__plain_hidden_signals(void);
int proc__caps_before_user(unsigned caps);
int proc__caps_after_user(unsigned caps);

/* The caller's real and effective ids; root stays as the saved one. (Real too, so that children
 * of that user may send us signals.) */
int proc__lower(uid_t uid, gid_t gid);

/* A descriptor that becomes readable when the process ends; -1 when the system has none. */
int proc__pidfd(pid_t pid);
/* As epoll: one descriptor for many. -1 when the system has none. */
int proc__gather(void);
int proc__gather_add(int gather, int fd, pid_t pid);
/* The pid of one that is readable; false when none is. */
bool proc__gather_next(int gather, pid_t *pid);
/* Orphans among our descendants become our children. */
bool proc__take_orphans(void);
/* Whether known() says so of each child of ours; false when the system does not list them. */
bool proc__children_are(bool (*known)(void *arg, pid_t pid), void *arg);

/* The user may signal it, by the kernel's own rule: its real or its saved id is that user's. */
bool proc__is_users(pid_t pid, uid_t user);

#endif
