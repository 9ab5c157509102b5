/* See incident.h. The document: {"title","impact","status","auto","pages":[id],"targets":[id],"started_at","resolved_at","created_at",
 * "updated_at" (ms),"updates":[{"id","at","status","markdown","by","fell","rose"}]}. */
#include "status/incident.h"

#include <stdlib.h>
#include <string.h>

#define INCIDENT_MAGIC 0xbe1f19c1u

const char *const incident_impacts[] = {"minor", "major", "critical", "maintenance", NULL};
const char *const incident_statuses[] = {"investigating", "identified", "monitoring", "resolved",
                                         NULL};

static const char *text_in(const struct node *map, const char *key, struct arena *a)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_TEXT ? arena_strndup(a, n->text.p, n->text.n) : "";
}

static int64_t number_in(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_INT ? n->num : 0;
}

static int choice_in(const struct node *map, const char *key, const char *const *names)
{
    const struct node *n = node_get(map, key);
    for (int i = 0; n && n->kind == NODE_TEXT && names[i]; i++)
        if (str_eqz(n->text, names[i]))
            return i;
    return 0;
}

static struct id_list ids_in(const struct node *map, const char *key, struct arena *a)
{
    const struct node *list = node_get(map, key);
    struct id_list ids = {0};
    if (!list || list->kind != NODE_LIST)
        return ids;
    ids.at = arena_array_of(a, uint64_t, list->count + 1);
    for (const struct node *n = list->first; n; n = n->next)
        if (n->kind == NODE_INT && n->num > 0)
            ids.at[ids.n++] = (uint64_t)n->num;
    return ids;
}

static void read_updates(struct incident *i, const struct node *list)
{
    if (!list || list->kind != NODE_LIST)
        return;
    i->updates = arena_array_of(i->arena, struct incident_update, list->count + 1);
    for (const struct node *n = list->first; n && i->n_updates < INCIDENT_UPDATES_MAX; n = n->next)
        i->updates[i->n_updates++] = (struct incident_update){
            .id = (uint64_t)number_in(n, "id"),
            .at_ms = number_in(n, "at"),
            .status = (enum incident_status)choice_in(n, "status", incident_statuses),
            .markdown = text_in(n, "markdown", i->arena),
            .by = text_in(n, "by", i->arena),
            .fell = (uint64_t)number_in(n, "fell"),
            .rose = (uint64_t)number_in(n, "rose"),
        };
}

struct incident *incident_read(uint64_t id, const struct node *doc)
{
    if (!doc || doc->kind != NODE_MAP || !node_get(doc, "title"))
        return NULL;
    struct incident *i = calloc(1, sizeof(*i));
    must(i);
    i->magic = INCIDENT_MAGIC;
    i->id = id;
    atomic_init(&i->refs, 1);
    i->arena = arena_new();
    i->title = text_in(doc, "title", i->arena);
    i->impact = (enum incident_impact)choice_in(doc, "impact", incident_impacts);
    i->status = (enum incident_status)choice_in(doc, "status", incident_statuses);
    const struct node *automatic = node_get(doc, "auto");
    i->automatic = automatic && automatic->kind == NODE_BOOL && automatic->flag;
    i->pages = ids_in(doc, "pages", i->arena);
    i->targets = ids_in(doc, "targets", i->arena);
    i->started_ms = number_in(doc, "started_at");
    i->resolved_ms = number_in(doc, "resolved_at");
    i->created_ms = number_in(doc, "created_at");
    i->updated_ms = number_in(doc, "updated_at");
    read_updates(i, node_get(doc, "updates"));
    return i;
}

struct incident *incident_ref(struct incident *i)
{
    check_magic(i, INCIDENT_MAGIC);
    atomic_fetch_add(&i->refs, 1);
    return i;
}

void incident_unref(struct incident *i)
{
    if (!i)
        return;
    check_magic(i, INCIDENT_MAGIC);
    if (atomic_fetch_sub(&i->refs, 1) > 1)
        return;
    arena_free(i->arena);
    i->magic = 0;
    free(i);
}

static void put_ids(struct json *j, const char *key, struct id_list ids)
{
    json_karr(j, key);
    for (uint32_t i = 0; i < ids.n; i++)
        json_uint(j, ids.at[i]);
    json_end(j);
}

static void put_update(const struct incident_update *u, struct json *j)
{
    json_obj(j);
    json_kuint(j, "id", u->id);
    json_kint(j, "at", u->at_ms);
    json_kstr(j, "status", incident_statuses[u->status]);
    json_kstr(j, "markdown", u->markdown);
    json_kstr(j, "by", u->by);
    if (u->fell)
        json_kuint(j, "fell", u->fell);
    if (u->rose)
        json_kuint(j, "rose", u->rose);
    json_end(j);
}

void incident_document(const struct incident *i, struct buf *out)
{
    struct json j = json_start(out);
    json_obj(&j);
    json_kstr(&j, "title", i->title);
    json_kstr(&j, "impact", incident_impacts[i->impact]);
    json_kstr(&j, "status", incident_statuses[i->status]);
    json_kbool(&j, "auto", i->automatic);
    put_ids(&j, "pages", i->pages);
    put_ids(&j, "targets", i->targets);
    json_kint(&j, "started_at", i->started_ms);
    json_kint(&j, "resolved_at", i->resolved_ms);
    json_kint(&j, "created_at", i->created_ms);
    json_kint(&j, "updated_at", i->updated_ms);
    json_karr(&j, "updates");
    for (uint32_t u = 0; u < i->n_updates; u++)
        put_update(&i->updates[u], &j);
    json_end(&j);
    json_end(&j);
}

bool incident_on(const struct incident *i, uint64_t page)
{
    for (uint32_t n = 0; n < i->pages.n; n++)
        if (i->pages.at[n] == page)
            return true;
    return false;
}

void incident_settle(struct incident *i, int64_t now_ms)
{
    bool over = i->status == INCIDENT_RESOLVED;
    if (!over)
        i->resolved_ms = 0;
    else if (i->resolved_ms == 0)
        i->resolved_ms = i->n_updates ? i->updates[i->n_updates - 1].at_ms : now_ms;
    i->updated_ms = now_ms;
}

int incident_add(struct incident *i, struct incident_update *u, struct arena *a, struct err *err)
{
    if (i->n_updates >= INCIDENT_UPDATES_MAX)
        return err_set(err, ERR_TOO_LARGE, "the incident has %d updates; want no more",
                       INCIDENT_UPDATES_MAX);
    struct incident_update *all = arena_array_of(a, struct incident_update, i->n_updates + 1);
    uint64_t last = 0;
    for (uint32_t n = 0; n < i->n_updates; n++) {
        all[n] = i->updates[n];
        last = all[n].id > last ? all[n].id : last;
    }
    u->id = last + 1;
    uint32_t at = i->n_updates;
    for (; at > 0 && all[at - 1].at_ms > u->at_ms; at--)
        all[at] = all[at - 1];
    all[at] = *u;
    if (at == i->n_updates)
        i->status = u->status;
    i->updates = all;
    i->n_updates++;
    incident_settle(i, u->at_ms);
    return 0;
}
