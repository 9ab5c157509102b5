/* What one sample of each OpenMetrics type may be: labels, value, exemplar (wire/openmetrics_priv.h). Pure. */
#include "wire/openmetrics_priv.h"

#include <math.h>

#include "base/must.h"
#include "wire/number.h"

static int wrong(struct err *err, const struct om_sample *s, const char *what)
{
    return err_set(err, ERR_MALFORMED, "cannot accept as OpenMetrics: %s: got \"%.*s\"", what,
                   (int)utf8_cut(s->e->series.p, s->e->series.n, 120), s->e->series.p);
}

/* Numbers in labels may be written in any way but for the infinities: "+Inf" is looked for. */
static bool is_canonical(struct str text, double v)
{
    return !isinf(v) || str_eqz(text, v > 0 ? "+Inf" : "-Inf");
}

static bool label_number(const struct om_sample *s, const char *label, double *v)
{
    struct str text = labels_get(s->labels, str_of(label));
    return text.n > 0 && number_f64(text, v) == text.n && !isnan(*v) && is_canonical(text, *v);
}

static int check_labels(enum metric_type type, struct str family, const struct om_sample *s,
                        struct err *err)
{
    double v;
    if (s->suffix == OM_BUCKET && !label_number(s, "le", &v))
        return wrong(err, s, "a bucket needs a label le with a canonical number");
    if (type == METRIC_SUMMARY && s->suffix == OM_NONE &&
        (!label_number(s, "quantile", &v) || v < 0 || v > 1))
        return wrong(err, s, "a quantile needs a label quantile from 0 to 1, canonical");
    if (type == METRIC_STATESET && labels_get(s->labels, family).n == 0)
        return wrong(err, s, "a state needs a label with its family's name");
    return 0;
}

static bool is_count(enum om_suffix s)
{
    return s == OM_BUCKET || s == OM_COUNT || s == OM_GCOUNT;
}

static int check_value(enum metric_type type, const struct om_sample *s, struct err *err)
{
    double v = s->e->v;
    if (type == METRIC_STATESET && v != 0 && v != 1)
        return wrong(err, s, "a state is 0 or 1");
    if (type == METRIC_INFO && v != 1)
        return wrong(err, s, "an info is 1");
    if (type == METRIC_SUMMARY && s->suffix == OM_NONE && v < 0)
        return wrong(err, s, "a quantile is not negative");
    bool counts = is_count(s->suffix) || s->suffix == OM_TOTAL || s->suffix == OM_SUM;
    if ((counts || s->suffix == OM_GSUM) && isnan(v))
        return wrong(err, s, "what counts is not NaN");
    if (counts && v < 0)
        return wrong(err, s, "what counts is not negative");
    if (is_count(s->suffix) && floor(v) != v)
        return wrong(err, s, "a count is a whole number");
    return 0;
}

int om_sample_check(enum metric_type type, struct str family, const struct om_sample *s,
                    struct err *err)
{
    must(s->suffix < OM_SUFFIXES && s->labels->n > 0);
    bool histogram = type == METRIC_HISTOGRAM || type == METRIC_GAUGE_HISTOGRAM;
    bool may =
        (histogram && s->suffix == OM_BUCKET) || (type == METRIC_COUNTER && s->suffix == OM_TOTAL);
    if (s->e->exemplar.n > 0 && !may)
        return wrong(err, s, "only buckets and totals of counters have exemplars");
    if (check_labels(type, family, s, err) < 0)
        return -1;
    return check_value(type, s, err);
}
