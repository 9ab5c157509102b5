/* Inside of the Prometheus API (prom_*.c): what the handlers under /prometheus share. Its own form of errors, parameters
 * from the query and from a form, times and values as Prometheus writes them. */
#ifndef API_PROM_PRIV_H
#define API_PROM_PRIV_H

#include "api/api_priv.h"
#include "promql/promql.h"
#include "remote/receive.h"
#include "rule/rule.h"
#include "tsdb/tsdb.h"

extern const struct route prom_routes[]; /* ended by method NULL; tried before api_routes */

#define PROM_MIN_MS (INT64_MIN / 4) /* "always", when no start or end is given */
#define PROM_MAX_MS (INT64_MAX / 4)

/* --- errors --- */
enum prom_error {
    PROM_BAD_DATA,
    PROM_EXECUTION,
    PROM_CANCELED,
    PROM_TIMEOUT,
    PROM_INTERNAL,
    PROM_NOT_FOUND,
    PROM_UNAVAILABLE,
};
/* All return -1. */
#define prom_fail(k, type, ...) err_failed(prom_fail_at((k), (type), __VA_ARGS__))
int prom_fail_at(struct call *k, enum prom_error type, const char *fmt, ...) printf_like(3, 4);
int prom_fail_err(struct call *k, const struct err *err); /* of the engine or the store */
/* invalid parameter "NAME": … */
int prom_bad_param(struct call *k, const char *name, const char *fmt, ...) printf_like(3, 4);

/* --- answers: {"status":"success","data":…} --- */
struct buf *prom_begin(struct call *k); /* then write the data */
struct prom_notes {
    const char *const *warnings, *const *infos;
    size_t n_warnings, n_infos;
};
void prom_end(struct call *k, const struct prom_notes *notes); /* NULL: none */
#define PROM_TRUNCATED "results truncated due to limit"
void prom_end_truncated(struct call *k, bool truncated);
void prom_put_begin(struct buf *out); /* the same, into a piece */
void prom_put_notes(struct buf *out, const struct prom_notes *notes);
/* Compresses the answer when whoever asked takes gzip and it is worth it. */
void prom_compress(struct call *k);

/* --- answers that may be large (prom_pieces.c): made piece by piece, and sent so, compressed or not, when they are longer
 * than PROM_WHOLE. What fails before that is answered as an error; later the connection is cut. --- */
#define PROM_WHOLE ((size_t)1 << 20)
struct prom_pieces {
    /* Appends about HTTP_PIECE bytes. HTTP_BROKEN: with *err. ctx must not lean on the call. */
    enum http_more (*next)(void *ctx, struct buf *out, struct err *err);
    void (*done)(void *ctx);
    void *ctx;
};
void prom_answer_pieces(struct call *k, const struct prom_pieces *p); /* takes ctx */

void prom_put_labels(struct buf *out, const struct labels *l);           /* {"a":"b"} */
void prom_put_text(struct buf *out, const char *key, const char *value); /* "key":"value" */
void prom_put_time(struct buf *out, const char *key,
                   int64_t wall_ms); /* "key":"2026-…Z"; 0: the year 1 */
void prom_put_seconds(struct buf *out, const char *key, int64_t ns);

/* --- parameters: of a form and of the address --- */
struct prom_param {
    const char *name, *value;
};
struct prom_params {
    struct call *call;
    struct prom_param *at; /* the form's first */
    size_t n, cap;
};
void prom_params(struct call *k, struct prom_params *out);
const char *prom_param(const struct prom_params *p, const char *name); /* "" when absent */
bool prom_given(const struct prom_params *p, const char *name);
/* All of these answer the error and return -1. */
int prom_time(const struct prom_params *p, const char *name, int64_t absent, int64_t *ms);
int prom_time_needed(const struct prom_params *p, const char *name, int64_t *ms);
int prom_span(const struct prom_params *p, const char *name, int64_t absent, int64_t *ms);
int prom_limit(const struct prom_params *p, const char *name, uint32_t *out); /* 0: none */
/* start and end, "always" when absent */
int prom_period(const struct prom_params *p, int64_t *start, int64_t *end);

/* format=: "prometheus", "openmetrics", "jsonl"; else as the type of content says. */
int prom_format(const struct prom_params *p, const char *type, enum ingest_format *out);

struct prom_selector {
    const struct matcher *const *matchers;
    size_t n;
};
struct prom_selectors {
    struct prom_selector *at;
    size_t n;
};
int prom_selectors(const struct prom_params *p, const char *name, struct prom_selectors *out);

/* --- what is asked --- */
/* Of the core, at this moment. False: answered already (503). */
bool prom_store(struct call *k, struct api_metrics *out);
/* For promql_request.gone: has whoever asked left? */
bool prom_gone(void *call);

/* prom_result.c: {"resultType":…,"result":…,"stats":…} */
struct prom_rows { /* how far a result is written; {.r = r} at first */
    const struct promql_result *r;
    struct prom_time_text *times;     /* of a range query */
    size_t series;                    /* the one at hand */
    uint32_t point;                   /* its next one */
    bool begun, inside, rows, points; /* the result, a series; anything was written in it */
};
/* {"resultType":…,"result":…: appends about HTTP_PIECE bytes. True: that was all. */
bool prom_put_result(struct buf *out, struct prom_rows *w);
void prom_put_stats(struct buf *out, const struct promql_result *r, bool all);

/* Whether this call of a route that waits is over sooner than a worker would have begun. */
bool prom_quick(struct call *k, const struct route *r);

/* --- handlers --- */
void prom_query(struct call *k);
void prom_query_range(struct call *k);
void prom_query_exemplars(struct call *k);
void prom_format_query(struct call *k);
void prom_parse_query(struct call *k);
void prom_labels(struct call *k);
void prom_label_values(struct call *k);
void prom_series(struct call *k);
void prom_metadata(struct call *k);
void prom_targets(struct call *k);
void prom_targets_metadata(struct call *k);
void prom_scrape_pools(struct call *k);
void prom_alertmanagers(struct call *k);
void prom_notifications(struct call *k);
void prom_rules(struct call *k);
void prom_alerts(struct call *k);
void prom_status_config(struct call *k);
void prom_status_runtime(struct call *k);
void prom_status_build(struct call *k);
void prom_status_flags(struct call *k);
void prom_status_tsdb(struct call *k);
void prom_status_blocks(struct call *k);
void prom_status_replay(struct call *k);
void prom_features(struct call *k);
void prom_write(struct call *k);
void prom_import(struct call *k);
void prom_export(struct call *k);
void prom_federate(struct call *k);
void prom_delete_series(struct call *k);
void prom_clean_tombstones(struct call *k);
void prom_snapshot(struct call *k);
void prom_unknown(struct call *k);

#endif
