/* Belfry in the background: start, stop, status, and its systemd unit. Used by the commands of those names; they
 * print to stdout and stderr and return the exit status of CONTRACT.md. */
#ifndef APP_DAEMON_H
#define APP_DAEMON_H

#include <stdbool.h>
#include <sys/types.h>

#include "app/warden.h"

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
