/* Belfry's own metrics, belfry_*, as text (core/figures.h). */
#ifndef API_METRICS_SELF_H
#define API_METRICS_SELF_H

#include "api/api_priv.h"

void metrics_self(struct call *k, struct buf *out, bool openmetrics);

/* metrics.c */
void metrics_escape(struct buf *out, const char *s);
void metrics_header(struct buf *out, const char *name, const char *type, const char *help);

#endif
