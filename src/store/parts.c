/* Parts: the tables results_YYYYMMDD[_N] in which merged results lie, one a day (UTC), more when a day grows past
 * a quarter of the size limit, so that pruning by size never drops much. And the view probe_results over all of
 * them and the hot tables. Writer thread only. */
#include <stdlib.h>
#include <time.h>

#include "store/store_priv.h"

#define ROW_BYTES     80 /* of a typical merged row */
#define PART_ROWS_MIN 100000
#define PARTS_MAX     450 /* SQLite takes 500 terms in a UNION */

static int part_order(const void *a, const void *b)
{
    const struct part *x = a, *y = b;
    if (x->day != y->day)
        return x->day < y->day ? -1 : 1;
    return (x->no > y->no) - (x->no < y->no);
}

static void sort_parts(struct store *s)
{
    if (s->parts.n > 1)
        qsort(s->parts.at, s->parts.n, sizeof(*s->parts.at), part_order);
}

/* Names are ours, but they come back from a file and go into SQL texts. */
static bool name_is_ours(const char *name)
{
    static const char prefix[] = "results_";
    if (strncmp(name, prefix, sizeof(prefix) - 1) != 0 || strlen(name) >= PART_NAME_SIZE)
        return false;
    const char *digits = name + sizeof(prefix) - 1;
    return digits[0] && strspn(digits, "0123456789_") == strlen(digits);
}

int store__parts_load(struct store *s, struct err *err)
{
    store__parts_done(s);
    cleanup(store__finalizep) sqlite3_stmt *st =
        store__prepare(s->db, "SELECT name, day, no, rows FROM result_parts", err);
    if (!st)
        return -1;
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (!name_is_ours(store__text(st, 0)))
            continue;
        struct part *p = vec_add(&s->parts);
        buf_add(&BUF_FIXED(p->name), store__text(st, 0), strlen(store__text(st, 0)));
        p->day = sqlite3_column_int64(st, 1);
        p->no = sqlite3_column_int(st, 2);
        p->rows = (uint64_t)sqlite3_column_int64(st, 3);
    }
    sort_parts(s);
    return rc == SQLITE_DONE ? 0 : store__fail(s->db, err, "read");
}

void store__parts_done(struct store *s)
{
    vec_each (&s->parts, p)
        store__finalizep(&p->insert);
    vec_done(&s->parts);
}

#define VIEW_COLUMNS                                                                                \
    "id, target_id, success, latency_us/1000.0 AS latency_ms, message, checked_at,"                 \
    " coalesce(metrics,'{}') AS metrics, coalesce(warnings,'[]') AS warnings, address, latency_us," \
    " resolve_us"

int store__rebuild_view(sqlite3 *db, struct err *err)
{
    cleanup(store__finalizep) sqlite3_stmt *st =
        store__prepare(db, "SELECT name FROM result_parts ORDER BY day, no", err);
    if (!st)
        return -1;
    struct buf sql = BUF_INIT(1 << 20);
    buf_puts(&sql, "DROP VIEW IF EXISTS probe_results; CREATE VIEW probe_results AS");
    for (int slot = 0; slot < 2; slot++)
        buf_printf(&sql,
                   "%s SELECT " VIEW_COLUMNS " FROM results_hot_%d WHERE target_id > "
                   "(SELECT CASE active WHEN %d THEN 0 ELSE upto END FROM results_merge)",
                   slot ? " UNION ALL" : "", slot, slot);
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        if (name_is_ours(store__text(st, 0)))
            buf_printf(&sql, " UNION ALL SELECT " VIEW_COLUMNS " FROM %s", store__text(st, 0));
    }
    must(!sql.failed);
    int failed = rc == SQLITE_DONE ? store__exec(db, err, sql.data) : store__fail(db, err, "read");
    buf_done(&sql);
    return failed;
}

static void name_part(struct part *p)
{
    time_t t = (time_t)(p->day * (DAY_MS / 1000));
    struct tm tm;
    gmtime_r(&t, &tm);
    struct buf name = BUF_FIXED(p->name);
    buf_printf(&name, "results_%04d%02d%02d", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday);
    if (p->no > 1)
        buf_printf(&name, "_%d", p->no);
    must(!name.failed && name_is_ours(p->name));
}

static int create_part(struct store *s, int64_t day, int no, struct err *err)
{
    struct part p = {.day = day, .no = no};
    name_part(&p);
    if (store__execf(s->db, err,
                     "CREATE TABLE %s(target_id INTEGER NOT NULL, checked_at INTEGER NOT NULL,"
                     " id INTEGER NOT NULL, success INTEGER NOT NULL, latency_us INTEGER NOT NULL,"
                     " resolve_us INTEGER NOT NULL, message TEXT NOT NULL, address TEXT NOT NULL,"
                     " metrics TEXT, warnings TEXT, PRIMARY KEY(target_id, checked_at, id))"
                     " STRICT, WITHOUT ROWID;"
                     "INSERT INTO result_parts VALUES('%s',%lld,%d,0)",
                     p.name, p.name, (long long)day, no) < 0 ||
        store__rebuild_view(s->db, err) < 0)
        return -1;
    vec_push(&s->parts, p);
    sort_parts(s);
    return 0;
}

static uint64_t part_rows_max(const struct store *s)
{
    int64_t rows = s->opt.results_max_bytes / 4 / ROW_BYTES;
    return rows > PART_ROWS_MIN ? (uint64_t)rows : PART_ROWS_MIN;
}

/* The last part of that day, or -1. */
static int find_part(const struct store *s, int64_t day)
{
    for (size_t i = s->parts.n; i > 0; i--) {
        if (s->parts.at[i - 1].day == day)
            return (int)(i - 1);
    }
    return -1;
}

struct part *store__part_for(struct store *s, int64_t checked_ms, int64_t now_ms, struct err *err)
{
    must(!sqlite3_get_autocommit(s->db));
    err_clear(err);
    /* A clock that was wrong must not make tables in the far future, which would never be pruned. */
    int64_t day = (checked_ms > now_ms + DAY_MS ? now_ms : checked_ms) / DAY_MS;
    if (checked_ms < now_ms - s->opt.results_keep_ms)
        return NULL;
    int i = find_part(s, day);
    bool full = i >= 0 && s->parts.at[i].rows >= part_rows_max(s);
    if ((i < 0 || full) && s->parts.n < PARTS_MAX) {
        if (create_part(s, day, full ? s->parts.at[i].no + 1 : 1, err) < 0)
            return NULL;
        i = find_part(s, day);
    }
    if (i < 0)
        return NULL;
    struct part *p = &s->parts.at[i];
    if (!p->insert)
        p->insert = store__preparef(
            s->db, err, "INSERT OR IGNORE INTO %s VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9,?10)", p->name);
    return p->insert ? p : NULL;
}

int store__parts_flush_rows(struct store *s, struct err *err)
{
    vec_each (&s->parts, p) {
        if (p->rows_new == 0)
            continue;
        if (store__execf(s->db, err, "UPDATE result_parts SET rows=rows+%llu WHERE name='%s'",
                         (unsigned long long)p->rows_new, p->name) < 0)
            return -1;
        p->rows += p->rows_new;
        p->rows_new = 0;
    }
    return 0;
}

int store__part_drop(struct store *s, size_t index, struct err *err)
{
    must(index < s->parts.n && !sqlite3_get_autocommit(s->db));
    struct part *p = &s->parts.at[index];
    store__finalizep(&p->insert);
    if (store__execf(s->db, err, "DELETE FROM result_parts WHERE name='%s'", p->name) < 0 ||
        store__rebuild_view(s->db, err) < 0 ||
        store__execf(s->db, err, "DROP TABLE %s", p->name) < 0)
        return -1;
    memmove(p, p + 1, (s->parts.n - index - 1) * sizeof(*p));
    s->parts.n--;
    return 0;
}
