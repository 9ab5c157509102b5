/* From where a target is probed: the fields `locations` and `location_quorum` as documents have them, and how each location
 * stands: GET /api/v1/targets/ID, /api/v1/targets/ID/places. */
#include "api/target_places.h"

#include "core/places.h"
#include "core/resources.h"

void places_take(struct call *k, const struct str_list *names, int64_t quorum, struct target *out)
{
    for (size_t i = 0; i < names->n; i++) {
        const char *fault = location_name_fault(names->at[i]);
        if (fault)
            problem_add(&k->problems, NULL, "locations", "got the name \"%.100s\"; %s",
                        names->at[i], fault);
        for (size_t n = 0; n < i; n++)
            if (streq(names->at[i], names->at[n]))
                problem_add(&k->problems, NULL, "locations", "\"%.100s\" is named twice",
                            names->at[i]);
    }
    if (quorum > 0 && names->n == 0)
        problem_add(&k->problems, NULL, "location_quorum",
                    "got %lld without locations; want locations, too", (long long)quorum);
    else if (quorum > (int64_t)names->n)
        problem_add(&k->problems, NULL, "location_quorum",
                    "got %lld; want 1 to %zu, for there are %zu locations", (long long)quorum,
                    names->n, names->n);
    out->locations = (struct name_list){names->at, (uint32_t)names->n};
    out->location_quorum = (int32_t)quorum;
}

static void put_place(struct json *j, const struct core_place *p)
{
    json_kstr(j, "location", p->location);
    json_kstr(j, "status", target_status_name(p->status));
    json_kbool(j, "degraded", p->degraded);
    json_kbool(j, "heard", p->heard);
    json_ktime(j, "since", p->since_ms);
    json_ktime(j, "last_checked_at", p->last_checked_ms);
    json_key(j, "latency_ms");
    if (p->last_checked_ms)
        json_f64(j, (double)p->latency_us / 1000);
    else
        json_nil(j);
    json_kint(j, "fail_count", p->fail_count);
    json_kstr(j, "message", p->message);
}

void places_put(struct call *k, struct json *j)
{
    struct core_place all[TARGET_LOCATIONS_MAX];
    size_t n = core_target_places(k->api->core, k->id, k->arena, all);
    if (n == 0)
        return;
    json_karr(j, "places");
    for (size_t i = 0; i < n; i++) {
        json_obj(j);
        put_place(j, &all[i]);
        json_end(j);
    }
    json_end(j);
}

/* --- all of it --- */

static void put_last(struct call *k, const struct core_place *p, struct json *j)
{
    struct result *r = arena_new_of(k->arena, struct result);
    json_key(j, "last_result");
    if (p->last_result_n == 0 ||
        result_decode(p->last_result, p->last_result_n, k->arena, r, NULL) != 0)
        json_nil(j);
    else
        result_json(r, j);
}

static void list_on_core(void *arg)
{
    struct call *k = arg;
    struct core_target v;
    struct core_place all[TARGET_LOCATIONS_MAX];
    if (!core_target_get(k->api->core, k->id, &v) ||
        principal_role(k->who, v.target->group) < ROLE_VIEWER) {
        call_fail_code(k, ERR_NOT_FOUND, "no target has the id %llu", (unsigned long long)k->id);
        return;
    }
    size_t n = core_target_places(k->api->core, k->id, k->arena, all);
    struct json j = call_json(k);
    json_obj(&j);
    json_karr(&j, "items");
    for (size_t i = 0; i < n; i++) {
        json_obj(&j);
        put_place(&j, &all[i]);
        put_last(k, &all[i], &j);
        json_end(&j);
    }
    json_end(&j);
    json_end(&j);
}

void targets_places(struct call *k)
{
    on_core(k, list_on_core, k);
}
