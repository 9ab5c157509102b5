/* Inside of the store.
 *
 * Results take two steps, because a table clustered by target makes every insert dirty a page of its own (12 µs of
 * CPU and 8 KiB of disk writes each, measured; appending costs 0.5 µs):
 *
 *   1. A batch appends them to the active one of two hot tables, results_hot_0 and _1, in order of arrival. Each row
 *      names the target's previous row there (prev), so a target's rows are a chain; its newest row, the head, is
 *      kept in memory (hot.c) and found again at the start by one scan.
 *   2. When enough rows per target have come together the tables change roles, and the writer moves the full one's
 *      rows, target by target in short transactions, into the tables of their days (merge.c, parts.c), whose primary
 *      key is (target_id, checked_at, id). Each of these transactions also moves the mark results_merge.upto: rows
 *      of the merging table with target_id <= upto are in the days already and no longer count.
 *
 * So every result is visible exactly once at every moment, kill -9 included, and the view probe_results says so in SQL.
 *
 * Threads: the writer thread owns db, parts, merge, prune and the maps without lock. Submission, completions and
 * figures are under lock. Heads are under heads_lock (writer writes, readers read). */
#ifndef STORE_PRIV_H
#define STORE_PRIV_H

#include <pthread.h>
#include <sqlite3.h>
#include <stdatomic.h>

#include "base/buf.h"
#include "base/map.h"
#include "base/must.h"
#include "base/vec.h"
#include "store/store.h"

#define STORE_MAGIC    0x53544f52u
#define BATCH_MAGIC    0x42415443u
#define READER_MAGIC   0x52454144u
#define BUSY_MS        250
#define SLICE_NS       (8 * INT64_C(1000000)) /* housekeeping holds the writer at most about this long */
#define PART_NAME_SIZE 40
#define DAY_MS         INT64_C(86400000)

/* --- db.c: connections, errors, one-line helpers --- */
int store__open_db(const char *path, bool writer, sqlite3 **out, struct err *err);
/* Turns the connection's last error into err. Returns -1. */
int store__fail(sqlite3 *db, struct err *err, const char *what);
int store__exec(sqlite3 *db, struct err *err, const char *sql);
int store__execf(sqlite3 *db, struct err *err, const char *fmt, ...) printf_like(3, 4);
sqlite3_stmt *store__prepare(sqlite3 *db, const char *sql, struct err *err);
sqlite3_stmt *store__preparef(sqlite3 *db, struct err *err, const char *fmt, ...) printf_like(3, 4);
void store__finalizep(sqlite3_stmt **st);
/* First column of the first row; 0 when there is none. */
int store__int(sqlite3 *db, const char *sql, int64_t *out, struct err *err);
const char *store__text(sqlite3_stmt *st, int column); /* never NULL */
void store__rollback(sqlite3 *db);

/* --- migrations.c --- */
int store__migrate(sqlite3 *db, struct err *err);
int store__schema_newest(void);

/* --- parse.c: the two shapes of JSON that columns hold --- */
void store__parse_ids(const char *json, struct arena *a, struct id_list *out);
void store__parse_labels(const char *json, struct arena *a, struct label **out, uint32_t *n);
void store__parse_strings(const char *json, struct arena *a, const char ***out, uint32_t *n);
void store__parse_schedule(const char *json, struct arena *a, struct schedule *out);
void store__parse_matchers(const char *json, struct arena *a, struct label_match **out,
                           uint32_t *n);

/* --- batch.c: an op is u32 size, u8 kind, values. A value is a tag and its bytes (store__bind) --- */
#define STORE_OPS(X)                                                                              \
    X(RESULT, "INSERT OR IGNORE INTO results_hot_0 VALUES(?1,?11,?2,?3,?4,?5,?6,?7,?8,?9,?10)")   \
    X(RESULT_1, "INSERT OR IGNORE INTO results_hot_1 VALUES(?1,?11,?2,?3,?4,?5,?6,?7,?8,?9,?10)") \
    X(STATE, "REPLACE INTO target_states VALUES(?1,?2,?3,?4,?6,?7,?8,?9,?10,?11,?5)")             \
    X(TARGET_PUT, "REPLACE INTO targets VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,"   \
                  "?15,?16,?17,?18,?19,?20,?21,?22,?23,?24,?25)")                                 \
    X(TARGET_NEW, "INSERT OR IGNORE INTO target_states(target_id) VALUES(?1)")                    \
    X(TARGET_DEL, "DELETE FROM targets WHERE id=?1")                                              \
    X(STATE_DEL, "DELETE FROM target_states WHERE target_id=?1")                                  \
    X(PLACE, "REPLACE INTO target_places VALUES(?1,?2,?3,?4,?5,?7,?8,?9,?10,?6)")                 \
    X(PLACES_DEL, "DELETE FROM target_places WHERE target_id=?1")                                 \
    X(LINKS_DEL, "DELETE FROM target_channels WHERE target_id=?1")                                \
    X(LINK_PUT, "REPLACE INTO target_channels VALUES(?1,?2)")                                     \
    X(CHANNEL_PUT, "REPLACE INTO notify_channels VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)")         \
    X(CHANNEL_DEL, "DELETE FROM notify_channels WHERE id=?1")                                     \
    X(CHANNEL_LINKS_DEL, "DELETE FROM target_channels WHERE channel_id=?1")                       \
    X(ALERT_PUT, "REPLACE INTO alert_records(id,target_id,target_name,target_type,group_name,"    \
                 "instance,labels,status,message,fail_count,fired_at,resolved_at,suppressed,"     \
                 "suppressed_by,suppressed_id,acked_at,acked_by,ack_note) VALUES(?1,?2,?3,?4,"    \
                 "?5,?6,?7,?8,?9,?10,?11,?12,?13,?14,?15,?16,?17,?18)")                           \
    X(DELIVERY_PUT, "REPLACE INTO deliveries VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11)")         \
    X(MAINTENANCE_PUT, "REPLACE INTO maintenances(id,title,targets,groups,starts_at,ends_at,"     \
                       "created_at,schedule,labels) VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")          \
    X(MAINTENANCE_DEL, "DELETE FROM maintenances WHERE id=?1")                                    \
    X(CURSOR, "REPLACE INTO ring_cursors VALUES(?1,?2)")                                          \
    X(SETTING_PUT, "REPLACE INTO settings VALUES(?1,?2)")                                         \
    X(SETTING_DEL, "DELETE FROM settings WHERE key=?1")                                           \
    X(PROCESS_EVENT, "REPLACE INTO process_events VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10,?11,?12," \
                     "?13,?14,?15,?16,?17,?18)")                                                  \
    X(PROCESS_PUT, "REPLACE INTO process_units VALUES(?1,?2,?3)")                                 \
    X(PROCESS_DEL, "DELETE FROM process_units WHERE unit=?1")                                     \
    X(DOCUMENT_PUT, "REPLACE INTO documents VALUES(?1,?2,?3,?4)")                                 \
    X(DOCUMENT_DEL, "DELETE FROM documents WHERE id=?1")                                          \
    X(AUDIT, "INSERT OR IGNORE INTO audit_log VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)")
enum op_kind {
#define X(name, sql) OP_##name,
    STORE_OPS(X)
#undef X
        OP_COUNT
};

struct batch {
    uint32_t magic;
    struct buf ops;
    size_t n_ops, n_results;
    bool scrub;
    struct batch *next;
    /* While submitted. */
    void (*done)(void *arg, struct batch *b, const struct err *err);
    void *arg;
    bool failed, hand_back;
    struct err err;
};

/* Walks the ops of a batch. */
struct op {
    enum op_kind kind;
    const char *values;
    size_t size; /* of values */
};
bool store__next_op(const struct batch *b, size_t *at, struct op *out);

/* --- exec.c: the writer's statements --- */
int store__prepare_ops(struct store *s, struct err *err);
void store__finalize_ops(struct store *s);
int store__exec_batch(struct store *s, const struct batch *b, struct err *err);

/* --- hot.c --- */
struct hot {
    pthread_mutex_t lock;
    struct map_u64 *heads[2]; /* target id → id of its newest row in that table */
    struct map_u64 *pending;  /* of this transaction, into the active table; writer only */
    uint64_t rows[2];         /* writer only */
    int active;               /* writer only */
    uint64_t upto, last_id;   /* as in results_merge; writer only */
    int64_t oldest_ms;        /* when the active table got its first row; writer only */
};
int store__hot_load(struct store *s, struct err *err);
void store__hot_done(struct hot *h);
uint64_t store__hot_prev(struct hot *h, uint64_t target_id); /* head as this transaction sees it */
void store__hot_pending(struct hot *h, uint64_t target_id, uint64_t id);
void store__hot_commit(struct hot *h); /* pending heads become visible */
void store__hot_rollback(struct hot *h);
void store__hot_heads(struct hot *h, uint64_t target_id, uint64_t heads[2]); /* any thread */

/* --- parts.c: the tables of days --- */
struct part {
    int64_t day; /* since 1970-01-01 UTC */
    int no;      /* a day that grows too large continues in a further table */
    uint64_t rows, rows_new;
    char name[PART_NAME_SIZE];
    sqlite3_stmt *insert;
};
int store__parts_load(struct store *s, struct err *err);
void store__parts_done(struct store *s);
/* The table that takes a row of that time; created inside the current transaction. NULL with err clear: too old. */
struct part *store__part_for(struct store *s, int64_t checked_ms, int64_t now_ms, struct err *err);
int store__parts_flush_rows(struct store *s, struct err *err);
int store__part_drop(struct store *s, size_t index, struct err *err);
int store__rebuild_view(sqlite3 *db, struct err *err);

/* --- merge.c, prune.c: housekeeping; each call is one short transaction. 1 did something, 0 nothing to do, -1 --- */
int store__merge_slice(struct store *s, int64_t now_ms, struct err *err);
void store__merge_forget(struct store *s);
int store__prune_slice(struct store *s, int64_t now_ms, struct err *err);

/* --- salvage.c --- */
/* Renames the file (with -wal and -shm) to PATH.damaged-TIME; aside (malloc'ed) is that name. */
int store__set_aside(const char *path, char **aside, struct err *err);
/* Copies what can still be read of the small tables into db. Never fails: it copies what it can. Returns rows. */
int64_t store__salvage(sqlite3 *db, const char *aside);

/* --- writer.c --- */
void *store__writer_main(void *arg);
void store__deliver(struct store *s); /* completions and health, on the loop */

/* --- store.c --- */
int store__open_all(struct store *s, struct err *err);
void store__close_all(struct store *s);
/* Sets the damaged file aside, makes a new one, saves what can be saved. */
int store__replace(struct store *s, struct err *err);

/* --- rows.c: rows into structs --- */
#define ALERT_COLUMNS                                                                            \
    "id,target_id,target_name,target_type,group_name,instance,labels,status,message,fail_count," \
    "fired_at,resolved_at,suppressed,suppressed_by,suppressed_id,acked_at,acked_by,ack_note"
#define DELIVERY_COLUMNS \
    "id,channel_id,alert_id,kind,group_name,state,attempts,created_at,next_at,done_at,answer"
#define PROCESS_EVENT_COLUMNS                                                               \
    "id,unit,kind,state_from,state_to,pid,status,cause,failure,restarts,at,ran_ms,next_at," \
    "cpu_user_us,cpu_system_us,max_rss_bytes,reason,tail"
void store__row_alert(sqlite3_stmt *st, struct arena *a, struct alert *out);
void store__row_delivery(sqlite3_stmt *st, struct delivery *out);
const char *store__source_name(enum target_source s);
enum target_source store__source_of(const char *text);
const char *store__event_name(enum event_kind k);

/* What outlives the store until the loop has seen every post. */
struct mailbox {
    struct store *store; /* NULL once closed */
    int posts;           /* in flight; under store->lock, or alone after the close */
};

struct merge {
    uint64_t *order; /* targets of the merging table, ascending */
    size_t n, at;
    sqlite3_stmt *row, *mark, *state;
};

struct store {
    uint32_t magic;
    char *path;
    struct store_options opt;
    sqlite3 *db;
    sqlite3_stmt *ops[OP_COUNT];
    struct map_u64 *written; /* target id → what was written of its state, and when (exec.c) */
    struct hot hot;
    vec_of(struct part) parts;
    struct merge merge;
    int64_t prune_check_ms;        /* next look at age and size */
    char pruning[PART_NAME_SIZE];  /* part whose rows are being deleted; "" none */
    int64_t housekeeping_after_ns; /* not before, after a failure */
    _Atomic uint64_t generation;   /* of the file: readers reopen when it moves */

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t wake;
    struct batch *queue, **queue_end;
    bool stop, poisoned; /* poisoned: refuse until the loop has learned of the failure */
    struct batch *completed, **completed_end;
    enum err_code health;
    bool health_news;
    struct err health_err;
    struct mailbox *mailbox;
    struct store_stats stats;
};

#endif
