/* What the rooms of the supervisor share.
 *
 *     supervisor.c   the list of units and the owner's wishes
 *     unit.c         one unit's life: state changes, starts, ends
 *     takeover.c     a unit whose record tells of an earlier life
 *     watch.c        what is due: checks, timeouts, readiness
 *     order.c        who waits for whom
 *     unit_spec.c    copies and comparison of specifications
 *     supervisor_os.c  the real operating system; supervisor_check.c: invariants, for tests
 *
 * All in the owner's one thread. A unit is freed in order__settle alone, which each public call ends with. */
#ifndef PROC_SUPERVISOR_PRIV_H
#define PROC_SUPERVISOR_PRIV_H

#include <stdatomic.h>

#include "base/arena.h"
#include "base/heap.h"
#include "base/map.h"
#include "base/must.h"
#include "base/vec.h"
#include "proc/supervisor.h"

#define SUPERVISOR_MAGIC 0x53555052u
#define UNIT_MAGIC       0x554e4954u
#define CHECK_MS         1000
#define STARTING_MS      50   /* is the first turn there? is the adopted one there? */
#define ABORT_GRACE_MS   2000 /* from SIGABRT to SIGKILL: time for the backtrace */
#define KILL_GRACE_MS    5000 /* to end well when it is to be replaced; less when stop_timeout_ms is */
#define HELD_MS          300000 /* a stop waits no longer for those that are to stop before */
#define FIND_MS \
    10000 /* an adopted program is to appear after its command, without start_timeout_ms */
#define SPAWN_FAILED_MS 100 /* a program that cannot be executed is tried no more often */
#define FOREVER         INT64_MAX

/* A store above it is in the record before a store below it when kill -9 comes in between.
 * Enough is that the compiler keeps the order: a killed process's stores are all seen, up to the
 * instruction where it ended. */
#define then_store() atomic_signal_fence(memory_order_seq_cst)

/* A unit's name, whether there is such a unit or others only speak of it. */
struct dependent {
    struct unit *unit;
    bool required;
};
struct place {
    struct unit *unit; /* NULL: not there */
    vec_of(struct dependent) dependents;
    char name[];
};
struct need {
    struct place *place;
    bool required;
};

struct unit {
    uint32_t magic;
    bool removing, closing;
    bool held;      /* STOPPING, not signalled yet: others stop before it */
    bool pulled;    /* one of a higher order waits for its end */
    bool woken;     /* in supervisor.woken */
    bool visiting;  /* a walk over requirements is at it */
    bool doubtful;  /* unseen, and to be looked at in the next turn */
    bool start_due; /* in the next turn, when all that were added with it are there */
    bool unseen;    /* nobody tells of its end: looked at */
    bool own_record;
    struct arena *memory;
    struct unit_spec spec;
    struct unit_record *record;
    struct place *place;
    struct need *needs;
    uint32_t n_needs;
    size_t index; /* in supervisor.units */
    pid_t pid;    /* in supervisor.pids; 0: no process */
    /* Of the program, or the last one: who is signalled, and whose tree is ended. The record's copy is for
     * a successor; it may lie where others can write, so it is read once, and judged then. */
    struct spawn_id main;
    int64_t sequence; /* of units added: those start in this order */
    struct heap_node due;
    int64_t check_ms;    /* next look, on a grid */
    int64_t kill_ms;     /* SIGKILL then; FOREVER */
    int64_t pinged_ms;   /* last sign of life, or when we began to wait for one */
    int64_t watchdog_ms; /* hang_timeout_ms, or what it said itself */
};

struct supervisor {
    uint32_t magic;
    bool telling; /* in a callback */
    bool strays;  /* orphans ended: a tree may be empty now */
    struct supervisor_config config;
    struct supervisor_os os;
    struct tree_scan
        *scan; /* supervisor_os.c: the machine as it was during this call; NULL: not looked */
    vec_of(struct unit *) units;
    struct map_str *places;
    struct map_u64 *pids; /* → unit */
    struct heap due;
    int64_t added;
    vec_of(struct unit *) woken; /* to be looked at by order__settle */
    size_t alive;                /* units in a state that has a process */
    size_t in_tree;              /* units in PHASE_TREE */
    int64_t grace_ms;            /* no sign of life was expected before: we ourselves were late */
    bool closing;                /* supervisor_stop_all */
    int32_t closing_order;       /* of those that may be signalled now */
};

/* unit.c */
struct unit_view unit__view(const struct unit *u);
bool unit__busy(const struct unit *u); /* its state has a process */
void unit__edit(struct supervisor *s, struct unit *u);
void unit__edited(struct supervisor *s, struct unit *u);
void unit__set_phase(struct supervisor *s, struct unit *u, enum unit_phase phase);
void unit__set_text(struct supervisor *s, struct unit *u, const char *text); /* of what it does */
void unit__change(struct supervisor *s, struct unit *u, enum unit_state state, int64_t now_ms);
void unit__start(struct supervisor *s, struct unit *u, int64_t now_ms);
void unit__own(struct supervisor *s, struct unit *u, const struct spawn_id *id);
void unit__disown(struct supervisor *s, struct unit *u);
void unit__begun(struct supervisor *s, struct unit *u, int64_t now_ms);
void unit__pre_started(struct supervisor *s, struct unit *u, int64_t now_ms);
bool unit__post_stop(struct supervisor *s, struct unit *u, int64_t now_ms);
void unit__ready(struct supervisor *s, struct unit *u, int64_t now_ms);
void unit__stop(struct supervisor *s, struct unit *u, int64_t now_ms);
void unit__release(struct supervisor *s, struct unit *u, int64_t now_ms);
void unit__kill(struct supervisor *s, struct unit *u, enum unit_cause cause, const char *reason,
                int64_t now_ms);
void unit__kill_now(struct supervisor *s, struct unit *u, int64_t now_ms);
bool unit__find(struct supervisor *s, struct unit *u, struct spawn_id *id);
bool unit__adopt(struct supervisor *s, struct unit *u, int64_t now_ms);
/* unit_end.c */
void unit__ended(struct supervisor *s, struct unit *u, const struct reaped *r, int64_t now_ms);
void unit__tell_death(struct supervisor *s, struct unit *u, const struct unit_death *d);
void unit__failed_start(struct supervisor *s, struct unit *u, enum unit_cause cause,
                        const char *reason, int64_t now_ms);
void unit__tree_ended(struct supervisor *s, struct unit *u, int64_t now_ms);
void unit__finish(struct supervisor *s, struct unit *u, int64_t now_ms);
/* takeover.c */
void takeover__begin(struct supervisor *s, struct unit *u, int64_t now_ms);
/* watch.c */
void watch__arm(struct supervisor *s, struct unit *u, int64_t now_ms);
int64_t watch__due(const struct supervisor *s, const struct unit *u);
void watch__doubt(struct supervisor *s, struct unit *u);
void watch__turn(struct supervisor *s, struct unit *u, int64_t now_ms);
/* order.c */
void order__link(struct supervisor *s, struct unit *u);
void order__unlink(struct supervisor *s, struct unit *u);
void order__let_go(struct place *p, const struct unit *u); /* u no longer depends on it */
struct unit *order__find(const struct supervisor *s, const char *name);
void order__wake(struct supervisor *s, struct unit *u);
void order__changed(struct supervisor *s, struct unit *u);
bool order__may_start(struct supervisor *s, struct unit *u, const char **waits_for);
void order__start_required(struct supervisor *s, struct unit *u, bool by_person, int64_t now_ms);
void order__stop_requirers(struct supervisor *s, struct unit *u, bool again, int64_t now_ms);
bool order__holds(struct supervisor *s, struct unit *u);
void order__settle(struct supervisor *s, int64_t now_ms);
/* supervisor.c */
void supervisor__wish_start(struct supervisor *s, struct unit *u, bool by_person, int64_t now_ms);
void supervisor__wish_stop(struct supervisor *s, struct unit *u, bool again, int64_t now_ms);
void supervisor__drop(struct supervisor *s, struct unit *u);
/* unit_spec.c */
struct arena *unit_spec__copy(struct unit_spec *out, const struct unit_spec *from);
bool unit_spec__same_program(const struct unit_spec *a, const struct unit_spec *b);
bool unit_spec__ok(const struct unit_spec *spec, int status);
/* supervisor_os.c */
struct supervisor_os supervisor__real_os(struct supervisor *s);
/* supervisor_check.c: must() over everything */
void supervisor__check(const struct supervisor *s);

#endif
