/* /api/v1/incidents: what is said of a disturbance on public status pages. */
#include <stdlib.h>
#include <string.h>

#include "api/status_priv.h"
#include "base/clock.h"
#include "base/str.h"
#include "status/markdown.h"

struct incident_doc {
    const char *title, *started_at, *markdown, *at;
    int impact, status;
    struct str_list pages;
    const struct node *targets;
    bool notify;
};

#define AT(field) offsetof(struct incident_doc, field)
const struct option incident_doc_options[] = {
    {"title", OPT_STRING, AT(title), .required = true, .min = 1, .max = 200,
     .help = {"What happens.", "标题。"}},
    {"impact", OPT_ENUM, AT(impact), .def = "minor", .choices = incident_impacts,
     .help = {"How bad it is.", "影响程度。"}},
    {"status", OPT_ENUM, AT(status), .def = "investigating", .choices = incident_statuses,
     .help = {"How far it has come.", "处理状态。"}},
    {"status_pages", OPT_LIST, AT(pages), .max = STATUS_PAGES_MAX,
     .help = {"Slugs of the pages that show it.", "显示该事件的状态页（slug）。"}},
    {"targets", OPT_NODE, AT(targets),
     .help = {"Ids of the targets affected.", "受影响的目标 id。"}},
    {"started_at", OPT_STRING, AT(started_at),
     .help = {"RFC 3339; now when absent.", "开始时间，缺省为现在。"}},
    {"markdown", OPT_TEXT, AT(markdown), .max = MARKDOWN_MAX,
     .help = {"The first update.", "首条进展（Markdown）。"}},
    {"notify", OPT_BOOL, AT(notify), .def = "true", .help = {"Tell subscribers.", "通知订阅者。"}},
    OPTION_END,
};
const struct option incident_update_options[] = {
    {"status", OPT_ENUM, AT(status), .choices = incident_statuses,
     .help = {"As it is when absent.", "处理状态，缺省为不变。"}},
    {"markdown", OPT_TEXT, AT(markdown), .min = 1, .max = MARKDOWN_MAX,
     .help = {"What is to be said.", "正文（Markdown）。"}},
    {"at", OPT_STRING, AT(at), .help = {"RFC 3339; now when absent.", "时间，缺省为现在。"}},
    {"notify", OPT_BOOL, AT(notify), .def = "true", .help = {"Tell subscribers.", "通知订阅者。"}},
    OPTION_END,
};
const struct option markdown_doc_options[] = {
    {"markdown", OPT_TEXT, AT(markdown), .max = MARKDOWN_MAX,
     .help = {"Markdown.", "Markdown 文本。"}},
    OPTION_END,
};

/* --- answering --- */

static void put_update(const struct incident_update *u, struct json *j)
{
    must(u->id > 0 && u->status <= INCIDENT_RESOLVED);
    struct buf html = BUF_INIT(1 << 19);
    markdown_html(&html, u->markdown);
    json_obj(j);
    json_kuint(j, "id", u->id);
    json_ktime(j, "at", u->at_ms);
    json_kstr(j, "status", incident_statuses[u->status]);
    json_kstr(j, "markdown", u->markdown);
    json_kstr(j, "html", html.data ? html.data : "");
    json_kstr(j, "by", u->by);
    if (u->fell || u->rose)
        json_kuint(j, u->fell ? "fell" : "rose", u->fell ? u->fell : u->rose);
    json_end(j);
    buf_done(&html);
}

static void put_pages(struct call *k, const struct incident *i, struct json *j)
{
    json_karr(j, "status_pages");
    for (uint32_t n = 0; n < i->pages.n; n++) {
        struct status_page *p = status_page_by_id(k->api->status, i->pages.at[n]);
        if (p)
            json_str(j, p->f.slug);
        page_unref(p);
    }
    json_end(j);
}

static void put_incident(struct call *k, const struct incident *i, struct json *j)
{
    must(i->impact <= IMPACT_MAINTENANCE && i->status <= INCIDENT_RESOLVED);
    json_obj(j);
    json_kuint(j, "id", i->id);
    json_kstr(j, "title", i->title);
    json_kstr(j, "impact", incident_impacts[i->impact]);
    json_kstr(j, "status", incident_statuses[i->status]);
    put_pages(k, i, j);
    json_karr(j, "targets");
    for (uint32_t n = 0; n < i->targets.n; n++)
        json_uint(j, i->targets.at[n]);
    json_end(j);
    json_kbool(j, "auto", i->automatic);
    json_ktime(j, "started_at", i->started_ms);
    json_ktime(j, "resolved_at", i->resolved_ms);
    json_ktime(j, "created_at", i->created_ms);
    json_ktime(j, "updated_at", i->updated_ms);
    json_karr(j, "updates");
    for (uint32_t n = 0; n < i->n_updates; n++)
        put_update(&i->updates[n], j);
    json_end(j);
    json_end(j);
}

static bool show(struct call *k, struct json *j, const char **name)
{
    struct incident *i = k->id ? status_incident(k->api->status, k->id) : NULL;
    if (!i)
        return false;
    *name = arena_strdup(k->arena, i->title);
    put_incident(k, i, j);
    incident_unref(i);
    return true;
}

static const struct audited audited = {"incident", show, "updated_at"};

static struct incident *incident_of(struct call *k)
{
    struct incident *i = status_there(k) ? status_incident(k->api->status, k->id) : NULL;
    if (!i && k->api->status)
        call_fail_code(k, ERR_NOT_FOUND, "no incident has the id %llu", (unsigned long long)k->id);
    return i;
}

void incidents_get(struct call *k)
{
    struct incident *i = incident_of(k);
    if (!i)
        return;
    struct json j = call_json(k);
    put_incident(k, i, &j);
    incident_unref(i);
}

/* --- listing: the cursor says how many were passed --- */

struct wanted {
    const char *open, *q;
    uint64_t page;
    bool no_page;
};

static bool fits(const struct wanted *w, const struct incident *i)
{
    bool open = i->status != INCIDENT_RESOLVED;
    if (w->open && open != (strcmp(w->open, "yes") == 0))
        return false;
    if (w->no_page || (w->page && !incident_on(i, w->page)))
        return false;
    return !w->q || strcasestr(i->title, w->q);
}

static int read_wanted(struct call *k, struct wanted *w)
{
    const char *slug = http_req_query(k->req, "status_page");
    w->q = http_req_query(k->req, "q");
    w->open = http_req_query(k->req, "open");
    struct status_page *p = slug ? status_page(k->api->status, slug) : NULL;
    w->page = p ? p->id : 0;
    w->no_page = slug && !p;
    page_unref(p);
    if (!w->open || strcmp(w->open, "yes") == 0 || strcmp(w->open, "no") == 0)
        return 0;
    problem_add(&k->problems, NULL, "open", "got \"%.20s\"; want yes or no", w->open);
    call_fail_code(k, ERR_MALFORMED, "a query parameter is invalid");
    return -1;
}

void incidents_list(struct call *k)
{
    struct wanted w;
    struct incident **all;
    uint64_t limit, passed, n = 0;
    if (!status_there(k) || read_wanted(k, &w) != 0 ||
        call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &limit) != 0 ||
        call_number(k, "cursor", 0, UINT32_MAX, &passed) != 0)
        return;
    size_t count = status_incidents(k->api->status, &all);
    struct json j = call_json(k);
    json_obj(&j);
    json_karr(&j, "items");
    for (size_t i = 0; i < count; i++) {
        bool fit = fits(&w, all[i]);
        if (fit && n >= passed && n < passed + limit)
            put_incident(k, all[i], &j);
        n += fit;
        incident_unref(all[i]);
    }
    must(n <= count);
    list_end(&j, n, n > passed + limit ? passed + limit : 0);
    json_end(&j);
    free(all);
}

/* --- changing --- */

static void take_time(struct call *k, const char *field, const char *text, int64_t *out)
{
    struct err err = {0};
    if (text && time_parse(str_of(text), out, &err) != 0)
        problem_add(&k->problems, NULL, field, "%s", err.msg);
}

static void take_pages(struct call *k, const struct incident_doc *d, struct incident *i)
{
    i->pages = (struct id_list){arena_array_of(k->arena, uint64_t, d->pages.n + 1), 0};
    for (size_t n = 0; n < d->pages.n; n++) {
        struct status_page *p = status_page(k->api->status, d->pages.at[n]);
        if (p)
            i->pages.at[i->pages.n++] = p->id;
        else
            problem_add(&k->problems, NULL, arena_printf(k->arena, "status_pages[%zu]", n),
                        "got \"%.64s\"; there is no such page", d->pages.at[n]);
        page_unref(p);
    }
}

/* What the document does not name stays as it is in *i. */
static void take_fields(struct call *k, const struct node *doc, const struct incident_doc *d,
                        struct incident *i)
{
    i->title = d->title ? d->title : "";
    i->impact = node_get(doc, "impact") || !k->id ? (enum incident_impact)d->impact : i->impact;
    i->status = node_get(doc, "status") || !k->id ? (enum incident_status)d->status : i->status;
    if (node_get(doc, "status_pages"))
        take_pages(k, d, i);
    if (node_get(doc, "targets"))
        i->targets = ids_of_node(d->targets, k->arena, &k->problems, "targets");
    take_time(k, "started_at", d->started_at, &i->started_ms);
}

static void first_update(struct call *k, const struct incident_doc *d, struct incident *i,
                         struct err *err)
{
    struct incident_update u = {
        .at_ms = i->started_ms,
        .status = i->status,
        .markdown = d->markdown ? d->markdown : "",
        .by = principal_actor(k->who, k->arena),
    };
    if (d->markdown && *d->markdown)
        incident_add(i, &u, k->arena, err);
}

/* The answer's own fields may be sent back. */
static struct node *without_told(const struct node *doc, struct arena *a)
{
    static const char *const told[] = {"id",         "auto",       "resolved_at",
                                       "created_at", "updated_at", "updates"};
    struct node *out = node_map(a);
    for (const struct node *n = doc->first; n; n = n->next) {
        bool skip = n->kind == NODE_NULL;
        for (size_t i = 0; i < array_len(told); i++)
            skip = skip || str_eqz(n->key, told[i]);
        if (!skip)
            node_put(out, a, arena_strndup(a, n->key.p, n->key.n), node_copy(a, n));
    }
    return out;
}

static void put_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct status *s = k->api->status;
    struct incident *old = k->id ? status_incident(s, k->id) : NULL;
    struct incident_doc d = {0};
    struct node *doc = without_told(c->doc, k->arena);
    int64_t now = clock_wall_ms();
    struct incident next = {.started_ms = now, .created_ms = now};
    if (k->id && !old) {
        c->rc = err_set(&c->err, ERR_NOT_FOUND, "no incident has the id %llu",
                        (unsigned long long)k->id);
        return;
    }
    if (old)
        next = *old;
    if (old && !node_get(doc, "title"))
        node_put(doc, k->arena, "title", node_text(k->arena, old->title));
    options_bind(incident_doc_options, doc, &d, k->arena, &k->problems, "");
    take_fields(k, doc, &d, &next);
    if (!old)
        first_update(k, &d, &next, &c->err);
    incident_settle(&next, now);
    if (k->problems.list.n)
        c->rc = err_set(&c->err, ERR_INVALID, "the incident is invalid");
    else
        c->rc = status_incident_put(s, &next, c->waiter, &k->id, &c->err);
    if (c->rc == 0 && !old && d.notify && next.n_updates)
        status_announce(s, k->id, next.updates[0].id);
    incident_unref(old);
}

static void change(struct call *k, void (*fn)(void *arg))
{
    struct change c = {.call = k, .of = &audited, .doc = call_body(k)};
    if (status_there(k) && c.doc && change_commit(&c, fn))
        change_show(k, incidents_get, "/api/v1/incidents");
}

void incidents_create(struct call *k)
{
    k->id = 0;
    change(k, put_on_core);
}

void incidents_patch(struct call *k)
{
    change(k, put_on_core);
}

static void delete_on_core(void *arg)
{
    struct change *c = arg;
    c->rc = core_document_del(c->call->api->core, STATUS_INCIDENT_KIND, c->call->id, c->waiter,
                              &c->err);
}

void incidents_delete(struct call *k)
{
    struct change c = {.call = k, .of = &audited};
    struct incident *i = incident_of(k);
    if (i)
        change_commit(&c, delete_on_core);
    incident_unref(i);
}

/* --- updates --- */

static void read_update(struct call *k, const struct node *doc, struct incident_doc *d,
                        struct incident_update *u)
{
    options_bind(incident_update_options, doc, d, k->arena, &k->problems, "");
    if (node_get(doc, "status"))
        u->status = (enum incident_status)d->status;
    if (node_get(doc, "markdown"))
        u->markdown = d->markdown ? d->markdown : "";
    take_time(k, "at", d->at, &u->at_ms);
}

static void add_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct incident *old = status_incident(k->api->status, k->id);
    struct incident_doc d = {0};
    struct incident_update u = {
        .at_ms = clock_wall_ms(), .markdown = "", .by = principal_actor(k->who, k->arena)};
    if (!old) {
        c->rc = err_set(&c->err, ERR_NOT_FOUND, "no incident has the id %llu",
                        (unsigned long long)k->id);
        return;
    }
    struct incident next = *old;
    u.status = old->status;
    read_update(k, c->doc, &d, &u);
    if (!*u.markdown)
        problem_add(&k->problems, NULL, "markdown", "want what is to be said");
    if (k->problems.list.n)
        c->rc = err_set(&c->err, ERR_INVALID, "the update is invalid");
    else
        c->rc = incident_add(&next, &u, k->arena, &c->err);
    if (c->rc == 0)
        c->rc = status_incident_put(k->api->status, &next, c->waiter, &k->id, &c->err);
    if (c->rc == 0 && d.notify)
        status_announce(k->api->status, k->id, u.id);
    incident_unref(old);
}

void incident_updates_create(struct call *k)
{
    change(k, add_on_core);
}

/* The place of k->unit among a copy of the updates; -1: c->rc is set. */
static int64_t find_update(struct change *c, const struct incident *old, struct incident *next)
{
    struct call *k = c->call;
    uint64_t id = 0;
    if (str_to_u64(str_of(k->unit), &id, NULL) != 0)
        id = 0;
    for (uint32_t n = 0; old && id && n < old->n_updates; n++)
        if (old->updates[n].id == id) {
            *next = *old;
            next->updates =
                arena_memdup(k->arena, old->updates, old->n_updates * sizeof(*old->updates));
            return n;
        }
    c->rc = err_set(&c->err, ERR_NOT_FOUND, "the incident %llu has no update %.20s",
                    (unsigned long long)k->id, k->unit);
    return -1;
}

static void correct_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct incident *old = status_incident(k->api->status, k->id), next;
    struct incident_doc d = {0};
    int64_t at = find_update(c, old, &next);
    if (at >= 0) {
        read_update(k, c->doc, &d, &next.updates[at]);
        if ((uint32_t)at == next.n_updates - 1)
            next.status = next.updates[at].status;
        incident_settle(&next, clock_wall_ms());
        if (k->problems.list.n)
            c->rc = err_set(&c->err, ERR_INVALID, "the update is invalid");
        else
            c->rc = status_incident_put(k->api->status, &next, c->waiter, &k->id, &c->err);
    }
    incident_unref(old);
}

void incident_updates_patch(struct call *k)
{
    change(k, correct_on_core);
}

static void remove_on_core(void *arg)
{
    struct change *c = arg;
    struct call *k = c->call;
    struct incident *old = status_incident(k->api->status, k->id), next;
    int64_t at = find_update(c, old, &next);
    if (at >= 0) {
        next.n_updates--;
        memmove(&next.updates[at], &next.updates[at + 1],
                (next.n_updates - (size_t)at) * sizeof(*next.updates));
        if (next.n_updates)
            next.status = next.updates[next.n_updates - 1].status;
        incident_settle(&next, clock_wall_ms());
        c->rc = status_incident_put(k->api->status, &next, c->waiter, &k->id, &c->err);
    }
    incident_unref(old);
}

void incident_updates_delete(struct call *k)
{
    change(k, remove_on_core);
}

void markdown_preview(struct call *k)
{
    struct incident_doc d = {0};
    const struct node *doc = call_body(k);
    if (!doc)
        return;
    if (!options_bind(markdown_doc_options, doc, &d, k->arena, &k->problems, "")) {
        call_fail_code(k, ERR_INVALID, "the document is invalid");
        return;
    }
    struct buf html = BUF_INIT(1 << 19);
    markdown_html(&html, d.markdown ? d.markdown : "");
    struct json j = call_json(k);
    json_obj(&j);
    json_kstr(&j, "html", html.data ? html.data : "");
    json_end(&j);
    buf_done(&html);
}
