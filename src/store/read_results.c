/* Results for readers: one target's from newest to oldest out of the hot tables (along the chain of prev) and the
 * tables of days (along their primary key); all targets' newest; and from the first the bars. Graphs and uptime are the
 * time-series store's (core/history.h). */
#include <stdlib.h>

#include "base/clock.h"
#include "store/reader.h"

/* Columns of every statement here; the import into the series reads the first three and never touches the texts. */
#define THIN_COLUMNS "checked_at, success, latency_us, id"
#define FULL_COLUMNS THIN_COLUMNS ", message, metrics, warnings, address"

struct scan {
    uint64_t target_id;
    int64_t since_ms, until_ms;
    bool thin;
    bool (*row)(void *arg, sqlite3_stmt *st); /* false: enough */
    void *arg;
    bool enough;
    uint64_t heads[2];
    int active;
    uint64_t upto;
};

static int read_merge_state(struct store_reader *r, struct scan *sc, struct err *err)
{
    cleanup(store__finalizep) sqlite3_stmt *st =
        store__prepare(r->db, "SELECT active, upto FROM results_merge", err);
    if (!st)
        return -1;
    if (sqlite3_step(st) != SQLITE_ROW)
        return store__fail(r->db, err, "read");
    sc->active = sqlite3_column_int(st, 0) & 1;
    sc->upto = (uint64_t)sqlite3_column_int64(st, 1);
    return 0;
}

/* The chain of the target in one hot table. A link that is gone was merged: the days have it. */
static int scan_hot(struct store_reader *r, struct scan *sc, int slot, struct err *err)
{
    uint64_t id = sc->heads[slot];
    if (id == 0 || (slot != sc->active && sc->target_id <= sc->upto))
        return 0;
    cleanup(store__finalizep) sqlite3_stmt *st =
        store__preparef(r->db, err, "SELECT %s, prev, target_id FROM results_hot_%d WHERE id=?1",
                        sc->thin ? THIN_COLUMNS : FULL_COLUMNS, slot);
    if (!st)
        return -1;
    int prev_column = sqlite3_column_count(st) - 2;
    while (id != 0 && !sc->enough) {
        sqlite3_bind_int64(st, 1, (int64_t)id);
        int rc = sqlite3_step(st);
        if (rc == SQLITE_DONE)
            break;
        if (rc != SQLITE_ROW)
            return store__fail(r->db, err, "read");
        int64_t at = sqlite3_column_int64(st, 0);
        if ((uint64_t)sqlite3_column_int64(st, prev_column + 1) != sc->target_id)
            break;
        uint64_t prev = (uint64_t)sqlite3_column_int64(st, prev_column);
        if (at >= sc->since_ms && at < sc->until_ms)
            sc->enough = !sc->row(sc->arg, st);
        else if (at < sc->since_ms - DAY_MS)
            sc->enough = true; /* far behind: no clock was that wrong */
        must(prev < id);
        id = prev;
        sqlite3_reset(st);
    }
    return 0;
}

static int scan_part(struct store_reader *r, struct scan *sc, const char *name, struct err *err)
{
    cleanup(store__finalizep) sqlite3_stmt *st =
        store__preparef(r->db, err,
                        "SELECT %s FROM %s WHERE target_id=?1 AND checked_at>=?2 AND checked_at<?3"
                        " ORDER BY checked_at DESC, id DESC",
                        sc->thin ? THIN_COLUMNS : FULL_COLUMNS, name);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, (int64_t)sc->target_id);
    sqlite3_bind_int64(st, 2, sc->since_ms);
    sqlite3_bind_int64(st, 3, sc->until_ms);
    int rc = SQLITE_DONE;
    while (!sc->enough && (rc = sqlite3_step(st)) == SQLITE_ROW)
        sc->enough = !sc->row(sc->arg, st);
    return sc->enough || rc == SQLITE_DONE ? 0 : store__fail(r->db, err, "read");
}

static int scan_parts(struct store_reader *r, struct scan *sc, struct err *err)
{
    cleanup(store__finalizep) sqlite3_stmt *st =
        store__prepare(r->db,
                       "SELECT name FROM result_parts WHERE day BETWEEN ?1 AND ?2"
                       " ORDER BY day DESC, no DESC",
                       err);
    if (!st)
        return -1;
    sqlite3_bind_int64(st, 1, sc->since_ms / DAY_MS);
    sqlite3_bind_int64(st, 2, sc->until_ms / DAY_MS);
    int rc = SQLITE_DONE;
    while (!sc->enough && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (scan_part(r, sc, store__text(st, 0), err) < 0)
            return -1;
    }
    return sc->enough || rc == SQLITE_DONE ? 0 : store__fail(r->db, err, "read");
}

/* One target's results, newest first, within one snapshot. */
static int scan_target(struct store_reader *r, struct scan *sc, struct err *err)
{
    must(sc->target_id > 0);
    /* Heads before the snapshot: what they name is then either in it or already merged. */
    store__hot_heads(&r->store->hot, sc->target_id, sc->heads);
    if (store__reader_begin(r, err) < 0)
        return -1;
    int failed = read_merge_state(r, sc, err) < 0 || scan_hot(r, sc, sc->active, err) < 0 ||
                 scan_hot(r, sc, 1 - sc->active, err) < 0 || scan_parts(r, sc, err) < 0;
    store__reader_end(r);
    return failed ? -1 : 0;
}

int store_oldest_day(struct store_reader *r, int64_t *begin_ms, struct err *err)
{
    cleanup(store__finalizep) sqlite3_stmt *st =
        store__prepare(r->db, "SELECT coalesce(min(day),0) FROM result_parts", err);
    if (!st)
        return -1;
    if (sqlite3_step(st) != SQLITE_ROW)
        return store__fail(r->db, err, "read");
    *begin_ms = sqlite3_column_int64(st, 0) * DAY_MS;
    must(*begin_ms >= 0);
    return 0;
}

static void read_row(sqlite3_stmt *st, uint64_t target_id, struct stored_result *out)
{
    const char *metrics = store__text(st, 5), *warnings = store__text(st, 6);
    *out = (struct stored_result){
        .id = (uint64_t)sqlite3_column_int64(st, 3),
        .target_id = target_id,
        .success = sqlite3_column_int(st, 1) != 0,
        .checked_ms = sqlite3_column_int64(st, 0),
        .latency_us = sqlite3_column_int64(st, 2),
        .message = store__text(st, 4),
        .metrics_json = metrics[0] ? metrics : "{}",
        .warnings_json = warnings[0] ? warnings : "[]",
        .address = store__text(st, 7),
    };
}

static int64_t until_of(int64_t until_ms)
{
    return until_ms > 0 ? until_ms : clock_wall_ms() + DAY_MS;
}

/* --- store_results --- */

struct listing {
    const struct results_query *q;
    uint32_t left;
    void (*fn)(void *arg, const struct stored_result *row);
    void *arg;
};

static bool list_row(void *arg, sqlite3_stmt *st)
{
    struct listing *l = arg;
    struct stored_result row;
    read_row(st, l->q->target_id, &row);
    if ((l->q->before_id && row.id >= l->q->before_id) || (l->q->failures_only && row.success))
        return true;
    l->fn(l->arg, &row);
    return --l->left > 0;
}

/* All targets' rows from one source, by id, newest first. */
static int list_from(struct store_reader *r, struct listing *l, const char *source, struct err *err)
{
    const struct results_query *q = l->q;
    struct query sql = {.sql = BUF_INIT(1 << 16)};
    buf_printf(&sql.sql, "SELECT " FULL_COLUMNS ", target_id FROM %s WHERE", source);
    query_int(&sql, " id<", q->before_id ? (int64_t)q->before_id : INT64_MAX);
    query_int(&sql, " AND checked_at>=", q->since_ms);
    query_int(&sql, " AND checked_at<", until_of(q->until_ms));
    if (q->failures_only)
        buf_puts(&sql.sql, " AND success=0");
    query_int(&sql, " ORDER BY id DESC LIMIT ", l->left);
    sqlite3_stmt *st = query_prepare(&sql, r->db, err);
    query_done(&sql);
    if (!st)
        return -1;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct stored_result row;
        read_row(st, (uint64_t)sqlite3_column_int64(st, 8), &row);
        l->fn(l->arg, &row);
        l->left--;
        l->q = q;
    }
    int failed = rc == SQLITE_DONE ? 0 : store__fail(r->db, err, "read");
    sqlite3_finalize(st);
    return failed;
}

/* The active hot table has the highest ids of all, so it is asked alone first: usually it suffices. */
static int list_all(struct store_reader *r, struct listing *l, struct err *err)
{
    if (store__reader_begin(r, err) < 0)
        return -1;
    struct scan sc = {0};
    int64_t lowest = 0;
    char source[40];
    struct buf name = BUF_FIXED(source);
    int failed = read_merge_state(r, &sc, err);
    if (!failed) {
        buf_printf(&name, "results_hot_%d", sc.active);
        failed = list_from(r, l, source, err);
    }
    if (!failed && l->left > 0) {
        char sql[80];
        struct buf text = BUF_FIXED(sql);
        buf_printf(&text, "SELECT coalesce(min(id),0) FROM %s", source);
        failed = store__int(r->db, sql, &lowest, err);
    }
    if (!failed && l->left > 0) {
        struct results_query rest = *l->q;
        if (lowest > 0 && (rest.before_id == 0 || (uint64_t)lowest < rest.before_id))
            rest.before_id = (uint64_t)lowest;
        struct listing older = {&rest, l->left, l->fn, l->arg};
        failed = list_from(r, &older, "probe_results", err);
    }
    store__reader_end(r);
    return failed;
}

int store_results(struct store_reader *r, const struct results_query *q,
                  void (*fn)(void *arg, const struct stored_result *row), void *arg,
                  struct err *err)
{
    must(q != NULL && fn != NULL);
    struct listing l = {q, listing_limit(q->limit), fn, arg};
    if (l.left == 0)
        return 0;
    if (q->target_id == 0)
        return list_all(r, &l, err);
    struct scan sc = {
        .target_id = q->target_id,
        .since_ms = q->since_ms,
        .until_ms = until_of(q->until_ms),
        .row = list_row,
        .arg = &l,
    };
    return scan_target(r, &sc, err);
}

/* --- store_outcomes --- */

struct outcomes {
    bool (*fn)(void *arg, int64_t checked_ms, bool success, int64_t latency_us);
    void *arg;
};

static bool outcome_row(void *arg, sqlite3_stmt *st)
{
    struct outcomes *o = arg;
    return o->fn(o->arg, sqlite3_column_int64(st, 0), sqlite3_column_int(st, 1) != 0,
                 sqlite3_column_int64(st, 2));
}

int store_outcomes(struct store_reader *r, uint64_t target_id, int64_t since_ms, int64_t until_ms,
                   bool (*fn)(void *arg, int64_t checked_ms, bool success, int64_t latency_us),
                   void *arg, struct err *err)
{
    must(fn != NULL && since_ms <= until_ms);
    struct outcomes o = {fn, arg};
    struct scan sc = {
        .target_id = target_id,
        .since_ms = since_ms,
        .until_ms = until_ms,
        .thin = true,
        .row = outcome_row,
        .arg = &o,
    };
    return scan_target(r, &sc, err);
}

/* --- store_recent --- */

struct recent {
    struct arena *a;
    struct stored_result *rows;
    uint64_t target_id;
    uint32_t n, max;
};

static bool recent_row(void *arg, sqlite3_stmt *st)
{
    struct recent *k = arg;
    struct stored_result *row = &k->rows[k->n++];
    read_row(st, k->target_id, row);
    row->message = arena_strdup(k->a, row->message);
    row->metrics_json = arena_strdup(k->a, row->metrics_json);
    row->warnings_json = arena_strdup(k->a, row->warnings_json);
    row->address = arena_strdup(k->a, row->address);
    return k->n < k->max;
}

int store_recent(struct store_reader *r, uint64_t target_id, uint32_t n,
                 void (*fn)(void *arg, const struct stored_result *row), void *arg, struct err *err)
{
    must(fn != NULL);
    if (n == 0)
        return 0;
    struct arena *a = arena_new();
    struct recent k = {a, NULL, target_id, 0, listing_limit(n)};
    k.rows = arena_array_of(a, struct stored_result, k.max);
    struct scan sc = {
        .target_id = target_id,
        .until_ms = until_of(0),
        .row = recent_row,
        .arg = &k,
    };
    int failed = scan_target(r, &sc, err);
    for (uint32_t i = k.n; i > 0 && !failed; i--)
        fn(arg, &k.rows[i - 1]);
    arena_free(a);
    return failed;
}
