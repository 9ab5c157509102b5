/* /api/v1/nodes: Belfry's own processes, from the warden's report (data/run/warden.json), the heartbeats and /proc. */
#include <stdlib.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/clock.h"
#include "base/fs.h"
#include "base/str.h"
#include "proc/usage.h"

struct nodes {
    struct call *call;
    struct json json;
    const struct node *child; /* of warden.json */
    uint64_t n;
};

static struct node *warden_report(struct call *k)
{
    char *path = path_join(k->api->run_dir, "warden.json");
    struct buf text = BUF_INIT(4 << 20);
    struct node *n = NULL;
    if (fs_read(path, &text, NULL) == 0)
        n = node_from_json(k->arena, text.data ? text.data : "", text.len, NULL);
    buf_done(&text);
    free(path);
    return n;
}

static void copy_field(struct json *j, const struct node *child, const char *key)
{
    const struct node *n = node_get(child, key);
    json_key(j, key);
    if (n)
        node_to_json(n, j);
    else
        json_nil(j);
}

static bool put_watcher(void *arg, const struct core_watcher_info *w)
{
    struct nodes *ns = arg;
    struct json *j = &ns->json;
    const struct node *name = node_get(ns->child, "name");
    if (!name || name->kind != NODE_TEXT || !str_eqz(name->text, w->name))
        return true;
    json_kstr(j, "group", w->group);
    json_kbool(j, "connected", w->connected);
    json_kuint(j, "targets", w->targets);
    json_kf64(j, "ring_fill", w->ring.size ? (double)w->ring.used / (double)w->ring.size : 0);
    json_kuint(j, "dropped", w->ring.dropped);
    if (w->beat) {
        json_kint(j, "missed_rounds", w->beat->missed_rounds);
        json_kint(j, "in_flight", w->beat->in_flight);
        json_kint(j, "probes", w->beat->probes);
        json_kf64(j, "loop_lag_ms", (double)w->beat->loop_lag_ns / 1e6);
        json_kf64(j, "late_p99_ms", (double)w->beat->late_p99_ns / 1e6);
    }
    return false;
}

static void watcher_on_core(void *arg)
{
    struct nodes *ns = arg;
    core_watchers_each(ns->call->api->core, put_watcher, ns);
}

/* Share of one core since the process started. */
static void put_usage(struct json *j, pid_t pid, int64_t started_ms)
{
    struct process_usage u;
    if (pid <= 0 || !process_usage(pid, &u))
        return;
    int64_t age_ms = clock_wall_ms() - started_ms;
    json_kuint(j, "rss_bytes", u.memory.resident_bytes);
    json_kf64(j, "cpu_percent",
              age_ms > 0 && started_ms ? 100 * (double)u.cpu_ms / (double)age_ms : 0);
    json_kuint(j, "threads", u.threads);
    json_kuint(j, "fds", u.files);
}

static int64_t time_field(const struct node *n, const char *key)
{
    const struct node *t = node_get(n, key);
    int64_t ms = 0;
    if (t && t->kind == NODE_TEXT)
        time_parse(t->text, &ms, NULL);
    return ms;
}

static void put_node(struct nodes *ns, const struct node *child)
{
    static const char *const fields[] = {"key", "name",       "role",     "state",
                                         "pid", "started_at", "restarts", "last_exit"};
    const struct node *pid = node_get(child, "pid");
    ns->child = child;
    ns->n++;
    json_obj(&ns->json);
    for (size_t i = 0; i < array_len(fields); i++)
        copy_field(&ns->json, child, fields[i]);
    put_usage(&ns->json, pid && pid->kind == NODE_INT ? (pid_t)pid->num : 0,
              time_field(child, "started_at"));
    on_core(ns->call, watcher_on_core, ns);
    json_end(&ns->json);
}

static void put_warden(struct nodes *ns, const struct node *report)
{
    const struct node *pid = node_get(report, "pid");
    json_obj(&ns->json);
    json_kstr(&ns->json, "name", "warden");
    json_kstr(&ns->json, "role", "warden");
    copy_field(&ns->json, report, "state");
    copy_field(&ns->json, report, "pid");
    copy_field(&ns->json, report, "started_at");
    put_usage(&ns->json, pid && pid->kind == NODE_INT ? (pid_t)pid->num : 0,
              time_field(report, "started_at"));
    json_end(&ns->json);
    ns->n++;
}

void nodes_list(struct call *k)
{
    struct nodes ns = {.call = k, .json = call_json(k)};
    const struct node *report = warden_report(k),
                      *children = report ? node_get(report, "children") : NULL;
    json_obj(&ns.json);
    json_kstr(&ns.json, "version", BELFRY_VERSION);
    json_karr(&ns.json, "items");
    if (report)
        put_warden(&ns, report);
    for (const struct node *c = children ? children->first : NULL; c; c = c->next)
        put_node(&ns, c);
    list_end(&ns.json, ns.n, 0);
    json_end(&ns.json);
}
