/* topk and bottomk: at each step the k best of each group. While columns are computed, a tile keeps for each of its groups and each
 * step a heap of at most k entries with the worst on top; the heaps of tiles are merged in order. Among equals the series that
 * comes first stays; NaN is worse than any number. */
#include "promql/eval_priv.h"

#include <math.h>
#include <stdlib.h>

struct best {
    double v;
    uint32_t series;
};

struct heaps {    /* of one group: one a step */
    uint32_t cap; /* entries of each */
    uint32_t *n;  /* by step */
    struct best *at;
    struct block *memory;
};

struct top {
    struct query *q;
    bool bottom;
    struct stream *s;
    const struct groups *g;
    uint32_t steps;
    const double *k; /* by step */
    uint32_t k_max;
    uint32_t *sizes; /* series of each group */
    uint32_t column_slot;
    struct heaps *heaps;    /* of all groups */
    pthread_mutex_t *locks; /* of groups, some share one */
};

#define TOP_LOCKS 64

static uint32_t k_at(const struct top *t, uint32_t step)
{
    double k = t->k[step];
    return k < 1 ? 0 : k >= t->k_max ? t->k_max : (uint32_t)k;
}

/* Is a to be preferred? */
static bool better(bool bottom, const struct best *a, const struct best *b)
{
    bool a_nan = isnan(a->v), b_nan = isnan(b->v);
    if (a_nan != b_nan)
        return b_nan;
    if (!a_nan && a->v != b->v)
        return bottom ? a->v < b->v : a->v > b->v;
    return a->series < b->series;
}

static void sift_up(bool bottom, struct best *h, uint32_t i)
{
    while (i > 0 && better(bottom, &h[(i - 1) / 2], &h[i])) {
        struct best x = h[i];
        h[i] = h[(i - 1) / 2];
        h[(i - 1) / 2] = x;
        i = (i - 1) / 2;
    }
}

static void sift_down(bool bottom, struct best *h, uint32_t n)
{
    for (uint32_t i = 0;;) {
        uint32_t worst = i, l = 2 * i + 1, r = l + 1;
        if (l < n && better(bottom, &h[worst], &h[l]))
            worst = l;
        if (r < n && better(bottom, &h[worst], &h[r]))
            worst = r;
        if (worst == i)
            return;
        struct best x = h[i];
        h[i] = h[worst];
        h[worst] = x;
        i = worst;
    }
}

static void heap_add(bool bottom, struct best *h, uint32_t *n, uint32_t k, struct best x)
{
    if (*n < k) {
        h[*n] = x;
        sift_up(bottom, h, (*n)++);
    } else if (k > 0 && better(bottom, &x, &h[0])) {
        h[0] = x;
        sift_down(bottom, h, k);
    }
}

static bool heaps_open(struct top *t, struct heaps *h, uint32_t series)
{
    must(h->memory == NULL && t->k_max > 0 && series > 0);
    h->cap = t->k_max < series ? t->k_max : series;
    size_t bytes = (size_t)t->steps * (sizeof(*h->n) + h->cap * sizeof(*h->at));
    h->memory = query_block(t->q, bytes);
    if (h->memory == NULL)
        return false;
    h->at = (struct best *)h->memory->data;
    h->n = (uint32_t *)(h->at + (size_t)t->steps * h->cap);
    return true;
}

static void add_column(struct top *t, struct heaps *h, uint32_t series, const double *v)
{
    struct best *at = h->at;
    for (uint32_t i = 0; i < t->steps; i++, at += h->cap) {
        if (is_stale(v[i]))
            continue;
        /* usual: the heap is full and its worst is better still */
        uint32_t k = k_at(t, i);
        if (h->n[i] == k && k > 0 && (t->bottom ? v[i] > at->v : v[i] < at->v))
            continue;
        heap_add(t->bottom, at, &h->n[i], k < h->cap ? k : h->cap, (struct best){v[i], series});
    }
}

/* The order of entries and so of merges does not matter: they have a total order. */
static void top_tile(void *arg, struct worker *w, uint32_t from, uint32_t to)
{
    struct top *t = arg;
    double *out = worker_column(w, t->column_slot, t->steps);
    for (uint32_t i = from; i < to; i++) {
        const double *v = t->s->ops->column(t->s, w, i, out);
        if (v == NULL)
            continue;
        uint32_t g = t->g->of[i];
        pthread_mutex_t *lock = &t->locks[g % TOP_LOCKS];
        pthread_mutex_lock(lock);
        if (t->heaps[g].memory != NULL || heaps_open(t, &t->heaps[g], t->sizes[g]))
            add_column(t, &t->heaps[g], i, v);
        pthread_mutex_unlock(lock);
    }
}

/* --- results --- */

static void sort_best(bool bottom, struct best *h, uint32_t n)
{
    for (uint32_t left = n; left > 1; left--) { /* the worst goes to the end */
        struct best x = h[0];
        h[0] = h[left - 1];
        h[left - 1] = x;
        sift_down(bottom, h, left - 1);
    }
}

/* Numbers the series of the answer, in the order that an instant query shows. */
static uint32_t number_winners(struct top *t, uint32_t *row, uint32_t *series)
{
    uint32_t n = 0;
    for (uint32_t g = 0; g < t->g->n; g++) {
        struct heaps *h = &t->heaps[g];
        for (uint32_t i = 0; h->memory != NULL && i < t->steps; i++) {
            struct best *at = h->at + (size_t)i * h->cap;
            sort_best(t->bottom, at, h->n[i]);
            for (uint32_t j = 0; j < h->n[i]; j++) {
                if (row[at[j].series] != 0)
                    continue;
                series[n++] = at[j].series;
                row[at[j].series] = n;
            }
        }
    }
    return n;
}

static struct frame *top_frame(struct top *t)
{
    struct query *q = t->q;
    struct block *b = query_block(q, (size_t)t->s->n * 2 * sizeof(uint32_t));
    if (b == NULL)
        return NULL;
    uint32_t *row = (uint32_t *)b->data, *series = row + t->s->n;
    uint32_t n = number_winners(t, row, series);
    must(n <= t->s->n);
    struct frame *f = frame_new(q, n, t->steps);
    for (uint32_t i = 0; f != NULL && i < n; i++) {
        f->labels[i] = t->s->ops->labels(t->s, series[i], q->arena);
        f->drops[i] = stream_drops(t->s, series[i]);
    }
    for (uint32_t g = 0; f != NULL && g < t->g->n; g++) {
        const struct heaps *h = &t->heaps[g];
        for (uint32_t i = 0; h->memory != NULL && i < t->steps; i++) {
            const struct best *at = h->at + (size_t)i * h->cap;
            for (uint32_t j = 0; j < h->n[i]; j++)
                f->columns[row[at[j].series] - 1][i] = at[j].v;
        }
    }
    query_unblock(q, b);
    if (f != NULL)
        f->s.names = t->s->names;
    return f;
}

static uint32_t largest_k(const double *k, uint32_t steps, uint32_t most)
{
    double max = 0;
    for (uint32_t i = 0; i < steps; i++)
        max = k[i] > max ? k[i] : max;
    return max >= most ? most : (uint32_t)max;
}

struct stream *aggregate_top(struct query *q, const struct promql_node *n, struct stream *s,
                             const struct groups *g, const double *k)
{
    must(n->aggregate.op == AGG_TOPK || n->aggregate.op == AGG_BOTTOMK);
    struct top t = {.q = q, .bottom = n->aggregate.op == AGG_BOTTOMK, .s = s, .g = g, .k = k};
    t.steps = s->steps;
    t.k_max = largest_k(k, s->steps, s->n);
    if (t.k_max == 0)
        return stream_none(q, s->steps);
    t.column_slot = query_slot(q);
    t.heaps = calloc(g->n + 1, sizeof(*t.heaps));
    t.sizes = calloc(g->n + 1, sizeof(*t.sizes));
    t.locks = calloc(TOP_LOCKS, sizeof(*t.locks));
    must(t.heaps != NULL && t.sizes != NULL && t.locks != NULL);
    for (uint32_t i = 0; i < s->n; i++)
        t.sizes[g->of[i]]++;
    for (int i = 0; i < TOP_LOCKS; i++)
        pthread_mutex_init(&t.locks[i], NULL);
    query_tiles(q, s->n, tile_of(s->steps), top_tile, &t);
    struct frame *f = query_failed(q) ? NULL : top_frame(&t);
    for (int i = 0; i < TOP_LOCKS; i++)
        pthread_mutex_destroy(&t.locks[i]);
    for (uint32_t i = 0; i < g->n; i++)
        query_unblock(q, t.heaps[i].memory);
    free(t.locks);
    free(t.sizes);
    free(t.heaps);
    stream_done(s);
    return f == NULL ? NULL : &f->s;
}
