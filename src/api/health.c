/* /health: is Belfry itself well? Shapes of the seed: {"status","timestamp","checks":{…}}. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/statvfs.h>

#include "api/api_priv.h"
#include "base/clock.h"
#include "proc/usage.h"

struct health {
    struct call *call;
    struct json json;
    bool ready, well;
    uint64_t watchers, connected, channels, waiting;
    const char *store_trouble, *metrics_trouble, *data_dir;
    bool metrics, metrics_open;
};

static bool count_watcher(void *arg, const struct core_watcher_info *w)
{
    struct health *h = arg;
    h->watchers++;
    h->connected += w->connected;
    return true;
}

static bool count_channel(void *arg, const struct channel *ch, size_t waiting)
{
    struct health *h = arg;
    (void)ch;
    h->channels++;
    h->waiting += waiting;
    return true;
}

static void look_on_core(void *arg)
{
    struct health *h = arg;
    struct core *c = h->call->api->core;
    const char *trouble = core_store_trouble(c);
    h->ready = core_ready(c);
    h->store_trouble = trouble ? arena_strdup(h->call->arena, trouble) : NULL;
    trouble = core_metrics_trouble(c);
    h->metrics = core_config(c)->metrics.enable;
    h->metrics_open = core_tsdb(c) != NULL;
    h->metrics_trouble = trouble ? arena_strdup(h->call->arena, trouble) : NULL;
    h->data_dir = arena_strdup(h->call->arena, core_config(c)->data_dir);
    core_watchers_each(c, count_watcher, h);
    core_channels_each(c, count_channel, h);
}

static double disk_percent(const char *dir)
{
    struct statvfs v;
    if (statvfs(dir, &v) != 0 || v.f_blocks == 0)
        return 0;
    return 100.0 * (double)(v.f_blocks - v.f_bavail) / (double)v.f_blocks;
}

static void begin_check(struct health *h, const char *name, bool well)
{
    must(h->data_dir);
    json_kobj(&h->json, name);
    json_kstr(&h->json, "status", well ? "healthy" : "unhealthy");
    h->well = h->well && well;
}

static void put_metrics(struct health *h)
{
    if (!h->metrics)
        return;
    begin_check(h, "tsdb", !h->metrics_trouble);
    json_kbool(&h->json, "open", h->metrics_open);
    if (h->metrics_trouble)
        json_kstr(&h->json, "error", h->metrics_trouble);
    json_end(&h->json);
}

/* Of all cores, since the machine started; 0: unknown. */
static double cpu_percent(void)
{
    uint64_t busy, all;
    return machine_cpu(&busy, &all) && all > 0 ? 100 * (double)busy / (double)all : 0;
}

static void put_checks(struct health *h)
{
    struct json *j = &h->json;
    double disk = disk_percent(h->data_dir);
    begin_check(h, "system", disk < 99.5);
    json_kf64(j, "cpu_percent", cpu_percent());
    json_kf64(j, "memory_percent", fmax(0, machine_memory_percent()));
    json_kf64(j, "disk_percent", disk);
    json_end(j);
    begin_check(h, "store", !h->store_trouble);
    if (h->store_trouble)
        json_kstr(j, "error", h->store_trouble);
    json_end(j);
    put_metrics(h);
    begin_check(h, "watchers", true);
    json_kuint(j, "wanted", h->watchers);
    json_kuint(j, "connected", h->connected);
    json_end(j);
    begin_check(h, "channels", true);
    json_kuint(j, "count", h->channels);
    json_kuint(j, "waiting", h->waiting);
    json_end(j);
}

void health_all(struct call *k)
{
    struct health h = {.call = k, .json = call_json(k), .well = true};
    struct buf checks = BUF_INIT(65536);
    on_core(k, look_on_core, &h);
    h.json = json_start(&checks);
    json_obj(&h.json);
    put_checks(&h);
    json_end(&h.json);
    struct json j = call_json(k);
    json_obj(&j);
    json_kstr(&j, "status", h.well ? "healthy" : "unhealthy");
    json_ktime(&j, "timestamp", clock_wall_ms());
    json_key(&j, "checks");
    json_raw(&j, checks.data, checks.len);
    json_end(&j);
    buf_done(&checks);
    k->resp->status = h.well ? 200 : 503;
}

void health_ready(struct call *k)
{
    struct health h = {.call = k};
    on_core(k, look_on_core, &h);
    struct json j = call_json(k);
    json_obj(&j);
    json_kstr(&j, "status", h.ready ? "ready" : "starting");
    json_end(&j);
    k->resp->status = h.ready ? 200 : 503;
}

void health_live(struct call *k)
{
    struct json j = call_json(k);
    json_obj(&j);
    json_kstr(&j, "status", "alive");
    json_end(&j);
}
