/* What node.c, node_yaml.c, node_json.c and node_binary.c share: creation of nodes and the check
 * for keys that stand twice in one map. For this folder only. */
#ifndef CONFIG_NODE_PRIV_H
#define CONFIG_NODE_PRIV_H

#include "base/map.h"
#include "config/node.h"

/* NULL when the arena's limit is reached. */
struct node *node__new(struct arena *a, enum node_kind kind);
/* Copies n bytes and a NUL; p is NULL when the arena's limit is reached. */
struct str node__text(struct arena *a, const char *p, size_t n);

/* Finds a key in a map that is being built: by walking while it is small, by a hash set later, so
 * that a map of a million keys costs no more than a million look-ups. */
struct key_index {
    struct map_str *set; /* NULL while the map is small */
};
struct node *key_index_find(struct key_index *k, const struct node *map, struct str key);
void key_index_added(struct key_index *k, struct node *child); /* after node_insert */
void key_index_done(struct key_index *k);

#endif
