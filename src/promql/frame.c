/* Frames: vectors in memory. Gathering computes columns in parallel and keeps those that have a value; columns lie in blocks of
 * about a megabyte, so that a million series of which few have values cost little. */
#include "promql/eval_priv.h"

#include <stdlib.h>

#include "base/map.h"

#define FRAME_BLOCK (UINT64_C(1) << 20)

bool column_empty(const double *v, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (!is_stale(v[i]))
            return false;
    }
    return true;
}

bool column_plain(const double *v, uint32_t n)
{
    bool nan = false;
    for (uint32_t i = 0; i < n; i++)
        nan |= v[i] != v[i];
    return !nan;
}

void column_fill(double *v, uint32_t n, double x)
{
    for (uint32_t i = 0; i < n; i++)
        v[i] = x;
}

/* --- as a stream --- */

static const double *frame_column(struct stream *s, struct worker *w, uint32_t i, double *out)
{
    return ((struct frame *)s)->columns[i];
}

static struct labels frame_labels(struct stream *s, uint32_t i, struct arena *a)
{
    must(i < s->n);
    return ((struct frame *)s)->labels[i];
}

static struct str frame_label(struct stream *s, uint32_t i, struct str name)
{
    must(i < s->n);
    return labels_get(&((struct frame *)s)->labels[i], name);
}

static void frame_done(struct stream *s)
{
    struct frame *f = (struct frame *)s;
    while (f->blocks != NULL) {
        struct block *b = f->blocks;
        f->blocks = b->mate;
        query_unblock(f->q, b);
    }
    s->n = 0;
}

static const struct stream_ops frame_ops = {
    .column = frame_column,
    .labels = frame_labels,
    .label = frame_label,
    .done = frame_done,
};

static void frame_own(struct frame *f, struct block *b)
{
    b->mate = f->blocks;
    f->blocks = b;
}

/* A frame without columns yet. */
static struct frame *frame_bare(struct query *q, uint32_t n, uint32_t steps)
{
    struct frame *f = arena_new_of(q->arena, struct frame);
    f->s = (struct stream){.ops = &frame_ops, .n = n, .steps = steps, .names = NAMES_MANY};
    f->q = q;
    struct block *b =
        query_block(q, n * (sizeof(*f->labels) + sizeof(*f->columns) + sizeof(*f->drops)) + 16);
    if (b == NULL)
        return NULL;
    frame_own(f, b);
    f->labels = (struct labels *)b->data;
    f->columns = (double **)(f->labels + n);
    f->drops = (bool *)(f->columns + n);
    f->s.drops = f->drops;
    return f;
}

struct frame *frame_new(struct query *q, uint32_t n, uint32_t steps)
{
    struct frame *f = frame_bare(q, n, steps);
    if (f == NULL)
        return NULL;
    struct block *b = query_block(q, (size_t)n * steps * sizeof(double));
    if (b == NULL) {
        frame_done(&f->s);
        return NULL;
    }
    frame_own(f, b);
    double *v = (double *)b->data;
    for (uint32_t i = 0; i < n; i++) {
        f->columns[i] = v + (size_t)i * steps;
        column_fill(f->columns[i], steps, ABSENT);
    }
    return f;
}

void frame_compact(struct frame *f)
{
    uint32_t kept = 0;
    for (uint32_t i = 0; i < f->s.n; i++) {
        if (f->columns[i] == NULL || column_empty(f->columns[i], f->s.steps))
            continue;
        f->labels[kept] = f->labels[i];
        f->drops[kept] = f->drops[i];
        f->columns[kept++] = f->columns[i];
    }
    f->s.n = kept;
}

/* --- gathering --- */

struct gather {
    struct frame *f;
    struct stream *from;
    uint32_t slot;
    pthread_mutex_t lock; /* guards the frame's list of blocks */
};

/* Room for columns, taken from blocks of a tile. */
struct room {
    double *at;
    size_t left; /* columns */
};

static double *room_take(struct gather *g, struct room *r, uint32_t wanted)
{
    uint32_t steps = g->f->s.steps;
    if (r->left == 0) {
        size_t columns = FRAME_BLOCK / (steps * sizeof(double)) + 1;
        columns = columns < wanted ? columns : wanted;
        struct block *b = query_block(g->f->q, columns * steps * sizeof(double));
        if (b == NULL)
            return NULL;
        pthread_mutex_lock(&g->lock);
        frame_own(g->f, b);
        pthread_mutex_unlock(&g->lock);
        *r = (struct room){(double *)b->data, columns};
    }
    double *at = r->at;
    r->at += steps;
    r->left--;
    return at;
}

static void gather_tile(void *arg, struct worker *w, uint32_t from, uint32_t to)
{
    struct gather *g = arg;
    struct frame *f = g->f;
    uint32_t steps = f->s.steps;
    double *out = worker_column(w, g->slot, steps);
    struct room room = {0};
    for (uint32_t i = from; i < to; i++) {
        const double *v = g->from->ops->column(g->from, w, i, out);
        if (v == NULL || column_empty(v, steps))
            continue;
        double *to_column = room_take(g, &room, to - i);
        if (to_column == NULL)
            return;
        memcpy(to_column, v, steps * sizeof(*v));
        f->labels[i] = g->from->ops->labels(g->from, i, w->arena);
        f->drops[i] = stream_drops(g->from, i);
        f->columns[i] = to_column;
    }
}

struct frame *frame_of(struct query *q, struct stream *s)
{
    if (s->ops == &frame_ops)
        return (struct frame *)s;
    struct frame *f = frame_bare(q, s->n, s->steps);
    if (f == NULL)
        return NULL;
    f->s.names = s->names;
    struct gather g = {.f = f, .from = s, .slot = query_slot(q)};
    pthread_mutex_init(&g.lock, NULL);
    query_tiles(q, s->n, tile_of(s->steps), gather_tile, &g);
    pthread_mutex_destroy(&g.lock);
    stream_done(s);
    if (query_failed(q) || query_count_samples(q, (uint64_t)f->s.n * f->s.steps) != 0) {
        frame_done(&f->s);
        return NULL;
    }
    frame_compact(f);
    return f;
}

/* --- label sets --- */

bool label_is_meta(struct str name)
{
    return name.n > 2 && name.p[0] == '_' &&
           (str_eqz(name, LABEL_METRIC_NAME) || str_eqz(name, "__type__") ||
            str_eqz(name, "__unit__"));
}

struct labels labels_without_meta(const struct labels *l, struct arena *a)
{
    uint32_t first = 0, n = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        if (!label_is_meta(l->at[i].name))
            n++;
        else if (i == first)
            first = i + 1;
    }
    if (l->n == 0)
        return *l;
    if (n == l->n - first) /* usual: names lie in front */
        return (struct labels){l->at + first, n};
    struct label_pair *at = arena_array_of(a, struct label_pair, n);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        if (!label_is_meta(l->at[i].name))
            at[kept++] = l->at[i];
    }
    must(kept == n);
    return (struct labels){at, n};
}

struct label_map {
    struct entry {
        uint64_t hash;
        struct labels labels;
    } * at;
    uint32_t n, cap;
    uint32_t *table; /* entry + 1 */
    uint32_t mask;
};

struct label_map *label_map_new(void)
{
    struct label_map *m = calloc(1, sizeof(*m));
    must(m != NULL);
    m->mask = 63;
    m->table = calloc(m->mask + 1, sizeof(*m->table));
    must(m->table != NULL);
    return m;
}

void label_map_free(struct label_map *m)
{
    if (m == NULL)
        return;
    free(m->table);
    free(m->at);
    free(m);
}

static void label_map_grow(struct label_map *m)
{
    free(m->table);
    m->mask = m->mask * 2 + 1;
    m->table = calloc((size_t)m->mask + 1, sizeof(*m->table));
    must(m->table != NULL);
    for (uint32_t i = 0; i < m->n; i++) {
        uint32_t at = (uint32_t)m->at[i].hash & m->mask;
        while (m->table[at] != 0)
            at = (at + 1) & m->mask;
        m->table[at] = i + 1;
    }
}

uint32_t label_map_number(struct label_map *m, const struct labels *l, bool *added)
{
    uint64_t hash = labels_hash(l);
    uint32_t at = (uint32_t)hash & m->mask;
    for (; m->table[at] != 0; at = (at + 1) & m->mask) {
        const struct entry *e = &m->at[m->table[at] - 1];
        if (e->hash == hash && labels_equal(&e->labels, l)) {
            *added = false;
            return m->table[at] - 1;
        }
    }
    if (m->n == m->cap) {
        m->cap = m->cap ? m->cap * 2 : 64;
        m->at = realloc(m->at, m->cap * sizeof(*m->at));
        must(m->at != NULL);
    }
    m->at[m->n++] = (struct entry){hash, *l};
    m->table[at] = m->n;
    if (m->n * 2 > m->mask)
        label_map_grow(m);
    *added = true;
    return m->n - 1;
}

/* Lays b over a; false where both have a value. */
static bool overlay(double *a, const double *b, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        if (is_stale(b[i]))
            continue;
        if (!is_stale(a[i]))
            return false;
        a[i] = b[i];
    }
    return true;
}

int frame_unique(struct frame *f, bool strict)
{
    struct label_map *m = label_map_new();
    uint32_t kept = 0;
    bool ok = true;
    for (uint32_t i = 0; i < f->s.n && ok; i++) {
        bool added;
        uint32_t number = label_map_number(m, &f->labels[i], &added);
        if (!added) {
            ok = !strict && overlay(f->columns[number], f->columns[i], f->s.steps);
            f->drops[number] |= f->drops[i];
            continue;
        }
        must(number == kept);
        f->labels[kept] = f->labels[i];
        f->drops[kept] = f->drops[i];
        f->columns[kept++] = f->columns[i];
    }
    f->s.n = kept;
    label_map_free(m);
    return ok ? 0
              : query_fail(f->q, ERR_INVALID,
                           "vector cannot contain metrics with the same labelset");
}
