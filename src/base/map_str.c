/* map_str (map.h): a dense array of entries in order of insertion, found through an index of 8-byte
 * slots that hold 32 bits of the hash, so that a probe rarely touches an entry in vain.
 *
 *     index:   [ tag 4 bytes | entry number + 1, 4 bytes ] × power of two;  0 free, GONE deleted
 *     entries: [ hash | key | len | value ] × cap;  a deleted entry has key NULL
 *
 * The seed is random in each map, so that foreign keys cannot be chosen to collide; iteration goes
 * over the entries and does not depend on it.
 * Invariant: n (deleted entries included) ≤ 3/4 of the index, so that every probe ends. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/must.h"
#include "base/rng.h"

#define MAP_STR_MAGIC 0x4d535452u /* "MSTR" */
#define FIRST_SLOTS   16u
#define FREE          0u
#define GONE          UINT32_MAX

struct slot {
    uint32_t tag;
    uint32_t ref; /* entry number + 1, FREE or GONE */
};

struct entry {
    uint64_t hash;
    char *key; /* ours, NUL-terminated */
    size_t len;
    void *value;
};

struct map_str {
    uint32_t magic;
    uint64_t seed;
    struct slot *slots;
    size_t mask; /* slots - 1 */
    struct entry *entries;
    size_t n; /* entries in use, deleted ones included */
    size_t count;
};

static size_t room_of(size_t slots)
{
    return slots - slots / 4;
}

/* Gives m an empty index and an empty array of entries for it. */
static void set_size(struct map_str *m, size_t slots)
{
    must(slots < UINT32_MAX / 2);
    m->slots = calloc(slots, sizeof(*m->slots));
    m->entries = calloc(room_of(slots), sizeof(*m->entries));
    must(m->slots != NULL && m->entries != NULL);
    m->mask = slots - 1;
    m->n = 0;
}

struct map_str *map_str_new(void)
{
    struct map_str *m = calloc(1, sizeof(*m));
    must(m != NULL);
    m->magic = MAP_STR_MAGIC;
    m->seed = rng_secure_u64();
    set_size(m, FIRST_SLOTS);
    return m;
}

void map_str_free(struct map_str *m)
{
    if (!m)
        return;
    check_magic(m, MAP_STR_MAGIC);
    for (size_t i = 0; i < m->n; i++)
        free(m->entries[i].key);
    free(m->entries);
    free(m->slots);
    m->magic = 0;
    free(m);
}

static bool same_key(const struct entry *e, uint64_t hash, const char *key, size_t len)
{
    return e->hash == hash && e->len == len && (len == 0 || memcmp(e->key, key, len) == 0);
}

/* The slot whose entry has this key, or NULL. */
static struct slot *find(const struct map_str *m, uint64_t hash, const char *key, size_t len)
{
    uint32_t tag = (uint32_t)(hash >> 32);
    for (size_t i = hash & m->mask;; i = (i + 1) & m->mask) {
        struct slot *s = &m->slots[i];
        if (s->ref == FREE)
            return NULL;
        if (s->tag == tag && s->ref != GONE && same_key(&m->entries[s->ref - 1], hash, key, len))
            return s;
    }
}

static void append(struct map_str *m, const struct entry *e)
{
    must(m->n < room_of(m->mask + 1));
    size_t i = e->hash & m->mask;
    while (m->slots[i].ref != FREE && m->slots[i].ref != GONE)
        i = (i + 1) & m->mask;
    m->entries[m->n++] = *e;
    m->slots[i] = (struct slot){(uint32_t)(e->hash >> 32), (uint32_t)m->n};
}

/* Room for one more entry: rebuilds without the deleted ones, larger if that is not enough. */
static void make_room(struct map_str *m)
{
    size_t slots = m->mask + 1;
    if (m->n < room_of(slots))
        return;
    struct map_str old = *m;
    set_size(m, old.count >= slots / 2 ? slots * 2 : slots);
    for (size_t i = 0; i < old.n; i++)
        if (old.entries[i].key)
            append(m, &old.entries[i]);
    must(m->n == m->count);
    free(old.entries);
    free(old.slots);
}

void *map_str_get(const struct map_str *m, const char *key, size_t len)
{
    check_magic(m, MAP_STR_MAGIC);
    const struct slot *s = find(m, hash_bytes(key, len, m->seed), key, len);
    return s ? m->entries[s->ref - 1].value : NULL;
}

static char *copy_key(const char *key, size_t len)
{
    char *copy = malloc(len + 1);
    must(copy != NULL);
    if (len > 0)
        memcpy(copy, key, len);
    copy[len] = '\0';
    return copy;
}

void *map_str_put(struct map_str *m, const char *key, size_t len, void *value)
{
    check_magic(m, MAP_STR_MAGIC);
    must(value != NULL);
    uint64_t hash = hash_bytes(key, len, m->seed);
    struct slot *s = find(m, hash, key, len);
    if (s) {
        struct entry *e = &m->entries[s->ref - 1];
        void *old = e->value;
        e->value = value;
        return old;
    }
    make_room(m);
    append(m, &(struct entry){hash, copy_key(key, len), len, value});
    m->count++;
    return NULL;
}

void *map_str_del(struct map_str *m, const char *key, size_t len)
{
    check_magic(m, MAP_STR_MAGIC);
    struct slot *s = find(m, hash_bytes(key, len, m->seed), key, len);
    if (!s)
        return NULL;
    must(m->count > 0);
    struct entry *e = &m->entries[s->ref - 1];
    void *old = e->value;
    free(e->key); /* `key` may point to it: not used below */
    *e = (struct entry){0};
    s->ref = GONE;
    m->count--;
    return old;
}

size_t map_str_count(const struct map_str *m)
{
    check_magic(m, MAP_STR_MAGIC);
    return m->count;
}

bool map_str_next(const struct map_str *m, size_t *it, const char **key, size_t *len, void **value)
{
    check_magic(m, MAP_STR_MAGIC);
    while (*it < m->n) {
        const struct entry *e = &m->entries[(*it)++];
        if (!e->key)
            continue;
        *key = e->key;
        *len = e->len;
        *value = e->value;
        return true;
    }
    return false;
}
