/* The arithmetic of uptime reports: spans of time, outages cut to them, error budgets, quantiles, months. Pure. */
#ifndef CORE_SLA_H
#define CORE_SLA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/vec.h"

/* --- spans of time, [from, to) --- */
struct sla_span {
    int64_t from_ms, to_ms;
};
struct sla_spans {
    struct sla_span *at;
    size_t n, cap;
};
void sla_spans_add(struct sla_spans *s, int64_t from_ms,
                   int64_t to_ms); /* any order, may overlap */
/* Sorted, none touching another, cut to [since, until). Before anything is asked. */
void sla_spans_settle(struct sla_spans *s, int64_t since_ms, int64_t until_ms);
bool sla_spans_hold(const struct sla_spans *s, int64_t at_ms);
/* How much of [from, to) lies in them. */
int64_t sla_spans_within(const struct sla_spans *s, int64_t from_ms, int64_t to_ms);
void sla_spans_done(struct sla_spans *s);

/* --- outages --- */
struct sla_outages {
    uint32_t incidents;
    int64_t down_ms;
};
/* One from fired to resolved (0: it still lasts) within [since, until); out: not counted there (may be NULL). One that lies wholly
 * in `out` is none. Those of a target do not overlap. */
void sla_outage_add(struct sla_outages *o, int64_t fired_ms, int64_t resolved_ms, int64_t since_ms,
                    int64_t until_ms, const struct sla_spans *out);

/* --- error budget: of the time that counts, how much may fail --- */
struct sla_budget {
    double total_s, used_s, left_s;
    double
        left; /* of 1; below 0 when it is overspent; NaN when nothing is allowed (SLO 100 %) and something failed */
    bool met;
};
/* slo in percent, 0 < slo ≤ 100; uptime a fraction, NaN: nothing is known, so nothing is used. */
struct sla_budget sla_budget(double slo, double counted_s, double uptime);

/* --- quantiles of many positive numbers in little memory: to within 1 % --- */
#define SLA_BUCKETS 1300
struct sla_sketch {
    double n, in[SLA_BUCKETS];
};
void sla_sketch_add(struct sla_sketch *s, double v,
                    double weight); /* v ≤ 0 counts as the smallest */
void sla_sketch_merge(struct sla_sketch *into, const struct sla_sketch *from);
double sla_sketch_quantile(const struct sla_sketch *s, double q); /* NaN: it is empty */

/* "2026-10" in a zone. MALFORMED, NOT_FOUND (the zone). */
int sla_month(const char *text, const char *zone, int64_t *since_ms, int64_t *until_ms,
              struct err *err);

/* What is the same in messages of one reason: numbers become #, but for a status code. At most size - 1 bytes. */
void sla_reason(const char *message, char *out, size_t size);

#endif
