/* Selectors: which series, and the value of each at each step: the newest sample within the lookback, nothing when that is a
 * stale marker. A series is decoded once, whatever the number of steps. */
#include "promql/eval_priv.h"

#include <inttypes.h>

static bool same_matchers(const struct promql_node *a, const struct promql_node *b)
{
    if (a->selector.n_matchers != b->selector.n_matchers)
        return false;
    for (size_t i = 0; i < a->selector.n_matchers; i++) {
        const struct matcher *x = a->selector.matchers[i], *y = b->selector.matchers[i];
        if (matcher_op(x) != matcher_op(y) || !str_eq(matcher_name(x), matcher_name(y)) ||
            !str_eq(matcher_value(x), matcher_value(y)))
            return false;
    }
    return true;
}

static struct selection *find_selection(struct query *q, const struct selection *want)
{
    for (struct selection *s = q->selections; s != NULL; s = s->next) {
        if (s->min_ms == want->min_ms && s->max_ms == want->max_ms && s->tier_ms == want->tier_ms &&
            same_matchers(s->node, want->node))
            return s;
    }
    return NULL;
}

struct selection *select_series(struct query *q, const struct promql_node *n, int64_t min_ms,
                                int64_t max_ms, int64_t tier_ms)
{
    must(n->kind == NODE_SELECTOR || n->kind == NODE_RANGE);
    struct selection want = {.node = n, .min_ms = min_ms, .max_ms = max_ms, .tier_ms = tier_ms};
    struct selection *s = find_selection(q, &want);
    if (s != NULL)
        return s;
    struct series_select select = {
        .matchers = n->selector.matchers,
        .n_matchers = n->selector.n_matchers,
        .min_ms = min_ms,
        .max_ms = max_ms,
        .limit = q->limits.max_series,
        .tier_ms = tier_ms,
        .cancelled = q->req->cancelled,
    };
    struct err err;
    err_clear(&err);
    want.set = q->req->source.ops->select(q->req->source.self, &select, &err);
    if (want.set == NULL && err.code == ERR_TOO_LARGE)
        query_fail(q, ERR_TOO_LARGE,
                   "query selects too many series: got more than %" PRIu32 " (limit max_series)",
                   q->limits.max_series);
    else if (want.set == NULL)
        query_fail_err(q, &err);
    if (want.set == NULL)
        return NULL;
    q->series += want.set->n;
    if (want.set->tier_ms > 0)
        note_info(q, n, "answered from downsampled steps of %" PRId64 "s",
                  want.set->tier_ms / 1000);
    if (want.set->older_tier_ms > 0)
        note_info(q, n, "answered before %" PRId64 " from downsampled steps of %" PRId64 "s",
                  want.set->older_before_ms / 1000, want.set->older_tier_ms / 1000);
    s = arena_memdup(q->arena, &want, sizeof(want));
    s->next = q->selections;
    q->selections = s;
    if (q->series > q->limits.max_series) {
        query_fail(q, ERR_TOO_LARGE,
                   "query selects too many series: got more than %" PRIu32 " (limit max_series)",
                   q->limits.max_series);
        return NULL;
    }
    return s;
}

int selection_read(struct query *q, struct worker *w, struct selection *s, uint32_t i,
                   enum series_column c, struct samples *out)
{
    must(i < s->set->n);
    struct err err;
    err_clear(&err);
    if (s->set->ops->read(s->set, i, s->min_ms, s->max_ms, c, out, &err) != 0)
        return query_fail_err(q, &err);
    w->samples_read += out->n;
    if (w->samples_read > 1000000) {
        uint64_t n = w->samples_read;
        w->samples_read = 0;
        return query_count_samples(q, n);
    }
    return 0;
}

enum names selection_names(const struct promql_node *n)
{
    must(n->kind == NODE_SELECTOR || n->kind == NODE_RANGE);
    for (size_t i = 0; i < n->selector.n_matchers; i++) {
        const struct matcher *m = n->selector.matchers[i];
        if (matcher_op(m) == MATCH_EQ && matcher_value(m).n > 0 &&
            str_eqz(matcher_name(m), LABEL_METRIC_NAME))
            return NAMES_ONE;
    }
    return NAMES_MANY;
}

struct labels selection_labels(struct selection *s, uint32_t i, struct arena *a)
{
    return s->set->ops->labels(s->set, i, a);
}

/* --- instant vectors --- */

struct selector {
    struct stream s;
    struct query *q;
    const struct promql_node *node;
    struct selection *selection;
    struct span at; /* where each step looks */
    int64_t lookback_ms;
    uint32_t slot;
    bool times; /* timestamp(): the samples' times instead of their values */
};

/* The newest sample at each step. */
static void column_of_samples(const struct selector *sel, const struct samples *s, double *out)
{
    const double absent = ABSENT;
    int64_t t = sel->at.start_ms;
    uint32_t next = 0; /* the first sample after t */
    for (uint32_t i = 0; i < sel->s.steps; i++, t += sel->at.step_ms) {
        while (next < s->n && s->t[next] <= t)
            next++;
        if (next == 0 || s->t[next - 1] <= t - sel->lookback_ms || is_stale(s->v[next - 1]))
            out[i] = absent;
        else
            out[i] = sel->times ? (double)s->t[next - 1] / 1000 : s->v[next - 1];
    }
}

void samples_drop_stale(struct samples *s)
{
    if (column_plain(s->v, s->n))
        return;
    uint32_t kept = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (is_stale(s->v[i]))
            continue;
        s->t[kept] = s->t[i];
        s->v[kept++] = s->v[i];
    }
    s->n = kept;
}

/* `smoothed`: between the samples before and after each step; stale markers are gone. */
static void column_smoothed(const struct selector *sel, const struct samples *s, double *out)
{
    int64_t t = sel->at.start_ms;
    uint32_t next = 0;
    for (uint32_t i = 0; i < sel->s.steps; i++, t += sel->at.step_ms) {
        while (next < s->n && s->t[next] <= t)
            next++;
        bool before = next > 0 && s->t[next - 1] > t - sel->lookback_ms;
        bool after = next < s->n && s->t[next] <= t + sel->lookback_ms;
        if (!before)
            out[i] = ABSENT;
        else if (s->t[next - 1] == t || !after)
            out[i] = s->v[next - 1];
        else
            out[i] =
                interpolate_at(s->t[next - 1], s->v[next - 1], s->t[next], s->v[next], t, false);
    }
}

static const double *newest_column(struct selector *sel, struct worker *w, uint32_t i, double *out)
{
    struct series_set *set = sel->selection->set;
    struct err err;
    err_clear(&err);
    int64_t t;
    double v;
    int found =
        set->ops->last(set, i, sel->selection->min_ms, sel->selection->max_ms, &t, &v, &err);
    if (found < 0)
        query_fail_err(sel->q, &err);
    if (found <= 0 || is_stale(v))
        return NULL;
    w->samples_read++;
    out[0] = sel->times ? (double)t / 1000 : v;
    return out;
}

static const double *selector_column(struct stream *s, struct worker *w, uint32_t i, double *out)
{
    struct selector *sel = (struct selector *)s;
    if (s->steps == 1 && sel->selection->set->ops->last != NULL &&
        sel->selection->set->tier_ms == 0 && !sel->node->selector.smoothed)
        return newest_column(sel, w, i, out);
    struct samples *samples = worker_samples(w, sel->slot);
    if (selection_read(sel->q, w, sel->selection, i, COLUMN_LAST, samples) != 0 || samples->n == 0)
        return NULL;
    stats_samples(sel->q, sel->node, samples->n);
    if (sel->node->selector.smoothed) {
        samples_drop_stale(samples);
        column_smoothed(sel, samples, out);
    } else {
        column_of_samples(sel, samples, out);
    }
    return out;
}

static struct labels selector_labels(struct stream *s, uint32_t i, struct arena *a)
{
    return selection_labels(((struct selector *)s)->selection, i, a);
}

static struct str selector_label(struct stream *s, uint32_t i, struct str name)
{
    struct series_set *set = ((struct selector *)s)->selection->set;
    return set->ops->label(set, i, name);
}

static const struct stream_ops selector_ops = {
    .column = selector_column,
    .labels = selector_labels,
    .label = selector_label,
};

struct stream *eval_selector(struct query *q, const struct promql_node *n, struct span span,
                             bool times)
{
    must(n->kind == NODE_SELECTOR && span.steps > 0);
    struct span at;
    if (eval_when(q, &n->selector.when, span, &at) != 0)
        return NULL;
    int64_t last = at.start_ms + (int64_t)(at.steps - 1) * at.step_ms;
    int64_t max = n->selector.smoothed ? last + q->lookback_ms : last;
    int64_t tier = q->req->tier_ms;
    if (times || n->selector.smoothed || tier > q->lookback_ms)
        tier = 0;
    struct selection *found = select_series(q, n, at.start_ms - q->lookback_ms + 1, max, tier);
    if (found == NULL)
        return NULL;
    struct selector *sel = arena_new_of(q->arena, struct selector);
    *sel = (struct selector){
        .s = {&selector_ops, found->set->n, span.steps, selection_names(n), false, NULL},
        .q = q,
        .node = n,
        .selection = found,
        .at = at,
        .lookback_ms = q->lookback_ms,
        .slot = query_slot(q),
        .times = times,
    };
    return &sel->s;
}
