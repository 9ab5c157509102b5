/* The audit log for readers, newest first. */
#include "store/reader.h"

static sqlite3_stmt *prepare(struct store_reader *r, const struct audit_query *q, struct err *err)
{
    struct query sql = {.sql = BUF_INIT(1 << 12)};
    const struct {
        const char *sql, *value;
    } texts[] = {
        {" AND actor=", q->actor},
        {" AND action=", q->action},
        {" AND kind=", q->kind},
        {" AND object=", q->object},
        {" AND 0<instr(actor||' '||origin||' '||action||' '||kind||' '||object||' '||before||' '||after,",
         q->text},
    };
    buf_puts(&sql.sql, "SELECT id,at,actor,origin,action,kind,object,before,after FROM audit_log"
                       " WHERE 1");
    for (size_t i = 0; i < array_len(texts); i++)
        if (texts[i].value)
            query_text(&sql, texts[i].sql, texts[i].value);
    if (q->text)
        buf_puts(&sql.sql, ")");
    query_page(&sql, q->since_ms, q->until_ms, q->before_id);
    query_int(&sql, " ORDER BY id DESC LIMIT ", listing_limit(q->limit));
    sqlite3_stmt *st = query_prepare(&sql, r->db, err);
    query_done(&sql);
    return st;
}

int store_audit(struct store_reader *r, const struct audit_query *q,
                void (*fn)(void *arg, const struct audit_entry *e), void *arg, struct err *err)
{
    must(q != NULL && fn != NULL);
    if (store__reader_begin(r, err) < 0)
        return -1;
    cleanup(store__finalizep) sqlite3_stmt *st = prepare(r, q, err);
    int rc = SQLITE_ERROR;
    while (st && (rc = sqlite3_step(st)) == SQLITE_ROW) {
        const struct audit_entry e = {
            .id = (uint64_t)sqlite3_column_int64(st, 0),
            .at_ms = sqlite3_column_int64(st, 1),
            .actor = store__text(st, 2),
            .origin = store__text(st, 3),
            .action = store__text(st, 4),
            .kind = store__text(st, 5),
            .object = store__text(st, 6),
            .before = store__text(st, 7),
            .after = store__text(st, 8),
        };
        fn(arg, &e);
    }
    int failed = rc == SQLITE_DONE ? 0 : st ? store__fail(r->db, err, "read") : -1;
    store__reader_end(r);
    return failed;
}
