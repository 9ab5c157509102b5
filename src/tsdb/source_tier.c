/* Which blocks a selection reads, and its steps (source.h).
 *
 * A tier was chosen: its blocks where they are; the time that none of them covers (the newest hours) is reduced from raw blocks
 * and the head when it is read, with the value before it, so that both look the same. Raw blocks elsewhere are not opened.
 *
 * Single samples are wanted: raw blocks; time that none of them covers any more comes from tiers, the finest that knows it, each
 * step's last as a sample. */
#include "tsdb/source.h"

#include <stdlib.h>

static int64_t floor_to(int64_t t, int64_t step)
{
    int64_t rest = t % step;
    return t - (rest < 0 ? rest + (t < INT64_MIN + step ? 0 : step) : rest);
}

static int64_t end_of(int64_t t, int64_t step)
{
    int64_t rest = t % step;
    return rest > 0 && t <= INT64_MAX - step ? t + step - rest : t - rest;
}

static int64_t earlier(int64_t t, int64_t by)
{
    return t < INT64_MIN + by ? INT64_MIN : t - by;
}

static int64_t least(int64_t a, int64_t b)
{
    return a < b ? a : b;
}

static int64_t most(int64_t a, int64_t b)
{
    return a > b ? a : b;
}

/* --- stretches --- */

/* Takes [min_ms, max_ms] out of all. */
static void subtract(stretches *all, int64_t min_ms, int64_t max_ms)
{
    size_t n = all->n;
    for (size_t i = 0; i < n; i++) {
        struct stretch s = all->at[i];
        if (s.min_ms > max_ms || s.max_ms < min_ms)
            continue;
        bool before = s.min_ms<min_ms, after = s.max_ms> max_ms;
        if (before)
            all->at[i].max_ms = min_ms - 1;
        if (before && after)
            vec_push(all, ((struct stretch){max_ms + 1, s.max_ms, s.tier_ms}));
        else if (after)
            all->at[i].min_ms = max_ms + 1;
        else if (!before)
            all->at[i].max_ms = earlier(s.min_ms, 1); /* nothing is left */
    }
    size_t kept = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (all->at[i].min_ms <= all->at[i].max_ms)
            all->at[kept++] = all->at[i];
    }
    all->n = kept;
}

/* What lies between the blocks of this tier (0: raw). A tier's block [a + 1, b + 1) stands for the samples after a up to b. */
static void subtract_blocks(stretches *all, struct block *const *blocks, uint32_t n,
                            int64_t tier_ms)
{
    for (uint32_t i = 0; i < n && all->n > 0; i++) {
        const struct block_meta *m = block_meta(blocks[i]);
        if (m->tier_ms == tier_ms)
            subtract(all, m->min_ms, m->max_ms - 1);
    }
}

static bool touches(const stretches *all, const struct block_meta *m, int64_t margin_ms)
{
    vec_each (all, s) {
        if (m->min_ms <= s->max_ms && m->max_ms > earlier(s->min_ms, margin_ms))
            return true;
    }
    return false;
}

/* --- deciding --- */

/* The longest step up to `most_ms` that there are blocks of; 0. */
static int64_t choose_tier(struct block *const *blocks, uint32_t n, int64_t most_ms)
{
    int64_t tier = 0;
    for (uint32_t i = 0; i < n; i++) {
        int64_t step = block_meta(blocks[i])->tier_ms;
        tier = step <= most_ms && step > tier ? step : tier;
    }
    return tier;
}

static void plan_steps(struct found *f, const struct series_select *q, int64_t step)
{
    int64_t first = end_of(q->min_ms, step), last = floor_to(q->max_ms, step);
    f->set.tier_ms = step;
    if (first > last)
        return;
    vec_push(&f->steps, ((struct stretch){first, last, step}));
    vec_push(&f->gaps, ((struct stretch){earlier(first, step - 1), last, step}));
    subtract_blocks(&f->gaps, f->blocks, f->n_blocks, step);
}

/* A tier answers for as much of `gone` as it covers. A tier's first block may have a step more at its front than there are
 * samples: that is no reason. */
static void plan_older_tier(struct found *f, const stretches *gone, int64_t step)
{
    for (uint32_t i = 0; i < f->n_blocks; i++) {
        const struct block_meta *m = block_meta(f->blocks[i]);
        if (m->tier_ms != step)
            continue;
        vec_each (gone, g) {
            int64_t from = most(g->min_ms, m->min_ms), to = least(g->max_ms, m->max_ms - 1);
            if (to - from < step || from > to)
                continue;
            /* the step that ends with the gap's end, where samples begin, belongs to it */
            to = to == g->max_ms && to < m->max_ms - 1 ? to + 1 : to;
            vec_push(&f->steps, ((struct stretch){from, to, step}));
            f->set.older_tier_ms = most(f->set.older_tier_ms, step);
            f->set.older_before_ms = most(f->set.older_before_ms, to);
        }
    }
}

/* Neighbours become one: a series is read once for all of them. */
static void join_steps(stretches *all)
{
    size_t kept = 0;
    for (size_t i = 1; i < all->n; i++) {
        struct stretch *last = &all->at[kept], *s = &all->at[i];
        if (s->tier_ms == last->tier_ms && s->min_ms >= last->min_ms &&
            s->min_ms <= last->max_ms + 1)
            last->max_ms = most(last->max_ms, s->max_ms);
        else
            all->at[++kept] = *s;
    }
    all->n = all->n > 0 ? kept + 1 : 0;
}

static void plan_older(struct found *f, const struct series_select *q)
{
    stretches gone = {0};
    vec_push(&gone, ((struct stretch){q->min_ms, q->max_ms, 0}));
    subtract_blocks(&gone, f->blocks, f->n_blocks, 0);
    for (int64_t step = 0; gone.n > 0;) {
        int64_t next = INT64_MAX; /* the next longer step */
        for (uint32_t i = 0; i < f->n_blocks; i++) {
            int64_t tier = block_meta(f->blocks[i])->tier_ms;
            next = tier > step ? least(next, tier) : next;
        }
        if (next == INT64_MAX)
            break;
        step = next;
        plan_older_tier(f, &gone, step);
        subtract_blocks(&gone, f->blocks, f->n_blocks, step);
    }
    join_steps(&f->steps);
    vec_done(&gone);
}

/* --- the blocks in the order of reading --- */

static bool is_wanted(const struct found *f, const struct block_meta *m)
{
    if (m->tier_ms == 0)
        return f->set.tier_ms == 0 || touches(&f->gaps, m, f->set.tier_ms);
    vec_each (&f->steps, s) {
        if (s->tier_ms == m->tier_ms && m->min_ms <= s->max_ms && m->max_ms > s->min_ms)
            return true;
    }
    return false;
}

/* Of equal times what is read first stays: of raw blocks the older, of tiers the newer. */
static int by_stamp(const void *a, const void *b)
{
    const struct block_meta *x = block_meta(*(struct block *const *)a);
    const struct block_meta *y = block_meta(*(struct block *const *)b);
    int c = (x->stamp > y->stamp) - (x->stamp < y->stamp);
    return x->tier_ms > 0 ? -c : c;
}

/* They come in the order of time, which is that of reading unless they overlap. */
static void order(struct block **blocks, uint32_t n)
{
    int64_t end = INT64_MIN;
    bool overlap = false;
    for (uint32_t i = 0; i < n; i++) {
        const struct block_meta *m = block_meta(blocks[i]);
        overlap |= m->min_ms < end;
        end = most(end, m->max_ms);
    }
    if (overlap)
        qsort(blocks, n, sizeof(struct block *), by_stamp);
}

/* Those that are not read are given back; raw ones go to the front. */
static void keep_wanted(struct found *f)
{
    struct block **kept = malloc((f->n_blocks + 1) * sizeof(*kept));
    uint32_t n = 0;
    must(kept != NULL);
    for (int tiers = 0; tiers <= 1; tiers++) {
        for (uint32_t i = 0; i < f->n_blocks; i++) {
            const struct block_meta *m = block_meta(f->blocks[i]);
            if ((m->tier_ms > 0) == tiers && is_wanted(f, m))
                kept[n++] = block_ref(f->blocks[i]);
        }
        f->n_raw = tiers ? f->n_raw : n;
    }
    blocks_give(f->blocks, f->n_blocks);
    f->blocks = kept;
    f->n_blocks = n;
    order(kept, f->n_raw);
    order(kept + f->n_raw, n - f->n_raw);
}

void tsdb__found_plan(struct found *f, const struct series_select *q)
{
    must(f->blocks == NULL && f->steps.n == 0);
    int64_t margin = q->tier_ms > 0 ? 2 * q->tier_ms : 0;
    f->blocks = blocks_take(f->db->blocks, earlier(q->min_ms, margin), q->max_ms, &f->n_blocks);
    int64_t step = choose_tier(f->blocks, f->n_blocks, q->tier_ms);
    if (step > 0)
        plan_steps(f, q, step);
    else
        plan_older(f, q);
    keep_wanted(f);
}

/* --- reading --- */

int tsdb__read_blocks_steps(struct found *f, const struct member *m, int64_t min_ms, int64_t max_ms,
                            enum series_column column, struct samples *out, struct err *err)
{
    uint32_t from = out->n;
    int rc = 0;
    column = column == COLUMN_RAW ? COLUMN_LAST : column;
    for (uint32_t p = m->tier; p != NONE; p = f->parts.at[p].next) {
        const struct part *part = &f->parts.at[p];
        struct block *b = f->blocks[part->block];
        vec_each (&f->steps, s) {
            int64_t lo = most(min_ms, s->min_ms), hi = least(max_ms, s->max_ms);
            uint32_t mid = out->n;
            if (s->tier_ms != block_meta(b)->tier_ms || lo > hi)
                continue;
            if (block_read(b, part->id, lo, hi, column, out, err) < 0)
                rc = -1;
            samples_settle(out, from, mid);
        }
    }
    return rc;
}

/* The value from which the first sample of a gap rises: that of the raw sample before it, or else of the step before it. */
static const double *before_gap(struct found *f, const struct member *m, const struct stretch *g,
                                const struct samples *raw, uint32_t first, double *value)
{
    struct samples last = {0};
    for (uint32_t i = first; i-- > 0;) {
        if (!is_stale(raw->v[i]))
            return &raw->v[i];
    }
    (void)tsdb__read_blocks_steps(f, m, earlier(g->min_ms, g->tier_ms), earlier(g->min_ms, 1),
                                  COLUMN_LAST, &last, NULL);
    uint32_t n = last.n;
    *value = n > 0 ? last.v[n - 1] : 0;
    samples_done(&last);
    return n > 0 ? value : NULL;
}

static int read_gap(struct found *f, const struct member *m, const struct stretch *g,
                    enum series_column column, struct samples *out, struct err *err)
{
    struct samples raw = {0};
    double value;
    uint32_t first = 0;
    int64_t from = column == COLUMN_INCREASE ? earlier(g->min_ms, g->tier_ms) : g->min_ms;
    int rc = tsdb__read_raw(f, m, from, g->max_ms, &raw, err);
    while (first < raw.n && raw.t[first] < g->min_ms)
        first++;
    const double *before = NULL;
    if (column == COLUMN_INCREASE && first < raw.n)
        before = before_gap(f, m, g, &raw, first, &value);
    struct samples wanted = {0};
    if (first < raw.n) {
        wanted = (struct samples){raw.t + first, raw.v + first, raw.n - first, 0};
        tier_reduce(&wanted, g->tier_ms, column, before, out);
    }
    samples_done(&raw);
    return rc;
}

int tsdb__read_steps(struct found *f, const struct member *m, int64_t min_ms, int64_t max_ms,
                     enum series_column column, struct samples *out, struct err *err)
{
    int64_t step = f->set.tier_ms;
    must(step > 0);
    int64_t first = end_of(min_ms, step), last = floor_to(max_ms, step);
    uint32_t from = out->n;
    int rc = 0;
    if (first > last)
        return 0;
    if (m->tier != NONE)
        rc = tsdb__read_blocks_steps(f, m, first, last, column, out, err);
    vec_each (&f->gaps, gap) {
        struct stretch g = {most(gap->min_ms, earlier(first, step - 1)), least(gap->max_ms, last),
                            step};
        uint32_t mid = out->n;
        if (g.min_ms > g.max_ms)
            continue;
        if (read_gap(f, m, &g, column, out, err) < 0)
            rc = -1;
        samples_settle(out, from, mid);
    }
    return rc;
}
