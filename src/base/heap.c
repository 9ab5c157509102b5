/* Intrusive min-heap (heap.h): timers and schedules. Used by the loop of each process; no state of its own.
 *
 * Four children a node, and the keys lie in the heap beside the pointers: with tens of thousands of targets, whose
 * nodes are scattered over memory, comparing touches a few cache lines instead of one for each comparison.
 * at[i] holds slot i+1; the parent of index i is (i-1)/4, its children 4i+1 … 4i+4. */
#include "base/heap.h"

#include <stdlib.h>

#include "base/must.h"
#include "base/vec.h"

#define CHILDREN 4

static void place(struct heap *h, struct heap_entry e, size_t i)
{
    h->at[i] = e;
    e.node->slot = i + 1;
}

/* Puts e into the hole at i, or nearer to the root where its key belongs. */
static void sift_up(struct heap *h, struct heap_entry e, size_t i)
{
    for (size_t parent; i > 0 && h->at[parent = (i - 1) / CHILDREN].key > e.key; i = parent)
        place(h, h->at[parent], i);
    place(h, e, i);
}

static size_t least_child(const struct heap *h, size_t first)
{
    size_t least = first, end = first + CHILDREN < h->n ? first + CHILDREN : h->n;
    for (size_t c = first + 1; c < end; c++)
        if (h->at[c].key < h->at[least].key)
            least = c;
    return least;
}

/* Puts e into the hole at i, or nearer to the leaves where its key belongs. */
static void sift_down(struct heap *h, struct heap_entry e, size_t i)
{
    for (size_t first; (first = i * CHILDREN + 1) < h->n;) {
        size_t child = least_child(h, first);
        if (h->at[child].key >= e.key)
            break;
        place(h, h->at[child], i);
        i = child;
    }
    place(h, e, i);
}

static void settle(struct heap *h, struct heap_entry e, size_t i)
{
    if (i > 0 && h->at[(i - 1) / CHILDREN].key > e.key)
        sift_up(h, e, i);
    else
        sift_down(h, e, i);
}

void heap_done(struct heap *h)
{
    for (size_t i = 0; i < h->n; i++)
        h->at[i].node->slot = 0;
    free(h->at);
    *h = (struct heap){0};
}

void heap_add(struct heap *h, struct heap_node *node, int64_t key)
{
    must(node->slot == 0);
    if (h->n == h->cap)
        h->at = vec_grow(h->at, &h->cap, sizeof(*h->at));
    node->key = key;
    h->n++;
    sift_up(h, (struct heap_entry){key, node}, h->n - 1);
}

void heap_del(struct heap *h, struct heap_node *node)
{
    size_t slot = node->slot;
    if (slot == 0)
        return;
    must(slot <= h->n && h->at[slot - 1].node == node);
    struct heap_entry last = h->at[--h->n];
    node->slot = 0;
    if (last.node != node)
        settle(h, last, slot - 1);
}

void heap_move(struct heap *h, struct heap_node *node, int64_t key)
{
    if (node->slot == 0) {
        heap_add(h, node, key);
        return;
    }
    must(node->slot <= h->n && h->at[node->slot - 1].node == node);
    node->key = key;
    settle(h, (struct heap_entry){key, node}, node->slot - 1);
}

struct heap_node *heap_min(const struct heap *h)
{
    return h->n > 0 ? h->at[0].node : NULL;
}
