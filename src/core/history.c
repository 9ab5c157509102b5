/* See history.h. */
#include "core/history.h"

#include <math.h>
#include <stdlib.h>

#include "base/must.h"
#include "base/str.h"

#define HOUR_MS INT64_C(3600000)
#define DAY_MS  (24 * HOUR_MS)

/* Steps that the store has, shortest first. */
static const int64_t tiers_ms[] = {300000, HOUR_MS};

/* The longest that is no longer than a cell; 0: single samples. */
static int64_t tier_for(int64_t cell_ms)
{
    int64_t tier = 0;
    for (size_t i = 0; i < array_len(tiers_ms); i++)
        if (tiers_ms[i] <= cell_ms)
            tier = tiers_ms[i];
    return tier;
}

struct history_target history_target_of(const struct target *t, struct arena *a)
{
    struct history_target h = {arena_strdup(a, t->group), arena_strdup(a, t->name), NULL};
    for (uint32_t i = 0; i < t->n_labels; i++)
        if (streq(t->labels[i].name, "location"))
            h.location = arena_strdup(a, t->labels[i].value);
    return h;
}

struct series_set *history_select(struct series_source source, const char *metric,
                                  const struct history_target *t, int64_t min_ms, int64_t max_ms,
                                  int64_t tier_ms, struct err *err)
{
    const struct {
        struct str name, value;
    } want[] = {{STR(LABEL_METRIC_NAME), str_of(metric)},
                {STR("target"), str_of(t->name)},
                {STR("group"), str_of(t->group)},
                {STR("location"), str_of(t->location)}};
    struct matcher *m[array_len(want)] = {0};
    struct series_set *set = NULL;
    bool good = true;
    for (size_t i = 0; i < array_len(want); i++) {
        m[i] = matcher_new(MATCH_EQ, want[i].name, want[i].value, err);
        good = good && m[i];
    }
    struct series_select q = {.matchers = (const struct matcher *const *)m,
                              .n_matchers = array_len(want),
                              .min_ms = min_ms,
                              .max_ms = max_ms,
                              .tier_ms = tier_ms};
    if (good)
        set = source.ops->select(source.self, &q, err);
    for (size_t i = 0; i < array_len(want); i++)
        matcher_free(m[i]);
    return set;
}

struct pair_of {
    int64_t t;
    double v;
};

static int by_time(const void *a, const void *b)
{
    const struct pair_of *x = a, *y = b;
    return (x->t > y->t) - (x->t < y->t);
}

static void sort_samples(struct samples *s)
{
    struct pair_of *all = calloc(s->n + 1, sizeof(*all));
    must(all);
    for (uint32_t i = 0; i < s->n; i++)
        all[i] = (struct pair_of){s->t[i], s->v[i]};
    qsort(all, s->n, sizeof(*all), by_time);
    for (uint32_t i = 0; i < s->n; i++) {
        s->t[i] = all[i].t;
        s->v[i] = all[i].v;
    }
    free(all);
}

/* All series of the set: a target's labels may have changed, then there are several. */
static int read_all(struct series_set *set, int64_t min_ms, int64_t max_ms,
                    enum series_column column, struct samples *out, struct err *err)
{
    for (uint32_t i = 0; i < set->n; i++)
        if (set->ops->read(set, i, min_ms, max_ms, column, out, err) != 0 &&
            (err == NULL || err->code != ERR_DAMAGED)) /* what could be read is there */
            return -1;
    if (set->n > 1)
        sort_samples(out);
    return 0;
}

/* --- graphs --- */

struct cell {
    double good, all, sum, n; /* results; seconds and how many of them */
};
struct graph {
    int64_t since_ms, span_ms;
    uint32_t n;
    struct cell *cells;
};

static struct cell *cell_at(struct graph *g, int64_t t_ms)
{
    int64_t offset = t_ms - g->since_ms;
    if (offset < 0 || offset >= g->span_ms)
        return NULL;
    return &g->cells[(uint64_t)offset * g->n / (uint64_t)g->span_ms];
}

/* Latencies and successes have the same times; a latency counts where there was a success. */
static void add_samples(struct graph *g, const struct samples *good, const struct samples *took)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < good->n; i++) {
        struct cell *c = cell_at(g, good->t[i]);
        if (!c || isnan(good->v[i]))
            continue;
        c->all++;
        c->good += good->v[i] > 0;
        while (k < took->n && took->t[k] < good->t[i])
            k++;
        if (k < took->n && took->t[k] == good->t[i] && good->v[i] > 0 && !isnan(took->v[k])) {
            c->sum += took->v[k];
            c->n++;
        }
    }
}

static int graph_samples(struct graph *g, struct series_set *success, struct series_set *duration,
                         struct err *err)
{
    struct samples good = {0}, took = {0};
    int64_t last = g->since_ms + g->span_ms - 1;
    int rc = read_all(success, g->since_ms, last, COLUMN_RAW, &good, err);
    if (rc == 0)
        rc = read_all(duration, g->since_ms, last, COLUMN_RAW, &took, err);
    if (rc == 0)
        add_samples(g, &good, &took);
    samples_done(&good);
    samples_done(&took);
    return rc;
}

/* Adds one column to a field of the cells. A step's time is its end. */
static int add_column(struct graph *g, struct series_set *set, enum series_column column,
                      size_t field, struct err *err)
{
    struct samples s = {0};
    int rc =
        read_all(set, g->since_ms, g->since_ms + g->span_ms - 1 + set->tier_ms, column, &s, err);
    for (uint32_t i = 0; rc == 0 && i < s.n; i++) {
        struct cell *c = cell_at(g, s.t[i] - set->tier_ms / 2);
        if (c && !isnan(s.v[i]))
            *(double *)((char *)c + field) += s.v[i];
    }
    samples_done(&s);
    return rc;
}

static int graph_steps(struct graph *g, struct series_set *success, struct series_set *duration,
                       struct err *err)
{
    if (add_column(g, success, COLUMN_COUNT, offsetof(struct cell, all), err) != 0 ||
        add_column(g, success, COLUMN_SUM, offsetof(struct cell, good), err) != 0 ||
        add_column(g, duration, COLUMN_COUNT, offsetof(struct cell, n), err) != 0 ||
        add_column(g, duration, COLUMN_SUM, offsetof(struct cell, sum), err) != 0)
        return -1;
    for (uint32_t i = 0; i < g->n; i++)
        if (g->cells[i].good == 0)
            g->cells[i].n = 0;
    return 0;
}

static int fill(struct graph *g, struct series_source source, const struct history_target *t,
                struct err *err)
{
    int64_t tier = tier_for(g->span_ms / g->n), last = g->since_ms + g->span_ms - 1 + tier;
    struct series_set *success, *duration = NULL;
    int rc = -1;
    success = history_select(source, "probe_success", t, g->since_ms, last, tier, err);
    if (success)
        duration =
            history_select(source, "probe_duration_seconds", t, g->since_ms, last, tier, err);
    if (duration)
        rc = success->tier_ms ? graph_steps(g, success, duration, err)
                              : graph_samples(g, success, duration, err);
    if (success)
        success->ops->free(success);
    if (duration)
        duration->ops->free(duration);
    return rc;
}

int history_graph(struct series_source source, const struct history_target *t, int64_t since_ms,
                  int64_t until_ms, uint32_t n, double *latency_ms, double *success,
                  struct err *err)
{
    if (n == 0 || n > 100000 || until_ms <= since_ms)
        return err_set(err, ERR_INVALID,
                       "a graph needs a positive time span and 1 to 100000 points");
    struct graph g = {since_ms, until_ms - since_ms, n, calloc(n, sizeof(*g.cells))};
    must(g.cells);
    int rc = fill(&g, source, t, err);
    for (uint32_t i = 0; i < n && rc == 0; i++) {
        const struct cell *c = &g.cells[i];
        latency_ms[i] = c->n > 0 ? c->sum / c->n * 1000 : NAN;
        success[i] = c->all > 0 ? c->good / c->all : NAN;
    }
    free(g.cells);
    return rc;
}

/* --- uptime --- */

static int add_up(struct series_set *set, int64_t min_ms, int64_t max_ms, double *out,
                  struct err *err)
{
    struct samples s = {0};
    double good = 0, all = 0;
    bool steps = set->tier_ms > 0;
    int rc = read_all(set, min_ms, max_ms, steps ? COLUMN_SUM : COLUMN_RAW, &s, err);
    for (uint32_t i = 0; i < s.n; i++)
        if (!isnan(s.v[i])) {
            good += s.v[i];
            all++;
        }
    if (rc == 0 && steps) {
        all = s.n = 0;
        rc = read_all(set, min_ms, max_ms, COLUMN_COUNT, &s, err);
        for (uint32_t i = 0; i < s.n; i++)
            all += isnan(s.v[i]) ? 0 : s.v[i];
    }
    samples_done(&s);
    *out = all > 0 ? good / all : NAN;
    return rc;
}

int history_day(struct series_source source, const struct history_target *t, int64_t now_ms,
                double *out, struct err *err)
{
    struct series_set *set =
        history_select(source, "probe_success", t, now_ms - DAY_MS, now_ms, 0, err);
    int rc = set ? add_up(set, now_ms - DAY_MS, now_ms, out, err) : -1;
    if (set)
        set->ops->free(set);
    return rc;
}

int history_uptime(struct series_source source, const struct history_target *t, int64_t now_ms,
                   struct history_uptime *out, struct err *err)
{
    const struct {
        double *to;
        int64_t span_ms, tier_ms;
    } parts[] = {
        {&out->day, DAY_MS, 0},
        {&out->week, 7 * DAY_MS, tiers_ms[0]},
        {&out->month, 30 * DAY_MS, HOUR_MS},
        {&out->year, 365 * DAY_MS, HOUR_MS},
    };
    for (size_t i = 0; i < array_len(parts); i++) {
        int64_t min = now_ms - parts[i].span_ms, max = now_ms + parts[i].tier_ms;
        struct series_set *set =
            history_select(source, "probe_success", t, min, max, parts[i].tier_ms, err);
        int rc = set ? add_up(set, min, max, parts[i].to, err) : -1;
        if (set)
            set->ops->free(set);
        if (rc != 0)
            return -1;
    }
    return 0;
}
