/* The watcher: the real scheduler (sched/sched.h) on virtual time. A crash loses the probes under way and nothing
 * else: every target keeps its slot. */
#include <string.h>

#include "sim.h"

#define NS INT64_C(1000000)

static void wake_at_next(struct sim *s)
{
    int64_t next = sched_next_ns(&s->sched);
    int64_t at = next == INT64_MAX ? INT64_MAX : (next + NS - 1) / NS;
    if (at < s->end)
        sim_at(s, at > s->now ? at : s->now, EV_PROBE, s->watcher_life);
}

void watcher_start(struct sim *s)
{
    bool first = s->watcher_life == 0;
    s->sched = (struct sched){0};
    memset(s->items, 0, sizeof(s->items));
    for (int i = 0; i < s->n_targets; i++) {
        const struct target *t = &s->targets[i].spec;
        s->probed_ms[i] = -1;
        sched_add(&s->sched, &s->items[i], t->id, t->interval_ms * NS, first, s->now * NS);
    }
    wake_at_next(s);
}

void watcher_crash(struct sim *s)
{
    sim_say(s, "the watcher died");
    sched_done(&s->sched);
    s->sched = (struct sched){0};
    s->watcher_life++;
    sim_at(s, s->now + sim_between(s, 5, 100), EV_WATCHER, s->watcher_life);
}

/* A round comes at its slot, once an interval, and never while the last one runs. */
static void check_round(struct sim *s, int target)
{
    const struct target *t = &s->targets[target].spec;
    int64_t slot = sched_slot(t->id, t->interval_ms * NS, (s->now - 1) * NS);
    int64_t since = s->now - s->probed_ms[target];
    bool early =
        s->watcher_life == 0 && s->now < t->interval_ms + 1000; /* the first look at a new target */
    sim_check(s, early || slot <= s->now * NS, "t%d was probed outside its slot", target + 1);
    sim_check(s, early || s->probed_ms[target] < 0 || since == t->interval_ms,
              "t%d was probed %d ms after its last round", target + 1, (int)since);
    s->probed_ms[target] = s->now;
}

static void probe(struct sim *s, int target)
{
    const struct sim_target *t = &s->targets[target];
    bool up = world_is_up(s, target, s->now);
    int64_t took = up ? sim_between(s, 1, 300) : sim_between(s, 1, t->spec.timeout_ms);
    struct event *r = sim_at(s, s->now + took, EV_RESULT, s->watcher_life);
    r->record.target = target;
    r->record.success = up;
    r->record.degraded = up && t->degraded;
    r->record.checked_ms = sim_wall(s);
}

void watcher_wake(struct sim *s)
{
    struct sched_item *item;
    int64_t late;
    while ((item = sched_take(&s->sched, s->now * NS, &late)) != NULL) {
        int target = (int)item->id - 1;
        check_round(s, target);
        item->running = true;
        probe(s, target);
    }
    /* the early first look at a target may still run when its slot comes */
    uint64_t early = s->watcher_life == 0 ? (uint64_t)s->n_targets : 0;
    sim_check(s, s->sched.missed_late == 0 && s->sched.missed_running <= early,
              "a round was missed");
    wake_at_next(s);
}

/* Into the ring, and a word to the core. */
void watcher_publish(struct sim *s, const struct event *e)
{
    s->items[e->record.target].running = false;
    vec_push(&s->ring, e->record);
    if (s->alive)
        sim_at(s, s->now, EV_CONSUME, s->life);
}
