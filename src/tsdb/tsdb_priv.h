/* The store's inside: what its files share. Nobody outside of tsdb/ includes this.
 *
 * Locks, in the order in which they are taken; each but the first two is held for microseconds:
 *   merge_lock   one merge or deletion at a time
 *   keep_lock    one cut, snapshot or deletion at a time
 *   append_lock  appending: the order of the WAL, newest_ms and last_bits of series, appender
 *   index.lock   label pairs, postings, which series there are, the series log
 *   head.shards  samples of 64 neighbouring series
 *   leaves       head files, WAL, aliases, epochs, metadata, blocks, tails, rules */
#ifndef TSDB_TSDB_PRIV_H
#define TSDB_TSDB_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "base/vec.h"
#include "tsdb/alias.h"
#include "tsdb/background.h"
#include "tsdb/blocks.h"
#include "tsdb/epoch.h"
#include "tsdb/head.h"
#include "tsdb/head_file.h"
#include "tsdb/index.h"
#include "tsdb/merge.h"
#include "tsdb/metadata.h"
#include "tsdb/series_log.h"
#include "tsdb/tsdb.h"
#include "tsdb/wal.h"

#define TSDB_MAGIC       0x54534442u /* "TSDB" */
#define APPEND_ROWS      4096u       /* rows of one record of the WAL */
#define CACHE_HORIZON_MS 600000      /* queries cache what is older (series.h, generation) */

/* Counters that several threads write. */
struct tsdb_counters {
    _Atomic uint64_t created, forgotten, refused, samples, same, duplicate, out_of_order,
        damaged_records, snapshots, cuts, merges, merge_failures, tail_lost;
};

/* What appending works with. append_lock. */
struct appender {
    struct packer packer;
    struct tsdb_row taken[APPEND_ROWS];
    uint8_t late[APPEND_ROWS];
    int64_t before_ms[APPEND_ROWS]; /* newest_ms and last_bits of the series, to go back */
    uint64_t before_bits[APPEND_ROWS];
    struct buf record;
    uint64_t since_snapshot; /* rows */
};

struct cut {              /* keep_lock */
    int64_t end_ms;       /* of the newest block that was cut; NO_TIME: none */
    int64_t lo_ms, hi_ms; /* the span that is being cut */
    bool more;            /* a regular cut is going on: older spans go with it */
    bool pending;         /* a block took chunks over that readers may still need */
    uint64_t mark;        /* the epoch that must pass before they go */
};

struct tsdb_tail {
    struct tsdb_tail *prev, *next;
    struct tsdb *db;
    struct tsdb_place read, done; /* what follows; what is not needed any more. db->tails_lock */
    uint64_t keep_bytes;
    struct wal_rows rows; /* of the record at `read`, from next on */
    size_t at;
    struct tsdb_place after;
    struct wal_map map;
    uint64_t mapped; /* segment; 0: none */
};

struct tsdb {
    uint32_t magic;
    struct tsdb_options opt;
    char *dir, *head_dir, *wal_dir, *series_dir, *blocks_dir;
    int lock_fd;
    uint64_t secret; /* of this process: what labels_check is computed under */

    pthread_mutex_t keep_lock, merge_lock;
    atomic_bool merge_stop;
    struct packer packer; /* of who holds keep_lock */
    struct cut cut;
    int64_t snapshot_at; /* monotonic ms */
    _Atomic bool snapshot_wanted;

    pthread_mutex_t append_lock;
    struct appender *appender;
    _Atomic int64_t min_ms, max_ms; /* of the head's samples; NO_TIME */
    _Atomic bool full;
    _Atomic uint64_t generation;

    struct index index;
    struct head head;
    struct series_log *log;
    struct wal *wal;
    struct aliases aliases;
    struct epoch epoch;
    struct metadata metadata;
    struct blocks *blocks;
    _Atomic uint8_t cuts;

    pthread_rwlock_t
        rules_lock; /* opt.keep_bytes, rules, n_rules; with merge_lock to change them */
    _Atomic int64_t keep_ms;
    pthread_mutex_t tails_lock;
    struct tsdb_tail *tails;
    /* What tails of before still need, until one is opened again: over a restart, too. */
    struct {
        uint64_t segment, keep_bytes; /* segment 0: nothing */
    } hold;

    struct tsdb_counters count;
    int64_t replay_ms;

    struct background *background; /* NULL: manual */
};

int64_t tsdb__now(const struct tsdb *db);

/* append.c: rows of the WAL, without judging but for what is there already. */
void tsdb__replay_rows(struct tsdb *db, const struct tsdb_row *rows, size_t n);
/* Samples of these series within the span go, in memory. */
void tsdb__delete_rows(struct tsdb *db, const tsdb_ref *refs, size_t n, int64_t min_ms,
                       int64_t max_ms);

/* replay.c */
int tsdb__load(struct tsdb *db, struct err *err);

/* snapshot.c: keep_lock is held. */
int tsdb__snapshot_head(struct tsdb *db, struct err *err);
/* Fills the series that the index has; *from: the first WAL segment to read. No snapshot: 0. */
int tsdb__snapshot_load(struct tsdb *db, uint64_t *from, struct err *err);

/* cut.c: keep_lock is held. 1: cut something, 0: nothing to do. */
int tsdb__cut(struct tsdb *db, bool force, struct err *err);
/* Writes [lo, hi) of the head to a block under dir; flags as head_read. name "": nothing was there. */
int tsdb__write_block(struct tsdb *db, const char *dir, int64_t lo, int64_t hi, uint8_t flags,
                      struct block_meta *out, struct err *err);
/* Series without samples go. */
void tsdb__forget(struct tsdb *db);

/* tail.c: the first WAL segment that a tail needs, UINT64_MAX: none does; *keep_bytes: the largest bound. */
uint64_t tsdb__tails_need(struct tsdb *db, uint64_t *keep_bytes);

/* house.c: 0, or -1; merge: 1 when it did something */
int tsdb__keep(struct tsdb *db, bool force, struct err *err);
int tsdb__merge(struct tsdb *db, bool force, struct err *err);
struct merge_policy tsdb__merge_policy(struct tsdb *db); /* merge_lock or rules_lock is held */
void tsdb__stop_merges(struct tsdb *db); /* takes merge_lock; whoever merges gives up before */

#endif
