/* The HTTP server's start and stop: sockets, MHD's daemons, workers, and the keeper, a thread that looks every second for clients
 * that are late and certificates that changed. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "io/http_server_priv.h"

#define LOCAL_THREADS    1
#define WORKERS_KEPT     2
#define WORKER_IDLE_MS   30000
#define QUEUE_PER_WORKER 4
#define LAST_ANSWERS_NS  (2 * NS_PER_S) /* a client that does not read delays the stop no longer */
#define KEEP_NS          NS_PER_S
#define BODY_MIN_RATE    ((uint64_t)16 << 10)

static void ignore_log(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    (void)fmt;
    (void)ap;
}

/* "%00" would end what comes after it: it becomes a character that no path or value has. */
static size_t unescape(void *arg, struct MHD_Connection *conn, char *text)
{
    (void)arg;
    (void)conn;
    size_t n = MHD_http_unescape(text);
    for (char *nul = memchr(text, '\0', n); nul != NULL;
         nul = memchr(nul, '\0', n - (size_t)(nul - text))) {
        *nul = '\1';
    }
    return n;
}

/* TLS and the address' bounds are options of TCP only. */
static void add_options(const struct listener *l, struct MHD_OptionItem *o, unsigned threads)
{
    if (threads > 1) {
        *o++ = (struct MHD_OptionItem){MHD_OPTION_THREAD_POOL_SIZE, (intptr_t)threads, NULL};
    }
    if (l->is_tls) {
        *o++ = (struct MHD_OptionItem){MHD_OPTION_HTTPS_PRIORITIES, 0, (void *)HTTP_TLS_PRIORITIES};
        *o++ = (struct MHD_OptionItem){MHD_OPTION_HTTPS_CERT_CALLBACK, 0, http_tls_callback()};
    }
    *o = (struct MHD_OptionItem){MHD_OPTION_END, 0, NULL};
}

static int start_daemon(struct listener *l, int fd, unsigned threads, struct err *err)
{
    const struct http_server_config *cfg = &l->server->cfg;
    struct MHD_OptionItem more[4];
    unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG |
                     (l->is_tls ? MHD_USE_TLS : 0);
    add_options(l, more, threads);
    l->daemon = MHD_start_daemon(
        flags, 0, l->is_unix ? NULL : http__on_accept, l, http__on_request, l,
        MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_NOTIFY_COMPLETED, http__on_completed, l, MHD_OPTION_NOTIFY_CONNECTION,
        http__on_connection, l, MHD_OPTION_CONNECTION_MEMORY_LIMIT, 2 * cfg->max_header,
        MHD_OPTION_CONNECTION_LIMIT, cfg->max_connections, MHD_OPTION_CONNECTION_TIMEOUT,
        cfg->idle_timeout_s, MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK,
        unescape, NULL, MHD_OPTION_ARRAY, more, MHD_OPTION_END);
    if (l->daemon == NULL) {
        close(fd);
        return err_set(err, ERR_INTERNAL, "cannot start the HTTP server");
    }
    return 0;
}

static void set_defaults(struct http_server_config *c)
{
    c->threads = c->threads > 0 ? c->threads : 2;
    c->max_body = c->max_body > 0 ? c->max_body : (size_t)4 << 20;
    c->max_connections = c->max_connections > 0 ? c->max_connections : 1000;
    c->idle_timeout_s = c->idle_timeout_s > 0 ? c->idle_timeout_s : 60;
    c->max_header = c->max_header > 0 ? c->max_header : (size_t)16 << 10;
    c->request_timeout_s = c->request_timeout_s > 0 ? c->request_timeout_s : 30;
    c->request_burst = c->request_burst > 0 ? c->request_burst : c->request_rate;
    c->stream_grace_s = c->stream_grace_s > 0 ? c->stream_grace_s : 60;
    c->stream_min_rate = c->stream_min_rate > 0 ? c->stream_min_rate : (size_t)8 << 10;
    c->workers = c->workers > 0 ? c->workers : 32;
    c->queue = c->queue > 0 ? c->queue : c->workers * QUEUE_PER_WORKER;
}

static int listen_redirect(struct http_server *s, struct err *err)
{
    struct http_server_config at = s->cfg;
    at.address = s->cfg.redirect_address;
    at.port = s->cfg.redirect_port;
    s->redirect.redirects = true;
    int fd = http__bind_tcp(&at, &s->redirect_port, err);
    return fd < 0 ? -1 : start_daemon(&s->redirect, fd, 1, err);
}

static int listen_all(struct http_server *s, struct err *err)
{
    if (s->cfg.cert_file != NULL) {
        s->tls = http_tls_open(s->cfg.cert_file, s->cfg.key_file, err);
        if (s->tls == NULL) {
            return -1;
        }
        s->tcp.is_tls = true;
    }
    if (s->cfg.address != NULL) {
        int fd = http__bind_tcp(&s->cfg, &s->port, err);
        if (fd < 0 || start_daemon(&s->tcp, fd, (unsigned)s->cfg.threads, err) != 0) {
            return -1;
        }
    }
    if (s->tls != NULL && s->cfg.redirect_address != NULL && listen_redirect(s, err) != 0) {
        return -1;
    }
    if (s->cfg.unix_path != NULL) {
        int fd = http__bind_unix(s->cfg.unix_path, err);
        if (fd < 0) {
            return -1;
        }
        s->unix_path = strdup(s->cfg.unix_path);
        must(s->unix_path != NULL);
        if (start_daemon(&s->local, fd, LOCAL_THREADS, err) != 0) {
            return -1;
        }
    }
    return 0;
}

static struct workers *make_workers(const struct http_server_config *c)
{
    struct workers_config cfg = {
        .limit = c->workers,
        .kept = c->workers < WORKERS_KEPT ? c->workers : WORKERS_KEPT,
        .queue = c->queue,
        .idle_ms = WORKER_IDLE_MS,
        .hooks = c->hooks,
    };
    return workers_new(&cfg);
}

/* --- the keeper: who is late, and files that changed --- */

static void *keep(void *arg)
{
    struct http_server *s = arg;
    check_magic(s, SERVER_MAGIC);
    pthread_setname_np(pthread_self(), "http-keeper");
    if (s->cfg.hooks.begin != NULL) {
        s->cfg.hooks.begin();
    }
    pthread_mutex_lock(&s->lock);
    while (!atomic_load(&s->stopping)) {
        int64_t until = clock_mono_ns() + KEEP_NS;
        struct timespec ts = {until / NS_PER_S, until % NS_PER_S};
        if (pthread_cond_timedwait(&s->kept, &s->lock, &ts) != ETIMEDOUT) {
            continue;
        }
        pthread_mutex_unlock(&s->lock);
        atomic_fetch_add(&s->rejected[HTTP_REJECT_SLOW], http_guard_sweep(s->guard));
        if (s->tls != NULL) {
            http_tls_look(s->tls);
        }
        pthread_mutex_lock(&s->lock);
    }
    pthread_mutex_unlock(&s->lock);
    if (s->cfg.hooks.end != NULL) {
        s->cfg.hooks.end();
    }
    return NULL;
}

static int start_keeper(struct http_server *s, struct err *err)
{
    sigset_t all, before;
    sigfillset(&all); /* signals are the main thread's */
    pthread_sigmask(SIG_BLOCK, &all, &before);
    s->keeping = pthread_create(&s->keeper, NULL, keep, s) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return s->keeping ? 0 : err_set(err, ERR_INTERNAL, "cannot start a thread");
}

static void stop_keeper(struct http_server *s)
{
    must(atomic_load(&s->stopping));
    pthread_mutex_lock(&s->lock);
    pthread_cond_broadcast(&s->kept);
    pthread_mutex_unlock(&s->lock);
    if (s->keeping) {
        pthread_join(s->keeper, NULL);
    }
    s->keeping = false;
}

static struct http_guard *make_guard(const struct http_server_config *c)
{
    struct http_guard_limits l = {
        .connections = c->connections_per_address,
        .rate = c->request_rate,
        .burst = c->request_burst,
        .local = c->limit_local,
        .request_ns = (int64_t)c->request_timeout_s * NS_PER_S,
        .min_rate = BODY_MIN_RATE,
        .idle_ns = (int64_t)c->idle_timeout_s * NS_PER_S,
    };
    return http_guard_new(&l);
}

/* The configuration that they come from may be replaced. */
static void take_origins(struct http_server *s)
{
    size_t n = s->cfg.n_cors_origins;
    const char **own = calloc(n + 1, sizeof(*own));
    must(own != NULL);
    for (size_t i = 0; i < n; i++) {
        own[i] = strdup(s->cfg.cors_origins[i]);
        must(own[i] != NULL);
    }
    s->cfg.cors_origins = own;
}

static void drop_origins(struct http_server *s)
{
    for (size_t i = 0; i < s->cfg.n_cors_origins; i++) {
        free((char *)s->cfg.cors_origins[i]);
    }
    free((void *)s->cfg.cors_origins);
}

static void init_lock(struct http_server *s)
{
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    must(pthread_mutex_init(&s->lock, NULL) == 0 && pthread_cond_init(&s->kept, &attr) == 0);
    pthread_condattr_destroy(&attr);
}

struct http_server *http_server_start(const struct http_server_config *cfg, struct err *err)
{
    must(cfg->handle != NULL && (cfg->address != NULL || cfg->unix_path != NULL));
    struct http_server *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->magic = SERVER_MAGIC;
    s->cfg = *cfg;
    set_defaults(&s->cfg);
    take_origins(s);
    s->tcp.server = s->local.server = s->redirect.server = s;
    s->local.is_unix = true;
    init_lock(s);
    s->guard = make_guard(&s->cfg);
    if (cfg->waits != NULL) {
        s->workers = make_workers(&s->cfg);
    }
    s->streams.workers = s->workers;
    s->streams.stopping = &s->stopping;
    s->streams.grace_ns = (int64_t)s->cfg.stream_grace_s * NS_PER_S;
    s->streams.min_rate = s->cfg.stream_min_rate;
    if (listen_all(s, err) != 0 || start_keeper(s, err) != 0) {
        http_server_stop(s);
        return NULL;
    }
    return s;
}

static void stop_daemon(struct listener *l)
{
    if (l->daemon != NULL) {
        MHD_stop_daemon(l->daemon); /* closes the listening socket; waits for handlers */
        l->daemon = NULL;
    }
}

/* Calls under way are let end, and those that queue are refused; then their answers go out. Afterwards no connection
 * is suspended on behalf of a call, and none will be. */
static void end_calls(struct http_server *s)
{
    if (s->workers == NULL) {
        return;
    }
    must(atomic_load(&s->stopping));
    workers_stop(s->workers);
    int64_t until = clock_mono_ns() + LAST_ANSWERS_NS;
    while (atomic_load(&s->handed_over) > 0 && clock_mono_ns() < until) {
        nanosleep(&(struct timespec){.tv_nsec = NS_PER_MS}, NULL);
    }
}

void http_server_stop(struct http_server *s)
{
    if (s == NULL) {
        return;
    }
    check_magic(s, SERVER_MAGIC);
    atomic_store(&s->stopping, true);
    pthread_mutex_lock(&s->lock);
    vec_each (&s->hubs, it) {
        sse__end_all(*it); /* MHD must not stop with suspended connections */
    }
    pthread_mutex_unlock(&s->lock);
    stop_keeper(s);
    end_calls(s);
    if (s->unix_path != NULL) {
        unlink(s->unix_path);
    }
    stop_daemon(&s->tcp);
    stop_daemon(&s->local);
    stop_daemon(&s->redirect);
    http_guard_free(s->guard);
    http_tls_close(s->tls);
    drop_origins(s);
    pthread_cond_destroy(&s->kept);
    pthread_mutex_destroy(&s->lock);
    workers_free(s->workers);
    vec_done(&s->hubs);
    free(s->unix_path);
    s->magic = 0;
    free(s);
}

uint16_t http_server_port(const struct http_server *s)
{
    check_magic(s, SERVER_MAGIC);
    return s->port;
}

uint16_t http_server_redirect_port(const struct http_server *s)
{
    check_magic(s, SERVER_MAGIC);
    return s->redirect_port;
}

struct http_server_stats http_server_stats(const struct http_server *s)
{
    check_magic(s, SERVER_MAGIC);
    struct workers_stats w = {0};
    if (s->workers != NULL) {
        w = workers_stats(s->workers);
    }
    struct http_tls_stats tls = {0};
    if (s->tls != NULL) {
        http_tls_get_stats(s->tls, &tls);
    }
    struct http_server_stats st = {
        .workers = w,
        .requests = atomic_load(&s->requests),
        .connections_now = atomic_load(&s->connections),
        .streams_now = atomic_load(&s->streams.now),
        .streams_cut = atomic_load(&s->streams.cut),
        .tls_reloads = tls.reloads,
        .tls_failures = tls.failures,
        .tls_expires_ms = tls.expires_ms,
    };
    for (int i = 0; i < HTTP_REJECTIONS_N; i++) {
        st.rejected_by[i] = atomic_load(&s->rejected[i]);
        st.rejected += st.rejected_by[i];
    }
    return st;
}
