/* /api/v1/targets: what is watched. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "api/api_priv.h"
#include "api/inner.h"
#include "api/target_places.h"
#include "base/clock.h"
#include "base/str.h"
#include "core/history.h"
#include "core/resources.h"
#include "probe/prober.h"

#define WATCHER_WAIT_NS (3 * NS_PER_S)

#define TRY_MAX_MS      60000
#define PATIENCE_MAX_MS 85000 /* a thread waits; commands give up after 90 s */
#define GRAPH_MAX_MS    (INT64_C(10) * 366 * 86400000)

static void not_found(struct call *k)
{
    call_fail_code(k, ERR_NOT_FOUND, "no target has the id %llu", (unsigned long long)k->id);
}

/* What the caller may not see is not there. */
static bool get_seen(struct call *k, uint64_t id, struct core_target *v)
{
    return core_target_get(k->api->core, id, v) &&
           principal_role(k->who, v->target->group) >= ROLE_VIEWER;
}

static int refuse_edit(struct call *k, const char *group, struct err *err)
{
    if (principal_role(k->who, group) >= ROLE_EDITOR)
        return 0;
    return err_set(err, ERR_DENIED, "this needs the role editor in the group \"%s\"", group);
}

/* The target k->id, to be changed: 404 or 403. */
static int find_to_edit(struct call *k, struct core_target *v, struct err *err)
{
    if (!get_seen(k, k->id, v))
        return err_set(err, ERR_NOT_FOUND, "no target has the id %llu", (unsigned long long)k->id);
    return refuse_edit(k, v->target->group, err);
}

/* --- one --- */

struct getting {
    struct call *call;
    struct json json;
    struct history_target target; /* name NULL: there is none */
    struct str last;              /* its last result, encoded; empty: there is none */
    struct inner_doc inner;
};

static void get_on_core(void *arg)
{
    struct getting *g = arg;
    struct call *k = g->call;
    struct core_target v;
    if (!get_seen(k, k->id, &v)) {
        not_found(k);
        return;
    }
    g->json = call_json(k);
    target_json_open(&v, &g->json);
    inner_take_push(k, &v, &g->inner);
    inner_put_members(k, k->id, &g->json);
    places_put(k, &g->json);
    g->last = (struct str){arena_memdup(k->arena, v.last_result, v.last_result_n), v.last_result_n};
    g->target = history_target_of(v.target, k->arena);
}

/* {"24h":0.9998,…}; null where nothing is known. Absent while the metrics are away. */
static void put_uptime(struct call *k, const struct history_target *t, struct json *j)
{
    struct tsdb *db = core_tsdb(k->api->core);
    struct history_uptime u;
    struct err err = {0};
    if (!db || history_uptime(tsdb_source(db), t, clock_wall_ms(), &u, &err) != 0)
        return;
    json_kobj(j, "uptime");
    json_kf64(j, "24h", u.day);
    json_kf64(j, "7d", u.week);
    json_kf64(j, "30d", u.month);
    json_kf64(j, "365d", u.year);
    json_end(j);
}

/* What the last probe measured and saw: phases, the chain of certificates. */
static void put_last_result(struct call *k, struct str record, struct json *j)
{
    struct result *r = arena_new_of(k->arena, struct result);
    if (record.n == 0 || result_decode(record.p, record.n, k->arena, r, NULL) != 0)
        return;
    json_key(j, "last_result");
    result_json(r, j);
}

void targets_get(struct call *k)
{
    struct getting g = {.call = k};
    on_core(k, get_on_core, &g);
    if (!g.target.name)
        return;
    inner_put_push(k, k->id, &g.inner, &g.json);
    put_uptime(k, &g.target, &g.json);
    put_last_result(k, g.last, &g.json);
    json_end(&g.json);
}

static bool show(struct call *k, struct json *j, const char **name)
{
    struct core_target t;
    if (!k->id || !core_target_get(k->api->core, k->id, &t))
        return false;
    target_json(&t, j);
    *name = arena_strdup(k->arena, t.target->name);
    return true;
}

static const struct audited audited = {"target", show,
                                       "status degraded address last_message last_checked_at "
                                       "last_latency_ms fail_count since alert_id suppressed "
                                       "updated_at"};

static void put_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct core_target old;
    struct target t = {0};
    struct node *config = NULL;
    if (k->id && find_to_edit(k, &old, &c->err) != 0) {
        c->rc = -1;
        return;
    }
    c->rc = target_from_doc(k, c->doc, k->id ? &old : NULL, &t, &config);
    if (c->rc != 0) {
        err_set(&c->err, ERR_INVALID, "%zu field%s invalid", k->problems.list.n,
                k->problems.list.n == 1 ? " is" : "s are");
        return;
    }
    c->rc = refuse_edit(k, t.group, &c->err);
    if (c->rc != 0)
        return;
    t.id = k->id;
    uint64_t id = 0;
    c->rc = core_target_put(k->api->core, &t, config, &k->problems, c->waiter, &id, &c->err);
    must(c->rc != 0 || (id != 0 && (!k->id || id == k->id)));
    if (c->rc == 0)
        k->id = id;
}

static void enable_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->id != 0);
    struct core_target v;
    c->rc = find_to_edit(c->call, &v, &c->err);
    if (c->rc == 0)
        c->rc = core_target_enable(c->call->api->core, c->call->id, c->enabled, c->waiter, &c->err);
}

static void delete_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->id != 0);
    struct core_target v;
    c->rc = find_to_edit(c->call, &v, &c->err);
    if (c->rc == 0)
        c->rc = core_target_del(c->call->api->core, c->call->id, c->waiter, &c->err);
}

void targets_put(struct call *k)
{
    static const struct putting how = {&audited, put_on_core, enable_on_core, targets_get,
                                       "/api/v1/targets"};
    change_put(k, &how);
}

void targets_delete(struct call *k)
{
    struct change c = {.call = k, .of = &audited};
    change_commit(&c, delete_on_core);
}

/* --- probing now --- */

struct probing {
    struct call *call;
    const struct node *doc;
    struct waiter *waiter;
    struct name_list places; /* it is probed from each of them; none: from here alone */
    int64_t patience_ms;
    struct err err;
    int rc;
};

static int64_t patience_of(const struct target *t)
{
    int64_t burst = t->burst.times > 1 ? (t->burst.times - 1) * t->burst.delta_ms : 0;
    int64_t ms = t->timeout_ms * (t->attempts > 0 ? t->attempts : 1) + burst + 3000;
    return ms < PATIENCE_MAX_MS ? ms : PATIENCE_MAX_MS;
}

static struct name_list copy_names(struct arena *a, const struct name_list *from)
{
    const char **at = arena_array_of(a, const char *, from->n + 1);
    for (uint32_t i = 0; i < from->n; i++)
        at[i] = arena_strdup(a, from->at[i]);
    return (struct name_list){at, from->n};
}

static void check_on_core(void *arg)
{
    struct probing *p = arg;
    struct call *k = p->call;
    struct core_target v;
    p->rc = find_to_edit(k, &v, &p->err);
    if (p->rc != 0)
        return;
    p->patience_ms = patience_of(v.target);
    if (target_is_located(v.target))
        p->places = copy_names(k->arena, &v.target->locations);
    else
        p->rc = core_check(k->api->core, k->id, LOCATION_LOCAL, p->waiter, &p->err);
}

static void try_on_core(void *arg)
{
    struct probing *p = arg;
    struct call *k = p->call;
    const struct node *of = node_get(p->doc, "target_id");
    struct core_target old;
    bool have = of && of->kind == NODE_INT && get_seen(k, (uint64_t)of->num, &old);
    if (have && refuse_edit(k, old.target->group, &p->err) != 0) { /* its secrets would be used */
        p->rc = -1;
        return;
    }
    struct node *doc = node_map(k->arena), *config = NULL;
    static const char *const kept[] = {"type", "url", "config", "timeout_seconds", "invert"};
    for (size_t i = 0; i < array_len(kept); i++)
        if (node_get(p->doc, kept[i]))
            node_put(doc, k->arena, kept[i], node_copy(k->arena, node_get(p->doc, kept[i])));
    node_put(doc, k->arena, "name", node_text(k->arena, "try"));
    struct target t = {0};
    if (target_from_doc(k, doc, have ? &old : NULL, &t, &config) != 0) {
        p->rc = err_set(&p->err, ERR_INVALID, "the settings are invalid");
        return;
    }
    if (t.timeout_ms > TRY_MAX_MS) {
        problem_add(&k->problems, NULL, "timeout_seconds", "got %.3f; want at most %d",
                    (double)t.timeout_ms / 1000, TRY_MAX_MS / 1000);
        p->rc = err_set(&p->err, ERR_INVALID, "the settings are invalid");
        return;
    }
    t.interval_ms = t.timeout_ms;
    p->patience_ms = patience_of(&t);
    p->rc = core_try(k->api->core, &t, config, &k->problems, p->waiter, &p->err);
}

static void answer_result(struct call *k, const struct buf *record)
{
    must(record->len > 0); /* the watcher's, whatever it says */
    struct err err = {0};
    struct result *r = arena_new_of(k->arena, struct result);
    if (result_decode(record->data, record->len, k->arena, r, &err) != 0) {
        call_fail(k, &err);
        return;
    }
    struct json j = call_json(k);
    result_json(r, &j);
}

/* The watcher may be starting just now (its group is new) or again: that takes some ten milliseconds. */
static void ask_watcher(struct call *k, struct probing *p, void (*fn)(void *arg))
{
    int64_t end = clock_mono_ns() + WATCHER_WAIT_NS;
    for (;;) {
        err_clear(&p->err);
        on_core(k, fn, p);
        if (p->rc == 0 || p->err.code != ERR_BUSY || clock_mono_ns() > end)
            return;
        nanosleep(&(struct timespec){.tv_nsec = 20 * NS_PER_MS}, NULL);
    }
}

static void probe(struct call *k, struct probing *p, void (*fn)(void *arg))
{
    struct buf record = BUF_INIT(1 << 20);
    p->waiter = call_waiter(k);
    ask_watcher(k, p, fn);
    if (p->rc != 0)
        call_fail(k, &p->err);
    else if (p->places.n > 0)
        places_check(k, &p->places, p->patience_ms);
    else if (call_wait(k, p->waiter, p->patience_ms, &record) == 0)
        answer_result(k, &record);
    waiter_unref(p->waiter);
    buf_done(&record);
}

void targets_check(struct call *k)
{
    struct probing p = {.call = k};
    probe(k, &p, check_on_core);
}

void targets_try(struct call *k)
{
    struct probing p = {.call = k, .doc = call_body(k)};
    if (p.doc)
        probe(k, &p, try_on_core);
}

/* --- history --- */

static void exists_on_core(void *arg)
{
    struct call *k = arg;
    struct core_target v;
    if (!get_seen(k, k->id, &v))
        k->id = 0;
}

static bool exists(struct call *k)
{
    uint64_t id = k->id;
    on_core(k, exists_on_core, k);
    if (k->id)
        return true;
    k->id = id;
    not_found(k);
    return false;
}

struct rows {
    struct json json;
    uint64_t n, last_id;
};

static void put_row(void *arg, const struct stored_result *row)
{
    struct rows *r = arg;
    struct json *j = &r->json;
    json_obj(j);
    json_kuint(j, "id", row->id);
    json_kuint(j, "target_id", row->target_id);
    json_kbool(j, "success", row->success);
    json_kf64(j, "latency_ms", (double)row->latency_us / 1000);
    json_kstr(j, "message", row->message);
    json_key(j, "metrics");
    json_raw(j, row->metrics_json, strlen(row->metrics_json));
    json_key(j, "warnings");
    json_raw(j, row->warnings_json, strlen(row->warnings_json));
    json_kstr(j, "address", row->address);
    json_ktime(j, "checked_at", row->checked_ms);
    json_end(j);
    r->n++;
    r->last_id = row->id;
}

void targets_results(struct call *k)
{
    struct results_query q = {.target_id = k->id,
                              .failures_only = http_req_query(k->req, "failures") != NULL};
    uint64_t limit;
    struct err err = {0};
    if (!exists(k) || call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &limit) != 0 ||
        call_number(k, "cursor", 0, UINT64_MAX, &q.before_id) != 0 ||
        call_time(k, "since", 0, &q.since_ms) != 0 || call_time(k, "until", 0, &q.until_ms) != 0)
        return;
    q.limit = (uint32_t)limit;
    struct store_reader *r = reader_take(k->api, &err);
    struct rows rows = {.json = call_json(k)};
    json_obj(&rows.json);
    json_karr(&rows.json, "items");
    if (!r || store_results(r, &q, put_row, &rows, &err) != 0) {
        reader_give(k->api, r);
        call_fail(k, &err);
        return;
    }
    reader_give(k->api, r);
    list_end(&rows.json, rows.n, rows.n == limit ? rows.last_id : 0);
    json_end(&rows.json);
}

static void put_series(struct json *j, const char *key, const double *at, uint64_t n)
{
    json_karr(j, key);
    for (uint64_t i = 0; i < n; i++)
        json_f64(j, at[i]); /* NaN → null */
    json_end(j);
}

static void name_on_core(void *arg)
{
    struct getting *g = arg;
    struct core_target v;
    if (core_target_get(g->call->api->core, g->call->id, &v))
        g->target = history_target_of(v.target, g->call->arena);
}

/* Out of the metrics; without them every cell is empty. false: answered with an error. */
static bool read_graph(struct call *k, int64_t since, int64_t until, uint32_t n, double *latency,
                       double *success)
{
    struct getting g = {.call = k};
    struct err err = {0};
    struct tsdb *db = core_tsdb(k->api->core);
    const char *location = http_req_query(k->req, "location"); /* that one's; none: its own */
    on_core(k, name_on_core, &g);
    for (uint32_t i = 0; i < n; i++)
        latency[i] = success[i] = NAN;
    if (location)
        g.target.location = location;
    if (!db || !g.target.name ||
        history_graph(tsdb_source(db), &g.target, since, until, n, latency, success, &err) == 0)
        return true;
    call_fail(k, &err);
    return false;
}

void targets_graph(struct call *k)
{
    int64_t since, until, now = clock_wall_ms();
    uint64_t points;
    if (!exists(k) || call_time(k, "until", now, &until) != 0 ||
        call_time(k, "since", until - INT64_C(86400000), &since) != 0 ||
        call_number(k, "points", 300, 2000, &points) != 0)
        return;
    if (since >= until || since < until - GRAPH_MAX_MS || points == 0) {
        call_fail_code(k, ERR_MALFORMED,
                       "want since before until by at most ten years, and at least one point");
        return;
    }
    double *latency = arena_array_of(k->arena, double, points),
           *success = arena_array_of(k->arena, double, points);
    if (!read_graph(k, since, until, (uint32_t)points, latency, success))
        return;
    struct json j = call_json(k);
    json_obj(&j);
    json_karr(&j, "t");
    for (uint64_t i = 0; i < points; i++)
        json_int(&j, (since + (until - since) * (int64_t)i / (int64_t)points) / 1000);
    json_end(&j);
    put_series(&j, "latency_ms", latency, points);
    put_series(&j, "success", success, points);
    json_end(&j);
}
