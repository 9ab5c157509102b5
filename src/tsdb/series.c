/* Which series there are in the head (index.h). The caller holds the index's lock where the header says so. */
#include <string.h>

#include "tsdb/index.h"
#include "tsdb/labels_check.h"

void index_init(struct index *x)
{
    *x = (struct index){.next_serial = 1};
    pthread_mutex_init(&x->lock, NULL);
    x->slabs = calloc(SLABS, sizeof(struct series *));
    x->pair_slabs = calloc(PAIR_SLABS, sizeof(struct pair **));
    x->all = roaring_bitmap_create();
    must(x->slabs && x->pair_slabs && x->all);
    x->name_of = map_str_new();
    x->source_of = map_str_new();
    vec_push(&x->sources, NULL); /* number 0: nobody */
    vec_push(&x->per_source, 0);
}

static void free_pairs(struct index *x)
{
    for (uint32_t id = 0; id < x->pair_slots; id++) {
        struct pair *p = index_pair(x, id);
        if (p)
            posting_done(&p->series);
        free(p);
    }
    for (size_t i = 0; i < PAIR_SLABS && x->pair_slabs[i]; i++)
        free(x->pair_slabs[i]);
    free(x->pair_slabs);
    vec_done(&x->free_pairs);
    idtab_done(&x->pair_of);
}

/* Samples were freed before (head_clear). */
void index_done(struct index *x)
{
    for (uint32_t slot = 0; slot < x->slots; slot++)
        free(index_series(x, slot)->pairs);
    for (size_t i = 0; i < SLABS && x->slabs[i]; i++)
        free(x->slabs[i]);
    free(x->slabs);
    free_pairs(x);
    vec_each (&x->names, n) {
        roaring_bitmap_free((*n)->having);
        vec_done(&(*n)->pairs);
        free(*n);
    }
    vec_done(&x->names);
    vec_each (&x->sources, s)
        free(*s);
    vec_done(&x->sources);
    vec_done(&x->per_source);
    vec_done(&x->free_slots);
    map_str_free(x->name_of);
    map_str_free(x->source_of);
    idtab_done(&x->by_hash);
    roaring_bitmap_free(x->all);
    pthread_mutex_destroy(&x->lock);
}

static uint32_t table_hash(uint64_t hash)
{
    return (uint32_t)(hash >> 32 ^ hash);
}

static bool has_labels(const struct index *x, const struct series *s, const struct labels *l)
{
    if (s->n_pairs != l->n)
        return false;
    for (uint32_t i = 0; i < l->n; i++) {
        const struct pair *p = index_pair(x, s->pairs[i]);
        if (!str_eq(pair_value(p), l->at[i].value) ||
            !str_eq(x->names.at[p->name]->text, l->at[i].name))
            return false;
    }
    return true;
}

uint32_t index_lookup(const struct index *x, uint64_t hash, const struct labels *l)
{
    uint32_t it = table_hash(hash), slot;
    while ((slot = idtab_next(&x->by_hash, table_hash(hash), &it)) != IDTAB_NONE) {
        const struct series *s = index_series(x, slot);
        if (s->hash == hash && has_labels(x, s, l))
            break;
    }
    return slot;
}

static void need_slab(struct index *x, uint32_t slot)
{
    struct series **slab = &x->slabs[slot / SLAB_SERIES];
    if (*slab)
        return;
    *slab = aligned_alloc(64, SLAB_SERIES * sizeof(struct series));
    must(*slab != NULL);
    memset(*slab, 0, SLAB_SERIES * sizeof(struct series));
}

/* A slot for a new series; in a replay the one that it had. */
static uint32_t take_slot(struct index *x, tsdb_ref ref)
{
    if (ref == 0 && x->free_slots.n > 0)
        return vec_pop(&x->free_slots);
    uint32_t slot = ref ? ref_slot(ref) : x->slots;
    if (slot > SLOT_MAX)
        return IDTAB_NONE;
    for (uint32_t s = x->slots; s <= slot; s++)
        need_slab(x, s);
    if (slot >= x->slots)
        atomic_store_explicit(&x->slots, slot + 1, memory_order_release);
    return slot;
}

static void post(struct index *x, struct series *s, uint32_t slot)
{
    for (uint32_t i = 0; i < s->n_pairs; i++) {
        struct pair *p = index_pair(x, s->pairs[i]);
        posting_add(&p->series, slot);
        roaring_bitmap_add(x->names.at[p->name]->having, slot);
    }
    roaring_bitmap_add(x->all, slot);
    idtab_add(&x->by_hash, table_hash(s->hash), slot);
    x->per_source.at[s->source]++;
    x->live++;
}

uint32_t index_add(struct index *x, tsdb_ref ref, uint64_t hash, uint32_t source,
                   const uint32_t *pairs, uint32_t n, uint8_t mark)
{
    must(n > 0 && n <= UINT8_MAX && source < x->per_source.n);
    uint32_t slot = take_slot(x, ref);
    if (slot == IDTAB_NONE)
        return IDTAB_NONE;
    struct series *s = index_series(x, slot);
    must(s->ref == 0 && s->pairs == NULL);
    s->pairs = malloc((n + 1) * sizeof(*pairs));
    must(s->pairs != NULL);
    memcpy(s->pairs, pairs, n * sizeof(*pairs));
    s->pairs[n] = 0;
    s->n_pairs = (uint8_t)n;
    s->hash = hash;
    s->source = (uint16_t)source;
    s->mark = mark;
    s->newest_ms = NO_TIME;
    post(x, s, slot);
    uint64_t serial = ref ? ref_serial(ref) : x->next_serial;
    if (serial >= x->next_serial)
        x->next_serial = serial + 1;
    atomic_store_explicit(&s->ref, make_ref(slot, serial), memory_order_release);
    return slot;
}

void index_remove(struct index *x, uint32_t slot)
{
    struct series *s = index_series(x, slot);
    must(s->ref != 0 && x->live > 0);
    atomic_store_explicit(&s->ref, 0, memory_order_release);
    for (uint32_t i = 0; i < s->n_pairs; i++) {
        struct pair *p = index_pair(x, s->pairs[i]);
        posting_del(&p->series, slot);
        roaring_bitmap_remove(x->names.at[p->name]->having, slot);
    }
    roaring_bitmap_remove(x->all, slot);
    idtab_del(&x->by_hash, table_hash(s->hash), slot);
    x->per_source.at[s->source]--;
    x->live--;
}

void index_recycle(struct index *x, uint32_t slot)
{
    pthread_mutex_lock(&x->lock);
    struct series *s = index_series(x, slot);
    must(s->ref == 0 && s->chunks == NULL && s->n_tail == 0);
    free(s->pairs);
    s->pairs = NULL;
    vec_push(&x->free_slots, slot);
    pthread_mutex_unlock(&x->lock);
}

uint32_t index_source(struct index *x, const char *name, size_t n)
{
    uintptr_t number = (uintptr_t)map_str_get(x->source_of, name, n);
    if (number)
        return (uint32_t)number;
    if (x->sources.n > UINT16_MAX)
        return 0;
    char *copy = strndup(name, n);
    must(copy != NULL);
    number = x->sources.n;
    vec_push(&x->sources, copy);
    vec_push(&x->per_source, 0);
    map_str_put(x->source_of, name, n, (void *)number);
    return (uint32_t)number;
}

/* --- labels, without the lock --- */

struct labels index_labels(const struct index *x, uint32_t slot, struct arena *a)
{
    const struct series *s = index_series(x, slot);
    struct label_pair *at = arena_array_of(a, struct label_pair, s->n_pairs);
    for (uint32_t i = 0; i < s->n_pairs; i++) {
        const struct pair *p = index_pair(x, s->pairs[i]);
        at[i] = (struct label_pair){p->name_text, pair_value(p)};
    }
    return (struct labels){at, s->n_pairs};
}

struct str index_label(const struct index *x, uint32_t slot, struct str name)
{
    const struct series *s = index_series(x, slot);
    for (uint32_t i = 0; i < s->n_pairs; i++) {
        const struct pair *p = index_pair(x, s->pairs[i]);
        if (str_eq(p->name_text, name))
            return pair_value(p);
    }
    return (struct str){"", 0};
}

uint32_t index_labels_check(const struct index *x, uint32_t slot, uint64_t secret)
{
    const struct series *s = index_series(x, slot);
    uint32_t *known = &s->pairs[s->n_pairs], check = __atomic_load_n(known, __ATOMIC_RELAXED);
    if (check)
        return check;
    uint64_t h = secret;
    for (uint32_t i = 0; i < s->n_pairs; i++) {
        const struct pair *p = index_pair(x, s->pairs[i]);
        h = labels_check_add(h, p->name_text, pair_value(p));
    }
    check = labels_check_end(h);
    __atomic_store_n(known, check, __ATOMIC_RELAXED); /* who computes it too finds the same */
    return check;
}

static int compare_str(struct str a, struct str b)
{
    size_t n = a.n < b.n ? a.n : b.n;
    int c = n ? memcmp(a.p, b.p, n) : 0;
    return c ? c : (a.n > b.n) - (a.n < b.n);
}

int index_compare(const struct index *x, uint32_t a, uint32_t b)
{
    const struct series *s = index_series(x, a), *t = index_series(x, b);
    uint32_t n = s->n_pairs < t->n_pairs ? s->n_pairs : t->n_pairs;
    for (uint32_t i = 0; i < n; i++) {
        if (s->pairs[i] == t->pairs[i])
            continue;
        const struct pair *p = index_pair(x, s->pairs[i]), *q = index_pair(x, t->pairs[i]);
        int c = p->name == q->name ? 0 : compare_str(p->name_text, q->name_text);
        return c ? c : compare_str(pair_value(p), pair_value(q));
    }
    return (s->n_pairs > t->n_pairs) - (s->n_pairs < t->n_pairs);
}
