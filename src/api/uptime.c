/* /api/v1/targets/{id}/uptime: how much of the last day, week, month, quarter and year a target was up, how often it was not,
 * and why. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "api/alert_routes.h"
#include "api/outages.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/str.h"
#include "base/vec.h"
#include "core/tally.h"

#define DAY_MS      INT64_C(86400000)
#define WINDOWS     5
#define REASON_SIZE 200
#define FAILURES    1000 /* looked at, the newest */
#define FAILURES_MS (7 * DAY_MS)
#define PAGE        1000

static const struct {
    const char *name;
    int days;
} windows[WINDOWS] = {{"24h", 1}, {"7d", 7}, {"30d", 30}, {"90d", 90}, {"1y", 365}};

/* --- incidents --- */

struct adding {
    struct outage_window *at;
    size_t n;
    uint64_t rows, last_id;
};

static void add_alert(void *arg, const struct alert *a)
{
    struct adding *x = arg;
    x->rows++;
    x->last_id = a->id;
    for (size_t i = 0; i < x->n; i++) {
        struct outage_window *w = &x->at[i];
        sla_outage_add(&w->outages, a->fired_ms, a->resolved_ms, w->since_ms, w->until_ms,
                       w->without);
    }
}

int outages_read(struct store_reader *r, uint64_t target_id, struct outage_window *w, size_t n,
                 struct err *err)
{
    struct adding x = {w, n, 0, 0};
    struct alerts_query q = {.target_id = target_id, .status = -1, .limit = PAGE};
    must(n > 0 && target_id > 0);
    q.open_since_ms = w[0].since_ms;
    for (size_t i = 1; i < n; i++)
        if (w[i].since_ms < q.open_since_ms)
            q.open_since_ms = w[i].since_ms;
    do {
        x.rows = 0;
        if (store_alerts(r, &q, NULL, add_alert, &x, err) != 0)
            return -1;
        q.before_id = x.last_id;
    } while (x.rows == PAGE);
    return 0;
}

/* --- reasons --- */

struct reason {
    char text[REASON_SIZE];
    const char *example;
    uint64_t count;
    int64_t last_ms;
};
struct reasons {
    struct arena *arena;
    struct map_str *by_text;
    vec_of(struct reason *) all;
};

/* The newest comes first: it is the example. */
static void add_failure(void *arg, const struct stored_result *row)
{
    struct reasons *all = arg;
    char text[REASON_SIZE];
    sla_reason(row->message, text, sizeof(text));
    struct reason *r = map_str_get(all->by_text, text, strlen(text));
    if (!r) {
        r = arena_new_of(all->arena, struct reason);
        *r = (struct reason){.example = arena_strdup(all->arena, row->message),
                             .last_ms = row->checked_ms};
        memcpy(r->text, text, sizeof(text));
        map_str_put(all->by_text, r->text, strlen(r->text), r);
        vec_push(&all->all, r);
    }
    r->count++;
}

static int by_count(const void *a, const void *b)
{
    const struct reason *x = *(struct reason *const *)a, *y = *(struct reason *const *)b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return (x->last_ms < y->last_ms) - (x->last_ms > y->last_ms);
}

static void put_reasons(struct reasons *all, int64_t since_ms, struct json *j)
{
    if (all->all.n > 1)
        qsort(all->all.at, all->all.n, sizeof(*all->all.at), by_count);
    json_karr(j, "failures");
    vec_each (&all->all, it) {
        const struct reason *r = *it;
        json_obj(j);
        json_kstr(j, "reason", r->text);
        json_kuint(j, "count", r->count);
        json_ktime(j, "last_at", r->last_ms);
        json_kstr(j, "example", r->example);
        json_end(j);
    }
    json_end(j);
    json_ktime(j, "failures_since", since_ms);
}

/* --- the answer --- */

struct asking {
    struct call *call;
    struct history_target target;
    double uptime[WINDOWS];
    struct outage_window outages[WINDOWS];
    struct reasons reasons;
    int64_t now_ms;
};

static void name_on_core(void *arg)
{
    struct asking *g = arg;
    struct core_target v;
    if (core_target_get(g->call->api->core, g->call->id, &v))
        g->target = history_target_of(v.target, g->call->arena);
}

static int read_series(struct asking *g, struct err *err)
{
    struct tsdb *db = core_tsdb(g->call->api->core);
    for (size_t i = 0; i < WINDOWS; i++) {
        struct tally sum = {0};
        if (db && tally_read(tsdb_source(db), &g->target, g->now_ms - windows[i].days * DAY_MS,
                             g->now_ms, NULL, &sum, NULL, err) != 0)
            return -1;
        g->uptime[i] = tally_uptime(&sum);
    }
    return 0;
}

static int read_store(struct asking *g, struct err *err)
{
    struct call *k = g->call;
    struct results_query q = {.target_id = k->id,
                              .since_ms = g->now_ms - FAILURES_MS,
                              .failures_only = true,
                              .limit = FAILURES};
    for (size_t i = 0; i < WINDOWS; i++)
        g->outages[i] = (struct outage_window){.since_ms = g->now_ms - windows[i].days * DAY_MS,
                                               .until_ms = g->now_ms};
    struct store_reader *r = reader_take(k->api, err);
    int rc = r ? outages_read(r, k->id, g->outages, WINDOWS, err) : -1;
    if (rc == 0)
        rc = store_results(r, &q, add_failure, &g->reasons, err);
    reader_give(k->api, r);
    return rc;
}

static void put_answer(struct asking *g)
{
    struct json j = call_json(g->call);
    json_obj(&j);
    json_kuint(&j, "target_id", g->call->id);
    json_karr(&j, "windows");
    for (size_t i = 0; i < WINDOWS; i++) {
        json_obj(&j);
        json_kstr(&j, "window", windows[i].name);
        json_kf64(&j, "uptime", g->uptime[i]);
        json_kuint(&j, "incidents", g->outages[i].outages.incidents);
        json_kint(&j, "down_seconds", g->outages[i].outages.down_ms / 1000);
        json_end(&j);
    }
    json_end(&j);
    put_reasons(&g->reasons, g->now_ms - FAILURES_MS, &j);
    json_end(&j);
}

void targets_uptime(struct call *k)
{
    struct asking g = {.call = k, .now_ms = clock_wall_ms()};
    struct err err = {0};
    on_core(k, name_on_core, &g);
    if (!g.target.name) {
        call_fail_code(k, ERR_NOT_FOUND, "no target has the id %llu", (unsigned long long)k->id);
        return;
    }
    if (!call_may(k, ROLE_VIEWER, g.target.group))
        return;
    g.reasons = (struct reasons){.arena = k->arena, .by_text = map_str_new()};
    if (read_series(&g, &err) != 0 || read_store(&g, &err) != 0)
        call_fail(k, &err);
    else
        put_answer(&g);
    map_str_free(g.reasons.by_text);
    vec_done(&g.reasons.all);
}
