/* What a target's results add up to over a span of time, out of the series probe_success and probe_duration_seconds. Long spans are
 * answered from the store's downsampled steps (5 minutes up to 40 days, then hours): a step counts where its middle lies, and its
 * mean latency stands for all of its results. Any thread. */
#ifndef CORE_TALLY_H
#define CORE_TALLY_H

#include "core/history.h"
#include "core/sla.h"

struct tally {
    double good, all;              /* results */
    double latency_sum, latency_n; /* seconds, of those that succeeded */
};
/* Adds to *out, and to sketch (NULL: nobody asks for quantiles; latency_* stay as they are then). What lies in `without` (may
 * be NULL) does not count. */
int tally_read(struct series_source source, const struct history_target *t, int64_t since_ms,
               int64_t until_ms, const struct sla_spans *without, struct tally *out,
               struct sla_sketch *sketch, struct err *err);
double tally_uptime(const struct tally *t); /* NaN: no result */

#endif
