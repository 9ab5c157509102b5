/* The shell around merge_plan (merge.h): takes the open blocks, does one job, and puts its result in their place. One thread at a
 * time; it rests as long as it works, so that it takes half a core. */
#include "tsdb/merge.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"

#define WORK_NS (20 * NS_PER_MS)

struct pacer {
    atomic_bool *stop;
    bool hurry;
    int64_t since_ns;
    uint64_t samples;
};

static bool pace(void *arg, uint64_t samples)
{
    struct pacer *p = arg;
    p->samples += samples;
    if (p->stop && atomic_load_explicit(p->stop, memory_order_relaxed))
        return false;
    int64_t worked = p->hurry ? 0 : clock_mono_ns() - p->since_ns;
    if (worked < WORK_NS)
        return true;
    worked = worked > 10 * WORK_NS ? 10 * WORK_NS : worked;
    struct timespec rest = {.tv_nsec = worked};
    nanosleep(&rest, NULL);
    p->since_ns = clock_mono_ns();
    return true;
}

struct round {
    struct blocks *bs;
    const char *dir;
    const struct merge_policy *policy;
    struct pacer pacer;
    struct merge_stats *st;
    struct block **open;
    struct merge_input *in;
    uint32_t n;
};

/* Tiers within the time of one that was built anew: it stands for them. */
static uint32_t replaced_tiers(const struct round *r, const struct merge_job *j,
                               struct block **gone)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < r->n; i++) {
        const struct block_meta *m = r->in[i].meta;
        if (m->tier_ms == j->tier_ms && m->min_ms >= j->min_ms && m->max_ms <= j->max_ms)
            gone[n++] = r->open[i];
    }
    return n;
}

static int publish(struct round *r, const struct block_meta *made, struct block *const *gone,
                   uint32_t n, struct err *err)
{
    const char *name = made->name;
    return blocks_replace(r->bs, &name, *name ? 1 : 0, gone, n, err);
}

static void describe(const struct round *r, const struct merge_job *j, struct block_meta *meta,
                     struct block **sources)
{
    *meta = (struct block_meta){.min_ms = j->min_ms,
                                .max_ms = j->max_ms,
                                .tier_ms = j->tier_ms,
                                .late = j->late,
                                .level = 2};
    for (uint32_t k = 0; k < j->n; k++) {
        const struct block_meta *m = r->in[j->which[k]].meta;
        sources[k] = r->open[j->which[k]];
        meta->stamp = k == 0 || m->stamp < meta->stamp ? m->stamp : meta->stamp;
        meta->level = m->level >= meta->level ? m->level + 1 : meta->level;
    }
    if (j->what == MERGE_TIER)
        meta->stamp = 0;                           /* the newest wins */
    if (j->what == MERGE_JOIN && j->tier_ms > 0) { /* of what it stands for, the newest */
        for (uint32_t k = 0; k < j->n; k++) {
            uint64_t stamp = r->in[j->which[k]].meta->stamp;
            meta->stamp = stamp > meta->stamp ? stamp : meta->stamp;
        }
    }
}

static int build_tier(struct round *r, const struct merge_job *j, const struct merge_pace *mp,
                      struct err *err)
{
    struct block *sources[MERGE_MOST], **gone = calloc(r->n + 1, sizeof(struct block *));
    struct block_meta meta, made;
    must(gone);
    describe(r, j, &meta, sources);
    meta.level = 2;
    int rc = tier_build(sources, j->n, r->dir, &meta, &r->policy->keep, mp, &made, err);
    uint32_t n = replaced_tiers(r, j, gone);
    if (rc == 0 && (*made.name || n > 0))
        rc = publish(r, &made, gone, n, err);
    if (rc == 0 && !*made.name)
        r->in[j->of].no_tier = true;
    r->st->tiers += rc == 0;
    free(gone);
    return rc;
}

static int do_job(struct round *r, const struct merge_job *j, struct err *err)
{
    struct merge_pace mp = {pace, &r->pacer};
    struct block *sources[MERGE_MOST];
    struct block_meta meta, made = {0};
    if (j->what == MERGE_TIER)
        return build_tier(r, j, &mp, err);
    describe(r, j, &meta, sources);
    if (j->what != MERGE_DROP &&
        block_merge(sources, j->n, r->dir, &meta, &r->policy->keep, &mp, &made, err) != 0)
        return -1;
    if (publish(r, &made, sources, j->n, err) != 0)
        return -1;
    r->st->merges += j->what == MERGE_JOIN;
    r->st->rewrites += j->what == MERGE_REWRITE;
    r->st->drops += j->what == MERGE_DROP;
    return 0;
}

static int by_time(const void *a, const void *b)
{
    const struct block_meta *x = block_meta(*(struct block *const *)a);
    const struct block_meta *y = block_meta(*(struct block *const *)b);
    int c = (x->min_ms > y->min_ms) - (x->min_ms < y->min_ms);
    return c ? c : (x->stamp > y->stamp) - (x->stamp < y->stamp);
}

static struct round begin(struct blocks *bs, const char *blocks_dir, const struct merge_policy *p,
                          atomic_bool *stop, bool hurry, struct merge_stats *st)
{
    struct round r = {bs, blocks_dir, p, {stop, hurry, clock_mono_ns(), 0}, st, NULL, NULL, 0};
    r.open = blocks_take(bs, INT64_MIN, INT64_MAX, &r.n);
    r.in = calloc(r.n + 1, sizeof(*r.in));
    must(r.in);
    if (r.n > 1)
        qsort(r.open, r.n, sizeof(struct block *), by_time);
    for (uint32_t i = 0; i < r.n; i++)
        r.in[i] = (struct merge_input){block_meta(r.open[i]), block_deletions(r.open[i]), false};
    return r;
}

static void end(struct round *r)
{
    r->st->samples += r->pacer.samples;
    blocks_give(r->open, r->n);
    free(r->in);
}

int merge_step(struct blocks *bs, const char *blocks_dir, const struct merge_policy *p,
               atomic_bool *stop, bool force, struct merge_stats *st, struct err *err)
{
    struct round r = begin(bs, blocks_dir, p, stop, force, st);
    struct merge_job j;
    int rc = 0;
    do { /* a tier that would be empty is no step */
        j = merge_plan(r.in, r.n, p, force);
        rc = j.what == MERGE_NOTHING ? 0 : do_job(&r, &j, err);
    } while (rc == 0 && j.what == MERGE_TIER && r.in[j.of].no_tier);
    end(&r);
    return rc < 0 ? -1 : j.what != MERGE_NOTHING;
}

int merge_clean(struct blocks *bs, const char *blocks_dir, const struct merge_policy *p,
                atomic_bool *stop, struct merge_stats *st, struct err *err)
{
    struct round r = begin(bs, blocks_dir, p, stop, true, st);
    struct merge_job j = {.what = MERGE_NOTHING};
    for (uint32_t i = 0; i < r.n && j.what == MERGE_NOTHING; i++) {
        const struct block_meta *m = r.in[i].meta;
        if (r.in[i].deleted > 0)
            j = (struct merge_job){MERGE_REWRITE, 1,          {i}, m->min_ms,
                                   m->max_ms,     m->tier_ms, 0,   m->late};
    }
    int rc = j.what == MERGE_NOTHING ? 0 : do_job(&r, &j, err);
    end(&r);
    return rc < 0 ? -1 : j.what != MERGE_NOTHING;
}
