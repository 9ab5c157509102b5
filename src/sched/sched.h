/* The scheduler: when each target's next round is. Pure: times come in as CLOCK_MONOTONIC ns, nothing is run.
 *
 * A target's slots are phase + k·interval on the monotonic clock, phase = hash(id) mod interval. So targets are spread
 * over the interval, a slot never drifts, clock steps do not matter, and a watcher that was restarted keeps every
 * target's slot. A round that is later than its grace (half the interval, at most 1 s) is skipped and counted,
 * never bunched with the next; a target whose probe is still running skips its round too.
 * With a grid, slots of targets with an interval of a second or more are rounded up to its lines, so that one wake-up
 * of the process starts several probes: a lone wake-up finds cold caches and costs more than a probe. The fewer rounds there
 * are, the further apart the lines (up to GRID_FACTOR_MAX times grid_ns), so that a line has about GRID_ROUNDS of them; not
 * more, because what starts together is measured together.
 * Adding, removing and taking are O(log n). */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/heap.h"

/* Embedded in the owner's target. Zero it before sched_add. */
struct sched_item {
    struct heap_node node; /* key: due time, ns */
    uint64_t id;
    int64_t interval_ns;
    bool running; /* the owner's: set while a probe of it is under way */
};

struct sched {
    struct heap due;
    int64_t grid_ns;         /* the owner's, before the first sched_add: the finest grid; 0: none */
    int64_t grid_phase_ns;   /* where its lines are, so that not all processes wake at once */
    int64_t rounds_per_gs;   /* of the targets on the grid, in 10^9 seconds */
    uint64_t missed_late;    /* rounds skipped because the loop came too late */
    uint64_t missed_running; /* rounds skipped because the last probe was still running */
    uint32_t soon;           /* how many fresh targets were given an early first round */
    int64_t soon_since_ns;
};

#define GRID_ROUNDS     4
#define GRID_FACTOR_MAX 8

void sched_done(struct sched *s);

/* First round: at its slot, or within a second from now when `fresh` (never probed before) and not too many
 * are (1000 a second). */
void sched_add(struct sched *s, struct sched_item *item, uint64_t id, int64_t interval_ns,
               bool fresh, int64_t now_ns);
void sched_del(struct sched *s, struct sched_item *item); /* fine when not in it */
/* Another interval: the next slot follows it; nothing else changes. */
void sched_change(struct sched *s, struct sched_item *item, int64_t interval_ns, int64_t now_ns);

/* The next item whose round is due at now, already moved to its next slot; *late_ns tells how late it is.
 * NULL when none is. Rounds to skip are skipped and counted inside. */
struct sched_item *sched_take(struct sched *s, int64_t now_ns, int64_t *late_ns);
/* When to call sched_take again; INT64_MAX when empty. */
int64_t sched_next_ns(const struct sched *s);
/* How far the grid's lines are apart now: grid_ns times a power of two, so that coarse lines are fine ones, too. */
int64_t sched_grid_ns(const struct sched *s);

/* First slot strictly after `after_ns`. */
int64_t sched_slot(uint64_t id, int64_t interval_ns, int64_t after_ns);

#endif
