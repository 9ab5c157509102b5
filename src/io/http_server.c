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
        struct sse_filter all = {0};
        return sse__open(resp->sse, x->conn, resp->sse_want != NULL ? resp->sse_want : &all,
                         resp->sse_last_id, &s->stopping);
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
        atomic_fetch_add(&s->rejected[HTTP_REJECT_EVENTS], 1);
    }
    must(r != NULL);
    const char *type = resp->content_type != NULL ? resp->content_type : "application/json";
    MHD_add_response_header(r, MHD_HTTP_HEADER_CONTENT_TYPE, type);
    for (int i = 0; i < resp->n_headers; i++) {
        MHD_add_response_header(r, resp->headers[i].name, resp->headers[i].value);
    }
    http__add_headers(r, s, x, resp);
    unsigned status = resp->status != 0 ? (unsigned)resp->status : MHD_HTTP_OK;
    enum MHD_Result rc = MHD_queue_response(x->conn, status, r);
    MHD_destroy_response(r);
    return rc;
}

const char *http_rejection_name(enum http_rejection r)
{
    static const char *const names[] = {
#define NAME(name, text) text,
        HTTP_REJECTIONS(NAME)
#undef NAME
    };
    must((size_t)r < array_len(names));
    return names[r];
}

static const struct refusal {
    int status;
    const char *title;
} refusals[HTTP_REJECTIONS_N] = {
    [HTTP_REJECT_BODY] = {MHD_HTTP_CONTENT_TOO_LARGE, "the request body is too large"},
    [HTTP_REJECT_WORKERS] = {MHD_HTTP_SERVICE_UNAVAILABLE, "too many calls wait already"},
    [HTTP_REJECT_STOPPING] = {MHD_HTTP_SERVICE_UNAVAILABLE, "the server stops"},
    [HTTP_REJECT_RATE] = {MHD_HTTP_TOO_MANY_REQUESTS, "too many requests from this address"},
    [HTTP_REJECT_MALFORMED] = {MHD_HTTP_BAD_REQUEST, "the request's length is ambiguous"},
};

/* retry_s: when to ask again; 0: nothing is said. */
static enum MHD_Result reject(struct http_server *s, struct exchange *x, enum http_rejection why,
                              unsigned retry_s)
{
    const struct refusal *f = &refusals[why];
    must(f->status != 0);
    struct http_resp resp = {.status = f->status, .content_type = "application/problem+json"};
    buf_init(&resp.body, 1024);
    buf_printf(&resp.body, "{\"title\":\"%s\",\"status\":%d}", f->title, f->status);
    if (f->status == MHD_HTTP_SERVICE_UNAVAILABLE) {
        retry_s = 1;
    }
    if (retry_s > 0) {
        http_resp_header(&resp, MHD_HTTP_HEADER_RETRY_AFTER,
                         arena_printf(x->req.arena, "%u", retry_s));
    }
    if (why == HTTP_REJECT_MALFORMED) { /* nobody knows where the next request begins */
        http_resp_header(&resp, MHD_HTTP_HEADER_CONNECTION, "close");
    }
    atomic_fetch_add(&s->rejected[why], 1);
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
    x->req.over_tls = l->is_tls;
    x->is_tls = l->is_tls;
    x->req.impl = x;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    x->guard = info != NULL ? info->socket_context : NULL;
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
    http_guard_busy(s->guard, x->guard);
    if (x->too_large) {
        return reject(s, x, HTTP_REJECT_BODY, 0);
    }
    if (atomic_load(&s->stopping)) {
        return reject(s, x, HTTP_REJECT_STOPPING, 0);
    }
    if (http__preflight(s, x, &x->resp)) {
        return answer(s, x, &x->resp);
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

/* Its headers are here. */
static enum MHD_Result receive(struct listener *l, struct exchange *x)
{
    struct http_server *s = l->server;
    atomic_fetch_add(&s->requests, 1);
    unsigned wait_s = http_guard_take(s->guard, x->guard);
    http_guard_body(s->guard, x->guard, 0);
    if (wait_s > 0) {
        return reject(s, x, HTTP_REJECT_RATE, wait_s);
    }
    if (!http__length_is_clear(x->conn)) {
        return reject(s, x, HTTP_REJECT_MALFORMED, 0);
    }
    if (l->redirects) {
        http__redirect(s, x, &x->resp);
        return answer(s, x, &x->resp);
    }
    return make_room(x, s->cfg.max_body) ? MHD_YES : reject(s, x, HTTP_REJECT_BODY, 0);
}

enum MHD_Result http__on_request(void *arg, struct MHD_Connection *conn, const char *url,
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
        return receive(l, x);
    }
    if (*n > 0) {
        buf_add(&x->body, data, *n);
        x->too_large = x->too_large || x->body.failed;
        http_guard_body(s->guard, x->guard, x->body.len);
        *n = 0;
        return MHD_YES;
    }
    switch (x->state) {
    case RECEIVING:
        return handle(s, x);
    case HANDLED:
        return answer(s, x, &x->resp);
    case REFUSED:
        return reject(s, x, atomic_load(&s->stopping) ? HTTP_REJECT_STOPPING : HTTP_REJECT_WORKERS,
                      0);
    case WITH_WORKER:
        break;
    }
    must(!"a suspended connection is left alone");
}

void http__on_completed(void *arg, struct MHD_Connection *conn, void **state,
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
    http_guard_idle(x->server->guard, x->guard);
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

enum MHD_Result http__on_accept(void *arg, const struct sockaddr *sa, socklen_t n)
{
    struct listener *l = arg;
    (void)n;
    if (http_guard_admits(l->server->guard, sa)) {
        return MHD_YES;
    }
    atomic_fetch_add(&l->server->rejected[HTTP_REJECT_CONNECTIONS], 1);
    return MHD_NO;
}

static struct http_guard_entry *enter(struct listener *l, struct MHD_Connection *conn)
{
    const union MHD_ConnectionInfo *fd =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CONNECTION_FD);
    const union MHD_ConnectionInfo *who =
        MHD_get_connection_info(conn, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (l->is_unix || fd == NULL || who == NULL) {
        return NULL;
    }
    return http_guard_enter(l->server->guard, who->client_addr, fd->connect_fd);
}

void http__on_connection(void *arg, struct MHD_Connection *conn, void **socket_state,
                         enum MHD_ConnectionNotificationCode what)
{
    struct listener *l = arg;
    const struct thread_hooks *hooks = &l->server->cfg.hooks;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        if (hooks->begin != NULL) { /* MHD's threads announce themselves in no other way */
            hooks->begin();
        }
        atomic_fetch_add(&l->server->connections, 1);
        *socket_state = enter(l, conn);
    } else {
        atomic_fetch_sub(&l->server->connections, 1);
        http_guard_leave(l->server->guard, *socket_state);
        *socket_state = NULL;
    }
}
