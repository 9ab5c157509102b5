/* Changing documents: what PATCH does to a stored one. Pure. */
#include "api/api_priv.h"

void doc_merge(struct node *into, const struct node *patch, struct arena *a)
{
    must(into->kind == NODE_MAP && patch->kind == NODE_MAP);
    for (const struct node *n = patch->first; n; n = n->next) {
        const char *key = arena_strndup(a, n->key.p, n->key.n);
        struct node *old = node_get(into, key);
        if (n->kind == NODE_MAP && old && old->kind == NODE_MAP)
            doc_merge(old, n, a);
        else
            node_put(into, a, key, node_copy(a, n));
    }
}

struct node *doc_without_nulls(const struct node *map, struct arena *a)
{
    struct node *out = node_map(a);
    must(map->kind == NODE_MAP);
    for (const struct node *n = map->first; n; n = n->next) {
        const char *key = arena_strndup(a, n->key.p, n->key.n);
        if (n->kind != NODE_NULL)
            node_put(out, a, key, n->kind == NODE_MAP ? doc_without_nulls(n, a) : node_copy(a, n));
    }
    return out;
}
