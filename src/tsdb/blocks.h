/* The open blocks of a store: a list that readers take with references, and that cuts and merges replace at once. Any thread. */
#ifndef TSDB_BLOCKS_H
#define TSDB_BLOCKS_H

#include "tsdb/block.h"

struct blocks;
/* Opens every block of the directory (made when absent) and removes what an interrupted write left. A block that cannot be opened
 * is left where it is, counted and logged. */
struct blocks *blocks_open(const char *dir, struct err *err);
void blocks_close(struct blocks *b); /* NULL is fine */

/* Those that overlap [min_ms, max_ms], oldest first by their beginning, then by name; each with a reference. Free with blocks_give. */
struct block **blocks_take(struct blocks *b, int64_t min_ms, int64_t max_ms, uint32_t *n);
void blocks_give(struct block **list, uint32_t n);

/* Opens what was written and puts it in the place of what it replaces (NULL, 0: nothing): removed blocks vanish from the disk when
 * their last reader has left. */
int blocks_replace(struct blocks *b, const char *const *added, uint32_t n_added,
                   struct block *const *removed, uint32_t n_removed, struct err *err);
uint64_t blocks_changes(struct blocks *b); /* counts replacements */
uint64_t blocks_damaged(struct blocks *b); /* that could not be opened */

#endif
