/* See throttle.h. A key lives in the bucket that its hash names; keys are known by their hash alone. */
#include "access/throttle.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"

#define BUCKETS 512
#define WAYS    8

struct slot {
    uint64_t key; /* 0: free */
    uint32_t fails;
    int64_t last_ms;
};

struct throttle {
    uint64_t seed;
    struct slot slots[BUCKETS][WAYS];
};

struct throttle *throttle_new(uint64_t seed)
{
    struct throttle *t = calloc(1, sizeof(*t));
    must(t);
    t->seed = seed;
    return t;
}

void throttle_free(struct throttle *t)
{
    free(t);
}

static struct slot *find(struct throttle *t, const char *key, uint64_t *hash)
{
    *hash = hash_bytes(key, strlen(key), t->seed) | 1;
    struct slot *bucket = t->slots[(*hash >> 32) % BUCKETS];
    for (size_t i = 0; i < WAYS; i++)
        if (bucket[i].key == *hash)
            return &bucket[i];
    return NULL;
}

/* A free one, else that which failed least, and of these the one that rests longest. */
static struct slot *make(struct throttle *t, uint64_t hash)
{
    struct slot *bucket = t->slots[(hash >> 32) % BUCKETS], *least = bucket;
    for (size_t i = 0; i < WAYS && least->key; i++) {
        struct slot *s = &bucket[i];
        if (!s->key || s->fails < least->fails ||
            (s->fails == least->fails && s->last_ms < least->last_ms))
            least = s;
    }
    *least = (struct slot){.key = hash};
    return least;
}

static int64_t delay(const struct throttle_rule *r, uint32_t fails)
{
    if (fails < r->free)
        return 0;
    uint32_t doublings = fails - r->free;
    int64_t ms = r->first_ms;
    while (doublings-- > 0 && ms < r->max_ms)
        ms *= 2;
    return ms < r->max_ms ? ms : r->max_ms;
}

int64_t throttle_try(struct throttle *t, const char *key, int64_t now_ms,
                     const struct throttle_rule *rule)
{
    uint64_t hash;
    must(rule->first_ms > 0 && rule->max_ms >= rule->first_ms);
    struct slot *s = find(t, key, &hash);
    if (!s)
        s = make(t, hash);
    if (now_ms - s->last_ms > rule->forget_ms || now_ms < s->last_ms)
        s->fails = 0;
    int64_t wait = s->last_ms + delay(rule, s->fails) - now_ms;
    if (s->fails > 0 && wait > 0)
        return wait;
    if (s->fails < UINT32_MAX)
        s->fails++;
    s->last_ms = now_ms;
    return 0;
}

void throttle_good(struct throttle *t, const char *key)
{
    uint64_t hash;
    struct slot *s = find(t, key, &hash);
    if (s)
        *s = (struct slot){0};
}

void throttle_back(struct throttle *t, const char *key)
{
    uint64_t hash;
    struct slot *s = find(t, key, &hash);
    if (s && s->fails > 0)
        s->fails--;
}
