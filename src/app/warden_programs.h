/* Users' programs, among the warden's files (warden.h): what data/run/programs lists, as units "u/ID" of the one
 * supervisor.
 *
 *   data/run/programs ──warden_programs.c, warden_spec.c──▶ supervisor ──▶ warden_tell.c ──▶ data/run/table, data/run/events
 *   data/run/warden.sock ──warden_command.c──▶ supervisor              warden_pipes.c: their descriptors
 *
 * Files of data/run that are the warden's: table, events, out/ (the pipes), warden.sock, notify (the token in the names
 * of the notify sockets). An orderly stop removes programs and table; everything survives the warden's death. */
#ifndef APP_WARDEN_PROGRAMS_H
#define APP_WARDEN_PROGRAMS_H

#include <stddef.h>

#include "app/warden.h"
#include "app/warden_inherit.h"
#include "base/arena.h"
#include "base/map.h"
#include "config/process.h"
#include "ipc/ring.h"
#include "ipc/table.h"
#include "model/process.h"
#include "proc/cgroup.h"
#include "proc/environ.h"

#define PROGRAM_PREFIX "u/"
/* Of struct unit_record, as data/run/table holds it (PROCESS_TABLE_VERSION). */
#define PROGRAM_RECORD_STABLE 24u /* state … spawned: the same in every version of Belfry */

struct program {
    uint32_t magic;
    struct programs *owner;
    char *name;                 /* "u/ID", the supervisor's */
    const char *id;             /* within name */
    uint64_t hash, run_hash;    /* of the document, and of what needs a restart when it changes */
    char *refused;              /* why its present document does not run; NULL */
    struct unit_record *record; /* in the table; NULL: the table had no room */
    bool listed;                /* stands in data/run/programs */
    bool supervised;            /* the supervisor has it */
    bool removing;              /* … and was told to forget it */
    /* Its descriptors (warden_pipes.c). */
    bool merge;
    int hold
        [2]; /* reading ends of its pipes, never read: what they hold outlives whoever wrote it */
    int notify; /* -1: none */
    char *notify_address;
    uid_t uid; /* whose messages count */
    int64_t watchdog_us;
    /* The environment file is read at each start; this is what its own map adds. NULL: there is no file. */
    char *environment_file;
    struct environ_pair *pairs;
    size_t n_pairs;
    char **environment; /* while it is being spawned */
};
#define PROGRAM_MAGIC 0x50524f47u

struct programs {
    uint32_t magic;
    struct warden *w;
    struct map_str *by_id;         /* id → struct program */
    vec_of(struct program *) gone; /* forgotten by the supervisor; freed at the end of the turn */
    struct table *table;           /* NULL: it could not be made */
    struct ring *events;           /* NULL: likewise */
    struct cgroup_base *cgroups;   /* NULL: there are none here */
    bool cgroups_tried;
    struct map_str *users; /* while a list is read: name → struct spawn_user */
    int gather;            /* one descriptor for all notify sockets; -1: none */
    char *token;           /* in the notify sockets' names; NULL: not made yet */
    bool wake_due;         /* the core asked to be woken, and records are there */
    bool lost_event;       /* the ring was full; said once */
};
#define PROGRAMS_MAGIC 0x50524753u

/* --- warden_programs.c --- */
struct program *program_of(const struct unit_view *u); /* NULL: one of Belfry's own */
struct program *program_find(const struct programs *p, const char *id);
/* Reads data/run/programs and makes it so. What was refused is appended to *said, a line each. */
int programs_load(struct programs *p, struct buf *said, struct err *err);

/* --- warden_spec.c --- */
/* The unit as the supervisor takes it, in a. ERR_DENIED: it may not run as asked; NOT_FOUND: user or group unknown. */
int program_spec(struct program *g, const struct process_config *c, struct arena *a,
                 struct unit_spec *out, struct err *err);
/* Hash of what a running program cannot take over without a restart. */
uint64_t program_run_hash(const struct process_config *c);

/* --- warden_around.c --- */
/* Whom it runs as, if it may. NOT_FOUND, DENIED. */
int program_user(struct programs *p, const struct process_config *c, struct spawn_user *out,
                 struct err *err);
void programs_forget_users(
    struct programs *p); /* a list is read: they may change before the next */
/* Fills in s->env (in a), all of it but the file, which is read at each start; opens its notify socket. */
int program_environment(struct program *g, const struct process_config *c, struct arena *a,
                        struct spawn *s, struct err *err);
void program_forget_environment(struct program *g);
/* Fills in s->cgroup (in a) where there are cgroups. True when the kernel bounds its memory; otherwise the supervisor is
 * to watch it. */
bool program_cgroup(struct program *g, const struct process_config *c, struct arena *a,
                    struct spawn *s);

/* --- warden_tell.c --- */
struct unit_record *program_record(void *arg, const char *name); /* supervisor_config.record */
/* supervisor_config.writing: readers of the table see each change when it is whole. */
void program_writing(void *arg, struct unit_record *r, bool begins);
void programs_open_events(struct programs *p);
void program_refuse(struct program *g, const char *why);
void program_changed(struct program *g, const struct unit_view *u, enum unit_state from);
void program_died(struct program *g, const struct unit_view *u, const struct unit_death *d);

/* --- warden_pipes.c --- */
int program_before_spawn(struct program *g, const struct unit_view *u, struct spawn *s,
                         struct err *err);
void program_after_spawn(struct program *g, struct spawn *s);
/* Its notify socket, when it is to have one. *address (in a) is what NOTIFY_SOCKET holds; NULL: none. */
int program_open_notify(struct program *g, const struct process_config *c, struct arena *a,
                        const char **address, struct err *err);
void program_close_files(struct program *g);
void programs_take_notify(struct programs *p); /* messages of programs to the supervisor */
/* Over a re-execution (warden_inherit.h). */
void programs_pass_on(struct programs *p, struct inherit *to);
void program_inherit(struct program *g);

/* --- warden_linux.c, warden_other.c --- */
int warden__gather(void); /* -1: the system has none */
int warden__gather_add(int gather, int fd, void *tag);
size_t warden__gather_ready(int gather, void **tags, size_t max);

#endif
