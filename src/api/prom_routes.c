/* The addresses under /prometheus, where Grafana and other clients of Prometheus expect them, and /federate. */
#include "api/prom_priv.h"

#define API       "/prometheus/api/v1"
#define READ(fn)  (fn), NULL, NULL, {0}, 0, SCOPE_READ, NULL
#define WAIT(fn)  (fn), NULL, NULL, {0}, 0, SCOPE_READ, NULL, true
#define WRITE(fn) (fn), NULL, NULL, {0}, 0, SCOPE_WRITE, NULL, true
#define ADMIN(fn) (fn), NULL, NULL, {0}, 0, SCOPE_ADMIN, NULL, true
#define OPEN(fn)  (fn), NULL, NULL, {0}, 0, SCOPE_OPEN, NULL

const struct route prom_routes[] = {
    {"GET", API "/query", WAIT(prom_query)},
    {"POST", API "/query", WAIT(prom_query)},
    {"GET", API "/query_range", WAIT(prom_query_range)},
    {"POST", API "/query_range", WAIT(prom_query_range)},
    {"GET", API "/query_exemplars", READ(prom_query_exemplars)},
    {"POST", API "/query_exemplars", READ(prom_query_exemplars)},
    {"GET", API "/format_query", READ(prom_format_query)},
    {"POST", API "/format_query", READ(prom_format_query)},
    {"GET", API "/parse_query", READ(prom_parse_query)},
    {"POST", API "/parse_query", READ(prom_parse_query)},
    {"GET", API "/labels", WAIT(prom_labels)},
    {"POST", API "/labels", WAIT(prom_labels)},
    {"GET", API "/label/*", WAIT(prom_label_values)},
    {"GET", API "/series", WAIT(prom_series)},
    {"POST", API "/series", WAIT(prom_series)},
    {"GET", API "/metadata", READ(prom_metadata)},
    {"GET", API "/targets", READ(prom_targets)},
    {"GET", API "/targets/metadata", READ(prom_targets_metadata)},
    {"GET", API "/scrape_pools", READ(prom_scrape_pools)},
    {"GET", API "/alertmanagers", READ(prom_alertmanagers)},
    {"GET", API "/rules", WAIT(prom_rules)},
    {"GET", API "/alerts", WAIT(prom_alerts)},
    {"GET", API "/notifications", READ(prom_notifications)},
    {"GET", API "/features", READ(prom_features)},
    {"GET", API "/status/config", READ(prom_status_config)},
    {"GET", API "/status/runtimeinfo", WAIT(prom_status_runtime)},
    {"GET", API "/status/buildinfo", READ(prom_status_build)},
    {"GET", API "/status/flags", WAIT(prom_status_flags)},
    {"GET", API "/status/tsdb", WAIT(prom_status_tsdb)},
    {"GET", API "/status/tsdb/blocks", READ(prom_status_blocks)},
    {"GET", API "/status/walreplay", READ(prom_status_replay)},
    {"POST", API "/write", WRITE(prom_write)},
    {"POST", API "/admin/tsdb/delete_series", ADMIN(prom_delete_series)},
    {"PUT", API "/admin/tsdb/delete_series", ADMIN(prom_delete_series)},
    {"POST", API "/admin/tsdb/clean_tombstones", ADMIN(prom_clean_tombstones)},
    {"PUT", API "/admin/tsdb/clean_tombstones", ADMIN(prom_clean_tombstones)},
    {"POST", API "/admin/tsdb/snapshot", ADMIN(prom_snapshot)},
    {"PUT", API "/admin/tsdb/snapshot", ADMIN(prom_snapshot)},
    {"GET", "/prometheus/federate", WAIT(prom_federate)},
    {"GET", "/prometheus/-/healthy", OPEN(admin_healthy)},
    {"GET", "/prometheus/-/ready", OPEN(admin_ready)},
    {"GET", "/federate", WAIT(prom_federate)},
    {"POST", "/api/v1/metrics/import", WRITE(prom_import)},
    {"GET", "/api/v1/metrics/export", WAIT(prom_export)},
    {"GET", "/prometheus/*", OPEN(prom_unknown)},
    {0},
};
