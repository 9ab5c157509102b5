/* A watcher: one process, one loop, no locks. Keeps the targets of its assignment on schedule, probes them on
 * fibers and publishes the results into its ring. */
#ifndef APP_WATCHER_H
#define APP_WATCHER_H

#include "base/map.h"
#include "io/loop.h"
#include "ipc/assign.h"
#include "ipc/beat.h"
#include "ipc/link.h"
#include "ipc/ring.h"
#include "probe/prober.h"
#include "sched/lateness.h"
#include "sched/sched.h"

/* A target as the watcher keeps it: small, because there may be 25,000 of them. */
struct watched {
    struct sched_item item;
    struct watcher *watcher;
    struct compiled *compiled; /* NULL: it cannot be probed; every round says why */
    char *why_not;
    uint64_t spec_hash;
    uint64_t generation; /* of the assignment that last named it */
    struct probe_limits limits;
    uint32_t probes_running; /* rounds and checks under way; freed when 0 after removal */
    bool removed;
    bool failed; /* its last probe */
};

struct watcher {
    uint32_t magic;
    struct loop *loop;
    struct probe_env env;
    struct ring *ring;
    char *ring_path;
    size_t ring_size;
    int64_t ring_look_ns; /* when to look next whether the core replaced it */
    struct link_client *link;
    struct beat_page *beat;
    struct sched sched;
    struct timer round_timer;
    struct timer stats_timer;
    struct lateness lateness;
    struct map_u64 *targets; /* id → struct watched */
    const char *assign_path;
    bool loading;    /* a fiber is reading the assignment */
    bool loaded;     /* wholly, and `generation` is its */
    bool load_again; /* it changed meanwhile */
    bool stopping;
    bool no_exec; /* targets that run programs are refused */
    uint64_t generation;
    int64_t probes, missed_no_room;
    int64_t missed_told, missed_told_ns; /* what the log said last, and when */
    int64_t stop_deadline_ns;
    int64_t trim_ns;        /* when to give free memory back next */
    int64_t next_urgent_ns; /* when the core may be woken for a failure again */
};
#define WATCHER_MAGIC 0xbe1f0a7cu

/* watcher_load.c: reads the assignment in slices on a fiber, so that rounds go on meanwhile. */
void watcher_load(struct watcher *w);
void watched_free(struct watched *t);
/* An entry as a compiled target (for loading, and for TRY). NULL with *err: why it cannot be probed. */
struct compiled *watcher_compile(const struct watcher *w, const struct assign_entry *e,
                                 struct err *err);
struct probe_limits watcher_limits(const struct assign_entry *e);

/* watcher_probe.c */
void watcher_schedule(struct watcher *w); /* arms the timer for the next round */
int watcher_start_probe(struct watcher *w, struct watched *t, uint64_t request_id, struct err *err);
void watcher_on_message(void *arg, const struct link_message *m);
/* t: whose result it is; NULL: of no target. */
void watcher_publish(struct watcher *w, struct watched *t, const struct result *r);

#endif
