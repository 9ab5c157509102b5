/* What a target's results add up to over a span of time, out of the series probe_success and probe_duration_seconds. Long spans are
 * answered from the store's downsampled steps (5 minutes up to 40 days, then hours): a step counts where its middle lies, and its
 * mean latency stands for all of its results.
 *
 * Watched is the time between two results, unless it is longer than 5 minutes and more than twice as long as the time between
 * its neighbours: then nobody looked. What lies before the first result and behind the last is judged likewise. Any thread. */
#ifndef CORE_TALLY_H
#define CORE_TALLY_H

#include "core/history.h"
#include "core/sla.h"

struct tally {
    double good, all;              /* results */
    double latency_sum, latency_n; /* seconds, of those that succeeded */
    int64_t watched_ms;            /* of the span, without what does not count */
};
/* Adds to *out, and to sketch (NULL: nobody asks for quantiles; latency_* stay as they are then). What lies in `without` (may
 * be NULL) does not count. */
int tally_read(struct series_source source, const struct history_target *t, int64_t since_ms,
               int64_t until_ms, const struct sla_spans *without, struct tally *out,
               struct sla_sketch *sketch, struct err *err);
double tally_uptime(const struct tally *t); /* NaN: no result */

#endif
