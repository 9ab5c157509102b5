/* A pretended machine for the supervisor: virtual time, processes that are numbers, few pids so that they are used
 * again soon. A program's behaviour goes by its unit's name. Records live here and outlast a supervisor that is
 * killed (sim_kill), at any store it makes when sim.kill_in counts down. */
#ifndef TEST_PROC_SIM_H
#define TEST_PROC_SIM_H

#include <setjmp.h>

#include "base/rng.h"
#include "base/vec.h"
#include "proc/supervisor.h"
#include "proc/supervisor_priv.h"

#define SIM_PIDS  200
#define SIM_UNITS 64
#define SIM_LOG   400

struct sim_behaviour {
    char name[32];
    bool no_exec;
    int64_t lives_ms;   /* 0: until it is asked */
    int status;         /* of its own end, as of waitpid */
    bool deaf;          /* ignores the stop signal */
    int64_t ends_in_ms; /* from the stop signal to its end */
    int leaves;         /* descendants that outlive it */
    int pre_status;     /* of its pre-start command; it lives for pre_ms */
    int64_t pre_ms, post_ms;
    uint64_t bytes;
    uint32_t files;
    int64_t command_ms; /* adopted: its start command takes so long, then the program is there */
    bool command_useless;
};

struct sim_process {
    int32_t pid; /* 0: free */
    uint64_t start_time;
    char name[32];
    char role; /* 'm'ain, 'p're-start, post-'s'top, 'c'ommand, 'd'escendant, e'x'tern (adopted) */
    bool dead; /* a zombie: reported, or not watched */
    bool child, watched;
    int status;
    int64_t ends_ms;
};

struct sim_event {
    char unit[32];
    enum unit_state from, to;
    int64_t at;
};

struct sim {
    int64_t now;
    uint64_t ticks; /* start times */
    int32_t next_pid;
    struct rng rng;
    struct supervisor *s;
    int killed;
    struct sim_behaviour behaviours[SIM_UNITS];
    struct sim_process processes[SIM_PIDS];
    struct {
        char name[32];
        struct unit_record r;
    } records[SIM_UNITS];
    struct sim_event log[SIM_LOG]; /* the first */
    int n_log, deaths, spawns, writing;
    struct unit_death last;
    bool no_watch;        /* as a kernel without pidfds */
    bool dies_when_asked; /* who a process is: it ends in that moment */
    double chance;
    long kill_in; /* > 0: the supervisor is killed at the so-many-th store */
    jmp_buf at_kill;
    void (*on_start)(struct sim *sim, const char *name); /* a main program was started */
};

int sim_set_up(void **state); /* for cmocka: *state is a new struct sim */
int sim_tear_down(void **state);
const char *const *sim_list(const char *a, const char *b); /* {a, b, NULL}; b may be NULL */
void sim_init(struct sim *sim, uint64_t seed);
void sim_done(struct sim *sim);
struct sim_behaviour *sim_behaviour(struct sim *sim, const char *name);
struct unit_spec sim_spec(const char *name); /* restarts at once, no bounds, autostart */
void sim_add(struct sim *sim, const struct unit_spec *spec);
/* The supervisor ends by kill -9; a new one gets the units by sim_add. */
void sim_kill(struct sim *sim);
void sim_run(struct sim *sim, int64_t ms);
struct unit_view sim_view(struct sim *sim, const char *name);
void sim_expect(struct sim *sim, const char *name, enum unit_state state);
int sim_count(const struct sim *sim, const char *name,
              char role); /* living processes; role 0: all */
void sim_kill_process(struct sim *sim, const char *name, char role, int status);
struct sim_process *sim_start_extern(struct sim *sim, const char *name);
/* "starting running crashed …" of the unit since the log was cleared. */
void sim_expect_log(struct sim *sim, const char *name, const char *states);

#endif
