/* Alerts, deliveries and settings for readers. */
#include "base/str.h"
#include "store/reader.h"

/* Text for LIKE '%…%' ESCAPE '\'. */
static const char *like_pattern(struct arena *a, const char *text)
{
    struct buf b = BUF_INIT(1 << 16);
    buf_putc(&b, '%');
    for (const char *p = text; *p; p++) {
        if (*p == '%' || *p == '_' || *p == '\\')
            buf_putc(&b, '\\');
        buf_putc(&b, *p);
    }
    buf_putc(&b, '%');
    const char *pattern = arena_strndup(a, b.data, b.len);
    buf_done(&b);
    return pattern;
}

static void suppressed_condition(struct query *sql, const char *which)
{
    if (!which)
        return;
    if (strcmp(which, "yes") == 0)
        buf_puts(&sql->sql, " AND suppressed<>''");
    else
        query_text(sql, " AND suppressed=", strcmp(which, "no") == 0 ? "" : which);
}

static void group_conditions(struct query *sql, const struct alerts_query *q)
{
    if (q->in_groups) {
        query_text(sql, " AND group_name IN (SELECT value FROM json_each(", q->in_groups);
        buf_puts(&sql->sql, "))");
    }
    if (q->not_in_groups) {
        query_text(sql, " AND group_name NOT IN (SELECT value FROM json_each(", q->not_in_groups);
        buf_puts(&sql->sql, "))");
    }
}

static void alert_conditions(struct query *sql, const struct alerts_query *q, struct arena *a)
{
    buf_puts(&sql->sql, " FROM alert_records WHERE 1");
    if (q->id)
        query_int(sql, " AND id=", (int64_t)q->id);
    if (q->target_id)
        query_int(sql, " AND target_id=", (int64_t)q->target_id);
    if (q->status == ALERT_FIRING)
        buf_puts(&sql->sql, " AND status='firing'"); /* as the partial index says it */
    else if (q->status == ALERT_RESOLVED)
        buf_puts(&sql->sql, " AND status='resolved'");
    if (q->group)
        query_text(sql, " AND group_name=", q->group);
    if (q->type)
        query_text(sql, " AND target_type=", q->type);
    if (q->name)
        query_text(sql, " AND target_name=", q->name);
    suppressed_condition(sql, q->suppressed);
    if (q->acknowledged)
        buf_puts(&sql->sql, q->acknowledged > 0 ? " AND acked_at>0" : " AND acked_at=0");
    group_conditions(sql, q);
    if (q->open_since_ms) {
        query_int(sql, " AND (resolved_at IS NULL OR resolved_at>=", q->open_since_ms);
        buf_putc(&sql->sql, ')');
    }
    if (q->since_ms)
        query_int(sql, " AND fired_at>=", q->since_ms);
    if (q->until_ms)
        query_int(sql, " AND fired_at<", q->until_ms);
    if (q->text && q->text[0]) {
        const char *pattern = like_pattern(a, q->text);
        query_text(sql, " AND (target_name LIKE ", pattern);
        query_text(sql, " ESCAPE '\\' OR message LIKE ", pattern);
        buf_puts(&sql->sql, " ESCAPE '\\')");
    }
}

static int count_alerts(struct store_reader *r, const struct alerts_query *q, uint64_t *total,
                        struct err *err)
{
    struct query sql = {.sql = BUF_INIT(1 << 16)};
    buf_puts(&sql.sql, "SELECT count(*)");
    alert_conditions(&sql, q, r->arena);
    sqlite3_stmt *st = query_prepare(&sql, r->db, err);
    query_done(&sql);
    if (!st)
        return -1;
    int failed = sqlite3_step(st) == SQLITE_ROW ? 0 : store__fail(r->db, err, "read");
    if (!failed)
        *total = (uint64_t)sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    return failed;
}

static int list_alerts(struct store_reader *r, const struct alerts_query *q,
                       void (*fn)(void *arg, const struct alert *a), void *arg, struct err *err)
{
    struct query sql = {.sql = BUF_INIT(1 << 16)};
    buf_puts(&sql.sql, "SELECT " ALERT_COLUMNS);
    alert_conditions(&sql, q, r->arena);
    if (q->before_id)
        query_int(&sql, " AND id<", (int64_t)q->before_id);
    query_int(&sql, " ORDER BY id DESC LIMIT ", listing_limit(q->limit));
    sqlite3_stmt *st = query_prepare(&sql, r->db, err);
    query_done(&sql);
    if (!st)
        return -1;
    struct arena *row_arena = arena_new();
    int rc;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct alert a;
        arena_reset(row_arena);
        store__row_alert(st, row_arena, &a);
        fn(arg, &a);
    }
    arena_free(row_arena);
    int failed = rc == SQLITE_DONE ? 0 : store__fail(r->db, err, "read");
    sqlite3_finalize(st);
    return failed;
}

int store_alerts(struct store_reader *r, const struct alerts_query *q, uint64_t *total,
                 void (*fn)(void *arg, const struct alert *a), void *arg, struct err *err)
{
    must(q != NULL && fn != NULL);
    if (store__reader_begin(r, err) < 0)
        return -1;
    int failed = total ? count_alerts(r, q, total, err) : 0;
    if (!failed)
        failed = list_alerts(r, q, fn, arg, err);
    store__reader_end(r);
    return failed;
}

static int list_deliveries(struct store_reader *r, struct query *sql,
                           void (*fn)(void *arg, const struct delivery *d), void *arg,
                           struct err *err)
{
    if (store__reader_begin(r, err) < 0) {
        query_done(sql);
        return -1;
    }
    sqlite3_stmt *st = query_prepare(sql, r->db, err);
    query_done(sql);
    int rc = SQLITE_ERROR;
    while (st && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct delivery d;
        store__row_delivery(st, &d);
        fn(arg, &d);
    }
    int failed = rc == SQLITE_DONE ? 0 : st ? store__fail(r->db, err, "read") : -1;
    sqlite3_finalize(st);
    store__reader_end(r);
    return failed;
}

int store_deliveries_of(struct store_reader *r, uint64_t alert_id,
                        void (*fn)(void *arg, const struct delivery *d), void *arg, struct err *err)
{
    struct query sql = {.sql = BUF_INIT(1 << 16)};
    query_int(&sql,
              "SELECT " DELIVERY_COLUMNS " FROM deliveries WHERE alert_id=", (int64_t)alert_id);
    query_int(&sql, " ORDER BY id LIMIT ", STORE_LISTING_MAX);
    return list_deliveries(r, &sql, fn, arg, err);
}

int store_deliveries_by_channel(struct store_reader *r, uint64_t channel_id, uint32_t limit,
                                void (*fn)(void *arg, const struct delivery *d), void *arg,
                                struct err *err)
{
    struct query sql = {.sql = BUF_INIT(1 << 16)};
    query_int(&sql,
              "SELECT " DELIVERY_COLUMNS " FROM deliveries WHERE channel_id=", (int64_t)channel_id);
    query_int(&sql, " ORDER BY id DESC LIMIT ", listing_limit(limit));
    return list_deliveries(r, &sql, fn, arg, err);
}

const char *store_setting(struct store_reader *r, const char *key, struct arena *a)
{
    must(key != NULL && a != NULL);
    if (store__reader_begin(r, NULL) < 0)
        return NULL;
    const char *value = NULL;
    struct query sql = {.sql = BUF_INIT(1 << 16)};
    query_text(&sql, "SELECT value FROM settings WHERE key=", key);
    sqlite3_stmt *st = query_prepare(&sql, r->db, NULL);
    query_done(&sql);
    if (st && sqlite3_step(st) == SQLITE_ROW)
        value = arena_strdup(a, store__text(st, 0));
    sqlite3_finalize(st);
    store__reader_end(r);
    return value;
}
