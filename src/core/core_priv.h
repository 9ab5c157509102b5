/* Inside of the core: its tables and what its rooms offer each other. Everything here runs on the main loop. */
#ifndef CORE_CORE_PRIV_H
#define CORE_CORE_PRIV_H

#include "alert/dispatch.h"
#include "alert/judge.h"
#include "alert/suppress.h"
#include "base/log.h"
#include "base/map.h"
#include "base/vec.h"
#include "core/core.h"
#include "core/target_index.h"
#include "ipc/assign.h"
#include "ipc/link.h"
#include "notify/channel.h"
#include "probe/prober.h"

#define CORE_MAGIC                 0xbe1fc03eu
#define CORE_FIRST_WATCHER_TARGETS 64

/* A target with its live state. */
struct entry {
    const struct target *target;
    struct target_state state;
    char *last_message;
    char *instance;
    void *last_result; /* encoded; for the page and /metrics */
    uint32_t last_result_n;
    uint32_t config_n;
    void *config; /* node_encode'd, as the watcher gets it */
    uint64_t spec_hash;
    uint64_t seen_reload; /* generation of the configuration that last named it */
    struct id_list told;  /* channels that heard of the open alert */
    struct watcher_slot *watcher;
    struct inner
        *inner; /* inner.h: the core itself knows how it stands; NULL: a watcher probes it */
    struct located *located; /* located.h: it names locations; NULL: it is probed from here alone */
    bool series_told;        /* the writer of series has its labels */
};

struct chan {
    struct channel *channel;
    const struct channel_ops *ops;
    struct arena *arena; /* of the bound options */
    void *config;
    uint64_t seen_reload;
};

/* A ring that the core takes records from (tap.c): a watcher's, or the warden's. The owner sets what stands first. */
struct ring_tap {
    struct core *core;
    char *path; /* malloc'ed, the owner's */
    size_t size;
    void (*take)(struct ring_tap *t, const void *record, size_t n, struct arena *a);
    /* A record that is stored, but may be missing elsewhere (the series): given out again after a crash. NULL: none. */
    void (*again)(struct ring_tap *t, const void *record, size_t n, struct arena *a);
    void (*replaced)(struct ring_tap *t); /* a new file was begun: tells the producer, which finds
                                             out late by itself; NULL: it does within a second */

    struct ring *ring; /* NULL: it could not be opened */
    uint64_t read_seq; /* last record taken from the ring */
    uint64_t cursor;   /* last record known to be stored, from an earlier life */
    bool trouble;      /* told already */
    struct timer drain;
};

/* What a group (or one of several shards of it) is to the core. */
struct watcher_slot {
    char *name; /* "payments/0": titles, logs */
    char *key;  /* file name of ring, beat and assignment */
    char *group;
    uint32_t shard;
    struct ring_tap tap;
    struct beat_page *beat;
    uint32_t targets;
    bool dirty;          /* its assignment must be written */
    bool assign_trouble; /* told already */
    bool wanted;         /* the configuration still has it */
    struct core *core;
};

/* A request that a watcher answers with a result carrying its number. */
struct pending_check {
    struct waiter *waiter; /* or NULL, and fn */
    /* err, or the encoded result. */
    void (*fn)(void *arg, const struct err *err, const void *record, size_t n);
    void *arg;
    struct watcher_slot *slot;
    const struct location *location; /* it is probed there; NULL: by a watcher of ours */
    int64_t deadline_ns;
};

/* documents.c */
#define DOCUMENT_WATCHERS 16
struct doc;
struct core_document;
struct document_watcher {
    const char *kind;
    void (*fn)(void *arg, const struct core_document *d);
    void *arg;
};

/* A batch on its way, with what must happen when it is durable. */
struct commit;
/* A message on its way. */
struct sending;

struct core {
    uint32_t magic;
    struct loop *loop;
    struct store *store;
    struct config *config;
    char *config_path, *run_dir;
    struct sse_hub *events;
    void (*units_changed)(void *arg);
    void *units_arg;
    struct thread_hooks store_hooks;

    struct map_u64 *targets;      /* id → entry */
    struct map_str *target_names; /* group NUL name → entry */
    vec_of(struct entry *) order; /* by id */
    struct map_u64 *channels;     /* id → chan */
    vec_of(struct chan *) channel_order;
    struct target_index *index;      /* of `targets`; read by other threads */
    vec_of(struct window *) windows; /* maintenances.c */
    struct silences *silences;       /* silences.c */
    vec_of(struct doc *) documents;  /* by id */
    vec_of(struct document_watcher) document_watchers;
    struct map_u64 *deliveries;      /* id → struct delivery, pending ones */
    struct map_u64 *alerts;          /* id → struct live_alert */
    struct id_list references;       /* own network */
    uint64_t own_network, own_store; /* Belfry's own open alerts; 0: not firing */
    int64_t store_told_ns;           /* own_store fires until then at least */
    bool store_damaged;              /* that is what it is about */
    vec_of(struct watcher_slot *) watchers;
    struct link_server *link;
    struct dispatch *dispatch;
    struct notify_env notify;
    struct store_max_ids ids;
    struct seal *seal; /* the keys of secrets in the store: seal.h */
    size_t sealed_away,
        sealed_anew;                /* at the load: secrets that no key opens; rows written again */
    const struct core_actor *actor; /* who acts now: audit.h; NULL: Belfry itself */

    struct commit *commit;    /* being filled */
    struct commit *under_way; /* submitted */
    struct commit *held;      /* failed; everything after it stays in `commit` meanwhile */
    struct err store_err;     /* code OK while it works */
    struct timer flush_timer, retry_timer, dispatch_timer, tick_timer;

    struct map_u64 *switched;         /* file-owned things that a person switched: switched.c */
    struct map_str *switched_units;   /* programs, likewise */
    vec_of(struct inner *) inner;     /* inner.h, in no order */
    struct timer inner_timer;         /* members of groups changed */
    vec_of(struct located *) located; /* located.h, in no order */
    struct ring_tap derived;          /* derived.c: read by nobody but a successor */
    struct map_u64 *push_tokens;      /* push.c: hash with push_seed → inner */
    uint64_t push_seed;
    bool push_loaded;
    struct locations *locations; /* location_priv.h */
    struct metrics *metrics;     /* metrics_priv.h; NULL: off */
    struct programs *programs;   /* process_priv.h */
    struct map_u64 *checks;      /* request → pending_check */
    struct bb_modules *blackbox; /* blackbox.c */
    uint64_t next_request;
    uint64_t reload_generation, assign_generation;
    bool plans_held, plan_due;  /* many changes in one turn: core_hold_plans */
    bool units_dirty;           /* data/run/units could not be written */
    struct map_str *group_logs; /* group → struct group_log */
    uint64_t ticks;
    vec_of(struct sending *) sends; /* messages under way: deliver.c */
    bool ready, stopping;
    bool closing; /* core_free: nothing new begins */
    void (*stopped)(void *arg);
    void *stopped_arg;
    int64_t stop_deadline_ns;
    struct core_stats stats;
};

/* view.c: what is live of it changed, the index must know. */
void core__index_live(struct core *c, const struct entry *e);

/* --- registry.c: tables --- */
struct entry *core__entry(struct core *c, uint64_t id);
struct entry *core__entry_by_name(struct core *c, const char *group, const char *name);
/* Takes over a clone of t; config is encoded. Replaces an entry of the same id. */
struct entry *core__entry_put(struct core *c, const struct target *t, const struct node *config,
                              const char *instance);
void core__entry_del(struct core *c, struct entry *e);
struct chan *core__chan(struct core *c, uint64_t id);
struct chan *core__chan_by_name(struct core *c, const char *name);
/* NULL with problems when the options do not bind. */
struct chan *core__chan_put(struct core *c, const struct channel *ch, struct problems *p);
/* One whose options do not bind now (sealed with another key): it stays, but cannot ring. */
void core__chan_keep(struct core *c, const struct channel *ch);
void core__chan_del(struct core *c, struct chan *ch);
void core__registry_free(struct core *c);
/* Compiles the target's configuration once, to check it and to learn its instance text (in a). */
bool core__check_config(const char *type, const struct node *config, struct arena *a,
                        struct problems *p, const char *path, const char **instance);

/* --- commit.c: batches --- */
struct batch *core__batch(struct core *c); /* the one being filled */
void core__commit_soon(struct core *c);    /* within 100 ms */
/* At once, but after the callback that runs now: result, state, alert and the ring's cursor are one transaction. */
void core__commit_now(struct core *c);
void core__commit_wait(struct core *c,
                       struct waiter *w); /* finished when the present batch is durable */
void core__commit_free_ring(struct core *c, struct ring_tap *t, uint64_t seq);
void core__commit_forget_ring(struct core *c, const struct ring_tap *t); /* it goes away */
void core__commit_reseal(struct core *c); /* then older keys are forgotten: seal_keys.c */
void core__commit_release(struct core *c, uint64_t delivery_id); /* may be sent once durable */
bool core__commits_idle(const struct core *c);
bool core__commits_crowded(const struct core *c); /* so much waits that rings should wait too */
void core__commit_init(struct core *c);
void core__commit_done(struct core *c);

/* --- tap.c: records from rings, exactly once --- */
void core__tap_open(struct ring_tap *t); /* again: after a failure, or when the file was damaged */
void core__tap_close(struct ring_tap *t);
void core__tap_drain(struct ring_tap *t);
/* A damaged file is moved aside, so that producer and core both begin a new one. */
void core__ring_set_aside(const char *path);

/* --- ingest.c: rings → judge --- */
void core__attach_ring(struct core *c, struct watcher_slot *s);
void core__detach_ring(struct watcher_slot *s);
void core__drain(struct watcher_slot *s);
void core__drain_all(struct core *c);
void core__on_link(void *arg, const char *peer, const struct link_message *m);
/* A result of e, and its encoded form: remembered, judged, stored, fed to the series. */
void core__take_result(struct core *c, struct entry *e, const struct result *r, const void *record,
                       size_t n);

/* --- alerts.c: alerts that are open, or closed with deliveries still to go out --- */
const struct alert *core__alert(struct core *c, uint64_t id); /* NULL when unknown or id 0 */
void core__alert_put(struct core *c,
                     const struct alert *a); /* copies; replaces the one of its id */
size_t core__alerts_count(const struct core *c);
bool core__alerts_next(const struct core *c, size_t *it, uint64_t *id); /* *it begins at 0 */
/* As what a maintenance or a silence is asked about it; *as is what the subject then points to. */
struct subject core__subject(struct core *c, const struct alert *a, struct target *as);
/* Its bell went out at now. */
void core__alert_rung(struct core *c, uint64_t id, int64_t now_ms);
/* A silence that held it from starts to ends is over: rings again soon, if it rang before that end. */
void core__alert_again(struct core *c, uint64_t id, int64_t starts_ms, int64_t ends_ms);
/* For what has no target: whether it is to ring again; true once. */
bool core__alert_take_again(struct core *c, uint64_t id);
bool core__alert_is_due(const struct core *c, uint64_t id); /* the same, and stays */
void core__alert_hold(struct core *c, uint64_t id);         /* a delivery names it */
void core__alert_unhold(struct core *c, uint64_t id);
void core__alerts_free(struct core *c);

/* --- judging.c: executing the judge's actions --- */
void core__judge(struct core *c, struct entry *e, const struct result *r);
void core__close_alert(struct core *c, struct entry *e, enum target_status status,
                       const char *message);
void core__recheck_waiting(struct core *c); /* suppressed alerts whose suppression may be over */
void core__ring_again(struct core *c, struct entry *e); /* judge_again */
/* The alert's record changed: store it, show it. what: for the log. */
void core__alert_changed(struct core *c, const struct alert *a, const char *what);
struct suppress_env core__suppress_env(struct core *c, const struct subject *s);
/* Whatever rings without being a target. *open: the id of its open alert, 0 none; kept up to date. */
void core__judge_own(struct core *c, const struct judge_own *own, uint64_t *open, bool failing,
                     const char *message, struct arena *a);
/* Every enabled one: Belfry's own troubles are told to all. */
struct id_list core__all_channels(struct core *c, struct arena *a);
void core__own_alert(struct core *c, uint64_t *open, const char *name, bool failing,
                     const char *message);

/* --- metrics_feed.c: to the writer of series --- */
/* A result that was judged. */
void core__metrics_result(struct core *c, struct entry *e, const void *record, size_t n);
void core__metrics_target_changed(struct core *c, struct entry *e);
void core__metrics_target_gone(struct core *c, struct entry *e);
/* The same for one of its locations: a series of its own, with the label `location`. */
struct metrics_place {
    uint64_t key; /* the writer's number for it */
    const char *name;
    const struct target_state *state;
    bool *told; /* the writer has its labels */
};
void core__metrics_place(struct core *c, struct entry *e, const struct metrics_place *at,
                         const void *record, size_t n);
void core__metrics_place_gone(struct core *c, uint64_t key);
/* Hands over what was gathered. */
uint64_t core__metrics_seal(struct core *c);
/* The ring's records up to seq are freed as soon as the writer has passed `number`. */
void core__metrics_free_ring(struct core *c, struct ring_tap *t, uint64_t seq, uint64_t number);
void core__metrics_free_rings(struct core *c); /* those whose time has come */
void core__metrics_forget_ring(struct core *c, const struct ring_tap *t);
bool core__metrics_idle(struct core *c);
/* Has the writer passed the number, or is there no use in waiting for it? */
bool core__metrics_settled(struct core *c, uint64_t number);
/* metrics_alert.c: an open alert of a rule, from an earlier life */
bool core__rule_alert_load(struct core *c, const struct alert *al);

/* --- deliver.c: the bell --- */
void core__deliver_init(struct core *c); /* after loading */
void core__cancel_sends(struct core *c); /* core_free: their deliveries stay pending */
struct delivery *core__delivery_keep(struct core *c,
                                     const struct delivery *d);    /* a pending one, into memory */
void core__delivery_add(struct core *c, const struct delivery *d); /* durable now: may go out */
void core__dispatch_soon(struct core *c);
void core__channel_changed(struct core *c, const struct chan *ch);
void core__channel_gone(struct core *c, uint64_t channel_id);

/* --- assign.c: what watchers must do --- */
void core__plan_watchers(
    struct core *c); /* one or several a group; places targets, writes files that changed */
void core__write_assignments(struct core *c); /* the dirty ones, and tells their watchers */
struct watcher_slot *core__watcher_by_name(struct core *c, const char *key);

/* Rings left by groups that vanished while no core ran: their results are taken, then they are retired. */
void core__adopt_rings(struct core *c);
void core__retire_unwanted(struct core *c); /* drained watchers of groups that are gone */
void core__mend_watchers(struct core *c); /* what a full disk refused: rings, assignments, units */
void core__watchers_free(struct core *c);

/* --- maintenances.c --- */
void core__window_load(struct core *c, const struct maintenance *m);
void core__windows_free(struct core *c);

/* --- silences.c --- */
void core__silences_init(struct core *c); /* after the documents are loaded */
void core__silences_free(struct core *c);
void core__silences_tick(struct core *c); /* each second: those that end now */
const struct silence *const *core__silences(const struct core *c, size_t *n);

/* --- changes.c --- */
int core__store_refuses(const struct core *c,
                        struct err *err);                    /* nothing can be made durable now */
int core__refuse(const struct problems *p, struct err *err); /* the fields are invalid */
/* A prober's configuration as the store keeps it; NULL: it is too large. */
const char *core__config_json(const struct option *options, const struct node *config,
                              struct arena *a);
void core__target_remove(struct core *c, struct entry *e);
void core__channel_remove(struct core *c, struct chan *ch);
void core__expire_checks(struct core *c);
/* The modules of /probe as the configuration has them (blackbox.c). */
void core__blackbox_sync(struct core *c, const struct config *cfg);
/* core_try without its checks: who says where the answer goes. Not before it returns. */
int core__ask_watcher(struct core *c, const struct target *t, const struct node *config,
                      const struct pending_check *who, struct err *err);
/* Ends it (it is in no map any more) and frees it. */
void core__check_done(struct pending_check *p, const struct err *err, const void *record, size_t n);
void core__checks_free(struct core *c);
/* Targets name only what there is: a channel just removed, parents that are gone. */
void core__forget_channel(struct core *c, uint64_t id);
void core__forget_parents(struct core *c);

/* --- events.c: what the page hears, and the groups' logs --- */
bool core__nobody_listens(const struct core *c);
void core__publish(struct core *c, const char *event, struct buf *out); /* and frees out's memory */
void core__event_target(struct core *c, const struct entry *e);
void core__event_result(struct core *c, const struct entry *e, const struct result *r);
void core__event_alert(struct core *c, const struct alert *a);
void core__event_target_gone(struct core *c, uint64_t id);
void core__event_simple(struct core *c, const char *name, uint64_t id);
void core__log_health(struct core *c, const struct entry *e, const char *message);
void core__log_alert(struct core *c, const struct alert *a, const char *what);
void core__logs_close(struct core *c);

/* --- switched.c: kind 't' target, 'c' channel --- */
int core__switched_load(struct core *c, struct err *err);
void core__switched_save(struct core *c);
void core__switch(struct core *c, char kind, uint64_t id, bool enabled);
void core__unswitch(struct core *c, char kind, uint64_t id); /* it is gone */
/* What holds for a file-owned one whose file says so. */
bool core__switched(struct core *c, char kind, uint64_t id, bool file_says);

void core__switch_unit(struct core *c, const char *unit, bool enabled);
void core__unswitch_unit(struct core *c, const char *unit);
bool core__switched_unit(struct core *c, const char *unit, bool file_says);

/* --- documents.c --- */
size_t core__documents_again(struct core *c); /* all into the batch; how many */
int core__documents_load(struct core *c, struct err *err);
void core__documents_free(struct core *c);

/* --- reload.c --- */
/* old: what was in force; NULL at a start. */
int core__sync_config(struct core *c, const struct config *old, struct config *config,
                      struct err *err);

#endif
