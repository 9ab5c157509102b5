/* The core's role: wires configuration, store, judgement, bell and HTTP in one process, and runs until told to stop.
 * Started by the warden as `belfry --role=core`. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "api/api.h"
#include "api/probe.h"
#include "app/roles.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "core/core.h"
#include "core/hooks.h"
#include "io/fiber.h"
#include "ipc/beat.h"
#include "proc/crash.h"
#include "status/status.h"

#define FILE_LOOK_NS (2 * NS_PER_S)
#define HTTP_THREADS \
    4 /* of four quick calls at once one turn of the loop takes the questions; what waits has workers */
#define HTTP_WORKERS 32    /* for what waits, beside the probes of /probe */
#define BIND_WAIT_MS 10000 /* a core that was killed may still hold the port */
#define MAGIC        0xbe1f0c0eu

struct core_role {
    uint32_t magic;
    struct loop *loop;
    struct core *core;
    struct api *api;
    struct status *status;
    struct http_server *server;
    struct sse_hub *events;
    struct beat_page *beat;
    struct timer stats_timer, file_timer;
    struct timespec *changed; /* of each file of the configuration, as last seen */
    size_t n_files;
    pid_t warden;
    bool stopping;
};

static void on_turn(void *arg)
{
    struct core_role *r = arg;
    atomic_store_explicit(&r->beat->turned_ns, loop_now_ns(r->loop), memory_order_relaxed);
}

static void on_stats(struct timer *t)
{
    struct core_role *r = container_of(t, struct core_role, stats_timer);
    check_magic(r, MAGIC);
    r->beat->loop_lag_ns = loop_lag_ns(r->loop);
    r->beat->in_flight = (int64_t)loop_fibers(r->loop);
    timer_start(r->loop, t, clock_mono_ns() + 250 * NS_PER_MS, on_stats);
}

/* When the files of the configuration last changed. */
static void look_at_files(struct core_role *r)
{
    const struct str_list *files = &core_config(r->core)->files;
    r->changed = realloc(r->changed, (files->n + 1) * sizeof(*r->changed));
    must(r->changed);
    r->n_files = files->n;
    for (size_t i = 0; i < files->n; i++) {
        struct stat st = {0};
        stat(files->at[i], &st);
        r->changed[i] = st.st_mtim;
    }
}

static bool files_changed(const struct core_role *r)
{
    const struct str_list *files = &core_config(r->core)->files;
    for (size_t i = 0; i < files->n && i < r->n_files; i++) {
        struct stat st = {0};
        if (stat(files->at[i], &st) == 0 && (st.st_mtim.tv_sec != r->changed[i].tv_sec ||
                                             st.st_mtim.tv_nsec != r->changed[i].tv_nsec))
            return true;
    }
    return false;
}

static void reload(struct core_role *r)
{
    struct arena *a = arena_new();
    struct problems p;
    struct err err = {0};
    problems_init(&p, a);
    look_at_files(r);
    if (core_reload(r->core, &p, &err) != 0)
        for (size_t i = 0; i < p.list.n; i++)
            log_error("configuration", F_STR("file", p.list.at[i].file),
                      F_INT("line", p.list.at[i].line), F_INT("column", p.list.at[i].column),
                      F_STR("field", p.list.at[i].field), F_STR("problem", p.list.at[i].message));
    api_configure(r->api);
    look_at_files(r);
    problems_done(&p);
    arena_free(a);
}

/* Polling a handful of files every two seconds needs no inotify, and sees through bind mounts and NFS. */
static void on_file_timer(struct timer *t)
{
    struct core_role *r = container_of(t, struct core_role, file_timer);
    check_magic(r, MAGIC);
    if (files_changed(r)) {
        log_info("the configuration changed on disk; reloading");
        reload(r);
    }
    timer_start(r->loop, t, clock_mono_ns() + FILE_LOOK_NS, on_file_timer);
}

static void on_hup(void *arg, int signo)
{
    (void)signo;
    reload(arg);
}

static void stopped(void *arg)
{
    struct core_role *r = arg;
    check_magic(r, MAGIC);
    loop_stop(r->loop);
}

static void stop_server(void *arg)
{
    struct core_role *r = arg;
    http_server_stop(r->server);
    r->server = NULL;
    status_stop(r->status);
}

/* Handlers may be waiting for this loop, so the server is stopped from another thread while the loop turns. */
static void stop_fiber(void *arg)
{
    struct core_role *r = arg;
    check_magic(r, MAGIC);
    must(r->stopping);
    io_blocking(stop_server, r);
    core_stop(r->core, stopped, r);
}

static void on_stop(void *arg, int signo)
{
    struct core_role *r = arg;
    (void)signo;
    check_magic(r, MAGIC);
    if (r->stopping)
        return;
    r->stopping = true;
    log_info("stopping: taking what the rings hold, and committing");
    fiber_start(r->loop, stop_fiber, r, NULL);
}

static void units_changed(void *arg)
{
    struct core_role *r = arg;
    if (r->warden > 1)
        kill(r->warden, SIGUSR1);
}

static const struct thread_hooks thread_hooks = {crash_thread, crash_thread_end};

static void more_figures(void *arg, struct figures *f)
{
    struct core_role *r = arg;
    check_magic(r, MAGIC);
    if (!r->server || r->stopping)
        return;
    struct http_server_stats http = http_server_stats(r->server);
    api_figures(r->api, &http, f);
}

static void metrics_parts(void *arg, struct api_metrics *out)
{
    struct core_role *r = arg;
    *out = (struct api_metrics){core_tsdb(r->core), core_promql(r->core), core_rules(r->core)};
}

static void set_limits(struct http_server_config *http, const struct config_server *c)
{
    http->cert_file = c->tls.cert_file[0] ? c->tls.cert_file : NULL;
    http->key_file = c->tls.key_file[0] ? c->tls.key_file : NULL;
    http->redirect_address = c->redirect_host;
    http->redirect_port = c->redirect_port;
    http->cors_origins = c->cors_origins.at;
    http->n_cors_origins = c->cors_origins.n;
    http->max_connections = (unsigned)c->limits.connections;
    http->connections_per_address = (unsigned)c->limits.connections_per_address;
    http->request_rate = (unsigned)c->limits.request_rate;
    http->request_burst = (unsigned)c->limits.request_burst;
    http->limit_local = c->limits.local;
    http->request_timeout_s = (unsigned)((c->limits.request_timeout_ms + 999) / 1000);
    http->idle_timeout_s = (unsigned)((c->limits.idle_timeout_ms + 999) / 1000);
    http->max_body = (size_t)c->limits.max_body;
    http->max_header = (size_t)c->limits.max_header;
}

static int serve(struct core_role *r, const char *run_dir, struct err *err)
{
    const struct config *cfg = core_config(r->core);
    struct api_options api = {.core = r->core,
                              .events = r->events,
                              .run_dir = run_dir,
                              .started_ms = clock_wall_ms(),
                              .metrics = metrics_parts,
                              .metrics_arg = r,
                              .status = r->status};
    char *unix_path = path_join(run_dir, "belfry.sock");
    r->api = api_new(&api, err);
    const struct config_server *c = &cfg->server;
    struct http_server_config http = {
        .address = c->listen_host,
        .port = c->listen_port,
        .headers = api_headers,
        .bind_wait_ms = BIND_WAIT_MS,
        .unix_path = unix_path,
        .threads = HTTP_THREADS,
        .handle = api_handle,
        .waits = api_waits,
        .workers = HTTP_WORKERS + PROBES_MAX,
        .ctx = r->api,
        .hooks = thread_hooks,
    };
    set_limits(&http, c);
    r->server = r->api ? http_server_start(&http, err) : NULL;
    free(unix_path);
    core_figures_more(r->core, more_figures, r);
    return r->server ? 0 : -1;
}

static int open_parts(struct core_role *r, struct config *cfg, const struct core_role_options *opt,
                      const char *run_dir, struct err *err)
{
    char *beats = path_join(run_dir, "beat"), *beat = path_join(beats, "core");
    int rc = -1;
    if (fs_mkdirs(beats, 0700, err) == 0 && (r->loop = loop_new(err)) != NULL &&
        (r->beat = beat_map(beat, err)) != NULL) {
        beat_reset(r->beat);
        r->events = sse_hub_new();
        struct core_options core = {
            .loop = r->loop,
            .config = cfg,
            .config_path = opt->config_path,
            .events = r->events,
            .units_changed = units_changed,
            .arg = r,
            .hooks = thread_hooks,
        };
        r->core = core_new(&core, err);
        if (r->core)
            r->status = status_new(&(struct status_options){
                .core = r->core, .events = r->events, .hooks = thread_hooks});
        rc = r->core ? serve(r, run_dir, err) : -1;
    }
    free(beats);
    free(beat);
    return rc;
}

static void close_parts(struct core_role *r)
{
    if (r->server)
        http_server_stop(r->server);
    api_free(r->api);
    status_free(r->status);
    core_free(r->core);
    sse_hub_free(r->events);
    loop_free(r->loop); /* may turn once more, and beats then */
    beat_unmap(&r->beat);
    free(r->changed);
}

static void run(struct core_role *r)
{
    struct err err = {0};
    struct signal_watch *term = signal_open(r->loop, SIGTERM, on_stop, r, &err);
    struct signal_watch *intr = signal_open(r->loop, SIGINT, on_stop, r, &err);
    struct signal_watch *hup = signal_open(r->loop, SIGHUP, on_hup, r, &err);
    loop_on_turn(r->loop, on_turn, r);
    timer_start(r->loop, &r->stats_timer, clock_mono_ns(), on_stats);
    look_at_files(r);
    timer_start(r->loop, &r->file_timer, clock_mono_ns() + FILE_LOOK_NS, on_file_timer);
    log_info("listening", F_STR("address", core_config(r->core)->server.listen_host),
             F_INT("port", http_server_port(r->server)));
    loop_run(r->loop);
    timer_stop(&r->stats_timer);
    timer_stop(&r->file_timer);
    signal_close(&term);
    signal_close(&intr);
    signal_close(&hup);
}

/* `belfry start` shows what its child wrote to stderr; on a terminal the log is there already. */
static void cannot_start(const struct err *err)
{
    log_error("the core cannot start", F_ERR(err));
    if (!isatty(STDERR_FILENO))
        fprintf(stderr, "belfry: %s\n", err->msg);
}

int role_core(const struct core_role_options *opt)
{
    struct err err = {0};
    struct config *cfg = load_config(opt->config_path);
    if (!cfg)
        return EXIT_CONFIG;
    open_role_log(cfg, "core", "core", "core.log");
    for (size_t i = 0; i < cfg->warnings.n; i++)
        log_warn("configuration", F_STR("warning", cfg->warnings.at[i]));
    char *run_dir = path_join(cfg->data_dir, "run");
    install_crash_handlers(run_dir);
    raise_open_files();
    struct core_role *r = calloc(1, sizeof(*r));
    must(r);
    r->magic = MAGIC;
    r->warden = opt->warden;
    int rc = open_parts(r, cfg, opt, run_dir, &err);
    if (rc == 0)
        run(r);
    else
        cannot_start(&err);
    close_parts(r);
    log_info("the core stopped");
    free(run_dir);
    free(r);
    return rc == 0 ? 0 : err.code == ERR_CONFLICT || err.code == ERR_INVALID ? EXIT_CONFIG : 1;
}
