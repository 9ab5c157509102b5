/* The store: what must outlive the process, in SQLite (data/belfry.db). All SQL lives in this folder.
 *
 * One writer thread executes batches, each one transaction; readers have connections of their own and never wait
 * for it. Ids are given out by the core (store_max_ids at the start), so building a batch needs no answer. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "io/loop.h"
#include "io/workers.h"
#include "model/alert.h"
#include "model/process.h"
#include "model/result.h"
#include "model/target.h"

struct store;

struct store_options {
    const char *path;          /* "data/belfry.db" */
    int64_t results_keep_ms;   /* default 30 days */
    int64_t results_max_bytes; /* default 10 GB */
    int64_t audit_keep_ms;     /* default 400 days */
    struct loop *loop;         /* completions are posted here */
    /* The store stopped or resumed working: kind FULL, BUSY, IO, DAMAGED; NULL err = works again. On the loop.
     * DAMAGED: the file was set aside while running and a new one begun. Targets, channels, alerts … were copied as
     * far as they could be read; put all that matters again. */
    void (*on_health)(void *arg, const struct err *err);
    void *arg;
    struct thread_hooks hooks; /* of the writer's thread */
};

/* Opens, migrates, starts the writer. A newer schema is refused (CONFLICT). A damaged file is set aside as
 * belfry.db.damaged-TIME, replaced by a new one, and *damaged is set. */
struct store *store_open(const struct store_options *opt, bool *damaged, struct err *err);
void store_close(struct store *s); /* executes what was submitted first */

/* Whole tables at the start, in id order. Strings are borrowed during the callback. */
struct store_max_ids {
    uint64_t target, result, alert, delivery, channel, maintenance, process_event, document, audit;
};
int store_load_max_ids(struct store *s, struct store_max_ids *out, struct err *err);
int store_load_targets(struct store *s,
                       void (*fn)(void *arg, const struct target *t, const struct target_state *st,
                                  const char *last_message),
                       void *arg, struct err *err);
/* How the locations of targets stand, target by target. */
int store_load_places(struct store *s,
                      void (*fn)(void *arg, uint64_t target_id, const char *location,
                                 const struct target_state *st, const char *last_message),
                      void *arg, struct err *err);
int store_load_channels(struct store *s, void (*fn)(void *arg, const struct channel *c), void *arg,
                        struct err *err);
int store_load_open_alerts(struct store *s, void (*fn)(void *arg, const struct alert *a), void *arg,
                           struct err *err);
int store_load_pending_deliveries(struct store *s, void (*fn)(void *arg, const struct delivery *d),
                                  void *arg, struct err *err);
int store_load_maintenances(struct store *s, void (*fn)(void *arg, const struct maintenance *m),
                            void *arg, struct err *err);
/* Alerts named by pending deliveries that are no longer open. */
int store_load_alert(struct store *s, uint64_t id, struct arena *a, struct alert *out,
                     struct err *err);
int store_load_processes(struct store *s,
                         void (*fn)(void *arg, const char *unit, const char *doc_json), void *arg,
                         struct err *err);
/* Every kind, in order of id. */
int store_load_documents(struct store *s,
                         void (*fn)(void *arg, uint64_t id, const char *kind, const char *json),
                         void *arg, struct err *err);
int store_load_cursor(struct store *s, uint64_t ring_id, uint64_t *seq,
                      struct err *err); /* 0 when none */

/* A batch: appended on the loop, executed as one transaction. Everything is copied into it. */
struct batch;
struct batch *batch_new(void);
void batch_free(struct batch *b);
size_t batch_ops(const struct batch *b);
size_t batch_bytes(const struct batch *b);
/* keep_metrics: failures, warnings and changes of state keep their metrics as JSON; others only the numbers above. */
void batch_result(struct batch *b, uint64_t id, const struct result *r, bool keep_metrics);
void batch_target_state(
    struct batch *b, uint64_t target_id, const struct target_state *st,
    const char *last_message); /* the latest of a target wins; cheap for a steady one */
void batch_target_put(struct batch *b, const struct target *t); /* insert or replace, state kept */
/* How one of its locations stands; of st the alert and the bell are not kept. */
void batch_place_put(struct batch *b, uint64_t target_id, const char *location,
                     const struct target_state *st, const char *last_message);
void batch_places_del(struct batch *b, uint64_t target_id); /* all of the target's */
void batch_target_del(struct batch *b, uint64_t id); /* results are pruned by age; alerts stay */
void batch_channel_put(struct batch *b, const struct channel *c);
void batch_channel_del(struct batch *b, uint64_t id);
void batch_alert_put(struct batch *b, const struct alert *a);
void batch_delivery_put(struct batch *b, const struct delivery *d);
void batch_maintenance_put(struct batch *b, const struct maintenance *m);
void batch_maintenance_del(struct batch *b, uint64_t id);
void batch_cursor(struct batch *b, uint64_t ring_id, uint64_t seq);
void batch_setting_put(struct batch *b, const char *key,
                       const char *value); /* NULL value deletes */
/* tail: the last lines that it printed, of a death; "". The same id again replaces it (the tail comes a moment later). */
void batch_process_event(struct batch *b, uint64_t id, const struct process_event *e,
                         const char *tail);
/* A unit of the API: its document as JSON. */
void batch_process_put(struct batch *b, const char *unit, const char *doc_json, int64_t now_ms);
void batch_process_del(struct batch *b, const char *unit);
/* A small thing of which the core has all in memory; what it is, `kind` says. Ids are one sequence for all kinds. */
void batch_document_put(struct batch *b, uint64_t id, const char *kind, const char *json,
                        int64_t now_ms);
void batch_document_del(struct batch *b, uint64_t id);
/* An entry of the audit log: what a person changed. Secrets are masked by the caller. */
struct audit_entry {
    uint64_t id;
    int64_t at_ms;
    const char
        *actor; /* "alice", "token:ci", "unix:0" (user id of the socket's peer), "anonymous" */
    const char *origin;         /* address it came from, "unix", "file" */
    const char *action;         /* "create", "update", "delete", "login" … */
    const char *kind, *object;  /* "target", "7 生产环境" */
    const char *before, *after; /* JSON; "" when there was or is nothing */
};
void batch_audit(struct batch *b, const struct audit_entry *e);
/* When it is stored, what the write-ahead log still has of earlier rows is erased: they held secrets in plain text. */
void batch_scrub(struct batch *b);
/* Drops the result ops (a full disk: alerts are kept), and the states and cursors that later ones of this batch
 * replace. Returns how many results. */
size_t batch_drop_results(struct batch *b);

/* Takes the batch over. On the loop, done(arg, NULL, NULL) after the commit, or done(arg, b, err) after a failure: b is
 * the batch handed back (yours again) when retrying can help, NULL when it was impossible and is gone. Batches are
 * executed in order, and nothing overtakes one that failed: all that were submitted behind it before done was called
 * come back too, in order. Submit them again in that order, before newer ones. done may be NULL (tests). */
void store_submit(struct store *s, struct batch *b,
                  void (*done)(void *arg, struct batch *b, const struct err *err), void *arg);

/* A consistent copy while the store works, into a new file; any thread. stop (may be NULL) is asked now and then. */
int store_backup(struct store *s, const char *path, bool (*stop)(const void *arg), const void *arg,
                 struct err *err);
/* Is the file a whole database of a Belfry that is not newer than this one? */
int store_verify(const char *path, struct err *err);

/* Readers: one per thread that asks. */
struct store_reader;
struct store_reader *store_reader_open(struct store *s, struct err *err);
void store_reader_close(struct store_reader **r);

struct stored_result {
    uint64_t id, target_id;
    bool success;
    int64_t checked_ms, latency_us;
    const char *message, *metrics_json, *warnings_json,
        *address; /* "" / "{}" / "[]" when not kept */
};
/* Rows of one listing; who asks for more gets as many, who asks for none gets none. */
#define STORE_LISTING_MAX 1000
struct results_query {
    uint64_t target_id;         /* 0: all */
    int64_t since_ms, until_ms; /* until 0: now */
    uint64_t before_id;         /* cursor: only ids below; 0 none. Newest first */
    bool failures_only;
    uint32_t limit;
};
int store_results(struct store_reader *r, const struct results_query *q,
                  void (*fn)(void *arg, const struct stored_result *row), void *arg,
                  struct err *err);
/* When, whether and how fast, of one target's results within [since, until), newest first; fn returns false to stop. For the
 * import into the series of metrics, which have the graphs. */
int store_outcomes(struct store_reader *r, uint64_t target_id, int64_t since_ms, int64_t until_ms,
                   bool (*fn)(void *arg, int64_t checked_ms, bool success, int64_t latency_us),
                   void *arg, struct err *err);
/* When the oldest day that merged results lie in began; 0: none is merged yet. What is newer than a day may not be. */
int store_oldest_day(struct store_reader *r, int64_t *begin_ms, struct err *err);
/* The last n results of a target, oldest first: heartbeat bars. */
int store_recent(struct store_reader *r, uint64_t target_id, uint32_t n,
                 void (*fn)(void *arg, const struct stored_result *row), void *arg,
                 struct err *err);

struct alerts_query {
    uint64_t id, target_id;    /* 0: any */
    int status;                /* enum alert_status or -1 */
    const char *group, *text;  /* NULL: any */
    const char *type, *name;   /* the target's; NULL: any */
    const char *suppressed;    /* a reason's name, "yes": any reason, "no": none; NULL: no matter */
    int acknowledged;          /* 1: yes, -1: no, 0: no matter */
    const char *in_groups;     /* a JSON list: of these groups only, or … NULL: any */
    const char *not_in_groups; /* … of all but these */
    int64_t since_ms, until_ms; /* fired within; 0: any */
    int64_t open_since_ms;      /* not resolved before; 0: any */
    uint64_t before_id;
    uint32_t limit;
};
int store_alerts(struct store_reader *r, const struct alerts_query *q, uint64_t *total,
                 void (*fn)(void *arg, const struct alert *a), void *arg, struct err *err);
int store_deliveries_of(struct store_reader *r, uint64_t alert_id,
                        void (*fn)(void *arg, const struct delivery *d), void *arg,
                        struct err *err);
int store_deliveries_by_channel(struct store_reader *r, uint64_t channel_id, uint32_t limit,
                                void (*fn)(void *arg, const struct delivery *d), void *arg,
                                struct err *err);
struct process_events_query {
    const char *unit; /* NULL: all */
    bool deaths_only;
    int64_t since_ms, until_ms; /* 0: any */
    uint64_t before_id;         /* cursor; 0 none. Newest first */
    uint32_t limit;
};
int store_process_events(struct store_reader *r, const struct process_events_query *q,
                         void (*fn)(void *arg, uint64_t id, const struct process_event *e,
                                    const char *tail),
                         void *arg, struct err *err);
struct audit_query {
    const char *actor, *action, *kind, *object, *text; /* NULL: any; text: anywhere */
    int64_t since_ms, until_ms;                        /* 0: any */
    uint64_t before_id;                                /* cursor; 0 none. Newest first */
    uint32_t limit;
};
int store_audit(struct store_reader *r, const struct audit_query *q,
                void (*fn)(void *arg, const struct audit_entry *e), void *arg, struct err *err);
/* Copies text of a setting to a; NULL when absent. */
const char *store_setting(struct store_reader *r, const char *key, struct arena *a);

/* Another program's SQLite file, for importers. Values as text, NULL for none; only during the call. */
#define FOREIGN_COLUMNS 200
struct foreign_row {
    const char **names, **values;
    size_t n;
};
int store_read_foreign(const char *path, const char *sql,
                       void (*fn)(void *arg, const struct foreign_row *row), void *arg,
                       struct err *err);

struct store_stats {
    uint64_t batches, rows, failures, results_dropped;
    uint64_t bytes_on_disk, days_kept;
    size_t queued_batches, queued_bytes;
    int64_t last_commit_ns; /* how long it took */
};
void store_stats(struct store *s, struct store_stats *out);

#endif
