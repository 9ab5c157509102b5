/* Deterministic simulation of judging and ringing: virtual time, one seed a run, milliseconds each.
 *
 *   world.c   targets, outages, windows, channels: what happens, drawn from the seed
 *   watcher.c the real scheduler, probing; it crashes too
 *   core.c    a model of the core around the real judge, suppression and dispatch: ring, batches, commits, deliveries, crashes
 *   vendor.c  what receives the messages, with outages, lost answers and a rate limit
 *   check.c   what must hold: an independent reading of the committed log, the vendors' logs and each decision
 *   main.c    seeds in a row; --seed N --verbose replays one
 *
 * Crashes fall on any event. A crash loses everything in memory and every batch that is not committed; what is committed,
 * and the ring, stay. */
#ifndef TEST_SIM_H
#define TEST_SIM_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/dispatch.h"
#include "alert/judge.h"
#include "alert/suppress.h"
#include "base/heap.h"
#include "base/rng.h"
#include "base/vec.h"
#include "sched/sched.h"

#define TARGETS  12
#define CHANNELS 4
#define GROUPS   3
#define SPANS    24
#define REFUSE   20 /* a vendor's limit of messages a minute */

struct span {
    int64_t from, to;
};
struct spans {
    struct span at[SPANS];
    int n;
};
bool spans_hold(const struct spans *s, int64_t t);

struct sim_target {
    struct target spec;
    uint64_t deps[3], channels[CHANNELS];
    struct spans outages;
    bool degraded;
    char name[16];
};

struct sim_channel {
    struct spans outages;
    int32_t rate, burst;
    bool lossy, picky; /* loses answers; refuses some messages for good */
};

struct record { /* a result in the ring */
    int target;
    bool success, degraded;
    int64_t checked_ms; /* wall */
};

enum event_type {
    EV_PROBE,
    EV_RESULT,
    EV_CONSUME,
    EV_SUBMIT,
    EV_COMMITTED,
    EV_DISPATCH,
    EV_ARRIVE,
    EV_ANSWER,
    EV_RECHECK,
    EV_RESTART,
    EV_PAUSE,
    EV_RESUME,
    EV_REWIRE,
    EV_CLOCK,
    EV_WATCHER
};

struct sending {
    struct dispatch_message message; /* .group dies with the core */
    const char *group;
    bool accepted, answered;
    enum dispatch_outcome outcome;
    int64_t retry_after_ms;
};

struct event {
    struct heap_node node; /* key: virtual time */
    enum event_type type;
    int life; /* of the core it belongs to; -1: the world's */
    int target;
    struct record record;
    struct sending *sending;
    struct batch *batch;
};

enum op_type { OP_RESULT, OP_STATE, OP_ALERT, OP_DELIVERY, OP_CURSOR, OP_PAUSE };
struct op {
    enum op_type type;
    int target;
    struct target_state state;
    struct alert *alert;
    struct delivery delivery;
    size_t cursor;
    struct record record;
};
struct batch {
    vec_of(struct op) ops;
    bool urgent;
};

/* What is durable. */
struct image {
    struct target_state states[TARGETS];
    vec_of(struct alert *) alerts;      /* by id - 1 */
    vec_of(struct delivery) deliveries; /* by id - 1 */
    vec_of(struct op) log;              /* results and pauses in the order of their commits */
    size_t cursor;
};

/* What a crash loses. */
struct memory {
    struct target_state states[TARGETS];
    struct alert *open[TARGETS], *own;
    vec_of(struct delivery) deliveries; /* by id - 1 */
    uint64_t last_alert, last_delivery;
    size_t cursor;
    struct dispatch *dispatch;
    struct batch *batch;
    int64_t last_commit_ms;
    bool submit_soon;
    int64_t dispatch_at_ms;
};

/* What the outside saw of a delivery. */
struct seen {
    int accepted, allowed; /* times; times that a documented window explains beyond the first */
    int64_t first_ms;
};
struct post {
    uint64_t channel;
    const char *group;
    int64_t at_ms;
    int life;
    bool accepted;
};

struct sim {
    uint64_t seed;
    bool verbose, failed;
    struct rng rng;
    int64_t now, wall_offset, horizon, end;
    struct heap events;
    struct arena *arena;
    struct sim_target targets[TARGETS];
    int n_targets, n_channels;
    struct sim_channel channels[CHANNELS];
    struct spans network; /* Belfry's own */
    struct maintenance windows[3];
    struct window *window_at[3];
    const char *window_group[3];
    uint64_t window_target[3];
    int n_windows;
    uint64_t refs[3];
    struct suppress_env suppress;
    bool reach[TARGETS][TARGETS]; /* depends on, transitively */
    double crash_chance;
    bool clock_steps, rewires;

    struct sched sched; /* the watcher's */
    struct sched_item items[TARGETS];
    int64_t probed_ms[TARGETS]; /* last round; -1 after a start */
    int watcher_life;
    bool watcher_crashes;

    vec_of(struct record) ring;
    struct image image;
    struct memory core;
    bool alive;
    int life;
    vec_of(struct seen) seen; /* by delivery id - 1 */
    vec_of(struct post) posts;
    struct {
        uint64_t events, results, alerts, deliveries, messages, crashes, suppressed, doubled,
            refused;
    } count;
};

void sim_run(struct sim *s, uint64_t seed, bool verbose);
void sim_done(struct sim *s);

int64_t sim_wall(const struct sim *s);
struct event *sim_at(struct sim *s, int64_t at, enum event_type type, int life);
void sim_say(const struct sim *s, const char *fmt, ...) printf_like(2, 3);
/* Reports a broken promise. */
void sim_fail(struct sim *s, const char *fmt, ...) printf_like(2, 3);
#define sim_check(s, cond, ...) ((cond) ? (void)0 : sim_fail((s), __VA_ARGS__))
int64_t sim_between(struct sim *s, int64_t from, int64_t to); /* inclusive */
bool sim_chance(struct sim *s, double p);

void world_make(struct sim *s);
const char *world_group(const char *name); /* the same text, for ever */
bool world_is_up(const struct sim *s, int target, int64_t at);
const struct target *world_find(void *arg, uint64_t id, const struct target_state **st);

void watcher_start(struct sim *s);
void watcher_crash(struct sim *s);
void watcher_wake(struct sim *s);
void watcher_publish(struct sim *s, const struct event *e);

void core_start(struct sim *s);
void core_crash(struct sim *s);
void core_event(struct sim *s, struct event *e);
void core_drop_batch(struct batch *b);

struct seen *vendor_seen(struct sim *s, uint64_t delivery);
void vendor_arrive(struct sim *s, struct event *e);

void check_decision(struct sim *s, int target, const struct record *r,
                    const struct judge_actions *acts);
void check_end(struct sim *s);

#endif
