/* The section `metrics:` of belfry.yaml: what the time-series store keeps, what queries may cost, how rules are evaluated.
 * Plain data of the snapshot (config/config.h). */
#ifndef CONFIG_METRICS_H
#define CONFIG_METRICS_H

#include <stdbool.h>
#include <stdint.h>

#include "config/option.h"

/* Series that match are kept so long; later rules win. */
struct config_keep_rule {
    const char *match; /* a selector: {job="debug"} */
    int64_t keep_ms;
};

struct config_metrics {
    bool enable;
    struct {
        int64_t raw_ms, tier_5m_ms, tier_1h_ms; /* 0: for ever */
        int64_t size;                           /* bytes of all blocks; 0: no bound */
        struct section_list rules;              /* of struct config_keep_rule */
    } retention;
    int64_t wal_sync_ms, out_of_order_ms, evaluation_interval_ms;
    struct pair_list external_labels;
    int64_t alert_resend_ms; /* an alert of a rule that still fires is told again; 0: never */
    struct str_list
        alert_channels; /* whom alerts of rules are told; at NULL: all that are enabled */
    struct {
        int64_t series, series_per_source; /* 0: no bound */
        int64_t labels, label_bytes;       /* of one series; of one name or value */
    } limits;
    struct {
        int64_t timeout_ms, max_samples, max_series, max_memory, total_memory, concurrency;
        int64_t lookback_ms, slow_ms;
        int64_t cache; /* bytes; 0: none */
        bool experimental;
    } query;
};
extern const struct option config_metrics_options[];

#endif
