/* info(v, {selector}): adds labels of info series (target_info, unless the selector names others) that have the same instance and
 * job, as they were at each step. Of info series that agree, the one with the newest sample counts. */
#include "promql/eval_priv.h"

#include <stdlib.h>

#define INFO_METRIC "target_info"

struct info {
    struct query *q;
    struct span span;
    const struct matcher *const *matchers; /* of the selector, NULL without */
    size_t n_matchers;
    struct frame *base, *infos;  /* infos: values are the samples' times in seconds */
    uint32_t *base_of, *info_of; /* what has the same instance and job */
    uint32_t n_keys;
    uint32_t *first, *members; /* infos by that */
    struct label_map *rows;
    vec_of(struct labels) labels;
    vec_of(double *) columns;
    vec_of(bool) drops;
    struct labels_builder builder;
};

static const struct str identifying[] = {{"instance", 8}, {"job", 3}};

/* --- which info series --- */

static bool name_matcher(const struct matcher *m)
{
    return str_eqz(matcher_name(m), LABEL_METRIC_NAME);
}

/* What names info series must have where the selector only says which they must not have. */
static bool info_name(struct str name)
{
    return name.n > 5 && str_ends(name, STR("_info"));
}

/* Does the selector say which names, or only which not, or nothing? */
static void name_matchers(const struct info *in, bool *any, bool *positive)
{
    *any = *positive = false;
    for (size_t i = 0; i < in->n_matchers; i++) {
        enum matcher_op op = matcher_op(in->matchers[i]);
        if (!name_matcher(in->matchers[i]))
            continue;
        *any = true;
        *positive |= op == MATCH_EQ || op == MATCH_RE;
    }
}

/* Is a series of this name one that the selector looks for? Such are not enriched themselves. */
static bool is_info(const struct info *in, struct str name)
{
    bool any, positive;
    name_matchers(in, &any, &positive);
    for (size_t i = 0; i < in->n_matchers; i++) {
        if (name_matcher(in->matchers[i]) && !matcher_test(in->matchers[i], name))
            return false;
    }
    if (positive)
        return true;
    return any ? info_name(name) : in->matchers == NULL && str_eqz(name, INFO_METRIC);
}

/* Where the first selector below n looks at each step. */
static int reference_span(struct query *q, const struct promql_node *n, struct span span,
                          struct span *out, bool *found)
{
    *out = span;
    switch (n->kind) {
    case NODE_SELECTOR:
    case NODE_RANGE:
        *found = true;
        return eval_when(q, &n->selector.when, span, out);
    case NODE_SUBQUERY:
        if (eval_when(q, &n->subquery.when, span, &span) != 0)
            return -1;
        return reference_span(q, n->subquery.expr, span, out, found);
    case NODE_CALL:
        for (uint32_t i = 0; i < n->call.n_args && !*found; i++) {
            if (reference_span(q, n->call.args[i], span, out, found) != 0)
                return -1;
        }
        return 0;
    case NODE_AGGREGATE:
        return reference_span(q, n->aggregate.expr, span, out, found);
    case NODE_BINARY:
        if (reference_span(q, n->binary.left, span, out, found) != 0)
            return -1;
        return *found ? 0 : reference_span(q, n->binary.right, span, out, found);
    case NODE_UNARY:
        return reference_span(q, n->unary.expr, span, out, found);
    case NODE_PAREN:
        return reference_span(q, n->paren, span, out, found);
    default:
        return 0;
    }
}

/* A selector node of our own: the given matchers, and the name where none was given. */
static struct promql_node *info_selector(struct info *in, const struct promql_node *call,
                                         struct matcher **own)
{
    struct promql_node *n = arena_new_of(in->q->arena, struct promql_node);
    *n = (struct promql_node){.kind = NODE_SELECTOR, .type = PROMQL_VECTOR};
    n->start = call->start;
    n->end = call->end;
    const struct matcher **m =
        arena_array_of(in->q->arena, const struct matcher *, in->n_matchers + 1);
    bool any, positive;
    name_matchers(in, &any, &positive);
    if (in->n_matchers > 0)
        memcpy(m, in->matchers, in->n_matchers * sizeof(*m));
    size_t count = in->n_matchers;
    if (!positive) {
        *own = any ? matcher_new(MATCH_RE, STR(LABEL_METRIC_NAME), STR(".+_info"), NULL)
                   : matcher_new(MATCH_EQ, STR(LABEL_METRIC_NAME), STR(INFO_METRIC), NULL);
        must(*own != NULL);
        m[count++] = *own;
    }
    n->selector.matchers = m;
    n->selector.n_matchers = count;
    return n;
}

static void free_matcher(void *arg)
{
    matcher_free(arg);
}

static int fetch_infos(struct info *in, const struct promql_node *call)
{
    struct query *q = in->q;
    struct span at;
    bool found = false;
    if (reference_span(q, call->call.args[0], in->span, &at, &found) != 0)
        return -1;
    struct matcher *own = NULL;
    struct promql_node *n = info_selector(in, call, &own);
    struct stream *s = eval_selector(q, n, at, true);
    in->infos = s == NULL ? NULL : frame_of(q, s);
    if (own != NULL)
        arena_on_free(q->arena, free_matcher, own);
    return in->infos == NULL ? -1 : 0;
}

/* --- joining --- */

static int number_keys(struct info *in)
{
    struct query *q = in->q;
    uint32_t n = in->base->s.n, m = in->infos->s.n;
    struct block *b = query_block(q, ((size_t)n + 2 * (size_t)m + 1) * sizeof(uint32_t));
    struct label_keys keys;
    if (b == NULL)
        return -1;
    in->base_of = (uint32_t *)b->data;
    in->info_of = in->base_of + n;
    in->members = in->info_of + m;
    struct label_choice choice = {identifying, array_len(identifying), false};
    int rc = label_keys_open(q, &keys);
    if (rc == 0)
        rc = label_keys_number(q, &keys, &choice, &in->base->s, in->base_of);
    if (rc == 0)
        rc = label_keys_number(q, &keys, &choice, &in->infos->s, in->info_of);
    in->n_keys = (uint32_t)keys.keys.n;
    label_keys_close(&keys);
    if (rc != 0)
        return -1;
    in->first = arena_array_of(q->arena, uint32_t, in->n_keys + 2);
    for (uint32_t i = 0; i < m; i++)
        in->first[in->info_of[i] + 1]++;
    for (uint32_t i = 0; i < in->n_keys; i++)
        in->first[i + 1] += in->first[i];
    uint32_t *next = arena_array_of(q->arena, uint32_t, in->n_keys + 1);
    memcpy(next, in->first, in->n_keys * sizeof(*next));
    for (uint32_t i = 0; i < m; i++)
        in->members[next[in->info_of[i]]++] = i;
    return 0;
}

/* Takes out, at each step, those that an info series of the same name and key with a newer sample stands for. */
static int keep_newest(struct info *in, uint32_t a, uint32_t b)
{
    struct frame *f = in->infos;
    for (uint32_t k = 0; k < f->s.steps; k++) {
        double *x = &f->columns[a][k], *y = &f->columns[b][k];
        if (is_stale(*x) || is_stale(*y))
            continue;
        if (*x == *y) {
            struct buf p = BUF_INIT(1 << 16), r = BUF_INIT(1 << 16);
            labels_format_inside(&p, &f->labels[a]);
            labels_format_inside(&r, &f->labels[b]);
            query_fail(in->q, ERR_INVALID,
                       "found duplicate series for info metric: existing %s @ %.0f, new %s @ %.0f",
                       p.data, *x * 1000, r.data, *y * 1000);
            buf_done(&p);
            buf_done(&r);
            return -1;
        }
        *(*x < *y ? x : y) = ABSENT;
    }
    return 0;
}

static int settle_duplicates(struct info *in)
{
    for (uint32_t key = 0; key < in->n_keys; key++) {
        for (uint32_t i = in->first[key]; i < in->first[key + 1]; i++) {
            for (uint32_t j = i + 1; j < in->first[key + 1]; j++) {
                const struct labels *x = &in->infos->labels[in->members[i]],
                                    *y = &in->infos->labels[in->members[j]];
                if (str_eq(labels_metric(x), labels_metric(y)) &&
                    keep_newest(in, in->members[i], in->members[j]) != 0)
                    return -1;
            }
        }
    }
    return 0;
}

/* Is this label of an info series asked for? */
static bool wanted(const struct info *in, struct str name)
{
    bool any = false;
    for (size_t i = 0; i < in->n_matchers; i++) {
        if (name_matcher(in->matchers[i]))
            continue;
        any = true;
        if (str_eq(matcher_name(in->matchers[i]), name))
            return true;
    }
    return !any;
}

/* May a series stay without any info series? */
static bool optional(const struct info *in)
{
    for (size_t i = 0; i < in->n_matchers; i++) {
        if (!name_matcher(in->matchers[i]) && !matcher_empty(in->matchers[i]))
            return false;
    }
    return true;
}

static int add_labels(struct info *in, const struct labels *base, const struct labels *info,
                      struct labels_builder *b)
{
    for (uint32_t i = 0; i < info->n; i++) {
        struct str name = info->at[i].name, value = info->at[i].value;
        if (str_eqz(name, LABEL_METRIC_NAME) || !wanted(in, name))
            continue;
        struct labels so_far = {b->at, (uint32_t)b->n};
        struct str there = labels_get(&so_far, name);
        bool of_base = labels_get(base, name).n > 0;
        if (!of_base && there.n > 0 && !str_eq(there, value))
            return query_fail(in->q, ERR_INVALID, "conflicting label: %.*s", (int)name.n, name.p);
        if (!of_base && there.n == 0)
            labels_builder_add(b, name, value);
    }
    return 0;
}

static double *row_of(struct info *in, const struct labels *l, bool drop)
{
    bool added;
    uint32_t row = label_map_number(in->rows, l, &added);
    if (added) {
        double *column = query_column(in->q, in->span.steps);
        if (column == NULL)
            return NULL;
        column_fill(column, in->span.steps, ABSENT);
        vec_push(&in->labels, *l);
        vec_push(&in->columns, column);
        vec_push(&in->drops, drop);
    }
    return in->columns.at[row];
}

static int put(struct info *in, const struct labels *l, bool drop, uint32_t k, double v)
{
    double *row = row_of(in, l, drop);
    if (row == NULL)
        return -1;
    if (!is_stale(row[k]))
        return query_fail(in->q, ERR_INVALID,
                          "vector cannot contain metrics with the same labelset");
    row[k] = v;
    return 0;
}

/* Labels of base series i at step k into *out; 0: it is left out, -1: failed. */
static int enriched(struct info *in, uint32_t i, uint32_t k, struct labels *out)
{
    const struct labels *base = &in->base->labels[i];
    uint32_t key = in->base_of[i], used = 0;
    bool identified =
        labels_get(base, identifying[0]).n > 0 || labels_get(base, identifying[1]).n > 0;
    labels_builder_from(&in->builder, base);
    for (uint32_t j = in->first[key]; identified && j < in->first[key + 1]; j++) {
        uint32_t m = in->members[j];
        if (is_stale(in->infos->columns[m][k]))
            continue;
        used++;
        if (add_labels(in, base, &in->infos->labels[m], &in->builder) != 0)
            return -1;
    }
    if (used == 0 && !optional(in))
        return 0;
    struct labels l;
    must(labels_builder_finish(&in->builder, &l, NULL) == 0);
    *out = (struct labels){arena_memdup(in->q->arena, l.at, l.n * sizeof(*l.at)), l.n};
    return 1;
}

/* Does anything about the info series of this key change from step k - 1 to k? */
static bool changes(const struct info *in, uint32_t key, uint32_t k)
{
    for (uint32_t j = in->first[key]; j < in->first[key + 1]; j++) {
        const double *v = in->infos->columns[in->members[j]];
        if (is_stale(v[k]) != is_stale(v[k - 1]))
            return true;
    }
    return false;
}

static int join_series(struct info *in, uint32_t i)
{
    const struct labels *base = &in->base->labels[i];
    bool drop = stream_drops(&in->base->s, i);
    bool itself = is_info(in, labels_metric(base));
    struct labels l = *base;
    int there = itself ? 1 : -2; /* -2: not known yet */
    for (uint32_t k = 0; k < in->span.steps; k++) {
        if (!itself && (there == -2 || (k > 0 && changes(in, in->base_of[i], k))))
            there = -2;
        double v = in->base->columns[i][k];
        if (is_stale(v))
            continue;
        if (there == -2)
            there = enriched(in, i, k, &l);
        if (there < 0 || (there > 0 && put(in, &l, drop, k, v) != 0))
            return -1;
    }
    return 0;
}

static struct stream *join(struct info *in)
{
    if (number_keys(in) != 0 || settle_duplicates(in) != 0)
        return NULL;
    for (uint32_t i = 0; i < in->base->s.n; i++) {
        if (query_stopped(in->q, true) || join_series(in, i) != 0)
            return NULL;
    }
    struct frame *f = frame_new(in->q, (uint32_t)in->columns.n, in->span.steps);
    for (uint32_t i = 0; f != NULL && i < in->columns.n; i++) {
        f->labels[i] = in->labels.at[i];
        f->drops[i] = in->drops.at[i];
        memcpy(f->columns[i], in->columns.at[i], in->span.steps * sizeof(double));
    }
    return f == NULL ? NULL : &f->s;
}

int special_info(struct query *q, const struct promql_node *n, struct span span, struct value *out)
{
    struct info in = {.q = q, .span = span};
    if (n->call.n_args > 1) {
        const struct promql_node *selector = node_bare(n->call.args[1]);
        must(selector->kind == NODE_SELECTOR);
        in.matchers = selector->selector.matchers;
        in.n_matchers = selector->selector.n_matchers;
    }
    struct stream *s = eval_vector(q, n->call.args[0], span);
    in.base = s == NULL ? NULL : frame_of(q, s);
    if (in.base == NULL || fetch_infos(&in, n) != 0)
        return -1;
    in.rows = label_map_new();
    *out = (struct value){.type = PROMQL_VECTOR, .vector = join(&in)};
    label_map_free(in.rows);
    labels_builder_done(&in.builder);
    vec_done(&in.labels);
    vec_done(&in.columns);
    vec_done(&in.drops);
    return out->vector == NULL ? -1 : 0;
}
