/* A target's past for the page, at any span: graphs and uptime out of the series probe_success and probe_duration_seconds.
 * Long spans are answered from the store's downsampled steps. Any thread; pure but for the reading. */
#ifndef CORE_HISTORY_H
#define CORE_HISTORY_H

#include "model/series.h"
#include "model/target.h"

struct history_target {
    const char *group, *name;
    const char
        *location; /* of its series: a place's name, a label of its own; NULL: none, as most */
};
/* Of the target itself, whatever its locations; texts are copied into a. */
struct history_target history_target_of(const struct target *t, struct arena *a);

/* n cells over [since, until): mean latency of the successes in ms (NaN when there are none), and fraction of success (NaN when
 * no result). Where steps are read, a cell's latency is the mean of all its results if one of them succeeded. */
int history_graph(struct series_source source, const struct history_target *t, int64_t since_ms,
                  int64_t until_ms, uint32_t n, double *latency_ms, double *success,
                  struct err *err);

/* Fraction of successful results of the last …; NaN when there are none. */
struct history_uptime {
    double day, week, month, year; /* 24 h, 7 d, 30 d, 365 d */
};
int history_uptime(struct series_source source, const struct history_target *t, int64_t now_ms,
                   struct history_uptime *out, struct err *err);
/* Of the last 24 h alone. */
int history_day(struct series_source source, const struct history_target *t, int64_t now_ms,
                double *out, struct err *err);

/* All series of a metric of the target: several, when its labels have changed. NULL with *err; ops->free() it. */
struct series_set *history_select(struct series_source source, const char *metric,
                                  const struct history_target *t, int64_t min_ms, int64_t max_ms,
                                  int64_t tier_ms, struct err *err);

#endif
