/* Operators between vectors, and aggregations, one step at a time. */
#include <math.h>
#include <stdlib.h>

#include "promql/func_math.h"
#include "slow_promql.h"

static bool in_list(const struct str *names, uint32_t n, struct str name)
{
    for (uint32_t i = 0; i < n; i++) {
        if (str_eq(names[i], name))
            return true;
    }
    return false;
}

static bool is_name(struct str s)
{
    return str_eqz(s, "__name__");
}

struct labels slow_without(struct slow *s, const struct labels *l, const struct str *names,
                           uint32_t n, bool keep, bool drop_name)
{
    struct label_pair *at = arena_array_of(s->arena, struct label_pair, l->n + 1);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->n; i++) {
        struct str name = l->at[i].name;
        bool meta = is_name(name) || str_eqz(name, "__type__") || str_eqz(name, "__unit__");
        if ((drop_name && meta) || in_list(names, n, name) != keep)
            continue;
        at[kept++] = l->at[i];
    }
    return (struct labels){at, kept};
}

bool slow_unique(const slow_vector *v)
{
    for (size_t i = 0; i < v->n; i++) {
        for (size_t j = 0; j < i; j++) {
            if (labels_equal(&v->at[i].labels, &v->at[j].labels))
                return false;
        }
    }
    return true;
}

static enum slow_status fail(struct slow *s, const char *why)
{
    s->why = why;
    return SLOW_FAILED;
}

/* --- single values --- */

static bool compares(enum promql_op op)
{
    return op == OP_EQ || op == OP_NE || op == OP_LT || op == OP_GT || op == OP_LE || op == OP_GE;
}

static double apply(enum promql_op op, double a, double b)
{
    switch (op) {
    case OP_ADD:
        return a + b;
    case OP_SUB:
        return a - b;
    case OP_MUL:
        return a * b;
    case OP_DIV:
        return a / b;
    case OP_MOD:
        return fmod(a, b);
    case OP_POW:
        return math_pow(
            a, b); /* not libm's: `% 7` of it shows the last bit, and that is Go's (func_math.h) */
    case OP_ATAN2:
        return math_atan2(a, b);
    case OP_EQ:
        return a == b;
    case OP_NE:
        return a != b;
    case OP_LT:
        return a < b;
    case OP_GT:
        return a > b;
    case OP_LE:
        return a <= b;
    default:
        return a >= b;
    }
}

/* --- a vector and a scalar --- */

static enum slow_status with_scalar(struct slow *s, const struct promql_node *n, slow_vector *v,
                                    double x, bool scalar_left, slow_vector *out)
{
    enum promql_op op = n->binary.op;
    vec_each (v, p) {
        double r = scalar_left ? apply(op, x, p->v) : apply(op, p->v, x);
        struct labels l = p->labels;
        bool filters = compares(op) && !n->binary.return_bool;
        if (filters && r == 0)
            continue;
        if (!filters)
            l = slow_without(s, &l, NULL, 0, false, true);
        slow_push(s, out, ((struct slow_point){l, filters ? p->v : r}));
    }
    return slow_unique(out) ? SLOW_OK : fail(s, "same labelset");
}

/* --- two vectors --- */

static struct labels signature(struct slow *s, const struct promql_node *n, const struct labels *l)
{
    if (n->binary.on)
        return slow_without(s, l, n->binary.labels, n->binary.n_labels, true, false);
    struct str name = STR("__name__");
    struct labels rest = slow_without(s, l, n->binary.labels, n->binary.n_labels, false, false);
    return slow_without(s, &rest, &name, 1, false, false);
}

static bool has(struct slow *s, const struct promql_node *n, const slow_vector *v,
                const struct labels *sig)
{
    vec_each (v, p) {
        struct labels other = signature(s, n, &p->labels);
        if (labels_equal(&other, sig))
            return true;
    }
    return false;
}

static void set_operator(struct slow *s, const struct promql_node *n, slow_vector *l,
                         slow_vector *r, slow_vector *out)
{
    vec_each (l, p) {
        struct labels sig = signature(s, n, &p->labels);
        if (n->binary.op == OP_OR || has(s, n, r, &sig) == (n->binary.op == OP_AND))
            slow_push(s, out, *p);
    }
    vec_each (r, p) {
        struct labels sig = signature(s, n, &p->labels);
        if (n->binary.op == OP_OR && !has(s, n, l, &sig))
            slow_push(s, out, *p);
    }
}

static struct labels joined(struct slow *s, const struct promql_node *n, const struct labels *many,
                            const struct labels *one)
{
    struct labels l = *many;
    bool changes = !compares(n->binary.op) || n->binary.return_bool;
    if (changes)
        l = slow_without(s, &l, NULL, 0, false, true);
    if (n->binary.card == CARD_ONE_TO_ONE)
        l = slow_without(s, &l, n->binary.labels, n->binary.n_labels, n->binary.on, false);
    struct labels_builder b = {0};
    labels_builder_from(&b, &l);
    for (uint32_t i = 0; i < n->binary.n_include; i++) {
        struct str value = labels_get(one, n->binary.include[i]);
        labels_builder_del(&b, n->binary.include[i]);
        if (value.n > 0)
            labels_builder_add(&b, n->binary.include[i], value);
    }
    struct labels out;
    must(labels_builder_finish(&b, &out, NULL) == 0);
    out = labels_dup(s->arena, &out);
    labels_builder_done(&b);
    return out;
}

struct seen {
    struct labels signature, result;
};
typedef vec_of(struct seen) seen_list;

static enum slow_status match_one(struct slow *s, const struct promql_node *n,
                                  const struct slow_point *many, slow_vector *ones, seen_list *all,
                                  slow_vector *out)
{
    struct labels sig = signature(s, n, &many->labels);
    vec_each (ones, one) {
        struct labels other = signature(s, n, &one->labels);
        if (!labels_equal(&sig, &other))
            continue;
        struct labels l = joined(s, n, &many->labels, &one->labels);
        bool swapped = n->binary.card == CARD_ONE_TO_MANY;
        double a = swapped ? one->v : many->v, b = swapped ? many->v : one->v;
        for (size_t i = 0; i < all->n; i++) {
            bool same = n->binary.card == CARD_ONE_TO_ONE || labels_equal(&all->at[i].result, &l);
            if (same && labels_equal(&all->at[i].signature, &sig))
                return fail(s, "multiple matches");
        }
        vec_push(all, ((struct seen){sig, l}));
        double v = apply(n->binary.op, a, b);
        bool filters = compares(n->binary.op) && !n->binary.return_bool;
        if (!filters || v != 0)
            slow_push(s, out, ((struct slow_point){l, filters ? a : v}));
    }
    return SLOW_OK;
}

static enum slow_status match(struct slow *s, const struct promql_node *n, slow_vector *l,
                              slow_vector *r, slow_vector *out)
{
    if (l->n == 0 || r->n == 0)
        return SLOW_OK;
    slow_vector *many = n->binary.card == CARD_ONE_TO_MANY ? r : l, *one = many == l ? r : l;
    for (size_t i = 0; i < one->n; i++) {
        for (size_t j = 0; j < i; j++) {
            struct labels a = signature(s, n, &one->at[i].labels);
            struct labels b = signature(s, n, &one->at[j].labels);
            if (labels_equal(&a, &b))
                return fail(s, "duplicate series on the one side");
        }
    }
    seen_list seen = {0};
    enum slow_status rc = SLOW_OK;
    for (size_t i = 0; i < many->n && rc == SLOW_OK; i++)
        rc = match_one(s, n, &many->at[i], one, &seen, out);
    vec_done(&seen);
    return rc == SLOW_OK && !slow_unique(out) ? fail(s, "same labelset") : rc;
}

enum slow_status slow_binary(struct slow *s, const struct promql_node *n, struct slow_value *l,
                             struct slow_value *r, struct slow_value *out)
{
    enum promql_op op = n->binary.op;
    out->type = n->type;
    if (n->binary.fill_left || n->binary.fill_right || op == OP_TRIM_LOWER || op == OP_TRIM_UPPER)
        return SLOW_UNKNOWN;
    if (l->type == PROMQL_SCALAR && r->type == PROMQL_SCALAR)
        out->scalar = apply(op, l->scalar, r->scalar);
    else if (r->type == PROMQL_SCALAR)
        return with_scalar(s, n, &l->vector, r->scalar, false, &out->vector);
    else if (l->type == PROMQL_SCALAR)
        return with_scalar(s, n, &r->vector, l->scalar, true, &out->vector);
    else if (op != OP_AND && op != OP_OR && op != OP_UNLESS)
        return match(s, n, &l->vector, &r->vector, &out->vector);
    else
        set_operator(s, n, &l->vector, &r->vector, &out->vector);
    return slow_unique(&out->vector) ? SLOW_OK : fail(s, "same labelset");
}

/* --- aggregations --- */

static double fold(enum promql_aggregate op, const double *v, uint32_t n)
{
    double sum = 0, rest = 0, mean = 0, best = v[0];
    for (uint32_t i = 0; i < n; i++) {
        sum = kahan_add(v[i], sum, &rest);
        mean += v[i] / n;
        bool better = op == AGG_MIN ? v[i] < best : v[i] > best;
        if (isnan(best) || better)
            best = v[i];
    }
    switch (op) {
    case AGG_SUM:
        return sum + rest;
    case AGG_AVG:
        return isinf(sum) ? mean : (sum + rest) / n;
    case AGG_COUNT:
        return n;
    case AGG_GROUP:
        return 1;
    default:
        return best;
    }
}

static double variance(const double *v, uint32_t n)
{
    double mean = 0, squares = 0;
    for (uint32_t i = 0; i < n; i++)
        mean += v[i] / n;
    for (uint32_t i = 0; i < n; i++)
        squares += (v[i] - mean) * (v[i] - mean);
    return squares / n;
}

static int ascending(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return (int)isnan(y) - (int)isnan(x);
    return (x > y) - (x < y);
}

static double quantile(double q, double *v, uint32_t n)
{
    if (isnan(q))
        return NAN;
    if (q < 0 || q > 1)
        return q < 0 ? -INFINITY : INFINITY;
    qsort(v, n, sizeof(*v), ascending);
    double rank = q * (n - 1), low = floor(rank), high = fmin(n - 1, low + 1), part = rank - low;
    return v[(uint32_t)low] * (1 - part) + v[(uint32_t)high] * part;
}

/* The k best one after another; of equals the first. */
static void best_of(struct slow *s, const struct promql_node *n, double k, slow_vector *group,
                    slow_vector *out)
{
    bool bottom = n->aggregate.op == AGG_BOTTOMK;
    for (double taken = 1; taken <= k && group->n > 0; taken++) {
        size_t best = 0;
        for (size_t i = 1; i < group->n; i++) {
            double x = group->at[i].v, y = group->at[best].v;
            if ((isnan(y) && !isnan(x)) || (bottom ? x < y : x > y))
                best = i;
        }
        slow_push(s, out, group->at[best]);
        memmove(group->at + best, group->at + best + 1, (group->n - best - 1) * sizeof(*group->at));
        group->n--;
    }
}

static enum slow_status reduce(struct slow *s, const struct promql_node *n, double param,
                               slow_vector *group, struct labels labels, slow_vector *out)
{
    enum promql_aggregate op = n->aggregate.op;
    if (op == AGG_TOPK || op == AGG_BOTTOMK) {
        best_of(s, n, param, group, out);
        return SLOW_OK;
    }
    if (op == AGG_COUNT_VALUES || op == AGG_LIMITK || op == AGG_LIMIT_RATIO)
        return SLOW_UNKNOWN;
    double *v = malloc(group->n * sizeof(*v)), r;
    must(v != NULL);
    bool finite = true;
    for (size_t i = 0; i < group->n; i++) {
        v[i] = group->at[i].v;
        finite = finite && isfinite(v[i]);
    }
    if (op == AGG_QUANTILE)
        r = quantile(param, v, (uint32_t)group->n);
    else if (op == AGG_STDVAR || op == AGG_STDDEV)
        r = finite ? variance(v, (uint32_t)group->n) : NAN;
    else
        r = fold(op, v, (uint32_t)group->n);
    if (op == AGG_STDDEV)
        r = sqrt(r);
    free(v);
    slow_push(s, out, ((struct slow_point){labels, r}));
    return SLOW_OK;
}

enum slow_status slow_aggregate(struct slow *s, const struct promql_node *n, double param,
                                slow_vector *in, slow_vector *out)
{
    vec_of(struct labels) groups = {0};
    enum slow_status rc = SLOW_OK;
    vec_each (in, p) {
        struct labels l = slow_without(s, &p->labels, n->aggregate.labels, n->aggregate.n_labels,
                                       !n->aggregate.without, false);
        struct str name = STR("__name__");
        if (n->aggregate.without)
            l = slow_without(s, &l, &name, 1, false, false);
        bool known = false;
        vec_each (&groups, g)
            known = known || labels_equal(g, &l);
        if (!known)
            vec_push(&groups, l);
    }
    for (size_t i = 0; i < groups.n && rc == SLOW_OK; i++) {
        slow_vector group = {0};
        vec_each (in, p) {
            struct labels l = slow_without(s, &p->labels, n->aggregate.labels,
                                           n->aggregate.n_labels, !n->aggregate.without, false);
            struct str name = STR("__name__");
            if (n->aggregate.without)
                l = slow_without(s, &l, &name, 1, false, false);
            if (labels_equal(&l, &groups.at[i]))
                slow_push(s, &group, *p);
        }
        rc = reduce(s, n, param, &group, groups.at[i], out);
    }
    vec_done(&groups);
    return rc;
}
