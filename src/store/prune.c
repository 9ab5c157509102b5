/* Pruning: results older than results_keep_ms go, and the oldest when the file grows past results_max_bytes, a part
 * at a time; old alerts and deliveries too. Writer thread, between batches, a few thousand rows in a transaction:
 * dropping a table of 100 million rows at once would hold the writer for seconds. */
#include "base/log.h"
#include "store/store_priv.h"

#define CHECK_EVERY_MS  INT64_C(60000)
#define ROWS_A_SLICE    4000
#define ALERT_KEEP_DAYS 400

static int used_bytes(struct store *s, int64_t *out, struct err *err)
{
    int64_t pages, unused, size;
    if (store__int(s->db, "PRAGMA page_count", &pages, err) < 0 ||
        store__int(s->db, "PRAGMA freelist_count", &unused, err) < 0 ||
        store__int(s->db, "PRAGMA page_size", &size, err) < 0)
        return -1;
    *out = (pages - unused) * size;
    return 0;
}

/* Index of the part to remove, or -1. Parts are in order of age. */
static int choose(const struct store *s, int64_t used, int64_t now_ms)
{
    if (s->parts.n == 0)
        return -1;
    int64_t end = (s->parts.at[0].day + 1) * DAY_MS;
    if (end < now_ms - s->opt.results_keep_ms)
        return 0;
    return used > s->opt.results_max_bytes && s->parts.n > 1 ? 0 : -1;
}

static int prune_alerts(struct store *s, int64_t now_ms, struct err *err)
{
    long long before = now_ms - ALERT_KEEP_DAYS * DAY_MS;
    return store__execf(
        s->db, err,
        "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries ORDER BY id LIMIT 500)"
        " AND created_at < %lld AND state<>'pending';"
        "DELETE FROM alert_records WHERE id IN (SELECT id FROM alert_records ORDER BY id LIMIT 500)"
        " AND resolved_at < %lld",
        before, before);
}

/* The history of supervised programs is kept as long as results are. */
static int prune_processes(struct store *s, int64_t now_ms, struct err *err)
{
    return store__execf(s->db, err,
                        "DELETE FROM process_events WHERE id IN"
                        " (SELECT id FROM process_events ORDER BY id LIMIT %d) AND at < %lld",
                        ROWS_A_SLICE, (long long)(now_ms - s->opt.results_keep_ms));
}

static int prune_audit(struct store *s, int64_t now_ms, struct err *err)
{
    return store__execf(s->db, err,
                        "DELETE FROM audit_log WHERE id IN"
                        " (SELECT id FROM audit_log ORDER BY id LIMIT %d) AND at < %lld",
                        ROWS_A_SLICE, (long long)(now_ms - s->opt.audit_keep_ms));
}

static int check(struct store *s, int64_t now_ms, struct err *err)
{
    int64_t used;
    s->prune_check_ms = now_ms + CHECK_EVERY_MS;
    if (used_bytes(s, &used, err) < 0 || prune_alerts(s, now_ms, err) < 0 ||
        prune_processes(s, now_ms, err) < 0 || prune_audit(s, now_ms, err) < 0)
        return -1;
    pthread_mutex_lock(&s->lock);
    s->stats.bytes_on_disk = (uint64_t)used;
    s->stats.days_kept = s->parts.n;
    pthread_mutex_unlock(&s->lock);
    int victim = choose(s, used, now_ms);
    if (victim < 0)
        return 0;
    log_info("old results are removed", F_STR("part", s->parts.at[victim].name),
             F_INT("store_bytes", used));
    buf_puts(&BUF_FIXED(s->pruning), s->parts.at[victim].name);
    return 1;
}

/* Deletes the first rows of the part; *empty tells that few were left, and none are deleted. */
static int delete_some(struct store *s, const char *name, bool *empty, struct err *err)
{
    cleanup(store__finalizep) sqlite3_stmt *find =
        store__preparef(s->db, err,
                        "SELECT target_id, checked_at FROM %s ORDER BY target_id, checked_at"
                        " LIMIT 1 OFFSET %d",
                        name, ROWS_A_SLICE);
    if (!find)
        return -1;
    int rc = sqlite3_step(find);
    if (rc == SQLITE_DONE) {
        *empty = true;
        return 0;
    }
    if (rc != SQLITE_ROW)
        return store__fail(s->db, err, "read");
    return store__execf(s->db, err, "DELETE FROM %s WHERE (target_id, checked_at) <= (%lld, %lld)",
                        name, sqlite3_column_int64(find, 0), sqlite3_column_int64(find, 1));
}

static int prune_some(struct store *s, struct err *err)
{
    size_t index = 0;
    while (index < s->parts.n && strcmp(s->parts.at[index].name, s->pruning) != 0)
        index++;
    bool empty = index == s->parts.n;
    if (!empty && delete_some(s, s->pruning, &empty, err) < 0)
        return -1;
    if (empty && index < s->parts.n && store__part_drop(s, index, err) < 0)
        return -1;
    if (store__exec(s->db, err, "COMMIT") < 0)
        return -1;
    if (empty) {
        s->pruning[0] = '\0';
        s->prune_check_ms = 0; /* there may be more */
    }
    return 1;
}

int store__prune_slice(struct store *s, int64_t now_ms, struct err *err)
{
    if (!s->pruning[0])
        return now_ms < s->prune_check_ms && now_ms > s->prune_check_ms - 2 * CHECK_EVERY_MS
                   ? 0
                   : check(s, now_ms, err);
    if (store__exec(s->db, err, "BEGIN IMMEDIATE") < 0)
        return -1;
    int rc = prune_some(s, err);
    if (rc < 0) {
        store__rollback(s->db);
        store__parts_load(s, NULL);
    }
    return rc;
}
