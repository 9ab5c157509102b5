/* /api/v1/processes: supervised programs, their list and their documents. What is done to them is process_act.c. */
#include <stdio.h>
#include <string.h>

#include "api/process_doc.h"
#include "base/str.h"

/* --- finding --- */

struct finding {
    const char *id;
    bool template;
    struct core_process *found; /* id NULL as long as there is none */
    vec_of(const char *) ids;
    bool hit;
};

static bool look_at(void *arg, const struct core_process *p)
{
    struct finding *f = arg;
    must(p->unit && p->unit->config);
    vec_push(&f->ids, p->unit->config->id);
    f->hit = f->template && streq(p->unit->template_id, f->id);
    if (f->hit)
        *f->found = *p;
    return !f->hit;
}

bool process_find(struct change *c, bool template, struct core_process *out)
{
    must(c->call->unit && out);
    struct call *k = c->call;
    struct finding f = {.id = k->unit, .template = template, .found = out};
    if (core_process_get(k->api->core, k->unit, out))
        return true;
    core_processes_each(k->api->core, look_at, &f);
    const char *near = f.hit ? NULL : str_nearest(k->unit, f.ids.at, f.ids.n);
    if (!f.hit)
        c->rc = err_set(&c->err, ERR_NOT_FOUND, "no process has the id \"%.130s\"%s%s%s", k->unit,
                        near ? "; did you mean \"" : "", near ? near : "", near ? "\"?" : "");
    vec_done(&f.ids);
    return f.hit;
}

static void get_on_core(void *arg)
{
    struct change *c = arg;
    struct core_process p;
    if (!process_find(c, true, &p))
        return;
    struct json j = call_json(c->call);
    process_json_open(&p, &j);
    process_json_config(&p, &j);
    json_end(&j);
}

void process_answer(struct call *k)
{
    struct change c = {.call = k};
    on_core(k, get_on_core, &c);
    if (c.rc != 0)
        call_fail(k, &c.err);
}

void processes_get(struct call *k)
{
    process_answer(k);
}

/* --- list --- */

struct list {
    struct call *call;
    struct json json;
    const char *q, *status, *type, *enabled, *source;
    uint64_t limit, skip, listed, total;
};

static bool command_has(const struct process_config *c, const char *q)
{
    for (size_t i = 0; i < c->command.n; i++)
        if (strcasestr(c->command.at[i], q))
            return true;
    return false;
}

static bool text_has(const char *text, const char *q)
{
    return text && strcasestr(text, q) != NULL;
}

static bool wanted(const struct list *l, const struct core_process *p)
{
    const struct process_config *c = p->unit->config;
    if (l->status && !streq(l->status, unit_state_name((enum unit_state)p->record.state)))
        return false;
    if (l->type && !streq(l->type, c->type ? c->type : ""))
        return false;
    if (l->source && !streq(l->source, p->source))
        return false;
    if (l->enabled && streq(l->enabled, "true") != p->enabled)
        return false;
    return !l->q || text_has(c->id, l->q) || text_has(c->name, l->q) || text_has(c->type, l->q) ||
           command_has(c, l->q);
}

/* The cursor is a place in the order of the configuration, which changes with it only. */
static bool list_one(void *arg, const struct core_process *p)
{
    struct list *l = arg;
    if (!wanted(l, p))
        return true;
    bool shown = l->total++ >= l->skip && l->listed < l->limit;
    must(l->listed <= l->limit);
    if (shown) {
        process_json_open(p, &l->json);
        json_end(&l->json);
        l->listed++;
    }
    return true;
}

static void list_on_core(void *arg)
{
    struct list *l = arg;
    core_processes_each(l->call->api->core, list_one, l);
}

static bool status_known(struct call *k, const char *status)
{
    for (int s = 0; status && s <= UNIT_FATAL; s++)
        if (streq(status, unit_state_name((enum unit_state)s)))
            return true;
    if (!status)
        return true;
    problem_add(
        &k->problems, NULL, "status",
        "got \"%.40s\"; want unknown, stopped, starting, running, ready, stopping, crashed, "
        "restarting, backoff or fatal",
        status);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return false;
}

void processes_list(struct call *k)
{
    struct list l = {
        .call = k,
        .q = http_req_query(k->req, "q"),
        .status = http_req_query(k->req, "status"),
        .type = http_req_query(k->req, "type"),
        .enabled = http_req_query(k->req, "enabled"),
        .source = http_req_query(k->req, "source"),
    };
    if (call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &l.limit) != 0 ||
        call_number(k, "cursor", 0, PROCESS_UNITS_MAX * PROCESS_REPLICAS_MAX, &l.skip) != 0 ||
        !status_known(k, l.status))
        return;
    l.json = call_json(k);
    json_obj(&l.json);
    json_karr(&l.json, "items");
    on_core(k, list_on_core, &l);
    must(l.listed <= l.total);
    uint64_t behind = l.skip + l.listed;
    list_end(&l.json, l.total, l.listed && behind < l.total ? behind : 0);
    json_end(&l.json);
}

/* --- documents --- */

/* The form's fields, as /probers gives them for a target's. */
void processes_options(struct call *k)
{
    struct json j = call_json(k);
    json_obj(&j);
    json_key(&j, "options");
    options_form(process_unit_options, &j);
    json_end(&j);
}

static const struct node *id_of(const struct node *doc)
{
    const struct node *n = node_get(doc, "id");
    return n && n->kind == NODE_TEXT && n->text.n ? n : NULL;
}

/* GET /processes/status is the statistics: a unit of that name could not be looked at. */
static bool id_is_free(struct call *k, const char *id)
{
    if (!streq(id, "status") && !streq(id, "options"))
        return true;
    problem_add(&k->problems, NULL, "id", "got \"%s\", which is reserved; want another id", id);
    return false;
}

static int invalid(struct change *c)
{
    size_t n = c->call->problems.list.n;
    return err_set(&c->err, ERR_INVALID, "%zu field%s invalid", n, n == 1 ? " is" : "s are");
}

static bool show_template(void *arg, const struct core_process *p)
{
    struct finding *f = arg;
    f->hit = streq(p->unit->template_id, f->id);
    if (f->hit)
        *f->found = *p;
    return !f->hit;
}

static bool show(struct call *k, struct json *j, const char **name)
{
    struct core_process p;
    struct finding f = {.id = k->unit, .found = &p};
    bool there = k->unit && core_process_get(k->api->core, k->unit, &p);
    if (k->unit && !there)
        core_processes_each(k->api->core, show_template, &f);
    if (!there && !f.hit)
        return false;
    json_obj(j);
    json_kstr(j, "id", p.unit->template_id);
    json_kbool(j, "enabled", p.enabled);
    process_json_config(&p, j);
    json_end(j);
    *name = arena_strdup(k->arena, k->unit);
    return true;
}

static const struct audited audited = {"process", show, ""};

static void create_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    const struct node *id = id_of(c->doc);
    must(c->waiter != NULL);
    k->unit = id ? arena_strndup(k->arena, id->text.p, id->text.n) : "";
    if (!id)
        problem_add(&k->problems, node_get(c->doc, "id"), "id", "required, but missing");
    if (!id || !id_is_free(k, k->unit)) {
        c->rc = invalid(c);
        return;
    }
    c->rc = core_process_put(k->api->core, k->unit, true, c->doc, &k->problems, c->waiter, &c->err);
}

/* The whole new document: PATCH begins with the old one; masks become what they stand for. */
static struct node *document_of(struct change *c, const struct core_process *old)
{
    struct arena *a = c->call->arena;
    const struct node *stored = old->document ? old->document : old->unit->doc;
    must(stored && stored->kind == NODE_MAP);
    bool patch = streq(c->call->req->method, "PATCH");
    struct node *doc = node_copy(a, patch ? stored : c->doc);
    if (patch)
        doc_merge(doc, c->doc, a);
    doc = process_unmask(doc_without_nulls(doc, a), stored, a);
    if (!node_get(doc, "id"))
        node_put(doc, a, "id", node_text(a, old->unit->template_id));
    return doc;
}

static void put_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct core_process old;
    must(c->waiter && c->doc);
    if (!process_find(c, true, &old))
        return;
    const char *id = arena_strdup(k->arena, old.unit->template_id);
    const struct node *doc = document_of(c, &old), *said = node_get(doc, "id");
    must(said); /* document_of() puts it there */
    if (said->kind != NODE_TEXT || !str_eqz(said->text, id)) {
        problem_add(&k->problems, NULL, "id",
                    "want \"%s\": a process is not renamed, but removed and added", id);
        c->rc = invalid(c);
        return;
    }
    c->rc = core_process_put(k->api->core, id, false, doc, &k->problems, c->waiter, &c->err);
}

static void enable_on_core(void *arg)
{
    struct change *c = arg;
    struct core_process p;
    must(c->waiter && *c->call->unit);
    if (process_find(c, false, &p))
        c->rc = core_process_act(c->call->api->core, c->call->unit,
                                 c->enabled ? PROCESS_ENABLE : PROCESS_DISABLE, 0, false, c->waiter,
                                 &c->err);
}

static void put(struct call *k, void (*fn)(void *arg))
{
    int success = k->resp->status;
    struct change c = {.call = k, .of = &audited, .doc = call_body(k)};
    if (!c.doc)
        return;
    bool enable = streq(k->req->method, "PATCH") && change_only_enables(&c);
    if (!change_commit(&c, enable ? enable_on_core : fn))
        return;
    process_answer(k);
    if (k->resp->status >= 400)
        return; /* removed again meanwhile */
    k->resp->status = success;
    if (success != 201)
        return;
    struct buf path = BUF_INIT(1000);
    url_encode(&path, str_of(k->unit));
    http_resp_header(k->resp, "Location",
                     arena_printf(k->arena, "/api/v1/processes/%.*s", (int)path.len, path.data));
    buf_done(&path);
}

void processes_create(struct call *k)
{
    put(k, create_on_core);
}

void processes_replace(struct call *k)
{
    put(k, put_on_core);
}

void processes_patch(struct call *k)
{
    put(k, put_on_core);
}

static void delete_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && *c->call->unit);
    struct call *k = c->call;
    struct core_process p;
    if (!process_find(c, true, &p))
        return;
    const char *id = arena_strdup(k->arena, p.unit->template_id);
    c->rc = core_process_del(k->api->core, id, c->waiter, &c->err);
}

void processes_delete(struct call *k)
{
    struct change c = {.call = k, .of = &audited};
    change_commit(&c, delete_on_core);
}
