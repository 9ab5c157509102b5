/* A warden that only pretends: on a thread of its own it takes the core's commands, keeps the table and publishes
 * events as the real one would, but starts nothing. A unit whose id begins with "bad" comes to nothing (fatal), one that
 * begins with "slow" stays starting, "denied" is refused. */
#ifndef CORE_FAKE_WARDEN_H
#define CORE_FAKE_WARDEN_H

#include <pthread.h>
#include <stdatomic.h>

#include "model/process.h"
#include "proc/supervisor.h"

struct bed;

struct fake_warden {
    char run_dir[200];
    pthread_t thread;
    atomic_bool stop;
    pthread_mutex_t lock; /* guards table, ring, heard */
    struct table *table;
    struct ring *ring;
    int listener, peer;
    int last_pid;
    char refusals[400];  /* of the last LOAD, "denied: why\n" */
    bool damaged;        /* its ring was, on purpose */
    bool told_refusal;   /* by an event, in this life */
    atomic_bool lenient; /* nothing is refused any more */
    char heard[8000];    /* "START web\n…", in the order that commands came */
};
/* dir: the bed's; data/run must be there (bed_init and core_new make it; it may be started before the core). */
void fake_warden_open(struct fake_warden *w, const char *dir);
void fake_warden_close(struct fake_warden *w);
/* Its process dies with the status (of waitpid) and is started again at once. */
void fake_warden_kill(struct fake_warden *w, const char *unit, int status);
/* The unit goes over to the state, told by an event. */
void fake_warden_state(struct fake_warden *w, const char *unit, enum unit_state to);
/* It dies with the status and is left in that state. */
void fake_warden_death(struct fake_warden *w, const char *unit, int status, enum unit_state to);
/* What stands in the table of the unit, sane or not. */
void fake_warden_scribble(struct fake_warden *w, const char *unit, const struct unit_record *r);
/* An event of a unit that need not be there, nor have a possible name. */
void fake_warden_tell(struct fake_warden *w, const char *unit, enum process_event_kind kind);
/* Writes nonsense over what its ring holds. */
void fake_warden_damage(struct fake_warden *w);
void fake_warden_forget(struct fake_warden *w); /* what was heard */
/* How often the command came. */
int fake_warden_count(struct fake_warden *w, const char *line);
/* Whether the command came, "START web". */
bool fake_warden_heard(struct fake_warden *w, const char *line);
/* Turns the bed's loop until it came n times or 15 s are over; returns whether it did. */
bool fake_warden_until(struct fake_warden *w, struct bed *b, const char *line, int n);

#endif
