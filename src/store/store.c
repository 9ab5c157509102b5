/* Opening and closing the store; replacing a damaged file. store_open and store_close run on the core's loop,
 * store__replace on the writer thread (or in store_open, before it exists). */
#include "store/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fs.h"
#include "base/log.h"
#include "store/store_priv.h"

#define CHECK_NS         (100 * NS_PER_MS) /* of quick_check at the start: a successor must probe soon */
#define KEEP_MS_MAX      (400 * DAY_MS)
#define KEEP_MS_USUAL    (30 * DAY_MS)
#define BYTES_USUAL      (INT64_C(10) << 30)
#define AUDIT_KEEP_USUAL (400 * DAY_MS)

/* Secrets of channels and targets lie in it; -wal and -shm take its mode. */
static int create_private(const char *path, struct err *err)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return err_sys(err, ERR_IO, "cannot create the store %s", path);
    close(fd);
    return 0;
}

static int over_deadline(void *arg)
{
    return clock_mono_ns() > *(int64_t *)arg;
}

/* As much of SQLite's own check as fits into CHECK_NS. */
static int quick_check(sqlite3 *db, struct err *err)
{
    int64_t deadline = clock_mono_ns() + CHECK_NS;
    cleanup(store__finalizep) sqlite3_stmt *st = store__prepare(db, "PRAGMA quick_check(1)", err);
    if (!st)
        return -1;
    sqlite3_progress_handler(db, 5000, over_deadline, &deadline);
    int rc = sqlite3_step(st);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    if (rc == SQLITE_INTERRUPT || rc == SQLITE_DONE)
        return 0;
    if (rc != SQLITE_ROW)
        return store__fail(db, err, "check");
    if (strcmp(store__text(st, 0), "ok") == 0)
        return 0;
    return err_set(err, ERR_DAMAGED, "cannot open the store %s: the file is damaged: %s",
                   sqlite3_db_filename(db, "main"), store__text(st, 0));
}

int store__open_all(struct store *s, struct err *err)
{
    must(s->db == NULL);
    if (create_private(s->path, err) < 0 || store__open_db(s->path, true, &s->db, err) < 0)
        return -1;
    if (store__migrate(s->db, err) < 0 || quick_check(s->db, err) < 0 ||
        store__hot_load(s, err) < 0 || store__parts_load(s, err) < 0 ||
        store__prepare_ops(s, err) < 0) {
        store__close_all(s);
        return -1;
    }
    return 0;
}

void store__close_all(struct store *s)
{
    store__merge_forget(s);
    store__parts_done(s);
    store__finalize_ops(s);
    store__hot_done(&s->hot);
    s->pruning[0] = '\0';
    if (s->db) {
        store__rollback(s->db);
        int rc = sqlite3_close(s->db);
        must(rc == SQLITE_OK); /* else a statement was forgotten */
    }
    s->db = NULL;
}

int store__replace(struct store *s, struct err *err)
{
    struct err why = err ? *err : (struct err){0};
    store__close_all(s);
    char *aside = NULL;
    if (store__set_aside(s->path, &aside, err) < 0)
        return -1;
    int failed = store__open_all(s, err);
    if (!failed) {
        int64_t rows = store__salvage(s->db, aside);
        log_error("the store was damaged; it was set aside and a new one begun",
                  F_STR("aside", aside), F_INT("rows_saved", rows), F_STR("damage", why.msg));
        atomic_fetch_add(&s->generation, 1);
    }
    free(aside);
    return failed;
}

static struct store *new_store(const struct store_options *opt)
{
    struct store *s = calloc(1, sizeof(*s));
    must(s != NULL);
    s->magic = STORE_MAGIC;
    s->opt = *opt;
    s->path = strdup(opt->path);
    s->mailbox = calloc(1, sizeof(*s->mailbox));
    must(s->path != NULL && s->mailbox != NULL);
    s->mailbox->store = s;
    if (s->opt.results_keep_ms <= 0)
        s->opt.results_keep_ms = KEEP_MS_USUAL;
    if (s->opt.results_keep_ms > KEEP_MS_MAX)
        s->opt.results_keep_ms = KEEP_MS_MAX;
    if (s->opt.audit_keep_ms <= 0)
        s->opt.audit_keep_ms = AUDIT_KEEP_USUAL;
    if (s->opt.results_max_bytes <= 0)
        s->opt.results_max_bytes = BYTES_USUAL;
    s->queue_end = &s->queue;
    s->completed_end = &s->completed;
    s->written = map_u64_new();
    pthread_mutex_init(&s->lock, NULL);
    pthread_mutex_init(&s->hot.lock, NULL);
    pthread_condattr_t attr;
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_cond_init(&s->wake, &attr);
    pthread_condattr_destroy(&attr);
    return s;
}

static void free_store(struct store *s)
{
    store__close_all(s);
    map_u64_free(s->written);
    pthread_cond_destroy(&s->wake);
    pthread_mutex_destroy(&s->lock);
    pthread_mutex_destroy(&s->hot.lock);
    s->mailbox->store = NULL;
    if (s->mailbox->posts == 0)
        free(s->mailbox); /* else the post on its way does */
    free(s->path);
    s->magic = 0;
    free(s);
}

struct store *store_open(const struct store_options *opt, bool *damaged, struct err *err)
{
    must(opt != NULL && opt->path != NULL);
    struct err why = {0};
    bool replaced = false;
    struct store *s = new_store(opt);
    int failed = store__open_all(s, &why);
    if (failed && why.code == ERR_DAMAGED) {
        replaced = true;
        failed = store__replace(s, &why);
    }
    if (failed || pthread_create(&s->thread, NULL, store__writer_main, s) != 0) {
        if (err)
            *err = why;
        if (!failed)
            err_sys(err, ERR_IO, "cannot start the store's thread");
        free_store(s);
        return NULL;
    }
    if (damaged)
        *damaged = replaced;
    return s;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    check_magic(s, STORE_MAGIC);
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_cond_signal(&s->wake);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    int posts = s->mailbox->posts;
    store__deliver(s);
    s->mailbox->posts = posts; /* still on its way */
    must(s->queue == NULL && s->completed == NULL);
    free_store(s);
}

void store_stats(struct store *s, struct store_stats *out)
{
    check_magic(s, STORE_MAGIC);
    pthread_mutex_lock(&s->lock);
    *out = s->stats;
    pthread_mutex_unlock(&s->lock);
}
