/* SQLite connections of the store: how they are opened, how their errors become ours. Any thread, each
 * with a connection of its own. No mmap: a page that cannot be read must be an error, not a SIGBUS. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "store/store_priv.h"

static enum err_code code_of(int rc, int sys)
{
    if (rc == SQLITE_IOERR_CORRUPTFS || rc == SQLITE_IOERR_DATA)
        return ERR_DAMAGED;
    switch (rc & 0xff) {
    case SQLITE_FULL:
        return ERR_FULL;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_PROTOCOL:
        return ERR_BUSY;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
        return ERR_DAMAGED;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return sys == ENOSPC || sys == EDQUOT ? ERR_FULL : ERR_IO;
    case SQLITE_INTERRUPT:
        return ERR_TIMEOUT;
    case SQLITE_TOOBIG:
        return ERR_TOO_LARGE;
    default:
        return ERR_INTERNAL;
    }
}

int store__fail(sqlite3 *db, struct err *err, const char *what)
{
    int rc = sqlite3_extended_errcode(db);
    int sys = sqlite3_system_errno(db);
    enum err_code code = code_of(rc, sys);
    static const char *const story[] = {
        [ERR_FULL] = "the disk is full",
        [ERR_BUSY] = "another program has locked it",
        [ERR_DAMAGED] = "the file is damaged",
        [ERR_TIMEOUT] = "the query takes too long",
    };
    const char *text = (size_t)code < array_len(story) ? story[code] : NULL;
    const char *path = sqlite3_db_filename(db, "main");
    err_set(err, code, "cannot %s the store %s: %s%s%s (SQLite %d)", what, path ? path : "",
            text ? text : "", text ? ": " : "", sqlite3_errmsg(db), rc);
    if (err)
        err->sys_errno = sys;
    return -1;
}

int store__exec(sqlite3 *db, struct err *err, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        return store__fail(db, err, "change");
    return 0;
}

static char *format_sql(const char *fmt, va_list ap)
{
    char *sql = sqlite3_vmprintf(fmt, ap);
    must(sql != NULL);
    return sql;
}

int store__execf(sqlite3 *db, struct err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *sql = format_sql(fmt, ap);
    va_end(ap);
    int rc = store__exec(db, err, sql);
    sqlite3_free(sql);
    return rc;
}

sqlite3_stmt *store__prepare(sqlite3 *db, const char *sql, struct err *err)
{
    sqlite3_stmt *st = NULL;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &st, NULL) != SQLITE_OK) {
        store__fail(db, err, "prepare a statement for");
        return NULL;
    }
    return st;
}

sqlite3_stmt *store__preparef(sqlite3 *db, struct err *err, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    char *sql = format_sql(fmt, ap);
    va_end(ap);
    sqlite3_stmt *st = store__prepare(db, sql, err);
    sqlite3_free(sql);
    return st;
}

void store__finalizep(sqlite3_stmt **st)
{
    sqlite3_finalize(*st);
    *st = NULL;
}

int store__int(sqlite3 *db, const char *sql, int64_t *out, struct err *err)
{
    cleanup(store__finalizep) sqlite3_stmt *st = store__prepare(db, sql, err);
    if (!st)
        return -1;
    int rc = sqlite3_step(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return store__fail(db, err, "read");
    *out = rc == SQLITE_ROW ? sqlite3_column_int64(st, 0) : 0;
    return 0;
}

const char *store__text(sqlite3_stmt *st, int column)
{
    const char *text = (const char *)sqlite3_column_text(st, column);
    return text ? text : "";
}

void store__rollback(sqlite3 *db)
{
    if (!sqlite3_get_autocommit(db))
        sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
}

/* Memory: a page cache of 2 MB for the writer, 512 KB for a reader. The WAL is written back at 8 MB and cut to
 * that size. synchronous=NORMAL: a commit survives any kill; the power cord may take the last ones, together
 * with their ring cursors. */
#define COMMON_PRAGMAS "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA foreign_keys=OFF;"
#define WRITER_PRAGMAS                                                                            \
    COMMON_PRAGMAS "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA cache_size=-2048;" \
                   "PRAGMA wal_autocheckpoint=2048; PRAGMA journal_size_limit=8388608;"
#define READER_PRAGMAS COMMON_PRAGMAS "PRAGMA query_only=1; PRAGMA cache_size=-512;"

int store__open_db(const char *path, bool writer, sqlite3 **out, struct err *err)
{
    must(path != NULL && path[0]);
    sqlite3 *db = NULL;
    int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | (writer ? SQLITE_OPEN_CREATE : 0);
    if (sqlite3_open_v2(path, &db, flags, NULL) != SQLITE_OK)
        goto fail;
    sqlite3_extended_result_codes(db, 1);
    sqlite3_busy_timeout(db, BUSY_MS);
    sqlite3_limit(db, SQLITE_LIMIT_WORKER_THREADS, 0);
    if (sqlite3_exec(db, writer ? WRITER_PRAGMAS : READER_PRAGMAS, NULL, NULL, NULL) != SQLITE_OK)
        goto fail;
    *out = db;
    return 0;
fail:
    if (db)
        store__fail(db, err, "open");
    else
        err_set(err, ERR_INTERNAL, "cannot open the store %s: out of memory", path);
    sqlite3_close(db);
    return -1;
}
