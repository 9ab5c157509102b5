/* The core: joins senses, judgement and bell. Holds every target and channel with its live state, takes the watchers'
 * results from their rings, judges them, has them stored, and rings.
 *
 * Belongs to the core process's main loop. Other threads (HTTP) reach it in two ways only: loop_call for what is
 * answered at once, and a struct waiter for what ends later (a commit, a probe, a vendor's answer). */
#ifndef CORE_CORE_H
#define CORE_CORE_H

#include <stdbool.h>
#include <stdint.h>

#include "alert/window.h"
#include "config/config.h"
#include "config/option.h"
#include "core/waiter.h"
#include "io/http_server.h"
#include "io/loop.h"
#include "ipc/beat.h"
#include "ipc/ring.h"
#include "model/alert.h"
#include "model/result.h"
#include "model/target.h"
#include "promql/promql.h"
#include "rule/rule.h"
#include "store/store.h"
#include "tsdb/tsdb.h"

struct core;
struct target_index;
struct bb_modules;

struct core_options {
    struct loop *loop;
    struct config *config;            /* taken over, also when core_new fails */
    const char *config_path;          /* for reloads */
    struct sse_hub *events;           /* borrowed */
    void (*units_changed)(void *arg); /* data/run/units was rewritten: tell the warden */
    void *arg;
    struct thread_hooks hooks; /* of the store's thread */
};

/* Opens the store, loads everything, syncs with the configuration, writes assignments and units, attaches rings. */
struct core *core_new(const struct core_options *opt, struct err *err);
/* Drains the rings, lets messages under way end (bounded), commits; then calls done on the loop. */
void core_stop(struct core *c, void (*done)(void *arg), void *arg);
void core_free(struct core *c);

struct loop *core_loop(struct core *c);
struct store *core_store(struct core *c);
const struct config *core_config(struct core *c); /* borrowed until the next reload */
bool core_ready(const struct core *c);
/* NULL while the store works; else what is wrong with it. */
const char *core_store_trouble(const struct core *c);

/* --- metrics: any thread. NULL until the store is open (it opens in the background) and when metrics are off; they live until
 * core_free, when nobody may use them any more --- */
struct tsdb *core_tsdb(struct core *c);
struct promql_engine *core_promql(struct core *c);
struct rule_manager *core_rules(struct core *c);
/* What is wrong with the store now; NULL: nothing, or metrics are off. On the loop. */
const char *core_metrics_trouble(struct core *c);

/* --- reading: on the loop --- */
struct core_target {
    const struct target *target;
    struct target_state state;
    const char *last_message;
    const char *instance;
    const void *last_result; /* result_decode form; NULL before the first */
    size_t last_result_n;
    const struct alert *open; /* firing alert; NULL */
    const char *watcher;      /* name of the watcher that probes it; "" when none */
};
bool core_target_get(struct core *c, uint64_t id, struct core_target *out);
/* In order of id, from the first id > after; stops when fn returns false. */
void core_targets_each(struct core *c, uint64_t after,
                       bool (*fn)(void *arg, const struct core_target *t), void *arg);
bool core_target_named(struct core *c, const char *group, const char *name,
                       struct core_target *out);
/* As belfry.yaml declares it (core/declared.h), with the names of its channels and parents; secrets as they are. */
struct node *core_declared_target(struct core *c, const struct target *t, struct arena *a);
uint64_t core_channel_id(struct core *c, const char *name); /* 0: there is none */
size_t core_target_count(struct core *c);
/* Any thread, until core_free. */
struct target_index *core_index(struct core *c);
/* As it is told: maintenance while a window holds back its alert. */
enum target_status core_target_status(const struct core_target *t);
const struct channel *core_channel_get(struct core *c, uint64_t id);
void core_channels_each(struct core *c,
                        bool (*fn)(void *arg, const struct channel *ch, size_t waiting), void *arg);
void core_maintenances_each(struct core *c, bool (*fn)(void *arg, const struct window *w),
                            void *arg);
/* Each time that a maintenance takes place and that touches [since, until): window by window, each one's in order of time. */
struct core_occurrence {
    const struct window *window; /* window_maintenance(): what it is */
    int64_t starts_ms, ends_ms;  /* ends_ms 0: until it is ended by hand */
};
void core_occurrences_each(struct core *c, int64_t since_ms, int64_t until_ms,
                           bool (*fn)(void *arg, const struct core_occurrence *o), void *arg);
/* Does it hold the target back, whenever it takes place? */
bool core_window_holds(struct core *c, const struct window *w, uint64_t target_id);
/* Why a bell of an open alert would not ring now, all reasons, at most CORE_HOLDS_MAX: what suppress.h says, and
 * "no_channel", "channel_disabled" (each of its target's), "acknowledged". Returns how many; none when it is not open. Texts are
 * borrowed. */
#define CORE_HOLDS_MAX 20
struct core_hold {
    const char *reason;
    const char
        *name;   /* the window's title, the silence's comment, the parent's name, or whose ack */
    uint64_t id; /* of the maintenance, the silence, the parent; 0 */
    int64_t until_ms; /* 0: not known */
};
size_t core_alert_holds(struct core *c, uint64_t alert_id, struct core_hold out[CORE_HOLDS_MAX]);

struct core_watcher_info {
    const char *name, *group;
    bool connected;
    uint32_t targets;
    struct ring_stats ring;
    const struct beat_page *beat; /* NULL when not mapped */
};
void core_watchers_each(struct core *c, bool (*fn)(void *arg, const struct core_watcher_info *w),
                        void *arg);

struct core_stats {
    uint64_t results, results_dropped, results_replayed, alerts_fired, alerts_resolved;
    uint64_t deliveries_sent, deliveries_failed, delivery_retries;
    uint64_t reloads, reload_failures;
    int64_t last_reload_ms, modules_ms; /* modules_ms: those of /probe were taken last */
    bool last_reload_ok;
    size_t pending_ops, pending_bytes, deliveries_waiting;
};
void core_get_stats(struct core *c, struct core_stats *out);

/* --- changing: on the loop. 0 and the waiter is done after the commit; -1 with *err (and field problems in p)
 * and the waiter untouched. --- */

/* t->id 0 creates (name unique in its group: CONFLICT), else replaces; file-owned targets are refused (CONFLICT).
 * config: the prober's configuration as given ("url" allowed). *id gets the id. */
int core_target_put(struct core *c, const struct target *t, const struct node *config,
                    struct problems *p, struct waiter *w, uint64_t *id, struct err *err);
int core_target_del(struct core *c, uint64_t id, struct waiter *w, struct err *err);
int core_channel_put(struct core *c, const struct channel *ch, struct problems *p, struct waiter *w,
                     uint64_t *id, struct err *err);
/* Switching on and off is allowed for file-owned channels and targets too; it outlives reloads until the file says the same. */
int core_channel_enable(struct core *c, uint64_t id, bool enabled, struct waiter *w,
                        struct err *err);
int core_target_enable(struct core *c, uint64_t id, bool enabled, struct waiter *w,
                       struct err *err);
int core_channel_del(struct core *c, uint64_t id, struct waiter *w, struct err *err);
int core_maintenance_put(struct core *c, const struct maintenance *m, struct waiter *w,
                         uint64_t *id, struct err *err);
int core_maintenance_del(struct core *c, uint64_t id, struct waiter *w, struct err *err);
/* Somebody looks after it: no reminders until it is resolved. by NULL takes it back. CONFLICT: it is not firing. */
int core_alert_ack(struct core *c, uint64_t id, const char *by, const char *note, struct waiter *w,
                   struct err *err);
/* The firing alert; NULL. Borrowed until it changes. */
const struct alert *core_alert_get(struct core *c, uint64_t id);

/* The waiter is done when everything that was changed so far is stored. */
void core_await_stored(struct core *c, struct waiter *w);
/* Many changes in one turn of the loop: what watchers must do is worked out once, when it is let go again in the same turn. */
void core_hold_plans(struct core *c, bool hold);

/* Probes now, from that location (LOCATION_LOCAL: by a watcher of ours): the waiter gets the encoded result (model/result.h).
 * NOT_FOUND: there is no such target, or it is not probed from there; BUSY: nobody is there just now; CONFLICT: it is paused. */
int core_check(struct core *c, uint64_t target_id, const char *location, struct waiter *w,
               struct err *err);
/* Probes something that is not (yet) a target, in a watcher. */
int core_try(struct core *c, const struct target *t, const struct node *config, struct problems *p,
             struct waiter *w, struct err *err);
/* Sends a real test message: the waiter gets the vendor's answer as text, or the error. ch->id 0: one not saved yet. */
int core_channel_test(struct core *c, const struct channel *ch, struct problems *p,
                      struct waiter *w, struct err *err);

/* The notification of a test message, for previews too. Strings live in a. */
void core_sample_note(struct core *c, struct arena *a, struct notification *out);

/* Secrets in the store (core/seal.h): the key in force; how many secrets no key here could open at the start. */
const char *core_key_id(const struct core *c);
size_t core_sealed_away(const struct core *c);
/* A new key for them all; the waiter is done when every row is sealed anew. */
int core_key_rotate(struct core *c, size_t *rows, struct waiter *w, struct err *err);

/* Reads the configuration again. -1 with all problems when it does not validate; then nothing changed. */
int core_reload(struct core *c, struct problems *p, struct err *err);
const char *core_config_path(const struct core *c); /* any thread */

/* The modules of /probe that are in force, probe/blackbox.h; on the loop. Borrowed until the next reload: bb_ref. */
struct bb_modules *core_blackbox(const struct core *c);

#endif
