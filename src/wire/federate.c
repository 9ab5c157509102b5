/* /federate (wire/federate.h). On the thread of the request. */
#include "wire/federate.h"

#include <stdlib.h>

#include "base/must.h"
#include "wire/exposition_write.h"

struct found {
    struct labels labels; /* in the arena */
    int64_t t_ms;
    double v;
};
struct federation {
    const struct federate_request *q; /* while it is opened */
    struct labels external;
    enum exposition_format format;
    struct arena *arena;
    struct samples samples; /* of one series */
    vec_of(struct found) found;
    struct labels_builder builder;
    size_t at; /* next to be written */
};

/* The newest sample: 1, 0 none, -1. */
static int newest(struct federation *f, struct series_set *set, uint32_t i, struct found *out,
                  struct err *err)
{
    int64_t max = f->q->now_ms, min = max - f->q->lookback_ms;
    if (set->ops->last)
        return set->ops->last(set, i, min, max, &out->t_ms, &out->v, err);
    f->samples.n = 0;
    if (set->ops->read(set, i, min, max, COLUMN_RAW, &f->samples, err) < 0)
        return -1;
    if (f->samples.n == 0)
        return 0;
    out->t_ms = f->samples.t[f->samples.n - 1];
    out->v = f->samples.v[f->samples.n - 1];
    return 1;
}

static int gather(struct federation *f, const struct federate_selector *s, struct err *err)
{
    struct series_select select = {.matchers = s->matchers,
                                   .n_matchers = s->n,
                                   .min_ms = f->q->now_ms - f->q->lookback_ms,
                                   .max_ms = f->q->now_ms,
                                   .limit = f->q->limit,
                                   .cancelled = f->q->cancelled};
    struct series_set *set = f->q->source.ops->select(f->q->source.self, &select, err);
    if (!set)
        return -1;
    int rc = 0;
    for (uint32_t i = 0; i < set->n && rc >= 0; i++) {
        struct found one = {0};
        rc = newest(f, set, i, &one, err);
        if (rc <= 0 || is_stale(one.v))
            continue;
        struct labels l = set->ops->labels(set, i, f->arena);
        one.labels = labels_dup(f->arena, &l);
        if (labels_metric(&one.labels).n > 0)
            vec_push(&f->found, one);
    }
    set->ops->free(set);
    return rc < 0 ? -1 : 0;
}

static int compare(const void *a, const void *b)
{
    const struct found *x = a, *y = b;
    struct str p = labels_metric(&x->labels), q = labels_metric(&y->labels);
    int c = memcmp(p.p, q.p, p.n < q.n ? p.n : q.n);
    if (c == 0)
        c = (p.n > q.n) - (p.n < q.n);
    return c ? c : labels_compare(&x->labels, &y->labels);
}

static bool has(const struct labels *l, struct str name)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (str_eq(l->at[i].name, name))
            return true;
    }
    return false;
}

/* Unsorted and with empty values: as told, not as kept. */
static struct labels with_external(struct federation *f, const struct labels *l)
{
    const struct labels *external = &f->external;
    labels_builder_from(&f->builder, l);
    for (uint32_t i = 0; i < external->n; i++) {
        if (!has(l, external->at[i].name))
            labels_builder_add(&f->builder, external->at[i].name, external->at[i].value);
    }
    if (!has(l, STR("instance")) && !has(external, STR("instance")))
        labels_builder_add(&f->builder, STR("instance"), STR(""));
    return (struct labels){f->builder.at, (uint32_t)f->builder.n};
}

static void write_one(struct federation *f, struct exposition_writer *w, const struct found *one)
{
    must(one != NULL && one->labels.n > 0);
    const struct found *before = f->at > 0 ? one - 1 : NULL;
    if (before && labels_equal(&one->labels, &before->labels))
        return;
    struct str metric = labels_metric(&one->labels);
    if (!before || !str_eq(metric, labels_metric(&before->labels))) {
        struct metric_metadata m = {.metric = metric, .type = METRIC_UNKNOWN};
        exposition_write_family(w, &m);
    }
    struct labels l = with_external(f, &one->labels);
    exposition_write_sample(w, &l, one->v, &one->t_ms);
}

bool federate_next(struct federation *f, struct buf *out, size_t most)
{
    struct exposition_writer w = {out, f->format};
    size_t end = out->len + most;
    for (; f->at < f->found.n && out->len < end && !out->failed; f->at++)
        write_one(f, &w, &f->found.at[f->at]);
    if (f->at < f->found.n)
        return false;
    exposition_write_end(&w);
    return true;
}

uint64_t federate_bytes(const struct federation *f)
{
    return arena_used(f->arena) + f->found.cap * sizeof(*f->found.at);
}

struct federation *federate_open(const struct federate_request *q, struct err *err)
{
    must(q->source.ops != NULL && q->lookback_ms >= 0);
    struct federation *f = calloc(1, sizeof(*f));
    must(f != NULL);
    f->q = q;
    f->arena = arena_new();
    f->format = q->format;
    f->external = labels_dup(f->arena, &q->external);
    int rc = 0;
    for (size_t i = 0; i < q->n_selectors && rc == 0; i++)
        rc = gather(f, &q->selectors[i], err);
    f->q = NULL;
    samples_done(&f->samples);
    if (rc < 0) {
        federate_free(f);
        return NULL;
    }
    if (f->found.n > 0)
        qsort(f->found.at, f->found.n, sizeof(*f->found.at), compare);
    return f;
}

void federate_free(struct federation *f)
{
    if (f == NULL)
        return;
    vec_done(&f->found);
    labels_builder_done(&f->builder);
    arena_free(f->arena);
    free(f);
}

int federate_write(const struct federate_request *q, struct buf *out, struct err *err)
{
    struct federation *f = federate_open(q, err);
    if (f == NULL)
        return -1;
    federate_next(f, out, SIZE_MAX / 2);
    federate_free(f);
    if (out->failed)
        return err_set(err, ERR_TOO_LARGE, "cannot answer: the series make more than %zu bytes",
                       out->max);
    return 0;
}
