/* Beside labels_hash: 32 further bits of a label set, never 0, under a secret of the process, so that no sender can make two sets that
 * have both the same. Begin with the secret, add each label in order, end. Blocks and the head keep it when it was computed. */
#ifndef TSDB_LABELS_CHECK_H
#define TSDB_LABELS_CHECK_H

#include "base/map.h"
#include "base/str.h"

static inline uint64_t labels_check_add(uint64_t h, struct str name, struct str value)
{
    return hash_bytes(value.p, value.n, hash_bytes(name.p, name.n, h));
}
static inline uint32_t labels_check_end(uint64_t h)
{
    uint32_t check = (uint32_t)(h >> 32 ^ h);
    return check ? check : 1;
}

#endif
