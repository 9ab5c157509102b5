/* The head's index: label pairs, posting lists and which series there are, all in memory.
 *
 * A pair (name and value) is stored once; a series is an array of pair numbers. Pairs and series keep their address until the
 * epoch after their end has passed, so a reader in an epoch looks at labels without a lock. Everything else is guarded by
 * index.lock. */
#ifndef TSDB_INDEX_H
#define TSDB_INDEX_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "base/vec.h"
#include "tsdb/head.h"
#include "tsdb/idtab.h"
#include "tsdb/postings.h"
#include "tsdb/tsdb.h"

#define SLOT_BITS   26
#define SLOT_MAX    ((1u << SLOT_BITS) - 2)
#define SLAB_SERIES 1024u
#define SLABS       ((1u << SLOT_BITS) / SLAB_SERIES)
#define SLAB_PAIRS  1024u
#define PAIR_SLABS  65536u

/* A reference: which slot, and a number that no other series ever had. */
static inline uint32_t ref_slot(tsdb_ref ref)
{
    return (uint32_t)(ref & ((1u << SLOT_BITS) - 1));
}
static inline uint64_t ref_serial(tsdb_ref ref)
{
    return ref >> SLOT_BITS;
}
static inline tsdb_ref make_ref(uint32_t slot, uint64_t serial)
{
    return serial << SLOT_BITS | slot;
}

struct posting {     /* numbers of series: one alone, a sorted list, or a bitmap */
    uint32_t n, cap; /* cap: of list */
    enum { POSTING_ONE, POSTING_LIST, POSTING_MAP } kind;
    union {
        uint32_t one;
        uint32_t *list;
        roaring_bitmap_t *map;
    };
};
void posting_add(struct posting *p, uint32_t slot);
void posting_del(struct posting *p, uint32_t slot);
void posting_or(const struct posting *p, roaring_bitmap_t *out);
void posting_done(struct posting *p);

struct pair {
    struct posting series;
    uint32_t name;        /* number of its label_name */
    struct str name_text; /* the same for all with this name */
    uint32_t hash;
    uint32_t log_file, log_id; /* its number in that file of the series log */
    uint32_t value_n;
    char value[];
};
struct label_name {
    struct str text;
    uint32_t number;
    vec_of(uint32_t) pairs; /* the first n_sorted in order of values */
    size_t n_sorted;
    uint64_t changes; /* of pairs */
    uint64_t walked;  /* how many that are not sorted were looked at since the last sorting */
    roaring_bitmap_t *having;
};
struct pair_list {
    uint32_t *at;
    size_t n, cap;
};

struct index {
    pthread_mutex_t lock;
    struct series **slabs;  /* SLABS, each allocated when needed */
    _Atomic uint32_t slots; /* that were ever used */
    vec_of(uint32_t) free_slots;
    uint64_t next_serial;
    uint64_t live;
    struct idtab by_hash;
    roaring_bitmap_t *all;
    struct map_str *name_of;
    vec_of(struct label_name *) names; /* never removed */
    struct pair ***pair_slabs;         /* PAIR_SLABS */
    uint32_t pair_slots;
    vec_of(uint32_t) free_pairs;
    struct idtab pair_of;
    struct map_str *source_of;
    vec_of(char *) sources;      /* [number] */
    vec_of(uint64_t) per_source; /* [number] series */
};

void index_init(struct index *x);
void index_done(struct index *x);

static inline struct series *index_series(const struct index *x, uint32_t slot)
{
    return &x->slabs[slot / SLAB_SERIES][slot % SLAB_SERIES];
}
static inline struct pair *index_pair(const struct index *x, uint32_t id)
{
    return x->pair_slabs[id / SLAB_PAIRS][id % SLAB_PAIRS];
}
/* The series, or NULL when it was forgotten or never was. */
static inline struct series *index_find(const struct index *x, tsdb_ref ref)
{
    uint32_t slot = ref_slot(ref);
    if (ref == 0 || slot >= atomic_load_explicit(&x->slots, memory_order_acquire))
        return NULL;
    struct series *s = index_series(x, slot);
    return atomic_load_explicit(&s->ref, memory_order_acquire) == ref ? s : NULL;
}
static inline struct str pair_value(const struct pair *p)
{
    return (struct str){p->value, p->value_n};
}

/* With the lock held. Slot numbers; IDTAB_NONE: there is none, or no room. */
uint32_t index_lookup(const struct index *x, uint64_t hash, const struct labels *l);
/* ref 0: a new serial and a free slot; else (replay) this one, whose slot is free. */
uint32_t index_add(struct index *x, tsdb_ref ref, uint64_t hash, uint32_t source,
                   const uint32_t *pairs, uint32_t n, uint8_t mark);
/* Out of postings and tables. When the epoch has passed: index_recycle, which takes the lock. */
void index_remove(struct index *x, uint32_t slot);
void index_recycle(struct index *x, uint32_t slot);

uint32_t pairs_intern(struct index *x, struct str name, struct str value);
/* IDTAB_NONE: there is none. */
uint32_t pairs_find(const struct index *x, struct str name, struct str value);
/* These take the lock. Pairs that no series has go out of the tables; when the epoch has passed: pairs_recycle. */
void pairs_sweep(struct index *x, struct pair_list *gone);
void pairs_recycle(struct index *x, uint32_t id);
/* Numbers of the pairs with this name in order of values, malloc'ed. The caller is in an epoch. */
uint32_t *pairs_sorted(struct index *x, struct str name, size_t *n);
/* Sorts them when that would have paid by now. The same. */
void pairs_sort_often(struct index *x, struct str name);
uint32_t index_source(struct index *x, const char *name, size_t n); /* a new number if need be */

/* Labels without the lock, by a reader in an epoch (or who knows that the series stays). */
struct labels index_labels(const struct index *x, uint32_t slot, struct arena *a);
uint32_t index_labels_check(const struct index *x, uint32_t slot,
                            uint64_t secret); /* labels_check.h */
struct str index_label(const struct index *x, uint32_t slot, struct str name);
int index_compare(const struct index *x, uint32_t a, uint32_t b); /* as labels_compare */

/* self: struct index; takes the lock for moments. */
extern const struct postings_ops index_postings;

#endif
