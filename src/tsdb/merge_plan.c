/* Deciding what becomes of blocks (merge.h). Pure: metas in, one job out. The order is: tiers, so that what is joined below knows
 * all that came late; what has expired; blocks that overlap; windows that are complete; deletions; size. Times of tiers are
 * ends of steps, so that a tier's block [a+1, b+1) holds the steps of the time a … b. */
#include "tsdb/merge.h"

#include <stdlib.h>

#define LARGEST_MS (INT64_C(31) * 86400000)
#define STAYS_MS   (INT64_C(18) * 3600000) /* tiers are made of raw blocks of at least this */

/* The largest span that a block may have when samples are kept so long. */
static int64_t largest_of(const struct merge_policy *p, int64_t keep_ms)
{
    int64_t most = keep_ms > 0 && keep_ms / 10 < LARGEST_MS ? keep_ms / 10 : LARGEST_MS;
    int64_t span = p->block_ms;
    must(span > 0);
    while (span * 3 <= most)
        span *= 3;
    return span;
}

int64_t merge_largest(const struct merge_policy *p)
{
    return largest_of(p, p->keep.keep_ms);
}

/* Of the time that it covers. A tier's first may have a step more at its front. */
static int64_t span_of(const struct block_meta *m)
{
    return m->max_ms - m->min_ms - m->tier_ms;
}

/* The beginning of the window in which it ends. */
static int64_t window_of(const struct block_meta *m, int64_t window)
{
    int64_t t = m->max_ms - 1 - (m->tier_ms > 0), rest = t % window;
    return t - (rest < 0 ? rest + window : rest);
}

static void take(struct merge_job *j, const struct merge_input *in, uint32_t i)
{
    const struct block_meta *m = in[i].meta;
    must(j->n < MERGE_MOST);
    j->min_ms = j->n == 0 || m->min_ms < j->min_ms ? m->min_ms : j->min_ms;
    j->max_ms = j->n == 0 || m->max_ms > j->max_ms ? m->max_ms : j->max_ms;
    j->tier_ms = m->tier_ms;
    j->late = m->late > j->late ? m->late : j->late;
    j->which[j->n++] = i;
}

static struct merge_job one(enum merge_what what, const struct merge_input *in, uint32_t i)
{
    struct merge_job j = {.what = what};
    take(&j, in, i);
    return j;
}

static const struct merge_job nothing = {.what = MERGE_NOTHING};

/* --- expired --- */

static struct merge_job plan_expired(const struct merge_input *in, uint32_t n,
                                     const struct merge_policy *p)
{
    for (uint32_t i = 0; i < n; i++) {
        if (in[i].meta->max_ms <= keep_cutoff_all(&p->keep, in[i].meta->tier_ms))
            return one(MERGE_DROP, in, i);
    }
    return nothing;
}

static struct merge_job plan_size(const struct merge_input *in, uint32_t n,
                                  const struct merge_policy *p)
{
    uint64_t bytes = 0;
    uint32_t oldest = 0;
    for (uint32_t i = 0; i < n; i++) {
        const struct block_meta *m = in[i].meta, *o = in[oldest].meta;
        bytes += m->bytes;
        if (m->max_ms < o->max_ms || (m->max_ms == o->max_ms && m->tier_ms < o->tier_ms))
            oldest = i;
    }
    return p->keep.keep_bytes > 0 && bytes > p->keep.keep_bytes && n > 0
               ? one(MERGE_DROP, in, oldest)
               : nothing;
}

/* --- joining --- */

/* The first run of blocks of this tier that overlap one another. Input is sorted by time. */
static struct merge_job plan_overlap(const struct merge_input *in, uint32_t n, int64_t tier_ms)
{
    struct merge_job j = {.what = MERGE_JOIN};
    uint64_t newest = 0;
    for (uint32_t i = 0; i < n && j.n < MERGE_MOST; i++) {
        const struct block_meta *m = in[i].meta;
        if (m->tier_ms != tier_ms)
            continue;
        if (j.n > 0 && m->min_ms >= j.max_ms) {
            if (j.n > 1)
                break;
            j.n = 0;
            newest = 0;
        }
        take(&j, in, i);
        newest = m->stamp > newest ? m->stamp : newest;
    }
    if (j.n < 2)
        return nothing;
    if (tier_ms == 0 && newest > j.late)
        j.late = newest;
    return j;
}

/* Blocks within one window, when there are several and its time is over. */
static struct merge_job plan_window(const struct merge_input *in, uint32_t n, int64_t tier_ms,
                                    int64_t window, bool force, int64_t newest)
{
    struct merge_job j = {.what = MERGE_JOIN};
    int64_t start = 0;
    for (uint32_t i = 0; i <= n; i++) {
        const struct block_meta *m = i < n ? in[i].meta : NULL;
        if (m && (m->tier_ms != tier_ms || span_of(m) > window))
            continue;
        bool other = !m || j.n == 0 || window_of(m, window) != start || j.n == MERGE_MOST;
        if (other && j.n > 1 && (force || start + window <= newest))
            return j;
        if (!m)
            break;
        if (other) {
            j.n = 0;
            start = window_of(m, window);
        }
        if (m->min_ms + tier_ms >= start)
            take(&j, in, i);
    }
    return nothing;
}

static struct merge_job plan_join(const struct merge_input *in, uint32_t n,
                                  const struct merge_policy *p, int64_t tier_ms, int64_t keep_ms,
                                  bool force)
{
    struct merge_job j = plan_overlap(in, n, tier_ms);
    int64_t newest = INT64_MIN, largest = largest_of(p, keep_ms);
    for (uint32_t i = 0; i < n; i++)
        newest = in[i].meta->tier_ms == tier_ms && in[i].meta->max_ms > newest ? in[i].meta->max_ms
                                                                               : newest;
    for (int64_t w = p->block_ms * 3; j.what == MERGE_NOTHING && w <= largest; w *= 3)
        j = plan_window(in, n, tier_ms, w, force, newest);
    return j;
}

/* --- tiers --- */

/* Do blocks of the tier cover a … b with all that came late? Input is sorted by time. */
static bool covered(const struct merge_input *in, uint32_t n, int64_t tier_ms, int64_t a, int64_t b,
                    uint64_t late)
{
    for (uint32_t i = 0; i < n && a < b; i++) {
        const struct block_meta *m = in[i].meta;
        if (m->tier_ms == tier_ms && m->late >= late && m->min_ms - 1 <= a && m->max_ms - 1 > a)
            a = m->max_ms - 1;
    }
    return a >= b;
}

static int64_t floor_to(int64_t t, int64_t step)
{
    int64_t rest = t % step;
    return t - (rest < 0 ? rest + step : rest);
}

/* A sample at the very beginning of the block belongs to the step that ends there. Does another block have that
 * step? Not one that begins with it: that is the tier of this block, of before samples came late. */
static bool has_step_before(const struct merge_input *in, uint32_t n, int64_t a, int64_t step)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct block_meta *m = in[i].meta;
        if ((m->tier_ms == 0 && m->min_ms < a && m->max_ms > a - step) ||
            (m->tier_ms == step && m->min_ms <= a - step && m->max_ms > a))
            return true;
    }
    return false;
}

/* The tier's block over raw block `of`. The sample at its very end belongs to its last step and lies in the block behind, the
 * value before its first step in the block before. */
static struct merge_job tier_of(const struct merge_input *in, uint32_t n, uint32_t of, int64_t step)
{
    const struct block_meta *r = in[of].meta;
    struct merge_job j = {.what = MERGE_TIER};
    int64_t a = floor_to(r->min_ms, step), b = floor_to(r->max_ms + step - 1, step);
    if (a == r->min_ms && !has_step_before(in, n, a, step))
        a -= step;
    for (uint32_t i = 0; i < n && j.n < MERGE_MOST; i++) {
        const struct block_meta *m = in[i].meta;
        if (m->tier_ms == 0 && m->min_ms <= b && m->max_ms >= a - step)
            take(&j, in, i);
    }
    j.min_ms = a + 1;
    j.max_ms = b + 1;
    j.tier_ms = step;
    j.late = r->late;
    j.of = of;
    return j;
}

/* Has all arrived that block i's last step needs? */
static bool followed(const struct merge_input *in, uint32_t n, uint32_t i,
                     const struct merge_policy *p)
{
    if (in[i].meta->max_ms <= p->keep.now_ms - 2 * p->block_ms)
        return true;
    for (uint32_t k = 0; k < n; k++) {
        if (in[k].meta->tier_ms == 0 && in[k].meta->max_ms > in[i].meta->max_ms)
            return true;
    }
    return false;
}

static struct merge_job plan_tier(const struct merge_input *in, uint32_t n,
                                  const struct merge_policy *p, bool force)
{
    int64_t largest = merge_largest(p), stays = largest < STAYS_MS ? largest : STAYS_MS;
    for (size_t t = 0; t < array_len(p->keep.tiers); t++) {
        int64_t step = p->keep.tiers[t].step_ms;
        for (uint32_t i = 0; step > 0 && i < n; i++) {
            const struct block_meta *m = in[i].meta;
            bool due = span_of(m) >= stays || force || m->max_ms <= keep_cutoff_all(&p->keep, 0);
            if (m->tier_ms > 0 || in[i].no_tier || !due || !followed(in, n, i, p) ||
                m->max_ms <= keep_cutoff_all(&p->keep, step))
                continue;
            struct merge_job j = tier_of(in, n, i, step);
            if (!covered(in, n, step, j.min_ms - 1, j.max_ms - 1, j.late))
                return j;
        }
    }
    return nothing;
}

/* --- deletions --- */

static struct merge_job plan_deleted(const struct merge_input *in, uint32_t n,
                                     const struct merge_policy *p, bool force)
{
    double share = p->deleted_share > 0 ? p->deleted_share : 0.05;
    for (uint32_t i = 0; i < n; i++) {
        if (in[i].deleted > 0 && (force || in[i].deleted > share * (double)in[i].meta->series))
            return one(MERGE_REWRITE, in, i);
    }
    return nothing;
}

static int by_time(const void *a, const void *b)
{
    const struct block_meta *x = ((const struct merge_input *)a)->meta,
                            *y = ((const struct merge_input *)b)->meta;
    int c = (x->min_ms > y->min_ms) - (x->min_ms < y->min_ms);
    return c ? c : (x->stamp > y->stamp) - (x->stamp < y->stamp);
}

struct merge_job merge_plan(const struct merge_input *in, uint32_t n, const struct merge_policy *p,
                            bool force)
{
    for (uint32_t i = 1; i < n; i++)
        must(by_time(&in[i - 1], &in[i]) <= 0);
    struct merge_job j = plan_tier(in, n, p, false); /* before what it is made of expires */
    if (j.what == MERGE_NOTHING)
        j = plan_expired(in, n, p);
    if (j.what == MERGE_NOTHING)
        j = plan_join(in, n, p, 0, p->keep.keep_ms, force);
    for (size_t t = 0; t < array_len(p->keep.tiers) && j.what == MERGE_NOTHING; t++) {
        if (p->keep.tiers[t].step_ms > 0)
            j = plan_join(in, n, p, p->keep.tiers[t].step_ms, p->keep.tiers[t].keep_ms, force);
    }
    if (j.what == MERGE_NOTHING && force)
        j = plan_tier(in, n, p, true);
    if (j.what == MERGE_NOTHING)
        j = plan_deleted(in, n, p, force);
    return j.what == MERGE_NOTHING ? plan_size(in, n, p) : j;
}
