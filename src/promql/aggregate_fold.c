/* sum, avg, count, min, max and group: each column is added to its group's the moment it is computed. A tile of series adds into
 * rows of its own; tiles are merged in their order, so that sums do not depend on which thread was faster. Sums carry Neumaier's
 * compensation, and merging keeps it. */
#include "promql/eval_priv.h"

#include <math.h>
#include <stdlib.h>

/* What a group has collected: columns of `steps`. */
struct row {
    double *value; /* the sum, minimum or maximum; ABSENT-free only where count > 0 */
    double *rest;  /* of a sum: its compensation */
    double *count;
    bool drop; /* a series that loses its name is in it */
};

struct part { /* of a tile */
    uint32_t n;
    uint32_t *group;
    struct row *rows;
    struct block *memory;
};

struct fold {
    struct query *q;
    enum promql_aggregate op;
    struct stream *s;
    const struct groups *g;
    uint32_t steps, tile, row_doubles;
    uint32_t column_slot, local_slot;
    struct row *rows;              /* of all groups; value NULL: nothing yet */
    pthread_mutex_t lock;          /* guards what follows and rows */
    uint32_t next;                 /* tile to be merged */
    struct part **waiting;         /* by tile */
    vec_of(struct block *) memory; /* of the parts that rows point into */
};

/* --- adding a column --- */

/* sum + c, both exact: for finite values it is what the branches of kahan_add compute. */
static void add_sum_plain(struct row *r, const double *restrict v, uint32_t n)
{
    double *restrict sum = r->value, *restrict rest = r->rest, *restrict count = r->count;
    must(sum != NULL && rest != NULL && count != NULL);
    for (uint32_t i = 0; i < n; i++) {
        double s = sum[i], t = s + v[i], z = t - s;
        double e = (s - (t - z)) + (v[i] - z);
        double c = rest[i] + e;
        rest[i] = fabs(t) == INFINITY ? 0 : c;
        sum[i] = t;
        count[i]++;
    }
}

static void add_sum(struct row *r, const double *v, uint32_t n)
{
    if (column_plain(v, n)) {
        add_sum_plain(r, v, n);
        return;
    }
    must(r->value != NULL && r->rest != NULL && r->count != NULL);
    for (uint32_t i = 0; i < n; i++) {
        if (is_stale(v[i]))
            continue;
        r->value[i] = kahan_add(v[i], r->value[i], &r->rest[i]);
        r->count[i]++;
    }
}

static void add_count(struct row *r, const double *v, uint32_t n)
{
    must(r->count != NULL);
    for (uint32_t i = 0; i < n; i++)
        r->count[i] += is_stale(v[i]) ? 0 : 1;
}

static void add_min(struct row *r, const double *v, const double *seen, uint32_t n)
{
    must(r->value != NULL && r->count != NULL);
    for (uint32_t i = 0; i < n; i++) {
        if (seen != NULL ? seen[i] == 0 : is_stale(v[i]))
            continue;
        if (r->count[i] == 0 || r->value[i] > v[i] || isnan(r->value[i]))
            r->value[i] = v[i];
        r->count[i]++;
    }
}

static void add_max(struct row *r, const double *v, const double *seen, uint32_t n)
{
    must(r->value != NULL && r->count != NULL);
    for (uint32_t i = 0; i < n; i++) {
        if (seen != NULL ? seen[i] == 0 : is_stale(v[i]))
            continue;
        if (r->count[i] == 0 || r->value[i] < v[i] || isnan(r->value[i]))
            r->value[i] = v[i];
        r->count[i]++;
    }
}

static void row_add(enum promql_aggregate op, struct row *r, const double *v, uint32_t n)
{
    if (op == AGG_SUM || op == AGG_AVG)
        add_sum(r, v, n);
    else if (op == AGG_MIN)
        add_min(r, v, NULL, n);
    else if (op == AGG_MAX)
        add_max(r, v, NULL, n);
    else
        add_count(r, v, n);
}

/* --- merging --- */

static void row_merge(enum promql_aggregate op, struct row *to, const struct row *from, uint32_t n)
{
    to->drop |= from->drop;
    if (op == AGG_MIN) {
        add_min(to, from->value, from->count, n);
        return;
    }
    if (op == AGG_MAX) {
        add_max(to, from->value, from->count, n);
        return;
    }
    for (uint32_t i = 0; i < n; i++)
        to->count[i] += from->count[i];
    if (op != AGG_SUM && op != AGG_AVG)
        return;
    for (uint32_t i = 0; i < n; i++) {
        to->value[i] = kahan_add(from->value[i], to->value[i], &to->rest[i]);
        if (!isinf(to->value[i]))
            to->rest[i] += from->rest[i];
    }
}

static void part_free(struct part *p)
{
    free(p->group);
    free(p->rows);
    free(p);
}

static void merge_part(struct fold *f, struct part *p)
{
    bool kept = false;
    for (uint32_t i = 0; i < p->n; i++) {
        struct row *to = &f->rows[p->group[i]];
        if (to->count == NULL) {
            *to = p->rows[i]; /* the first: the row itself */
            kept = true;
        } else {
            row_merge(f->op, to, &p->rows[i], f->steps);
        }
    }
    if (kept)
        vec_push(&f->memory, p->memory);
    else
        query_unblock(f->q, p->memory);
    part_free(p);
}

static void hand_in(struct fold *f, uint32_t tile, struct part *p)
{
    pthread_mutex_lock(&f->lock);
    f->waiting[tile] = p;
    while (f->waiting[f->next] != NULL) {
        struct part *due = f->waiting[f->next];
        f->waiting[f->next++] = NULL;
        merge_part(f, due);
    }
    pthread_mutex_unlock(&f->lock);
}

/* --- a tile --- */

static bool part_rows(struct fold *f, struct part *p)
{
    p->memory = query_block(f->q, (size_t)p->n * f->row_doubles * f->steps * sizeof(double));
    if (p->memory == NULL)
        return false;
    double *at = (double *)p->memory->data;
    for (uint32_t i = 0; i < p->n; i++) {
        struct row *r = &p->rows[i];
        r->count = at;
        r->value = f->row_doubles > 1 ? at + f->steps : NULL;
        r->rest = f->row_doubles > 2 ? at + 2 * (size_t)f->steps : NULL;
        at += (size_t)f->row_doubles * f->steps;
    }
    return true;
}

/* The rows that the series [from, to) need: p->group lists their groups, row_of says which row is a series'. The table of rows by
 * group is not cleared from tile to tile: an entry counts when the row it names is that group's. */
static void assign_rows(struct fold *f, struct worker *w, uint32_t from, uint32_t to,
                        struct part *p, uint32_t *row_of)
{
    uint32_t *row = (uint32_t *)worker_column(w, f->local_slot, f->g->n);
    for (uint32_t i = from; i < to; i++) {
        uint32_t g = f->g->of[i];
        if (row[g] >= p->n || p->group[row[g]] != g) {
            row[g] = p->n;
            p->group[p->n++] = g;
        }
        row_of[i - from] = row[g];
    }
}

static void add_columns(struct fold *f, struct worker *w, uint32_t from, uint32_t to,
                        struct part *p, const uint32_t *row_of)
{
    double *out = worker_column(w, f->column_slot, f->steps);
    for (uint32_t i = from; i < to; i++) {
        const double *v = f->s->ops->column(f->s, w, i, out);
        if (v == NULL)
            continue;
        struct row *r = &p->rows[row_of[i - from]];
        row_add(f->op, r, v, f->steps);
        r->drop |= stream_drops(f->s, i);
    }
}

static void fold_tile(void *arg, struct worker *w, uint32_t from, uint32_t to)
{
    struct fold *f = arg;
    uint32_t most = to - from < f->g->n ? to - from : f->g->n;
    struct part *p = calloc(1, sizeof(*p));
    uint32_t *row_of = malloc((to - from) * sizeof(*row_of));
    must(p != NULL && row_of != NULL);
    p->group = malloc(most * sizeof(*p->group));
    p->rows = calloc(most, sizeof(*p->rows));
    must(p->group != NULL && p->rows != NULL);
    assign_rows(f, w, from, to, p, row_of);
    must(p->n <= most);
    if (part_rows(f, p))
        add_columns(f, w, from, to, p, row_of);
    free(row_of);
    if (p->memory != NULL)
        hand_in(f, from / f->tile, p);
    else
        part_free(p);
}

/* --- results --- */

static double row_result(const struct fold *f, const struct row *r, uint32_t i)
{
    if (r->count[i] == 0)
        return ABSENT;
    switch (f->op) {
    case AGG_SUM:
        return r->value[i] + r->rest[i];
    case AGG_AVG:
        return r->value[i] / r->count[i] + r->rest[i] / r->count[i];
    case AGG_COUNT:
        return r->count[i];
    case AGG_GROUP:
        return 1;
    default:
        return r->value[i];
    }
}

static bool overflowed(const struct fold *f)
{
    for (uint32_t g = 0; g < f->g->n; g++) {
        for (uint32_t i = 0; f->rows[g].count != NULL && i < f->steps; i++) {
            if (isinf(f->rows[g].value[i]))
                return true;
        }
    }
    return false;
}

static struct frame *fold_frame(struct fold *f)
{
    struct frame *out = group_frame(f->q, f->g, f->steps);
    for (uint32_t g = 0; out != NULL && g < f->g->n; g++) {
        const struct row *r = &f->rows[g];
        out->drops[g] = r->drop;
        for (uint32_t i = 0; r->count != NULL && i < f->steps; i++)
            out->columns[g][i] = row_result(f, r, i);
    }
    if (out != NULL)
        frame_compact(out);
    return out;
}

static void fold_done(struct fold *f, uint32_t tiles)
{
    vec_each (&f->memory, it)
        query_unblock(f->q, *it);
    vec_done(&f->memory);
    for (uint32_t i = 0; i < tiles; i++) {
        if (f->waiting[i] == NULL)
            continue;
        query_unblock(f->q, f->waiting[i]->memory);
        part_free(f->waiting[i]);
    }
    free(f->waiting);
    free(f->rows);
    pthread_mutex_destroy(&f->lock);
}

struct stream *aggregate_fold(struct query *q, const struct promql_node *n, struct stream *s,
                              const struct groups *g)
{
    enum promql_aggregate op = n->aggregate.op;
    bool sums = op == AGG_SUM || op == AGG_AVG, counts = op == AGG_COUNT || op == AGG_GROUP;
    struct fold f = {.q = q, .op = op, .s = s, .g = g, .steps = s->steps};
    f.row_doubles = sums ? 3 : counts ? 1 : 2;
    f.tile = tile_of(s->steps);
    f.column_slot = query_slot(q);
    f.local_slot = query_slot(q);
    pthread_mutex_init(&f.lock, NULL);
    uint32_t tiles = s->n / f.tile + 2;
    f.waiting = calloc(tiles, sizeof(struct part *));
    f.rows = calloc(g->n + 1, sizeof(*f.rows));
    must(f.waiting != NULL && f.rows != NULL);
    /* an avg whose sum leaves the numbers is computed again, as Prometheus does then */
    struct frame *again = NULL;
    query_tiles(q, s->n, f.tile, fold_tile, &f);
    struct frame *out = NULL;
    bool careful = op == AGG_AVG && !query_failed(q) && overflowed(&f);
    if (careful)
        again = frame_of(q, s);
    else if (!query_failed(q))
        out = fold_frame(&f);
    fold_done(&f, tiles);
    if (careful && again != NULL) {
        struct groups anew;
        return groups_make(q, n, &again->s, &anew) == 0 ? aggregate_mean(q, again, &anew) : NULL;
    }
    stream_done(s);
    return out == NULL ? NULL : &out->s;
}
