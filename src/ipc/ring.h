/* Single-producer single-consumer ring in a file-backed mapping: watcher → core.
 *
 * The file (data/run/rings/NAME) is fully allocated at creation, so a full disk cannot make a write to
 * it fail, and it survives kill -9 of both sides and of everything else. A record is published by one
 * release store of head and freed by the consumer's store of tail, which the core does when the record
 * is durable. Format byte by byte: top of ring.c.
 *
 * Every field read from the mapping is checked: the other side may be corrupt. A damaged ring is
 * reported as ERR_DAMAGED; the core sets it aside. */
#ifndef IPC_RING_H
#define IPC_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct ring;

/* Creates the file when it does not exist (size: rounded up to a power of two, 64 KiB … 1 GiB), with a fresh random id;
 * else opens it as it is. */
struct ring *ring_open(const char *path, size_t size, struct err *err);
/* What it makes of a size: that of ring_stats of a new one. */
size_t ring_good_size(size_t wanted);
void ring_close(struct ring **r);
uint64_t ring_id(const struct ring *r);
/* The file at the path is no longer this one: the core set a damaged ring aside. Then open it anew. One stat. */
bool ring_stale(const struct ring *r);

/* Producer, once before its first record: makes sure that there is no other (a predecessor that lingers
 * after the warden's death). BUSY then; the lock goes with ring_close or with the process. */
int ring_claim(struct ring *r, struct err *err);

/* Producer. False when there is no room: the record is counted as dropped in the ring's header. *seq (may be
 * NULL) is the record's number, from 1. *wake tells whether the consumer asked to be woken. n ≤ size/4. */
bool ring_publish(struct ring *r, const void *p, size_t n, uint64_t *seq, bool *wake);

/* Consumer. Reads the next record after those already read; 1 with *p borrowed until ring_free_upto passes it,
 * 0 when there is none, -1 damaged. */
int ring_next(struct ring *r, const void **p, size_t *n, uint64_t *seq, struct err *err);
/* Everything up to and including seq is durable. */
void ring_free_upto(struct ring *r, uint64_t seq);
/* Forgets what was read but not freed: reading starts again at the oldest record (a new core). */
void ring_rewind(struct ring *r);
/* Tells the producer to wake us at the next record. Returns true when a record is already there (then do not
 * sleep: read on). A producer killed between taking the flag and sending its WAKE leaves us asleep: read the ring
 * at its successor's HELLO and when the link says GONE, too. */
bool ring_sleep(struct ring *r);

struct ring_stats {
    size_t size, used;
    uint64_t published, dropped; /* over the ring's life */
};
struct ring_stats ring_stats(const struct ring *r);

#endif
