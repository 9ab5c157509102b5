/* merge_priv.h. Blocks hold their series in order, so that the next label set is the least of those that each block stands at. */
#include "tsdb/merge_priv.h"

#include <stdlib.h>

/* The one whose samples win stands first: the older of raw blocks, the newer of tiers. */
static int by_preference(const void *a, const void *b)
{
    const struct block_meta *x = block_meta(((const struct join_source *)a)->block);
    const struct block_meta *y = block_meta(((const struct join_source *)b)->block);
    int c = (x->stamp > y->stamp) - (x->stamp < y->stamp);
    c = c ? c : (x->min_ms > y->min_ms) - (x->min_ms < y->min_ms);
    return x->tier_ms > 0 ? -c : c;
}

static void load(struct join_source *s)
{
    arena_reset(s->arena);
    s->labels = (struct labels){0};
    /* a series whose labels are damaged is lost: without them it would be another */
    while (s->id < s->n && (s->labels = block_labels(s->block, s->id, s->arena)).n == 0)
        s->id++;
}

void join_init(struct join *j, struct block *const *blocks, uint32_t n)
{
    *j = (struct join){.n = n, .at = calloc(n, sizeof(*j->at))};
    must(j->at && n > 0);
    for (uint32_t i = 0; i < n; i++)
        j->at[i] = (struct join_source){
            .block = blocks[i], .n = block_series_count(blocks[i]), .arena = arena_new()};
    qsort(j->at, n, sizeof(*j->at), by_preference);
    for (uint32_t i = 0; i < n; i++)
        load(&j->at[i]);
}

void join_done(struct join *j)
{
    for (uint32_t i = 0; i < j->n; i++)
        arena_free(j->at[i].arena);
    free(j->at);
    samples_done(&j->one);
}

bool join_next(struct join *j)
{
    for (uint32_t i = 0; i < j->n; i++) {
        struct join_source *s = &j->at[i];
        if (s->here) {
            s->id++;
            load(s);
        }
    }
    const struct join_source *least = NULL;
    for (uint32_t i = 0; i < j->n; i++) {
        const struct join_source *s = &j->at[i];
        if (s->id < s->n && (!least || labels_compare(&s->labels, &least->labels) < 0))
            least = s;
    }
    if (!least)
        return false;
    j->labels = least->labels;
    for (uint32_t i = 0; i < j->n; i++) {
        struct join_source *s = &j->at[i];
        s->here = s->id < s->n && labels_equal(&s->labels, &j->labels);
    }
    return true;
}

/* Joins b into a; of equal times a's sample stays. */
static void add_samples(struct samples *a, const struct samples *b)
{
    if (b->n == 0)
        return;
    samples_reserve(a, b->n);
    if (a->n == 0 || b->t[0] > a->t[a->n - 1]) {
        memcpy(a->t + a->n, b->t, b->n * sizeof(*a->t));
        memcpy(a->v + a->n, b->v, b->n * sizeof(*a->v));
        a->n += b->n;
        return;
    }
    uint32_t same = 0, i = a->n, k = b->n, to;
    for (uint32_t x = 0, y = 0; x < a->n && y < b->n;) {
        same += a->t[x] == b->t[y];
        bool first = a->t[x] <= b->t[y], second = b->t[y] <= a->t[x];
        x += first;
        y += second;
    }
    to = a->n = a->n + b->n - same;
    while (k > 0) { /* from the back, so that nothing is overwritten before it has moved */
        bool mine = i > 0 && a->t[i - 1] >= b->t[k - 1];
        k -= !mine || a->t[i - 1] == b->t[k - 1];
        i -= mine;
        to--;
        a->t[to] = mine ? a->t[i] : b->t[k];
        a->v[to] = mine ? a->v[i] : b->v[k];
    }
    must(to == i);
}

void join_read(struct join *j, int64_t min_ms, int64_t max_ms, enum series_column c,
               struct samples *out)
{
    must(out->n == 0);
    for (uint32_t i = 0; i < j->n; i++) {
        struct join_source *s = &j->at[i];
        if (!s->here)
            continue;
        j->one.n = 0;
        /* the block counts and logs what it cannot read */
        (void)block_read(s->block, s->id, min_ms, max_ms, c, &j->one, NULL);
        add_samples(out, &j->one);
    }
}
