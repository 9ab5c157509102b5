/* Functions of ranges: rate(x[5m]), max_over_time(expr[1h:1m]). Each series is decoded once (or its inner expression evaluated once
 * over the subquery's own times) and the function slides its window over all of it. Where a source answers from downsampled
 * steps, the function that means the same over their figures takes its place. */
#include <inttypes.h>

#include "promql/eval_priv.h"

#define SUBQUERY_STEPS_MAX 50000000

/* --- what the function slides over --- */

static int open_selector(struct query *q, const struct promql_node *n, struct span span, bool tiers,
                         struct range_source *r)
{
    int64_t range;
    if (eval_when(q, &n->selector.when, span, &r->windows) != 0 ||
        eval_duration(q, &n->selector.range, false, &range) != 0)
        return -1;
    r->range_ms = range;
    r->anchored = n->selector.anchored;
    r->smoothed = n->selector.smoothed;
    int64_t first = r->windows.start_ms;
    int64_t last = first + (int64_t)(span.steps - 1) * r->windows.step_ms;
    int64_t min = first - range + 1, max = last;
    if (r->anchored || r->smoothed)
        min -= r->lookback_ms;
    if (r->smoothed)
        max += r->lookback_ms;
    int64_t tier = tiers && !r->anchored && !r->smoothed ? q->req->tier_ms : 0;
    r->selection = select_series(q, n, min, max, tier < range ? tier : range * (tier > 0));
    if (r->selection == NULL)
        return -1;
    r->n = r->selection->set->n;
    r->names = selection_names(n);
    return 0;
}

/* The first multiple of step after t. */
static int64_t aligned_after(int64_t t, int64_t step)
{
    int64_t at = t / step * step;
    return at <= t ? at + step : at;
}

static int open_subquery(struct query *q, const struct promql_node *n, struct span span,
                         struct range_source *r)
{
    int64_t step = q->default_interval_ms;
    bool given = n->subquery.step.expr != NULL || n->subquery.step.ms != 0;
    if (eval_when(q, &n->subquery.when, span, &r->windows) != 0 ||
        eval_duration(q, &n->subquery.range, false, &r->range_ms) != 0 ||
        (given && eval_duration(q, &n->subquery.step, false, &step) != 0))
        return -1;
    if (step < 1)
        return query_fail(q, ERR_INVALID, "duration must be greater than 0");
    int64_t last = r->windows.start_ms + (int64_t)(span.steps - 1) * r->windows.step_ms;
    int64_t first = aligned_after(r->windows.start_ms - r->range_ms, step);
    int64_t steps = last < first ? 0 : (last - first) / step + 1;
    if (steps > SUBQUERY_STEPS_MAX)
        return query_fail(q, ERR_TOO_LARGE,
                          "subquery has too many steps: got %" PRId64 "; want at most %d", steps,
                          SUBQUERY_STEPS_MAX);
    /* each thread holds a series' steps, and the samples made of them */
    size_t held = (size_t)steps * (2 * sizeof(double) + sizeof(int64_t)) * q->n_workers;
    if (query_count_memory(q, held) != 0)
        return -1;
    r->inner_span = (struct span){first, step, (uint32_t)steps};
    r->inner = steps == 0 ? stream_none(q, 1) : eval_vector(q, n->subquery.expr, r->inner_span);
    if (r->inner == NULL)
        return -1;
    r->n = r->inner->n;
    r->names = r->inner->names;
    r->column_slot = query_slot(q);
    return 0;
}

int range_source_open(struct query *q, const struct promql_node *n, struct span span, bool tiers,
                      struct range_source *out)
{
    n = node_bare(n);
    *out = (struct range_source){
        .node = n, .lookback_ms = q->lookback_ms, .samples_slot = query_slot(q)};
    if (n->kind == NODE_RANGE)
        return open_selector(q, n, span, tiers, out);
    must(n->kind == NODE_SUBQUERY);
    return open_subquery(q, n, span, out);
}

static void samples_of_column(const double *v, const struct span *at, struct samples *out)
{
    samples_reserve(out, at->steps);
    int64_t t = at->start_ms;
    for (uint32_t i = 0; i < at->steps; i++, t += at->step_ms) {
        if (!is_stale(v[i]))
            samples_add(out, t, v[i]);
    }
}

struct samples *range_source_read(struct query *q, struct worker *w, const struct range_source *r,
                                  uint32_t i, enum series_column c)
{
    struct samples *out = worker_samples(w, r->samples_slot);
    if (r->selection != NULL) {
        if (selection_read(q, w, r->selection, i, c, out) != 0)
            return NULL;
        stats_samples(q, r->node, out->n);
        samples_drop_stale(out);
        return out;
    }
    double *buffer = worker_column(w, r->column_slot, r->inner_span.steps);
    const double *v = r->inner->ops->column(r->inner, w, i, buffer);
    if (v != NULL)
        samples_of_column(v, &r->inner_span, out);
    return query_failed(q) ? NULL : out;
}

struct labels range_source_labels(const struct range_source *r, uint32_t i, struct arena *a)
{
    return r->selection != NULL ? selection_labels(r->selection, i, a)
                                : r->inner->ops->labels(r->inner, i, a);
}

static struct str range_source_label(const struct range_source *r, uint32_t i, struct str name)
{
    if (r->selection != NULL)
        return r->selection->set->ops->label(r->selection->set, i, name);
    return r->inner->ops->label(r->inner, i, name);
}

/* --- the same over downsampled steps --- */

struct tier_form {
    const char *name;      /* the function */
    enum series_column of; /* over which figure */
    const char *over;      /* what takes its place */
    bool per_second, by_count;
};

static const struct tier_form *tier_form_of(const struct promql_function *fn)
{
    static const struct tier_form forms[] = {
        {"avg_over_time", COLUMN_SUM, "sum_over_time", false, true},
        {"count_over_time", COLUMN_COUNT, "sum_over_time", false, false},
        {"increase", COLUMN_INCREASE, "sum_over_time", false, false},
        {"last_over_time", COLUMN_LAST, "last_over_time", false, false},
        {"max_over_time", COLUMN_MAX, "max_over_time", false, false},
        {"min_over_time", COLUMN_MIN, "min_over_time", false, false},
        {"rate", COLUMN_INCREASE, "sum_over_time", true, false},
        {"sum_over_time", COLUMN_SUM, "sum_over_time", false, false},
    };
    for (size_t i = 0; i < array_len(forms); i++) {
        if (strcmp(fn->name, forms[i].name) == 0)
            return &forms[i];
    }
    return NULL;
}

/* --- the stream --- */

struct range_stream {
    struct stream s;
    struct query *q;
    const struct promql_node *call;
    range_fn *fn;
    struct range_source source;
    const struct tier_form *tier; /* NULL: single samples */
    uint32_t tier_slot;
    struct span eval;
    const double *param[2];
    atomic_bool noted; /* the only metric's name was told */
};

static bool counter_name(struct str name)
{
    return str_ends(name, STR("_total")) || str_ends(name, STR("_sum")) ||
           str_ends(name, STR("_count")) || str_ends(name, STR("_bucket"));
}

/* An info for rate() of what does not look like a counter. */
static void note_name(struct range_stream *r, uint32_t i)
{
    if (r->source.names == NAMES_ONE && atomic_exchange(&r->noted, true))
        return;
    struct str name = range_source_label(&r->source, i, STR(LABEL_METRIC_NAME));
    struct str type = range_source_label(&r->source, i, STR("__type__"));
    struct promql_node at = *r->call->call.args[r->call->call.fn->range_arg];
    if (r->source.selection == NULL)
        at.start = 0; /* of a subquery Prometheus does not know the place */
    if (name.n == 0)
        return;
    if (type.n > 0 && !str_eqz(type, "counter") && !str_eqz(type, "histogram"))
        note_info(r->q, &at,
                  "metric might not be a counter, __type__ label is not set to \"counter\" or "
                  "\"histogram\", got \"%.*s\": \"%.*s\"",
                  (int)type.n, type.p, (int)name.n, name.p);
    else if (type.n == 0 && !counter_name(name))
        note_info(r->q, &at,
                  "metric might not be a counter, name does not end in _total/_sum/_count/_bucket: "
                  "\"%.*s\"",
                  (int)name.n, name.p);
}

static void note_bits(struct range_stream *r, const struct range_notes *notes)
{
    if (!(notes->bits & NOTE_BAD_QUANTILE))
        return;
    struct buf b = BUF_INIT(64);
    promql_format_value(&b, notes->value);
    note_warning(r->q, r->call->call.args[0], "quantile value should be between 0 and 1, got %s",
                 b.data);
    buf_done(&b);
}

static int slide(struct range_stream *r, range_fn *fn, const struct samples *samples, double *out)
{
    struct range_notes notes = {0};
    struct range_call c = {
        .t = samples->t,
        .v = samples->v,
        .n = samples->n,
        .first_ms = r->source.windows.start_ms,
        .step_ms = r->source.windows.step_ms,
        .range_ms = r->source.range_ms,
        .steps = r->s.steps,
        .eval_ms = r->eval.start_ms,
        .eval_step_ms = r->eval.step_ms,
        .anchored = r->source.anchored,
        .smoothed = r->source.smoothed,
        .lookback_ms = r->source.lookback_ms,
        .param = {r->param[0], r->param[1]},
        .notes = &notes,
        .out = out,
    };
    struct err err;
    err_clear(&err);
    if (fn(&c, &err) != 0)
        return query_fail_err(r->q, &err);
    if (notes.bits != 0)
        note_bits(r, &notes);
    return 0;
}

static const double *tier_column(struct range_stream *r, struct worker *w, uint32_t i, double *out)
{
    const struct tier_form *form = r->tier;
    struct samples *samples = range_source_read(r->q, w, &r->source, i, form->of);
    if (samples == NULL || samples->n == 0 || slide(r, r->fn, samples, out) != 0)
        return NULL;
    double *counts = NULL;
    if (form->by_count) {
        samples = range_source_read(r->q, w, &r->source, i, COLUMN_COUNT);
        counts = worker_column(w, r->tier_slot, r->s.steps);
        if (samples == NULL || slide(r, r->fn, samples, counts) != 0)
            return NULL;
    }
    for (uint32_t k = 0; k < r->s.steps; k++) {
        if (is_stale(out[k]))
            continue;
        if (form->per_second)
            out[k] /= (double)r->source.range_ms / 1000;
        if (counts != NULL)
            out[k] /= counts[k];
    }
    return out;
}

static const double *range_column(struct stream *s, struct worker *w, uint32_t i, double *out)
{
    struct range_stream *r = (struct range_stream *)s;
    if (r->tier != NULL)
        return tier_column(r, w, i, out);
    struct samples *samples = range_source_read(r->q, w, &r->source, i, COLUMN_RAW);
    if (samples == NULL || samples->n == 0 || slide(r, r->fn, samples, out) != 0)
        return NULL;
    if (r->call->call.fn->wants_counter && !column_empty(out, s->steps))
        note_name(r, i);
    return out;
}

static struct labels range_labels(struct stream *s, uint32_t i, struct arena *a)
{
    return range_source_labels(&((struct range_stream *)s)->source, i, a);
}

static struct str range_label(struct stream *s, uint32_t i, struct str name)
{
    return range_source_label(&((struct range_stream *)s)->source, i, name);
}

static void range_done(struct stream *s)
{
    struct stream *inner = ((struct range_stream *)s)->source.inner;
    if (inner != NULL)
        stream_done(inner);
}

static const struct stream_ops range_ops = {
    .column = range_column,
    .labels = range_labels,
    .label = range_label,
    .done = range_done,
};

static int check_modifiers(struct query *q, const struct promql_node *n,
                           const struct range_source *r)
{
    const struct promql_function *fn = n->call.fn;
    if (r->anchored && !fn->anchored_ok)
        return query_fail(q, ERR_INVALID,
                          "anchored modifier can only be used with: changes, delta, increase, "
                          "rate, resets - not with %s",
                          fn->name);
    if (r->smoothed && !fn->smoothed_ok)
        return query_fail(q, ERR_INVALID,
                          "smoothed modifier can only be used with: delta, increase, rate - not "
                          "with %s",
                          fn->name);
    return 0;
}

/* The scalars beside the range, in order. */
static int eval_params(struct query *q, const struct promql_node *n, struct span span,
                       struct range_stream *r)
{
    uint32_t given = 0;
    for (uint32_t i = 0; i < n->call.n_args; i++) {
        if (i == n->call.fn->range_arg)
            continue;
        must(given < array_len(r->param));
        r->param[given] = eval_scalar(q, n->call.args[i], span);
        if (r->param[given++] == NULL)
            return -1;
    }
    return 0;
}

struct stream *range_stream_new(struct query *q, const struct promql_node *n,
                                const struct promql_function *fn, struct span span)
{
    must(fn->kind == EVAL_RANGE && fn->range != NULL);
    struct range_stream *r = arena_new_of(q->arena, struct range_stream);
    *r = (struct range_stream){.q = q, .call = n, .fn = fn->range, .eval = span};
    const struct tier_form *form = tier_form_of(fn);
    if (range_source_open(q, n->call.args[n->call.fn->range_arg], span, form != NULL, &r->source) !=
            0 ||
        check_modifiers(q, n, &r->source) != 0 || eval_params(q, n, span, r) != 0)
        return NULL;
    if (r->source.selection != NULL && r->source.selection->set->tier_ms > 0) {
        r->tier = form;
        r->fn = promql_function_get(str_of(form->over))->range;
        r->tier_slot = query_slot(q);
    }
    r->s = (struct stream){&range_ops, r->source.n, span.steps, r->source.names, false, NULL};
    if (r->source.inner != NULL) {
        r->s.drop = r->source.inner->drop;
        r->s.drops = r->source.inner->drops;
    }
    return &r->s;
}

int eval_range_call(struct query *q, const struct promql_node *n, struct span span,
                    struct value *out)
{
    struct stream *s = range_stream_new(q, n, n->call.fn, span);
    if (s != NULL && !n->call.fn->keeps_name)
        s = stream_nameless(q, s, true);
    *out = (struct value){.type = PROMQL_VECTOR, .vector = s};
    return s == NULL ? -1 : 0;
}
