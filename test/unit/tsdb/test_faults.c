/* The store when the disk fails it: the Nth write, sync or rename fails, is cut short, or everything fails from there on; and kill -9 under
 * ingestion. Afterwards every acknowledged sample is there, none that was refused, none twice.
 *
 * The linker puts the functions below in the place of the system's (meson.build, --wrap). Batch k holds value k of every series
 * at second k. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tsdb_helper.h"

/* --- the disk --- */

enum fault { FAULT_NONE, FAULT_ONCE, FAULT_CUT, FAULT_FOREVER };
struct disk {
    enum fault fault;
    long at, calls; /* the call that fails */
};
static struct disk disk;

ssize_t __real_pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at);
ssize_t __real_write(int fd, const void *p, size_t n);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __real_rename(const char *from, const char *to);
int __wrap_rename(const char *from, const char *to);

static bool fails(void)
{
    if (disk.fault == FAULT_NONE)
        return false;
    long call = __atomic_add_fetch(&disk.calls, 1, __ATOMIC_SEQ_CST);
    bool now = disk.fault == FAULT_FOREVER ? call >= disk.at : call == disk.at;
    errno = now ? (disk.at % 2 ? ENOSPC : EIO) : errno;
    return now;
}

ssize_t __wrap_pwrite64(int fd, const void *p, size_t n, off_t at)
{
    if (!fails())
        return __real_pwrite64(fd, p, n, at);
    if (disk.fault == FAULT_CUT && n > 1) {
        ssize_t cut = __real_pwrite64(fd, p, n / 2, at);
        disk.at = disk.calls + 1; /* and the rest fails */
        disk.fault = FAULT_ONCE;
        return cut;
    }
    return -1;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    return fd > STDERR_FILENO && fails() ? -1 : __real_write(fd, p, n);
}

int __wrap_fdatasync(int fd)
{
    return fails() ? -1 : 0; /* the power stays on: nothing needs to reach the disk */
}

int __wrap_fsync(int fd)
{
    return fails() ? -1 : 0;
}

int __wrap_rename(const char *from, const char *to)
{
    return fails() ? -1 : __real_rename(from, to);
}

/* --- what is appended --- */

#define SERIES  20u
#define BATCHES 130u
#define KILLED  100000u

struct log_of { /* shared with the child */
    uint32_t tried;
    bool taken[KILLED];
};

static int64_t far_now(void)
{
    return INT64_MAX / 4;
}

static struct tsdb *open_quietly(const char *dir, bool manual, struct err *err)
{
    struct tsdb_options o = TSDB_OPTIONS;
    o.dir = dir;
    o.manual = manual;
    o.block_ms = 60000;
    o.snapshot_ms = 1;
    o.wal_sync_ms = 5;
    o.now_ms = far_now;
    return tsdb_open(&o, err);
}

static int append_batch(struct tsdb *db, uint32_t k)
{
    struct tsdb_row rows[SERIES];
    for (uint32_t i = 0; i < SERIES; i++)
        rows[i] = (struct tsdb_row){series_of(db, i), MODEL_START + k * INT64_C(1000), k};
    return tsdb_append(db, rows, SERIES, NULL, NULL);
}

static void check_one(const struct log_of *log, const struct samples *s)
{
    uint32_t at = 0;
    for (uint32_t k = 0; k <= log->tried; k++) {
        bool there = at < s->n && s->t[at] == MODEL_START + k * INT64_C(1000);
        if (log->taken[k] && !there)
            fail_msg("batch %u was acknowledged and is lost", k);
        if (there && s->v[at] != k)
            fail_msg("batch %u has the value %g", k, s->v[at]);
        if (there && !log->taken[k] && k != log->tried)
            fail_msg("batch %u was refused and is there", k);
        at += there;
    }
    assert_int_equal(at, s->n);
}

static void check_all(const char *dir, const struct log_of *log)
{
    struct err err = {0};
    struct tsdb *db = open_quietly(dir, true, &err);
    if (!db)
        fail_msg("%s", err.msg);
    struct series_source src = tsdb_source(db);
    struct series_select q = {.min_ms = INT64_MIN, .max_ms = INT64_MAX};
    struct series_set *set = src.ops->select(src.self, &q, &err);
    struct samples s = {0};
    assert_non_null(set);
    assert_true(set->n == SERIES || !log->taken[0]);
    for (uint32_t i = 0; i < set->n; i++) {
        s.n = 0;
        assert_int_equal(set->ops->read(set, i, INT64_MIN, INT64_MAX, COLUMN_RAW, &s, &err), 0);
        check_one(log, &s);
    }
    samples_done(&s);
    set->ops->free(set);
    tsdb_close(db);
}

static struct log_of *new_log(void)
{
    struct log_of *log =
        mmap(NULL, sizeof(*log), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(log != MAP_FAILED);
    return log;
}

/* --- faults --- */

/* Does everything that writes. The number of calls that could have failed. */
static void scenario(const char *dir, struct log_of *log)
{
    struct err err;
    struct tsdb *db = open_quietly(dir, true, &err);
    for (uint32_t k = 0; db && k < BATCHES; k++) {
        log->tried = k;
        log->taken[k] = append_batch(db, k) == 0;
        if (k % 30 == 20)
            tsdb_tick(db, k % 60 == 20, &err);
    }
    if (db && log->taken[1])
        tsdb_close(db);
}

static long run_faulty(const char *dir, struct log_of *log, enum fault fault, long at)
{
    long *calls =
        mmap(NULL, sizeof(*calls), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    must(calls != MAP_FAILED);
    pid_t child = fork();
    must(child >= 0);
    if (child == 0) {
        must(freopen("/dev/null", "w", stderr) != NULL);
        disk = (struct disk){.fault = fault, .at = at};
        scenario(dir, log);
        *calls = disk.calls;
        _exit(0);
    }
    int status;
    must(waitpid(child, &status, 0) == child);
    assert_int_equal(status, 0);
    long n = *calls;
    munmap(calls, sizeof(*calls));
    return n;
}

static void faults_of(enum fault fault)
{
    struct log_of *log = new_log();
    char *dir = fresh_dir();
    long calls = run_faulty(dir, log, FAULT_ONCE, -1);
    check_all(dir, log);
    drop_dir(dir);
    assert_true(calls > BATCHES);
    for (long at = 1; at <= calls; at += at < 40 ? 1 : 1 + at / 30) {
        memset(log, 0, sizeof(*log));
        dir = fresh_dir();
        run_faulty(dir, log, fault, at);
        check_all(dir, log);
        drop_dir(dir);
    }
    munmap(log, sizeof(*log));
}

static void test_once(void **state)
{
    (void)state;
    faults_of(FAULT_ONCE);
}

static void test_cut_short(void **state)
{
    (void)state;
    faults_of(FAULT_CUT);
}

static void test_forever(void **state)
{
    (void)state;
    faults_of(FAULT_FOREVER);
}

/* --- kill -9 --- */

static void ingest_until_killed(const char *dir, struct log_of *log)
{
    struct err err;
    struct tsdb *db = open_quietly(dir, false, &err);
    must(db != NULL);
    for (uint32_t k = log->tried + (log->taken[log->tried] ? 1 : 0); k < KILLED; k++) {
        log->tried = k;
        if (append_batch(db, k) == 0)
            log->taken[k] = true;
    }
    for (;;)
        pause();
}

static void test_killed(void **state)
{
    (void)state;
    struct log_of *log = new_log();
    char *dir = fresh_dir();
    struct rng r;
    rng_seed(&r, 7);
    for (int round = 0; round < 8; round++) {
        pid_t child = fork();
        must(child >= 0);
        if (child == 0)
            ingest_until_killed(dir, log);
        struct timespec nap = {.tv_nsec = (long)rng_below(&r, 400) * 1000000};
        nanosleep(&nap, NULL);
        kill(child, SIGKILL);
        int status;
        must(waitpid(child, &status, 0) == child);
        assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
        check_all(dir, log);
    }
    drop_dir(dir);
    munmap(log, sizeof(*log));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_once),
        cmocka_unit_test(test_cut_short),
        cmocka_unit_test(test_forever),
        cmocka_unit_test(test_killed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
