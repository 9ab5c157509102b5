/* A change that a request makes: carried out on the core's loop in one turn together with its entry in the audit log, then
 * awaited until it is stored. */
#include <string.h>

#include "api/api_priv.h"
#include "base/str.h"
#include "core/audit.h"

#define SHOWN_MAX (4u << 20)

/* --- who acts --- */

struct turn {
    struct call *call;
    void (*fn)(void *arg);
    void *arg;
    struct core_actor actor;
};

static struct core_actor actor_of(struct call *k)
{
    return (struct core_actor){
        .name = principal_actor(k->who, k->arena),
        .origin = call_address(k),
    };
}

static void take_turn(void *arg)
{
    struct turn *t = arg;
    struct core *core = t->call->api->core;
    const struct core_actor *before = core_actor(core);
    core_acts_for(core, &t->actor);
    t->fn(t->arg);
    must(core_actor(core) == &t->actor); /* whoever acted for another gave it back */
    core_acts_for(core, before);
}

void on_core(struct call *k, void (*fn)(void *arg), void *arg)
{
    must(fn && arg && k->api);
    check_magic(k->api, API_MAGIC);
    struct loop *loop = core_loop(k->api->core);
    if (!k->who || streq(k->req->method, "GET") || streq(k->req->method, "HEAD")) {
        loop_call(loop, fn, arg); /* nothing is changed */
        return;
    }
    struct turn t = {.call = k, .fn = fn, .arg = arg, .actor = actor_of(k)};
    loop_call(loop, take_turn, &t);
}

/* --- what it was and what it became --- */

static bool is_dropped(const char *keys, struct str key)
{
    struct str rest = str_of(keys ? keys : ""), one;
    while (str_next(&rest, ' ', &one))
        if (str_eq(one, key))
            return true;
    return false;
}

/* The object as it is now, without what changes by itself. NULL: there is none. */
static const char *shown(struct change *c, const char **name)
{
    struct arena *a = c->call->arena;
    struct buf text = BUF_INIT(SHOWN_MAX), kept = BUF_INIT(SHOWN_MAX);
    struct json j = json_start(&text), out = json_start(&kept);
    const char *copy = NULL;
    bool there = c->of->show(c->call, &j, name);
    struct node *doc = there && !text.failed ? node_from_json(a, text.data, text.len, NULL) : NULL;
    if (doc) {
        json_obj(&out);
        for (const struct node *n = doc->first; n; n = n->next)
            if (!is_dropped(c->of->live, n->key)) {
                json_key(&out, n->key.p);
                node_to_json(n, &out);
            }
        json_end(&out);
        copy = arena_strndup(a, kept.data, kept.len);
    }
    buf_done(&text);
    buf_done(&kept);
    return copy ? copy : there ? "{}" : NULL;
}

static const char *object_name(struct call *k, const char *name)
{
    if (!k->id)
        return name ? name : k->unit;
    return name ? arena_printf(k->arena, "%llu %s", (unsigned long long)k->id, name)
                : arena_printf(k->arena, "%llu", (unsigned long long)k->id);
}

static const char *action_of(const struct change *c, const char *before, const char *after)
{
    if (c->of->action)
        return c->of->action;
    return !before ? "create" : after ? "update" : "delete";
}

struct recorded {
    struct change *change;
    void (*fn)(void *arg);
};

static void change_and_record(void *arg)
{
    const struct recorded *r = arg;
    struct change *c = r->change;
    struct call *k = c->call;
    const char *was = NULL, *is = NULL, *before = NULL, *after = NULL;
    if (c->of && c->of->show)
        before = shown(c, &was);
    must(c->waiter && c->rc == 0);
    r->fn(c);
    if (c->rc != 0)
        return;
    if (!c->of) { /* nobody said what it is about */
        core_audit(k->api->core, &(struct audit_entry){.action = k->req->method,
                                                       .kind = "request",
                                                       .object = k->req->path});
        return;
    }
    if (c->of->show)
        after = shown(c, &is);
    if (!before && !after && !c->of->action)
        return; /* a change of nothing */
    core_audit(k->api->core, &(struct audit_entry){.action = action_of(c, before, after),
                                                   .kind = c->of->kind,
                                                   .object = object_name(k, is ? is : was),
                                                   .before = before,
                                                   .after = after});
}

bool change_commit(struct change *c, void (*fn)(void *arg))
{
    must(c->call != NULL && !c->waiter && c->rc == 0);
    struct recorded r = {c, fn};
    c->waiter = call_waiter(c->call);
    on_core(c->call, change_and_record, &r);
    bool good = c->rc == 0;
    if (!good)
        call_fail(c->call, &c->err);
    else
        good = call_wait(c->call, c->waiter, API_COMMIT_WAIT_MS, NULL) == 0;
    waiter_unref(c->waiter);
    c->waiter = NULL;
    return good;
}

bool change_only_enables(struct change *c)
{
    must(c->doc != NULL);
    const struct node *n = node_get(c->doc, "enabled");
    if (c->doc->count != 1 || !n || n->kind != NODE_BOOL)
        return false;
    c->enabled = n->flag;
    return true;
}

/* --- what changes no object --- */

struct told {
    struct core *core;
    struct audit_entry entry;
};

static void tell_on_core(void *arg)
{
    const struct told *t = arg;
    core_audit(t->core, &t->entry);
}

void call_audit(struct call *k, const struct audit_entry *e)
{
    must(e->action && e->kind);
    struct core_actor who = actor_of(k);
    struct told t = {k->api->core, *e};
    if (!t.entry.actor)
        t.entry.actor = who.name;
    if (!t.entry.origin)
        t.entry.origin = who.origin;
    loop_call(core_loop(k->api->core), tell_on_core, &t);
}

void change_show(struct call *k, void (*get)(struct call *k), const char *collection)
{
    int success = k->resp->status;
    must(k->id != 0 && collection[0] == '/'); /* it was stored under an id */
    get(k);
    if (k->resp->status >= 400)
        return; /* removed again meanwhile */
    k->resp->status = success;
    if (success == 201)
        http_resp_header(k->resp, "Location",
                         arena_printf(k->arena, "%s/%llu", collection, (unsigned long long)k->id));
}

void change_put(struct call *k, const struct putting *how)
{
    struct change c = {.call = k, .of = how->of, .doc = call_body(k)};
    must(how->put && how->get && how->of);
    if (!c.doc)
        return;
    bool enable = how->enable && streq(k->req->method, "PATCH") && change_only_enables(&c);
    if (change_commit(&c, enable ? how->enable : how->put))
        change_show(k, how->get, how->collection);
}
