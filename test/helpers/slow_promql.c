/* Selectors, ranges, subqueries, functions; and the comparison. */
#include "slow_promql.h"

#include <math.h>
#include <stdlib.h>

#define TRY(expr)                       \
    do {                                \
        enum slow_status try_ = (expr); \
        if (try_ != SLOW_OK)            \
            return try_;                \
    } while (0)

void slow_push(struct slow *s, slow_vector *v, struct slow_point p)
{
    if (v->n == v->cap) {
        size_t cap = v->cap > 0 ? v->cap * 2 : 4;
        struct slow_point *at = arena_array_of(s->arena, struct slow_point, cap);
        if (v->n > 0)
            memcpy(at, v->at, v->n * sizeof(*at));
        v->at = at;
        v->cap = cap;
    }
    v->at[v->n++] = p;
}

struct slow_series {
    struct labels labels;
    struct samples samples;
};
typedef vec_of(struct slow_series) slow_matrix;

static enum slow_status fail(struct slow *s, const char *why)
{
    s->why = why;
    return SLOW_FAILED;
}

static void matrix_done(slow_matrix *m)
{
    vec_each (m, it)
        samples_done(&it->samples);
    vec_done(m);
}

static int64_t reference(const struct slow *s, const struct promql_when *w, int64_t t)
{
    if (w->at == AT_TIME)
        t = w->at_ms;
    else if (w->at == AT_START)
        t = s->start_ms;
    else if (w->at == AT_END)
        t = s->end_ms;
    return t - w->offset.ms;
}

/* Samples of all series within (from, to], stale markers too. */
static enum slow_status read_all(struct slow *s, const struct promql_node *n, int64_t from,
                                 int64_t to, slow_matrix *out)
{
    struct series_select select = {.matchers = n->selector.matchers,
                                   .n_matchers = n->selector.n_matchers,
                                   .min_ms = from + 1,
                                   .max_ms = to};
    struct series_set *set = s->source.ops->select(s->source.self, &select, NULL);
    must(set != NULL);
    for (uint32_t i = 0; i < set->n; i++) {
        struct slow_series series = {.labels = set->ops->labels(set, i, s->arena)};
        series.labels = labels_dup(s->arena, &series.labels);
        must(set->ops->read(set, i, from + 1, to, COLUMN_RAW, &series.samples, NULL) == 0);
        s->budget -= series.samples.n < s->budget ? series.samples.n : s->budget;
        vec_push(out, series);
    }
    set->ops->free(set);
    return s->budget == 0 ? SLOW_UNKNOWN : SLOW_OK;
}

static enum slow_status selector(struct slow *s, const struct promql_node *n, int64_t t, bool times,
                                 slow_vector *out)
{
    if (n->selector.smoothed || n->selector.when.offset.expr != NULL)
        return SLOW_UNKNOWN;
    int64_t at = reference(s, &n->selector.when, t);
    slow_matrix m = {0};
    enum slow_status rc = read_all(s, n, at - s->lookback_ms, at, &m);
    vec_each (&m, it) {
        uint32_t last = it->samples.n;
        if (last == 0 || is_stale(it->samples.v[last - 1]))
            continue;
        double v = times ? (double)it->samples.t[last - 1] / 1000 : it->samples.v[last - 1];
        slow_push(s, out, ((struct slow_point){it->labels, v}));
    }
    matrix_done(&m);
    return rc;
}

static void add_to_matrix(slow_matrix *m, const struct slow_point *p, int64_t t)
{
    vec_each (m, it) {
        if (labels_equal(&it->labels, &p->labels)) {
            samples_add(&it->samples, t, p->v);
            return;
        }
    }
    struct slow_series series = {.labels = p->labels};
    samples_add(&series.samples, t, p->v);
    vec_push(m, series);
}

static enum slow_status subquery(struct slow *s, const struct promql_node *n, int64_t at,
                                 slow_matrix *out)
{
    int64_t step = n->subquery.step.ms != 0 ? n->subquery.step.ms : s->interval_ms;
    int64_t from = at - n->subquery.range.ms;
    for (int64_t t = from - from % step - step; t <= at; t += step) {
        if (t <= from)
            continue;
        struct slow_value v = {0};
        TRY(slow_eval(s, n->subquery.expr, t, &v));
        vec_each (&v.vector, p)
            add_to_matrix(out, p, t);
    }
    return SLOW_OK;
}

/* The samples of a range at time t, stale markers gone. */
static enum slow_status range(struct slow *s, const struct promql_node *n, int64_t t,
                              slow_matrix *out, int64_t *at, int64_t *range_ms)
{
    while (n->kind == NODE_PAREN)
        n = n->paren;
    if (n->kind == NODE_SUBQUERY) {
        if (n->subquery.range.expr || n->subquery.step.expr || n->subquery.when.offset.expr)
            return SLOW_UNKNOWN;
        *at = reference(s, &n->subquery.when, t);
        *range_ms = n->subquery.range.ms;
        return subquery(s, n, *at, out);
    }
    if (n->selector.anchored || n->selector.smoothed || n->selector.range.expr ||
        n->selector.when.offset.expr)
        return SLOW_UNKNOWN;
    *at = reference(s, &n->selector.when, t);
    *range_ms = n->selector.range.ms;
    TRY(read_all(s, n, *at - *range_ms, *at, out));
    vec_each (out, it) {
        uint32_t kept = 0;
        for (uint32_t i = 0; i < it->samples.n; i++) {
            if (is_stale(it->samples.v[i]))
                continue;
            it->samples.t[kept] = it->samples.t[i];
            it->samples.v[kept++] = it->samples.v[i];
        }
        it->samples.n = kept;
    }
    return SLOW_OK;
}

/* --- functions of one window, written down as the manual says --- */

/* rate, increase and delta: extrapolated to the edges of the window. */
static double extrapolated(const struct samples *x, int64_t at, int64_t range_ms, bool counter,
                           bool per_second)
{
    if (x->n < 2)
        return ABSENT;
    double first = x->v[0], last = x->v[x->n - 1], grown = last - first;
    for (uint32_t i = 1; counter && i < x->n; i++) {
        if (x->v[i] < x->v[i - 1])
            grown += x->v[i - 1];
    }
    double to_start = (double)(x->t[0] - (at - range_ms)) / 1000;
    double to_end = (double)(at - x->t[x->n - 1]) / 1000;
    double sampled = (double)(x->t[x->n - 1] - x->t[0]) / 1000,
           spacing = sampled / (double)(x->n - 1);
    if (to_start >= spacing * 1.1)
        to_start = spacing / 2;
    if (counter && grown > 0 && first >= 0 && sampled * (first / grown) < to_start)
        to_start = sampled * (first / grown);
    if (to_end >= spacing * 1.1)
        to_end = spacing / 2;
    double factor = (sampled + to_start + to_end) / sampled;
    if (per_second)
        factor /= (double)range_ms / 1000;
    return grown * factor;
}

static double sum_of(const struct samples *x)
{
    double sum = 0, rest = 0;
    for (uint32_t i = 0; i < x->n; i++)
        sum = kahan_add(x->v[i], sum, &rest);
    return isinf(sum) ? sum : sum + rest;
}

static double extreme(const struct samples *x, bool max)
{
    double best = x->v[0];
    for (uint32_t i = 1; i < x->n; i++) {
        if (isnan(best) || (max ? x->v[i] > best : x->v[i] < best))
            best = x->v[i];
    }
    return best;
}

static uint32_t steps_down(const struct samples *x)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i < x->n; i++)
        n += x->v[i] < x->v[i - 1];
    return n;
}

static uint32_t steps_changed(const struct samples *x)
{
    uint32_t n = 0;
    for (uint32_t i = 1; i < x->n; i++)
        n += x->v[i] != x->v[i - 1] && !(isnan(x->v[i]) && isnan(x->v[i - 1]));
    return n;
}

/* True when the function is one of those above. */
static bool by_hand(const char *name, const struct samples *x, int64_t at, int64_t range_ms,
                    double *out)
{
    if (strcmp(name, "rate") == 0)
        *out = extrapolated(x, at, range_ms, true, true);
    else if (strcmp(name, "increase") == 0)
        *out = extrapolated(x, at, range_ms, true, false);
    else if (strcmp(name, "delta") == 0)
        *out = extrapolated(x, at, range_ms, false, false);
    else if (strcmp(name, "sum_over_time") == 0)
        *out = sum_of(x);
    else if (strcmp(name, "count_over_time") == 0)
        *out = x->n;
    else if (strcmp(name, "last_over_time") == 0)
        *out = x->v[x->n - 1];
    else if (strcmp(name, "first_over_time") == 0)
        *out = x->v[0];
    else if (strcmp(name, "min_over_time") == 0)
        *out = extreme(x, false);
    else if (strcmp(name, "max_over_time") == 0)
        *out = extreme(x, true);
    else if (strcmp(name, "resets") == 0)
        *out = steps_down(x);
    else if (strcmp(name, "changes") == 0)
        *out = steps_changed(x);
    else
        return false;
    return true;
}

static enum slow_status window(struct slow *s, const struct promql_node *n, int64_t t, int64_t at,
                               int64_t range_ms, const struct samples *x, const double *param,
                               double *out)
{
    *out = ABSENT;
    if (x->n == 0 || by_hand(n->call.fn->name, x, at, range_ms, out))
        return SLOW_OK;
    struct range_notes notes = {0};
    struct range_call c = {.t = x->t,
                           .v = x->v,
                           .n = x->n,
                           .first_ms = at,
                           .range_ms = range_ms,
                           .steps = 1,
                           .eval_ms = t,
                           .lookback_ms = s->lookback_ms,
                           .notes = &notes,
                           .out = out};
    c.param[0] = &param[0];
    c.param[1] = &param[1];
    return n->call.fn->range(&c, NULL) == 0 ? SLOW_OK : fail(s, "function");
}

static enum slow_status range_call(struct slow *s, const struct promql_node *n, int64_t t,
                                   slow_vector *out)
{
    slow_matrix m = {0};
    int64_t at = 0, range_ms = 0;
    double param[2] = {0};
    uint32_t given = 0;
    enum slow_status rc = range(s, n->call.args[n->call.fn->range_arg], t, &m, &at, &range_ms);
    for (uint32_t i = 0; i < n->call.n_args && rc == SLOW_OK; i++) {
        struct slow_value v = {0};
        if (i == n->call.fn->range_arg)
            continue;
        rc = slow_eval(s, n->call.args[i], t, &v);
        param[given++] = v.scalar;
    }
    for (size_t i = 0; i < m.n && rc == SLOW_OK; i++) {
        double v;
        rc = window(s, n, t, at, range_ms, &m.at[i].samples, param, &v);
        struct labels l = m.at[i].labels;
        if (!n->call.fn->keeps_name)
            l = slow_without(s, &l, NULL, 0, false, true);
        if (rc == SLOW_OK && !is_stale(v))
            slow_push(s, out, ((struct slow_point){l, v}));
    }
    matrix_done(&m);
    return rc == SLOW_OK && !slow_unique(out) ? fail(s, "same labelset") : rc;
}

/* --- functions of values --- */

static enum slow_status value_call(struct slow *s, const struct promql_node *n, int64_t t,
                                   struct slow_value *out)
{
    double arg[FUNCTION_ARGS_MAX] = {0}, now = (double)t / 1000;
    struct value_call c = {.n = 1};
    struct slow_value in = {.type = PROMQL_VECTOR};
    for (uint32_t i = 0; i < n->call.n_args; i++) {
        struct slow_value v = {0};
        TRY(slow_eval(s, n->call.args[i], t, &v));
        if (i == 0)
            in = v;
        arg[i] = v.scalar;
        c.arg[i] = &arg[i];
    }
    if (n->call.n_args == 0)
        slow_push(s, &in.vector, ((struct slow_point){{0}, now}));
    out->type = n->call.fn->result;
    if (out->type == PROMQL_SCALAR) {
        c.out = &out->scalar;
        n->call.fn->value(&c);
        return SLOW_OK;
    }
    vec_each (&in.vector, p) {
        double v;
        c.arg[0] = &p->v;
        c.out = &v;
        n->call.fn->value(&c);
        struct labels l = p->labels;
        if (!n->call.fn->keeps_name)
            l = slow_without(s, &l, NULL, 0, false, true);
        if (!is_stale(v))
            slow_push(s, &out->vector, ((struct slow_point){l, v}));
    }
    return slow_unique(&out->vector) ? SLOW_OK : fail(s, "same labelset");
}

static enum slow_status timestamps(struct slow *s, const struct promql_node *n, int64_t t,
                                   slow_vector *out)
{
    const struct promql_node *arg = n->call.args[0];
    while (arg->kind == NODE_PAREN)
        arg = arg->paren;
    struct slow_value v = {0};
    if (arg->kind == NODE_SELECTOR) {
        TRY(selector(s, arg, t, true, &v.vector));
    } else {
        TRY(slow_eval(s, arg, t, &v));
        vec_each (&v.vector, p)
            p->v = (double)t / 1000;
    }
    vec_each (&v.vector, p)
        p->labels = slow_without(s, &p->labels, NULL, 0, false, true);
    *out = v.vector;
    return slow_unique(out) ? SLOW_OK : fail(s, "same labelset");
}

static enum slow_status special_call(struct slow *s, const struct promql_node *n, int64_t t,
                                     struct slow_value *out)
{
    struct slow_value v = {0};
    out->type = n->call.fn->result;
    switch (n->call.fn->special) {
    case SPECIAL_TIME:
        out->scalar = (double)t / 1000;
        return SLOW_OK;
    case SPECIAL_PI:
        out->scalar = M_PI;
        return SLOW_OK;
    case SPECIAL_TIMESTAMP:
        return timestamps(s, n, t, &out->vector);
    case SPECIAL_VECTOR:
        TRY(slow_eval(s, n->call.args[0], t, &v));
        slow_push(s, &out->vector, ((struct slow_point){{0}, v.scalar}));
        return SLOW_OK;
    case SPECIAL_SCALAR:
        TRY(slow_eval(s, n->call.args[0], t, &v));
        out->scalar = v.vector.n == 1 ? v.vector.at[0].v : NAN;
        return SLOW_OK;
    case SPECIAL_SORT:
    case SPECIAL_SORT_DESC:
        return slow_eval(s, n->call.args[0], t, out);
    default:
        return SLOW_UNKNOWN;
    }
}

/* --- nodes --- */

static enum slow_status unary(struct slow *s, const struct promql_node *n, int64_t t,
                              struct slow_value *out)
{
    TRY(slow_eval(s, n->unary.expr, t, out));
    if (n->unary.op != OP_SUB)
        return SLOW_OK;
    out->scalar = -out->scalar;
    vec_each (&out->vector, p) {
        p->v = -p->v;
        p->labels = slow_without(s, &p->labels, NULL, 0, false, true);
    }
    return slow_unique(&out->vector) ? SLOW_OK : fail(s, "same labelset");
}

static enum slow_status aggregate(struct slow *s, const struct promql_node *n, int64_t t,
                                  slow_vector *out)
{
    struct slow_value param = {0}, in = {0};
    if (n->aggregate.param != NULL)
        TRY(slow_eval(s, n->aggregate.param, t, &param));
    if (n->aggregate.param != NULL && n->aggregate.param->kind != NODE_NUMBER)
        return SLOW_UNKNOWN; /* with @ it is that of the first step */
    TRY(slow_eval(s, n->aggregate.expr, t, &in));
    enum slow_status rc = slow_aggregate(s, n, param.scalar, &in.vector, out);
    return rc;
}

enum slow_status slow_eval(struct slow *s, const struct promql_node *n, int64_t t,
                           struct slow_value *out)
{
    *out = (struct slow_value){.type = n->type};
    if (s->budget < 10)
        return SLOW_UNKNOWN;
    s->budget -= 10;
    switch (n->kind) {
    case NODE_NUMBER:
        out->scalar = n->number;
        return SLOW_OK;
    case NODE_STRING:
        out->string = n->string;
        return SLOW_OK;
    case NODE_SELECTOR:
        return selector(s, n, t, false, &out->vector);
    case NODE_PAREN:
        return slow_eval(s, n->paren, t, out);
    case NODE_UNARY:
        return unary(s, n, t, out);
    case NODE_AGGREGATE:
        return aggregate(s, n, t, &out->vector);
    case NODE_CALL:
        if (n->call.fn->kind == EVAL_RANGE)
            return range_call(s, n, t, &out->vector);
        return n->call.fn->kind == EVAL_VALUES ? value_call(s, n, t, out)
                                               : special_call(s, n, t, out);
    case NODE_BINARY: {
        struct slow_value l = {0}, r = {0};
        TRY(slow_eval(s, n->binary.left, t, &l));
        TRY(slow_eval(s, n->binary.right, t, &r));
        enum slow_status rc = slow_binary(s, n, &l, &r, out);
        return rc;
    }
    default:
        return SLOW_UNKNOWN;
    }
}

/* --- comparison --- */

static bool close_enough(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) && isnan(b);
    if (isinf(a) || isinf(b))
        return a == b;
    return fabs(a - b) <= 1e-9 * fmax(1, fmax(fabs(a), fabs(b)));
}

static double engine_value(const struct promql_result *r, const struct labels *l, uint32_t step)
{
    for (size_t i = 0; i < r->n_series; i++) {
        if (labels_equal(&r->series[i].labels, l))
            return r->series[i].v[step];
    }
    return ABSENT;
}

static int compare_step(const struct promql_result *r, const struct slow_value *v, uint32_t step,
                        struct buf *why)
{
    size_t present = 0;
    if (r->type == PROMQL_SCALAR && close_enough(r->scalar, v->scalar))
        return 0;
    if (r->type == PROMQL_SCALAR) {
        buf_printf(why, "step %u: got %.17g; want %.17g", step, r->scalar, v->scalar);
        return 1;
    }
    for (size_t i = 0; i < r->n_series; i++)
        present += !is_stale(r->series[i].v[step]);
    vec_each (&v->vector, p) {
        double got = engine_value(r, &p->labels, step);
        if (!is_stale(got) && close_enough(got, p->v))
            continue;
        buf_printf(why, "step %u: ", step);
        labels_format(why, &p->labels);
        buf_printf(why, is_stale(got) ? " is not there; want %.17g" : ": got %.17g; want %.17g",
                   is_stale(got) ? p->v : got, p->v);
        return 1;
    }
    if (present != v->vector.n)
        buf_printf(why, "step %u: got %zu series; want %zu", step, present, v->vector.n);
    return present != v->vector.n;
}

static bool contains(struct str text, const char *what)
{
    return str_contains(text, str_of(what));
}

/* Differences that Prometheus allows: which of equals topk takes; and that an error in a step of a subquery that no window
 * reaches fails the query. */
static bool allowed(struct str query, bool engine_failed)
{
    return contains(query, "topk") || contains(query, "bottomk") ||
           (engine_failed && contains(query, ":"));
}

/* Evaluates every step here, and compares with r; r NULL: the engine failed. */
static enum slow_status compare_steps(struct slow *s, const struct promql_node *n,
                                      const struct promql_request *req,
                                      const struct promql_result *r, struct buf *why, int *differs)
{
    uint32_t steps = req->range ? (uint32_t)((s->end_ms - s->start_ms) / req->step_ms + 1) : 1;
    for (uint32_t i = 0; i < steps && *differs == 0; i++) {
        struct slow_value v = {0};
        TRY(slow_eval(s, n, s->start_ms + (int64_t)i * req->step_ms, &v));
        if (!slow_unique(&v.vector))
            return fail(s, "same labelset");
        if (v.type == PROMQL_SCALAR && req->range)
            slow_push(s, &v.vector, (struct slow_point){{0}, v.scalar});
        if (r != NULL)
            *differs = compare_step(r, &v, i, why);
    }
    return SLOW_OK;
}

int slow_compare(struct promql_engine *e, const struct promql_request *req, uint64_t budget,
                 struct buf *why, bool *compared)
{
    struct promql_result *r = NULL;
    struct err err;
    err_clear(&err);
    int rc = promql_run(e, req, &r, &err), differs = 0;
    *compared = false;
    if (rc != 0 && err.code != ERR_INVALID)
        return 0;
    struct arena *a = arena_new();
    struct slow s = {
        .arena = a, .source = req->source, .lookback_ms = 300000, .interval_ms = 60000};
    s.start_ms = req->start_ms;
    s.end_ms = req->range ? req->end_ms : req->start_ms;
    s.budget = budget;
    const struct promql_node *n =
        promql_parse(a, req->query, &(struct promql_parse_options){.experimental = true}, NULL);
    must(n != NULL);
    bool plain = n->type == PROMQL_VECTOR || n->type == PROMQL_SCALAR;
    enum slow_status status = SLOW_UNKNOWN;
    if (plain)
        status = compare_steps(&s, n, req, r, why, &differs);
    if (status == SLOW_FAILED && rc == 0) {
        buf_printf(why, "the engine answers; want an error: %s", s.why);
        differs = 1;
    } else if (status == SLOW_OK && rc != 0 && strstr(err.msg, "same labelset") == NULL) {
        buf_printf(why, "the engine fails: %s", err.msg); /* of labels it looks at all steps */
        differs = 1;
    }
    *compared = status != SLOW_UNKNOWN;
    if (differs && allowed(req->query, rc != 0))
        differs = 0;
    promql_result_free(r);
    arena_free(a);
    return differs;
}
