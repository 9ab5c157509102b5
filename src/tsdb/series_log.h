/* The series log: which series there are and their labels, each written once. DIR/series/NNNNNNNN.log.
 *
 *   file     "BSL1" u32 0, then records as those of the WAL (wal.h), type WAL_SERIES
 *   record   entries
 *   entry    u8 ENTRY_NAME    varint number in this file, varint length, bytes
 *            u8 ENTRY_PAIR    varint number in this file, varint number of the name, varint length, value
 *            u8 ENTRY_SOURCE  varint number, varint length, name
 *            u8 ENTRY_SERIES  u64 reference, varint source, varint n, n varint pair numbers of this file
 *
 * Entries wait in a buffer and are written before the first sample that needs them (series_log_flush). All files are read at a
 * start, the oldest first; each life begins a new one. A compaction begins a new one too, writes all live series to it once more and
 * removes the older ones. A damaged record costs the series in it and those whose pairs it held.
 *
 * Guarded by the index's lock, but for sync and compaction. */
#ifndef TSDB_SERIES_LOG_H
#define TSDB_SERIES_LOG_H

#include "tsdb/index.h"

struct series_log;
struct series_log *series_log_open(const char *dir, struct err *err);
void series_log_close(struct series_log *l); /* NULL is fine; what was not flushed is lost */

void series_log_add(struct series_log *l, struct index *x, uint32_t slot);
void series_log_add_source(struct series_log *l, uint32_t number, struct str name);
size_t series_log_waiting(const struct series_log *l); /* bytes */
/* FULL, IO: all waits still. */
int series_log_flush(struct series_log *l, struct err *err);
/* What was flushed is on the disk. Without the lock. */
int series_log_sync(struct series_log *l, struct err *err);
uint64_t series_log_bytes(struct series_log *l);
uint64_t series_log_written(struct series_log *l); /* series in all files */

void series_log_set_written(struct series_log *l, uint64_t n); /* what series_log_load found */

/* Reads everything into x (a fresh one). Damage is counted and passed over. */
int series_log_load(const char *dir, struct index *x, uint64_t *series, uint64_t *damaged,
                    struct err *err);
/* Rewrites the files with what is live. The caller is in an epoch; the lock is taken for moments. */
int series_log_compact(struct series_log *l, struct index *x, struct err *err);

#endif
