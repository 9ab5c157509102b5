/* Uptime Kuma's monitors as targets (import_kuma.h): timing, labels, groups. What Belfry cannot do is told and left out. Pure. */
#include <string.h>

#include "cli/import_kuma.h"
#include "probe/prober.h"
#include "probe/url.h"

#define GROUP       "uptime-kuma" /* of monitors without a parent */
#define NESTING_MAX 20

static const char head[] =
    "# Imported from Uptime Kuma. Look through it, then: belfry apply -f FILE\n";

void import_kuma_init(struct kuma *k, struct arena *a, struct problems *p)
{
    *k = (struct kuma){.arena = a,
                       .problems = p,
                       .monitors = node_list(a),
                       .notifications = node_list(a),
                       .proxies = node_list(a),
                       .docker_hosts = node_list(a)};
}

/* --- what all have --- */

static void put_labels(struct kuma *k, const struct node *m, struct node *target)
{
    const struct node *tags = node_get(m, "tags");
    for (const struct node *t = tags && tags->kind == NODE_LIST ? tags->first : NULL; t;
         t = t->next) {
        const char *name = import_doc_label(k->arena, kuma_text(k, t, "name"));
        const char *value = kuma_text(k, t, "value");
        const struct node *have = node_get(target, "labels");
        if (name && (!have || have->count < 30))
            kuma_put(k, import_doc_section(&k->doc, target, "labels"), name,
                     *value ? value : "true");
        else
            kuma_left_out(k, "tag", kuma_text(k, t, "name"), "no label can have that name");
    }
}

static double least(double a, double b)
{
    return a < b ? a : b;
}

static void put_seconds(struct kuma *k, struct node *map, const char *key, double seconds)
{
    import_doc_ms(&k->doc, map, key, (int64_t)(seconds * 1000 + 0.5));
}

static void put_timing(struct kuma *k, const struct node *m, struct node *target, bool judged_here)
{
    double interval = kuma_number(k, m, "interval", 60);
    interval = interval < 1 ? 60 : least(interval, 7 * 86400.0);
    double timeout = kuma_number(k, m, "timeout", 0);
    timeout = timeout < 0.1 ? interval * 0.8 : timeout;
    timeout = least(least(timeout, interval), 3600);
    double resend = kuma_number(k, m, "resendInterval", 0) * interval;
    double retries = judged_here ? 0 : kuma_number(k, m, "maxretries", 0);
    put_seconds(k, target, "interval", interval);
    put_seconds(k, target, "timeout", timeout);
    put_seconds(k, target, "connect_timeout", least(timeout, 10));
    import_doc_int(&k->doc, target, "threshold", (int64_t)least(retries + 1, 1000));
    if (resend > 0)
        put_seconds(k, target, "resend_interval", least(resend, 366 * 86400.0));
    if (*kuma_text(k, m, "active") && !kuma_flag(k, m, "active"))
        import_doc_flag(&k->doc, target, "enabled", false);
}

static const struct node *monitor_of(const struct kuma *k, const char *id)
{
    for (const struct node *m = *id ? k->monitors->first : NULL; m; m = m->next)
        if (streq(kuma_text(k, m, "id"), id))
            return m;
    return NULL;
}

static const char *group_name(struct kuma *k, const struct node *m)
{
    const struct node *parent = monitor_of(k, kuma_text(k, m, "parent"));
    return parent ? import_doc_group_name(k->arena, kuma_text(k, parent, "name"), GROUP) : GROUP;
}

static struct node *target_of(struct kuma *k, const struct node *m, const char *name,
                              const char *type)
{
    struct node *target = node_map(k->arena);
    kuma_put(k, target, "name", name);
    kuma_put(k, target, "type", type);
    put_timing(k, m, target, streq(type, "push"));
    if (kuma_flag(k, m, "upsideDown"))
        import_doc_flag(&k->doc, target, "invert", true);
    put_labels(k, m, target);
    kuma_put_channels(k, m, target);
    return target;
}

static void add(struct kuma *k, const struct node *m, struct node *target, const char *name)
{
    struct err err = {0};
    const char *group = group_name(k, m), *id = kuma_text(k, m, "id");
    const char *taken = import_doc_target(&k->doc, group, target, &err);
    if (!taken)
        kuma_left_out(k, "monitor", name, err.msg);
    else if (*id && !map_str_get(k->taken, id, strlen(id)))
        map_str_put(k->taken, arena_strdup(k->arena, id), strlen(id),
                    arena_printf(k->arena, "%s/%s", group, taken));
}

/* --- monitors --- */

static const struct kuma_kind *kind_of(const char *type)
{
    const struct kuma_kind *const tables[] = {kuma_web, kuma_net, kuma_services};
    for (size_t i = 0; i < array_len(tables); i++)
        for (const struct kuma_kind *kind = tables[i]; kind->kuma; kind++)
            if (streq(kind->kuma, type))
                return kind;
    return NULL;
}

/* The end of the domain's registration is a target of its own. */
static void add_domain(struct kuma *k, const struct node *m, const char *name)
{
    struct url u;
    if (!kuma_flag(k, m, "domainExpiryNotification"))
        return;
    const char *url = kuma_text(k, m, "url"), *host = kuma_text(k, m, "hostname");
    if (*url && url_parse(url, k->arena, &u, NULL) == 0)
        host = u.host;
    const char *domain = *host ? import_doc_domain(k->arena, host) : NULL;
    if (!domain)
        return; /* Uptime Kuma asks for none either */
    const char *title = arena_printf(k->arena, "%s (domain)", name);
    struct node *target = node_map(k->arena);
    struct err err = {0};
    kuma_put(k, target, "name", title);
    kuma_put(k, target, "type", "domain");
    kuma_put(k, import_doc_section(&k->doc, target, "config"), "domain", domain);
    put_seconds(k, target, "interval", 3600);
    kuma_put_channels(k, m, target);
    if (!import_doc_target(&k->doc, group_name(k, m), target, &err))
        kuma_left_out(k, "monitor", title, err.msg);
}

static void add_monitor(struct kuma *k, const struct node *m)
{
    const char *type = kuma_text(k, m, "type"), *id = kuma_text(k, m, "id");
    const char *name =
        import_doc_line(k->arena, kuma_text(k, m, "name"), 190, *id ? id : "monitor");
    const struct kuma_kind *kind = kind_of(type);
    const char *why = NULL;
    if (streq(type, "group"))
        return;
    if (!kind)
        why = arena_printf(k->arena, "Belfry has no prober for \"%.40s\"", type);
    else if (!kind->type)
        why = kind->why;
    struct node *config = node_map(k->arena);
    if (!why)
        why = kind->fill(k, m, config);
    if (why) {
        kuma_left_out(k, "monitor", name, why);
        return;
    }
    struct node *target = target_of(k, m, name, kind->type);
    node_put(target, k->arena, "config", config);
    add(k, m, target, name);
    add_domain(k, m, name);
}

/* --- groups --- */

/* A group is down when one of what it has is; groups in it come first, so that they can be named. */
static void add_group(struct kuma *k, const struct node *g, int depth)
{
    const char *id = kuma_text(k, g, "id");
    struct node *config = node_map(k->arena);
    if (!*id || map_str_get(k->taken, id, strlen(id)) || depth > NESTING_MAX)
        return;
    for (const struct node *m = k->monitors->first; m; m = m->next) {
        const char *child = kuma_text(k, m, "id");
        if (!streq(kuma_text(k, m, "parent"), id) || m == g)
            continue;
        if (streq(kuma_text(k, m, "type"), "group"))
            add_group(k, m, depth + 1);
        const char *taken = *child ? map_str_get(k->taken, child, strlen(child)) : NULL;
        const struct node *have = node_get(config, "members");
        if (taken && (!have || have->count < 1000))
            import_doc_append(&k->doc, config, "members", node_text(k->arena, taken));
    }
    const char *name = import_doc_line(k->arena, kuma_text(k, g, "name"), 190, id);
    struct node *target = target_of(k, g, name, "group");
    node_put(target, k->arena, "config", config);
    if (node_get(config, "members") && !map_str_get(k->taken, id, strlen(id)))
        add(k, g, target, name);
}

/* Members are to be there before the group that names them: those of inner groups first. */
static void order_groups(struct kuma *k, const struct node *g, int depth)
{
    const char *id = kuma_text(k, g, "id");
    for (const struct node *m = k->monitors->first; m && *id && depth < NESTING_MAX; m = m->next)
        if (streq(kuma_text(k, m, "type"), "group") && streq(kuma_text(k, m, "parent"), id) &&
            m != g)
            order_groups(k, m, depth + 1);
    import_doc_group(&k->doc, import_doc_group_name(k->arena, kuma_text(k, g, "name"), GROUP));
}

int import_kuma_map(struct kuma *k, struct buf *yaml, struct err *err)
{
    must(k->monitors != NULL && k->proxies != NULL);
    import_doc_init(&k->doc, k->arena, k->problems, true);
    k->taken = map_str_new();
    kuma_channels(k);
    for (const struct node *m = k->monitors->first; m; m = m->next)
        if (streq(kuma_text(k, m, "type"), "group") && !*kuma_text(k, m, "parent"))
            order_groups(k, m, 0);
    for (const struct node *m = k->monitors->first; m; m = m->next)
        add_monitor(k, m);
    for (const struct node *m = k->monitors->first; m; m = m->next)
        if (streq(kuma_text(k, m, "type"), "group"))
            add_group(k, m, 0);
    int rc = import_doc_write(&k->doc, head, yaml, err);
    map_str_free(k->taken);
    import_doc_done(&k->doc);
    return rc;
}
