/* Writes metrics as text: Prometheus' text format 0.0.4 or OpenMetrics 1.0, for /metrics, /federate and exports.
 *
 *   struct exposition_writer w = {&out, EXPOSITION_TEXT};
 *   exposition_write_family(&w, &meta);
 *   exposition_write_sample(&w, &labels, 1.5, NULL);
 *   exposition_write_end(&w);
 *
 * The caller gives samples in the order that the format wants (a family's together). Names that are not classic are written in
 * quotes, as Prometheus 3 reads them. */
#ifndef WIRE_EXPOSITION_WRITE_H
#define WIRE_EXPOSITION_WRITE_H

#include "wire/exposition.h"

struct exposition_writer {
    struct buf *out;
    enum exposition_format format;
};
/* HELP (when there is one), TYPE and UNIT. metric.metric is the name of samples' family: of counters with _total, which
 * OpenMetrics leaves out of the family's name. */
void exposition_write_family(struct exposition_writer *w, const struct metric_metadata *m);
/* t_ms NULL: without time. */
void exposition_write_sample(struct exposition_writer *w, const struct labels *l, double v,
                             const int64_t *t_ms);
void exposition_write_end(struct exposition_writer *w);

/* name{a="b"}, or {"odd name",a="b"}. */
void exposition_write_series(struct buf *out, const struct labels *l);
/* 1.5, NaN, +Inf, -Inf */
void exposition_write_value(struct buf *out, double v);

#endif
