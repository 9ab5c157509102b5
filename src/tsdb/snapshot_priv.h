/* What snapshot.c and snapshot_load.c share. */
#ifndef TSDB_SNAPSHOT_PRIV_H
#define TSDB_SNAPSHOT_PRIV_H

#include "tsdb/tsdb_priv.h"

#define SNAPSHOT_MAGIC 0x31535342u /* "BSS1" */
#define SNAPSHOT_HEAD  8u
#define SNAPSHOT_PAGE  ((size_t)4 << 10)

enum snapshot_page { PAGE_HEAD = 1, PAGE_SERIES = 2, PAGE_END = 3 };

struct snapshot_read {
    struct index *index; /* series of other references are passed over */
    struct head *head;
    uint64_t from; /* first WAL segment; 0: not known, all */
    int64_t cut_ms, min_ms, max_ms;
    uint64_t hold_segment, hold_bytes; /* of tails */
    uint64_t damaged, series;
};
/* Fills the series from a snapshot's bytes behind its head. For the fuzzer, too. */
void snapshot__read(struct snapshot_read *r, const void *bytes, size_t n);

#endif
