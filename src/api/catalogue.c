/* What there is to choose from: probers, channel types, groups; the page's forms are made from these. */
#include <string.h>

#include "api/api_priv.h"
#include "base/map.h"
#include "notify/channel.h"
#include "probe/prober.h"

static void put_text2(struct json *j, const char *key, struct text2 t)
{
    json_kobj(j, key);
    json_kstr(j, "en", t.en);
    json_kstr(j, "zh", t.zh);
    json_end(j);
}

void probers_list(struct call *k)
{
    struct json j = call_json(k);
    uint64_t n = 0;
    json_obj(&j);
    json_karr(&j, "items");
    for (const struct prober_ops *const *p = prober_table(); *p; p++, n++) {
        json_obj(&j);
        json_kstr(&j, "type", (*p)->type);
        put_text2(&j, "title", (*p)->title);
        put_text2(&j, "help", (*p)->help);
        json_karr(&j, "schemes");
        for (const char *const *s = (*p)->schemes; *s; s++)
            json_str(&j, *s);
        json_end(&j);
        json_key(&j, "options");
        options_form((*p)->options, &j);
        json_end(&j);
    }
    list_end(&j, n, 0);
    json_end(&j);
}

void channels_types(struct call *k)
{
    struct json j = call_json(k);
    uint64_t n = 0;
    json_obj(&j);
    json_karr(&j, "items");
    for (const struct channel_ops *const *p = channel_table(); *p; p++, n++) {
        json_obj(&j);
        json_kstr(&j, "type", (*p)->type);
        put_text2(&j, "title", (*p)->title);
        put_text2(&j, "help", (*p)->help);
        json_kint(&j, "rate_per_minute", (*p)->rate_per_minute);
        json_key(&j, "options");
        options_form((*p)->options, &j);
        json_end(&j);
    }
    list_end(&j, n, 0);
    json_end(&j);
}

struct group {
    const char *name;
    uint64_t targets, by_status[TARGET_MAINTENANCE + 1], degraded;
};

struct groups {
    struct call *call;
    struct map_str *by_name;
    struct json json;
};

static bool count_one(void *arg, const struct core_target *v)
{
    struct groups *gs = arg;
    const char *name = v->target->group;
    struct group *g = map_str_get(gs->by_name, name, strlen(name));
    if (!g) {
        g = arena_new_of(gs->call->arena, struct group);
        g->name = arena_strdup(gs->call->arena, name);
        map_str_put(gs->by_name, name, strlen(name), g);
    }
    g->targets++;
    g->by_status[v->state.status]++;
    g->degraded += v->state.status == TARGET_HEALTHY && v->state.degraded;
    return true;
}

static void count_on_core(void *arg)
{
    struct groups *gs = arg;
    core_targets_each(gs->call->api->core, 0, count_one, gs);
}

void groups_list(struct call *k)
{
    struct groups gs = {k, map_str_new(), call_json(k)};
    const char *key;
    size_t len;
    void *value;
    json_obj(&gs.json);
    json_karr(&gs.json, "items");
    on_core(k, count_on_core, &gs);
    for (size_t it = 0; map_str_next(gs.by_name, &it, &key, &len, &value);) {
        const struct group *g = value;
        json_obj(&gs.json);
        json_kstr(&gs.json, "name", g->name);
        json_kuint(&gs.json, "targets", g->targets);
        for (int s = 0; s <= TARGET_MAINTENANCE; s++)
            json_kuint(&gs.json, target_status_name((enum target_status)s), g->by_status[s]);
        json_kuint(&gs.json, "degraded", g->degraded);
        json_end(&gs.json);
    }
    list_end(&gs.json, map_str_count(gs.by_name), 0);
    json_end(&gs.json);
    map_str_free(gs.by_name);
}
