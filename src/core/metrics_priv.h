/* Inside of the core: the time-series store, the query engine, rules.
 *
 *   metrics.c         their life: opened in the background, health, reload, closed
 *   metrics_feed.c    results and figures on their way to the writer; rings wait for it
 *   metrics_writer.c  the writer's thread   metrics_series.c  which series a metric is
 *   metrics_import.c  results of the time before there were series
 *   metrics_setup.c   from the configuration to their options
 *   metrics_alert.c   alerts of rules on the road of all alerts
 *   metrics_figures.c their own figures
 *   history.c         graphs and uptime for the page (any thread)
 *
 * Main loop, but for the pointers to store, engine and rules, which any thread may read. */
#ifndef CORE_METRICS_PRIV_H
#define CORE_METRICS_PRIV_H

#include <stdatomic.h>

#include "core/core_priv.h"
#include "core/metrics_import.h"
#include "core/metrics_writer.h"
#include "promql/promql.h"
#include "remote/sender.h"
#include "rule/rule.h"

#define METRICS_ALERT "Belfry: metrics store"
#define RULES_GROUP   "rules" /* of alerts */

/* A ring's records that the database has and the writer may not: they are freed when it has passed `number`. */
struct ring_wait {
    struct ring_tap *tap;
    uint64_t ring_id, seq, number;
};

struct rule_alerts;

struct metrics {
    struct core *core;
    char *dir;
    struct metrics_writer *writer;
    _Atomic(struct tsdb *) db;
    _Atomic(struct promql_engine *) engine;
    _Atomic(struct rule_manager *) rules;
    struct sample_sink rule_sink;
    struct remote_writers *remote; /* NULL: nothing was ever to be sent */
    vec_of(struct arena *)
        setups; /* matchers of keep rules, the newest last: the store may still look at older ones */
    vec_of(struct ring_wait) waits;
    int64_t figures_ns; /* when the next are due */
    void (*more)(void *arg, struct figures *f);
    void *more_arg;
    int64_t trouble_ns; /* since when; 0: none */
    struct err trouble;
    uint64_t alert_id; /* Belfry's own, about the store */
    struct rule_alerts *alerts;
    struct metrics_import *import; /* of results of the time before; NULL: done */
};

/* metrics.c */
void core__metrics_new(struct core *c); /* leaves c->metrics NULL when they are off */
void core__metrics_free(struct core *c);
void core__metrics_reload(struct core *c);
void core__metrics_tick(struct core *c);
void core__metrics_stop_import(struct core *c); /* before the database is closed */

/* metrics_setup.c: strings and matchers live in a, which must outlive the store. */
struct tsdb_options core__tsdb_options(const struct config *cfg, const char *dir, struct arena *a);
const struct tsdb_keep_rule *core__keep_rules(const struct config *cfg, struct arena *a, size_t *n);
struct promql_options core__promql_options(const struct config *cfg);
struct rule_set *
core__rule_set(const struct config *cfg); /* NULL: there are none, or what is wrong was logged */

/* metrics_alert.c */
struct rule_alerts *core__rule_alerts_new(struct core *c);
void core__rule_alerts_free(struct rule_alerts *all);
void core__rule_notify(void *arg, const struct rule_notice *n,
                       size_t count); /* rule_manager_options.notify; arg: rule_alerts */
void core__rule_alerts_tick(struct rule_alerts *all);

/* metrics_figures.c */
void core__figures_metrics(struct core *c, struct figures *f);

#endif
