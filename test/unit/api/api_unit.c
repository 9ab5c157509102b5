/* See api_unit.h. */
#include "api_unit.h"

#include <arpa/inet.h>
#include <sys/socket.h>

static void *run(void *arg)
{
    struct service *s = arg;
    bed_open(&s->bed);
    pthread_barrier_wait(&s->ready);
    loop_run(s->bed.loop);
    bed_close(&s->bed);
    return NULL;
}

void service_open(struct service *s)
{
    struct err err = {0};
    s->arena = arena_new();
    pthread_barrier_init(&s->ready, NULL, 2);
    pthread_create(&s->thread, NULL, run, s);
    pthread_barrier_wait(&s->ready);
    struct api_options opt = {s->bed.core, s->bed.events, s->bed.dir, clock_wall_ms()};
    s->api = api_new(&opt, &err);
    struct http_server_config cfg = {.address = "127.0.0.1",
                                     .handle = api_handle,
                                     .waits = api_waits,
                                     .ctx = s->api,
                                     .threads = 1};
    s->server = http_server_start(&cfg, &err);
    if (!s->server)
        fail_msg("%s", err.msg);
    s->port = http_server_port(s->server);
}

void service_close(struct service *s)
{
    http_server_stop(s->server);
    api_free(s->api);
    loop_stop_soon(s->bed.loop);
    pthread_join(s->thread, NULL);
    pthread_barrier_destroy(&s->ready);
    arena_free(s->arena);
    bed_done(&s->bed);
}

static void send_all(int fd, const char *p, size_t n)
{
    while (n > 0) {
        ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);
        assert_true(sent > 0);
        p += sent;
        n -= (size_t)sent;
    }
}

struct reply ask(struct service *s, const char *method, const char *path, const char *headers,
                 const char *body)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(s->port)};
    struct buf out = BUF_INIT(64 << 20), in = BUF_INIT(64 << 20);
    char block[65536];
    ssize_t n;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int fd = socket(AF_INET, SOCK_STREAM, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
    buf_printf(&out, "%s %s HTTP/1.1\r\n", method, path);
    if (headers)
        buf_puts(&out, headers);
    else
        buf_printf(&out, "Host: localhost:%d\r\n%s", s->port,
                   body ? "Content-Type: application/json\r\n" : "");
    buf_printf(&out, "Content-Length: %zu\r\nConnection: close\r\n\r\n", body ? strlen(body) : 0);
    if (body)
        buf_puts(&out, body);
    send_all(fd, out.data, out.len);
    while ((n = recv(fd, block, sizeof(block), 0)) > 0)
        buf_add(&in, block, (size_t)n);
    close(fd);
    struct reply r = {0};
    char *text = arena_strndup(s->arena, in.data ? in.data : "", in.len);
    char *end = strstr(text, "\r\n\r\n");
    if (!end)
        fail_msg("no answer to %s %s: \"%s\"", method, path, text);
    *end = '\0';
    r.head = text;
    r.body = end + 4;
    r.status = (int)strtol(text + strlen("HTTP/1.1 "), NULL, 10);
    r.json = node_from_json(s->arena, r.body, strlen(r.body), NULL);
    buf_done(&in);
    buf_done(&out);
    return r;
}

struct reply get(struct service *s, const char *path)
{
    return ask(s, "GET", path, NULL, NULL);
}

const struct node *at(const struct node *n, const char *path)
{
    while (n && *path) {
        char key[200];
        size_t len = strcspn(path, ".");
        snprintf(key, sizeof(key), "%.*s", (int)len, path);
        path += len + (path[len] == '.');
        if (n->kind == NODE_LIST) {
            long i = strtol(key, NULL, 10);
            for (n = n->first; n && i > 0; i--)
                n = n->next;
        } else {
            n = node_get(n, key);
        }
    }
    return n;
}

int64_t num_at(struct reply r, const char *path)
{
    const struct node *n = at(r.json, path);
    if (!n || n->kind != NODE_INT)
        fail_msg("no number at %s of %s", path, r.body);
    return n->num;
}

const char *text_at(struct reply r, const char *path)
{
    const struct node *n = at(r.json, path);
    if (!n || n->kind != NODE_TEXT)
        fail_msg("no text at %s of %s", path, r.body);
    return n->text.p;
}

struct publishing {
    struct service *service;
    const char *name;
    bool success;
};

static void publish_on_loop(void *arg)
{
    struct publishing *p = arg;
    bed_result(&p->service->bed, p->name, p->success);
}

struct idling {
    struct service *service;
    bool idle;
};

static void idle_on_loop(void *arg)
{
    struct idling *i = arg;
    i->idle = core__commits_idle(i->service->bed.core);
}

void service_result(struct service *s, const char *name, bool success)
{
    struct publishing p = {s, name, success};
    struct idling i = {s, false};
    loop_call(s->bed.loop, publish_on_loop, &p);
    for (int turn = 0; turn < 5000 && !i.idle; turn++) {
        usleep(1000);
        loop_call(s->bed.loop, idle_on_loop, &i);
    }
    assert_true(i.idle);
}
