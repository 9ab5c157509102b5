/* Figures a node, when a query asks for them: series, samples, bytes, time. Times include what lies below a node. Streams are
 * wrapped, so that what their columns cost counts where it belongs, whichever thread computes them. */
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"
#include "base/map.h"
#include "promql/eval_priv.h"

struct figures {
    const struct promql_node *node;
    atomic_ullong series, samples, bytes;
    atomic_llong wall_ns, cpu_ns;
    int64_t wall_from, cpu_from;
};

struct query_stats {
    vec_of(struct figures *) at; /* in the order of promql_walk */
    struct map_u64 *by_node;
};

static int64_t cpu_ns(void)
{
    struct timespec t;
    must(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t) == 0);
    return t.tv_sec * NS_PER_S + t.tv_nsec;
}

static bool add_node(void *arg, const struct promql_node *n)
{
    struct query *q = arg;
    struct figures *f = arena_new_of(q->arena, struct figures);
    f->node = n;
    vec_push(&q->stats->at, f);
    map_u64_put(q->stats->by_node, (uint64_t)(uintptr_t)n, f);
    return true;
}

void stats_open(struct query *q)
{
    q->stats = arena_new_of(q->arena, struct query_stats);
    q->stats->by_node = map_u64_new();
    promql_walk(q->ast, add_node, q);
}

void stats_free(struct query *q)
{
    if (q->stats == NULL)
        return;
    vec_done(&q->stats->at);
    map_u64_free(q->stats->by_node);
    q->stats = NULL;
}

static struct figures *figures_of(struct query *q, const struct promql_node *n)
{
    return q->stats == NULL ? NULL : map_u64_get(q->stats->by_node, (uint64_t)(uintptr_t)n);
}

void stats_enter(struct query *q, const struct promql_node *n)
{
    struct figures *f = figures_of(q, n);
    if (f == NULL)
        return;
    f->wall_from = clock_mono_ns();
    f->cpu_from = cpu_ns();
}

struct counted {
    struct stream s;
    struct stream *in;
    struct figures *f;
};

static const double *counted_column(struct stream *s, struct worker *w, uint32_t i, double *out)
{
    struct counted *c = (struct counted *)s;
    int64_t wall = clock_mono_ns(), cpu = cpu_ns();
    const double *v = c->in->ops->column(c->in, w, i, out);
    atomic_fetch_add(&c->f->wall_ns, clock_mono_ns() - wall);
    atomic_fetch_add(&c->f->cpu_ns, cpu_ns() - cpu);
    if (v != NULL) {
        atomic_fetch_add(&c->f->series, 1);
        atomic_fetch_add(&c->f->bytes, s->steps * sizeof(double));
    }
    return v;
}

static struct labels counted_labels(struct stream *s, uint32_t i, struct arena *a)
{
    struct stream *in = ((struct counted *)s)->in;
    return in->ops->labels(in, i, a);
}

static struct str counted_label(struct stream *s, uint32_t i, struct str name)
{
    struct stream *in = ((struct counted *)s)->in;
    return in->ops->label(in, i, name);
}

static void counted_done(struct stream *s)
{
    stream_done(((struct counted *)s)->in);
}

static const struct stream_ops counted_ops = {
    .column = counted_column,
    .labels = counted_labels,
    .label = counted_label,
    .done = counted_done,
};

void stats_leave(struct query *q, const struct promql_node *n, struct value *v)
{
    struct figures *f = figures_of(q, n);
    if (f == NULL)
        return;
    atomic_fetch_add(&f->wall_ns, clock_mono_ns() - f->wall_from);
    atomic_fetch_add(&f->cpu_ns, cpu_ns() - f->cpu_from);
    if (v == NULL || v->type != PROMQL_VECTOR)
        return;
    struct counted *c = arena_new_of(q->arena, struct counted);
    *c = (struct counted){.s = *v->vector, .in = v->vector, .f = f};
    c->s.ops = &counted_ops;
    v->vector = &c->s;
}

void stats_samples(struct query *q, const struct promql_node *n, uint64_t samples)
{
    struct figures *f = figures_of(q, n);
    if (f == NULL)
        return;
    atomic_fetch_add(&f->samples, samples);
    if (n->kind == NODE_RANGE && samples > 0) { /* has no column of its own */
        atomic_fetch_add(&f->series, 1);
        atomic_fetch_add(&f->bytes, samples * (sizeof(double) + sizeof(int64_t)));
    }
}

void stats_result(struct query *q, struct promql_result *r)
{
    if (q->stats == NULL)
        return;
    r->n_nodes = q->stats->at.n;
    r->nodes = arena_array_of(r->arena, struct promql_node_stats, r->n_nodes);
    for (size_t i = 0; i < r->n_nodes; i++) {
        const struct figures *f = q->stats->at.at[i];
        r->nodes[i] = (struct promql_node_stats){
            .node = f->node,
            .series = atomic_load(&f->series),
            .samples = atomic_load(&f->samples),
            .bytes = atomic_load(&f->bytes),
            .wall_ns = atomic_load(&f->wall_ns),
            .cpu_ns = atomic_load(&f->cpu_ns),
        };
    }
}
