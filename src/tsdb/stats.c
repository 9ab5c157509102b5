/* Figures of the store, and what costs the most (tsdb.h). */
#include <stdlib.h>

#include "tsdb/tsdb_priv.h"

static void count_blocks(struct tsdb *db, struct tsdb_stats *out)
{
    uint32_t n;
    struct block **blocks = blocks_take(db->blocks, INT64_MIN, INT64_MAX, &n);
    for (uint32_t i = 0; i < n; i++) {
        const struct block_meta *m = block_meta(blocks[i]);
        out->blocks++;
        if (m->tier_ms)
            out->tier_bytes += m->bytes;
        else
            out->block_bytes += m->bytes;
        out->damaged_chunks += block_damaged(blocks[i]);
        if (out->min_ms == 0 || m->min_ms < out->min_ms)
            out->min_ms = m->min_ms;
        if (m->max_ms - 1 > out->max_ms)
            out->max_ms = m->max_ms - 1;
    }
    blocks_give(blocks, n);
    out->damaged_chunks += blocks_damaged(db->blocks);
}

static void count_head(struct tsdb *db, struct tsdb_stats *out)
{
    int64_t min = db->min_ms, max = db->max_ms;
    if (min != NO_TIME) {
        out->head_min_ms = min;
        out->min_ms = min;
        out->max_ms = max;
    }
    out->head_chunks = db->head.chunks;
    out->head_bytes = head_files_bytes(db->head.files);
    out->damaged_chunks = db->head.damaged;
    pthread_mutex_lock(&db->index.lock);
    out->series = db->index.live;
    pthread_mutex_unlock(&db->index.lock);
}

void tsdb_get_stats(struct tsdb *db, struct tsdb_stats *out)
{
    check_magic(db, TSDB_MAGIC);
    const struct tsdb_counters *c = &db->count;
    *out = (struct tsdb_stats){
        .series_created = c->created,
        .series_forgotten = c->forgotten,
        .series_refused = c->refused,
        .samples = c->samples,
        .samples_same = c->same,
        .samples_duplicate = c->duplicate,
        .samples_out_of_order = c->out_of_order,
        .damaged_records = c->damaged_records,
        .snapshots = c->snapshots,
        .cuts = c->cuts,
        .merges = c->merges,
        .merge_failures = c->merge_failures,
        .tail_lost_bytes = c->tail_lost,
        .replay_ms = db->replay_ms,
        .full = db->full,
    };
    count_head(db, out);
    count_blocks(db, out);
    wal_stats(db->wal, out);
}

void tsdb_each_block(struct tsdb *db, void (*fn)(void *arg, const struct tsdb_block_info *b),
                     void *arg)
{
    check_magic(db, TSDB_MAGIC);
    uint32_t n;
    struct block **blocks = blocks_take(db->blocks, INT64_MIN, INT64_MAX, &n);
    for (uint32_t i = 0; i < n; i++) {
        const struct block_meta *m = block_meta(blocks[i]);
        struct tsdb_block_info info = {.name = m->name,
                                       .min_ms = m->min_ms,
                                       .max_ms = m->max_ms,
                                       .tier_ms = m->tier_ms,
                                       .series = m->series,
                                       .samples = m->samples,
                                       .bytes = m->bytes,
                                       .level = m->level};
        fn(arg, &info);
    }
    blocks_give(blocks, n);
}

/* --- what costs the most --- */

struct top_entry {
    uint64_t value;
    uint32_t number; /* of a pair, a name or a source */
};
/* The n largest so far, the smallest of them in front. */
struct top {
    struct top_entry *at;
    size_t n, max;
};

static void sift_down(struct top *t)
{
    for (size_t i = 0, child; (child = 2 * i + 1) < t->n; i = child) {
        if (child + 1 < t->n && t->at[child + 1].value < t->at[child].value)
            child++;
        if (t->at[i].value <= t->at[child].value)
            return;
        struct top_entry e = t->at[i];
        t->at[i] = t->at[child];
        t->at[child] = e;
    }
}

static void top_add(struct top *t, uint64_t value, uint32_t number)
{
    if (value == 0 || (t->n == t->max && value <= t->at[0].value))
        return;
    if (t->n == t->max) {
        t->at[0] = (struct top_entry){value, number};
        sift_down(t);
        return;
    }
    size_t i = t->n++;
    for (; i > 0 && t->at[(i - 1) / 2].value > value; i = (i - 1) / 2)
        t->at[i] = t->at[(i - 1) / 2];
    t->at[i] = (struct top_entry){value, number};
}

static int compare_top(const void *a, const void *b)
{
    const struct top_entry *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value ? 1 : -1)
                                : (x->number > y->number) - (x->number < y->number);
}

static void add_pairs_of(struct top *t, const struct index *x, const struct label_name *n)
{
    for (size_t i = 0; i < n->pairs.n; i++)
        top_add(t, index_pair(x, n->pairs.at[i])->series.n, n->pairs.at[i]);
}

static uint64_t bytes_of(const struct index *x, const struct label_name *n)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n->pairs.n; i++) {
        const struct pair *p = index_pair(x, n->pairs.at[i]);
        bytes += (uint64_t)p->series.n * p->value_n;
    }
    return bytes;
}

/* The lock is held. */
static void fill_top(struct top *t, struct index *x, enum tsdb_top what)
{
    for (size_t i = 1; what == TSDB_SERIES_BY_SOURCE && i < x->sources.n; i++)
        top_add(t, x->per_source.at[i], (uint32_t)i);
    for (size_t i = 0; i < x->names.n; i++) {
        const struct label_name *n = x->names.at[i];
        bool is_metric = str_eqz(n->text, LABEL_METRIC_NAME);
        if (what == TSDB_SERIES_BY_PAIR || (what == TSDB_SERIES_BY_METRIC && is_metric))
            add_pairs_of(t, x, n);
        else if (what == TSDB_VALUES_BY_LABEL)
            top_add(t, n->pairs.n, (uint32_t)i);
        else if (what == TSDB_BYTES_BY_LABEL)
            top_add(t, bytes_of(x, n), (uint32_t)i);
    }
}

static struct str name_of(const struct index *x, enum tsdb_top what, uint32_t number, struct buf *b)
{
    if (what == TSDB_SERIES_BY_SOURCE)
        return str_of(x->sources.at[number]);
    if (what == TSDB_VALUES_BY_LABEL || what == TSDB_BYTES_BY_LABEL)
        return x->names.at[number]->text;
    const struct pair *p = index_pair(x, number);
    if (what == TSDB_SERIES_BY_METRIC)
        return pair_value(p);
    buf_clear(b);
    buf_add(b, p->name_text.p, p->name_text.n);
    buf_putc(b, '=');
    buf_add(b, p->value, p->value_n);
    return (struct str){b->data, b->len};
}

void tsdb_each_top(struct tsdb *db, enum tsdb_top what, size_t n,
                   void (*fn)(void *arg, struct str name, uint64_t value), void *arg)
{
    check_magic(db, TSDB_MAGIC);
    struct top t = {.at = malloc((n + 1) * sizeof(*t.at)), .max = n};
    must(t.at != NULL);
    struct epoch_reader r;
    struct buf text = BUF_INIT(1u << 20);
    epoch_enter(&db->epoch, &r);
    pthread_mutex_lock(&db->index.lock);
    if (n > 0)
        fill_top(&t, &db->index, what);
    pthread_mutex_unlock(&db->index.lock);
    qsort(t.at, t.n, sizeof(*t.at), compare_top);
    for (size_t i = 0; i < t.n; i++)
        fn(arg, name_of(&db->index, what, t.at[i].number, &text), t.at[i].value);
    epoch_leave(&db->epoch, &r);
    buf_done(&text);
    free(t.at);
}
