/* alias.h: linear probing, 16 bytes a slot. */
#include "tsdb/alias.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "base/rng.h"

#define FIRST_SLOTS 64u

void aliases_init(struct aliases *a)
{
    memset(a, 0, sizeof(*a));
    rng_secure(a->seed, sizeof(a->seed));
    for (uint32_t i = 0; i < ALIAS_SHARDS; i++)
        pthread_mutex_init(&a->shards[i].lock, NULL);
}

void aliases_done(struct aliases *a)
{
    for (uint32_t i = 0; i < ALIAS_SHARDS; i++) {
        free(a->shards[i].at);
        pthread_mutex_destroy(&a->shards[i].lock);
    }
}

static struct alias_entry hash_key(const struct aliases *a, uint32_t source, const void *key,
                                   size_t n)
{
    uint64_t second = hash_bytes(key, n, a->seed[1] + source);
    return (struct alias_entry){hash_bytes(key, n, a->seed[0] + source),
                                (uint32_t)(second >> 32 ^ second), ALIAS_NONE};
}

static struct alias_shard *shard_of(struct aliases *a, uint64_t hash)
{
    return &a->shards[hash >> 60];
}

/* Its entry, or the free one where it belongs. */
static struct alias_entry *find(struct alias_shard *s, const struct alias_entry *key)
{
    uint32_t i = (uint32_t)key->hash & s->mask;
    while (s->at[i].slot != ALIAS_NONE &&
           (s->at[i].hash != key->hash || s->at[i].check != key->check))
        i = (i + 1) & s->mask;
    return &s->at[i];
}

static void resize(struct alias_shard *s, uint32_t n)
{
    struct alias_shard old = *s;
    s->at = malloc(n * sizeof(*s->at));
    must(s->at != NULL);
    memset(s->at, 0xff, n * sizeof(*s->at));
    s->mask = n - 1;
    for (uint32_t i = 0; old.at && i <= old.mask; i++) {
        if (old.at[i].slot != ALIAS_NONE)
            *find(s, &old.at[i]) = old.at[i];
    }
    free(old.at);
}

uint32_t aliases_get(struct aliases *a, uint32_t source, const void *key, size_t n)
{
    struct alias_entry e = hash_key(a, source, key, n);
    struct alias_shard *s = shard_of(a, e.hash);
    pthread_mutex_lock(&s->lock);
    uint32_t slot = s->at ? find(s, &e)->slot : ALIAS_NONE;
    pthread_mutex_unlock(&s->lock);
    return slot;
}

void aliases_put(struct aliases *a, uint32_t source, const void *key, size_t n, uint32_t slot)
{
    must(slot != ALIAS_NONE);
    struct alias_entry e = hash_key(a, source, key, n);
    struct alias_shard *s = shard_of(a, e.hash);
    pthread_mutex_lock(&s->lock);
    if (!s->at)
        resize(s, FIRST_SLOTS);
    else if (s->n >= s->mask - s->mask / 4)
        resize(s, (s->mask + 1) * 2);
    struct alias_entry *place = find(s, &e);
    s->n += place->slot == ALIAS_NONE;
    e.slot = slot;
    *place = e;
    pthread_mutex_unlock(&s->lock);
}

/* All that stay are put again: forgetting is rare and forgets many. */
static void filter(struct alias_shard *s, const roaring_bitmap_t *slots)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; s->at && i <= s->mask; i++) {
        if (s->at[i].slot != ALIAS_NONE && roaring_bitmap_contains(slots, s->at[i].slot))
            s->at[i].slot = ALIAS_NONE;
        kept += s->at[i].slot != ALIAS_NONE;
    }
    if (kept == s->n)
        return;
    uint32_t n = FIRST_SLOTS;
    while (kept >= n - n / 2)
        n *= 2;
    s->n = kept;
    resize(s, n);
}

void aliases_forget(struct aliases *a, const roaring_bitmap_t *slots)
{
    for (uint32_t i = 0; i < ALIAS_SHARDS; i++) {
        pthread_mutex_lock(&a->shards[i].lock);
        filter(&a->shards[i], slots);
        pthread_mutex_unlock(&a->shards[i].lock);
    }
}
