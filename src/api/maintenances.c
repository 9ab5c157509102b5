/* /api/v1/maintenances: windows in which alerts are recorded but do not ring; when they take place, and whom they hold. */
#include <stdlib.h>
#include <string.h>

#include "api/access_whom.h"
#include "api/alert_routes.h"
#include "api/maintenance_doc.h"
#include "base/clock.h"
#include "base/str.h"

#define CALENDAR_MAX_MS (INT64_C(400) * 86400 * 1000)
#define CALENDAR_ITEMS  5000

/* On the loop. */
static bool is_seen(const struct call *k, const struct maintenance *m)
{
    const struct whom w = whom_of_maintenance(m, k->api->core);
    return whom_touches(k->who, ROLE_VIEWER, &w);
}

static bool list_one(void *arg, const struct window *w)
{
    struct whole_list *l = arg;
    if (!is_seen(l->call, window_maintenance(w)))
        return true;
    maintenance_json(w, clock_wall_ms(), &l->json);
    l->n++;
    return true;
}

static void list_all(struct whole_list *l)
{
    core_maintenances_each(l->call->api->core, list_one, l);
}

void maintenances_list(struct call *k)
{
    list_whole(k, list_all);
}

struct finding {
    uint64_t id;
    const struct window *found;
};

static bool find_one(void *arg, const struct window *w)
{
    struct finding *f = arg;
    if (window_maintenance(w)->id == f->id)
        f->found = w;
    return !f->found;
}

/* On the loop. NULL: c->rc and c->err are set. */
static const struct window *find(struct change *c)
{
    struct finding f = {.id = c->call->id};
    core_maintenances_each(c->call->api->core, find_one, &f);
    if (f.found && !is_seen(c->call, window_maintenance(f.found)))
        f.found = NULL;
    if (!f.found)
        c->rc = err_set(&c->err, ERR_NOT_FOUND, "no maintenance has the id %llu",
                        (unsigned long long)f.id);
    return f.found;
}

static void get_on_core(void *arg)
{
    struct change *c = arg;
    const struct window *w = find(c);
    if (!w)
        return;
    struct json j = call_json(c->call);
    maintenance_json(w, clock_wall_ms(), &j);
}

void maintenances_get(struct call *k)
{
    struct change c = {.call = k};
    on_core(k, get_on_core, &c);
    if (c.rc != 0)
        call_fail(k, &c.err);
}

/* --- changing --- */

/* On the loop: may the one who asks change it? False: c->rc and c->err are set. */
static bool may_change(struct change *c, const struct maintenance *m, bool old)
{
    const struct whom w = whom_of_maintenance(m, c->call->api->core);
    c->rc = call_may_whom(c->call, &w, old, &c->err);
    return c->rc == 0;
}

static bool show(struct call *k, struct json *j, const char **name)
{
    struct finding f = {.id = k->id};
    if (k->id)
        core_maintenances_each(k->api->core, find_one, &f);
    if (f.found) {
        maintenance_json(f.found, clock_wall_ms(), j);
        *name = arena_strdup(k->arena, window_maintenance(f.found)->title);
    }
    return f.found != NULL;
}

static const struct audited audited = {"maintenance", show,
                                       "active next next_starts_at next_ends_at"};

static void put_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct maintenance m;
    const struct window *old = k->id ? find(c) : NULL;
    if (k->id && (!old || !may_change(c, window_maintenance(old), true)))
        return;
    maintenance_from_doc(k, c->doc, old ? window_maintenance(old) : NULL, &m);
    if (k->problems.list.n) {
        c->rc = err_set(&c->err, ERR_INVALID, "the maintenance is invalid");
        return;
    }
    must(c->waiter && m.title);
    if (!may_change(c, &m, false))
        return;
    uint64_t id = 0;
    c->rc = core_maintenance_put(k->api->core, &m, c->waiter, &id, &c->err);
    must(c->rc != 0 || (id != 0 && (!k->id || id == k->id)));
    if (c->rc == 0)
        k->id = id;
}

static void delete_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->id != 0);
    const struct window *w = find(c);
    if (!w || !may_change(c, window_maintenance(w), true))
        return;
    c->rc = core_maintenance_del(c->call->api->core, c->call->id, c->waiter, &c->err);
}

static void put(struct call *k)
{
    static const struct putting how = {&audited, put_on_core, NULL, maintenances_get,
                                       "/api/v1/maintenances"};
    change_put(k, &how);
}

void maintenances_create(struct call *k)
{
    put(k);
}

void maintenances_patch(struct call *k)
{
    put(k);
}

void maintenances_delete(struct call *k)
{
    struct change c = {.call = k, .of = &audited};
    change_commit(&c, delete_on_core);
}

/* --- one that is not saved --- */

struct preview {
    struct call *call;
    const struct window *window;
    uint64_t targets;
};

static bool count_target(void *arg, const struct core_target *t)
{
    struct preview *p = arg;
    p->targets += principal_role(p->call->who, t->target->group) >= ROLE_VIEWER &&
                  window_holds(p->window, &(struct subject){t->target, t->instance});
    return true;
}

static void count_on_core(void *arg)
{
    struct preview *p = arg;
    core_targets_each(p->call->api->core, 0, count_target, p);
}

void maintenances_preview(struct call *k)
{
    struct maintenance m;
    struct err err = {0};
    const struct node *doc = call_body(k);
    if (!doc)
        return;
    maintenance_from_doc(k, doc, NULL, &m);
    if (k->problems.list.n) {
        call_fail_code(k, ERR_INVALID, "the maintenance is invalid");
        return;
    }
    struct window *w = window_new(&m, &err);
    if (!w) {
        call_fail(k, &err);
        return;
    }
    struct preview p = {.call = k, .window = w};
    on_core(k, count_on_core, &p);
    struct json j = call_json(k);
    maintenance_json_open(w, clock_wall_ms(), &j);
    json_kuint(&j, "targets", p.targets);
    json_end(&j);
    window_free(w);
}

/* --- calendar --- */

struct occurrence {
    struct maintenance *m;
    int64_t starts_ms, ends_ms;
};
struct calendar {
    struct call *call;
    int64_t since_ms, until_ms;
    struct occurrence *at;
    size_t n;
    bool truncated;
};

static bool note_one(void *arg, const struct core_occurrence *o)
{
    struct calendar *c = arg;
    if (!is_seen(c->call, window_maintenance(o->window)))
        return true;
    c->truncated = c->n == CALENDAR_ITEMS;
    if (!c->truncated)
        c->at[c->n++] = (struct occurrence){maintenance_clone(window_maintenance(o->window)),
                                            o->starts_ms, o->ends_ms};
    return !c->truncated;
}

static void calendar_on_core(void *arg)
{
    struct calendar *c = arg;
    core_occurrences_each(c->call->api->core, c->since_ms, c->until_ms, note_one, c);
}

static int by_start(const void *a, const void *b)
{
    const struct occurrence *x = a, *y = b;
    if (x->starts_ms != y->starts_ms)
        return x->starts_ms < y->starts_ms ? -1 : 1;
    return x->m->id < y->m->id ? -1 : x->m->id > y->m->id;
}

static void put_occurrence(const struct occurrence *o, int64_t now, struct json *j)
{
    json_obj(j);
    json_kuint(j, "maintenance_id", o->m->id);
    json_kstr(j, "title", o->m->title);
    json_ktime(j, "starts_at", o->starts_ms);
    json_ktime(j, "ends_at", o->ends_ms);
    json_kbool(j, "active", o->starts_ms <= now && (o->ends_ms == 0 || now < o->ends_ms));
    maintenance_whom_json(o->m, j);
    json_end(j);
}

static void put_calendar(struct calendar *c)
{
    struct json j = call_json(c->call);
    int64_t now = clock_wall_ms();
    qsort(c->at, c->n, sizeof(*c->at), by_start);
    json_obj(&j);
    json_karr(&j, "items");
    for (size_t i = 0; i < c->n; i++) {
        put_occurrence(&c->at[i], now, &j);
        maintenance_free(c->at[i].m);
    }
    list_end(&j, c->n, 0);
    json_kbool(&j, "truncated", c->truncated);
    json_end(&j);
}

void maintenances_calendar(struct call *k)
{
    struct calendar c = {.call = k};
    if (call_time(k, "since", clock_wall_ms(), &c.since_ms) != 0 ||
        call_time(k, "until", c.since_ms + INT64_C(31) * 86400 * 1000, &c.until_ms) != 0)
        return;
    if (c.until_ms <= c.since_ms || c.until_ms - c.since_ms > CALENDAR_MAX_MS) {
        problem_add(&k->problems, NULL, "until", "want a moment after since, by at most 400 days");
        call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
        return;
    }
    c.at = arena_array_of(k->arena, struct occurrence, CALENDAR_ITEMS);
    on_core(k, calendar_on_core, &c);
    put_calendar(&c);
}
