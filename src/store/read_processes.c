/* The history of supervised programs for readers: each change of state, each death with the last lines that it printed. */
#include "base/str.h"
#include "store/reader.h"

static enum process_event_kind kind_of(const char *text)
{
    static const enum process_event_kind all[] = {
#define X(name, text) PROCESS_##name,
        PROCESS_EVENTS(X)
#undef X
    };
    for (size_t i = 0; i < array_len(all); i++)
        if (strcmp(text, process_event_kind_name(all[i])) == 0)
            return all[i];
    return PROCESS_STATE;
}

/* The file may have been written by another hand: a number that says nothing becomes 0. */
static uint32_t bounded(sqlite3_stmt *st, int column, uint32_t end)
{
    int64_t v = sqlite3_column_int64(st, column);
    return v >= 0 && v < end ? (uint32_t)v : 0;
}

static void copy_text(sqlite3_stmt *st, int column, char *out, size_t size)
{
    const char *text = store__text(st, column);
    size_t n = utf8_cut(text, strlen(text), size - 1);
    memcpy(out, text, n);
    out[n] = '\0';
}

static void row_event(sqlite3_stmt *st, struct process_event *e)
{
    must(sqlite3_column_count(st) == 18);
    *e = (struct process_event){
        .version = PROCESS_EVENT_VERSION,
        .size = sizeof(*e),
        .kind = kind_of(store__text(st, 2)),
        .from = bounded(st, 3, PROCESS_STATES),
        .to = bounded(st, 4, PROCESS_STATES),
        .pid = sqlite3_column_int(st, 5),
        .status = sqlite3_column_int(st, 6),
        .cause = bounded(st, 7, PROCESS_CAUSES),
        .failure = bounded(st, 8, 2),
        .restarts = (uint32_t)sqlite3_column_int64(st, 9),
        .at_ms = sqlite3_column_int64(st, 10),
        .ran_ms = sqlite3_column_int64(st, 11),
        .next_ms = sqlite3_column_int64(st, 12),
        .cpu_user_us = sqlite3_column_int64(st, 13),
        .cpu_system_us = sqlite3_column_int64(st, 14),
        .max_rss_bytes = sqlite3_column_int64(st, 15),
    };
    copy_text(st, 1, e->unit, sizeof(e->unit));
    copy_text(st, 16, e->reason, sizeof(e->reason));
}

static sqlite3_stmt *prepare(struct store_reader *r, const struct process_events_query *q,
                             struct err *err)
{
    struct query sql = {.sql = BUF_INIT(1 << 12)};
    buf_puts(&sql.sql, "SELECT " PROCESS_EVENT_COLUMNS " FROM process_events WHERE 1");
    if (q->unit)
        query_text(&sql, " AND unit=", q->unit);
    if (q->deaths_only)
        buf_puts(&sql.sql, " AND kind='death'");
    query_page(&sql, q->since_ms, q->until_ms, q->before_id);
    query_int(&sql, " ORDER BY id DESC LIMIT ", listing_limit(q->limit));
    sqlite3_stmt *st = query_prepare(&sql, r->db, err);
    query_done(&sql);
    return st;
}

int store_process_events(struct store_reader *r, const struct process_events_query *q,
                         void (*fn)(void *arg, uint64_t id, const struct process_event *e,
                                    const char *tail),
                         void *arg, struct err *err)
{
    must(q != NULL && fn != NULL);
    if (store__reader_begin(r, err) < 0)
        return -1;
    cleanup(store__finalizep) sqlite3_stmt *st = prepare(r, q, err);
    int rc = SQLITE_ERROR;
    while (st && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        struct process_event e;
        row_event(st, &e);
        fn(arg, (uint64_t)sqlite3_column_int64(st, 0), &e, store__text(st, 17));
    }
    int failed = rc == SQLITE_DONE ? 0 : st ? store__fail(r->db, err, "read") : -1;
    store__reader_end(r);
    return failed;
}
