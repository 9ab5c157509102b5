/* Lists of targets: /api/v1/targets with filters and orders, /targets/facets, /targets/recent, /groups. Which targets, and in
 * which order, the index says on this thread (core/target_index.h); only the rows that are told are read on the core's loop. */
#include <stdio.h>
#include <string.h>

#include "api/api_priv.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/history.h"
#include "core/resources.h"
#include "core/target_index.h"

#define OFFSET_MAX 100000000
#define RECENT_MAX 100
#define IDS_MAX    1000
#define LIMIT_MAX  (API_LIST_LIMIT_MAX * 10)
#define SPARK_TIER 200 /* targets whose uptime is told at once */

/* --- the question --- */

static int invalid(struct call *k, const char *name, const char *got, const char *want)
{
    problem_add(&k->problems, NULL, name, "got \"%.40s\"; want %s", got, want);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -1;
}

static int take_states(struct call *k, struct index_query *q)
{
    const char *text = http_req_query(k->req, "state");
    struct str rest = str_of(text), part;
    while (text && *text && str_next(&rest, ',', &part)) {
        int s = 0;
        while (s < N_SHOWN && !str_eqz(part, shown_state_name((enum shown_state)s)))
            s++;
        if (s == N_SHOWN)
            return invalid(k, "state", text, "some of down,degraded,unknown,maintenance,up,paused");
        q->states |= 1u << s;
    }
    return 0;
}

static int take_statuses(struct call *k, struct index_query *q)
{
    const char *text = http_req_query(k->req, "status");
    struct str rest = str_of(text), part;
    while (text && *text && str_next(&rest, ',', &part)) {
        enum target_status s;
        if (str_eqz(part, "degraded"))
            q->degraded = true;
        else if (target_status_parse(arena_strndup(k->arena, part.p, part.n), &s))
            q->statuses |= 1u << s;
        else
            return invalid(k, "status", text,
                           "some of unknown,healthy,unhealthy,disabled,maintenance,degraded");
    }
    return 0;
}

static int take_ids(struct call *k, struct index_query *q)
{
    const char *text = http_req_query(k->req, "ids");
    struct str rest = str_of(text), part;
    uint64_t *ids = text ? arena_array_of(k->arena, uint64_t, IDS_MAX) : NULL;
    while (text && *text && str_next(&rest, ',', &part)) {
        if (q->n_ids == IDS_MAX || str_to_u64(part, &ids[q->n_ids], NULL) != 0)
            return invalid(k, "ids", text, "at most 1000 ids, separated by commas");
        q->n_ids++;
    }
    must(q->n_ids <= IDS_MAX);
    q->ids = ids;
    return 0;
}

static int take_order(struct call *k, struct index_query *q)
{
    const char *sort = http_req_query(k->req, "sort"), *layout = http_req_query(k->req, "layout");
    if (sort && *sort && !index_sort_parse(sort, &q->sort))
        return invalid(k, "sort", sort, "id, name, group, worst, latency or since");
    if (layout && strcmp(layout, "groups") != 0 && strcmp(layout, "flat") != 0)
        return invalid(k, "layout", layout, "flat or groups");
    q->grouped = layout && strcmp(layout, "groups") == 0;
    q->cursor = q->grouped ? NULL : http_req_query(k->req, "cursor");
    return 0;
}

/* An absent parameter and an empty one are no filter. */
static const char *filter(const struct call *k, const char *name)
{
    const char *text = http_req_query(k->req, name);
    return text && *text ? text : NULL;
}

struct seen_groups call_groups(const struct call *k)
{
    const struct principal *who = k->who;
    const char **groups = arena_array_of(k->arena, const char *, who->n_groups + 1);
    bool everywhere = who->role >= ROLE_VIEWER;
    size_t n = 0;
    for (uint32_t i = 0; i < who->n_groups; i++)
        if ((principal_role(who, who->groups[i].group) >= ROLE_VIEWER) != everywhere)
            groups[n++] = who->groups[i].group;
    must(n <= who->n_groups);
    return (struct seen_groups){everywhere && n == 0 ? NULL : groups, everywhere};
}

static int take_query(struct call *k, struct index_query *q)
{
    *q = (struct index_query){
        .q = filter(k, "q"),
        .group = filter(k, "group"),
        .type = filter(k, "type"),
        .source = filter(k, "source"),
        .enabled = filter(k, "enabled"),
        .label = filter(k, "label"),
    };
    struct seen_groups seen = call_groups(k);
    q->groups = seen.groups;
    q->groups_hidden = seen.hidden;
    if (take_states(k, q) != 0 || take_statuses(k, q) != 0 || take_ids(k, q) != 0 ||
        take_order(k, q) != 0 || call_number(k, "offset", 0, OFFSET_MAX, &q->offset) != 0 ||
        call_number(k, "limit", API_LIST_LIMIT, LIMIT_MAX, &q->limit) != 0)
        return -1;
    return 0;
}

static int search(struct call *k, const struct index_query *q, struct index_answer *out)
{
    must(q->limit <= LIMIT_MAX && (q->n_ids == 0 || q->ids));
    struct err err = {0};
    if (target_index_find(core_index(k->api->core), q, k->arena, out, &err) == 0)
        return 0;
    call_fail(k, &err);
    return -1;
}

/* --- rows --- */

struct rows {
    struct call *call;
    struct json *json;
    const uint64_t *ids;
    size_t n;
};

static void rows_on_core(void *arg)
{
    struct rows *r = arg;
    struct core_target v;
    for (size_t i = 0; i < r->n; i++)
        if (core_target_get(r->call->api->core, r->ids[i], &v)) /* or removed a moment ago */
            target_json(&v, r->json);
}

/* --- facets --- */

static void put_states(struct json *j, const uint64_t *by)
{
    uint64_t total = 0;
    for (int s = 0; s < N_SHOWN; s++) {
        json_kuint(j, shown_state_name((enum shown_state)s), by[s]);
        total += by[s];
    }
    json_kuint(j, "total", total);
}

static void put_counts(struct json *j, const char *key, const struct index_count *at, size_t n)
{
    json_karr(j, key);
    for (size_t i = 0; i < n; i++) {
        json_obj(j);
        json_kstr(j, "name", at[i].name);
        json_kuint(j, "targets", at[i].targets);
        json_end(j);
    }
    json_end(j);
}

static void put_group(struct json *j, const struct index_group *g)
{
    json_obj(j);
    json_kstr(j, "name", g->name);
    json_kuint(j, "targets", g->targets);
    for (int s = 0; s < N_SHOWN; s++)
        json_kuint(j, shown_state_name((enum shown_state)s), g->by_state[s]);
    json_end(j);
}

static void put_facets(struct json *j, const struct index_answer *a)
{
    json_kobj(j, "facets");
    json_kobj(j, "all");
    put_states(j, a->all);
    json_end(j);
    json_kobj(j, "states");
    put_states(j, a->by_state);
    json_end(j);
    put_counts(j, "groups", a->group_names, a->n_group_names);
    put_counts(j, "types", a->types, a->n_types);
    put_counts(j, "labels", a->labels, a->n_labels);
    json_end(j);
}

static void put_layout(struct json *j, const struct index_answer *a)
{
    json_karr(j, "groups");
    for (size_t i = 0; i < a->n_groups; i++)
        put_group(j, &a->groups[i]);
    json_end(j);
}

/* --- beats --- */

static void put_beat(void *arg, const struct stored_result *row)
{
    struct json *j = arg;
    json_obj(j);
    json_kbool(j, "success", row->success);
    json_kf64(j, "latency_ms", (double)row->latency_us / 1000);
    json_kstr(j, "message", row->message);
    json_kbool(j, "degraded", strcmp(row->warnings_json, "[]") != 0 && *row->warnings_json);
    json_ktime(j, "checked_at", row->checked_ms);
    json_end(j);
}

/* {"recent":{"7":[…]}} beside the items: heartbeat bars without a request a target. */
static void put_recent(struct call *k, struct json *j, const struct index_answer *a, uint64_t n)
{
    must(n <= RECENT_MAX);
    struct err err = {0};
    struct store_reader *r = n ? reader_take(k->api, &err) : NULL;
    if (!r)
        return;
    json_kobj(j, "recent");
    for (size_t i = 0; i < a->n; i++) {
        char key[24];
        snprintf(key, sizeof(key), "%llu", (unsigned long long)a->ids[i]);
        json_karr(j, key);
        store_recent(r, a->ids[i], (uint32_t)n, put_beat, j, &err);
        json_end(j);
    }
    json_end(j);
    reader_give(k->api, r);
}

/* --- handlers --- */

void targets_list(struct call *k)
{
    struct index_query q;
    struct index_answer a;
    uint64_t recent;
    if (take_query(k, &q) != 0 || call_number(k, "recent", 0, RECENT_MAX, &recent) != 0)
        return;
    q.facets = filter(k, "facets") != NULL;
    if (search(k, &q, &a) != 0)
        return;
    struct json j = call_json(k);
    struct rows rows = {k, &j, a.ids, a.n};
    json_obj(&j);
    json_karr(&j, "items");
    on_core(k, rows_on_core, &rows);
    json_end(&j);
    json_kuint(&j, "total", a.total);
    json_kstr(&j, "next", a.next);
    if (q.facets)
        put_facets(&j, &a);
    if (q.grouped)
        put_layout(&j, &a);
    put_recent(k, &j, &a, recent);
    json_end(&j);
}

void targets_facets(struct call *k)
{
    struct index_query q;
    struct index_answer a;
    if (take_query(k, &q) != 0)
        return;
    q.facets = q.grouped = true;
    q.limit = 0;
    if (search(k, &q, &a) != 0)
        return;
    struct json j = call_json(k);
    json_obj(&j);
    json_kuint(&j, "total", a.total);
    put_facets(&j, &a);
    put_layout(&j, &a);
    json_end(&j);
}

struct named {
    struct call *call;
    const struct index_answer *found;
    struct history_target *names; /* of each id; name NULL: it is gone */
};

static void names_on_core(void *arg)
{
    struct named *n = arg;
    struct core_target v;
    struct arena *a = n->call->arena;
    for (size_t i = 0; i < n->found->n; i++)
        if (core_target_get(n->call->api->core, n->found->ids[i], &v))
            n->names[i] = history_target_of(v.target, a);
}

static void put_day(struct call *k, struct json *j, const struct history_target *t, int64_t now)
{
    struct tsdb *db = core_tsdb(k->api->core);
    double day;
    if (db && t->name && history_day(tsdb_source(db), t, now, &day, NULL) == 0)
        json_kf64(j, "uptime", day);
}

/* What the rows in sight show beside their state: the last checks and the last day's uptime. */
void targets_recent(struct call *k)
{
    struct index_query q;
    struct index_answer a;
    uint64_t n;
    struct err err = {0};
    if (take_query(k, &q) != 0 || call_number(k, "recent", 30, RECENT_MAX, &n) != 0)
        return;
    q.limit = q.limit < SPARK_TIER ? q.limit : SPARK_TIER;
    if (search(k, &q, &a) != 0)
        return;
    struct named names = {k, &a, arena_array_of(k->arena, struct history_target, a.n + 1)};
    on_core(k, names_on_core, &names);
    struct store_reader *r = reader_take(k->api, &err);
    if (!r) {
        call_fail(k, &err);
        return;
    }
    struct json j = call_json(k);
    int64_t now = clock_wall_ms();
    json_obj(&j);
    json_karr(&j, "items");
    for (size_t i = 0; i < a.n; i++) {
        json_obj(&j);
        json_kuint(&j, "id", a.ids[i]);
        put_day(k, &j, &names.names[i], now);
        json_karr(&j, "recent");
        store_recent(r, a.ids[i], (uint32_t)n, put_beat, &j, &err);
        json_end(&j);
        json_end(&j);
    }
    json_end(&j);
    json_kuint(&j, "total", a.total);
    json_end(&j);
    reader_give(k->api, r);
}

/* --- groups --- */

struct grouping {
    struct call *call;
    struct json *json;
    const struct index_answer *found;
};

static void put_worst(struct call *k, struct json *j, const struct index_group *g)
{
    struct core_target v;
    json_key(j, "worst");
    if (!g->worst_id || !core_target_get(k->api->core, g->worst_id, &v)) {
        json_nil(j);
        return;
    }
    must(g->worst < N_SHOWN);
    json_obj(j);
    json_kuint(j, "id", v.target->id);
    json_kstr(j, "name", v.target->name);
    json_kstr(j, "state", shown_state_name(g->worst));
    json_kstr(j, "message", v.last_message);
    json_ktime(j, "since", v.state.since_ms);
    json_end(j);
}

/* The words of the API's statuses beside those of the page: what the list had before it had states. */
static void put_statuses(struct json *j, const uint64_t *by)
{
    json_kuint(j, "healthy", by[SHOWN_UP]);
    json_kuint(j, "unhealthy", by[SHOWN_DOWN]);
    json_kuint(j, "disabled", by[SHOWN_PAUSED]);
}

static void groups_on_core(void *arg)
{
    struct grouping *gs = arg;
    struct json *j = gs->json;
    for (size_t i = 0; i < gs->found->n_groups; i++) {
        const struct index_group *g = &gs->found->groups[i];
        json_obj(j);
        json_kstr(j, "name", g->name);
        json_kuint(j, "targets", g->targets);
        for (int s = 0; s < N_SHOWN; s++)
            json_kuint(j, shown_state_name((enum shown_state)s), g->by_state[s]);
        put_statuses(j, g->by_state);
        put_worst(gs->call, j, g);
        json_end(j);
    }
}

void groups_list(struct call *k)
{
    struct index_query q;
    struct index_answer a;
    if (take_query(k, &q) != 0)
        return;
    q.grouped = true;
    q.limit = 0;
    q.cursor = NULL;
    if (search(k, &q, &a) != 0)
        return;
    struct json j = call_json(k);
    struct grouping gs = {k, &j, &a};
    json_obj(&j);
    json_karr(&j, "items");
    on_core(k, groups_on_core, &gs);
    list_end(&j, a.n_groups, 0);
    json_end(&j);
}
