/* A consistent copy of the database while it is written: SQLite's backup API over one read transaction, so that it never has
 * to begin again. Any thread; the writer does not wait for it, only the write-ahead log grows meanwhile. */
#include <fcntl.h>
#include <unistd.h>

#include "store/store_priv.h"

#define PAGES_A_STEP 2000

static int copy(sqlite3 *from, sqlite3 *to, bool (*stop)(const void *arg), const void *arg,
                struct err *err)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc = b ? SQLITE_OK : SQLITE_ERROR;
    while (rc == SQLITE_OK || rc == SQLITE_BUSY || rc == SQLITE_LOCKED) {
        if (stop && stop(arg)) {
            sqlite3_backup_finish(b);
            return err_set(err, ERR_CANCELLED, "the backup was cancelled");
        }
        rc = sqlite3_backup_step(b, PAGES_A_STEP);
    }
    if (b)
        sqlite3_backup_finish(b);
    return rc == SQLITE_DONE ? 0 : store__fail(to, err, "back up into");
}

/* A file of its own, without a log beside it. */
static int open_copy(const char *path, sqlite3 **out, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "cannot create %s", path);
    close(fd);
    if (sqlite3_open_v2(path, out, SQLITE_OPEN_READWRITE, NULL) == SQLITE_OK)
        return 0;
    return store__fail(*out, err, "open");
}

int store_backup(struct store *s, const char *path, bool (*stop)(const void *arg), const void *arg,
                 struct err *err)
{
    check_magic(s, STORE_MAGIC);
    sqlite3 *from = NULL, *to = NULL;
    int64_t one;
    int rc = store__open_db(s->path, false, &from, err);
    if (rc == 0)
        rc = store__exec(from, err, "BEGIN");
    if (rc == 0) /* the transaction begins with the first read */
        rc = store__int(from, "SELECT count(*) FROM settings", &one, err);
    if (rc == 0)
        rc = open_copy(path, &to, err);
    if (rc == 0)
        rc = copy(from, to, stop, arg, err);
    if (rc == 0) /* readable where no log can be written */
        rc = store__exec(to, err, "PRAGMA journal_mode=DELETE");
    sqlite3_close(to);
    sqlite3_close(from);
    return rc;
}

int store_verify(const char *path, struct err *err)
{
    sqlite3 *db = NULL;
    int64_t version = 0;
    int rc = sqlite3_open_v2(path, &db, SQLITE_OPEN_READONLY, NULL) == SQLITE_OK
                 ? 0
                 : store__fail(db, err, "open");
    cleanup(store__finalizep) sqlite3_stmt *st =
        rc == 0 ? store__prepare(db, "PRAGMA quick_check(1)", err) : NULL;
    if (rc == 0 && (!st || sqlite3_step(st) != SQLITE_ROW))
        rc = st ? store__fail(db, err, "check") : -1;
    else if (rc == 0 && strcmp(store__text(st, 0), "ok") != 0)
        rc = err_set(err, ERR_DAMAGED, "%s: %s", path, store__text(st, 0));
    store__finalizep(&st);
    if (rc == 0)
        rc = store__int(db, "PRAGMA user_version", &version, err);
    if (rc == 0 && (version < 1 || version > store__schema_newest()))
        rc = err_set(err, ERR_CONFLICT,
                     "%s has schema %lld; this Belfry knows up to %d: use the one that wrote it",
                     path, (long long)version, store__schema_newest());
    sqlite3_close(db);
    return rc;
}
