/* Belfry's own metrics, belfry_*: what it does, how full its queues are, what its limits are. */
#ifndef API_METRICS_SELF_H
#define API_METRICS_SELF_H

#include "api/api_priv.h"

void metrics_self(struct call *k, struct buf *out, bool openmetrics);

/* Its programs, belfry_process_*: metrics_process.c. */
void metrics_processes(struct call *k, struct buf *out, bool openmetrics);

/* HELP and TYPE. OpenMetrics names a counter's family without _total. */
void metrics_family(struct buf *out, bool openmetrics, const char *name, const char *type,
                    const char *help);

/* metrics.c */
void metrics_escape(struct buf *out, const char *s);
void metrics_label_name(struct buf *out, const char *s);
/* name="value", with a comma when there is one before it. */
void metrics_put_label(struct buf *out, const char *name, const char *value);
/* Whether both become the same name: a series must not have a label twice. */
bool metrics_same_label(const char *a, const char *b);
void metrics_header(struct buf *out, const char *name, const char *type, const char *help);

#endif
