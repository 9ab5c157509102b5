/* Samples of the head: for each series a tail of up to 16 samples as they are, one open chunk in memory, sealed chunks in
 * head files. Every function wants the shard of the series locked, unless it says otherwise. */
#ifndef TSDB_HEAD_H
#define TSDB_HEAD_H

#include <pthread.h>
#include <stdatomic.h>

#include "tsdb/chunk.h"

#define TAIL_MAX     16u
#define OPEN_SAMPLES 128u /* an open chunk of so many is sealed */
#define LATE_MAX     32u
#define SHARDS       256u
#define NO_TIME      INT64_MIN

enum head_flags {
    HEAD_OPEN = 1,   /* in memory, the newest: packed again with each full tail */
    HEAD_MEMORY = 2, /* sealed, but could not be written */
    HEAD_LATE = 4,   /* of samples out of order: overlaps others */
    HEAD_CUT = 8,    /* goes into a block that is being written */
};
struct head_chunk {
    int64_t min_ms;
    uint64_t at; /* address of malloc'ed bytes, or number of the head file << 32 | offset */
    uint32_t span_ms;
    uint32_t len : 24, flags : 8;
};
/* Samples that came too late for the tail, sorted. */
struct late {
    uint32_t n;
    int64_t t[LATE_MAX];
    double v[LATE_MAX];
};
struct head_chunks {
    struct late *late;
    uint32_t n, cap;
    struct head_chunk at[]; /* an open one is the last */
};

/* One cache line of facts and three of samples. Neither the tail nor a chunk crosses the bounds of a block. */
struct series {
    _Atomic uint64_t ref; /* 0: not in use */
    uint64_t hash;        /* labels_hash */
    int64_t newest_ms;    /* NO_TIME: none yet. append_lock */
    uint64_t last_bits;   /* the value then. append_lock */
    int64_t tail_ms;      /* what t counts from */
    uint32_t
        *pairs; /* label pairs in the order of names; behind them labels_check, 0: not yet known */
    struct head_chunks *chunks;
    uint16_t source;
    uint8_t mark; /* cuts so far, when it was made */
    uint8_t n_pairs;
    uint8_t n_tail;
    bool hollow; /* the sample at newest_ms may be missing (deleted): look for it. append_lock */
    uint8_t spare[2];
    uint32_t t[TAIL_MAX];
    double v[TAIL_MAX];
};
_Static_assert(sizeof(struct series) == 256, "a series is four cache lines");

/* Whoever writes a snapshot reads these without append_lock; the replay knows what to make of it. */
static inline void series_set_newest(struct series *s, int64_t t, uint64_t bits)
{
    __atomic_store_n(&s->newest_ms, t, __ATOMIC_RELAXED);
    __atomic_store_n(&s->last_bits, bits, __ATOMIC_RELAXED);
}

struct head_files;
struct epoch;

struct head {
    struct head_files *files;
    int64_t block_ms;
    pthread_mutex_t shards[SHARDS];
    _Atomic uint64_t chunks, chunk_bytes, damaged;
};
static inline pthread_mutex_t *head_shard(struct head *h, uint32_t slot)
{
    return &h->shards[slot / 64 % SHARDS];
}

/* What packing works with; one for each thread that packs. */
struct packer {
    struct head *head;
    struct samples samples;
    struct buf bytes;
    int64_t block_lo, block_hi; /* the block of the last sample: saves divisions */
};
void packer_init(struct packer *p, struct head *h);
void packer_done(struct packer *p);

/* t is after every sample of the series. */
void head_push(struct packer *p, struct series *s, int64_t t, double v);
/* t is before the newest and not there yet. */
void head_insert(struct packer *p, struct series *s, int64_t t, double v);
/* Is there a sample at t? Decodes. */
bool head_find(struct head *h, struct series *s, int64_t t, double *v);
/* Everything before `end` becomes sealed chunks; those from `begin` on are marked HEAD_CUT. True: there are such. */
bool head_freeze(struct packer *p, struct series *s, int64_t begin, int64_t end);
/* Chunks with all of these flags go. */
void head_drop(struct head *h, struct series *s, uint8_t flags);
void head_unmark(struct series *s); /* no chunk is HEAD_CUT any more */
/* Chunks that wait in memory are written. False: the disk is still full. */
bool head_flush(struct head *h, struct series *s);
bool head_is_empty(const struct series *s);
int64_t head_oldest(const struct series *s); /* NO_TIME: nothing */
uint64_t head_memory(const struct series *s);
/* Replaces all samples. */
void head_replace(struct packer *p, struct series *s, const struct samples *with);
void head_add_chunk(struct series *s, const struct head_chunk *c);
void head_set_late(struct series *s, const struct late *l); /* it has none yet */
void head_clear(struct head *h, struct series *s);

/* Takes the shard's lock for a copy, then decodes. Appends samples within [min_ms, max_ms] in order; only_flags: of chunks
 * with this flag alone (0: everything). DAMAGED when a chunk was lost. The caller is in an epoch. */
int head_read(struct head *h, struct series *s, uint32_t slot, int64_t min_ms, int64_t max_ms,
              uint8_t only_flags, struct samples *out, struct err *err);
/* The newest sample within the span: 1 found, 0 none, -1 damaged. As head_read. */
int head_last(struct head *h, struct series *s, uint32_t slot, int64_t min_ms, int64_t max_ms,
              int64_t *t, double *v, struct err *err);
/* Any sample within the span, by the bounds of chunks? The shard is locked. */
bool head_overlaps(const struct series *s, int64_t min_ms, int64_t max_ms);
/* What was appended from mid on is a run of its own: it goes among [from, mid). Of equal times the first stays. */
void samples_settle(struct samples *s, uint32_t from, uint32_t mid);

#endif
