/* The document tree: building, looking up, copying, writing as JSON (config/node.h). Reading it
 * from texts and bytes is node_yaml.c, node_json.c and node_binary.c. Pure functions; any process.
 */
#include "config/node.h"

#include <string.h>

#include "config/node_priv.h"

/* Above so many keys a map that is being read gets a hash set. */
#define KEYS_WALKED 24

struct node *node__new(struct arena *a, enum node_kind kind)
{
    struct node *n = arena_try(a, sizeof(*n));
    if (n != NULL)
        n->kind = kind;
    return n;
}

struct str node__text(struct arena *a, const char *p, size_t n)
{
    must(p != NULL || n == 0);
    char *copy = arena_try(a, n + 1);
    if (copy == NULL)
        return (struct str){NULL, 0};
    if (n > 0)
        memcpy(copy, p, n);
    copy[n] = '\0';
    return (struct str){copy, n};
}

/* Our own building blocks are small; reading foreign documents checks node__new instead. */
static struct node *node_new(struct arena *a, enum node_kind kind)
{
    struct node *n = node__new(a, kind);
    must(n != NULL);
    return n;
}

static bool has_children(const struct node *n)
{
    return n->kind == NODE_LIST || n->kind == NODE_MAP;
}

static struct node *find(const struct node *map, struct str key)
{
    for (struct node *c = map->first; c != NULL; c = c->next)
        if (str_eq(c->key, key))
            return c;
    return NULL;
}

struct node *node_get(const struct node *map, const char *key)
{
    must(key != NULL);
    if (map == NULL || map->kind != NODE_MAP)
        return NULL;
    return find(map, str_of(key));
}

const char *node_kind_name(const struct node *n)
{
    switch (n == NULL ? NODE_NULL : n->kind) {
    case NODE_NULL:
        return "nothing";
    case NODE_TEXT:
        return "text";
    case NODE_INT:
    case NODE_F64:
        return "a number";
    case NODE_BOOL:
        return "true or false";
    case NODE_LIST:
        return "a list";
    case NODE_MAP:
        return "a map";
    }
    must(!"a kind of node");
    return "";
}

struct node *node_map(struct arena *a)
{
    return node_new(a, NODE_MAP);
}

struct node *node_list(struct arena *a)
{
    return node_new(a, NODE_LIST);
}

struct node *node_text(struct arena *a, const char *s)
{
    must(s != NULL);
    struct node *n = node_new(a, NODE_TEXT);
    n->text = node__text(a, s, strlen(s));
    n->quoted = true;
    return n;
}

struct node *node_int(struct arena *a, int64_t v)
{
    struct node *n = node_new(a, NODE_INT);
    n->num = v;
    return n;
}

struct node *node_bool(struct arena *a, bool v)
{
    struct node *n = node_new(a, NODE_BOOL);
    n->flag = v;
    return n;
}

static void link_child(struct node *parent, struct node *child)
{
    must((parent->first == NULL) == (parent->count == 0));
    child->next = NULL;
    if (parent->first == NULL)
        parent->first = child;
    else
        parent->last->next = child;
    parent->last = child;
    parent->count++;
}

void node_append(struct node *list, struct node *value)
{
    must(list->kind == NODE_LIST);
    must(value != list);
    link_child(list, value);
}

void node_insert(struct node *map, struct str key, struct node *value)
{
    must(map->kind == NODE_MAP);
    must(value != map);
    value->key = key;
    link_child(map, value);
}

/* Puts `value` in the place of `old`. */
static void replace_child(struct node *map, struct node *old, struct node *value)
{
    struct node **at = &map->first;
    while (*at != old) {
        must(*at != NULL);
        at = &(*at)->next;
    }
    value->key = old->key;
    value->key_line = old->key_line;
    value->key_column = old->key_column;
    value->next = old->next;
    *at = value;
    if (map->last == old)
        map->last = value;
}

void node_put(struct node *map, struct arena *a, const char *key, struct node *value)
{
    must(map->kind == NODE_MAP);
    struct node *old = find(map, str_of(key));
    if (old == value)
        return;
    if (old != NULL)
        replace_child(map, old, value);
    else
        node_insert(map, node__text(a, key, strlen(key)), value);
}

struct node *node_copy(struct arena *a, const struct node *n)
{
    struct node *copy = node_new(a, n->kind);
    *copy = *n;
    copy->next = NULL;
    copy->first = NULL;
    copy->count = 0;
    if (n->kind == NODE_TEXT)
        copy->text = node__text(a, n->text.p, n->text.n);
    if (!has_children(n))
        return copy;
    copy->last = NULL;
    for (const struct node *c = n->first; c != NULL; c = c->next) {
        struct node *child = node_copy(a, c);
        if (n->kind == NODE_MAP)
            child->key = node__text(a, c->key.p, c->key.n);
        link_child(copy, child);
    }
    must(copy->count == n->count);
    return copy;
}

static void children_to_json(const struct node *n, struct json *j)
{
    if (n->kind == NODE_MAP)
        json_obj(j);
    else
        json_arr(j);
    for (const struct node *c = n->first; c != NULL; c = c->next) {
        if (n->kind == NODE_MAP)
            json_key(j, c->key.p);
        node_to_json(c, j);
    }
    json_end(j);
}

void node_to_json(const struct node *n, struct json *j)
{
    switch (n == NULL ? NODE_NULL : n->kind) {
    case NODE_NULL:
        json_nil(j);
        break;
    case NODE_TEXT:
        json_strn(j, n->text.p, n->text.n);
        break;
    case NODE_INT:
        json_int(j, n->num);
        break;
    case NODE_F64:
        json_f64(j, n->f64);
        break;
    case NODE_BOOL:
        json_bool(j, n->flag);
        break;
    case NODE_LIST:
    case NODE_MAP:
        children_to_json(n, j);
        break;
    }
}

/* --- keys of a map that is being read ------------------------------------------------------------
 */

static void key_index_fill(struct key_index *k, const struct node *map)
{
    must(k->set == NULL);
    k->set = map_str_new();
    for (struct node *c = map->first; c != NULL; c = c->next)
        map_str_put(k->set, c->key.p, c->key.n, c);
}

struct node *key_index_find(struct key_index *k, const struct node *map, struct str key)
{
    must(map->kind == NODE_MAP);
    if (k->set == NULL && map->count < KEYS_WALKED)
        return find(map, key);
    if (k->set == NULL)
        key_index_fill(k, map);
    return map_str_get(k->set, key.p, key.n);
}

void key_index_added(struct key_index *k, struct node *child)
{
    if (k->set != NULL)
        map_str_put(k->set, child->key.p, child->key.n, child);
}

void key_index_done(struct key_index *k)
{
    map_str_free(k->set);
    k->set = NULL;
}
