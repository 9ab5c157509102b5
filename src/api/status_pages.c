/* /api/v1/status-pages: what editors of public status pages do. Documents are checked whole, with all their problems, before anything changes. */
#include <string.h>

#include "api/status_priv.h"
#include "base/clock.h"
#include "base/str.h"

/* --- answering; on the loop, which alone knows subscribers and targets --- */

static void put_missing(struct call *k, const struct status_page *p, struct json *j)
{
    const struct page_section *s = p->f.sections.at;
    struct core_target t;
    uint32_t there = 0;
    json_karr(j, "missing");
    for (size_t i = 0; i <= p->f.sections.n; i++) {
        struct id_list ids = i == 0 ? p->ids : s[i - 1].ids;
        for (uint32_t n = 0; n < ids.n; n++) {
            bool known = core_target_get(k->api->core, ids.at[n], &t);
            there += known;
            if (!known)
                json_uint(j, ids.at[n]);
        }
    }
    json_end(j);
    json_kuint(j, "target_count", there);
}

static void put_page(struct call *k, const struct status_page *p, bool whole, struct json *j)
{
    uint32_t active, pending;
    const char *site = core_config(k->api->core)->server.public_url;
    size_t n = site ? strlen(site) : 0;
    while (n > 0 && site[n - 1] == '/')
        n--;
    const char *url = page_url(p, arena_strndup(k->arena, site ? site : "", n), k->arena);
    page_json_open(p, whole, j);
    json_kstr(j, "url", *url ? url : NULL);
    put_missing(k, p, j);
    status_subscribers_count(k->api->status, p->id, &active, &pending);
    json_kobj(j, "subscribers");
    json_kuint(j, "active", active);
    json_kuint(j, "pending", pending);
    json_end(j);
    json_end(j);
}

static void list_on_core(void *arg)
{
    struct call *k = arg;
    struct status_page *pages[STATUS_PAGES_MAX];
    size_t n = status_pages(k->api->status, pages, array_len(pages));
    must(n <= array_len(pages));
    struct json j = call_json(k);
    json_obj(&j);
    json_karr(&j, "items");
    for (size_t i = 0; i < n; i++) {
        put_page(k, pages[i], false, &j);
        page_unref(pages[i]);
    }
    list_end(&j, n, 0);
    json_end(&j);
}

void status_pages_list(struct call *k)
{
    if (status_there(k))
        on_core(k, list_on_core, k);
}

static bool show(struct call *k, struct json *j, const char **name)
{
    struct status_page *p = k->id ? status_page_by_id(k->api->status, k->id) : NULL;
    if (!p)
        return false;
    *name = arena_strdup(k->arena, p->f.slug);
    put_page(k, p, false, j);
    page_unref(p);
    return true;
}

static const struct audited audited = {"status_page", show,
                                       "updated_at subscribers missing target_count"};

struct answering {
    struct call *call;
    const struct status_page *page;
};

static void answer_on_core(void *arg)
{
    const struct answering *q = arg;
    struct json j = call_json(q->call);
    put_page(q->call, q->page, true, &j);
}

void status_pages_get(struct call *k)
{
    struct status_page *p = status_page_of(k);
    if (p)
        on_core(k, answer_on_core, &(struct answering){k, p});
    page_unref(p);
}

/* --- changing --- */

struct page_change {
    struct change c; /* first */
    bool merge;      /* PATCH */
    char hash[PASSWORD_HASH_SIZE];
    enum { PASSWORD_STAYS, PASSWORD_NEW, PASSWORD_NONE } password;
};

/* Off the loop: it takes its time. */
static void read_password(struct page_change *p)
{
    const struct node *n = node_get(p->c.doc, "password");
    bool text = n && n->kind == NODE_TEXT && !str_eqz(n->text, SECRET_MASK);
    p->password = PASSWORD_STAYS;
    if (n && (n->kind == NODE_NULL || (text && n->text.n == 0)))
        p->password = PASSWORD_NONE;
    else if (text && n->text.n <= 200) {
        p->password = PASSWORD_NEW;
        password_hash(n->text.p, p->hash);
    }
}

/* The editor's fields as they will be. */
static struct node *next_fields(struct page_change *p, const struct node *stored)
{
    struct arena *a = p->c.call->arena;
    struct node *fields = p->merge && stored ? page_fields_of(stored, a) : node_map(a);
    struct node *patch = page_fields_of(p->c.doc, a);
    const struct node *names = node_get(patch, "names"); /* replaced as a whole */
    if (names && node_get(fields, "names"))
        node_put(fields, a, "names", node_map(a));
    doc_merge(fields, patch, a);
    return doc_without_nulls(fields, a);
}

static int check_slug(struct page_change *p, const struct status_page *page, uint64_t id)
{
    struct status *s = p->c.call->api->status;
    struct status_page *other = status_page(s, page->f.slug), *all[STATUS_PAGES_MAX];
    bool taken = other && other->id != id;
    page_unref(other);
    if (taken)
        return err_set(&p->c.err, ERR_CONFLICT, "another status page has the slug \"%s\"",
                       page->f.slug);
    size_t n = id ? 0 : status_pages(s, all, array_len(all));
    for (size_t i = 0; i < n; i++)
        page_unref(all[i]);
    if (n >= STATUS_PAGES_MAX)
        return err_set(&p->c.err, ERR_TOO_LARGE, "there are %d status pages; want no more",
                       STATUS_PAGES_MAX);
    return 0;
}

static void check_channel(struct call *k, const struct status_page *page)
{
    uint64_t id = (uint64_t)page->f.mail_channel_id;
    const struct channel *ch = id ? core_channel_get(k->api->core, id) : NULL;
    if (id && !ch)
        problem_add(&k->problems, NULL, "mail_channel_id", "got %llu; there is no such channel",
                    (unsigned long long)id);
    else if (ch && strcmp(ch->type, "email") != 0)
        problem_add(&k->problems, NULL, "mail_channel_id",
                    "the channel %s is of type %s; want email", ch->name, ch->type);
}

static void unknown_fields(struct call *k, const struct node *doc)
{
    static const char *const ours[] = {"password_hash", "key_secret", "created_at", "updated_at"};
    for (size_t i = 0; i < array_len(ours); i++)
        if (node_get(doc, ours[i]) && i < 2)
            problem_add(&k->problems, NULL, ours[i], "unknown field");
}

/* What the answer tells and nobody can set is taken without a word when it is sent back. */
static struct node *without_told(const struct node *doc, struct arena *a)
{
    static const char *const told[] = {"id",         "path",      "url",         "logo_url",
                                       "private",    "missing",   "subscribers", "target_count",
                                       "created_at", "updated_at"};
    struct node *out = node_map(a);
    for (const struct node *n = doc->first; n; n = n->next) {
        bool skip = false;
        for (size_t i = 0; i < array_len(told); i++)
            skip = skip || str_eqz(n->key, told[i]);
        if (!skip)
            node_put(out, a, arena_strndup(a, n->key.p, n->key.n), node_copy(a, n));
    }
    return out;
}

static void put_document(struct page_change *p, const struct node *fields,
                         const struct status_page *old)
{
    must(p->c.waiter && (p->password != PASSWORD_NEW || p->hash[0]));
    struct call *k = p->c.call;
    struct buf text = BUF_INIT(1 << 20);
    uint8_t key[PAGE_KEY_SIZE];
    page_key_new(key);
    const struct page_secrets secrets = {
        .password_hash = p->password == PASSWORD_NEW            ? p->hash
                         : p->password == PASSWORD_STAYS && old ? old->password_hash
                                                                : "",
        .key = old ? old->key : key,
        .created_ms = old ? old->created_ms : clock_wall_ms(),
        .updated_ms = clock_wall_ms(),
    };
    page_document(fields, &secrets, &text);
    struct node *doc = node_from_json(k->arena, text.data, text.len, &p->c.err);
    struct status_page *page = doc ? page_parse(k->id, doc, &k->problems) : NULL;
    if (page)
        check_channel(k, page);
    if (!page || k->problems.list.n)
        p->c.rc = err_set(&p->c.err, ERR_INVALID, "the status page is invalid");
    else if (check_slug(p, page, k->id) != 0)
        p->c.rc = -1;
    else
        p->c.rc = core_document_put(k->api->core, STATUS_PAGE_KIND, &k->id, text.data, p->c.waiter,
                                    &p->c.err);
    must(p->c.rc != 0 || (k->id != 0 && (!old || old->id == k->id)));
    page_unref(page);
    buf_done(&text);
}

static void put_on_core(void *arg)
{
    struct page_change *p = arg;
    struct call *k = p->c.call;
    struct core_document d;
    struct node *stored = NULL;
    struct status_page *old = k->id ? status_page_by_id(k->api->status, k->id) : NULL;
    if (k->id && core_document_get(k->api->core, STATUS_PAGE_KIND, k->id, &d))
        stored = node_from_json(k->arena, d.json, strlen(d.json), NULL);
    if (k->id && (!old || !stored)) {
        p->c.rc = err_set(&p->c.err, ERR_NOT_FOUND, "the status page is gone");
    } else {
        unknown_fields(k, p->c.doc);
        put_document(p, next_fields(p, stored), old);
    }
    page_unref(old);
}

static void put(struct call *k, bool merge)
{
    struct page_change p = {.c = {.call = k, .of = &audited, .doc = call_body(k)}, .merge = merge};
    if (!p.c.doc)
        return;
    p.c.doc = without_told(p.c.doc, k->arena);
    read_password(&p);
    if (!change_commit(&p.c, put_on_core))
        return;
    k->unit = arena_printf(k->arena, "%llu", (unsigned long long)k->id);
    change_show(k, status_pages_get, "/api/v1/status-pages");
}

static bool find(struct call *k)
{
    struct status_page *p = status_page_of(k);
    k->id = p ? p->id : 0;
    page_unref(p);
    return k->id != 0;
}

void status_pages_create(struct call *k)
{
    k->id = 0;
    if (status_there(k))
        put(k, false);
}

void status_pages_replace(struct call *k)
{
    if (find(k))
        put(k, false);
}

void status_pages_patch(struct call *k)
{
    if (find(k))
        put(k, true);
}

static void delete_on_core(void *arg)
{
    struct change *c = arg;
    must(c->waiter && c->call->id != 0);
    c->rc =
        core_document_del(c->call->api->core, STATUS_PAGE_KIND, c->call->id, c->waiter, &c->err);
}

void status_pages_delete(struct call *k)
{
    struct change c = {.call = k, .of = &audited};
    if (find(k))
        change_commit(&c, delete_on_core);
}

/* --- subscribers --- */

struct sub_list {
    struct call *call;
    struct json json;
    uint64_t page, limit, after, n, last, total;
    const char *q;
    bool more;
};

static bool list_sub(void *arg, const struct subscriber *s)
{
    struct sub_list *l = arg;
    if (l->q && !strcasestr(s->to, l->q))
        return true;
    l->total++;
    if (s->id <= l->after)
        return true;
    if (l->n >= l->limit) {
        l->more = true;
        return true;
    }
    must(s->type == SUBSCRIBER_MAIL || s->type == SUBSCRIBER_WEBHOOK);
    json_obj(&l->json);
    json_kuint(&l->json, "id", s->id);
    json_kstr(&l->json, "type", s->type == SUBSCRIBER_MAIL ? "mail" : "webhook");
    json_kstr(&l->json, "to", s->to);
    json_kstr(&l->json, "language", s->zh ? "zh" : "en");
    json_kstr(&l->json, "state", s->active ? "active" : "pending");
    json_ktime(&l->json, "created_at", s->created_ms);
    json_ktime(&l->json, "confirmed_at", s->confirmed_ms);
    json_kint(&l->json, "failures", s->failures);
    json_kstr(&l->json, "last_error", s->last_error);
    json_end(&l->json);
    l->n++;
    l->last = s->id;
    return true;
}

static void subs_on_core(void *arg)
{
    struct sub_list *l = arg;
    status_subscribers_each(l->call->api->status, l->page, list_sub, l);
}

void status_subscribers_list(struct call *k)
{
    struct sub_list l = {.call = k, .q = http_req_query(k->req, "q")};
    if (!find(k) || call_number(k, "limit", API_LIST_LIMIT, API_LIST_LIMIT_MAX, &l.limit) != 0 ||
        call_number(k, "cursor", 0, UINT64_MAX, &l.after) != 0)
        return;
    l.page = k->id;
    l.json = call_json(k);
    json_obj(&l.json);
    json_karr(&l.json, "items");
    on_core(k, subs_on_core, &l);
    must(l.n <= l.limit && l.n <= l.total);
    list_end(&l.json, l.total, l.more ? l.last : 0);
    json_end(&l.json);
}

struct sub_delete {
    struct change c; /* first */
    uint64_t sub;
    bool found;
};

static bool find_sub(void *arg, const struct subscriber *s)
{
    struct sub_delete *d = arg;
    d->found = d->found || s->id == d->sub;
    return !d->found;
}

static void unsubscribe_on_core(void *arg)
{
    struct sub_delete *d = arg;
    must(d->c.waiter);
    struct call *k = d->c.call;
    struct status_page *p = status_page(k->api->status, k->unit);
    if (p)
        status_subscribers_each(k->api->status, p->id, find_sub, d);
    page_unref(p);
    if (d->found)
        d->c.rc = status_unsubscribe(k->api->status, d->sub, d->c.waiter, &d->c.err);
    else
        d->c.rc = err_set(&d->c.err, ERR_NOT_FOUND, "no subscriber of this page has the id %llu",
                          (unsigned long long)d->sub);
}

void status_subscribers_delete(struct call *k)
{
    struct sub_delete d = {.c = {.call = k}, .sub = k->id};
    struct status_page *p = status_page_of(k);
    if (p)
        change_commit(&d.c, unsubscribe_on_core);
    page_unref(p);
}
