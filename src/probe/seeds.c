/* See seeds.h. Runs in watchers. */
#include "probe/seeds.h"

#include <stdio.h>

#include "base/clock.h"
#include "base/str.h"

int seeds_from_url(const struct url *u, struct node *map, struct arena *a, struct err *err)
{
    struct str rest = str_of(u->host), part;
    char host[HOST_SIZE];
    uint16_t port = 0;
    must(map != NULL);
    if (!strchr(u->host, ','))
        return 0;
    str_next(&rest, ',', &part);
    if (hostport_parse(arena_strndup(a, part.p, part.n), host, sizeof(host), &port, err) != 0)
        return -1;
    node_put(map, a, "host", node_text(a, arena_strdup(a, host)));
    if (port)
        node_put(map, a, "port", node_int(a, port));
    struct node *list = node_list(a);
    while (str_next(&rest, ',', &part))
        node_append(list, node_text(a, arena_strndup(a, part.p, part.n)));
    node_put(map, a, "nodes", list);
    return 0;
}

void seeds_validate(const struct str_list *nodes, struct problems *p, const char *path)
{
    for (size_t i = 0; i < nodes->n; i++) {
        struct err err = {0};
        char host[HOST_SIZE], field[200];
        uint16_t port = 1;
        snprintf(field, sizeof(field), "%s%snodes[%zu]", path, *path ? "." : "", i);
        if (hostport_parse(nodes->at[i], host, sizeof(host), &port, &err) != 0)
            problem_add(p, NULL, field, "%s", err.msg);
    }
}

static struct stream *try_node(struct probe *p, const struct service *s, seed_greet *greet,
                               void *arg, struct result *r)
{
    struct stream *stream = service_connect(p, s, r);
    if (stream && greet && greet(p, s, stream, arg, r) != 0)
        stream_close(&stream);
    must(stream == NULL || r->success);
    return stream;
}

static struct service service_at(const struct service *s, const char *node, struct arena *a)
{
    struct service at = *s;
    char *host = arena_alloc(a, HOST_SIZE);
    uint16_t port = (uint16_t)s->port;
    must(hostport_parse(node, host, HOST_SIZE, &port, NULL) == 0); /* validated */
    at.host = host;
    at.port = port;
    return at;
}

struct stream *seeds_connect(struct probe *p, const struct service *s, const struct str_list *nodes,
                             seed_greet *greet, void *arg, struct result *r)
{
    must(nodes->n <= SEEDS_MAX);
    if (nodes->n == 0)
        return try_node(p, s, greet, arg, r);
    const struct result *fresh = arena_memdup(p->arena, r, sizeof(*r));
    const char *why[SEEDS_MAX];
    for (size_t i = 0; i <= nodes->n; i++) {
        struct service at = i == 0 ? *s : service_at(s, nodes->at[i - 1], p->arena);
        struct probe part = *p;
        part.deadline_ns = deadline_share(p->deadline_ns, nodes->n + 1 - i);
        part.connect_deadline_ns = deadline_share(p->connect_deadline_ns, nodes->n + 1 - i);
        *r = *fresh;
        struct stream *stream = try_node(&part, &at, greet, arg, r);
        if (stream) {
            for (size_t j = 0; j < i; j++)
                result_warn(r, "a node does not answer: %s", why[j]);
            return stream;
        }
        if (i < nodes->n)
            why[i] = r->message;
    }
    const char *last = r->message;
    r->message = "";
    r->success = true;
    result_fail(r, "none of %zu nodes answers; the last: %s", nodes->n + 1, last);
    return NULL;
}
