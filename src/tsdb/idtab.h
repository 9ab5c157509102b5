/* A table from 32-bit hashes to 32-bit numbers, eight bytes a slot: for what is found by comparing with the thing itself (label
 * pairs, series). Linear probing; not thread-safe. */
#ifndef TSDB_IDTAB_H
#define TSDB_IDTAB_H

#include <stddef.h>
#include <stdint.h>

#define IDTAB_NONE UINT32_MAX

struct idtab_slot {
    uint32_t hash, id; /* id IDTAB_NONE: free */
};
struct idtab {
    struct idtab_slot *slots; /* NULL: empty */
    uint32_t mask, n;
};

void idtab_done(struct idtab *t);
void idtab_add(struct idtab *t, uint32_t hash, uint32_t id);
void idtab_del(struct idtab *t, uint32_t hash, uint32_t id); /* it is in there */
/* The numbers that were added under this hash, one after the other: uint32_t it = hash; while ((id = idtab_next(t, hash, &it))
 * != IDTAB_NONE). */
uint32_t idtab_next(const struct idtab *t, uint32_t hash, uint32_t *it);

#endif
