/* Changes of the API's units: tried on the whole list first, then stored and applied in one go; acknowledged when they
 * are durable and the warden has heard of them. Main loop. */
#include <stdlib.h>

#include "base/clock.h"
#include "core/audit.h"
#include "core/process_priv.h"
#include "core/seal.h"

#define DOC_MAX ((size_t)1 << 20)

struct acknowledge {
    struct core *core;
    struct waiter *waiter;
};

/* The warden has it, or cannot be reached: then the store's word is enough. */
static void on_loaded(void *arg, const struct err *err, const char *text)
{
    struct acknowledge *k = arg;
    (void)err;
    (void)text;
    if (err && err->code == ERR_BUSY && k->core->closing)
        waiter_finish(k->waiter, err, NULL, 0);
    else
        core__commit_wait(k->core, k->waiter);
    waiter_unref(k->waiter);
    free(k);
}

/* A second LOAD, whose answer comes after that of the one that the list's writer sent. */
static void acknowledge(struct core *c, struct waiter *w)
{
    struct command load = core__command(COMMAND_LOAD, "");
    struct acknowledge *k = calloc(1, sizeof(*k));
    must(k);
    *k = (struct acknowledge){c, waiter_ref(w)};
    core__commit_soon(c);
    if (core__warden_ask(c->programs->link, &load, on_loaded, k, NULL) == 0)
        return;
    core__commit_wait(c, w);
    waiter_unref(k->waiter);
    free(k);
}

/* Whose the id is: of a template or of a single unit. */
static const struct program *owner_of(const struct core *c, const char *id)
{
    vec_each (&c->programs->order, it)
        if (strcmp((*it)->unit->template_id, id) == 0 || strcmp((*it)->unit->config->id, id) == 0)
            return *it;
    return NULL;
}

static int may_change(struct core *c, const char *id, bool create, struct err *err)
{
    const struct program *p = owner_of(c, id);
    bool stored = map_str_get(c->programs->api_docs, id, strlen(id)) != NULL;
    if (p && p->from_file)
        return err_set(
            err, ERR_CONFLICT,
            create ? "the configuration file has a program \"%s\" already"
                   : "the program \"%s\" belongs to the configuration file; change it there",
            id);
    if (create && (p || stored))
        return err_set(err, ERR_CONFLICT, "there is already a program \"%s\"", id);
    if (!create && !stored)
        return err_set(err, ERR_NOT_FOUND, "no program has the id \"%s\"", id);
    return 0;
}

static char *json_text(const struct node *doc)
{
    struct buf out = BUF_INIT(DOC_MAX);
    struct json j = json_start(&out);
    node_to_json(doc, &j);
    char *text = out.failed ? NULL : buf_take(&out, NULL);
    buf_done(&out);
    return text;
}

static bool id_agrees(const char *id, const struct node *doc, struct problems *p)
{
    const struct node *n = node_get(doc, "id");
    if (n && n->kind == NODE_TEXT && str_eqz(n->text, id))
        return true;
    problem_add(p, n, "id", "want \"%s\", the id it is stored under", id);
    return false;
}

/* A name that the switch and the history were kept under goes with a unit that is replaced by others. */
static void store_doc(struct core *c, const char *id, char *json)
{
    core__store_process(c, id, json);
    free(map_str_put(c->programs->api_docs, id, strlen(id), json));
}

int core_process_put(struct core *c, const char *id, bool create, const struct node *doc,
                     struct problems *p, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    struct roster r;
    if (core__store_refuses(c, err) != 0 || may_change(c, id, create, err) != 0)
        return -1;
    if (!id_agrees(id, doc, p) || !core__roster_make(c, &(struct roster_change){id, doc}, &r, p))
        return core__refuse(p, err);
    core__roster_done(&r);
    char *json = json_text(doc);
    if (!json)
        return err_set(err, ERR_TOO_LARGE, "the document is larger than %zu bytes", DOC_MAX);
    store_doc(c, id, json);
    core__programs_sync(c);
    core__plog_audit(c, core__program(c, id), id, create ? "proxy_create" : "proxy_update",
                     core_actor(c)->name, "a person asked");
    core__plan_watchers(c);
    acknowledge(c, w);
    return 0;
}

int core_process_del(struct core *c, const char *id, struct waiter *w, struct err *err)
{
    check_magic(c, CORE_MAGIC);
    struct roster r;
    if (core__store_refuses(c, err) != 0 || may_change(c, id, false, err) != 0)
        return -1;
    struct arena *a cleanup(arena_freep) = arena_new();
    struct problems p;
    problems_init(&p, a);
    bool good = core__roster_make(c, &(struct roster_change){id, NULL}, &r, &p);
    if (!good)
        err_set(err, ERR_CONFLICT, "another program needs it: %s",
                p.list.n ? p.list.at[0].message : "");
    problems_done(&p);
    if (!good)
        return -1;
    core__roster_done(&r);
    core__plog_audit(c, core__program(c, id), id, "proxy_delete", core_actor(c)->name,
                     "a person asked");
    batch_process_del(core__batch(c), id);
    free(map_str_del(c->programs->api_docs, id, strlen(id)));
    core__programs_sync(c);
    core__plan_watchers(c);
    acknowledge(c, w);
    return 0;
}
