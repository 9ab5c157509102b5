/* The store when things go wrong: a lock, a full disk, a damaged or newer file, a failing write anywhere, kill -9.
 * What was submitted comes back in order; what was committed is there; what was not is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include <fcntl.h>
#include <dirent.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/must.h"
#include "base/rng.h"
#include "store_helper.h"

static struct batch *numbered(struct arena *a, uint64_t first, uint64_t n)
{
    struct batch *b = batch_new();
    arena_reset(a);
    for (uint64_t i = first; i < first + n; i++) {
        struct result r = plain_result(a, i % 50 + 1, clock_wall_ms(), true);
        batch_result(b, i, &r, false);
    }
    batch_cursor(b, 1, first + n - 1);
    return b;
}

/* Submits again, in order, all that was handed back. */
static void resubmit(struct fixture *f)
{
    struct batch *again[64];
    int n = f->n_returned;
    memcpy(again, f->returned, sizeof(again));
    f->n_returned = 0;
    int answers = f->done + n, failed = f->failed;
    for (int i = 0; i < n; i++)
        fixture_submit(f, again[i]);
    fixture_wait(f, answers);
    assert_int_equal(f->failed, failed);
}

static void locked_by_another(void **state)
{
    struct arena *a = arena_new();
    struct fixture f;
    fixture_init(&f);
    fixture_open(&f);
    fixture_run(&f, numbered(a, 1, 10));
    sqlite3 *other;
    assert_int_equal(sqlite3_open(f.path, &other), SQLITE_OK);
    sqlite3_busy_timeout(other, 5000); /* the store may be keeping house */
    assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
    fixture_submit(&f, numbered(a, 11, 10));
    fixture_submit(&f, numbered(a, 21, 10));
    fixture_wait(&f, 3);
    assert_int_equal(f.n_returned, 2);
    assert_int_equal(f.last.code, ERR_BUSY);
    assert_int_equal(f.sick, 1);
    assert_int_equal(f.illness, ERR_BUSY);
    assert_int_equal(f.well, 0);
    sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
    sqlite3_close(other);
    resubmit(&f);
    assert_int_equal(f.well, 1);
    assert_int_equal(sql_int(f.path, "SELECT count(*) FROM probe_results"), 30);
    assert_int_equal(sql_int(f.path, "SELECT seq FROM ring_cursors"), 30);
    arena_free(a);
    fixture_done(&f);
}

static void fill_disk(const char *dir, const char *name)
{
    char path[200];
    static char block[65536];
    memset(block, 'x', sizeof(block));
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    int fd = open(path, O_CREAT | O_WRONLY, 0600);
    while (write(fd, block, sizeof(block)) > 0)
        ;
    close(fd);
}

static void full_disk(void **state)
{
    if (geteuid() != 0)
        skip();
    struct arena *a = arena_new();
    struct fixture f;
    fixture_init(&f);
    if (mount("tmpfs", f.dir, "tmpfs", 0, "size=3m") < 0) {
        rmdir(f.dir);
        arena_free(a);
        skip();
    }
    fixture_open(&f);
    fixture_run(&f, numbered(a, 1, 100));
    fill_disk(f.dir, "ballast");
    uint64_t next = 101;
    for (int i = 0; i < 40 && f.failed == 0; i++, next += 1000) {
        fixture_submit(&f, numbered(a, next, 1000));
        fixture_wait(&f, f.done + 1 > 2 + i ? f.done : 2 + i);
    }
    assert_int_equal(f.illness, ERR_FULL);
    assert_int_equal(f.n_returned, 1);
    assert_true(err_code_retry(f.last.code));

    /* Alerts are kept, results go, when the caller says so; and it resumes by itself. */
    char ballast[200];
    snprintf(ballast, sizeof(ballast), "%s/ballast", f.dir);
    unlink(ballast);
    resubmit(&f);
    assert_int_equal(f.well, 1);
    assert_int_equal(sql_int(f.path, "SELECT count(*) FROM probe_results"), (int64_t)next - 1);
    fixture_close(&f);
    umount2(f.dir, MNT_DETACH);
    arena_free(a);
    fixture_done(&f);
}

static void see_nothing(void *arg, const struct target *t, const struct target_state *st,
                        const char *message)
{
    ++*(int *)arg;
}

static struct target small_target(uint64_t id)
{
    return (struct target){.id = id, .name = "t", .type = "tcp", .group = "g", .config_json = "{}"};
}

/* Writes a store with targets and results, closed. */
static void prepare(struct fixture *f)
{
    struct arena *a = arena_new();
    fixture_init(f);
    fixture_open(f);
    struct batch *b = batch_new();
    for (uint64_t i = 1; i <= 50; i++) {
        struct target t = small_target(i);
        batch_target_put(b, &t);
    }
    fixture_run(f, b);
    for (uint64_t i = 0; i < 5; i++)
        fixture_run(f, numbered(a, 1 + i * 1000, 1000));
    fixture_close(f);
    arena_free(a);
}

static void damage(const char *path, int64_t offset, int64_t n)
{
    int fd = open(path, O_WRONLY);
    for (int64_t i = 0; i < n; i++)
        must(pwrite(fd, "\xa5", 1, offset + i) == 1);
    close(fd);
}

static int count_aside(const struct fixture *f)
{
    int n = 0;
    DIR *d = opendir(f->dir);
    for (struct dirent *e; (e = readdir(d));)
        n += strstr(e->d_name, ".damaged-") != NULL && !strstr(e->d_name, "-wal") &&
             !strstr(e->d_name, "-shm");
    closedir(d);
    return n;
}

static void damaged_at_open(void **state)
{
    static const struct {
        const char *what;
        int64_t offset, n, cut;
        int targets; /* saved, at least */
    } cases[] = {
        {"no database at all", 0, 100, 0, 0},
        {"a page of garbage in the results", 4096 * 40, 4096, 0, 50},
        {"many pages of garbage", 4096 * 30, 4096 * 20, 0, 50},
        {"the schema", 100, 2000, 0, 0},
        {"cut off", 0, 0, 4096 * 20 + 100, 0},
        {"cut within the first page", 0, 0, 1000, 0},
    };
    for (size_t i = 0; i < array_len(cases); i++) {
        struct fixture f;
        prepare(&f);
        if (cases[i].n)
            damage(f.path, cases[i].offset, cases[i].n);
        if (cases[i].cut)
            assert_int_equal(truncate(f.path, cases[i].cut), 0);
        bool damaged = false;
        struct err err = {0};
        f.store = store_open(&f.opt, &damaged, &err);
        if (!f.store || !damaged)
            fail_msg("%s: %s", cases[i].what, err.msg);
        assert_int_equal(count_aside(&f), 1);
        int targets = 0;
        assert_int_equal(store_load_targets(f.store, see_nothing, &targets, NULL), 0);
        if (targets < cases[i].targets)
            fail_msg("%s: %d targets saved", cases[i].what, targets);
        struct arena *a = arena_new();
        fixture_run(&f, numbered(a, 10000, 10));
        assert_int_equal(sql_int(f.path, "SELECT count(*) FROM probe_results"), 10);
        arena_free(a);
        fixture_done(&f);
    }
}

/* The file is overwritten under the running store: it goes on with a new one, without a batch lost. */
static void damaged_while_running(void **state)
{
    struct arena *a = arena_new();
    struct fixture f;
    prepare(&f);
    fixture_open(&f);
    struct store_reader *r = store_reader_open(f.store, NULL);
    fixture_run(&f, numbered(a, 20000, 10));
    int64_t pages = sql_int(f.path, "PRAGMA page_count");
    sql_int(f.path, "PRAGMA wal_checkpoint(TRUNCATE)");
    damage(f.path, 4096, (pages - 1) * 4096);
    for (uint64_t i = 0; i < 30 && f.sick == 0; i++) {
        struct batch *b = numbered(a, 30000 + i * 10, 10);
        struct target t = small_target(100 + i);
        batch_target_put(b, &t);
        fixture_run(&f, b); /* succeeds on the new file */
    }
    assert_int_equal(f.illness, ERR_DAMAGED);
    assert_int_equal(f.n_returned, 0);
    assert_int_equal(count_aside(&f), 1);
    fixture_run(&f, numbered(a, 40000, 10));
    assert_int_equal(f.well, 1);
    assert_true(sql_int(f.path, "SELECT count(*) FROM probe_results") >= 20);
    assert_null(store_setting(r, "x", a)); /* the reader follows to the new file */
    store_reader_close(&r);
    arena_free(a);
    fixture_done(&f);
}

static void newer_schema_is_refused(void **state)
{
    struct fixture f;
    prepare(&f);
    sql_run(f.path, "PRAGMA user_version=9999");
    struct err err = {0};
    bool damaged = false;
    assert_null(store_open(&f.opt, &damaged, &err));
    assert_int_equal(err.code, ERR_CONFLICT);
    assert_non_null(strstr(err.msg, "newer"));
    assert_false(damaged);
    assert_int_equal(sql_int(f.path, "SELECT count(*) FROM targets"), 50); /* untouched */
    fixture_done(&f);
}

static void an_empty_file_is_a_new_store(void **state)
{
    struct fixture f;
    fixture_init(&f);
    close(open(f.path, O_CREAT | O_WRONLY, 0644));
    fixture_open(&f);
    assert_true(sql_int(f.path, "PRAGMA user_version") >= 1);
    fixture_done(&f);
}

static void unusable_path_is_told(void **state)
{
    struct fixture f;
    fixture_init(&f);
    char path[200];
    snprintf(path, sizeof(path), "%s/no/such/dir/belfry.db", f.dir);
    struct store_options opt = {.path = path};
    struct err err = {0};
    assert_null(store_open(&opt, NULL, &err));
    assert_int_equal(err.code, ERR_IO);
    fixture_done(&f);
}

/* --- a VFS whose Nth write, sync or truncation fails --- */

struct shim_file {
    sqlite3_file base;
    sqlite3_io_methods methods;
    sqlite3_file *real;
};

static struct {
    sqlite3_vfs vfs, *real;
    _Atomic int countdown; /* the Nth operation from now fails; 0 off */
    _Atomic int code;
} shim;

static bool shim_fails(void)
{
    int left = shim.countdown;
    if (left <= 0)
        return false;
    shim.countdown = left - 1;
    return left == 1;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct shim_file *)f)->real;
}

static int shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    return shim_fails() ? shim.code : real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
}

static int shim_sync(sqlite3_file *f, int flags)
{
    return shim_fails() ? SQLITE_IOERR_FSYNC : real_of(f)->pMethods->xSync(real_of(f), flags);
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 n)
{
    return shim_fails() ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), n);
}

#define PASS(ret, name, params, args)           \
    static ret shim_##name params               \
    {                                           \
        return real_of(f)->pMethods->name args; \
    }
PASS(int, xRead, (sqlite3_file * f, void *p, int n, sqlite3_int64 at), (real_of(f), p, n, at))
PASS(int, xFileSize, (sqlite3_file * f, sqlite3_int64 *n), (real_of(f), n))
PASS(int, xLock, (sqlite3_file * f, int k), (real_of(f), k))
PASS(int, xUnlock, (sqlite3_file * f, int k), (real_of(f), k))
PASS(int, xCheckReservedLock, (sqlite3_file * f, int *out), (real_of(f), out))
PASS(int, xFileControl, (sqlite3_file * f, int op, void *p), (real_of(f), op, p))
PASS(int, xSectorSize, (sqlite3_file * f), (real_of(f)))
PASS(int, xDeviceCharacteristics, (sqlite3_file * f), (real_of(f)))
PASS(int, xShmMap, (sqlite3_file * f, int i, int n, int w, void volatile **p),
     (real_of(f), i, n, w, p))
PASS(int, xShmLock, (sqlite3_file * f, int o, int n, int fl), (real_of(f), o, n, fl))
PASS(int, xShmUnmap, (sqlite3_file * f, int d), (real_of(f), d))

static void shim_xShmBarrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int shim_close(sqlite3_file *f)
{
    int rc = real_of(f)->pMethods->xClose(real_of(f));
    sqlite3_free(real_of(f));
    return rc;
}

static int shim_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    struct shim_file *file = (struct shim_file *)f;
    file->base.pMethods = NULL;
    file->real = sqlite3_malloc(shim.real->szOsFile);
    int rc = shim.real->xOpen(shim.real, name, file->real, flags, out);
    if (rc != SQLITE_OK) {
        sqlite3_free(file->real);
        return rc;
    }
    file->methods = (sqlite3_io_methods){
        .iVersion = 2,
        .xClose = shim_close,
        .xRead = shim_xRead,
        .xWrite = shim_write,
        .xTruncate = shim_truncate,
        .xSync = shim_sync,
        .xFileSize = shim_xFileSize,
        .xLock = shim_xLock,
        .xUnlock = shim_xUnlock,
        .xCheckReservedLock = shim_xCheckReservedLock,
        .xFileControl = shim_xFileControl,
        .xSectorSize = shim_xSectorSize,
        .xDeviceCharacteristics = shim_xDeviceCharacteristics,
        .xShmMap = shim_xShmMap,
        .xShmLock = shim_xShmLock,
        .xShmBarrier = shim_xShmBarrier,
        .xShmUnmap = shim_xShmUnmap,
    };
    file->base.pMethods = &file->methods;
    return SQLITE_OK;
}

static void shim_install(void)
{
    shim.real = sqlite3_vfs_find(NULL);
    shim.vfs = *shim.real;
    shim.vfs.zName = "shim";
    shim.vfs.pNext = NULL;
    shim.vfs.szOsFile = sizeof(struct shim_file);
    shim.vfs.xOpen = shim_open;
    sqlite3_vfs_register(&shim.vfs, 1);
}

/* Each batch is retried until it is in; then everything must be there once, whatever failed in between. */
static void any_write_may_fail(void **state)
{
    static const int codes[] = {SQLITE_FULL, SQLITE_IOERR_WRITE};
    struct arena *a = arena_new();
    int failures = 0;
    shim_install();
    for (size_t k = 0; k < array_len(codes); k++) {
        struct fixture f;
        fixture_init(&f);
        fixture_open(&f);
        uint64_t next = 1;
        for (int n = 1; n <= 60; n++) {
            shim.code = codes[k];
            shim.countdown = n;
            int answers = f.done + 2;
            fixture_submit(&f, numbered(a, next, 400));
            fixture_submit(&f, numbered(a, next + 400, 400));
            fixture_wait(&f, answers);
            next += 800;
            shim.countdown = 0;
            failures += f.n_returned > 0;
            if (f.n_returned > 0)
                resubmit(&f);
            assert_int_equal(f.n_returned, 0);
        }
        assert_int_equal(sql_int(f.path, "SELECT count(*) FROM probe_results"), (int64_t)next - 1);
        assert_int_equal(sql_int(f.path, "SELECT count(DISTINCT id) FROM probe_results"),
                         (int64_t)next - 1);
        assert_int_equal(sql_int(f.path, "SELECT seq FROM ring_cursors"), (int64_t)next - 1);
        fixture_close(&f);
        fixture_open(&f); /* and the file is sound */
        fixture_done(&f);
    }
    sqlite3_vfs_unregister(&shim.vfs);
    sqlite3_vfs_register(shim.real, 1);
    print_message("%d injected failures reached a batch\n", failures);
    assert_true(failures > 20);
    arena_free(a);
}

/* --- kill -9 --- */

/* The child: replays "records" from the cursor on, for ever. Record number = result id. *written: its batches in the store. */
static _Noreturn void child(const char *path, _Atomic uint64_t *written)
{
    struct store *s = store_open(&(struct store_options){.path = path}, NULL, NULL);
    must(s != NULL);
    uint64_t seq;
    must(store_load_cursor(s, 1, &seq, NULL) == 0);
    struct arena *a = arena_new();
    struct store_stats st;
    for (;;) {
        store_submit(s, numbered(a, seq + 1, 50), NULL, NULL);
        seq += 50;
        for (store_stats(s, &st); st.queued_batches > 8; store_stats(s, &st)) {
            atomic_store(written, st.batches);
            usleep(200);
        }
    }
}

static void killed_at_any_moment(void **state)
{
    struct fixture f;
    fixture_init(&f);
    struct rng rng;
    rng_seed(&rng, (uint64_t)getpid());
    int64_t last = 0, merges = 0, moved = 0;
    _Atomic uint64_t *written =
        mmap(NULL, sizeof(*written), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(written != MAP_FAILED);
    for (int i = 0; i < 100; i++) {
        atomic_store(written, 0);
        pid_t pid = fork();
        if (pid == 0)
            child(f.path, written);
        while (i % 4 != 0 &&
               atomic_load(written) == 0) /* each fourth: while it opens the store, too */
            usleep(1000);
        usleep((useconds_t)rng_below(&rng, 60000) + 5000);
        kill(pid, SIGKILL);
        int status;
        waitpid(pid, &status, 0);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        if (sql_int(f.path, "SELECT count(*) FROM sqlite_schema WHERE name='ring_cursors'") == 0)
            continue; /* killed before the schema was there */
        int64_t seq = sql_int(f.path, "SELECT max(seq) FROM ring_cursors");
        assert_true(seq >= last);
        last = seq;
        assert_int_equal(sql_int(f.path, "SELECT count(*) FROM probe_results"), seq);
        if (i % 10 == 9)
            assert_int_equal(sql_int(f.path, "SELECT count(DISTINCT id) FROM probe_results"), seq);
        merges += sql_int(f.path, "SELECT upto>0 FROM results_merge");
        moved = sql_int(f.path, "SELECT coalesce(sum(rows),0) FROM result_parts");
    }
    print_message("100 kills: %lld results, %lld of them merged, %lld kills during a merge\n",
                  (long long)last, (long long)moved, (long long)merges);
    assert_true(last > 0);
    munmap(written, sizeof(*written));
    fixture_open(&f);
    fixture_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(locked_by_another),       cmocka_unit_test(full_disk),
        cmocka_unit_test(damaged_at_open),         cmocka_unit_test(damaged_while_running),
        cmocka_unit_test(newer_schema_is_refused), cmocka_unit_test(an_empty_file_is_a_new_store),
        cmocka_unit_test(unusable_path_is_told),   cmocka_unit_test(any_write_may_fail),
        cmocka_unit_test(killed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
