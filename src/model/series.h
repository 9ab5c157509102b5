/* Series and where they come from and go to: the interfaces between engines. PromQL and rules read any series_source
 * (tsdb/, a file of a rule test, a remote store); parsers and rules write to any sample_sink.
 *
 * Times are milliseconds since 1970. Values are float64, kept bit for bit; a stale marker is the NaN STALE_NAN_BITS. */
#ifndef MODEL_SERIES_H
#define MODEL_SERIES_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "model/labels.h"
#include "model/matcher.h"

#define STALE_NAN_BITS  UINT64_C(0x7ff0000000000002) /* Prometheus, model/value */
#define NORMAL_NAN_BITS UINT64_C(0x7ff8000000000001)

static inline uint64_t f64_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof(bits));
    return bits;
}
static inline double f64_from_bits(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof(v));
    return v;
}
static inline bool is_stale(double v)
{
    return f64_bits(v) == STALE_NAN_BITS;
}

/* Samples of one series in columns, in order of time, no time twice. Histograms will be a third column, NULL where there is
 * none: every loop over v stays as it is. */
struct samples {
    int64_t *t;
    double *v;
    uint32_t n, cap;
};
void samples_done(struct samples *s);
void samples_reserve(struct samples *s, uint32_t more);
static inline void samples_add(struct samples *s, int64_t t, double v)
{
    if (s->n == s->cap)
        samples_reserve(s, 1);
    s->t[s->n] = t;
    s->v[s->n++] = v;
}

/* --- reading --- */

/* Steps that a source may answer from instead of single samples (tsdb: downsampled tiers), in ms; 0 raw. */
enum series_column {             /* which figure of a step */
                     COLUMN_RAW, /* single samples; of a step: its last */
                     COLUMN_COUNT,
                     COLUMN_SUM,
                     COLUMN_MIN,
                     COLUMN_MAX,
                     COLUMN_LAST,
                     COLUMN_INCREASE, /* sum of the rises within the step, resets corrected, from the last sample before it */
};

struct series_select {
    const struct matcher *const *matchers;
    size_t n_matchers;
    int64_t min_ms,
        max_ms; /* inclusive: series with a sample in there, and the samples that read() gives */
    uint32_t limit; /* most series; 0: none. Past it: TOO_LARGE */
    int64_t
        tier_ms; /* 0: single samples. Else samples of this step may be answered, see series_set.tier_ms */
    const atomic_bool *cancelled; /* looked at now and then; NULL */
};

struct series_set;
struct series_set_ops {
    /* The label set of series i, borrowed until the set is freed or in `a`. */
    struct labels (*labels)(struct series_set *s, uint32_t i, struct arena *a);
    /* One label's value, borrowed until the set is freed: cheaper than all. Empty when absent. */
    struct str (*label)(struct series_set *s, uint32_t i, struct str name);
    /* Appends the samples of series i within [min_ms, max_ms], which lie within those of the selection. Different series may be read by
     * several threads at once. DAMAGED when a chunk was lost (what could be read was appended). */
    int (*read)(struct series_set *s, uint32_t i, int64_t min_ms, int64_t max_ms,
                enum series_column column, struct samples *out, struct err *err);
    /* Optional: the newest sample within [min_ms, max_ms], a stale marker too: 1 found, 0 none, -1 failed. For those that have it at
     * hand: instant queries of many series live from it. Single samples only. */
    int (*last)(struct series_set *s, uint32_t i, int64_t min_ms, int64_t max_ms, int64_t *t,
                double *v, struct err *err);
    void (*free)(struct series_set *s);
};
/* What a selection found, in no order that means anything. It holds what it needs (blocks, head) until it is freed. */
struct series_set {
    const struct series_set_ops *ops;
    uint32_t n;
    int64_t tier_ms; /* the step that was chosen; 0: single samples */
    /* Where single samples were wanted and are gone, and steps remain: each step's last stands for them, at its end. The
     * longest such step, 0: none; and the time before which there are such. */
    int64_t older_tier_ms, older_before_ms;
};

struct series_source_ops {
    /* NULL with *err on failure. Thread-safe. */
    struct series_set *(*select)(void *self, const struct series_select *q, struct err *err);
    /* Calls fn for each name, or each value of a name, in sorted order, without doubles; fn returns false to stop. */
    int (*label_names)(void *self, const struct series_select *q,
                       bool (*fn)(void *arg, struct str name), void *arg, struct err *err);
    int (*label_values)(void *self, struct str name, const struct series_select *q,
                        bool (*fn)(void *arg, struct str value), void *arg, struct err *err);
    /* Optional. Changes whenever samples that queries may have seen were deleted, or samples older than what an answer was made
     * from came in late: caches of answers compare it. Cheap. */
    uint64_t (*generation)(void *self);
};
struct series_source {
    const struct series_source_ops *ops;
    void *self;
};

/* --- writing --- */

struct sample_sink_ops {
    /* Takes one sample; an error is this sample's (out of order, over a limit) and the rest may go on. */
    int (*append)(void *self, const struct labels *l, int64_t t_ms, double v, struct err *err);
    /* What was appended since the last flush is acknowledged. */
    int (*flush)(void *self, struct err *err);
};
struct sample_sink {
    const struct sample_sink_ops *ops;
    void *self;
};

enum metric_type {
    METRIC_UNKNOWN,
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
    METRIC_GAUGE_HISTOGRAM,
    METRIC_SUMMARY,
    METRIC_INFO,
    METRIC_STATESET,
};
const char *metric_type_name(enum metric_type t); /* "gaugehistogram" */
enum metric_type metric_type_parse(struct str s); /* METRIC_UNKNOWN for what is unknown */
struct metric_metadata {
    struct str metric;
    enum metric_type type;
    struct str help, unit;
};

#endif
