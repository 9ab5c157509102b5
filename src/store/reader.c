/* Readers: one connection for each thread that asks (HTTP threads). They never wait for the writer and cannot
 * write. Every query has a deadline, so that none holds back the WAL or a page request for long. */
#include "store/reader.h"

#include <stdlib.h>

#include "base/clock.h"

#define QUERY_NS   (5 * NS_PER_S)
#define LOOK_EVERY 5000 /* steps of SQLite's machine: about 0.2 ms */

static int over_deadline(void *arg)
{
    const struct store_reader *r = arg;
    return r->deadline_ns != 0 && clock_mono_ns() > r->deadline_ns;
}

static int open_file(struct store_reader *r, struct err *err)
{
    must(r->db == NULL);
    r->generation = atomic_load(&r->store->generation);
    if (store__open_db(r->store->path, false, &r->db, err) < 0)
        return -1;
    sqlite3_progress_handler(r->db, LOOK_EVERY, over_deadline, r);
    return 0;
}

struct store_reader *store_reader_open(struct store *s, struct err *err)
{
    check_magic(s, STORE_MAGIC);
    struct store_reader *r = calloc(1, sizeof(*r));
    must(r != NULL);
    *r = (struct store_reader){.magic = READER_MAGIC, .store = s, .arena = arena_new()};
    if (open_file(r, err) < 0)
        store_reader_close(&r);
    return r;
}

void store_reader_close(struct store_reader **r)
{
    if (!*r)
        return;
    check_magic(*r, READER_MAGIC);
    if ((*r)->db) {
        int rc = sqlite3_close((*r)->db);
        must(rc == SQLITE_OK); /* else a statement was forgotten */
    }
    arena_free((*r)->arena);
    (*r)->magic = 0;
    free(*r);
    *r = NULL;
}

int store__reader_begin(struct store_reader *r, struct err *err)
{
    check_magic(r, READER_MAGIC);
    must(r->deadline_ns == 0); /* queries do not nest: a callback may not ask again */
    if (r->db && r->generation != atomic_load(&r->store->generation)) {
        sqlite3_close(r->db);
        r->db = NULL;
    }
    if (!r->db && open_file(r, err) < 0)
        return -1;
    r->deadline_ns = clock_mono_ns() + QUERY_NS;
    arena_reset(r->arena);
    if (store__exec(r->db, err, "BEGIN") < 0) {
        r->deadline_ns = 0;
        return -1;
    }
    return 0;
}

void store__reader_end(struct store_reader *r)
{
    r->deadline_ns = 0;
    store__rollback(r->db);
}

static void query_next(struct query *q, const char *condition)
{
    must(q->n < QUERY_VALUES_MAX);
    buf_puts(&q->sql, condition);
    buf_printf(&q->sql, "?%d", ++q->n);
}

void query_int(struct query *q, const char *condition, int64_t value)
{
    query_next(q, condition);
    q->values[q->n - 1].text = NULL;
    q->values[q->n - 1].num = value;
}

void query_text(struct query *q, const char *condition, const char *value)
{
    must(value != NULL);
    query_next(q, condition);
    q->values[q->n - 1].text = value;
}

void query_page(struct query *q, int64_t since_ms, int64_t until_ms, uint64_t before_id)
{
    if (since_ms)
        query_int(q, " AND at>=", since_ms);
    if (until_ms)
        query_int(q, " AND at<", until_ms);
    if (before_id)
        query_int(q, " AND id<", (int64_t)before_id);
}

sqlite3_stmt *query_prepare(struct query *q, sqlite3 *db, struct err *err)
{
    must(!q->sql.failed);
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v2(db, q->sql.data, -1, &st, NULL) != SQLITE_OK) {
        store__fail(db, err, "read");
        return NULL;
    }
    for (int i = 0; i < q->n; i++) {
        if (q->values[i].text)
            sqlite3_bind_text(st, i + 1, q->values[i].text, -1, SQLITE_STATIC);
        else if (sqlite3_bind_parameter_count(st) > i)
            sqlite3_bind_int64(st, i + 1, q->values[i].num);
    }
    return st;
}

void query_done(struct query *q)
{
    buf_done(&q->sql);
    q->n = 0;
}
