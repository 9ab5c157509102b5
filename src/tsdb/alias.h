/* Aliases: from the bytes that a sender names a series with to its slot. The bytes are not kept: 96 bits of hash stand for them,
 * by two functions seeded at random, so nobody can make two names that meet. Any thread; 16 shards, a lock each. */
#ifndef TSDB_ALIAS_H
#define TSDB_ALIAS_H

#include <pthread.h>
#include <stdint.h>

#include <roaring/roaring.h>

#define ALIAS_SHARDS 16u
#define ALIAS_NONE   UINT32_MAX

struct alias_entry {
    uint64_t hash;
    uint32_t check, slot; /* slot ALIAS_NONE: free */
};
struct alias_shard {
    pthread_mutex_t lock;
    struct alias_entry *at;
    uint32_t mask, n;
};
struct aliases {
    uint64_t seed[2];
    struct alias_shard shards[ALIAS_SHARDS];
};

void aliases_init(struct aliases *a);
void aliases_done(struct aliases *a);
uint32_t aliases_get(struct aliases *a, uint32_t source, const void *key, size_t n);
void aliases_put(struct aliases *a, uint32_t source, const void *key, size_t n, uint32_t slot);
/* Removes those of these slots. */
void aliases_forget(struct aliases *a, const roaring_bitmap_t *slots);

#endif
