/* Prometheus' remote write 1.0: a snappy block that holds a protobuf message WriteRequest (prometheus.io/docs/specs/prw).
 *
 *   WriteRequest { repeated TimeSeries timeseries = 1; repeated MetricMetadata metadata = 3; }
 *   TimeSeries   { repeated Label labels = 1; repeated Sample samples = 2; exemplars = 3; histograms = 4; }
 *   Label        { string name = 1; string value = 2; }
 *   Sample       { double value = 1; int64 timestamp = 2 (ms); }
 *   MetricMetadata { enum type = 1; string metric_family_name = 2; string help = 4; string unit = 5; }
 *
 * The reader walks the bytes and copies nothing. A series comes with the raw bytes of its labels, so that a receiver that has
 * met them before need not look into them. Exemplars and histograms are counted and left out. Unknown fields are skipped.
 * Any thread. */
#ifndef WIRE_REMOTE_WRITE_H
#define WIRE_REMOTE_WRITE_H

#include "model/labels.h"
#include "model/series.h"

#define REMOTE_WRITE_MAX ((size_t)32 << 20) /* bytes of a message, unpacked */

/* Appends the unpacked bytes to out. MALFORMED: no snappy block; TOO_LARGE: it says that it holds more than max, which is
 * looked at before memory is taken. */
int remote_unpack(struct str body, size_t max, struct buf *out, struct err *err);
void remote_pack(struct str message, struct buf *out); /* appends */

enum remote_item { REMOTE_FAILED = -1, REMOTE_END, REMOTE_SERIES, REMOTE_METADATA };

struct remote_entry {
    /* REMOTE_SERIES */
    struct str key; /* the label messages, as sent; empty when they do not stand together, first */
    struct str labels;  /* key, or all of the series' message */
    struct str samples; /* for remote_sample */
    uint32_t n_samples;
    int64_t t_ms; /* the last sample: of most senders there is no other */
    double v;
    /* REMOTE_METADATA */
    struct metric_metadata metadata;
};

struct remote_reader {
    struct str left;
    const char *start;
    uint64_t series, samples, exemplars, histograms, metadata; /* met so far */
};
void remote_reader_init(struct remote_reader *r, struct str message);
/* MALFORMED with the offset; what was given before stays valid. */
enum remote_item remote_next(struct remote_reader *r, struct remote_entry *e, struct err *err);
/* The next sample of a series; false: no more. A time of 0 and a value of 0 need not be on the wire. */
bool remote_sample(struct remote_entry *e, int64_t *t_ms, double *v);
/* Labels, sorted, into b; out borrows b and the message. MALFORMED: no metric name, an empty name of a label, invalid UTF-8;
 * CONFLICT: a label twice. Labels with an empty value are as absent. */
int remote_labels(const struct remote_entry *e, struct labels_builder *b, struct labels *out,
                  struct err *err);

/* --- writing: append to a message --- */
void remote_put_series(struct buf *out, const struct labels *l, const int64_t *t, const double *v,
                       uint32_t n);
void remote_put_metadata(struct buf *out, const struct metric_metadata *m);

#endif
