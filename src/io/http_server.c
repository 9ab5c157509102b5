/* The HTTP server: libmicrohttpd with a small pool of epoll threads for TCP and two threads for the Unix socket (one
 * would let a long check hold up `belfry status`). Owned by the core's HTTP part; handlers run on MHD's threads, one request
 * at a time each. MHD parses; this file bounds, collects the body, calls the handler and queues its answer. */
#include "io/http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/vec.h"
#include "io/addr.h"
#include "io/http_server_priv.h"

#define SERVER_MAGIC      0x5e74e401u
#define CONNECTION_MEMORY ((size_t)32 << 10) /* request line + headers ≤ about 16 KiB each way */
#define BACKLOG           512
#define LOCAL_THREADS     2

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
    atomic_bool stopping;
    atomic_uint_fast64_t requests, rejected, connections;
    pthread_mutex_t lock; /* guards hubs */
    vec_of(struct sse_hub *) hubs;
};

/* One request, from its first header to MHD's "completed". */
struct exchange {
    struct http_req req;
    struct MHD_Connection *conn;
    struct buf body;
    bool too_large;
};

const char *http_req_header(const struct http_req *req, const char *name)
{
    return MHD_lookup_connection_value(req->impl, MHD_HEADER_KIND, name);
}

const char *http_req_query(const struct http_req *req, const char *name)
{
    return MHD_lookup_connection_value(req->impl, MHD_GET_ARGUMENT_KIND, name);
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
    MHD_get_connection_values(req->impl, MHD_GET_ARGUMENT_KIND, each_one, &e);
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
    x->conn = conn;
    x->req.arena = a;
    x->req.method = arena_strdup(a, method);
    x->req.path = arena_strdup(a, url); /* MHD has decoded it */
    x->req.over_unix = l->is_unix;
    x->req.impl = conn;
    buf_init(&x->body, l->server->cfg.max_body);
    set_peer(x, l->is_unix);
    return x;
}

static bool announces_too_much(const struct exchange *x, size_t max)
{
    const char *text = http_req_header(&x->req, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t n = 0;
    return text != NULL && str_to_u64(str_of(text), &n, NULL) == 0 && n > max;
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
        return announces_too_much(x, s->cfg.max_body)
                   ? reject(s, x, MHD_HTTP_CONTENT_TOO_LARGE, "the request body is too large")
                   : MHD_YES;
    }
    if (*n > 0) {
        buf_add(&x->body, data, *n);
        x->too_large = x->too_large || x->body.failed;
        *n = 0;
        return MHD_YES;
    }
    if (x->too_large) {
        return reject(s, x, MHD_HTTP_CONTENT_TOO_LARGE, "the request body is too large");
    }
    if (atomic_load(&s->stopping)) {
        return reject(s, x, MHD_HTTP_SERVICE_UNAVAILABLE, "the server stops");
    }
    x->req.body = (struct str){x->body.data != NULL ? x->body.data : "", x->body.len};
    struct http_resp resp = {0};
    buf_init(&resp.body, (size_t)256 << 20);
    s->cfg.handle(s->cfg.ctx, &x->req, &resp);
    return answer(s, x, &resp);
}

static void on_completed(void *arg, struct MHD_Connection *conn, void **state,
                         enum MHD_RequestTerminationCode how)
{
    struct exchange *x = *state;
    (void)arg;
    (void)conn;
    (void)how;
    if (x != NULL) {
        *state = NULL;
        buf_done(&x->body);
        arena_free(x->req.arena); /* x lies in it */
    }
}

static void on_connection(void *arg, struct MHD_Connection *conn, void **socket_state,
                          enum MHD_ConnectionNotificationCode what)
{
    struct listener *l = arg;
    (void)conn;
    (void)socket_state;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        atomic_fetch_add(&l->server->connections, 1);
    } else {
        atomic_fetch_sub(&l->server->connections, 1);
    }
}

/* --- listening --- */

static int bind_tcp(const struct http_server_config *cfg, uint16_t *port, struct err *err)
{
    struct addr a;
    if (!addr_parse_ip(cfg->address, cfg->port, &a)) {
        return err_set(err, ERR_INVALID, "cannot listen on \"%.60s\": want an IP address",
                       cfg->address);
    }
    int one = 1, fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_sys(err, ERR_IO, "cannot create a socket");
    }
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
    socklen_t n = addr_len(&a);
    if (bind(fd, &a.sa, n) != 0 || listen(fd, BACKLOG) != 0 || getsockname(fd, &a.sa, &n) != 0) {
        const char *hint =
            errno == EADDRINUSE ? " (another program listens there: see ss -ltnp)" : "";
        err_sys(err, ERR_INVALID, "cannot listen on %s port %u%s", cfg->address, cfg->port, hint);
        close(fd);
        return -1;
    }
    *port = addr_port(&a);
    return fd;
}

/* A socket file that nobody answers on is a dead server's: replaced. */
static int remove_stale(const struct sockaddr_un *un, struct err *err)
{
    struct stat st;
    if (lstat(un->sun_path, &st) != 0) {
        return 0;
    }
    if (!S_ISSOCK(st.st_mode)) {
        return err_set(err, ERR_INVALID, "cannot listen on %s: a file is in the way", un->sun_path);
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    bool alive = fd >= 0 && (connect(fd, (const struct sockaddr *)un, sizeof(*un)) == 0 ||
                             errno == EAGAIN); /* its backlog is full */
    if (fd >= 0) {
        close(fd);
    }
    if (alive) {
        return err_set(err, ERR_INVALID, "cannot listen on %s: another server answers there",
                       un->sun_path);
    }
    unlink(un->sun_path);
    return 0;
}

static int bind_unix(const char *path, struct err *err)
{
    struct sockaddr_un un = {.sun_family = AF_UNIX};
    size_t n = strlen(path);
    if (n >= sizeof(un.sun_path)) {
        return err_set(err, ERR_INVALID,
                       "cannot listen on %.120s: the path has %zu bytes; want ≤ %zu", path, n,
                       sizeof(un.sun_path) - 1);
    }
    memcpy(un.sun_path, path, n);
    if (remove_stale(&un, err) != 0) {
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        return err_sys(err, ERR_IO, "cannot create a socket");
    }
    /* The mode is set before anyone can connect: connecting needs listen. */
    if (bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0 || chmod(path, 0600) != 0 ||
        listen(fd, BACKLOG) != 0) {
        err_sys(err, ERR_INVALID, "cannot listen on %s", path);
        close(fd);
        return -1;
    }
    return fd;
}

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
}

static int listen_all(struct http_server *s, struct err *err)
{
    if (s->cfg.address != NULL) {
        int fd = bind_tcp(&s->cfg, &s->port, err);
        if (fd < 0 || start_daemon(&s->tcp, fd, (unsigned)s->cfg.threads, err) != 0) {
            return -1;
        }
    }
    if (s->cfg.unix_path != NULL) {
        int fd = bind_unix(s->cfg.unix_path, err);
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
    if (s->unix_path != NULL) {
        unlink(s->unix_path);
    }
    stop_daemon(&s->tcp);
    stop_daemon(&s->local);
    pthread_mutex_destroy(&s->lock);
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
    return (struct http_server_stats){
        .requests = atomic_load(&s->requests),
        .rejected = atomic_load(&s->rejected),
        .connections_now = atomic_load(&s->connections),
    };
}
