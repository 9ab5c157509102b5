/* sort, sort_desc, sort_by_label, sort_by_label_desc: the order of an instant query's answer. Range queries are ordered by labels
 * whatever is asked, and say so. */
#include "promql/eval_priv.h"

#include <math.h>
#include <stdlib.h>

struct sorting {
    const struct frame *f;
    bool desc, by_label;
    const struct str *names;
    uint32_t n_names;
};

static int by_value(const struct sorting *s, uint32_t a, uint32_t b)
{
    double x = s->f->columns[a][0], y = s->f->columns[b][0];
    if (isnan(x) || isnan(y))
        return (int)isnan(x) - (int)isnan(y);
    int c = (x > y) - (x < y);
    return s->desc ? -c : c;
}

static int by_labels(const struct sorting *s, uint32_t a, uint32_t b)
{
    const struct labels *x = &s->f->labels[a], *y = &s->f->labels[b];
    int c = 0;
    for (uint32_t i = 0; i < s->n_names && c == 0; i++)
        c = natural_compare(labels_get(x, s->names[i]), labels_get(y, s->names[i]));
    if (c == 0)
        c = labels_compare(x, y);
    return s->desc ? -c : c;
}

static int compare(const void *a, const void *b, void *arg)
{
    const struct sorting *s = arg;
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    int c = s->by_label ? by_labels(s, x, y) : by_value(s, x, y);
    return c != 0 ? c : (x > y) - (x < y);
}

static int reorder(struct query *q, struct frame *f, struct sorting *s)
{
    must(s->f == f && f->s.steps == 1);
    uint32_t n = f->s.n;
    size_t each = sizeof(uint32_t) + sizeof(*f->labels) + sizeof(*f->columns) + sizeof(*f->drops);
    struct block *b = query_block(q, n * each + 16);
    if (b == NULL)
        return -1;
    struct labels *labels = (struct labels *)b->data;
    double **columns = (double **)(labels + n);
    uint32_t *order = (uint32_t *)(columns + n);
    bool *drops = (bool *)(order + n);
    for (uint32_t i = 0; i < n; i++)
        order[i] = i;
    qsort_r(order, n, sizeof(*order), compare, s);
    for (uint32_t i = 0; i < n; i++) {
        labels[i] = f->labels[order[i]];
        columns[i] = f->columns[order[i]];
        drops[i] = stream_drops(&f->s, order[i]);
    }
    memcpy(f->labels, labels, n * sizeof(*labels));
    memcpy(f->columns, columns, n * sizeof(double *));
    memcpy(f->drops, drops, n * sizeof(*drops));
    query_unblock(q, b);
    return 0;
}

int special_sort(struct query *q, const struct promql_node *n, struct span span, struct value *out)
{
    must(n->call.n_args >= 1);
    enum promql_special id = n->call.fn->special;
    struct stream *in = eval_vector(q, n->call.args[0], span);
    if (in == NULL)
        return -1;
    *out = (struct value){.type = PROMQL_VECTOR, .vector = in};
    if (q->req->range) {
        note_warning(q, n, /* whichever of them it is: Prometheus' words */
                     "sort is ineffective for range queries since results are always ordered by "
                     "labels");
        return 0;
    }
    struct sorting s = {.f = frame_of(q, in)};
    if (s.f == NULL || span.steps != 1)
        return s.f == NULL ? -1 : 0;
    s.desc = id == SPECIAL_SORT_DESC || id == SPECIAL_SORT_BY_LABEL_DESC;
    s.by_label = id == SPECIAL_SORT_BY_LABEL || id == SPECIAL_SORT_BY_LABEL_DESC;
    s.n_names = n->call.n_args - 1;
    struct str *names = arena_array_of(q->arena, struct str, s.n_names + 1);
    for (uint32_t i = 0; s.by_label && i < s.n_names; i++) {
        if (eval_string(q, n->call.args[i + 1], &names[i]) != 0)
            return -1;
    }
    s.names = names;
    struct frame *f = (struct frame *)(uintptr_t)s.f;
    out->vector = &f->s;
    return reorder(q, f, &s);
}
