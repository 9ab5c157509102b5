/* Intrusive binary min-heap (heap.h): timers and schedules. Used by the loop of each process; no
 * state of its own. at[i] holds slot i+1; the parent of slot s is s/2, its children 2s and 2s+1. */
#include "base/heap.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/vec.h"

static void place(struct heap *h, struct heap_node *node, size_t slot)
{
    h->at[slot - 1] = node;
    node->slot = slot;
}

/* Puts node into the hole at slot, or nearer to the root where its key belongs. */
static void sift_up(struct heap *h, struct heap_node *node, size_t slot)
{
    while (slot > 1 && h->at[slot / 2 - 1]->key > node->key) {
        place(h, h->at[slot / 2 - 1], slot);
        slot /= 2;
    }
    place(h, node, slot);
}

/* Puts node into the hole at slot, or nearer to the leaves where its key belongs. */
static void sift_down(struct heap *h, struct heap_node *node, size_t slot)
{
    for (size_t child; (child = slot * 2) <= h->n; slot = child) {
        if (child < h->n && h->at[child]->key < h->at[child - 1]->key)
            child++;
        if (h->at[child - 1]->key >= node->key)
            break;
        place(h, h->at[child - 1], slot);
    }
    place(h, node, slot);
}

static void settle(struct heap *h, struct heap_node *node, size_t slot)
{
    if (slot > 1 && h->at[slot / 2 - 1]->key > node->key)
        sift_up(h, node, slot);
    else
        sift_down(h, node, slot);
}

void heap_done(struct heap *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->at[i]->slot = 0;
    free(h->at);
    *h = (struct heap){0};
}

void heap_add(struct heap *h, struct heap_node *node, int64_t key)
{
    must(node->slot == 0);
    if (h->n == h->cap)
        h->at = vec_grow(h->at, &h->cap, sizeof(*h->at));
    node->key = key;
    sift_up(h, node, ++h->n);
}

void heap_del(struct heap *h, struct heap_node *node)
{
    size_t slot = node->slot;
    if (slot == 0)
        return;
    must(slot <= h->n && h->at[slot - 1] == node);
    struct heap_node *last = h->at[--h->n];
    node->slot = 0;
    if (last != node)
        settle(h, last, slot);
}

void heap_move(struct heap *h, struct heap_node *node, int64_t key)
{
    if (node->slot == 0) {
        heap_add(h, node, key);
        return;
    }
    must(node->slot <= h->n && h->at[node->slot - 1] == node);
    node->key = key;
    settle(h, node, node->slot);
}

struct heap_node *heap_min(const struct heap *h)
{
    return h->n > 0 ? h->at[0] : NULL;
}
