/* The write-ahead log: what was appended, in order, so that nothing is lost that was acknowledged. DIR/wal/NNNNNNNN.wal.
 *
 *   segment  "BWL1" u32 0 u64 its number; then records
 *   record   u32 WAL_MAGIC, u32 length of the payload, u32 CRC-32C of type, length and payload, u8 type, 3 bytes 0; the payload
 *   rows     u32 n, u8 flags (1: all have the first one's time), u64 first reference, i64 first time, then columns:
 *            references  varint a row after the first: zigzag(slot - slot before) << 1 | (0: the serial number moved as far; 1:
 *                        a varint zigzag(serial - serial before) follows)
 *            times       zigzag varint (t - t before) a row after the first; nothing with flag 1
 *            sizes       half a byte a row, low half first: how many bytes of the value are kept, 0 … 8
 *            values      that many bytes of the double's bits, the highest first; the rest are 0
 *   delete   i64 min, i64 max, u32 n, then references as in rows, the first against 0
 *   metadata u8 type, str metric, str help, str unit (str: u32 length, bytes)
 *
 * A record whose checksum fails is skipped: the next place where magic, length and checksum fit is looked for. At the end of the
 * newest segment the rest is cut off. Little endian. */
#ifndef TSDB_WAL_H
#define TSDB_WAL_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/vec.h"
#include "tsdb/numbered.h"
#include "tsdb/tsdb.h"

#define WAL_MAGIC         0x31725742u /* "BWr1" */
#define WAL_SEGMENT_MAGIC 0x314c5742u /* "BWL1" */
#define WAL_SEGMENT_HEAD  16u
#define WAL_RECORD_HEAD   16u
#define WAL_RECORD_MAX    ((size_t)16 << 20)
#define WAL_SEGMENT_BYTES ((uint64_t)32 << 20)

enum wal_type {
    WAL_ROWS = 1,
    WAL_DELETE = 2,
    WAL_METADATA = 3,
    WAL_SERIES = 4,   /* entries of the series log, which frames them likewise */
    WAL_SNAPSHOT = 5, /* pages of a snapshot */
};

/* --- records: pure --- */

/* A record of any type: begin, append the payload, end. */
size_t wal_begin_record(struct buf *out);
void wal_end_record(struct buf *out, size_t begun, enum wal_type type);
/* Appends a whole record with n ≥ 1 rows. */
void wal_put_rows(struct buf *out, const struct tsdb_row *rows, size_t n);
void wal_put_delete(struct buf *out, const tsdb_ref *refs, size_t n, int64_t min_ms,
                    int64_t max_ms);
void wal_put_metadata(struct buf *out, const struct metric_metadata *m);

struct wal_rows {
    struct tsdb_row *at;
    size_t n, cap;
};
struct wal_refs {
    tsdb_ref *at;
    size_t n, cap;
};
/* Payloads, whose checksum was right; MALFORMED all the same when they make no sense. Replaces what rows hold. */
int wal_get_rows(struct str payload, struct wal_rows *rows, struct err *err);
int wal_get_delete(struct str payload, struct wal_refs *refs, int64_t *min_ms, int64_t *max_ms,
                   struct err *err);
int wal_get_metadata(struct str payload, struct metric_metadata *m, struct err *err); /* borrowed */

/* A cursor over the bytes of a segment behind its head. */
struct wal_cursor {
    const uint8_t *p, *at, *end;
    uint64_t damaged, damaged_bytes; /* places that were skipped */
};
/* The next sound record; false at the end: at is then behind the last one. */
bool wal_next(struct wal_cursor *c, enum wal_type *type, struct str *payload);

/* --- the log --- */

struct wal;
/* Begins a new segment behind those that are there. */
struct wal *wal_open(const char *dir, struct err *err);
void wal_close(struct wal *w); /* NULL is fine; does not sync */
/* Appends whole records with one write. FULL, IO: nothing is there. One thread at a time (append_lock). */
int wal_write(struct wal *w, const void *records, size_t n, struct err *err);
/* Ends the segment; the number of the new one. One thread at a time (append_lock). */
int wal_rotate(struct wal *w, uint64_t *segment, struct err *err);
/* Everything that was written before the call is on the disk. Any thread. */
int wal_sync(struct wal *w, struct err *err);
bool wal_is_synced(struct wal *w);
struct tsdb_place wal_end(struct wal *w);      /* of what was written */
void wal_drop(struct wal *w, uint64_t before); /* removes older segments */
uint64_t wal_oldest(struct wal *w);
uint64_t wal_bytes(struct wal *w, uint64_t from_segment); /* on the disk, from this segment on */
void wal_stats(struct wal *w, struct tsdb_stats *out);

/* The rest of the segment's records goes: `sound` bytes of them stay. */
int wal_cut(const char *dir, uint64_t segment, size_t sound, struct err *err);
/* Numbers of the segments in the directory, rising. */
int wal_list(const char *dir, struct numbers *out, struct err *err);
/* A segment mapped for reading, from its first record on. n 0: nothing in it. */
struct wal_map {
    void *base;
    size_t size;
    const uint8_t *p;
    size_t n;
};
int wal_map(const char *dir, uint64_t segment, struct wal_map *out, struct err *err);
/* Any file of records, behind a head of so many bytes. */
int wal_map_file(const char *path, size_t head, struct wal_map *out, struct err *err);
void wal_unmap(struct wal_map *m);

#endif
