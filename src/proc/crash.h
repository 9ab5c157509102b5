/* Crash reports. The dying process writes a raw file with what only it knows; the warden makes
 * data/crash/TIME-NAME-PID.json of it, and of deaths that left nothing (kill -9).
 *
 * Raw file, text, DIR/.raw-PID, opened at the start and empty until the crash:
 *     belfry-crash 1
 *     signal 11 code 1 address 0 pc 55f0c0de1234
 *     must src/a.c:12: f: must(x)          (when a must() ended it)
 *     frame 55f0c0de1234                   (return addresses, innermost first)
 *     maps
 *     55f0c0de0000-55f0c0df0000 r-xp …     (/proc/self/maps; for turning addresses into names) */
#ifndef PROC_CRASH_H
#define PROC_CRASH_H

#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/err.h"

/* --- in every role's process, main thread, before other threads ---
 * Handlers for SIGSEGV, SIGBUS, SIGILL, SIGFPE and SIGABRT on a stack of their own. Under sanitizers only
 * SIGABRT's, so that theirs report the rest. */
int crash_install(const char *dir, struct err *err);
/* In each further thread at its start: gives it a stack for the handlers (a stack overflow needs one). Again: nothing. */
void crash_thread(void);
void crash_thread_end(void); /* before it ends: frees that stack. Without one: nothing */

/* --- in the warden --- */
struct crash_cpu { /* the machine's processor time at some earlier moment */
    uint64_t busy, all;
};
void crash_cpu_now(struct crash_cpu *c);

struct crash_death {
    const char *dir;      /* where reports go, and where the raw file is */
    const char *name;     /* "payments/0" */
    const char *title;    /* "belfry: watcher payments/0" */
    const char *version;  /* Belfry's */
    const char *reason;   /* what the supervisor knows: "hung: …"; NULL nothing */
    const char *log_file; /* its last lines are quoted; NULL none */
    const char *const *argv;
    const char *const *env;
    pid_t pid;
    int status;
    struct rusage usage;
    int64_t started_ms, died_ms; /* wall clock */
    struct crash_cpu before;     /* some seconds ago */
};
#define CRASH_KEPT 100
/* Writes the report (0600), removes the raw file, keeps the newest CRASH_KEPT. *path (may be NULL) is its
 * malloc'ed name. */
int crash_report(const struct crash_death *d, char **path, struct err *err);
/* After an end that needs no report. */
void crash_forget(const char *dir, pid_t pid);

#endif
