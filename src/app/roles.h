/* The roles of the executable: what each process of Belfry is. main.c dispatches; each role wires its parts in one
 * readable page. */
#ifndef APP_ROLES_H
#define APP_ROLES_H

#include <stdbool.h>
#include <sys/types.h>

#include "config/config.h"

/* Exit status of a child that would fail the same way again: the warden does not restart it. */
#define EXIT_CONFIG 78 /* EX_CONFIG of sysexits.h */

/* Set by `belfry run` for its children: they log to stderr too, where whoever started it looks. */
#define FOREGROUND_ENV "BELFRY_FOREGROUND"

struct watcher_options {
    const char *key;     /* "payments.0": names its files in run_dir */
    const char *name;    /* "payments/0": for people */
    const char *run_dir; /* "data/run" */
    long ring_size;      /* bytes */
    long max_in_flight;  /* probes at once */
    bool no_exec;        /* targets that run programs of this machine fail instead */
};
/* Runs until SIGTERM; returns the exit status. */
int role_watcher(const struct watcher_options *opt);

struct uplink_options {
    const char *settings_path; /* agent_settings.h */
    const char *run_dir;
    pid_t warden; /* gets SIGUSR1 when data/run/units is written */
};
/* An agent's, in the core's place: sends what the watcher's ring holds to the server, fetches what to probe. Until SIGTERM. */
int role_uplink(const struct uplink_options *opt);

struct core_role_options {
    const char *config_path;
    pid_t warden; /* gets SIGUSR1 when data/run/units changed */
};
int role_core(const struct core_role_options *opt);

struct output_role_options {
    const char *run_dir; /* "data/run" */
    const char *log_dir; /* "logs" */
};
/* Reads the pipes of users' programs until SIGTERM (output/output.h). */
int role_output(const struct output_role_options *opt);

/* --- common.c --- */
/* Loads the configuration; all problems go to stderr, one a line. NULL when there are any. */
struct config *load_config(const char *path);
/* So that a crash of this process leaves a backtrace for the warden (proc/crash.h). */
void install_crash_handlers(const char *run_dir);
/* Probes and connections each take a descriptor: the soft limit becomes the hard one. */
void raise_open_files(void);
/* logs/FOLDER/FILE as the configuration says, also on stderr when it is a terminal. */
void open_role_log(const struct config *cfg, const char *component, const char *folder,
                   const char *file);

#endif
