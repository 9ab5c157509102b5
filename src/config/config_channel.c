/* The channels of belfry.yaml: common keys by their table, everything else collected into the
 * document that the channel's own table describes, `{webhook_url, mention_all, …}`. Runs while a
 * file is loaded. */
#include <stdio.h>
#include <string.h>

#include "config/config_priv.h"

static const char *const common[] = {"name", "type", "enabled", "config"};

static bool is_common(struct str key)
{
    for (size_t i = 0; i < array_len(common); i++)
        if (str_eqz(key, common[i]))
            return true;
    return false;
}

static bool is_own_column(struct str key)
{
    return str_eqz(key, "webhook_url") || str_eqz(key, "mention_all");
}

/* Copies the children that pass `skip` into `map`; one that stands there already is a problem. */
static void gather(struct loader *l, struct node *map, const struct node *from,
                   bool (*skip)(struct str), const char *path)
{
    for (const struct node *c = from->first; c != NULL; c = c->next) {
        if (skip != NULL && skip(c->key))
            continue;
        const struct node *have = node_get(map, c->key.p);
        if (have != NULL) {
            problem_add(l->problems, c, path, "\"%s\" stands already in line %u", c->key.p,
                        have->line);
            continue;
        }
        struct node *copy = node_copy(l->arena, c);
        copy->key_line = c->key_line;
        copy->key_column = c->key_column;
        node_insert(map, node__text(l->arena, c->key.p, c->key.n), copy);
    }
}

/* The keys that the table of all channels knows, in a map of their own, so that others are not
 * "unknown". */
static struct node *common_part(struct loader *l, const struct node *node)
{
    struct node *map = node_map(l->tree);
    map->file = node->file;
    map->line = node->line;
    map->column = node->column;
    for (const struct node *c = node->first; c != NULL; c = c->next) {
        if (!is_common(c->key) && !is_own_column(c->key))
            continue;
        struct node *copy = node_copy(l->tree, c);
        copy->key_line = c->key_line;
        copy->key_column = c->key_column;
        node_insert(map, c->key, copy);
    }
    return map;
}

static char *json_text(struct arena *a, const struct node *n)
{
    struct buf out = BUF_INIT(NODE_TEXT_MAX);
    struct json j = json_start(&out);
    node_to_json(n, &j);
    char *text = arena_strndup(a, out.data, out.len);
    buf_done(&out);
    return text;
}

static const char *config_json(struct loader *l, const struct node *options, const char *type)
{
    struct node *rest = node_map(l->tree);
    for (const struct node *c = options->first; c != NULL; c = c->next)
        if (!is_own_column(c->key))
            node_put(rest, l->tree, c->key.p, node_copy(l->tree, c));
    const struct option *table =
        l->hooks->channel_options != NULL ? l->hooks->channel_options(type) : NULL;
    return json_text(l->arena, table != NULL ? options_normalize(table, rest, l->tree) : rest);
}

static void load_channel(struct loader *l, const struct node *node, size_t index)
{
    char path[64];
    snprintf(path, sizeof(path), "channels[%zu]", index);
    if (node->kind != NODE_MAP) {
        problem_add(l->problems, node, path, "got %s; want a map", node_kind_name(node));
        return;
    }
    struct raw_channel raw = {0};
    if (!options_bind(config_channel_options(), common_part(l, node), &raw, l->arena, l->problems,
                      path))
        return;
    if (raw.config != NULL && raw.config->kind != NODE_MAP) {
        problem_add(l->problems, raw.config, path, "config: got %s; want a map",
                    node_kind_name(raw.config));
        return;
    }
    struct node *options = node_map(l->arena);
    options->file = node->file != NULL ? arena_strdup(l->arena, node->file) : NULL;
    options->line = node->line;
    options->column = node->column;
    gather(l, options, node, is_common, path);
    if (raw.config != NULL)
        gather(l, options, raw.config, NULL, path);
    void *had = map_str_get(l->channel_names, raw.name, strlen(raw.name));
    if (had != NULL) {
        const struct config_channel *first = &l->cfg->channels[(uintptr_t)had - 1];
        problem_add(l->problems, node_get(node, "name"), path,
                    "the name \"%s\" is taken by the channel in line %u", raw.name,
                    first->at->line);
        return;
    }
    must(l->cfg->channels != NULL);
    struct config_channel *c = &l->cfg->channels[l->cfg->n_channels++];
    map_str_put(l->channel_names, raw.name, strlen(raw.name),
                (void *)(uintptr_t)l->cfg->n_channels);
    *c = (struct config_channel){.name = raw.name,
                                 .type = raw.type,
                                 .enabled = raw.enabled,
                                 .mention_all = raw.mention_all,
                                 .webhook_url = raw.webhook_url,
                                 .options = options,
                                 .at = node_copy(l->arena, node)};
    c->config_json = config_json(l, options, raw.type);
    if (l->hooks->check_channel == NULL)
        return;
    size_t before = l->problems->list.n;
    l->hooks->check_channel(l->hooks->ctx, c, l->arena, l->problems, path);
    place_problems(l->problems, before, options, c->at, path);
}

void loader_channels(struct loader *l)
{
    const struct node *list = node_get(l->root, "channels");
    l->channel_names = map_str_new();
    if (list == NULL || list->kind == NODE_NULL)
        return;
    if (list->kind != NODE_LIST) {
        problem_add(l->problems, list, "channels", "got %s; want a list of maps",
                    node_kind_name(list));
        return;
    }
    l->cfg->channels = arena_array_of(l->arena, struct config_channel, list->count + 1);
    size_t index = 0;
    for (const struct node *c = list->first; c != NULL; c = c->next)
        load_channel(l, c, index++);
}

/* The item of a list option that item i came from, for its place. */
static const struct node *item_at(const struct node *list, size_t i)
{
    if (list == NULL || list->kind != NODE_LIST)
        return list;
    const struct node *c = list->first;
    while (c != NULL && i-- > 0)
        c = c->next;
    return c;
}

static void unknown_channel(struct loader *l, const struct node *at, const char *field,
                            const char *name)
{
    const char *known[256];
    size_t n = 0;
    for (; n < l->cfg->n_channels && n < array_len(known); n++)
        known[n] = l->cfg->channels[n].name;
    const char *nearest = str_nearest(name, known, n);
    if (nearest != NULL)
        problem_add(l->problems, at, field, "there is no channel \"%s\"; did you mean \"%s\"?",
                    name, nearest);
    else
        problem_add(l->problems, at, field, "there is no channel \"%s\"", name);
}

bool loader_channel_names(struct loader *l, const struct str_list *names, const struct node *at,
                          const char *field, const uint32_t **out, uint32_t *n)
{
    uint32_t *indices = arena_array_of(l->tree, uint32_t, names->n + 1), count = 0;
    bool good = true;
    for (size_t i = 0; i < names->n; i++) {
        void *found = map_str_get(l->channel_names, names->at[i], strlen(names->at[i]));
        if (found == NULL) {
            unknown_channel(l, item_at(at, i), field, names->at[i]);
            good = false;
            continue;
        }
        uint32_t index = (uint32_t)(uintptr_t)found - 1;
        must(index < l->cfg->n_channels);
        bool twice = false;
        for (uint32_t k = 0; k < count; k++)
            twice |= indices[k] == index;
        if (!twice)
            indices[count++] = index;
    }
    *out = indices;
    *n = count;
    return good;
}
