/* Merging: moves the rows of the full hot table into the tables of their days, target by target (store_priv.h).
 * Writer thread, between batches; each slice is one transaction of a few milliseconds.
 *
 *   filling --rows per target suffice, or an hour old--> merging (swap: the other table becomes active)
 *   merging --slice: some targets' chains moved, upto advanced--> merging
 *   merging --last target--> empty (the table is cleared), until the next swap
 *
 * After a crash the table that is not active still holds rows, and upto says how far the merge was. */
#include <stdlib.h>

#include "base/clock.h"
#include "store/store_priv.h"

#define MERGE_ROWS_MIN  20000
#define MERGE_ROWS_MAX  2000000
#define ROWS_PER_TARGET 16 /* merged together they share pages: 12 µs a row becomes 2 */
#define MERGE_AGE_MS    INT64_C(3600000)
#define CHAIN_LOOK_EVERY \
    64 /* rows between looks at the clock, and the longest overdraft is one chain */

static int other(const struct hot *h)
{
    return 1 - h->active;
}

static bool due(const struct hot *h, int64_t now_ms)
{
    uint64_t rows = h->rows[h->active];
    if (rows == 0 || h->rows[other(h)] > 0)
        return false;
    uint64_t want = map_u64_count(h->heads[h->active]) * ROWS_PER_TARGET;
    want = want < MERGE_ROWS_MIN ? MERGE_ROWS_MIN : want > MERGE_ROWS_MAX ? MERGE_ROWS_MAX : want;
    return rows >= want || now_ms - h->oldest_ms > MERGE_AGE_MS;
}

static int swap(struct store *s, struct err *err)
{
    struct hot *h = &s->hot;
    must(h->rows[other(h)] == 0);
    if (store__execf(s->db, err,
                     "UPDATE results_merge SET active=%d, upto=0, last_id=max(last_id,%lld)",
                     other(h), (long long)h->last_id) < 0)
        return -1;
    h->active = other(h);
    h->upto = 0;
    return 1;
}

static int compare_ids(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static int start(struct store *s, struct err *err)
{
    struct merge *m = &s->merge;
    const struct map_u64 *heads = s->hot.heads[other(&s->hot)];
    m->order = malloc((map_u64_count(heads) + 1) * sizeof(*m->order));
    must(m->order != NULL);
    m->n = m->at = 0;
    uint64_t target;
    void *head;
    for (size_t it = 0; map_u64_next(heads, &it, &target, &head);) {
        if (target > s->hot.upto)
            m->order[m->n++] = target;
    }
    qsort(m->order, m->n, sizeof(*m->order), compare_ids);
    m->row =
        store__preparef(s->db, err,
                        "SELECT prev, checked_at, id, success, latency_us, resolve_us, message,"
                        " address, metrics, warnings FROM results_hot_%d WHERE id=?1",
                        other(&s->hot));
    m->mark = store__prepare(s->db, "UPDATE results_merge SET upto=?1", err);
    m->state = store__prepare(s->db,
                              "UPDATE target_states SET last_checked_at=?2, last_latency_us=?3,"
                              " last_message=?4 WHERE target_id=?1 AND last_checked_at<?2",
                              err);
    if (!m->row || !m->mark || !m->state) {
        store__merge_forget(s);
        return -1;
    }
    return 0;
}

void store__merge_forget(struct store *s)
{
    struct merge *m = &s->merge;
    store__finalizep(&m->row);
    store__finalizep(&m->mark);
    store__finalizep(&m->state);
    free(m->order);
    *m = (struct merge){0};
}

static int step_done(struct store *s, sqlite3_stmt *st, struct err *err)
{
    int rc = sqlite3_step(st);
    int failed = rc == SQLITE_DONE ? 0 : store__fail(s->db, err, "write to");
    sqlite3_reset(st);
    return failed;
}

static int copy_row(struct store *s, uint64_t target, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *row = s->merge.row;
    struct err none = {0};
    struct part *p = store__part_for(s, sqlite3_column_int64(row, 1), now_ms, &none);
    if (!p) {
        if (none.code == ERR_OK)
            return 0; /* older than what is kept */
        if (err)
            *err = none;
        return -1;
    }
    sqlite3_bind_int64(p->insert, 1, (int64_t)target);
    for (int column = 1; column <= 9; column++)
        sqlite3_bind_value(p->insert, column + 1, sqlite3_column_value(row, column));
    if (step_done(s, p->insert, err) < 0)
        return -1;
    p->rows_new++;
    return 0;
}

static int refresh_state(struct store *s, uint64_t target, struct err *err)
{
    sqlite3_stmt *st = s->merge.state, *row = s->merge.row;
    sqlite3_bind_int64(st, 1, (int64_t)target);
    sqlite3_bind_value(st, 2, sqlite3_column_value(row, 1));
    sqlite3_bind_value(st, 3, sqlite3_column_value(row, 4));
    sqlite3_bind_value(st, 4, sqlite3_column_value(row, 6));
    return step_done(s, st, err);
}

/* Moves one target's chain, newest row first. */
static int move_chain(struct store *s, uint64_t target, int64_t now_ms, struct err *err)
{
    sqlite3_stmt *row = s->merge.row;
    uint64_t id = (uint64_t)(uintptr_t)map_u64_get(s->hot.heads[other(&s->hot)], target);
    int failed = 0;
    for (bool newest = true; id != 0 && !failed; newest = false) {
        sqlite3_bind_int64(row, 1, (int64_t)id);
        int rc = sqlite3_step(row);
        id = 0;
        if (rc == SQLITE_ROW) {
            id = (uint64_t)sqlite3_column_int64(row, 0);
            failed = (newest && refresh_state(s, target, err) < 0) ||
                     copy_row(s, target, now_ms, err) < 0;
        } else if (rc != SQLITE_DONE) {
            failed = store__fail(s->db, err, "read");
        }
        sqlite3_reset(row);
    }
    return failed ? -1 : 0;
}

static int move_some(struct store *s, int64_t now_ms, struct err *err)
{
    struct merge *m = &s->merge;
    int64_t until = clock_mono_ns() + SLICE_NS;
    do {
        if (move_chain(s, m->order[m->at], now_ms, err) < 0)
            return -1;
        m->at++;
    } while (m->at < m->n && clock_mono_ns() < until);
    if (store__parts_flush_rows(s, err) < 0)
        return -1;
    sqlite3_bind_int64(m->mark, 1, (int64_t)m->order[m->at - 1]);
    return step_done(s, m->mark, err);
}

static void clear_heads(struct hot *h, int slot)
{
    pthread_mutex_lock(&h->lock);
    map_u64_free(h->heads[slot]);
    h->heads[slot] = map_u64_new();
    pthread_mutex_unlock(&h->lock);
    h->rows[slot] = 0;
}

static int commit(struct store *s, struct err *err)
{
    return store__exec(s->db, err, "COMMIT");
}

static int slice(struct store *s, int64_t now_ms, struct err *err)
{
    struct merge *m = &s->merge;
    if (!m->order && start(s, err) < 0)
        return -1;
    if (m->at < m->n) {
        if (move_some(s, now_ms, err) < 0 || commit(s, err) < 0)
            return -1;
        s->hot.upto = m->order[m->at - 1];
        return 1;
    }
    int slot = other(&s->hot);
    if (store__execf(s->db, err, "DELETE FROM results_hot_%d; UPDATE results_merge SET upto=0",
                     slot) < 0 ||
        commit(s, err) < 0)
        return -1;
    s->hot.upto = 0;
    store__merge_forget(s);
    vec_each (&s->parts, p)
        store__finalizep(&p->insert);
    clear_heads(&s->hot, slot);
    return 1;
}

int store__merge_slice(struct store *s, int64_t now_ms, struct err *err)
{
    must(s->hot.pending == NULL || map_u64_count(s->hot.pending) == 0);
    if (s->hot.rows[other(&s->hot)] == 0)
        return due(&s->hot, now_ms) ? swap(s, err) : 0;
    if (store__exec(s->db, err, "BEGIN IMMEDIATE") < 0)
        return -1;
    int rc = slice(s, now_ms, err);
    if (rc < 0) {
        store__rollback(s->db);
        store__merge_forget(s); /* begins again at upto */
        store__parts_load(s, NULL);
    }
    return rc;
}
