/* Finished parts of range queries. Entries are immutable and counted by reference: a query takes one under the lock and copies from
 * it outside. What a query adds is evaluated in up to two parts (before and after what is kept) on the same grid of times, laid
 * beside what is kept by label set, and kept in turn once enough of it is new. */
#include "promql/cache.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/map.h"
#include "promql/eval_priv.h"

#define CACHE_MAGIC 0x70716363 /* "pqcc" */

struct entry {
    struct entry *newer, *older; /* by last use */
    unsigned refs; /* the cache's own and those of queries; guarded by the cache's lock */
    char *key;
    size_t key_len;
    uint64_t generation, bytes;
    struct span span; /* what it holds */
    uint32_t n;
    struct labels *labels;
    double *v; /* series after series */
    struct note *notes;
    size_t n_notes;
    struct arena *arena; /* holds all of it, the entry too */
};

struct promql_cache {
    uint32_t magic;
    pthread_mutex_t lock; /* guards all below */
    struct map_str *entries;
    struct entry *newest, *oldest;
    uint64_t limit, bytes, hits, misses;
};

struct promql_cache *promql_cache_new(uint64_t bytes)
{
    struct promql_cache *c = calloc(1, sizeof(*c));
    must(c != NULL);
    c->magic = CACHE_MAGIC;
    c->limit = bytes;
    c->entries = map_str_new();
    pthread_mutex_init(&c->lock, NULL);
    return c;
}

static void unref(struct entry *e)
{
    must(e->refs > 0);
    if (--e->refs == 0)
        arena_free(e->arena);
}

static void unlink_entry(struct promql_cache *c, struct entry *e)
{
    *(e->newer ? &e->newer->older : &c->newest) = e->older;
    *(e->older ? &e->older->newer : &c->oldest) = e->newer;
    e->newer = e->older = NULL;
}

static void link_newest(struct promql_cache *c, struct entry *e)
{
    e->older = c->newest;
    *(c->newest ? &c->newest->newer : &c->oldest) = e;
    c->newest = e;
}

static void drop(struct promql_cache *c, struct entry *e)
{
    map_str_del(c->entries, e->key, e->key_len);
    unlink_entry(c, e);
    c->bytes -= e->bytes;
    unref(e);
}

void promql_cache_free(struct promql_cache *c)
{
    if (c == NULL)
        return;
    check_magic(c, CACHE_MAGIC);
    while (c->oldest != NULL)
        drop(c, c->oldest);
    map_str_free(c->entries);
    pthread_mutex_destroy(&c->lock);
    c->magic = 0;
    free(c);
}

void promql_cache_stats(struct promql_cache *c, uint64_t *hits, uint64_t *misses, uint64_t *bytes)
{
    check_magic(c, CACHE_MAGIC);
    pthread_mutex_lock(&c->lock);
    *hits = c->hits;
    *misses = c->misses;
    *bytes = c->bytes;
    pthread_mutex_unlock(&c->lock);
}

/* --- what may be kept --- */

static bool plain_duration(const struct promql_duration *d)
{
    return d->expr == NULL && d->ms >= 0;
}

static bool plain_node(const struct promql_node *n)
{
    switch (n->kind) {
    case NODE_SELECTOR:
    case NODE_RANGE:
        return n->selector.when.at == AT_NONE && plain_duration(&n->selector.when.offset) &&
               plain_duration(&n->selector.range) && !n->selector.smoothed;
    case NODE_SUBQUERY:
        return n->subquery.when.at == AT_NONE && plain_duration(&n->subquery.when.offset) &&
               plain_duration(&n->subquery.range) && plain_duration(&n->subquery.step);
    case NODE_CALL: {
        enum promql_special id = n->call.fn->special;
        return id != SPECIAL_START && id != SPECIAL_END && id != SPECIAL_RANGE;
    }
    case NODE_AGGREGATE:
        return n->aggregate.op != AGG_LIMITK;
    default:
        return true;
    }
}

static bool note_plain(void *arg, const struct promql_node *n)
{
    bool *plain = arg;
    *plain = *plain && plain_node(n);
    return *plain;
}

/* Does each step depend on nothing but what lies before it? */
static bool cacheable(const struct query *q)
{
    bool plain = q->req->source.ops->generation != NULL && q->req->limit == 0;
    promql_walk(q->ast, note_plain, &plain);
    return plain;
}

static void make_key(const struct query *q, struct buf *key)
{
    const struct promql_request *r = q->req;
    int64_t place = r->start_ms % r->step_ms;
    buf_put_u64(key, (uint64_t)r->step_ms);
    buf_put_u64(key, (uint64_t)(place < 0 ? place + r->step_ms : place));
    buf_put_u64(key, (uint64_t)q->lookback_ms);
    buf_put_u64(key, (uint64_t)r->tier_ms);
    buf_put_u64(key, q->span.steps);
    buf_put_u64(key, (uint64_t)(uintptr_t)r->source.self);
    buf_put_u64(key, (uint64_t)(uintptr_t)r->source.ops);
    buf_add(key, q->text.p, q->text.n);
}

/* --- taking --- */

/* The part [*from, *to] of the query's steps that e holds; false: none. */
static bool overlap(const struct query *q, const struct entry *e, uint32_t *from, uint32_t *to)
{
    int64_t step = q->span.step_ms;
    int64_t first = (e->span.start_ms - q->span.start_ms) / step;
    int64_t last = first + e->span.steps - 1;
    if (last < 0 || first >= q->span.steps)
        return false;
    *from = first < 0 ? 0 : (uint32_t)first;
    *to = last >= q->span.steps ? q->span.steps - 1 : (uint32_t)last;
    return true;
}

static struct entry *take(struct promql_cache *c, const struct query *q, const struct buf *key,
                          uint64_t generation)
{
    uint32_t from, to;
    pthread_mutex_lock(&c->lock);
    struct entry *e = map_str_get(c->entries, key->data, key->len);
    if (e != NULL && e->generation != generation) {
        drop(c, e);
        e = NULL;
    }
    if (e != NULL && !overlap(q, e, &from, &to))
        e = NULL;
    if (e != NULL) {
        e->refs++;
        unlink_entry(c, e);
        link_newest(c, e);
        c->hits++;
    } else {
        c->misses++;
    }
    pthread_mutex_unlock(&c->lock);
    return e;
}

static void give_back(struct promql_cache *c, struct entry *e)
{
    if (e == NULL)
        return;
    pthread_mutex_lock(&c->lock);
    unref(e);
    pthread_mutex_unlock(&c->lock);
}

/* --- putting together --- */

/* What an answer is laid together from: columns of so many steps from step `at` on. */
struct piece {
    uint32_t at, steps, n;
    const struct labels *labels;
    const double *v; /* of an entry: its columns from the first step that is used on */
    size_t stride;
    double *const *columns; /* or those of a frame */
};

static struct frame *lay_together(struct query *q, const struct piece *pieces, int n_pieces)
{
    struct label_map *map = label_map_new();
    vec_of(const struct labels *) all = {0};
    for (int p = 0; p < n_pieces; p++) {
        for (uint32_t i = 0; i < pieces[p].n; i++) {
            bool added;
            label_map_number(map, &pieces[p].labels[i], &added);
            if (added)
                vec_push(&all, &pieces[p].labels[i]);
        }
    }
    struct frame *f = frame_new(q, (uint32_t)all.n, q->span.steps);
    for (uint32_t i = 0; f != NULL && i < all.n; i++)
        f->labels[i] = labels_dup(q->arena, all.at[i]); /* an entry may go before the query ends */
    for (int p = 0; f != NULL && p < n_pieces; p++) {
        for (uint32_t i = 0; i < pieces[p].n; i++) {
            bool added;
            uint32_t row = label_map_number(map, &pieces[p].labels[i], &added);
            const double *from = pieces[p].columns != NULL ? pieces[p].columns[i]
                                                           : pieces[p].v + i * pieces[p].stride;
            memcpy(f->columns[row] + pieces[p].at, from, pieces[p].steps * sizeof(*from));
        }
    }
    label_map_free(map);
    vec_done(&all);
    if (f != NULL)
        frame_compact(f);
    return f;
}

/* Evaluates steps [from, from + steps) as a piece; steps 0 makes none. */
static int evaluate_piece(struct query *q, uint32_t from, uint32_t steps, struct piece *pieces,
                          int *n)
{
    if (steps == 0)
        return 0;
    struct span span = {q->span.start_ms + (int64_t)from * q->span.step_ms, q->span.step_ms, steps};
    struct frame *f = result_frame(q, span);
    if (f == NULL)
        return -1;
    pieces[(*n)++] = (struct piece){
        .at = from, .steps = steps, .n = f->s.n, .labels = f->labels, .columns = f->columns};
    return 0;
}

static struct frame *extend(struct query *q, const struct entry *e)
{
    uint32_t from = 0, to = 0;
    must(overlap(q, e, &from, &to));
    struct piece pieces[3];
    int n = 0;
    int64_t skipped = (q->span.start_ms - e->span.start_ms) / q->span.step_ms + from;
    pieces[n++] = (struct piece){.at = from,
                                 .steps = to - from + 1,
                                 .n = e->n,
                                 .labels = e->labels,
                                 .v = e->v + skipped,
                                 .stride = e->span.steps};
    for (size_t i = 0; i < e->n_notes; i++)
        notes_add(q, e->notes[i].warning, e->notes[i].text);
    if (evaluate_piece(q, 0, from, pieces, &n) != 0 ||
        evaluate_piece(q, to + 1, q->span.steps - to - 1, pieces, &n) != 0)
        return NULL;
    return lay_together(q, pieces, n);
}

/* --- keeping --- */

/* Steps of the answer that will not change any more. */
static uint32_t settled_steps(const struct query *q)
{
    int64_t until = q->started_ms - q->recent_ms;
    if (until < q->span.start_ms)
        return 0;
    int64_t steps = (until - q->span.start_ms) / q->span.step_ms + 1;
    return steps > q->span.steps ? q->span.steps : (uint32_t)steps;
}

static struct entry *entry_new(struct query *q, const struct frame *f, uint32_t steps,
                               const struct buf *key, uint64_t generation)
{
    struct arena *a = arena_new();
    struct entry *e = arena_new_of(a, struct entry);
    e->arena = a;
    e->refs = 1;
    e->key = arena_strndup(a, key->data, key->len);
    e->key_len = key->len;
    e->generation = generation;
    e->span = (struct span){q->span.start_ms, q->span.step_ms, steps};
    e->n = f->s.n;
    e->labels = arena_array_of(a, struct labels, f->s.n + 1);
    e->v = arena_array_of(a, double, (size_t)f->s.n *steps + 1);
    for (uint32_t i = 0; i < f->s.n; i++) {
        e->labels[i] = labels_dup(a, &f->labels[i]);
        memcpy(e->v + (size_t)i * steps, f->columns[i], steps * sizeof(double));
    }
    e->notes = arena_array_of(a, struct note, q->notes.n + 1);
    e->n_notes = q->notes.n;
    for (size_t i = 0; i < q->notes.n; i++)
        e->notes[i] = (struct note){q->notes.at[i].warning, arena_strdup(a, q->notes.at[i].text)};
    e->bytes = arena_used(a);
    return e;
}

static void put(struct promql_cache *c, struct entry *e)
{
    pthread_mutex_lock(&c->lock);
    struct entry *old = map_str_get(c->entries, e->key, e->key_len);
    if (old != NULL)
        drop(c, old);
    map_str_put(c->entries, e->key, e->key_len, e);
    link_newest(c, e);
    c->bytes += e->bytes;
    while (c->bytes > c->limit && c->oldest != NULL)
        drop(c, c->oldest);
    pthread_mutex_unlock(&c->lock);
}

static void keep(struct promql_cache *c, struct query *q, const struct frame *f,
                 const struct entry *had, const struct buf *key, uint64_t generation)
{
    uint32_t steps = settled_steps(q), from, to = 0;
    uint64_t bytes = (uint64_t)steps * f->s.n * sizeof(double);
    if (steps == 0 || bytes > c->limit / 4)
        return;
    /* a new entry for every refresh would cost more than the few steps that it adds save */
    bool had_start = had != NULL && overlap(q, had, &from, &to) && from == 0;
    if (had_start && to + 1 + q->span.steps / 8 >= steps)
        return;
    put(c, entry_new(q, f, steps, key, generation));
}

int promql_cache_run(struct promql_cache *c, struct query *q, struct promql_result *r)
{
    check_magic(c, CACHE_MAGIC);
    if (!cacheable(q))
        return result_make(q, r);
    const struct series_source *source = &q->req->source;
    uint64_t generation = source->ops->generation(source->self); /* before anything is read */
    struct buf key = BUF_INIT(PROMQL_QUERY_MAX + 256);
    make_key(q, &key);
    if (key.failed) {
        buf_done(&key);
        return result_make(q, r);
    }
    struct entry *e = take(c, q, &key, generation);
    struct frame *f = e != NULL ? extend(q, e) : result_frame(q, q->span);
    int rc = -1;
    if (f != NULL) {
        r->from_cache = e != NULL;
        keep(c, q, f, e, &key, generation);
        rc = result_copy(q, f, r);
    }
    give_back(c, e);
    buf_done(&key);
    return rc;
}
