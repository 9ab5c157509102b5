/* and, or, unless: by which signatures the other side has at each step. */
#include "promql/eval_priv.h"

/* Which signatures have a value at which step: by signature, then step. */
static bool *presence(struct query *q, const struct frame *f, const uint32_t *of, uint32_t n)
{
    uint32_t steps = f->s.steps;
    struct block *b = query_block(q, (size_t)n * steps + 1);
    if (b == NULL)
        return NULL;
    bool *present = (bool *)b->data;
    for (uint32_t i = 0; i < f->s.n; i++) {
        bool *row = present + (size_t)of[i] * steps;
        for (uint32_t k = 0; k < steps; k++)
            row[k] |= !is_stale(f->columns[i][k]);
    }
    return present;
}

/* Keeps what the other side has, or what it has not. */
static void keep(struct frame *f, const uint32_t *of, const bool *present, bool wanted)
{
    uint32_t steps = f->s.steps;
    for (uint32_t i = 0; i < f->s.n; i++) {
        const bool *row = present + (size_t)of[i] * steps;
        for (uint32_t k = 0; k < steps; k++) {
            if (row[k] != wanted)
                f->columns[i][k] = ABSENT;
        }
    }
    frame_compact(f);
}

static struct stream *unite(struct query *q, struct frame *l, struct frame *r)
{
    struct frame *out = frame_new(q, l->s.n + r->s.n, l->s.steps);
    if (out == NULL)
        return NULL;
    struct frame *sides[2] = {l, r};
    uint32_t n = 0;
    for (int side = 0; side < 2; side++) {
        for (uint32_t i = 0; i < sides[side]->s.n; i++, n++) {
            out->labels[n] = sides[side]->labels[i];
            out->drops[n] = stream_drops(&sides[side]->s, i);
            memcpy(out->columns[n], sides[side]->columns[i], l->s.steps * sizeof(double));
        }
        stream_done(&sides[side]->s);
    }
    must(n == out->s.n);
    return frame_unique(out, false) == 0 ? &out->s : NULL;
}

struct stream *binary_set(struct query *q, const struct promql_node *n, struct frame *l,
                          struct frame *r)
{
    must(op_is_set(n->binary.op) && l->s.steps == r->s.steps);
    struct label_choice choice = {n->binary.labels, n->binary.n_labels, !n->binary.on};
    struct block *b = query_block(q, ((size_t)l->s.n + r->s.n + 1) * sizeof(uint32_t));
    struct label_keys keys;
    if (b == NULL)
        return NULL;
    uint32_t *of_l = (uint32_t *)b->data, *of_r = of_l + l->s.n;
    bool *present = NULL;
    bool or = n->binary.op == OP_OR;
    if (label_keys_open(q, &keys) == 0 && label_keys_number(q, &keys, &choice, &l->s, of_l) == 0 &&
        label_keys_number(q, &keys, &choice, &r->s, of_r) == 0)
        present = or ? presence(q, l, of_l, (uint32_t)keys.keys.n)
                     : presence(q, r, of_r, (uint32_t)keys.keys.n);
    label_keys_close(&keys);
    if (present == NULL)
        return NULL;
    if (or) {
        keep(r, of_r, present, false);
        return unite(q, l, r);
    }
    keep(l, of_l, present, n->binary.op == OP_AND);
    stream_done(&r->s);
    return &l->s;
}
