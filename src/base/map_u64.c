/* map_u64 (map.h): linear probing over 16-byte slots, so that a look-up touches one cache line.
 *
 * A slot is free (value NULL), gone (value GONE: an element was deleted, probing goes on) or taken.
 * Invariant: taken + gone ≤ 3/4 of the slots, so that every probe ends at a free one. */
#include <stdlib.h>

#include "base/map.h"
#include "base/must.h"

#define MAP_U64_MAGIC 0x4d553634u /* "MU64" */
#define FIRST_SLOTS   16u

static const char gone_mark;
#define GONE ((void *)&gone_mark)

struct slot {
    uint64_t key;
    void *value;
};

struct map_u64 {
    uint32_t magic;
    struct slot *slots;
    size_t mask; /* slots - 1 */
    size_t taken;
    size_t gone;
};

static bool is_taken(const struct slot *s)
{
    return s->value != NULL && s->value != GONE;
}

static struct slot *new_slots(size_t n)
{
    struct slot *slots = calloc(n, sizeof(*slots));
    must(slots != NULL);
    return slots;
}

struct map_u64 *map_u64_new(void)
{
    struct map_u64 *m = calloc(1, sizeof(*m));
    must(m != NULL);
    m->magic = MAP_U64_MAGIC;
    m->slots = new_slots(FIRST_SLOTS);
    m->mask = FIRST_SLOTS - 1;
    return m;
}

void map_u64_free(struct map_u64 *m)
{
    if (!m)
        return;
    check_magic(m, MAP_U64_MAGIC);
    m->magic = 0;
    free(m->slots);
    free(m);
}

/* The slot that holds key, or NULL. */
static struct slot *find(const struct map_u64 *m, uint64_t key)
{
    check_magic(m, MAP_U64_MAGIC);
    for (size_t i = hash_u64(key) & m->mask;; i = (i + 1) & m->mask) {
        struct slot *s = &m->slots[i];
        if (!s->value)
            return NULL;
        if (s->key == key && s->value != GONE)
            return s;
    }
}

static void insert_new(struct map_u64 *m, uint64_t key, void *value)
{
    size_t i = hash_u64(key) & m->mask;
    while (is_taken(&m->slots[i]))
        i = (i + 1) & m->mask;
    if (m->slots[i].value == GONE)
        m->gone--;
    m->slots[i] = (struct slot){key, value};
    m->taken++;
}

/* Makes room for one more: twice the slots, or the same number when many are merely gone. */
static void make_room(struct map_u64 *m)
{
    size_t n = m->mask + 1;
    if (m->taken + m->gone + 1 <= n - n / 4)
        return;
    struct slot *old = m->slots;
    size_t bigger = m->taken >= n / 2 ? n * 2 : n;
    m->slots = new_slots(bigger);
    m->mask = bigger - 1;
    m->taken = m->gone = 0;
    for (size_t i = 0; i < n; i++)
        if (is_taken(&old[i]))
            insert_new(m, old[i].key, old[i].value);
    free(old);
    must(m->taken < bigger - bigger / 4);
}

void *map_u64_get(const struct map_u64 *m, uint64_t key)
{
    const struct slot *s = find(m, key);
    return s ? s->value : NULL;
}

void *map_u64_put(struct map_u64 *m, uint64_t key, void *value)
{
    must(value != NULL);
    struct slot *s = find(m, key);
    if (s) {
        void *old = s->value;
        s->value = value;
        return old;
    }
    make_room(m);
    insert_new(m, key, value);
    return NULL;
}

/* Before a free slot nothing needs the gone ones any more. */
static void free_gone_run(struct map_u64 *m, size_t last)
{
    if (m->slots[(last + 1) & m->mask].value != NULL)
        return;
    for (size_t i = last; m->slots[i].value == GONE; i = (i - 1) & m->mask) {
        m->slots[i].value = NULL;
        m->gone--;
    }
}

void *map_u64_del(struct map_u64 *m, uint64_t key)
{
    struct slot *s = find(m, key);
    if (!s)
        return NULL;
    must(m->taken > 0);
    void *old = s->value;
    s->value = GONE;
    m->taken--;
    m->gone++;
    free_gone_run(m, (size_t)(s - m->slots));
    return old;
}

size_t map_u64_count(const struct map_u64 *m)
{
    check_magic(m, MAP_U64_MAGIC);
    return m->taken;
}

bool map_u64_next(const struct map_u64 *m, size_t *it, uint64_t *key, void **value)
{
    check_magic(m, MAP_U64_MAGIC);
    while (*it <= m->mask) {
        const struct slot *s = &m->slots[(*it)++];
        if (!is_taken(s))
            continue;
        *key = s->key;
        *value = s->value;
        return true;
    }
    return false;
}
