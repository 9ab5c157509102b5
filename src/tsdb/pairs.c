/* Label pairs and names of the head (index.h). The caller holds the index's lock. */
#include <string.h>

#include "tsdb/index.h"

static uint32_t pair_hash(uint32_t name, struct str value)
{
    uint64_t h = hash_bytes(value.p, value.n, name);
    return (uint32_t)(h >> 32 ^ h);
}

static uint32_t find(const struct index *x, uint32_t name, uint32_t hash, struct str value)
{
    uint32_t it = hash, id;
    while ((id = idtab_next(&x->pair_of, hash, &it)) != IDTAB_NONE) {
        const struct pair *p = index_pair(x, id);
        if (p->name == name && str_eq(pair_value(p), value))
            break;
    }
    return id;
}

uint32_t pairs_find(const struct index *x, struct str name, struct str value)
{
    const struct label_name *n = map_str_get(x->name_of, name.p, name.n);
    return n ? find(x, n->number, pair_hash(n->number, value), value) : IDTAB_NONE;
}

static struct label_name *add_name(struct index *x, struct str name)
{
    struct label_name *n = calloc(1, sizeof(*n) + name.n + 1);
    must(n != NULL);
    n->number = (uint32_t)x->names.n;
    memcpy(n + 1, name.p, name.n);
    n->text = (struct str){(char *)(n + 1), name.n};
    n->having = roaring_bitmap_create();
    must(n->having != NULL);
    vec_push(&x->names, n);
    map_str_put(x->name_of, name.p, name.n, n);
    return n;
}

static uint32_t new_pair_id(struct index *x)
{
    if (x->free_pairs.n > 0)
        return vec_pop(&x->free_pairs);
    uint32_t id = x->pair_slots++;
    must(id < PAIR_SLABS * SLAB_PAIRS);
    if (id % SLAB_PAIRS == 0) {
        x->pair_slabs[id / SLAB_PAIRS] = calloc(SLAB_PAIRS, sizeof(struct pair *));
        must(x->pair_slabs[id / SLAB_PAIRS] != NULL);
    }
    return id;
}

static uint32_t add_pair(struct index *x, struct label_name *n, uint32_t hash, struct str value)
{
    uint32_t id = new_pair_id(x);
    struct pair *p = calloc(1, sizeof(*p) + value.n);
    must(p != NULL);
    p->name = n->number;
    p->name_text = n->text;
    p->hash = hash;
    p->value_n = (uint32_t)value.n;
    if (value.n > 0)
        memcpy(p->value, value.p, value.n);
    x->pair_slabs[id / SLAB_PAIRS][id % SLAB_PAIRS] = p;
    vec_push(&n->pairs, id);
    n->changes++;
    idtab_add(&x->pair_of, hash, id);
    return id;
}

uint32_t pairs_intern(struct index *x, struct str name, struct str value)
{
    struct label_name *n = map_str_get(x->name_of, name.p, name.n);
    if (!n)
        n = add_name(x, name);
    uint32_t hash = pair_hash(n->number, value);
    uint32_t id = find(x, n->number, hash, value);
    return id != IDTAB_NONE ? id : add_pair(x, n, hash, value);
}

#define SWEEP_AT_ONCE 2048

/* Looks at the values before `end`; what no series has goes out of the tables and into gone. */
static void sweep_slice(struct index *x, struct label_name *n, size_t end, struct pair_list *gone)
{
    size_t first = end > SWEEP_AT_ONCE ? end - SWEEP_AT_ONCE : 0;
    for (size_t i = end; i-- > first;) {
        uint32_t id = n->pairs.at[i];
        struct pair *p = index_pair(x, id);
        if (p->series.n > 0)
            continue;
        idtab_del(&x->pair_of, p->hash, id);
        n->pairs.at[i] = n->pairs.at[--n->pairs.n];
        n->changes++;
        if (n->n_sorted > i)
            n->n_sorted = i;
        vec_push(gone, id);
    }
}

void pairs_sweep(struct index *x, struct pair_list *gone)
{
    pthread_mutex_lock(&x->lock);
    for (size_t i = 0; i < x->names.n; i++) {
        struct label_name *n = x->names.at[i];
        for (size_t end = n->pairs.n; end > 0;) {
            sweep_slice(x, n, end < n->pairs.n ? end : n->pairs.n, gone);
            end = end > SWEEP_AT_ONCE ? end - SWEEP_AT_ONCE : 0;
            pthread_mutex_unlock(&x->lock); /* whoever waits comes between */
            pthread_mutex_lock(&x->lock);
        }
    }
    pthread_mutex_unlock(&x->lock);
}

void pairs_recycle(struct index *x, uint32_t id)
{
    pthread_mutex_lock(&x->lock);
    struct pair *p = index_pair(x, id);
    must(p->series.n == 0);
    posting_done(&p->series);
    x->pair_slabs[id / SLAB_PAIRS][id % SLAB_PAIRS] = NULL;
    vec_push(&x->free_pairs, id);
    pthread_mutex_unlock(&x->lock);
    free(p);
}

/* --- values in order --- */

static int compare_values(const void *a, const void *b, void *arg)
{
    const struct index *x = arg;
    const struct pair *p = index_pair(x, *(const uint32_t *)a);
    const struct pair *q = index_pair(x, *(const uint32_t *)b);
    uint32_t n = p->value_n < q->value_n ? p->value_n : q->value_n;
    int c = n ? memcmp(p->value, q->value, n) : 0;
    return c ? c : (p->value_n > q->value_n) - (p->value_n < q->value_n);
}

/* The first n_sorted are in order, the others get into it. */
static void sort_rest(struct index *x, uint32_t *ids, size_t n_sorted, size_t n)
{
    qsort_r(ids + n_sorted, n - n_sorted, sizeof(*ids), compare_values, x);
    if (n_sorted == 0)
        return;
    uint32_t *rest = malloc((n - n_sorted + 1) * sizeof(*rest));
    must(rest != NULL);
    memcpy(rest, ids + n_sorted, (n - n_sorted) * sizeof(*rest));
    for (size_t i = n_sorted, k = n - n_sorted, at = n; k > 0;) {
        bool old = i > 0 && compare_values(&ids[i - 1], &rest[k - 1], x) > 0;
        ids[--at] = old ? ids[--i] : rest[--k];
    }
    free(rest);
}

/* A copy, sorted; that order is kept for the next time when nothing happened meanwhile. */
uint32_t *pairs_sorted(struct index *x, struct str name, size_t *n)
{
    pthread_mutex_lock(&x->lock);
    struct label_name *l = map_str_get(x->name_of, name.p, name.n);
    *n = l ? l->pairs.n : 0;
    uint32_t *ids = malloc((*n + 1) * sizeof(*ids));
    must(ids != NULL);
    if (*n > 0)
        memcpy(ids, l->pairs.at, *n * sizeof(*ids));
    size_t n_sorted = l ? l->n_sorted : 0;
    uint64_t changes = l ? l->changes : 0;
    pthread_mutex_unlock(&x->lock);
    if (n_sorted == *n)
        return ids;
    sort_rest(x, ids, n_sorted, *n);
    pthread_mutex_lock(&x->lock);
    if (l->changes == changes) {
        memcpy(l->pairs.at, ids, *n * sizeof(*ids));
        l->n_sorted = *n;
    }
    pthread_mutex_unlock(&x->lock);
    return ids;
}

#define SORT_WORTH 8 /* walks over what is not sorted that cost as much as sorting it */

void pairs_sort_often(struct index *x, struct str name)
{
    bool due = false;
    pthread_mutex_lock(&x->lock);
    struct label_name *l = map_str_get(x->name_of, name.p, name.n);
    if (l) {
        l->walked += l->pairs.n - l->n_sorted;
        due = l->walked > SORT_WORTH * l->pairs.n;
        l->walked = due ? 0 : l->walked;
    }
    pthread_mutex_unlock(&x->lock);
    size_t n;
    if (due)
        free(pairs_sorted(x, name, &n));
}
