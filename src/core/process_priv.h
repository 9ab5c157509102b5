/* Inside of the core: supervised programs (process.h), what their rooms offer each other. Main loop.
 *
 *   process.c         the programs that there are; their list, data/run/programs
 *   process_roster.c  which ones there are to be, file and API together
 *   process_edit.c    changes of the API's units
 *   process_record.c  what the table says of one, and whether it is refused
 *   process_link.c    commands to the warden
 *   process_act.c     start, stop … and waiting until a program has come to rest
 *   process_ingest.c  data/run/events → history, statistics, and the rooms below
 *   process_alert.c   ringing (decided in alert/process.c)
 *   process_log.c     logs/processes/monitor.log; process_events.c: what the page hears
 *   process_health.c  rounds of checks, health probes      process_jobs.c  what is due by the clock
 *   process_stats.c   figures of the process trees         process_output.c  what they printed */
#ifndef CORE_PROCESS_PRIV_H
#define CORE_PROCESS_PRIV_H

#include "alert/process.h"
#include "base/cron.h"
#include "core/core_priv.h"
#include "core/process.h"
#include "ipc/command.h"
#include "ipc/table.h"

#define PROGRAM_MAGIC 0xbe1f9a06u
#define PROGRAM_GROUP "processes" /* of its alerts */

struct programs;

struct program {
    uint32_t magic;
    struct programs *all;
    const struct process_unit *unit; /* of the present roster, as all that hangs on it */
    const struct node *document;
    bool from_file, enabled;
    bool changed; /* the page is told when this turn is over */
    uint64_t seen_sync;
    char *refused; /* why the warden does not run it, or not as it is now; NULL */
    uint64_t refused_round;

    struct process_alarm alarm;
    uint64_t alert_id; /* its open alert; 0 */

    struct {
        int good;          /* -1 not probed yet, else 0, 1 */
        uint32_t failures; /* in a row */
        char *message;
        int64_t checked_ms;
        int64_t due_ns;   /* the next look; monotonic */
        int64_t hurry_ns; /* while it starts: the spacing of its probes */
        bool waiting;     /* for a watcher's answer */
        bool in_round, in_queue;
    } health;
    struct {
        struct cron *cron; /* NULL: no job */
        char *spec;        /* what it was parsed from */
        int64_t next_ms, last_ms;
        bool queued; /* due while it still ran */
    } job;
    struct {
        struct tree_usage tree;
        double cpu_percent;
        int64_t at_ns; /* monotonic; 0: never */
        struct spawn_id main;
    } usage;
    struct {
        int64_t died_ms; /* wall clock, of the crash that its restart is to answer; 0: none */
        bool restarting; /* the attempt has begun */
    } restart;
    struct {
        char *cursor;
        uint32_t lines; /* published in this second */
        uint64_t dropped;
    } output;
};

/* Which programs there are to be: made anew at each change, checked as a whole, then taken over. */
struct roster {
    struct arena *arena;
    struct config *config; /* a reference: nodes of its file are named */
    vec_of(struct process_unit) units;
    vec_of(const struct node *) documents; /* beside units */
    size_t n_file;                         /* so many, at the front, are the file's */
};

struct warden_link;
struct errand;

struct programs {
    struct core *core;
    struct roster roster;
    struct map_str *by_id;          /* id → program */
    vec_of(struct program *) order; /* as the roster */
    struct map_str *api_docs;       /* (template's) id → JSON text, malloc'ed */
    uint64_t generation, sync, refusal_round;
    uint64_t written;    /* hash of what was written last */
    bool dirty;          /* data/run/programs could not be written */
    struct table *table; /* NULL: there is none yet */
    struct ring_tap tap;
    struct warden_link *link;
    vec_of(struct errand *) errands; /* commands whose end is awaited */
    struct timer errand_timer;
    int64_t errands_looked_ns;

    uint64_t total_checks, total_restarts, success_restarts, failed_restarts, events;
    int64_t last_check_ms;
    bool stats_changed, jobs_changed;

    struct timer health_timer;
    int64_t health_next_ns;         /* when it rings; 0: not at all */
    vec_of(struct program *) queue; /* programs whose probe is due, in this round */
    size_t queue_at, probes;        /* under way */
    struct {
        int64_t began_ns;
        uint32_t checked, open; /* open: probes not answered yet */
    } round;
    struct map_str *job_times; /* of an earlier life: unit → when it was started last */
    struct timer job_timer, tail_timer, event_timer;
    vec_of(struct program *) changed; /* NULL: one that is gone */
    vec_of(struct tail) tails;
    int64_t sampled_ns;
    struct log_sink *monitor_log;
    bool started_log;           /* "component started" was written */
    bool log_trouble;           /* that it cannot be opened was told */
    struct map_str *own_alerts; /* "Belfry: process NAME" → struct own_child */
    int64_t own_seen_ns;        /* mtime of warden.json when it was read last */
};

/* A death whose last lines are fetched a moment later. */
struct tail {
    uint64_t id;
    int64_t due_ns;
    struct process_event event;
};

/* --- process.c, process_roster.c --- */
struct programs *core__programs_new(struct core *c, struct err *err);
void core__programs_start(struct core *c); /* all else is there: roster, ring, link */
void core__programs_free(struct core *c);
void core__programs_stop(struct core *c);      /* nothing new begins */
void core__programs_tick(struct core *c);      /* each second */
void core__programs_connected(struct core *c); /* to a warden, perhaps another one */
void core__programs_again(struct core *c); /* the database was begun anew: all that memory knows */
struct program *core__program(struct core *c, const char *id);
/* The file's and the API's units; change (may be NULL) is tried instead of what api_docs has. False: problems. */
struct roster_change {
    const char *id;
    const struct node *doc; /* NULL: removed */
};
bool core__roster_make(struct core *c, const struct roster_change *change, struct roster *out,
                       struct problems *p);
void core__roster_done(struct roster *r);
/* Makes it so: writes data/run/programs, tells the warden. After each load of the configuration and each change. */
void core__programs_sync(struct core *c);
void core__programs_take(struct core *c, struct roster *r); /* one that was made well; taken over */

/* --- process_record.c --- */
/* False, and the state UNKNOWN: the warden has it not yet, or what stands there makes no sense. */
bool core__program_record(const struct program *p, struct unit_record *out);
void core__program_set_refused(struct program *p, const char *why); /* NULL: it is run */
void core__refusals_take(struct core *c, const char *text); /* the warden's answer to a LOAD */

/* --- process_link.c --- */
struct warden_link *core__warden_new(struct core *c);
void core__warden_free(struct warden_link **l);
bool core__warden_connected(const struct warden_link *l);
void core__warden_load(struct warden_link *l); /* data/run/programs changed */
void core__warden_expire(struct warden_link *l);
typedef void warden_answer(void *arg, const struct err *err, const char *text);
/* fn (may be NULL) is called once, not before this returns; BUSY, and never called, while there is no warden. */
int core__warden_ask(struct warden_link *l, const struct command *what, warden_answer *fn,
                     void *arg, struct err *err);
struct command core__command(enum command_type type, const char *unit);

/* --- process_act.c --- */
void core__errands_look(struct core *c); /* something changed; soon, never before this returns */
void core__errands_free(struct core *c);
int core__program_send(struct program *p, enum command_type type, int number, const char *text);

/* --- process_ingest.c --- */
void core__programs_open_ring(struct core *c);
void core__process_stats_load(struct core *c, const char *text);
void core__process_stats_save(struct core *c);

/* --- process_alert.c --- */
void core__program_alarm(struct program *p, const struct process_verdicts *v);
void core__program_alarm_event(struct program *p, const struct process_event *e);
void core__program_gone(struct program *p);                           /* its alert ends */
bool core__program_alert_load(struct core *c, const struct alert *a); /* an open one of before */
void core__program_alerts_settle(
    struct core *c); /* those of programs that are gone; after the first roster */
void core__program_alerts_tick(struct core *c);
void core__own_children_tick(struct core *c); /* Belfry's own that are down for long */
void core__own_children_free(struct core *c);

/* --- process_log.c --- */
void core__plog_started(struct core *c);
void core__plog_crash(const struct program *p);
void core__plog_restart(const struct program *p, bool success, int64_t took_ms, const char *reason);
void core__plog_state(const struct program *p, const char *from, const char *to);
void core__plog_round(struct core *c, int64_t took_ms, uint32_t checked);
void core__plog_audit(struct core *c, const struct program *p, const char *id, const char *action,
                      const char *user, const char *reason);
void core__plog_close(struct core *c);

/* --- process_events.c --- */
/* Soon, once for all changes of one turn of the loop. */
void core__event_program(struct program *p);
void core__event_forget(const struct program *p);
void core__event_program_gone(struct core *c, const char *id);
void core__view_program(const struct program *p, struct core_process *out);

/* --- process_health.c --- */
void core__health_changed(struct program *p); /* it is new, or its settings are */
void core__health_plan(struct programs *all); /* after changes */
void core__health_state(struct program *p, enum unit_state to);
void core__health_forget(struct program *p);

/* --- process_jobs.c --- */
void core__job_changed(struct program *p);
void core__job_state(struct program *p, enum unit_state to);
void core__job_forget(struct program *p);
void core__jobs_load(struct core *c, const char *text);
void core__jobs_schedule(struct core *c);
void core__jobs_save(struct core *c); /* when each was started last, if that changed */
void core__jobs_retry(struct core *c);
void core__jobs_free(struct core *c);

/* --- process_stats.c --- */
void core__usage_sample(struct core *c, int64_t not_older_ns);

/* --- process_output.c --- */
void core__tail_later(struct core *c, uint64_t id, const struct process_event *e);
void core__tails_now(struct core *c); /* stopping: what is there */
void core__output_look(struct core *c);
void core__output_forget(struct program *p);

#endif
