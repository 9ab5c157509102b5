/* The roles of the executable: what each process of Belfry is. main.c dispatches; each role wires its parts in one
 * readable page. */
#ifndef APP_ROLES_H
#define APP_ROLES_H

/* Everything between processes lies under run_dir (docs/architecture.md). */
struct watcher_options {
    const char *name;    /* "payments/0": names its files, its title and its log */
    const char *run_dir; /* "data/run" */
    long ring_size;      /* bytes */
    long max_in_flight;  /* probes at once */
};

/* Runs until SIGTERM; returns the exit status. */
int role_watcher(const struct watcher_options *opt);

#endif
