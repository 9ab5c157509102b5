/* What one evaluation of a rule does: a pure function of (state, answer, time), so that the manager, `belfry rule test` and
 * `belfry rule backtest` do the same, and simulations can run years in seconds.
 *
 *                 expr holds              for has passed
 *   (none) ───────────────────► pending ─────────────────► firing ◄────┐
 *      ▲                          │                          │  │      │ expr holds again
 *      │       expr holds no more │       expr holds no more │  └─► keeps firing (keep_firing_for)
 *      │                          ▼                          ▼         │ it has passed
 *      └──────────────────────(none)         15 min       resolved ◄───┘      (all within step_alert)
 *                                ▲─────────────────────────  │ expr holds: a new alert
 *
 * A resolved alert is repeated for 15 minutes, because who listens may have missed it. One thread at a time per state. */
#ifndef RULE_STEP_H
#define RULE_STEP_H

#include "rule/rule.h"

#define RULE_RESOLVED_KEEP_MS 900000

struct rule_state; /* NULL: nothing was evaluated yet */
void rule_state_free(struct rule_state **s);
/* Pending, firing and (unless active_only) resolved ones, sorted by labels; borrowed. */
size_t rule_state_alerts(const struct rule_state *s, bool active_only, struct arena *a,
                         const struct rule_alert ***out);
enum rule_alert_state rule_state_highest(const struct rule_state *s);

struct rule_input {
    const struct rule_group *group;
    const struct rule *rule;
    int64_t at_ms;     /* of the evaluation; samples and query are query_offset before */
    bool write_alerts; /* ALERTS and ALERTS_FOR_STATE: not before the state was restored */
    int64_t resend_ms; /* 0: no notices */
    const char *generator_url;
    struct rule_template_data data; /* external labels and address, query */
};
struct rule_sample {
    struct labels labels;
    double v; /* the stale marker for series that vanished */
};
struct rule_output {
    int64_t t_ms; /* of the samples */
    const struct rule_sample *samples;
    size_t n_samples;
    const struct rule_notice *notices;
    size_t n_notices;
    size_t n_series;       /* the answer's */
    const char *complaint; /* what a template failed with; NULL */
};
/* The state after, which borrows nothing of the one before; out lives as long as it. answer: of the rule's expression, a vector or a
 * scalar; taken over in any case. On failure (duplicate label sets, over the limit, no vector) *after is NULL: the state stays
 * as it was; but over the limit an alerting rule forgets its alerts, as in Prometheus, and *after is what is left. */
int rule_step(const struct rule_state *before, struct rule_state **after,
              const struct rule_input *in, struct promql_result *answer, struct rule_output *out,
              struct err *err);

/* A vector's series, or a scalar as one without labels, copied into a: what struct rule_template_data.query answers. */
int rule_answer_copy(const struct promql_result *r, struct arena *a, struct promql_series **series,
                     size_t *n, struct err *err);

/* Stale markers for everything the rule wrote last: it is gone. */
void rule_state_end(struct rule_state *s, struct rule_output *out);

/* After a restart: gives active alerts the time since which they were active by the last life's ALERTS_FOR_STATE. find answers
 * the newest sample of that series within the outage tolerance; false: none, or it is stale. As Prometheus, with one thing more: alerts
 * whose `for` is shorter than the grace period go on exactly where they were (Prometheus lets them begin anew). */
struct rule_restore {
    int64_t at_ms, grace_ms;
    bool (*find)(void *arg, const struct labels *series, int64_t *t_ms, double *v);
    void *arg;
};
void rule_state_restore(struct rule_state *s, const struct rule *rule,
                        const struct rule_restore *r);

#endif
