/* From the configuration to the options of store, engine and rules. Main loop; selectors and rule files were checked when the
 * file was loaded, a race with a changed file is logged. */
#include "core/metrics_priv.h"

#define TIER_5M_MS INT64_C(300000)
#define TIER_1H_MS INT64_C(3600000)

const struct tsdb_keep_rule *core__keep_rules(const struct config *cfg, struct arena *a, size_t *n)
{
    const struct section_list *rules = &cfg->metrics.retention.rules;
    const struct config_keep_rule *at = rules->at;
    struct tsdb_keep_rule *out = arena_array_of(a, struct tsdb_keep_rule, rules->n + 1);
    *n = 0;
    for (size_t i = 0; i < rules->n; i++) {
        struct tsdb_keep_rule *r = &out[*n];
        struct err err = {0};
        *r = (struct tsdb_keep_rule){.keep_ms = at[i].keep_ms};
        if (promql_parse_selector(a, str_of(arena_strdup(a, at[i].match)), false, &r->matchers,
                                  &r->n_matchers, &err) == 0)
            (*n)++;
        else
            log_error("a rule of metrics.retention cannot be used", F_STR("match", at[i].match),
                      F_ERR(&err));
    }
    return out;
}

struct tsdb_options core__tsdb_options(const struct config *cfg, const char *dir, struct arena *a)
{
    const struct config_metrics *m = &cfg->metrics;
    struct tsdb_options o = TSDB_OPTIONS;
    o.dir = dir;
    o.wal_sync_ms = m->wal_sync_ms;
    o.out_of_order_ms = m->out_of_order_ms;
    o.keep_ms = m->retention.raw_ms;
    o.keep_bytes = (uint64_t)m->retention.size;
    o.tiers[0].step_ms = TIER_5M_MS;
    o.tiers[0].keep_ms = m->retention.tier_5m_ms;
    o.tiers[1].step_ms = TIER_1H_MS;
    o.tiers[1].keep_ms = m->retention.tier_1h_ms;
    o.rules = core__keep_rules(cfg, a, &o.n_rules);
    o.max_series = (uint64_t)m->limits.series;
    o.max_series_per_source = (uint64_t)m->limits.series_per_source;
    o.max_labels = (uint32_t)m->limits.labels;
    o.max_label_bytes = (uint32_t)m->limits.label_bytes;
    return o;
}

struct promql_options core__promql_options(const struct config *cfg)
{
    const struct config_metrics *m = &cfg->metrics;
    struct promql_options o = PROMQL_OPTIONS;
    o.limits.max_samples = (uint64_t)m->query.max_samples;
    o.limits.max_series = (uint32_t)m->query.max_series;
    o.limits.max_memory = (uint64_t)m->query.max_memory;
    o.limits.total_memory = (uint64_t)m->query.total_memory;
    o.limits.timeout_ms = m->query.timeout_ms;
    o.limits.concurrency = (uint32_t)m->query.concurrency;
    o.lookback_ms = m->query.lookback_ms;
    o.default_interval_ms = m->evaluation_interval_ms;
    o.experimental = m->query.experimental;
    o.delayed_name_removal = m->query.experimental;
    o.cache_bytes = (uint64_t)m->query.cache;
    o.slow_ms = m->query.slow_ms;
    return o;
}

struct rule_set *core__rule_set(const struct config *cfg)
{
    if (cfg->rule_files.n == 0)
        return NULL;
    struct arena *a = arena_new();
    struct rule_defaults d = {.interval_ms = cfg->metrics.evaluation_interval_ms,
                              .experimental = cfg->metrics.query.experimental};
    struct problems p;
    problems_init(&p, a);
    struct rule_set *set = rule_set_load(cfg->rule_files.at, cfg->rule_files.n, &d, &p);
    for (size_t i = 0; !set && i < p.list.n; i++)
        log_error("a file of rules cannot be used", F_STR("file", p.list.at[i].file),
                  F_INT("line", p.list.at[i].line), F_STR("problem", p.list.at[i].message));
    problems_done(&p);
    arena_free(a);
    return set;
}
