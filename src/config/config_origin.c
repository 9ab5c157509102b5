/* Where each value that is in force comes from: a place in a file, the section `defaults`, or the option's own default
 * (config/config.h). The shown document (config_show.c) is walked beside the tree of the files. Pure but for reading
 * the files; on any thread. */
#include <stdio.h>
#include <string.h>

#include "config/config_priv.h"

#define PATH_SIZE 512

struct origins {
    struct arena *arena;
    bool (*fn)(void *arg, const struct config_origin *o);
    void *arg;
    bool stop;
};

/* Items of lists go by name, since an include may have put others before them. */
static const char *item_name(const struct node *item)
{
    static const char *const keys[] = {"name", "id", "url"};
    for (size_t i = 0; i < array_len(keys); i++) {
        const struct node *n = node_get(item, keys[i]);
        if (n != NULL && n->kind == NODE_TEXT)
            return n->text.p;
    }
    return NULL;
}

static const struct node *same_item(const struct node *list, const struct node *item, size_t at)
{
    const char *name = item_name(item);
    size_t i = 0;
    if (list == NULL || (list->kind != NODE_LIST && list->kind != NODE_MAP))
        return NULL;
    for (const struct node *n = list->first; n != NULL; n = n->next, i++) {
        const char *other = item_name(n);
        if (name != NULL ? other != NULL && streq(name, other) : i == at)
            return n;
    }
    return NULL;
}

static bool is_leaf(const struct node *n)
{
    if (n->kind == NODE_MAP)
        return n->first == NULL;
    if (n->kind == NODE_LIST)
        return n->first == NULL || (n->first->kind != NODE_MAP && n->first->kind != NODE_LIST);
    return true;
}

static const char *leaf_text(const struct origins *o, const struct node *n)
{
    struct buf out = BUF_INIT(64 << 10);
    struct json j = json_start(&out);
    if (n->kind == NODE_TEXT)
        return n->text.p;
    node_to_json(n, &j);
    const char *text = arena_strndup(o->arena, out.data ? out.data : "", out.len);
    buf_done(&out);
    return text;
}

static void tell(struct origins *o, const char *path, const struct node *shown,
                 const struct node *source)
{
    must(o->fn != NULL && !o->stop);
    struct config_origin origin = {.path = path, .value = leaf_text(o, shown)};
    if (source != NULL && source->line > 0) {
        origin.file = source->file;
        origin.line = source->key_line > 0 ? source->key_line : source->line;
        origin.column = source->key_line > 0 ? source->key_column : source->column;
    }
    o->stop = !o->fn(o->arg, &origin);
}

static void walk(struct origins *o, const char *path, const struct node *shown,
                 const struct node *source)
{
    size_t i = 0;
    if (is_leaf(shown)) {
        tell(o, path, shown, source);
        return;
    }
    for (const struct node *n = shown->first; n != NULL && !o->stop; n = n->next, i++) {
        char inner[PATH_SIZE];
        if (shown->kind == NODE_MAP) {
            snprintf(inner, sizeof(inner), "%s%s%s", path, *path ? "." : "", n->key.p);
            walk(o, inner, n, node_get(source, n->key.p));
            continue;
        }
        const char *name = item_name(n);
        if (name != NULL)
            snprintf(inner, sizeof(inner), "%s[%s]", path, name);
        else
            snprintf(inner, sizeof(inner), "%s[%zu]", path, i);
        walk(o, inner, n, same_item(source, n, i));
    }
}

/* A group's own settings as the file has them, and how many targets it has; the targets show theirs themselves. */
static void walk_groups(struct origins *o, const struct config *c, const struct node *source)
{
    for (uint32_t i = 0; i < c->n_groups && !o->stop; i++) {
        struct node *name = node_map(o->arena);
        node_put(name, o->arena, "name", node_text(o->arena, c->groups[i].name));
        const struct node *group = same_item(source, name, i);
        char path[PATH_SIZE];
        for (const struct node *n = group ? group->first : NULL; n != NULL && !o->stop;
             n = n->next) {
            if (str_eqz(n->key, "name") || str_eqz(n->key, "targets"))
                continue;
            snprintf(path, sizeof(path), "groups[%s].%s", c->groups[i].name, n->key.p);
            walk(o, path, n, n);
        }
        snprintf(path, sizeof(path), "groups[%s].targets", c->groups[i].name);
        if (!o->stop)
            tell(o, path, node_int(o->arena, c->groups[i].n_targets), node_get(group, "targets"));
    }
}

static void walk_all(struct origins *o, const struct config *c, const struct config_hooks *hooks,
                     const struct node *root)
{
    const struct node *shown = config__shown(c, hooks, o->arena);
    for (const struct node *n = shown->first; n != NULL && !o->stop; n = n->next) {
        const struct node *source = node_get(root, n->key.p);
        if (str_eqz(n->key, "groups"))
            walk_groups(o, c, source);
        else
            walk(o, n->key.p, n, source);
    }
    const struct node *defaults = node_get(root, "defaults");
    if (defaults != NULL && !o->stop)
        walk(o, "defaults", defaults, defaults);
}

int config_origins(const struct config_input *in, const struct config_hooks *hooks,
                   struct problems *p, bool (*fn)(void *arg, const struct config_origin *o),
                   void *arg)
{
    static const struct config_hooks no_hooks = {0};
    must(fn != NULL);
    struct config *c = config_load(in, hooks, p);
    if (c == NULL)
        return -1;
    struct origins o = {.arena = arena_new(), .fn = fn, .arg = arg};
    struct config_owner again = {.arena = o.arena, .targets = o.arena};
    struct loader l = {.owner = &again,
                       .cfg = &again.shared,
                       .arena = o.arena,
                       .tree = o.arena,
                       .in = in,
                       .hooks = hooks != NULL ? hooks : &no_hooks,
                       .problems = p};
    bool good = loader_read(&l);
    vec_done(&l.files);
    if (good)
        walk_all(&o, c, l.hooks, l.root);
    arena_free(o.arena);
    config_unref(&c);
    return good ? 0 : -1;
}
