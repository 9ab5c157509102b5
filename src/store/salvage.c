/* What to do with a damaged database: set it aside with its -wal and -shm, and copy what can still be read of the
 * small tables (targets, channels, alerts …) into the new one, so that Belfry goes on ringing. Results are not
 * copied: they may be gigabytes, and the damaged file keeps them for whoever wants to try. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/fs.h"
#include "base/log.h"
#include "store/store_priv.h"

#define ROWS_MAX 200000 /* of a table */

static void name_aside(const char *path, int attempt, char *out, size_t size)
{
    time_t now = time(NULL);
    struct tm tm;
    gmtime_r(&now, &tm);
    int n = snprintf(out, size, "%s.damaged-%04d%02d%02dT%02d%02d%02dZ", path, tm.tm_year + 1900,
                     tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec);
    if (attempt > 0 && n > 0 && (size_t)n < size)
        snprintf(out + n, size - (size_t)n, ".%d", attempt);
}

static void move_sidecar(const char *path, const char *aside, const char *suffix)
{
    char from[4200], to[4200];
    snprintf(from, sizeof(from), "%s%s", path, suffix);
    snprintf(to, sizeof(to), "%s%s", aside, suffix);
    if (rename(from, to) < 0 && errno != ENOENT)
        fs_unlink(from, NULL); /* a stranger's WAL must never be replayed into the new file */
}

int store__set_aside(const char *path, char **aside, struct err *err)
{
    char name[4096];
    int attempt = 0;
    do {
        name_aside(path, attempt, name, sizeof(name));
    } while (fs_exists(name) && ++attempt < 100);
    if (rename(path, name) < 0 && errno != ENOENT)
        return err_sys(err, ERR_IO, "cannot set the damaged store %s aside", path);
    move_sidecar(path, name, "-wal");
    move_sidecar(path, name, "-shm");
    *aside = strdup(name);
    must(*aside != NULL);
    return 0;
}

static sqlite3_stmt *prepare_insert(sqlite3 *db, const char *table, int columns)
{
    struct buf sql = BUF_INIT(4096);
    buf_printf(&sql, "INSERT OR IGNORE INTO %s VALUES(", table);
    for (int i = 1; i <= columns; i++)
        buf_printf(&sql, "%s?%d", i > 1 ? "," : "", i);
    buf_puts(&sql, ")");
    sqlite3_stmt *st = store__prepare(db, sql.data, NULL); /* NULL: an older schema's columns */
    buf_done(&sql);
    return st;
}

/* Rows in one direction until the first that cannot be read. True when the end was reached. */
static bool copy_rows(sqlite3 *from, sqlite3 *to, const char *table, const char *order,
                      int64_t *copied)
{
    cleanup(store__finalizep) sqlite3_stmt *select = store__preparef(
        from, NULL, "SELECT * FROM %s ORDER BY 1 %s LIMIT %d", table, order, ROWS_MAX);
    if (!select)
        return false;
    int columns = sqlite3_column_count(select);
    cleanup(store__finalizep) sqlite3_stmt *insert = prepare_insert(to, table, columns);
    if (!insert)
        return true; /* nothing to be done about it */
    int rc;
    while ((rc = sqlite3_step(select)) == SQLITE_ROW) {
        for (int i = 0; i < columns; i++)
            sqlite3_bind_value(insert, i + 1, sqlite3_column_value(select, i));
        if (sqlite3_step(insert) == SQLITE_DONE)
            *copied += sqlite3_changes(to);
        sqlite3_reset(insert);
    }
    return rc == SQLITE_DONE;
}

int64_t store__salvage(sqlite3 *db, const char *aside)
{
    static const char *const tables[] = {
        "targets",       "target_states", "notify_channels", "target_channels", "alert_records",
        "deliveries",    "maintenances",  "settings",        "ring_cursors",    "process_events",
        "process_units", "documents",     "audit_log",       "target_places",
    };
    sqlite3 *old = NULL;
    int64_t copied = 0;
    if (store__open_db(aside, false, &old, NULL) < 0)
        return 0;
    if (store__exec(db, NULL, "BEGIN IMMEDIATE") == 0) {
        for (size_t i = 0; i < array_len(tables); i++) {
            if (!copy_rows(old, db, tables[i], "ASC", &copied))
                copy_rows(old, db, tables[i], "DESC", &copied);
        }
        if (store__exec(db, NULL, "COMMIT") < 0) {
            store__rollback(db);
            copied = 0;
        }
    }
    int rc = sqlite3_close(old);
    must(rc == SQLITE_OK);
    return copied;
}
