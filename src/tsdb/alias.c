/* alias.h: linear probing, 16 bytes a slot. */
#include "tsdb/alias.h"

#include <stdlib.h>
#include <string.h>

#include "base/must.h"
#include "base/rng.h"

#define FIRST_SLOTS 64u

void aliases_init(struct aliases *a)
{
    memset(a, 0, sizeof(*a));
    rng_secure(a->seed, sizeof(a->seed));
    pthread_rwlockattr_t attr;
    pthread_rwlockattr_init(&attr);
#ifdef __GLIBC__ /* readers come without a break */
    pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP);
#endif
    must(pthread_rwlock_init(&a->lock, &attr) == 0);
    pthread_rwlockattr_destroy(&attr);
}

void aliases_done(struct aliases *a)
{
    for (uint32_t i = 0; i < ALIAS_TABLES; i++)
        free(a->tables[i].at);
    pthread_rwlock_destroy(&a->lock);
}

/* --- hashing: four chains of multiplications that do not wait for each other; two make `hash`, two make `check` --- */

struct chains {
    uint64_t x[2], y[2];
};

static uint64_t fold(uint64_t a, uint64_t b)
{
    unsigned __int128 product = (unsigned __int128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static void mix_block(struct chains *c, const uint64_t *seed, const char *p)
{
    uint64_t w[4];
    memcpy(w, p, sizeof(w));
    c->x[0] = fold(w[0] ^ seed[0], w[1] ^ c->x[0]);
    c->x[1] = fold(w[2] ^ seed[1], w[3] ^ c->x[1]);
    c->y[0] = fold(w[0] ^ c->y[0], w[1] ^ seed[2]);
    c->y[1] = fold(w[2] ^ c->y[1], w[3] ^ seed[3]);
}

/* The last block overlaps the one before; of a short key it is filled with zeros, and the length tells. */
static struct alias_entry hash_key(const struct aliases *a, uint32_t source, struct str key)
{
    enum { BLOCK = 32 };
    const uint64_t *seed = a->seed;
    uint64_t start = (uint64_t)source << 32 ^ key.n;
    struct chains c = {{seed[1] ^ start, seed[2] + start}, {seed[3] ^ start, seed[0] + start}};
    char padded[BLOCK] = {0};
    const char *last = padded;
    if (key.n >= BLOCK)
        last = key.p + key.n - BLOCK;
    else if (key.n > 0)
        memcpy(padded, key.p, key.n);
    const char *p;
    size_t i = 0;
    do {
        p = i + BLOCK < key.n ? key.p + i : last;
        mix_block(&c, seed, p); /* its only call, so that the chains stay in registers */
        i += BLOCK;
    } while (p != last);
    uint64_t check = fold(c.y[0] ^ seed[1], c.y[1] ^ seed[0]);
    return (struct alias_entry){fold(c.x[0] ^ seed[2], c.x[1] ^ seed[3]),
                                (uint32_t)(check >> 32 ^ check), ALIAS_NONE};
}

/* --- tables --- */

static struct alias_table *table_of(struct aliases *a, uint64_t hash)
{
    return &a->tables[hash >> 60];
}

/* Its entry, or the free one where it belongs. */
static struct alias_entry *find(struct alias_table *t, const struct alias_entry *key)
{
    uint32_t i = (uint32_t)key->hash & t->mask;
    while (t->at[i].slot != ALIAS_NONE &&
           (t->at[i].hash != key->hash || t->at[i].check != key->check))
        i = (i + 1) & t->mask;
    return &t->at[i];
}

static void resize(struct alias_table *t, uint32_t n)
{
    struct alias_table old = *t;
    t->at = malloc(n * sizeof(*t->at));
    must(t->at != NULL);
    memset(t->at, 0xff, n * sizeof(*t->at));
    t->mask = n - 1;
    for (uint32_t i = 0; old.at && i <= old.mask; i++) {
        if (old.at[i].slot != ALIAS_NONE)
            *find(t, &old.at[i]) = old.at[i];
    }
    free(old.at);
}

void aliases_get_many(struct aliases *a, uint32_t source, const struct str *keys, size_t n,
                      uint32_t *slots)
{
    struct alias_entry wanted[ALIAS_MANY];
    must(n <= ALIAS_MANY);
    pthread_rwlock_rdlock(&a->lock);
    for (size_t i = 0; i < n; i++) {
        wanted[i] = hash_key(a, source, keys[i]);
        const struct alias_table *t = table_of(a, wanted[i].hash);
        if (t->at)
            __builtin_prefetch(&t->at[(uint32_t)wanted[i].hash & t->mask]);
    }
    for (size_t i = 0; i < n; i++) {
        struct alias_table *t = table_of(a, wanted[i].hash);
        slots[i] = t->at ? find(t, &wanted[i])->slot : ALIAS_NONE;
    }
    pthread_rwlock_unlock(&a->lock);
}

uint32_t aliases_get(struct aliases *a, uint32_t source, struct str key)
{
    uint32_t slot;
    aliases_get_many(a, source, &key, 1, &slot);
    return slot;
}

void aliases_put(struct aliases *a, uint32_t source, struct str key, uint32_t slot)
{
    must(slot != ALIAS_NONE);
    struct alias_entry e = hash_key(a, source, key);
    struct alias_table *t = table_of(a, e.hash);
    pthread_rwlock_wrlock(&a->lock);
    if (!t->at)
        resize(t, FIRST_SLOTS);
    else if (t->n >= t->mask - t->mask / 4)
        resize(t, (t->mask + 1) * 2);
    struct alias_entry *place = find(t, &e);
    t->n += place->slot == ALIAS_NONE;
    e.slot = slot;
    *place = e;
    pthread_rwlock_unlock(&a->lock);
}

/* All that stay are put again: forgetting is rare and forgets many. */
static void filter(struct alias_table *t, const roaring_bitmap_t *slots)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; t->at && i <= t->mask; i++) {
        if (t->at[i].slot != ALIAS_NONE && roaring_bitmap_contains(slots, t->at[i].slot))
            t->at[i].slot = ALIAS_NONE;
        kept += t->at[i].slot != ALIAS_NONE;
    }
    if (kept == t->n)
        return;
    uint32_t n = FIRST_SLOTS;
    while (kept >= n - n / 2)
        n *= 2;
    t->n = kept;
    resize(t, n);
}

void aliases_forget(struct aliases *a, const roaring_bitmap_t *slots)
{
    for (uint32_t i = 0; i < ALIAS_TABLES; i++) {
        pthread_rwlock_wrlock(&a->lock);
        filter(&a->tables[i], slots);
        pthread_rwlock_unlock(&a->lock);
    }
}
