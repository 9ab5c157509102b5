/* Names and values of labels over head and blocks (source.h). Without matchers no series is looked at. */
#include <stdlib.h>
#include <string.h>

#include "tsdb/block_priv.h"
#include "tsdb/source.h"

/* What was found, with doubles; texts in the arena or of pairs, which stay as long as the epoch. */
struct texts {
    struct tsdb *db;
    struct arena *arena;
    vec_of(struct str) at;
    struct str name;         /* whose values are wanted; n 0: names */
    struct map_str *seen;    /* of blocks' series: what is in there already */
    roaring_bitmap_t *pairs; /* of the head's series, likewise */
};

static int compare_texts(const void *a, const void *b)
{
    const struct str *x = a, *y = b;
    size_t n = x->n < y->n ? x->n : y->n;
    int c = n ? memcmp(x->p, y->p, n) : 0;
    return c ? c : (x->n > y->n) - (x->n < y->n);
}

static void give_sorted(struct texts *t, bool (*fn)(void *arg, struct str s), void *arg)
{
    bool sorted = true;
    for (size_t i = 1; sorted && i < t->at.n; i++)
        sorted = compare_texts(&t->at.at[i - 1], &t->at.at[i]) < 0;
    if (!sorted)
        qsort(t->at.at, t->at.n, sizeof(*t->at.at), compare_texts);
    for (size_t i = 0; i < t->at.n; i++) {
        if (i > 0 && str_eq(t->at.at[i - 1], t->at.at[i]))
            continue;
        if (!fn(arg, t->at.at[i]))
            return;
    }
}

/* --- without matchers --- */

static void head_names(struct texts *t)
{
    struct index *x = &t->db->index;
    pthread_mutex_lock(&x->lock);
    vec_each (&x->names, n) {
        if ((*n)->pairs.n > 0)
            vec_push(&t->at, (*n)->text);
    }
    pthread_mutex_unlock(&x->lock);
}

static void head_values(struct texts *t)
{
    size_t n;
    uint32_t *ids = pairs_sorted(&t->db->index, t->name, &n);
    for (size_t i = 0; i < n; i++)
        vec_push(&t->at, pair_value(index_pair(&t->db->index, ids[i])));
    free(ids);
}

static bool on_block_text(void *arg, struct str s)
{
    struct texts *t = arg;
    vec_push(&t->at, ((struct str){arena_strndup(t->arena, s.p, s.n), s.n}));
    return true;
}

static void all_texts(struct texts *t, const struct series_select *q)
{
    int64_t min = t->db->min_ms, max = t->db->max_ms;
    if (max != NO_TIME && max >= q->min_ms && min <= q->max_ms) {
        if (t->name.n > 0)
            head_values(t);
        else
            head_names(t);
    }
    uint32_t n;
    struct block **blocks = blocks_take(t->db->blocks, q->min_ms, q->max_ms, &n);
    for (uint32_t i = 0; i < n; i++) {
        if (t->name.n > 0)
            block_label_values(blocks[i], t->name, on_block_text, t);
        else
            block_label_names(blocks[i], on_block_text, t);
    }
    blocks_give(blocks, n);
}

static size_t head_count(struct index *x, struct str label)
{
    pthread_mutex_lock(&x->lock);
    const struct label_name *l = label.n ? map_str_get(x->name_of, label.p, label.n) : NULL;
    size_t n = label.n == 0 ? x->names.n : l ? l->pairs.n : 0;
    pthread_mutex_unlock(&x->lock);
    return n;
}

static size_t block_count(struct block *b, struct str label)
{
    const struct block_name *name = label.n ? block__find_name(b, label) : NULL;
    return label.n == 0 ? b->n_names : name ? name->values : 0;
}

bool tsdb_few_texts(struct tsdb *db, struct str label, size_t most)
{
    check_magic(db, TSDB_MAGIC);
    size_t all = head_count(&db->index, label);
    uint32_t n = 0;
    struct block **blocks = NULL;
    if (all <= most)
        blocks = blocks_take(db->blocks, INT64_MIN, INT64_MAX, &n);
    for (uint32_t i = 0; i < n; i++)
        all += 1 + block_count(blocks[i], label);
    if (blocks)
        blocks_give(blocks, n);
    return all <= most;
}

/* --- of matching series --- */

static void on_slot(void *arg, uint32_t slot)
{
    struct texts *t = arg;
    const struct index *x = &t->db->index;
    const struct series *s = index_series(x, slot);
    for (uint32_t i = 0; i < s->n_pairs; i++) {
        const struct pair *p = index_pair(x, s->pairs[i]);
        bool wanted = t->name.n == 0 || str_eq(p->name_text, t->name);
        if (!wanted || !roaring_bitmap_add_checked(t->pairs, t->name.n ? s->pairs[i] : p->name))
            continue;
        vec_push(&t->at, t->name.n ? pair_value(p) : p->name_text);
    }
}

static void see_text(struct texts *t, struct str s)
{
    if (s.n == 0 || map_str_get(t->seen, s.p, s.n))
        return;
    map_str_put(t->seen, s.p, s.n, t);
    on_block_text(t, s);
}

static void see_series(struct texts *t, struct block *b, uint32_t id, struct arena *a)
{
    if (t->name.n > 0) {
        see_text(t, block_label(b, id, t->name));
        return;
    }
    struct labels l = block_labels(b, id, a);
    for (uint32_t i = 0; i < l.n; i++)
        see_text(t, l.at[i].name);
}

static int see_block(struct texts *t, struct block *b, const struct series_select *q,
                     struct err *err)
{
    uint32_t *ids = NULL, n = 0;
    if (block_select(b, q->matchers, q->n_matchers, &ids, &n, err) < 0)
        return -1;
    struct arena *a = arena_new();
    for (uint32_t i = 0; i < n; i++) {
        if (!block_has(b, ids[i], q->min_ms, q->max_ms))
            continue;
        see_series(t, b, ids[i], a);
        arena_reset(a);
    }
    arena_free(a);
    free(ids);
    return 0;
}

static int matching_texts(struct texts *t, const struct series_select *q, struct err *err)
{
    t->pairs = roaring_bitmap_create();
    must(t->pairs != NULL);
    t->seen = map_str_new();
    int rc = tsdb__head_select(t->db, q, on_slot, t, err);
    uint32_t n;
    struct block **blocks = blocks_take(t->db->blocks, q->min_ms, q->max_ms, &n);
    for (uint32_t i = 0; rc == 0 && i < n; i++)
        rc = see_block(t, blocks[i], q, err);
    blocks_give(blocks, n);
    roaring_bitmap_free(t->pairs);
    map_str_free(t->seen);
    return rc;
}

static int find_texts(struct tsdb *db, struct str name, const struct series_select *q,
                      bool (*fn)(void *arg, struct str s), void *arg, struct err *err)
{
    check_magic(db, TSDB_MAGIC);
    struct texts t = {.db = db, .arena = arena_new(), .name = name};
    struct epoch_reader r;
    epoch_enter(&db->epoch, &r);
    int rc = 0;
    if (q->n_matchers == 0)
        all_texts(&t, q);
    else
        rc = matching_texts(&t, q, err);
    if (rc == 0)
        give_sorted(&t, fn, arg);
    epoch_leave(&db->epoch, &r);
    vec_done(&t.at);
    arena_free(t.arena);
    return rc;
}

int tsdb__label_names(void *self, const struct series_select *q,
                      bool (*fn)(void *arg, struct str name), void *arg, struct err *err)
{
    return find_texts(self, (struct str){"", 0}, q, fn, arg, err);
}

int tsdb__label_values(void *self, struct str name, const struct series_select *q,
                       bool (*fn)(void *arg, struct str value), void *arg, struct err *err)
{
    return name.n > 0 ? find_texts(self, name, q, fn, arg, err) : 0;
}
