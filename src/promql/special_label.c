/* label_replace and label_join over gathered series. */
#include "promql/eval_priv.h"

static int strings(struct query *q, const struct promql_node *n, uint32_t from, struct str *out)
{
    for (uint32_t i = from; i < n->call.n_args; i++) {
        if (eval_string(q, n->call.args[i], &out[i]) != 0)
            return -1;
    }
    return 0;
}

static void free_replace(void *arg)
{
    label_replace_free(arg);
}

static int replace(struct query *q, struct frame *f, const struct str *arg)
{
    struct err err;
    err_clear(&err);
    struct label_replace *r = label_replace_new(arg[1], arg[2], arg[3], arg[4], &err);
    if (r == NULL)
        return query_fail_err(q, &err);
    arena_on_free(q->arena, free_replace, r); /* label sets borrow the name from it */
    for (uint32_t i = 0; i < f->s.n; i++) {
        struct labels l;
        if (!label_replace_apply(r, &f->labels[i], q->arena, &l))
            continue;
        f->labels[i] = l;
        if (str_eqz(arg[1], LABEL_METRIC_NAME))
            f->drops[i] = false;
    }
    return 0;
}

static int join(struct query *q, struct frame *f, const struct str *arg, uint32_t n_args)
{
    must(n_args >= 3); /* check.c */
    struct err err;
    err_clear(&err);
    if (label_join_check(arg[1], arg + 3, n_args - 3, &err) != 0)
        return query_fail_err(q, &err);
    for (uint32_t i = 0; i < f->s.n; i++) {
        struct labels l;
        label_join_apply(arg[1], arg[2], arg + 3, n_args - 3, &f->labels[i], q->arena, &l);
        f->labels[i] = l;
        if (str_eqz(arg[1], LABEL_METRIC_NAME))
            f->drops[i] = false;
    }
    return 0;
}

int special_label(struct query *q, const struct promql_node *n, struct span span, struct value *out)
{
    struct str *arg = arena_array_of(q->arena, struct str, n->call.n_args);
    if (strings(q, n, 1, arg) != 0)
        return -1;
    struct stream *s = eval_vector(q, n->call.args[0], span);
    struct frame *f = s == NULL ? NULL : frame_of(q, s);
    if (f == NULL)
        return -1;
    for (uint32_t i = 0; i < f->s.n; i++)
        f->drops[i] = stream_drops(&f->s, i);
    f->s.drops = f->drops;
    bool replaces = n->call.fn->special == SPECIAL_LABEL_REPLACE;
    must(!replaces || n->call.n_args == 5);
    int rc = replaces ? replace(q, f, arg) : join(q, f, arg, n->call.n_args);
    if (rc != 0 || frame_unique(f, false) != 0)
        return -1;
    f->s.names = NAMES_MANY;
    *out = (struct value){.type = PROMQL_VECTOR, .vector = &f->s};
    return 0;
}
