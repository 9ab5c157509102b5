/* /api/v1/apply: targets and channels become what a document in the form of belfry.yaml declares. What would change is worked
 * out and checked as a whole first; with dry_run that is the answer. Doing it twice changes nothing the second time.
 * /api/v1/export: such a document of what there is. */
#include "api/apply.h"

#include <string.h>
#include <strings.h>

#include "base/str.h"
#include "core/audit.h"
#include "core/hooks.h"

#define BODY_MAX ((size_t)64 << 20)
#define SLICE    100

static bool is_true(struct call *k, const char *name)
{
    const char *text = http_req_query(k->req, name);
    return text && (streq(text, "true") || streq(text, "1") || !*text);
}

/* --- reading --- */

static struct node *read_document(struct call *k)
{
    struct err err = {0};
    struct str body = k->req->body;
    const char *type = http_req_header(k->req, "Content-Type"), *text = body.p ? body.p : "";
    bool json = type && strncasecmp(type, "application/json", 16) == 0;
    struct node *doc = NULL;
    if (body.n <= BODY_MAX)
        doc = json ? node_from_json(k->arena, text, body.n, &err)
                   : node_from_yaml(k->arena, text, body.n, "apply", &err);
    if (!doc && body.n > BODY_MAX)
        err_set(&err, ERR_TOO_LARGE, "the document has %zu bytes; want at most %zu", body.n,
                BODY_MAX);
    if (!doc || doc->kind != NODE_MAP) {
        if (doc)
            err_set(&err, ERR_MALFORMED, "got %s; want a document with channels and groups",
                    node_kind_name(doc));
        else if (err.code == ERR_INVALID)
            err.code = ERR_MALFORMED;
        call_fail(k, &err);
        return NULL;
    }
    struct node *kept = node_map(k->arena);
    static const char *const keys[] = {"defaults", "channels", "groups"};
    for (size_t i = 0; i < array_len(keys); i++)
        if (node_get(doc, keys[i]))
            node_put(kept, k->arena, keys[i], node_copy(k->arena, node_get(doc, keys[i])));
    return kept;
}

static bool bind_document(struct applying *p)
{
    must(p->doc && !p->config);
    struct call *k = p->call;
    struct buf text = BUF_INIT(2 * BODY_MAX);
    struct json j = json_start(&text);
    node_to_json(p->doc, &j);
    struct config_input in = {
        .path = "apply", .text = text.data, .size = text.len, .literal = true, .alone = true};
    if (!text.failed)
        p->config = config_load(&in, core_config_hooks(), &k->problems);
    bool good = p->config != NULL;
    buf_done(&text);
    if (!good)
        call_fail_code(k, ERR_INVALID, "the document is invalid; nothing was changed");
    return good;
}

/* --- doing --- */

static uint64_t channel_id(struct core *core, const char *name)
{
    return core_channel_id(core, name);
}

static struct id_list channels_of(struct applying *p, const struct config_target *t)
{
    struct id_list ids = {arena_array_of(p->call->arena, uint64_t, t->n_channels + 1), 0};
    for (uint32_t i = 0; i < t->n_channels; i++) {
        must(t->channels[i] < p->config->n_channels);
        uint64_t id = channel_id(p->call->api->core, p->config->channels[t->channels[i]].name);
        if (id)
            ids.at[ids.n++] = id;
    }
    return ids;
}

static struct id_list parents_of(struct applying *p, struct action *k,
                                 const struct config_target *t)
{
    struct id_list ids = {arena_array_of(p->call->arena, uint64_t, t->n_parents + 1), 0};
    k->again = false;
    for (uint32_t i = 0; i < t->n_parents; i++) {
        must(t->parents[i] < p->config->n_targets);
        const struct target *parent = &p->config->targets[t->parents[i]].spec;
        struct core_target there;
        if (core_target_named(p->call->api->core, parent->group, parent->name, &there))
            ids.at[ids.n++] = there.target->id;
        else
            k->again = true;
    }
    return ids;
}

static int put_target(struct applying *p, struct action *k)
{
    must(!k->channel && k->index < p->config->n_targets);
    const struct config_target *want = &p->config->targets[k->index];
    struct target t = want->spec;
    t.id = k->id;
    t.channels = channels_of(p, want);
    t.depends_on = parents_of(p, k, want);
    return core_target_put(p->call->api->core, &t, want->config, &p->call->problems, NULL, &k->id,
                           &p->change.err);
}

static int put_channel(struct applying *p, struct action *k)
{
    must(k->channel && k->index < p->config->n_channels);
    const struct config_channel *c = &p->config->channels[k->index];
    const struct channel ch = {.id = k->id,
                               .name = c->name,
                               .type = c->type,
                               .webhook_url = c->webhook_url ? c->webhook_url : "",
                               .config_json = c->config_json ? c->config_json : "{}",
                               .enabled = c->enabled,
                               .mention_all = c->mention_all};
    return core_channel_put(p->call->api->core, &ch, &p->call->problems, NULL, &k->id,
                            &p->change.err);
}

static int remove_it(struct applying *p, const struct action *k)
{
    must(k->kind == ACTION_DELETE && k->id != 0);
    struct core *core = p->call->api->core;
    return k->channel ? core_channel_del(core, k->id, NULL, &p->change.err)
                      : core_target_del(core, k->id, NULL, &p->change.err);
}

static const char *json_of(const struct node *n, struct arena *a)
{
    if (!n)
        return NULL;
    struct buf out = BUF_INIT(4u << 20);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    const char *text = out.failed ? "{}" : arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

static const char *const action_names[] = {"create", "update", "delete"};

static void record(struct applying *p, const struct action *k)
{
    must((size_t)k->kind < array_len(action_names) && k->id != 0);
    struct arena *a = p->call->arena;
    core_audit(p->call->api->core,
               &(struct audit_entry){
                   .action = action_names[k->kind],
                   .kind = k->channel ? "channel" : "target",
                   .object = arena_printf(a, "%llu %s", (unsigned long long)k->id, k->name),
                   .before = json_of(k->before, a),
                   .after = json_of(k->after, a)});
}

static int do_one(struct applying *p, struct action *k)
{
    bool second = k->again;
    int rc = k->kind == ACTION_DELETE ? remove_it(p, k)
             : k->channel             ? put_channel(p, k)
                                      : put_target(p, k);
    if (rc != 0)
        err_prefix(&p->change.err, "%s \"%s\"", k->channel ? "channel" : "target", k->name);
    else if (!second)
        record(p, k);
    return rc;
}

/* Those whose parents came later once more, when all are there. */
bool apply__do_some(struct applying *p)
{
    struct core *core = p->call->api->core;
    size_t n = p->actions.n;
    must(n > 0 && p->at <= 2 * n);
    core_hold_plans(core, true);
    for (int i = 0; i < SLICE && p->at < 2 * n && p->change.rc == 0; i++, p->at++) {
        struct action *k = &p->actions.at[p->at % n];
        if (p->at < n || k->again)
            p->change.rc = do_one(p, k);
    }
    core_hold_plans(core, false);
    return p->change.rc == 0 && p->at < 2 * n;
}

struct slice {
    struct applying *p;
    bool (*some)(struct applying *p);
    bool more;
};

static void slice_on_core(void *arg)
{
    struct slice *s = arg;
    s->more = s->some(s->p);
}

static void in_slices(struct applying *p, bool (*some)(struct applying *p))
{
    struct slice s = {p, some, true};
    while (s.more)
        on_core(p->call, slice_on_core, &s);
}

static void wait_on_core(void *arg)
{
    struct applying *p = arg;
    must(p->change.waiter);
    core_await_stored(p->call->api->core, p->change.waiter);
}

static bool carry_out(struct applying *p)
{
    struct call *k = p->call;
    if (p->actions.n == 0)
        return true;
    in_slices(p, apply__do_some);
    if (p->change.rc != 0) {
        call_fail(k, &p->change.err);
        return false;
    }
    p->change.waiter = call_waiter(k);
    on_core(k, wait_on_core, p);
    bool good = call_wait(k, p->change.waiter, API_COMMIT_WAIT_MS, NULL) == 0;
    waiter_unref(p->change.waiter);
    return good;
}

/* --- answering --- */

static void put_document(struct json *j, const char *key, const struct node *n)
{
    json_key(j, key);
    if (n)
        node_to_json(n, j);
    else
        json_nil(j);
}

static void answer(struct applying *p)
{
    struct json j = call_json(p->call);
    json_obj(&j);
    json_kbool(&j, "dry_run", p->dry_run);
    json_karr(&j, "changes");
    vec_each (&p->actions, k) {
        json_obj(&j);
        json_kstr(&j, "action", action_names[k->kind]);
        json_kstr(&j, "kind", k->channel ? "channel" : "target");
        json_kstr(&j, "name", k->name);
        json_kbool(&j, "secret_changed", k->secret_changed);
        put_document(&j, "before", k->before);
        put_document(&j, "after", k->after);
        json_end(&j);
    }
    json_end(&j);
    json_kuint(&j, "unchanged", p->unchanged);
    json_end(&j);
}

static void complete_on_core(void *arg)
{
    apply__complete(arg);
}

static void apply(struct call *k)
{
    struct applying p = {.call = k,
                         .dry_run = is_true(k, "dry_run"),
                         .prune = is_true(k, "prune"),
                         .doc = read_document(k)};
    if (!p.doc)
        return;
    p.declared = map_str_new();
    on_core(k, complete_on_core, &p);
    if (bind_document(&p)) {
        in_slices(&p, apply__compare_some);
        if (k->problems.list.n)
            call_fail_code(k, ERR_CONFLICT,
                           "what belongs to the file is not changed here; nothing "
                           "was changed");
        else if (p.dry_run || carry_out(&p))
            answer(&p);
    }
    config_unref(&p.config);
    vec_done(&p.actions);
    map_str_free(p.declared);
}

/* --- export --- */

struct exporting {
    struct call *call;
    struct node *groups, *channels, *group;
    struct map_str *by_name; /* group → its list of targets */
    bool secrets, all;
};

static struct node *list_of_group(struct exporting *x, const char *name)
{
    struct arena *a = x->call->arena;
    struct node *list = map_str_get(x->by_name, name, strlen(name));
    if (list)
        return list;
    struct node *group = node_map(a);
    list = node_list(a);
    node_put(group, a, "name", node_text(a, arena_strdup(a, name)));
    node_put(group, a, "targets", list);
    node_append(x->groups, group);
    map_str_put(x->by_name, name, strlen(name), list);
    return list;
}

static bool export_target(void *arg, const struct core_target *t)
{
    struct exporting *x = arg;
    if (t->target->source == SOURCE_FILE && !x->all)
        return true;
    struct node *n = core_declared_target(x->call->api->core, t->target, x->call->arena);
    if (!x->secrets)
        n = declared_target_masked(t->target, n, x->call->arena);
    node_append(list_of_group(x, t->target->group), n);
    return true;
}

static bool export_channel(void *arg, const struct channel *ch, size_t waiting)
{
    struct exporting *x = arg;
    if (ch->source == SOURCE_FILE && !x->all)
        return true;
    struct node *n = declared_channel(ch, x->call->arena);
    if (!x->secrets)
        n = declared_channel_masked(ch, n, x->call->arena);
    node_append(x->channels, n);
    return true;
}

static void export_on_core(void *arg)
{
    struct exporting *x = arg;
    core_channels_each(x->call->api->core, export_channel, x);
    core_targets_each(x->call->api->core, 0, export_target, x);
}

/* What looks like ${NAME} in a file is replaced when it is read. */
static void double_dollars(struct node *n, struct arena *a)
{
    bool parent = n->kind == NODE_MAP || n->kind == NODE_LIST;
    for (struct node *c = parent ? n->first : NULL; c; c = c->next)
        double_dollars(c, a);
    if (n->kind != NODE_TEXT || !memchr(n->text.p, '$', n->text.n))
        return;
    char *out = arena_alloc(a, 2 * n->text.n + 1), *at = out;
    for (size_t i = 0; i < n->text.n; i++) {
        *at++ = n->text.p[i];
        if (n->text.p[i] == '$')
            *at++ = '$';
    }
    *at = '\0';
    must((size_t)(at - out) <= 2 * n->text.n);
    n->text = (struct str){out, (size_t)(at - out)};
}

static void export(struct call *k)
{
    struct exporting x = {.call = k,
                          .groups = node_list(k->arena),
                          .channels = node_list(k->arena),
                          .secrets = is_true(k, "with_secrets"),
                          .all = is_true(k, "all")};
    if (x.secrets && !k->req->over_unix) {
        call_status(k, 403, "Forbidden",
                    "secrets leave Belfry over its Unix socket only; ask on its own machine");
        return;
    }
    x.by_name = map_str_new();
    on_core(k, export_on_core, &x);
    map_str_free(x.by_name);
    if (x.secrets)
        call_audit(k, &(struct audit_entry){.action = "export",
                                            .kind = "belfry",
                                            .after = "{\"with_secrets\":true}"});
    struct node *doc = node_map(k->arena);
    if (x.channels->count > 0)
        node_put(doc, k->arena, "channels", x.channels);
    if (x.groups->count > 0)
        node_put(doc, k->arena, "groups", x.groups);
    double_dollars(doc, k->arena);
    node_to_yaml(doc, &k->resp->body);
    k->resp->content_type = "application/yaml; charset=utf-8";
    http_resp_header(k->resp, "Content-Disposition", "attachment; filename=\"belfry-export.yaml\"");
    http_resp_header(k->resp, "Cache-Control", "no-store");
}

const struct route apply_routes[] = {
    {"POST",
     "/api/v1/apply",
     apply,
     NULL,
     "upkeep",
     {"Make targets and channels what a document in the form of belfry.yaml declares",
      "按 belfry.yaml 格式的文档声明目标与渠道"},
     0,
     SCOPE_ADMIN, /* channels of type exec run programs */
     "dry_run prune"},
    {"GET",
     "/api/v1/export",
     export,
     NULL,
     "upkeep",
     {"Targets and channels in the form of belfry.yaml", "以 belfry.yaml 格式导出目标与渠道"},
     0,
     SCOPE_ADMIN,
     "with_secrets all",
     true},
    {0},
};
