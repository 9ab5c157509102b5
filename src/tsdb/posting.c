/* Posting lists of the head (index.h): most pairs belong to one series or a few, some to all. The caller holds the index's lock. */
#include <string.h>

#include "tsdb/index.h"

#define LIST_MAX 48u /* longer ones become bitmaps */

static void to_list(struct posting *p)
{
    uint32_t one = p->one;
    p->cap = 4;
    p->list = malloc(p->cap * sizeof(uint32_t));
    must(p->list != NULL);
    p->list[0] = one;
    p->kind = POSTING_LIST;
}

static void to_map(struct posting *p)
{
    roaring_bitmap_t *map = roaring_bitmap_of_ptr(p->n, p->list);
    must(map != NULL);
    free(p->list);
    p->map = map;
    p->cap = 0;
    p->kind = POSTING_MAP;
}

static uint32_t list_place(const struct posting *p, uint32_t slot)
{
    uint32_t i = p->n;
    while (i > 0 && p->list[i - 1] > slot) /* new series have the highest numbers */
        i--;
    return i;
}

static void list_add(struct posting *p, uint32_t slot)
{
    if (p->n == p->cap) {
        p->cap *= 2;
        p->list = realloc(p->list, p->cap * sizeof(uint32_t));
        must(p->list != NULL);
    }
    uint32_t i = list_place(p, slot);
    memmove(p->list + i + 1, p->list + i, (p->n - i) * sizeof(uint32_t));
    p->list[i] = slot;
}

void posting_add(struct posting *p, uint32_t slot)
{
    if (p->kind == POSTING_ONE && p->n == 1)
        to_list(p);
    else if (p->kind == POSTING_LIST && p->n == LIST_MAX)
        to_map(p);
    if (p->kind == POSTING_ONE)
        p->one = slot;
    else if (p->kind == POSTING_LIST)
        list_add(p, slot);
    else
        roaring_bitmap_add(p->map, slot);
    p->n++;
}

void posting_del(struct posting *p, uint32_t slot)
{
    must(p->n > 0);
    if (p->kind == POSTING_LIST) {
        uint32_t i = list_place(p, slot);
        must(i > 0 && p->list[i - 1] == slot);
        memmove(p->list + i - 1, p->list + i, (p->n - i) * sizeof(uint32_t));
    } else if (p->kind == POSTING_MAP) {
        roaring_bitmap_remove(p->map, slot);
    }
    p->n--;
}

void posting_or(const struct posting *p, roaring_bitmap_t *out)
{
    if (p->n == 0)
        return;
    if (p->kind == POSTING_ONE)
        roaring_bitmap_add(out, p->one);
    else if (p->kind == POSTING_LIST)
        roaring_bitmap_add_many(out, p->n, p->list);
    else
        roaring_bitmap_or_inplace(out, p->map);
}

void posting_done(struct posting *p)
{
    if (p->kind == POSTING_LIST)
        free(p->list);
    else if (p->kind == POSTING_MAP)
        roaring_bitmap_free(p->map);
    *p = (struct posting){0};
}

/* --- what postings_select asks (postings.h) --- */

static int post_pair(void *self, struct str name, struct str value, roaring_bitmap_t *out,
                     struct err *err)
{
    struct index *x = self;
    pthread_mutex_lock(&x->lock);
    uint32_t id = pairs_find(x, name, value);
    if (id != IDTAB_NONE)
        posting_or(&index_pair(x, id)->series, out);
    pthread_mutex_unlock(&x->lock);
    return 0;
}

static struct label_name *find_name(const struct index *x, struct str name)
{
    return map_str_get(x->name_of, name.p, name.n);
}

static int post_having(void *self, struct str name, roaring_bitmap_t *out, struct err *err)
{
    struct index *x = self;
    pthread_mutex_lock(&x->lock);
    const struct label_name *n = find_name(x, name);
    if (n)
        roaring_bitmap_or_inplace(out, n->having);
    pthread_mutex_unlock(&x->lock);
    return 0;
}

static int post_all(void *self, roaring_bitmap_t *out, struct err *err)
{
    struct index *x = self;
    pthread_mutex_lock(&x->lock);
    roaring_bitmap_or_inplace(out, x->all);
    pthread_mutex_unlock(&x->lock);
    return 0;
}

#define PAIRS_AT_ONCE 512

/* The first of the sorted values that is not before this text. */
static size_t lower_value(const struct index *x, const struct label_name *l, struct str text)
{
    size_t lo = 0, hi = l->n_sorted;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        struct str v = pair_value(index_pair(x, l->pairs.at[mid]));
        size_t n = v.n < text.n ? v.n : text.n;
        int c = n ? memcmp(v.p, text.p, n) : 0;
        bool before = c ? c < 0 : v.n < text.n;
        lo = before ? mid + 1 : lo;
        hi = before ? hi : mid;
    }
    return lo;
}

static size_t end_of_prefix(const struct index *x, const struct label_name *l, size_t from,
                            struct str prefix)
{
    size_t lo = from, hi = l->n_sorted;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        bool begins = str_starts(pair_value(index_pair(x, l->pairs.at[mid])), prefix);
        lo = begins ? mid + 1 : lo;
        hi = begins ? hi : mid;
    }
    return lo;
}

/* A copy of the numbers of pairs that may begin with prefix, so that expressions are matched without the lock. The caller is in
 * an epoch: pairs stay. */
static uint32_t *copy_pairs(struct index *x, struct str name, struct str prefix, size_t *n)
{
    pthread_mutex_lock(&x->lock);
    const struct label_name *l = find_name(x, name);
    size_t from = l && prefix.n ? lower_value(x, l, prefix) : 0;
    size_t to = l && prefix.n ? end_of_prefix(x, l, from, prefix) : from;
    size_t sorted = l && prefix.n ? l->n_sorted : 0, tail = l ? l->pairs.n - sorted : 0;
    uint32_t *ids = calloc(to - from + tail + 1, sizeof(*ids));
    must(ids != NULL);
    if (to > from)
        memcpy(ids, l->pairs.at + from, (to - from) * sizeof(*ids));
    if (tail > 0)
        memcpy(ids + (to - from), l->pairs.at + sorted, tail * sizeof(*ids));
    *n = to - from + tail;
    pthread_mutex_unlock(&x->lock);
    return ids;
}

static void or_pairs(struct index *x, const uint32_t *ids, size_t n, roaring_bitmap_t *out)
{
    for (size_t from = 0; from < n; from += PAIRS_AT_ONCE) {
        pthread_mutex_lock(&x->lock);
        for (size_t i = from; i < n && i < from + PAIRS_AT_ONCE; i++)
            posting_or(&index_pair(x, ids[i])->series, out);
        pthread_mutex_unlock(&x->lock);
    }
}

static int post_values(void *self, struct str name, struct str prefix,
                       bool (*test)(void *arg, struct str value), void *arg, roaring_bitmap_t *out,
                       struct err *err)
{
    struct index *x = self;
    size_t n = 0, kept = 0;
    if (prefix.n > 0)
        pairs_sort_often(x, name);
    uint32_t *ids = copy_pairs(x, name, prefix, &n);
    for (size_t i = 0; i < n; i++) {
        struct str v = pair_value(index_pair(x, ids[i]));
        if (str_starts(v, prefix) && test(arg, v))
            ids[kept++] = ids[i];
    }
    or_pairs(x, ids, kept, out);
    free(ids);
    return 0;
}

static size_t post_count(void *self, struct str name)
{
    struct index *x = self;
    pthread_mutex_lock(&x->lock);
    const struct label_name *l = find_name(x, name);
    size_t n = l ? l->pairs.n : 0;
    pthread_mutex_unlock(&x->lock);
    return n;
}

/* Without the lock: whoever selects is in an epoch. */
static struct str post_value(void *self, uint32_t series, struct str name)
{
    return index_label(self, series, name);
}

const struct postings_ops index_postings = {
    .pair = post_pair,
    .having = post_having,
    .all = post_all,
    .values = post_values,
    .count = post_count,
    .value = post_value,
};
