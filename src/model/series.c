/* Sample columns, and names of metric types. */
#include "model/series.h"

#include <stdlib.h>

void samples_done(struct samples *s)
{
    free(s->t);
    free(s->v);
    *s = (struct samples){0};
}

void samples_reserve(struct samples *s, uint32_t more)
{
    if (s->cap - s->n >= more)
        return;
    must(more <= UINT32_MAX / 2 - s->n);
    uint32_t cap = s->cap < 64 ? 64 : s->cap * 2;
    while (cap - s->n < more)
        cap *= 2;
    s->t = realloc(s->t, cap * sizeof(*s->t));
    s->v = realloc(s->v, cap * sizeof(*s->v));
    must(s->t != NULL && s->v != NULL);
    s->cap = cap;
}

static const char *const type_names[] = {
    [METRIC_UNKNOWN] = "unknown",
    [METRIC_COUNTER] = "counter",
    [METRIC_GAUGE] = "gauge",
    [METRIC_HISTOGRAM] = "histogram",
    [METRIC_GAUGE_HISTOGRAM] = "gaugehistogram",
    [METRIC_SUMMARY] = "summary",
    [METRIC_INFO] = "info",
    [METRIC_STATESET] = "stateset",
};

const char *metric_type_name(enum metric_type t)
{
    must((size_t)t < array_len(type_names));
    return type_names[t];
}

enum metric_type metric_type_parse(struct str s)
{
    for (size_t i = 0; i < array_len(type_names); i++) {
        if (str_eqz(s, type_names[i]))
            return (enum metric_type)i;
    }
    return METRIC_UNKNOWN;
}
