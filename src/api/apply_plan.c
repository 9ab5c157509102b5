/* What a declaration would change: names are matched, documents compared as belfry.yaml writes them. On the core's loop, in
 * slices, so that it goes on turning. */
#include <string.h>

#include "api/apply.h"
#include "base/str.h"
#include "notify/channel.h"
#include "probe/prober.h"

#define SLICE 200

const char *apply__key(struct arena *a, bool channel, const char *group, const char *name)
{
    return channel ? arena_printf(a, "c/%s", name) : arena_printf(a, "t/%s/%s", group, name);
}

static const char *text_of(const struct node *map, const char *key)
{
    const struct node *n = node_get(map, key);
    return n && n->kind == NODE_TEXT ? n->text.p : "";
}

/* --- what the document leaves to the server --- */

struct by_name {
    const char *group, *name;
    const struct channel *channel;
    struct core_target target;
    bool found;
};

static bool is_channel(void *arg, const struct channel *ch, size_t waiting)
{
    struct by_name *b = arg;
    if (streq(ch->name, b->name))
        b->channel = ch;
    return !b->channel;
}

static const struct channel *channel_named(struct core *core, const char *name)
{
    struct by_name b = {.name = name};
    core_channels_each(core, is_channel, &b);
    return b.channel;
}

static struct node *parse(const char *json, struct arena *a)
{
    struct node *n = node_from_json(a, json, strlen(json), NULL);
    return n ? n : node_map(a);
}

static void unmask_channel(struct applying *p, struct node *doc)
{
    struct arena *a = p->call->arena;
    const struct channel *old = channel_named(p->call->api->core, text_of(doc, "name"));
    const struct channel_ops *ops = old ? channel_by_type(old->type) : NULL;
    struct node *config = node_get(doc, "config");
    if (!ops)
        return;
    if (strstr(text_of(doc, "webhook_url"), SECRET_MASK))
        node_put(doc, a, "webhook_url", node_text(a, arena_strdup(a, old->webhook_url)));
    if (config && config->kind == NODE_MAP)
        node_put(doc, a, "config",
                 options_unmask(ops->options, config, parse(old->config_json, a), a));
}

static void unmask_target(struct applying *p, const char *group, struct node *doc)
{
    struct arena *a = p->call->arena;
    struct core_target old;
    struct node *config = node_get(doc, "config");
    if (!config || config->kind != NODE_MAP ||
        !core_target_named(p->call->api->core, group, text_of(doc, "name"), &old))
        return;
    const struct prober_ops *ops = prober_by_type(old.target->type, NULL);
    if (ops)
        node_put(doc, a, "config",
                 options_unmask(ops->options, config, parse(old.target->config_json, a), a));
}

static void remember(struct applying *p, bool channel, const char *group, const char *name)
{
    const char *key = apply__key(p->call->arena, channel, group, name);
    map_str_put(p->declared, key, strlen(key), p);
}

struct adding {
    struct applying *p;
    struct node *list;
};

/* A channel that is only named must be there for the file's own checks. */
static bool add_channel(void *arg, const struct channel *ch, size_t waiting)
{
    struct adding *d = arg;
    struct arena *a = d->p->call->arena;
    const char *key = apply__key(a, true, NULL, ch->name);
    if (!map_str_get(d->p->declared, key, strlen(key)))
        node_append(d->list, declared_channel(ch, a));
    return true;
}

static void complete_group(struct applying *p, const struct node *group)
{
    const struct node *targets = node_get(group, "targets");
    for (struct node *t = targets && targets->kind == NODE_LIST ? targets->first : NULL; t;
         t = t->next) {
        if (t->kind != NODE_MAP)
            continue;
        unmask_target(p, text_of(group, "name"), t);
        remember(p, false, text_of(group, "name"), text_of(t, "name"));
    }
}

void apply__complete(struct applying *p)
{
    struct arena *a = p->call->arena;
    struct node *channels = node_get(p->doc, "channels");
    const struct node *groups = node_get(p->doc, "groups");
    if (!channels || channels->kind == NODE_NULL) {
        channels = node_list(a);
        node_put(p->doc, a, "channels", channels);
    }
    if (channels->kind != NODE_LIST)
        return; /* the file's checks tell */
    for (struct node *c = channels->first; c; c = c->next)
        if (c->kind == NODE_MAP) {
            unmask_channel(p, c);
            remember(p, true, NULL, text_of(c, "name"));
        }
    for (const struct node *g = groups && groups->kind == NODE_LIST ? groups->first : NULL; g;
         g = g->next)
        complete_group(p, g);
    struct adding d = {p, node_get(p->doc, "channels")};
    core_channels_each(p->call->api->core, add_channel, &d);
}

/* --- comparing --- */

static const char *json_of(const struct node *n, struct arena *a)
{
    struct buf out = BUF_INIT(64u << 20);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    must(!out.failed);
    const char *text = arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

static bool same(const struct node *x, const struct node *y, struct arena *a)
{
    return streq(json_of(x, a), json_of(y, a));
}

static void add_action(struct applying *p, const struct action *k, const struct node *old,
                       const struct node *new, const struct node *old_shown, struct node *new_shown)
{
    struct arena *a = p->call->arena;
    if (old && new &&same(old, new, a)) {
        p->unchanged++;
        return;
    }
    struct action whole = *k;
    whole.kind = !old ? ACTION_CREATE : new ? ACTION_UPDATE : ACTION_DELETE;
    whole.before = old_shown ? node_copy(a, old_shown) : NULL;
    whole.after = new_shown;
    whole.secret_changed = old && new &&same(old_shown, new_shown, a);
    vec_push(&p->actions, whole);
}

static void file_owns(struct applying *p, const char *what, const char *name)
{
    problem_add(&p->call->problems, NULL, name,
                "the %s belongs to the configuration file; change it there", what);
}

static void compare_channel(struct applying *p, uint32_t i)
{
    struct arena *a = p->call->arena;
    const struct config_channel *c = &p->config->channels[i];
    const char *key = apply__key(a, true, NULL, c->name);
    if (!map_str_get(p->declared, key, strlen(key)))
        return;
    struct channel want = {.name = c->name,
                           .type = c->type,
                           .webhook_url = c->webhook_url ? c->webhook_url : "",
                           .config_json = c->config_json ? c->config_json : "{}",
                           .enabled = c->enabled,
                           .mention_all = c->mention_all};
    const struct channel *have = channel_named(p->call->api->core, c->name);
    struct node *new = declared_channel(&want, a), *old = have ? declared_channel(have, a) : NULL;
    if (have && have->source == SOURCE_FILE && !same(old, new, a)) {
        file_owns(p, "channel", c->name);
        return;
    }
    add_action(p,
               &(struct action){.channel = true,
                                .name = arena_strdup(a, c->name),
                                .id = have ? have->id : 0,
                                .index = i},
               old, new, have ? declared_channel_masked(have, old, a) : NULL,
               declared_channel_masked(&want, new, a));
}

static struct declared_names wanted_channels(const struct applying *p,
                                             const struct config_target *t)
{
    struct declared_names n = {arena_array_of(p->call->arena, const char *, t->n_channels + 1), 0};
    for (uint32_t i = 0; i < t->n_channels; i++)
        n.at[n.n++] = p->config->channels[t->channels[i]].name;
    return n;
}

static struct declared_names wanted_parents(const struct applying *p, const struct config_target *t)
{
    struct arena *a = p->call->arena;
    struct declared_names n = {arena_array_of(a, const char *, t->n_parents + 1), 0};
    for (uint32_t i = 0; i < t->n_parents; i++) {
        const struct target *parent = &p->config->targets[t->parents[i]].spec;
        n.at[n.n++] = arena_printf(a, "%s/%s", parent->group, parent->name);
    }
    return n;
}

static struct node *declared_now(struct applying *p, const struct target *t)
{
    return core_declared_target(p->call->api->core, t, p->call->arena);
}

static void compare_target(struct applying *p, uint32_t i)
{
    struct arena *a = p->call->arena;
    const struct config_target *t = &p->config->targets[i];
    struct core_target have;
    bool there = core_target_named(p->call->api->core, t->spec.group, t->spec.name, &have);
    const struct declared_names channels = wanted_channels(p, t), parents = wanted_parents(p, t);
    struct node *new = declared_target(&t->spec, &channels, &parents, a);
    struct node *old = there ? declared_now(p, have.target) : NULL;
    const char *name = arena_printf(a, "%s/%s", t->spec.group, t->spec.name);
    if (there && have.target->source == SOURCE_FILE && !same(old, new, a)) {
        file_owns(p, "target", name);
        return;
    }
    add_action(p,
               &(struct action){
                   .name = name, .id = there ? have.target->id : 0, .index = i, .level = t->level},
               old, new, there ? declared_target_masked(have.target, old, a) : NULL,
               declared_target_masked(&t->spec, new, a));
}

/* --- what is not declared goes, when that is asked for --- */

static bool prune_target(void *arg, const struct core_target *t)
{
    struct applying *p = arg;
    struct arena *a = p->call->arena;
    const char *key = apply__key(a, false, t->target->group, t->target->name);
    if (t->target->source == SOURCE_FILE || map_str_get(p->declared, key, strlen(key)))
        return true;
    struct node *old = declared_now(p, t->target);
    add_action(p,
               &(struct action){.name = arena_printf(a, "%s/%s", t->target->group, t->target->name),
                                .id = t->target->id},
               old, NULL, declared_target_masked(t->target, old, a), NULL);
    return true;
}

static bool prune_channel(void *arg, const struct channel *ch, size_t waiting)
{
    struct applying *p = arg;
    struct arena *a = p->call->arena;
    const char *key = apply__key(a, true, NULL, ch->name);
    if (ch->source == SOURCE_FILE || map_str_get(p->declared, key, strlen(key)))
        return true;
    struct node *old = declared_channel(ch, a);
    add_action(p,
               &(struct action){.channel = true, .name = arena_strdup(a, ch->name), .id = ch->id},
               old, NULL, declared_channel_masked(ch, old, a), NULL);
    return true;
}

/* Members before the groups that they are judged in, else in the order of the document. */
static void by_level(struct applying *p)
{
    size_t n = p->actions.n, done = 0;
    struct action *sorted = arena_array_of(p->call->arena, struct action, n + 1);
    for (uint32_t level = 0; done < n; level++)
        vec_each (&p->actions, k)
            if (k->level == level)
                sorted[done++] = *k;
    must(done == n);
    if (n > 0)
        memcpy(p->actions.at, sorted, n * sizeof(*sorted));
}

bool apply__compare_some(struct applying *p)
{
    size_t channels = p->config->n_channels, all = channels + p->config->n_targets;
    for (int n = 0; n < SLICE && p->at < all; n++, p->at++)
        if (p->at < channels)
            compare_channel(p, (uint32_t)p->at);
        else
            compare_target(p, (uint32_t)(p->at - channels));
    if (p->at < all)
        return true;
    by_level(p);
    if (p->prune) { /* targets first: a channel may go when nothing names it */
        core_targets_each(p->call->api->core, 0, prune_target, p);
        core_channels_each(p->call->api->core, prune_channel, p);
    }
    p->at = 0;
    return false;
}
