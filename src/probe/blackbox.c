/* blackbox.yml as a whole: its modules by name, and how long they live. See blackbox.h. */
#include "probe/blackbox.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "probe/blackbox_module.h"

#define OFFSET_MS      500 /* blackbox_exporter's --timeout-offset */
#define NO_SCRAPE_MS   120000
#define MODULES_MAX    1000
#define NAME_MAX_BYTES 200

struct bb_modules {
    uint32_t magic, refs;
    struct arena *arena;
    struct map_str *by_name;
    vec_of(const struct bb_module *) list;
};
#define BB_MAGIC 0xbe1fbb01u

const char bb_default_text[] =
    "modules:\n"
    "  http_2xx: {prober: http}\n"
    "  http_post_2xx: {prober: http, http: {method: POST}}\n"
    "  tcp_connect: {prober: tcp}\n"
    "  pop3s_banner:\n"
    "    prober: tcp\n"
    "    tcp: {tls: true, query_response: [{expect: '^\\+OK'}]}\n"
    "  ssh_banner:\n"
    "    prober: tcp\n"
    "    tcp: {query_response: [{expect: '^SSH-2\\.0-'}, {send: SSH-2.0-belfry}]}\n"
    "  irc_banner:\n"
    "    prober: tcp\n"
    "    tcp:\n"
    "      query_response:\n"
    "        - {send: NICK prober}\n"
    "        - {send: 'USER prober prober prober :prober'}\n"
    "        - {expect: 'PING :([^ ]+)', send: 'PONG ${1}'}\n"
    "        - {expect: '^:[^ ]+ 001'}\n"
    "  grpc: {prober: grpc, grpc: {tls: true, preferred_ip_protocol: ip4}}\n"
    "  grpc_plain: {prober: grpc}\n"
    "  icmp: {prober: icmp}\n"
    "  icmp_ttl5: {prober: icmp, timeout: 5s, icmp: {ttl: 5}}\n";

static void read_module(struct bb_modules *m, const struct node *n, const char *dir,
                        struct problems *p)
{
    const char *name = arena_strndup(m->arena, n->key.p, n->key.n);
    if (n->key.n == 0 || n->key.n > NAME_MAX_BYTES || m->list.n >= MODULES_MAX) {
        problem_add(p, n, "modules", "want at most %d modules, with names of 1 to %d bytes",
                    MODULES_MAX, NAME_MAX_BYTES);
        return;
    }
    const struct bb_module *b = bb__module(name, n, dir, m->arena, p);
    if (!b)
        return;
    map_str_put(m->by_name, name, n->key.n, (void *)(uintptr_t)b);
    vec_push(&m->list, b);
}

static void read_all(struct bb_modules *m, const struct node *root, const char *path,
                     struct problems *p)
{
    const char *slash = strrchr(path, '/');
    const char *dir = slash ? arena_strndup(m->arena, path, (size_t)(slash - path) + 1) : "";
    for (const struct node *c = root->first; c; c = c->next)
        if (!str_eqz(c->key, "modules"))
            problem_add(p, c, c->key.p, "unknown key; want modules");
    const struct node *modules = node_get(root, "modules");
    if (modules && modules->kind != NODE_MAP && modules->kind != NODE_NULL) {
        problem_add(p, modules, "modules", "got %s; want a map", node_kind_name(modules));
        return;
    }
    for (const struct node *n = modules ? modules->first : NULL; n; n = n->next)
        read_module(m, n, dir, p);
}

struct bb_modules *bb_read_good(struct str text, const char *path, struct problems *p)
{
    struct err err = {0};
    struct arena *a = arena_new();
    struct bb_modules *m = calloc(1, sizeof(*m));
    must(m);
    *m = (struct bb_modules){BB_MAGIC, 1, a, map_str_new(), {0}};
    if (!text.p)
        text = str_of(bb_default_text);
    const char *file = arena_strdup(a, path);
    struct node *root = node_from_yaml(a, text.p, text.n, file, &err);
    if (!root) {
        problem_add_err(p, &err, "");
        bb_unref(&m);
    } else if (root->kind == NODE_MAP) {
        read_all(m, root, file, p);
    } else if (root->kind != NODE_NULL) {
        problem_add(p, root, "", "got %s; want a map with modules", node_kind_name(root));
    }
    return m;
}

struct bb_modules *bb_read(struct str text, const char *path, struct problems *p)
{
    size_t before = p->list.n + p->dropped;
    struct bb_modules *m = bb_read_good(text, path, p);
    if (p->list.n + p->dropped > before)
        bb_unref(&m);
    return m;
}

struct bb_modules *bb_ref(struct bb_modules *m)
{
    check_magic(m, BB_MAGIC);
    must(__atomic_fetch_add(&m->refs, 1, __ATOMIC_RELAXED) > 0);
    return m;
}

void bb_unref(struct bb_modules **pm)
{
    struct bb_modules *m = *pm;
    *pm = NULL;
    if (!m)
        return;
    check_magic(m, BB_MAGIC);
    if (__atomic_sub_fetch(&m->refs, 1, __ATOMIC_ACQ_REL) > 0)
        return;
    m->magic = 0;
    map_str_free(m->by_name);
    vec_done(&m->list);
    arena_free(m->arena);
    free(m);
}

const struct bb_module *bb_module(const struct bb_modules *m, const char *name)
{
    check_magic(m, BB_MAGIC);
    return map_str_get(m->by_name, name, strlen(name));
}

void bb_each(const struct bb_modules *m,
             bool (*fn)(void *arg, const char *name, const struct bb_module *b), void *arg)
{
    check_magic(m, BB_MAGIC);
    for (size_t i = 0; i < m->list.n; i++)
        if (!fn(arg, m->list.at[i]->name, m->list.at[i]))
            return;
}

int64_t bb_module_timeout_ms(const struct bb_module *b)
{
    must(b->timeout_ms >= 0);
    return b->timeout_ms;
}

int64_t bb_timeout_ms(const struct bb_module *b, double scrape_timeout_s)
{
    bool told = isfinite(scrape_timeout_s) && scrape_timeout_s > 0 && scrape_timeout_s < 86400;
    int64_t most = (told ? (int64_t)(scrape_timeout_s * 1000) : NO_SCRAPE_MS) - OFFSET_MS;
    bool own = b->timeout_ms > 0 && (b->timeout_ms < most || most <= 0);
    return own ? b->timeout_ms : most;
}

void bb_module_yaml(const struct bb_module *b, struct buf *out)
{
    struct arena *a cleanup(arena_freep) = arena_new();
    node_to_yaml(bb__masked(b, a), out);
}

void bb_yaml(const struct bb_modules *m, struct buf *out)
{
    check_magic(m, BB_MAGIC);
    struct arena *a cleanup(arena_freep) = arena_new();
    struct node *root = node_map(a), *modules = node_map(a);
    for (size_t i = 0; i < m->list.n; i++)
        node_put(modules, a, m->list.at[i]->name, bb__masked(m->list.at[i], a));
    node_put(root, a, "modules", modules);
    node_to_yaml(root, out);
}
