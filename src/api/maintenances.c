/* /api/v1/maintenances: windows in which alerts are recorded but do not ring. */
#include <string.h>

#include "api/api_priv.h"
#include "base/clock.h"
#include "base/str.h"

struct maintenance_doc {
    const char *title, *starts_at, *ends_at;
    struct str_list groups;
    const struct node *target_ids;
};

const struct option maintenance_doc_options[] = {
    {"title", OPT_STRING, offsetof(struct maintenance_doc, title), .required = true, .min = 1,
     .max = 200, .help = {"What is done.", "标题。"}},
    {"target_ids", OPT_NODE, offsetof(struct maintenance_doc, target_ids),
     .help = {"Targets in it.", "涉及的目标。"}},
    {"groups", OPT_LIST, offsetof(struct maintenance_doc, groups), .max = 1000,
     .help = {"Whole groups.", "涉及的分组。"}},
    {"starts_at", OPT_STRING, offsetof(struct maintenance_doc, starts_at),
     .help = {"RFC 3339; now when absent.", "开始时间（RFC 3339），缺省为现在。"}},
    {"ends_at", OPT_STRING, offsetof(struct maintenance_doc, ends_at),
     .help = {"RFC 3339; until it is ended by hand when absent.", "结束时间，缺省为手动结束。"}},
    OPTION_END,
};

struct listing {
    struct call *call;
    struct json json;
    uint64_t n;
};

static bool list_one(void *arg, const struct maintenance *m)
{
    struct listing *l = arg;
    maintenance_json(m, clock_wall_ms(), &l->json);
    l->n++;
    return true;
}

static void list_on_core(void *arg)
{
    struct listing *l = arg;
    core_maintenances_each(l->call->api->core, list_one, l);
}

void maintenances_list(struct call *k)
{
    struct listing l = {.call = k, .json = call_json(k)};
    json_obj(&l.json);
    json_karr(&l.json, "items");
    on_core(k, list_on_core, &l);
    list_end(&l.json, l.n, 0);
    json_end(&l.json);
}

struct finding {
    uint64_t id;
    const struct maintenance *found;
};

static bool find_one(void *arg, const struct maintenance *m)
{
    struct finding *f = arg;
    if (m->id == f->id)
        f->found = m;
    return !f->found;
}

/* On the loop. NULL: c->rc and c->err are set. */
static const struct maintenance *find(struct change *c)
{
    struct finding f = {.id = c->call->id};
    core_maintenances_each(c->call->api->core, find_one, &f);
    if (!f.found)
        c->rc = err_set(&c->err, ERR_NOT_FOUND, "no maintenance has the id %llu",
                        (unsigned long long)f.id);
    return f.found;
}

static void get_on_core(void *arg)
{
    struct change *c = arg;
    const struct maintenance *m = find(c);
    if (!m)
        return;
    struct json j = call_json(c->call);
    maintenance_json(m, clock_wall_ms(), &j);
}

void maintenances_get(struct call *k)
{
    struct change c = {.call = k};
    on_core(k, get_on_core, &c);
    if (c.rc != 0)
        call_fail(k, &c.err);
}

static void take_time(struct call *k, const char *field, const char *text, int64_t *out)
{
    struct err err = {0};
    if (text && time_parse(str_of(text), out, &err) != 0)
        problem_add(&k->problems, NULL, field, "%s", err.msg);
}

static void take_targets(struct call *k, const struct node *n, struct maintenance *m)
{
    if (!n)
        return;
    m->targets = (struct id_list){arena_array_of(k->arena, uint64_t, n->count + 1), 0};
    for (const struct node *i = n->kind == NODE_LIST ? n->first : NULL; i; i = i->next)
        if (i->kind == NODE_INT && i->num > 0)
            m->targets.at[m->targets.n++] = (uint64_t)i->num;
    if (n->kind != NODE_LIST || m->targets.n != n->count)
        problem_add(&k->problems, NULL, "target_ids", "got %s; want a list of ids",
                    node_kind_name(n));
}

/* old: what is not named stays. */
static void from_doc(struct change *c, const struct maintenance *old, struct maintenance *out)
{
    struct call *k = c->call;
    struct maintenance_doc d = {0};
    struct node *doc = node_copy(k->arena, c->doc);
    if (old && !node_get(doc, "title"))
        node_put(doc, k->arena, "title", node_text(k->arena, old->title));
    options_bind(maintenance_doc_options, doc, &d, k->arena, &k->problems, "");
    *out = old ? *old : (struct maintenance){.starts_ms = clock_wall_ms()};
    out->title = d.title;
    take_time(k, "starts_at", d.starts_at, &out->starts_ms);
    take_time(k, "ends_at", d.ends_at, &out->ends_ms);
    take_targets(k, d.target_ids, out);
    if (node_get(doc, "groups")) {
        out->groups = d.groups.at;
        out->n_groups = (uint32_t)d.groups.n;
    }
    if (out->targets.n == 0 && out->n_groups == 0)
        problem_add(&k->problems, NULL, "groups",
                    "neither target_ids nor groups given; want what it is about");
}

static bool show(struct call *k, struct json *j, const char **name)
{
    struct finding f = {.id = k->id};
    if (k->id)
        core_maintenances_each(k->api->core, find_one, &f);
    if (f.found) {
        maintenance_json(f.found, clock_wall_ms(), j);
        *name = arena_strdup(k->arena, f.found->title);
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
    const struct maintenance *old = k->id ? find(c) : NULL;
    if (k->id && !old)
        return;
    from_doc(c, old, &m);
    if (k->problems.list.n) {
        c->rc = err_set(&c->err, ERR_INVALID, "the maintenance is invalid");
        return;
    }
    must(c->waiter && m.title);
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
    c->rc = core_maintenance_del(c->call->api->core, c->call->id, c->waiter, &c->err);
}

static void put(struct call *k)
{
    int success = k->resp->status;
    struct change c = {.call = k, .of = &audited, .doc = call_body(k)};
    if (!c.doc || !change_commit(&c, put_on_core))
        return;
    maintenances_get(k);
    if (k->resp->status < 400)
        k->resp->status = success;
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
