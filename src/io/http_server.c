/* The HTTP server: libmicrohttpd with a few epoll threads for TCP and one for the Unix socket. Owned by the core's HTTP
 * part. MHD parses; this file bounds, collects the body, has the handler called and queues its answer.
 *
 * A handler that is quick runs on MHD's thread: handing over would cost more than the call. One that may wait runs on a
 * worker while its connection is suspended, for an MHD thread serves many connections and would hold up all of them.
 *
 *     RECEIVING --quick--> handler, answered                  (on_request)
 *         |--waits--> WITH_WORKER --handler--> HANDLED         (hand_over; on_worker, then resumed)
 *         '--no worker free, queue full--> REFUSED             (hand_over)
 *     HANDLED, REFUSED: MHD calls on_request once more, which answers.
 *
 * An answer that is made while it is sent goes on in http_stream.c.
 *
 * MHD neither frees nor reads a suspended connection, so that a client that leaves meanwhile is noticed only when the
 * connection is resumed; a handler that waits long asks http_req_ended(). */
#include "io/http_server.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/vec.h"
#include "io/addr.h"
#include "io/http_server_priv.h"

#define SERVER_MAGIC      0x5e74e401u
#define CONNECTION_MEMORY ((size_t)32 << 10) /* request line + headers ≤ about 16 KiB each way */
#define LOCAL_THREADS     1
#define WORKERS_KEPT      2
#define WORKER_IDLE_MS    30000
#define QUEUE_PER_WORKER  4
#define LAST_ANSWERS_NS   (2 * NS_PER_S) /* a client that does not read delays the stop no longer */
#define RETRY_AFTER_S     "1"

struct listener {
    struct http_server *server;
    bool is_unix;
    struct MHD_Daemon *daemon;
};

struct http_server {
    uint32_t magic;
    struct http_server_config cfg;
    struct listener tcp, local;
    uint16_t port;
    char *unix_path;
    struct workers *workers; /* NULL: nothing waits */
    atomic_bool stopping;
    atomic_uint_fast64_t requests, rejected, connections;
    struct http__streams streams;
    atomic_uint_fast64_t handed_over; /* and not completed yet */
    pthread_mutex_t lock;             /* guards hubs */
    vec_of(struct sse_hub *) hubs;
};

/* One request, from its first header to MHD's "completed". */
struct exchange {
    struct http_server *server;
    struct http_req req;
    struct http_resp resp;
    struct MHD_Connection *conn;
    struct buf body;
    bool too_large;
    enum { RECEIVING, WITH_WORKER, HANDLED, REFUSED } state;
    struct worker_job job;
};

static struct MHD_Connection *connection_of(const struct http_req *req)
{
    const struct exchange *x = req->impl;
    return x->conn;
}

const char *http_req_header(const struct http_req *req, const char *name)
{
    return MHD_lookup_connection_value(connection_of(req), MHD_HEADER_KIND, name);
}

const char *http_req_query(const struct http_req *req, const char *name)
{
    return MHD_lookup_connection_value(connection_of(req), MHD_GET_ARGUMENT_KIND, name);
}

struct each {
    void (*fn)(void *arg, const char *k, const char *v);
    void *arg;
};

static enum MHD_Result each_one(void *arg, enum MHD_ValueKind kind, const char *k, const char *v)
{
    const struct each *e = arg;
    (void)kind;
    e->fn(e->arg, k, v != NULL ? v : "");
    return MHD_YES;
}

void http_req_each_query(const struct http_req *req,
                         void (*fn)(void *arg, const char *k, const char *v), void *arg)
{
    struct each e = {fn, arg};
    MHD_get_connection_values(connection_of(req), MHD_GET_ARGUMENT_KIND, each_one, &e);
}

bool http_req_ended(const struct http_req *req)
{
    const struct exchange *x = req->impl;
    check_magic(x->server, SERVER_MAGIC);
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    char byte;
    if (atomic_load(&x->server->stopping) || info == NULL) {
        return true;
    }
    ssize_t n = recv(info->connect_fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
    return n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR);
}

struct http_server_stats http_req_server_stats(const struct http_req *req)
{
    const struct exchange *x = req->impl;
    return http_server_stats(x->server);
}

void http_resp_header(struct http_resp *resp, const char *name, const char *value)
{
    must(resp->n_headers < (int)array_len(resp->headers));
    resp->headers[resp->n_headers++] = (struct http_header_kv){name, value};
}

/* --- answering --- */

static struct MHD_Response *make_response(struct http_server *s, struct http_resp *resp,
                                          struct exchange *x)
{
    if (resp->sse != NULL) {
        return sse__open(resp->sse, x->conn, resp->sse_last_id, &s->stopping);
    }
    if (resp->stream.next != NULL) {
        struct http_stream st = resp->stream;
        resp->stream = (struct http_stream){0};
        return http__stream_open(&s->streams, x->conn, &resp->body, &st);
    }
    if (resp->static_body != NULL) {
        buf_done(&resp->body);
        return MHD_create_response_from_buffer(resp->static_len, (void *)resp->static_body,
                                               MHD_RESPMEM_PERSISTENT);
    }
    size_t n = 0;
    char *data = buf_take(&resp->body, &n);
    if (data == NULL) {
        return MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
    }
    return MHD_create_response_from_buffer(n, data, MHD_RESPMEM_MUST_FREE);
}

static void remember_hub(struct http_server *s, struct sse_hub *h)
{
    pthread_mutex_lock(&s->lock);
    bool known = false;
    vec_each (&s->hubs, it) {
        known = known || *it == h;
    }
    if (!known) {
        vec_push(&s->hubs, h);
    }
    pthread_mutex_unlock(&s->lock);
}

static enum MHD_Result answer(struct http_server *s, struct exchange *x, struct http_resp *resp)
{
    if (resp->sse != NULL) {
        remember_hub(s, resp->sse);
        resp->content_type = "text/event-stream";
        http_resp_header(resp, "Cache-Control", "no-store");
    }
    struct MHD_Response *r = make_response(s, resp, x);
    if (r == NULL) { /* too many event streams */
        r = MHD_create_response_from_buffer(0, (void *)"", MHD_RESPMEM_PERSISTENT);
        resp->status = MHD_HTTP_SERVICE_UNAVAILABLE;
        atomic_fetch_add(&s->rejected, 1);
    }
    must(r != NULL);
    const char *type = resp->content_type != NULL ? resp->content_type : "application/json";
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    for (int i = 0; i < resp->n_headers; i++) {
        MHD_add_response_header(r, resp->headers[i].name, resp->headers[i].value);
    }
    unsigned status = resp->status != 0 ? (unsigned)resp->status : MHD_HTTP_OK;
    enum MHD_Result rc = MHD_queue_response(x->conn, status, r);
    MHD_destroy_response(r);
    return rc;
}

static enum MHD_Result reject(struct http_server *s, struct exchange *x, int status,
                              const char *title)
{
    struct http_resp resp = {.status = status, .content_type = "application/problem+json"};
    buf_init(&resp.body, 1024);
    buf_printf(&resp.body, "{\"title\":\"%s\",\"status\":%d}", title, status);
    if (status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        http_resp_header(&resp, MHD_HTTP_HEADER_RETRY_AFTER, RETRY_AFTER_S);
    }
    atomic_fetch_add(&s->rejected, 1);
    return answer(s, x, &resp);
}

/* --- receiving --- */

static void set_peer(struct exchange *x, bool is_unix)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(x->conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    struct addr a = {0};
    if (is_unix || info == NULL || info->client_addr == NULL) {
        snprintf(x->req.peer, sizeof(x->req.peer), "unix");
        return;
    }
    bool six = info->client_addr->sa_family == AF_INET6;
    memcpy(&a.sa, info->client_addr, six ? sizeof(a.in6) : sizeof(a.in4));
    addr_text(&a, x->req.peer);
}

static struct exchange *begin(struct listener *l, struct MHD_Connection *conn, const char *url,
                              const char *method)
{
    struct arena *a = arena_new();
    struct exchange *x = arena_new_of(a, struct exchange);
    x->server = l->server;
    x->conn = conn;
    x->req.arena = a;
    x->req.method = arena_strdup(a, method);
    x->req.path = arena_strdup(a, url); /* MHD has decoded it */
    x->req.over_unix = l->is_unix;
    x->req.impl = x;
    buf_init(&x->body, l->server->cfg.max_body);
    set_peer(x, l->is_unix);
    return x;
}

#define RESERVE_MAX ((size_t)1 << 20) /* of what is announced only: more is taken when it comes */

/* False: it announces more than may come. */
static bool make_room(struct exchange *x, size_t max)
{
    const char *text = http_req_header(&x->req, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t n = 0;
    if (text == NULL || str_to_u64(str_of(text), &n, NULL) != 0 || n == 0) {
        return true;
    }
    return n <= max && buf_reserve(&x->body, n < RESERVE_MAX ? (size_t)n : RESERVE_MAX);
}

/* --- handling --- */

static void call_handler(struct exchange *x)
{
    const struct http_server_config *cfg = &x->server->cfg;
    buf_init(&x->resp.body, (size_t)256 << 20);
    cfg->handle(cfg->ctx, &x->req, &x->resp);
}

static void on_worker(struct worker_job *job)
{
    struct exchange *x = container_of(job, struct exchange, job);
    must(x->state == WITH_WORKER);
    if (atomic_load(&x->server->stopping)) { /* it waited in the queue */
        x->state = REFUSED;
    } else {
        call_handler(x);
        x->state = HANDLED;
    }
    MHD_resume_connection(x->conn); /* x is MHD's thread's again */
}

/* A refused one is resumed at once: only a connection that is not suspended may answer. */
static enum MHD_Result hand_over(struct http_server *s, struct exchange *x)
{
    must(x->state == RECEIVING);
    x->job.run = on_worker;
    x->state = WITH_WORKER;
    atomic_fetch_add(&s->handed_over, 1);
    MHD_suspend_connection(x->conn); /* before a worker can resume it */
    if (!workers_submit(s->workers, &x->job)) {
        x->state = REFUSED;
        MHD_resume_connection(x->conn);
    }
    return MHD_YES;
}

/* The request is here as a whole. */
static enum MHD_Result handle(struct http_server *s, struct exchange *x)
{
    if (x->too_large) {
        return reject(s, x, MHD_HTTP_CONTENT_TOO_LARGE, "the request body is too large");
    }
    if (atomic_load(&s->stopping)) {
        return reject(s, x, MHD_HTTP_SERVICE_UNAVAILABLE, "the server stops");
    }
    x->req.body = (struct str){x->body.data != NULL ? x->body.data : "", x->body.len};
    if (s->workers != NULL && s->cfg.waits(s->cfg.ctx, &x->req)) {
        return hand_over(s, x);
    }
    call_handler(x);
    if (x->resp.stream.next != NULL) { /* it will need workers: as if it had come from one */
        x->state = HANDLED;
        atomic_fetch_add(&s->handed_over, 1);
    }
    return answer(s, x, &x->resp);
}

static enum MHD_Result on_request(void *arg, struct MHD_Connection *conn, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *n, void **state)
{
    struct listener *l = arg;
    struct http_server *s = l->server;
    struct exchange *x = *state;
    (void)version;
    check_magic(s, SERVER_MAGIC);
    if (x == NULL) {
        *state = x = begin(l, conn, url, method);
        atomic_fetch_add(&s->requests, 1);
        return make_room(x, s->cfg.max_body)
                   ? MHD_YES
                   : reject(s, x, MHD_HTTP_CONTENT_TOO_LARGE, "the request body is too large");
    }
    if (*n > 0) {
        buf_add(&x->body, data, *n);
        x->too_large = x->too_large || x->body.failed;
        *n = 0;
        return MHD_YES;
    }
    switch (x->state) {
    case RECEIVING:
        return handle(s, x);
    case HANDLED:
        return answer(s, x, &x->resp);
    case REFUSED:
        return reject(s, x, MHD_HTTP_SERVICE_UNAVAILABLE,
                      atomic_load(&s->stopping) ? "the server stops"
                                                : "too many calls wait already");
    case WITH_WORKER:
        break;
    }
    must(!"a suspended connection is left alone");
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *state;
    (void)arg;
    (void)conn;
    (void)how;
    if (x == NULL) {
        return;
    }
    must(x->state != WITH_WORKER);
    *state = NULL;
    if (x->state != RECEIVING) {
        atomic_fetch_sub(&x->server->handed_over, 1);
    }
    buf_done(&x->resp.body); /* unanswered: the client had left */
    if (x->resp.stream.next != NULL) {
        x->resp.stream.done(x->resp.stream.ctx);
    }
    buf_done(&x->body);
    arena_free(x->req.arena); /* x lies in it */
}

static void on_connection(void *arg, struct MHD_Connection *conn, void **socket_state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct listener *l = arg;
    (void)conn;
    (void)socket_state;
    const struct thread_hooks *hooks = &l->server->cfg.hooks;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        if (hooks->begin != NULL) { /* MHD's threads announce themselves in no other way */
            hooks->begin();
        }
        atomic_fetch_add(&l->server->connections, 1);
    } else {
        atomic_fetch_sub(&l->server->connections, 1);
    }
}

/* --- listening --- */

static void ignore_log(void *arg, const char *fmt, va_list ap)
{
    (void)arg;
    (void)fmt;
    (void)ap;
}

static int start_daemon(struct listener *l, int fd, unsigned threads, struct err *err)
{
    const struct http_server_config *cfg = &l->server->cfg;
    struct MHD_OptionItem pool[] = {
        {threads > 1 ? MHD_OPTION_THREAD_POOL_SIZE : MHD_OPTION_END, (intptr_t)threads, NULL},
        {MHD_OPTION_END, 0, NULL},
    };
    l->daemon = MHD_start_daemon(
        MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        on_request, l, MHD_OPTION_EXTERNAL_LOGGER, ignore_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, l, MHD_OPTION_NOTIFY_CONNECTION, on_connection,
        l, MHD_OPTION_CONNECTION_MEMORY_LIMIT, CONNECTION_MEMORY, MHD_OPTION_CONNECTION_LIMIT,
        cfg->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, cfg->idle_timeout_s, MHD_OPTION_ARRAY,
        pool, MHD_OPTION_END);
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
    c->stream_grace_s = c->stream_grace_s > 0 ? c->stream_grace_s : 60;
    c->stream_min_rate = c->stream_min_rate > 0 ? c->stream_min_rate : (size_t)8 << 10;
    c->workers = c->workers > 0 ? c->workers : 32;
    c->queue = c->queue > 0 ? c->queue : c->workers * QUEUE_PER_WORKER;
}

static int listen_all(struct http_server *s, struct err *err)
{
    if (s->cfg.address != NULL) {
        int fd = http__bind_tcp(&s->cfg, &s->port, err);
        if (fd < 0 || start_daemon(&s->tcp, fd, (unsigned)s->cfg.threads, err) != 0) {
            return -1;
        }
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

struct http_server *http_server_start(const struct http_server_config *cfg, struct err *err)
{
    must(cfg->handle != NULL && (cfg->address != NULL || cfg->unix_path != NULL));
    struct http_server *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->magic = SERVER_MAGIC;
    s->cfg = *cfg;
    set_defaults(&s->cfg);
    s->tcp.server = s->local.server = s;
    s->local.is_unix = true;
    must(pthread_mutex_init(&s->lock, NULL) == 0);
    if (cfg->waits != NULL) {
        s->workers = make_workers(&s->cfg);
    }
    s->streams.workers = s->workers;
    s->streams.stopping = &s->stopping;
    s->streams.grace_ns = (int64_t)s->cfg.stream_grace_s * NS_PER_S;
    s->streams.min_rate = s->cfg.stream_min_rate;
    if (listen_all(s, err) != 0) {
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
    end_calls(s);
    if (s->unix_path != NULL) {
        unlink(s->unix_path);
    }
    stop_daemon(&s->tcp);
    stop_daemon(&s->local);
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

struct http_server_stats http_server_stats(const struct http_server *s)
{
    check_magic(s, SERVER_MAGIC);
    struct workers_stats w = {0};
    if (s->workers != NULL) {
        w = workers_stats(s->workers);
    }
    return (struct http_server_stats){
        .workers = w,
        .requests = atomic_load(&s->requests),
        .rejected = atomic_load(&s->rejected),
        .connections_now = atomic_load(&s->connections),
        .streams_now = atomic_load(&s->streams.now),
        .streams_cut = atomic_load(&s->streams.cut),
    };
}
