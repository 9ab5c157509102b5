/* See tally.h. */
#include "core/tally.h"

#include <math.h>

#include "base/must.h"

#define MINUTE_MS INT64_C(60000)
#define DAY_MS    (INT64_C(24) * 60 * MINUTE_MS)
#define QUIET_MS  (5 * MINUTE_MS) /* so long nobody needs to have looked */

static int64_t tier_for(int64_t span_ms)
{
    if (span_ms <= 2 * DAY_MS)
        return 0;
    return span_ms <= 40 * DAY_MS ? 5 * MINUTE_MS : 60 * MINUTE_MS;
}

struct reading {
    int64_t since_ms, until_ms, step_ms; /* of the set at hand; 0: single samples */
    const struct sla_spans *without;
    struct tally *out;
    struct sla_sketch *sketch;
};

/* Middle of a step, whose time is its end. */
static bool counts(const struct reading *r, int64_t t)
{
    int64_t at = t - r->step_ms / 2;
    return at >= r->since_ms && at < r->until_ms && !(r->without && sla_spans_hold(r->without, at));
}

/* Columns of one series: out[i] is empty when nobody asked. */
struct columns {
    struct samples value, count; /* COLUMN_RAW, or COLUMN_SUM and COLUMN_COUNT */
};

static int read_columns(const struct reading *r, struct series_set *set, uint32_t i,
                        struct columns *out, struct err *err)
{
    int64_t last = r->until_ms + r->step_ms;
    struct err damage = {0};
    int rc = set->ops->read(set, i, r->since_ms, last, r->step_ms ? COLUMN_SUM : COLUMN_RAW,
                            &out->value, &damage);
    if (rc == 0 && r->step_ms)
        rc = set->ops->read(set, i, r->since_ms, last, COLUMN_COUNT, &out->count, &damage);
    if (rc != 0 && damage.code == ERR_DAMAGED)
        rc = 0; /* what could be read is there */
    if (rc != 0 && err)
        *err = damage;
    return rc;
}

static void columns_done(struct columns *c)
{
    samples_done(&c->value);
    samples_done(&c->count);
}

/* How many results stand behind value i; 0: none, or it is not to be looked at. */
static double weight_at(const struct columns *c, uint32_t i, bool steps)
{
    if (isnan(c->value.v[i]))
        return 0;
    if (!steps)
        return 1;
    bool same = i < c->count.n && c->count.t[i] == c->value.t[i];
    return same && !isnan(c->count.v[i]) ? c->count.v[i] : 0;
}

static void add_success(const struct reading *r, const struct columns *c)
{
    for (uint32_t i = 0; i < c->value.n; i++) {
        double n = weight_at(c, i, r->step_ms > 0);
        if (n <= 0 || !counts(r, c->value.t[i]))
            continue;
        r->out->all += n;
        r->out->good += r->step_ms ? c->value.v[i] : c->value.v[i] > 0;
    }
}

/* --- how much of it was watched --- */

static int64_t gap_at(const struct samples *s, uint32_t i)
{
    return i > 0 && i < s->n ? s->t[i] - s->t[i - 1] : INT64_MAX;
}

/* Was the target watched for the time before value i? */
static bool looked(const struct samples *s, uint32_t i, int64_t step_ms)
{
    int64_t gap = gap_at(s, i), before = gap_at(s, i > 0 ? i - 1 : 0), after = gap_at(s, i + 1);
    int64_t usual = before < after ? before : after;
    return gap <= QUIET_MS + step_ms || (usual != INT64_MAX && gap / 2 <= usual);
}

/* The stretch [from, to) was watched. */
static void add_watched(const struct reading *r, int64_t from, int64_t to)
{
    from = from < r->since_ms ? r->since_ms : from;
    to = to > r->until_ms ? r->until_ms : to;
    if (from < to)
        r->out->watched_ms += to - from - (r->without ? sla_spans_within(r->without, from, to) : 0);
}

/* Stretches of values that follow each other. What is less than one of them away from an end of the span reaches it. */
static void add_stretches(const struct reading *r, const struct samples *s)
{
    if (s->n == 0)
        return;
    int64_t from = s->t[0] - r->step_ms, usual = s->n > 1 ? s->t[1] - s->t[0] : 0,
            last = s->n > 1 ? s->t[s->n - 1] - s->t[s->n - 2] : 0;
    if (from - r->since_ms <= usual)
        from = r->since_ms;
    for (uint32_t i = 1; i < s->n; i++)
        if (!looked(s, i, r->step_ms)) {
            add_watched(r, from, s->t[i - 1]);
            from = s->t[i] - r->step_ms;
        }
    int64_t to = s->t[s->n - 1];
    add_watched(r, from, r->until_ms - to <= last ? r->until_ms : to);
}

/* A latency counts where there was a success. */
static void add_latency(const struct reading *r, const struct columns *good,
                        const struct columns *took)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < took->value.n; i++) {
        double n = weight_at(took, i, r->step_ms > 0);
        while (k < good->value.n && good->value.t[k] < took->value.t[i])
            k++;
        bool succeeded =
            k < good->value.n && good->value.t[k] == took->value.t[i] && good->value.v[k] > 0;
        if (n <= 0 || !succeeded || !counts(r, took->value.t[i]))
            continue;
        double sum = took->value.v[i];
        r->out->latency_sum += sum;
        r->out->latency_n += n;
        sla_sketch_add(r->sketch, sum / n, n);
    }
}

/* The one with the same labels but for its name: those that tell a target's series apart. */
static bool same_series(struct series_set *a, uint32_t i, struct series_set *b, uint32_t j)
{
    struct arena *arena = arena_new();
    struct labels x = a->ops->labels(a, i, arena), y = b->ops->labels(b, j, arena);
    bool same = x.n == y.n;
    for (uint32_t l = 0; same && l < x.n; l++)
        same = str_eq(x.at[l].name, y.at[l].name) &&
               (str_eqz(x.at[l].name, LABEL_METRIC_NAME) || str_eq(x.at[l].value, y.at[l].value));
    arena_free(arena);
    return same;
}

static int add_series(struct reading *r, struct series_set *success, uint32_t i,
                      struct series_set *duration, struct err *err)
{
    struct columns good = {0}, took = {0};
    int rc = read_columns(r, success, i, &good, err);
    if (rc == 0) {
        add_success(r, &good);
        add_stretches(r, &good.value);
    }
    for (uint32_t j = 0; rc == 0 && duration && j < duration->n; j++) {
        if (duration->n > 1 && !same_series(success, i, duration, j))
            continue;
        rc = read_columns(r, duration, j, &took, err);
        if (rc == 0)
            add_latency(r, &good, &took);
        break;
    }
    columns_done(&good);
    columns_done(&took);
    return rc;
}

int tally_read(struct series_source source, const struct history_target *t, int64_t since_ms,
               int64_t until_ms, const struct sla_spans *without, struct tally *out,
               struct sla_sketch *sketch, struct err *err)
{
    must(since_ms < until_ms);
    const int64_t watched = out->watched_ms, span = until_ms - since_ms;
    int64_t tier = tier_for(until_ms - since_ms);
    struct reading r = {since_ms, until_ms, 0, without, out, sketch};
    struct series_set *duration = NULL,
                      *success = history_select(source, "probe_success", t, since_ms,
                                                until_ms + tier, tier, err);
    if (success && sketch)
        duration = history_select(source, "probe_duration_seconds", t, since_ms, until_ms + tier,
                                  tier, err);
    int rc = success && (duration || !sketch) ? 0 : -1;
    r.step_ms = success ? success->tier_ms : 0;
    if (duration && duration->tier_ms != r.step_ms)
        rc = err_set(err, ERR_INTERNAL, "two series of one target have steps of different lengths");
    for (uint32_t i = 0; rc == 0 && i < success->n; i++)
        rc = add_series(&r, success, i, duration, err);
    if (out->watched_ms - watched > span) /* series of one target, side by side */
        out->watched_ms = watched + span;
    must(out->watched_ms >= watched);
    if (success)
        success->ops->free(success);
    if (duration)
        duration->ops->free(duration);
    return rc;
}

double tally_uptime(const struct tally *t)
{
    return t->all > 0 ? t->good / t->all : NAN;
}
