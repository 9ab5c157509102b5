/* Belfry in the background: start, stop, status, and its systemd unit. Used by the commands of those names; they
 * print to stdout and stderr and return the exit status of CONTRACT.md. */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "app/warden.h"
#include "base/arena.h"
#include "config/node.h"

/* Starts a warden in the background and waits until GET /health/ready on data/run/belfry.sock answers 200, or it
 * died (what it said goes to stderr). 0 or 1. Call before anything made a thread. */
int daemon_start(const struct warden_config *cfg);
/* SIGTERM, and waits for the end. 0 also when it was not running (says so), 1 when it does not end. */
int daemon_stop(const char *data_dir);
/* Its pid, uptime, processes, and how many programs are in which state. 0 all its own run, 1 some do not, 3 it does not
 * run. */
int daemon_status(const char *data_dir, bool as_json);
/* Pid of the warden that runs with this data; 0: none does. Told by the lock, not by the file's text. */
pid_t daemon_pid(const char *data_dir);

/* The warden that runs with this data executes the program file again; returns when the new one is ready. 0, 1, or 3 when
 * none runs. Says the old version and the new one. */
int daemon_upgrade(const struct warden_config *cfg);

/* --- among the daemon's files --- */
char *daemon_run_path(const char *data_dir, const char *name); /* malloc'ed */
bool daemon_is_ready(const char *data_dir);                    /* GET /health/ready: 200 yet? */
/* 0: the upgrade begins; else *err says why not. A warden whose commands are of another version gets the signal. */
int daemon_ask_upgrade(const char *data_dir, pid_t warden, struct err *err);
/* Users' programs, {"running": 3, …}; states that are called alike are counted together. */
struct node *daemon_count_programs(const char *data_dir, struct arena *a);

/* Writes /etc/systemd/system/belfry.service for this executable, configuration and user (root only). */
struct daemon_install {
    const char *exe;         /* absolute */
    const char *config_path; /* absolute */
    const char *data_dir, *log_dir;
    const char *user; /* NULL: root */
    bool programs;    /* the configuration has some */
    bool other_users; /* … that run as others than Belfry */
};
int daemon_install(const struct daemon_install *in);
int daemon_uninstall(void);

#endif
