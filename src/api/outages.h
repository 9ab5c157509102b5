/* The incidents of one target, out of the records of its alerts: what uptime and reports count. */
#ifndef API_OUTAGES_H
#define API_OUTAGES_H

#include "api/api_priv.h"
#include "core/sla.h"

struct outage_window {
    int64_t since_ms, until_ms;
    const struct sla_spans *without; /* NULL: all counts */
    struct sla_outages outages;
};
/* Adds the target's alerts to each window. */
int outages_read(struct store_reader *r, uint64_t target_id, struct outage_window *w, size_t n,
                 struct err *err);

#endif
