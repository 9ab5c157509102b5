/* From the value of the tree's root to an answer: names that were to be dropped go, series are ordered, everything is copied into
 * the result's arena. */
#include <stdlib.h>

#include "promql/eval_priv.h"

/* Takes the names away that operations meant to, and refuses what is twice then. */
static int clean_labels(struct query *q, struct frame *f)
{
    bool dropped = false;
    for (uint32_t i = 0; i < f->s.n; i++) {
        if (!stream_drops(&f->s, i))
            continue;
        f->labels[i] = labels_without_meta(&f->labels[i], q->arena);
        dropped = true;
    }
    enum promql_node_kind kind = node_bare(q->ast)->kind;
    if (!dropped && (kind == NODE_SELECTOR || kind == NODE_AGGREGATE))
        return 0;
    return frame_unique(f, false);
}

static int compare_series(const void *a, const void *b)
{
    const struct promql_series *x = a, *y = b;
    return labels_compare(&x->labels, &y->labels);
}

static void cut(struct query *q, struct promql_result *r)
{
    uint32_t limit = q->req->limit;
    if (limit == 0 || r->n_series <= limit)
        return;
    r->n_series = limit;
    notes_add(q, true, "results truncated due to limit");
}

/* What was copied since the last time. all: however little it is. */
static int count_result(struct query *q, const struct promql_result *r, bool all)
{
    enum { OFTEN = 64 << 10 };
    size_t used = arena_used(r->arena), more = used - q->result_counted;
    if (!all && more < OFTEN)
        return 0;
    if (query_count_memory(q, more) != 0)
        return -1;
    q->result_counted = used;
    return 0;
}

int result_keep(struct query *q, struct promql_result *r)
{
    if (count_result(q, r, true) != 0)
        return -1;
    r->held = q->result_counted;
    must(atomic_load(&q->memory) >= r->held);
    atomic_fetch_sub(&q->memory, r->held); /* the result's from now on, in the total still */
    return 0;
}

int result_copy(struct query *q, struct frame *f, struct promql_result *r)
{
    r->type = q->req->range ? PROMQL_MATRIX : PROMQL_VECTOR;
    r->n_series = f->s.n;
    r->series = arena_array_of(r->arena, struct promql_series, f->s.n + 1);
    for (uint32_t i = 0; i < f->s.n; i++) {
        r->series[i].labels = f->labels[i];
        r->series[i].v = f->columns[i];
        r->series[i].n = f->s.steps;
    }
    if (q->req->range && r->n_series > 1)
        qsort(r->series, r->n_series, sizeof(*r->series), compare_series);
    cut(q, r);
    for (size_t i = 0; i < r->n_series; i++) {
        struct promql_series *s = &r->series[i];
        s->labels = labels_dup(r->arena, &s->labels);
        s->v = arena_memdup(r->arena, s->v, f->s.steps * sizeof(double));
        if (count_result(q, r, false) != 0)
            return -1;
    }
    return 0;
}

static struct frame *vector_frame(struct query *q, struct stream *s)
{
    struct frame *f = frame_of(q, s);
    return f == NULL || clean_labels(q, f) != 0 ? NULL : f;
}

static int make_vector(struct query *q, struct stream *s, struct promql_result *r)
{
    struct frame *f = vector_frame(q, s);
    return f == NULL ? -1 : result_copy(q, f, r);
}

struct frame *result_frame(struct query *q, struct span span)
{
    struct value v;
    if (eval_node(q, q->ast, span, &v) != 0)
        return NULL;
    must(v.type == PROMQL_VECTOR || v.type == PROMQL_SCALAR);
    if (v.type == PROMQL_SCALAR)
        v.vector = stream_of_column(q, v.scalar, span.steps);
    return vector_frame(q, v.vector);
}

/* A range or subquery as it is: an instant query shows its samples. */
static int make_matrix(struct query *q, struct promql_result *r)
{
    struct range_source src;
    if (range_source_open(q, q->ast, q->span, false, &src) != 0)
        return -1;
    r->type = PROMQL_MATRIX;
    r->series = arena_array_of(r->arena, struct promql_series, src.n + 1);
    struct worker *w = &q->workers[0];
    for (uint32_t i = 0; i < src.n; i++) {
        struct samples *s =
            query_stopped(q, true) ? NULL : range_source_read(q, w, &src, i, COLUMN_RAW);
        if (s == NULL || query_count_samples(q, s->n) != 0)
            return -1;
        if (s->n == 0)
            continue;
        struct labels l = range_source_labels(&src, i, w->arena);
        if (src.inner != NULL && stream_drops(src.inner, i))
            l = labels_without_meta(&l, w->arena);
        r->series[r->n_series++] = (struct promql_series){
            .labels = labels_dup(r->arena, &l),
            .v = arena_memdup(r->arena, s->v, s->n * sizeof(*s->v)),
            .t = arena_memdup(r->arena, s->t, s->n * sizeof(*s->t)),
            .n = s->n,
        };
        if (count_result(q, r, false) != 0)
            return -1;
    }
    if (r->n_series > 1)
        qsort(r->series, r->n_series, sizeof(*r->series), compare_series);
    cut(q, r);
    return 0;
}

static int make_scalar(struct query *q, const double *v, struct promql_result *r)
{
    r->type = PROMQL_SCALAR;
    r->scalar = v[0];
    if (!q->req->range)
        return 0;
    return make_vector(q, stream_of_column(q, v, q->span.steps), r);
}

int result_make(struct query *q, struct promql_result *r)
{
    const struct promql_node *bare = node_bare(q->ast);
    if (bare->kind == NODE_RANGE || bare->kind == NODE_SUBQUERY)
        return make_matrix(q, r);
    struct value v;
    if (eval_node(q, q->ast, q->span, &v) != 0)
        return -1;
    if (v.type == PROMQL_SCALAR)
        return make_scalar(q, v.scalar, r);
    if (v.type == PROMQL_VECTOR)
        return make_vector(q, v.vector, r);
    must(v.type == PROMQL_STRING);
    r->type = PROMQL_STRING;
    r->string = (struct str){arena_strndup(r->arena, v.string.p, v.string.n), v.string.n};
    return 0;
}
