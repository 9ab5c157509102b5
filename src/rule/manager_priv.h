/* What the manager's files share. Locks, in the order in which they may be taken:
 *   manager.lock   the schedule: groups, who runs, counters, the set that waits
 *   run.lock       one group's states and how its last evaluation went; held for copying and swapping only
 *   manager.sink_lock   the sample sink
 * A run's states are changed by the worker that has it (busy) alone. */
#ifndef RULE_MANAGER_PRIV_H
#define RULE_MANAGER_PRIV_H

#include <pthread.h>

#include "base/vec.h"
#include "rule/rule.h"
#include "rule/step.h"

#define RULE_WORKERS_MAX 64

struct rule_run { /* one rule */
    const struct rule *rule;
    struct rule_state *state;
    enum rule_health health;
    char *last_error; /* NULL: "" */
    int64_t last_ms, took_ns;
    uint64_t series;
    char *generator_url;
};
struct group_run {
    pthread_mutex_t lock;
    struct rule_set *set; /* a reference: group points into it */
    const struct rule_group *group;
    struct rule_run *rules;
    int64_t due_ms; /* next evaluation; its time, too */
    int restore_after; /* evaluations to go until the last life's state is looked for; -1: never or done */
    bool busy;
    int64_t last_ms, took_ns;
    uint64_t evaluations, missed, late;
};

#define MANAGER_MAGIC 0x3a9a6e70u
struct rule_manager {
    uint32_t magic;
    struct rule_manager_options o;
    struct arena *arena; /* of what the options point to */
    struct labels external;
    pthread_mutex_t lock, sink_lock;
    pthread_cond_t changed;
    struct rule_set *waiting; /* comes in when no group is busy */
    bool reload_waits, ending;
    vec_of(struct group_run *) groups;
    uint32_t busy;
    atomic_bool stop;
    pthread_t workers[RULE_WORKERS_MAX];
    uint32_t n_workers;
    struct rule_stats stats; /* counters */
    atomic_uint_fast64_t samples, refused;
};

/* manager_eval.c: everything that one evaluation of a group does, for the worker that has it. */
void rule__evaluate(struct rule_manager *m, struct group_run *g, int64_t at_ms);
/* Samples into the sink. */
void rule__write(struct rule_manager *m, int64_t t_ms, const struct rule_sample *s, size_t n);

/* manager_reload.c */
struct group_run *rule__group_new(struct rule_manager *m, struct rule_set *set,
                                  const struct rule_group *g, bool restore);
void rule__group_free(struct group_run **g);
/* Exchanges the groups, under manager.lock, with no group busy. What went is handed over: end it without the lock. */
struct rule_gone {
    vec_of(struct group_run *) groups;
};
void rule__swap(struct rule_manager *m, struct rule_gone *gone);
/* Stale markers and resolved notices for what went. */
void rule__end(struct rule_manager *m, struct rule_gone *gone);

/* The time on the group's grid at or before t: multiples of the interval plus an offset that spreads groups. */
int64_t rule__grid(const struct rule_group *g, int64_t t_ms);

#endif
