/* Aliases: from the bytes that a sender names a series with to its slot. The bytes are not kept: 96 bits of hash stand for them,
 * seeded at random, so nobody can make two names that meet. Any thread. There are 16 tables, so that growing stops the others
 * for a moment only. */
#ifndef TSDB_ALIAS_H
#define TSDB_ALIAS_H

#include <pthread.h>
#include <stdint.h>

#include <roaring/roaring.h>

#include "base/str.h"

#define ALIAS_TABLES 16u
#define ALIAS_NONE   UINT32_MAX
#define ALIAS_MANY   64u

struct alias_entry {
    uint64_t hash;
    uint32_t check, slot; /* slot ALIAS_NONE: free */
};
struct alias_table {
    struct alias_entry *at;
    uint32_t mask, n;
};
struct aliases {
    uint64_t seed[4];
    pthread_rwlock_t lock; /* guards the tables; writers go first */
    struct alias_table tables[ALIAS_TABLES];
};

void aliases_init(struct aliases *a);
void aliases_done(struct aliases *a);
uint32_t aliases_get(struct aliases *a, uint32_t source, struct str key);
/* At most ALIAS_MANY at once, for much less than one by one: what they wait for in memory is fetched together. */
void aliases_get_many(struct aliases *a, uint32_t source, const struct str *keys, size_t n,
                      uint32_t *slots);
void aliases_put(struct aliases *a, uint32_t source, struct str key, uint32_t slot);
/* Removes those of these slots. */
void aliases_forget(struct aliases *a, const roaring_bitmap_t *slots);

#endif
