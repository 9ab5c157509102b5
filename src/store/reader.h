/* Inside of the readers: a connection of one thread, and a query on it with a deadline. */
#ifndef STORE_READER_H
#define STORE_READER_H

#include "store/store_priv.h"

struct store_reader {
    uint32_t magic;
    struct store *store;
    sqlite3 *db;
    uint64_t generation; /* of the file it has open */
    int64_t deadline_ns;
    struct arena *arena; /* of one query */
};

/* Opens the file again when it was replaced, starts the clock. Every query begins and ends with these. */
int store__reader_begin(struct store_reader *r, struct err *err);
void store__reader_end(struct store_reader *r);

/* Growing SQL text with values to bind, for queries whose conditions vary. */
#define QUERY_VALUES_MAX 20
struct query {
    struct buf sql;
    struct {
        const char *text; /* NULL: num */
        int64_t num;
    } values[QUERY_VALUES_MAX];
    int n;
};
void query_int(struct query *q, const char *condition,
               int64_t value); /* condition ends where the value goes */
void query_text(struct query *q, const char *condition, const char *value);
/* Rows by `at` within [since, until) and with ids below one; 0 each: no such bound. */
void query_page(struct query *q, int64_t since_ms, int64_t until_ms, uint64_t before_id);
sqlite3_stmt *query_prepare(struct query *q, sqlite3 *db, struct err *err);
void query_done(struct query *q);

static inline uint32_t listing_limit(uint32_t limit)
{
    return limit < STORE_LISTING_MAX ? limit : STORE_LISTING_MAX;
}

#endif
