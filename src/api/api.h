/* Everything that answers over HTTP: the REST API, the page, /metrics, /health, /-/… (CONTRACT.md, "HTTP").
 *
 * Handlers run on the server's threads or, those that may wait, on its workers. They read the store through a reader of their own and reach the core
 * only by core_call's two ways (core/core.h). */
#ifndef API_API_H
#define API_API_H

#include "core/core.h"
#include "core/figures.h"
#include "io/http_server.h"

struct api;
struct status;
struct tsdb;
struct promql_engine;
struct rule_manager;

/* The metrics' parts as they are at this moment; NULL: not open yet, or switched off. They live as long as HTTP serves. */
struct api_metrics {
    struct tsdb *db;
    struct promql_engine *engine;
    struct rule_manager *rules;
};

struct api_options {
    struct core *core;
    struct sse_hub *events;
    const char *run_dir; /* warden.json, crash reports lie beside it */
    int64_t started_ms;
    void (*metrics)(void *arg, struct api_metrics *out); /* any thread; NULL: there are none */
    void *metrics_arg;
    struct status *status; /* public status pages; NULL: none. Borrowed */
};
struct api *api_new(const struct api_options *opt, struct err *err);
void api_free(struct api *a);
/* After a reload, on the loop: what access takes from the configuration. */
void api_configure(struct api *a);
extern const struct http_header_kv
    api_headers[]; /* of each answer, for struct http_server_config */
/* For struct http_server_config: handle = api_handle, waits = api_waits, ctx = the struct api. */
void api_handle(void *api, const struct http_req *req, struct http_resp *resp);
bool api_waits(void *api, const struct http_req *req);

/* What HTTP and the process itself add to Belfry's own figures. Any thread. */
void api_figures(struct api *a, const struct http_server_stats *http, struct figures *f);

#endif
