/* The hot tables' heads: for each target the id of its newest row there, from which the chain of `prev`
 * leads to the older ones. The writer thread changes them after a commit; readers ask for them. */
#include <stdlib.h>

#include "base/clock.h"
#include "store/store_priv.h"

static void *as_value(uint64_t id)
{
    return (void *)(uintptr_t)id;
}

static uint64_t as_id(const void *value)
{
    return (uint64_t)(uintptr_t)value;
}

static int load_heads(struct store *s, int slot, struct err *err)
{
    struct hot *h = &s->hot;
    cleanup(store__finalizep) sqlite3_stmt *st = store__preparef(
        s->db, err, "SELECT id, target_id, checked_at FROM results_hot_%d ORDER BY id", slot);
    if (!st)
        return -1;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        uint64_t id = (uint64_t)sqlite3_column_int64(st, 0);
        map_u64_put(h->heads[slot], (uint64_t)sqlite3_column_int64(st, 1), as_value(id));
        if (slot == h->active && h->rows[slot] == 0)
            h->oldest_ms = sqlite3_column_int64(st, 2);
        h->rows[slot]++;
        if (id > h->last_id)
            h->last_id = id;
    }
    return rc == SQLITE_DONE ? 0 : store__fail(s->db, err, "read");
}

int store__hot_load(struct store *s, struct err *err)
{
    struct hot *h = &s->hot;
    cleanup(store__finalizep) sqlite3_stmt *st =
        store__prepare(s->db, "SELECT active, upto, last_id FROM results_merge", err);
    if (!st)
        return -1;
    if (sqlite3_step(st) != SQLITE_ROW)
        return sqlite3_errcode(s->db) == SQLITE_DONE
                   ? err_set(err, ERR_DAMAGED, "cannot open the store: results_merge is empty")
                   : store__fail(s->db, err, "read");
    h->active = sqlite3_column_int(st, 0) & 1;
    h->upto = (uint64_t)sqlite3_column_int64(st, 1);
    h->last_id = (uint64_t)sqlite3_column_int64(st, 2);
    h->pending = map_u64_new();
    int failed = 0;
    pthread_mutex_lock(&h->lock);
    for (int slot = 0; slot < 2 && !failed; slot++) {
        map_u64_free(h->heads[slot]);
        h->heads[slot] = map_u64_new();
        h->rows[slot] = 0;
        failed = load_heads(s, slot, err);
    }
    pthread_mutex_unlock(&h->lock);
    return failed;
}

void store__hot_done(struct hot *h)
{
    pthread_mutex_lock(&h->lock);
    for (int slot = 0; slot < 2; slot++) {
        map_u64_free(h->heads[slot]);
        h->heads[slot] = NULL;
        h->rows[slot] = 0;
    }
    pthread_mutex_unlock(&h->lock);
    map_u64_free(h->pending);
    h->pending = NULL;
}

uint64_t store__hot_prev(struct hot *h, uint64_t target_id)
{
    uint64_t id = as_id(map_u64_get(h->pending, target_id));
    /* Only the writer changes heads, so it may read them without the lock. */
    return id ? id : as_id(map_u64_get(h->heads[h->active], target_id));
}

void store__hot_pending(struct hot *h, uint64_t target_id, uint64_t id)
{
    must(id > 0);
    map_u64_put(h->pending, target_id, as_value(id));
    if (id > h->last_id)
        h->last_id = id;
    if (h->rows[h->active]++ == 0)
        h->oldest_ms = clock_wall_ms();
}

void store__hot_commit(struct hot *h)
{
    if (map_u64_count(h->pending) == 0)
        return;
    uint64_t target;
    void *id;
    pthread_mutex_lock(&h->lock);
    for (size_t it = 0; map_u64_next(h->pending, &it, &target, &id);)
        map_u64_put(h->heads[h->active], target, id);
    pthread_mutex_unlock(&h->lock);
    map_u64_free(h->pending);
    h->pending = map_u64_new();
}

void store__hot_rollback(struct hot *h)
{
    /* rows stays a little high: it only decides when to merge. */
    map_u64_free(h->pending);
    h->pending = map_u64_new();
}

void store__hot_heads(struct hot *h, uint64_t target_id, uint64_t heads[2])
{
    pthread_mutex_lock(&h->lock);
    for (int slot = 0; slot < 2; slot++)
        heads[slot] = h->heads[slot] ? as_id(map_u64_get(h->heads[slot], target_id)) : 0;
    pthread_mutex_unlock(&h->lock);
}
