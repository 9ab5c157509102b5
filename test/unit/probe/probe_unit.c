/* Helpers of the unit tests of probe/: see probe_unit.h. */
#include "probe_unit.h"

#include <math.h>
#include <poll.h>

#include "base/str.h"

static struct compiled *compile(const char *type, const char *json, struct buf *problems)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    struct err err = {0};
    char *text = arena_strdup(a, json);
    for (char *c = text; *c; c++)
        if (*c == '\'')
            *c = '"';
    struct node *config = node_from_json(a, text, strlen(text), &err);
    if (!config)
        fail_msg("test's JSON: %s: %s", err.msg, text);
    const struct prober_ops *ops = prober_by_type(type, NULL);
    assert_non_null(ops);
    problems_init(&p, a);
    struct compiled *c = probe_compile(ops, config, &p, "");
    problems_text(&p, problems);
    assert_true((c == NULL) == (p.list.n > 0));
    problems_done(&p);
    return c;
}

char *config_problems(const char *type, const char *config)
{
    struct buf b = BUF_INIT(65536);
    struct compiled *c = compile(type, config, &b);
    compiled_free(c);
    char *text = buf_take(&b, NULL);
    return text ? text : strdup("");
}

struct job {
    struct probed *p;
    struct compiled *c;
};

static void run(void *arg)
{
    struct job *j = arg;
    struct probed *p = j->p;
    struct probe_env env = {.loop = fiber_loop()};
    env.resolver = resolver_new(env.loop, NULL);
    if (p->servers)
        assert_int_equal(resolver_set_servers(env.resolver, p->servers, NULL), 0);
    env.http = http_client_new(env.loop, env.resolver, NULL);
    if (p->limits.burst.times)
        probe_burst(&env, j->c, &p->limits, p->arena, &p->burst, &p->r);
    else
        probe_run(&env, j->c, &p->limits, p->arena, &p->r);
    http_client_free(env.http);
    resolver_free(env.resolver);
}

struct result *probed_run(struct probed *p, const char *type, const char *config, ...)
{
    char json[8192];
    struct buf b = BUF_INIT(65536);
    va_list ap;
    va_start(ap, config);
    vsnprintf(json, sizeof(json), config, ap);
    va_end(ap);
    struct job j = {p, compile(type, json, &b)};
    if (!j.c)
        fail_msg("%s", b.data);
    buf_done(&b);
    if (!p->limits.timeout_ms)
        p->limits.timeout_ms = 2000;
    if (!p->limits.connect_timeout_ms)
        p->limits.connect_timeout_ms = p->limits.timeout_ms;
    if (!p->limits.attempts)
        p->limits.attempts = 1;
    arena_free(p->arena);
    p->arena = arena_new();
    on_fiber(run, &j);
    compiled_free(j.c);
    assert_true(p->r.success || p->r.message[0]);
    return &p->r;
}

void probed_done(struct probed *p)
{
    arena_free(p->arena);
    p->arena = NULL;
}

double metric_of(const struct result *r, const char *name, const char *label_value)
{
    for (int i = 0; i < r->n_metrics; i++)
        if (streq(r->metrics[i].name, name) &&
            streq(r->metrics[i].n_labels ? r->metrics[i].labels[0].value : NULL, label_value))
            return r->metrics[i].num;
    return NAN;
}

void assert_contains_at(const char *text, const char *part, const char *file, int line)
{
    if (!strstr(text, part)) {
        print_error("%s:%d: \"%s\" is not in \"%s\"\n", file, line, part, text);
        fail();
    }
}

static void *serve(void *arg)
{
    struct udp_server *s = arg;
    uint8_t p[2048];
    while (!atomic_load(&s->stop)) {
        struct pollfd pfd = {.fd = s->fd, .events = POLLIN};
        struct addr from = {0};
        socklen_t size = sizeof(from);
        if (poll(&pfd, 1, 20) != 1)
            continue;
        ssize_t n = recvfrom(s->fd, p, sizeof(p), 0, &from.sa, &size);
        if (n < 0)
            continue;
        atomic_fetch_add(&s->received, 1);
        s->answer(s, p, (size_t)n, &from);
    }
    return NULL;
}

void udp_server_start(struct udp_server *s,
                      void (*answer)(struct udp_server *, const uint8_t *, size_t,
                                     const struct addr *),
                      void *arg, uint16_t port)
{
    struct addr a = local(port);
    socklen_t n = addr_len(&a);
    memset(s, 0, sizeof(*s));
    s->answer = answer;
    s->arg = arg;
    s->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(s->fd >= 0);
    assert_int_equal(bind(s->fd, &a.sa, n), 0);
    assert_int_equal(getsockname(s->fd, &a.sa, &n), 0);
    s->port = addr_port(&a);
    assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

void udp_server_send(struct udp_server *s, const void *p, size_t n, const struct addr *to)
{
    assert_int_equal(sendto(s->fd, p, n, 0, &to->sa, addr_len(to)), (ssize_t)n);
}

void udp_server_stop(struct udp_server *s)
{
    atomic_store(&s->stop, true);
    pthread_join(s->thread, NULL);
    close(s->fd);
}
