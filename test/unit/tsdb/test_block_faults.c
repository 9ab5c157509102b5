/* Writing and merging blocks when the Nth write, sync or rename fails: either the whole new block is there, or the old ones are, and
 * nothing else is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <sys/types.h>
#include <unistd.h>

#include "tsdb/block_priv.h"
#include "tsdb/merge.h"

static struct {
    int countdown; /* the call that fails; 0: none */
    bool cut;      /* half of it is done */
} fault;

ssize_t __real_write(int fd, const void *p, size_t n);
int __real_fsync(int fd);
int __real_fdatasync(int fd);
int __real_rename(const char *from, const char *to);
ssize_t __wrap_write(int fd, const void *p, size_t n);
int __wrap_fsync(int fd);
int __wrap_fdatasync(int fd);
int __wrap_rename(const char *from, const char *to);

static bool fails(void)
{
    errno = ENOSPC;
    return fault.countdown > 0 && --fault.countdown == 0;
}

ssize_t __wrap_write(int fd, const void *p, size_t n)
{
    if (!fails())
        return __real_write(fd, p, n);
    if (fault.cut && n > 1 && __real_write(fd, p, n / 2) < 0)
        return -1;
    errno = ENOSPC;
    return -1;
}

int __wrap_fsync(int fd)
{
    return fails() ? -1 : __real_fsync(fd);
}

int __wrap_fdatasync(int fd)
{
    return fails() ? -1 : __real_fdatasync(fd);
}

int __wrap_rename(const char *from, const char *to)
{
    return fails() ? -1 : __real_rename(from, to);
}

static char *temp_dir(void)
{
    static char dir[64];
    snprintf(dir, sizeof(dir), "/tmp/belfry-faults-XXXXXX");
    assert_non_null(mkdtemp(dir));
    return dir;
}

static int write_one(const char *dir, int64_t from, struct block_meta *out, struct err *err)
{
    struct block_meta meta = {.min_ms = from, .max_ms = from + 7200000, .level = 1};
    struct block_writer *w = block_writer_new(dir, &meta, err);
    if (!w)
        return -1;
    for (int i = 0; i < 50; i++) {
        char text[8];
        snprintf(text, sizeof(text), "m%02d", i);
        struct label_pair p = {STR("__name__"), str_of(text)};
        int64_t t[] = {from + i, from + 1000000};
        double v[] = {i, i + 0.5};
        struct labels l = {&p, 1};
        struct samples s = {t, v, 2, 2};
        if (block_writer_series(w, &l, err) != 0 ||
            block_writer_samples(w, COLUMN_RAW, &s, err) != 0) {
            block_writer_abort(w);
            return -1;
        }
    }
    return block_writer_finish(w, out, err);
}

static uint32_t entries(const char *dir)
{
    uint32_t n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] != '.';
    closedir(d);
    return n;
}

static uint64_t samples_in(struct blocks *bs)
{
    uint32_t n;
    uint64_t sum = 0;
    struct block **open = blocks_take(bs, INT64_MIN, INT64_MAX, &n);
    for (uint32_t i = 0; i < n; i++) {
        struct samples s = {0};
        for (uint32_t id = 0; id < block_series_count(open[i]); id++)
            assert_int_equal(block_read(open[i], id, INT64_MIN, INT64_MAX, COLUMN_RAW, &s, NULL),
                             0),
                sum += s.n, s.n = 0;
        samples_done(&s);
    }
    blocks_give(open, n);
    return sum;
}

static void test_write(void **state)
{
    char *dir = temp_dir();
    int failures = 0;
    (void)state;
    for (int nth = 1; nth < 100; nth++) {
        struct block_meta out;
        struct err err = {0};
        fault.countdown = nth;
        fault.cut = nth % 2;
        int rc = write_one(dir, 0, &out, &err);
        bool done = fault.countdown > 0;
        fault.countdown = 0;
        assert_int_equal(rc, done ? 0 : -1);
        assert_int_equal(entries(dir), done ? 1 : 0);
        if (!done) {
            assert_int_equal(err.code, ERR_FULL);
            failures++;
            continue;
        }
        struct block *b = block_open(dir, out.name, &err);
        assert_non_null(b);
        block_doom(b);
        block_unref(b);
        break;
    }
    assert_true(failures >= 7);
    assert_int_equal(rmdir(dir), 0);
}

static void test_merge(void **state)
{
    char *dir = temp_dir();
    struct merge_policy p = {.block_ms = 7200000};
    struct merge_stats st = {0};
    struct block_meta out;
    (void)state;
    assert_int_equal(write_one(dir, 0, &out, NULL), 0);
    assert_int_equal(write_one(dir, 7200000, &out, NULL), 0);
    int failures = 0;
    for (int nth = 1, rc = -1; rc != 1; nth++) {
        struct blocks *bs = blocks_open(dir, NULL);
        struct err err;
        assert_true(nth < 100);
        fault.countdown = nth;
        rc = merge_step(bs, dir, &p, NULL, true, &st, &err);
        fault.countdown = 0;
        failures += rc < 0;
        assert_int_equal(samples_in(bs), 200);
        blocks_close(bs);
        bs = blocks_open(dir, NULL);
        assert_int_equal(samples_in(bs), 200);
        assert_int_equal(entries(dir), rc < 0 ? 2 : 1);
        blocks_close(bs);
    }
    assert_true(failures >= 7);
    struct blocks *bs = blocks_open(dir, NULL);
    uint32_t n;
    struct block **open = blocks_take(bs, INT64_MIN, INT64_MAX, &n);
    assert_int_equal(n, 1);
    blocks_replace(bs, NULL, 0, open, n, NULL);
    blocks_give(open, n);
    blocks_close(bs);
    assert_int_equal(rmdir(dir), 0);
}

static void test_delete(void **state)
{
    char *dir = temp_dir();
    struct block_meta out;
    uint32_t ids[] = {3};
    struct samples s = {0};
    (void)state;
    assert_int_equal(write_one(dir, 0, &out, NULL), 0);
    struct block *b = block_open(dir, out.name, NULL);
    for (int nth = 1; nth < 20; nth++) {
        fault.countdown = nth;
        int rc = block_delete(b, ids, 1, 0, 7200000, NULL);
        bool done = fault.countdown > 0;
        fault.countdown = 0;
        s.n = 0;
        assert_int_equal(block_read(b, 3, 0, 7200000, COLUMN_RAW, &s, NULL), 0);
        assert_int_equal(s.n, rc == 0 ? 0 : 2);
        if (done)
            break;
    }
    samples_done(&s);
    block_doom(b);
    block_unref(b);
    assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_delete),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
