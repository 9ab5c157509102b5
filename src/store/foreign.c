/* Databases of other programs, for importers: read only, nothing of them is trusted. */
#include "store/store_priv.h"

static int open_foreign(const char *path, sqlite3 **db, struct err *err)
{
    if (sqlite3_open_v2(path, db, SQLITE_OPEN_READONLY, NULL) != SQLITE_OK)
        return store__fail(*db, err, "open");
    sqlite3_db_config(*db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(*db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    sqlite3_limit(*db, SQLITE_LIMIT_LENGTH, 16 << 20);
    return 0;
}

int store_read_foreign(const char *path, const char *sql,
                       void (*fn)(void *arg, const struct foreign_row *row), void *arg,
                       struct err *err)
{
    sqlite3 *db = NULL;
    int rc = open_foreign(path, &db, err), step = SQLITE_ERROR;
    cleanup(store__finalizep) sqlite3_stmt *st = rc == 0 ? store__prepare(db, sql, err) : NULL;
    const char *names[FOREIGN_COLUMNS], *values[FOREIGN_COLUMNS];
    struct foreign_row row = {.names = names, .values = values};
    if (st) {
        int n = sqlite3_column_count(st);
        row.n = (size_t)(n < FOREIGN_COLUMNS ? n : FOREIGN_COLUMNS);
    }
    for (size_t i = 0; st && i < row.n; i++)
        names[i] = sqlite3_column_name(st, (int)i);
    while (st && (step = sqlite3_step(st)) == SQLITE_ROW) {
        for (size_t i = 0; i < row.n; i++)
            values[i] = (const char *)sqlite3_column_text(st, (int)i);
        fn(arg, &row);
    }
    rc = st && step == SQLITE_DONE ? 0 : st ? store__fail(db, err, "read") : -1;
    store__finalizep(&st);
    sqlite3_close(db);
    return rc;
}
