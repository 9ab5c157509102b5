/* Rules: files as Prometheus reads them, and the manager that evaluates them.
 *
 *   files ─► rule_set (immutable, shared) ─► manager: worker threads, one evaluation of a group at a time
 *                                              │ query (promql_run_parsed over a series_source)
 *                                              ▼
 *              rule_step (step.h): pure function of (state, answer, time) ─► samples (sample_sink), alerts (callback)
 *
 * Nothing here knows of probes, channels or the core: whoever starts the manager turns struct rule_alert into what it keeps.
 * Recording rules write a series each; alerting rules write ALERTS and ALERTS_FOR_STATE, from which their state comes back after a
 * restart, as Prometheus has it (outage tolerance 1 h, grace 10 min), also for a shorter `for`. */
#ifndef RULE_RULE_H
#define RULE_RULE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/template.h"
#include "config/option.h"
#include "model/series.h"
#include "promql/promql.h"

/* ---- rule files: what they hold ---- */

enum rule_kind { RULE_RECORD, RULE_ALERT };

/* A label or an annotation: text that may be a template. */
struct rule_text {
    struct str name;
    const char *text;
    const struct template *template; /* NULL: there is no {{ in it */
};
struct rule_place {
    uint32_t line, column; /* 1-based; 0: unknown */
};
struct rule {
    enum rule_kind kind;
    const char *name;              /* of the alert, or of the recorded metric */
    struct str expr;               /* as written */
    const struct promql_node *ast; /* parsed; offsets are into expr */
    int64_t for_ms, keep_ms;       /* keep_firing_for */
    const struct rule_text *labels,
        *annotations; /* the group's labels are among them; sorted by name */
    uint32_t n_labels, n_annotations;
    struct rule_place at, expr_at; /* of the rule; of its expression as the file has it */
    const char *source;            /* the file's text from there on: rule_expr_place */
    uint64_t id; /* of kind, name, labels and expression: what a reload knows it by */
};
struct rule_group {
    const char *file, *name;
    int64_t interval_ms, query_offset_ms;
    uint32_t limit; /* most series or alerts of one rule; 0: none */
    const struct rule *rules;
    uint32_t n_rules;
    struct rule_place at;
};

struct rule_defaults {
    int64_t interval_ms;     /* evaluation_interval: 0 is 60,000 */
    int64_t query_offset_ms; /* rule_query_offset */
    bool experimental;       /* PromQL functions behind the switch */
};
struct rule_set {
    atomic_uint refs; /* rule_set_ref, rule_set_unref */
    struct arena *arena;
    const struct rule_group *groups;
    uint32_t n_groups, n_rules;
};
struct rule_source {
    const char *file;
    struct str text;
};
#define RULE_FILE_MAX (16u << 20)

/* Reads, checks and parses everything; all problems are told, each with file, line and column. NULL when there was one. */
struct rule_set *rule_set_parse(const struct rule_source *sources, size_t n,
                                const struct rule_defaults *d, struct problems *p);
/* The same of files. */
struct rule_set *rule_set_load(const char *const *paths, size_t n, const struct rule_defaults *d,
                               struct problems *p);
struct rule_set *rule_set_ref(struct rule_set *s);
void rule_set_unref(struct rule_set **s); /* NULL is fine */
/* Where a byte of the expression stands in the rule's file, whatever quotes and folding YAML put between. */
struct rule_place rule_expr_place(const struct rule *r, size_t offset);

/* ---- alerts ---- */

enum rule_alert_state { RULE_INACTIVE, RULE_PENDING, RULE_FIRING };
const char *rule_alert_state_name(enum rule_alert_state s); /* "inactive", "pending", "firing" */

/* One alert of one alerting rule, told by its labels (alertname among them). */
struct rule_alert {
    struct labels labels, annotations;
    enum rule_alert_state state; /* RULE_INACTIVE: resolved */
    double value;
    int64_t active_ms;             /* since when the expression has held */
    int64_t fired_ms, resolved_ms; /* 0: not */
    int64_t keep_since_ms;         /* keep_firing_for runs since; 0: not */
    int64_t valid_ms;              /* resolves by itself when nothing is heard by then */
};

/* ---- the manager ---- */

/* What leaves with an alert that fires, is repeated (each resend_ms) or was resolved (repeated for 15 min). */
struct rule_notice {
    const struct rule_group *group;
    const struct rule *rule;
    const struct rule_alert *alert;
    const char *generator_url; /* EXTERNAL_URL/graph?g0.expr=… */
    bool changed;              /* fired or resolved just now; else a repetition */
};

struct rule_manager_options {
    struct promql_engine *engine;
    struct series_source source;
    struct sample_sink sink;           /* used by one thread at a time */
    const struct label_pair *external; /* external labels; copied */
    size_t n_external;
    const char *external_url;    /* copied; NULL: "" */
    uint32_t workers;            /* 0: 4 */
    int64_t resend_ms;           /* 0: 60,000 */
    int64_t outage_ms, grace_ms; /* 0: 3,600,000 and 600,000 */
    int64_t (*now_ms)(void);     /* NULL: clock_wall_ms */
    /* Called by a worker thread after a rule was evaluated; what n points to lives until it returns. It must be quick
     * and may not call the manager. NULL: nobody listens. */
    void (*notify)(void *arg, const struct rule_notice *n, size_t count);
    void *arg;
};

struct rule_manager;
/* Starts its threads with the first set that is not empty. set: may be NULL; the manager takes a reference. */
struct rule_manager *rule_manager_new(const struct rule_manager_options *o, struct rule_set *set);
/* From the next evaluation on. A group is the same by file and name, a rule within it by its id: those keep their state, others
 * begin anew and the series of those that went are marked stale. Any thread. */
void rule_manager_reload(struct rule_manager *m, struct rule_set *set);
/* Waits for running evaluations (their queries are cancelled). NULL is fine. */
void rule_manager_free(struct rule_manager **m);

enum rule_health { RULE_UNKNOWN, RULE_OK, RULE_ERR };
const char *rule_health_name(enum rule_health h); /* "unknown", "ok", "err" */

/* How things stand: for /api/v1/rules, /api/v1/alerts, pages and figures. */
struct rule_view {
    const struct rule *rule;
    enum rule_health health;
    const char *last_error;          /* "" */
    int64_t last_ms, took_ns;        /* 0: not evaluated yet */
    enum rule_alert_state state;     /* the highest of its alerts */
    const struct rule_alert *alerts; /* pending and firing, sorted by labels */
    uint32_t n_alerts;
    uint64_t series; /* of the last answer */
};
struct rule_group_view {
    const struct rule_group *group;
    int64_t last_ms, took_ns;
    uint64_t evaluations, missed,
        late;                      /* late: began over a tenth of the interval after it was due */
    const struct rule_view *rules; /* group->n_rules */
};
/* Groups in the order of the files. What the view points to lives until fn returns; it is a copy: nothing waits meanwhile. */
void rule_manager_each_group(struct rule_manager *m,
                             void (*fn)(void *arg, const struct rule_group_view *g), void *arg);

struct rule_stats {
    uint64_t groups, rules, evaluations, failed, missed, late, samples, samples_refused, notices;
    uint64_t pending, firing; /* alerts now */
    int64_t last_reload_ms;
    int64_t eval_ns; /* sum of all evaluations of groups */
};
void rule_manager_get_stats(struct rule_manager *m, struct rule_stats *out);

/* ---- templates of labels and annotations ---- */

/* What $labels, $value and the functions see. */
struct rule_template_data {
    const struct labels *labels, *external;
    double value;
    const char *external_url;
    int64_t at_ms; /* of queries, and of `now` */
    /* Answers an instant query at at_ms: a vector's series (or a scalar as one series without labels) in a. NULL: query fails. */
    int (*query)(void *arg, struct arena *a, struct str expr, int64_t at_ms,
                 struct promql_series **series, size_t *n, struct err *err);
    void *arg;
};
extern const struct template_style rule_style;
/* The text, or "<error expanding template: …>" (then *err tells). In a. */
const char *rule_expand(const struct rule_text *t, const struct rule_template_data *d,
                        struct arena *a, struct err *err);

#endif
