/* Deep copies in one malloc block, for the folder's *_clone functions.
 *
 * A copy function runs twice over the same code: first with a pack that only counts, then with one
 * that copies into the block. Pieces are aligned to 8 bytes. */
#ifndef MODEL_PACK_H
#define MODEL_PACK_H

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/must.h"

struct pack {
    char *block; /* NULL: counting */
    size_t used;
};

/* Place for a copy of n bytes of p; p itself while counting, so that the copier may go on reading. */
static inline void *pack_mem(struct pack *k, const void *p, size_t n)
{
    size_t at = (k->used + 7) & ~(size_t)7;
    k->used = at + n;
    if (!k->block)
        return (void *)(uintptr_t)p;
    if (n > 0)
        memcpy(k->block + at, p, n);
    return k->block + at;
}

/* NULL becomes "". */
static inline const char *pack_str(struct pack *k, const char *s)
{
    if (!s)
        s = "";
    size_t n = strlen(s) + 1;
    size_t at = k->used;
    k->used = at + n;
    if (!k->block)
        return s;
    memcpy(k->block + at, s, n);
    return k->block + at;
}

/* Runs copy twice; returns the block, whose first bytes are the copied struct. */
static inline void *pack_clone(const void *of, void (*copy)(struct pack *k, const void *of))
{
    struct pack k = {0};
    copy(&k, of);
    size_t need = k.used;
    k = (struct pack){.block = malloc(need)};
    must(k.block != NULL);
    copy(&k, of);
    must(k.used == need);
    return k.block;
}

#endif
