/* How the monitor of processes is doing: /api/v1/processes/status, and the same under the address and the keys of the
 * seed, /api/v1/proxy/monitor/status. */
#include "api/api_priv.h"
#include "base/str.h"

struct asking {
    struct call *call;
    struct core_process_stats stats;
};

static void stats_on_core(void *arg)
{
    struct asking *a = arg;
    core_process_stats(a->call->api->core, &a->stats);
}

static struct core_process_stats stats_of(struct call *k)
{
    struct asking a = {.call = k};
    on_core(k, stats_on_core, &a);
    must(a.stats.enabled_processes <= a.stats.total_processes);
    return a.stats;
}

static void put_totals(struct json *j, const struct core_process_stats *s)
{
    json_kbool(j, "enable", s->enabled);
    json_kuint(j, "total_checks", s->total_checks);
    json_kuint(j, "total_restarts", s->total_restarts);
    json_kuint(j, "success_restarts", s->success_restarts);
    json_kuint(j, "failed_restarts", s->failed_restarts);
    json_ktime(j, "last_check_time", s->last_check_ms);
}

/* Several states have one name for users; each name once. */
static void put_counts(struct json *j, const struct core_process_stats *s)
{
    json_kobj(j, "status_count");
    for (int i = 0; i <= UNIT_FATAL; i++) {
        const char *name = unit_state_name((enum unit_state)i);
        uint64_t n = 0;
        bool first = true;
        for (int k = 0; k <= UNIT_FATAL; k++) {
            bool same = streq(name, unit_state_name((enum unit_state)k));
            first = first && !(same && k < i);
            n += same ? s->count[k] : 0;
        }
        if (first)
            json_kuint(j, name, n);
    }
    json_end(j);
}

void processes_status(struct call *k)
{
    struct core_process_stats s = stats_of(k);
    struct json j = call_json(k);
    json_obj(&j);
    put_totals(&j, &s);
    put_counts(&j, &s);
    json_kuint(&j, "enabled_processes", s.enabled_processes);
    json_kuint(&j, "total_processes", s.total_processes);
    json_kuint(&j, "events", s.events);
    json_kuint(&j, "events_dropped", s.events_dropped);
    json_end(&j);
}

/* The seed knows five states, and what is alive and well is running there, whatever more we know of it. States that it
 * does not know have keys of their own, so that the sum is right. */
static void put_seed_counts(struct json *j, const struct core_process_stats *s)
{
    const uint32_t *n = s->count;
    json_kobj(j, "status_count");
    json_kuint(j, "running", n[UNIT_RUNNING] + n[UNIT_READY]);
    json_kuint(j, "stopped", n[UNIT_STOPPED]);
    json_kuint(j, "crashed", n[UNIT_CRASHED] + n[UNIT_KILLING]);
    json_kuint(j, "restarting", n[UNIT_RESTARTING]);
    json_kuint(j, "unknown", n[UNIT_UNKNOWN]);
    json_kuint(j, "starting", n[UNIT_STARTING] + n[UNIT_WAITING]);
    json_kuint(j, "stopping", n[UNIT_STOPPING]);
    json_kuint(j, "backoff", n[UNIT_BACKOFF]);
    json_kuint(j, "fatal", n[UNIT_FATAL]);
    json_end(j);
}

void proxy_monitor_status(struct call *k)
{
    struct core_process_stats s = stats_of(k);
    struct json j = call_json(k);
    json_obj(&j);
    put_totals(&j, &s);
    put_seed_counts(&j, &s);
    json_kuint(&j, "enabled_proxies", s.enabled_processes);
    json_kuint(&j, "total_proxies", s.total_processes);
    json_end(&j);
}
