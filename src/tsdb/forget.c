/* Forgetting series that have no samples in the head any more. keep_lock is held.
 *
 * A series leaves the postings and tables at once; its slot, its label pairs and what readers may still look at follow when the epoch
 * has passed. Its aliases go before the slot is used again. */
#include <stdlib.h>

#include "tsdb/tsdb_priv.h"

#define AT_ONCE 256u

/* It got no sample since two cuts. One that was just made gets its first one soon. */
static bool is_forgettable(const struct tsdb *db, const struct series *s)
{
    bool is_new = s->newest_ms == NO_TIME && (uint8_t)(db->cuts - s->mark) < 2;
    return s->ref != 0 && head_is_empty(s) && !is_new;
}

/* append_lock keeps samples away, the shard's lock readers. */
static void forget_some(struct tsdb *db, uint32_t first, roaring_bitmap_t *gone)
{
    uint32_t slots = db->index.slots;
    pthread_mutex_lock(&db->append_lock);
    pthread_mutex_lock(&db->index.lock);
    for (uint32_t slot = first; slot < first + AT_ONCE && slot < slots; slot++) {
        struct series *s = index_series(&db->index, slot);
        pthread_mutex_lock(head_shard(&db->head, slot));
        bool forget = is_forgettable(db, s);
        pthread_mutex_unlock(head_shard(&db->head, slot));
        if (!forget)
            continue;
        index_remove(&db->index, slot);
        roaring_bitmap_add(gone, slot);
    }
    pthread_mutex_unlock(&db->index.lock);
    pthread_mutex_unlock(&db->append_lock);
}

static void recycle_slot(void *owner, void *thing, uint64_t slot)
{
    (void)thing;
    index_recycle(owner, (uint32_t)slot);
}

static void recycle_pair(void *owner, void *thing, uint64_t id)
{
    (void)thing;
    pairs_recycle(owner, (uint32_t)id);
}

static bool retire_slot(uint32_t slot, void *arg)
{
    struct tsdb *db = arg;
    epoch_retire(&db->epoch, recycle_slot, &db->index, NULL, slot);
    return true;
}

static void retire_pairs(struct tsdb *db)
{
    struct pair_list gone = {0};
    pairs_sweep(&db->index, &gone);
    for (size_t i = 0; i < gone.n; i++)
        epoch_retire(&db->epoch, recycle_pair, &db->index, NULL, gone.at[i]);
    vec_done(&gone);
}

void tsdb__forget(struct tsdb *db)
{
    roaring_bitmap_t *gone = roaring_bitmap_create();
    must(gone != NULL);
    for (uint32_t first = 0; first < db->index.slots; first += AT_ONCE)
        forget_some(db, first, gone);
    uint64_t n = roaring_bitmap_get_cardinality(gone);
    if (n > 0) {
        aliases_forget(&db->aliases, gone);
        roaring_iterate(gone, retire_slot, db);
        retire_pairs(db);
        db->count.forgotten += n;
    }
    roaring_bitmap_free(gone);
    epoch_run(&db->epoch);
}
