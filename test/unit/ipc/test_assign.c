/* assign.c: round trip, damage at every byte, cuts at every length. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "ipc/assign.h"

static struct target example(uint64_t id)
{
    return (struct target){
        .id = id,
        .name = "生产环境",
        .type = "tcp",
        .interval_ms = 30000,
        .timeout_ms = 5000,
        .connect_timeout_ms = 3000,
        .attempts = 3,
        .invert = id % 3 == 0,
        .burst = {.times = 10, .delta_ms = 1000, .min_success = 0.7, .max_mean_ms = 5000}};
}

static int write_file(const char *path, unsigned n, struct err *err)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    cleanup(buf_done) struct buf tree = BUF_INIT(1 << 16);
    struct assign_writer *w = assign_writer_new(9);
    for (unsigned i = 1; i <= n; i++) {
        struct target t = example(i);
        struct node *config = node_map(a);
        node_put(config, a, "port", node_int(a, i));
        buf_clear(&tree);
        node_encode(config, &tree);
        assign_write(w, &t, (struct str){tree.data, tree.len}, 1000 + i, i % 2 == 0);
    }
    return assign_writer_commit(&w, path, err);
}

static void check_all(struct assign_file *f, unsigned n)
{
    cleanup(arena_freep) struct arena *a = arena_new();
    struct assign_entry e;
    struct err err;
    for (unsigned i = 1; i <= n; i++) {
        assert_true(assign_next(f, &e, &err));
        assert_int_equal(e.id, i);
        assert_int_equal(e.spec_hash, 1000 + i);
        assert_int_equal(e.fresh, i % 2 == 0);
        assert_int_equal(e.invert, i % 3 == 0);
        assert_int_equal(e.interval_ms, 30000);
        assert_int_equal(e.attempts, 3);
        assert_int_equal(e.burst.times, 10);
        assert_true(e.burst.min_success > 0.69 && e.burst.min_success < 0.71);
        assert_true(str_eqz(e.type, "tcp") && str_eqz(e.name, "生产环境"));
        struct node *config = assign_config(&e, a, &err);
        assert_non_null(config);
        assert_int_equal(node_get(config, "port")->num, i);
    }
    assert_false(assign_next(f, &e, &err));
    assert_int_equal(err.code, ERR_OK);
}

static void what_was_written_is_read(void **state)
{
    char dir[] = "/tmp/belfry-assign-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/payments", dir);
    struct err err;
    assert_null(assign_open(path, &err));
    assert_int_equal(err.code, ERR_NOT_FOUND);
    static const unsigned counts[] = {0, 1, 1000};
    for (size_t i = 0; i < 3; i++) {
        assert_int_equal(write_file(path, counts[i], &err), 0);
        struct assign_file *f = assign_open(path, &err);
        assert_non_null(f);
        assert_int_equal(assign_generation(f), 9);
        assert_int_equal(assign_count(f), counts[i]);
        check_all(f, counts[i]);
        assign_close(&f);
    }
    unlink(path);
    rmdir(dir);
}

static void damage_is_found(void **state)
{
    char dir[] = "/tmp/belfry-assign-XXXXXX", path[64];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/payments", dir);
    struct err err;
    assert_int_equal(write_file(path, 2, &err), 0);
    cleanup(buf_done) struct buf good = BUF_INIT(1 << 20);
    assert_int_equal(fs_read(path, &good, &err), 0);
    for (size_t i = 0; i < good.len; i++) {
        if (i >= 8 && i < 20) /* generation and count are not covered by a check of their own */
            continue;
        good.data[i] ^= 0x40;
        assert_int_equal(fs_write_atomic(path, good.data, good.len, 0600, false, &err), 0);
        assert_null(assign_open(path, &err));
        good.data[i] ^= 0x40;
    }
    for (size_t n = 0; n < good.len; n++) {
        assert_int_equal(fs_write_atomic(path, good.data, n, 0600, false, &err), 0);
        assert_null(assign_open(path, &err));
    }
    unlink(path);
    rmdir(dir);
}

static void a_cut_entry_is_refused(void **state)
{
    struct target t = example(1);
    cleanup(buf_done) struct buf out = BUF_INIT(1 << 16);
    assign_encode(&t, STR("{}"), 5, true, &out);
    struct assign_entry e;
    struct err err;
    for (size_t n = 0; n < out.len; n++)
        assert_int_equal(assign_decode((struct str){out.data, n}, &e, &err), -1);
    assert_int_equal(assign_decode((struct str){out.data, out.len}, &e, &err), 0);
    t.interval_ms = 0;
    buf_clear(&out);
    assign_encode(&t, STR("{}"), 5, true, &out);
    assert_int_equal(assign_decode((struct str){out.data, out.len}, &e, &err), -1);
    assert_int_equal(err.code, ERR_DAMAGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_written_is_read),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(a_cut_entry_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
