/* What the samples of one label set may be together: they stand side by side, times do not fall, and a histogram's point is
 * whole (wire/openmetrics_priv.h). */
#include "wire/openmetrics_priv.h"

#include <math.h>

#include "base/must.h"
#include "wire/number.h"

void om_group_init(struct om_group *g)
{
    *g =
        (struct om_group){.key = BUF_INIT(1 << 24), .seen = map_str_new(), .series = map_str_new()};
}

void om_group_done(struct om_group *g)
{
    buf_done(&g->key);
    map_str_free(g->seen);
    map_str_free(g->series);
    g->seen = g->series = NULL;
}

static int wrong(struct err *err, const char *what)
{
    return err_set(err, ERR_MALFORMED, "cannot accept as OpenMetrics: %s", what);
}

static void put_labels(struct buf *out, const struct labels *l, bool name, struct str without)
{
    for (uint32_t i = 0; i < l->n; i++) {
        if (str_eq(l->at[i].name, without) || (!name && str_eqz(l->at[i].name, LABEL_METRIC_NAME)))
            continue;
        buf_put_str(out, l->at[i].name.p, l->at[i].name.n);
        buf_put_str(out, l->at[i].value.p, l->at[i].value.n);
    }
}

/* The label that tells samples of one point apart; of an info it is any. */
static struct str inner_label(enum metric_type type, struct str family, enum om_suffix suffix)
{
    if (suffix == OM_BUCKET)
        return STR("le");
    if (type == METRIC_STATESET)
        return family;
    return type == METRIC_SUMMARY && suffix == OM_NONE ? STR("quantile") : STR("");
}

static bool is_histogram(enum metric_type type)
{
    return type == METRIC_HISTOGRAM || type == METRIC_GAUGE_HISTOGRAM;
}

static int end_point(struct om_group *g, enum metric_type type, struct err *err)
{
    const struct om_point *p = &g->point;
    if (!is_histogram(type) || !g->any)
        return 0;
    if (!p->has_bucket || p->le != INFINITY)
        return wrong(err, "a histogram has no bucket le=\"+Inf\"");
    if (p->has_count && p->count != p->value)
        return wrong(err, "a histogram's count is not that of its bucket le=\"+Inf\"");
    if ((p->has_sum || p->has_gsum) != p->has_count)
        return wrong(err, "of a histogram's sum and count only one is there");
    if (p->negative_bucket && p->has_sum)
        return wrong(err, "a histogram with a negative bucket has no sum");
    if (p->negative_gsum && !p->negative_bucket)
        return wrong(err, "a sum is negative and no bucket is");
    return 0;
}

static int add_bucket(struct om_point *p, const struct om_sample *s, struct err *err)
{
    double le = 0;
    struct str text = labels_get(s->labels, STR("le"));
    must(number_f64(text, &le) == text.n); /* om_sample_check */
    if (p->has_bucket && le <= p->le)
        return wrong(err, "buckets do not rise");
    if (p->has_bucket && s->e->v < p->value)
        return wrong(err, "a bucket has less than the one before it");
    p->has_bucket = true;
    p->negative_bucket |= le < 0;
    p->le = le;
    p->value = s->e->v;
    return 0;
}

static int add_to_point(struct om_point *p, const struct om_sample *s, struct err *err)
{
    switch (s->suffix) {
    case OM_BUCKET:
        return add_bucket(p, s, err);
    case OM_COUNT:
    case OM_GCOUNT:
        p->has_count = true;
        p->count = s->e->v;
        return 0;
    case OM_SUM:
        p->has_sum = true;
        return 0;
    case OM_GSUM:
        p->has_gsum = true;
        p->negative_gsum = s->e->v < 0;
        return 0;
    default:
        return 0;
    }
}

/* Moves on to the group of this sample. */
static int enter(struct om_group *g, enum metric_type type, struct str family,
                 const struct om_sample *s, struct err *err)
{
    struct buf key = BUF_INIT(1 << 24);
    buf_putc(&key, '.'); /* never empty */
    if (type != METRIC_INFO)
        put_labels(&key, s->labels, false, inner_label(type, family, s->suffix));
    bool same = g->any && g->key.len == key.len && memcmp(g->key.data, key.data, key.len) == 0;
    bool same_time = same && g->has_t == s->e->has_t && g->time == s->time;
    int rc = same_time ? 0 : end_point(g, type, err);
    if (rc == 0 && same && g->has_t != s->e->has_t)
        rc = wrong(err, "some samples of a metric have a time and others have none");
    else if (rc == 0 && same && type != METRIC_INFO && s->time < g->time)
        rc = wrong(err, "times of a metric fall");
    else if (rc == 0 && !same && map_str_put(g->seen, key.data, key.len, g))
        rc = wrong(err, "samples of a metric do not stand together");
    if (!same_time)
        g->point = (struct om_point){0};
    buf_done(&g->key);
    g->key = key;
    g->any = true;
    g->has_t = s->e->has_t;
    g->time = s->time;
    return rc;
}

int om_group_add(struct om_group *g, enum metric_type type, struct str family,
                 const struct om_sample *s, struct err *err)
{
    must(g->seen != NULL);
    if (enter(g, type, family, s, err) < 0)
        return -1;
    if (!s->e->has_t) {
        struct buf series = BUF_INIT(1 << 24);
        put_labels(&series, s->labels, true, STR(""));
        bool twice = map_str_put(g->series, series.data, series.len, g) != NULL;
        buf_done(&series);
        if (twice)
            return wrong(err, "a series stands twice");
    }
    return is_histogram(type) ? add_to_point(&g->point, s, err) : 0;
}

int om_group_end(struct om_group *g, enum metric_type type, struct err *err)
{
    return end_point(g, type, err);
}
