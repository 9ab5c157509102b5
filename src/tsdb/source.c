/* The store as a series_source (model/series.h): series of the head and of blocks, those with the same labels as one.
 *
 * A selection is in an epoch and holds references to its blocks; labels and samples are looked at only when they are asked for. Which
 * series of different places are the same is decided by 96 bits of hash of their labels, 32 of them under a secret of this process. So nobody can make two label sets that meet, and with a
 * million series chance does it in one of 10^16 stores. */
#include "tsdb/source.h"

#include <stdlib.h>
#include <string.h>

#include "tsdb/tsdb_priv.h"

static struct found *of(struct series_set *s)
{
    struct found *f = container_of(s, struct found, set);
    check_magic(f, FOUND_MAGIC);
    return f;
}

static struct member *member_of(struct found *f, uint32_t i)
{
    must(i < f->members.n);
    return &f->members.at[i];
}

/* --- what was found --- */

static struct labels found_labels(struct series_set *s, uint32_t i, struct arena *a)
{
    struct found *f = of(s);
    const struct member *m = member_of(f, i);
    if (m->slot != NONE)
        return index_labels(&f->db->index, m->slot, a);
    const struct part *p = &f->parts.at[m->raw != NONE ? m->raw : m->tier];
    return block_labels(f->blocks[p->block], p->id, a);
}

static struct str found_label(struct series_set *s, uint32_t i, struct str name)
{
    struct found *f = of(s);
    const struct member *m = member_of(f, i);
    if (m->slot != NONE)
        return index_label(&f->db->index, m->slot, name);
    const struct part *p = &f->parts.at[m->raw != NONE ? m->raw : m->tier];
    return block_label(f->blocks[p->block], p->id, name);
}

static int read_head(struct found *f, uint32_t slot, int64_t min_ms, int64_t max_ms,
                     struct samples *out, struct err *err)
{
    struct tsdb *db = f->db;
    return head_read(&db->head, index_series(&db->index, slot), slot, min_ms, max_ms, 0, out, err);
}

/* What has expired is hidden, whether it is still on the disk or not. */
static int64_t since(const struct found *f, uint32_t i, int64_t min_ms)
{
    int64_t cutoff = f->cutoffs ? f->cutoffs[i] : INT64_MIN;
    return min_ms < cutoff ? cutoff : min_ms;
}

int tsdb__read_raw(struct found *f, const struct member *m, int64_t min_ms, int64_t max_ms,
                   struct samples *out, struct err *err)
{
    uint32_t from = out->n, mid = from;
    int rc = 0;
    for (uint32_t p = m->raw; p != NONE; p = f->parts.at[p].next) {
        const struct part *part = &f->parts.at[p];
        if (block_read(f->blocks[part->block], part->id, min_ms, max_ms, COLUMN_RAW, out, err) < 0)
            rc = -1;
        samples_settle(out, from, mid);
        mid = out->n;
    }
    if (m->slot == NONE)
        return rc;
    if (read_head(f, m->slot, min_ms, max_ms, out, err) < 0)
        rc = -1;
    samples_settle(out, from, mid);
    return rc;
}

static int found_read(struct series_set *s, uint32_t i, int64_t min_ms, int64_t max_ms,
                      enum series_column column, struct samples *out, struct err *err)
{
    struct found *f = of(s);
    const struct member *m = member_of(f, i);
    min_ms = since(f, i, min_ms);
    if (s->tier_ms > 0)
        return tsdb__read_steps(f, m, min_ms, max_ms, column, out, err);
    if (m->tier == NONE)
        return tsdb__read_raw(f, m, min_ms, max_ms, out, err);
    uint32_t from = out->n;
    int rc = tsdb__read_blocks_steps(f, m, min_ms, max_ms, COLUMN_LAST, out, err);
    uint32_t mid = out->n;
    if (tsdb__read_raw(f, m, min_ms, max_ms, out, err) < 0)
        rc = -1;
    samples_settle(out, from, mid);
    return rc;
}

static int found_last(struct series_set *s, uint32_t i, int64_t min_ms, int64_t max_ms, int64_t *t,
                      double *v, struct err *err)
{
    struct found *f = of(s);
    const struct member *m = member_of(f, i);
    struct tsdb *db = f->db;
    int rc = 0;
    min_ms = since(f, i, min_ms);
    if (m->slot != NONE && m->raw == NONE && m->tier == NONE)
        return head_last(&db->head, index_series(&db->index, m->slot), m->slot, min_ms, max_ms, t,
                         v, err);
    struct samples all = {0};
    rc = found_read(s, i, min_ms, max_ms, COLUMN_RAW, &all, err);
    if (all.n > 0) {
        *t = all.t[all.n - 1];
        *v = all.v[all.n - 1];
        rc = 1;
    }
    samples_done(&all);
    return rc;
}

static void found_free(struct series_set *s)
{
    struct found *f = of(s);
    epoch_leave(&f->db->epoch, &f->reader);
    blocks_give(f->blocks, f->n_blocks);
    vec_done(&f->members);
    vec_done(&f->parts);
    vec_done(&f->steps);
    vec_done(&f->gaps);
    free(f->cutoffs);
    f->magic = 0;
    free(f);
}

static const struct series_set_ops found_ops = {
    .labels = found_labels,
    .label = found_label,
    .read = found_read,
    .last = found_last,
    .free = found_free,
};

/* --- finding --- */

static bool is_cancelled(const struct series_select *q)
{
    return q->cancelled && atomic_load_explicit(q->cancelled, memory_order_relaxed);
}

static void add_member(struct found *f, uint32_t slot)
{
    vec_push(&f->members, ((struct member){slot, NONE, NONE}));
}

/* Slots rise, so neighbours come together: a shard is locked once for them. */
static bool add_slot(uint32_t slot, void *arg)
{
    struct tsdb__head_walk *w = arg;
    pthread_mutex_t *shard = head_shard(&w->db->head, slot);
    if (shard != w->held) {
        if (w->held)
            pthread_mutex_unlock(w->held);
        pthread_mutex_lock(shard);
        w->held = shard;
    }
    if (head_overlaps(index_series(&w->db->index, slot), w->q->min_ms, w->q->max_ms))
        w->fn(w->arg, slot);
    return true;
}

int tsdb__head_select(struct tsdb *db, const struct series_select *q,
                      void (*fn)(void *arg, uint32_t slot), void *arg, struct err *err)
{
    roaring_bitmap_t *slots =
        postings_select(&index_postings, &db->index, q->matchers, q->n_matchers, err);
    if (!slots)
        return -1;
    struct tsdb__head_walk w = {db, q, NULL, fn, arg};
    roaring_iterate(slots, add_slot, &w);
    if (w.held)
        pthread_mutex_unlock(w.held);
    roaring_bitmap_free(slots);
    return 0;
}

static void on_slot(void *arg, uint32_t slot)
{
    add_member(arg, slot);
}

/* Members by the hash of their labels: open addressing, as many places as are needed for all. */
struct by_hash {
    struct {
        uint64_t hash;
        uint32_t member; /* NONE: free */
    } * at;
    uint64_t mask;
};

static void by_hash_init(struct by_hash *h, size_t n)
{
    size_t places = 16;
    while (places < n * 2)
        places *= 2;
    h->at = malloc(places * sizeof(*h->at));
    must(h->at != NULL);
    memset(h->at, 0xff, places * sizeof(*h->at));
    h->mask = places - 1;
}

static uint32_t check_of(struct found *f, const struct member *m)
{
    if (m->slot != NONE)
        return index_labels_check(&f->db->index, m->slot, f->db->secret);
    const struct part *p = &f->parts.at[m->raw != NONE ? m->raw : m->tier];
    return block_identity(f->blocks[p->block], p->id, f->db->secret).check;
}

static void by_hash_put(struct by_hash *h, uint64_t i, uint64_t hash, uint32_t member)
{
    while (h->at[i & h->mask].member != NONE)
        i++;
    h->at[i & h->mask].hash = hash;
    h->at[i & h->mask].member = member;
}

/* The member that this series of a block belongs to, or NONE after the next number was put in. */
static uint32_t by_hash_get(struct found *f, struct by_hash *h, uint32_t block, uint32_t id)
{
    struct block_identity me = block_identity(f->blocks[block], id, f->db->secret);
    uint64_t i = me.hash & h->mask;
    for (; h->at[i].member != NONE; i = (i + 1) & h->mask) {
        if (h->at[i].hash == me.hash && check_of(f, &f->members.at[h->at[i].member]) == me.check)
            return h->at[i].member;
    }
    by_hash_put(h, i, me.hash, (uint32_t)f->members.n);
    return NONE;
}

struct ids {
    uint32_t *at, n;
};

/* Those of the block that may have samples in the span. */
static int select_block(struct block *b, const struct series_select *q, struct ids *ids,
                        struct err *err)
{
    if (block_select(b, q->matchers, q->n_matchers, &ids->at, &ids->n, err) < 0)
        return -1;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < ids->n; i++) {
        if (block_has(b, ids->at[i], q->min_ms, q->max_ms))
            ids->at[kept++] = ids->at[i];
    }
    ids->n = kept;
    return 0;
}

/* Blocks come last first, so that a member's parts, each put in front, are in their order. */
static void add_block(struct found *f, struct by_hash *h, uint32_t block, const struct ids *ids)
{
    for (uint32_t i = 0; i < ids->n; i++) {
        uint32_t m = by_hash_get(f, h, block, ids->at[i]);
        if (m == NONE) {
            m = (uint32_t)f->members.n;
            add_member(f, NONE);
        }
        struct member *member = &f->members.at[m];
        uint32_t *first = block < f->n_raw ? &member->raw : &member->tier;
        vec_push(&f->parts, ((struct part){block, ids->at[i], *first}));
        *first = (uint32_t)f->parts.n - 1;
    }
}

static void join_blocks(struct found *f, const struct ids *ids)
{
    struct by_hash h;
    size_t total = f->members.n;
    for (uint32_t b = 0; b < f->n_blocks; b++)
        total += ids[b].n;
    by_hash_init(&h, total);
    for (uint32_t i = 0; i < f->members.n; i++) {
        uint64_t hash = index_series(&f->db->index, f->members.at[i].slot)->hash;
        by_hash_put(&h, hash, hash, i);
    }
    for (uint32_t b = f->n_blocks; b-- > 0;)
        add_block(f, &h, b, &ids[b]);
    free(h.at);
}

static int find_in_blocks(struct found *f, const struct series_select *q, struct err *err)
{
    if (f->n_blocks == 0)
        return 0;
    struct ids *ids = calloc(f->n_blocks, sizeof(*ids));
    must(ids != NULL);
    int rc = 0;
    for (uint32_t b = 0; rc == 0 && b < f->n_blocks; b++) {
        rc = is_cancelled(q) ? err_set(err, ERR_CANCELLED, "cannot select series: cancelled")
                             : select_block(f->blocks[b], q, &ids[b], err);
    }
    if (rc == 0)
        join_blocks(f, ids);
    for (uint32_t b = 0; b < f->n_blocks; b++)
        free(ids[b].at);
    free(ids);
    return rc;
}

static int check_limit(const struct found *f, const struct series_select *q, struct err *err)
{
    if (q->limit == 0 || f->members.n <= q->limit)
        return 0;
    return err_set(err, ERR_TOO_LARGE, "cannot select series: got %zu; want %u at most",
                   f->members.n, q->limit);
}

/* Retention of everything drops whole blocks, and hides nothing before; that of a rule holds at once. */
static struct merge_policy rules_alone(struct tsdb *db)
{
    struct merge_policy p = tsdb__merge_policy(db);
    p.keep.keep_ms = 0;
    for (size_t i = 0; i < array_len(p.keep.tiers); i++)
        p.keep.tiers[i].keep_ms = 0;
    return p;
}

/* Nothing after this has expired, by any rule. */
static int64_t newest_cutoff(const struct keep_policy *k)
{
    int64_t cutoff = INT64_MIN;
    for (size_t i = 0; i < k->n_rules; i++) {
        int64_t rule = k->rules[i].keep_ms > 0 ? k->now_ms - k->rules[i].keep_ms : INT64_MIN;
        cutoff = rule > cutoff ? rule : cutoff;
    }
    return cutoff;
}

static void find_cutoffs(struct found *f, int64_t min_ms)
{
    struct tsdb *db = f->db;
    pthread_rwlock_rdlock(&db->rules_lock);
    struct merge_policy p = rules_alone(db);
    if (f->members.n > 0 && min_ms < newest_cutoff(&p.keep)) {
        struct arena *a = arena_new();
        f->cutoffs = malloc(f->members.n * sizeof(*f->cutoffs));
        must(f->cutoffs != NULL);
        for (uint32_t i = 0; i < f->members.n; i++) {
            struct labels l = found_labels(&f->set, i, a);
            f->cutoffs[i] = keep_cutoff(&p.keep, &l, f->set.tier_ms);
            arena_reset(a);
        }
        arena_free(a);
    }
    pthread_rwlock_unlock(&db->rules_lock);
}

static struct series_set *source_select(void *self, const struct series_select *q, struct err *err)
{
    struct tsdb *db = self;
    check_magic(db, TSDB_MAGIC);
    struct found *f = calloc(1, sizeof(*f));
    must(f != NULL);
    f->set.ops = &found_ops;
    f->set.older_before_ms = INT64_MIN;
    f->magic = FOUND_MAGIC;
    f->db = db;
    /* in this order: what a cut moves meanwhile is seen in the head, in the block, or in both */
    epoch_enter(&db->epoch, &f->reader);
    struct series_select wide = *q; /* a step begins before its end */
    if (q->tier_ms > 0 && __builtin_sub_overflow(q->min_ms, q->tier_ms, &wide.min_ms))
        wide.min_ms = INT64_MIN;
    int rc = tsdb__head_select(db, &wide, on_slot, f, err);
    tsdb__found_plan(f, q);
    if (rc < 0 || find_in_blocks(f, &wide, err) < 0 || check_limit(f, q, err) < 0) {
        found_free(&f->set);
        return NULL;
    }
    f->set.n = (uint32_t)f->members.n;
    find_cutoffs(f, q->min_ms);
    return &f->set;
}

static uint64_t source_generation(void *self)
{
    struct tsdb *db = self;
    check_magic(db, TSDB_MAGIC);
    return db->generation;
}

static const struct series_source_ops source_ops = {
    .select = source_select,
    .label_names = tsdb__label_names,
    .label_values = tsdb__label_values,
    .generation = source_generation,
};

struct series_source tsdb_source(struct tsdb *db)
{
    check_magic(db, TSDB_MAGIC);
    return (struct series_source){&source_ops, db};
}
