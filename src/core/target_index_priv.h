/* Between target_index.c (what is in it) and target_find_priv.h (finding). */
#ifndef CORE_TARGET_INDEX_PRIV_H
#define CORE_TARGET_INDEX_PRIV_H

#include <pthread.h>
#include <stdatomic.h>

#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "core/target_index.h"

#define INDEX_MAGIC 0xbe1f1d8eu
#define SAID_WORDS  16 /* of eight bytes: as much of a message as is searched */

/* The beginning of a message, folded. Torn between two messages it finds too much or too little, once. */
struct said {
    _Atomic uint64_t at[SAID_WORDS];
};

/* A target in 96 bytes; searches go through all of them in turn. */
struct cell {
    uint64_t id;              /* 0: free */
    uint32_t text_at, text_n; /* in index.text: name NUL group type address labels, folded */
    uint32_t name_n;
    uint32_t group, type; /* in the tables of names */
    uint32_t *labels;     /* in the table of label pairs */
    uint16_t n_labels;
    bool file, enabled;
    bool fresh; /* not in by_name yet; see target_index.by_name */
    _Atomic uint8_t shown, status;
    atomic_bool degraded;
    _Atomic uint32_t latency_us;
    _Atomic int64_t since_ms;
    _Atomic(struct said *) said; /* NULL: it never failed */
};

/* Where the text of a cell begins. */
struct text_place {
    uint32_t at, slot;
};

/* Texts that many targets share, by number. */
struct names {
    struct map_str *numbers; /* text → number + 1 */
    vec_of(char *) at;       /* NULL: free */
    vec_of(uint32_t) uses;
    vec_of(uint32_t) room; /* numbers that are free */
};

struct target_index {
    uint32_t magic;
    pthread_rwlock_t lock; /* guards everything but cells' atomic fields and what `order` guards */
    struct map_u64 *slots; /* id → slot + 1 */
    vec_of(struct cell) cells;
    vec_of(uint32_t) room; /* slots that are free */
    vec_of(char) text;
    vec_of(struct text_place) texts; /* ascending; with those that no cell names any more */
    size_t text_lost;                /* bytes of it that no cell names any more */
    struct names groups, types, labels;

    /* Order of names, mended by the first search after a change: under the read lock and this one. */
    pthread_mutex_t order;
    vec_of(uint32_t) by_name; /* slots */
    vec_of(
        uint32_t) fresh; /* slots to be put in, perhaps again; writers add under the write lock */
    vec_of(uint32_t) place; /* slot → its place in by_name */
    bool order_stale;
};

/* By name as people count ("t2" before "t10"), then by id. */
int index__compare(const struct target_index *ix, uint32_t a, uint32_t b);
int index__compare_names(struct str a, struct str b);
/* Under the read lock: by_name and place are as they should be when it returns. */
void index__mend_order(struct target_index *ix);
void index__fold(const char *text, size_t n, char *out); /* ASCII letters small */
/* Number of a name; UINT32_MAX: nobody has it. */
uint32_t index__number(const struct names *n, const char *name);

static inline struct said *said_of(const struct cell *c)
{
    return atomic_load_explicit(&((struct cell *)c)->said, memory_order_acquire);
}
#define live_get(field)        atomic_load_explicit(&(field), memory_order_relaxed)
#define live_set(field, value) atomic_store_explicit(&(field), (value), memory_order_relaxed)

#endif
