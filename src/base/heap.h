/* Intrusive min-heap on int64 keys: timers and schedules. The node knows its slot, so removal
 * and re-keying are O(log n). Not thread-safe. */
#ifndef BASE_HEAP_H
#define BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct heap_node {
    int64_t key;
    size_t slot; /* 1-based place in the heap; 0 when not in one */
};

struct heap_entry {
    int64_t key; /* the node's */
    struct heap_node *node;
};

struct heap {
    struct heap_entry *at;
    size_t n;
    size_t cap;
};

void heap_done(struct heap *h);
void heap_add(struct heap *h, struct heap_node *node, int64_t key); /* node must not be in a heap */
void heap_del(struct heap *h, struct heap_node *node);              /* no-op when not in one */
void heap_move(struct heap *h, struct heap_node *node, int64_t key); /* re-key, or add */
struct heap_node *heap_min(const struct heap *h);                    /* NULL when empty */

#endif
