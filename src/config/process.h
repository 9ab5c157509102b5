/* Supervised programs as configured: `processes:` of belfry.yaml, and one unit as the API takes it.
 *
 * A unit's document is bound by process_unit_options into struct process_config. process_resolve makes of the section and
 * its units the list that the warden runs: the section's monitor and channels filled in where a unit says nothing,
 * replicas made (`worker-%i` → worker-1 …), dependencies checked. The core writes that list as JSON, data/run/programs
 * (0600: environments hold secrets), and the warden binds it again with the same table: one description, one reader. */
#ifndef CONFIG_PROCESS_H
#define CONFIG_PROCESS_H

#include "config/option.h"

enum process_kind { PROCESS_DAEMON, PROCESS_ONESHOT };
enum process_restart { PROCESS_RESTART_ALWAYS, PROCESS_RESTART_ON_FAILURE, PROCESS_RESTART_NEVER };
enum process_ready { PROCESS_READY_TIME, PROCESS_READY_NOTIFY, PROCESS_READY_HEALTH };
enum process_overlap { PROCESS_OVERLAP_SKIP, PROCESS_OVERLAP_QUEUE, PROCESS_OVERLAP_REPLACE };
enum process_io {
    PROCESS_IO_DEFAULT,
    PROCESS_IO_REALTIME,
    PROCESS_IO_BEST_EFFORT,
    PROCESS_IO_IDLE
};
enum process_output { PROCESS_OUTPUT_CRI, PROCESS_OUTPUT_RAW };
enum process_full { PROCESS_FULL_DROP, PROCESS_FULL_BLOCK };

#define PROCESS_NOT_GIVEN (-1)      /* of numbers that a unit inherits, before process_resolve */
#define PROCESS_AS_BELFRY INT64_MIN /* of nice and oom_score: unchanged */

/* The seed's names and defaults: enable false, 30 s, 60 s, 10 an hour, 5 s. */
struct process_monitor {
    bool enable;
    int64_t check_interval_ms, restart_cooldown_ms, max_restarts, health_timeout_ms;
    int64_t health_failures; /* failed probes in a row until it is replaced; default 3 */
};

struct process_config {
    const char *id;          /* [A-Za-z0-9._-]{1,64}; with %i when replicas > 1 */
    const char *type;        /* free word: "shadowsocks"; "" none */
    const char *name;        /* for people; "" the id */
    struct str_list command; /* argv; with shell: one text for /bin/sh -c */
    bool shell;
    const char *directory, *user, *group; /* "": Belfry's own */
    struct str_list groups;               /* further ones; empty: the user's */
    const char *umask;                    /* octal text; "" Belfry's children's 022 */
    struct pair_list environment;         /* values are secret */
    const char *environment_file;         /* KEY=VALUE lines; "" none */
    bool clean_environment;               /* start from PATH, HOME, USER, LANG alone */
    struct {
        int64_t nice; /* PROCESS_AS_BELFRY */
        int io_class; /* enum process_io */
        int64_t io_level;
        int64_t oom_score; /* PROCESS_AS_BELFRY */
    } priority;
    struct {
        int64_t open_files, processes, stack, file_size, core_size, address_space,
            locked_memory;                 /* 0: as Belfry's */
        int64_t memory, memory_high;       /* bytes, cgroup (else watched: replaced when over) */
        double cpu;                        /* cores, cgroup */
        int64_t tasks;                     /* cgroup pids.max */
        int64_t watch_memory, watch_files; /* bounds: over them it is replaced; 0 none */
    } limits;
    bool allow_setuid; /* else no_new_privs */
    bool autostart;
    int64_t start_order;
    struct str_list after, requires;
    int64_t replicas;
    int kind;             /* enum process_kind */
    const char *schedule; /* cron expression → a job; "" none */
    const char *timezone; /* IANA; "" local */
    int overlap;          /* enum process_overlap */
    bool catch_up;        /* a due time missed while Belfry was away is made up for, once */
    int64_t run_timeout_ms;
    struct str_list pre_start, post_stop;
    int ready;        /* enum process_ready */
    int64_t start_ms; /* start_seconds */
    int64_t start_timeout_ms;
    int64_t watchdog_ms;     /* 0: none */
    const char *stop_signal; /* "TERM" */
    int64_t stop_timeout_ms;
    int restart;                        /* enum process_restart */
    struct range_list success_statuses; /* default 0 */
    struct {
        int64_t delay_ms, delay_max_ms;
        double growth, jitter;
    } restart_delay;
    struct process_monitor monitor;
    const struct node *health; /* {url|type, config, expect}: any prober; NULL none */
    struct {
        int format; /* enum process_output */
        int64_t max_size, keep, keep_days;
        bool compress, merge; /* merge: stderr into stdout's pipe, so that their order is kept */
        bool events;          /* lines also go to /api/v1/events */
        int on_full;          /* enum process_full */
    } output;
    struct {
        const char *pid_file, *name, *systemd; /* at most one; "" */
    } adopt;
    struct str_list channels; /* at NULL: inherited */
    struct pair_list labels;
    bool enabled; /* the monitor of this unit: `belfry process disable` */
};
extern const struct option process_unit_options[];
extern const struct option process_health_options[];  /* what the map `health` may hold */
extern const struct option process_monitor_options[]; /* the section's, with defaults */
struct process_health {
    const char *url, *type; /* at least one; NULL: absent */
    const struct node *config, *expect;
};

struct process_section {
    struct str_list channels;
    struct process_monitor monitor;
    int language;          /* of the log events: 0 en, 1 zh */
    struct str_list users; /* beside those of the file's units: whom units of the API may run as */
    const struct node *units;
};
extern const struct option process_section_options[];

/* One unit that is to run. */
struct process_unit {
    const struct process_config *config; /* resolved: nothing is PROCESS_NOT_GIVEN */
    const struct node
        *doc; /* resolved, what data/run/programs holds; what is as by default is absent */
    const struct node *at;   /* the document as given; NULL after process_read */
    const char *path;        /* of that document, for messages: "processes.units[3]"; "" */
    const char *template_id; /* "worker-%i"; the id itself when there are no replicas */
    uint32_t replica;        /* 1 …; 0: not one of several */
};

/* Binds, checks one unit's document (the API's PUT and POST; the file's) and resolves it against the section, into 1 …
 * PROCESS_REPLICAS_MAX units. Adds problems under path. NULL after problems. */
#define PROCESS_REPLICAS_MAX 1000
#define PROCESS_UNITS_MAX    10000
const struct process_unit *process_resolve(const struct process_section *section,
                                           const struct node *doc, struct arena *a,
                                           struct problems *p, const char *path, uint32_t *n);
/* Over all units, also those that were through it before: ids unique; after, requires name units that are there (a template's name means all its replicas; the
 * lists are rewritten so); no circle (named in the message). False: problems were added. */
bool process_check_all(struct process_unit *units, uint32_t n, struct arena *a, struct problems *p);

/* data/run/programs. */
void process_write(const struct process_unit *units, uint32_t n, uint64_t generation,
                   struct buf *out);
/* NULL with *err when the text is damaged; units point into the arena. */
const struct process_unit *process_read(const char *text, size_t n_text, struct arena *a,
                                        uint32_t *n, uint64_t *generation, struct err *err);

/* What needs the machine to be known: user and group exist, the directory and the program are there. At a start they are
 * errors; here they are warnings, a sentence each with the unit's place, because a user may be made after the check. Looks
 * into files and the user database: may take a while. */
void process_warn_machine(const struct process_unit *units, uint32_t n, struct arena *a,
                          void (*warn)(void *arg, const struct node *at, const char *field,
                                       const char *text),
                          void *arg);

bool process_stop_signal(const char *name, int *signo); /* "TERM", "SIGTERM", "15" */

#endif
