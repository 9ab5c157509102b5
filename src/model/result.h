/* The result of one probe: what a watcher publishes and the core judges and stores.
 *
 * Builder side (watcher): a struct result in the probe's arena, filled by the prober through result_*.
 * Wire form (ring record): result_encode / result_decode, versioned; decode checks everything. */
#ifndef MODEL_RESULT_H
#define MODEL_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/json.h"
#include "model/target.h"

#define RESULT_METRICS_MAX  192 /* the last place is probe_metrics_left_out's */
#define RESULT_LABELS_MAX   8   /* of one metric */
#define RESULT_WARNINGS_MAX 16
#define RESULT_MESSAGE_MAX  1000 /* bytes; longer is cut on a character boundary */
#define RESULT_FACT_MAX     256  /* bytes of a fact or label value; longer is cut */
#define RESULT_NAME_MAX     100  /* bytes of a metric's or label's name: constants of ours */
#define RESULT_ENCODED_MAX \
    16000 /* most bytes of a wire form: detail, then metrics at the end are left out */

/* One number or text that a probe learned. Name and labels as in the exposition:
 * probe_http_duration_seconds{phase="tls"}. */
struct metric {
    const char *name;
    const struct label *labels; /* in the order in which they were given */
    uint32_t n_labels;
    bool is_text;
    double num;
    const char *text; /* database version, certificate subject … : JSON only, not in /metrics */
};

struct result {
    uint64_t target_id;
    uint64_t request_id; /* answers a CHECK or TRY of the core; 0 for a scheduled round */
    bool success;
    int64_t checked_ms; /* wall clock at the start of the probe */
    int64_t latency_us;
    const char *message; /* never NULL; valid UTF-8 */
    const char *address; /* IP used, "" when none: "which address was used" */
    int64_t resolve_us;
    struct metric *metrics; /* in the arena; grows */
    int n_metrics, metrics_room;
    int n_left_out; /* past a limit; they are counted in the metric probe_metrics_left_out */
    const char *warnings[RESULT_WARNINGS_MAX]; /* non-empty with success: degraded */
    int n_warnings;
    const char *
        detail_json; /* object with prober-specific fields for `belfry check` and the page; NULL none */
    struct arena *arena;
};

void result_init(struct result *r, struct arena *a);
void result_fail(struct result *r, const char *fmt, ...)
    printf_like(2, 3); /* success=false; first call wins */
void result_fail_err(struct result *r, const struct err *err);
void result_ok(struct result *r, const char *fmt, ...) printf_like(2, 3);
void result_warn(struct result *r, const char *fmt, ...) printf_like(2, 3);
/* Those past RESULT_METRICS_MAX are left out and counted: totals come first. Names must be constants or in the arena. */
void result_metric(struct result *r, const char *name, double v);
void result_metric_label(struct result *r, const char *name, const char *label, const char *value,
                         double v);
/* At most RESULT_LABELS_MAX labels, no name twice; the array is copied. */
void result_metric_labels(struct result *r, const char *name, const struct label *labels,
                          uint32_t n_labels, double v);
void result_fact(struct result *r, const char *name, const char *text);
/* A finished result of a target that must not be good: success becomes failure and the other way round, the message says
 * so; what was a failure has no warnings then. */
void result_invert(struct result *r);
bool result_degraded(const struct result *r); /* success with warnings */

void result_encode(const struct result *r, struct buf *out);
/* Strings are copied to a. *out is unusable on failure. */
int result_decode(const void *p, size_t n, struct arena *a, struct result *out, struct err *err);

/* The value of a metric's label; NULL when it has none of that name. */
const char *metric_label(const struct metric *m, const char *name);
/* metrics as one JSON object {"probe_http_status_code":200,"probe_x{phase=\"tls\"}":0.1,…}; several labels are
 * separated by commas: name{a="b",c="d"}. */
void result_metrics_json(const struct result *r, struct json *j);
/* What a probe learned, into the open object: "metrics", "warnings", and "detail" where there is one. */
void result_learned_json(const struct result *r, struct json *j);

#endif
